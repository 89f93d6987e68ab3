//! The probe: authenticated, leased datagrams at a pace, counted where they arrive.
//!
//! A TCP stream says how fast one connection was; the probe says whether the line carries a rate. It sends a little
//! more than the target and counts what comes through, after the line's credit was used up at twice the target.
//!
//! | Decision (pure) | Who performs it |
//! |---|---|
//! | [`wire`]: what a datagram says, and who may have said it | both sides |
//! | [`plan`]: what is due to be sent at a moment | [`sending`], [`client`] |
//! | [`reception`]: what arrived, and what the sender should do now | both sides |
//! | [`serving`]: who may measure, and what is answered | [`server`] |
//! | [`asking`]: what is asked next, and what was found | [`client`] |
//! | [`record`]: what was found as a document | whoever keeps it |
//!
//! It knows nothing of verdicts, schedules and buildings beyond their identifiers.

pub mod asking;
pub mod bins;
pub mod client;
pub mod plan;
pub mod reception;
pub mod record;
pub mod sending;
pub mod server;
pub mod serving;
pub mod wire;

use inventory_schema::measurement::ServerPlace;

pub use asking::{Failure, Finding, Question};
pub use plan::{DrainMode, Plan};
pub use reception::{Reception, Stamps};
pub use serving::{Anonymous, Settings};

/// The place of a server as the wire numbers it.
pub(crate) fn place_number(place: ServerPlace) -> u8 {
    match place {
        ServerPlace::Loopback => 1,
        ServerPlace::School => 2,
        ServerPlace::RegionalNode => 3,
        ServerPlace::Beyond => 4,
        ServerPlace::Other => 0,
    }
}

pub(crate) fn place_of(number: u8) -> ServerPlace {
    match number {
        1 => ServerPlace::Loopback,
        2 => ServerPlace::School,
        3 => ServerPlace::RegionalNode,
        4 => ServerPlace::Beyond,
        _ => ServerPlace::Other,
    }
}
