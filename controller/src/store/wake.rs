//! Changes that someone may be waiting for: numbered in the order in which they become visible, on any number of
//! controllers.
//!
//! One row counts them. Its lock is held from [`Store::change`] to the commit, so that a number is never seen
//! before a lower one: whoever has read up to a number has missed nothing below it. A notification says no more
//! than that there is something newer; what it is, and whom it concerns, is read here ([`Store::news_after`]).

use inventory_schema::{DeviceId, Timestamp};
use sqlx::{Any, AnyConnection, Transaction};

use super::statement::{Bulk, Columns};
use super::{Store, StoreResult};

/// Beyond this many devices everyone is woken: looking again in vain costs less than a longer list.
const MOST_NAMED: i64 = 2_000;

/// Why someone is woken; for whoever reads the notifications, nothing depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Something was published, for all or for some.
    Published,
    /// Something is wanted of a device, or its receipt is another.
    Wanted,
    /// A key lost its force.
    Revoked,
}

impl Change {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Wanted => "wanted",
            Self::Revoked => "revoked",
        }
    }
}

/// What has changed since a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// To be asked from next time.
    pub number: i64,
    /// Everyone who waits should look again.
    pub everyone: bool,
    /// Those who should look again, if not everyone.
    pub devices: Vec<DeviceId>,
    /// When everybody was last asked to look at their hardware; the beginning of 1970: never.
    pub collection: Timestamp,
}

/// A numbered change within a transaction that is still open.
#[must_use = "nobody is woken before it is committed"]
pub(super) struct NumberedChange<'s> {
    store: &'s Store,
    change: Change,
    number: i64,
}

impl Store {
    /// Takes the next number. To be called before anything else is written in the transaction: changes then wait
    /// for each other here and nowhere else.
    pub(super) async fn change(&self, connection: &mut AnyConnection, change: Change) -> StoreResult<NumberedChange<'_>> {
        let row = sqlx::query("UPDATE wake SET number = number + 1 WHERE id = 1 RETURNING number")
            .fetch_one(connection)
            .await?;
        Ok(NumberedChange {
            store: self,
            change,
            number: row.int("number")?,
        })
    }

    /// Makes everyone who waits look again: something that concerns all has changed.
    pub async fn publish(&self) -> StoreResult<()> {
        let mut transaction = self.begin().await?;
        let change = self.change(&mut transaction, Change::Published).await?;
        sqlx::query("UPDATE wake SET everyone = number WHERE id = 1")
            .execute(&mut *transaction)
            .await?;
        change.commit(transaction).await
    }

    /// Asks everybody to look at their hardware, those who are not there when they come. However many they are, one row
    /// is written: an agent that says an older order than this one is told of it.
    pub(super) async fn order_collection(&self, now: Timestamp) -> StoreResult<()> {
        let mut transaction = self.begin().await?;
        let change = self.change(&mut transaction, Change::Wanted).await?;
        // A later order is a higher one, whatever the clock says.
        sqlx::query(
            "UPDATE wake SET everyone = number, collection = CASE WHEN collection >= $1 THEN collection + 1 ELSE $1 END WHERE id = 1",
        )
        .bind(now.unix_micros())
        .execute(&mut *transaction)
        .await?;
        change.commit(transaction).await
    }

    /// Whom the changes after `number` concern; `None`: only the number to ask from.
    pub async fn news_after(&self, number: Option<i64>) -> StoreResult<News> {
        // The number first: what is committed in between is read now and once more later.
        let row = sqlx::query("SELECT number, everyone, collection FROM wake WHERE id = 1")
            .fetch_one(self.read())
            .await?;
        let (newest, everyone) = (row.int("number")?, row.int("everyone")?);
        let mut news = News {
            number: newest,
            everyone: number.is_some_and(|number| everyone > number),
            devices: Vec::new(),
            collection: row.time("collection")?,
        };
        if let Some(number) = number.filter(|number| *number < newest && !news.everyone) {
            let rows = sqlx::query(
                "SELECT d.external_id FROM presence p JOIN device d ON d.id = p.device_id WHERE p.wake > $1 AND p.wake > 0 LIMIT $2",
            )
            .bind(number)
            .bind(MOST_NAMED + 1)
            .fetch_all(self.read())
            .await?;
            news.devices = rows.iter().map(|row| row.parsed("external_id")).collect::<StoreResult<_>>()?;
            news.everyone = i64::try_from(news.devices.len()).is_ok_and(|count| count > MOST_NAMED);
        }
        Ok(news)
    }
}

impl NumberedChange<'_> {
    /// The change concerns these devices: their revision grows, and those who wait are woken.
    pub(super) async fn concerns(&self, connection: &mut AnyConnection, devices: &[i64]) -> StoreResult<()> {
        const CONCERN: Bulk = Bulk {
            before: "WITH v(target, newest) AS (VALUES",
            after: ") UPDATE presence SET revision = presence.revision + 1, wake = v.newest FROM v WHERE presence.device_id = v.target",
        };
        let rows = devices.iter().map(|device| vec![(*device).into(), self.number.into()]).collect();
        CONCERN.execute(connection, rows).await?;
        Ok(())
    }

    /// Commits, and lets every controller know.
    pub(super) async fn commit(self, mut transaction: Transaction<'static, Any>) -> StoreResult<()> {
        let engine = &self.store.engine;
        engine.notify(&mut transaction, self.change.as_str(), self.number).await?;
        transaction.commit().await?;
        engine.announce(self.number);
        Ok(())
    }
}
