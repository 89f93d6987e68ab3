//! A new file that its owner alone may read. What lies in its place already is never written over.
//!
//! It knows nothing of what the file holds. Used by the commands that write tokens and archives, and by backups.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Makes the file, open for writing.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where something of this name is.
pub fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Such a file with its path.
#[derive(Debug)]
pub struct PrivateFile {
    file: File,
    path: PathBuf,
}

/// Why there is no file.
#[derive(Debug)]
pub enum NotMade {
    Exists(PathBuf),
    Failed { path: PathBuf, source: io::Error },
}

impl PrivateFile {
    pub fn create(path: &Path) -> Result<Self, NotMade> {
        let path = path.to_owned();
        match create_new(&path) {
            Ok(file) => Ok(Self { file, path }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(NotMade::Exists(path)),
            Err(source) => Err(NotMade::Failed { path, source }),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.file).write_all(bytes)
    }

    /// What was written survives a power cut.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Half of it must not be taken for the whole. The caller tells why there is none; that it may have stayed is not
    /// told.
    pub fn discard(self) {
        drop(self.file);
        let _ = fs::remove_file(self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_its_owners_alone_and_takes_nobodys_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("токен");
        let made = PrivateFile::create(&path).unwrap();
        made.append(b"one").unwrap();
        made.append(b" line").unwrap();
        made.sync().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(PrivateFile::create(&path), Err(NotMade::Exists(there)) if there == path));
        assert_eq!(fs::read(&path).unwrap(), b"one line");
        made.discard();
        assert!(!path.exists());
        let nowhere = folder.path().join("нет/токен");
        assert!(matches!(PrivateFile::create(&nowhere), Err(NotMade::Failed { path, .. }) if path == nowhere));
    }
}
