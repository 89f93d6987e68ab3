//! HTTP/1.1 by hand over TLS, so that the load costs little beside what it measures.
//!
//! It takes any server certificate and any answer of 200; what a real agent would check is not what is measured here.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Outcome;

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));

/// What a client shows in the handshake: certificates, its own first, and their key.
pub type Credentials = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A configuration of TLS; with `resume` a later connection resumes the session of an earlier one.
pub fn tls(credentials: Option<Credentials>, resume: bool) -> Outcome<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer));
    let mut config = match credentials {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    };
    config.resumption = if resume {
        Resumption::in_memory_sessions(4)
    } else {
        Resumption::disabled()
    };
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}

/// Whom to call, and as whom.
#[derive(Debug, Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub tls: Arc<ClientConfig>,
}

impl Target {
    pub async fn connect(&self) -> Outcome<Connection> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let tls = TlsConnector::from(self.tls.clone()).connect(name, stream).await?;
        Ok(Connection { tls, received: Vec::new() })
    }
}

#[derive(Debug)]
pub struct Connection {
    tls: TlsStream<TcpStream>,
    received: Vec<u8>,
}

impl Connection {
    /// The body of the answer, which must be a 200.
    pub async fn ask(&mut self, request: &[u8]) -> Outcome<&[u8]> {
        self.tls.write_all(request).await?;
        self.tls.flush().await?;
        self.received.clear();
        loop {
            if self.tls.read_buf(&mut self.received).await? == 0 {
                return Err("the server closed the connection".into());
            }
            if let Some(body) = body(&self.received)? {
                return Ok(&self.received[body..]);
            }
        }
    }

    pub fn was_resumed(&self) -> bool {
        self.tls.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }
}

/// Where the body of an answer begins that has arrived whole.
fn body(received: &[u8]) -> Outcome<Option<usize>> {
    let Some(head) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&received[..head])?;
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let length: usize = length.ok_or("an answer without its length")?.parse()?;
    if received.len() < head + 4 + length {
        return Ok(None);
    }
    if !text.starts_with("HTTP/1.1 200") {
        return Err(String::from_utf8_lossy(received).into());
    }
    Ok(Some(head + 4))
}

/// A whole request, ready to be sent again and again.
pub fn request(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// One of those who make the load.
pub trait Client: Send + 'static {
    /// Does its work once; `false` when it has nothing left to do.
    fn act(&mut self) -> impl Future<Output = Outcome<bool>> + Send;
}
