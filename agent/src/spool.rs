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

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use inventory_schema::canonical::Digest;
use inventory_schema::check_in::SpoolDepth;
use inventory_schema::envelope::{ChainHead, EnvelopeError, ReceivedEnvelope};
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::{Bytes, Count};
use inventory_schema::report::{ReportBatch, SignedReport};

pub use entry::EntryFault;

use crate::durable_file::{self, FileError, TEMPORARY_PREFIX};
use crate::platform::private_file::create_private_folder;
use bodies::Bodies;
use entry::{EntryName, MAX_ENTRY_BYTES};

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
        let named: Vec<Digest> = received.envelope.sections.values().copied().collect();
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
        let mut batch = ReportBatch::default();
        let mut size = 0;
        let turns: Vec<u64> = self.waiting.keys().copied().collect();
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

/// Making room and writing.
impl Spool {
    fn total_bytes(&self) -> u64 {
        self.bodies.total_bytes() + self.waiting.values().map(|waiting| waiting.bytes).sum::<u64>()
    }

    /// The bodies that the new report names and that are not here yet, compressed.
    fn compress_fresh(&self, named: &[Digest], bodies: &BTreeMap<Digest, String>) -> Result<BTreeMap<Digest, Vec<u8>>, SpoolError> {
        let mut fresh = BTreeMap::new();
        for (digest, text) in bodies {
            if !named.contains(digest) || self.bodies.contains(digest) {
                continue;
            }
            if Digest::of(text.as_bytes()) != *digest {
                return Err(SpoolError::BodyMismatch(*digest));
            }
            let compressed = Bodies::compress(text).map_err(|error| SpoolError::Compress(*digest, error))?;
            fresh.insert(*digest, compressed);
        }
        Ok(fresh)
    }

    /// Makes room for a file of `bytes` and its `fresh` bodies. Says what that cost, and whether the bodies
    /// have a place at all.
    fn make_room(&mut self, bytes: u64, named: &[Digest], fresh: &BTreeMap<Digest, Vec<u8>>) -> (Result<Appended, SpoolError>, bool) {
        let fresh_bytes: u64 = fresh.values().map(|body| body.len() as u64).sum();
        let shared: u64 = self.bodies.bytes_of(named);
        let with_bodies = bytes + fresh_bytes + shared <= self.limits.bytes;
        let wanted = if with_bodies { bytes + fresh_bytes } else { bytes };
        (self.free(wanted), with_bodies)
    }

    fn free(&mut self, wanted: u64) -> Result<Appended, SpoolError> {
        let mut cost = Appended::default();
        while self.total_bytes() + wanted > self.limits.bytes {
            let Some(turn) = self.oldest_where(|waiting| !waiting.tombstone) else {
                break;
            };
            self.bury(turn)?;
            cost.tombstoned += 1;
        }
        while !self.waiting.is_empty() && (self.total_bytes() + wanted > self.limits.bytes || self.waiting.len() >= self.limits.reports) {
            let Some(turn) = self
                .oldest_where(|waiting| waiting.tombstone)
                .or_else(|| self.oldest_where(|_| true))
            else {
                break;
            };
            self.delete(turn)?;
            self.bodies.sweep();
            cost.forgotten += 1;
        }
        if cost.forgotten > 0 {
            durable_file::sync_folder(&self.folder.join(REPORTS))?;
            self.forgotten += cost.forgotten as u64;
            self.write_forgotten();
        }
        Ok(cost)
    }

    fn oldest_where(&self, wanted: impl Fn(&Waiting) -> bool) -> Option<u64> {
        self.waiting.iter().find(|(_, waiting)| wanted(waiting)).map(|(turn, _)| *turn)
    }

    /// Turns a report into its tombstone: the name changes, durably, before the bodies go.
    fn bury(&mut self, turn: u64) -> Result<(), SpoolError> {
        let from = self.path(turn);
        let waiting = self.waiting.get_mut(&turn).expect("the turn was just found");
        let was = std::mem::replace(&mut waiting.tombstone, true);
        let to = self.path(turn);
        if let Err(error) = fs::rename(&from, &to) {
            self.waiting.get_mut(&turn).expect("the turn was just found").tombstone = was;
            return Err(FileError::Rename(to, error).into());
        }
        durable_file::sync_folder(&self.folder.join(REPORTS))?;
        let bodies = self.waiting[&turn].bodies.clone();
        self.bodies.release(&bodies);
        self.bodies.sweep();
        Ok(())
    }

    fn write(
        &mut self,
        received: &ReceivedEnvelope,
        file: &[u8],
        fresh: Option<&BTreeMap<Digest, Vec<u8>>>,
        named: Vec<Digest>,
    ) -> Result<(), FileError> {
        for (digest, compressed) in fresh.into_iter().flatten() {
            self.bodies.write(*digest, compressed, self.references_to(digest))?;
        }
        if fresh.is_some_and(|fresh| !fresh.is_empty()) {
            self.bodies.sync()?;
        }
        let turn = self.waiting.keys().next_back().map_or(1, |newest| newest + 1);
        let name = EntryName {
            turn,
            digest: received.digest,
            tombstone: fresh.is_none(),
        };
        let path = self.folder.join(REPORTS).join(name.to_string());
        if let Err(error) = durable_file::replace(&path, file) {
            // The name may be there though its folder could not be flushed: what was refused must not appear.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        self.note(name, received, file.len() as u64, named);
        Ok(())
    }

    /// How often waiting reports name a body, whether it is here or not.
    fn references_to(&self, digest: &Digest) -> u32 {
        let full = self.waiting.values().filter(|waiting| !waiting.tombstone);
        let references = full.flat_map(|waiting| &waiting.bodies).filter(|named| *named == digest).count();
        u32::try_from(references).unwrap_or(u32::MAX)
    }

    fn note(&mut self, name: EntryName, received: &ReceivedEnvelope, bytes: u64, named: Vec<Digest>) {
        if !name.tombstone {
            self.bodies.retain(&named);
        }
        self.turns.insert(name.digest, name.turn);
        let waiting = Waiting {
            head: received.head(),
            bytes,
            tombstone: name.tombstone,
            bodies: named,
        };
        self.waiting.insert(name.turn, waiting);
    }

    fn explain(&self, error: FileError) -> SpoolError {
        if error.is_disk_full() {
            SpoolError::DiskFull(self.folder.clone(), error)
        } else {
            SpoolError::File(error)
        }
    }

    fn path(&self, turn: u64) -> PathBuf {
        let waiting = &self.waiting[&turn];
        let name = EntryName {
            turn,
            digest: waiting.head.digest,
            tombstone: waiting.tombstone,
        };
        self.folder.join(REPORTS).join(name.to_string())
    }

    fn delete(&mut self, turn: u64) -> Result<(), SpoolError> {
        let path = self.path(turn);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SpoolError::Remove(path, error)),
            _ => {
                self.leave(turn);
                Ok(())
            }
        }
    }

    /// Takes a report out of the index.
    fn leave(&mut self, turn: u64) {
        if let Some(waiting) = self.waiting.remove(&turn) {
            self.turns.remove(&waiting.head.digest);
            if !waiting.tombstone {
                self.bodies.release(&waiting.bodies);
            }
        }
    }
}

/// Reading, and what may be found there.
impl Spool {
    fn find_reports(&mut self) -> Result<(), SpoolError> {
        let folder = self.folder.join(REPORTS);
        for (name, path, _) in list(&folder)? {
            let read = match EntryName::parse(&name) {
                Some(parsed) => read_entry(&path, &parsed.digest).map(|(_, received, bytes)| (parsed, received, bytes)),
                None => Err(EntryFault::Malformed("its name is not one of a report".to_owned())),
            };
            match read {
                Ok((parsed, _, _)) if self.turns.contains_key(&parsed.digest) || self.waiting.contains_key(&parsed.turn) => {
                    self.move_aside(&path, EntryFault::Malformed("another file has its place".to_owned()));
                }
                Ok((parsed, received, bytes)) => {
                    let named = received.envelope.sections.values().copied().collect();
                    self.note(parsed, &received, bytes, named);
                }
                Err(fault) => self.move_aside(&path, fault),
            }
        }
        Ok(())
    }

    fn find_bodies(&mut self) -> Result<(), SpoolError> {
        for (name, path, bytes) in list(self.bodies.folder())? {
            if !self.bodies.found(&name, bytes) {
                self.move_aside(&path, EntryFault::Malformed("its name is not one of a body".to_owned()));
            }
        }
        let Self { waiting, bodies, .. } = self;
        for report in waiting.values().filter(|report| !report.tombstone) {
            bodies.retain(&report.bodies);
        }
        bodies.sweep();
        Ok(())
    }

    /// The report of this turn; `None` if it was damaged and moved aside.
    fn read_report(&mut self, turn: u64) -> Result<Option<SignedReport>, SpoolError> {
        let path = self.path(turn);
        match read_entry(&path, &self.waiting[&turn].head.digest) {
            Ok((report, _, _)) => Ok(Some(report)),
            Err(fault) => {
                self.move_aside(&path, fault);
                self.leave(turn);
                Ok(None)
            }
        }
    }

    /// The bodies of a report that are here and not in the batch yet.
    fn read_bodies(&mut self, turn: u64, already: &BTreeMap<Digest, String>) -> Result<Vec<(Digest, String)>, SpoolError> {
        let waiting = &self.waiting[&turn];
        if waiting.tombstone {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for digest in waiting.bodies.clone() {
            if already.contains_key(&digest) || found.iter().any(|(other, _)| *other == digest) {
                continue;
            }
            match self.bodies.read(&digest) {
                None => {}
                Some(Ok(text)) => found.push((digest, text)),
                Some(Err(fault)) => {
                    self.move_aside(&self.bodies.path(&digest), fault);
                    self.bodies.lose(&digest);
                }
            }
        }
        Ok(found)
    }

    /// Puts a damaged file where a person can look at it. If even that fails it stays where it is; the index
    /// does not know it any more.
    fn move_aside(&mut self, path: &Path, fault: EntryFault) {
        let aside = self.folder.join(DAMAGED).join(path.file_name().unwrap_or_default());
        let file = match fs::rename(path, &aside) {
            Ok(()) => aside,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a damaged file of the spool cannot be moved aside");
                path.to_owned()
            }
        };
        tracing::warn!(file = %file.display(), %fault, "a file of the spool is damaged");
        self.damage.push(SpoolDamage { file, fault });
        prune(&self.folder.join(DAMAGED));
    }

    fn read_forgotten(&mut self) -> Result<u64, SpoolError> {
        let path = self.folder.join(FORGOTTEN);
        let Some(bytes) = durable_file::read(&path)? else { return Ok(0) };
        match String::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok()) {
            Some(number) => Ok(number),
            None => {
                self.move_aside(&path, EntryFault::Malformed("it is no number".to_owned()));
                Ok(0)
            }
        }
    }

    /// A count that cannot be written now is written with the next one.
    fn write_forgotten(&self) {
        if let Err(error) = durable_file::replace(&self.folder.join(FORGOTTEN), self.forgotten.to_string().as_bytes()) {
            tracing::warn!(%error, "the number of forgotten reports cannot be written");
        }
    }
}

fn read_entry(path: &Path, digest: &Digest) -> Result<(SignedReport, ReceivedEnvelope, u64), EntryFault> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_ENTRY_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| EntryFault::Unreadable(error.to_string()))?;
    let (report, received) = entry::decode(&bytes)?;
    if received.digest != *digest {
        return Err(EntryFault::Malformed("it holds another report than its name says".to_owned()));
    }
    Ok((report, received, bytes.len() as u64))
}

/// The files of a folder in the order of their names, without unfinished ones, which are deleted: a crash
/// left them, and nobody was promised what they hold.
fn list(folder: &Path) -> Result<Vec<(String, PathBuf, u64)>, SpoolError> {
    let failed = |error| SpoolError::Folder(folder.to_owned(), error);
    let mut files = Vec::new();
    for item in fs::read_dir(folder).map_err(failed)? {
        let item = item.map_err(failed)?;
        let name = item.file_name().to_string_lossy().into_owned();
        if name.starts_with(TEMPORARY_PREFIX) {
            let _ = fs::remove_file(item.path());
            continue;
        }
        let bytes = item.metadata().map(|metadata| metadata.len()).unwrap_or(0);
        files.push((name, item.path(), bytes));
    }
    files.sort();
    Ok(files)
}

/// Keeps the newest [`KEPT_ASIDE`] files, by name: names begin with the turn.
fn prune(folder: &Path) {
    let Ok(files) = list(folder) else { return };
    let surplus = files.len().saturating_sub(KEPT_ASIDE);
    for (_, path, _) in files.into_iter().take(surplus) {
        let _ = fs::remove_file(path);
    }
}

/// What an onlooker sees of a spool that another process may be using. Changes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpoolSurvey {
    pub reports: u64,
    pub tombstones: u64,
    pub bytes: u64,
    pub damaged: u64,
    pub refused: u64,
    pub forgotten: u64,
}

/// Counts what lies in the spool's folders; a folder that is not there counts nothing.
pub fn survey(folder: &Path) -> io::Result<SpoolSurvey> {
    let mut survey = SpoolSurvey::default();
    for (name, bytes) in names(&folder.join(REPORTS))? {
        survey.bytes += bytes;
        if let Some(entry) = EntryName::parse(&name) {
            survey.reports += 1;
            survey.tombstones += u64::from(entry.tombstone);
        }
    }
    survey.bytes += names(&folder.join(BODIES))?.iter().map(|(_, bytes)| bytes).sum::<u64>();
    survey.damaged = names(&folder.join(DAMAGED))?.len() as u64;
    survey.refused = names(&folder.join(REFUSED))?.len() as u64;
    let forgotten = fs::read_to_string(folder.join(FORGOTTEN)).unwrap_or_default();
    survey.forgotten = forgotten.trim().parse().unwrap_or(0);
    Ok(survey)
}

fn names(folder: &Path) -> io::Result<Vec<(String, u64)>> {
    let items = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        items => items?,
    };
    items
        .map(|item| {
            let item = item?;
            let bytes = item.metadata().map(|metadata| metadata.len()).unwrap_or(0);
            Ok((item.file_name().to_string_lossy().into_owned(), bytes))
        })
        .collect()
}

#[cfg(test)]
mod tests;
