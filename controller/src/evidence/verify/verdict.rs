//! What a check finds: how far an archive is proven, and everything that does not hold, with its place.

use inventory_schema::{Digest, RegionId, Timestamp};
use serde::Serialize;

/// Where something stands: in which entry, at which byte of the archive and of the entry's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    pub entry: String,
    pub offset: u64,
    pub within: u64,
}

impl Place {
    pub fn moved(mut self, bytes: usize) -> Self {
        self.offset += bytes as u64;
        self.within += bytes as u64;
        self
    }
}

/// What kind of thing does not hold; for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The archive's own form: a header, padding, the end.
    Frame,
    /// An entry that is missing, twice, or in the wrong place.
    Order,
    /// The bytes are not those that the manifest lists.
    Manifest,
    /// The region's signature.
    Seal,
    /// Something that nothing here refers to.
    Unlisted,
    Document,
    Canonical,
    Certificate,
    Root,
    Signature,
    Revoked,
    /// A report is missing or was put in between.
    Gap,
    Missing,
    Checkpoint,
    /// A path that does not lead to the checkpoint's root.
    Proof,
    /// Said to be older than a checkpoint that does not have it.
    NotInCheckpoint,
    /// The line that was given.
    Line,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    #[serde(flatten)]
    pub at: Place,
    pub code: Code,
    pub sentence: String,
}

/// What the archive amounts to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verdict {
    pub holds: bool,
    pub region: Option<RegionId>,
    pub made_at: Option<Timestamp>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// Reports received before may have been let go for their age, the region says.
    pub kept_since: Option<Timestamp>,
    /// SHA-256 of the region's root certificates, for comparison.
    pub roots: Vec<Digest>,
    /// Whether they were compared with one that was given.
    pub roots_compared: bool,
    pub devices: u64,
    pub chains: u64,
    pub reports: u64,
    /// Reports after the span, here only to link it to a checkpoint.
    pub links: u64,
    pub forks: u64,
    /// Chains of which the archive does not have the beginning.
    pub chains_begin_later: u64,
    /// How often a chain goes on after its record was lost, as its device signed.
    pub breaks: u64,
    pub epochs: u64,
    /// Places where reports were let go for their age.
    pub aged_gaps: u64,
    /// Old reports that nothing links to a checkpoint any more: not proven.
    pub unlinked: u64,
    /// Bodies that reports name and that the region did not hold.
    pub bodies_missing: u64,
    /// Chains whose certificates name another device than the one they are filed under: joined and parted records.
    pub other_names: u64,
    pub checkpoints: u64,
    pub newest_checkpoint: Option<String>,
    pub newest_moment: Option<Timestamp>,
    /// Reports that some checkpoint in the archive has.
    pub covered: u64,
    /// The number of the checkpoint whose line was given.
    pub line: Option<u64>,
    pub line_moment: Option<Timestamp>,
    /// Reports that are proven to be older than the line that was given.
    pub proven_by_line: u64,
    /// Certificates and revocations that are newer than the line or the newest checkpoint.
    pub log_newer: u64,
    pub failures: Vec<Failure>,
    /// Failures beyond those listed.
    pub further_failures: u64,
}

/// The most failures that are listed; a damaged archive has one for every report.
const LISTED: usize = 40;

#[derive(Debug, Default)]
pub struct Findings {
    pub verdict: Verdict,
}

impl Findings {
    pub fn fail(&mut self, at: Place, code: Code, sentence: String) {
        if self.verdict.failures.len() < LISTED {
            self.verdict.failures.push(Failure { at, code, sentence });
        } else {
            self.verdict.further_failures += 1;
        }
    }
}
