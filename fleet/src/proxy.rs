//! A bad line: a TCP proxy between agents and their controller that can be told to misbehave.
//!
//! It copies bytes, knows nothing of what they say and decides nothing: whoever holds it names the
//! [`Fault`] and takes it away. It needs nothing of this crate, so that other tests may include it.
//!
//! | Fault | Connections that stand | New connections | What it is in a school |
//! |---|---|---|---|
//! | [`Fault::Cut`] | are reset | are reset | the line or the switch lost power |
//! | [`Fault::Stall`] | stand and carry nothing | are taken and carry nothing | a filter that hangs; all goes on afterwards |
//! | [`Fault::HalfOpen`] | requests arrive, answers are lost | the same | a NAT that forgot one direction; reset afterwards |
//! | [`Fault::Slow`] | carry so many bytes a second | the same | the neighbour's video lesson |

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    Cut,
    Stall,
    HalfOpen,
    Slow { bytes_per_second: u32 },
}

/// A line, good until it is told otherwise. Dropping it ends it and every connection through it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    fault: watch::Sender<Option<Fault>>,
    open: watch::Sender<usize>,
    taken: AtomicUsize,
}

const CHUNK: usize = 16 * 1024;
/// A slow line carries its bytes in this many portions a second.
const PORTIONS: u32 = 20;

impl Proxy {
    /// Listens on a free port of the loopback address and leads to `upstream`.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            fault: watch::Sender::new(None),
            open: watch::Sender::new(0),
            taken: AtomicUsize::new(0),
        });
        let accepting = tokio::spawn(accept(listener, upstream, state.clone()));
        Ok(Self { address, state, accepting })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the line has this fault, or none.
    pub fn set(&self, fault: Option<Fault>) {
        self.state.fault.send_replace(fault);
    }

    /// Connections through it now.
    pub fn open(&self) -> usize {
        *self.state.open.borrow()
    }

    /// Connections that clients made since the start.
    pub fn taken(&self) -> usize {
        self.state.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.set(Some(Fault::Cut));
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, state: Arc<State>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // For want of file descriptors, mostly: the others go on.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        state.taken.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(carry(client, upstream, state.clone()));
    }
}

/// One connection's life: until either side ends, or the line breaks. What breaks is reset, without a goodbye.
async fn carry(mut client: TcpStream, upstream: SocketAddr, state: Arc<State>) {
    let fault = state.fault.subscribe();
    if *fault.borrow() == Some(Fault::Cut) || until_it_carries(fault.clone()).await.is_err() {
        return reset(&client);
    }
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        return reset(&client);
    };
    let _open = Open::new(&state);
    for side in [&client, &server] {
        // Requests are small and awaited; a socket without this option still works.
        let _ = side.set_nodelay(true);
    }
    let ended_in_order = {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let up = copy(from_client, to_server, fault.clone(), Direction::Up);
        let down = copy(from_server, to_client, fault.clone(), Direction::Down);
        tokio::select! {
            ended = async { tokio::try_join!(up, down) } => ended.is_ok(),
            () = broken(fault) => false,
        }
    };
    if !ended_in_order {
        reset(&client);
        reset(&server);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut fault: watch::Receiver<Option<Fault>>,
    direction: Direction,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        until_it_carries(fault.clone()).await.map_err(|_| io::ErrorKind::ConnectionReset)?;
        let now = *fault.borrow_and_update();
        let portion = match now {
            Some(Fault::Slow { bytes_per_second }) => {
                tokio::time::sleep(Duration::from_secs(1) / PORTIONS).await;
                usize::try_from(bytes_per_second / PORTIONS).unwrap_or(CHUNK).clamp(1, CHUNK)
            }
            _ => CHUNK,
        };
        let read = tokio::select! {
            read = from.read(&mut buffer[..portion]) => read?,
            // What is read meanwhile would pass a line that has just been stalled.
            _ = fault.changed() => continue,
        };
        if read == 0 {
            return to.shutdown().await;
        }
        until_it_carries(fault.clone()).await.map_err(|_| io::ErrorKind::ConnectionReset)?;
        if direction == Direction::Down && *fault.borrow() == Some(Fault::HalfOpen) {
            continue;
        }
        to.write_all(&buffer[..read]).await?;
    }
}

/// Ends when the line is cut, or when a half-open line is seen to be broken: with the fault.
async fn broken(mut fault: watch::Receiver<Option<Fault>>) {
    let _ = fault.wait_for(|fault| matches!(fault, Some(Fault::Cut | Fault::HalfOpen))).await;
    let _ = fault.wait_for(|fault| *fault != Some(Fault::HalfOpen)).await;
}

/// Waits while the line is stalled.
async fn until_it_carries(mut fault: watch::Receiver<Option<Fault>>) -> Result<(), watch::error::RecvError> {
    fault.wait_for(|fault| *fault != Some(Fault::Stall)).await.map(drop)
}

fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

/// Counts one open connection.
struct Open<'s>(&'s State);

impl<'s> Open<'s> {
    fn new(state: &'s State) -> Self {
        state.open.send_modify(|open| *open += 1);
        Self(state)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

#[cfg(test)]
mod tests;
