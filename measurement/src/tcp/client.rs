//! The measuring computer's side of the method `tcp`.
//!
//! Load is counted where it arrives: down by this computer, up by the server. It flows until four quarters of a
//! second agree and what was asked for has been measured after them. Where they never agree nothing is counted, and
//! the result has no rate.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::header;
use inventory_schema::measurement::{Direction, Fault, Method, ProxyKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::arrivals::{Stream, together};
use super::{BIN, CONGESTION_HEADER, DOWNLOAD_PATH, PROTOCOL, STREAMS, UPLOAD_PATH, steady};
use crate::load;
use crate::reach::{Address, NoBody, Reach, ReachError, Wire};
use crate::streamed::{Streamed, rate_of};
use crate::tcp_info::{self, Ends, TcpInfo};

const PART_BYTES: usize = 64 << 10;
const MOST_BINS: usize = 400;

/// What is to be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    pub direction: Direction,
    pub streams: u8,
    /// How long it is measured once rates agree.
    pub measured: Duration,
    /// When it ends at the latest.
    pub longest: Duration,
}

impl Wish {
    /// Two seconds that count; five and more prove more.
    pub fn new(direction: Direction) -> Self {
        Self {
            direction,
            streams: STREAMS,
            measured: Duration::from_secs(2),
            longest: Duration::from_secs(10),
        }
    }

    #[must_use]
    pub fn measuring(self, measured: Duration) -> Self {
        Self { measured, ..self }
    }
}

/// One stream that load can flow through.
struct Opened {
    wire: Wire,
    congestion_control: Option<String>,
}

/// What the streams count together.
#[derive(Debug)]
struct Counted {
    began: Instant,
    /// Down: what arrived here, per 50 ms.
    bins: Mutex<Vec<u32>>,
    /// Up: what the server says of each stream.
    said: Vec<Mutex<Stream>>,
}

/// Measures. `progress` hears how far it is, of a hundred.
///
/// # Errors
/// When not a single stream could be opened.
pub async fn measure(
    reach: &Reach,
    server: &Address,
    wish: Wish,
    token: Option<&str>,
    progress: &mut (dyn FnMut(u8) + Send),
) -> Result<Streamed, ReachError> {
    let opened = open_all(reach, server, wish, token).await?;
    let streams = u8::try_from(opened.len()).unwrap_or(u8::MAX);
    let congestion_control = opened.iter().find_map(|stream| stream.congestion_control.clone());
    let ends: Vec<Ends> = opened.iter().filter_map(|stream| stream.wire.ends).collect();
    let counted = Arc::new(Counted {
        began: Instant::now(),
        bins: Mutex::default(),
        said: opened.iter().map(|_| Mutex::default()).collect(),
    });
    let (stop, stopped) = watch::channel(false);
    let mut running = JoinSet::new();
    for (place, stream) in opened.into_iter().enumerate() {
        let carrying = carry(stream.wire, wish.direction, place, counted.clone());
        let mut stopped = stopped.clone();
        running.spawn(async move {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => {}
                () = carrying => {}
            }
        });
    }
    let server_lost = wait_until_enough(&counted, wish, &mut running, progress).await;
    let kernel: Vec<TcpInfo> = ends.iter().filter_map(|ends| tcp_info::read(*ends).ok().flatten()).collect();
    let bins = counted.whole_bins(wish.direction);
    stop.send_replace(true);
    while running.join_next().await.is_some() {}
    let mut streamed = judge(wish.direction, streams, bins);
    streamed.told_by_kernel(&kernel);
    streamed.congestion_control = streamed.congestion_control.or(congestion_control);
    streamed.in_tls = server.secure;
    streamed.ends = ends.first().copied();
    streamed.proxy = reach.proxy.is_some().then_some(ProxyKind::HttpConnect);
    if server_lost {
        streamed.faults.push(Fault::ServerLost);
    }
    Ok(streamed)
}

/// All streams at once; those that could not be opened are left out while there is one.
async fn open_all(reach: &Reach, server: &Address, wish: Wish, token: Option<&str>) -> Result<Vec<Opened>, ReachError> {
    let mut opening = JoinSet::new();
    for stream in 0..wish.streams {
        let (reach, server, token) = (reach.clone(), server.clone(), token.map(ToOwned::to_owned));
        opening.spawn(async move { open(&reach, &server, wish, stream, token).await });
    }
    let (mut opened, mut failed) = (Vec::new(), None);
    while let Some(joined) = opening.join_next().await {
        match joined {
            Ok(Ok(stream)) => opened.push(stream),
            Ok(Err(error)) => failed = Some(error),
            Err(_) => {}
        }
    }
    match failed {
        Some(error) if opened.is_empty() => Err(error),
        _ => Ok(opened),
    }
}

async fn open(reach: &Reach, server: &Address, wish: Wish, stream: u8, token: Option<String>) -> Result<Opened, ReachError> {
    let path = match wish.direction {
        Direction::Down => DOWNLOAD_PATH,
        Direction::Up => UPLOAD_PATH,
    };
    let to = server.at(&format!("{path}?stream={stream}&of={}", wish.streams));
    let mut request = reach
        .request(&to, &to.path)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, PROTOCOL);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(NoBody).map_err(|_| ReachError::Name(to.path.clone()))?;
    let (wire, answer) = reach.upgrade(&to, request).await?;
    let named = answer.headers().get(CONGESTION_HEADER).and_then(|name| name.to_str().ok());
    Ok(Opened {
        wire,
        // Down it is the server that sends.
        congestion_control: named
            .filter(|_| wish.direction == Direction::Down)
            .map(|name| name.chars().take(16).collect()),
    })
}

async fn carry(wire: Wire, direction: Direction, place: usize, counted: Arc<Counted>) {
    match direction {
        Direction::Down => receive(wire, &counted).await,
        Direction::Up => send(wire, place, &counted).await,
    }
}

async fn receive(mut wire: Wire, counted: &Counted) {
    counted.add(wire.early.len());
    let mut bytes = vec![0; PART_BYTES];
    while let Ok(read) = wire.io.read(&mut bytes).await
        && read > 0
    {
        counted.add(read);
    }
}

async fn send(wire: Wire, place: usize, counted: &Counted) {
    let (mut reader, mut writer) = tokio::io::split(wire.io);
    let mut bytes = vec![0; 1 << 10];
    let mut from = 0;
    if counted.hear(place, &wire.early).is_err() {
        return;
    }
    loop {
        tokio::select! {
            read = reader.read(&mut bytes) => match read {
                Ok(read) if read > 0 && counted.hear(place, &bytes[..read]).is_ok() => {}
                _ => return,
            },
            written = writer.write(&load::block()[from..from + PART_BYTES]) => match written {
                Ok(written) if written > 0 => from = (from + written) % (load::BLOCK_BYTES - PART_BYTES),
                _ => return,
            },
        }
    }
}

impl Counted {
    fn bins(&self) -> MutexGuard<'_, Vec<u32>> {
        self.bins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, bytes: usize) {
        let place = usize::try_from(self.began.elapsed().as_nanos() / BIN.as_nanos()).unwrap_or(usize::MAX);
        if place >= MOST_BINS {
            return;
        }
        let mut bins = self.bins();
        if bins.len() <= place {
            bins.resize(place + 1, 0);
        }
        bins[place] = bins[place].saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    fn hear(&self, place: usize, bytes: &[u8]) -> Result<(), super::arrivals::Contradiction> {
        let mut stream = self.said[place].lock().unwrap_or_else(PoisonError::into_inner);
        stream.hear(bytes)
    }

    /// The bins that are over.
    fn whole_bins(&self, direction: Direction) -> Vec<u32> {
        match direction {
            Direction::Down => {
                let whole = usize::try_from(self.began.elapsed().as_nanos() / BIN.as_nanos()).unwrap_or(MOST_BINS);
                let mut bins = self.bins().clone();
                bins.resize(whole.min(MOST_BINS), 0);
                bins
            }
            Direction::Up => {
                let said = self.said.iter();
                let streams: Vec<Stream> = said
                    .map(|said| said.lock().unwrap_or_else(PoisonError::into_inner).clone())
                    .collect();
                together(&streams, MOST_BINS)
            }
        }
    }
}

/// Whether the server went away before enough was measured.
async fn wait_until_enough(counted: &Counted, wish: Wish, running: &mut JoinSet<()>, progress: &mut (dyn FnMut(u8) + Send)) -> bool {
    let enough = usize::try_from(wish.measured.as_nanos() / BIN.as_nanos()).unwrap_or(MOST_BINS);
    let mut ticks = tokio::time::interval(steady::QUARTER);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            ended = running.join_next() => if ended.is_none() { return true },
        }
        let bins = counted.whole_bins(wish.direction);
        let measured = steady::warm_up(&bins).map_or(0, |warm_up| bins.len() - warm_up);
        let elapsed = counted.began.elapsed();
        let part = elapsed.as_millis() * 100 / wish.longest.as_millis().max(1);
        progress(u8::try_from(part.max((measured * 100 / enough.max(1)) as u128).min(100)).unwrap_or(100));
        if measured >= enough || elapsed >= wish.longest {
            return false;
        }
    }
}

fn judge(direction: Direction, streams: u8, bins: Vec<u32>) -> Streamed {
    let mut streamed = Streamed::new(Method::Tcp, direction, streams);
    let sum = |bins: &[u32]| bins.iter().map(|bytes| u64::from(*bytes)).sum::<u64>();
    let time = |bins: &[u32]| BIN * u32::try_from(bins.len()).unwrap_or(u32::MAX);
    streamed.payload_bytes = sum(&bins);
    streamed.raw = rate_of(sum(&bins), time(&bins));
    if let Some(warm_up) = steady::warm_up(&bins) {
        let counted = &bins[warm_up..];
        streamed.warm_up = Some(BIN * u32::try_from(warm_up).unwrap_or(u32::MAX));
        streamed.elapsed = time(counted);
        streamed.payload_rate = rate_of(sum(counted), time(counted));
        streamed.raw = streamed.payload_rate;
    }
    streamed.bins = bins;
    streamed
}
