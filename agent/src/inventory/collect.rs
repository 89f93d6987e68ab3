//! Asks the tree for everything that is known of a computer, and hands it to the readers.
//!
//! One file per section; here is their order and what they share: the list of problems that grows while a
//! section is read. Shapes nothing: what a reading means is said by the readers.

mod battery;
mod display;
mod network;
mod peripherals;
mod printers;
mod processor;
mod software;
mod storage;
mod system;

use inventory_schema::Inventory;
use inventory_schema::device::{Fact, Source};
use inventory_schema::inventory::{InventoryFormat, Memory, Sections};
use inventory_schema::quantity::Bytes;
use inventory_schema::section::{CollectionProblem, ReadFailure, Section};
use inventory_schema::text::{DeviceName, Diagnosis, Word};

pub use printers::printer_hosts;

use super::memory;
use super::smbios::{Table, Version, entry_point_version};
use crate::platform::{self, FileTree, ReadError};

/// Tables of real computers have 1 to 20 KiB; servers a little more.
const SMBIOS_LIMIT: u64 = 1024 * 1024;

/// The agent's version, as reports state it.
pub(crate) fn agent_version() -> Word {
    env!("CARGO_PKG_VERSION").parse().expect("a crate's version is a word")
}

/// The inventory of the computer that `tree` is of. Never fails: what could not be read is said within.
pub fn collect(tree: &FileTree) -> Inventory {
    let firmware = FirmwareTable::read(tree);
    let table = firmware.table();
    Inventory {
        format: InventoryFormat::V1,
        agent: agent_version(),
        sections: Sections {
            system: system::collect(tree, table.as_ref(), &firmware.problems),
            processor: processor::collect(tree),
            memory: collect_memory(tree, table.as_ref(), &firmware.problems),
            storage: storage::collect(tree),
            display: display::collect(tree),
            network: network::collect(tree),
            operating_system: system::collect_operating_system(tree),
            battery: battery::collect(tree),
            peripherals: peripherals::collect(tree),
            software: software::collect(tree),
        },
    }
}

/// The SMBIOS table, read once for the three sections that need it.
struct FirmwareTable {
    bytes: Vec<u8>,
    version: Version,
    problems: Vec<CollectionProblem>,
}

impl FirmwareTable {
    fn read(tree: &FileTree) -> Self {
        let mut problems = Problems::default();
        let bytes = problems.keep(Source::Smbios, tree.read("sys/firmware/dmi/tables/DMI", SMBIOS_LIMIT));
        let version = tree
            .read("sys/firmware/dmi/tables/smbios_entry_point", 64)
            .ok()
            .and_then(|bytes| entry_point_version(&bytes));
        let bytes = bytes.unwrap_or_default();
        if !bytes.is_empty() && Table::read(&bytes, Version::ASSUMED).cut_short {
            problems.add(Source::Smbios, ReadFailure::Malformed, "the table ends within a structure");
        }
        Self {
            bytes,
            version: version.unwrap_or(Version::ASSUMED),
            problems: problems.0,
        }
    }

    /// `None` where there is no structure to read.
    fn table(&self) -> Option<Table<'_>> {
        let table = Table::read(&self.bytes, self.version);
        (!table.structures.is_empty()).then_some(table)
    }
}

fn collect_memory(tree: &FileTree, table: Option<&Table<'_>>, firmware: &[CollectionProblem]) -> Section<Memory> {
    let mut problems = Problems(firmware.to_vec());
    let asked = if tree.is_live() { platform::usable_memory() } else { None };
    let usable = asked.map(|bytes| (bytes, Source::Sysinfo)).or_else(|| {
        let text = problems.keep(Source::ProcMeminfo, tree.text("proc/meminfo"))?;
        let total = memory::mem_total(&text);
        if total.is_none() {
            problems.add(Source::ProcMeminfo, ReadFailure::Malformed, "MemTotal is missing");
        }
        Some((total?, Source::ProcMeminfo))
    });
    let usable = usable.map(|(bytes, source)| Fact::new(Bytes::saturating(bytes), source));
    problems.section(memory::memory(usable, table))
}

/// What went wrong while a section was read.
#[derive(Debug, Default)]
struct Problems(Vec<CollectionProblem>);

impl Problems {
    /// The value, or `None` and an entry.
    fn keep<T>(&mut self, source: Source, read: Result<T, ReadError>) -> Option<T> {
        read.map_err(|error| self.add(source, error.failure(), &error.detail())).ok()
    }

    /// As [`Self::keep`] for sources that many computers rightly lack: their absence is no problem.
    fn keep_if_present<T>(&mut self, source: Source, read: Result<T, ReadError>) -> Option<T> {
        match read {
            Err(ReadError::NotPresent { .. }) => None,
            read => self.keep(source, read),
        }
    }

    fn add(&mut self, source: Source, failure: ReadFailure, detail: &str) {
        self.0.push(CollectionProblem {
            source,
            failure,
            subject: None,
            detail: Diagnosis::observed(detail),
        });
    }

    fn add_for(&mut self, subject: &str, source: Source, failure: ReadFailure, detail: &str) {
        self.0.push(CollectionProblem {
            source,
            failure,
            subject: DeviceName::observed(subject),
            detail: Diagnosis::observed(detail),
        });
    }

    /// The names in a directory of sysfs. Where sysfs is, a class without devices may have no directory: then
    /// the computer has none of them. `None` and an entry where sysfs is missing or cannot be read.
    fn devices(&mut self, tree: &FileTree, source: Source, directory: &str) -> Option<Vec<String>> {
        match tree.list(directory) {
            Err(ReadError::NotPresent { .. }) if tree.exists("sys/class") || tree.exists("sys/block") => Some(Vec::new()),
            read => self.keep(source, read),
        }
    }

    fn section<T: Default + PartialEq>(self, content: T) -> Section<T> {
        if content == T::default() && !self.0.is_empty() {
            Section::Failed { problems: self.0 }
        } else {
            Section::new(content, self.0)
        }
    }
}
