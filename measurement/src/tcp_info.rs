//! What the kernel knows of a TCP connection: bytes acknowledged and received, round trips, segments, losses.
//!
//! `getsockopt(TCP_INFO)` needs unsafe code, which this workspace forbids. Linux tells the same over a netlink socket
//! (`sock_diag`): a question with the connection's two addresses goes out, and `struct tcp_info` comes back as bytes,
//! as many as this kernel has. Nothing else is trusted than the length that came. Elsewhere nothing is known, and
//! callers do without.
//!
//! The reader is pure; [`read`] asks. Both sides of the TCP methods call it a few times a second.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The two ends of a connection, as this computer sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    pub local: SocketAddr,
    pub peer: SocketAddr,
}

/// As the kernel counts; what an older kernel does not know is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TcpInfo {
    pub round_trip: Option<Duration>,
    pub round_trip_variation: Option<Duration>,
    pub min_round_trip: Option<Duration>,
    /// Payload of a full segment, options taken off, as sent and as received.
    pub send_segment: Option<u32>,
    pub receive_segment: Option<u32>,
    pub path_mtu: Option<u32>,
    pub bytes_acked: Option<u64>,
    pub bytes_received: Option<u64>,
    pub bytes_sent: Option<u64>,
    pub bytes_retransmitted: Option<u64>,
    pub busy: Option<Duration>,
    pub limited_by_receiver: Option<Duration>,
    pub limited_by_buffer: Option<Duration>,
    /// `bbr`, `cubic`.
    pub congestion_control: Option<String>,
}

/// What a kernel writes where it has measured nothing.
const NEVER: u32 = u32::MAX;

impl TcpInfo {
    /// Reads `struct tcp_info` as far as it goes.
    pub fn parse(bytes: &[u8]) -> Self {
        let known = |value: Option<u32>| value.filter(|value| *value != NEVER && *value != 0);
        let micros = |at| known(u32_at(bytes, at)).map(|micros| Duration::from_micros(micros.into()));
        let long = |at| u64_at(bytes, at);
        Self {
            send_segment: known(u32_at(bytes, 16)),
            receive_segment: known(u32_at(bytes, 20)),
            path_mtu: known(u32_at(bytes, 60)),
            round_trip: micros(68),
            round_trip_variation: micros(72),
            bytes_acked: long(120),
            bytes_received: long(128),
            min_round_trip: micros(148),
            busy: long(168).map(Duration::from_micros),
            limited_by_receiver: long(176).map(Duration::from_micros),
            limited_by_buffer: long(184).map(Duration::from_micros),
            bytes_sent: long(200),
            bytes_retransmitted: long(208),
            congestion_control: None,
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_ne_bytes)
}

const MESSAGE_HEAD: usize = 16;
const BY_FAMILY: u16 = 20;
/// `struct inet_diag_msg` before its attributes.
const DIAG_HEAD: usize = 72;
const INFO: u16 = 2;
const CONGESTION: u16 = 4;
const TCP: u8 = 6;
/// Where there is no such connection a kernel tells of whoever listens at that port.
const LISTENING: u8 = 10;
const REQUEST: u16 = 1;
const ANY_STATE: u32 = u32::MAX;
const NO_COOKIE: [u8; 8] = [0xff; 8];

/// The question for one connection.
pub fn question(ends: Ends) -> Vec<u8> {
    let (local, peer) = (ends.local.ip().to_canonical(), ends.peer.ip().to_canonical());
    let family: u8 = if local.is_ipv4() { 2 } else { 10 };
    let mut body = vec![family, TCP, (1 << (INFO - 1)) | (1 << (CONGESTION - 1)), 0];
    body.extend(ANY_STATE.to_ne_bytes());
    body.extend(ends.local.port().to_be_bytes());
    body.extend(ends.peer.port().to_be_bytes());
    body.extend(padded(local));
    body.extend(padded(peer));
    body.extend(0_u32.to_ne_bytes());
    body.extend(NO_COOKIE);
    let length = u32::try_from(MESSAGE_HEAD + body.len()).unwrap_or_default();
    let mut out = length.to_ne_bytes().to_vec();
    out.extend(BY_FAMILY.to_ne_bytes());
    out.extend(REQUEST.to_ne_bytes());
    out.extend(1_u32.to_ne_bytes());
    out.extend(0_u32.to_ne_bytes());
    out.extend(body);
    out
}

fn padded(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&v4.octets());
            bytes
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The kernel's answer to [`question`]; `None` where it knows no such connection.
pub fn answer(bytes: &[u8]) -> Option<TcpInfo> {
    let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
    let message = bytes.get(..length)?;
    if u16_at(message, 4)? != BY_FAMILY || message.get(MESSAGE_HEAD + 1) == Some(&LISTENING) {
        return None;
    }
    let mut rest = message.get(MESSAGE_HEAD + DIAG_HEAD..)?;
    let (mut info, mut congestion) = (None, None);
    while let (Some(length), Some(kind)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let length = usize::from(length);
        let Some(value) = rest.get(4..length) else { break };
        match kind {
            INFO => info = Some(TcpInfo::parse(value)),
            CONGESTION => congestion = word(value),
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    info.map(|info| TcpInfo {
        congestion_control: congestion,
        ..info
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

/// A name as C ends it.
fn word(bytes: &[u8]) -> Option<String> {
    let name = bytes.split(|byte| *byte == 0).next()?;
    let plain = !name.is_empty() && name.len() <= 16 && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    plain.then(|| String::from_utf8_lossy(name).into_owned())
}

/// Asks the kernel. `Ok(None)`: it does not know, or there is nobody to ask on this system.
///
/// # Errors
/// When the question could not be asked.
#[cfg(target_os = "linux")]
pub fn read(ends: Ends) -> io::Result<Option<TcpInfo>> {
    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with};

    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    send(&socket, &question(ends), SendFlags::empty())?;
    let mut bytes = [0_u8; 2048];
    // The kernel answers before it returns from the question.
    let (length, _) = recv(&socket, &mut bytes, RecvFlags::DONTWAIT)?;
    Ok(bytes.get(..length).and_then(answer))
}

#[cfg(not(target_os = "linux"))]
pub fn read(_: Ends) -> io::Result<Option<TcpInfo>> {
    Ok(None)
}

/// Asks for BBR, which one lost packet in a thousand does not stop, as sender. Returns whether the kernel has it.
#[cfg(target_os = "linux")]
pub fn prefer_bbr(socket: impl std::os::fd::AsFd) -> bool {
    rustix::net::sockopt::set_tcp_congestion(socket, "bbr").is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut out = u16::try_from(value.len() + 4).unwrap().to_ne_bytes().to_vec();
        out.extend(kind.to_ne_bytes());
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn message(attributes: &[u8]) -> Vec<u8> {
        let mut out = u32::try_from(MESSAGE_HEAD + DIAG_HEAD + attributes.len())
            .unwrap()
            .to_ne_bytes()
            .to_vec();
        out.extend(BY_FAMILY.to_ne_bytes());
        out.resize(MESSAGE_HEAD + DIAG_HEAD, 0);
        out.extend(attributes);
        out
    }

    #[test]
    fn an_answer_is_read_and_an_older_kernels_shorter_one_too() {
        let mut info = vec![0_u8; 216];
        info[16..20].copy_from_slice(&1448_u32.to_ne_bytes());
        info[120..128].copy_from_slice(&77_u64.to_ne_bytes());
        info[148..152].copy_from_slice(&u32::MAX.to_ne_bytes());
        let attributes = [attribute(9, b"?"), attribute(INFO, &info), attribute(CONGESTION, b"bbr\0")].concat();
        let read = answer(&message(&attributes)).unwrap();
        assert_eq!(
            (read.send_segment, read.bytes_acked, read.min_round_trip),
            (Some(1448), Some(77), None)
        );
        assert_eq!(read.congestion_control.as_deref(), Some("bbr"));
        let old = answer(&message(&attribute(INFO, &info[..104]))).unwrap();
        assert_eq!((old.send_segment, old.bytes_acked), (Some(1448), None));
        assert_eq!(answer(&message(&[])), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_kernel_tells_of_a_connection_over_both_versions_of_ip() {
        use std::io::{Read, Write};
        use std::net::{TcpListener, TcpStream};
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut server, peer) = listener.accept().unwrap();
            client.write_all(&[7; 5000]).unwrap();
            server.read_exact(&mut [0; 5000]).unwrap();
            let ends = Ends {
                local: server.local_addr().unwrap(),
                peer,
            };
            let info = read(ends).unwrap().unwrap();
            assert_eq!(info.bytes_received, Some(5000), "{info:?}");
            assert!(info.congestion_control.is_some() && info.round_trip.is_some(), "{info:?}");
            let nobody = Ends {
                peer: SocketAddr::new(peer.ip(), 1),
                ..ends
            };
            assert_eq!(read(nobody).unwrap(), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = TcpInfo::parse(&bytes);
            let _ = answer(&bytes);
            let _ = answer(&message(&bytes));
        }
    }
}
