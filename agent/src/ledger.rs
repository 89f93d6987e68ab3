//! What the agent remembers of its talk with the controller, in one small file.
//!
//! Losing the file loses nothing: the controller's answers carry the chain's head and what it wants, and
//! the core resumes from there. It is written whole and renamed into place.

use std::collections::BTreeMap;
use std::path::Path;

use inventory_schema::envelope::ChainHead;
use inventory_schema::{Digest, SectionName};
use serde::{Deserialize, Serialize};

use crate::clock::TrustedTime;
use crate::durable_file::{self, FileError};

/// Unknown fields are passed over, so that a downgrade reads what an upgrade wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// The newest envelope that this agent signed.
    pub newest: Option<ChainHead>,
    /// The newest envelope that the controller said it holds.
    pub acknowledged: Option<ChainHead>,
    /// What the newest envelopes state, delivered or not.
    pub stated: BTreeMap<SectionName, Digest>,
    /// What the controller said it holds.
    pub held: BTreeMap<SectionName, Digest>,
    pub trusted_time: Option<TrustedTime>,
}

const FILE: &str = "ledger.json";

impl Ledger {
    /// The ledger of a state directory; an empty one where there is none or it cannot be understood.
    pub fn load(directory: &Path) -> Result<Self, FileError> {
        let path = directory.join(FILE);
        let Some(bytes) = durable_file::read(&path)? else {
            return Ok(Self::default());
        };
        Ok(serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "the ledger cannot be understood and is begun anew");
            Self::default()
        }))
    }

    pub fn save(&self, directory: &Path) -> Result<(), FileError> {
        let json = serde_json::to_vec_pretty(self).expect("a ledger is digests and numbers");
        durable_file::replace(&directory.join(FILE), &json)
    }
}
