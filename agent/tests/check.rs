//! `cos-agent check` as people run it, against a real measuring server on this computer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cos_measurement::admission::Admission;
use cos_measurement::lease::{Lease, LeaseKey, LeaseKeys};
use cos_measurement::over_tcp::{Service, serve};
use cos_measurement::probe::server::Server;
use cos_measurement::probe::{Anonymous, Plan, Settings};
use inventory_schema::Timestamp;
use inventory_schema::measurement::{Direction, LeaseId, Measurement, ServerPlace};
use inventory_schema::quantity::KilobitsPerSecond;

fn key() -> LeaseKey {
    LeaseKey::from_bytes(&[4; 32])
}

fn server(anonymous: bool) -> Server {
    let settings = Settings {
        server: "node-1".parse().unwrap(),
        title: "Узел области".into(),
        place: ServerPlace::RegionalNode,
        port: KilobitsPerSecond::saturating(1_000_000),
        most_sessions: 8,
        anonymous: anonymous.then_some(Anonymous {
            highest_target: KilobitsPerSecond::saturating(100_000),
            per_minute: 60,
        }),
    };
    Server::start(settings, LeaseKeys::new(key(), Vec::new()), ([127, 0, 0, 1], 0).into()).unwrap()
}

fn check(folder: &Path, arguments: &[&str]) -> Output {
    // No agent.toml of this computer, and no state.
    let config = folder.join("agent.toml");
    std::fs::write(&config, format!("state_dir = {:?}\n", folder.join("state"))).unwrap();
    Command::new(env!("CARGO_BIN_EXE_cos-agent"))
        .arg("check")
        .args(arguments)
        .args(["--config", config.to_str().unwrap()])
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn the_loopback_is_measured_and_not_taken_for_a_line() {
    let server = server(true);
    let folder = tempfile::tempdir().unwrap();
    let address = server.address().to_string();
    let output = check(folder.path(), &["--server", &address, "--target", "4", "--direction", "both"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    let said = text(&output);
    assert!(said.contains("К компьютеру: НЕДОСТОВЕРНО"), "{said}");
    assert!(said.contains("От компьютера: НЕДОСТОВЕРНО"), "{said}");
    assert!(said.contains("линия не измерялась"), "{said}");
    assert!(!said.contains('%'), "no progress line where nobody looks: {said}");
}

#[test]
fn json_holds_the_record_and_what_it_proves() {
    let server = server(true);
    let folder = tempfile::tempdir().unwrap();
    let address = server.address().to_string();
    let output = check(folder.path(), &["--server", &address, "--target", "4", "--json"]);
    let outcomes: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcomes[0]["verdict"], "inconclusive");
    assert_eq!(outcomes[0]["reasons"][0], "loopback");
    let measurement: Measurement = serde_json::from_value(outcomes[0]["measurement"].clone()).unwrap();
    assert_eq!(measurement.target.get(), 4_000);
    assert_eq!(measurement.server.unwrap().place, ServerPlace::Loopback);
    assert!(measurement.rates.is_some());
}

#[test]
fn a_lease_from_a_file_is_used_once() {
    let server = server(false);
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::for_target(4_000);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Timestamp::from_unix_micros(i64::try_from(now.as_micros()).unwrap());
    let token = key().seal(&Lease {
        id: LeaseId::generate(),
        server: "node-1".parse().unwrap(),
        building: None,
        device: None,
        direction: Direction::Up,
        target: KilobitsPerSecond::saturating(4_000),
        rate: KilobitsPerSecond::saturating(plan.peak_kbps().into()),
        window: plan.longest(),
        not_before: now - Duration::from_secs(5),
        expires: now + Duration::from_secs(60),
    });
    let file = folder.path().join("lease.txt");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let address = server.address().to_string();
    // The target is the lease's.
    let arguments = ["--server", &address, "--lease", file.to_str().unwrap()];
    let first = check(folder.path(), &arguments);
    assert_eq!(first.status.code(), Some(2), "{}", text(&first));
    assert!(text(&first).contains("От компьютера"), "{}", text(&first));
    let second = check(folder.path(), &arguments);
    assert_eq!(second.status.code(), Some(3));
    assert!(text(&second).contains("уже использовано (lease_replayed)"), "{}", text(&second));
    let faster = check(
        folder.path(),
        &[
            "--server",
            &address,
            "--target",
            "40",
            "--lease",
            file.to_str().unwrap(),
            "--lang",
            "en",
        ],
    );
    assert_eq!(faster.status.code(), Some(3));
    assert!(text(&faster).contains("rate_above_lease"), "{}", text(&faster));
}

#[test]
fn what_cannot_be_measured_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let no_server = check(folder.path(), &[]);
    assert_eq!(no_server.status.code(), Some(3));
    assert!(text(&no_server).contains("укажите --server"), "{}", text(&no_server));

    let closed = server(false);
    let address = closed.address().to_string();
    let no_lease = check(folder.path(), &["--server", &address]);
    assert_eq!(no_lease.status.code(), Some(3));
    assert!(text(&no_lease).contains("--lease"), "{}", text(&no_lease));

    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let nobody = check(folder.path(), &["--server", &silent.local_addr().unwrap().to_string()]);
    assert_eq!(nobody.status.code(), Some(3));
    assert!(text(&nobody).contains("не отвечает"), "{}", text(&nobody));
}

/// A server for the methods over TCP, for as long as its runtime lives.
fn over_tcp() -> (tokio::runtime::Runtime, SocketAddr) {
    let settings = cos_measurement::admission::Settings {
        server: "node-1".parse().unwrap(),
        place: ServerPlace::RegionalNode,
        most_tests: 8,
        most_rate: KilobitsPerSecond::saturating(1_000_000),
        without_lease: None,
    };
    let admission = Admission::new(settings, Some(LeaseKeys::new(key(), Vec::new())));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let address = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let now = Arc::new(|| Timestamp::from_unix_seconds(unix_seconds()));
        tokio::spawn(serve(listener, None, Service::new(Arc::new(admission)), now, 64));
        address
    });
    (runtime, address)
}

fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

#[test]
fn methods_over_tcp_say_their_own_number_and_prove_nothing_on_loopback() {
    let (_runtime, address) = over_tcp();
    let folder = tempfile::tempdir().unwrap();
    for (method, window, counted) in [("tcp", 12, "По счёту TCP"), ("ndt7", 1, "По счёту ndt7")] {
        let now = Timestamp::from_unix_seconds(unix_seconds());
        let lease = Lease {
            id: LeaseId::generate(),
            server: "node-1".parse().unwrap(),
            building: None,
            device: None,
            direction: Direction::Down,
            target: KilobitsPerSecond::saturating(20_000),
            rate: KilobitsPerSecond::saturating(40_000),
            window: Duration::from_secs(window),
            not_before: now - Duration::from_secs(60),
            expires: now + Duration::from_secs(600),
        };
        let path = folder.path().join("lease.txt");
        std::fs::write(&path, key().seal(&lease).to_string()).unwrap();
        let server = format!("ws://{address}");
        let lease = path.to_str().unwrap();
        let arguments = ["--method", method, "--server", &server, "--target", "20", "--lease", lease];
        let said = text(&check(folder.path(), &arguments));
        assert!(said.contains("К компьютеру: НЕДОСТОВЕРНО"), "{method}: {said}");
        assert!(said.contains(counted) && said.contains("линия не измерялась"), "{method}: {said}");
        assert_eq!(said.contains("Справочно"), method == "ndt7", "{said}");
        let again = check(folder.path(), &arguments);
        assert_eq!(again.status.code(), Some(3), "a lease is used once: {}", text(&again));
        assert!(text(&again).contains("lease_replayed"), "{}", text(&again));
    }
}
