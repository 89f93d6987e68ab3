//! Memory: what the system can use, and the modules, sockets and arrays that SMBIOS types 16, 17 and 19 describe.
//!
//! Pure: table and text in, facts out. Whose code stands in the maker's place is known by the controller.

mod array;
mod module;

use std::collections::{HashMap, HashSet};

use inventory_schema::device::{Fact, SerialNumber, Source, Trust};
use inventory_schema::inventory::{Memory, MemoryModule};
use inventory_schema::quantity::{Bytes, Count};

use super::smbios::{Structure, Table};
use module::{module, slot_name};

const MEBIBYTE: u64 = 1024 * 1024;

/// `MemTotal` of `/proc/meminfo` in bytes.
pub fn mem_total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// No classroom computer and few servers have more sockets; a table that lists more is broken or hostile.
const MOST_SLOTS: usize = 512;

/// Both totals side by side: integrated graphics takes its share of the modules before the system sees them.
/// Modules that hold less than the system uses contradict it and are marked so.
pub fn memory(usable: Option<Fact<Bytes>>, table: Option<&Table<'_>>) -> Memory {
    let devices: Vec<Structure<'_>> = table.map(|table| main_memory_devices(table)).unwrap_or_default();
    let mut modules = Vec::new();
    let mut empty_slots = Vec::new();
    for device in &devices {
        match module(device) {
            Some(module) => modules.push(module),
            None => empty_slots.extend(slot_name(device)),
        }
    }
    doubt_repeated_serials(&mut modules);
    let installed = installed(&modules, usable.as_ref());
    let slots = slots(table, devices.len()).map(|slots| Fact::new(Count::saturating(slots), Source::Smbios));
    Memory {
        usable,
        installed,
        slots,
        modules,
        empty_slots,
        max_capacity: table.and_then(array::max_capacity),
        error_correction: table.and_then(array::error_correction),
        mapped: table.and_then(array::mapped),
    }
}

/// Boards that write one number for all their modules name none of them by it.
fn doubt_repeated_serials(modules: &mut [MemoryModule]) {
    let mut times: HashMap<SerialNumber, usize> = HashMap::new();
    for fact in modules.iter().filter_map(|module| module.serial.as_ref()) {
        *times.entry(fact.value.clone()).or_default() += 1;
    }
    for fact in modules.iter_mut().filter_map(|module| module.serial.as_mut()) {
        if times[&fact.value] > 1 && fact.trust.is_plausible() {
            fact.trust = Trust::Implausible;
        }
    }
}

fn installed(modules: &[MemoryModule], usable: Option<&Fact<Bytes>>) -> Option<Fact<Bytes>> {
    let sum = modules
        .iter()
        .filter_map(|module| module.size.as_ref())
        .map(|size| size.value.get())
        .fold(0, u64::saturating_add);
    let too_little = usable.is_some_and(|usable| usable.value.get() > sum);
    let trust = if too_little { Trust::Implausible } else { Trust::Plausible };
    (sum > 0).then(|| Fact::with_trust(Bytes::saturating(sum), Source::Smbios, trust))
}

/// Sockets by their own structures; boards without those still count them in type 16.
fn slots(table: Option<&Table<'_>>, devices: usize) -> Option<u64> {
    if devices > 0 {
        return Some(devices as u64);
    }
    let counted: u64 = array::of_main_memory(table?)
        .filter_map(|array| array.word(0x0d))
        .map(u64::from)
        .sum();
    (counted > 0).then_some(counted)
}

/// The structures of type 17 that are sockets for modules: firmware also lists its flash, its cache and
/// memory of graphics cards.
fn main_memory_devices<'a>(table: &Table<'a>) -> Vec<Structure<'a>> {
    let other_arrays: HashSet<u16> = table
        .of_kind(16)
        .filter(|array| !array::is_main_memory(array))
        .map(|array| array.handle)
        .collect();
    table
        .of_kind(17)
        .filter(|device| !device.word(4).is_some_and(|array| other_arrays.contains(&array)))
        .filter(|device| !matches!(device.byte(0x12), Some(0x05 | 0x08..=0x0c | 0x1f)))
        .take(MOST_SLOTS)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::smbios::Version;
    use super::super::smbios::tests::structure;
    use super::*;

    /// A type 17 of version 2.8: size word, technology, speed word, extended size in MiB.
    fn device(size: u16, technology: u8, speed: u16, extended: u32) -> Vec<u8> {
        let mut numbers = vec![0; 0x28 - 4];
        let mut put = |offset: usize, bytes: &[u8]| numbers[offset - 4..offset - 4 + bytes.len()].copy_from_slice(bytes);
        put(0x0c, &size.to_le_bytes());
        put(0x10, &[1]);
        put(0x12, &[technology]);
        put(0x15, &speed.to_le_bytes());
        put(0x17, &[2, 3, 0, 4]);
        put(0x0e, &[0x0d]);
        put(0x1b, &[2]);
        put(0x1c, &extended.to_le_bytes());
        put(0x20, &speed.min(2400).to_le_bytes());
        structure(17, &numbers, &["ChannelA-DIMM0", "Samsung", "00000000", "M471A1K43DB1"])
    }

    fn read(bytes: &[u8], usable: Option<u64>) -> Memory {
        let usable = usable.map(|bytes| Fact::new(Bytes::saturating(bytes), Source::ProcMeminfo));
        memory(usable, Some(&Table::read(bytes, Version::ASSUMED)))
    }

    #[test]
    fn sizes_of_all_forms_are_read() {
        let gibibyte = 1024 * MEBIBYTE;
        let bytes = [
            device(8192, 0x1a, 2667, 0),
            device(0x7fff, 0x22, 4800, 32 * 1024),
            device(0, 2, 0, 0),
            device(0x8000 | 512, 2, 0, 0),
        ]
        .concat();
        let memory = read(&bytes, Some(39 * gibibyte));
        let sizes: Vec<u64> = memory.modules.iter().map(|m| m.size.as_ref().unwrap().value.get()).collect();
        assert_eq!(sizes, [8 * gibibyte, 32 * gibibyte, 512 * 1024]);
        assert_eq!(memory.slots.unwrap().value.get(), 4);
        let installed = memory.installed.unwrap();
        assert_eq!(
            (installed.value.get(), installed.trust),
            (40 * gibibyte + 512 * 1024, Trust::Plausible)
        );
        let first = &memory.modules[0];
        assert_eq!(first.technology.as_ref().unwrap().value.as_str(), "DDR4");
        assert_eq!(first.speed.as_ref().unwrap().value.get(), 2667);
        assert_eq!(first.slot.as_ref().unwrap().as_str(), "ChannelA-DIMM0");
        assert_eq!(first.serial.as_ref().unwrap().trust, Trust::Placeholder);
        assert_eq!(memory.modules[2].technology, None);
        assert_eq!(first.form.as_ref().unwrap().value.as_str(), "SODIMM");
        assert_eq!(first.configured_speed.as_ref().unwrap().value.get(), 2400);
        assert_eq!(first.ranks.as_ref().unwrap().value.get(), 2);
        let empty: Vec<&str> = memory.empty_slots.iter().map(|name| name.as_str()).collect();
        assert_eq!(empty, ["ChannelA-DIMM0"]);
    }

    #[test]
    fn a_makers_code_is_read_from_its_number_or_from_its_name() {
        let coded = |name: &str, code: [u8; 2]| {
            let mut numbers = vec![0; 0x2e - 4];
            numbers[0x0c - 4..0x0e - 4].copy_from_slice(&[0, 4]);
            numbers[0x17 - 4] = 1;
            numbers[0x2c - 4..0x2e - 4].copy_from_slice(&code);
            let module = read(&structure(17, &numbers, &[name]), None).modules.remove(0);
            (module.maker.unwrap().trust, module.maker_code.map(|fact| fact.value.to_string()))
        };
        assert_eq!(coded("Crucial Technology", [0x85, 0x9b]), (Trust::Plausible, Some("859B".into())));
        assert_eq!(coded("AD00", [0, 0]), (Trust::Plausible, Some("80AD".into())));
        assert_eq!(coded("Samsung", [0, 0]), (Trust::Plausible, None));
        assert_eq!(coded("0000", [0xff, 0xff]), (Trust::Placeholder, None));
    }

    #[test]
    fn a_table_of_nothing_but_sockets_is_read_in_time_and_within_bounds() {
        let many = device(1024, 0x1a, 2400, 0).repeat(5000);
        let memory = read(&many, None);
        assert_eq!((memory.modules.len(), memory.slots.unwrap().value.get()), (512, 512));
    }

    #[test]
    fn a_short_structure_keeps_its_module() {
        let memory = read(&structure(17, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 4], &[]), None);
        assert_eq!(memory.modules[0].size.as_ref().unwrap().value.get(), 1024 * MEBIBYTE);
        assert_eq!(memory.modules[0].maker, None);
    }

    #[test]
    fn flash_and_other_arrays_are_no_memory() {
        let flash_array = structure(16, &[3, 5, 3, 0, 0, 0, 0, 0, 0, 1, 0], &[]);
        let memory = read(
            &[
                flash_array,
                structure(17, &[16, 0, 0, 0, 0, 0, 0, 0, 0, 4], &[]),
                device(8, 0x09, 0, 0),
            ]
            .concat(),
            None,
        );
        assert!(memory.modules.is_empty());
        assert_eq!(memory.slots, None);
    }

    #[test]
    fn one_serial_for_all_modules_is_implausible() {
        let numbered = |serial: &str| {
            let mut numbers = vec![0; 0x1b - 4];
            numbers[0x0c - 4..0x0e - 4].copy_from_slice(&[0, 4]);
            numbers[0x18 - 4] = 1;
            structure(17, &numbers, &[serial])
        };
        let trusts = |serials: [&str; 2]| -> Vec<Trust> {
            let modules = read(&serials.map(numbered).concat(), None).modules;
            modules.into_iter().map(|module| module.serial.unwrap().trust).collect()
        };
        assert_eq!(trusts(["160412A2", "160412A2"]), [Trust::Implausible; 2]);
        assert_eq!(trusts(["160412A2", "160412A3"]), [Trust::Plausible; 2]);
    }

    #[test]
    fn modules_below_what_is_used_are_implausible() {
        assert_eq!(
            read(&device(1024, 0x18, 1333, 0), Some(4096 * MEBIBYTE)).installed.unwrap().trust,
            Trust::Implausible
        );
    }

    #[test]
    fn the_kernels_total_is_in_kibibytes() {
        assert_eq!(mem_total("MemTotal:        8039236 kB\nMemFree: 1 kB\n"), Some(8_039_236 * 1024));
        assert_eq!(mem_total("MemTotal: 18446744073709551615 kB"), None);
        assert_eq!(mem_total("MemFree: 1 kB"), None);
    }

    proptest! {
        #[test]
        fn no_table_makes_the_reader_fail(numbers in proptest::collection::vec(any::<u8>(), 0..100), meminfo in any::<String>()) {
            let _ = read(&[structure(16, &numbers, &[]), structure(17, &numbers, &["a", "b"])].concat(), Some(1));
            let _ = mem_total(&meminfo);
        }
    }
}
