//! A measuring server on loopback, with and without TLS, and a proxy before it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cos_measurement::admission::{Admission, Settings, WithoutLease};
use cos_measurement::lease::{Lease, LeaseKey, LeaseKeys};
use cos_measurement::ndt7::session::Carried;
use cos_measurement::over_tcp::{Service, serve};
use cos_measurement::reach::{Address, Reach};
use inventory_schema::Timestamp;
use inventory_schema::measurement::{Direction, LeaseId, ServerPlace};
use inventory_schema::quantity::KilobitsPerSecond;
use rustls::RootCertStore;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

pub const NOW: i64 = 1_800_000_000;

pub fn now() -> Timestamp {
    Timestamp::from_unix_seconds(NOW)
}

pub struct Server {
    /// With and without TLS.
    pub address: SocketAddr,
    pub reach: Reach,
    key: LeaseKey,
    /// What the server says of each ndt7 test.
    pub tests: mpsc::UnboundedReceiver<(Direction, Carried)>,
}

pub struct Wish {
    pub most_tests: usize,
    pub most_rate: u64,
    pub without_lease: Option<u64>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            most_tests: 10,
            most_rate: 10_000_000,
            without_lease: None,
        }
    }
}

impl Server {
    pub async fn start(wish: Wish) -> Self {
        let key = LeaseKey::from_bytes(&[5; 32]);
        let settings = Settings {
            server: "node-1".parse().unwrap(),
            place: ServerPlace::Loopback,
            most_tests: wish.most_tests,
            most_rate: KilobitsPerSecond::saturating(wish.most_rate),
            without_lease: wish.without_lease.map(|rate| WithoutLease {
                rate: KilobitsPerSecond::saturating(rate),
                per_minute: 1_000,
            }),
        };
        let admission = Arc::new(Admission::new(settings, Some(LeaseKeys::new(key.clone(), Vec::new()))));
        let (tell, tests) = mpsc::unbounded_channel();
        let service = Service::new(admission).telling(Arc::new(move |direction, carried: &Carried| {
            let _ = tell.send((direction, carried.clone()));
        }));
        let (acceptor, roots) = tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, Some(acceptor), service, Arc::new(now), 100));
        Self {
            address,
            reach: Reach {
                proxy: None,
                tls: Some(Arc::new(trusting(roots))),
                user_agent: "cos-test/1".to_owned(),
            },
            key,
            tests,
        }
    }

    pub fn url(&self, secure: bool) -> Address {
        let scheme = if secure { "wss" } else { "ws" };
        format!("{scheme}://localhost:{}", self.address.port()).parse().unwrap()
    }

    pub fn lease(&self, direction: Direction, window: Duration) -> Lease {
        Lease {
            id: LeaseId::generate(),
            server: "node-1".parse().unwrap(),
            building: None,
            device: None,
            direction,
            target: KilobitsPerSecond::saturating(100_000),
            rate: KilobitsPerSecond::saturating(200_000),
            window,
            not_before: now(),
            expires: now() + Duration::from_secs(60),
        }
    }

    pub fn seal(&self, lease: &Lease) -> String {
        self.key.seal(lease).to_string()
    }

    /// For a second of load.
    pub fn token(&self, direction: Direction) -> String {
        self.seal(&self.lease(direction, Duration::from_secs(1)))
    }
}

fn tls() -> (TlsAcceptor, RootCertStore) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    (TlsAcceptor::from(Arc::new(config)), roots)
}

fn trusting(roots: RootCertStore) -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A proxy that connects to wherever it is asked, or answers with something else; it says where it was asked to.
pub async fn proxy(answer: Option<&'static str>) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let target = head.split_whitespace().nth(1).unwrap().to_owned();
                let _ = tell.send(head);
                if let Some(answer) = answer {
                    let _ = stream.write_all(answer.as_bytes()).await;
                    return;
                }
                let mut onward = TcpStream::connect(target).await.unwrap();
                stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut onward).await;
            });
        }
    });
    (address, asked)
}
