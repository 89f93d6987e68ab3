//! haproxy with the very configuration that `packaging/config` offers, on addresses of the test.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Where everything listens, on this computer.
#[derive(Debug, Clone)]
pub struct Places {
    /// What agents know.
    pub devices: u16,
    pub people: u16,
    /// What controllers know.
    pub postgres: u16,
    /// Each controller's device and people's listener.
    pub controllers: [(u16, u16); 2],
    pub servers: [u16; 2],
}

#[derive(Debug)]
pub struct Balancer {
    _child: Child,
    log: PathBuf,
    _folder: TempDir,
}

impl Balancer {
    pub async fn start(places: &Places) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("haproxy.log");
        let address = |port: u16| format!("127.0.0.1:{port}");
        let mut command = Command::new("haproxy");
        command
            .args(["-db", "-f", concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/config/haproxy.cfg")])
            .env("COS_TEST", "1")
            .env("COS_CONNECTIONS", "4000")
            .env("COS_DEVICES", address(places.devices))
            .env("COS_PEOPLE", address(places.people))
            .env("COS_POSTGRES", address(places.postgres))
            .env("COS_POSTGRES_1", address(places.servers[0]))
            .env("COS_POSTGRES_2", address(places.servers[1]));
        for (number, (devices, people)) in places.controllers.iter().enumerate() {
            command
                .env(format!("COS_CONTROLLER_{}_DEVICES", number + 1), address(*devices))
                .env(format!("COS_CONTROLLER_{}_PEOPLE", number + 1), address(*people));
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .expect("haproxy is installed (packaging/test/install.sh)");
        let balancer = Self {
            _child: child,
            log,
            _folder: folder,
        };
        crate::event::until("haproxy listens", async || {
            TcpStream::connect(("127.0.0.1", places.devices)).await.ok().map(drop)
        })
        .await;
        balancer
    }

    /// Waits until it has written this about a server that came or went.
    pub async fn until_said(&self, words: &str) {
        crate::event::until(&format!("haproxy says «{words}»"), async || {
            std::fs::read_to_string(&self.log).unwrap().contains(words).then_some(())
        })
        .await;
    }
}
