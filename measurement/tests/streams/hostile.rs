//! Peers that violate ndt7 in each way that its specification names, and some that it does not.

use std::time::Duration;

use cos_measurement::ndt7::client::{ClientError, measure};
use cos_measurement::ndt7::exchange::{Breach, Ended};
use cos_measurement::ndt7::request::accept_of;
use cos_measurement::ndt7::{DOWNLOAD_PATH, SUBPROTOCOL, UPLOAD_PATH};
use cos_measurement::reach::{Address, ReachError};
use cos_measurement::websocket::{Event, Opcode, Reader, Side, Violation, close_payload, frame, head};
use inventory_schema::measurement::{Direction, Fault};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::harness::{Server, Wish};

const MASK: Option<[u8; 4]> = Some([1, 2, 3, 4]);
const PATIENCE: Duration = Duration::from_secs(30);
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn request(path: &str, lines: &[&str]) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n{}\r\n\r\n", lines.join("\r\n"))
}

const UPGRADE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];
const PROTOCOL: &str = "Sec-WebSocket-Protocol: net.measurementlab.ndt.v7";

/// The answer's status and head to a request as it is written.
async fn ask(server: &Server, text: &str) -> (u16, String, BufReader<TcpStream>) {
    let mut stream = BufReader::new(TcpStream::connect(server.address).await.unwrap());
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    while !answer.ends_with("\r\n\r\n") {
        let read = timeout(PATIENCE, stream.read_line(&mut answer)).await.unwrap().unwrap_or(0);
        if read == 0 {
            break;
        }
    }
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, answer, stream)
}

/// A connection on which a test has begun.
async fn begun(server: &Server, direction: Direction) -> BufReader<TcpStream> {
    let token = server.token(direction);
    let path = if direction == Direction::Down { DOWNLOAD_PATH } else { UPLOAD_PATH };
    let lines: Vec<&str> = UPGRADE.into_iter().chain([PROTOCOL]).collect();
    let (status, answer, stream) = ask(server, &request(&format!("{path}?access_token={token}"), &lines)).await;
    assert_eq!(status, 101, "{answer}");
    let answer = answer.to_ascii_lowercase();
    assert!(answer.contains(&format!("sec-websocket-protocol: {SUBPROTOCOL}\r\n")), "{answer}");
    assert!(
        answer.contains(&format!("sec-websocket-accept: {}\r\n", accept_of(KEY).to_ascii_lowercase())),
        "{answer}"
    );
    stream
}

/// Reads to the end, and gives the code that the server closed with.
async fn closed_with(mut stream: BufReader<TcpStream>) -> Option<u16> {
    let (mut reader, mut code) = (Reader::new(Side::Client, 1 << 24), None);
    let mut bytes = vec![0; 64 << 10];
    loop {
        let read = timeout(PATIENCE, stream.read(&mut bytes))
            .await
            .expect("the server ends the connection")
            .unwrap_or(0);
        if read == 0 {
            return code;
        }
        reader
            .read(&bytes[..read], &mut |event| {
                if let Event::Close(with) = event {
                    code = with;
                }
            })
            .expect("the server keeps to the framing");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_breaks_a_rule_begins_nothing() {
    let mut server = Server::start(Wish {
        without_lease: Some(100_000),
        ..Wish::default()
    })
    .await;
    let all = |path: &str, without: &str, with: &[&str]| {
        let kept = UPGRADE.into_iter().chain([PROTOCOL]).filter(|line| !line.starts_with(without));
        let lines: Vec<&str> = kept.chain(with.iter().copied()).collect();
        request(path, &lines)
    };
    let long = format!("{DOWNLOAD_PATH}?a={}", "x".repeat(4096));
    let none = "(nothing)";
    let cases = [
        (all(DOWNLOAD_PATH, "Sec-WebSocket-Protocol", &[]), 400),
        (all(DOWNLOAD_PATH, "Sec-WebSocket-Protocol", &["Sec-WebSocket-Protocol: chat"]), 400),
        (all(DOWNLOAD_PATH, none, &[PROTOCOL]), 400),
        (all(DOWNLOAD_PATH, "Upgrade", &[]), 426),
        (all(DOWNLOAD_PATH, "Connection", &[]), 426),
        (all(DOWNLOAD_PATH, "Sec-WebSocket-Version", &["Sec-WebSocket-Version: 7"]), 426),
        (all(DOWNLOAD_PATH, "Sec-WebSocket-Key", &["Sec-WebSocket-Key: short"]), 426),
        (all("/ndt/v7/sideways", none, &[]), 404),
        (all(&long, none, &[]), 400),
        (all(&format!("{UPLOAD_PATH}?a=1&a=2"), none, &[]), 400),
        (all(&format!("{UPLOAD_PATH}?=2"), none, &[]), 400),
        (all(&format!("{UPLOAD_PATH}?a=%FF"), none, &[]), 400),
        (all(&format!("{DOWNLOAD_PATH}?early_exit=300"), none, &[]), 400),
        (all(DOWNLOAD_PATH, none, &[]).replacen("GET", "POST", 1), 405),
        (all(DOWNLOAD_PATH, none, &[]).replacen("HTTP/1.1", "HTTP/1.0", 1), 426),
    ];
    for (text, expected) in cases {
        let (status, answer, _) = ask(&server, &text).await;
        assert_eq!(status, expected, "{text}\n{answer}");
    }
    assert!(server.tests.try_recv().is_err(), "no test was begun");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_breach_in_a_test_is_closed_with_its_code_and_the_server_lives_on() {
    let mut server = Server::start(Wish::default()).await;
    let text = |payload: &[u8]| frame(Opcode::Text, payload, MASK);
    let mut reserved = text(b"{}");
    reserved[0] |= 0x40;
    let mut parted = frame(Opcode::Ping, b"1", MASK);
    parted[0] &= 0x7f;
    let swarm: Vec<u8> = (0..40).flat_map(|_| text(b"{}")).collect();
    let framing = Breach::Framing;
    let cases = [
        (
            Direction::Down,
            frame(Opcode::Binary, &[1; 2000], MASK),
            Breach::UnexpectedLoad,
            1003,
        ),
        (
            Direction::Up,
            head(Opcode::Binary, (1 << 24) + 1, MASK),
            framing(Violation::TooLong),
            1009,
        ),
        (Direction::Up, head(Opcode::Text, 1 << 20, MASK), framing(Violation::TooLong), 1009),
        (
            Direction::Up,
            frame(Opcode::Binary, &[1; 2000], None),
            framing(Violation::Masking),
            1002,
        ),
        (Direction::Up, reserved, framing(Violation::ReservedBits), 1002),
        (Direction::Up, vec![0x83, 0x80, 0, 0, 0, 0], framing(Violation::UnknownOpcode), 1002),
        (
            Direction::Down,
            frame(Opcode::Ping, &[0; 126], MASK),
            framing(Violation::Control),
            1002,
        ),
        (Direction::Down, parted, framing(Violation::Control), 1002),
        (
            Direction::Up,
            frame(Opcode::Continuation, b"x", MASK),
            framing(Violation::Fragments),
            1002,
        ),
        (Direction::Up, text(&[0xff, 0xfe]), framing(Violation::Text), 1007),
        (Direction::Up, text(b"not json"), Breach::NoMeasurement, 1007),
        (Direction::Down, swarm, Breach::TooManyMeasurements, 1008),
        (Direction::Up, frame(Opcode::Close, &[1], MASK), framing(Violation::CloseCode), 1002),
    ];
    for (direction, bytes, breach, code) in cases {
        let mut stream = begun(&server, direction).await;
        // The server may hang up before all of it is written.
        let _ = stream.write_all(&bytes).await;
        let closed = closed_with(stream).await;
        let (_, carried) = server.tests.recv().await.unwrap();
        assert_eq!(carried.counted.ended, Ended::Breach(breach));
        assert!(closed == Some(code) || closed.is_none(), "{breach:?}: {closed:?}");
    }
    let token = server.token(Direction::Down);
    measure(&server.reach, &server.url(false), Direction::Down, Some(&token))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_go_away_fall_silent_or_do_not_read_cost_their_own_test_only() {
    let mut server = Server::start(Wish::default()).await;
    // Gone in mid-test.
    drop(begun(&server, Direction::Down).await);
    assert_eq!(server.tests.recv().await.unwrap().1.counted.ended, Ended::Lost);
    // A farewell in the midst of the load is answered.
    let mut stream = begun(&server, Direction::Down).await;
    stream
        .write_all(&frame(Opcode::Close, &close_payload(1001, "bye"), MASK))
        .await
        .unwrap();
    assert_eq!(closed_with(stream).await, Some(1001));
    assert_eq!(server.tests.recv().await.unwrap().1.counted.ended, Ended::Closed);
    // Silent, and never answering the server's farewell: the test has its end all the same.
    let silent = begun(&server, Direction::Up).await;
    let unread = begun(&server, Direction::Down).await;
    for _ in 0..2 {
        let (_, carried) = timeout(PATIENCE, server.tests.recv()).await.unwrap().unwrap();
        assert!(matches!(carried.counted.ended, Ended::TooLate | Ended::Lost), "{carried:?}");
    }
    drop((silent, unread));
}

/// A server that agrees to ndt7 and then says `bytes`, and closes.
async fn odd_server(answer: impl Fn(&str) -> String + Send + Sync + 'static, bytes: Vec<u8>) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut asked = String::new();
            while !asked.ends_with("\r\n\r\n") {
                if stream.read_line(&mut asked).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let lower = |line: &&str| line.to_ascii_lowercase().starts_with("sec-websocket-key:");
            let key = asked
                .lines()
                .find(lower)
                .and_then(|line| line.split_once(": "))
                .map_or("", |line| line.1);
            let _ = stream.write_all(answer(key).as_bytes()).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
    });
    address.parse().unwrap()
}

fn agreeing(key: &str) -> String {
    let accept = accept_of(key);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_survives_servers_that_break_rules() {
    let ours = Server::start(Wish::default()).await;
    let reach = &ours.reach;
    let load = frame(Opcode::Binary, &[7; 4096], None);
    let with = |more: Vec<u8>| [load.clone(), more].concat();
    let mut chatter = with(frame(Opcode::Text, b"hello", None));
    chatter.extend(frame(Opcode::Text, br#"{"TCPInfo":{"BytesAcked":"x"},"AppInfo":7}"#, None));
    chatter.extend(frame(Opcode::Close, &close_payload(1000, "Done sending"), None));
    let address = odd_server(agreeing, chatter).await;
    let found = measure(reach, &address, Direction::Down, None).await.unwrap();
    assert_eq!((found.payload_bytes, found.faults.len()), (4096, 0), "{found:?}");
    // What was measured until then counts, with its fault.
    for bytes in [
        load.clone(),
        with(vec![0xff; 40]),
        with(head(Opcode::Binary, 1 << 30, None)),
        with(frame(Opcode::Binary, b"masked", MASK)),
        with((0..200).flat_map(|_| frame(Opcode::Text, b"{}", None)).collect()),
    ] {
        let address = odd_server(agreeing, bytes).await;
        let found = measure(reach, &address, Direction::Down, None).await.unwrap();
        assert_eq!((found.payload_bytes, found.faults), (4096, vec![Fault::ServerLost]));
    }
    // An upload against a server that sends load is broken off.
    let address = odd_server(agreeing, load).await;
    let found = measure(reach, &address, Direction::Up, None).await.unwrap();
    assert_eq!(found.faults, [Fault::ServerLost]);
    // No ndt7 at all.
    let wrong_accept = |key: &str| agreeing(key).replace(&accept_of(key), "AAAA");
    let wrong_protocol = |key: &str| agreeing(key).replace(SUBPROTOCOL, "chat");
    let address = odd_server(wrong_accept, Vec::new()).await;
    let failed = measure(reach, &address, Direction::Down, None).await.unwrap_err();
    assert!(matches!(failed, ClientError::NotNdt7(_)), "{failed:?}");
    let address = odd_server(wrong_protocol, Vec::new()).await;
    let failed = measure(reach, &address, Direction::Down, None).await.unwrap_err();
    assert!(matches!(failed, ClientError::NotNdt7(_)), "{failed:?}");
    let address = odd_server(|_| "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(), Vec::new()).await;
    let failed = measure(reach, &address, Direction::Down, None).await.unwrap_err();
    assert!(matches!(failed, ClientError::Reach(ReachError::Refused { .. })), "{failed:?}");
    let address = odd_server(|_| "SSH-2.0-OpenSSH\r\n".to_owned(), Vec::new()).await;
    let failed = measure(reach, &address, Direction::Down, None).await.unwrap_err();
    assert!(matches!(failed, ClientError::Reach(ReachError::Http { .. })), "{failed:?}");
}
