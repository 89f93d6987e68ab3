//! An ndt7 client: one test against any ndt7 server, ours or not.
//!
//! The raw number is the one ndt7 prints: for a download what arrived here, for an upload what the server says
//! arrived there, over the time from the handshake on, slow start included. What the connection carried at the IP
//! layer is computed from the kernel's figures where there are any ([`crate::streamed`]).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::{HeaderMap, header};
use inventory_schema::measurement::{Direction, Fault, Method, ProxyKind};

use super::exchange::{BIN, Ended, Exchange, Terms};
use super::request::accept_of;
use super::session::{self, Carried};
use super::{DOWNLOAD_PATH, SUBPROTOCOL, UPLOAD_PATH};
use crate::lease;
use crate::reach::{Address, NoBody, Reach, ReachError, Wire};
use crate::streamed::{Streamed, rate_of};

/// What names this program in the query, by the protocol's custom.
const CLIENT: &str = concat!("client_name=cos-agent&client_version=", env!("CARGO_PKG_VERSION"));

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(transparent)]
    Reach(#[from] ReachError),
    #[error("{0} agreed to something else than ndt7")]
    NotNdt7(String),
}

/// Makes one test.
///
/// # Errors
/// When none could be begun. A test that broke off is a result with a fault.
pub async fn measure(reach: &Reach, server: &Address, direction: Direction, token: Option<&str>) -> Result<Streamed, ClientError> {
    let wire = shake_hands(reach, server, direction, token).await?;
    let ends = wire.ends;
    let exchange = Exchange::new(Terms::client(direction), u32::from_be_bytes(lease::random()));
    let carried = session::run(wire, exchange, None, false).await;
    let mut streamed = judge(direction, &carried);
    streamed.proxy = reach.proxy.is_some().then_some(ProxyKind::HttpConnect);
    streamed.ends = ends;
    Ok(streamed)
}

async fn shake_hands(reach: &Reach, server: &Address, direction: Direction, token: Option<&str>) -> Result<Wire, ClientError> {
    let path = match direction {
        Direction::Down => DOWNLOAD_PATH,
        Direction::Up => UPLOAD_PATH,
    };
    let token = token.map(|token| format!("&access_token={token}")).unwrap_or_default();
    let to = server.at(&format!("{path}?{CLIENT}{token}"));
    let key = STANDARD.encode(lease::random::<16>());
    let request = reach
        .request(&to, &to.path)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, &key)
        .header(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
        .body(NoBody)
        .map_err(|_| ReachError::Name(to.path.clone()))?;
    let (wire, answer) = reach.upgrade(&to, request).await?;
    if agrees(answer.headers(), &key) {
        Ok(wire)
    } else {
        Err(ClientError::NotNdt7(to.host))
    }
}

/// Whether the answer is to our question and for our protocol.
fn agrees(headers: &HeaderMap, key: &str) -> bool {
    let is = |name, value: &str| headers.get(name).is_some_and(|header| header.as_bytes() == value.as_bytes());
    is(header::SEC_WEBSOCKET_ACCEPT, &accept_of(key)) && is(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
}

fn judge(direction: Direction, carried: &Carried) -> Streamed {
    let counted = &carried.counted;
    let elapsed = counted.elapsed;
    let server = counted.heard.as_ref();
    // What the sender counts has not all arrived: its socket's buffer is no line.
    let said_by_server = server.and_then(|heard| {
        let tcp = heard.tcp.and_then(|tcp| Some((tcp.bytes_received?, tcp.elapsed?)));
        tcp.or(heard.app.map(|app| (app.bytes, app.elapsed)))
    });
    let acked = carried.after.as_ref().and_then(|after| after.bytes_acked);
    let (bytes, time) = match direction {
        Direction::Down => (counted.bytes, elapsed),
        Direction::Up => said_by_server
            .or(acked.map(|acked| (acked, elapsed)))
            .unwrap_or((counted.bytes, elapsed)),
    };
    let mut streamed = Streamed::new(Method::Ndt7, direction, 1);
    streamed.raw = rate_of(bytes, time);
    streamed.payload_rate = match direction {
        Direction::Down => rate_of(carried.grown(|info| info.bytes_received).unwrap_or(bytes), elapsed),
        Direction::Up => streamed.raw,
    };
    streamed.elapsed = time;
    // Slow start belongs to what ndt7 prints; here only the first bin without load is left out.
    streamed.bins = counted.bins.clone();
    streamed.bin = BIN;
    streamed.payload_bytes = bytes;
    streamed.told_by_kernel(carried.after.as_slice());
    streamed.round_trip = streamed.round_trip.or(counted.round_trip);
    if counted.ended != Ended::Closed {
        streamed.faults.push(Fault::ServerLost);
    }
    streamed
}

impl Carried {
    /// How much a figure of the kernel grew while load flowed.
    fn grown(&self, figure: impl Fn(&crate::tcp_info::TcpInfo) -> Option<u64>) -> Option<u64> {
        let after = figure(self.after.as_ref()?)?;
        let before = self.before.as_ref().and_then(&figure).unwrap_or_default();
        after.checked_sub(before).filter(|grown| *grown > 0)
    }
}

/// How long a test takes at most, its handshake included.
pub const LONGEST: Duration = Duration::from_secs(30);
