//! The signed envelope: what makes a report evidence (promise 2).
//!
//! An envelope names its device and key, its place in the key's chain (epoch, sequence, the digest of the
//! envelope before it) and the digests of the section bodies that travel beside it. Its canonical bytes
//! are signed with the device's key. An envelope stays small, so that the headers survive where bodies are
//! dropped: a full inventory's ten digests alone are 900 bytes, a usual report with one or two changed
//! sections stays below one KiB, and [`MAX_ENVELOPE_BYTES`] is the hard limit.
//!
//! Kinds of reports were added since: a controller of before cannot read their envelopes and refuses them one by one,
//! so an agent signs one only after its controller has spoken version 2 ([`crate::check_in::ProtocolRange::SECOND`]).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::canonical::{CanonicalBytes, CanonicalError, Digest};
use crate::device::{BootId, DeviceId, KeyFingerprint};
use crate::organization::RegionId;
use crate::quantity::Microseconds;
use crate::section::SectionName;
use crate::text::Word;
use crate::timestamp::Timestamp;

/// The most bytes an envelope may have.
pub const MAX_ENVELOPE_BYTES: usize = 2048;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    pub format: EnvelopeFormat,
    pub region: RegionId,
    pub device: DeviceId,
    pub key: KeyFingerprint,
    pub place: ChainPlace,
    /// The digest of the envelope before this one; `null` for the first of a chain.
    pub previous: Option<Digest>,
    /// Why the chain does not continue from what this agent last wrote, when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Resumption>,
    pub kind: ReportKind,
    /// The agent's version.
    pub agent: Word,
    pub clock: ReportClock,
    /// The sections that this report states, by the digest of their canonical bytes. Sections that are not
    /// named are unchanged since the reports before.
    pub sections: BTreeMap<SectionName, Digest>,
    /// The one body of a report that states no sections, by the digest of its canonical bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Digest>,
}

impl Envelope {
    /// Every body that the report names.
    pub fn named(&self) -> impl Iterator<Item = Digest> {
        self.sections.values().copied().chain(self.body)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EnvelopeFormat {
    #[serde(rename = "envelope/1")]
    V1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// States sections of what the computer is now.
    Inventory,
    /// Carries one measurement of the line ([`crate::measurement`]) and says nothing of what the computer is.
    Measurement,
    /// Carries one day's activity ([`crate::activity`]).
    Activity,
}

impl ReportKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Measurement => "measurement",
            Self::Activity => "activity",
        }
    }

    /// An inventory states sections and has no body of its own, every other kind has its body and states nothing.
    fn fits(self, envelope: &Envelope) -> bool {
        match self {
            Self::Inventory => envelope.body.is_none(),
            Self::Measurement | Self::Activity => envelope.body.is_some() && envelope.sections.is_empty(),
        }
    }
}

/// Where in a key's chain an envelope stands. A new epoch begins after a fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ChainPlace {
    #[schemars(range(max = 4_294_967_295u64))]
    pub epoch: u32,
    /// Counts from 1 within the epoch.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991u64))]
    pub sequence: u64,
}

impl ChainPlace {
    pub const FIRST: Self = Self { epoch: 0, sequence: 1 };

    pub fn next(self) -> Self {
        Self {
            sequence: self.sequence + 1,
            ..self
        }
    }
}

/// The newest envelope of a chain that a side knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ChainHead {
    pub place: ChainPlace,
    pub digest: Digest,
}

/// Why a chain resumed from the controller's head instead of the agent's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resumption {
    /// The agent's state on disk was older than what the controller holds: a disk that restores itself.
    StateRestored,
    /// The controller no longer held the chain: its record was deleted.
    RecordLost,
    /// The controller had another envelope at this place; a new epoch begins.
    Forked,
}

/// What the clocks said when the report was made (promise 9). `device` may be wrong by years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportClock {
    /// The computer's own clock.
    pub device: Timestamp,
    /// The last time received from the controller plus the boot clock since, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted: Option<Timestamp>,
    pub boot: BootId,
    /// Since that boot, sleep included.
    pub uptime: Microseconds,
}

/// An envelope as received: the bytes that were signed beside what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedEnvelope {
    pub envelope: Envelope,
    pub bytes: Vec<u8>,
    pub digest: Digest,
}

#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    #[error("the envelope has {0} bytes, at most {MAX_ENVELOPE_BYTES} are allowed")]
    TooLarge(usize),
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    #[error("the envelope cannot be read")]
    Document(#[source] serde_json::Error),
    #[error("the envelope's sequence is zero; a chain counts from 1")]
    SequenceZero,
    #[error("a report of the kind {0:?} must not name what this envelope names")]
    Kind(ReportKind),
}

impl ReceivedEnvelope {
    pub fn read(bytes: Vec<u8>) -> Result<Self, EnvelopeError> {
        if bytes.len() > MAX_ENVELOPE_BYTES {
            return Err(EnvelopeError::TooLarge(bytes.len()));
        }
        let value = CanonicalBytes::verify(&bytes)?;
        let envelope: Envelope = serde_json::from_value(value).map_err(EnvelopeError::Document)?;
        if envelope.place.sequence == 0 {
            return Err(EnvelopeError::SequenceZero);
        }
        if !envelope.kind.fits(&envelope) {
            return Err(EnvelopeError::Kind(envelope.kind));
        }
        let digest = Digest::of(&bytes);
        Ok(Self { envelope, bytes, digest })
    }

    pub fn head(&self) -> ChainHead {
        ChainHead {
            place: self.envelope.place,
            digest: self.digest,
        }
    }
}
