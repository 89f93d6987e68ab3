//! Buildings and rooms of an organization, and places: the three levels together.

use inventory_schema::organization::{BuildingId, Oktmo, OrganizationId, RoomId, SettlementClass};
use sqlx::any::AnyRow;

use super::organization::in_scope;
use super::register::RoomPurpose;
use super::statement::{Columns, records};
use super::{Scope, Store, StoreResult};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Building {
    pub id: i64,
    pub external_id: BuildingId,
    pub organization_id: i64,
    /// Within the organization, from 1.
    pub number: i64,
    pub address: String,
    pub oktmo: Oktmo,
    pub settlement: String,
    pub settlement_class: SettlementClass,
    pub fias: Option<String>,
    /// Devices that have not left.
    pub devices: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    pub id: i64,
    pub external_id: RoomId,
    pub building_id: i64,
    pub building_external_id: BuildingId,
    pub number: String,
    pub name: String,
    pub purpose: RoomPurpose,
    /// Devices that have not left.
    pub devices: i64,
}

/// Where a device stands or a token leads: an organization, one of its buildings, perhaps a room of that building.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub organization_id: i64,
    pub organization: OrganizationId,
    pub organization_short_name: String,
    pub building_id: i64,
    pub building: BuildingId,
    pub address: String,
    pub room_id: Option<i64>,
    pub room: Option<RoomId>,
    pub room_name: Option<String>,
}

impl Store {
    /// By number.
    pub async fn buildings(&self, scope: Scope, organization: OrganizationId) -> StoreResult<Vec<Building>> {
        let rows = sqlx::query(concat!(
            "SELECT b.id, b.external_id, b.organization_id, b.number, w.address, w.oktmo, w.settlement, w.settlement_class, w.fias, \
             (SELECT COUNT(*) FROM device d WHERE d.building_id = b.id AND d.state <> 'left' AND d.merged_into IS NULL) AS devices \
             FROM organization o JOIN organization_version v ON v.organization_id = o.id AND v.superseded_at IS NULL \
             JOIN building b ON b.organization_id = o.id JOIN building_version w ON w.building_id = b.id AND w.superseded_at IS NULL \
             WHERE ",
            in_scope!(),
            " AND o.external_id = $3 ORDER BY b.number"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(organization.to_string())
        .fetch_all(self.read())
        .await?;
        records(&rows, read_building)
    }

    /// By building and number.
    pub async fn rooms(&self, scope: Scope, organization: OrganizationId) -> StoreResult<Vec<Room>> {
        let rows = sqlx::query(concat!(
            "SELECT r.id, r.external_id, r.building_id, b.external_id AS building_external_id, r.number, w.name, w.purpose, \
             (SELECT COUNT(*) FROM device d WHERE d.room_id = r.id AND d.state <> 'left' AND d.merged_into IS NULL) AS devices \
             FROM organization o JOIN organization_version v ON v.organization_id = o.id AND v.superseded_at IS NULL \
             JOIN building b ON b.organization_id = o.id JOIN room r ON r.building_id = b.id \
             JOIN room_version w ON w.room_id = r.id AND w.superseded_at IS NULL WHERE ",
            in_scope!(),
            " AND o.external_id = $3 ORDER BY b.number, r.number"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(organization.to_string())
        .fetch_all(self.read())
        .await?;
        records(&rows, read_room)
    }

    /// The place these three name; `None` when one is unknown, out of scope, or not part of the one above it.
    pub async fn place(
        &self,
        scope: Scope,
        organization: OrganizationId,
        building: BuildingId,
        room: Option<RoomId>,
    ) -> StoreResult<Option<Place>> {
        let row = sqlx::query(concat!(
            "SELECT o.id AS organization_id, o.external_id AS organization, v.short_name, b.id AS building_id, \
             b.external_id AS building, w.address, r.id AS room_id, r.external_id AS room, rv.name AS room_name \
             FROM organization o JOIN organization_version v ON v.organization_id = o.id AND v.superseded_at IS NULL \
             JOIN building b ON b.organization_id = o.id JOIN building_version w ON w.building_id = b.id AND w.superseded_at IS NULL \
             LEFT JOIN room r ON r.building_id = b.id AND r.external_id = $5 \
             LEFT JOIN room_version rv ON rv.room_id = r.id AND rv.superseded_at IS NULL WHERE ",
            in_scope!(),
            " AND o.external_id = $3 AND b.external_id = $4 AND ($5 IS NULL OR r.id IS NOT NULL)"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(organization.to_string())
        .bind(building.to_string())
        .bind(room.map(|room| room.to_string()))
        .fetch_optional(self.read())
        .await?;
        row.as_ref().map(read_place).transpose()
    }
}

fn read_building(row: &AnyRow) -> StoreResult<Building> {
    Ok(Building {
        id: row.int("id")?,
        external_id: row.parsed("external_id")?,
        organization_id: row.int("organization_id")?,
        number: row.int("number")?,
        address: row.text("address")?,
        oktmo: row.parsed("oktmo")?,
        settlement: row.text("settlement")?,
        settlement_class: row.word("settlement_class")?,
        fias: row.optional_text("fias")?,
        devices: row.int("devices")?,
    })
}

fn read_room(row: &AnyRow) -> StoreResult<Room> {
    Ok(Room {
        id: row.int("id")?,
        external_id: row.parsed("external_id")?,
        building_id: row.int("building_id")?,
        building_external_id: row.parsed("building_external_id")?,
        number: row.text("number")?,
        name: row.text("name")?,
        purpose: row.word("purpose")?,
        devices: row.int("devices")?,
    })
}

fn read_place(row: &AnyRow) -> StoreResult<Place> {
    Ok(Place {
        organization_id: row.int("organization_id")?,
        organization: row.parsed("organization")?,
        organization_short_name: row.text("short_name")?,
        building_id: row.int("building_id")?,
        building: row.parsed("building")?,
        address: row.text("address")?,
        room_id: row.optional_int("room_id")?,
        room: row.optional_parsed("room")?,
        room_name: row.optional_text("room_name")?,
    })
}
