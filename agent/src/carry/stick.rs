//! This computer's folder on a stick: its request with the reports, and the controller's answer.
//!
//! Every file is written beside its place, flushed and renamed, parts before the request that names them: a stick
//! that is pulled at any instant holds the old request or the new one. The stick is not believed: what is no plain
//! folder or file is refused, so that nothing is written through a link, and nothing is read beyond its bound.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use inventory_schema::carry::{
    ANSWER_FILE, CarriedPart, MAX_ANSWER_BYTES, MAX_PARTS, REQUEST_FILE, STICK_FOLDER, SignedCarriedAnswer, SignedCarriedRequest,
    folder_name, part_file,
};
use inventory_schema::quantity::Bytes;
use inventory_schema::report::{MAX_BODY_BYTES, MAX_REPORTS_PER_BATCH};
use inventory_schema::{Digest, KeyFingerprint};

use crate::durable_file::{self, FileError};
use crate::platform::private_file::create_private_folder;
use crate::spool::{Spool, SpoolError};

#[derive(Debug, thiserror::Error)]
pub enum StickError {
    #[error("{0} is not a folder; is the stick mounted?")]
    NotMounted(PathBuf),
    #[error("{0} is a link or no folder: the stick is not written to")]
    NotAFolder(PathBuf),
    #[error("the folder {0} cannot be made on the stick")]
    Folder(PathBuf, #[source] io::Error),
    #[error("{0} cannot be read")]
    Read(PathBuf, #[source] io::Error),
    #[error(transparent)]
    Write(#[from] FileError),
}

/// A batch of reports as it will lie on the stick.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) named: CarriedPart,
    bytes: Vec<u8>,
}

/// As on line: what a controller accepts in one request.
const PART_BYTES: usize = MAX_BODY_BYTES / 8;
const LEVEL: i32 = 3;

/// Everything that waits, oldest first, as far as a visit may carry it; and how many reports that is.
pub(super) fn pack(spool: &mut Spool) -> Result<(Vec<Part>, usize), SpoolError> {
    let (mut parts, mut taken) = (Vec::new(), 0);
    while parts.len() < MAX_PARTS {
        let batch = spool.after(taken, MAX_REPORTS_PER_BATCH, PART_BYTES)?;
        if batch.reports.is_empty() {
            break;
        }
        taken += batch.reports.len();
        let json = serde_json::to_vec(&batch).expect("a batch is text");
        let bytes = zstd::bulk::compress(&json, LEVEL).expect("compressing in memory cannot fail");
        let named = CarriedPart {
            digest: Digest::of(&bytes),
            bytes: Bytes::saturating(bytes.len() as u64),
        };
        parts.push(Part { named, bytes });
    }
    Ok((parts, taken))
}

#[derive(Debug)]
pub(super) struct StickFolder(PathBuf);

impl StickFolder {
    /// The folder of the computer with this key, made if it is missing.
    pub(super) fn open(stick: &Path, key: KeyFingerprint) -> Result<Self, StickError> {
        if !stick.is_dir() {
            return Err(StickError::NotMounted(stick.to_owned()));
        }
        let all = stick.join(STICK_FOLDER);
        let own = all.join(folder_name(key));
        plain_folder(&all)?;
        plain_folder(&own)?;
        durable_file::sync_folder(&all)?;
        Ok(Self(own))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The controller's answer; an unreadable one is as good as none.
    pub(super) fn answer(&self) -> Result<Option<SignedCarriedAnswer>, StickError> {
        let path = self.0.join(ANSWER_FILE);
        let bytes = match read_bounded(&path, MAX_ANSWER_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StickError::Read(path, error)),
        };
        let answer = serde_json::from_slice(&bytes);
        if let Err(error) = &answer {
            tracing::warn!(path = %path.display(), %error, "the answer on the stick is damaged");
        }
        Ok(answer.ok())
    }

    /// Writes a request and what it names; then what no request names any more is removed.
    pub(super) fn write(&self, request: &SignedCarriedRequest, parts: &[Part]) -> Result<(), StickError> {
        for part in parts {
            durable_file::write_unfinished(&self.0.join(part_file(&part.named.digest)), &part.bytes)?;
        }
        durable_file::sync_folder(&self.0)?;
        let json = serde_json::to_vec(request).expect("a request is text");
        durable_file::replace(&self.0.join(REQUEST_FILE), &json)?;
        self.sweep(parts);
        Ok(())
    }

    /// What cannot be removed only takes room.
    fn sweep(&self, parts: &[Part]) {
        let named: Vec<String> = parts.iter().map(|part| part_file(&part.named.digest)).collect();
        let Ok(entries) = fs::read_dir(&self.0) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let left_over = name.starts_with("part-") && !named.contains(&name) || name.starts_with(durable_file::TEMPORARY_PREFIX);
            if left_over {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn plain_folder(path: &Path) -> Result<(), StickError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(StickError::NotAFolder(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_private_folder(path).map_err(|error| StickError::Folder(path.to_owned(), error))
        }
        Err(error) => Err(StickError::Folder(path.to_owned(), error)),
    }
}

/// The bytes of a plain file of at most `limit` bytes.
fn read_bounded(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no plain file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than any answer"));
    }
    Ok(bytes)
}
