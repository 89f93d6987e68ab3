//! Parts by the devices they are in: read from sections whose body is new, kept as rows, found by number and model.
//!
//! The report's own transaction writes nothing here: `device_section` says which body the parts were read from last, and
//! what differs is due ([`Store::take_in_parts`]). So an unchanged report costs nothing, a body that comes late or a record
//! that is parted is read like any other, and of two devices that exchange a part neither is decided without the other.
//! What follows is decided by [`crate::part::ledger`]. Called by `task::parts` and by the pages.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use inventory_schema::inventory::{AnySection, DeviceKind};
use inventory_schema::{DeviceId, Digest, SectionName, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::fold::{fold, search_pattern};
use super::identifier::StatedIdentifiers;
use super::organization::in_scope;
use super::report_reading::decompress;
use super::statement::{Bulk, Columns, Value, raw, records, word};
use super::{Page, Scope, Store, StoreError, StoreResult, change, device_kind, identifier};
use crate::identifier::readings;
use crate::name;
use crate::part::ledger::{Holding, Ledger, Reporter, Standing};
use crate::part::reading::parts_of;
use crate::part::{PartIdentity, PartKind, StatedPart, Statement, spelled};

/// Sections read in one transaction.
const SECTIONS: i64 = 64;
/// Undecided parts looked at in one transaction.
const UNDECIDED: i64 = 256;
/// The most parts a search finds: who finds more has to say more.
pub const MOST_FOUND: usize = 1_000;

/// A part in a device, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicePart {
    pub part: StatedPart,
    pub first_seen_at: Timestamp,
    /// While the device has it: the device's last sign of life.
    pub last_seen_at: Timestamp,
    /// When the device stated it last: it says so again only when something else changes.
    pub stated_at: Timestamp,
    pub gone_at: Option<Timestamp>,
    pub standing: Option<Standing>,
}

/// A part and the device it is or was in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPart {
    pub held: DevicePart,
    pub device: DeviceId,
    pub host_name: Option<String>,
    pub device_model: Option<String>,
    pub organization: String,
    pub organization_short_name: String,
    pub room_name: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundParts {
    pub rows: Vec<FoundPart>,
    /// At most [`MOST_FOUND`].
    pub total: i64,
    /// There are more than were looked at.
    pub more: bool,
}

/// A section whose parts are to be read.
struct Due {
    reporter: Reporter,
    section: SectionName,
    digest: Digest,
    received_at: Timestamp,
    is_first: bool,
    statement: Option<Statement>,
    /// Of a system section: what names the device, and what it is.
    identifiers: Option<StatedIdentifiers>,
    kind: Option<DeviceKind>,
}

macro_rules! part_columns {
    () => {
        "p.kind, p.identity, p.serial, p.size_bytes, p.slot, p.first_seen_at, p.last_stated_at, p.gone_at, p.standing, m.maker, m.model, \
         q.last_seen_at"
    };
}

/// The parts of a part of the region, whose devices are few: from the organizations on, in the order written, which
/// SQLite keeps. Over the whole region nothing is joined: PostgreSQL would begin with the organizations there too.
macro_rules! within {
    () => {
        concat!(
            "SELECT p.id, p.gone_at FROM organization_version v CROSS JOIN device d CROSS JOIN device_part p \
             WHERE v.superseded_at IS NULL AND d.organization_id = v.organization_id AND p.device_id = d.id AND ",
            in_scope!()
        )
    };
}

impl Store {
    /// Reads the parts of some sections whose body is new, oldest first. Answers how many; 0 when none is left.
    /// One at a time: `task::parts` holds the lock.
    pub async fn take_in_parts(&self) -> StoreResult<usize> {
        let mut transaction = self.begin().await?;
        let due = due_sections(&mut transaction).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let holdings = holdings_in_question(&mut transaction, &due).await?;
        let mut had: BTreeSet<(i64, PartKind)> = holdings
            .iter()
            .map(|holding| (holding.reporter.device, holding.part.identity.kind))
            .collect();
        let mut ledger = Ledger::new(holdings);
        for due in &due {
            if let Some(statement) = &due.statement {
                let is_first = had.insert((due.reporter.device, statement.kind)) && due.is_first;
                ledger.state(due.reporter, statement, due.received_at, is_first);
            }
        }
        write(&mut transaction, ledger).await?;
        let stated: Vec<StatedIdentifiers> = due.iter().filter_map(|due| due.identifiers.clone()).collect();
        identifier::take_in(&mut transaction, &stated).await?;
        let concluded: BTreeMap<i64, DeviceKind> = due.iter().filter_map(|due| Some((due.reporter.device, due.kind?))).collect();
        device_kind::note_concluded(&mut transaction, concluded.into_iter().collect()).await?;
        note_read(&mut transaction, &due).await?;
        transaction.commit().await?;
        Ok(due.len())
    }

    /// Looks again at parts that several devices state, and of which it is not known who has them.
    pub async fn decide_parts(&self, now: Timestamp) -> StoreResult<()> {
        const UNDECIDED_PARTS: &str = "SELECT DISTINCT u.kind, u.identity FROM (SELECT p.kind, p.identity FROM device_part p \
             JOIN presence q ON q.device_id = p.device_id \
             WHERE p.standing IN ('contested', 'left') AND p.gone_at IS NULL AND p.id > $2 \
             AND (p.standing = 'contested' OR q.last_seen_at > p.contested_at) ORDER BY p.id LIMIT $1) AS u";
        const LAST: &str = "SELECT MAX(u.id) AS last FROM (SELECT p.id FROM device_part p JOIN presence q ON q.device_id = p.device_id \
             WHERE p.standing IN ('contested', 'left') AND p.gone_at IS NULL AND p.id > $2 \
             AND (p.standing = 'contested' OR q.last_seen_at > p.contested_at) ORDER BY p.id LIMIT $1) AS u";
        let mut after = -1;
        loop {
            let mut transaction = self.begin().await?;
            let last = sqlx::query(LAST).bind(UNDECIDED).bind(after).fetch_one(&mut *transaction).await?;
            let Some(last) = last.optional_int("last")? else {
                return Ok(());
            };
            let rows = sqlx::query(UNDECIDED_PARTS)
                .bind(UNDECIDED)
                .bind(after)
                .fetch_all(&mut *transaction)
                .await?;
            let identities = rows.iter().map(read_identity).collect::<StoreResult<_>>()?;
            let mut ledger = Ledger::new(holdings_of_parts(&mut transaction, identities).await?);
            ledger.look_again(now);
            write(&mut transaction, ledger).await?;
            transaction.commit().await?;
            after = last;
        }
    }

    /// The parts that a device has or had, those it has first.
    pub async fn parts_of(&self, device: i64) -> StoreResult<Vec<DevicePart>> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            part_columns!(),
            " FROM device d JOIN device_part p ON p.device_id = d.id JOIN part_model m ON m.id = p.model_id \
             JOIN presence q ON q.device_id = d.id WHERE d.id = $1 OR d.merged_into = $1 \
             ORDER BY CASE WHEN p.gone_at IS NULL THEN 0 ELSE 1 END, p.kind, p.slot, p.first_seen_at, p.id LIMIT 500"
        ))
        .bind(device)
        .fetch_all(self.read())
        .await?;
        records(&rows, read_held)
    }

    /// The parts whose number begins as `query`, or whose maker and model hold its words; those that are in a device now
    /// come first.
    pub async fn find_parts(&self, scope: Scope, query: &str, page: Page) -> StoreResult<FoundParts> {
        let mut found = BTreeMap::new();
        let mut more = false;
        for (limit_reached, rows) in [self.by_number(scope, query).await?, self.by_model(scope, query).await?] {
            more |= limit_reached;
            found.extend(rows);
        }
        // Those that are somewhere now, then those that went last.
        let mut order: Vec<(i64, i64)> = found.into_iter().map(|(id, gone)| (gone.map_or(i64::MIN, |at| -at), id)).collect();
        order.sort_unstable();
        more |= order.len() > MOST_FOUND;
        order.truncate(MOST_FOUND);
        let first = usize::try_from(page.offset).unwrap_or(usize::MAX).min(order.len());
        let shown = order[first..]
            .iter()
            .take(usize::try_from(page.limit).unwrap_or(0))
            .map(|(_, id)| *id);
        Ok(FoundParts {
            rows: self.found_parts(shown.collect()).await?,
            total: i64::try_from(order.len()).unwrap_or(i64::MAX),
            more,
        })
    }

    async fn by_number(&self, scope: Scope, query: &str) -> StoreResult<(bool, Vec<(i64, Option<i64>)>)> {
        const REGION: &str = "SELECT p.id, p.gone_at FROM device_part p WHERE p.identity >= $3 AND p.identity < $4 \
             AND COALESCE($1, $2) IS NULL LIMIT $5";
        const PART: &str = concat!(within!(), " AND p.identity >= $3 AND p.identity < $4 LIMIT $5");
        let mut found = Vec::new();
        let mut more = false;
        for begin in spellings(query) {
            let end = format!("{begin}\u{10ffff}");
            let rows = sqlx::query(if scope == Scope::REGION { REGION } else { PART })
                .bind(scope.municipality)
                .bind(scope.organization)
                .bind(begin)
                .bind(end)
                .bind(LIMIT)
                .fetch_all(self.read())
                .await?;
            more |= rows.len() > MOST_FOUND;
            found.extend(records(&rows, |row| Ok((row.int("id")?, row.optional_int("gone_at")?)))?);
        }
        Ok((more, found))
    }

    /// Models are few, whatever the fleet: their words are looked through, then the index leads to their parts.
    async fn by_model(&self, scope: Scope, query: &str) -> StoreResult<(bool, Vec<(i64, Option<i64>)>)> {
        const REGION: &str = "SELECT p.id, p.gone_at FROM (SELECT m.id FROM part_model m WHERE m.search_key LIKE $3 ESCAPE '\\' LIMIT $4) AS w \
             CROSS JOIN device_part p WHERE p.model_id = w.id AND COALESCE($1, $2) IS NULL LIMIT $4";
        const PART: &str = concat!(
            within!(),
            " AND p.model_id IN (SELECT m.id FROM part_model m WHERE m.search_key LIKE $3 ESCAPE '\\') LIMIT $4"
        );
        let Some(pattern) = search_pattern(Some(query)) else {
            return Ok((false, Vec::new()));
        };
        let rows = sqlx::query(if scope == Scope::REGION { REGION } else { PART })
            .bind(scope.municipality)
            .bind(scope.organization)
            .bind(pattern)
            .bind(LIMIT)
            .fetch_all(self.read())
            .await?;
        let found = records(&rows, |row| Ok((row.int("id")?, row.optional_int("gone_at")?)))?;
        Ok((found.len() > MOST_FOUND, found))
    }

    async fn found_parts(&self, ids: Vec<i64>) -> StoreResult<Vec<FoundPart>> {
        const FIND: Bulk = Bulk {
            before: "WITH v(wanted) AS (VALUES",
            after: concat!(
                ") SELECT p.id, ",
                part_columns!(),
                ", d.external_id AS device, d.host_name, d.model AS device_model, o.external_id AS organization, ov.short_name, \
                 rv.name AS room_name FROM v JOIN device_part p ON p.id = v.wanted JOIN part_model m ON m.id = p.model_id \
                 JOIN device d ON d.id = p.device_id JOIN presence q ON q.device_id = d.id JOIN organization o ON o.id = d.organization_id \
                 JOIN organization_version ov ON ov.organization_id = o.id AND ov.superseded_at IS NULL \
                 LEFT JOIN room_version rv ON rv.room_id = d.room_id AND rv.superseded_at IS NULL"
            ),
        };
        let mut connection = self.read().acquire().await?;
        let rows = FIND
            .fetch(&mut connection, ids.iter().map(|id| vec![(*id).into()]).collect())
            .await?;
        let mut by_id: HashMap<i64, FoundPart> = HashMap::new();
        for row in &rows {
            by_id.insert(row.int("id")?, read_found(row)?);
        }
        Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
    }
}

/// One more than are shown, to know that there are more.
const LIMIT: i64 = MOST_FOUND as i64 + 1;

/// What a typed number may begin as: itself, and an address however its pairs are parted.
fn spellings(query: &str) -> BTreeSet<String> {
    let number = spelled(query).replace('\0', "");
    let digits: String = number.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    let mut spellings = BTreeSet::new();
    if digits.len() >= 6 && digits.len() <= 12 && digits.len().is_multiple_of(2) && digits.chars().all(|c| c.is_ascii_hexdigit()) {
        let pairs: Vec<&str> = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]).collect();
        spellings.insert(pairs.join(":"));
    }
    if !number.is_empty() {
        spellings.insert(number);
    }
    spellings
}

async fn due_sections(connection: &mut AnyConnection) -> StoreResult<Vec<Due>> {
    let rows = sqlx::query(
        "SELECT s.device_id, s.section, s.body_digest, s.received_at, s.parts_digest, b.bytes, b.size, \
         COALESCE(d.merged_into, d.id) AS survivor, p.last_seen_at FROM device_section s \
         JOIN body b ON b.digest = s.body_digest AND b.received_month = s.body_month JOIN device d ON d.id = s.device_id \
         JOIN presence p ON p.device_id = d.id WHERE s.body_month IS NOT NULL \
         AND (s.parts_digest IS NULL OR s.parts_digest <> s.body_digest) \
         AND s.section IN ('system', 'memory', 'storage', 'display', 'network', 'battery') ORDER BY s.received_at LIMIT $1",
    )
    .bind(SECTIONS)
    .fetch_all(connection)
    .await?;
    records(&rows, read_due)
}

fn read_due(row: &AnyRow) -> StoreResult<Due> {
    let section: SectionName = row.parsed("section")?;
    let body = decompress(&row.bytes("bytes")?, row.int("size")?)?;
    let (device, received_at) = (row.int("device_id")?, row.time("received_at")?);
    // A form that this program does not know states nothing to it.
    let read = AnySection::read(section, &body).ok();
    let system = match &read {
        Some(AnySection::System(system)) => Some(system),
        _ => None,
    };
    Ok(Due {
        reporter: Reporter {
            device,
            survivor: row.int("survivor")?,
            seen_at: row.optional_time("last_seen_at")?,
        },
        section,
        digest: row.digest("body_digest")?,
        received_at,
        is_first: row.optional_digest("parts_digest")?.is_none(),
        identifiers: system.map(|system| StatedIdentifiers {
            device,
            at: received_at,
            readings: readings(system),
        }),
        kind: system.and_then(|system| Some(system.content()?.kind.as_ref()?.kind)),
        statement: read.as_ref().and_then(parts_of),
    })
}

/// Every holding of the parts that are stated, and of those that the stating devices have or had.
async fn holdings_in_question(connection: &mut AnyConnection, due: &[Due]) -> StoreResult<Vec<Holding>> {
    const THEIRS: Bulk = Bulk {
        before: "WITH v(target, sort) AS (VALUES",
        after: ") SELECT p.kind, p.identity FROM v JOIN device_part p ON p.device_id = v.target AND p.kind = v.sort",
    };
    let stated = due.iter().filter_map(|due| Some((due.reporter.device, due.statement.as_ref()?)));
    let mut identities: BTreeSet<PartIdentity> = BTreeSet::new();
    let mut devices: BTreeSet<(i64, &'static str)> = BTreeSet::new();
    for (device, statement) in stated {
        identities.extend(statement.parts.iter().map(|part| part.identity.clone()));
        devices.insert((device, statement.kind.as_str()));
    }
    let rows = devices.into_iter().map(|(device, kind)| vec![device.into(), kind.into()]);
    for row in &THEIRS.fetch(&mut *connection, rows.collect()).await? {
        identities.insert(read_identity(row)?);
    }
    holdings_of_parts(connection, identities).await
}

async fn holdings_of_parts(connection: &mut AnyConnection, identities: BTreeSet<PartIdentity>) -> StoreResult<Vec<Holding>> {
    const FIND: Bulk = Bulk {
        before: "WITH v(sort, number) AS (VALUES",
        after: ") SELECT p.id, p.device_id, COALESCE(d.merged_into, d.id) AS survivor, q.last_seen_at, p.kind, p.identity, p.serial, m.maker, \
                m.model, p.size_bytes, p.slot, p.first_seen_at, p.since_at, p.last_stated_at, p.gone_at, p.standing, p.contested_at, p.alive_at \
                FROM v JOIN device_part p ON p.identity = v.number AND p.kind = v.sort JOIN part_model m ON m.id = p.model_id \
                JOIN device d ON d.id = p.device_id JOIN presence q ON q.device_id = d.id",
    };
    let rows = identities
        .into_iter()
        .map(|identity| vec![identity.kind.as_str().into(), identity.value.into()]);
    let rows = FIND.fetch(connection, rows.collect()).await?;
    records(&rows, read_holding)
}

async fn write(connection: &mut AnyConnection, ledger: Ledger) -> StoreResult<()> {
    const WRITE: Bulk = Bulk {
        before: "INSERT INTO device_part (device_id, kind, identity, serial, model_id, size_bytes, slot, first_seen_at, since_at, \
                 last_stated_at, gone_at, standing, contested_at, alive_at) VALUES",
        after: "ON CONFLICT (device_id, kind, identity) DO UPDATE SET serial = excluded.serial, model_id = excluded.model_id, \
                size_bytes = excluded.size_bytes, slot = excluded.slot, since_at = excluded.since_at, \
                last_stated_at = excluded.last_stated_at, gone_at = excluded.gone_at, standing = excluded.standing, \
                contested_at = excluded.contested_at, alive_at = excluded.alive_at",
    };
    let (holdings, events) = ledger.finish();
    let models = model_ids(&mut *connection, &holdings).await?;
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for holding in &holdings {
        let model = models.get(&model_of(&holding.part)).copied().ok_or_else(|| StoreError::Conflict {
            what: "the model of a part was not written".to_owned(),
        })?;
        rows.push(values(holding, model));
    }
    WRITE.execute(&mut *connection, rows).await?;
    change::note_parts(connection, &events).await
}

fn values(holding: &Holding, model: i64) -> Vec<Value> {
    let part = &holding.part;
    vec![
        holding.reporter.device.into(),
        part.identity.kind.as_str().into(),
        part.identity.value.as_str().into(),
        part.serial.as_str().into(),
        model.into(),
        part.size_bytes.into(),
        part.slot.clone().into(),
        holding.first_seen_at.into(),
        holding.since_at.into(),
        holding.last_stated_at.into(),
        holding.gone_at.into(),
        holding.standing.map(|standing| word(&standing)).into(),
        holding.contested_at.into(),
        holding.alive_at.into(),
    ]
}

/// Kind, maker and model; empty where nobody says.
type Model = (PartKind, String, String);

fn model_of(part: &StatedPart) -> Model {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    (part.identity.kind, text(&part.maker), text(&part.model))
}

async fn model_ids(connection: &mut AnyConnection, holdings: &[Holding]) -> StoreResult<HashMap<Model, i64>> {
    const ADD: Bulk = Bulk {
        before: "INSERT INTO part_model (kind, maker, model, search_key) VALUES",
        after: "ON CONFLICT (kind, maker, model) DO NOTHING",
    };
    const FIND: Bulk = Bulk {
        before: "WITH v(sort, made_by, type) AS (VALUES",
        after: ") SELECT m.id, m.kind, m.maker, m.model FROM v JOIN part_model m ON m.kind = v.sort AND m.maker = v.made_by AND m.model = v.type",
    };
    let models: BTreeSet<Model> = holdings.iter().map(|holding| model_of(&holding.part)).collect();
    let named = |(kind, maker, model): &Model| vec![kind.as_str().into(), maker.as_str().into(), model.as_str().into()];
    let found = FIND.fetch(&mut *connection, models.iter().map(named).collect()).await?;
    let mut ids = read_models(&found)?;
    let missing: Vec<&Model> = models.iter().filter(|model| !ids.contains_key(model)).collect();
    if missing.is_empty() {
        return Ok(ids);
    }
    let added = missing.iter().map(|model| {
        let mut row: Vec<Value> = named(model);
        row.push(search_key(model).into());
        row
    });
    ADD.execute(&mut *connection, added.collect()).await?;
    let found = FIND.fetch(connection, missing.into_iter().map(named).collect()).await?;
    ids.extend(read_models(&found)?);
    Ok(ids)
}

fn read_models(rows: &[AnyRow]) -> StoreResult<HashMap<Model, i64>> {
    let read = |row: &AnyRow| Ok(((row.word("kind")?, row.text("maker")?, row.text("model")?), row.int("id")?));
    rows.iter().map(read).collect()
}

/// What a model is searched by: its texts, and the maker's name where a code stands for it.
fn search_key((kind, maker, model): &Model) -> String {
    let named = match kind {
        PartKind::MemoryModule => name::shipped_maker(maker),
        PartKind::NetworkCard => name::shipped_card(model),
        _ => None,
    };
    fold(&format!("{maker} {model} {}", named.unwrap_or_default()))
}

async fn note_read(connection: &mut AnyConnection, due: &[Due]) -> StoreResult<()> {
    const NOTE: Bulk = Bulk {
        before: "WITH v(target, name, said) AS (VALUES",
        after: ") UPDATE device_section SET parts_digest = v.said FROM v WHERE device_section.device_id = v.target \
                AND device_section.section = v.name",
    };
    let rows = due
        .iter()
        .map(|due| vec![due.reporter.device.into(), due.section.as_str().into(), raw(due.digest)]);
    NOTE.execute(connection, rows.collect()).await?;
    Ok(())
}

fn read_identity(row: &AnyRow) -> StoreResult<PartIdentity> {
    Ok(PartIdentity {
        kind: row.word("kind")?,
        value: row.text("identity")?,
    })
}

fn read_part(row: &AnyRow) -> StoreResult<StatedPart> {
    let said = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(StatedPart {
        identity: read_identity(row)?,
        serial: row.text("serial")?,
        maker: said(row.text("maker")?),
        model: said(row.text("model")?),
        size_bytes: row.optional_int("size_bytes")?,
        slot: row.optional_text("slot")?,
    })
}

fn read_holding(row: &AnyRow) -> StoreResult<Holding> {
    Ok(Holding {
        id: Some(row.int("id")?),
        reporter: Reporter {
            device: row.int("device_id")?,
            survivor: row.int("survivor")?,
            seen_at: row.optional_time("last_seen_at")?,
        },
        part: read_part(row)?,
        first_seen_at: row.time("first_seen_at")?,
        since_at: row.time("since_at")?,
        last_stated_at: row.time("last_stated_at")?,
        gone_at: row.optional_time("gone_at")?,
        standing: row.optional_word("standing")?,
        contested_at: row.optional_time("contested_at")?,
        alive_at: row.optional_time("alive_at")?,
    })
}

fn read_held(row: &AnyRow) -> StoreResult<DevicePart> {
    let (stated, gone_at) = (row.time("last_stated_at")?, row.optional_time("gone_at")?);
    let seen = row.optional_time("last_seen_at")?.unwrap_or(stated);
    Ok(DevicePart {
        part: read_part(row)?,
        first_seen_at: row.time("first_seen_at")?,
        stated_at: stated,
        last_seen_at: if gone_at.is_some() { stated } else { stated.max(seen) },
        gone_at,
        standing: row.optional_word("standing")?,
    })
}

fn read_found(row: &AnyRow) -> StoreResult<FoundPart> {
    Ok(FoundPart {
        held: read_held(row)?,
        device: row.parsed("device")?,
        host_name: row.optional_text("host_name")?,
        device_model: row.optional_text("device_model")?,
        organization: row.text("organization")?,
        organization_short_name: row.text("short_name")?,
        room_name: row.optional_text("room_name")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_however_it_is_typed() {
        let with_colons = "3C:7C:3F:00:11:22".to_owned();
        for typed in ["3c:7c:3f:00:11:22", "3C-7C-3F-00-11-22", "3c7c3f001122", "3c7c.3f00.1122"] {
            assert!(spellings(typed).contains(&with_colons), "{typed}");
        }
        assert_eq!(spellings(" s4ewnx0m1 "), BTreeSet::from(["S4EWNX0M1".to_owned()]));
        assert_eq!(spellings(" "), BTreeSet::new());
    }
}
