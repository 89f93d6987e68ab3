//! The official JavaScript client of ndt7 in a real Chromium against a real controller, both ways.
//!
//! `packaging/test/ndt7_js.sh` fetches the client and prints the folder that `COS_TEST_NDT7_JS` names; without it
//! there is nothing to look at, and the test passes over itself.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(dead_code, reason = "the browser's other commands serve other tests")]

#[path = "browser/chromium.rs"]
mod chromium;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chromium::{Browser, with_browser};
use cos_controller::authority::Authority;
use cos_controller::config::{Config, Region};
use cos_controller::measure::{key_path, read_keys};
use cos_controller::server::Server;
use cos_controller::state::Clock;
use cos_measurement::lease::Lease;
use inventory_schema::measurement::{Direction, LeaseId};
use inventory_schema::quantity::KilobitsPerSecond;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Both directions, and a busy computer.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_client_completes_download_and_upload() {
    let Some(folder) = std::env::var_os("COS_TEST_NDT7_JS").map(PathBuf::from) else {
        eprintln!("COS_TEST_NDT7_JS names no folder with the client: nothing was tested");
        return;
    };
    let region = tempfile::tempdir().unwrap();
    let (server, config) = controller(region.path()).await;
    let measuring = server.measuring.as_ref().unwrap().tcp_address();
    let page = page(folder).await;
    for (name, host) in [
        ("the measuring port", format!("localhost:{}", measuring.port())),
        ("the device listener", format!("localhost:{}", server.devices.port())),
    ] {
        let urls = [Direction::Down, Direction::Up].map(|direction| url(&config, &host, direction));
        let trust = format!("https://{host}/");
        let told = with_client(page, trust, urls).await;
        for direction in ["download", "upload"] {
            let of = &told[direction];
            assert_eq!(of["code"], 0, "{name}: {told}");
            assert!(of["measurements"].as_u64().unwrap() > 10, "{name}: {told}");
            let last = &of["complete"]["LastServerMeasurement"];
            assert_eq!(last["Origin"], "server", "{name}: {told}");
            assert!(last["TCPInfo"]["ElapsedTime"].as_u64().unwrap() > 5_000_000, "{name}: {told}");
            let megabits = of["complete"]["LastClientMeasurement"]["MeanClientMbps"].as_f64().unwrap();
            // What a leased 100 Mb/s allow on a computer that has other things to do.
            assert!(megabits > 1.0 && megabits < 250.0, "{name} {direction}: {megabits}");
            eprintln!("{name}, {direction}: {megabits:.1} Mb/s");
        }
    }
    server.stop().await;
}

async fn controller(folder: &Path) -> (Server, Config) {
    let clock = Clock::system();
    let region = Region {
        id: "RU-PER".parse().unwrap(),
        name: "Пермский край".parse().unwrap(),
        time_zone: "Asia/Yekaterinburg".to_owned().try_into().unwrap(),
    };
    let authority = folder.join("authority");
    Authority::create(&authority, &region.id, clock.now()).unwrap();
    let mut config = Config::of_region(region);
    let database = format!("sqlite:{}", folder.join("controller.sqlite").display());
    config.database.url = database.try_into().unwrap();
    config.authority.directory = authority;
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    config.device_listener.address = any;
    config.people_listener.address = any;
    config.measurement.address = Some(any);
    (Server::start(&config, clock).await.unwrap(), config)
}

/// Where a test is made, with a lease for it.
fn url(config: &Config, host: &str, direction: Direction) -> String {
    let keys = read_keys(&key_path(&config.measurement, &config.authority.directory)).unwrap();
    let now = Clock::system().now();
    let lease = Lease {
        id: LeaseId::generate(),
        server: config.measurement.id.clone(),
        building: None,
        device: None,
        direction,
        target: KilobitsPerSecond::saturating(100_000),
        rate: KilobitsPerSecond::saturating(200_000),
        window: Duration::from_secs(12),
        not_before: now - Duration::from_secs(60),
        expires: now + Duration::from_secs(600),
    };
    let path = if direction == Direction::Down { "download" } else { "upload" };
    let token = keys.newest().seal(&lease);
    format!("wss://{host}/ndt/v7/{path}?client_name=cos-test&client_library_name=ndt7-js&access_token={token}")
}

/// Runs both tests of the client, and gives what it told its page.
async fn with_client(page: SocketAddr, trust: String, [download, upload]: [String; 2]) -> Value {
    let (tell, told) = tokio::sync::oneshot::channel();
    with_browser(move |browser| async move {
        // Chromium asks once per address which certificate of its own to show, and never for a WebSocket.
        browser.client.goto(&trust).await.unwrap();
        browser.client.goto(&format!("http://{page}/")).await.unwrap();
        let script = "window.measure(arguments[0], arguments[1])";
        browser.client.execute(script, vec![download.into(), upload.into()]).await.unwrap();
        tell.send(told_by(&browser).await).unwrap();
    })
    .await;
    told.await.unwrap()
}

async fn told_by(browser: &Browser) -> Value {
    let waiting = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(250));
        loop {
            ticks.tick().await;
            let told = browser.client.execute("return window.told", Vec::new()).await.unwrap();
            if told["done"] == true || !told["failed"].is_null() {
                return told;
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("both tests end in time")
}

const PAGE: &str = include_str!("ndt7_js/page.html");

/// The client's files and a page around them, as a site would serve them.
async fn page(folder: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A browser that goes away early is no failure.
            tokio::spawn(file(BufReader::new(stream), folder.clone()));
        }
    });
    address
}

async fn file(mut stream: BufReader<TcpStream>, folder: PathBuf) -> std::io::Result<()> {
    let (mut head, mut line) = (String::new(), String::new());
    while stream.read_line(&mut line).await? > 2 {
        head.push_str(&std::mem::take(&mut line));
    }
    let target = head
        .split(' ')
        .nth(1)
        .unwrap_or("/")
        .trim_start_matches('/')
        .split('?')
        .next()
        .unwrap_or_default();
    let (status, kind, body) = match target {
        "" => ("200 OK", "text/html", PAGE.as_bytes().to_vec()),
        name if name.ends_with(".js") && !name.contains('/') => match tokio::fs::read(folder.join(name)).await {
            Ok(script) => ("200 OK", "text/javascript", script),
            Err(_) => ("404 Not Found", "text/plain", Vec::new()),
        },
        _ => ("404 Not Found", "text/plain", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.shutdown().await
}
