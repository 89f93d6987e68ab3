//! The register as rows with natural keys: what an import compares with and what it changes.
//!
//! Nothing is updated in place. A change closes the current version of a row and adds a new one, in one
//! transaction for the whole import. The difference itself is computed in [`crate`]'s `register`.

use std::collections::{BTreeSet, HashMap};

use inventory_schema::Timestamp;
use inventory_schema::organization::{
    BuildingId, Inn, Kpp, Ogrn, Oktmo, OrganizationId, OrganizationKind, PlaceName, RoomId, SettlementClass,
};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, Transaction};

use super::fold::{fold, sort_key};
use super::municipality;
use super::statement::{Bulk, Columns, Value, records, word};
use super::{Store, StoreError, StoreResult};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MunicipalityRow {
    /// Only its first eight digits are kept.
    pub oktmo: Oktmo,
    pub name: PlaceName,
    /// An IANA name: `Asia/Yekaterinburg`.
    pub time_zone: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationStatus {
    Active,
    Reorganized,
    Liquidated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomPurpose {
    Classroom,
    /// Computers on a trolley.
    MobileClass,
    Store,
    Administration,
    ItClass,
}

/// An organization; its natural key is the ОГРН.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationRow {
    pub ogrn: Ogrn,
    /// The municipality's ОКТМО: its first eight digits count.
    pub municipality: Oktmo,
    pub inn: Inn,
    pub kpp: Option<Kpp>,
    pub kind: OrganizationKind,
    pub name: PlaceName,
    pub short_name: PlaceName,
    pub status: OrganizationStatus,
    /// Pupils, where the register gives them.
    pub contingent: Option<i64>,
}

/// A building; its natural key is the organization's ОГРН and its number there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildingRow {
    pub ogrn: Ogrn,
    pub number: i64,
    pub address: String,
    pub oktmo: Oktmo,
    pub settlement: String,
    pub settlement_class: SettlementClass,
    /// The address's identifier in ФИАС.
    pub fias: Option<String>,
}

/// A room; its natural key is its building's and its number there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomRow {
    pub ogrn: Ogrn,
    pub building: i64,
    pub number: String,
    pub name: PlaceName,
    pub purpose: RoomPurpose,
}

/// All current rows, each list in the order of its natural key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterSnapshot {
    pub municipalities: Vec<MunicipalityRow>,
    pub organizations: Vec<OrganizationRow>,
    pub buildings: Vec<BuildingRow>,
    pub rooms: Vec<RoomRow>,
}

/// Rows that are new or differ from the current ones. Each natural key stands at most once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterChanges {
    pub municipalities: Vec<MunicipalityRow>,
    pub organizations: Vec<OrganizationRow>,
    pub buildings: Vec<BuildingRow>,
    pub rooms: Vec<RoomRow>,
}

impl RegisterChanges {
    pub fn is_empty(&self) -> bool {
        self.municipalities.is_empty() && self.organizations.is_empty() && self.buildings.is_empty() && self.rooms.is_empty()
    }
}

/// When and from where a change came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSource {
    /// Since when the new state holds in the world.
    pub valid_from: Timestamp,
    /// Now.
    pub recorded_at: Timestamp,
    /// «import <file name>», «operator <login>».
    pub source: String,
}

impl Store {
    /// All current rows of the register, to compare an import with.
    pub async fn register_snapshot(&self) -> StoreResult<RegisterSnapshot> {
        let mut transaction = self.read().begin().await?;
        let snapshot = RegisterSnapshot {
            municipalities: snapshot_rows(&mut transaction, MUNICIPALITIES, read_municipality).await?,
            organizations: snapshot_rows(&mut transaction, ORGANIZATIONS, read_organization).await?,
            buildings: snapshot_rows(&mut transaction, BUILDINGS, read_building).await?,
            rooms: snapshot_rows(&mut transaction, ROOMS, read_room).await?,
        };
        transaction.rollback().await?;
        Ok(snapshot)
    }

    /// Writes a version for each changed row and closes the one before, all in one transaction.
    ///
    /// A building of an unknown organization, a room of an unknown building and an organization of an
    /// unknown municipality are a [`StoreError::Reference`]; then nothing is written.
    pub async fn apply_register(&self, changes: &RegisterChanges, source: &ChangeSource) -> StoreResult<()> {
        let mut transaction = self.begin().await?;
        municipality::UPSERT
            .execute(&mut transaction, municipality::upsert_values(&changes.municipalities))
            .await?;
        apply_organizations(&mut transaction, &changes.organizations, source).await?;
        apply_buildings(&mut transaction, &changes.buildings, source).await?;
        apply_rooms(&mut transaction, &changes.rooms, source).await?;
        Ok(transaction.commit().await?)
    }
}

const MUNICIPALITIES: &str = "SELECT oktmo, name, time_zone FROM municipality ORDER BY oktmo";
const ORGANIZATIONS: &str = "SELECT o.ogrn, m.oktmo, v.inn, v.kpp, v.kind, v.name, v.short_name, v.status, v.contingent \
     FROM organization o JOIN organization_version v ON v.organization_id = o.id AND v.superseded_at IS NULL \
     JOIN municipality m ON m.id = v.municipality_id ORDER BY o.ogrn";
const BUILDINGS: &str = "SELECT o.ogrn, b.number, v.address, v.oktmo, v.settlement, v.settlement_class, v.fias \
     FROM building b JOIN building_version v ON v.building_id = b.id AND v.superseded_at IS NULL \
     JOIN organization o ON o.id = b.organization_id ORDER BY o.ogrn, b.number";
const ROOMS: &str = "SELECT o.ogrn, b.number AS building, r.number, v.name, v.purpose \
     FROM room r JOIN room_version v ON v.room_id = r.id AND v.superseded_at IS NULL \
     JOIN building b ON b.id = r.building_id JOIN organization o ON o.id = b.organization_id \
     ORDER BY o.ogrn, b.number, r.number";

async fn snapshot_rows<T>(
    transaction: &mut Transaction<'static, Any>,
    statement: &'static str,
    read: fn(&AnyRow) -> StoreResult<T>,
) -> StoreResult<Vec<T>> {
    let rows = sqlx::query(statement).fetch_all(&mut **transaction).await?;
    records(&rows, read)
}

fn read_municipality(row: &AnyRow) -> StoreResult<MunicipalityRow> {
    Ok(MunicipalityRow {
        oktmo: row.parsed("oktmo")?,
        name: row.parsed("name")?,
        time_zone: row.text("time_zone")?,
    })
}

fn read_organization(row: &AnyRow) -> StoreResult<OrganizationRow> {
    Ok(OrganizationRow {
        ogrn: row.parsed("ogrn")?,
        municipality: row.parsed("oktmo")?,
        inn: row.parsed("inn")?,
        kpp: row.optional_parsed("kpp")?,
        kind: row.word("kind")?,
        name: row.parsed("name")?,
        short_name: row.parsed("short_name")?,
        status: row.word("status")?,
        contingent: row.optional_int("contingent")?,
    })
}

fn read_building(row: &AnyRow) -> StoreResult<BuildingRow> {
    Ok(BuildingRow {
        ogrn: row.parsed("ogrn")?,
        number: row.int("number")?,
        address: row.text("address")?,
        oktmo: row.parsed("oktmo")?,
        settlement: row.text("settlement")?,
        settlement_class: row.word("settlement_class")?,
        fias: row.optional_text("fias")?,
    })
}

fn read_room(row: &AnyRow) -> StoreResult<RoomRow> {
    Ok(RoomRow {
        ogrn: row.parsed("ogrn")?,
        building: row.int("building")?,
        number: row.text("number")?,
        name: row.parsed("name")?,
        purpose: row.word("purpose")?,
    })
}

async fn apply_organizations(connection: &mut AnyConnection, rows: &[OrganizationRow], source: &ChangeSource) -> StoreResult<()> {
    const INSERT: Bulk = Bulk {
        before: "INSERT INTO organization (external_id, ogrn) VALUES",
        after: "ON CONFLICT (ogrn) DO NOTHING",
    };
    const CLOSE: Bulk = Bulk {
        before: "WITH v(target, valid_end, recorded) AS (VALUES",
        after: ") UPDATE organization_version SET valid_to = v.valid_end, superseded_at = v.recorded FROM v \
                WHERE organization_version.organization_id = v.target AND organization_version.superseded_at IS NULL",
    };
    const VERSION: Bulk = Bulk {
        before: "INSERT INTO organization_version (organization_id, municipality_id, inn, kpp, kind, name, short_name, name_key, sort_key, \
                 status, contingent, valid_from, recorded_at, source) VALUES",
        after: "",
    };
    let new = rows
        .iter()
        .map(|row| vec![OrganizationId::generate().to_string().into(), row.ogrn.as_str().into()])
        .collect();
    INSERT.execute(&mut *connection, new).await?;
    let ids = organization_ids(&mut *connection, rows.iter().map(|row| &row.ogrn)).await?;
    let municipalities = municipality_ids(&mut *connection).await?;
    let mut versions = Vec::with_capacity(rows.len());
    for row in rows {
        let id = known(&ids, row.ogrn.as_str(), || format!("organization {}", row.ogrn))?;
        let oktmo = row.municipality.municipality();
        let municipality = known(&municipalities, oktmo, || {
            format!("municipality {oktmo} of organization {}", row.ogrn)
        })?;
        versions.push(organization_version(row, id, municipality, source));
    }
    CLOSE.execute(&mut *connection, closing(ids.values(), source)).await?;
    VERSION.execute(&mut *connection, versions).await?;
    Ok(())
}

fn organization_version(row: &OrganizationRow, id: i64, municipality: i64, source: &ChangeSource) -> Vec<Value> {
    let searched = format!("{} {} {} {}", row.short_name, row.name, row.inn, row.ogrn);
    vec![
        id.into(),
        municipality.into(),
        row.inn.as_str().into(),
        row.kpp.as_ref().map(Kpp::as_str).into(),
        row.kind.as_str().into(),
        row.name.as_str().into(),
        row.short_name.as_str().into(),
        fold(&searched).into(),
        sort_key(row.short_name.as_str()).into(),
        word(&row.status).into(),
        row.contingent.into(),
        source.valid_from.into(),
        source.recorded_at.into(),
        source.source.as_str().into(),
    ]
}

async fn apply_buildings(connection: &mut AnyConnection, rows: &[BuildingRow], source: &ChangeSource) -> StoreResult<()> {
    const INSERT: Bulk = Bulk {
        before: "INSERT INTO building (external_id, organization_id, number) VALUES",
        after: "ON CONFLICT (organization_id, number) DO NOTHING",
    };
    const CLOSE: Bulk = Bulk {
        before: "WITH v(target, valid_end, recorded) AS (VALUES",
        after: ") UPDATE building_version SET valid_to = v.valid_end, superseded_at = v.recorded FROM v \
                WHERE building_version.building_id = v.target AND building_version.superseded_at IS NULL",
    };
    const VERSION: Bulk = Bulk {
        before: "INSERT INTO building_version (building_id, address, oktmo, settlement, settlement_class, fias, valid_from, recorded_at, \
                 source) VALUES",
        after: "",
    };
    let organizations = organization_ids(&mut *connection, rows.iter().map(|row| &row.ogrn)).await?;
    let mut new = Vec::with_capacity(rows.len());
    for row in rows {
        let organization = known(&organizations, row.ogrn.as_str(), || {
            format!("organization {} of building {}", row.ogrn, row.number)
        })?;
        new.push(vec![
            BuildingId::generate().to_string().into(),
            organization.into(),
            row.number.into(),
        ]);
    }
    INSERT.execute(&mut *connection, new).await?;
    let ids = building_ids(&mut *connection, rows.iter().map(|row| (&row.ogrn, row.number))).await?;
    let mut versions = Vec::with_capacity(rows.len());
    for row in rows {
        let key = (row.ogrn.as_str().to_owned(), row.number);
        let id = known(&ids, &key, || format!("building {} of {}", row.number, row.ogrn))?;
        versions.push(vec![
            id.into(),
            row.address.as_str().into(),
            String::from(row.oktmo.clone()).into(),
            row.settlement.as_str().into(),
            row.settlement_class.as_str().into(),
            row.fias.clone().into(),
            source.valid_from.into(),
            source.recorded_at.into(),
            source.source.as_str().into(),
        ]);
    }
    CLOSE.execute(&mut *connection, closing(ids.values(), source)).await?;
    VERSION.execute(&mut *connection, versions).await?;
    Ok(())
}

async fn apply_rooms(connection: &mut AnyConnection, rows: &[RoomRow], source: &ChangeSource) -> StoreResult<()> {
    const INSERT: Bulk = Bulk {
        before: "INSERT INTO room (external_id, building_id, number) VALUES",
        after: "ON CONFLICT (building_id, number) DO NOTHING",
    };
    const FIND: Bulk = Bulk {
        before: "WITH v(building, number) AS (VALUES",
        after: ") SELECT r.id, r.building_id, r.number FROM v JOIN room r ON r.building_id = v.building AND r.number = v.number",
    };
    const CLOSE: Bulk = Bulk {
        before: "WITH v(target, valid_end, recorded) AS (VALUES",
        after: ") UPDATE room_version SET valid_to = v.valid_end, superseded_at = v.recorded FROM v \
                WHERE room_version.room_id = v.target AND room_version.superseded_at IS NULL",
    };
    const VERSION: Bulk = Bulk {
        before: "INSERT INTO room_version (room_id, name, purpose, valid_from, recorded_at, source) VALUES",
        after: "",
    };
    let buildings = building_ids(&mut *connection, rows.iter().map(|row| (&row.ogrn, row.building))).await?;
    let mut placed = Vec::with_capacity(rows.len());
    for row in rows {
        let key = (row.ogrn.as_str().to_owned(), row.building);
        let building = known(&buildings, &key, || {
            format!("building {} of {}, of room {}", row.building, row.ogrn, row.number)
        })?;
        placed.push((building, row));
    }
    let new = placed
        .iter()
        .map(|(building, row)| {
            vec![
                RoomId::generate().to_string().into(),
                (*building).into(),
                row.number.as_str().into(),
            ]
        })
        .collect();
    INSERT.execute(&mut *connection, new).await?;
    let keys = placed
        .iter()
        .map(|(building, row)| vec![(*building).into(), row.number.as_str().into()])
        .collect();
    let mut ids = HashMap::new();
    for row in FIND.fetch(&mut *connection, keys).await? {
        ids.insert((row.int("building_id")?, row.text("number")?), row.int("id")?);
    }
    let mut versions = Vec::with_capacity(rows.len());
    for (building, row) in placed {
        let id = known(&ids, &(building, row.number.clone()), || format!("room {}", row.number))?;
        versions.push(vec![
            id.into(),
            row.name.as_str().into(),
            word(&row.purpose).into(),
            source.valid_from.into(),
            source.recorded_at.into(),
            source.source.as_str().into(),
        ]);
    }
    CLOSE.execute(&mut *connection, closing(ids.values(), source)).await?;
    VERSION.execute(&mut *connection, versions).await?;
    Ok(())
}

fn closing<'a>(ids: impl Iterator<Item = &'a i64>, source: &ChangeSource) -> Vec<Vec<Value>> {
    ids.map(|id| vec![(*id).into(), source.valid_from.into(), source.recorded_at.into()])
        .collect()
}

fn known<K, Q>(ids: &HashMap<K, i64>, key: &Q, what: impl Fn() -> String) -> StoreResult<i64>
where
    K: std::borrow::Borrow<Q> + std::hash::Hash + Eq,
    Q: std::hash::Hash + Eq + ?Sized,
{
    ids.get(key).copied().ok_or_else(|| StoreError::Reference { what: what() })
}

async fn municipality_ids(connection: &mut AnyConnection) -> StoreResult<HashMap<String, i64>> {
    let rows = sqlx::query("SELECT id, oktmo FROM municipality").fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.text("oktmo")?, row.int("id")?))).collect()
}

async fn organization_ids<'a>(connection: &mut AnyConnection, ogrns: impl Iterator<Item = &'a Ogrn>) -> StoreResult<HashMap<String, i64>> {
    const FIND: Bulk = Bulk {
        before: "WITH v(ogrn) AS (VALUES",
        after: ") SELECT o.id, o.ogrn FROM v JOIN organization o ON o.ogrn = v.ogrn",
    };
    let distinct: BTreeSet<&Ogrn> = ogrns.collect();
    let keys = distinct.into_iter().map(|ogrn| vec![ogrn.as_str().into()]).collect();
    let rows = FIND.fetch(connection, keys).await?;
    rows.iter().map(|row| Ok((row.text("ogrn")?, row.int("id")?))).collect()
}

async fn building_ids<'a>(
    connection: &mut AnyConnection,
    keys: impl Iterator<Item = (&'a Ogrn, i64)>,
) -> StoreResult<HashMap<(String, i64), i64>> {
    const FIND: Bulk = Bulk {
        before: "WITH v(ogrn, number) AS (VALUES",
        after: ") SELECT b.id, o.ogrn, b.number FROM v JOIN organization o ON o.ogrn = v.ogrn \
                JOIN building b ON b.organization_id = o.id AND b.number = v.number",
    };
    let distinct: BTreeSet<(&Ogrn, i64)> = keys.collect();
    let keys = distinct
        .into_iter()
        .map(|(ogrn, number)| vec![ogrn.as_str().into(), number.into()])
        .collect();
    let rows = FIND.fetch(connection, keys).await?;
    rows.iter()
        .map(|row| Ok(((row.text("ogrn")?, row.int("number")?), row.int("id")?)))
        .collect()
}
