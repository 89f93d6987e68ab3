//! Replacing a small file so that power loss at any instant leaves the old one or the new one, whole.
//!
//! Written beside its place under a temporary name, flushed to the disk, renamed over the old one, and
//! the folder flushed, so that the name survives as well. Identity, enrollment, ledger and spool all
//! write through here. What the bytes mean is not known here.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::platform::private_file::create_private_file;

/// Begins the name of every file that is not finished. Whoever finds one at start may delete it.
pub const TEMPORARY_PREFIX: &str = ".unfinished-";

/// Which operation on which file failed. The cause is the [source](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{0} cannot be written")]
    Write(PathBuf, #[source] io::Error),
    #[error("{0} cannot be put in its place")]
    Rename(PathBuf, #[source] io::Error),
    #[error("the folder {0} cannot be flushed to the disk")]
    SyncFolder(PathBuf, #[source] io::Error),
    #[error("{0} cannot be read")]
    Read(PathBuf, #[source] io::Error),
}

impl FileError {
    pub fn cause(&self) -> &io::Error {
        match self {
            Self::Write(_, cause) | Self::Rename(_, cause) | Self::SyncFolder(_, cause) | Self::Read(_, cause) => cause,
        }
    }

    /// There is no space left, for everyone or for this account.
    pub fn is_disk_full(&self) -> bool {
        is_disk_full(self.cause())
    }
}

/// There is no space left, for everyone or for this account.
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Replaces `path` with `bytes`, readable by the owner only. The folder must exist.
///
/// # Errors
/// After an error `path` is what it was before, and nothing temporary is left.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    write_unfinished(path, bytes)?;
    sync_folder(folder)
}

/// As [`replace`], but the folder is not flushed: for several files that are flushed together afterwards
/// with [`sync_folder`].
pub fn write_unfinished(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!("{TEMPORARY_PREFIX}{name}"));
    let written = write_and_sync(&temporary, bytes)
        .map_err(|error| FileError::Write(path.to_owned(), error))
        .and_then(|()| fs::rename(&temporary, path).map_err(|error| FileError::Rename(path.to_owned(), error)));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_and_sync(temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = create_private_file(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the names in `folder` durable.
pub fn sync_folder(folder: &Path) -> Result<(), FileError> {
    // Where folders cannot be opened as files the file system journals renames by itself.
    match File::open(folder) {
        Ok(opened) => opened.sync_all().map_err(|error| FileError::SyncFolder(folder.to_owned(), error)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(FileError::SyncFolder(folder.to_owned(), error)),
    }
}

/// The file's bytes; `None` if there is no such file.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::Read(path.to_owned(), error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_file_of_a_crash_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.json");
        fs::write(folder.path().join(".unfinished-ledger.json"), "half").unwrap();
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no-such-folder").join("file");
        let error = replace(&missing, b"x").unwrap_err();
        assert!(matches!(error, FileError::Write(path, _) if path == missing));
    }
}
