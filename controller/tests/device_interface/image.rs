//! Folders as they were: the state of a computer in an image of its disk, the files of a stick.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::device::Computer;

/// Copies everything in the folder, folders too.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A state folder as an image holds it.
#[derive(Debug)]
pub struct Image(TempDir);

impl Image {
    pub fn of(computer: &Computer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&computer.config.state_dir, folder.path());
        Self(folder)
    }

    /// The computer's disk is as it was.
    pub fn restore(&self, computer: &Computer) {
        let state = &computer.config.state_dir;
        let _ = fs::remove_dir_all(state);
        copy(self.0.path(), state);
    }
}
