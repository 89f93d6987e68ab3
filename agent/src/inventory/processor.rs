//! Processors, from `/proc/cpuinfo` and the kernel's topology.
//!
//! Pure: text and topology in, facts out. SMBIOS is asked last and only for a name: it is known to give
//! wrong core counts and clock rates.

mod arm;
pub mod firmware;

use std::collections::{BTreeMap, BTreeSet};

use inventory_schema::device::{Fact, Source};
use inventory_schema::inventory::{Processor, Processors};
use inventory_schema::quantity::{Count, Megahertz};
use inventory_schema::text::HardwareText;

use super::smbios::Table;
use super::system::name_fact;

/// `/proc/cpuinfo`: one block per logical processor, and what is said once for all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CpuInfo {
    pub processors: Vec<Block>,
    common: Block,
}

/// Keys in lower case, as the architectures spell them differently.
type Block = BTreeMap<String, String>;

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
    /// `cpufreq/cpuinfo_max_freq` in kHz.
    pub max_kilohertz: Option<u64>,
}

impl CpuInfo {
    pub fn read(text: &str) -> Self {
        let mut info = Self::default();
        for paragraph in text.split("\n\n") {
            let mut current = Block::new();
            for line in paragraph.lines() {
                let Some((key, value)) = line.split_once(':') else { continue };
                let (key, value) = (key.trim(), value.trim());
                // ARM kernels of old name the model «Processor», with a capital letter.
                if key == "processor" && value.parse::<u32>().is_ok() && !current.is_empty() {
                    info.keep(std::mem::take(&mut current));
                }
                let key = if key == "Processor" {
                    "model name".to_owned()
                } else {
                    key.to_lowercase()
                };
                current.entry(key).or_insert_with(|| value.to_owned());
            }
            info.keep(current);
        }
        info
    }

    fn keep(&mut self, block: Block) {
        if block.get("processor").is_some_and(|number| number.parse::<u32>().is_ok()) {
            self.processors.push(block);
        } else {
            self.common.extend(block);
        }
    }

    /// The block of a logical processor; the first one where its own is missing.
    fn of(&self, number: u32) -> Option<&Block> {
        let wanted = number.to_string();
        let own = self.processors.iter().find(|block| block.get("processor") == Some(&wanted));
        own.or_else(|| self.processors.first())
    }

    /// Whether a hypervisor announces itself (x86).
    pub fn is_virtual(&self) -> bool {
        self.processors
            .first()
            .and_then(|block| block.get("flags"))
            .is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"))
    }

    fn text<'a>(&'a self, block: Option<&'a Block>, keys: &[&str]) -> Option<&'a str> {
        let filled = |block: &'a Block| keys.iter().find_map(|key| block.get(*key)).map(String::as_str);
        block
            .and_then(filled)
            .or_else(|| filled(&self.common))
            .filter(|text| !text.is_empty() && *text != "-" && *text != "unknown")
    }

    fn maker(&self, block: Option<&Block>) -> Option<String> {
        self.text(block, &["vendor_id", "vendor id", "vendor"])
            .map(str::to_owned)
            .or_else(|| arm::implementer(self.text(block, &["cpu implementer"])?).map(str::to_owned))
    }

    fn model(&self, block: Option<&Block>) -> Option<String> {
        let arm_part = || arm::core(self.text(block, &["cpu implementer"])?, self.text(block, &["cpu part"])?);
        let stated = self.text(block, &["model name", "cpu model", "cpu", "uarch"]).map(str::to_owned);
        // On ARM the model name is only that of the architecture («ARMv7 Processor rev 4»).
        match stated {
            Some(name) if name.starts_with("ARMv") || name.starts_with("AArch64") => Some(arm_part().map_or(name, str::to_owned)),
            Some(name) => Some(name),
            None => arm_part().map(str::to_owned),
        }
    }
}

/// One entry per socket, or per kind of core where one socket mixes them.
pub fn processors(info: &CpuInfo, topology: &[LogicalProcessor], table: Option<&Table<'_>>) -> Processors {
    let online: Vec<LogicalProcessor> = if topology.is_empty() {
        from_cpuinfo(info)
    } else {
        topology.to_vec()
    };
    let mut groups: BTreeMap<(i64, Option<String>), Vec<&LogicalProcessor>> = BTreeMap::new();
    for logical in &online {
        let package = logical.package.unwrap_or(0).max(0);
        groups
            .entry((package, info.model(info.of(logical.number))))
            .or_default()
            .push(logical);
    }
    let source = if topology.is_empty() {
        Source::ProcCpuinfo
    } else {
        Source::CpuTopology
    };
    let mut processors: Vec<Processor> = groups.values().map(|group| processor(info, group, source)).collect();
    for processor in &mut processors {
        name_from_smbios(processor, table);
    }
    Processors {
        processors,
        sockets: table.and_then(firmware::sockets),
        caches: table.map(firmware::caches).unwrap_or_default(),
    }
}

fn processor(info: &CpuInfo, group: &[&LogicalProcessor], source: Source) -> Processor {
    let block = group.first().and_then(|first| info.of(first.number));
    let model = info.model(block);
    let stated_rate = model
        .as_deref()
        .and_then(rate_in_name)
        .map(|rate| Fact::new(rate, Source::ProcCpuinfo));
    let highest = group.iter().filter_map(|logical| logical.max_kilohertz).max();
    let kernels_rate = highest
        .filter(|rate| *rate > 0)
        .map(|rate| Fact::new(Megahertz::saturating(rate / 1000), Source::CpuTopology));
    Processor {
        maker: info.maker(block).and_then(|maker| name_fact(&maker, Source::ProcCpuinfo)),
        model: model.and_then(|model| name_fact(&model, Source::ProcCpuinfo)),
        cores: Some(Fact::new(Count::saturating(cores(group)), source)),
        threads: Some(Fact::new(Count::saturating(group.len() as u64), source)),
        max_clock: kernels_rate.or(stated_rate),
    }
}

fn cores(group: &[&LogicalProcessor]) -> u64 {
    let by_siblings: BTreeSet<&String> = group.iter().filter_map(|logical| logical.siblings.as_ref()).collect();
    if !by_siblings.is_empty() {
        return by_siblings.len() as u64;
    }
    let by_number: BTreeSet<i64> = group.iter().filter_map(|logical| logical.core).collect();
    if by_number.is_empty() {
        group.len() as u64
    } else {
        by_number.len() as u64
    }
}

/// What cpuinfo alone says of the topology, for trees without `/sys`.
fn from_cpuinfo(info: &CpuInfo) -> Vec<LogicalProcessor> {
    let number = |block: &Block, key: &str| block.get(key).and_then(|text| text.parse::<i64>().ok());
    let of_block = |(index, block): (usize, &Block)| LogicalProcessor {
        number: block.get("processor").and_then(|text| text.parse().ok()).unwrap_or(index as u32),
        package: number(block, "physical id"),
        core: number(block, "core id"),
        siblings: None,
        max_kilohertz: None,
    };
    info.processors.iter().enumerate().map(of_block).collect()
}

/// Type 4 names the processor of boards whose kernel does not (ARM notebooks with UEFI).
fn name_from_smbios(processor: &mut Processor, table: Option<&Table<'_>>) {
    let Some(structure) = table.and_then(|table| table.of_kind(4).next()) else {
        return;
    };
    let fact = |offset: usize| -> Option<Fact<HardwareText>> {
        name_fact(&structure.string(offset)?, Source::Smbios).filter(|fact| fact.trust.is_plausible())
    };
    if processor.model.is_none() {
        processor.model = fact(0x10);
    }
    if processor.maker.is_none() {
        processor.maker = fact(7);
    }
}

/// `Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz` states 1600 MHz.
fn rate_in_name(name: &str) -> Option<Megahertz> {
    let (_, rate) = name.rsplit_once('@')?;
    let rate = rate.trim();
    let (number, factor) = match (rate.strip_suffix("GHz"), rate.strip_suffix("MHz")) {
        (Some(number), _) => (number, 1000),
        (None, Some(number)) => (number, 1),
        (None, None) => return None,
    };
    let (whole, fraction) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    let rate = whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(thousandths.parse().ok()?)?;
    Some(Megahertz::saturating(rate.checked_mul(factor)? / 1000)).filter(|rate| rate.get() > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const X86: &str = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz\nphysical id\t: 0\ncore id\t\t: 0\nflags\t\t: fpu hypervisor sse\n\nprocessor\t: 1\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz\nphysical id\t: 0\ncore id\t\t: 0\n\n";

    fn logical(number: u32, package: i64, siblings: &str) -> LogicalProcessor {
        LogicalProcessor {
            number,
            package: Some(package),
            core: Some(0),
            siblings: Some(siblings.to_owned()),
            max_kilohertz: None,
        }
    }

    fn figures(processor: &Processor) -> (u64, u64) {
        (
            processor.cores.as_ref().unwrap().value.get(),
            processor.threads.as_ref().unwrap().value.get(),
        )
    }

    #[test]
    fn cpuinfo_alone_is_enough() {
        let info = CpuInfo::read(X86);
        let processors = processors(&info, &[], None).processors;
        assert_eq!(processors.len(), 1);
        assert_eq!(
            processors[0].model.as_ref().unwrap().value.as_str(),
            "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz"
        );
        assert_eq!(processors[0].max_clock.as_ref().unwrap().value.get(), 1600);
        assert_eq!(figures(&processors[0]), (1, 2));
        assert!(info.is_virtual());
    }

    #[test]
    fn threads_of_one_core_are_siblings_and_the_kernels_rate_is_preferred() {
        let mut topology = vec![
            logical(0, 0, "0,2"),
            logical(1, 0, "1,3"),
            logical(2, 0, "0,2"),
            logical(3, 0, "1,3"),
            logical(4, 1, "4"),
        ];
        topology[1].max_kilohertz = Some(3_400_000);
        let processors = processors(&CpuInfo::read(X86), &topology, None).processors;
        assert_eq!(processors.iter().map(figures).collect::<Vec<_>>(), [(2, 4), (1, 1)]);
        assert_eq!(processors[0].max_clock.as_ref().unwrap().value.get(), 3400);
    }

    #[test]
    fn kinds_of_arm_cores_are_told_apart() {
        let text = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd03\n\nprocessor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\nHardware\t: BCM2711\n";
        let topology = [logical(0, -1, "0"), logical(1, -1, "1")];
        let processors = processors(&CpuInfo::read(text), &topology, None).processors;
        let models: Vec<&str> = processors.iter().map(|p| p.model.as_ref().unwrap().value.as_str()).collect();
        assert_eq!(models, ["Cortex-A53", "Cortex-A72"]);
        assert_eq!(processors[0].maker.as_ref().unwrap().value.as_str(), "ARM");
    }

    #[test]
    fn old_arm_kernels_and_nameless_processors_are_tolerated() {
        let old = CpuInfo::read(
            "Processor\t: ARMv7 Processor rev 4 (v7l)\nprocessor\t: 0\nBogoMIPS\t: 1694\n\nprocessor\t: 1\n\nCPU implementer\t: 0x41\nCPU part\t: 0xc0f\n",
        );
        let found = processors(&old, &[], None).processors;
        assert_eq!(found[0].model.as_ref().unwrap().value.as_str(), "Cortex-A15");
        assert_eq!(figures(&found[0]), (2, 2));
        let nameless = processors(&CpuInfo::read("processor : 0\nmodel name : -\n"), &[], None).processors;
        assert_eq!(nameless[0].model, None);
        assert!(processors(&CpuInfo::read(""), &[], None).processors.is_empty());
    }

    #[test]
    fn the_rate_in_a_name_is_read_exactly() {
        let rate = |name: &str| rate_in_name(name).map(Megahertz::get);
        assert_eq!(rate("CPU @ 2.40GHz"), Some(2400));
        assert_eq!(rate("CPU @ 3GHz"), Some(3000));
        assert_eq!(rate("CPU @ 800MHz"), Some(800));
        assert_eq!(rate("AMD Ryzen 5 3500U"), None);
        assert_eq!(rate("CPU @ fast GHz"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail(text in any::<String>(), key in "(processor|Processor|cpu part|model name)", value in "[0-9@.x GMHz]{0,12}") {
            for text in [text.clone(), format!("{key}: {value}\n{text}"), format!("processor: 0\n{key}\t: a@{value}GHz")] {
                let _ = processors(&CpuInfo::read(&text), &[], None);
            }
        }
    }
}
