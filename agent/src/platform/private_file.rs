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
    options.open(path)
}

/// Creates `path` and what is missing above it; folders made here belong to their owner only.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(unix)]
fn restrict(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

/// Elsewhere the folder's own access list, set by the installer, protects what lies in it.
#[cfg(not(unix))]
fn restrict(_: &mut OpenOptions) {}
