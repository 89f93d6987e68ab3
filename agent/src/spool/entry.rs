//! One report's file: a line that says what follows, then the signed report as JSON.
//!
//! ```text
//! cos-spool/1 sha256:… 1234
//! {"envelope":"…","signature":"…"}
//! ```
//! The line carries the digest and the length of the rest, so that a file cut short by a dying disk
//! ([`EntryFault::Torn`]) is told from one whose bytes changed ([`EntryFault::Altered`]).

use std::fmt;

use inventory_schema::canonical::Digest;
use inventory_schema::envelope::{MAX_ENVELOPE_BYTES, ReceivedEnvelope};
use inventory_schema::report::SignedReport;

const FORMAT: &str = "cos-spool/1";
/// An envelope escaped in JSON, its signature and the line above.
pub(super) const MAX_ENTRY_BYTES: u64 = 4 * MAX_ENVELOPE_BYTES as u64;

/// What is wrong with a file of the spool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryFault {
    #[error("it ends after {found} of {expected} bytes")]
    Torn { expected: u64, found: u64 },
    #[error("its bytes are not those that were written")]
    Altered,
    #[error("it is no report of this spool: {0}")]
    Malformed(String),
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

pub(super) fn encode(report: &SignedReport) -> Vec<u8> {
    let json = serde_json::to_vec(report).expect("a signed report is plain text");
    let mut bytes = format!("{FORMAT} {} {}\n", Digest::of(&json), json.len()).into_bytes();
    bytes.extend_from_slice(&json);
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Result<(SignedReport, ReceivedEnvelope), EntryFault> {
    let malformed = |what: &str| EntryFault::Malformed(what.to_owned());
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or_else(|| malformed("its first line has no end"))?;
    let line = std::str::from_utf8(&bytes[..end]).map_err(|_| malformed("its first line is no text"))?;
    let [format, digest, length] = line.split(' ').collect::<Vec<_>>()[..] else {
        return Err(malformed("its first line does not have three words"));
    };
    if format != FORMAT {
        return Err(malformed("it begins with another format's name"));
    }
    let digest: Digest = digest.parse().map_err(|_| malformed("its digest cannot be read"))?;
    let expected: u64 = length.parse().map_err(|_| malformed("its length cannot be read"))?;
    let json = &bytes[end + 1..];
    let found = json.len() as u64;
    if found < expected {
        return Err(EntryFault::Torn { expected, found });
    }
    if found > expected || Digest::of(json) != digest {
        return Err(EntryFault::Altered);
    }
    let report: SignedReport = serde_json::from_slice(json).map_err(|error| malformed(&error.to_string()))?;
    let envelope = ReceivedEnvelope::read(report.envelope.clone().into_bytes()).map_err(|error| malformed(&error.to_string()))?;
    Ok((report, envelope))
}

/// A report's file name: its turn, its envelope's digest, and whether its bodies were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryName {
    pub(super) turn: u64,
    pub(super) digest: Digest,
    pub(super) tombstone: bool,
}

const REPORT: &str = "report";
const TOMBSTONE: &str = "tombstone";

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.tombstone { TOMBSTONE } else { REPORT };
        write!(f, "{:016x}-{}.{kind}", self.turn, hex(&self.digest))
    }
}

impl EntryName {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (stem, kind) = name.split_once('.')?;
        let (turn, digest) = stem.split_once('-')?;
        let parsed = Self {
            turn: u64::from_str_radix(turn, 16).ok()?,
            digest: from_hex(digest)?,
            tombstone: kind == TOMBSTONE,
        };
        (parsed.to_string() == name).then_some(parsed)
    }
}

pub(super) fn hex(digest: &Digest) -> String {
    digest.to_string().split_off("sha256:".len())
}

pub(super) fn from_hex(text: &str) -> Option<Digest> {
    format!("sha256:{text}").parse().ok()
}
