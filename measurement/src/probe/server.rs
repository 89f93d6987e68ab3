//! The measuring server's threads and its socket: one thread receives for all sessions, and each download has one
//! that sends.
//!
//! All sessions share one port, so that one hole in a firewall is enough. What is decided is decided by
//! [`super::serving`]; here are the socket, the clocks and the threads. Called by `cos-controller`, alone or beside
//! its listeners.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use inventory_schema::Timestamp;

use super::sending::{self, Sending};
use super::serving::{Output, Served, Serving, Settings, Times};
use crate::clock::{self, Clock};
use crate::lease::LeaseKeys;
use crate::socket::{Arrivals, Batch, Datagrams};

/// While load comes in, datagrams are taken this often and many at a time: their times are the kernel's.
const GATHER: Duration = Duration::from_millis(2);
/// From so many in one call on it is load.
const LOAD_FROM: usize = 4;

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("the measuring server cannot listen at {address} (UDP)")]
    Listen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("a thread of the measuring server cannot be started")]
    Thread(#[source] io::Error),
}

/// A running server; it stops when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    served: Arc<Mutex<Served>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens and serves on threads of its own.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn start(settings: Settings, keys: LeaseKeys, address: SocketAddr) -> Result<Self, ServerError> {
        let listen = |source| ServerError::Listen { address, source };
        let socket = Datagrams::bind(address).map_err(listen)?;
        let address = socket.local_address().map_err(listen)?;
        if socket.receive_buffer().is_some_and(|bytes| bytes < 2 << 20) {
            tracing::warn!(
                bytes = socket.receive_buffer(),
                "the system gives the measuring server little room for datagrams: raise net.core.rmem_max to 4194304"
            );
        }
        let stopping = Arc::new(AtomicBool::new(false));
        let served = Arc::new(Mutex::new(Served::default()));
        let receiving = Receiving {
            serving: Serving::new(settings, keys, Datagrams::stamps()),
            socket: Arc::new(socket),
            clock: Clock::new(),
            stopping: Arc::clone(&stopping),
            served: Arc::clone(&served),
        };
        let thread = thread::Builder::new()
            .name("measure".into())
            .spawn(move || receiving.run())
            .map_err(ServerError::Thread)?;
        Ok(Self {
            address,
            stopping,
            served,
            thread: Some(thread),
        })
    }

    /// Where it listens, with the port that it was given.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn served(&self) -> Served {
        *self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // It looks up at least twice a second.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Receiving {
    serving: Serving,
    socket: Arc<Datagrams>,
    clock: Clock,
    stopping: Arc<AtomicBool>,
    served: Arc<Mutex<Served>>,
}

impl Receiving {
    fn run(mut self) {
        clock::wake_precisely();
        let mut arrivals = Arrivals::new(&self.clock);
        let mut gather = false;
        while !self.stopping.load(Ordering::Relaxed) {
            if gather {
                thread::sleep(GATHER);
            }
            match self.take(&mut arrivals) {
                Ok(batch) => gather = (LOAD_FROM..Arrivals::MOST).contains(&batch.count),
                Err(error) => {
                    tracing::warn!(%error, "the measuring server's socket failed; trying again");
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }

    fn take(&mut self, arrivals: &mut Arrivals) -> io::Result<Batch> {
        let mut out = Vec::new();
        let (serving, clock) = (&mut self.serving, &self.clock);
        let wait = serving.idle_for();
        let batch = arrivals.receive(&self.socket, clock, wait, |from, datagram, arrived| {
            let times = Times {
                arrived,
                now: clock.now(),
                wall: wall_now(),
            };
            serving.on_datagram(from, datagram, times, &mut out);
        })?;
        if batch.overflow > 0 {
            serving.note_overflow(batch.overflow);
        }
        if batch.clock_stepped {
            serving.note_clock_step();
        }
        serving.on_time(clock.now(), &mut out);
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = serving.served();
        for output in out {
            self.perform(output);
        }
        Ok(batch)
    }

    fn perform(&self, output: Output) {
        match output {
            Output::Send { to, datagram } => {
                if let Err(error) = self.socket.send(to, &datagram) {
                    tracing::debug!(%to, %error, "an answer could not be sent");
                }
            }
            Output::Begin(sending) => self.begin(*sending),
        }
    }

    /// The receiving thread never waits for a sender; how many there are is bounded by the port's rate.
    fn begin(&self, sending: Sending) {
        let (socket, clock) = (Arc::clone(&self.socket), self.clock);
        let started = thread::Builder::new()
            .name("measure-send".into())
            .spawn(move || sending::run(&sending, &socket, &clock));
        if let Err(error) = started {
            tracing::warn!(%error, "a thread for a download cannot be started");
        }
    }
}

fn wall_now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
