//! What an agent may do. The core names actions, the shell performs each and answers with one event.

use inventory_schema::check_in::CheckIn;
use inventory_schema::device::BootId;
use inventory_schema::enrollment::{HardwareEvidence, Receipt, RekeyReason, TrustBundle};
use inventory_schema::envelope::{ChainHead, Resumption};
use inventory_schema::quantity::Seconds;
use inventory_schema::signature::Signed;
use inventory_schema::{Digest, Envelope, SectionName};

use crate::ledger::Ledger;

#[derive(Debug, PartialEq)]
pub enum Action {
    /// Look at the hardware → `HardwareSeen`, if there was anything to see, then `Collected`.
    Collect,
    /// → `CheckInAnswered` or `CheckInFailed`.
    CheckIn {
        request: Box<CheckIn>,
        wait: Seconds,
        with_receipt: bool,
    },
    /// Sign the envelope and put it on disk with the bodies of `sections`, taken from the last collection
    /// → `Spooled` or `SpoolFailed`.
    Spool {
        envelope: Box<Envelope>,
        sections: Vec<SectionName>,
    },
    /// The same with the one document of a report that states no sections → `Spooled` or `SpoolFailed`.
    SpoolDocument { envelope: Box<Envelope>, body: Digest },
    /// Send the oldest reports → `Delivered` or `DeliveryFailed`. What was stored is removed from disk.
    Deliver,
    /// Sign what waits on disk anew, so that it follows `head` → `Resumed` or `ResumeFailed`.
    Resume { head: ChainHead, reason: Resumption },
    /// → `Renewed` or `RenewalFailed`.
    Renew,
    /// → `TimeReceived` or `TimeFailed`.
    AskTime,
    /// Keep the ledger on disk. Has no event: a lost ledger is repaired by the next check-in.
    SaveLedger(Box<Ledger>),
    /// Believe these roots and keys from now on. Has no event.
    AdoptTrust(TrustBundle),
    /// The device was moved. Has no event.
    AdoptReceipt(Signed<Receipt>),
    /// Keep what this computer is known by. Has no event: the next look repairs it.
    KeepEvidence(Box<HardwareEvidence>),
    /// Make another key and ask the controller whether it is needed → `RekeyKept`, `Rekeyed` or `RekeyFailed`.
    AskForKey {
        reason: RekeyReason,
        /// This computer's envelope that was answered as a fork.
        forked: Option<ChainHead>,
        evidence: Box<HardwareEvidence>,
        boot: BootId,
    },
    /// Say goodbye and end.
    Stop,
}
