//! Everything that a measuring server does over TCP, as one part: requests for tests in, answers out.
//!
//! A controller serves it at its HTTPS listeners ([`Service::answer`]); a measuring server alone listens for it by
//! [`serve`], with and without TLS on one port: the first byte of a connection tells which. Whoever asks for something
//! else is answered 404, and connections are bounded in number and time.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use inventory_schema::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use crate::admission::Admission;
use crate::{ndt7, tcp};

/// From the connection to the end of a request's head, TLS included.
const HEAD_TIME: Duration = Duration::from_secs(10);
const HEAD_BYTES: usize = 16 << 10;
/// After an `accept` that failed, which is mostly for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// The first byte of TLS: a handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

#[derive(Debug, Clone)]
pub struct Service {
    ndt7: ndt7::server::Server,
    tcp: tcp::server::Server,
}

impl Service {
    pub fn new(admission: Arc<Admission>) -> Self {
        Self {
            ndt7: ndt7::server::Server::new(admission.clone()),
            tcp: tcp::server::Server::new(admission),
        }
    }

    /// `listener` hears of every ndt7 test.
    #[must_use]
    pub fn telling(mut self, listener: ndt7::server::Listener) -> Self {
        self.ndt7 = self.ndt7.telling(listener);
        self
    }

    /// Answers a request for any test. Must be called within a runtime.
    pub fn answer<B>(&self, request: Request<B>, peer: SocketAddr, now: Timestamp) -> Response<String> {
        if request.uri().path().starts_with(tcp::PATH) {
            self.tcp.answer(request, peer, now)
        } else {
            self.ndt7.answer(request, peer, now)
        }
    }
}

/// Gives the time.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Serves at most `connections` at one time until it is dropped.
pub async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, service: Service, now: Now, connections: usize) {
    let places = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let (tls, service, now) = (tls.clone(), service.clone(), now.clone());
                tokio::spawn(async move {
                    connection(stream, peer, tls, service, now).await;
                    drop::<OwnedSemaphorePermit>(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, tls: Option<TlsAcceptor>, service: Service, now: Now) {
    let _ = stream.set_nodelay(true);
    let mut first = [0];
    let peeked = tokio::time::timeout(HEAD_TIME, stream.peek(&mut first)).await;
    if !matches!(peeked, Ok(Ok(1))) {
        return;
    }
    let answer = service_fn(move |request: Request<Incoming>| {
        let answer = service.answer(request, peer, now());
        async { Ok::<_, Infallible>(answer) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_header_size(HEAD_BYTES)
        .max_buf_size(HEAD_BYTES.max(8 << 10))
        .half_close(false);
    let ended = match (first[0] == TLS_HANDSHAKE, tls) {
        (true, Some(tls)) => {
            let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIME, tls.accept(stream)).await else {
                return;
            };
            http.serve_connection(TokioIo::new(Box::new(stream)), answer).with_upgrades().await
        }
        (true, None) => return,
        (false, _) => http.serve_connection(TokioIo::new(stream), answer).with_upgrades().await,
    };
    if let Err(error) = ended {
        tracing::debug!(peer.address = %peer, %error, "a connection ended early");
    }
}
