//! Processors: the kernel's list and its topology.

use inventory_schema::device::Source;
use inventory_schema::inventory::Processors;
use inventory_schema::section::{ReadFailure, Section};

use super::Problems;
use crate::inventory::processor::{CpuInfo, LogicalProcessor, Ranges, Topology, processors};
use crate::inventory::smbios::Table;
use crate::platform::FileTree;

/// Servers of 256 threads have half a megabyte of cpuinfo.
const CPUINFO_LIMIT: u64 = 2 * 1024 * 1024;

const DIRECTORY: &str = "sys/devices/system/cpu";

pub(super) fn collect(tree: &FileTree, table: Option<&Table<'_>>) -> Section<Processors> {
    let mut problems = Problems::default();
    let bytes = problems.keep(Source::ProcCpuinfo, tree.read("proc/cpuinfo", CPUINFO_LIMIT));
    let info = bytes.map(|bytes| CpuInfo::read(&String::from_utf8_lossy(&bytes)));
    if info.as_ref().is_some_and(CpuInfo::is_empty) {
        problems.add(Source::ProcCpuinfo, ReadFailure::Malformed, "no processor is listed");
    }
    problems.section(processors(&info.unwrap_or_default(), &topology(tree), table))
}

/// Whether there are processors of one model in several sockets; one of two kinds of core is a single one.
pub(super) fn are_several(content: &Processors) -> bool {
    let models: Vec<_> = content.processors.iter().filter_map(|processor| processor.model.as_ref()).collect();
    models.len() > 1 && models.iter().all(|model| model.value == models[0].value)
}

fn topology(tree: &FileTree) -> Topology {
    let number = |name: &String| name.strip_prefix("cpu")?.parse::<u32>().ok();
    let mut numbers: Vec<u32> = tree.list(DIRECTORY).unwrap_or_default().iter().filter_map(number).collect();
    numbers.sort_unstable();
    let list = |path: &str| tree.line(path).unwrap_or_default();
    let count = |name: &str| Ranges::read(&list(&format!("{DIRECTORY}/{name}"))).count();
    Topology {
        online: numbers.into_iter().filter_map(|number| logical(tree, number)).collect(),
        offline: count("present").saturating_sub(count("online")),
        efficient: list("sys/devices/cpu_atom/cpus"),
        device_tree_only: tree.exists("proc/device-tree") && !tree.exists("sys/firmware/acpi"),
        compatible: list("proc/device-tree/compatible"),
    }
}

/// `None` for a processor that is switched off: newer kernels leave it a topology.
fn logical(tree: &FileTree, number: u32) -> Option<LogicalProcessor> {
    let attribute = |name: &str| tree.line(&format!("{DIRECTORY}/cpu{number}/{name}"));
    let integer = |name: &str| attribute(name).and_then(|text| text.parse::<i64>().ok());
    let rate = |name: &str| integer(&format!("cpufreq/{name}")).and_then(|rate| u64::try_from(rate).ok());
    let package = integer("topology/physical_package_id");
    let core = integer("topology/core_id");
    let is_off = attribute("online").as_deref() == Some("0");
    if is_off || (package.is_none() && core.is_none()) {
        return None;
    }
    Some(LogicalProcessor {
        number,
        package,
        core,
        siblings: attribute("topology/thread_siblings_list").or_else(|| attribute("topology/thread_siblings")),
        max_kilohertz: rate("cpuinfo_max_freq"),
        base_kilohertz: rate("base_frequency"),
        min_kilohertz: rate("cpuinfo_min_freq"),
    })
}
