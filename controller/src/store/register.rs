//! The register as rows with natural keys: what an import compares with and what it changes.
//!
//! Nothing is updated in place. A change closes the current version of a row and adds a new one, in one
//! transaction for the whole import. The difference itself is computed in [`crate`]'s `register`.

mod apply;

use inventory_schema::Timestamp;
use inventory_schema::organization::{Inn, Kpp, Ogrn, Oktmo, OrganizationKind, PlaceName, SettlementClass};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

pub use crate::register::{OrganizationStatus, RoomPurpose};

use super::municipality;
use super::statement::{Columns, records};
use super::{Store, StoreResult};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MunicipalityRow {
    /// Only its first eight digits are kept.
    pub oktmo: Oktmo,
    pub name: PlaceName,
    /// An IANA name: `Asia/Yekaterinburg`.
    pub time_zone: String,
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
        let mut transaction = self.engine.begin_reading().await?;
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
        apply::organizations(&mut transaction, &changes.organizations, source).await?;
        apply::buildings(&mut transaction, &changes.buildings, source).await?;
        apply::rooms(&mut transaction, &changes.rooms, source).await?;
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
