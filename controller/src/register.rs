//! The region's register: municipalities, organizations, buildings and rooms.
//!
//! A registrar's table comes in as bytes and leaves as entities or as errors with their lines
//! ([`import::read`]); entities and the register as it stands give a [`Preview`]; a confirmed preview gives
//! [`Changes`]. Going the other way, [`export_csv`] writes the same table that `read` accepts.
//!
//! Everything here is pure: no file, clock or SQL. The store turns rows into a [`Snapshot`] and [`Changes`]
//! into new versions; pages and the command line show the errors. Identifiers here are the natural keys of
//! the register (ОКТМО, ОГРН, building number, room number); the store's own ids are not known here.

use inventory_schema::organization::{Inn, Kpp, Ogrn, Oktmo, OrganizationKind, PlaceName, SettlementClass};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod diff;
mod export;
pub mod import;
pub mod sample;

pub use diff::{Change, Changed, Changes, Counts, FieldChange, NotApplicable, Preview, Vanished, changes, preview};
pub use export::export_csv;
pub use import::{Column, Defaults, LineError, LineWarning, ParsedRegister, read};

/// A municipality: the level an operator's scope may be set to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Municipality {
    /// Eight digits.
    pub oktmo: Oktmo,
    pub name: PlaceName,
    /// IANA name: `Asia/Yekaterinburg`.
    pub time_zone: String,
}

/// What has become of an organization. Only an explicit column of a table changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationStatus {
    /// ДЕЙСТВУЕТ
    Active,
    /// РЕОРГАНИЗОВАНА
    Reorganized,
    /// ЛИКВИДИРОВАНА
    Liquidated,
}

impl OrganizationStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Reorganized => "reorganized",
            Self::Liquidated => "liquidated",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    pub ogrn: Ogrn,
    pub inn: Inn,
    pub kpp: Option<Kpp>,
    pub kind: OrganizationKind,
    pub name: PlaceName,
    pub short_name: PlaceName,
    /// The eight digits of its municipality.
    pub municipality: Oktmo,
    pub status: OrganizationStatus,
    /// Pupils, 0 to 100,000; the number alone, never who they are.
    pub contingent: Option<u32>,
}

/// A building of an organization: the unit whose line is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Building {
    pub organization: Ogrn,
    /// 1 to 9,999, unique in the organization.
    pub number: u32,
    pub address: PlaceName,
    pub settlement: PlaceName,
    pub settlement_class: SettlementClass,
    /// Eleven digits where the settlement is known, else the municipality's eight.
    pub oktmo: Oktmo,
    /// The house in the federal address system, or its settlement where the house has no record.
    pub fias: Option<Uuid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomPurpose {
    /// КАБИНЕТ
    Classroom,
    /// МОБИЛЬНЫЙ КЛАСС
    MobileClass,
    /// СКЛАД
    Store,
    /// АДМИНИСТРАЦИЯ
    Administration,
    /// IT-КЛАСС
    ItClass,
}

impl RoomPurpose {
    pub const ALL: [Self; 5] = [Self::Classroom, Self::MobileClass, Self::Store, Self::Administration, Self::ItClass];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Classroom => "classroom",
            Self::MobileClass => "mobile_class",
            Self::Store => "store",
            Self::Administration => "administration",
            Self::ItClass => "it_class",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    pub organization: Ogrn,
    pub building: u32,
    /// What is written on the door, unique in the building: `12`, `12а`, `Склад`.
    pub number: PlaceName,
    pub name: PlaceName,
    pub purpose: RoomPurpose,
}

/// What the register says at one moment, or what a table says it should.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub municipalities: Vec<Municipality>,
    pub organizations: Vec<Organization>,
    pub buildings: Vec<Building>,
    pub rooms: Vec<Room>,
}

impl Snapshot {
    /// The same entities in the order of their keys, so that equal registers have equal bytes.
    pub fn sorted(mut self) -> Self {
        self.municipalities.sort_by(|a, b| a.oktmo.cmp(&b.oktmo));
        self.organizations.sort_by(|a, b| a.ogrn.cmp(&b.ogrn));
        self.buildings
            .sort_by(|a, b| (&a.organization, a.number).cmp(&(&b.organization, b.number)));
        self.rooms.sort_by(|a, b| a.key().cmp(&b.key()));
        self
    }
}

impl Room {
    fn key(&self) -> (&Ogrn, u32, &PlaceName) {
        (&self.organization, self.building, &self.number)
    }
}
