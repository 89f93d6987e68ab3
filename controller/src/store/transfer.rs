//! A whole database as rows, read as of one moment while others write, and written into an empty one.
//!
//! Tables and columns are asked of the engine, so that what a later migration adds is carried too. Names of tables
//! and columns come from its catalog and nowhere else. Reading takes neither SQLite's file lock nor any lock of
//! PostgreSQL's that a writer would wait for. Called by `crate::backup`.

use std::collections::BTreeSet;
use std::future::poll_fn;

use sqlx::any::{AnyRow, AnyTypeInfoKind};
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row, Transaction, ValueRef};

use super::engine::Engine;
use super::month::ReceivedMonth;
use super::statement::{Columns, Value, bound, placeholders, records};
use super::{EngineKind, Store, StoreError, StoreResult};
use crate::backup::TableTotals;
use crate::backup::record::{Cell, TableHead, Totals};

/// Tables that a fresh database has a row in.
const SEEDED: [&str; 1] = ["wake"];
/// Tables that refuse the deletion of rows, which an empty database has none of.
const APPEND_ONLY: [&str; 1] = ["activity"];
/// Rows in one statement.
pub const ROWS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ColumnKind {
    Int,
    Text,
    Blob,
}

/// A table as this engine has it.
#[derive(Debug, Clone)]
struct Table {
    name: String,
    /// In the order of their names.
    columns: Vec<(String, ColumnKind)>,
}

/// The database as of one moment.
#[derive(Debug)]
pub struct Snapshot {
    transaction: Transaction<'static, Any>,
    kind: EngineKind,
    tables: Vec<Table>,
    migration: i64,
}

impl Store {
    /// Opens a database for reading alone, beside the controller that uses it. Nothing is migrated.
    pub async fn open_to_read(url: &str) -> StoreResult<Self> {
        Ok(Self::of(Engine::connect_to_read(url).await?))
    }

    /// Opens a database to be restored into: its tables stay as they are, if it has any.
    pub async fn open_to_restore(url: &str) -> StoreResult<Self> {
        Ok(Self::of(Engine::connect(url).await?))
    }

    /// The newest migration of the database; 0 where it has no tables yet.
    pub async fn migration(&self) -> StoreResult<i64> {
        let mut connection = self.read().acquire().await?;
        migration(&mut connection, self.engine_kind()).await
    }

    /// The newest migration this program knows.
    pub fn newest_migration(&self) -> i64 {
        self.engine.newest_migration()
    }

    /// Makes the tables as they were after this migration.
    pub async fn migrate_to(&self, version: i64) -> StoreResult<()> {
        self.engine.migrate_to(version).await
    }

    /// Whether no table holds a row that a fresh database does not have.
    pub async fn is_empty(&self) -> StoreResult<bool> {
        let mut connection = self.read().acquire().await?;
        for table in tables(&mut connection, self.engine_kind()).await? {
            if SEEDED.contains(&table.name.as_str()) {
                continue;
            }
            let text = format!("SELECT COUNT(*) AS some FROM (SELECT 1 FROM \"{}\" LIMIT 1) AS t", table.name);
            let row = sqlx::query(AssertSqlSafe(text)).fetch_one(&mut *connection).await?;
            if row.flag("some")? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub async fn snapshot(&self) -> StoreResult<Snapshot> {
        let mut transaction = self.engine.begin_reading().await?;
        // The first statement fixes the moment.
        let migration = migration(&mut transaction, self.engine_kind()).await?;
        if migration > self.newest_migration() {
            return Err(StoreError::Newer { version: migration });
        }
        Ok(Snapshot {
            tables: tables(&mut transaction, self.engine_kind()).await?,
            transaction,
            kind: self.engine_kind(),
            migration,
        })
    }

    /// Begins to write rows into empty tables; reports of these months will come.
    pub async fn begin_loading(&self, months: BTreeSet<ReceivedMonth>) -> StoreResult<Loading> {
        self.engine.prepare_months(&months).await?;
        let mut transaction = self.begin().await?;
        let kind = self.engine_kind();
        let references = suspend_references(&mut transaction, kind).await?;
        let tables = tables(&mut transaction, kind).await?;
        for table in &tables {
            if !APPEND_ONLY.contains(&table.name.as_str()) {
                let text = format!("DELETE FROM \"{}\"", table.name);
                sqlx::query(AssertSqlSafe(text)).execute(&mut *transaction).await?;
            }
        }
        Ok(Loading {
            transaction,
            kind,
            tables,
            references,
        })
    }
}

impl Snapshot {
    pub fn migration(&self) -> i64 {
        self.migration
    }

    pub fn engine_kind(&self) -> EngineKind {
        self.kind
    }

    /// What there is to read, in the order of names.
    pub async fn heads(&mut self) -> StoreResult<Vec<TableHead>> {
        let mut heads = Vec::new();
        for table in &self.tables {
            heads.push(TableHead {
                name: table.name.clone(),
                columns: table.columns.iter().map(|(name, _)| name.clone()).collect(),
                last_id: last_id(&mut self.transaction, self.kind, table).await?,
            });
        }
        Ok(heads)
    }

    /// Gives every row of a table to `each`, in any order.
    pub async fn read<E: From<StoreError>>(
        &mut self,
        head: &TableHead,
        each: impl FnMut(&[Cell]) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        read(&mut self.transaction, &head.name, &head.columns, each).await
    }
}

/// Rows on their way into an empty database. Dropped before [`Loading::finish`], it leaves the database empty.
#[derive(Debug)]
pub struct Loading {
    transaction: Transaction<'static, Any>,
    kind: EngineKind,
    tables: Vec<Table>,
    /// What makes PostgreSQL check references again.
    references: Vec<String>,
}

impl Loading {
    pub async fn insert(&mut self, head: &TableHead, rows: Vec<Vec<Cell>>) -> StoreResult<()> {
        let kinds = self.kinds(head)?;
        let names: Vec<String> = head.columns.iter().map(|name| format!("\"{name}\"")).collect();
        let text = format!(
            "INSERT INTO \"{}\" ({}) VALUES {}",
            head.name,
            names.join(", "),
            placeholders(rows.len(), kinds.len())
        );
        let mut values = Vec::with_capacity(rows.len() * kinds.len());
        for row in rows {
            values.extend(row.into_iter().zip(&kinds).map(|(cell, kind)| value(cell, *kind)));
        }
        bound(text.into(), values).execute(&mut *self.transaction).await?;
        Ok(())
    }

    /// The kinds of a table's columns here: a NULL must be told its type.
    fn kinds(&self, head: &TableHead) -> StoreResult<Vec<ColumnKind>> {
        let table = self.tables.iter().find(|table| table.name == head.name);
        let kind = |name: &String| table.and_then(|table| table.columns.iter().find(|(column, _)| column == name));
        head.columns
            .iter()
            .map(|name| kind(name).map(|(_, kind)| *kind))
            .collect::<Option<_>>()
            .ok_or_else(|| StoreError::corrupt("backup", format!("the table {} is not as this version has it", head.name)))
    }

    /// No number that was given to a row before is given to another.
    pub async fn go_on_after(&mut self, head: &TableHead) -> StoreResult<()> {
        let Some(last) = head.last_id else {
            return Ok(());
        };
        match self.kind {
            EngineKind::Postgres => {
                if let Some(sequence) = sequence(&mut self.transaction, &head.name).await? {
                    sqlx::query("SELECT setval(CAST($1 AS regclass), $2, true)")
                        .bind(sequence)
                        .bind(last)
                        .execute(&mut *self.transaction)
                        .await?;
                }
            }
            EngineKind::Sqlite => {
                sqlx::query("UPDATE sqlite_sequence SET seq = $1 WHERE name = $2 AND seq < $1")
                    .bind(last)
                    .bind(head.name.as_str())
                    .execute(&mut *self.transaction)
                    .await?;
                // A table whose rows are all gone; one without AUTOINCREMENT takes no notice.
                sqlx::query("INSERT INTO sqlite_sequence (name, seq) SELECT $2, $1 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = $2)")
                    .bind(last)
                    .bind(head.name.as_str())
                    .execute(&mut *self.transaction)
                    .await?;
            }
        }
        Ok(())
    }

    /// What a table holds now.
    pub async fn totals(&mut self, head: &TableHead) -> StoreResult<TableTotals> {
        let mut totals = Totals::default();
        read(&mut self.transaction, &head.name, &head.columns, |cells| {
            totals.add(cells);
            Ok::<(), StoreError>(())
        })
        .await?;
        Ok(totals.finish())
    }

    /// Checks every reference and makes it durable.
    pub async fn finish(mut self) -> StoreResult<()> {
        for reference in self.references {
            sqlx::query(AssertSqlSafe(reference)).execute(&mut *self.transaction).await?;
        }
        Ok(self.transaction.commit().await?)
    }
}

fn value(cell: Cell, kind: ColumnKind) -> Value {
    match (cell, kind) {
        (Cell::Null, ColumnKind::Int) => Value::Int(None),
        (Cell::Null, ColumnKind::Text) => Value::Text(None),
        (Cell::Null, ColumnKind::Blob) => Value::Blob(None),
        (Cell::Int(value), _) => Value::Int(Some(value)),
        (Cell::Text(value), _) => Value::Text(Some(value)),
        (Cell::Blob(value), _) => Value::Blob(Some(value)),
    }
}

async fn migration(connection: &mut AnyConnection, kind: EngineKind) -> StoreResult<i64> {
    let exists = match kind {
        EngineKind::Postgres => "SELECT CAST(COUNT(to_regclass('_sqlx_migrations')) AS BIGINT) AS some",
        EngineKind::Sqlite => "SELECT COUNT(*) AS some FROM sqlite_schema WHERE name = '_sqlx_migrations'",
    };
    if !sqlx::query(exists).fetch_one(&mut *connection).await?.flag("some")? {
        return Ok(0);
    }
    let row = sqlx::query("SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) AS version FROM _sqlx_migrations")
        .fetch_one(connection)
        .await?;
    row.int("version")
}

/// All tables but partitions and what the engine or the migrations keep for themselves.
async fn tables(connection: &mut AnyConnection, kind: EngineKind) -> StoreResult<Vec<Table>> {
    let text = match kind {
        EngineKind::Postgres => {
            "SELECT CAST(c.relname AS TEXT) AS name, CAST(a.attname AS TEXT) AS field, CAST(format_type(a.atttypid, NULL) AS TEXT) AS kind \
             FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = CAST(CAST(current_schema() AS TEXT) AS regnamespace) \
             AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped \
             AND c.relname <> '_sqlx_migrations'"
        }
        EngineKind::Sqlite => {
            "SELECT m.name AS name, p.name AS field, p.type AS kind FROM sqlite_schema m JOIN pragma_table_info(m.name) p \
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> '_sqlx_migrations'"
        }
    };
    let rows = sqlx::query(text).fetch_all(connection).await?;
    let mut fields = records(&rows, |row| {
        let kind = match row.text("kind")?.to_ascii_lowercase().as_str() {
            "bigint" | "integer" => ColumnKind::Int,
            "text" => ColumnKind::Text,
            "bytea" | "blob" => ColumnKind::Blob,
            other => {
                return Err(StoreError::corrupt(
                    "kind of a column",
                    format!("{other} is not carried by a backup"),
                ));
            }
        };
        Ok((row.text("name")?, row.text("field")?, kind))
    })?;
    fields.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    let mut tables: Vec<Table> = Vec::new();
    for (name, field, kind) in fields {
        if tables.last().is_none_or(|table| table.name != name) {
            tables.push(Table { name, columns: Vec::new() });
        }
        tables
            .last_mut()
            .expect("one was pushed where there was none")
            .columns
            .push((field, kind));
    }
    Ok(tables)
}

async fn sequence(connection: &mut AnyConnection, table: &str) -> StoreResult<Option<String>> {
    let row = sqlx::query("SELECT pg_get_serial_sequence('\"' || $1 || '\"', 'id') AS name")
        .bind(table)
        .fetch_one(connection)
        .await?;
    row.optional_text("name")
}

async fn last_id(connection: &mut AnyConnection, kind: EngineKind, table: &Table) -> StoreResult<Option<i64>> {
    if !table.columns.iter().any(|(name, kind)| name == "id" && *kind == ColumnKind::Int) {
        return Ok(None);
    }
    let text = format!("SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) AS last FROM \"{}\"", table.name);
    let largest = sqlx::query(AssertSqlSafe(text)).fetch_one(&mut *connection).await?.int("last")?;
    let given = match kind {
        EngineKind::Postgres => match sequence(&mut *connection, &table.name).await? {
            Some(sequence) => {
                let text = format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM {sequence}");
                sqlx::query(AssertSqlSafe(text)).fetch_one(connection).await?.int("last")?
            }
            None => 0,
        },
        EngineKind::Sqlite => {
            let row = sqlx::query("SELECT COALESCE(MAX(seq), 0) AS last FROM sqlite_sequence WHERE name = $1")
                .bind(table.name.as_str())
                .fetch_one(connection)
                .await?;
            row.int("last")?
        }
    };
    Ok(Some(largest.max(given)).filter(|last| *last > 0))
}

/// Rows come table by table, so references can only be checked at the end. Answers how to check them then.
async fn suspend_references(connection: &mut AnyConnection, kind: EngineKind) -> StoreResult<Vec<String>> {
    if kind == EngineKind::Sqlite {
        sqlx::query("PRAGMA defer_foreign_keys = ON").execute(connection).await?;
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "SELECT CAST(CAST(conrelid AS regclass) AS TEXT) AS owner, CAST(quote_ident(conname) AS TEXT) AS name, \
         pg_get_constraintdef(oid) AS definition FROM pg_constraint \
         WHERE contype = 'f' AND conparentid = 0 AND connamespace = CAST(CAST(current_schema() AS TEXT) AS regnamespace)",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut again = Vec::new();
    for row in &rows {
        let (owner, name, definition) = (row.text("owner")?, row.text("name")?, row.text("definition")?);
        let text = format!("ALTER TABLE {owner} DROP CONSTRAINT {name}");
        sqlx::query(AssertSqlSafe(text)).execute(&mut *connection).await?;
        again.push(format!("ALTER TABLE {owner} ADD CONSTRAINT {name} {definition}"));
    }
    Ok(again)
}

/// Streams a table's rows: none of it is held but one row.
async fn read<E: From<StoreError>>(
    connection: &mut AnyConnection,
    table: &str,
    columns: &[String],
    mut each: impl FnMut(&[Cell]) -> Result<(), E> + Send,
) -> Result<(), E> {
    let names: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
    let text = format!("SELECT {} FROM \"{table}\"", names.join(", "));
    let mut rows = sqlx::query(AssertSqlSafe(text)).fetch(connection);
    while let Some(row) = poll_fn(|context| rows.as_mut().poll_next(context)).await {
        let row = row.map_err(StoreError::from)?;
        each(&cells(&row, columns.len())?)?;
    }
    Ok(())
}

fn cells(row: &AnyRow, count: usize) -> StoreResult<Vec<Cell>> {
    let wrong = |error: sqlx::Error| StoreError::corrupt("row", error);
    (0..count)
        .map(|column| {
            let value = row.try_get_raw(column).map_err(wrong)?;
            if value.is_null() {
                return Ok(Cell::Null);
            }
            match value.type_info().kind() {
                AnyTypeInfoKind::Text => row.try_get(column).map(Cell::Text).map_err(wrong),
                AnyTypeInfoKind::Blob => row.try_get(column).map(Cell::Blob).map_err(wrong),
                _ => row.try_get(column).map(Cell::Int).map_err(wrong),
            }
        })
        .collect()
}
