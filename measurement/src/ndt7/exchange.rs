//! One test as either side sees it: what is sent next, what an arrival means, and when it is over.
//!
//! Pure: times since the handshake, bytes and chance come in; frames go out. [`super::session`] performs it. A peer
//! that breaks a rule is told with a close code, and nothing more is read of it.

use std::collections::VecDeque;
use std::time::Duration;

use inventory_schema::measurement::Direction;

use super::message::{self, AppInfo, ConnectionInfo, Measurement, Origin};
use super::pace;
use super::{HARD_END, LOAD_TIME, MAX_MESSAGE_BYTES, MOST_MEASUREMENTS_A_SECOND, PATIENCE};
use crate::tcp_info::TcpInfo;
use crate::websocket::{self, Event, Opcode, Reader, Side, Violation};

/// Answers that wait to be written; whoever asks for more does not read.
const MOST_WAITING: usize = 64;
/// Bins of received bytes.
pub const BIN: Duration = Duration::from_millis(50);
const MOST_BINS: usize = 400;
/// How long a side that closed waits for the other's answer.
const FAREWELL: Duration = Duration::from_secs(3);

/// What a peer may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Breach {
    #[error(transparent)]
    Framing(#[from] Violation),
    #[error("load came from the side that receives it")]
    UnexpectedLoad,
    #[error("measurements came faster than ten a second")]
    TooManyMeasurements,
    #[error("a text was no measurement")]
    NoMeasurement,
    #[error("the peer asks for answers and does not take them")]
    Flood,
}

impl Breach {
    pub fn close_code(self) -> u16 {
        match self {
            Self::Framing(violation) => violation.close_code(),
            Self::UnexpectedLoad => 1003,
            Self::NoMeasurement => 1007,
            Self::TooManyMeasurements | Self::Flood => 1008,
        }
    }
}

/// How a test ended. Only the first is as it should be; what was measured until then counts all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ended {
    Closed,
    /// The connection broke.
    Lost,
    /// It was not over when it had to be.
    TooLate,
    Breach(Breach),
}

/// What is to be written next.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    Whole(Vec<u8>),
    /// A frame's head, and so many bytes of load.
    Load {
        head: Vec<u8>,
        length: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Loading,
    /// Nothing but farewells since then.
    Closing {
        since: Duration,
        heard: bool,
    },
    Over(Ended),
}

/// What a test is to be.
#[derive(Debug, Clone)]
pub struct Terms {
    pub side: Side,
    pub direction: Direction,
    pub load_time: Duration,
    pub early_exit: Option<u64>,
    pub connection: Option<ConnectionInfo>,
}

impl Terms {
    pub fn client(direction: Direction) -> Self {
        Self {
            side: Side::Client,
            direction,
            load_time: LOAD_TIME,
            early_exit: None,
            connection: None,
        }
    }
}

#[derive(Debug)]
pub struct Exchange {
    terms: Terms,
    reader: Reader,
    stage: Stage,
    waiting: VecDeque<Vec<u8>>,
    message: usize,
    /// Load in either direction, in bytes.
    sent: u64,
    received: u64,
    last_load: Duration,
    bins: Vec<u32>,
    measure_at: Duration,
    measurements_heard: u32,
    heard: Option<Measurement>,
    round_trip: Option<Duration>,
    mask: u32,
}

impl Exchange {
    /// `mask` is random: from it the masks of a client's frames are made.
    pub fn new(terms: Terms, mask: u32) -> Self {
        Self {
            reader: Reader::new(terms.side, MAX_MESSAGE_BYTES),
            terms,
            stage: Stage::Loading,
            waiting: VecDeque::new(),
            message: pace::FIRST_MESSAGE,
            sent: 0,
            received: 0,
            last_load: Duration::ZERO,
            bins: Vec::new(),
            measure_at: pace::LEAST_GAP,
            measurements_heard: 0,
            heard: None,
            round_trip: None,
            mask,
        }
    }

    fn sends(&self) -> bool {
        (self.terms.side == Side::Server) == (self.terms.direction == Direction::Down)
    }

    /// What arrived, at a moment.
    pub fn arrived(&mut self, bytes: &[u8], now: Duration) {
        if matches!(self.stage, Stage::Over(_)) {
            return;
        }
        let mut events = Vec::new();
        let read = self.reader.read(bytes, &mut |event| events.push(event));
        let judged = events.into_iter().try_for_each(|event| self.happened(event, now));
        if let Err(breach) = judged.and(read.map_err(Breach::from)) {
            self.break_off(breach, now);
        }
    }

    fn happened(&mut self, event: Event, now: Duration) -> Result<(), Breach> {
        match event {
            Event::Binary(_) if self.sends() => return Err(Breach::UnexpectedLoad),
            Event::Binary(bytes) => self.count(bytes, now),
            Event::Text(text) => self.measurement(&text, now)?,
            Event::Ping(payload) => {
                if self.waiting.len() >= MOST_WAITING {
                    return Err(Breach::Flood);
                }
                self.queue(Opcode::Pong, &payload);
            }
            Event::Pong(payload) => self.pong(&payload, now),
            Event::Close(code) => self.closed(code, now),
        }
        Ok(())
    }

    fn count(&mut self, bytes: u64, now: Duration) {
        if self.stage != Stage::Loading {
            // What was under way when the test ended.
            return;
        }
        self.received += bytes;
        self.last_load = now;
        let place = usize::try_from(now.as_nanos() / BIN.as_nanos()).unwrap_or(usize::MAX);
        if place < MOST_BINS {
            if self.bins.len() <= place {
                self.bins.resize(place + 1, 0);
            }
            self.bins[place] = self.bins[place].saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
    }

    fn measurement(&mut self, text: &str, now: Duration) -> Result<(), Breach> {
        self.measurements_heard += 1;
        let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        // Some come late and together: a second's worth is allowed for that.
        if self.measurements_heard > MOST_MEASUREMENTS_A_SECOND.saturating_mul(seconds.saturating_add(1)) {
            return Err(Breach::TooManyMeasurements);
        }
        match message::read(text) {
            Ok(measurement) => self.remember(measurement),
            // A server of others may say what it likes; a client that sends no JSON is none.
            Err(_) if self.terms.side == Side::Client => {}
            Err(_) => return Err(Breach::NoMeasurement),
        }
        Ok(())
    }

    /// The last one is the summary; what it leaves out stays as it was said before.
    fn remember(&mut self, mut new: Measurement) {
        if let Some(old) = self.heard.take() {
            new.connection = new.connection.or(old.connection);
            new.tcp = new.tcp.or(old.tcp);
            new.app = new.app.or(old.app);
        }
        self.heard = Some(new);
    }

    fn pong(&mut self, payload: &[u8], now: Duration) {
        let said = std::str::from_utf8(payload).ok().and_then(|text| text.parse::<u64>().ok());
        if let Some(then) = said.map(Duration::from_nanos).filter(|then| *then <= now) {
            let took = now - then;
            self.round_trip = Some(self.round_trip.map_or(took, |least| least.min(took)));
        }
    }

    fn closed(&mut self, code: Option<u16>, now: Duration) {
        match self.stage {
            Stage::Loading => {
                let payload = code.map(|code| websocket::close_payload(code, "")).unwrap_or_default();
                self.queue(Opcode::Close, &payload);
                self.stage = Stage::Closing { since: now, heard: true };
            }
            Stage::Closing { since, .. } => self.stage = Stage::Closing { since, heard: true },
            Stage::Over(_) => {}
        }
    }

    fn break_off(&mut self, breach: Breach, now: Duration) {
        tracing::debug!(%breach, seconds = now.as_secs_f32(), "the peer does not speak ndt7");
        self.waiting.clear();
        self.queue(Opcode::Close, &websocket::close_payload(breach.close_code(), ""));
        self.stage = Stage::Over(Ended::Breach(breach));
    }

    fn queue(&mut self, opcode: Opcode, payload: &[u8]) {
        let mask = self.next_mask();
        self.waiting.push_back(websocket::frame(opcode, payload, mask));
    }

    /// Clients mask, each frame with another mask.
    fn next_mask(&mut self) -> Option<[u8; 4]> {
        self.mask = self.mask.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.terms.side == Side::Client).then(|| self.mask.to_be_bytes())
    }

    /// Ends what is due to end.
    pub fn look(&mut self, now: Duration) {
        match self.stage {
            Stage::Loading if now >= self.closes_at() => self.close(now),
            Stage::Closing { heard: true, .. } if self.waiting.is_empty() => self.stage = Stage::Over(Ended::Closed),
            Stage::Closing { since, .. } if now >= (since + FAREWELL).min(HARD_END) => self.stage = Stage::Over(Ended::TooLate),
            _ => {}
        }
    }

    /// A server ends a test when its load is over, a client when the server does not.
    fn closes_at(&self) -> Duration {
        match self.terms.side {
            Side::Server => self.terms.load_time,
            Side::Client => PATIENCE,
        }
    }

    fn close(&mut self, now: Duration) {
        let reason = if self.sends() { "Done sending" } else { "Done receiving" };
        self.queue(Opcode::Close, &websocket::close_payload(1000, reason));
        self.stage = Stage::Closing { since: now, heard: false };
    }

    /// Whether a measurement of one's own is due: servers make them.
    pub fn measurement_is_due(&self, now: Duration) -> bool {
        let due = now >= self.measure_at.min(self.terms.load_time);
        self.stage == Stage::Loading && self.terms.side == Side::Server && due
    }

    /// Makes the measurement, and ends a download that asked to end early.
    pub fn measure(&mut self, tcp: Option<&TcpInfo>, chance: u32, now: Duration) {
        self.measure_at = now + pace::wait(chance);
        let app = AppInfo {
            elapsed: now,
            bytes: if self.sends() { self.sent } else { self.received },
        };
        let (direction, connection) = (self.terms.direction, self.terms.connection.clone());
        let text = message::write(Origin::Server, direction, app, tcp, connection.as_ref());
        self.queue(Opcode::Text, text.as_bytes());
        self.queue(Opcode::Ping, now.as_nanos().to_string().as_bytes());
        let arrived = tcp.and_then(|tcp| tcp.bytes_acked).unwrap_or(self.sent);
        if self.sends() && self.terms.early_exit.is_some_and(|enough| arrived >= enough) {
            self.close(now);
        }
    }

    /// The next thing to write, when the one before has been written.
    pub fn next(&mut self, now: Duration) -> Option<Piece> {
        if let Some(waiting) = self.waiting.pop_front() {
            return Some(Piece::Whole(waiting));
        }
        if self.stage != Stage::Loading || !self.sends() || now >= self.terms.load_time {
            return None;
        }
        self.message = pace::next_message(self.message, self.sent);
        let mask = self.next_mask();
        Some(Piece::Load {
            // Random bytes are as random under any mask: a client's load needs none applied.
            head: websocket::head(Opcode::Binary, self.message, mask),
            length: self.message,
        })
    }

    /// So many bytes of load have been handed to the system.
    pub fn load_written(&mut self, bytes: usize, now: Duration) {
        if bytes > 0 {
            self.sent += bytes as u64;
            self.last_load = now;
        }
    }

    /// When [`Self::look`] or a measurement is due next.
    pub fn wakes_at(&self) -> Duration {
        match self.stage {
            Stage::Loading if self.terms.side == Side::Server => self.measure_at.min(self.terms.load_time),
            Stage::Loading => self.closes_at(),
            Stage::Closing { since, .. } => (since + FAREWELL).min(HARD_END),
            Stage::Over(_) => Duration::ZERO,
        }
    }

    /// The connection broke; after both farewells that is how it should end.
    pub fn lost(&mut self) {
        self.stage = match self.stage {
            Stage::Over(ended) => Stage::Over(ended),
            Stage::Closing { heard: true, .. } => Stage::Over(Ended::Closed),
            Stage::Closing { .. } | Stage::Loading => Stage::Over(Ended::Lost),
        };
    }

    pub fn over(&self) -> Option<Ended> {
        match self.stage {
            Stage::Over(ended) => Some(ended),
            _ => None,
        }
    }

    /// What one side knows when it is over.
    pub fn finding(self, now: Duration) -> Counted {
        let sends = self.sends();
        Counted {
            ended: self.over().unwrap_or(Ended::Lost),
            bytes: if sends { self.sent } else { self.received },
            elapsed: if self.last_load.is_zero() { now } else { self.last_load },
            bins: self.bins,
            heard: self.heard,
            round_trip: self.round_trip,
        }
    }
}

/// What was counted, and what the other side said last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    pub ended: Ended,
    /// Load as this side counts it.
    pub bytes: u64,
    /// From the handshake to the last load.
    pub elapsed: Duration,
    /// Received load per 50 ms.
    pub bins: Vec<u32>,
    pub heard: Option<Measurement>,
    /// The shortest of the pings that were answered.
    pub round_trip: Option<Duration>,
}

#[cfg(test)]
mod tests;
