//! What can go wrong with the database, told apart by what the caller does next.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;

type Cause = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address in the configuration is not one that a database can be reached by.
    #[error("«{address}» is no database address: expected sqlite:///path/file.db or postgres://…")]
    Address { address: String },
    #[error("the database {path} is in use by another process; one process at a time may open it")]
    InUse { path: PathBuf },
    #[error("the lock file {path} cannot be opened")]
    LockFile {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the database was written by a newer version of this program (migration {version} is unknown here); install that version")]
    Newer { version: i64 },
    #[error("the database's tables cannot be brought up to date")]
    Migration(#[source] Box<MigrateError>),
    /// The connection was lost or cannot be made.
    #[error("the database cannot be reached")]
    Unavailable(#[source] Cause),
    /// The disk below the database is full: nothing was written, everything acknowledged is kept.
    #[error("the disk of the database is full")]
    Full(#[source] Cause),
    /// Another transaction was in the way: the same call may succeed when repeated.
    #[error("another transaction was in the way")]
    Contended(#[source] Cause),
    /// A row with the same natural key exists, or belongs to someone else.
    #[error("the row conflicts with another: {what}")]
    Conflict { what: String },
    /// The row names another that does not exist.
    #[error("the row names something that does not exist: {what}")]
    Reference { what: String },
    /// A row's month is not there: another controller let it go since this one looked.
    #[error("the database has no such month")]
    NoMonth(#[source] Cause),
    /// What is stored cannot be understood.
    #[error("the stored {what} cannot be read")]
    Corrupt {
        what: &'static str,
        #[source]
        source: Cause,
    },
    /// The statement itself failed: a fault of this program.
    #[error("the database refused a statement")]
    Statement(#[source] Cause),
}

impl StoreError {
    pub(super) fn corrupt(what: &'static str, source: impl Into<Cause>) -> Self {
        Self::Corrupt {
            what,
            source: source.into(),
        }
    }

    /// Whether storage is out of order, so that the answer is 503 and the caller tries again later.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full(_) | Self::Contended(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => classify(error),
            error @ (sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed) => Self::Unavailable(error.into()),
            error => Self::Statement(error.into()),
        }
    }
}

/// SQLite gives (extended) result codes, whose low byte is the primary one; PostgreSQL five-character SQLSTATEs.
fn classify(error: Box<dyn sqlx::error::DatabaseError>) -> StoreError {
    let code = error.code().unwrap_or_default().into_owned();
    if error.is_unique_violation() {
        return StoreError::Conflict {
            what: error.message().to_owned(),
        };
    }
    if error.is_foreign_key_violation() {
        return StoreError::Reference {
            what: error.message().to_owned(),
        };
    }
    let sqlite = code.parse::<i32>().ok().filter(|_| code.len() < 5).map(|code| code & 0xff);
    match (sqlite, code.as_str()) {
        // SQLITE_FULL; disk_full.
        (Some(13), _) | (None, "53100") => StoreError::Full(error.into()),
        // SQLITE_BUSY, SQLITE_LOCKED; serialization_failure, deadlock_detected, lock_not_available.
        (Some(5 | 6), _) | (None, "40001" | "40P01" | "55P03") => StoreError::Contended(error.into()),
        // SQLITE_CORRUPT, SQLITE_NOTADB.
        (Some(11 | 26), _) => StoreError::corrupt("database file", error),
        // SQLITE_READONLY, SQLITE_IOERR, SQLITE_CANTOPEN.
        (Some(8 | 10 | 14), _) => StoreError::Unavailable(error.into()),
        // check_violation, which is also how a row without a partition is refused; there are no others on such tables.
        (None, "23514") if error.message().contains("partition") => StoreError::NoMonth(error.into()),
        // data_corrupted, index_corrupted.
        (None, "XX001" | "XX002") => StoreError::corrupt("database", error),
        // Connection, resources, operator intervention, system error, authorization, a standby, no such database.
        (None, code) if ["08", "53", "57", "58", "28"].contains(&code.get(..2).unwrap_or("")) || code == "25006" || code == "3D000" => {
            StoreError::Unavailable(error.into())
        }
        _ => StoreError::Statement(error.into()),
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(version) => Self::Newer { version },
            MigrateError::Execute(error) => error.into(),
            error => Self::Migration(Box::new(error)),
        }
    }
}
