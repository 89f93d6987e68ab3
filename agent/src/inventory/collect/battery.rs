//! Batteries: `/sys/class/power_supply`.

use inventory_schema::device::Source;
use inventory_schema::inventory::Battery;
use inventory_schema::section::Section;

use super::Problems;
use crate::inventory::battery::cell;
use crate::platform::FileTree;

pub(super) fn collect(tree: &FileTree) -> Section<Battery> {
    const DIRECTORY: &str = "sys/class/power_supply";
    let mut problems = Problems::default();
    let names = problems.devices(tree, Source::SysfsPowerSupply, DIRECTORY).unwrap_or_default();
    let cells = names
        .iter()
        .filter_map(|name| cell(name, &|attribute| tree.line(&format!("{DIRECTORY}/{name}/{attribute}"))))
        .collect();
    problems.section(Battery { cells })
}
