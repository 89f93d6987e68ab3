//! Asks the tree for everything that is known of a computer, and hands it to the readers.
//!
//! One file per section; here is their order and what they share: the list of problems that grows while a
//! section is read. Shapes nothing: what a reading means is said by the readers.

mod battery;
mod display;
mod firmware;
mod network;
mod patience;
mod peripherals;
mod printers;
mod processor;
mod software;
mod storage;
mod system;

use std::sync::Arc;

use inventory_schema::Inventory;
use inventory_schema::device::{Fact, Source};
use inventory_schema::inventory::{InventoryFormat, Memory, Sections};
use inventory_schema::quantity::Bytes;
use inventory_schema::section::{CollectionProblem, ReadFailure, Section, SectionContent};
use inventory_schema::text::{DeviceName, Diagnosis, Word};

pub use patience::Limits;
use patience::{Overdue, Patience};

use super::ask_printers::PrinterHost;
use super::device_kind::evidence::Hints;
use super::smbios::Table;
use super::{device_kind, memory};
use crate::platform::{self, FileTree, ReadError};
use firmware::FirmwareTable;

/// The agent's version, as reports state it.
pub(crate) fn agent_version() -> Word {
    env!("CARGO_PKG_VERSION").parse().expect("a crate's version is a word")
}

/// The inventory of the computer that `tree` is of. Never fails and never waits for long: what could not be read,
/// or not in time, is said within.
pub fn collect(tree: &FileTree) -> Inventory {
    collect_within(tree, Limits::default())
}

/// As [`collect`], with another time limit.
pub fn collect_within(tree: &FileTree, limits: Limits) -> Inventory {
    let mut patience = Patience::new(tree.clone(), limits);
    let firmware = Arc::new(FirmwareTable::read_in_time(&mut patience));
    let (of_system, of_processor, of_memory, of_battery) = (firmware.clone(), firmware.clone(), firmware.clone(), firmware.clone());
    let mut sections = Sections {
        system: in_time(&mut patience, move |tree| {
            system::collect(tree, of_system.table().as_ref(), &of_system.problems)
        }),
        processor: in_time(&mut patience, move |tree| processor::collect(tree, of_processor.table().as_ref())),
        memory: in_time(&mut patience, move |tree| {
            collect_memory(tree, of_memory.table().as_ref(), &of_memory.problems)
        }),
        storage: in_time(&mut patience, storage::collect),
        display: in_time(&mut patience, display::collect),
        network: in_time(&mut patience, network::collect),
        operating_system: in_time(&mut patience, system::collect_operating_system),
        battery: in_time(&mut patience, move |tree| battery::collect(tree, of_battery.table().as_ref())),
        peripherals: in_time(&mut patience, peripherals::collect),
        software: with_what_is_unread(patience.tree().is_live(), software::collect(&mut patience)),
    };
    conclude_kind(&mut patience, firmware.table().as_ref(), &mut sections);
    Inventory {
        format: InventoryFormat::V1,
        agent: agent_version(),
        sections,
    }
}

/// Where the printers of the network can be asked, by their places in the inventory's list; none where the files
/// that tell do not answer in time.
pub fn printer_hosts(tree: &FileTree) -> Vec<PrinterHost> {
    Patience::new(tree.clone(), Limits::default())
        .ask(printers::printer_hosts)
        .unwrap_or_default()
}

/// A section, or why it could not be read in time.
fn in_time<T: SectionContent + Send + 'static>(
    patience: &mut Patience,
    job: impl FnOnce(&FileTree) -> Section<T> + Send + 'static,
) -> Section<T> {
    let live = patience.tree().is_live();
    let section = patience.ask(job).unwrap_or_else(|overdue| {
        let mut problems = Problems::default();
        problems.late(Source::Other, overdue);
        Section::Failed { problems: problems.0 }
    });
    with_what_is_unread(live, section)
}

/// Says in a section of a running system that this agent does not read all of it, where that is so.
fn with_what_is_unread<T>(live: bool, section: Section<T>) -> Section<T> {
    let Some(reason) = platform::UNREAD.filter(|_| live) else {
        return section;
    };
    let mut problems = Problems::default();
    problems.add(Source::Other, ReadFailure::Other, reason);
    match section {
        Section::Read(content) => Section::new(content, problems.0),
        Section::Partial { content, .. } => Section::Partial {
            content,
            problems: problems.0,
        },
        Section::Failed { .. } => Section::Failed { problems: problems.0 },
    }
}

/// What the computer is follows from all sections and is said in that of the whole. Where nothing was read of
/// the whole, nothing is concluded for it.
fn conclude_kind(patience: &mut Patience, table: Option<&Table<'_>>, sections: &mut Sections) {
    let has_lid_switch = |tree: &FileTree| {
        let devices = tree.text("proc/bus/input/devices");
        devices.is_ok_and(|text| device_kind::evidence::has_lid_switch(&text))
    };
    let hints = Hints {
        lid_switch: patience.ask(has_lid_switch).unwrap_or(false),
        management_controller: table.is_some_and(|table| table.of_kind(38).next().is_some()),
        several_processors: sections.processor.content().is_some_and(processor::are_several),
    };
    let kind = device_kind::judge(&device_kind::evidence::signs(sections, hints));
    if let Section::Read(system) | Section::Partial { content: system, .. } = &mut sections.system {
        system.kind = kind;
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

    fn late(&mut self, source: Source, overdue: Overdue) {
        self.add(source, ReadFailure::TimedOut, &overdue.to_string());
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
