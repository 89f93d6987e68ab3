//! What the agent remembers of its talk with the controller, in one small file.
//!
//! Losing the file loses nothing: the controller's answers carry the chain's head and what it wants, and
//! the core resumes from there. It is written whole and renamed into place.

use std::collections::BTreeMap;
use std::path::Path;

use inventory_schema::enrollment::RekeyReason;
use inventory_schema::envelope::ChainHead;
use inventory_schema::problem::ProblemCode;
use inventory_schema::{Digest, KeyFingerprint, SectionName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clock::TrustedTime;
use crate::durable_file::{self, FileError};

/// Unknown fields are passed over, so that a downgrade reads what an upgrade wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Whose chain this is; another key begins another chain.
    pub key: Option<KeyFingerprint>,
    /// The newest envelope that this agent signed.
    pub newest: Option<ChainHead>,
    /// The newest envelope that the controller said it holds.
    pub acknowledged: Option<ChainHead>,
    /// What the newest envelopes state, delivered or not.
    pub stated: BTreeMap<SectionName, Digest>,
    /// What the controller said it holds.
    pub held: BTreeMap<SectionName, Digest>,
    pub trusted_time: Option<TrustedTime>,
    /// The version of the protocol that the controller spoke last; 0 before it spoke at all.
    pub spoken: u16,
    /// What the controller refused the running agent for, until it answers well again.
    pub last_refusal: Option<LastRefusal>,
    /// How often this state was found to be older than what the controller holds: the disk was restored.
    pub restored: u64,
    /// Why the agent is quarantined: the controller is being asked whose key this is.
    pub doubt: Option<RekeyReason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRefusal {
    pub code: ProblemCode,
    /// By the best knowledge that the agent had of the time.
    pub at: Timestamp,
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

    /// This ledger if it is the chain of `key`, else a new one that keeps only what time it is: the computer was
    /// enrolled again with a new key.
    pub fn of_key(self, key: KeyFingerprint) -> Self {
        if self.key.is_none_or(|known| known == key) {
            Self { key: Some(key), ..self }
        } else {
            Self {
                key: Some(key),
                trusted_time: self.trusted_time,
                spoken: self.spoken,
                ..Self::default()
            }
        }
    }

    /// This ledger brought up to what lies in the spool: the power may have been cut after a report was kept there
    /// and before the ledger was saved. The next envelope must follow that report, or it would fork the chain.
    pub fn caught_up(self, newest_waiting: Option<ChainHead>) -> Self {
        match newest_waiting {
            Some(waiting) if self.newest.is_none_or(|newest| newest.place < waiting.place) => Self {
                newest: Some(waiting),
                // What it states is not known here: everything that the controller does not confirm is stated again.
                stated: self.held.clone(),
                ..self
            },
            _ => self,
        }
    }

    pub fn save(&self, directory: &Path) -> Result<(), FileError> {
        let json = serde_json::to_vec_pretty(self).expect("a ledger is digests and numbers");
        durable_file::replace(&directory.join(FILE), &json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_schema::envelope::ChainPlace;

    #[test]
    fn another_key_begins_another_chain() {
        let (old, new) = (KeyFingerprint(Digest::of(b"old")), KeyFingerprint(Digest::of(b"new")));
        let head = ChainHead {
            place: ChainPlace::FIRST,
            digest: Digest::of(b"head"),
        };
        let ledger = Ledger {
            newest: Some(head),
            ..Ledger::default()
        }
        .of_key(old);
        assert_eq!(ledger.clone().of_key(old).newest, Some(head));
        assert_eq!(
            ledger.of_key(new),
            Ledger {
                key: Some(new),
                ..Ledger::default()
            }
        );
    }

    #[test]
    fn a_report_that_the_ledger_does_not_know_is_followed() {
        let head = |sequence| ChainHead {
            place: ChainPlace { epoch: 0, sequence },
            digest: Digest::of(&[sequence as u8]),
        };
        let ledger = Ledger {
            newest: Some(head(2)),
            stated: [(SectionName::Memory, Digest::of(b"stated"))].into(),
            ..Ledger::default()
        };
        assert_eq!(ledger.clone().caught_up(None), ledger);
        assert_eq!(ledger.clone().caught_up(Some(head(1))), ledger);
        assert_eq!(ledger.clone().caught_up(Some(head(2))), ledger);
        let caught_up = ledger.caught_up(Some(head(3)));
        assert_eq!((caught_up.newest, caught_up.stated.len()), (Some(head(3)), 0));
    }

    #[test]
    fn a_ledger_that_cannot_be_understood_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::default().of_key(KeyFingerprint(Digest::of(b"key")));
        ledger.save(folder.path()).unwrap();
        assert_eq!(Ledger::load(folder.path()).unwrap(), ledger);
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        assert_eq!(Ledger::load(folder.path()).unwrap(), Ledger::default());
    }
}
