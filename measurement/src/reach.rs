//! How a client reaches a measuring server: an address, a TCP connection, a proxy's CONNECT, TLS, HTTP's upgrade.
//!
//! What was measured depends on it: through a proxy it is the way to the proxy's other side, and results say so.
//! It knows no method. [`crate::ndt7`], [`crate::tcp`] and [`crate::librespeed`] use it.

pub mod address;
pub mod proxy;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub use address::{Address, AddressError};
pub use proxy::Proxy;

use crate::tcp_info::{self, Ends};

/// For the connection, the proxy, TLS and the handshake together.
const SETUP: Duration = Duration::from_secs(10);

/// How servers are reached from this computer.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    pub proxy: Option<Proxy>,
    /// Whom to believe. Without it only addresses without TLS can be reached.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// What the program calls itself.
    pub user_agent: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    #[error("{host}:{port} cannot be reached")]
    Connect {
        host: String,
        port: u16,
        #[source]
        source: io::Error,
    },
    #[error("the proxy {proxy} does not connect: it answered {answer}")]
    Proxy { proxy: String, answer: String },
    #[error("{0} needs TLS, and nobody is trusted")]
    NoTrust(String),
    #[error("{0} is no name that a certificate could have")]
    Name(String),
    #[error("TLS with {host} failed")]
    Tls {
        host: String,
        #[source]
        source: io::Error,
    },
    #[error("{host} did not answer as an HTTP server")]
    Http {
        host: String,
        #[source]
        source: hyper::Error,
    },
    #[error("{host} refused: {status} {code}")]
    Refused { host: String, status: StatusCode, code: String },
    #[error("{0} did not answer in time")]
    TooSlow(String),
}

/// Both halves of a connection.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// An open connection, and whose.
pub struct Wire {
    pub io: Box<dyn Duplex>,
    /// What was read beyond the handshake.
    pub early: Vec<u8>,
    pub ends: Option<Ends>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl Reach {
    /// A connection to the server, TLS included.
    ///
    /// # Errors
    /// [`ReachError`] with the step that failed.
    pub async fn connect(&self, to: &Address) -> Result<Wire, ReachError> {
        let opening = tokio::time::timeout(SETUP, self.open(to));
        opening.await.unwrap_or_else(|_| Err(ReachError::TooSlow(to.host.clone())))
    }

    async fn open(&self, to: &Address) -> Result<Wire, ReachError> {
        let stream = match &self.proxy {
            Some(proxy) => through(proxy, to).await?,
            None => tcp(&to.host, to.port).await?,
        };
        let ends = ends_of(&stream);
        let io: Box<dyn Duplex> = if to.secure {
            self.encrypt(stream, to).await?
        } else {
            Box::new(stream)
        };
        Ok(Wire {
            io,
            early: Vec::new(),
            ends,
        })
    }

    async fn encrypt(&self, stream: TcpStream, to: &Address) -> Result<Box<dyn Duplex>, ReachError> {
        let config = self.tls.clone().ok_or_else(|| ReachError::NoTrust(to.host.clone()))?;
        let name = ServerName::try_from(to.host.clone()).map_err(|_| ReachError::Name(to.host.clone()))?;
        let fail = |source| ReachError::Tls {
            host: to.host.clone(),
            source,
        };
        let stream = TlsConnector::from(config).connect(name, stream).await.map_err(fail)?;
        Ok(Box::new(stream))
    }

    /// A connection that the server agreed to turn into something else than HTTP.
    ///
    /// # Errors
    /// [`ReachError::Refused`] when it answered anything but 101.
    pub async fn upgrade(&self, to: &Address, request: Request<NoBody>) -> Result<(Wire, Response<()>), ReachError> {
        let upgrading = tokio::time::timeout(SETUP, async {
            let wire = self.open(to).await?;
            turn(wire, to, request).await
        });
        upgrading.await.unwrap_or_else(|_| Err(ReachError::TooSlow(to.host.clone())))
    }

    /// A request's beginning, with what every request has.
    pub fn request(&self, to: &Address, path: &str) -> hyper::http::request::Builder {
        Request::builder()
            .uri(path)
            .header(hyper::header::HOST, to.authority())
            .header(hyper::header::USER_AGENT, &self.user_agent)
    }
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, ReachError> {
    let connected = TcpStream::connect((host, port)).await;
    let stream = connected.map_err(|source| ReachError::Connect {
        host: host.to_owned(),
        port,
        source,
    })?;
    let _ = stream.set_nodelay(true);
    // A kernel without BBR measures with what it has, and the result says which.
    #[cfg(target_os = "linux")]
    tcp_info::prefer_bbr(&stream);
    Ok(stream)
}

pub(crate) fn ends_of(stream: &TcpStream) -> Option<Ends> {
    Some(Ends {
        local: stream.local_addr().ok()?,
        peer: stream.peer_addr().ok()?,
    })
}

async fn through(proxy: &Proxy, to: &Address) -> Result<TcpStream, ReachError> {
    let mut stream = tcp(&proxy.host, proxy.port).await?;
    let refused = |answer: String| ReachError::Proxy {
        proxy: proxy.to_string(),
        answer,
    };
    let talk = async {
        stream.write_all(proxy.question(to).as_bytes()).await?;
        let mut answer = Vec::new();
        let mut part = [0; 512];
        // Whoever is behind the proxy is silent until we speak: nothing follows the answer.
        while !answer.ends_with(b"\r\n\r\n") && answer.len() < proxy::MAX_ANSWER_BYTES {
            match stream.read(&mut part).await? {
                0 => break,
                read => answer.extend(&part[..read]),
            }
        }
        Ok::<_, io::Error>(answer)
    };
    let answer = talk.await.map_err(|error| refused(error.to_string()))?;
    match proxy::status(&answer) {
        Some(200..=299) => Ok(stream),
        Some(status) => Err(refused(status.to_string())),
        None => Err(refused("no HTTP".to_owned())),
    }
}

async fn turn(wire: Wire, to: &Address, request: Request<NoBody>) -> Result<(Wire, Response<()>), ReachError> {
    let host = || to.host.clone();
    let fail = |source| ReachError::Http { host: host(), source };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(wire.io)).await.map_err(fail)?;
    let driving = tokio::spawn(connection.with_upgrades());
    let answered = sender.send_request(request).await;
    let mut answer = answered.map_err(fail)?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        driving.abort();
        return Err(ReachError::Refused {
            host: host(),
            status: answer.status(),
            code: code_of(&answer),
        });
    }
    let upgraded = hyper::upgrade::on(&mut answer).await.map_err(fail)?;
    let (io, early): (Box<dyn Duplex>, _) = match upgraded.downcast::<TokioIo<Box<dyn Duplex>>>() {
        Ok(parts) => (parts.io.into_inner(), parts.read_buf.to_vec()),
        Err(upgraded) => (Box::new(TokioIo::new(upgraded)), Vec::new()),
    };
    let wire = Wire {
        io,
        early,
        ends: wire.ends,
    };
    Ok((wire, answer.map(drop)))
}

/// The header in which our servers say why.
pub const REFUSAL_HEADER: &str = "cos-refusal";

fn code_of(answer: &Response<Incoming>) -> String {
    let code = answer.headers().get(REFUSAL_HEADER).and_then(|value| value.to_str().ok());
    code.unwrap_or_default().chars().take(64).collect()
}

/// The body of a request that has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoBody;

impl Body for NoBody {
    type Data = &'static [u8];
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}
