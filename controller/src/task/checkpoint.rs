//! Takes the day's checkpoint, once, whichever controller comes first.
//!
//! What is read is one moment of the database, at least [`checkpoint::SETTLING`] after the checkpoint's own moment.
//! An attempt that is broken off leaves no checkpoint, and the next one begins anew.

use inventory_schema::canonical::{CanonicalBytes, CanonicalError};
use inventory_schema::{RegionId, Timestamp};
use jiff::tz::TimeZone;

use crate::authority::{Authority, SignError};
use crate::evidence::checkpoint::{self, Checkpoint, CheckpointFormat, TreeSummary};
use crate::evidence::merkle::Tree;
use crate::store::checkpoint::CheckpointRecord;
use crate::store::{Store, StoreError};

const TASK: &str = "checkpoint";

#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the checkpoint could not be signed")]
    Sign(#[from] SignError),
    #[error("the checkpoint has no canonical form")]
    Canonical(#[from] CanonicalError),
}

/// Who takes checkpoints: one region's controller.
#[derive(Debug, Clone, Copy)]
pub struct Taker<'a> {
    pub store: &'a Store,
    pub authority: &'a Authority,
    pub region: &'a RegionId,
}

impl Taker<'_> {
    /// Takes the checkpoint of the region's newest midnight unless it stands; answers the one it took.
    pub async fn take_if_due(self, now: Timestamp, zone: &TimeZone) -> Result<Option<CheckpointRecord>, CheckpointError> {
        let newest = self.store.newest_checkpoint().await?;
        if checkpoint::due(moment_of(newest.as_ref()), now, zone).is_none() {
            return Ok(None);
        }
        let Some(_held) = self.store.exclusively(TASK).await? else {
            return Ok(None);
        };
        // Another controller may have taken it since.
        let newest = self.store.newest_checkpoint().await?;
        match checkpoint::due(moment_of(newest.as_ref()), now, zone) {
            Some(moment) => Ok(Some(self.take(newest, moment, now).await?)),
            None => Ok(None),
        }
    }

    /// Takes one of this moment; `None` while another is being taken.
    pub async fn take_now(self, now: Timestamp) -> Result<Option<CheckpointRecord>, CheckpointError> {
        let Some(_held) = self.store.exclusively(TASK).await? else {
            return Ok(None);
        };
        let newest = self.store.newest_checkpoint().await?;
        let moment = checkpoint::at_once(moment_of(newest.as_ref()), now);
        Ok(Some(self.take(newest, moment, now).await?))
    }

    async fn take(self, newest: Option<CheckpointRecord>, moment: Timestamp, now: Timestamp) -> Result<CheckpointRecord, CheckpointError> {
        let number = newest.as_ref().map_or(1, |newest| newest.checkpoint.number + 1);
        let heads = self.store.keep_heads(number).await?;
        // After the heads: whoever has reported by then has a certificate that is in the log.
        self.store.extend_authority_log().await?;
        let checkpoint = Checkpoint {
            format: CheckpointFormat::V1,
            region: self.region.clone(),
            number,
            previous: newest.map(|newest| newest.digest),
            taken_at: moment,
            heads: summary(&heads),
            authority_log: summary(&self.store.authority_tree().await?),
        };
        let record = CheckpointRecord {
            digest: CanonicalBytes::of(&checkpoint)?.digest(),
            signed: self.authority.sign(&checkpoint)?,
            checkpoint,
        };
        self.store.insert_checkpoint(&record, now).await?;
        Ok(record)
    }
}

fn moment_of(newest: Option<&CheckpointRecord>) -> Option<Timestamp> {
    newest.map(|newest| newest.checkpoint.taken_at)
}

fn summary(tree: &Tree) -> TreeSummary {
    TreeSummary {
        count: tree.size(),
        root: tree.root(),
    }
}
