//! A table against the register as it stands: what is new, what changes, what the table no longer names.
//!
//! The answer is shown to a person and kept until they confirm it, so it is a document of its own. It never
//! removes anything: what the table does not name is listed as vanished and stays; an organization ends only
//! through the status column. A column the table does not have changes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use inventory_schema::Digest;
use inventory_schema::canonical::{CanonicalBytes, CanonicalError};
use inventory_schema::organization::{Inn, Kpp, Ogrn};
use serde::{Deserialize, Serialize};

use super::import::{Column, LineError, LineWarning, ParsedRegister, Word};
use super::{Building, Municipality, Organization, Room, Snapshot};

/// A table compared with the register, waiting to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The register it was compared with; a confirmation holds only while this is still the register.
    pub base: Digest,
    pub rows: u64,
    pub new: Snapshot,
    pub changed: Changed,
    pub unchanged: Counts,
    pub vanished: Vanished,
    pub warnings: Vec<LineWarning>,
    pub errors: Vec<LineError>,
    pub errors_left_out: u64,
}

/// Entities as they will be, each with what changes in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    pub municipalities: Vec<Change<Municipality>>,
    pub organizations: Vec<Change<Organization>>,
    pub buildings: Vec<Change<Building>>,
    pub rooms: Vec<Change<Room>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change<T> {
    pub after: T,
    pub fields: Vec<FieldChange>,
}

/// One field in the words of the table; an empty string is an empty cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    pub column: Column,
    pub before: String,
    pub after: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub municipalities: u64,
    pub organizations: u64,
    pub buildings: u64,
    pub rooms: u64,
}

/// What the register has and the table does not. Nothing here is removed. Buildings of a vanished
/// organization and rooms of a vanished building are not listed again; levels the table has no columns for
/// are not listed at all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vanished {
    pub organizations: Vec<Organization>,
    pub buildings: Vec<Building>,
    pub rooms: Vec<Room>,
}

/// What to write: new entities, and new versions of known ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    pub new: Snapshot,
    pub changed: Snapshot,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the table has {errors} errors; nothing of it can be written")]
pub struct NotApplicable {
    pub errors: u64,
}

impl Preview {
    /// Whether `current` is still the register this preview was made against.
    ///
    /// # Errors
    /// If the register has no canonical form, which its types rule out.
    pub fn is_current(&self, current: &Snapshot) -> Result<bool, CanonicalError> {
        Ok(digest(current)? == self.base)
    }

    pub fn is_applicable(&self) -> bool {
        self.errors.is_empty()
    }

    /// Whether confirming would write nothing.
    pub fn is_empty(&self) -> bool {
        self.new == Snapshot::default() && self.changed == Changed::default()
    }
}

/// What to write for a confirmed preview.
///
/// # Errors
/// If the table has any error: nothing is half-imported.
pub fn changes(preview: &Preview) -> Result<Changes, NotApplicable> {
    if !preview.is_applicable() {
        return Err(NotApplicable {
            errors: preview.errors.len() as u64 + preview.errors_left_out,
        });
    }
    let changed = &preview.changed;
    Ok(Changes {
        new: preview.new.clone(),
        changed: Snapshot {
            municipalities: changed.municipalities.iter().map(|change| change.after.clone()).collect(),
            organizations: changed.organizations.iter().map(|change| change.after.clone()).collect(),
            buildings: changed.buildings.iter().map(|change| change.after.clone()).collect(),
            rooms: changed.rooms.iter().map(|change| change.after.clone()).collect(),
        },
    })
}

/// The digest of the register's canonical form, whatever order its entities come in.
pub(super) fn digest(register: &Snapshot) -> Result<Digest, CanonicalError> {
    Ok(CanonicalBytes::of(&register.clone().sorted())?.digest())
}

/// Compares a table with the register.
///
/// # Errors
/// If the register has no canonical form, which its types rule out.
pub fn preview(current: &Snapshot, table: ParsedRegister) -> Result<Preview, CanonicalError> {
    let mut preview = Preview {
        base: digest(current)?,
        rows: table.rows,
        new: Snapshot::default(),
        changed: Changed::default(),
        unchanged: Counts::default(),
        vanished: Vanished::default(),
        warnings: table.warnings,
        errors: table.errors,
        errors_left_out: table.errors_left_out,
    };
    if !preview.is_applicable() {
        return Ok(preview);
    }
    let absent: BTreeSet<Column> = table.absent.into_iter().collect();
    preview.vanished = vanished(current, &table.register, &absent);
    let Snapshot {
        municipalities,
        organizations,
        buildings,
        rooms,
    } = table.register;
    let (new, changed, unchanged) = (&mut preview.new, &mut preview.changed, &mut preview.unchanged);
    unchanged.municipalities = sort_out(
        &current.municipalities,
        municipalities,
        &absent,
        &mut new.municipalities,
        &mut changed.municipalities,
    );
    unchanged.organizations = sort_out(
        &current.organizations,
        organizations,
        &absent,
        &mut new.organizations,
        &mut changed.organizations,
    );
    unchanged.buildings = sort_out(&current.buildings, buildings, &absent, &mut new.buildings, &mut changed.buildings);
    unchanged.rooms = sort_out(&current.rooms, rooms, &absent, &mut new.rooms, &mut changed.rooms);
    refuse_taken_inn(current, &mut preview);
    warn_of_new_targets(&mut preview);
    Ok(preview)
}

/// Something with a key and fields that a table can state.
trait Entity: Clone {
    type Key: Ord;

    fn key(&self) -> Self::Key;

    /// Each field in the words of the table.
    fn fields(&self) -> Vec<(Column, String)>;

    /// Takes from `current` what the table has no column for.
    fn keep(&mut self, absent: &BTreeSet<Column>, current: &Self);
}

fn sort_out<T: Entity>(current: &[T], stated: Vec<T>, absent: &BTreeSet<Column>, new: &mut Vec<T>, changed: &mut Vec<Change<T>>) -> u64 {
    let known: BTreeMap<T::Key, &T> = current.iter().map(|entity| (entity.key(), entity)).collect();
    let mut unchanged = 0;
    for mut after in stated {
        let Some(before) = known.get(&after.key()) else {
            new.push(after);
            continue;
        };
        after.keep(absent, before);
        let fields = field_changes(*before, &after);
        if fields.is_empty() {
            unchanged += 1;
        } else {
            changed.push(Change { after, fields });
        }
    }
    unchanged
}

fn field_changes<T: Entity>(before: &T, after: &T) -> Vec<FieldChange> {
    let pairs = before.fields().into_iter().zip(after.fields());
    pairs
        .filter(|((_, before), (_, after))| before != after)
        .map(|((column, before), (_, after))| FieldChange { column, before, after })
        .collect()
}

fn vanished(current: &Snapshot, table: &Snapshot, absent: &BTreeSet<Column>) -> Vanished {
    let organizations: BTreeSet<&Ogrn> = table.organizations.iter().map(|o| &o.ogrn).collect();
    let buildings: BTreeSet<(Ogrn, u32)> = table.buildings.iter().map(Entity::key).collect();
    let rooms: BTreeSet<_> = table.rooms.iter().map(Entity::key).collect();
    let mut vanished = Vanished {
        organizations: current
            .organizations
            .iter()
            .filter(|o| !organizations.contains(&o.ogrn))
            .cloned()
            .collect(),
        ..Vanished::default()
    };
    if !absent.contains(&Column::BuildingNumber) {
        let gone = |building: &&Building| organizations.contains(&building.organization) && !buildings.contains(&Entity::key(*building));
        vanished.buildings = current.buildings.iter().filter(gone).cloned().collect();
    }
    if !absent.contains(&Column::RoomNumber) {
        let gone = |room: &&Room| buildings.contains(&(room.organization.clone(), room.building)) && !rooms.contains(&Entity::key(*room));
        vanished.rooms = current.rooms.iter().filter(gone).cloned().collect();
    }
    vanished
}

/// ИНН and КПП must stay with one organization also where the other one is not in the table.
fn refuse_taken_inn(current: &Snapshot, preview: &mut Preview) {
    let after = preview.changed.organizations.iter().map(|change| &change.after);
    let stated: Vec<&Organization> = preview.new.organizations.iter().chain(after).collect();
    let restated: BTreeSet<&Ogrn> = stated.iter().map(|organization| &organization.ogrn).collect();
    let rest = current
        .organizations
        .iter()
        .filter(|organization| !restated.contains(&organization.ogrn));
    let owners: HashMap<(&Inn, &Option<Kpp>), &Ogrn> = rest.map(|o| ((&o.inn, &o.kpp), &o.ogrn)).collect();
    let taken = stated.iter().filter_map(|organization| {
        let owner = owners.get(&(&organization.inn, &organization.kpp))?;
        Some(LineError {
            line: 0,
            column: Column::Inn.title().to_owned(),
            value: organization.inn.to_string(),
            message: format!(
                "ИНН и КПП организации с ОГРН {} в реестре уже есть у организации с ОГРН {owner}. Сверьте обе с ЕГРЮЛ.",
                organization.ogrn
            ),
        })
    });
    let taken: Vec<LineError> = taken.collect();
    preview.errors.extend(taken);
}

/// A changed class moves the target of a line; whoever confirms should see it said.
fn warn_of_new_targets(preview: &mut Preview) {
    for change in &preview.changed.buildings {
        let Some(field) = change.fields.iter().find(|field| field.column == Column::SettlementClass) else {
            continue;
        };
        let building = &change.after;
        preview.warnings.push(LineWarning {
            line: 0,
            column: Column::SettlementClass.title().to_owned(),
            value: field.after.clone(),
            message: format!(
                "У здания {} организации с ОГРН {} меняется класс населённого пункта: {} → {}. Норматив скорости станет {} Мбит/с.",
                building.number,
                building.organization,
                field.before,
                field.after,
                building.settlement_class.target().get() / 1_000_000
            ),
        });
    }
}

fn text<T: ToString>(value: &Option<T>) -> String {
    value.as_ref().map(T::to_string).unwrap_or_default()
}

impl Entity for Municipality {
    type Key = String;

    fn key(&self) -> String {
        self.oktmo.to_string()
    }

    fn fields(&self) -> Vec<(Column, String)> {
        vec![
            (Column::Municipality, self.name.to_string()),
            (Column::TimeZone, self.time_zone.clone()),
        ]
    }

    fn keep(&mut self, absent: &BTreeSet<Column>, current: &Self) {
        if absent.contains(&Column::TimeZone) {
            self.time_zone.clone_from(&current.time_zone);
        }
    }
}

impl Entity for Organization {
    type Key = Ogrn;

    fn key(&self) -> Ogrn {
        self.ogrn.clone()
    }

    fn fields(&self) -> Vec<(Column, String)> {
        vec![
            (Column::Inn, self.inn.to_string()),
            (Column::Kpp, text(&self.kpp)),
            (Column::Kind, self.kind.word().to_owned()),
            (Column::Name, self.name.to_string()),
            (Column::ShortName, self.short_name.to_string()),
            (Column::MunicipalityOktmo, self.municipality.to_string()),
            (Column::Status, self.status.word().to_owned()),
            (Column::Contingent, text(&self.contingent)),
        ]
    }

    fn keep(&mut self, absent: &BTreeSet<Column>, current: &Self) {
        if absent.contains(&Column::Kpp) {
            self.kpp.clone_from(&current.kpp);
        }
        if absent.contains(&Column::ShortName) {
            self.short_name.clone_from(&current.short_name);
        }
        if absent.contains(&Column::Status) {
            self.status = current.status;
        }
        if absent.contains(&Column::Contingent) {
            self.contingent = current.contingent;
        }
    }
}

impl Entity for Building {
    type Key = (Ogrn, u32);

    fn key(&self) -> (Ogrn, u32) {
        (self.organization.clone(), self.number)
    }

    fn fields(&self) -> Vec<(Column, String)> {
        vec![
            (Column::Address, self.address.to_string()),
            (Column::Settlement, self.settlement.to_string()),
            (Column::SettlementClass, self.settlement_class.word().to_owned()),
            (Column::BuildingOktmo, self.oktmo.to_string()),
            (Column::Fias, text(&self.fias)),
        ]
    }

    fn keep(&mut self, absent: &BTreeSet<Column>, current: &Self) {
        if absent.contains(&Column::BuildingOktmo) {
            self.oktmo = current.oktmo.clone();
        }
        if absent.contains(&Column::Fias) {
            self.fias = current.fias;
        }
    }
}

impl Entity for Room {
    type Key = (Ogrn, u32, String);

    fn key(&self) -> (Ogrn, u32, String) {
        (self.organization.clone(), self.building, self.number.to_string())
    }

    fn fields(&self) -> Vec<(Column, String)> {
        vec![
            (Column::RoomName, self.name.to_string()),
            (Column::RoomPurpose, self.purpose.word().to_owned()),
        ]
    }

    fn keep(&mut self, absent: &BTreeSet<Column>, current: &Self) {
        if absent.contains(&Column::RoomName) {
            self.name = current.name.clone();
        }
        if absent.contains(&Column::RoomPurpose) {
            self.purpose = current.purpose;
        }
    }
}

#[cfg(test)]
mod tests;
