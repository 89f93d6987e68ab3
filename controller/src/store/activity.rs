//! The activity log: who did what. Entries are added and read, never changed.

use inventory_schema::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::statement::{Columns, records};
use super::{Listing, Page, Scope, Store, StoreResult};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewActivity {
    pub at: Timestamp,
    /// `None`: the program itself, or the command line.
    pub operator_id: Option<i64>,
    pub operator_login: String,
    /// A stable code: `token.create`.
    pub action: String,
    pub subject_kind: String,
    pub subject_id: String,
    /// The organization it concerns; entries without one are seen by the region only.
    pub organization_id: Option<i64>,
    /// JSON.
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    pub id: i64,
    pub at: Timestamp,
    pub operator_id: Option<i64>,
    pub operator_login: String,
    pub action: String,
    pub subject_kind: String,
    pub subject_id: String,
    pub organization_id: Option<i64>,
    pub organization_short_name: Option<String>,
    pub detail: String,
}

macro_rules! matching {
    () => {
        "FROM activity a LEFT JOIN organization_version v ON v.organization_id = a.organization_id AND v.superseded_at IS NULL \
         WHERE ($1 IS NULL OR v.municipality_id = $1) AND ($2 IS NULL OR a.organization_id = $2) "
    };
}

impl Store {
    pub async fn append_activity(&self, entry: &NewActivity) -> StoreResult<()> {
        let mut connection = self.write().acquire().await?;
        append(&mut connection, entry).await
    }

    /// Newest first.
    pub async fn activities(&self, scope: Scope, page: Page) -> StoreResult<Listing<Activity>> {
        let rows = sqlx::query(concat!(
            "SELECT a.id, a.at, a.operator_id, a.operator_login, a.action, a.subject_kind, a.subject_id, a.organization_id, \
             v.short_name AS organization_short_name, a.detail ",
            matching!(),
            "ORDER BY a.id DESC LIMIT $3 OFFSET $4"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(page.limit)
        .bind(page.offset)
        .fetch_all(self.read())
        .await?;
        let count = sqlx::query(concat!("SELECT COUNT(*) AS total ", matching!()))
            .bind(scope.municipality)
            .bind(scope.organization)
            .fetch_one(self.read())
            .await?;
        Ok(Listing {
            rows: records(&rows, read)?,
            total: count.int("total")?,
        })
    }
}

/// Adds an entry together with what it tells of.
pub(super) async fn append(connection: &mut AnyConnection, entry: &NewActivity) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO activity (at, operator_id, operator_login, action, subject_kind, subject_id, organization_id, detail) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(entry.at.unix_micros())
    .bind(entry.operator_id)
    .bind(entry.operator_login.as_str())
    .bind(entry.action.as_str())
    .bind(entry.subject_kind.as_str())
    .bind(entry.subject_id.as_str())
    .bind(entry.organization_id)
    .bind(entry.detail.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

fn read(row: &AnyRow) -> StoreResult<Activity> {
    Ok(Activity {
        id: row.int("id")?,
        at: row.time("at")?,
        operator_id: row.optional_int("operator_id")?,
        operator_login: row.text("operator_login")?,
        action: row.text("action")?,
        subject_kind: row.text("subject_kind")?,
        subject_id: row.text("subject_id")?,
        organization_id: row.optional_int("organization_id")?,
        organization_short_name: row.optional_text("organization_short_name")?,
        detail: row.text("detail")?,
    })
}
