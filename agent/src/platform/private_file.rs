//! Files and folders that only the agent's own account may read: its key lies in them.
//!
//! Called by `durable_file`. It knows nothing of what is written.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Creates `path` anew for writing, readable by its owner only from the first instant.
///
/// # Errors
/// The system's, in particular [`io::ErrorKind::AlreadyExists`].
pub fn create_private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    restrict(&mut options);
    let file = options.open(path)?;
    give_to_owner_above(path);
    Ok(file)
}

/// Creates `path` and what is missing above it; folders made here belong to their owner only.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = !path.exists();
    builder.create(path)?;
    if made {
        give_to_owner_above(path);
    }
    Ok(())
}

/// What an administrator makes in the agent's folder belongs to the agent: `sudo cos-agent enroll` writes the
/// key that the service, under its own account, must read. Without the right to give files away nothing
/// changes, and nothing needs to.
#[cfg(unix)]
fn give_to_owner_above(path: &Path) {
    use std::os::unix::fs::{MetadataExt, lchown};
    let above = path.parent().and_then(|above| std::fs::metadata(above).ok());
    if let Some(above) = above {
        let _ = lchown(path, Some(above.uid()), Some(above.gid()));
    }
}

#[cfg(not(unix))]
fn give_to_owner_above(_: &Path) {}

#[cfg(unix)]
fn restrict(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

/// Elsewhere the folder's own access list, set by the installer, protects what lies in it.
#[cfg(not(unix))]
fn restrict(_: &mut OpenOptions) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, chown};

    #[test]
    fn what_an_administrator_writes_belongs_to_the_folders_owner() {
        let folder = tempfile::tempdir().unwrap();
        // Only an administrator can give the folder away; for everyone else owner and writer are one.
        let owner = chown(folder.path(), Some(12_345), Some(12_345)).map_or_else(|_| folder.path().metadata().unwrap().uid(), |()| 12_345);
        let file = folder.path().join("key");
        create_private_file(&file).unwrap();
        create_private_folder(&folder.path().join("spool")).unwrap();
        assert_eq!(file.metadata().unwrap().uid(), owner);
        assert_eq!(folder.path().join("spool").metadata().unwrap().uid(), owner);
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    }
}
