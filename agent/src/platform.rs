//! What the system can tell and do.

pub mod private_file;

use std::io;
use std::path::Path;

/// Writes a file that only its owner may read: whole or not at all, durable when this returns.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    crate::durable_file::replace(path, bytes).map_err(|error| io::Error::new(error.cause().kind(), error))
}
