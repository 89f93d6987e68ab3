//! A client that speaks TLS with chosen credentials and just enough HTTP/1.1 to see a status.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use inventory_schema::Digest;
use rcgen::KeyPair;
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::server::Region;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A certificate chain with a key that need not belong to it.
#[derive(Debug)]
pub struct Credentials {
    pub chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Credentials {
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self { chain, key }
    }

    pub fn of_key(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Self {
        Self::new(chain, PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
    }

    fn certified(&self) -> CertifiedKey {
        let key = provider().key_provider.load_private_key(self.key.clone_key()).unwrap();
        CertifiedKey::new(self.chain.clone(), key)
    }
}

/// Shows the same credentials whatever the server asks for.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl rustls::client::ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

pub struct Client {
    roots: Arc<RootCertStore>,
    credentials: Option<Arc<Always>>,
    config: Arc<ClientConfig>,
}

impl Client {
    /// Believes the roots of `region`'s trust bundle, as an agent does.
    pub fn new(region: &Region, credentials: Option<&Credentials>) -> Self {
        let mut roots = RootCertStore::empty();
        for root in &region.authority.trust_bundle().roots {
            roots
                .add(CertificateDer::from_pem_slice(root.as_str().as_bytes()).unwrap())
                .unwrap();
        }
        let roots = Arc::new(roots);
        let credentials = credentials.map(|credentials| Arc::new(Always(Arc::new(credentials.certified()))));
        let config = configure(&roots, credentials.clone(), rustls::ALL_VERSIONS);
        Self {
            roots,
            credentials,
            config,
        }
    }

    pub fn only(self, version: &'static SupportedProtocolVersion) -> Self {
        let config = configure(&self.roots, self.credentials.clone(), &[version]);
        Self { config, ..self }
    }

    pub async fn connect(&self, address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        let name = "localhost".try_into().unwrap();
        let tls = TlsConnector::from(self.config.clone()).connect(name, stream).await?;
        Ok(Connection(BufReader::new(tls)))
    }
}

fn configure(
    roots: &Arc<RootCertStore>,
    credentials: Option<Arc<Always>>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots.clone());
    let mut config = match credentials {
        Some(credentials) => builder.with_client_cert_resolver(credentials),
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(8)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

#[derive(Debug)]
pub struct Connection(BufReader<TlsStream<TcpStream>>);

impl Connection {
    /// The status of the answer to `GET path`, its body read to the end.
    pub async fn get(&mut self, path: &str) -> io::Result<u16> {
        self.send(path).await?;
        self.status().await
    }

    pub async fn send(&mut self, path: &str) -> io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        self.0.write_all(request.as_bytes()).await?;
        self.0.flush().await
    }

    pub async fn status(&mut self) -> io::Result<u16> {
        let head = self.line().await?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut length = 0;
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        self.0.read_exact(&mut vec![0; length]).await?;
        status.ok_or_else(|| io::Error::other(head))
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    pub fn is_resumed(&self) -> bool {
        self.0.get_ref().get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// SHA-256 of each certificate the server sent.
    pub fn fingerprints(&self) -> Vec<Digest> {
        let chain = self.0.get_ref().get_ref().1.peer_certificates().unwrap();
        chain.iter().map(|certificate| Digest::of(certificate)).collect()
    }
}
