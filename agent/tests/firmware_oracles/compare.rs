//! Fact by fact: what one side says and the other does not.

use std::collections::BTreeMap;
use std::fmt;

use inventory_schema::device::WITHHELD;
use inventory_schema::inventory::MemoryModule;
use inventory_schema::jedec::JedecCode;
use inventory_schema::placeholder;

use super::facts::{Read, text};
use super::oracle::{Oracle, Record, number, size};

#[derive(Debug, Default)]
pub struct Comparison {
    pub facts: usize,
    pub differences: Vec<Difference>,
}

/// Values stay unsaid: they are of a stranger's machine.
#[derive(Debug)]
pub struct Difference {
    what: String,
    reason: &'static str,
    pub is_grave: bool,
}

/// Free text that may name a person is never reported as it stands.
const REASON_WITHHELD: &str = "withheld, it may name a person";

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.reason)
    }
}

impl Comparison {
    pub fn add(&mut self, other: Self) {
        self.facts += other.facts;
        self.differences.extend(other.differences);
    }

    fn check(&mut self, what: &str, equal: bool, reason: &'static str) {
        self.facts += 1;
        if !equal {
            self.differences.push(Difference {
                what: what.to_owned(),
                reason,
                is_grave: reason != REASON_WITHHELD && !["type 7", "type 9", "type 11"].iter().any(|kind| what.starts_with(kind)),
            });
        }
    }

    fn strings(&mut self, what: &str, said: Option<String>, ours: Option<String>) {
        let equal = match (&said, &ours) {
            (Some(said), Some(ours)) => alike(said, ours),
            // What neither side states is no fact.
            (None, None) => return,
            // It prints a dot for each byte that is no letter; of such a value nothing may be left.
            (Some(said), None) => said.chars().all(|c| c == '.'),
            (None, Some(_)) => false,
        };
        let reason = match ours.as_deref() {
            None => "not read",
            Some(WITHHELD) => REASON_WITHHELD,
            Some(_) => "read otherwise",
        };
        self.check(what, equal, reason);
    }

    fn sizes(&mut self, what: &str, said: Option<String>, ours: Option<u64>) {
        let said = said.as_deref().and_then(size).filter(|(bytes, _)| *bytes > 0);
        let equal = match (said, ours) {
            (Some((bytes, unit)), Some(ours)) => ours / unit * unit == bytes,
            (None, None) => return,
            _ => false,
        };
        self.check(what, equal, "another size");
    }

    fn numbers(&mut self, what: &str, said: Option<u64>, ours: Option<u64>) {
        if said.is_some() || ours.is_some() {
            self.check(what, said == ours, "another number");
        }
    }
}

/// Dots stand for bytes that it does not print; of serial numbers we drop those.
fn alike(said: &str, ours: &str) -> bool {
    let printed = |text: &str| -> String { text.chars().filter(|c| c.is_ascii() && !matches!(c, '.' | ' ')).collect() };
    said == ours || (said.contains('.') && printed(said) == printed(ours))
}

pub fn compare(oracle: &Oracle, read: &Read) -> Comparison {
    let mut found = Comparison::default();
    let version = oracle.version.map(|(major, minor)| format!("{major}.{minor}"));
    found.strings("version", version, text(&read.system.smbios_version));
    for (kind, by) in [
        (0, firmware as fn(&mut Comparison, &Record, &Read)),
        (1, whole),
        (3, chassis),
        (22, battery),
        (43, tpm),
    ] {
        if let Some(record) = oracle.of_kind(kind).next() {
            by(&mut found, record, read);
        }
    }
    board(&mut found, oracle, read);
    expansion(&mut found, oracle, read);
    processors(&mut found, oracle, read);
    arrays(&mut found, oracle, read);
    modules(&mut found, oracle, read);
    found
}

fn firmware(found: &mut Comparison, record: &Record, read: &Read) {
    let ours = read.system.firmware.clone().unwrap_or_default();
    found.strings("type 0 vendor", record.said("Vendor"), text(&ours.maker));
    found.strings("type 0 version", record.said("Version"), text(&ours.version));
    found.strings("type 0 date", record.said("Release Date"), text(&ours.date));
}

fn whole(found: &mut Comparison, record: &Record, read: &Read) {
    let ours = &read.system;
    found.strings("type 1 maker", record.said("Manufacturer"), text(&ours.maker));
    found.strings("type 1 product", record.said("Product Name"), text(&ours.model));
    found.strings("type 1 version", record.said("Version"), text(&ours.version));
    found.strings("type 1 serial", record.said("Serial Number"), text(&ours.serial));
    let uuid = record.said("UUID").map(|uuid| match uuid.as_str() {
        "Not Present" => "ffffffff-ffff-ffff-ffff-ffffffffffff".to_owned(),
        "Not Settable" => "00000000-0000-0000-0000-000000000000".to_owned(),
        _ => uuid.to_lowercase(),
    });
    found.strings("type 1 uuid", uuid, text(&ours.uuid));
    found.strings("type 1 sku", record.said("SKU Number"), text(&ours.sku));
    found.strings("type 1 family", record.said("Family"), text(&ours.family));
}

fn board(found: &mut Comparison, oracle: &Oracle, read: &Read) {
    let hosts = |record: &&Record| record.lists("Board is a hosting board") || record.said("Type").as_deref() == Some("Motherboard");
    let Some(record) = oracle.of_kind(2).find(hosts).or_else(|| oracle.of_kind(2).next()) else {
        return;
    };
    let ours = read.system.baseboard.clone().unwrap_or_default();
    found.strings("type 2 maker", record.said("Manufacturer"), text(&ours.maker));
    found.strings("type 2 product", record.said("Product Name"), text(&ours.model));
    found.strings("type 2 version", record.said("Version"), text(&ours.version));
    found.strings("type 2 serial", record.said("Serial Number"), text(&ours.serial));
    found.strings("type 2 tag", record.said("Asset Tag"), text(&ours.asset_tag));
}

fn chassis(found: &mut Comparison, record: &Record, read: &Read) {
    let ours = read.system.chassis.clone().unwrap_or_default();
    let kind = ours
        .kind
        .map(|fact| serde_json::to_value(fact.value).unwrap().as_str().unwrap().to_owned());
    found.strings("type 3 kind", record.said("Type").map(|name| chassis_word(&name)), kind);
    let lock = record.said("Lock").map(|lock| (lock == "Present").to_string());
    found.strings("type 3 lock", lock, text(&ours.has_lock));
    found.strings("type 3 maker", record.said("Manufacturer"), text(&ours.maker));
    found.strings("type 3 version", record.said("Version"), text(&ours.version));
    found.strings("type 3 serial", record.said("Serial Number"), text(&ours.serial));
    found.strings("type 3 tag", record.said("Asset Tag"), text(&ours.asset_tag));
    found.strings("type 3 sku", record.said("SKU Number"), text(&ours.sku));
}

/// The kinds that our document tells apart, by the other program's names.
fn chassis_word(name: &str) -> String {
    let word = match name {
        "Other" | "Unknown" | "<OUT OF SPEC>" => "unknown",
        "Main Server Chassis" | "Rack Mount Chassis" | "Multi-system" | "Blade" | "Blade Enclosing" | "Blade Enclosure" => "server",
        "Pizza Box"
        | "Docking Station"
        | "Lunch Box"
        | "Expansion Chassis"
        | "Sub Chassis"
        | "Bus Expansion Chassis"
        | "Peripheral Chassis"
        | "RAID Chassis"
        | "Sealed-case PC"
        | "CompactPCI"
        | "AdvancedTCA"
        | "IoT Gateway" => "other",
        named => return named.to_lowercase().replace([' ', '-'], "_"),
    };
    word.to_owned()
}

fn battery(found: &mut Comparison, record: &Record, read: &Read) {
    let Some(ours) = read.battery.first() else {
        // A structure of fillers is no battery.
        let filled = ["Manufacturer", "Name"].map(|key| record.said(key)).into_iter().flatten();
        let is_filled = filled.into_iter().any(|text| placeholder::trust_of_name(&text).is_plausible());
        return found.check("type 22", !is_filled, "not read");
    };
    found.strings("type 22 maker", record.said("Manufacturer"), text(&ours.maker));
    found.strings("type 22 name", record.said("Name"), text(&ours.model));
    let serial = record
        .said("Serial Number")
        .or_else(|| record.said("SBDS Serial Number").filter(|number| number != "0000"));
    found.strings("type 22 serial", serial, text(&ours.serial));
    if let Some(chemistry) = record.said("SBDS Chemistry") {
        found.strings("type 22 chemistry", Some(chemistry.replace(' ', "")), text(&ours.technology));
    }
    let capacity = record
        .said("Design Capacity")
        .as_deref()
        .and_then(number)
        .filter(|energy| *energy > 0);
    found.numbers(
        "type 22 capacity",
        capacity,
        ours.design_capacity.as_ref().map(|fact| fact.value.get()),
    );
}

fn tpm(found: &mut Comparison, record: &Record, read: &Read) {
    let ours = read.system.tpm.clone().unwrap_or_default();
    found.strings("type 43 vendor", record.said("Vendor ID"), text(&ours.maker));
    found.strings("type 43 version", record.said("Specification Version"), text(&ours.specification));
    found.strings("type 43 firmware", record.said("Firmware Revision"), text(&ours.firmware));
    found.strings("type 43 description", record.said("Description"), text(&ours.description));
}

fn expansion(found: &mut Comparison, oracle: &Oracle, read: &Read) {
    let count = |free: bool| {
        let slots = oracle
            .of_kind(9)
            .filter(|slot| !free || slot.said("Current Usage").as_deref() == Some("Available"));
        slots.count() as u64
    };
    let some = oracle.of_kind(9).next().is_some();
    let ours =
        |fact: &Option<inventory_schema::device::Fact<inventory_schema::quantity::Count>>| fact.as_ref().map(|fact| fact.value.get());
    found.numbers("type 9 slots", some.then(|| count(false)), ours(&read.system.expansion_slots));
    found.numbers("type 9 free", some.then(|| count(true)), ours(&read.system.free_expansion_slots));
    let strings: Vec<String> = oracle.of_kind(11).flat_map(|record| record.all("String ")).collect();
    let told = strings
        .iter()
        .filter(|text| !text.is_empty() && placeholder::trust_of_serial(text).is_plausible());
    for (said, ours) in told.zip(&read.system.oem_strings) {
        found.strings("type 11", Some(said.clone()), Some(ours.value.to_string()));
    }
}

fn processors(found: &mut Comparison, oracle: &Oracle, read: &Read) {
    let sockets = oracle
        .of_kind(4)
        .filter(|socket| socket.said("Type").as_deref() == Some("Central Processor"))
        .count() as u64;
    found.numbers(
        "type 4 sockets",
        (sockets > 0).then_some(sockets),
        read.sockets.as_ref().map(|fact| fact.value.get()),
    );
    let mut levels: BTreeMap<u64, u64> = BTreeMap::new();
    for cache in oracle.of_kind(7) {
        let level = cache
            .said("Configuration")
            .and_then(|text| text.rsplit_once("Level ")?.1.parse().ok());
        let bytes = cache.said("Installed Size").as_deref().and_then(size).map(|(bytes, _)| bytes);
        if let Some((level, bytes)) = level.zip(bytes.filter(|bytes| *bytes > 0)) {
            *levels.entry(level).or_default() += bytes;
        }
    }
    let ours: BTreeMap<u64, u64> = read
        .caches
        .iter()
        .map(|cache| (cache.level.get(), cache.size.value.get()))
        .collect();
    for level in 1..=8 {
        if levels.contains_key(&level) || ours.contains_key(&level) {
            found.numbers("type 7 size", levels.get(&level).copied(), ours.get(&level).copied());
        }
    }
}

fn main_arrays(oracle: &Oracle) -> Vec<&Record> {
    let is_main = |array: &&Record| array.said("Use").as_deref() == Some("System Memory");
    oracle.of_kind(16).filter(is_main).collect()
}

fn arrays(found: &mut Comparison, oracle: &Oracle, read: &Read) {
    let arrays = main_arrays(oracle);
    let Some(first) = arrays.first() else { return };
    if let [only] = arrays.as_slice() {
        let capacity = read.memory.max_capacity.as_ref().map(|fact| fact.value.get());
        found.sizes("type 16 capacity", only.said("Maximum Capacity"), capacity);
    }
    let correction = first.said("Error Correction Type").and_then(|text| match text.as_str() {
        "None" => Some("none"),
        "Parity" => Some("parity"),
        "Single-bit ECC" => Some("single_bit"),
        "Multi-bit ECC" => Some("multi_bit"),
        "CRC" => Some("crc"),
        "Other" => Some("other"),
        _ => None,
    });
    let ours = read
        .memory
        .error_correction
        .as_ref()
        .map(|fact| serde_json::to_value(fact.value).unwrap());
    let ours = ours.as_ref().and_then(|value| value.as_str()).map(str::to_owned);
    found.strings("type 16 correction", correction.map(str::to_owned), ours);
    let handles: Vec<&str> = arrays.iter().map(|array| array.handle.as_str()).collect();
    let ranges: Vec<&Record> = oracle
        .of_kind(19)
        .filter(|range| {
            range
                .said("Physical Array Handle")
                .is_none_or(|array| handles.contains(&array.as_str()))
        })
        .collect();
    if let [only] = ranges.as_slice() {
        found.sizes(
            "type 19 range",
            only.said("Range Size"),
            read.memory.mapped.as_ref().map(|fact| fact.value.get()),
        );
    }
}

fn modules(found: &mut Comparison, oracle: &Oracle, read: &Read) {
    let other: Vec<&str> = oracle
        .of_kind(16)
        .filter(|array| array.said("Use").as_deref() != Some("System Memory"))
        .map(|array| array.handle.as_str())
        .collect();
    let is_memory = |device: &&Record| {
        let array = device.said("Array Handle").unwrap_or_default();
        let technology = device.said("Type").unwrap_or_default();
        let is_storage = matches!(
            technology.as_str(),
            "Flash" | "ROM" | "EEPROM" | "FEPROM" | "EPROM" | "VRAM" | "Logical non-volatile device"
        );
        !other.contains(&array.as_str()) && !is_storage
    };
    let devices: Vec<&Record> = oracle.of_kind(17).filter(is_memory).collect();
    let slots = read.memory.slots.as_ref().map(|fact| fact.value.get());
    if !devices.is_empty() {
        found.numbers("type 17 slots", Some(devices.len() as u64), slots);
    }
    let is_empty = |device: &&Record| device.said("Size").as_deref() == Some("No Module Installed");
    let (empty, filled): (Vec<&Record>, Vec<&Record>) = devices.into_iter().partition(is_empty);
    found.numbers("type 17 modules", Some(filled.len() as u64), Some(read.memory.modules.len() as u64));
    for (record, module) in filled.iter().zip(&read.memory.modules) {
        of_module(found, record, module);
    }
    let named: Vec<String> = empty
        .iter()
        .filter_map(|record| record.said("Locator").or_else(|| record.said("Bank Locator")))
        .collect();
    let ours: Vec<String> = read.memory.empty_slots.iter().map(ToString::to_string).collect();
    found.check("type 17 empty slots", named == ours, "other names");
}

fn of_module(found: &mut Comparison, record: &Record, module: &MemoryModule) {
    let word = |key: &str| {
        let word = record
            .said(key)
            .filter(|word| !matches!(word.as_str(), "Unknown" | "Other" | "Reserved" | "<OUT OF SPEC>"));
        word.map(|word| word.replace(' ', "-"))
    };
    let rate = |key: &str| record.said(key).as_deref().and_then(number);
    found.sizes(
        "type 17 size",
        record.said("Size"),
        module.size.as_ref().map(|fact| fact.value.get()),
    );
    let slot = record.said("Locator").or_else(|| record.said("Bank Locator"));
    found.strings("type 17 slot", slot, module.slot.as_ref().map(ToString::to_string));
    let bank = record.said("Locator").and_then(|_| record.said("Bank Locator"));
    found.strings("type 17 bank", bank, module.bank.as_ref().map(ToString::to_string));
    found.strings("type 17 form", word("Form Factor"), text(&module.form));
    found.strings("type 17 technology", word("Type"), text(&module.technology));
    found.numbers("type 17 speed", rate("Speed"), module.speed.as_ref().map(|fact| fact.value.get()));
    let configured = rate("Configured Memory Speed");
    found.numbers(
        "type 17 configured",
        configured,
        module.configured_speed.as_ref().map(|fact| fact.value.get()),
    );
    found.numbers("type 17 rank", rate("Rank"), module.ranks.as_ref().map(|fact| fact.value.get()));
    found.strings("type 17 maker", record.said("Manufacturer"), text(&module.maker));
    found.strings("type 17 serial", record.said("Serial Number"), text(&module.serial));
    found.strings("type 17 part", record.said("Part Number"), text(&module.part_number));
    if record.has("Module Manufacturer ID") {
        let said = record.said("Module Manufacturer ID").and_then(|text| bank_and_number(&text));
        if let Some(code) = said {
            found.strings("type 17 maker code", Some(code.to_string()), text(&module.maker_code));
        }
    }
}

/// `Bank 6, Hex 0x9B`.
fn bank_and_number(text: &str) -> Option<JedecCode> {
    let (bank, number) = text.strip_prefix("Bank ")?.split_once(", Hex 0x")?;
    JedecCode::of(bank.parse::<u8>().ok()?.checked_sub(1)?, u8::from_str_radix(number, 16).ok()?)
}
