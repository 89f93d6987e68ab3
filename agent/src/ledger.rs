//! What the agent remembers of its talk with the controller, in one small file.
//!
//! Losing the file loses nothing: the controller's answers carry the chain's head and what it wants, and
//! the core resumes from there. It is written whole and renamed into place.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use inventory_schema::envelope::ChainHead;
use inventory_schema::{Digest, SectionName};
use serde::{Deserialize, Serialize};

use crate::clock::TrustedTime;
use crate::platform;

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

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}

const FILE: &str = "ledger.json";

impl Ledger {
    /// The ledger of a state directory; an empty one where there is none or it cannot be understood.
    pub fn load(directory: &Path) -> Result<Self, LedgerError> {
        let path = directory.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(path = %path.display(), %error, "the ledger cannot be understood and is begun anew");
                Self::default()
            })),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(cause) => Err(LedgerError::Read { path, cause }),
        }
    }

    pub fn save(&self, directory: &Path) -> Result<(), LedgerError> {
        let path = directory.join(FILE);
        let json = serde_json::to_vec_pretty(self).expect("a ledger is digests and numbers");
        platform::write_private(&path, &json).map_err(|cause| LedgerError::Write { path, cause })
    }
}
