//! Other systems: one datagram per call, and the time when the program was told of it.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime};

use rustix::net::sockopt as options;

use super::{Batch, DATAGRAM_BYTES, MOST_AT_ONCE};
use crate::clock::{Clock, WallClock};
use crate::probe::Stamps;

pub(super) const STAMPS: Stamps = Stamps::UserSpace;

pub(super) fn prepare(socket: &UdpSocket, _ipv6: bool, receive: usize, send: usize) -> io::Result<()> {
    options::set_socket_recv_buffer_size(socket, receive)?;
    options::set_socket_send_buffer_size(socket, send)?;
    Ok(())
}

pub(super) fn receive_buffer(socket: &UdpSocket) -> Option<usize> {
    options::socket_recv_buffer_size(socket).ok()
}

pub(super) fn is_too_long(error: &io::Error) -> bool {
    // WSAEMSGSIZE.
    error.raw_os_error() == Some(10_040)
}

pub(super) fn send_batch(socket: &UdpSocket, to: Option<SocketAddr>, datagrams: &[u8], size: usize) -> io::Result<()> {
    for datagram in datagrams.chunks(size.max(1)) {
        match to {
            Some(to) => socket.send_to(datagram, to)?,
            None => socket.send(datagram)?,
        };
    }
    Ok(())
}

#[derive(Debug)]
pub(super) struct Arrivals {
    /// No stamp comes from it, but that it was set is worth knowing.
    wall: WallClock,
    buffer: Vec<u8>,
}

impl Arrivals {
    pub fn new(clock: &Clock) -> Self {
        Self {
            wall: WallClock::new(clock.now(), SystemTime::now()),
            buffer: vec![0; DATAGRAM_BYTES],
        }
    }

    pub fn receive(
        &mut self,
        socket: &UdpSocket,
        clock: &Clock,
        wait: Duration,
        mut each: impl FnMut(SocketAddr, &[u8], Duration),
    ) -> io::Result<Batch> {
        let mut batch = Batch::default();
        let mut wait = wait;
        while batch.count < MOST_AT_ONCE {
            socket.set_nonblocking(wait.is_zero())?;
            if !wait.is_zero() {
                socket.set_read_timeout(Some(wait))?;
            }
            let (length, from) = match socket.recv_from(&mut self.buffer) {
                Ok(received) => received,
                Err(_) if batch.count > 0 => break,
                Err(error) => {
                    socket.set_nonblocking(false)?;
                    return Err(error);
                }
            };
            batch.count += 1;
            wait = Duration::ZERO;
            each(from, &self.buffer[..length], clock.now());
        }
        // Sending waits for room.
        socket.set_nonblocking(false)?;
        batch.clock_stepped = self.wall.look(clock.now(), SystemTime::now());
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_arrive_whole_with_the_programs_time() {
        let clock = Clock::new();
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        prepare(&receiver, false, 1 << 16, 1 << 16).unwrap();
        assert!(receive_buffer(&receiver).is_some_and(|bytes| bytes >= 1 << 16));
        let to = receiver.local_addr().unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut arrivals = Arrivals::new(&clock);
        let nothing = arrivals.receive(&receiver, &clock, Duration::ZERO, |_, _, _| panic!("nothing was sent"));
        assert_eq!(nothing.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let before = clock.now();
        let bytes: Vec<u8> = (0..10).flat_map(|number| [number; 300]).collect();
        send_batch(&sender, Some(to), &bytes, 300).unwrap();
        let mut received = Vec::new();
        while received.len() < 10 {
            arrivals
                .receive(&receiver, &clock, Duration::from_secs(5), |from, datagram, at| {
                    assert_eq!(from, sender.local_addr().unwrap());
                    assert!(at >= before);
                    received.push(datagram.to_vec());
                })
                .unwrap();
        }
        let expected: Vec<Vec<u8>> = (0..10).map(|number| vec![number; 300]).collect();
        assert_eq!(received, expected);
        assert_eq!(STAMPS, Stamps::UserSpace);
        assert!(is_too_long(&io::Error::from_raw_os_error(10_040)));
    }
}
