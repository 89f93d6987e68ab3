//! Debian's Chromium behind its WebDriver, for one test.
//!
//! [`with_browser`] starts both with everything they write in one temporary folder, runs a story, and ends
//! them whether the story passed or not. It knows nothing of the pages.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Longer than two busy cores need to start a browser.
const START: Duration = Duration::from_secs(60);

/// What a story drives.
#[derive(Debug, Clone)]
pub struct Browser {
    pub client: Client,
    port: u16,
}

/// Runs a story in a browser of its own. A story that panics is told of with the page that it saw.
pub async fn with_browser<S, F>(story: S)
where
    S: FnOnce(Browser) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let driver = Driver::start().await;
    let browser = driver.browser().await;
    let told = tokio::spawn(story(browser.clone())).await;
    if told.is_err() {
        let (url, page) = (browser.client.current_url().await, browser.client.source().await);
        eprintln!("the browser was at {url:?} and showed:\n{}", page.unwrap_or_default());
    }
    // A browser that is already gone cannot be closed; the driver's end takes care of it.
    let _ = browser.client.close().await;
    driver.end().await;
    if let Err(failed) = told {
        std::panic::resume_unwind(failed.into_panic());
    }
}

impl Browser {
    /// A command of the DevTools protocol, for what WebDriver has no word for: the size of a phone's screen, a
    /// picture of a whole page.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let session = self.client.session_id().await.unwrap().unwrap();
        let body = json!({"cmd": command, "params": parameters}).to_string();
        let answer = http(self.port, "POST", &format!("/session/{session}/goog/cdp/execute"), &body)
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["value"]["error"].is_null(), "{command}: {answer}");
        answer["value"].clone()
    }
}

/// ChromeDriver as a child; it starts the browser.
struct Driver {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Driver {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(program("chromedriver"));
        // Whatever a browser writes into a home or a folder for passing things, it writes here.
        command
            .arg("--port=0")
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("chromedriver starts");
        let port = timeout(START, announced_port(&mut child))
            .await
            .expect("chromedriver names its port in time");
        timeout(START, ready(port)).await.expect("chromedriver is ready in time");
        Self { child, port, folder }
    }

    async fn browser(&self) -> Browser {
        let profile = format!("--user-data-dir={}", self.folder.path().join("profile").display());
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--no-proxy-server",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--ignore-certificate-errors",
            "--hide-scrollbars",
            "--window-size=1366,900",
            &profile,
        ];
        let Value::Object(capabilities) = json!({
            "acceptInsecureCerts": true,
            "goog:chromeOptions": {"binary": program("chromium"), "args": arguments},
        }) else {
            unreachable!("the literal is an object");
        };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let connecting = builder
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await;
        Browser {
            client: connecting.expect("chromium starts"),
            port: self.port,
        }
    }

    /// Ends the driver, and with it whatever of the browser is left.
    async fn end(mut self) {
        let _ = self.child.kill().await;
        self.end_browser();
    }

    /// A process is the browser's when its command line names our profile, and nobody else's does.
    fn end_browser(&self) {
        let profile = self.folder.path().join("profile").display().to_string();
        let Ok(processes) = std::fs::read_dir("/proc") else { return };
        for entry in processes.flatten() {
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if let (true, Some(id)) = (
                String::from_utf8_lossy(&command).contains(&profile),
                id.and_then(rustix::process::Pid::from_raw),
            ) {
                let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        self.end_browser();
    }
}

/// Where a program of the tests is.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| Path::is_file(file));
    found.unwrap_or_else(|| panic!("{name} is not installed, and this test needs it: run packaging/test/install.sh"))
}

/// «ChromeDriver was started successfully on port 40123.»; it goes on reading so that the pipe stays open.
async fn announced_port(child: &mut Child) -> u16 {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        let port = line
            .split_once("successfully on port ")
            .and_then(|(_, port)| port.trim_end_matches('.').parse().ok());
        if let Some(port) = port {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return port;
        }
    }
    panic!("chromedriver ended without naming its port");
}

async fn ready(port: u16) {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    loop {
        ticks.tick().await;
        let status: Value = match http(port, "GET", "/status", "").await {
            Ok(answer) => serde_json::from_str(&answer).unwrap_or_default(),
            Err(_) => continue,
        };
        if status["value"]["ready"] == true {
            return;
        }
    }
}

/// One request to the driver on a connection of its own; the answer's body. The driver leaves the connection
/// open whatever it is asked, so the length that it names is read and no more.
async fn http(port: u16, method: &str, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?);
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let (mut length, mut line) = (0, String::new());
    while stream.read_line(&mut line).await? > 2 {
        if let Some(("content-length", value)) = line.to_ascii_lowercase().split_once(':') {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
