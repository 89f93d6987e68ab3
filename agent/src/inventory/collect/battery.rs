//! Batteries: `/sys/class/power_supply`, else firmware's table.

use inventory_schema::device::Source;
use inventory_schema::inventory::{Battery, BatteryCell};
use inventory_schema::section::Section;

use super::Problems;
use crate::inventory::battery::{cell, firmware};
use crate::inventory::smbios::Table;
use crate::platform::FileTree;

pub(super) fn collect(tree: &FileTree, table: Option<&Table<'_>>) -> Section<Battery> {
    const DIRECTORY: &str = "sys/class/power_supply";
    let mut problems = Problems::default();
    let names = problems.devices(tree, Source::SysfsPowerSupply, DIRECTORY).unwrap_or_default();
    let cells: Vec<BatteryCell> = names
        .iter()
        .filter_map(|name| cell(name, &|attribute| tree.line(&format!("{DIRECTORY}/{name}/{attribute}"))))
        .collect();
    let cells = match table {
        Some(table) if cells.is_empty() => firmware::cells(table),
        _ => cells,
    };
    problems.section(Battery { cells })
}
