//! Which guarantee stands behind an acknowledged report (promise 1): the engine's own settings say.
//!
//! A commit is answered after PostgreSQL's disk has it, or after a synchronous standby has it too. Only the
//! second survives the loss of the database server: an asynchronous standby that is promoted has not heard of
//! the last moments before, and the agents have already forgotten what was acknowledged in them.

use super::statement::Columns;
use super::{EngineKind, Store, StoreResult, deadline};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// SQLite with full synchronisation: on this server's disk.
    LocalDisk,
    /// PostgreSQL that waits for a synchronous standby: survives a failover.
    SynchronousStandby,
    /// The same, and no such standby is connected: nothing is acknowledged until one is.
    SynchronousStandbyAway,
    /// PostgreSQL with standbys that it does not wait for: a failover may lose the last reports.
    AsynchronousStandby,
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
            Self::SynchronousStandbyAway => "synchronous_standby_away",
            Self::AsynchronousStandby => "asynchronous_standby",
            Self::DatabaseServerDisk => "database_server_disk",
            Self::Relaxed => "relaxed",
        }
    }
}

/// What PostgreSQL says of itself.
#[derive(Debug, Clone)]
struct Settings {
    /// `synchronous_commit` of our sessions.
    commits: String,
    /// `synchronous_standby_names`
    standbys: String,
    /// `fsync`
    fsync: String,
    /// Standbys that follow, and those of them that commits wait for. `None`: our role may not see them.
    following: Option<Following>,
}

#[derive(Debug, Clone, Copy)]
struct Following {
    all: i64,
    synchronous: i64,
}

impl Store {
    /// Asks the engine; differs between the two, as connecting does.
    pub async fn durability(&self) -> StoreResult<Durability> {
        match self.engine_kind() {
            EngineKind::Sqlite => {
                self.ping().await?;
                Ok(Durability::LocalDisk)
            }
            EngineKind::Postgres => Ok(judge(&deadline::within(deadline::QUESTION, self.settings()).await?)),
        }
    }

    async fn settings(&self) -> StoreResult<Settings> {
        let row = sqlx::query(
            "SELECT current_setting('synchronous_commit') AS commits, current_setting('synchronous_standby_names') AS standbys, \
             current_setting('fsync') AS fsync, \
             CAST(CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN 1 ELSE 0 END AS BIGINT) AS sees, \
             CAST((SELECT COUNT(*) FROM pg_stat_replication WHERE state = 'streaming') AS BIGINT) AS following, \
             CAST((SELECT COUNT(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')) AS BIGINT) \
             AS synchronous",
        )
        .fetch_one(self.read())
        .await?;
        let following = Following {
            all: row.int("following")?,
            synchronous: row.int("synchronous")?,
        };
        Ok(Settings {
            commits: row.text("commits")?,
            standbys: row.text("standbys")?,
            fsync: row.text("fsync")?,
            following: row.flag("sees")?.then_some(following),
        })
    }
}

fn judge(settings: &Settings) -> Durability {
    let following = settings.following.map_or(0, |following| following.all);
    match (settings.fsync.as_str(), settings.commits.as_str(), settings.standbys.trim()) {
        ("off", _, _) | (_, "off", _) => Durability::Relaxed,
        (_, "local", _) | (_, _, "") if following > 0 => Durability::AsynchronousStandby,
        (_, "local", _) | (_, _, "") => Durability::DatabaseServerDisk,
        _ if settings.following.is_some_and(|following| following.synchronous == 0) => Durability::SynchronousStandbyAway,
        _ => Durability::SynchronousStandby,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guarantee_follows_from_what_the_database_says() {
        let judged = |commits: &str, standbys: &str, following: Option<(i64, i64)>| {
            judge(&Settings {
                commits: commits.to_owned(),
                standbys: standbys.to_owned(),
                fsync: "on".to_owned(),
                following: following.map(|(all, synchronous)| Following { all, synchronous }),
            })
        };
        assert_eq!(judged("on", "", Some((0, 0))), Durability::DatabaseServerDisk);
        assert_eq!(judged("on", "", Some((1, 0))), Durability::AsynchronousStandby);
        assert_eq!(judged("on", "ANY 1 (a, b)", Some((2, 2))), Durability::SynchronousStandby);
        assert_eq!(judged("on", "ANY 1 (a, b)", None), Durability::SynchronousStandby);
        assert_eq!(judged("on", "ANY 1 (a, b)", Some((1, 0))), Durability::SynchronousStandbyAway);
        assert_eq!(judged("local", "ANY 1 (a, b)", Some((0, 0))), Durability::DatabaseServerDisk);
        assert_eq!(judged("local", "ANY 1 (a, b)", Some((2, 2))), Durability::AsynchronousStandby);
        assert_eq!(judged("off", "ANY 1 (a, b)", Some((2, 2))), Durability::Relaxed);
    }

    #[test]
    fn a_disk_that_is_never_waited_for_guarantees_nothing() {
        let settings = Settings {
            commits: "on".to_owned(),
            standbys: "a".to_owned(),
            fsync: "off".to_owned(),
            following: None,
        };
        assert_eq!(judge(&settings), Durability::Relaxed);
    }
}
