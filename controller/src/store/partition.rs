//! Months on PostgreSQL are partitions, which must exist before a row comes; SQLite needs nothing of the kind.
//!
//! A month is attached and never created in place: attaching lets every reader and writer go on, a running backup
//! among them. There is no partition for «the rest»: it would have to be searched whenever a month is attached.
//! Whoever writes asks for the months of its rows first ([`Engine::prepare_months`]), so that no clock, however
//! wrong, makes a report fail.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use sqlx::{AnyConnection, AssertSqlSafe, Connection};

use super::engine::{Engine, EngineKind};
use super::error::StoreError;
use super::month::ReceivedMonth;
use super::statement::Columns;

/// What is kept by month.
pub(super) const TABLES: [&str; 4] = ["report", "report_section", "body", "measurement"];
/// One controller at a time adds or drops months.
const LOCK: i64 = 0x636f_735f_6d6f_6e74;
/// How long a controller waits for the tables before it lets others pass and answers that it was contended.
const PATIENCE: &str = "SET LOCAL lock_timeout = '3s'";

impl Engine {
    /// Makes sure that rows of these months can be written.
    pub(super) async fn prepare_months(&self, months: &BTreeSet<ReceivedMonth>) -> Result<(), StoreError> {
        if self.kind() == EngineKind::Sqlite {
            return Ok(());
        }
        let missing: Vec<ReceivedMonth> = {
            let known = self.months.lock().unwrap_or_else(PoisonError::into_inner);
            months.difference(&known).copied().collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let mut connection = self.write_pool().acquire().await?;
        for month in missing {
            add(&mut connection, month).await?;
            self.months.lock().unwrap_or_else(PoisonError::into_inner).insert(month);
        }
        Ok(())
    }

    /// Another controller dropped a month that this one believed to exist.
    pub(super) fn forget_months(&self) {
        self.months.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

async fn add(connection: &mut AnyConnection, month: ReceivedMonth) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await?;
    let number = month.number();
    let present = attached(&mut transaction).await?;
    for table in TABLES.into_iter().filter(|table| !present.contains(&((*table).to_owned(), number))) {
        // Names of tables and numbers only.
        let statement = format!(
            "{PATIENCE}; CREATE TABLE {table}_{number} (LIKE {table} INCLUDING DEFAULTS INCLUDING STORAGE); \
             ALTER TABLE {table} ATTACH PARTITION {table}_{number} FOR VALUES IN ({number})"
        );
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    tracing::info!(%month, "a month was added for reports");
    Ok(())
}

/// The partitions there are: table and month.
pub(super) async fn attached(connection: &mut AnyConnection) -> Result<BTreeSet<(String, i64)>, StoreError> {
    let rows = sqlx::query(
        "SELECT CAST(p.relname AS TEXT) AS owner, CAST(c.relname AS TEXT) AS name FROM pg_inherits i \
         JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent \
         WHERE p.oid IN (to_regclass('report'), to_regclass('report_section'), to_regclass('body'), to_regclass('measurement'))",
    )
    .fetch_all(connection)
    .await?;
    let mut partitions = BTreeSet::new();
    for row in &rows {
        let (owner, name) = (row.text("owner")?, row.text("name")?);
        if let Some(month) = name.rsplit('_').next().and_then(|month| month.parse().ok()) {
            partitions.insert((owner, month));
        }
    }
    Ok(partitions)
}

/// Takes a month for this transaction alone; whoever else uses reports waits for it, and it for them a second at most.
pub(super) async fn lock(connection: &mut AnyConnection, month: ReceivedMonth) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *connection)
        .await?;
    // Whoever commits holds some of them and waits for others: to wait while holding one would be a deadlock.
    let lock = "SET LOCAL lock_timeout = '1s'; LOCK TABLE body IN ACCESS EXCLUSIVE MODE; \
                LOCK TABLE report, report_section, measurement IN ACCESS EXCLUSIVE MODE NOWAIT";
    sqlx::raw_sql(lock).execute(&mut *connection).await?;
    tracing::debug!(%month, "a month was taken to be dropped");
    Ok(())
}

/// Drops what [`lock`] took.
pub(super) async fn remove(connection: &mut AnyConnection, month: ReceivedMonth) -> Result<(), StoreError> {
    let number = month.number();
    for table in TABLES {
        // Names of tables and numbers only.
        sqlx::raw_sql(AssertSqlSafe(format!("DROP TABLE IF EXISTS {table}_{number}")))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
