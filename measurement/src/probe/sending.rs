//! Sending load at a pace: what a sender is told while it sends, and the datagrams it fills.
//!
//! The server gives each download a thread of its own ([`run`]); the client, which has one thread, asks its pacer in
//! its own loop and uses the same [`LoadWriter`]. It knows nothing of leases.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::plan::{Due, Pacer, Phase, Plan};
use super::serving::{SILENCE, packet_bytes};
use super::wire::{self, EndReason, Feedback, Load, Message, Seal, Sent};
use crate::clock::Clock;
use crate::lease;
use crate::socket::Datagrams;

/// What a sender is told, and what it tells when it is done.
#[derive(Debug)]
pub struct Progress {
    hold: AtomicBool,
    stop: AtomicBool,
    /// When the receiver was heard last, in microseconds.
    heard: AtomicU64,
    sent: OnceLock<Sent>,
}

impl Progress {
    pub fn new(now: Duration) -> Self {
        Self {
            hold: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            heard: AtomicU64::new(now.as_micros() as u64),
            sent: OnceLock::new(),
        }
    }

    pub fn on_feedback(&self, feedback: &Feedback, now: Duration) {
        self.hold.fetch_or(feedback.orders.hold, Ordering::Relaxed);
        self.stop.fetch_or(feedback.orders.stop, Ordering::Relaxed);
        self.heard.fetch_max(now.as_micros() as u64, Ordering::Relaxed);
    }

    pub fn order_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// What was sent, once it is over.
    pub fn sent(&self) -> Option<Sent> {
        self.sent.get().copied()
    }

    /// What the receiver ordered so far: to hold, to stop.
    pub(super) fn ordered(&self) -> (bool, bool) {
        (self.hold.load(Ordering::Relaxed), self.stop.load(Ordering::Relaxed))
    }

    pub(super) fn end(&self, sent: Sent) {
        // The first end stands.
        let _ = self.sent.set(sent);
    }

    pub(super) fn is_silent(&self, now: Duration) -> bool {
        self.silent_for(now) > SILENCE
    }

    fn silent_for(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_micros(self.heard.load(Ordering::Relaxed)))
    }
}

/// One download to be sent.
#[derive(Debug)]
pub struct Sending {
    pub session: u64,
    pub to: SocketAddr,
    pub plan: Plan,
    pub payload: u16,
    pub seal: Seal,
    pub progress: Arc<Progress>,
}

/// Random bytes that load is cut from: no link on the way compresses them.
const POOL_BYTES: usize = 256 << 10;
/// How far the next datagram's bytes begin behind the last one's; a prime, so that none repeats soon.
const POOL_STEP: usize = 7_919;
/// Datagrams handed over in one call.
pub const MOST_IN_CALL: usize = 32;

/// Fills datagrams of load and sends them.
#[derive(Debug)]
pub struct LoadWriter {
    seal: Seal,
    session: u64,
    to: SocketAddr,
    payload: usize,
    began: Duration,
    pool: Vec<u8>,
    at: usize,
    buffer: Vec<u8>,
}

impl LoadWriter {
    pub fn new(seal: Seal, session: u64, to: SocketAddr, payload: usize, began: Duration) -> Self {
        let mut pool = vec![0; POOL_BYTES];
        lease::fill_with_random(&mut pool);
        Self {
            seal,
            session,
            to,
            payload: payload.clamp(wire::LOAD_HEADER_BYTES, wire::LARGEST_PAYLOAD),
            began,
            pool,
            at: 0,
            buffer: vec![0; MOST_IN_CALL * wire::LARGEST_PAYLOAD],
        }
    }

    /// Sends so many datagrams; an error ends the call, what was not sent is lost like on the line.
    pub fn send(&mut self, socket: &Datagrams, clock: &Clock, phase: Phase, first: u32, count: u32) -> io::Result<()> {
        let mut next = first;
        let end = first.saturating_add(count);
        while next < end {
            let batch = (end - next).min(MOST_IN_CALL as u32);
            let sent = clock.now().saturating_sub(self.began);
            for place in 0..batch {
                self.fill(place as usize, next + place, sent, phase);
            }
            let used = batch as usize * self.payload;
            socket.send_batch(self.to, &self.buffer[..used], self.payload)?;
            next += batch;
        }
        Ok(())
    }

    fn fill(&mut self, place: usize, sequence: u32, sent: Duration, phase: Phase) {
        let datagram = &mut self.buffer[place * self.payload..][..self.payload];
        datagram.copy_from_slice(&self.pool[self.at..self.at + self.payload]);
        self.at = (self.at + POOL_STEP) % (POOL_BYTES - wire::LARGEST_PAYLOAD);
        let load = Load {
            session: self.session,
            sequence,
            sent,
            phase,
        };
        wire::write_load(datagram, load, &self.seal);
    }
}

/// Sends a whole download and says that it was all. The calling thread does nothing else meanwhile.
pub fn run(sending: &Sending, socket: &Datagrams, clock: &Clock) {
    crate::clock::wake_precisely();
    let packet = packet_bytes(sending.to, sending.payload.into());
    let began = clock.now();
    let mut pacer = Pacer::new(sending.plan, usize::try_from(packet).unwrap_or(usize::MAX), began);
    let mut writer = LoadWriter::new(sending.seal.clone(), sending.session, sending.to, sending.payload.into(), began);
    let reason = send_all(sending, socket, clock, &mut pacer, &mut writer);
    let sent = Sent {
        session: sending.session,
        packets: pacer.sent(),
        stall_max: pacer.stall_max(),
        reason,
    };
    // Set before it is sent: whoever asks again is answered.
    sending.progress.end(sent);
    let end = wire::write(&Message::End(sent), Some(&sending.seal), 0);
    if socket.send(sending.to, &end).is_err() {
        tracing::debug!(to = %sending.to, "the end of a measurement could not be sent; its client will ask");
    }
}

fn send_all(sending: &Sending, socket: &Datagrams, clock: &Clock, pacer: &mut Pacer, writer: &mut LoadWriter) -> EndReason {
    let progress = &sending.progress;
    loop {
        let now = clock.now();
        if progress.is_silent(now) {
            return EndReason::Silence;
        }
        let (hold, stop) = progress.ordered();
        if hold {
            pacer.hold_now(now);
        }
        if stop {
            pacer.stop();
        }
        match pacer.due(now) {
            Due::Finished => return EndReason::Done,
            Due::Send { phase, first, count } => {
                if let Err(error) = writer.send(socket, clock, phase, first, count) {
                    tracing::debug!(to = %sending.to, %error, "load could not be sent");
                    return EndReason::Failed;
                }
            }
        }
        clock.sleep_until(pacer.wake_at());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_receiver_ordered_once_stays_ordered() {
        let progress = Progress::new(Duration::from_secs(1));
        let feedback = |hold, stop| Feedback {
            orders: wire::Orders { hold, stop },
            ..Feedback::default()
        };
        progress.on_feedback(&feedback(true, false), Duration::from_secs(2));
        progress.on_feedback(&feedback(false, false), Duration::from_millis(1_500));
        assert!(progress.hold.load(Ordering::Relaxed));
        assert_eq!(progress.silent_for(Duration::from_millis(2_100)), Duration::from_millis(100));
        assert!(progress.sent().is_none());
    }
}
