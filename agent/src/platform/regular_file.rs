//! Opening what is expected to be a file and may be anything else.
//!
//! In a tree that somebody copied, a pipe waits for a writer that never comes, and opening a device can start it
//! (a watchdog, a tape). So the kind is asked first, the opening itself never waits, and the kind is asked again
//! of what was opened.

use std::fs::File;
use std::io;
use std::path::Path;

/// The file, or `None` where something else stands there.
///
/// # Errors
/// The system's.
pub fn open_regular(path: &Path) -> io::Result<Option<File>> {
    if !std::fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let file = open(path)?;
    let is_file = file.metadata()?.is_file();
    Ok(is_file.then_some(file))
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}
