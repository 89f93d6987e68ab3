//! What our readers make of a table.

use cos_agent::inventory::battery::firmware::cells;
use cos_agent::inventory::memory::memory;
use cos_agent::inventory::processor::firmware::{caches, sockets};
use cos_agent::inventory::smbios::Table;
use cos_agent::inventory::system::from_smbios;
use inventory_schema::device::Fact;
use inventory_schema::inventory::{BatteryCell, Memory, ProcessorCache, System};
use inventory_schema::quantity::Count;

#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    pub system: System,
    pub memory: Memory,
    pub battery: Vec<BatteryCell>,
    pub caches: Vec<ProcessorCache>,
    pub sockets: Option<Fact<Count>>,
}

impl Read {
    pub fn of(table: &Table<'_>) -> Self {
        Self {
            system: from_smbios(table),
            memory: memory(None, Some(table)),
            battery: cells(table),
            caches: caches(table),
            sockets: sockets(table),
        }
    }
}

/// A fact's value as text.
pub fn text<T: ToString>(fact: &Option<Fact<T>>) -> Option<String> {
    fact.as_ref().map(|fact| fact.value.to_string())
}
