//! Against a small backend that answers as LibreSpeed's do, in each of their places, and against others.

use std::net::SocketAddr;
use std::time::Duration;

use cos_measurement::librespeed::client::{LibreSpeedError, Times, find, measure, seen_as};
use cos_measurement::reach::{Address, Reach};
use inventory_schema::measurement::{Direction, Fault, Method, ProxyKind};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::harness::proxy;

const MIB: usize = 1 << 20;

/// How a backend answers.
#[derive(Debug, Clone, Copy)]
struct Manner {
    /// Before the names of its parts.
    folder: &'static str,
    ending: &'static str,
    chunked: bool,
    /// Closes after each answer.
    closes: bool,
    /// What the ping answers.
    pong: &'static str,
}

const PHP: Manner = Manner {
    folder: "/backend/",
    ending: ".php",
    chunked: true,
    closes: false,
    pong: "",
};

async fn backend(manner: Manner) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that stops in the midst of an answer is no failure of the backend.
            tokio::spawn(async move { while_asked(BufReader::new(stream), manner).await });
        }
    });
    format!("http://{address}").parse().unwrap()
}

async fn while_asked(mut stream: BufReader<TcpStream>, manner: Manner) -> std::io::Result<()> {
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let lower = head.to_ascii_lowercase();
        let length = lower
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
            .unwrap_or(0);
        let mut body = (&mut stream).take(length);
        tokio::io::copy(&mut body, &mut tokio::io::sink()).await?;
        answer(&mut stream, &head, manner).await?;
        if manner.closes {
            return stream.shutdown().await;
        }
    }
}

async fn answer(stream: &mut BufReader<TcpStream>, head: &str, manner: Manner) -> std::io::Result<()> {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let part = path.strip_prefix(manner.folder).and_then(|part| part.strip_suffix(manner.ending));
    let close = if manner.closes { "Connection: close\r\n" } else { "" };
    let whole = |status: &str, body: &str| format!("HTTP/1.1 {status}\r\n{close}Content-Length: {}\r\n\r\n{body}", body.len());
    match part {
        Some("empty") => stream.write_all(whole("200 OK", manner.pong).as_bytes()).await,
        Some("getIP") => {
            let said = whole("200 OK", r#"{"processedString":"127.0.0.1 - localhost","rawIspInfo":""}"#);
            stream.write_all(said.as_bytes()).await
        }
        Some("garbage") => {
            assert!(query.contains("r="), "{target}");
            let chunks = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("ckSize=")?.parse().ok())
                .unwrap_or(4);
            garbage(stream, chunks, close, manner.chunked).await
        }
        _ => stream.write_all(whole("404 Not Found", "<h1>not here</h1>").as_bytes()).await,
    }
}

async fn garbage(stream: &mut BufReader<TcpStream>, chunks: usize, close: &str, chunked: bool) -> std::io::Result<()> {
    let framing = if chunked {
        "Transfer-Encoding: chunked".to_owned()
    } else {
        format!("Content-Length: {}", chunks * MIB)
    };
    let head = format!("HTTP/1.1 200 OK\r\n{close}Content-Type: application/octet-stream\r\n{framing}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let block = vec![0x5a; MIB];
    for _ in 0..chunks {
        if chunked {
            stream.write_all(format!("{MIB:x}\r\n").as_bytes()).await?;
        }
        stream.write_all(&block).await?;
        if chunked {
            stream.write_all(b"\r\n").await?;
        }
    }
    if chunked {
        stream.write_all(b"0\r\n\r\n").await
    } else {
        stream.flush().await
    }
}

fn reach() -> Reach {
    Reach {
        user_agent: "cos-test/1".to_owned(),
        ..Reach::default()
    }
}

fn times() -> Times {
    Times {
        grace: Duration::from_millis(300),
        counted: Duration::from_secs(1),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_is_found_wherever_it_is_and_measured_both_ways() {
    let go = Manner {
        folder: "/",
        ending: "",
        chunked: false,
        closes: true,
        ..PHP
    };
    let bare_php = Manner {
        folder: "/",
        chunked: false,
        ..PHP
    };
    for manner in [PHP, bare_php, go] {
        let base = backend(manner).await;
        let parts = find(&reach(), &base).await.unwrap();
        assert_eq!(parts.download.path, format!("{}garbage{}", manner.folder, manner.ending));
        let seen = seen_as(&reach(), &parts).await.unwrap();
        assert_eq!(seen.as_deref(), Some("127.0.0.1 - localhost"));
        for direction in [Direction::Down, Direction::Up] {
            let found = measure(&reach(), &parts, direction, times()).await.unwrap();
            assert_eq!((found.method, found.faults.len()), (Method::Librespeed, 0), "{manner:?} {found:?}");
            assert!(found.raw > 10_000_000 && found.payload_rate > 10_000_000, "{manner:?} {found:?}");
            assert!(found.round_trip.is_some());
            if direction == Direction::Down && !manner.closes && found.segment.is_some() {
                // Without LibreSpeed's 1.06, what is printed and what the kernel saw are one, but for headers.
                let ratio = found.payload_rate as f64 / found.raw as f64;
                assert!((0.9..1.1).contains(&ratio), "{ratio} {found:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_backend_is_none() {
    let login_page = Manner {
        pong: "<html>please log in</html>",
        ..PHP
    };
    let base = backend(login_page).await;
    let failed = find(&reach(), &base).await.unwrap_err();
    assert!(matches!(failed, LibreSpeedError::NoBackend(_)), "{failed:?}");
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody = format!("http://{closed}").parse().unwrap();
    assert!(matches!(find(&reach(), &nobody).await, Err(LibreSpeedError::Reach(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_falls_away_is_a_fault_and_a_proxy_is_said() {
    let base = backend(PHP).await;
    let mut parts = find(&reach(), &base).await.unwrap();
    // Downloads are not there, though the ping is.
    parts.download.path = "/elsewhere".to_owned();
    let found = measure(&reach(), &parts, Direction::Down, times()).await.unwrap();
    assert_eq!((found.raw, found.faults), (0, vec![Fault::ServerLost]));
    let (address, _asked) = proxy(None).await;
    let through = Reach {
        proxy: Some(address.to_string().parse().unwrap()),
        ..reach()
    };
    let parts = find(&through, &base).await.unwrap();
    let found = measure(&through, &parts, Direction::Down, times()).await.unwrap();
    assert_eq!(found.proxy, Some(ProxyKind::HttpConnect));
    assert!(found.raw > 0);
}
