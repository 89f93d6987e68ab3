//! Linux: many datagrams per call, `SO_TIMESTAMPNS` and `SO_RXQ_OVFL`.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, getsockopt, recvmmsg, sendmmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use rustix::net::sockopt as options;

use super::{Batch, DATAGRAM_BYTES, MOST_AT_ONCE};
use crate::clock::{Clock, WallClock};
use crate::probe::Stamps;

pub(super) const STAMPS: Stamps = Stamps::Kernel;

pub(super) fn prepare(socket: &UdpSocket, ipv6: bool, receive: usize, send: usize) -> io::Result<()> {
    setsockopt(socket, sockopt::ReceiveTimestampns, &true)?;
    setsockopt(socket, sockopt::RxqOvfl, &1)?;
    // With the right to pass over the system's limit, else as much as the limit gives.
    if options::set_socket_recv_buffer_size_force(socket, receive).is_err() {
        options::set_socket_recv_buffer_size(socket, receive)?;
    }
    options::set_socket_send_buffer_size(socket, send)?;
    // A packet that is too long for the path is lost, and seen to be, instead of being cut into two.
    if ipv6 {
        options::set_ipv6_mtu_discover(socket, options::Ipv6PathMtuDiscovery::PROBE)?;
        // A socket for both families; one for the newer alone has no such option.
        let _ = options::set_ip_mtu_discover(socket, options::Ipv4PathMtuDiscovery::PROBE);
    } else {
        options::set_ip_mtu_discover(socket, options::Ipv4PathMtuDiscovery::PROBE)?;
    }
    Ok(())
}

pub(super) fn receive_buffer(socket: &UdpSocket) -> Option<usize> {
    // The kernel doubles what is asked for and says so.
    getsockopt(socket, sockopt::RcvBuf).ok().map(|bytes| bytes / 2)
}

pub(super) fn is_too_long(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EMSGSIZE as i32)
}

pub(super) fn send_batch(socket: &UdpSocket, to: Option<SocketAddr>, datagrams: &[u8], size: usize) -> io::Result<()> {
    let to = to.map(SockaddrStorage::from);
    let slices: Vec<[IoSlice<'_>; 1]> = datagrams.chunks(size.max(1)).map(|datagram| [IoSlice::new(datagram)]).collect();
    let mut rest = slices.as_slice();
    while !rest.is_empty() {
        let addresses = vec![to; rest.len()];
        let mut headers = MultiHeaders::preallocate(rest.len(), None);
        let sent = match sendmmsg(socket.as_raw_fd(), &mut headers, rest.iter(), &addresses, [], MsgFlags::empty()) {
            Ok(sent) => sent.count(),
            // Somebody's port was closed: what follows goes out all the same.
            Err(Errno::ECONNREFUSED | Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        rest = &rest[sent.clamp(1, rest.len())..];
    }
    Ok(())
}

#[derive(Debug)]
pub(super) struct Arrivals {
    wall: WallClock,
    buffer: Vec<u8>,
    /// The kernel's count of dropped datagrams; it begins with the socket and only grows.
    dropped: u32,
    /// Everything that arrived before this was taken.
    emptied: Duration,
    timeout: Option<Duration>,
}

impl Arrivals {
    pub fn new(clock: &Clock) -> Self {
        let now = clock.now();
        Self {
            wall: WallClock::new(now, SystemTime::now()),
            buffer: vec![0; MOST_AT_ONCE * DATAGRAM_BYTES],
            dropped: 0,
            emptied: Duration::ZERO,
            timeout: None,
        }
    }

    pub fn receive(
        &mut self,
        socket: &UdpSocket,
        clock: &Clock,
        wait: Duration,
        mut each: impl FnMut(SocketAddr, &[u8], Duration),
    ) -> io::Result<Batch> {
        let flags = if wait.is_zero() {
            MsgFlags::MSG_DONTWAIT
        } else {
            if self.timeout != Some(wait) {
                socket.set_read_timeout(Some(wait.max(Duration::from_micros(1))))?;
                self.timeout = Some(wait);
            }
            MsgFlags::MSG_WAITFORONE
        };
        // New for each call: the kernel writes into the headers how much it used of them.
        let space = nix::cmsg_space!(TimeSpec, u32);
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(MOST_AT_ONCE, Some(space));
        let mut slices: Vec<[IoSliceMut<'_>; 1]> = self
            .buffer
            .chunks_mut(DATAGRAM_BYTES)
            .map(|chunk| [IoSliceMut::new(chunk)])
            .collect();
        let began = clock.now();
        let messages = recvmmsg(socket.as_raw_fd(), &mut headers, slices.iter_mut(), flags, None)?;
        let (now, wall) = (clock.now(), SystemTime::now());
        let mut batch = Batch {
            clock_stepped: self.wall.look(now, wall),
            ..Batch::default()
        };
        for message in messages {
            batch.count += 1;
            let mut arrived = now;
            for control in message.cmsgs()? {
                match control {
                    ControlMessageOwned::ScmTimestampns(stamp) => {
                        arrived = self.wall.steady(Duration::from(stamp), self.emptied);
                    }
                    ControlMessageOwned::RxqOvfl(dropped) => {
                        batch.overflow += dropped.saturating_sub(self.dropped);
                        self.dropped = self.dropped.max(dropped);
                    }
                    _ => {}
                }
            }
            let from = message.address.as_ref().and_then(socket_address);
            if let (Some(from), Some(datagram)) = (from, message.iovs().next()) {
                each(from, datagram, arrived);
            }
        }
        if batch.count < MOST_AT_ONCE {
            // Less a little: a datagram may have been stamped before the call and queued after it.
            self.emptied = began.saturating_sub(Duration::from_millis(20));
        }
        Ok(batch)
    }
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::new(v4.ip().into(), v4.port()));
    }
    let v6 = address.as_sockaddr_in6()?;
    Some(SocketAddr::new(v6.ip().into(), v6.port()))
}
