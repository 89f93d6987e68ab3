//! Everything the controller remembers: all SQL of the program stands below this module.
//!
//! Rows come out as plain records with the schema's types; decisions are made elsewhere. Each statement is
//! written once, in the subset that SQLite and PostgreSQL share; what must differ is in [`engine`]. Reads
//! made for people take a [`Scope`]: what is out of scope is simply not found. A method that answers `Ok`
//! after writing has made it durable (promise 1).
//!
//! Called by `api`, `web`, `enrollment`, `report`, `register` and `task`. It knows no HTTP, no clock (times
//! are arguments) and no configuration beyond its address.

pub mod activity;
pub mod boot;
pub mod building;
pub mod carry;
pub mod certificate;
pub mod change;
pub mod checkpoint;
mod deadline;
pub mod device;
pub mod device_kind;
pub mod device_list;
pub mod durability;
mod engine;
pub mod enrollment;
pub mod error;
pub mod evidence;
pub mod exclusive;
pub mod finding;
mod fold;
pub mod identifier;
pub mod identity;
pub mod import_preview;
pub mod imported;
pub mod line;
pub mod measurement;
pub mod month;
pub mod municipality;
pub mod name;
pub mod operator;
pub mod organization;
pub mod overview;
mod packing;
pub mod part;
mod partition;
pub mod presence;
pub mod received;
pub mod register;
pub mod report;
pub mod report_reading;
pub mod retention;
pub mod review;
pub mod session;
mod statement;
pub mod token;
pub mod transfer;
pub mod uptime;
pub mod wake;

use std::sync::Arc;

use sqlx::{Any, AnyPool, Transaction};

pub use engine::{EngineKind, Listening};
pub use error::StoreError;
pub use fold::{fold, sort_key};

use engine::Engine;

pub type StoreResult<T> = Result<T, StoreError>;

/// The part of the region that someone may see. Both `None`: the whole region.
/// The numbers are internal ids of a municipality and an organization.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    pub municipality: Option<i64>,
    pub organization: Option<i64>,
}

impl Scope {
    pub const REGION: Self = Self {
        municipality: None,
        organization: None,
    };
}

/// A piece of a longer list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Rows to pass over, from 0.
    pub offset: i64,
    /// The most rows to answer.
    pub limit: i64,
}

impl Page {
    /// The page `number`, counted from 1, of pages with `size` rows each.
    pub fn numbered(number: u32, size: u32) -> Self {
        Self {
            offset: i64::from(number.saturating_sub(1)) * i64::from(size),
            limit: i64::from(size),
        }
    }
}

impl Default for Page {
    fn default() -> Self {
        Self { offset: 0, limit: 50 }
    }
}

/// A page of rows and how many there are in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    pub rows: Vec<T>,
    pub total: i64,
}

/// A handle on the database; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Arc<Engine>,
    running: Arc<exclusive::RunningTasks>,
}

impl Store {
    /// Opens `sqlite:///path/file.db` (created when it does not exist, locked against other processes) or
    /// `postgres://…`, and brings its tables up to date. A database that a newer program has written is
    /// refused.
    pub async fn open(url: &str) -> StoreResult<Self> {
        let store = Self::of(Engine::connect(url).await?);
        store.migrate().await?;
        Ok(store)
    }

    fn of(engine: Engine) -> Self {
        Self {
            engine: Arc::new(engine),
            running: Arc::default(),
        }
    }

    /// Applies the migrations that are missing; on PostgreSQL under an advisory lock, so that controllers
    /// may start together. `open` has already called it.
    pub async fn migrate(&self) -> StoreResult<()> {
        self.engine.migrate().await
    }

    /// Answers whether the database does, for `/readyz`.
    pub async fn ping(&self) -> StoreResult<()> {
        deadline::within(deadline::QUESTION, async {
            sqlx::query("SELECT CAST(1 AS BIGINT) AS one").fetch_one(self.read()).await?;
            Ok(())
        })
        .await
    }

    pub fn engine_kind(&self) -> EngineKind {
        self.engine.kind()
    }

    /// Closes all connections and releases the file lock; later calls answer `Unavailable`.
    pub async fn close(&self) {
        self.engine.close().await;
    }

    /// Hears of changes that someone may be waiting for, made by any controller.
    pub fn listen(&self) -> Listening {
        self.engine.listen()
    }

    /// The pool that reads go to.
    fn read(&self) -> &AnyPool {
        self.engine.read_pool()
    }

    /// The pool that writes of one statement go to.
    fn write(&self) -> &AnyPool {
        self.engine.write_pool()
    }

    /// A transaction whose statements all see the same moment.
    async fn begin_reading(&self) -> StoreResult<Transaction<'static, Any>> {
        self.engine.begin_reading().await
    }

    fn running_tasks(&self) -> Arc<exclusive::RunningTasks> {
        Arc::clone(&self.running)
    }

    /// A transaction that may write. While it is open, every statement of its task must go through it:
    /// SQLite has one writing connection.
    async fn begin(&self) -> StoreResult<Transaction<'static, Any>> {
        self.engine.begin().await
    }
}
