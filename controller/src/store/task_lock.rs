//! Periodic work that one controller does at a time.
//!
//! On PostgreSQL the lock is an advisory one of a transaction, so that a controller that dies, or loses its
//! connection, gives it back by that. Then another may begin while the first still works: tasks are written so
//! that doing them twice changes nothing, and the lock only spares the database. SQLite has one process.

use inventory_schema::Digest;

use super::statement::Columns;
use super::{EngineKind, Store, StoreResult};

impl Store {
    /// Does `work`, unless another controller is doing the task of this name: then `None`. Within one process
    /// a task is expected to have one loop. `work` must not need the connection that the lock holds; it takes
    /// others from the pool.
    pub async fn alone<T>(&self, task: &str, work: impl Future<Output = T>) -> StoreResult<Option<T>> {
        if self.engine_kind() == EngineKind::Sqlite {
            return Ok(Some(work.await));
        }
        let mut transaction = self.begin().await?;
        // The session would be ended for its idleness in the middle of a long task, and the lock with it.
        sqlx::query("SET LOCAL idle_in_transaction_session_timeout = 0")
            .execute(&mut *transaction)
            .await?;
        let row = sqlx::query("SELECT CAST(CASE WHEN pg_try_advisory_xact_lock($1) THEN 1 ELSE 0 END AS BIGINT) AS held")
            .bind(key(task))
            .fetch_one(&mut *transaction)
            .await?;
        if !row.flag("held")? {
            return Ok(None);
        }
        let outcome = work.await;
        // Nothing was written here; where the connection is gone, so is the lock.
        let _ = transaction.rollback().await;
        Ok(Some(outcome))
    }
}

/// The lock's number, from the task's name. Migrations lock a number of their own.
fn key(task: &str) -> i64 {
    let digest = Digest::of(format!("cos-controller task {task}").as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest.as_bytes()[..8]);
    i64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_has_a_lock_of_its_own() {
        assert_ne!(key("sessions"), key("checkpoint"));
        assert_eq!(key("sessions"), key("sessions"));
    }
}
