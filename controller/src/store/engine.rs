//! What must differ between SQLite and PostgreSQL: how to connect, to begin, to migrate, to lock, and how a
//! controller hears of changes.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgListener;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor, Transaction};
use tokio::sync::watch;

use super::error::StoreError;
use super::month::ReceivedMonth;

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

const SQLITE_READER: &str = "PRAGMA busy_timeout = 10000; PRAGMA query_only = ON;";
/// Readers beside SQLite's one writer.
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;
/// How long a call waits for a connection before the database counts as unreachable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection that comes back into the pool may take to say that it is well.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// What every session on PostgreSQL keeps, whatever its role or its database have set:
/// no `statement_timeout`, because it would end a commit's wait for the synchronous standby and call it committed;
/// a limit for waiting on locks, shorter than a call's own, and for a transaction that its owner forgot;
/// no answer before the disk has the commit.
const SESSION: &str = "SET statement_timeout = 0; SET lock_timeout = '8s'; SET idle_in_transaction_session_timeout = '60s'; \
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
/// The channel on which controllers tell each other that something has changed.
const CHANNEL: &str = "cos_wake";
/// What a lost notification costs at most.
const HEARD_AT_LEAST_EVERY: Duration = Duration::from_secs(30);
/// Before a connection for listening is tried again.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    Sqlite,
    Postgres,
}

#[derive(Debug)]
pub(super) struct Engine {
    kind: EngineKind,
    read: AnyPool,
    write: AnyPool,
    /// SQLite only: held for as long as the database is open.
    lock: Mutex<Option<File>>,
    /// The number of this process's own last change.
    changed: watch::Sender<i64>,
    /// PostgreSQL only: where to listen for those of others.
    url: Option<String>,
    /// PostgreSQL only: the months that were seen to exist.
    pub(super) months: Mutex<BTreeSet<ReceivedMonth>>,
}

/// Hears of changes.
#[derive(Debug)]
pub struct Listening {
    own: watch::Receiver<i64>,
    url: Option<String>,
    others: Option<PgListener>,
}

impl Engine {
    pub(super) async fn connect(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::connect_postgres(url).await
        } else if let Some((path, max_page_count)) = sqlite_address(url) {
            Self::connect_sqlite(&path, max_page_count).await
        } else {
            Err(StoreError::Address {
                address: without_password(url),
            })
        }
    }

    /// Without SQLite's lock, and without a connection that writes: beside whoever uses the database.
    pub(super) async fn connect_to_read(url: &str) -> Result<Self, StoreError> {
        let Some((path, _)) = sqlite_address(url) else {
            return Self::connect(url).await;
        };
        sqlx::any::install_default_drivers();
        let read = sqlite_pool(&path, "rw", SQLITE_READERS, SQLITE_READER.to_owned()).await?;
        Ok(Self {
            kind: EngineKind::Sqlite,
            write: read.clone(),
            read,
            lock: Mutex::new(None),
            months: Mutex::default(),
            changed: watch::Sender::new(0),
            url: None,
        })
    }

    async fn connect_postgres(url: &str) -> Result<Self, StoreError> {
        let pool = AnyPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(|connection, _| Box::pin(begin_session(connection)))
            .after_release(|connection, _| Box::pin(answers(connection)))
            .connect(url)
            .await
            .map_err(|error| match error {
                sqlx::Error::Configuration(_) => StoreError::Address {
                    address: without_password(url),
                },
                error => error.into(),
            })?;
        Ok(Self {
            kind: EngineKind::Postgres,
            read: pool.clone(),
            write: pool,
            lock: Mutex::new(None),
            months: Mutex::default(),
            changed: watch::Sender::new(0),
            url: Some(url.to_owned()),
        })
    }

    async fn connect_sqlite(path: &Path, max_page_count: Option<u32>) -> Result<Self, StoreError> {
        let lock = lock_file(path)?;
        let mut writer =
            String::from("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 10000;");
        if let Some(pages) = max_page_count {
            writer.push_str(&format!(" PRAGMA max_page_count = {pages};"));
        }
        let write = sqlite_pool(path, "rwc", 1, writer).await?;
        let read = sqlite_pool(path, "rw", SQLITE_READERS, SQLITE_READER.to_owned()).await?;
        Ok(Self {
            kind: EngineKind::Sqlite,
            read,
            write,
            lock: Mutex::new(Some(lock)),
            months: Mutex::default(),
            changed: watch::Sender::new(0),
            url: None,
        })
    }

    pub(super) fn kind(&self) -> EngineKind {
        self.kind
    }

    pub(super) fn read_pool(&self) -> &AnyPool {
        &self.read
    }

    pub(super) fn write_pool(&self) -> &AnyPool {
        &self.write
    }

    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        self.run_migrations(self.migrations()).await
    }

    /// Makes the tables of an empty database as this migration left them.
    pub(super) async fn migrate_to(&self, version: i64) -> Result<(), StoreError> {
        let until = self.migrations().iter().filter(|migration| migration.version <= version);
        let migrations = Migrator::with_migrations(until.cloned().collect());
        self.run_migrations(&migrations).await
    }

    pub(super) fn newest_migration(&self) -> i64 {
        self.migrations().iter().map(|migration| migration.version).max().unwrap_or(0)
    }

    fn migrations(&self) -> &'static Migrator {
        match self.kind {
            EngineKind::Sqlite => &SQLITE_MIGRATIONS,
            EngineKind::Postgres => &POSTGRES_MIGRATIONS,
        }
    }

    async fn run_migrations(&self, migrations: &Migrator) -> Result<(), StoreError> {
        match self.kind {
            EngineKind::Sqlite => migrations.run(&self.write).await.map_err(StoreError::from),
            EngineKind::Postgres => {
                let mut connection = self.write.acquire().await?;
                // Another controller's migrations are waited for, however long they take.
                connection.execute("SET lock_timeout = 0").await?;
                // What `run` does, without its lifetimes that no task can hold.
                let migrated = migrations.run_direct(None, &mut *connection, false).await;
                connection.close().await?;
                migrated.map_err(StoreError::from)
            }
        }
    }

    /// SQLite takes the write lock at once: a reader that turned writer could not wait for it.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        let begun = match self.kind {
            EngineKind::Sqlite => self.write.begin_with("BEGIN IMMEDIATE").await,
            EngineKind::Postgres => self.write.begin().await,
        };
        begun.map_err(StoreError::from)
    }

    /// A transaction whose statements all see the same moment.
    pub(super) async fn begin_reading(&self) -> Result<Transaction<'static, Any>, StoreError> {
        let begun = match self.kind {
            EngineKind::Sqlite => self.read.begin().await,
            EngineKind::Postgres => self.read.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await,
        };
        begun.map_err(StoreError::from)
    }

    /// Within the transaction that changes something; heard when it is committed.
    pub(super) async fn notify(&self, connection: &mut AnyConnection, change: &'static str, number: i64) -> Result<(), StoreError> {
        if self.kind == EngineKind::Postgres {
            // Constants and a number only.
            let notify = AssertSqlSafe(format!("NOTIFY {CHANNEL}, '{change} {number}'"));
            connection.execute(sqlx::raw_sql(notify)).await?;
        }
        Ok(())
    }

    /// After the commit, for those who listen in this process.
    pub(super) fn announce(&self, number: i64) {
        self.changed.send_replace(number);
    }

    pub(super) fn listen(&self) -> Listening {
        Listening {
            own: self.changed.subscribe(),
            url: self.url.clone(),
            others: None,
        }
    }

    pub(super) async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
        self.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    }
}

/// Prepares a new connection to PostgreSQL. One to a standby is closed by the error and counts as an outage:
/// what a standby shows may be old, and what is written must reach the primary. A primary never turns into a
/// standby while a connection lasts.
async fn begin_session(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    connection.execute(SESSION).await?;
    let standby =
        "SELECT CAST(CASE WHEN pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' THEN 1 ELSE 0 END AS BIGINT)";
    let read_only: i64 = sqlx::query_scalar(standby).fetch_one(connection).await?;
    if read_only == 0 {
        Ok(())
    } else {
        Err(sqlx::Error::Io(std::io::Error::new(
            std::io::ErrorKind::NotConnected,
            "the database server is a standby and only reads",
        )))
    }
}

/// Whether a connection that comes back still answers: one whose call was given up has its answer under way,
/// or its server is gone without a word, and then its place in the pool must not go with it.
async fn answers(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    match tokio::time::timeout(RELEASE_TIMEOUT, connection.ping()).await {
        Ok(answered) => answered.map(|()| true),
        Err(elapsed) => Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, elapsed))),
    }
}

impl Listening {
    /// Ends when there may be something newer: after a change of this process or another, whenever the connection
    /// for listening was made anew, and every half a minute all the same.
    pub async fn changed(&mut self) {
        let Self { own, url, others } = self;
        tokio::select! {
            // The sender lives as long as the store. One that is gone announces nothing any more.
            Ok(()) = own.changed() => {}
            () = heard(others, url.as_deref()) => {}
            () = tokio::time::sleep(HEARD_AT_LEAST_EVERY) => {}
        }
    }
}

async fn heard(listener: &mut Option<PgListener>, url: Option<&str>) {
    let Some(url) = url else { return std::future::pending().await };
    match listener {
        // `Ok(None)`: the connection was lost and made anew, and what was said meanwhile is lost.
        Some(connected) => match connected.try_recv().await {
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the connection that hears of changes was lost"
                );
                *listener = None;
            }
        },
        None => *listener = Some(listening(url).await),
    }
}

async fn listening(url: &str) -> PgListener {
    loop {
        let connected = async {
            let mut listener = PgListener::connect(url).await?;
            listener.listen(CHANNEL).await?;
            Ok::<_, sqlx::Error>(listener)
        };
        match connected.await {
            Ok(listener) => return listener,
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "changes of other controllers are not heard of"
            ),
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

/// `sqlite:PATH` or `sqlite://PATH`, or `sqlite://PATH?max_page_count=N` to keep the file below N pages of 4 KiB, so that a
/// database that is full leaves room on its disk. A path holds no question mark.
fn sqlite_address(url: &str) -> Option<(PathBuf, Option<u32>)> {
    let address = url.strip_prefix("sqlite:")?;
    let address = address.strip_prefix("//").unwrap_or(address);
    let (path, pages) = match address.split_once('?') {
        Some((path, parameter)) => (path, Some(parameter.strip_prefix("max_page_count=")?.parse().ok()?)),
        None => (address, None),
    };
    // An absolute path means the same file for sqlx, for the lock, and after a change of folder.
    let path = std::path::absolute(path).ok()?;
    Some((path, pages))
}

async fn sqlite_pool(path: &Path, mode: &str, connections: u32, pragmas: String) -> Result<AnyPool, StoreError> {
    let pragmas: Arc<str> = pragmas.into();
    let pool = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A connection that lives for ever keeps its settings and its prepared statements.
        .idle_timeout(None)
        .max_lifetime(None)
        // A file does not go away like a server does, and each call crosses a thread.
        .test_before_acquire(false)
        // SQLite ends a transaction itself when the disk is full, which sqlx does not notice: such a
        // connection could never begin another.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .after_connect(move |connection, _| {
            // Constants and a number only.
            let settings = sqlx::raw_sql(AssertSqlSafe(Arc::clone(&pragmas)));
            Box::pin(async move { connection.execute(settings).await.map(|_| ()) })
        })
        .connect(&format!("sqlite://{}?mode={mode}", percent_encoded(path)))
        .await?;
    Ok(pool)
}

/// The path as an address holds it: sqlx decodes percent signs and ends the path at a question mark.
fn percent_encoded(path: &Path) -> String {
    let mut address = String::new();
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'\\' | b':' => address.push(char::from(byte)),
            other => address.push_str(&format!("%{other:02X}")),
        }
    }
    address
}

/// Takes the lock that keeps a second process away. It is a file of its own, because SQLite unlocks the
/// database file whenever any handle on it is closed. The system releases it when the process ends.
fn lock_file(database: &Path) -> Result<File, StoreError> {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    let path = PathBuf::from(name);
    let failed = |source| StoreError::LockFile {
        path: path.clone(),
        source,
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: database.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// The address without what stands between the scheme and the host, which may be a password.
fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => url.to_owned(),
    }
}
