//! The state of a computer in an image of its disk.

use std::fs;

use tempfile::TempDir;

use crate::device::Computer;
use crate::folder;

/// A state folder as an image holds it.
#[derive(Debug)]
pub struct Image(TempDir);

impl Image {
    pub fn of(computer: &Computer) -> Self {
        let image = tempfile::tempdir().unwrap();
        folder::copy(&computer.config.state_dir, image.path());
        Self(image)
    }

    /// The computer's disk is as it was.
    pub fn restore(&self, computer: &Computer) {
        let state = &computer.config.state_dir;
        let _ = fs::remove_dir_all(state);
        folder::copy(self.0.path(), state);
    }
}
