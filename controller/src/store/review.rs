//! Cases that people look at: copies, reinstalled and repaired computers, likely doubles.

use inventory_schema::{DeviceId, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::organization::in_scope;
use super::statement::{Columns, records, word};
use super::{Listing, Page, Scope, Store, StoreResult};

/// A case's number.
pub type CaseId = Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseKind {
    /// Several computers came up from one disk image: each has a device of its own now.
    Clone,
    /// The same hardware came back with a new key.
    Reinstall,
    /// A part was exchanged.
    Repair,
    /// The same hardware is known in another school.
    Move,
    /// Two records share parts: one computer, or parts that wandered.
    LikelyDouble,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// Waits for a person.
    Open,
    /// For information: nothing has to be decided.
    Noted,
    Merged,
    Split,
    Dismissed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCase {
    pub kind: CaseKind,
    /// Internal ids.
    pub device: i64,
    pub other: Option<i64>,
    pub subject: String,
    /// JSON.
    pub detail: String,
    pub state: CaseState,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewCase {
    pub external_id: CaseId,
    pub kind: CaseKind,
    pub device_id: i64,
    pub device: DeviceId,
    pub device_name: Option<String>,
    pub organization_id: i64,
    pub organization_name: String,
    pub other_id: Option<i64>,
    pub other: Option<DeviceId>,
    pub other_name: Option<String>,
    pub other_organization_id: Option<i64>,
    pub subject: String,
    pub detail: String,
    pub state: CaseState,
    pub opened_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub times: i64,
    pub reason: Option<String>,
    pub decided_by: Option<String>,
    pub decided_at: Option<Timestamp>,
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseDecision {
    pub state: CaseState,
    pub reason: Option<String>,
    pub by: String,
    pub at: Timestamp,
}

macro_rules! case_where {
    ($condition:expr) => {
        concat!(
            "SELECT c.external_id, c.kind, c.device_id, d.external_id AS device, d.host_name AS device_name, d.organization_id, \
             v.short_name AS organization_name, c.other_device_id, x.external_id AS other, x.host_name AS other_name, \
             x.organization_id AS other_organization_id, c.subject, c.detail, c.state, c.opened_at, c.last_seen_at, c.times, c.reason, \
             c.decided_by, c.decided_at FROM review_case c JOIN device d ON d.id = c.device_id \
             JOIN organization_version v ON v.organization_id = d.organization_id AND v.superseded_at IS NULL \
             JOIN organization o ON o.id = d.organization_id \
             LEFT JOIN device x ON x.id = c.other_device_id WHERE ",
            in_scope!(),
            $condition
        )
    };
}

/// A case, and what becomes of one that is there already.
macro_rules! insert_case {
    ($known:literal) => {
        concat!(
            "INSERT INTO review_case (external_id, kind, device_id, other_device_id, subject, detail, state, opened_at, last_seen_at, times) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, 1) ON CONFLICT (device_id, kind, subject) ",
            $known
        )
    };
}

impl Store {
    /// Opens a case, or counts one more time that it was seen; a decision that was made stays.
    pub async fn open_case(&self, case: &NewCase) -> StoreResult<()> {
        self.insert_case(
            insert_case!("DO UPDATE SET last_seen_at = excluded.last_seen_at, times = review_case.times + 1, detail = excluded.detail"),
            case,
        )
        .await
    }

    /// Opens a case unless there is one already, which then stays as it is.
    pub async fn open_case_once(&self, case: &NewCase) -> StoreResult<()> {
        self.insert_case(insert_case!("DO NOTHING"), case).await
    }

    async fn insert_case(&self, statement: &'static str, case: &NewCase) -> StoreResult<()> {
        sqlx::query(statement)
            .bind(CaseId::now_v7().to_string())
            .bind(word(&case.kind))
            .bind(case.device)
            .bind(case.other)
            .bind(case.subject.as_str())
            .bind(case.detail.as_str())
            .bind(word(&case.state))
            .bind(case.at.unix_micros())
            .execute(self.write())
            .await?;
        Ok(())
    }

    /// Newest first; those that wait for a person, or all.
    pub async fn cases(&self, scope: Scope, only_open: bool, page: Page) -> StoreResult<Listing<ReviewCase>> {
        let rows = sqlx::query(case_where!(
            " AND ($3 = 0 OR c.state = 'open') ORDER BY c.last_seen_at DESC, c.id DESC LIMIT $4 OFFSET $5"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(i64::from(only_open))
        .bind(page.limit)
        .bind(page.offset)
        .fetch_all(self.read())
        .await?;
        let count = sqlx::query(concat!(
            "SELECT COUNT(*) AS total FROM review_case c JOIN device d ON d.id = c.device_id \
             JOIN organization_version v ON v.organization_id = d.organization_id AND v.superseded_at IS NULL \
             JOIN organization o ON o.id = d.organization_id WHERE ",
            in_scope!(),
            " AND ($3 = 0 OR c.state = 'open')"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(i64::from(only_open))
        .fetch_one(self.read())
        .await?;
        Ok(Listing {
            rows: records(&rows, read)?,
            total: count.int("total")?,
        })
    }

    pub async fn case(&self, scope: Scope, id: CaseId) -> StoreResult<Option<ReviewCase>> {
        let row = sqlx::query(case_where!(" AND c.external_id = $3"))
            .bind(scope.municipality)
            .bind(scope.organization)
            .bind(id.to_string())
            .fetch_optional(self.read())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The cases that a device takes part in, newest first.
    pub async fn cases_of(&self, device: i64) -> StoreResult<Vec<ReviewCase>> {
        let rows = sqlx::query(case_where!(
            " AND (c.device_id = $3 OR c.other_device_id = $3) ORDER BY c.last_seen_at DESC, c.id DESC LIMIT 20"
        ))
        .bind(None::<i64>)
        .bind(None::<i64>)
        .bind(device)
        .fetch_all(self.read())
        .await?;
        records(&rows, read)
    }

    pub async fn decide_case(&self, id: CaseId, decision: &CaseDecision) -> StoreResult<()> {
        sqlx::query("UPDATE review_case SET state = $2, reason = $3, decided_by = $4, decided_at = $5 WHERE external_id = $1")
            .bind(id.to_string())
            .bind(word(&decision.state))
            .bind(decision.reason.as_deref())
            .bind(decision.by.as_str())
            .bind(decision.at.unix_micros())
            .execute(self.write())
            .await?;
        Ok(())
    }
}

fn read(row: &AnyRow) -> StoreResult<ReviewCase> {
    Ok(ReviewCase {
        external_id: row.parsed("external_id")?,
        kind: row.word("kind")?,
        device_id: row.int("device_id")?,
        device: row.parsed("device")?,
        device_name: row.optional_text("device_name")?,
        organization_id: row.int("organization_id")?,
        organization_name: row.text("organization_name")?,
        other_id: row.optional_int("other_device_id")?,
        other: row.optional_parsed("other")?,
        other_name: row.optional_text("other_name")?,
        other_organization_id: row.optional_int("other_organization_id")?,
        subject: row.text("subject")?,
        detail: row.text("detail")?,
        state: row.word("state")?,
        opened_at: row.time("opened_at")?,
        last_seen_at: row.time("last_seen_at")?,
        times: row.int("times")?,
        reason: row.optional_text("reason")?,
        decided_by: row.optional_text("decided_by")?,
        decided_at: row.optional_time("decided_at")?,
    })
}
