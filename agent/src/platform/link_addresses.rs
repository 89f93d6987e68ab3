//! What the running kernel says of its network interfaces by netlink: the address that each card was made with.
//!
//! The words of the question and of the answer are pure bytes here; [`own_addresses`] asks. ethtool asks the
//! same by an ioctl, which safe code cannot. No packet leaves the computer. Called by the inventory.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use inventory_schema::device::MacAddress;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, sendto, socket_with};

/// The kernel answers at once; this only bounds a kernel that does not.
const PATIENCE: Duration = Duration::from_secs(1);

/// The kernel fills at most 32 KiB at a time.
const ANSWER_BYTES: usize = 32 * 1024;

/// Thousands of interfaces; a computer has ten.
const MOST_ANSWERS: usize = 64;

const HEADER_BYTES: usize = 16;
const LINK_BYTES: usize = 16;
const ATTRIBUTE_HEADER_BYTES: usize = 4;

// linux/netlink.h, linux/rtnetlink.h, linux/if_link.h.
const ERROR: u16 = 2;
const DONE: u16 = 3;
const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const REQUEST_A_DUMP: u16 = 0x301;
const PERMANENT_ADDRESS: u16 = 54;
const EXTENDED_MASK: u16 = 29;
const WITHOUT_STATISTICS: u32 = 1 << 3;

/// The cards' own addresses by the number of the interface.
pub fn own_addresses() -> io::Result<BTreeMap<u32, MacAddress>> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    let kernel = netlink::SocketAddrNetlink::new(0, 0);
    sendto(&socket, &question(), SendFlags::empty(), &kernel)?;
    let mut addresses = BTreeMap::new();
    let mut buffer = vec![0; ANSWER_BYTES];
    for _ in 0..MOST_ANSWERS {
        let (length, _) = recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        if length == 0 || read_answer(&buffer[..length], &mut addresses) == Answer::Complete {
            break;
        }
    }
    Ok(addresses)
}

/// «All links, without their counters.»
fn question() -> Vec<u8> {
    let length = u32::try_from(HEADER_BYTES + LINK_BYTES + 8).expect("a question is short");
    let mut bytes = Vec::with_capacity(HEADER_BYTES + LINK_BYTES + 8);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(GET_LINK.to_ne_bytes());
    bytes.extend(REQUEST_A_DUMP.to_ne_bytes());
    bytes.extend([1u32.to_ne_bytes(), 0u32.to_ne_bytes()].concat());
    bytes.extend([0; LINK_BYTES]);
    bytes.extend(8u16.to_ne_bytes());
    bytes.extend(EXTENDED_MASK.to_ne_bytes());
    bytes.extend(WITHOUT_STATISTICS.to_ne_bytes());
    bytes
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    MoreFollows,
    Complete,
}

/// Messages one behind another, each padded to four bytes.
fn read_answer(mut bytes: &[u8], addresses: &mut BTreeMap<u32, MacAddress>) -> Answer {
    while let Some((kind, message, rest)) = split_message(bytes) {
        match kind {
            DONE | ERROR => return Answer::Complete,
            NEW_LINK => addresses.extend(own_address(message)),
            _ => (),
        }
        bytes = rest;
    }
    Answer::MoreFollows
}

fn split_message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::try_from(u32::from_ne_bytes(*bytes.first_chunk()?)).ok()?;
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let message = bytes.get(HEADER_BYTES..length)?;
    Some((kind, message, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// `None` for an interface that was made without an address, as software interfaces are.
fn own_address(link: &[u8]) -> Option<(u32, MacAddress)> {
    let number = u32::from_ne_bytes(*link.get(4..)?.first_chunk()?);
    let mut attributes = link.get(LINK_BYTES..)?;
    loop {
        let length = usize::from(u16::from_ne_bytes(*attributes.first_chunk()?));
        let kind = u16::from_ne_bytes(*attributes.get(2..)?.first_chunk()?);
        let value = attributes.get(ATTRIBUTE_HEADER_BYTES..length)?;
        if kind == PERMANENT_ADDRESS {
            return Some((number, MacAddress::from_bytes(value.try_into().ok()?)));
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(ATTRIBUTE_HEADER_BYTES + value.len()).unwrap();
        let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn message(kind: u16, number: u32, attributes: &[Vec<u8>]) -> Vec<u8> {
        let body = [&[0; 4][..], &number.to_ne_bytes(), &[0; 8], &attributes.concat()].concat();
        let length = u32::try_from(HEADER_BYTES + body.len()).unwrap();
        [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], &body].concat()
    }

    #[test]
    fn addresses_are_read_of_the_links_that_have_one() {
        let own = [0x3c, 0x7c, 0x3f, 0, 0x11, 0x22];
        let bytes = [
            message(NEW_LINK, 1, &[attribute(3, b"lo\0")]),
            message(
                NEW_LINK,
                4,
                &[attribute(3, b"enp3s0\0"), attribute(1, &[2; 6]), attribute(PERMANENT_ADDRESS, &own)],
            ),
            message(NEW_LINK, 5, &[attribute(PERMANENT_ADDRESS, &[7; 20])]),
        ]
        .concat();
        let mut addresses = BTreeMap::new();
        assert_eq!(read_answer(&bytes, &mut addresses), Answer::MoreFollows);
        assert_eq!(addresses, BTreeMap::from([(4, MacAddress::from_bytes(own))]));
        assert_eq!(read_answer(&message(DONE, 0, &[]), &mut addresses), Answer::Complete);
    }

    #[test]
    fn the_running_kernel_answers() {
        let addresses = own_addresses().unwrap();
        let known = std::fs::read_dir("/sys/class/net").unwrap().count();
        assert!(addresses.len() <= known);
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200), length in 0u8..64) {
            let mut addresses = BTreeMap::new();
            let _ = read_answer(&bytes, &mut addresses);
            let mut framed = message(NEW_LINK, 1, &[]);
            framed.extend(&bytes);
            framed[0] = length;
            let _ = read_answer(&framed, &mut addresses);
        }
    }
}
