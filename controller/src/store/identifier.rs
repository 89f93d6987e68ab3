//! The values that name devices: the last good reading of each, and who else states it.
//!
//! Written with the parts of the same section (`store::part`), so that a report's own transaction costs nothing and a page
//! reads a few rows by their index. A row says since when another device states its value; whether that one is alive is
//! asked when it is shown, because signs of life write no row here.

use std::collections::{BTreeMap, BTreeSet};

use inventory_schema::device::Source;
use inventory_schema::{DeviceId, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::statement::{Bulk, Columns, Value, records, word};
use super::{Scope, Store, StoreResult};
use crate::identifier::{IdentifierKind, Kept, Reading, follow};
use crate::part::PartKind;

/// The most other devices that are named with a value.
pub const MOST_NAMED: i64 = 20;
/// The most values that a review lists.
const MOST_SHARED: i64 = 100;

/// What a system section of a device says, received at a time.
#[derive(Debug, Clone)]
pub(super) struct StatedIdentifiers {
    pub device: i64,
    pub at: Timestamp,
    pub readings: BTreeMap<IdentifierKind, Reading>,
}

/// A device that states a value too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carrier {
    pub device: DeviceId,
    /// Its host name or model.
    pub name: Option<String>,
    pub organization_short_name: String,
    /// Whether whoever asks may see it.
    pub in_scope: bool,
}

/// What several live devices state at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SharedKind {
    Identifier(IdentifierKind),
    Part(PartKind),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedValue {
    pub kind: SharedKind,
    /// As one of them states it.
    pub shown: String,
    /// How many live devices state it.
    pub total: i64,
    /// At most [`MOST_NAMED`] of them.
    pub carriers: Vec<Carrier>,
}

/// Devices that are enrolled, are no part of another record, and were heard since the value is shared: `i` a row of
/// `device_identifier`, `d` its device, `p` its signs of life.
macro_rules! alive {
    () => {
        "d.merged_into IS NULL AND d.state = 'enrolled' AND p.last_seen_at >= i.shared_at"
    };
}
/// `$1` is the scope's municipality, `$2` its organization; `v` the organization as it is now.
macro_rules! here {
    () => {
        "CASE WHEN ($1 IS NULL OR v.municipality_id = $1) AND ($2 IS NULL OR v.organization_id = $2) THEN 1 ELSE 0 END"
    };
}
macro_rules! carrier_columns {
    () => {
        concat!(
            "d.external_id AS device, COALESCE(d.host_name, d.model) AS name, v.short_name, ",
            here!(),
            " AS here"
        )
    };
}

impl Store {
    /// The last good readings of a device, by their kind.
    pub async fn identifiers_of(&self, device: i64) -> StoreResult<BTreeMap<IdentifierKind, Kept>> {
        let rows = sqlx::query(
            "SELECT i.kind, i.shown, i.source, i.model, i.since_at, i.read_at, i.lapsed_at FROM device_identifier i WHERE i.device_id = $1",
        )
        .bind(device)
        .fetch_all(self.read())
        .await?;
        rows.iter().map(|row| Ok((row.word("kind")?, read_kept(row)?))).collect()
    }

    /// Which other live devices state the values of this one; at most [`MOST_NAMED`] are named of all.
    pub async fn carriers_beside(&self, scope: Scope, device: i64) -> StoreResult<BTreeMap<IdentifierKind, Vec<Carrier>>> {
        let rows = sqlx::query(concat!(
            "SELECT i.kind, ",
            carrier_columns!(),
            " FROM device_identifier mine JOIN device_identifier i ON i.value = mine.value AND i.kind = mine.kind \
             JOIN device d ON d.id = i.device_id JOIN presence p ON p.device_id = d.id \
             JOIN organization_version v ON v.organization_id = d.organization_id AND v.superseded_at IS NULL \
             WHERE mine.device_id = $3 AND mine.shared_at IS NOT NULL AND i.device_id <> $3 AND ",
            alive!(),
            " AND EXISTS (SELECT 1 FROM device e JOIN presence q ON q.device_id = e.id WHERE e.id = $3 AND e.state = 'enrolled' \
             AND q.last_seen_at >= mine.shared_at) LIMIT $4"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(device)
        .bind(MOST_NAMED)
        .fetch_all(self.read())
        .await?;
        let mut beside: BTreeMap<IdentifierKind, Vec<Carrier>> = BTreeMap::new();
        for row in &rows {
            beside.entry(row.word("kind")?).or_default().push(read_carrier(row)?);
        }
        Ok(beside)
    }

    /// What several live devices state at once, of which at least one is in scope: what was found last comes first.
    pub async fn shared_values(&self, scope: Scope) -> StoreResult<Vec<SharedValue>> {
        const IDENTIFIERS: &str = concat!(
            "SELECT i.kind, i.value, MIN(i.shown) AS shown, COUNT(*) AS total FROM device_identifier i JOIN device d ON d.id = i.device_id \
             JOIN presence p ON p.device_id = d.id \
             JOIN organization_version v ON v.organization_id = d.organization_id AND v.superseded_at IS NULL \
             WHERE i.shared_at IS NOT NULL AND ",
            alive!(),
            " GROUP BY i.kind, i.value HAVING COUNT(*) > 1 AND MAX(",
            here!(),
            ") = 1 ORDER BY MAX(i.shared_at) DESC, i.kind, i.value LIMIT $3"
        );
        // Boards are found by their number as an identifying value.
        const PARTS: &str = concat!(
            "SELECT i.kind, i.identity AS value, MIN(i.serial) AS shown, COUNT(*) AS total FROM device_part i JOIN device d ON d.id = i.device_id \
             JOIN organization_version v ON v.organization_id = d.organization_id AND v.superseded_at IS NULL \
             WHERE i.standing = 'duplicate' AND i.kind <> 'board' AND i.gone_at IS NULL AND d.merged_into IS NULL AND d.state = 'enrolled' \
             GROUP BY i.kind, i.identity HAVING COUNT(*) > 1 AND MAX(",
            here!(),
            ") = 1 ORDER BY MAX(i.since_at) DESC, i.kind, i.identity LIMIT $3"
        );
        let mut shared = Vec::new();
        for row in &self.shared(scope, IDENTIFIERS).await? {
            let kind: IdentifierKind = row.word("kind")?;
            let carriers = self
                .carriers(scope, CARRIERS_OF_IDENTIFIER, &word(&kind), &row.text("value")?)
                .await?;
            shared.push(read_shared(SharedKind::Identifier(kind), row, carriers)?);
        }
        for row in &self.shared(scope, PARTS).await? {
            let kind: PartKind = row.word("kind")?;
            let carriers = self.carriers(scope, CARRIERS_OF_PART, &word(&kind), &row.text("value")?).await?;
            shared.push(read_shared(SharedKind::Part(kind), row, carriers)?);
        }
        Ok(shared)
    }

    async fn shared(&self, scope: Scope, statement: &'static str) -> StoreResult<Vec<AnyRow>> {
        Ok(sqlx::query(statement)
            .bind(scope.municipality)
            .bind(scope.organization)
            .bind(MOST_SHARED)
            .fetch_all(self.read())
            .await?)
    }

    async fn carriers(&self, scope: Scope, statement: &'static str, kind: &str, value: &str) -> StoreResult<Vec<Carrier>> {
        let rows = sqlx::query(statement)
            .bind(scope.municipality)
            .bind(scope.organization)
            .bind(kind)
            .bind(value)
            .bind(MOST_NAMED)
            .fetch_all(self.read())
            .await?;
        records(&rows, read_carrier)
    }
}

const CARRIERS_OF_IDENTIFIER: &str = concat!(
    "SELECT ",
    carrier_columns!(),
    " FROM device_identifier i JOIN device d ON d.id = i.device_id JOIN presence p ON p.device_id = d.id \
     JOIN organization_version v ON v.organization_id = d.organization_id AND v.superseded_at IS NULL \
     WHERE i.kind = $3 AND i.value = $4 AND ",
    alive!(),
    " ORDER BY d.id LIMIT $5"
);
const CARRIERS_OF_PART: &str = concat!(
    "SELECT ",
    carrier_columns!(),
    " FROM device_part i JOIN device d ON d.id = i.device_id \
     JOIN organization_version v ON v.organization_id = d.organization_id AND v.superseded_at IS NULL \
     WHERE i.kind = $3 AND i.identity = $4 AND i.standing = 'duplicate' AND i.gone_at IS NULL AND d.merged_into IS NULL \
     AND d.state = 'enrolled' ORDER BY d.id LIMIT $5"
);

/// Takes in what system sections state, oldest first.
pub(super) async fn take_in(connection: &mut AnyConnection, stated: &[StatedIdentifiers]) -> StoreResult<()> {
    let devices: BTreeSet<i64> = stated.iter().map(|stated| stated.device).collect();
    let before = kept_by(&mut *connection, &devices).await?;
    let mut now = before.clone();
    for stated in stated {
        for (kind, reading) in &stated.readings {
            let place = (stated.device, *kind);
            match follow(*kind, reading, now.get(&place), stated.at) {
                Some(kept) => drop(now.insert(place, kept)),
                None => drop(now.remove(&place)),
            }
        }
    }
    write(&mut *connection, &before, &now).await?;
    share(connection, &before, &now, stated).await
}

type KeptOf = BTreeMap<(i64, IdentifierKind), Kept>;

async fn kept_by(connection: &mut AnyConnection, devices: &BTreeSet<i64>) -> StoreResult<KeptOf> {
    const FIND: Bulk = Bulk {
        before: "WITH v(target) AS (VALUES",
        after: ") SELECT i.device_id, i.kind, i.shown, i.source, i.model, i.since_at, i.read_at, i.lapsed_at FROM v \
                JOIN device_identifier i ON i.device_id = v.target",
    };
    let rows = FIND
        .fetch(connection, devices.iter().map(|device| vec![(*device).into()]).collect())
        .await?;
    rows.iter()
        .map(|row| Ok(((row.int("device_id")?, row.word("kind")?), read_kept(row)?)))
        .collect()
}

async fn write(connection: &mut AnyConnection, before: &KeptOf, now: &KeptOf) -> StoreResult<()> {
    // Whether others state a new value is found out by `share`.
    const WRITE: Bulk = Bulk {
        before: "INSERT INTO device_identifier (device_id, kind, value, shown, source, model, since_at, read_at, lapsed_at) VALUES",
        after: "ON CONFLICT (device_id, kind) DO UPDATE SET \
                shared_at = CASE WHEN device_identifier.value = excluded.value THEN device_identifier.shared_at ELSE NULL END, \
                value = excluded.value, shown = excluded.shown, source = excluded.source, model = excluded.model, \
                since_at = excluded.since_at, read_at = excluded.read_at, lapsed_at = excluded.lapsed_at",
    };
    const FORGET: Bulk = Bulk {
        before: "DELETE FROM device_identifier WHERE (device_id, kind) IN (VALUES",
        after: ")",
    };
    let changed = now.iter().filter(|(place, kept)| before.get(place) != Some(kept));
    let rows = changed.map(|((device, kind), kept)| {
        vec![
            (*device).into(),
            kind.as_str().into(),
            kind.spelled(&kept.shown).into(),
            kept.shown.as_str().into(),
            word(&kept.source).into(),
            kept.model.clone().into(),
            kept.since_at.into(),
            kept.read_at.into(),
            kept.lapsed_at.into(),
        ]
    });
    WRITE.execute(&mut *connection, rows.collect()).await?;
    let gone = before.keys().filter(|place| !now.contains_key(place));
    let rows = gone.map(|(device, kind)| vec![(*device).into(), kind.as_str().into()]);
    FORGET.execute(connection, rows.collect()).await?;
    Ok(())
}

/// Marks values that came to be stated by several, and those of which one is left.
async fn share(connection: &mut AnyConnection, before: &KeptOf, now: &KeptOf, stated: &[StatedIdentifiers]) -> StoreResult<()> {
    const MARK: Bulk = Bulk {
        before: "WITH v(number, sort, since) AS (VALUES",
        after: ") UPDATE device_identifier SET shared_at = v.since FROM v WHERE device_identifier.value = v.number \
                AND device_identifier.kind = v.sort AND device_identifier.shared_at IS NULL \
                AND EXISTS (SELECT 1 FROM device_identifier o WHERE o.value = v.number AND o.kind = v.sort \
                AND o.device_id <> device_identifier.device_id)",
    };
    const UNMARK: Bulk = Bulk {
        before: "WITH v(number, sort) AS (VALUES",
        after: ") UPDATE device_identifier SET shared_at = NULL FROM v WHERE device_identifier.value = v.number \
                AND device_identifier.kind = v.sort AND device_identifier.shared_at IS NOT NULL \
                AND NOT EXISTS (SELECT 1 FROM device_identifier o WHERE o.value = v.number AND o.kind = v.sort \
                AND o.device_id <> device_identifier.device_id)",
    };
    let values = |kept: &KeptOf| -> BTreeSet<(i64, IdentifierKind, String)> {
        let unique = kept.iter().filter(|((_, kind), _)| kind.is_unique());
        unique
            .map(|((device, kind), kept)| (*device, *kind, kind.spelled(&kept.shown)))
            .collect()
    };
    let (before, now) = (values(before), values(now));
    let last_at = |device: i64| stated.iter().filter(|stated| stated.device == device).map(|stated| stated.at).max();
    let mut came: BTreeMap<(IdentifierKind, &str), Timestamp> = BTreeMap::new();
    for (device, kind, value) in now.difference(&before) {
        if let Some(at) = last_at(*device) {
            let since = came.entry((*kind, value)).or_insert(at);
            *since = (*since).max(at);
        }
    }
    let went: BTreeSet<(IdentifierKind, &str)> = before.difference(&now).map(|(_, kind, value)| (*kind, value.as_str())).collect();
    let rows = came
        .into_iter()
        .map(|((kind, value), since)| -> Vec<Value> { vec![value.into(), kind.as_str().into(), since.into()] });
    MARK.execute(&mut *connection, rows.collect()).await?;
    let rows = went
        .into_iter()
        .map(|(kind, value)| -> Vec<Value> { vec![value.into(), kind.as_str().into()] });
    UNMARK.execute(connection, rows.collect()).await?;
    Ok(())
}

fn read_kept(row: &AnyRow) -> StoreResult<Kept> {
    Ok(Kept {
        shown: row.text("shown")?,
        source: row.word::<Source>("source")?,
        model: row.optional_text("model")?,
        since_at: row.time("since_at")?,
        read_at: row.time("read_at")?,
        lapsed_at: row.optional_time("lapsed_at")?,
    })
}

fn read_carrier(row: &AnyRow) -> StoreResult<Carrier> {
    Ok(Carrier {
        device: row.parsed("device")?,
        name: row.optional_text("name")?,
        organization_short_name: row.text("short_name")?,
        in_scope: row.flag("here")?,
    })
}

fn read_shared(kind: SharedKind, row: &AnyRow, carriers: Vec<Carrier>) -> StoreResult<SharedValue> {
    Ok(SharedValue {
        kind,
        shown: row.text("shown")?,
        total: row.int("total")?,
        carriers,
    })
}
