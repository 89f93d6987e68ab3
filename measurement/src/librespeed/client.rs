//! Measures against a LibreSpeed backend.
//!
//! Each stream is one connection that carries one request after another. Down, the bodies' bytes are counted as they
//! arrive, whatever HTTP wraps them in. Up, LibreSpeed counts what the system took; the kernel knows what was
//! acknowledged, and where it tells, that is what counts for the line.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use inventory_schema::measurement::{Direction, Fault, Method as Measuring, ProxyKind};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::servers::{Parts, candidates, own_address};
use super::{APART, CHUNKS, COUNTED, DOWNLOAD_GRACE, DOWNLOAD_STREAMS, UPLOAD_BYTES, UPLOAD_GRACE, UPLOAD_STREAMS};
use crate::load;
use crate::reach::{Address, Reach, ReachError};
use crate::streamed::{Streamed, rate_of};
use crate::tcp_info::{self, Ends, TcpInfo};

const BIN: Duration = Duration::from_millis(50);
const MOST_BINS: usize = 400;
const PIECE: usize = 64 << 10;
/// For one small answer.
const ANSWERS_IN: Duration = Duration::from_secs(5);
const MOST_ANSWER_BYTES: usize = 16 << 10;
/// Pings of which the shortest counts.
const PINGS: u8 = 10;
/// A stream whose request failed so often is given up.
const MOST_FAILURES: u8 = 5;

#[derive(Debug, thiserror::Error)]
pub enum LibreSpeedError {
    #[error(transparent)]
    Reach(#[from] ReachError),
    #[error("no LibreSpeed backend answers at {0}")]
    NoBackend(String),
}

/// How long it is measured; shorter in tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    pub grace: Duration,
    pub counted: Duration,
}

impl Times {
    pub fn of(direction: Direction) -> Self {
        let grace = match direction {
            Direction::Down => DOWNLOAD_GRACE,
            Direction::Up => UPLOAD_GRACE,
        };
        Self { grace, counted: COUNTED }
    }
}

/// Finds the backend at an address: the first of its possible places whose ping answers 200 with nothing.
///
/// # Errors
/// When nothing can be reached there, or nothing answers so.
pub async fn find(reach: &Reach, base: &Address) -> Result<Parts, LibreSpeedError> {
    for parts in candidates(base) {
        let mut line = Line::open(reach, &parts.ping).await?;
        if line.ping(&parts.ping).await.is_some() {
            return Ok(parts);
        }
    }
    Err(LibreSpeedError::NoBackend(base.to_string()))
}

/// What the server says of the address that it sees, for people; it is kept nowhere.
///
/// # Errors
/// When the server cannot be reached.
pub async fn seen_as(reach: &Reach, parts: &Parts) -> Result<Option<String>, LibreSpeedError> {
    let mut line = Line::open(reach, &parts.own_address).await?;
    let answer = line.small(&parts.own_address, &parts.own_address.path).await;
    Ok(answer.map(|answer| own_address(&String::from_utf8_lossy(&answer))))
}

/// Measures in one direction.
///
/// # Errors
/// When no stream could be opened.
pub async fn measure(reach: &Reach, parts: &Parts, direction: Direction, times: Times) -> Result<Streamed, LibreSpeedError> {
    let round_trip = ping(reach, parts).await?;
    let (streams, to) = match direction {
        Direction::Down => (DOWNLOAD_STREAMS, &parts.download),
        Direction::Up => (UPLOAD_STREAMS, &parts.upload),
    };
    let shared = Arc::new(Shared {
        began: Instant::now(),
        bins: Mutex::default(),
        ends: Mutex::default(),
    });
    let (stop, stopped) = watch::channel(false);
    let mut running = JoinSet::new();
    for stream in 0..streams {
        let (reach, to, shared, mut stopped) = (reach.clone(), to.clone(), shared.clone(), stopped.clone());
        running.spawn(async move {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => {}
                () = carry(&reach, &to, direction, APART * stream.into(), &shared) => {}
            }
        });
    }
    let lost = !wait(times.grace, &mut running).await;
    let (from, before) = (shared.began.elapsed(), shared.kernel());
    let lost = lost || !wait(times.counted, &mut running).await;
    let (to_moment, after) = (shared.began.elapsed(), shared.kernel());
    stop.send_replace(true);
    while running.join_next().await.is_some() {}
    let mut streamed = judge(direction, streams, &shared, (from, to_moment), (&before, &after));
    streamed.round_trip = streamed.round_trip.or(round_trip);
    streamed.proxy = reach.proxy.is_some().then_some(ProxyKind::HttpConnect);
    // Where nothing came there was no server, whoever is still trying.
    if lost || streamed.raw == 0 {
        streamed.faults.push(Fault::ServerLost);
    }
    Ok(streamed)
}

async fn ping(reach: &Reach, parts: &Parts) -> Result<Option<Duration>, LibreSpeedError> {
    let mut line = Line::open(reach, &parts.ping).await?;
    let mut shortest = None;
    for _ in 0..PINGS {
        let Some(took) = line.ping(&parts.ping).await else { break };
        shortest = Some(shortest.map_or(took, |shortest: Duration| shortest.min(took)));
    }
    Ok(shortest)
}

/// Whether streams were still running when the time was over.
async fn wait(time: Duration, running: &mut JoinSet<()>) -> bool {
    let over = tokio::time::sleep(time);
    tokio::pin!(over);
    loop {
        tokio::select! {
            () = &mut over => return !running.is_empty(),
            ended = running.join_next() => if ended.is_none() { return false },
        }
    }
}

/// What the streams of one measurement share.
#[derive(Debug)]
struct Shared {
    began: Instant,
    bins: Mutex<Vec<u32>>,
    ends: Mutex<Vec<Ends>>,
}

impl Shared {
    fn add(&self, bytes: usize) {
        let place = usize::try_from(self.began.elapsed().as_nanos() / BIN.as_nanos()).unwrap_or(usize::MAX);
        if place >= MOST_BINS {
            return;
        }
        let mut bins = self.bins.lock().unwrap_or_else(PoisonError::into_inner);
        if bins.len() <= place {
            bins.resize(place + 1, 0);
        }
        bins[place] = bins[place].saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    fn opened(&self, ends: Option<Ends>) {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).extend(ends);
    }

    /// What the kernel says of each connection now.
    fn kernel(&self) -> Vec<Option<TcpInfo>> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ends.into_iter().map(|ends| tcp_info::read(ends).ok().flatten()).collect()
    }

    fn first_ends(&self) -> Option<Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).first().copied()
    }
}

fn judge(
    direction: Direction,
    streams: u8,
    shared: &Shared,
    (from, to): (Duration, Duration),
    (before, after): (&[Option<TcpInfo>], &[Option<TcpInfo>]),
) -> Streamed {
    let mut streamed = Streamed::new(Measuring::Librespeed, direction, streams);
    let bins = shared.bins.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let place = |at: Duration| usize::try_from(at.as_nanos() / BIN.as_nanos()).unwrap_or(MOST_BINS);
    let counted = bins.get(place(from)..place(to).min(bins.len())).unwrap_or_default();
    let bytes: u64 = counted.iter().map(|bytes| u64::from(*bytes)).sum();
    let time = BIN * u32::try_from(place(to) - place(from)).unwrap_or(1);
    streamed.raw = rate_of(bytes, time);
    streamed.payload_bytes = bins.iter().map(|bytes| u64::from(*bytes)).sum();
    streamed.elapsed = to - from;
    streamed.warm_up = Some(from);
    let known: Vec<TcpInfo> = after.iter().flatten().cloned().collect();
    streamed.told_by_kernel(&known);
    streamed.ends = shared.first_ends();
    streamed.payload_rate = grown(direction, before, after).map_or(streamed.raw, |grown| rate_of(grown, to - from));
    streamed.bins = bins;
    streamed
}

/// What the connections carried in between; unknown as soon as one of them is not known.
fn grown(direction: Direction, before: &[Option<TcpInfo>], after: &[Option<TcpInfo>]) -> Option<u64> {
    let figure = |info: &TcpInfo| match direction {
        Direction::Down => info.bytes_received,
        Direction::Up => info.bytes_acked,
    };
    let mut sum = 0_u64;
    for (place, after) in after.iter().enumerate() {
        let earlier = match before.get(place) {
            Some(earlier) => figure(earlier.as_ref()?)?,
            None => 0,
        };
        sum = sum.saturating_add(figure(after.as_ref()?)?.checked_sub(earlier)?);
    }
    (sum > 0).then_some(sum)
}

/// One stream, on one connection after another as long as the server wants it so.
async fn carry(reach: &Reach, to: &Address, direction: Direction, after: Duration, shared: &Arc<Shared>) {
    tokio::time::sleep(after).await;
    let mut failures = 0;
    while failures < MOST_FAILURES {
        let Ok(mut line) = Line::open(reach, to).await else {
            failures += 1;
            continue;
        };
        shared.opened(line.ends);
        while line.carry_one(to, direction, shared).await {
            failures = 0;
        }
        failures += 1;
    }
}

/// A connection that requests follow each other on.
struct Line {
    sender: SendRequest<Load>,
    ends: Option<Ends>,
    driving: AbortHandle,
    request: Reach,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driving.abort();
    }
}

impl Line {
    async fn open(reach: &Reach, to: &Address) -> Result<Self, ReachError> {
        let wire = reach.connect(to).await?;
        let shaking = hyper::client::conn::http1::handshake(TokioIo::new(wire.io));
        let (sender, connection) = shaking.await.map_err(|source| ReachError::Http {
            host: to.host.clone(),
            source,
        })?;
        let driving = tokio::spawn(async move {
            // How it ended is seen by whoever asked.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            ends: wire.ends,
            driving: driving.abort_handle(),
            request: reach.clone(),
        })
    }

    async fn ask(&mut self, to: &Address, method: Method, path: &str, body: Load) -> Option<Response<Incoming>> {
        let mut request: Request<Load> = self
            .request
            .request(to, path)
            .method(method)
            .header(header::ACCEPT_ENCODING, "identity")
            .body(body)
            .ok()?;
        if request.body().left > 0 {
            let kind = header::HeaderValue::from_static("application/octet-stream");
            request.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        self.sender.ready().await.ok()?;
        self.sender.send_request(request).await.ok()
    }

    /// The time to an answer of 200 with nothing in it.
    async fn ping(&mut self, to: &Address) -> Option<Duration> {
        let began = Instant::now();
        let answer = self.small(to, &fresh(&to.path, "")).await?;
        answer.is_empty().then(|| began.elapsed())
    }

    /// A small answer of 200.
    async fn small(&mut self, to: &Address, path: &str) -> Option<Vec<u8>> {
        let asking = async {
            let answer = self.ask(to, Method::GET, path, Load::none()).await?;
            let mut body = (answer.status() == StatusCode::OK).then(|| answer.into_body())?;
            let mut bytes = Vec::new();
            while let Some(frame) = next(&mut body).await {
                bytes.extend_from_slice(frame.ok()?.data_ref()?);
                if bytes.len() > MOST_ANSWER_BYTES {
                    return None;
                }
            }
            Some(bytes)
        };
        tokio::time::timeout(ANSWERS_IN, asking).await.ok().flatten()
    }

    /// One request of load; whether another may follow on this connection.
    async fn carry_one(&mut self, to: &Address, direction: Direction, shared: &Arc<Shared>) -> bool {
        let asking = match direction {
            Direction::Down => {
                let path = fresh(&to.path, &format!("&ckSize={CHUNKS}"));
                self.ask(to, Method::GET, &path, Load::none()).await
            }
            Direction::Up => {
                let load = Load::of(UPLOAD_BYTES, shared.clone());
                self.ask(to, Method::POST, &fresh(&to.path, ""), load).await
            }
        };
        let Some(answer) = asking.filter(|answer| answer.status() == StatusCode::OK) else {
            return false;
        };
        let (mut body, mut bytes) = (answer.into_body(), 0);
        while let Some(frame) = next(&mut body).await {
            let Ok(frame) = frame else { return false };
            let length = frame.data_ref().map_or(0, |data| data.len());
            bytes += length;
            if direction == Direction::Down {
                shared.add(length);
            }
        }
        // A server that answers downloads with nothing is none, and must not be asked in a circle.
        direction == Direction::Up || bytes > 0
    }
}

/// A path that no cache between has seen.
fn fresh(path: &str, more: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    let chance = u64::from_be_bytes(crate::lease::random());
    format!("{path}{separator}r={chance}{more}")
}

async fn next(body: &mut Incoming) -> Option<Result<Frame<<Incoming as Body>::Data>, hyper::Error>> {
    std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
}

/// A request's body: random bytes, counted as the system takes them.
struct Load {
    left: u64,
    shared: Option<Arc<Shared>>,
}

impl Load {
    fn none() -> Self {
        Self { left: 0, shared: None }
    }

    fn of(left: u64, shared: Arc<Shared>) -> Self {
        Self {
            left,
            shared: Some(shared),
        }
    }
}

impl Body for Load {
    type Data = &'static [u8];
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = PIECE.min(usize::try_from(self.left).unwrap_or(PIECE));
        let blocks = (load::BLOCK_BYTES / PIECE) as u64;
        let from = usize::try_from(self.left / PIECE as u64 % blocks).unwrap_or_default() * PIECE;
        self.left -= length as u64;
        if let Some(shared) = &self.shared {
            shared.add(length);
        }
        let from = from.min(load::BLOCK_BYTES - length);
        Poll::Ready(Some(Ok(Frame::data(&load::block()[from..from + length]))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
