//! The computer as a whole, from SMBIOS types 0 to 3, 9, 11 and 43, from the kernel's digest of them, or from a
//! device tree.
//!
//! Pure: structures and texts in, facts out. Fillers of makers stay in the facts with their verdict.

mod blank;
mod tpm;

use inventory_schema::device::{AssetTag, Fact, OemText, SerialNumber, Source, SystemUuid};
use inventory_schema::inventory::{Baseboard, Chassis, ChassisKind, Firmware, SecureBoot, System};
use inventory_schema::placeholder;
use inventory_schema::quantity::Count;
use inventory_schema::text::{HardwareText, RawText, Word};
use uuid::Uuid;

use super::smbios::{Structure, Table, Version};

/// A maker, model or version with the verdict of the placeholder list.
pub fn name_fact(raw: &str, source: Source) -> Option<Fact<HardwareText>> {
    let text = HardwareText::observed(raw)?;
    let trust = placeholder::trust_of_name(text.as_str());
    Some(Fact::with_trust(text, source, trust))
}

/// What a table says of the computer. Absent structures leave their facts out.
pub fn from_smbios(table: &Table<'_>) -> System {
    let chassis = table.of_kind(3).next();
    let board = main_board(table);
    let whole = table.of_kind(1).next();
    let mut system = whole.map(|s| of_type_1(&s, table.version)).unwrap_or_default();
    system.firmware = table.of_kind(0).next().map(|s| of_type_0(&s));
    system.baseboard = board.map(|s| of_type_2(&s));
    system.chassis = chassis.map(|s| of_type_3(&s));
    system.blank = blank::of([(whole, &blank::TYPE_1), (board, &blank::TYPE_2), (chassis, &blank::TYPE_3)]);
    system.tpm = table.of_kind(43).find_map(|s| tpm::of_type_43(&s));
    (system.expansion_slots, system.free_expansion_slots) = expansion_slots(table);
    system.oem_strings = oem_strings(table);
    let Version { major, minor } = table.version;
    system.smbios_version = Word::observed(&format!("{major}.{minor}")).map(|word| Fact::new(word, Source::Smbios));
    system
}

fn of_type_0(structure: &Structure<'_>) -> Firmware {
    let name = |offset| named(structure, offset);
    Firmware {
        maker: name(4),
        version: name(5),
        date: name(8),
        secure_boot: None,
    }
}

fn of_type_1(structure: &Structure<'_>, version: Version) -> System {
    let name = |offset| named(structure, offset);
    System {
        maker: name(4),
        model: name(5),
        version: name(6),
        serial: serial(structure, 7),
        uuid: structure.array(8).map(|bytes| uuid_fact(bytes, version)),
        sku: name(0x19),
        family: name(0x1a),
        ..System::default()
    }
}

fn of_type_2(structure: &Structure<'_>) -> Baseboard {
    let name = |offset| named(structure, offset);
    Baseboard {
        maker: name(4),
        model: name(5),
        version: name(6),
        serial: serial(structure, 7),
        asset_tag: structure.string(8).and_then(|raw| asset_tag(&raw, Source::Smbios)),
    }
}

fn of_type_3(structure: &Structure<'_>) -> Chassis {
    const LOCK: u8 = 0x80;
    let code = structure.byte(5);
    Chassis {
        kind: code.map(|code| Fact::new(chassis_kind(code), Source::Smbios)),
        maker: named(structure, 4),
        serial: serial(structure, 7),
        asset_tag: structure.string(8).and_then(|raw| asset_tag(&raw, Source::Smbios)),
        version: named(structure, 6),
        sku: chassis_sku(structure),
        has_lock: code.map(|code| Fact::new(code & LOCK != 0, Source::Smbios)),
    }
}

/// The string behind the list of contained elements: as many as one byte says, as long as the next one says.
fn chassis_sku(structure: &Structure<'_>) -> Option<Fact<HardwareText>> {
    let (count, length) = (usize::from(structure.byte(0x13)?), usize::from(structure.byte(0x14)?));
    named(structure, 0x15 + count * length)
}

/// Sockets for cards, and how many of them firmware calls available.
fn expansion_slots(table: &Table<'_>) -> (Option<Fact<Count>>, Option<Fact<Count>>) {
    const AVAILABLE: u8 = 3;
    let slots = table.of_kind(9).count();
    let free = table.of_kind(9).filter(|slot| slot.byte(7) == Some(AVAILABLE)).count();
    let fact = |count: usize| (slots > 0).then(|| Fact::new(Count::saturating(count as u64), Source::Smbios));
    (fact(slots), fact(free))
}

/// What makers add of their own, without fillers. Some write whole settings into it: the first are enough.
fn oem_strings(table: &Table<'_>) -> Vec<Fact<OemText>> {
    const MOST: usize = 16;
    let all = table.of_kind(11).flat_map(|s| s.strings().take(4 * MOST).collect::<Vec<_>>());
    let strings: Vec<String> = all.take(4 * MOST).collect();
    strings
        .iter()
        .filter(|text| placeholder::trust_of_serial(text).is_plausible())
        .filter_map(|text| OemText::without_person_names(text))
        .map(|text| Fact::new(text, Source::Smbios))
        .take(MOST)
        .collect()
}

/// Servers and notebooks list riser cards and daughter boards too: the first that hosts the processor, else
/// the first of all.
fn main_board<'a>(table: &Table<'a>) -> Option<Structure<'a>> {
    const HOSTING_BOARD: u8 = 1;
    const MOTHERBOARD: u8 = 0x0a;
    let hosts =
        |board: &Structure<'a>| board.byte(9).is_some_and(|features| features & HOSTING_BOARD != 0) || board.byte(13) == Some(MOTHERBOARD);
    table.of_kind(2).find(hosts).or_else(|| table.of_kind(2).next())
}

fn named(structure: &Structure<'_>, offset: usize) -> Option<Fact<HardwareText>> {
    name_fact(&structure.string(offset)?, Source::Smbios)
}

fn serial(structure: &Structure<'_>, offset: usize) -> Option<Fact<SerialNumber>> {
    SerialNumber::fact_of_bytes(structure.string_bytes(offset)?, Source::Smbios)
}

fn asset_tag(raw: &str, source: Source) -> Option<Fact<AssetTag>> {
    let trust = placeholder::trust_of_serial(raw);
    let tag = AssetTag::without_person_names(raw)?;
    Some(Fact::with_trust(tag, source, trust))
}

/// With the bytes as they stand in the table, because their order is a conclusion.
fn uuid_fact(bytes: [u8; 16], version: Version) -> Fact<SystemUuid> {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Fact {
        raw: RawText::of_bytes(digits.as_bytes()),
        ..uuid(bytes, version).fact(Source::Smbios)
    }
}

/// Since version 2.6 the first three fields are little-endian (DSP0134 §7.2.1); before, makers wrote them as
/// they are read.
fn uuid(bytes: [u8; 16], version: Version) -> SystemUuid {
    let little_endian = version >= Version { major: 2, minor: 6 };
    SystemUuid::from_uuid(if little_endian {
        Uuid::from_bytes_le(bytes)
    } else {
        Uuid::from_bytes(bytes)
    })
}

/// DSP0134 table 17; the highest bit says that the chassis can be locked.
pub fn chassis_kind(code: u8) -> ChassisKind {
    match code & 0x7f {
        0..=2 => ChassisKind::Unknown,
        3 => ChassisKind::Desktop,
        4 => ChassisKind::LowProfileDesktop,
        6 => ChassisKind::MiniTower,
        7 => ChassisKind::Tower,
        8 => ChassisKind::Portable,
        9 => ChassisKind::Laptop,
        10 => ChassisKind::Notebook,
        11 => ChassisKind::HandHeld,
        13 => ChassisKind::AllInOne,
        14 => ChassisKind::SubNotebook,
        15 => ChassisKind::SpaceSaving,
        17 | 23 | 25 | 28 | 29 => ChassisKind::Server,
        30 => ChassisKind::Tablet,
        31 => ChassisKind::Convertible,
        32 => ChassisKind::Detachable,
        34 => ChassisKind::EmbeddedPc,
        35 => ChassisKind::MiniPc,
        36 => ChassisKind::StickPc,
        _ => ChassisKind::Other,
    }
}

/// What stands for the table where it is absent or only the administrator may read it: attributes of
/// `/sys/class/dmi/id` by name.
pub fn from_dmi_attributes(attribute: &mut dyn FnMut(&str) -> Option<String>) -> System {
    let source = Source::DmiSysfs;
    let mut name = |attribute_name: &str| attribute(attribute_name).and_then(|raw| name_fact(&raw, source));
    let mut system = System {
        maker: name("sys_vendor"),
        model: name("product_name"),
        version: name("product_version"),
        family: name("product_family"),
        sku: name("product_sku"),
        firmware: Some(Firmware {
            maker: name("bios_vendor"),
            version: name("bios_version"),
            date: name("bios_date"),
            secure_boot: None,
        }),
        baseboard: Some(Baseboard {
            maker: name("board_vendor"),
            model: name("board_name"),
            version: name("board_version"),
            ..Baseboard::default()
        }),
        chassis: Some(Chassis {
            maker: name("chassis_vendor"),
            version: name("chassis_version"),
            ..Chassis::default()
        }),
        ..System::default()
    };
    let mut serial = |attribute_name: &str| attribute(attribute_name).and_then(|raw| SerialNumber::fact(&raw, source));
    system.serial = serial("product_serial");
    let (board_serial, chassis_serial) = (serial("board_serial"), serial("chassis_serial"));
    if let Some(board) = &mut system.baseboard {
        board.serial = board_serial;
        board.asset_tag = attribute("board_asset_tag").and_then(|raw| asset_tag(&raw, source));
    }
    if let Some(chassis) = &mut system.chassis {
        chassis.serial = chassis_serial;
        chassis.kind = attribute("chassis_type")
            .and_then(|raw| raw.parse().ok())
            .map(|code| Fact::new(chassis_kind(code), source));
        chassis.asset_tag = attribute("chassis_asset_tag").and_then(|raw| asset_tag(&raw, source));
    }
    system.uuid = attribute("product_uuid")
        .and_then(|raw| raw.parse::<SystemUuid>().ok())
        .map(|uuid| uuid.fact(source));
    without_empty_parts(system)
}

/// Boards without SMBIOS: `model`, `serial-number` and `compatible` of the device tree. The last is a list,
/// each name ended by a zero byte, the nearest board first.
pub fn from_device_tree(model: Option<&str>, serial: Option<&str>, compatible: &[u8]) -> System {
    const MOST: usize = 16;
    let names = compatible.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    System {
        model: model.and_then(|raw| name_fact(raw, Source::DeviceTree)),
        serial: serial.and_then(|raw| SerialNumber::fact(raw, Source::DeviceTree)),
        compatible: names
            .take(MOST)
            .filter_map(|name| Word::observed(&String::from_utf8_lossy(name)))
            .map(|name| Fact::new(name, Source::DeviceTree))
            .collect(),
        ..System::default()
    }
}

fn without_empty_parts(mut system: System) -> System {
    system.firmware = system.firmware.filter(|part| *part != Firmware::default());
    system.baseboard = system.baseboard.filter(|part| *part != Baseboard::default());
    system.chassis = system.chassis.filter(|part| *part != Chassis::default());
    system
}

/// The EFI variable `SecureBoot`: four bytes of attributes, then 0 or 1.
pub fn secure_boot(variable: &[u8]) -> Option<SecureBoot> {
    match variable.get(4)? {
        0 => Some(SecureBoot::Disabled),
        1 => Some(SecureBoot::Enabled),
        _ => None,
    }
}

/// The hypervisor's vendor by the names that its firmware and its clock give themselves. `None` where
/// neither is known.
pub fn hypervisor(system: &System, clock_sources: &str) -> Option<Fact<HardwareText>> {
    const FIRMWARE: [(&str, &str); 11] = [
        ("vmware", "VMware"),
        ("innotek", "Oracle VirtualBox"),
        ("qemu", "QEMU"),
        ("xen", "Xen"),
        ("parallels", "Parallels"),
        ("bochs", "Bochs"),
        ("amazon ec2", "Amazon EC2"),
        ("bhyve", "bhyve"),
        ("openstack", "OpenStack"),
        ("ovirt", "oVirt"),
        ("google compute engine", "Google Compute Engine"),
    ];
    const CLOCKS: [(&str, &str); 3] = [("kvm-clock", "KVM"), ("hyperv", "Microsoft Hyper-V"), ("xen", "Xen")];
    let stated = |fact: &Option<Fact<HardwareText>>| fact.as_ref().map(|fact| fact.value.as_str().to_lowercase()).unwrap_or_default();
    let (maker, model) = (stated(&system.maker), stated(&system.model));
    let source = system.maker.as_ref().map_or(Source::Smbios, |fact| fact.source);
    let by_firmware = if maker.contains("microsoft") && model == "virtual machine" {
        Some("Microsoft Hyper-V")
    } else if model == "kvm" {
        Some("KVM")
    } else {
        // Clouds put their own name in the maker's place and leave the hypervisor's in the model's.
        FIRMWARE
            .iter()
            .find(|(mark, _)| maker.contains(mark) || model.starts_with(mark))
            .map(|(_, vendor)| *vendor)
    };
    let by_clock = CLOCKS
        .iter()
        .find(|(mark, _)| clock_sources.contains(mark))
        .map(|(_, vendor)| *vendor);
    let (vendor, source) = by_firmware
        .map(|vendor| (vendor, source))
        .or_else(|| by_clock.map(|vendor| (vendor, Source::Kernel)))?;
    Some(Fact::new(HardwareText::observed(vendor)?, source))
}

#[cfg(test)]
mod tests {
    use inventory_schema::device::Trust;

    use super::super::smbios::tests::structure;
    use super::*;

    const UUID_BYTES: [u8; 16] = [
        0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
    ];

    fn type_1() -> Vec<u8> {
        let numbers = [&[1, 2, 3, 4][..], &UUID_BYTES, &[6, 5, 6]].concat();
        structure(
            1,
            &numbers,
            &[
                "Графит",
                "Book 15",
                "System Version",
                "To be filled by O.E.M.",
                "SKU-7",
                "Default string",
            ],
        )
    }

    fn system(version: Version) -> System {
        let board = |serial: &str, features: u8| structure(2, &[1, 2, 0, 3, 0, features], &["ASUSTeK", "H61M-K", serial]);
        let elements = [1, 0x80 | 10, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 9, 9, 9, 4];
        let chassis = structure(3, &elements, &["Maker", "CH-1234", "Ноутбук Иванова", "CH-SKU"]);
        let firmware = structure(0, &[1, 2, 0, 0, 3, 0], &["AMI", "1.07", "04/05/2021"]);
        let bytes = [firmware, type_1(), board("riser", 0), board("MAIN-7", 1), chassis].concat();
        from_smbios(&Table::read(&bytes, version))
    }

    #[test]
    fn facts_of_a_table_carry_their_verdict() {
        let system = system(Version { major: 3, minor: 2 });
        assert_eq!(system.maker.unwrap().value.as_str(), "Графит");
        assert_eq!(system.model.unwrap().trust, Trust::Plausible);
        assert_eq!(system.version.unwrap().trust, Trust::Placeholder);
        assert_eq!(system.serial.unwrap().trust, Trust::Placeholder);
        assert_eq!(system.sku.unwrap().value.as_str(), "SKU-7");
        assert_eq!(system.family.unwrap().trust, Trust::Placeholder);
        assert_eq!(system.firmware.unwrap().date.unwrap().value.as_str(), "04/05/2021");
    }

    #[test]
    fn the_board_that_hosts_the_processor_is_meant() {
        assert_eq!(system(Version::ASSUMED).baseboard.unwrap().serial.unwrap().value.as_str(), "MAIN-7");
    }

    #[test]
    fn the_lock_bit_is_no_part_of_the_chassis_kind_and_the_tag_names_nobody() {
        let chassis = system(Version::ASSUMED).chassis.unwrap();
        assert_eq!(chassis.kind.unwrap().value, ChassisKind::Notebook);
        assert!(chassis.has_lock.unwrap().value);
        assert_eq!(chassis.asset_tag.unwrap().value.as_str(), "withheld");
        assert_eq!(chassis.sku.unwrap().value.as_str(), "CH-SKU", "behind one element of three bytes");
    }

    #[test]
    fn the_byte_order_of_the_uuid_follows_the_version() {
        let of = |minor| system(Version { major: 2, minor }).uuid.unwrap().value.to_string();
        assert_eq!(of(6), "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(of(5), "33221100-5544-7766-8899-aabbccddeeff");
        let raw = system(Version::ASSUMED).uuid.unwrap().raw.unwrap();
        assert_eq!(raw.as_str(), "33221100554477668899aabbccddeeff");
    }

    #[test]
    fn slots_and_the_makers_own_strings_are_kept_without_fillers_and_persons() {
        let slot = |usage: u8| structure(9, &[1, 5, 8, usage, 3], &["J6B2"]);
        let strings = structure(11, &[4], &["Default string", "OPS-H81", "Ноутбук Ивановой", "1[08BE]"]);
        let bytes = [slot(4), slot(3), slot(3), strings].concat();
        let system = from_smbios(&Table::read(&bytes, Version::ASSUMED));
        assert_eq!(system.expansion_slots.unwrap().value.get(), 3);
        assert_eq!(system.free_expansion_slots.unwrap().value.get(), 2);
        let strings: Vec<&str> = system.oem_strings.iter().map(|fact| fact.value.as_str()).collect();
        assert_eq!(strings, ["OPS-H81", "withheld", "1[08BE]"]);
    }

    #[test]
    fn a_device_tree_lists_boards_from_the_nearest_on() {
        let system = from_device_tree(
            Some("Raspberry Pi 4 Model B Rev 1.4"),
            Some("10000000a1b2c3d4"),
            b"raspberrypi,4-model-b\0brcm,bcm2711\0",
        );
        assert_eq!(system.serial.unwrap().value.as_str(), "10000000a1b2c3d4");
        let names: Vec<&str> = system.compatible.iter().map(|fact| fact.value.as_str()).collect();
        assert_eq!(names, ["raspberrypi,4-model-b", "brcm,bcm2711"]);
    }

    #[test]
    fn the_kernels_digest_stands_in() {
        let mut attribute = |name: &str| match name {
            "sys_vendor" => Some("LENOVO".to_owned()),
            "product_uuid" => Some("00112233-4455-6677-8899-aabbccddeeff".to_owned()),
            "chassis_type" => Some("13".to_owned()),
            _ => None,
        };
        let system = from_dmi_attributes(&mut attribute);
        assert_eq!(system.maker.unwrap().source, Source::DmiSysfs);
        assert_eq!(system.chassis.unwrap().kind.unwrap().value, ChassisKind::AllInOne);
        assert_eq!(system.baseboard, None);
    }

    #[test]
    fn a_hypervisor_is_known_by_firmware_or_clock() {
        let of = |maker: &str, model: &str, clocks: &str| {
            let system = System {
                maker: name_fact(maker, Source::Smbios),
                model: name_fact(model, Source::Smbios),
                ..System::default()
            };
            hypervisor(&system, clocks).map(|fact| (fact.value.to_string(), fact.source))
        };
        assert_eq!(
            of("Microsoft Corporation", "Virtual Machine", ""),
            Some(("Microsoft Hyper-V".into(), Source::Smbios))
        );
        assert_eq!(of("Microsoft Corporation", "Surface Laptop 3", "tsc hpet"), None);
        assert_eq!(of("", "", "tsc kvm-clock"), Some(("KVM".into(), Source::Kernel)));
    }

    #[test]
    fn secure_boot_is_the_fifth_byte() {
        assert_eq!(secure_boot(&[6, 0, 0, 0, 1]), Some(SecureBoot::Enabled));
        assert_eq!(secure_boot(&[6, 0, 0, 0, 0]), Some(SecureBoot::Disabled));
        assert_eq!(secure_boot(&[6, 0]), None);
    }
}
