//! What this computer's key was enrolled with: the parts it is known by, in one small file beside the key.
//!
//! A copied disk carries it along, and the copy finds that it is another computer. It follows repairs. Losing
//! the file loses nothing but that: the present hardware is taken over, and the controller has its own record.

use std::path::Path;

use inventory_schema::enrollment::HardwareEvidence;

use crate::durable_file::{self, FileError};

pub const FILE: &str = "evidence.json";

/// `None` where there is none or it cannot be understood.
pub fn load(state_dir: &Path) -> Result<Option<HardwareEvidence>, FileError> {
    let path = state_dir.join(FILE);
    let Some(bytes) = durable_file::read(&path)? else {
        return Ok(None);
    };
    Ok(serde_json::from_slice(&bytes)
        .inspect_err(|error| tracing::warn!(path = %path.display(), %error, "the kept evidence cannot be understood and is begun anew"))
        .ok())
}

pub fn save(state_dir: &Path, evidence: &HardwareEvidence) -> Result<(), FileError> {
    let json = serde_json::to_vec_pretty(evidence).expect("evidence is plain text");
    durable_file::replace(&state_dir.join(FILE), &json)
}
