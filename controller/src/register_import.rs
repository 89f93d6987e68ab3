//! A table of the register, from its bytes to the store: compared, shown, and written when confirmed.
//!
//! Called by the page of imports and by `cos-controller organization import`. The rules of comparing are in
//! `register`; what is stored how is in `store/register.rs`; here one is turned into the other.

use inventory_schema::Timestamp;
use inventory_schema::canonical::CanonicalError;
use inventory_schema::organization::PlaceName;

use crate::register::{self, Building, Municipality, NotApplicable, Organization, ParsedRegister, Preview, Room, Snapshot};
use crate::store::register as stored;
use crate::store::register::{ChangeSource, RegisterChanges, RegisterSnapshot};
use crate::store::{Store, StoreError};

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the register has no canonical form")]
    Canonical(#[from] CanonicalError),
    #[error(transparent)]
    NotApplicable(#[from] NotApplicable),
    /// Someone changed the register after the preview was shown.
    #[error("the register has changed since the preview; preview the table again")]
    Outdated,
    #[error("reading the table was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
    #[error("the stored {what} «{value}» is not what a register may hold")]
    Stored { what: &'static str, value: String },
}

/// The register as it is now.
pub async fn current(store: &Store) -> Result<Snapshot, ImportError> {
    snapshot(store.register_snapshot().await?)
}

/// Compares a table that was read with the register. What is wrong with the table is in the preview.
pub async fn compare(store: &Store, table: ParsedRegister) -> Result<Preview, ImportError> {
    Ok(register::preview(&current(store).await?, table)?)
}

/// Reads a table (CSV or XLSX) and [compares](compare) it.
pub async fn preview(store: &Store, table: &[u8], time_zone: &str) -> Result<Preview, ImportError> {
    let defaults = register::Defaults {
        time_zone: time_zone.to_owned(),
    };
    compare(store, register::read(table, &defaults)).await
}

/// Writes a confirmed preview, whole or not at all. `source` says from where: «import <file>».
pub async fn apply(store: &Store, preview: &Preview, source: String, now: Timestamp) -> Result<(), ImportError> {
    if !preview.is_current(&current(store).await?)? {
        return Err(ImportError::Outdated);
    }
    let changes = register::changes(preview)?;
    let mut rows = RegisterChanges::default();
    for part in [changes.new, changes.changed] {
        rows.municipalities.extend(part.municipalities.into_iter().map(municipality_row));
        rows.organizations.extend(part.organizations.into_iter().map(organization_row));
        rows.buildings.extend(part.buildings.into_iter().map(building_row));
        rows.rooms.extend(part.rooms.into_iter().map(room_row));
    }
    let source = ChangeSource {
        valid_from: now,
        recorded_at: now,
        source,
    };
    Ok(store.apply_register(&rows, &source).await?)
}

fn snapshot(rows: RegisterSnapshot) -> Result<Snapshot, ImportError> {
    let municipalities = rows.municipalities.into_iter().map(|row| Municipality {
        oktmo: row.oktmo,
        name: row.name,
        time_zone: row.time_zone,
    });
    Ok(Snapshot {
        municipalities: municipalities.collect(),
        organizations: rows.organizations.into_iter().map(organization).collect::<Result<_, _>>()?,
        buildings: rows.buildings.into_iter().map(building).collect::<Result<_, _>>()?,
        rooms: rows.rooms.into_iter().map(room).collect::<Result<_, _>>()?,
    })
}

fn number(what: &'static str, value: i64) -> Result<u32, ImportError> {
    u32::try_from(value).map_err(|_| ImportError::Stored {
        what,
        value: value.to_string(),
    })
}

fn name(what: &'static str, value: &str) -> Result<PlaceName, ImportError> {
    value.parse().map_err(|_| ImportError::Stored {
        what,
        value: value.to_owned(),
    })
}

fn organization(row: stored::OrganizationRow) -> Result<Organization, ImportError> {
    Ok(Organization {
        ogrn: row.ogrn,
        inn: row.inn,
        kpp: row.kpp,
        kind: row.kind,
        name: row.name,
        short_name: row.short_name,
        municipality: row.municipality,
        status: row.status,
        contingent: row.contingent.map(|pupils| number("contingent", pupils)).transpose()?,
    })
}

fn building(row: stored::BuildingRow) -> Result<Building, ImportError> {
    Ok(Building {
        organization: row.ogrn,
        number: number("building number", row.number)?,
        address: name("address", &row.address)?,
        settlement: name("settlement", &row.settlement)?,
        settlement_class: row.settlement_class,
        oktmo: row.oktmo,
        fias: row.fias.as_deref().map(str::parse).transpose().map_err(|_| ImportError::Stored {
            what: "ФИАС",
            value: row.fias.clone().unwrap_or_default(),
        })?,
    })
}

fn room(row: stored::RoomRow) -> Result<Room, ImportError> {
    Ok(Room {
        organization: row.ogrn,
        building: number("building number", row.building)?,
        number: name("room number", &row.number)?,
        name: row.name,
        purpose: row.purpose,
    })
}

fn municipality_row(municipality: Municipality) -> stored::MunicipalityRow {
    stored::MunicipalityRow {
        oktmo: municipality.oktmo,
        name: municipality.name,
        time_zone: municipality.time_zone,
    }
}

fn organization_row(organization: Organization) -> stored::OrganizationRow {
    stored::OrganizationRow {
        ogrn: organization.ogrn,
        municipality: organization.municipality,
        inn: organization.inn,
        kpp: organization.kpp,
        kind: organization.kind,
        name: organization.name,
        short_name: organization.short_name,
        status: organization.status,
        contingent: organization.contingent.map(i64::from),
    }
}

fn building_row(building: Building) -> stored::BuildingRow {
    stored::BuildingRow {
        ogrn: building.organization,
        number: i64::from(building.number),
        address: building.address.to_string(),
        oktmo: building.oktmo,
        settlement: building.settlement.to_string(),
        settlement_class: building.settlement_class,
        fias: building.fias.map(|fias| fias.hyphenated().to_string()),
    }
}

fn room_row(room: Room) -> stored::RoomRow {
    stored::RoomRow {
        ogrn: room.organization,
        building: i64::from(room.building),
        number: room.number.to_string(),
        name: room.name,
        purpose: room.purpose,
    }
}
