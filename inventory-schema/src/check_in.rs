//! `POST /v1/check-in`: what the agent believes the controller holds, and what the controller wants;
//! and `GET /v1/time`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::canonical::{CanonicalBytes, Digest};
use crate::enrollment::{HardwareEvidence, Receipt, TrustBundle};
use crate::envelope::{ChainHead, ReportClock};
use crate::quantity::{Bytes, Count, Seconds};
use crate::section::SectionName;
use crate::signature::Signed;
use crate::text::{Word, checked_text};
use crate::timestamp::Timestamp;

/// The longest a check-in may wait: proxies cut longer requests.
pub const MAX_WAIT_SECONDS: u64 = 50;

/// The versions of this protocol that a program speaks, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProtocolRange {
    pub oldest: u16,
    pub newest: u16,
}

impl ProtocolRange {
    /// What this program speaks.
    pub const CURRENT: Self = Self {
        oldest: 1,
        newest: Self::SECOND,
    };
    /// Version 2: a check-in may carry its beliefs as one digest, and reports of other kinds than inventories are taken.
    pub const SECOND: u16 = 2;

    /// The newest version that both speak.
    pub fn common(self, other: Self) -> Option<u16> {
        let newest = self.newest.min(other.newest);
        (newest >= self.oldest.max(other.oldest)).then_some(newest)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckIn {
    pub protocol: ProtocolRange,
    /// The agent's version.
    pub agent: Word,
    pub clock: ReportClock,
    /// The digest of all that the agent believes ([`Beliefs`]), instead of the beliefs: `held` is empty then, and
    /// `acknowledged`, `trust`, `receipt` and `evidence` are not said. Only to a controller that speaks version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub believed: Option<Digest>,
    /// The digests of the sections that the agent believes the controller holds.
    #[serde(default)]
    pub held: BTreeMap<SectionName, Digest>,
    /// The newest envelope that the agent knows was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<ChainHead>,
    /// The digest of the trust bundle that the agent has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Digest>,
    /// The digest of the receipt that the agent has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Digest>,
    /// The receipt itself, sent after the controller wanted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_receipt: Option<Signed<Receipt>>,
    pub spool: SpoolDepth,
    /// The digest of the hardware evidence that the agent holds for its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
    /// The evidence itself, sent after the controller wanted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<HardwareEvidence>,
    /// The newest order to every device to look at its hardware that the agent has heard of since it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<Timestamp>,
}

/// What both sides know of a device when nothing is left to say. While they agree one digest says it, and a check-in
/// has some 400 bytes instead of 1,300.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Beliefs<'a> {
    pub held: &'a BTreeMap<SectionName, Digest>,
    pub acknowledged: Option<ChainHead>,
    pub receipt: Option<Digest>,
    pub evidence: Option<Digest>,
}

impl Beliefs<'_> {
    /// Of the canonical bytes. The trust bundle is apart ([`summary`]), because it is the whole region's.
    pub fn digest(&self) -> Digest {
        CanonicalBytes::of(self).expect("beliefs are digests and numbers").digest()
    }
}

/// The digest that stands for `beliefs` ([`Beliefs::digest`]) held together with this trust bundle: of the 32 bytes of
/// each, one after the other, zeros for no bundle. Reckoned for every check-in, therefore no document.
pub fn summary(beliefs: Digest, trust: Option<Digest>) -> Digest {
    let mut both = [0; 64];
    both[..32].copy_from_slice(beliefs.as_bytes());
    if let Some(trust) = trust {
        both[32..].copy_from_slice(trust.as_bytes());
    }
    Digest::of(&both)
}

impl CheckIn {
    pub fn beliefs(&self) -> Beliefs<'_> {
        Beliefs {
            held: &self.held,
            acknowledged: self.acknowledged,
            receipt: self.receipt,
            evidence: self.evidence,
        }
    }

    /// The same check-in with one digest for all that it believes.
    #[must_use]
    pub fn summarized(self) -> Self {
        Self {
            believed: Some(summary(self.beliefs().digest(), self.trust)),
            held: BTreeMap::new(),
            acknowledged: None,
            trust: None,
            receipt: None,
            evidence: None,
            ..self
        }
    }
}

/// What waits on the agent's disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SpoolDepth {
    pub reports: Count,
    pub bytes: Bytes,
    /// Reports whose bodies were dropped because the spool was full.
    pub tombstones: Count,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckInAnswer {
    /// The version of the protocol that both speak.
    pub protocol: u16,
    pub server_time: Timestamp,
    /// When the agent comes back after this answer; 0 means at once. The controller spreads its agents by this.
    pub next_check_in: Seconds,
    /// How long the next check-in may wait for news.
    pub wait: Seconds,
    /// The digest of the agent's beliefs is not that of the controller's: the next check-in is to say them whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beliefs_wanted: bool,
    /// Sections that the controller wants to receive again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<SectionName>,
    /// The controller does not know where this device belongs: it wants the receipt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub receipt_wanted: bool,
    /// Look at the hardware again now instead of waiting for the next turn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub collect_now: bool,
    /// The newest envelope of this key that the controller holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<ChainHead>,
    /// A newer trust bundle than the one the agent has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<TrustBundle>,
    /// A newer receipt: the device was moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Signed<Receipt>>,
    /// The controller knows other hardware evidence of this device, or none: it wants to see it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub evidence_wanted: bool,
    /// This key is not this computer's alone, or its device was joined or parted by people: the agent asks
    /// `POST /v1/rekey` before it signs anything more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rekey: bool,
    /// When the newest order to every device to look at its hardware was given; the beginning of 1970: never. The agent
    /// says it with its next check-in, and looks if it has not looked since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<Timestamp>,
}

checked_text!(/// Random text that the asker makes, 16 to 64 characters, so that an old answer cannot be replayed.
    Nonce, at most 64, r"^[A-Za-z0-9_-]{16,64}$" => |c: char| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_'), shaped |text| text.len() >= 16, from "the agent's random generator");

/// `GET /v1/time?nonce=…`: the controller's time, signed with one of the trust bundle's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimeAnswer {
    pub nonce: Nonce,
    pub server_time: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_nonce_is_refused() {
        assert!("0123456789abcdef".parse::<Nonce>().is_ok());
        assert!("0123456789abcde".parse::<Nonce>().is_err());
        assert!(Nonce::observed("short").is_none());
    }
}
