//! Processors: the kernel's list and its topology.

use inventory_schema::device::Source;
use inventory_schema::inventory::Processors;
use inventory_schema::section::{ReadFailure, Section};

use super::Problems;
use crate::inventory::processor::{CpuInfo, LogicalProcessor, processors};
use crate::inventory::smbios::Table;
use crate::platform::FileTree;

/// Servers of 256 threads have half a megabyte of cpuinfo.
const CPUINFO_LIMIT: u64 = 2 * 1024 * 1024;

pub(super) fn collect(tree: &FileTree, table: Option<&Table<'_>>) -> Section<Processors> {
    let mut problems = Problems::default();
    let bytes = problems.keep(Source::ProcCpuinfo, tree.read("proc/cpuinfo", CPUINFO_LIMIT));
    let info = bytes.map(|bytes| CpuInfo::read(&String::from_utf8_lossy(&bytes)));
    if info.as_ref().is_some_and(|info| info.processors.is_empty()) {
        problems.add(Source::ProcCpuinfo, ReadFailure::Malformed, "no processor is listed");
    }
    let content = processors(&info.unwrap_or_default(), &topology(tree), table);
    problems.section(content)
}

/// Whether there are processors of one model in several sockets; one of two kinds of core is a single one.
pub(super) fn are_several(content: &Processors) -> bool {
    let models: Vec<_> = content.processors.iter().filter_map(|processor| processor.model.as_ref()).collect();
    models.len() > 1 && models.iter().all(|model| model.value == models[0].value)
}

/// The processors that are switched on: only those have a topology.
fn topology(tree: &FileTree) -> Vec<LogicalProcessor> {
    const DIRECTORY: &str = "sys/devices/system/cpu";
    let number = |name: &String| name.strip_prefix("cpu")?.parse::<u32>().ok();
    let mut numbers: Vec<u32> = tree.list(DIRECTORY).unwrap_or_default().iter().filter_map(number).collect();
    numbers.sort_unstable();
    let logical = |number: u32| {
        let attribute = |name: &str| tree.line(&format!("{DIRECTORY}/cpu{number}/{name}"));
        let package = attribute("topology/physical_package_id")?;
        Some(LogicalProcessor {
            number,
            package: package.parse().ok(),
            core: attribute("topology/core_id").and_then(|text| text.parse().ok()),
            siblings: attribute("topology/thread_siblings_list").or_else(|| attribute("topology/thread_siblings")),
            max_kilohertz: attribute("cpufreq/cpuinfo_max_freq").and_then(|text| text.parse().ok()),
        })
    };
    numbers.into_iter().filter_map(logical).collect()
}
