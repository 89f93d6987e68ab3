//! What was noticed about a device and a person should know.

use inventory_schema::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::statement::{Bulk, Columns, Value, records, word};
use super::{Store, StoreResult};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Two envelopes claim one place of a key's chain.
    Fork,
    /// A chain went on after its record was lost here.
    ChainBreak,
    /// The computer's clock is far from ours.
    Clock,
    /// Its key was found on other computers: its disk was copied.
    Clone,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFinding {
    /// Internal id.
    pub device: i64,
    pub kind: FindingKind,
    /// JSON.
    pub detail: String,
    pub found_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub id: i64,
    pub kind: FindingKind,
    pub detail: String,
    pub found_at: Timestamp,
}

pub(super) const INSERT: Bulk = Bulk {
    before: "INSERT INTO finding (device_id, kind, detail, found_at) VALUES",
    after: "",
};

pub(super) fn values(finding: &NewFinding) -> Vec<Value> {
    vec![
        finding.device.into(),
        word(&finding.kind).into(),
        finding.detail.as_str().into(),
        finding.found_at.into(),
    ]
}

impl Store {
    pub async fn add_finding(&self, finding: &NewFinding) -> StoreResult<()> {
        let mut transaction = self.begin().await?;
        INSERT.execute(&mut transaction, vec![values(finding)]).await?;
        Ok(transaction.commit().await?)
    }

    /// Newest first.
    pub async fn findings(&self, device: i64, limit: i64) -> StoreResult<Vec<Finding>> {
        let rows = sqlx::query("SELECT id, kind, detail, found_at FROM finding WHERE device_id = $1 ORDER BY id DESC LIMIT $2")
            .bind(device)
            .bind(limit)
            .fetch_all(self.read())
            .await?;
        records(&rows, read)
    }
}

fn read(row: &AnyRow) -> StoreResult<Finding> {
    Ok(Finding {
        id: row.int("id")?,
        kind: row.word("kind")?,
        detail: row.text("detail")?,
        found_at: row.time("found_at")?,
    })
}
