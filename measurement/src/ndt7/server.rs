//! The ndt7 server: a part that any HTTP/1.1 server of ours can serve at two paths.
//!
//! [`Server::answer`] judges a request and answers it; the test itself runs in a task of its own once the connection
//! was handed over. Who may measure is [`crate::admission`]'s decision: a lease travels as `access_token`. Tests are
//! bounded in number, rate and time, and none outlives [`super::HARD_END`].

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::rt::{Read, Write};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use inventory_schema::Timestamp;
use inventory_schema::measurement::Direction;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::exchange::{Ended, Exchange, Terms};
use super::message::ConnectionInfo;
use super::request::{self, Wrong};
use super::session::{self, Carried};
use super::{HARD_END, SUBPROTOCOL};
use crate::admission::{Admission, Part, Permit};
use crate::lease::Refusal;
use crate::reach::{REFUSAL_HEADER, Wire, ends_of};
use crate::tcp_info;
use crate::websocket::Side;

/// How long a client may take from the answer to the handed over connection.
const HANDOVER: Duration = Duration::from_secs(5);

/// Told of every test when it is over.
pub type Listener = Arc<dyn Fn(Direction, &Carried) + Send + Sync>;

#[derive(Clone)]
pub struct Server {
    admission: Arc<Admission>,
    listener: Option<Listener>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("admission", &self.admission).finish_non_exhaustive()
    }
}

/// Why a test was not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum No {
    #[error(transparent)]
    Wrong(#[from] Wrong),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("this connection cannot be handed over")]
    CannotUpgrade,
}

impl Server {
    pub fn new(admission: Arc<Admission>) -> Self {
        Self { admission, listener: None }
    }

    /// `listener` hears of every test, for counters and tests.
    #[must_use]
    pub fn telling(mut self, listener: Listener) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Answers a request for `/ndt/v7/download` or `/ndt/v7/upload`; with 101 the test begins. Must be called within
    /// a runtime.
    pub fn answer<B>(&self, request: Request<B>, peer: SocketAddr, now: Timestamp) -> Response<String> {
        let (mut head, _) = request.into_parts();
        match self.begin(&mut head, peer, now) {
            Ok(accept) => switching(&accept),
            Err(no) => refusal(no),
        }
    }

    fn begin(&self, head: &mut Parts, peer: SocketAddr, now: Timestamp) -> Result<String, No> {
        let asked = request::judge(head)?;
        let upgrade = head.extensions.remove::<OnUpgrade>().ok_or(No::CannotUpgrade)?;
        let token = asked.query.access_token.as_deref();
        let permit = self.admission.admit(token, asked.direction, Part::WHOLE, now)?;
        let terms = Terms {
            side: Side::Server,
            direction: asked.direction,
            load_time: request::load_time(permit.window),
            early_exit: asked.query.early_exit.filter(|_| asked.direction == Direction::Down),
            connection: Some(ConnectionInfo {
                client: peer.to_string(),
                server: String::new(),
                uuid: uuid::Uuid::now_v7().to_string(),
            }),
        };
        let listener = self.listener.clone();
        tokio::spawn(async move {
            let direction = terms.direction;
            match tokio::time::timeout(HANDOVER, upgrade).await {
                Ok(Ok(upgraded)) => {
                    let carried = test(upgraded, terms, &permit).await;
                    if let (Some(listener), Some(carried)) = (listener, carried) {
                        listener(direction, &carried);
                    }
                }
                _ => tracing::debug!(peer.address = %peer, "the connection for a test was not handed over"),
            }
        });
        Ok(asked.accept)
    }
}

async fn test(upgraded: Upgraded, mut terms: Terms, permit: &Permit) -> Option<Carried> {
    let wire = wire_of(upgraded);
    if let (Some(connection), Some(ends)) = (&mut terms.connection, wire.ends) {
        connection.server = ends.local.to_string();
    }
    let exchange = Exchange::new(terms, 0);
    let running = session::run(wire, exchange, Some(permit), true);
    // The session ends itself; this is for what nobody thought of.
    let carried = tokio::time::timeout(HARD_END + HANDOVER, running).await.ok()?;
    let counted = &carried.counted;
    let as_it_should = counted.ended == Ended::Closed;
    tracing::debug!(as_it_should, ended = ?counted.ended, bytes = counted.bytes, "an ndt7 test is over");
    Some(carried)
}

/// The connection under a handed over one, with BBR as sender where the kernel has it.
pub(crate) fn wire_of(upgraded: Upgraded) -> Wire {
    let upgraded = match taken::<Box<TlsStream<TcpStream>>>(upgraded, |tls| tls.get_ref().0) {
        Ok(wire) => return wire,
        Err(upgraded) => upgraded,
    };
    match taken::<TcpStream>(upgraded, |stream| stream) {
        Ok(wire) => wire,
        Err(upgraded) => Wire {
            io: Box::new(TokioIo::new(upgraded)),
            early: Vec::new(),
            ends: None,
        },
    }
}

fn taken<T>(upgraded: Upgraded, socket: impl Fn(&T) -> &TcpStream) -> Result<Wire, Upgraded>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    TokioIo<T>: Read + Write,
{
    let parts = upgraded.downcast::<TokioIo<T>>()?;
    let io = parts.io.into_inner();
    let ends = ends_of(socket(&io));
    #[cfg(target_os = "linux")]
    tcp_info::prefer_bbr(socket(&io));
    Ok(Wire {
        io: Box::new(io),
        early: parts.read_buf.to_vec(),
        ends,
    })
}

fn switching(accept: &str) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

fn refusal(no: No) -> Response<String> {
    let mut response = Response::new(format!("{no}\n"));
    *response.status_mut() = match no {
        No::Wrong(wrong) => wrong.status(),
        No::Refused(refusal) => refused_status(refusal),
        No::CannotUpgrade => StatusCode::UPGRADE_REQUIRED,
    };
    if let No::Refused(refusal) = no {
        explain(response.headers_mut(), refusal);
    }
    response
}

pub(crate) fn refused_status(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::ServerBusy => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::LeaseNeeded => StatusCode::UNAUTHORIZED,
        Refusal::Malformed => StatusCode::BAD_REQUEST,
        _ => StatusCode::FORBIDDEN,
    }
}

/// Says with a stable code why not, and when to come again.
pub(crate) fn explain(headers: &mut HeaderMap, refusal: Refusal) {
    headers.insert(REFUSAL_HEADER, HeaderValue::from_static(refusal.code()));
    if refusal == Refusal::ServerBusy {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("15"));
    }
}
