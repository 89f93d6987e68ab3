//! The probe's datagrams to the byte.
//!
//! ```text
//! every datagram   C0 5D | version | kind | body | tag | padding
//! ```
//!
//! What begins a session (Setup) is proven by the lease's secret, all that follows by a key of the session's own,
//! derived from the secret and both sides' chance. A tag covers everything before it; what is behind it pads. Load
//! carries a shorter tag over its header: its bytes are counted and never read. Requests before the session are
//! padded to [`REQUEST_BYTES`], so that no answer to an address that was not proven is longer than its question.
//!
//! Pure; any bytes are read or refused, nothing is allocated beyond what a datagram holds. Used by both sessions.

mod load;
mod message;

use std::time::Duration;

use aws_lc_rs::hmac;
use inventory_schema::{BuildingId, DeviceId};

use super::plan::{DrainMode, Plan};
use super::reception::Reception;
use crate::bytes::{Reader, Unreadable, Writer};
use crate::lease::{self, Claim, LeaseSecret, MAX_LEASE_BYTES, Refusal};

pub use load::{Load, is_load, load_session, read_load, write_load};
pub use message::{Accept, Ask, Cookie, EndReason, Feedback, Message, NO_COOKIE, Nonce, Orders, Sent, Setup};

pub const VERSION: u8 = 1;
const MAGIC: [u8; 2] = [0xc0, 0x5d];
/// What a request is padded to before its sender's address is proven.
pub const REQUEST_BYTES: usize = 512;
/// Payload of a datagram that fills an Ethernet frame with IPv4.
pub const LARGEST_PAYLOAD: usize = 1472;
pub const TAG_BYTES: usize = 16;
const LOAD_TAG_BYTES: usize = 8;
/// Header of load with its tag.
pub const LOAD_HEADER_BYTES: usize = 29;
const LOAD_SIGNED_BYTES: usize = LOAD_HEADER_BYTES - LOAD_TAG_BYTES;
/// The longest name of a server in bytes of UTF-8.
const MAX_TITLE_BYTES: usize = 240;

/// A key of one session and what it signs.
#[derive(Debug, Clone)]
pub struct Seal(hmac::Key);

impl Seal {
    /// For the Setup and its refusal, before there is a session.
    pub fn of_lease(secret: &LeaseSecret) -> Self {
        Self(derived(&secret.0, b"setup", &[]))
    }

    pub fn of_session(secret: &LeaseSecret, nonce: &Nonce, session: u64) -> Self {
        let mut chance = nonce.to_vec();
        chance.extend_from_slice(&session.to_be_bytes());
        Self(derived(&secret.0, b"session", &chance))
    }

    fn tag(&self, bytes: &[u8]) -> [u8; TAG_BYTES] {
        lease::first(hmac::sign(&self.0, bytes).as_ref())
    }

    fn load_tag(&self, bytes: &[u8]) -> [u8; LOAD_TAG_BYTES] {
        lease::first(hmac::sign(&self.0, bytes).as_ref())
    }
}

fn derived(secret: &[u8; 32], purpose: &[u8], chance: &[u8]) -> hmac::Key {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    context.update(b"cos probe 1\0");
    context.update(purpose);
    context.update(&[0]);
    context.update(chance);
    hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref())
}

fn same(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// A datagram whose form was read and whose tag was not looked at yet.
#[derive(Debug, Clone)]
pub struct Unverified<'a> {
    message: Message,
    signed: &'a [u8],
    tag: &'a [u8],
}

impl<'a> Unverified<'a> {
    /// Messages that come before any key: what they say is not to be relied on.
    pub fn unsigned(&self) -> Option<&Message> {
        matches!(
            self.message,
            Message::Ask(_) | Message::Challenge { .. } | Message::Grant { .. } | Message::Setup(_) | Message::Refuse { .. }
        )
        .then_some(&self.message)
    }

    /// The session that the message says it belongs to.
    pub fn session(&self) -> Option<u64> {
        match &self.message {
            Message::Accept(accept) => Some(accept.session),
            Message::Ping { session, .. }
            | Message::Pong { session, .. }
            | Message::Start { session, .. }
            | Message::Result { session, .. } => Some(*session),
            Message::Feedback(feedback) => Some(feedback.session),
            Message::End(sent) => Some(sent.session),
            _ => None,
        }
    }

    /// The nonce that an Accept or a refusal answers.
    pub fn nonce(&self) -> Option<&Nonce> {
        match &self.message {
            Message::Accept(accept) => Some(&accept.nonce),
            Message::Refuse { nonce, .. } | Message::Challenge { nonce, .. } | Message::Grant { nonce, .. } => Some(nonce),
            _ => None,
        }
    }

    pub fn proven_by(&self, seal: &Seal) -> bool {
        self.tag.len() == TAG_BYTES && same(&seal.tag(self.signed), self.tag)
    }

    pub fn verified(self, seal: &Seal) -> Option<Message> {
        self.proven_by(seal).then_some(self.message)
    }
}

const ASK: u8 = 1;
const CHALLENGE: u8 = 2;
const GRANT: u8 = 3;
const SETUP: u8 = 4;
const ACCEPT: u8 = 5;
const REFUSE: u8 = 6;
const PING: u8 = 7;
const PONG: u8 = 8;
const START: u8 = 9;
const LOAD: u8 = 10;
const FEEDBACK: u8 = 11;
const END: u8 = 12;
const RESULT: u8 = 13;

fn header(out: &mut Writer, kind: u8) {
    out.bytes(&MAGIC);
    out.u8(VERSION);
    out.u8(kind);
}

pub(super) fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// The datagram of a message, signed where a seal is given, and padded to `size` where it is shorter.
pub fn write(message: &Message, seal: Option<&Seal>, size: usize) -> Vec<u8> {
    let mut out = Writer::with_capacity(size.max(REQUEST_BYTES));
    write_body(&mut out, message);
    let tag = seal.map_or([0; TAG_BYTES], |seal| seal.tag(out.as_slice()));
    out.bytes(&tag);
    let mut datagram = out.done();
    let short = size.saturating_sub(datagram.len());
    if short > 0 {
        datagram.extend(padding(short));
    }
    datagram
}

/// Bytes that no link compresses well; load has better ones.
fn padding(length: usize) -> impl Iterator<Item = u8> {
    let mut state = 0x9e37_79b9_u32;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    })
    .take(length)
}

fn write_body(out: &mut Writer, message: &Message) {
    match message {
        Message::Ask(ask) => {
            header(out, ASK);
            out.bytes(&ask.nonce);
            out.bytes(&ask.cookie);
            out.u8(lease::direction_number(ask.direction));
            out.u32(ask.target_kbps);
        }
        Message::Challenge { nonce, cookie } => {
            header(out, CHALLENGE);
            out.bytes(nonce);
            out.bytes(cookie);
        }
        Message::Grant { nonce, lease, secret } => {
            header(out, GRANT);
            out.bytes(nonce);
            out.bytes(secret);
            out.short(lease);
        }
        Message::Setup(setup) => write_setup(out, setup),
        Message::Accept(accept) => {
            header(out, ACCEPT);
            out.bytes(&accept.nonce);
            out.u64(accept.session);
            out.u8(accept.place);
            out.short(cut(&accept.title, MAX_TITLE_BYTES).as_bytes());
        }
        Message::Refuse {
            nonce,
            refusal,
            retry_after,
        } => {
            header(out, REFUSE);
            out.bytes(nonce);
            out.u8(refusal.number());
            out.u32(millis(*retry_after));
        }
        Message::Ping { session, number } => {
            header(out, PING);
            out.u64(*session);
            out.u16(*number);
        }
        Message::Pong { session, number, held } => {
            header(out, PONG);
            out.u64(*session);
            out.u16(*number);
            out.u32(micros(*held));
        }
        Message::Start { session, payload } => {
            header(out, START);
            out.u64(*session);
            out.u16(*payload);
        }
        Message::Feedback(feedback) => {
            header(out, FEEDBACK);
            out.u64(feedback.session);
            out.u16(feedback.number);
            out.u8(u8::from(feedback.orders.hold) | u8::from(feedback.orders.stop) << 1);
            out.u32(feedback.received);
        }
        Message::End(sent) => {
            header(out, END);
            out.u64(sent.session);
            out.u32(sent.packets);
            out.u32(micros(sent.stall_max));
            out.u8(sent.reason as u8);
        }
        Message::Result { session, reception } => {
            header(out, RESULT);
            out.u64(*session);
            reception.write(out);
        }
    }
}

fn write_setup(out: &mut Writer, setup: &Setup) {
    header(out, SETUP);
    out.bytes(&setup.nonce);
    out.bytes(&setup.cookie);
    out.u32(setup.plan.target_kbps);
    out.u32(setup.plan.hold_kbps);
    out.u32(setup.plan.drain_kbps);
    out.u8(setup.plan.drain.number());
    out.u32(millis(setup.plan.hold));
    out.u32(millis(setup.plan.tail));
    out.bytes(setup.claim.building.map_or([0; 16], |id| *id.as_uuid().as_bytes()).as_slice());
    out.bytes(setup.claim.device.map_or([0; 16], |id| *id.as_uuid().as_bytes()).as_slice());
    out.short(&setup.lease);
}

/// At most so many bytes of a text, whole characters only.
fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("not a datagram of the probe")]
    Foreign,
    #[error("another version of the protocol")]
    Version,
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// Reads the form of a datagram that is not load.
pub fn read(datagram: &[u8]) -> Result<Unverified<'_>, WireError> {
    let mut from = Reader::new(datagram);
    if from.array::<2>().ok() != Some(MAGIC) {
        return Err(WireError::Foreign);
    }
    if from.u8()? != VERSION {
        return Err(WireError::Version);
    }
    let kind = from.u8()?;
    let message = read_body(kind, &mut from)?;
    let (signed, rest) = datagram.split_at(datagram.len() - from.left());
    let tag = rest.get(..TAG_BYTES).ok_or(Unreadable)?;
    Ok(Unverified { message, signed, tag })
}

fn read_body(kind: u8, from: &mut Reader<'_>) -> Result<Message, Unreadable> {
    match kind {
        ASK => Ok(Message::Ask(Ask {
            nonce: from.array()?,
            cookie: from.array()?,
            direction: lease::direction_of(from.u8()?)?,
            target_kbps: from.u32()?,
        })),
        CHALLENGE => Ok(Message::Challenge {
            nonce: from.array()?,
            cookie: from.array()?,
        }),
        GRANT => {
            let (nonce, secret, lease) = (from.array()?, from.array()?, lease_bytes(from)?);
            Ok(Message::Grant { nonce, lease, secret })
        }
        SETUP => read_setup(from).map(Message::Setup),
        ACCEPT => Ok(Message::Accept(Accept {
            nonce: from.array()?,
            session: from.u64()?,
            place: from.u8()?,
            title: std::str::from_utf8(from.short()?).map_err(|_| Unreadable)?.to_owned(),
        })),
        REFUSE => Ok(Message::Refuse {
            nonce: from.array()?,
            refusal: Refusal::from_number(from.u8()?).ok_or(Unreadable)?,
            retry_after: Duration::from_millis(from.u32()?.into()),
        }),
        PING => Ok(Message::Ping {
            session: from.u64()?,
            number: from.u16()?,
        }),
        PONG => Ok(Message::Pong {
            session: from.u64()?,
            number: from.u16()?,
            held: Duration::from_micros(from.u32()?.into()),
        }),
        START => Ok(Message::Start {
            session: from.u64()?,
            payload: from.u16()?,
        }),
        FEEDBACK => read_feedback(from).map(Message::Feedback),
        END => Ok(Message::End(Sent {
            session: from.u64()?,
            packets: from.u32()?,
            stall_max: Duration::from_micros(from.u32()?.into()),
            reason: end_reason(from.u8()?)?,
        })),
        RESULT => Ok(Message::Result {
            session: from.u64()?,
            reception: Reception::read(from)?,
        }),
        _ => Err(Unreadable),
    }
}

fn read_setup(from: &mut Reader<'_>) -> Result<Setup, Unreadable> {
    Ok(Setup {
        nonce: from.array()?,
        cookie: from.array()?,
        plan: Plan {
            target_kbps: from.u32()?,
            hold_kbps: from.u32()?,
            drain_kbps: from.u32()?,
            drain: DrainMode::from_number(from.u8()?).ok_or(Unreadable)?,
            hold: Duration::from_millis(from.u32()?.into()),
            tail: Duration::from_millis(from.u32()?.into()),
        },
        claim: Claim {
            building: present(from.array()?).map(BuildingId::from_uuid),
            device: present(from.array()?).map(DeviceId::from_uuid),
        },
        lease: lease_bytes(from)?,
    })
}

fn present(bytes: [u8; 16]) -> Option<uuid::Uuid> {
    (bytes != [0; 16]).then(|| uuid::Uuid::from_bytes(bytes))
}

fn lease_bytes(from: &mut Reader<'_>) -> Result<Vec<u8>, Unreadable> {
    let bytes = from.short()?;
    if bytes.len() > MAX_LEASE_BYTES {
        Err(Unreadable)
    } else {
        Ok(bytes.to_vec())
    }
}

fn read_feedback(from: &mut Reader<'_>) -> Result<Feedback, Unreadable> {
    let (session, number, bits) = (from.u64()?, from.u16()?, from.u8()?);
    Ok(Feedback {
        session,
        number,
        orders: Orders {
            hold: bits & 1 != 0,
            stop: bits & 2 != 0,
        },
        received: from.u32()?,
    })
}

fn end_reason(number: u8) -> Result<EndReason, Unreadable> {
    match number {
        0 => Ok(EndReason::Done),
        1 => Ok(EndReason::Silence),
        2 => Ok(EndReason::Failed),
        _ => Err(Unreadable),
    }
}

#[cfg(test)]
mod tests;
