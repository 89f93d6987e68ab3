//! A stick as the controller meets it: folders of computers among whatever else lies there, none of it believed.
//!
//! Only plain folders with a computer's name are entered, only plain files are opened, links are never followed, and
//! nothing is read beyond its bound. Answers are written beside their place, flushed and renamed: a stick that is
//! pulled holds the old answer or the new one. Foreign files are left alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use inventory_schema::Digest;
use inventory_schema::carry::{
    ANSWER_FILE, CarriedPart, MAX_ANSWER_BYTES, MAX_REQUEST_BYTES, REQUEST_FILE, STICK_FOLDER, SignedCarriedAnswer, SignedCarriedRequest,
    is_folder_name, part_file,
};
use inventory_schema::report::{MAX_COMPRESSED_BYTES, ReportBatch};
use rustix::fs::OFlags;

use crate::api::device::body::{self, BodyLimits};

/// The most computers of one stick; a region's largest school has a tenth of it.
pub const MAX_FOLDERS: usize = 10_000;
/// The most names that are looked at in one folder of a stick.
const MAX_NAMES: usize = 100_000;

#[derive(Debug, thiserror::Error)]
pub enum StickError {
    #[error("{0} cannot be read as a folder; is the stick mounted?")]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("there is no folder {STICK_FOLDER} in {0}: no computer was visited with this stick")]
    Empty(PathBuf),
}

/// Why a file of a computer's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    #[error("{0} is missing")]
    Missing(String),
    #[error("{0} is a link, a folder or a device, not a plain file")]
    NotPlain(String),
    #[error("{0} is larger than it may be")]
    TooLarge(String),
    #[error("{0} cannot be read")]
    Read(String, #[source] io::Error),
    #[error("{0} is damaged")]
    Damaged(String),
    #[error("{0} cannot be written")]
    Write(String, #[source] io::Error),
}

/// What was found on a stick.
#[derive(Debug, Default)]
pub struct Found {
    /// By name.
    pub folders: Vec<ComputerFolder>,
    /// Names of computers that are no plain folders.
    pub not_plain: Vec<String>,
    /// Computers beyond [`MAX_FOLDERS`].
    pub left_out: usize,
}

/// One computer's folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComputerFolder {
    name: String,
    path: PathBuf,
}

/// The computers on the stick that is mounted at `directory`.
pub fn find(directory: &Path) -> Result<Found, StickError> {
    let all = directory.join(STICK_FOLDER);
    match fs::symlink_metadata(&all) {
        Ok(found) if found.is_dir() => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StickError::Unreadable(all, error)),
        _ if directory.is_dir() => return Err(StickError::Empty(directory.to_owned())),
        _ => return Err(StickError::Unreadable(directory.to_owned(), io::ErrorKind::NotADirectory.into())),
    }
    let unreadable = |error| StickError::Unreadable(all.clone(), error);
    let mut found = Found::default();
    for entry in fs::read_dir(&all).map_err(unreadable)?.take(MAX_NAMES) {
        let entry = entry.map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !is_folder_name(&name) {
            continue;
        }
        // The entry's own type: a link to a folder is no folder.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.folders.push(ComputerFolder { path: entry.path(), name }),
            _ => found.not_plain.push(name),
        }
    }
    found.folders.sort();
    found.left_out = found.folders.len().saturating_sub(MAX_FOLDERS);
    found.folders.truncate(MAX_FOLDERS);
    Ok(found)
}

impl ComputerFolder {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn request(&self) -> Result<SignedCarriedRequest, FileFault> {
        let bytes = self.read(REQUEST_FILE, MAX_REQUEST_BYTES)?;
        serde_json::from_slice(&bytes).map_err(|_| FileFault::Damaged(REQUEST_FILE.to_owned()))
    }

    /// The answer that lies here; whatever cannot be read will be replaced.
    pub fn answer(&self) -> Option<SignedCarriedAnswer> {
        let bytes = self.read(ANSWER_FILE, MAX_ANSWER_BYTES).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// The reports of a part, if they are the ones that the request names.
    pub fn part(&self, part: &CarriedPart) -> Result<ReportBatch, FileFault> {
        let name = part_file(&part.digest);
        let bytes = self.read(&name, MAX_COMPRESSED_BYTES)?;
        if Digest::of(&bytes) != part.digest {
            return Err(FileFault::Damaged(name));
        }
        body::unpack_batch(bytes, BodyLimits::default()).map_err(|_| FileFault::Damaged(name))
    }

    /// Writes the answer here, or below `out` where one is given.
    pub fn write_answer(&self, answer: &SignedCarriedAnswer, out: Option<&Path>) -> Result<(), FileFault> {
        let failed = |error| FileFault::Write(ANSWER_FILE.to_owned(), error);
        let json = serde_json::to_vec(answer).expect("an answer is text");
        match out {
            None => replace(&self.path, ANSWER_FILE, &json).map_err(failed),
            Some(out) => {
                let folder = out.join(STICK_FOLDER).join(&self.name);
                fs::create_dir_all(&folder)
                    .and_then(|()| replace(&folder, ANSWER_FILE, &json))
                    .map_err(failed)
            }
        }
    }

    fn read(&self, name: &str, limit: usize) -> Result<Vec<u8>, FileFault> {
        let path = self.path.join(name);
        // Without waiting: a pipe would wait for its writer.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(&path);
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => FileFault::Missing(name.to_owned()),
            _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => FileFault::NotPlain(name.to_owned()),
            _ => FileFault::Read(name.to_owned(), error),
        })?;
        let unreadable = |error| FileFault::Read(name.to_owned(), error);
        let about = file.metadata().map_err(unreadable)?;
        if !about.is_file() {
            return Err(FileFault::NotPlain(name.to_owned()));
        }
        if about.len() > limit as u64 {
            return Err(FileFault::TooLarge(name.to_owned()));
        }
        let mut bytes = Vec::new();
        file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() > limit {
            return Err(FileFault::TooLarge(name.to_owned()));
        }
        Ok(bytes)
    }
}

/// Whole or not at all, and never through a link.
fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let beside = folder.join(format!(".unfinished-{name}"));
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write_new(&beside, bytes).and_then(|()| fs::rename(&beside, folder.join(name)));
    if written.is_err() {
        // What matters is the first error; the leftover holds nothing that is read.
        let _ = fs::remove_file(&beside);
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
