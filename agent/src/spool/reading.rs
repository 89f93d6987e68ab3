//! Reading the spool, and what may be found there: damage is moved aside and told, never an error.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use inventory_schema::canonical::Digest;
use inventory_schema::envelope::ReceivedEnvelope;
use inventory_schema::report::SignedReport;

use super::entry::{self, EntryFault, EntryName, MAX_ENTRY_BYTES};
use super::{DAMAGED, FORGOTTEN, KEPT_ASIDE, REPORTS, Spool, SpoolDamage, SpoolError};
use crate::durable_file::{self, TEMPORARY_PREFIX};

impl Spool {
    pub(super) fn find_reports(&mut self) -> Result<(), SpoolError> {
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
                    let named = received.envelope.named().collect();
                    self.note(parsed, &received, bytes, named);
                }
                Err(fault) => self.move_aside(&path, fault),
            }
        }
        Ok(())
    }

    pub(super) fn find_bodies(&mut self) -> Result<(), SpoolError> {
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
    pub(super) fn read_report(&mut self, turn: u64) -> Result<Option<SignedReport>, SpoolError> {
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
    pub(super) fn read_bodies(&mut self, turn: u64, already: &BTreeMap<Digest, String>) -> Result<Vec<(Digest, String)>, SpoolError> {
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

    pub(super) fn read_forgotten(&mut self) -> Result<u64, SpoolError> {
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
    pub(super) fn write_forgotten(&self) {
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
pub(super) fn list(folder: &Path) -> Result<Vec<(String, PathBuf, u64)>, SpoolError> {
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
pub(super) fn prune(folder: &Path) {
    let Ok(files) = list(folder) else { return };
    let surplus = files.len().saturating_sub(KEPT_ASIDE);
    for (_, path, _) in files.into_iter().take(surplus) {
        let _ = fs::remove_file(path);
    }
}
