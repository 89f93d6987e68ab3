//! What the system can tell and do.

use std::io;
use std::path::Path;

/// Writes a file that only its owner may read: whole or not at all, durable when this returns.
pub fn write_private(_path: &Path, _bytes: &[u8]) -> io::Result<()> {
    unreachable!("replaced when the platform module lands")
}
