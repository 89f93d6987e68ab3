//! What the datagrams of a session say, load apart.

use std::time::Duration;

use inventory_schema::measurement::Direction;

use crate::lease::{Claim, Refusal};
use crate::probe::plan::Plan;
use crate::probe::reception::Reception;

pub type Nonce = [u8; 16];
/// What only the owner of an address can send back.
pub type Cookie = [u8; 16];
pub const NO_COOKIE: Cookie = [0; 16];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Client: a lease for one who has none.
    Ask(Ask),
    /// Server: send this back, so that I know that the address is yours.
    Challenge { nonce: Nonce, cookie: Cookie },
    /// Server: a short lease with its secret.
    Grant { nonce: Nonce, lease: Vec<u8>, secret: [u8; 32] },
    /// Client: measure under this lease, by this plan.
    Setup(Setup),
    /// Server: this is the session's number.
    Accept(Accept),
    /// Server: no, and why; when to ask again.
    Refuse {
        nonce: Nonce,
        refusal: Refusal,
        retry_after: Duration,
    },
    /// Client: as large as load would be.
    Ping { session: u64, number: u16 },
    /// Server: just as large, and how long it was kept here.
    Pong { session: u64, number: u16, held: Duration },
    /// Client: begin, with datagrams of this payload.
    Start { session: u64, payload: u16 },
    /// Receiver: I am here, and this is what I want.
    Feedback(Feedback),
    /// Sender: that was all.
    End(Sent),
    /// Server, as receiver: what arrived.
    Result { session: u64, reception: Reception },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub nonce: Nonce,
    pub cookie: Cookie,
    pub direction: Direction,
    pub target_kbps: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    pub nonce: Nonce,
    pub cookie: Cookie,
    pub plan: Plan,
    pub claim: Claim,
    pub lease: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept {
    pub nonce: Nonce,
    pub session: u64,
    /// As [`crate::probe::place_number`] numbers them.
    pub place: u8,
    pub title: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Feedback {
    pub session: u64,
    pub number: u16,
    pub orders: Orders,
    /// Datagrams of load that arrived so far.
    pub received: u32,
}

/// What the receiver wants of the sender. An order is never taken back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Orders {
    /// The line was seen to cap the rate: drained enough.
    pub hold: bool,
    /// Enough was seen.
    pub stop: bool,
}

/// What the sender did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    pub session: u64,
    pub packets: u32,
    pub stall_max: Duration,
    /// The computer gave the sender too little time, or the receiver fell silent.
    pub reason: EndReason,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EndReason {
    /// As planned, or as ordered.
    #[default]
    Done,
    /// Nothing was heard of the receiver.
    Silence,
    /// The sender could not send.
    Failed,
}
