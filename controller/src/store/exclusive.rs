//! One task at a time, whichever controller does it.
//!
//! On PostgreSQL an advisory lock that ends with its transaction, and so with the controller that held it; on
//! SQLite, which one process opens at a time, a set of names in that process. Called by `task`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use inventory_schema::Digest;
use sqlx::{Any, Transaction};

use super::statement::Columns;
use super::{EngineKind, Store, StoreResult};

/// The tasks that run in this process.
#[derive(Debug, Default)]
pub(super) struct RunningTasks(Mutex<BTreeSet<String>>);

impl RunningTasks {
    fn names(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held while a task runs.
#[derive(Debug)]
pub struct Exclusive {
    running: Arc<RunningTasks>,
    task: String,
    /// PostgreSQL: the transaction that the lock lives in; it rolls back when this is dropped.
    _lock: Option<Transaction<'static, Any>>,
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        self.running.names().remove(&self.task);
    }
}

impl Store {
    /// The right to run `task` alone; `None` while somebody else runs it.
    pub async fn exclusively(&self, task: &str) -> StoreResult<Option<Exclusive>> {
        let running = self.running_tasks();
        if !running.names().insert(task.to_owned()) {
            return Ok(None);
        }
        let mut held = Exclusive {
            running,
            task: task.to_owned(),
            _lock: None,
        };
        if self.engine_kind() == EngineKind::Postgres {
            let mut transaction = self.begin().await?;
            // The session would be ended for its idleness in the midst of a long task, and the lock with it.
            sqlx::query("SET LOCAL idle_in_transaction_session_timeout = 0")
                .execute(&mut *transaction)
                .await?;
            let row = sqlx::query("SELECT CAST(CASE WHEN pg_try_advisory_xact_lock($1) THEN 1 ELSE 0 END AS BIGINT) AS taken")
                .bind(lock_number(task))
                .fetch_one(&mut *transaction)
                .await?;
            if !row.flag("taken")? {
                return Ok(None);
            }
            held._lock = Some(transaction);
        }
        Ok(Some(held))
    }
}

/// Advisory locks have numbers.
fn lock_number(task: &str) -> i64 {
    let digest = Digest::of(format!("cos task {task}").as_bytes());
    let (first, _) = digest.as_bytes().split_first_chunk().expect("a digest has 32 bytes");
    i64::from_be_bytes(*first)
}
