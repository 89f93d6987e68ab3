//! Names that people taught for codes of hardware. Each teaching is a row; the newest of a code holds.

use inventory_schema::Timestamp;
use sqlx::any::AnyRow;

use super::activity::{self, NewActivity};
use super::statement::{Columns, records, word};
use super::{Store, StoreResult};
use crate::name::{NameKind, Names};

/// Codes people may teach are few; a list is cut here.
const MOST_SHOWN: i64 = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaughtName {
    pub kind: NameKind,
    /// In its one spelling.
    pub code: String,
    /// `None`: what was taught before is taken back.
    pub name: Option<String>,
    /// Where it is known from, in the teacher's words.
    pub source: String,
    pub operator_login: String,
    pub taught_at: Timestamp,
}

impl Store {
    /// Writes a name, with the entry of who did it. What held before stays readable.
    pub async fn teach_name(&self, taught: &TaughtName, entry: &NewActivity) -> StoreResult<()> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE taught_name SET superseded_at = $3 WHERE kind = $1 AND code = $2 AND superseded_at IS NULL")
            .bind(word(&taught.kind))
            .bind(taught.code.as_str())
            .bind(taught.taught_at.unix_micros())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO taught_name (kind, code, name, source, operator_login, taught_at) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(word(&taught.kind))
            .bind(taught.code.as_str())
            .bind(taught.name.as_deref())
            .bind(taught.source.as_str())
            .bind(taught.operator_login.as_str())
            .bind(taught.taught_at.unix_micros())
            .execute(&mut *transaction)
            .await?;
        activity::append(&mut transaction, entry).await?;
        Ok(transaction.commit().await?)
    }

    /// What holds now, newest first.
    pub async fn taught_names(&self) -> StoreResult<Vec<TaughtName>> {
        let rows = sqlx::query(
            "SELECT kind, code, name, source, operator_login, taught_at FROM taught_name \
             WHERE superseded_at IS NULL AND name IS NOT NULL ORDER BY taught_at DESC, id DESC LIMIT $1",
        )
        .bind(MOST_SHOWN)
        .fetch_all(self.read())
        .await?;
        records(&rows, read)
    }

    /// The taught names with the shipped ones behind them.
    pub async fn names(&self) -> StoreResult<Names> {
        let taught = self.taught_names().await?;
        Ok(Names::with_taught(
            taught
                .into_iter()
                .filter_map(|taught| Some((taught.kind, taught.code, taught.name?))),
        ))
    }
}

fn read(row: &AnyRow) -> StoreResult<TaughtName> {
    Ok(TaughtName {
        kind: row.word("kind")?,
        code: row.text("code")?,
        name: row.optional_text("name")?,
        source: row.text("source")?,
        operator_login: row.text("operator_login")?,
        taught_at: row.time("taught_at")?,
    })
}
