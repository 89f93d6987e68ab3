//! `/proc/cpuinfo`: one block per logical processor, and what is said once for all of them.
//!
//! Pure. Each architecture spells its keys in its own way; what they mean is gathered here.

use std::collections::BTreeMap;

use inventory_schema::quantity::Megahertz;

use super::{LogicalProcessor, architecture, arm};

/// As many as the largest kernel is built for; what a file lists beyond is passed over.
const MOST_PROCESSORS: usize = 8192;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CpuInfo {
    processors: BTreeMap<u32, Block>,
    common: Block,
}

/// Keys in lower case, as the architectures spell them differently.
type Block = BTreeMap<String, String>;

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
        let number = block.get("processor").and_then(|number| number.parse::<u32>().ok());
        match number {
            Some(number) if self.processors.len() < MOST_PROCESSORS => {
                self.processors.entry(number).or_insert(block);
            }
            Some(_) => (),
            None => self.common.extend(block),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.processors.is_empty()
    }

    /// Whether a hypervisor announces itself (x86).
    pub fn is_virtual(&self) -> bool {
        self.processors
            .first_key_value()
            .and_then(|(_, block)| block.get("flags"))
            .is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"))
    }

    pub(super) fn is_arm(&self) -> bool {
        let first = self.processors.keys().next().copied().unwrap_or(0);
        self.text(first, &["cpu implementer"]).is_some()
    }

    /// What is said of a processor, else of the first one, else of all.
    fn text(&self, number: u32, keys: &[&str]) -> Option<&str> {
        let own = self.processors.get(&number);
        let block = own.or_else(|| self.processors.values().next());
        block.and_then(|block| filled(block, keys)).or_else(|| filled(&self.common, keys))
    }

    pub(super) fn maker(&self, number: u32) -> Option<String> {
        let stated = self.text(number, &["vendor_id", "vendor id", "vendor"]);
        if let Some(model) = self
            .text(number, &["model name"])
            .filter(|model| architecture::elbrus(model).is_some())
        {
            // The field holds the model again.
            return stated
                .filter(|maker| !maker.starts_with(model))
                .map(str::to_owned)
                .or_else(|| Some("MCST".to_owned()));
        }
        let arm = || arm::implementer(self.text(number, &["cpu implementer"])?);
        let risc_v = || architecture::risc_v_maker(self.text(number, &["mvendorid"])?);
        let loongson = || {
            self.text(number, &["cpu family"])
                .filter(|family| family.starts_with("Loongson"))
                .map(|_| "Loongson")
        };
        stated.or_else(arm).or_else(risc_v).or_else(loongson).map(str::to_owned)
    }

    pub(super) fn model(&self, number: u32) -> Option<String> {
        let arm_part = || arm::core(self.text(number, &["cpu implementer"])?, self.text(number, &["cpu part"])?);
        let stated = self.text(number, &["model name", "cpu model", "cpu", "uarch"]);
        // On ARM the model name is only that of the architecture («ARMv7 Processor rev 4»).
        let of_architecture = stated.is_some_and(|name| name.starts_with("ARMv") || name.starts_with("AArch64"));
        let known = if of_architecture || stated.is_none() { arm_part() } else { None };
        let name = known.or(stated)?;
        Some(architecture::elbrus(name).map_or_else(|| name.to_owned(), |elbrus| format!("{elbrus} ({name})")))
    }

    /// The rate that the name states, or the one at which processors without changing rates always run.
    pub(super) fn stated_rate(&self, number: u32) -> Option<Megahertz> {
        let named = self.text(number, &["model name", "cpu model"]).and_then(rate_in_name);
        let steady = || {
            let is_steady = self
                .text(number, &["model name"])
                .is_some_and(|model| architecture::elbrus(model).is_some())
                || self
                    .text(number, &["cpu family"])
                    .is_some_and(|family| family.starts_with("Loongson"));
            let (whole, _) = self.text(number, &["cpu mhz"]).filter(|_| is_steady)?.split_once('.')?;
            Some(Megahertz::saturating(whole.parse().ok()?))
        };
        named.or_else(steady)
    }

    /// What cpuinfo alone says of the topology, for trees without `/sys`.
    pub(super) fn topology(&self) -> Vec<LogicalProcessor> {
        let number = |block: &Block, keys: &[&str]| filled(block, keys).and_then(|text| text.parse::<i64>().ok());
        let logical = |(processor, block): (&u32, &Block)| LogicalProcessor {
            number: *processor,
            package: number(block, &["physical id", "package"]),
            core: number(block, &["core id", "core"]),
            ..LogicalProcessor::default()
        };
        self.processors.iter().map(logical).collect()
    }
}

fn filled<'a>(block: &'a Block, keys: &[&str]) -> Option<&'a str> {
    let stated = keys.iter().filter_map(|key| block.get(*key)).map(String::as_str);
    stated
        .into_iter()
        .find(|text| !text.is_empty() && *text != "-" && !text.eq_ignore_ascii_case("unknown"))
}

/// `Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz` states 1600 MHz.
pub(super) fn rate_in_name(name: &str) -> Option<Megahertz> {
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
