//! Processors, from `/proc/cpuinfo` and the kernel's topology.
//!
//! Pure: text and topology in, facts out. SMBIOS is asked for sockets and caches only: it is known to give wrong
//! names, core counts and clock rates. Where the kernel has no name for a processor there is none, and the numbers stand alone.

mod architecture;
mod arm;
mod cpuinfo;
pub mod firmware;

use std::collections::{BTreeMap, BTreeSet};

use inventory_schema::device::{Fact, Source};
use inventory_schema::inventory::{Processor, Processors};
use inventory_schema::quantity::{Count, Megahertz};
use inventory_schema::text::HardwareText;

pub use cpuinfo::CpuInfo;

use super::smbios::Table;
use super::system::name_fact;

/// What `/sys/devices/system/cpu` and the board say of the processors together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topology {
    /// The processors that are switched on. Empty in trees without `/sys`.
    pub online: Vec<LogicalProcessor>,
    pub offline: u64,
    /// `/sys/devices/cpu_atom/cpus`: the economical cores of hybrid x86 processors, as a list of ranges.
    pub efficient: String,
    /// Whether the board is described by a device tree alone. Old kernels number the clusters of such a board's
    /// chip as packages; no such board has a second socket.
    pub device_tree_only: bool,
    /// The board's and its chip's names, zero bytes between them, the chip's last.
    pub compatible: String,
}

/// A logical processor as `/sys/devices/system/cpu/cpuN` describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogicalProcessor {
    pub number: u32,
    /// `topology/physical_package_id`; −1 on boards that do not number sockets.
    pub package: Option<i64>,
    pub core: Option<i64>,
    /// `topology/thread_siblings_list`: equal for the threads of one core. Core numbers repeat on
    /// processors made of several dies or kinds of core, these lists do not.
    pub siblings: Option<String>,
    /// `cpufreq/cpuinfo_max_freq`, `base_frequency` and `cpuinfo_min_freq` in kHz.
    pub max_kilohertz: Option<u64>,
    pub base_kilohertz: Option<u64>,
    pub min_kilohertz: Option<u64>,
}

impl LogicalProcessor {
    /// What tells its core from others of the same kind.
    fn core_key(&self) -> (i64, Option<&str>, Option<i64>) {
        match self.siblings.as_deref() {
            Some(siblings) => (0, Some(siblings), None),
            None => (self.package.unwrap_or(0), None, self.core.or(Some(-1 - i64::from(self.number)))),
        }
    }
}

/// One entry per socket, or per kind of core where one socket mixes them.
pub fn processors(info: &CpuInfo, topology: &Topology, table: Option<&Table<'_>>) -> Processors {
    let (online, source) = if topology.online.is_empty() {
        (info.topology(), Source::ProcCpuinfo)
    } else {
        (topology.online.clone(), Source::CpuTopology)
    };
    let one_chip = topology.device_tree_only && info.is_arm();
    let socket = |logical: &LogicalProcessor| if one_chip { 0 } else { logical.package.unwrap_or(0).max(0) };
    let mut groups: BTreeMap<(i64, Option<String>), Vec<&LogicalProcessor>> = BTreeMap::new();
    for logical in &online {
        let kind = (socket(logical), info.model(logical.number));
        groups.entry(kind).or_default().push(logical);
    }
    let packages: BTreeSet<i64> = groups.keys().map(|(socket, _)| *socket).collect();
    let efficient = Ranges::read(&topology.efficient);
    let count = |number: u64| (number > 0).then(|| Fact::new(Count::saturating(number), source));
    Processors {
        processors: groups.values().map(|group| processor(info, group, &efficient, source)).collect(),
        sockets: table.and_then(firmware::sockets),
        packages: count(packages.len() as u64),
        offline: count(topology.offline),
        chip: chip(&topology.compatible),
        caches: table.map(firmware::caches).unwrap_or_default(),
    }
}

fn processor(info: &CpuInfo, group: &[&LogicalProcessor], efficient: &Ranges, source: Source) -> Processor {
    let number = group.first().map_or(0, |first| first.number);
    let model = info.model(number);
    let rate = |kilohertz: Option<u64>| {
        let kilohertz = kilohertz.filter(|rate| *rate >= 1000)?;
        Some(Fact::new(Megahertz::saturating(kilohertz / 1000), Source::CpuTopology))
    };
    let stated = info.stated_rate(number).map(|rate| Fact::new(rate, Source::ProcCpuinfo));
    let economical = cores(group.iter().filter(|logical| efficient.contain(logical.number)));
    Processor {
        maker: info.maker(number).and_then(|maker| name_fact(&maker, Source::ProcCpuinfo)),
        model: model.and_then(|model| name_fact(&model, Source::ProcCpuinfo)),
        cores: Some(Fact::new(Count::saturating(cores(group.iter())), source)),
        threads: Some(Fact::new(Count::saturating(group.len() as u64), source)),
        max_clock: rate(group.iter().filter_map(|logical| logical.max_kilohertz).max()).or_else(|| stated.clone()),
        base_clock: rate(group.iter().filter_map(|logical| logical.base_kilohertz).max()).or(stated),
        min_clock: rate(group.iter().filter_map(|logical| logical.min_kilohertz).min()),
        efficient_cores: (economical > 0).then(|| Fact::new(Count::saturating(economical), Source::CpuTopology)),
    }
}

fn cores<'a>(group: impl Iterator<Item = &'a &'a LogicalProcessor>) -> u64 {
    let keys: BTreeSet<_> = group.map(|logical| logical.core_key()).collect();
    keys.len() as u64
}

/// The last name of a device tree's root is the chip's: `vendor,board`, then `rockchip,rk3588`.
fn chip(compatible: &str) -> Option<Fact<HardwareText>> {
    let name = compatible.split('\0').rfind(|name| !name.is_empty())?;
    Some(Fact::new(HardwareText::observed(name)?, Source::DeviceTree))
}

/// Numbers of processors as the kernel lists them: `0-3,8`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(u32, u32)>);

/// More than any kernel writes of processors that are on.
const MOST_RANGES: usize = 1024;

impl Ranges {
    pub fn read(list: &str) -> Self {
        let range = |part: &str| {
            let (first, last) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
            Some((first.parse().ok()?, last.parse().ok()?)).filter(|(first, last)| first <= last)
        };
        Self(list.split(',').filter_map(range).take(MOST_RANGES).collect())
    }

    pub fn contain(&self, number: u32) -> bool {
        self.0.iter().any(|(first, last)| (first..=last).contains(&&number))
    }

    pub fn count(&self) -> u64 {
        self.0.iter().map(|(first, last)| u64::from(last - first) + 1).sum()
    }
}

#[cfg(test)]
mod tests;
