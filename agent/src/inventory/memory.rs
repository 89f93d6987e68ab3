//! Memory: what the system can use, and the modules that SMBIOS types 16 and 17 describe.
//!
//! Pure: table and text in, facts out.

use inventory_schema::device::{Fact, SerialNumber, Source, Trust};
use inventory_schema::inventory::{Memory, MemoryModule};
use inventory_schema::quantity::{Bytes, Count, Megatransfers};
use inventory_schema::text::{DeviceName, Word};

use super::smbios::{Structure, Table};
use super::system::name_fact;

const MEBIBYTE: u64 = 1024 * 1024;

/// `MemTotal` of `/proc/meminfo` in bytes.
pub fn mem_total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Both totals side by side: integrated graphics takes its share of the modules before the system sees them.
/// Modules that hold less than the system uses contradict it and are marked so.
pub fn memory(usable: Option<Fact<Bytes>>, table: Option<&Table<'_>>) -> Memory {
    let devices: Vec<Structure<'_>> = table.map(|table| main_memory_devices(table)).unwrap_or_default();
    let mut modules: Vec<MemoryModule> = devices.iter().filter_map(module).collect();
    doubt_repeated_serials(&mut modules);
    let installed = installed(&modules, usable.as_ref());
    let slots = slots(table, devices.len()).map(|slots| Fact::new(Count::saturating(slots), Source::Smbios));
    Memory {
        usable,
        installed,
        slots,
        modules,
    }
}

/// Boards that write one number for all their modules name none of them by it.
fn doubt_repeated_serials(modules: &mut [MemoryModule]) {
    let all: Vec<SerialNumber> = modules
        .iter()
        .filter_map(|module| module.serial.as_ref())
        .map(|fact| fact.value.clone())
        .collect();
    for fact in modules.iter_mut().filter_map(|module| module.serial.as_mut()) {
        let is_repeated = all.iter().filter(|serial| **serial == fact.value).count() > 1;
        if is_repeated && fact.trust.is_plausible() {
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
    let counted: u64 = table?
        .of_kind(16)
        .filter(is_main_memory)
        .filter_map(|array| array.word(0x0d))
        .map(u64::from)
        .sum();
    (counted > 0).then_some(counted)
}

/// The structures of type 17 that are sockets for modules: firmware also lists its flash, its cache and
/// memory of graphics cards.
fn main_memory_devices<'a>(table: &Table<'a>) -> Vec<Structure<'a>> {
    let other_arrays: Vec<u16> = table
        .of_kind(16)
        .filter(|array| !is_main_memory(array))
        .map(|array| array.handle)
        .collect();
    table
        .of_kind(17)
        .filter(|device| !device.word(4).is_some_and(|array| other_arrays.contains(&array)))
        .filter(|device| !matches!(device.byte(0x12), Some(0x05 | 0x08..=0x0c | 0x1f)))
        .collect()
}

/// Use 3 of DSP0134 table 73; what is too short to say is taken for it.
fn is_main_memory(array: &Structure<'_>) -> bool {
    array.byte(5).is_none_or(|usage| usage == 3)
}

/// A populated socket, `None` for an empty one.
fn module(device: &Structure<'_>) -> Option<MemoryModule> {
    let size = module_size(device)?;
    let text = |offset| device.string(offset).and_then(|raw| name_fact(&raw, Source::Smbios));
    Some(MemoryModule {
        slot: device
            .string(0x10)
            .or_else(|| device.string(0x11))
            .and_then(|raw| DeviceName::observed(&raw)),
        size: size.map(|bytes| Fact::new(Bytes::saturating(bytes), Source::Smbios)),
        technology: device
            .byte(0x12)
            .and_then(technology)
            .and_then(Word::observed)
            .map(|word| Fact::new(word, Source::Smbios)),
        speed: speed(device).map(|rate| Fact::new(Megatransfers::saturating(rate), Source::Smbios)),
        maker: text(0x17),
        part_number: text(0x1a),
        serial: device.string(0x18).and_then(|raw| SerialNumber::fact(&raw, Source::Smbios)),
    })
}

/// `None`: the socket is empty. `Some(None)`: a module of unknown size. Sizes in bytes.
fn module_size(device: &Structure<'_>) -> Option<Option<u64>> {
    const UNKNOWN: u16 = 0xffff;
    const EXTENDED: u16 = 0x7fff;
    const KIBIBYTES: u16 = 0x8000;
    match device.word(0x0c)? {
        0 => None,
        UNKNOWN => Some(None),
        EXTENDED => {
            let mebibytes = device
                .double_word(0x1c)
                .map(|size| u64::from(size & 0x7fff_ffff))
                .filter(|size| *size > 0);
            Some(mebibytes.map(|size| size * MEBIBYTE))
        }
        size if size & KIBIBYTES != 0 => Some(Some(u64::from(size & !KIBIBYTES) * 1024)),
        size => Some(Some(u64::from(size) * MEBIBYTE)),
    }
}

/// The highest rate the module is made for; the extended field serves those beyond 65,535 MT/s.
fn speed(device: &Structure<'_>) -> Option<u64> {
    match device.word(0x15)? {
        0 => None,
        0xffff => device
            .double_word(0x54)
            .map(|rate| u64::from(rate & 0x7fff_ffff))
            .filter(|rate| *rate > 0),
        rate => Some(u64::from(rate)),
    }
}

/// DSP0134 table 78: those that classroom computers have.
fn technology(code: u8) -> Option<&'static str> {
    Some(match code {
        0x03 => "DRAM",
        0x0f => "SDRAM",
        0x12 => "DDR",
        0x13 => "DDR2",
        0x14 => "DDR2-FB-DIMM",
        0x18 => "DDR3",
        0x1a => "DDR4",
        0x1b => "LPDDR",
        0x1c => "LPDDR2",
        0x1d => "LPDDR3",
        0x1e => "LPDDR4",
        0x20 => "HBM",
        0x21 => "HBM2",
        0x22 => "DDR5",
        0x23 => "LPDDR5",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::smbios::Version;
    use super::super::smbios::tests::structure;
    use super::*;

    /// A type 17 of version 2.8: size word, technology, speed word, extended size in MiB.
    fn device(size: u16, technology: u8, speed: u16, extended: u32) -> Vec<u8> {
        let mut numbers = vec![0; 0x22 - 4];
        let mut put = |offset: usize, bytes: &[u8]| numbers[offset - 4..offset - 4 + bytes.len()].copy_from_slice(bytes);
        put(0x0c, &size.to_le_bytes());
        put(0x10, &[1]);
        put(0x12, &[technology]);
        put(0x15, &speed.to_le_bytes());
        put(0x17, &[2, 3, 0, 4]);
        put(0x1c, &extended.to_le_bytes());
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
