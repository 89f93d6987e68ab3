//! What a device is: the kind its agent concludes, and the one that people ruled, which no report overwrites.
//!
//! Each ruling is a row that stays; `device.ruled_kind` repeats the one that holds, so that lists need no join.

use inventory_schema::inventory::DeviceKind;
use inventory_schema::{DeviceId, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::activity::{self, NewActivity};
use super::organization::in_scope;
use super::statement::{Bulk, Columns, records, word};
use super::{Scope, Store, StoreResult};

/// The most rulings that a page tells of.
const MOST_TOLD: i64 = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindRuling {
    /// `None`: what was ruled before is taken back, and the agent's conclusion holds.
    pub kind: Option<DeviceKind>,
    /// What the agent had concluded by then.
    pub concluded: Option<DeviceKind>,
    pub reason: String,
    pub operator_login: String,
    pub ruled_at: Timestamp,
}

impl Store {
    /// Writes a ruling with the entry of who made it. Answers whether the device was found.
    pub async fn rule_kind(&self, scope: Scope, id: DeviceId, ruling: &KindRuling, entry: &NewActivity) -> StoreResult<bool> {
        let mut transaction = self.begin().await?;
        let ruled = sqlx::query(concat!(
            "UPDATE device SET ruled_kind = $4 WHERE external_id = $3 AND organization_id IN \
             (SELECT v.organization_id FROM organization_version v WHERE v.superseded_at IS NULL AND ",
            in_scope!(),
            ") RETURNING id, kind"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(id.to_string())
        .bind(ruling.kind.map(|kind| word(&kind)))
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(device) = ruled else { return Ok(false) };
        sqlx::query(
            "INSERT INTO device_kind_ruling (device_id, kind, concluded, reason, operator_login, ruled_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(device.int("id")?)
        .bind(ruling.kind.map(|kind| word(&kind)))
        .bind(device.optional_text("kind")?)
        .bind(ruling.reason.as_str())
        .bind(ruling.operator_login.as_str())
        .bind(ruling.ruled_at.unix_micros())
        .execute(&mut *transaction)
        .await?;
        activity::append(&mut transaction, entry).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Newest first.
    pub async fn kind_rulings(&self, device: i64) -> StoreResult<Vec<KindRuling>> {
        let rows = sqlx::query(
            "SELECT r.kind, r.concluded, r.reason, r.operator_login, r.ruled_at FROM device_kind_ruling r \
             WHERE r.device_id = $1 ORDER BY r.id DESC LIMIT $2",
        )
        .bind(device)
        .bind(MOST_TOLD)
        .fetch_all(self.read())
        .await?;
        records(&rows, read)
    }
}

/// Notes what agents concluded; a ruling stands beside it.
pub(super) async fn note_concluded(connection: &mut AnyConnection, concluded: Vec<(i64, DeviceKind)>) -> StoreResult<()> {
    const NOTE: Bulk = Bulk {
        before: "WITH v(target, said) AS (VALUES",
        after: ") UPDATE device SET kind = v.said FROM v WHERE device.id = v.target AND (device.kind IS NULL OR device.kind <> v.said)",
    };
    let rows = concluded.into_iter().map(|(device, kind)| vec![device.into(), word(&kind).into()]);
    NOTE.execute(connection, rows.collect()).await?;
    Ok(())
}

fn read(row: &AnyRow) -> StoreResult<KindRuling> {
    Ok(KindRuling {
        kind: row.optional_word("kind")?,
        concluded: row.optional_word("concluded")?,
        reason: row.text("reason")?,
        operator_login: row.text("operator_login")?,
        ruled_at: row.time("ruled_at")?,
    })
}
