//! Section bodies on disk: each once under its digest, compressed, however many reports name it.
//!
//! A body proves itself: what does not decompress to its digest is damaged. How often a body is named is
//! counted in memory, from the reports' envelopes; a body that none names is deleted.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use inventory_schema::canonical::Digest;
use inventory_schema::report::MAX_SECTION_BYTES;

use super::entry::{EntryFault, from_hex, hex};
use crate::durable_file::{self, FileError};

const LEVEL: i32 = 6;
const EXTENSION: &str = ".zst";

#[derive(Debug)]
pub(super) struct Bodies {
    folder: PathBuf,
    index: BTreeMap<Digest, Stored>,
}

#[derive(Debug)]
struct Stored {
    bytes: u64,
    references: u32,
}

impl Bodies {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            index: BTreeMap::new(),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes note of a file found at start. `false` if its name is none of ours.
    pub(super) fn found(&mut self, name: &str, bytes: u64) -> bool {
        match name.strip_suffix(EXTENSION).and_then(from_hex) {
            Some(digest) => {
                self.index.insert(digest, Stored { bytes, references: 0 });
                true
            }
            None => false,
        }
    }

    pub(super) fn total_bytes(&self) -> u64 {
        self.index.values().map(|stored| stored.bytes).sum()
    }

    /// The bytes on disk of those that are here.
    pub(super) fn bytes_of(&self, digests: &[Digest]) -> u64 {
        let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
        distinct
            .into_iter()
            .filter_map(|digest| self.index.get(digest))
            .map(|stored| stored.bytes)
            .sum()
    }

    pub(super) fn contains(&self, digest: &Digest) -> bool {
        self.index.contains_key(digest)
    }

    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{}{EXTENSION}", hex(digest)))
    }

    pub(super) fn compress(text: &str) -> io::Result<Vec<u8>> {
        zstd::bulk::compress(text.as_bytes(), LEVEL)
    }

    /// Writes a body that `references` reports name already. The folder is flushed by [`Self::sync`].
    pub(super) fn write(&mut self, digest: Digest, compressed: &[u8], references: u32) -> Result<(), FileError> {
        durable_file::write_unfinished(&self.path(&digest), compressed)?;
        let bytes = compressed.len() as u64;
        self.index.insert(digest, Stored { bytes, references });
        Ok(())
    }

    pub(super) fn sync(&self) -> Result<(), FileError> {
        durable_file::sync_folder(&self.folder)
    }

    /// One more report names these bodies; those that are not here are passed over.
    pub(super) fn retain(&mut self, digests: &[Digest]) {
        for digest in digests {
            if let Some(stored) = self.index.get_mut(digest) {
                stored.references += 1;
            }
        }
    }

    /// One report less names these bodies. [`Self::sweep`] deletes what nobody names.
    pub(super) fn release(&mut self, digests: &[Digest]) {
        for digest in digests {
            if let Some(stored) = self.index.get_mut(digest) {
                stored.references = stored.references.saturating_sub(1);
            }
        }
    }

    /// Deletes the bodies that no report names. A body that cannot be deleted is tried again next time.
    pub(super) fn sweep(&mut self) {
        let folder = &self.folder;
        self.index.retain(|digest, stored| {
            stored.references > 0 || {
                let path = folder.join(format!("{}{EXTENSION}", hex(digest)));
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        tracing::warn!(path = %path.display(), %error, "a report's body cannot be deleted");
                        true
                    }
                    _ => false,
                }
            }
        });
    }

    /// The body's text, checked against its digest; `None` if it is not here.
    pub(super) fn read(&self, digest: &Digest) -> Option<Result<String, EntryFault>> {
        self.contains(digest).then(|| read_body(&self.path(digest), digest))
    }

    /// Forgets a body whose file was moved away.
    pub(super) fn lose(&mut self, digest: &Digest) {
        self.index.remove(digest);
    }
}

fn read_body(path: &Path, digest: &Digest) -> Result<String, EntryFault> {
    let unreadable = |error: io::Error| EntryFault::Unreadable(error.to_string());
    let file = fs::File::open(path).map_err(unreadable)?;
    let decoder = zstd::stream::read::Decoder::new(file).map_err(unreadable)?;
    let mut bytes = Vec::new();
    decoder
        .take(MAX_SECTION_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|_| EntryFault::Altered)?;
    if Digest::of(&bytes) != *digest {
        return Err(EntryFault::Altered);
    }
    String::from_utf8(bytes).map_err(|_| EntryFault::Altered)
}
