//! The register as the table that [`read`](super::read) accepts: export, edit, import again.

use std::collections::HashMap;

use inventory_schema::organization::{Ogrn, Oktmo};

use super::import::{Word, guarded, header};
use super::{Building, Municipality, Organization, Room, Snapshot};

const ORGANIZATION_CELLS: usize = 11;
const BUILDING_CELLS: usize = 6;
const ROOM_CELLS: usize = 3;

/// All of `register` as UTF-8 with a mark, `;` and CRLF, as spreadsheets of this country open it: a row per
/// room, per building without rooms, per organization without buildings. A municipality without organizations has no row.
pub fn export_csv(register: &Snapshot) -> String {
    let municipalities: HashMap<&Oktmo, &Municipality> = register.municipalities.iter().map(|m| (&m.oktmo, m)).collect();
    let mut buildings: HashMap<&Ogrn, Vec<&Building>> = HashMap::new();
    for building in &register.buildings {
        buildings.entry(&building.organization).or_default().push(building);
    }
    let mut rooms: HashMap<(&Ogrn, u32), Vec<&Room>> = HashMap::new();
    for room in &register.rooms {
        rooms.entry((&room.organization, room.building)).or_default().push(room);
    }
    let mut table = String::from("\u{feff}");
    push_row(&mut table, &header());
    for organization in &register.organizations {
        let about = organization_cells(organization, municipalities.get(&organization.municipality).copied());
        let own = buildings.get(&organization.ogrn).map(Vec::as_slice).unwrap_or_default();
        if own.is_empty() {
            push_cells(&mut table, &about, None, None);
        }
        for building in own {
            let place = building_cells(building);
            let inside = rooms
                .get(&(&organization.ogrn, building.number))
                .map(Vec::as_slice)
                .unwrap_or_default();
            if inside.is_empty() {
                push_cells(&mut table, &about, Some(&place), None);
            }
            for room in inside {
                push_cells(&mut table, &about, Some(&place), Some(&room_cells(room)));
            }
        }
    }
    table
}

fn organization_cells(organization: &Organization, municipality: Option<&Municipality>) -> [String; ORGANIZATION_CELLS] {
    [
        organization.ogrn.to_string(),
        organization.inn.to_string(),
        organization.kpp.as_ref().map(ToString::to_string).unwrap_or_default(),
        organization.kind.word().to_owned(),
        organization.name.to_string(),
        organization.short_name.to_string(),
        organization.municipality.to_string(),
        municipality.map(|m| m.name.to_string()).unwrap_or_default(),
        municipality.map(|m| m.time_zone.clone()).unwrap_or_default(),
        organization.status.word().to_owned(),
        organization.contingent.map(|pupils| pupils.to_string()).unwrap_or_default(),
    ]
}

fn building_cells(building: &Building) -> [String; BUILDING_CELLS] {
    [
        building.number.to_string(),
        building.address.to_string(),
        building.settlement.to_string(),
        building.settlement_class.word().to_owned(),
        building.oktmo.to_string(),
        building.fias.map(|fias| fias.to_string()).unwrap_or_default(),
    ]
}

fn room_cells(room: &Room) -> [String; ROOM_CELLS] {
    [room.number.to_string(), room.name.to_string(), room.purpose.word().to_owned()]
}

fn push_cells(
    table: &mut String,
    organization: &[String; ORGANIZATION_CELLS],
    building: Option<&[String; BUILDING_CELLS]>,
    room: Option<&[String; ROOM_CELLS]>,
) {
    let mut cells: Vec<&str> = organization.iter().map(String::as_str).collect();
    cells.extend(building.map_or([""; BUILDING_CELLS], |cells| cells.each_ref().map(String::as_str)));
    cells.extend(room.map_or([""; ROOM_CELLS], |cells| cells.each_ref().map(String::as_str)));
    push_row(table, &cells);
}

fn push_row(table: &mut String, cells: &[&str]) {
    for (position, cell) in cells.iter().enumerate() {
        if position > 0 {
            table.push(';');
        }
        push_cell(table, &guarded(cell));
    }
    table.push_str("\r\n");
}

fn push_cell(table: &mut String, cell: &str) {
    if cell.contains([';', '"', '\r', '\n', ',', '\t']) {
        table.push('"');
        table.push_str(&cell.replace('"', "\"\""));
        table.push('"');
    } else {
        table.push_str(cell);
    }
}
