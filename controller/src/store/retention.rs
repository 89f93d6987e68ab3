//! Letting a month of reports go, and keeping what must outlive it.
//!
//! What a device states now, and the newest report of each chain, are moved into a month that stays before theirs
//! goes: an envelope is evidence for as long as anything rests on it. Chains go on from their heads, which are in
//! no month. Findings, certificates, revocations, checkpoints and the activity log are in none either.
//!
//! Everything here may be broken off anywhere and begun again. PostgreSQL drops a month's partitions and waits at
//! most a second for those who use them; SQLite, with its one writer, deletes in batches and lets others write in
//! between. Called by `task::retention`, alone.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use inventory_schema::Timestamp;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Transaction};

use super::activity::{self, NewActivity};
use super::month::ReceivedMonth;
use super::partition;
use super::statement::Columns;
use super::{EngineKind, Store, StoreError, StoreResult};

/// Devices whose reports are moved in one transaction.
const DEVICES: i64 = 200;
/// Rows that SQLite deletes in one transaction: a few milliseconds.
const ROWS: i64 = 200;

/// The months there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Months {
    /// All that could be let go.
    pub present: BTreeSet<ReceivedMonth>,
    /// Those that hold reports.
    pub reporting: BTreeSet<ReceivedMonth>,
}

/// Of the devices with these internal ids, the reports in the month `$1` that stay: those that state what a device
/// states now, those that follow one of these up to the next checkpoint, without which nothing would prove it, and those
/// at the head of a chain. `$3` and `$4` bound the ids.
macro_rules! staying {
    () => {
        "(SELECT s.report_id FROM device_section s WHERE s.device_id >= $3 AND s.device_id < $4 \
         UNION SELECT l.id FROM device_section s JOIN report p ON p.device_id = s.device_id AND p.id = s.report_id \
         JOIN report l ON l.fingerprint = p.fingerprint AND l.received_month = $1 AND l.state = 'stored' \
         AND l.received_at >= p.received_at \
         AND l.received_at <= (SELECT MIN(c.recorded_at) FROM checkpoint c WHERE c.taken_at >= p.received_at) \
         WHERE s.device_id >= $3 AND s.device_id < $4 \
         UNION SELECT r.id FROM chain_head h JOIN report r ON r.fingerprint = h.fingerprint AND r.epoch = h.epoch \
         AND r.sequence = h.sequence AND r.state = 'stored' WHERE h.device_id >= $3 AND h.device_id < $4 AND r.received_month = $1)"
    };
}

/// In this order: sections before the reports they are found by, bodies after the sections that name them.
const MOVES: [&str; 4] = [
    concat!(
        "UPDATE report_section SET received_month = $2 WHERE received_month = $1 AND report_id IN ",
        staying!()
    ),
    concat!(
        "INSERT INTO body (digest, bytes, size, received_at, received_month) \
         SELECT b.digest, b.bytes, b.size, b.received_at, $2 FROM body b WHERE b.received_month = $1 AND b.digest IN \
         (SELECT s.body_digest FROM device_section s WHERE s.device_id >= $3 AND s.device_id < $4 AND s.body_month = $1 \
          UNION SELECT n.body_digest FROM report_section n WHERE n.received_month = $2 AND n.report_id IN ",
        staying!(),
        ") ON CONFLICT (digest, received_month) DO NOTHING"
    ),
    "UPDATE device_section SET body_month = $2 WHERE device_id >= $3 AND device_id < $4 AND body_month = $1 \
     AND EXISTS (SELECT 1 FROM body b WHERE b.digest = device_section.body_digest AND b.received_month = $2)",
    concat!(
        "UPDATE report SET received_month = $2 WHERE received_month = $1 AND id IN ",
        staying!()
    ),
];

impl Store {
    pub async fn months(&self) -> StoreResult<Months> {
        let mut connection = self.read().acquire().await?;
        match self.engine_kind() {
            EngineKind::Postgres => months_of_partitions(&mut connection).await,
            EngineKind::Sqlite => months_of_rows(&mut connection).await,
        }
    }

    /// Adds months before the first report of them comes.
    pub async fn prepare_months(&self, months: impl IntoIterator<Item = ReceivedMonth> + Send) -> StoreResult<()> {
        self.engine.prepare_months(&months.into_iter().collect()).await
    }

    /// The ranges of internal ids to go through with [`Store::move_what_stays`].
    pub async fn device_ranges(&self) -> StoreResult<Vec<Range<i64>>> {
        let row = sqlx::query("SELECT COALESCE(MAX(id), 0) AS last FROM device")
            .fetch_one(self.read())
            .await?;
        let last = row.int("last")?;
        Ok((0..=last / DEVICES).map(|n| n * DEVICES..(n + 1) * DEVICES).collect())
    }

    /// Moves what must outlive the month `from` into `to`, for these devices.
    pub async fn move_what_stays(&self, from: ReceivedMonth, to: ReceivedMonth, devices: &Range<i64>) -> StoreResult<()> {
        self.engine.prepare_months(&BTreeSet::from([to])).await?;
        let mut transaction = self.begin().await?;
        for statement in MOVES {
            sqlx::query(statement)
                .bind(from.number())
                .bind(to.number())
                .bind(devices.start)
                .bind(devices.end)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// The reports of a month.
    pub async fn reports_in(&self, month: ReceivedMonth) -> StoreResult<i64> {
        let row = sqlx::query("SELECT COUNT(*) AS total FROM report WHERE received_month = $1")
            .bind(month.number())
            .fetch_one(self.read())
            .await?;
        row.int("total")
    }

    /// Lets a month go; `entry` is added to the activity log with it. `false`: something in it is needed still, as
    /// a report came into it meanwhile; move it and try again.
    pub async fn drop_month(&self, month: ReceivedMonth, reports: i64, entry: &NewActivity) -> StoreResult<bool> {
        if self.engine_kind() == EngineKind::Sqlite {
            self.delete_in_batches(month).await?;
        }
        let mut transaction = self.begin_alone(month).await?;
        if self.engine_kind() == EngineKind::Postgres {
            if is_needed(&mut transaction, month).await? {
                return Ok(false);
            }
            partition::remove(&mut transaction, month).await?;
        }
        sqlx::query(
            "INSERT INTO dropped_month (received_month, dropped_at, reports) VALUES ($1, $2, $3) \
             ON CONFLICT (received_month) DO UPDATE SET dropped_at = excluded.dropped_at, reports = dropped_month.reports + excluded.reports",
        )
        .bind(month.number())
        .bind(entry.at.unix_micros())
        .bind(reports)
        .execute(&mut *transaction)
        .await?;
        activity::append(&mut transaction, entry).await?;
        transaction.commit().await?;
        self.engine.forget_months();
        Ok(true)
    }

    /// A transaction that on PostgreSQL has the reports' tables for itself; tried again while commits are under way.
    async fn begin_alone(&self, month: ReceivedMonth) -> StoreResult<Transaction<'static, Any>> {
        const TRIES: u32 = 40;
        const PAUSE: Duration = Duration::from_millis(25);
        let mut tries = 0;
        loop {
            let mut transaction = self.begin().await?;
            if self.engine_kind() == EngineKind::Sqlite {
                return Ok(transaction);
            }
            match partition::lock(&mut transaction, month).await {
                Ok(()) => return Ok(transaction),
                Err(StoreError::Contended(_)) if tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
            transaction.rollback().await?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The first month that is wholly kept; `None`: nothing was let go yet.
    pub async fn kept_since(&self) -> StoreResult<Option<ReceivedMonth>> {
        let row = sqlx::query("SELECT COALESCE(MAX(received_month), 0) AS last FROM dropped_month")
            .fetch_one(self.read())
            .await?;
        Ok(ReceivedMonth::from_number(row.int("last")?).map(|last| last.plus(1)))
    }

    /// What stays was moved; the rest goes, rows by rows. Between two batches the writer is free for as long as a
    /// batch took.
    async fn delete_in_batches(&self, month: ReceivedMonth) -> StoreResult<()> {
        const STATEMENTS: [&str; 4] = [
            "DELETE FROM measurement WHERE id IN (SELECT id FROM measurement WHERE received_month = $1 ORDER BY id LIMIT $2)",
            "DELETE FROM report_section WHERE report_id IN (SELECT id FROM report WHERE received_month = $1 ORDER BY id LIMIT $2)",
            "DELETE FROM report WHERE id IN (SELECT id FROM report WHERE received_month = $1 ORDER BY id LIMIT $2)",
            "DELETE FROM body WHERE rowid IN (SELECT rowid FROM body WHERE received_month = $1 ORDER BY rowid LIMIT $2)",
        ];
        loop {
            let mut transaction = self.begin().await?;
            let begun = Instant::now();
            let mut gone = 0;
            for statement in STATEMENTS {
                let outcome = sqlx::query(statement)
                    .bind(month.number())
                    .bind(ROWS)
                    .execute(&mut *transaction)
                    .await?;
                gone += outcome.rows_affected();
            }
            transaction.commit().await?;
            if gone == 0 {
                return Ok(());
            }
            tokio::time::sleep(begun.elapsed().max(Duration::from_millis(1))).await;
        }
    }
}

/// Whether a report that came into the month since what stays was moved must be moved too.
async fn is_needed(connection: &mut AnyConnection, month: ReceivedMonth) -> StoreResult<bool> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM device_section WHERE body_month = $1) + (SELECT COUNT(*) FROM chain_head h \
         JOIN report r ON r.fingerprint = h.fingerprint AND r.epoch = h.epoch AND r.sequence = h.sequence \
         AND r.state = 'stored' AND r.received_month = $1) AS needed",
    )
    .bind(month.number())
    .fetch_one(connection)
    .await?;
    Ok(row.int("needed")? > 0)
}

async fn months_of_partitions(connection: &mut AnyConnection) -> StoreResult<Months> {
    let mut months = Months::default();
    for (_, number) in partition::attached(connection).await? {
        months.present.extend(ReceivedMonth::from_number(number));
    }
    for month in &months.present {
        let row = sqlx::query("SELECT COUNT(*) AS some FROM (SELECT 1 FROM report WHERE received_month = $1 LIMIT 1) AS r")
            .bind(month.number())
            .fetch_one(&mut *connection)
            .await?;
        if row.flag("some")? {
            months.reporting.insert(*month);
        }
    }
    Ok(months)
}

/// From month to month along the indexes.
async fn months_of_rows(connection: &mut AnyConnection) -> StoreResult<Months> {
    let mut months = Months::default();
    for table in ["report", "body", "measurement"] {
        let mut last = 0;
        loop {
            // Names of tables only.
            let statement = format!("SELECT COALESCE(MIN(received_month), 0) AS next FROM {table} WHERE received_month > $1");
            let row = sqlx::query(AssertSqlSafe(statement)).bind(last).fetch_one(&mut *connection).await?;
            last = row.int("next")?;
            let Some(month) = ReceivedMonth::from_number(last) else {
                break;
            };
            months.present.insert(month);
            if table == "report" {
                months.reporting.insert(month);
            }
        }
    }
    Ok(months)
}

/// When a month was let go, for pages and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DroppedMonth {
    pub month: ReceivedMonth,
    pub at: Timestamp,
    pub reports: i64,
}

impl Store {
    /// Oldest first.
    pub async fn dropped_months(&self) -> StoreResult<Vec<DroppedMonth>> {
        let rows = sqlx::query("SELECT received_month, dropped_at, reports FROM dropped_month ORDER BY received_month")
            .fetch_all(self.read())
            .await?;
        super::statement::records(&rows, |row| {
            Ok(DroppedMonth {
                month: row.month("received_month")?,
                at: row.time("dropped_at")?,
                reports: row.int("reports")?,
            })
        })
    }
}
