//! Reports that wait for the network, on disk: bounded, checksummed, oldest first (DESIGN §4, §7).
//!
//! One file per report in `reports/` and one per section body in `bodies/`, each written under another
//! name, flushed and renamed. A log to append to would write less, but needs compaction, and its torn end
//! concerns every reader; here power loss can only cost the report that was being written, a delivered
//! report is one deletion, and a damaged sector harms one file. Bodies are written before the report that
//! names them, and deleted after it: what a crash leaves over is a body that nobody names, swept at start.
//!
//! When the spool is full the bodies of the oldest reports go first; the signed envelope stays as a
//! tombstone, because it proves that there was a report. Only when tombstones alone fill the spool the oldest
//! are forgotten, and counted. A damaged file is moved to `damaged/` and reported; it never stops the agent.
//!
//! In memory stands an index of some hundred bytes a report; bodies are read when they are sent. It knows
//! nothing of the network, and one process at a time may open it.

mod bodies;
mod entry;
mod reading;
mod survey;
mod writing;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use inventory_schema::canonical::Digest;
use inventory_schema::check_in::SpoolDepth;
use inventory_schema::envelope::{ChainHead, EnvelopeError, ReceivedEnvelope};
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::{Bytes, Count};
use inventory_schema::report::{ReportBatch, SignedReport};

pub use entry::EntryFault;
pub use survey::{SpoolSurvey, survey};

use crate::durable_file::{self, FileError};
use crate::platform::private_file::create_private_folder;
use bodies::Bodies;
use reading::prune;

const REPORTS: &str = "reports";
const BODIES: &str = "bodies";
const DAMAGED: &str = "damaged";
const REFUSED: &str = "refused";
const FORGOTTEN: &str = "forgotten";
const LOCK: &str = "lock";
/// How many files are kept in `damaged/` and in `refused/` each; the oldest go.
const KEPT_ASIDE: usize = 64;

/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Reports and bodies as they lie on disk, compressed.
    pub bytes: u64,
    /// Reports and tombstones together, at least 1.
    pub reports: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("the spool {0} is in use by another process")]
    InUse(PathBuf),
    #[error("the folder {0} cannot be opened")]
    Folder(PathBuf, #[source] io::Error),
    #[error("there is no space left on the disk of {0}; what waits there is untouched, the new report was not kept")]
    DiskFull(PathBuf, #[source] FileError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{0} cannot be removed")]
    Remove(PathBuf, #[source] io::Error),
    #[error("the report's envelope breaks its rules")]
    Envelope(#[from] EnvelopeError),
    #[error("a body's text does not have the digest {0}")]
    BodyMismatch(Digest),
    #[error("the body {0} cannot be compressed")]
    Compress(Digest, #[source] io::Error),
}

/// A file that was moved aside, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolDamage {
    /// Where the file lies now.
    pub file: PathBuf,
    pub fault: EntryFault,
}

/// What making room for a report cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Appended {
    /// Reports that lost their bodies, the new one included if it is too large by itself.
    pub tombstoned: usize,
    /// Tombstones that were deleted.
    pub forgotten: usize,
}

#[derive(Debug)]
struct Waiting {
    head: ChainHead,
    /// Of the report's own file.
    bytes: u64,
    tombstone: bool,
    /// The bodies that the envelope names, wherever they are.
    bodies: Vec<Digest>,
}

#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    limits: SpoolLimits,
    waiting: BTreeMap<u64, Waiting>,
    turns: HashMap<Digest, u64>,
    bodies: Bodies,
    forgotten: u64,
    damage: Vec<SpoolDamage>,
    _lock: File,
}

impl Spool {
    /// Opens or creates the spool in `folder`; what was damaged is moved aside and told.
    pub fn open(folder: &Path, limits: SpoolLimits) -> Result<(Self, Vec<SpoolDamage>), SpoolError> {
        for name in [REPORTS, BODIES, DAMAGED, REFUSED] {
            let path = folder.join(name);
            create_private_folder(&path).map_err(|error| SpoolError::Folder(path, error))?;
        }
        let mut spool = Self {
            folder: folder.to_owned(),
            limits,
            waiting: BTreeMap::new(),
            turns: HashMap::new(),
            bodies: Bodies::new(folder.join(BODIES)),
            forgotten: 0,
            damage: Vec::new(),
            _lock: lock(folder)?,
        };
        spool.find_reports()?;
        spool.find_bodies()?;
        spool.forgotten = spool.read_forgotten()?;
        let damage = spool.take_damage();
        Ok((spool, damage))
    }

    /// Keeps a report until it is [removed](Self::remove). When this returns the report survives power loss.
    /// Bodies that the envelope does not name are passed over; a report that waits already is left as it is.
    ///
    /// # Errors
    /// After an error everything that waited before is still there, and the new report is not.
    pub fn append(&mut self, report: &SignedReport, bodies: &BTreeMap<Digest, String>) -> Result<Appended, SpoolError> {
        let received = ReceivedEnvelope::read(report.envelope.clone().into_bytes())?;
        if self.turns.contains_key(&received.digest) {
            return Ok(Appended::default());
        }
        let named: Vec<Digest> = received.envelope.named().collect();
        let fresh = self.compress_fresh(&named, bodies)?;
        let file = entry::encode(report);
        // Bodies that are here already must not be dropped while room is made for this report.
        self.bodies.retain(&named);
        let (room, with_bodies) = self.make_room(file.len() as u64, &named, &fresh);
        self.bodies.release(&named);
        let mut cost = room?;
        cost.tombstoned += usize::from(!with_bodies);
        let written = self.write(&received, &file, if with_bodies { Some(&fresh) } else { None }, named);
        self.bodies.sweep();
        written.map_err(|error| self.explain(error)).map(|()| cost)
    }

    /// The oldest reports with the bodies that are here, for one request: at most `max_reports`, and as many
    /// as fit into `max_bytes` of JSON, yet at least one. What turns out to be damaged is moved aside and
    /// passed over; see [`Self::take_damage`].
    pub fn oldest(&mut self, max_reports: usize, max_bytes: usize) -> Result<ReportBatch, SpoolError> {
        self.after(0, max_reports, max_bytes)
    }

    /// As [`Self::oldest`], without the `passed` oldest ones.
    pub fn after(&mut self, passed: usize, max_reports: usize, max_bytes: usize) -> Result<ReportBatch, SpoolError> {
        let mut batch = ReportBatch::default();
        let mut size = 0;
        let turns: Vec<u64> = self.waiting.keys().copied().skip(passed).collect();
        for turn in turns {
            if batch.reports.len() >= max_reports {
                break;
            }
            let Some(report) = self.read_report(turn)? else { continue };
            let bodies = self.read_bodies(turn, &batch.bodies)?;
            let added = json_size(&report.envelope)
                + ENTRY_OVERHEAD
                + bodies.iter().map(|(_, text)| json_size(text) + ENTRY_OVERHEAD).sum::<usize>();
            if !batch.reports.is_empty() && size + added > max_bytes {
                break;
            }
            size += json_size(&report.envelope) + ENTRY_OVERHEAD;
            batch.reports.push(report);
            for (digest, text) in bodies {
                let bytes = json_size(&text) + ENTRY_OVERHEAD;
                // Only a first report that is too large by itself leaves a body behind; the controller then
                // names it as missing.
                if size + bytes <= max_bytes {
                    size += bytes;
                    batch.bodies.insert(digest, text);
                }
            }
        }
        Ok(batch)
    }

    /// Forgets reports that the controller holds. Digests that do not wait are passed over.
    pub fn remove(&mut self, digests: &[Digest]) -> Result<(), SpoolError> {
        for digest in digests {
            if let Some(turn) = self.turns.get(digest).copied() {
                self.delete(turn)?;
            }
        }
        durable_file::sync_folder(&self.folder.join(REPORTS))?;
        self.bodies.sweep();
        Ok(())
    }

    /// Keeps a report that can never be stored out of the way, in `refused/` under the reason's code, without
    /// its bodies: it is evidence, and it must not stop those behind it.
    pub fn set_aside(&mut self, digest: &Digest, code: ProblemCode) -> Result<(), SpoolError> {
        let Some(turn) = self.turns.get(digest).copied() else {
            return Ok(());
        };
        let from = self.path(turn);
        let to = self.folder.join(REFUSED).join(format!("{turn:016x}-{}.{code}", entry::hex(digest)));
        fs::rename(&from, &to).map_err(|error| SpoolError::Remove(from, error))?;
        self.leave(turn);
        self.bodies.sweep();
        durable_file::sync_folder(&self.folder.join(REPORTS))?;
        prune(&self.folder.join(REFUSED));
        Ok(())
    }

    /// What waits, tombstones included.
    pub fn depth(&self) -> SpoolDepth {
        SpoolDepth {
            reports: count(self.waiting.len()),
            bytes: Bytes::saturating(self.total_bytes()),
            tombstones: count(self.waiting.values().filter(|waiting| waiting.tombstone).count()),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The reports up to `head`, oldest first, if it waits here: whoever holds it holds those before it.
    pub fn up_to(&self, head: &ChainHead) -> Vec<Digest> {
        let Some(turn) = self.turns.get(&head.digest) else {
            return Vec::new();
        };
        let before = self.waiting.range(..=*turn).map(|(_, waiting)| waiting.head);
        before
            .filter(|before| before.place <= head.place)
            .map(|before| before.digest)
            .collect()
    }

    pub fn contains(&self, digest: &Digest) -> bool {
        self.turns.contains_key(digest)
    }

    /// The place and digest of the report that was appended last, if it still waits.
    pub fn newest_head(&self) -> Option<ChainHead> {
        self.waiting.values().next_back().map(|waiting| waiting.head)
    }

    /// How many reports were deleted undelivered since the spool was made, because even their envelopes had no
    /// place.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Damage noticed since the last call.
    pub fn take_damage(&mut self) -> Vec<SpoolDamage> {
        std::mem::take(&mut self.damage)
    }
}

/// Quotes, braces and the digest or signature around a text in a batch.
const ENTRY_OVERHEAD: usize = 160;

/// The bytes of `text` as a JSON string, without its quotes.
fn json_size(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            b'"' | b'\\' => 2,
            0..=0x1f => 6,
            _ => 1,
        })
        .sum()
}

fn count(number: usize) -> Count {
    Count::saturating(number as u64)
}

fn lock(folder: &Path) -> Result<File, SpoolError> {
    let path = folder.join(LOCK);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| SpoolError::Folder(path.clone(), error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(SpoolError::InUse(folder.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(SpoolError::Folder(path, error)),
    }
}

#[cfg(test)]
mod tests;
