//! The measuring computer's thread and socket: it asks, receives or sends, and returns what was found.
//!
//! One thread does everything. While load comes in it sleeps and takes many datagrams at a time, because the kernel
//! noted when each arrived: a busy computer measures as well as an idle one, and an old one is hardly busy. What is
//! decided is decided by [`super::asking`]. Called by the agent.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::asking::{Asking, Failure, Finding, Question};
use super::sending::LoadWriter;
use crate::clock::{self, Clock};
use crate::socket::{Arrivals, Datagrams};

/// While load comes in, datagrams are taken this often.
const GATHER: Duration = Duration::from_millis(4);
/// While load goes out, orders are looked for this often.
const LISTEN: Duration = Duration::from_millis(5);

#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error("no datagram can be sent to {server}")]
    Socket {
        server: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What was found, and how the measuring computer took part.
#[derive(Debug, Clone)]
pub struct Measured {
    pub finding: Finding,
    /// The address of this computer that the measurement left by.
    pub local: IpAddr,
    /// From the first question to the last answer.
    pub elapsed: Duration,
    /// From the first load to the last answer.
    pub measuring: Duration,
    /// Of this thread.
    pub cpu: Option<Duration>,
    clock: Clock,
}

impl Measured {
    /// When the hold phase was on the line, for computers that counted what they took meanwhile.
    pub fn hold_window(&self) -> Option<(Instant, Instant)> {
        let (began, ended) = self.finding.hold_window?;
        Some((self.clock.instant(began), self.clock.instant(ended)))
    }
}

/// The address that leads to a server, without sending anything: it tells which interface will be measured.
pub fn address_towards(server: SocketAddr) -> io::Result<IpAddr> {
    Ok(Datagrams::towards(server)?.local_address()?.ip())
}

/// Measures, and tells `progress` how far it is, of a hundred. The calling thread does nothing else meanwhile.
///
/// # Errors
/// When no socket could be had, or [`Failure`]: then there is nothing to judge.
pub fn measure(question: Question, progress: &mut dyn FnMut(u8)) -> Result<Measured, ProbeError> {
    let server = question.server;
    let failed = |source| ProbeError::Socket { server, source };
    let clock = Clock::new();
    let socket = Datagrams::towards(server).map_err(failed)?;
    let local = socket.local_address().map_err(failed)?.ip();
    clock::wake_precisely();
    let cpu = clock::thread_cpu();
    let began = clock.now();
    let mut run = Run {
        asking: Asking::new(question, Datagrams::stamps(), began),
        arrivals: Arrivals::new(&clock),
        socket,
        server,
        clock,
        writer: None,
        listened: began,
        measuring_since: None,
    };
    let finding = run.until_done(progress).map_err(failed)??;
    let ended = clock.now();
    Ok(Measured {
        finding,
        local,
        elapsed: ended.saturating_sub(began),
        measuring: ended.saturating_sub(run.measuring_since.unwrap_or(ended)),
        clock,
        cpu: clock::thread_cpu().zip(cpu).map(|(after, before)| after.saturating_sub(before)),
    })
}

struct Run {
    asking: Asking,
    arrivals: Arrivals,
    socket: Datagrams,
    server: SocketAddr,
    clock: Clock,
    writer: Option<LoadWriter>,
    listened: Duration,
    measuring_since: Option<Duration>,
}

impl Run {
    fn until_done(&mut self, progress: &mut dyn FnMut(u8)) -> io::Result<Result<Finding, Failure>> {
        let mut told = None;
        loop {
            self.speak()?;
            self.send_load();
            if let Some(outcome) = self.asking.finished() {
                return Ok(outcome.clone());
            }
            let now = self.asking.progress();
            if told != Some(now) {
                progress(now);
                told = Some(now);
            }
            self.wait()?;
            self.asking.on_time(self.clock.now());
        }
    }

    fn speak(&mut self) -> io::Result<()> {
        for datagram in self.asking.outgoing() {
            match self.socket.send(self.server, &datagram) {
                // A ping that is too long for this computer's own interface; or the network is away, which is silence.
                Err(error) if matters(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Sleeps or listens until something is due, and takes what arrived.
    fn wait(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        let due = self.asking.wake_at();
        if !self.asking.is_measuring() {
            return self.listen(due.saturating_sub(now).clamp(Duration::from_micros(50), Duration::from_millis(100)));
        }
        self.measuring_since.get_or_insert(now);
        if self.writer.is_some() {
            self.clock.sleep_until(due.min(now + LISTEN));
            if self.clock.now().saturating_sub(self.listened) < LISTEN {
                return Ok(());
            }
            self.listened = self.clock.now();
        } else {
            self.clock.sleep_until(due.min(now + GATHER).max(now + GATHER / 2));
        }
        self.listen(Duration::ZERO)
    }

    /// Takes everything that is there.
    fn listen(&mut self, wait: Duration) -> io::Result<()> {
        let (asking, clock, server) = (&mut self.asking, &self.clock, self.server);
        let mut wait = wait;
        loop {
            let batch = self.arrivals.receive(&self.socket, clock, wait, |from, datagram, arrived| {
                if from == server {
                    asking.on_datagram(datagram, arrived, clock.now());
                }
            })?;
            if batch.overflow > 0 {
                asking.note_overflow(batch.overflow);
            }
            if batch.clock_stepped {
                asking.note_clock_step();
            }
            if batch.count < Arrivals::MOST {
                return Ok(());
            }
            wait = Duration::ZERO;
        }
    }

    fn send_load(&mut self) {
        if self.writer.is_none() {
            let Some(key) = self.asking.load_key() else {
                return;
            };
            self.writer = Some(LoadWriter::new(key.seal, key.session, self.server, key.payload.into(), key.began));
        }
        let Some(due) = self.asking.load_due(self.clock.now()) else {
            return;
        };
        let Some(writer) = &mut self.writer else {
            return;
        };
        if let Err(error) = writer.send(&self.socket, &self.clock, due.phase, due.first, due.count) {
            tracing::debug!(%error, "load could not be sent");
            self.asking.load_failed();
        }
    }
}

/// Whether an error is more than a line that is away or a packet that is too long.
fn matters(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput | io::ErrorKind::OutOfMemory
    )
}
