//! A line whose truth is known: a program between two TUN devices, exact by construction.
//!
//! [`Line`] decides for each packet whether and when it comes out; [`Relay`] reads, waits and writes. How late it was
//! itself is kept: a run in which the computer gave the relay no time says nothing.

use std::collections::BinaryHeap;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use tun_rs::{DeviceBuilder, SyncDevice};

use super::namespaces::Namespace;

/// One direction of a line.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    pub rate_kbps: u64,
    /// Bytes that each packet occupies beyond its own: 38 make it an Ethernet wire.
    pub overhead: u64,
    pub queue: Duration,
    /// Not zero: no queue but a policer, with so much credit.
    pub credit: u64,
    pub delay: Duration,
    /// Of a million, before the line.
    pub loss: u32,
    /// Of a million: held back by the time below.
    pub held: u32,
    pub held_for: Duration,
    /// Of a million: sent twice.
    pub twice: u32,
    /// The longest packet that passes.
    pub longest: usize,
    /// Nothing passes.
    pub blocked: bool,
}

impl Way {
    pub fn of(rate_kbps: u64) -> Self {
        Self {
            rate_kbps,
            overhead: 0,
            queue: Duration::from_millis(50),
            credit: 0,
            delay: Duration::from_millis(10),
            loss: 0,
            held: 0,
            held_for: Duration::ZERO,
            twice: 0,
            longest: 1_500,
            blocked: false,
        }
    }

    pub fn with_loss(self, per_million: u32) -> Self {
        Self { loss: per_million, ..self }
    }

    pub fn policer(rate_kbps: u64, credit: u64) -> Self {
        Self {
            credit,
            ..Self::of(rate_kbps)
        }
    }
}

/// The state of one direction.
#[derive(Debug)]
pub struct Line {
    free_at: u64,
    tokens: f64,
    filled_at: u64,
    chance: u64,
}

impl Line {
    pub fn new(seed: u64) -> Self {
        Self {
            free_at: 0,
            tokens: f64::MAX,
            filled_at: 0,
            chance: seed | 1,
        }
    }

    fn chance(&mut self, per_million: u32) -> bool {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        ((self.chance >> 20) % 1_000_000) < u64::from(per_million)
    }

    /// When a packet that comes in at `now` comes out, in nanoseconds; never, if it is lost.
    pub fn carry(&mut self, way: &Way, length: usize, now: u64) -> Option<u64> {
        if way.blocked || length > way.longest || self.chance(way.loss) {
            return None;
        }
        let bytes = length as u64 + way.overhead;
        let held = if self.chance(way.held) { way.held_for.as_nanos() as u64 } else { 0 };
        let delay = way.delay.as_nanos() as u64 + held;
        if way.credit > 0 {
            let earned = (now - self.filled_at) as f64 * way.rate_kbps as f64 / 8e6;
            self.tokens = (self.tokens + earned).min(way.credit as f64);
            self.filled_at = now;
            if self.tokens < bytes as f64 {
                return None;
            }
            self.tokens -= bytes as f64;
            return Some(now + delay);
        }
        let start = self.free_at.max(now);
        if start - now > way.queue.as_nanos() as u64 {
            return None;
        }
        self.free_at = start + bytes * 8_000_000 / way.rate_kbps;
        Some(self.free_at + delay)
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    /// First, so that the heap orders by it; turned round, because it gives the greatest first.
    due: std::cmp::Reverse<(u64, u64)>,
    to: usize,
    packet: Vec<u8>,
}

#[derive(Debug)]
struct Shared {
    ways: Mutex<[Way; 2]>,
    stop: AtomicBool,
    /// The longest that a packet was late, in nanoseconds.
    late: AtomicU64,
    /// IP bytes that came out, down and up.
    carried: [AtomicU64; 2],
}

#[derive(Debug)]
pub struct Relay {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Opens `tun0` in both namespaces and carries packets between them: way 0 from the first to the second (down).
    pub fn start(server: &Namespace, school: &Namespace) -> io::Result<Self> {
        let open = || {
            let device = DeviceBuilder::new().name("tun0").build_sync()?;
            device.set_nonblocking(true)?;
            Ok::<SyncDevice, io::Error>(device)
        };
        let devices = [server.run(open)?, school.run(open)?];
        let shared = Arc::new(Shared {
            ways: Mutex::new([Way::of(100_000); 2]),
            stop: AtomicBool::new(false),
            late: AtomicU64::new(0),
            carried: [AtomicU64::new(0), AtomicU64::new(0)],
        });
        let inside = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("relay".into())
            .spawn(move || carry(&devices, &inside))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub fn set(&self, down: Way, up: Way) {
        *self.shared.ways.lock().unwrap() = [down, up];
    }

    /// The longest that a packet came out late since this was asked last.
    pub fn lateness(&self) -> Duration {
        Duration::from_nanos(self.shared.late.swap(0, Ordering::Relaxed))
    }

    pub fn carried(&self, way: usize) -> u64 {
        self.shared.carried[way].load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Takes a real-time priority where that is allowed: the line must not wait for those whom it measures.
fn ask_for_priority() {
    let thread = rustix::thread::gettid().as_raw_nonzero();
    let _ = super::namespaces::run("chrt", &format!("-f -p 10 {thread}"));
}

fn carry(devices: &[SyncDevice; 2], shared: &Shared) {
    ask_for_priority();
    cos_measurement::clock::wake_precisely();
    let start = Instant::now();
    let mut lines = [Line::new(0x1234_5678_9abc_def1), Line::new(0x0fed_cba9_8765_4321)];
    let mut waiting: BinaryHeap<Waiting> = BinaryHeap::new();
    let mut count = 0_u64;
    let mut buffer = vec![0_u8; 65_536];
    while !shared.stop.load(Ordering::Relaxed) {
        let ways = *shared.ways.lock().unwrap();
        for from in 0..2 {
            for _ in 0..64 {
                let Ok(length) = devices[from].recv(&mut buffer) else {
                    break;
                };
                // IPv6 looks for its neighbours; the line is IPv4's.
                if buffer[0] >> 4 != 4 {
                    continue;
                }
                let now = start.elapsed().as_nanos() as u64;
                let copies = if lines[from].chance(ways[from].twice) { 2 } else { 1 };
                for _ in 0..copies {
                    if let Some(due) = lines[from].carry(&ways[from], length, now) {
                        count += 1;
                        waiting.push(Waiting {
                            due: std::cmp::Reverse((due, count)),
                            to: 1 - from,
                            packet: buffer[..length].to_vec(),
                        });
                    }
                }
            }
        }
        let mut wait = Duration::from_millis(20);
        while let Some(next) = waiting.peek() {
            let now = start.elapsed().as_nanos() as u64;
            if next.due.0.0 > now {
                wait = Duration::from_nanos(next.due.0.0 - now).min(wait);
                break;
            }
            let next = waiting.pop().expect("it was looked at");
            shared.late.fetch_max(now - next.due.0.0, Ordering::Relaxed);
            shared.carried[1 - next.to].fetch_add(next.packet.len() as u64, Ordering::Relaxed);
            // A device whose other end has no room loses the packet, as a card does.
            let _ = devices[next.to].send(&next.packet);
        }
        let mut polled = [
            PollFd::new(devices[0].as_fd(), PollFlags::POLLIN),
            PollFd::new(devices[1].as_fd(), PollFlags::POLLIN),
        ];
        let _ = ppoll(&mut polled, Some(TimeSpec::from(wait)), None);
    }
}
