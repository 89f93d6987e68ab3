//! Load: a header whose tag is its own, and bytes that are counted and never read.

use std::time::Duration;

use super::{LOAD, LOAD_HEADER_BYTES, LOAD_SIGNED_BYTES, LOAD_TAG_BYTES, MAGIC, Seal, VERSION, header, micros, same};
use crate::bytes::{Reader, Writer};
use crate::probe::plan::Phase;

/// The part of a load datagram that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    pub session: u64,
    pub sequence: u32,
    /// By the sender's clock, since its first.
    pub sent: Duration,
    pub phase: Phase,
}

/// Whether the datagram says it is load; the commonest question, so it is asked first.
pub fn is_load(datagram: &[u8]) -> bool {
    datagram.len() >= LOAD_HEADER_BYTES && datagram[..2] == MAGIC && datagram[2] == VERSION && datagram[3] == LOAD
}

/// The session that a load datagram says it belongs to.
pub fn load_session(datagram: &[u8]) -> Option<u64> {
    let bytes = datagram.get(4..12).filter(|_| is_load(datagram))?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// The header of load, if the session's key proves it.
pub fn read_load(datagram: &[u8], seal: &Seal) -> Option<Load> {
    if !is_load(datagram) {
        return None;
    }
    let (signed, rest) = datagram.split_at_checked(LOAD_SIGNED_BYTES)?;
    if !same(&seal.load_tag(signed), &rest[..LOAD_TAG_BYTES]) {
        return None;
    }
    let mut from = Reader::new(&signed[4..]);
    let load = Load {
        session: from.u64().ok()?,
        sequence: from.u32().ok()?,
        sent: Duration::from_micros(from.u32().ok()?.into()),
        phase: Phase::from_number(from.u8().ok()?)?,
    };
    Some(load)
}

/// Writes the header of load over the first bytes of a datagram that is long enough.
pub fn write_load(datagram: &mut [u8], load: Load, seal: &Seal) {
    let mut out = Writer::with_capacity(LOAD_HEADER_BYTES);
    header(&mut out, LOAD);
    out.u64(load.session);
    out.u32(load.sequence);
    out.u32(micros(load.sent));
    out.u8(load.phase.number());
    let tag = seal.load_tag(out.as_slice());
    out.bytes(&tag);
    datagram[..LOAD_HEADER_BYTES].copy_from_slice(out.as_slice());
}
