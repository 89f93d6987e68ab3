//! A backup: one file that holds a whole database as of one moment, whichever engine it came from.
//!
//! The file is a line that names the format, a zstd stream of records ([`record`]) and the SHA-256 of all that. It
//! knows tables, columns and rows and nothing of what they mean, so that a pilot on SQLite can be restored into
//! PostgreSQL, and a table that is added later is in it by itself. Taken while the controller serves; restored
//! into an empty database only, in one transaction that is committed after every table was read back and found
//! equal. Keys are in it only where they were asked for.
//!
//! [`write`] and [`read`] are the file; `store::transfer` is the database. Called by `cli/backup.rs`.

pub mod read;
pub mod record;
pub mod write;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use inventory_schema::{Digest, RegionId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::store::StoreError;

/// The first bytes of every backup.
pub const MAGIC: &[u8] = b"cos-backup/1\n";

/// What a backup says of itself before its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Of the program that took it.
    pub program: String,
    /// The newest migration of the database.
    pub migration: i64,
    pub engine: String,
    pub region: RegionId,
    pub taken_at: Timestamp,
}

/// What a backup holds, said after its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    #[serde(flatten)]
    pub header: Header,
    pub tables: BTreeMap<String, TableTotals>,
    /// The names of the authority's files.
    pub keys: Vec<String>,
}

impl Manifest {
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.rows).sum()
    }
}

/// The rows of a table, and a digest over them that does not depend on their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableTotals {
    pub rows: u64,
    pub digest: Digest,
}

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write {path}; nothing was left of it")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} exists already; a backup is never overwritten")]
    Exists { path: PathBuf },
    #[error("{path} is no backup of a controller")]
    Foreign { path: PathBuf },
    #[error("{path} is cut short or was changed: its checksum does not hold. Take another copy of it; nothing was restored")]
    Damaged { path: PathBuf },
    #[error("{path} cannot be understood although its checksum holds")]
    Malformed {
        path: PathBuf,
        #[source]
        source: record::RecordError,
    },
    #[error("the backup was taken by a newer program ({program}, database version {migration}); restore it with that version")]
    Newer { program: String, migration: i64 },
    #[error("the backup is of the region {theirs}, and this controller's configuration names {ours}")]
    Region { theirs: RegionId, ours: RegionId },
    #[error("the database holds data already; a backup is restored into an empty one")]
    NotEmpty,
    #[error(
        "the database was made by version {found} of its tables and the backup has version {wanted}; restore into a new, empty database"
    )]
    Prepared { found: i64, wanted: i64 },
    #[error("the table {table} was not restored as it was backed up; nothing was written")]
    Differs { table: String },
    #[error("{path} holds keys already; they are never overwritten")]
    KeysExist { path: PathBuf },
    #[error(transparent)]
    Store(#[from] StoreError),
}
