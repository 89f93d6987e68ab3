//! Datagrams in and out, in batches, each with the time it arrived.
//!
//! On Linux the kernel says when a datagram arrived and how many it dropped for want of room; elsewhere the time is
//! taken when the program is told, which the result says. It knows no message. Used by the probe's client and server.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::clock::Clock;
use crate::probe::Stamps;

#[cfg(target_os = "linux")]
mod linux;
// On Linux for its test alone.
#[cfg(any(not(target_os = "linux"), test))]
mod portable;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
use portable as system;

/// What a receiver must have room for: a tenth of a second that it gets no time, at 300 Mb/s.
const RECEIVE_BUFFER: usize = 4 << 20;
const SEND_BUFFER: usize = 1 << 20;
/// Datagrams that are taken in one call.
const MOST_AT_ONCE: usize = 64;
/// The longest datagram that is taken whole; the probe has none as long.
const DATAGRAM_BYTES: usize = 2_048;

/// A socket for datagrams. Sending needs no more than a shared reference; receiving is [`Arrivals`]' business.
#[derive(Debug)]
pub struct Datagrams {
    socket: UdpSocket,
}

impl Datagrams {
    /// A socket at this address, with room for bursts and whole packets only (no fragments).
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        system::prepare(&socket, address.is_ipv6(), RECEIVE_BUFFER, SEND_BUFFER)?;
        Ok(Self { socket })
    }

    /// A socket towards one peer, from whatever address leads there.
    pub fn towards(peer: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr = if peer.is_ipv4() {
            ([0, 0, 0, 0], 0).into()
        } else {
            (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
        };
        let datagrams = Self::bind(any)?;
        datagrams.socket.connect(peer)?;
        Ok(datagrams)
    }

    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The bytes that may wait to be received: what the system gave, not what was asked for.
    pub fn receive_buffer(&self) -> Option<usize> {
        system::receive_buffer(&self.socket)
    }

    pub fn send(&self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        self.send_batch(to, datagram, datagram.len())
    }

    /// Sends datagrams of one size that lie behind each other.
    pub fn send_batch(&self, to: SocketAddr, datagrams: &[u8], size: usize) -> io::Result<()> {
        let connected = self.socket.peer_addr().is_ok();
        system::send_batch(&self.socket, (!connected).then_some(to), datagrams, size)
    }

    pub fn stamps() -> Stamps {
        system::STAMPS
    }
}

/// What one call brought beside the datagrams themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Batch {
    pub count: usize,
    /// Dropped since the call before.
    pub overflow: u32,
    pub clock_stepped: bool,
}

/// The receiving side of a socket, with what it must remember between calls.
#[derive(Debug)]
pub struct Arrivals {
    system: system::Arrivals,
}

impl Arrivals {
    /// Datagrams that one call takes at most.
    pub const MOST: usize = MOST_AT_ONCE;

    pub fn new(clock: &Clock) -> Self {
        Self {
            system: system::Arrivals::new(clock),
        }
    }

    /// Waits for datagrams at most so long, takes what is there and hands each over with the time it arrived.
    /// That a peer's port was closed is no error here: it is silent, and silence is judged elsewhere.
    pub fn receive(
        &mut self,
        datagrams: &Datagrams,
        clock: &Clock,
        wait: Duration,
        each: impl FnMut(SocketAddr, &[u8], Duration),
    ) -> io::Result<Batch> {
        match self.system.receive(&datagrams.socket, clock, wait, each) {
            Err(error) if is_silence(&error) => Ok(Batch::default()),
            other => other,
        }
    }
}

fn is_silence(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable, TimedOut, WouldBlock};
    matches!(
        error.kind(),
        WouldBlock | TimedOut | Interrupted | ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable
    ) || system::is_too_long(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_arrive_whole_with_the_kernels_time() {
        let clock = Clock::new();
        let receiver = Datagrams::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let to = receiver.local_address().unwrap();
        let sender = Datagrams::towards(to).unwrap();
        let mut arrivals = Arrivals::new(&clock);
        let before = clock.now();
        let bytes: Vec<u8> = (0..100).flat_map(|number| [number; 300]).collect();
        sender.send_batch(to, &bytes, 300).unwrap();
        let mut received = Vec::new();
        while received.len() < 100 {
            arrivals
                .receive(&receiver, &clock, Duration::from_secs(5), |from, datagram, at| {
                    assert_eq!(from, sender.local_address().unwrap());
                    received.push((datagram.to_vec(), at));
                })
                .unwrap();
        }
        let after = clock.now();
        for (number, (datagram, at)) in received.iter().enumerate() {
            assert_eq!(*datagram, vec![number as u8; 300]);
            assert!(*at >= before && *at <= after, "{at:?} is not between {before:?} and {after:?}");
        }
        assert!(received.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    }

    #[test]
    fn nothing_is_waited_for_longer_than_asked() {
        let clock = Clock::new();
        let receiver = Datagrams::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let mut arrivals = Arrivals::new(&clock);
        for wait in [Duration::ZERO, Duration::from_millis(5)] {
            let batch = arrivals
                .receive(&receiver, &clock, wait, |_, _, _| panic!("nothing was sent"))
                .unwrap();
            assert_eq!(batch, Batch::default());
        }
    }

    #[test]
    fn a_closed_port_is_silence_and_no_error() {
        let clock = Clock::new();
        let closed = Datagrams::bind(([127, 0, 0, 1], 0).into()).unwrap().local_address().unwrap();
        let sender = Datagrams::towards(closed).unwrap();
        let mut arrivals = Arrivals::new(&clock);
        for _ in 0..3 {
            let _ = sender.send(closed, b"anybody there?");
            arrivals.receive(&sender, &clock, Duration::from_millis(5), |_, _, _| {}).unwrap();
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_kernel_dropped_is_counted() {
        let clock = Clock::new();
        let receiver = Datagrams::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let to = receiver.local_address().unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(&receiver.socket, 8_192).unwrap();
        let sender = Datagrams::towards(to).unwrap();
        for _ in 0..100 {
            sender.send(to, &[0; 1_000]).unwrap();
        }
        let mut arrivals = Arrivals::new(&clock);
        let (mut received, mut dropped) = (0, 0);
        let mut take = |arrivals: &mut Arrivals| {
            let batch = arrivals.receive(&receiver, &clock, Duration::ZERO, |_, _, _| {}).unwrap();
            received += batch.count;
            dropped += batch.overflow;
            batch.count
        };
        while take(&mut arrivals) > 0 {}
        // The count travels with the next datagram that found room.
        sender.send(to, &[0; 1_000]).unwrap();
        take(&mut arrivals);
        assert!(received < 101);
        assert_eq!(received + dropped as usize, 101);
    }
}
