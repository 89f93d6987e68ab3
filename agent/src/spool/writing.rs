//! Making room in the spool, and writing to it.
//!
//! The order of every change is the one that survives power loss: bodies before the report that names them,
//! a report's name before its bodies go.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use inventory_schema::canonical::Digest;
use inventory_schema::envelope::ReceivedEnvelope;

use super::bodies::Bodies;
use super::entry::EntryName;
use super::{Appended, REPORTS, Spool, SpoolError, Waiting};
use crate::durable_file::{self, FileError};

impl Spool {
    pub(super) fn total_bytes(&self) -> u64 {
        self.bodies.total_bytes() + self.waiting.values().map(|waiting| waiting.bytes).sum::<u64>()
    }

    /// The bodies that the new report names and that are not here yet, compressed.
    pub(super) fn compress_fresh(
        &self,
        named: &[Digest],
        bodies: &BTreeMap<Digest, String>,
    ) -> Result<BTreeMap<Digest, Vec<u8>>, SpoolError> {
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
    pub(super) fn make_room(
        &mut self,
        bytes: u64,
        named: &[Digest],
        fresh: &BTreeMap<Digest, Vec<u8>>,
    ) -> (Result<Appended, SpoolError>, bool) {
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
        let bodies = self.waiting[&turn].bodies.clone();
        self.bodies.release(&bodies);
        durable_file::sync_folder(&self.folder.join(REPORTS))?;
        self.bodies.sweep();
        Ok(())
    }

    pub(super) fn write(
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

    pub(super) fn note(&mut self, name: EntryName, received: &ReceivedEnvelope, bytes: u64, named: Vec<Digest>) {
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

    pub(super) fn explain(&self, error: FileError) -> SpoolError {
        if error.is_disk_full() {
            SpoolError::DiskFull(self.folder.clone(), error)
        } else {
            SpoolError::File(error)
        }
    }

    pub(super) fn path(&self, turn: u64) -> PathBuf {
        let waiting = &self.waiting[&turn];
        let name = EntryName {
            turn,
            digest: waiting.head.digest,
            tombstone: waiting.tombstone,
        };
        self.folder.join(REPORTS).join(name.to_string())
    }

    pub(super) fn delete(&mut self, turn: u64) -> Result<(), SpoolError> {
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
    pub(super) fn leave(&mut self, turn: u64) {
        if let Some(waiting) = self.waiting.remove(&turn) {
            self.turns.remove(&waiting.head.digest);
            if !waiting.tombstone {
                self.bodies.release(&waiting.bodies);
            }
        }
    }
}
