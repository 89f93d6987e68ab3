//! Accepts connections, ends TLS and serves a router over HTTP/1.1.
//!
//! Accepting never waits for one client: handshakes run in tasks of their own, with a time limit, and pay for their
//! steps ([`super::admission`]), so that a herd of newcomers leaves those who are connected their part. At the limit of
//! connections accepting pauses and the kernel's queue holds the newcomers; nobody is turned away. Shutdown lets
//! requests that are being answered end; the router ends its own long polls when it learns of the shutdown.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::HandshakeKind;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use super::admission::Door;
use super::{Endpoint, PeerIdentity};

/// What one listener grants its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at one time. A device that waits for news holds one.
    pub connections: u32,
    /// From the TCP connection to the end of the TLS handshake.
    pub handshake: Duration,
    /// From one answer to the end of the next request's head: also how long an idle connection is kept.
    pub idle: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// How long a shutdown waits for requests that are being answered.
    pub drain: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            head_bytes: 16 * 1024,
            drain: Duration::from_secs(55),
        }
    }
}

const MAX_HEADERS: usize = 64;
/// Of the processors, for handshakes: what is left is for those who are connected.
const NEWCOMERS_SHARE: f64 = 0.7;
/// Wait after an `accept` that failed, which is mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the listener tells its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    /// Answer what was asked, then close.
    Draining,
    /// Close now.
    Closing,
}

/// What every connection of one listener shares.
struct Shared {
    endpoint: Endpoint,
    router: Router,
    limits: ConnectionLimits,
    door: Door,
    phase: watch::Receiver<Phase>,
}

/// Serves `router` until `shutdown` resolves and the open requests have been answered, or `limits.drain` is over.
///
/// Every request carries [`PeerIdentity`] and `ConnectInfo<SocketAddr>` in its extensions.
pub async fn serve(
    listener: TcpListener,
    endpoint: Endpoint,
    router: Router,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (announce, phase) = watch::channel(Phase::Serving);
    let places = Arc::new(Semaphore::new(limits.connections as usize));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let shared = Arc::new(Shared {
        endpoint,
        router,
        limits,
        door: Door::new(processors, NEWCOMERS_SHARE),
        phase,
    });
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, address, place) = accept(&listener, &places) => {
                tokio::spawn(shared.clone().connection(stream, address, place));
            }
        }
    }
    drop(listener);
    announce.send_replace(Phase::Draining);
    let all = places.acquire_many(limits.connections);
    if tokio::time::timeout(limits.drain, all).await.is_err() {
        tracing::warn!("closing connections whose requests were not answered in time");
        announce.send_replace(Phase::Closing);
    }
}

/// The next connection, once there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let place = places
        .clone()
        .acquire_owned()
        .await
        .expect("the listener never closes its semaphore");
    loop {
        match listener.accept().await {
            Ok((stream, address)) => return (stream, address, place),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Shared {
    async fn connection(self: Arc<Self>, stream: TcpStream, address: SocketAddr, place: OwnedSemaphorePermit) {
        let mut phase = self.phase.clone();
        // In futures of their own, so that a connection that waits does not keep room for its handshake.
        let tls = tokio::select! {
            tls = Box::pin(self.handshake(stream, address)) => tls,
            _ = phase.wait_for(|phase| *phase > Phase::Serving) => None,
        };
        if let Some(tls) = tls {
            Box::pin(self.requests(tls, address, phase)).await;
        }
        drop(place);
    }

    async fn handshake(&self, stream: TcpStream, address: SocketAddr) -> Option<Box<TlsStream<TcpStream>>> {
        // Answers are small and awaited; a socket that refuses this option still works.
        let _ = stream.set_nodelay(true);
        let acceptor = TlsAcceptor::from(self.endpoint.tls.clone());
        let shaking = self.door.admit(acceptor.accept(stream));
        match tokio::time::timeout(self.limits.handshake, shaking).await {
            Ok(Ok(tls)) => {
                let handshakes = &self.endpoint.handshakes;
                match tls.get_ref().1.handshake_kind() {
                    Some(HandshakeKind::Resumed) => handshakes.resumed.add(1),
                    _ => handshakes.full.add(1),
                }
                Some(Box::new(tls))
            }
            Ok(Err(error)) => {
                tracing::debug!(peer.address = %address, error = &error as &dyn std::error::Error, "the TLS handshake failed");
                None
            }
            Err(_) => {
                tracing::debug!(peer.address = %address, "the TLS handshake took too long");
                None
            }
        }
    }

    async fn requests(&self, tls: Box<TlsStream<TcpStream>>, address: SocketAddr, mut phase: watch::Receiver<Phase>) {
        let identity = self.identify(&tls);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(identity.clone());
            request.extensions_mut().insert(ConnectInfo(address));
            self.router.clone().oneshot(request.map(Body::new))
        });
        let mut connection = pin!(http(&self.limits).serve_connection(TokioIo::new(tls), service).with_upgrades());
        let mut heard = Phase::Serving;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(peer.address = %address, error = &error as &dyn std::error::Error, "the connection ended early");
                    }
                    return;
                }
                said = next_phase(&mut phase, heard) => match said {
                    Phase::Draining => {
                        heard = said;
                        connection.as_mut().graceful_shutdown();
                    }
                    _ => return,
                },
            }
        }
    }

    fn identify(&self, tls: &TlsStream<TcpStream>) -> PeerIdentity {
        let chain = tls.get_ref().1.peer_certificates().unwrap_or_default();
        match &self.endpoint.trust {
            Some(trust) => trust.identify(chain),
            None => PeerIdentity::None,
        }
    }
}

/// The next phase after `heard`. A listener that is gone without a word has closed.
async fn next_phase(phase: &mut watch::Receiver<Phase>, heard: Phase) -> Phase {
    match phase.wait_for(|phase| *phase > heard).await {
        Ok(said) => *said,
        Err(_) => Phase::Closing,
    }
}

fn http(limits: &ConnectionLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .keep_alive(true)
        .half_close(false)
        .header_read_timeout(limits.idle)
        .max_headers(MAX_HEADERS)
        .max_header_size(limits.head_bytes)
        .max_buf_size(64 * 1024);
    builder
}
