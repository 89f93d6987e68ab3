//! Which guarantee stands behind an acknowledged report (promise 1): the engine's own settings say.

use super::statement::Columns;
use super::{EngineKind, Store, StoreResult};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// SQLite with full synchronisation: on this server's disk.
    LocalDisk,
    /// PostgreSQL that waits for a synchronous standby: survives a failover.
    SynchronousStandby,
    /// PostgreSQL alone: on the database server's disk.
    DatabaseServerDisk,
    /// PostgreSQL that answers before its disk has it: acknowledged reports may be lost.
    Relaxed,
}

impl Durability {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LocalDisk => "local_disk",
            Self::SynchronousStandby => "synchronous_standby",
            Self::DatabaseServerDisk => "database_server_disk",
            Self::Relaxed => "relaxed",
        }
    }
}

impl Store {
    /// Asks the engine; differs between the two, as connecting does.
    pub async fn durability(&self) -> StoreResult<Durability> {
        match self.engine_kind() {
            EngineKind::Sqlite => {
                self.ping().await?;
                Ok(Durability::LocalDisk)
            }
            EngineKind::Postgres => {
                let row = sqlx::query(
                    "SELECT current_setting('synchronous_commit') AS commits, current_setting('synchronous_standby_names') AS standbys",
                )
                .fetch_one(self.read())
                .await?;
                Ok(judge(&row.text("commits")?, &row.text("standbys")?))
            }
        }
    }
}

/// From PostgreSQL's `synchronous_commit` and `synchronous_standby_names`.
fn judge(commits: &str, standbys: &str) -> Durability {
    match (commits, standbys.trim()) {
        ("off", _) => Durability::Relaxed,
        ("local", _) | (_, "") => Durability::DatabaseServerDisk,
        _ => Durability::SynchronousStandby,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guarantee_follows_from_two_settings() {
        assert_eq!(judge("on", ""), Durability::DatabaseServerDisk);
        assert_eq!(judge("on", "ANY 1 (a, b)"), Durability::SynchronousStandby);
        assert_eq!(judge("local", "ANY 1 (a, b)"), Durability::DatabaseServerDisk);
        assert_eq!(judge("off", "ANY 1 (a, b)"), Durability::Relaxed);
    }
}
