//! Processors and disks of strangers' computers against what util-linux says of them.
//!
//! The trees and the texts are named by `COS_TEST_FIXTURES` and are no part of the project; without it the tests
//! pass over themselves. Every fact of an oracle that a document has a field for is compared, and the share that
//! differs is printed with the reason for each.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cos_agent::inventory::collect;
use cos_agent::platform::FileTree;
use inventory_schema::Inventory;
use inventory_schema::inventory::{Disk, DiskBus, Processors};

/// What is known to differ, and why. Nothing of identity, memory or disks.
const REASONS: [(&str, &str, &str); 0] = [];

#[test]
fn processors_are_those_of_lscpu() {
    let Some(folder) = fixtures("lscpu") else { return };
    let mut tally = Tally::default();
    for (name, archive) in archives(&folder) {
        let oracle = fs::read_to_string(folder.join(format!("{name}.expected.txt"))).unwrap();
        let tree = Unpacked::of(&archive);
        let inventory = tree.inventory(&name);
        compare_processors(&mut tally, &name, &oracle, inventory.sections.processor.content().unwrap());
        if let Some(vendor) = stated(&oracle, "Hypervisor vendor") {
            let system = inventory.sections.system.content();
            let ours = system.and_then(|system| Some(system.hypervisor.as_ref()?.value.to_string()));
            // «Oracle» there is «Oracle VirtualBox» here.
            let ours = ours.map(|ours| if ours.starts_with(vendor) { vendor.to_owned() } else { ours });
            tally.compare(&name, "Hypervisor vendor", vendor, ours);
        }
    }
    tally.judge();
}

#[test]
fn disks_are_those_of_lsblk() {
    let Some(folder) = fixtures("lsblk") else { return };
    let mut tally = Tally::default();
    for (name, archive) in archives(&folder) {
        let tree = Unpacked::of(&archive);
        let inventory = tree.inventory(&name);
        let disks = &inventory.sections.storage.content().unwrap().disks;
        for oracle in ["basic", "vendor"] {
            if let Ok(text) = fs::read_to_string(folder.join(format!("{name}.{oracle}.expected.txt"))) {
                compare_disks(&mut tally, &format!("{name} {oracle}"), &text, disks);
            }
        }
    }
    tally.judge();
}

fn fixtures(kind: &str) -> Option<PathBuf> {
    std::env::var_os("COS_TEST_FIXTURES")
        .map(|folder| Path::new(&folder).join(kind))
        .filter(|folder| folder.is_dir())
}

/// Archives by the name before `.tar`, sorted.
fn archives(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let file = path.file_name()?.to_str()?.to_owned();
            Some((file.split_once(".tar")?.0.to_owned(), path))
        })
        .collect();
    found.sort();
    found
}

struct Unpacked(tempfile::TempDir);

impl Unpacked {
    fn of(archive: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let unpacked = Command::new("tar")
            .arg("xf")
            .arg(archive)
            .arg("-C")
            .arg(folder.path())
            .status()
            .unwrap();
        assert!(unpacked.success(), "{}", archive.display());
        Self(folder)
    }

    fn inventory(&self, name: &str) -> Inventory {
        collect(&FileTree::new(self.0.path().join(name)))
    }
}

#[derive(Default)]
struct Tally {
    compared: usize,
    different: Vec<String>,
    unexplained: Vec<String>,
}

impl Tally {
    fn compare(&mut self, machine: &str, fact: &str, oracle: &str, ours: Option<String>) {
        self.compared += 1;
        if ours.as_deref() == Some(oracle) {
            return;
        }
        let difference = format!("{machine}, {fact}: «{oracle}» there, {ours:?} here");
        match REASONS.iter().find(|(known, what, _)| *known == machine && *what == fact) {
            Some((_, _, reason)) => self.different.push(format!("{difference}: {reason}")),
            None => self.unexplained.push(difference),
        }
    }

    fn judge(&self) {
        let differ = self.different.len() + self.unexplained.len();
        println!("{} facts compared, {differ} differ", self.compared);
        for difference in &self.different {
            println!("  {difference}");
        }
        assert!(self.compared > 0, "the folder holds nothing to compare");
        assert!(self.unexplained.is_empty(), "{:#?}", self.unexplained);
        assert!(differ * 50 <= self.compared, "more than 2 % differ");
    }
}

/// `Key:   value`; «-» states nothing.
fn stated<'a>(oracle: &'a str, key: &str) -> Option<&'a str> {
    let value = oracle
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
        .map(str::trim)?;
    (value != "-").then_some(value)
}

fn compare_processors(tally: &mut Tally, machine: &str, oracle: &str, ours: &Processors) {
    let Some(first) = ours.processors.first() else {
        return tally.compare(machine, "processors", "some", None);
    };
    let sum = |count: fn(&inventory_schema::inventory::Processor) -> u64| ours.processors.iter().map(count).sum::<u64>();
    let cores = sum(|processor| processor.cores.as_ref().map_or(0, |fact| fact.value.get()));
    let threads = sum(|processor| processor.threads.as_ref().map_or(0, |fact| fact.value.get()));
    let sockets = ours.packages.as_ref().map_or(1, |fact| fact.value.get());
    let offline = ours.offline.as_ref().map_or(0, |fact| fact.value.get());
    let text = |fact: &Option<inventory_schema::device::Fact<inventory_schema::text::HardwareText>>| {
        fact.as_ref().map(|fact| fact.value.to_string())
    };
    // White space is folded in documents.
    let folded = |value: &str| value.split_whitespace().collect::<Vec<_>>().join(" ");
    for (key, value) in [
        ("CPU(s)", Some((threads + offline).to_string())),
        ("Vendor ID", text(&first.maker)),
        ("Model name", text(&first.model)),
        ("Socket(s)", Some(sockets.to_string())),
        ("Core(s) per socket", Some((cores / sockets).to_string())),
        ("Thread(s) per core", Some((threads / cores.max(1)).to_string())),
        (
            "CPU max MHz",
            first.max_clock.as_ref().map(|fact| format!("{}.0000", fact.value.get())),
        ),
        (
            "CPU min MHz",
            first.min_clock.as_ref().map(|fact| format!("{}.0000", fact.value.get())),
        ),
    ] {
        if let Some(expected) = stated(oracle, key) {
            tally.compare(machine, key, &folded(expected), value);
        }
    }
}

/// A table whose columns begin under their titles; rows of partitions begin with a line drawing.
fn compare_disks(tally: &mut Tally, machine: &str, oracle: &str, disks: &[Disk]) {
    let mut lines = oracle.lines();
    let Some(titles) = lines.next() else { return };
    let rows: Vec<&str> = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_alphanumeric())).collect();
    tally.compare(machine, "disks", &rows.len().to_string(), Some(disks.len().to_string()));
    for row in rows {
        let name = row.split_whitespace().next().unwrap_or_default();
        let disk = disks.iter().find(|disk| disk.name.as_str() == name);
        tally.compare(machine, "name", name, disk.map(|disk| disk.name.to_string()));
        let Some(disk) = disk else { continue };
        for (title, value) in facts(disk) {
            if let Some(expected) = cell(titles, row, title) {
                tally.compare(machine, &format!("{name} {title}"), &expected, value);
            }
        }
    }
}

fn facts(disk: &Disk) -> [(&'static str, Option<String>); 5] {
    let maker = disk.maker.as_ref().map(|fact| fact.value.to_string());
    let bus = disk
        .bus
        .as_ref()
        .filter(|fact| fact.value == DiskBus::Ata)
        .map(|_| "ATA".to_owned());
    [
        ("SIZE", disk.size.as_ref().map(|fact| human_size(fact.value.get()))),
        ("RM", disk.removable.as_ref().map(|fact| u8::from(fact.value).to_string())),
        ("MODEL", disk.model.as_ref().map(|fact| fact.value.to_string())),
        // SATA disks have the name of their bus for a maker, which stands in a field of its own.
        ("VENDOR", maker.or(bus)),
        ("REV", disk.firmware.as_ref().map(|fact| fact.value.to_string())),
    ]
}

/// The words of a row between the edges of a column. The titles of numbers and revisions end where their column does.
fn cell(titles: &str, row: &str, title: &str) -> Option<String> {
    let words: Vec<(usize, usize)> = spans(titles);
    let place = words.iter().position(|(start, end)| &titles[*start..*end] == title)?;
    let (start, end) = words[place];
    let is_number = matches!(title, "SIZE" | "RM" | "REV");
    let left = if is_number { words.get(place.checked_sub(1)?)?.1 } else { start };
    let right = if is_number {
        end
    } else {
        words.get(place + 1).map_or(row.len(), |(next, _)| *next)
    };
    let text = row.get(left.min(row.len())..right.min(row.len()))?;
    // A wide number may begin before its title does.
    let text = if is_number { text } else { text.split("  ").next()? };
    let text = text.split_whitespace().collect::<Vec<_>>();
    let text = if is_number {
        text.last().map(|word| (*word).to_owned())?
    } else {
        text.join(" ")
    };
    (!text.is_empty()).then_some(text)
}

fn spans(line: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = None;
    for (place, character) in line.char_indices().chain([(line.len(), ' ')]) {
        match (character.is_whitespace(), start) {
            (false, None) => start = Some(place),
            (true, Some(first)) => {
                found.push((first, place));
                start = None;
            }
            _ => (),
        }
    }
    found
}

/// As lsblk writes sizes: binary units, one place behind the point where it is not zero.
fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "K", "M", "G", "T", "P"];
    let mut unit = 0;
    while unit + 1 < UNITS.len() && bytes >> (10 * (unit + 1)) > 0 {
        unit += 1;
    }
    let one = 1u128 << (10 * unit);
    let tenths = (u128::from(bytes) * 10 + one / 2) / one;
    let (whole, tenth) = (tenths / 10, tenths % 10);
    if tenth == 0 {
        format!("{whole}{}", UNITS[unit])
    } else {
        format!("{whole}.{tenth}{}", UNITS[unit])
    }
}
