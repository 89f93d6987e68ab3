//! Requests that no agent would send: HTTP by hand over mutual TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use cos_agent::identity::Identity;
use inventory_schema::problem::{PROBLEM_CONTENT_TYPE, Problem};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::region::Region;

/// What the caller shows in the handshake.
#[derive(Debug, Clone, Copy)]
pub enum Shown<'i> {
    Nothing,
    Certificate(&'i Identity),
}

#[derive(Debug)]
pub struct Caller {
    config: Arc<ClientConfig>,
    address: SocketAddr,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The refusal that it is: its form is checked too.
    pub fn problem(&self) -> Problem {
        assert_eq!(self.content_type, PROBLEM_CONTENT_TYPE, "{}", String::from_utf8_lossy(&self.body));
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, self.status);
        assert_eq!(problem.status, problem.code.status());
        assert_eq!(problem.detail.as_str(), problem.code.sentence());
        assert!(problem.server_time.is_some());
        problem
    }
}

impl Caller {
    pub fn new(region: &Region, shown: Shown<'_>) -> Self {
        let mut roots = RootCertStore::empty();
        for root in &region.server.state.authority.current().trust_bundle().roots {
            roots
                .add(CertificateDer::from_pem_slice(root.as_str().as_bytes()).unwrap())
                .unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_details(provider, Arc::new(region.clock.for_an_agent()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match shown {
            Shown::Nothing => builder.with_no_client_auth(),
            Shown::Certificate(identity) => {
                let (chain, key) = identity.tls_credentials().unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        Self {
            config: Arc::new(config),
            address: region.server.devices,
        }
    }

    pub async fn post(&self, path: &str, body: &[u8]) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body).await
    }

    pub async fn post_encoded(&self, path: &str, encoding: &str, body: &[u8]) -> Answer {
        let headers = [("content-type", "application/json"), ("content-encoding", encoding)];
        self.send("POST", path, &headers, body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"").await
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        headers
            .iter()
            .for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let stream = TcpStream::connect(self.address).await.unwrap();
        let tls = TlsConnector::from(self.config.clone())
            .connect("localhost".try_into().unwrap(), stream)
            .await
            .unwrap();
        let (mut reading, mut writing) = tokio::io::split(tls);
        let written = async {
            // A server that has heard enough may answer and close before everything is written.
            if writing.write_all(head.as_bytes()).await.is_ok() && writing.write_all(body).await.is_ok() {
                let _ = writing.flush().await;
            }
        };
        let mut answer = Vec::new();
        let read = async {
            // What matters is what arrived before the connection ended.
            let _ = reading.read_to_end(&mut answer).await;
        };
        tokio::join!(written, read);
        parse(&answer)
    }
}

fn parse(answer: &[u8]) -> Answer {
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(answer)));
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then(|| value.to_owned()))
    };
    let body = answer[end + 4..].to_vec();
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    assert_eq!(body.len(), length, "the answer is whole");
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        content_type: header("content-type").unwrap_or_default(),
        body,
    }
}
