//! `cos-controller demo` as a newcomer starts it: an empty home, the real programs, and Ctrl-C at the end.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test]
async fn the_demo_shows_this_computer_and_leaves_nothing_outside_its_folder() {
    let home = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(home.path());
    let address = timeout(PATIENCE, demo.address())
        .await
        .expect("the demo prints the page's address in time");
    let port = address.strip_prefix("https://localhost:").and_then(|rest| rest.split_once('/'));
    let (port, page) = port.expect("the address is of this computer");
    let port = port.parse().unwrap();

    let mut roots = fs::read_dir(home.path().join("demo/authority/roots")).unwrap();
    let root = roots.next().expect("the demo has a root certificate").unwrap().path();
    let ready = get(&root, port, "/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 200 "), "{ready}");
    let stranger = get(&root, port, &format!("/{page}")).await;
    assert!(
        stranger.starts_with("HTTP/1.1 303 ") && stranger.contains("location: /login"),
        "{stranger}"
    );

    let agent = demo.children();
    assert_eq!(agent.len(), 1, "the agent runs as a process of its own");
    let status = demo.interrupt().await;
    assert!(status.success(), "the demo ended with {status}");
    for child in agent {
        assert!(test_kill_process(child).is_err(), "the agent {child:?} outlived the demo");
    }
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "the port is still served");
    assert_eq!(names(home.path()), BTreeSet::from(["demo".to_owned()]), "files outside the folder");
}

#[tokio::test]
async fn the_demo_touches_no_folder_that_is_not_its_own() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("demo");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("diploma.odt"), "three years of work").unwrap();
    let mut demo = Demo::start(home.path());
    let status = timeout(PATIENCE, demo.child.wait()).await.unwrap().unwrap();
    assert!(!status.success());
    let mut said = String::new();
    demo.child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert!(said.contains("укажите другую папку"), "{said}");
    assert_eq!(fs::read_to_string(folder.join("diploma.odt")).unwrap(), "three years of work");
    assert_eq!(names(&folder).len(), 1);
}

#[tokio::test]
async fn a_second_demo_in_the_folder_is_refused_and_touches_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut first = Demo::start(home.path());
    timeout(PATIENCE, first.address()).await.unwrap();
    let before = names(&home.path().join("demo"));
    let agent = first.children();

    let mut second = Demo::start(home.path());
    let status = timeout(PATIENCE, second.child.wait()).await.unwrap().unwrap();
    assert!(!status.success());
    let mut said = String::new();
    second.child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert!(said.contains("уже работает другая демонстрация"), "{said}");

    assert_eq!(names(&home.path().join("demo")), before);
    assert_eq!(first.children(), agent, "the first demo's agent goes on");
    assert!(first.interrupt().await.success());
}

#[tokio::test]
async fn a_new_demo_removes_what_a_former_one_made_and_no_persons_file() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("demo");
    fs::create_dir_all(folder.join("authority/roots")).unwrap();
    fs::create_dir(folder.join("photos")).unwrap();
    for name in [
        ".cos-demo",
        "agent.log",
        "controller.sqlite-wal",
        "authority/roots/old.pem",
        "diploma.odt",
        "photos/1.jpg",
    ] {
        fs::write(folder.join(name), "old").unwrap();
    }
    let mut demo = Demo::start(home.path());
    let (_, said) = timeout(PATIENCE, demo.address_and_what_was_said()).await.unwrap();
    assert!(said.contains("ваши файлы: diploma.odt, photos\n"), "{said}");
    assert_eq!(fs::read_to_string(folder.join("diploma.odt")).unwrap(), "old");
    assert_eq!(fs::read_to_string(folder.join("photos/1.jpg")).unwrap(), "old");
    assert!(!folder.join("authority/roots/old.pem").exists(), "the former demo's root stayed");
    assert!(demo.interrupt().await.success());

    let mut again = Demo::start(home.path());
    let (_, said) = timeout(PATIENCE, again.address_and_what_was_said()).await.unwrap();
    assert!(
        said.contains("ваши файлы: diploma.odt, photos\n"),
        "a demo's own files are a person's: {said}"
    );
    assert!(again.interrupt().await.success());
}

#[tokio::test]
async fn the_agent_ends_by_itself_when_the_demo_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(home.path());
    timeout(PATIENCE, demo.address()).await.unwrap();
    let [agent] = demo.children()[..] else {
        panic!("the agent runs as a process of its own");
    };
    demo.child.kill().await.unwrap();
    // The agent writes where the demo does: that ends when the last of the two has ended.
    let ended = timeout(PATIENCE, demo.rest.take().unwrap()).await;
    if ended.is_err() {
        kill_process(agent, Signal::KILL).unwrap();
    }
    ended.expect("the agent ends after the demo").unwrap();
}

#[tokio::test]
async fn the_demo_ends_in_order_when_its_terminal_is_closed() {
    let home = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(home.path());
    timeout(PATIENCE, demo.address()).await.unwrap();
    let agent = demo.children();
    kill_process(demo.id().unwrap(), Signal::HUP).unwrap();
    let status = timeout(PATIENCE, demo.child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "the demo ended with {status}");
    for child in agent {
        assert!(test_kill_process(child).is_err(), "the agent {child:?} outlived the demo");
    }
}

struct Demo {
    child: Child,
    /// Reads what is printed after the address, to the end.
    rest: Option<JoinHandle<()>>,
}

impl Demo {
    /// With nothing from this test's surroundings but the place of its own temporary folder.
    fn start(home: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_cos-controller"))
            .args(["demo", "--folder", "demo", "--port", "0", "--agent"])
            .arg(agent())
            .current_dir(home)
            .env_clear()
            .env("HOME", home)
            .env("TMPDIR", home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { child, rest: None }
    }

    /// Reads what the demo prints up to the address of this computer's page, and the rest to its end.
    async fn address(&mut self) -> String {
        self.address_and_what_was_said().await.0
    }

    /// The address, and what was printed before it.
    async fn address_and_what_was_said(&mut self) -> (String, String) {
        let mut lines = BufReader::new(self.child.stdout.take().unwrap()).lines();
        let mut seen = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, address)) = line.split_once("Этот компьютер: ") {
                self.rest = Some(tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} }));
                return (address.trim().to_owned(), seen);
            }
            seen.push_str(&line);
            seen.push('\n');
        }
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).await.unwrap();
        panic!("the demo ended without an address; it said:\n{seen}{errors}");
    }

    /// `None` once it has ended.
    fn id(&self) -> Option<Pid> {
        Pid::from_raw(self.child.id()?.try_into().ok()?)
    }

    /// The processes whose parent is the demo.
    fn children(&self) -> Vec<Pid> {
        let Some(parent) = self.id().map(|id| id.as_raw_nonzero().to_string()) else {
            return Vec::new();
        };
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let of_demo = |id: &i32| fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| parent_of(&stat) == Some(parent.as_str()));
        ids.filter(of_demo).filter_map(Pid::from_raw).collect()
    }

    /// What Ctrl-C in its terminal does.
    async fn interrupt(mut self) -> ExitStatus {
        kill_process(self.id().unwrap(), Signal::INT).unwrap();
        timeout(PATIENCE, self.child.wait()).await.expect("the demo ends in time").unwrap()
    }
}

/// A test that fails ends the agent too: a demo that is killed cannot.
impl Drop for Demo {
    fn drop(&mut self) {
        for child in self.children() {
            let _ = kill_process(child, Signal::KILL);
        }
    }
}

/// `7 (name) S 4 …`: the name may have spaces and brackets of its own.
fn parent_of(stat: &str) -> Option<&str> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)
}

/// The agent's program, which the build of the whole workspace puts beside the controller's.
fn agent() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_cos-controller")).with_file_name("cos-agent");
    assert!(
        program.is_file(),
        "{} is missing: build the whole workspace first (cargo build --workspace)",
        program.display()
    );
    program
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The answer to one request, over TLS that trusts the region's root and nothing else.
async fn get(root: &Path, port: u16, path: &str) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(root).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
