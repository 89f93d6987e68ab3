//! A real `cos-controller serve` process: started, waited for, killed, started again.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_rustls::TlsConnector;

/// Reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    Kept,
    /// `--break-durability`: the harness must notice what this loses.
    Broken,
}

#[derive(Debug)]
pub struct Controller {
    child: Child,
    config: PathBuf,
    root: PathBuf,
    people: u16,
    durability: Durability,
}

impl Controller {
    /// Starts it and waits until it is ready.
    pub async fn start(config: PathBuf, root: PathBuf, people: u16, durability: Durability) -> Self {
        let mut controller = Self {
            child: spawn(&config, durability),
            config,
            root,
            people,
            durability,
        };
        controller.until_ready().await;
        controller
    }

    /// SIGKILL, and the end of the process.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// The same program on the same database and ports.
    pub async fn start_again(&mut self) {
        self.child = spawn(&self.config, self.durability);
        self.until_ready().await;
    }

    /// Asked to stop, as by an administrator.
    pub async fn stop(mut self) {
        let id = self.child.id().expect("it runs");
        let id = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it stops in time");
        assert!(status.unwrap().success(), "{}", self.said());
    }

    pub fn people(&self) -> u16 {
        self.people
    }

    /// `/readyz`, whatever it says.
    pub async fn readiness(&self) -> io::Result<String> {
        get(&self.root, self.people, "/readyz").await
    }

    /// What it wrote to its log since the test began.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.config.with_extension("log")).unwrap_or_default()
    }

    pub async fn until_ready(&mut self) {
        let waited = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            loop {
                ticks.tick().await;
                if let Some(status) = self.child.try_wait().unwrap() {
                    panic!("the controller ended with {status}: {}", self.said());
                }
                if self.readiness().await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 ")) {
                    return;
                }
            }
        };
        let ready = tokio::time::timeout(PATIENCE, waited).await;
        assert!(ready.is_ok(), "not ready within {PATIENCE:?}: {}", self.said());
    }
}

fn spawn(config: &Path, durability: Durability) -> Child {
    let log = config.with_extension("log");
    let log = File::options().create(true).append(true).open(log).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cos-controller"));
    command.args(["serve", "--config"]).arg(config);
    if durability == Durability::Broken {
        command.arg("--break-durability").env("COS_TEST_BREAK_DURABILITY", "1");
    }
    command
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// One request to the people's listener; the answer's head and body as text.
pub async fn get(root: &Path, port: u16, path: &str) -> io::Result<String> {
    request(
        root,
        port,
        &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
    )
    .await
}

pub async fn request(root: &Path, port: u16, request: &str) -> io::Result<String> {
    let asked = async {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let connector = TlsConnector::from(Arc::new(tls(root)));
        let mut tls = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await?;
        tls.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        // A server that was killed ends without TLS's good-bye; what it said before counts.
        let ended = tls.read_to_end(&mut answer).await;
        if answer.is_empty() {
            ended?;
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let limit = tokio::time::timeout(Duration::from_secs(15), asked).await;
    limit.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn tls(root: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(root).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}
