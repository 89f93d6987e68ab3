//! Which parts does a section state? Pure.
//!
//! Only numbers that say something are taken: fillers, numbers that several parts of one computer share (a maker's
//! constant) and addresses that software made up are not. What is plugged in for an hour (sticks, adapters on USB) and
//! what a hypervisor made is no part of a computer.

use std::collections::BTreeMap;

use inventory_schema::device::{Fact, SerialNumber, Source};
use inventory_schema::inventory::{
    AnySection, Battery, Disk, DiskKind, Display, Memory, MemoryModule, Network, NetworkCard, NetworkMedium, Storage, System,
};
use inventory_schema::placeholder;
use inventory_schema::section::Section;

use super::{Nameless, PartIdentity, PartKind, StatedPart, Statement};

/// No classroom computer has more parts of a kind; whoever states more floods nobody's list.
const MOST_OF_A_KIND: usize = 64;

/// What a section says of parts; `None` where it states none or failed.
pub fn parts_of(section: &AnySection) -> Option<Statement> {
    match section {
        AnySection::System(section) => stated(section, PartKind::Board, board),
        AnySection::Memory(section) => stated(section, PartKind::MemoryModule, modules),
        AnySection::Storage(section) => stated(section, PartKind::Disk, disks),
        AnySection::Display(section) => stated(section, PartKind::Monitor, monitors),
        AnySection::Network(section) => stated(section, PartKind::NetworkCard, cards),
        AnySection::Battery(section) => stated(section, PartKind::Battery, cells),
        AnySection::Processor(_) | AnySection::OperatingSystem(_) | AnySection::Peripherals(_) | AnySection::Software(_) => None,
    }
}

/// One part as listed.
struct Listed {
    /// Whether a number was read at all.
    has_number: bool,
    /// The part, where the number says something; else how it looks.
    part: Result<StatedPart, Nameless>,
}

fn stated<T>(section: &Section<T>, kind: PartKind, list: impl FnOnce(&T) -> Vec<Listed>) -> Option<Statement> {
    let listed = list(section.content()?);
    let unread = listed.iter().filter(|listed| !listed.has_number).count();
    let nothing_read = unread == listed.len() && (unread > 0 || kind.is_needed());
    let (parts, nameless): (Vec<_>, Vec<_>) = listed
        .into_iter()
        .take(MOST_OF_A_KIND)
        .map(|listed| listed.part)
        .partition(Result::is_ok);
    Some(Statement {
        kind,
        complete: matches!(section, Section::Read(_)) && !nothing_read,
        parts: told_apart(parts.into_iter().filter_map(Result::ok)),
        nameless: nameless.into_iter().filter_map(Result::err).collect(),
    })
}

/// Without the numbers that several parts share.
fn told_apart(parts: impl Iterator<Item = StatedPart>) -> Vec<StatedPart> {
    let mut by_identity: BTreeMap<PartIdentity, Option<StatedPart>> = BTreeMap::new();
    for part in parts {
        by_identity
            .entry(part.identity.clone())
            .and_modify(|several| *several = None)
            .or_insert(Some(part));
    }
    by_identity.into_values().flatten().collect()
}

struct Reading<'s> {
    kind: PartKind,
    serial: &'s Option<Fact<SerialNumber>>,
    maker: Option<String>,
    model: Option<String>,
    size_bytes: Option<i64>,
    slot: Option<String>,
}

impl Reading<'_> {
    fn listed(self) -> Listed {
        let serial = self.serial.as_ref().and_then(Fact::plausible).map(SerialNumber::as_str);
        // The list of fillers may have grown since the device judged its reading.
        let serial = serial.filter(|serial| placeholder::trust_of_serial(serial).is_plausible());
        let part = match serial {
            Some(serial) => Ok(StatedPart {
                identity: PartIdentity::new(self.kind, serial, self.model.as_deref()),
                serial: serial.trim().to_owned(),
                maker: self.maker,
                model: self.model,
                size_bytes: self.size_bytes,
                slot: self.slot,
            }),
            None => Err(Nameless {
                model: self.model,
                size_bytes: self.size_bytes,
            }),
        };
        Listed {
            has_number: self.serial.is_some(),
            part,
        }
    }
}

fn text<T: ToString>(fact: &Option<Fact<T>>) -> Option<String> {
    fact.as_ref()
        .and_then(Fact::plausible)
        .map(|value| value.to_string().trim().to_owned())
        .filter(|text| !text.is_empty())
}

fn size(fact: &Option<Fact<inventory_schema::quantity::Bytes>>) -> Option<i64> {
    i64::try_from(fact.as_ref()?.value.get()).ok()
}

fn board(system: &System) -> Vec<Listed> {
    let Some(board) = system.baseboard.as_ref().filter(|_| system.hypervisor.is_none()) else {
        return Vec::new();
    };
    let reading = Reading {
        kind: PartKind::Board,
        serial: &board.serial,
        maker: text(&board.maker),
        model: text(&board.model),
        size_bytes: None,
        slot: None,
    };
    vec![reading.listed()]
}

fn modules(memory: &Memory) -> Vec<Listed> {
    let listed = |module: &MemoryModule| {
        Reading {
            kind: PartKind::MemoryModule,
            serial: &module.serial,
            maker: text(&module.maker),
            model: text(&module.part_number),
            size_bytes: size(&module.size),
            slot: module.slot.as_ref().map(ToString::to_string),
        }
        .listed()
    };
    memory.modules.iter().map(listed).collect()
}

fn disks(storage: &Storage) -> Vec<Listed> {
    let built_in = |disk: &&Disk| {
        let removable = disk.removable.as_ref().is_some_and(|removable| removable.value);
        !removable && !matches!(disk.kind.value, DiskKind::Usb | DiskKind::SdCard | DiskKind::Virtual)
    };
    let listed = |disk: &Disk| {
        Reading {
            kind: PartKind::Disk,
            serial: &disk.serial,
            maker: text(&disk.maker),
            model: text(&disk.model),
            size_bytes: size(&disk.size),
            slot: Some(disk.name.to_string()),
        }
        .listed()
    };
    storage.disks.iter().filter(built_in).map(listed).collect()
}

fn monitors(display: &Display) -> Vec<Listed> {
    let monitors = display.monitors.iter();
    monitors
        .map(|monitor| {
            let maker = text(&monitor.maker);
            let model = text(&monitor.model);
            let named = [maker.clone(), model].into_iter().flatten().collect::<Vec<_>>().join(" ");
            Reading {
                kind: PartKind::Monitor,
                serial: &monitor.serial,
                model: Some(named).filter(|name| !name.is_empty()),
                maker,
                size_bytes: None,
                slot: Some(monitor.port.to_string()),
            }
            .listed()
        })
        .collect()
}

fn cells(battery: &Battery) -> Vec<Listed> {
    let cells = battery.cells.iter();
    cells
        .map(|cell| {
            Reading {
                kind: PartKind::Battery,
                serial: &cell.serial,
                maker: text(&cell.maker),
                model: text(&cell.model),
                size_bytes: None,
                slot: Some(cell.name.to_string()),
            }
            .listed()
        })
        .collect()
}

fn cards(network: &Network) -> Vec<Listed> {
    let on_usb = |card: &NetworkCard| card.hardware_id.as_ref().is_some_and(|id| id.source == Source::SysfsUsb);
    let built_in = |card: &&NetworkCard| card.medium.value != NetworkMedium::Virtual && !on_usb(card);
    network.cards.iter().filter(built_in).map(card).collect()
}

fn card(card: &NetworkCard) -> Listed {
    let address = card.permanent_address.as_ref().and_then(Fact::plausible);
    let model = text(&card.hardware_id);
    let part = match address.filter(|address| !address.is_locally_administered()) {
        Some(address) => Ok(StatedPart {
            identity: PartIdentity::new(PartKind::NetworkCard, &address.to_string(), None),
            serial: address.to_string(),
            maker: None,
            model,
            size_bytes: None,
            slot: Some(card.name.to_string()),
        }),
        None => Err(Nameless { model, size_bytes: None }),
    };
    Listed {
        has_number: card.permanent_address.is_some(),
        part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_schema::SectionName;

    fn stated(name: SectionName, body: &str) -> Option<Statement> {
        parts_of(&AnySection::read(name, body.as_bytes()).unwrap())
    }

    fn memory(serials: &[&str]) -> String {
        let modules: Vec<String> = serials
            .iter()
            .map(|serial| {
                format!(
                    r#"{{"serial":{{"value":"{serial}","source":"smbios"}},"part_number":{{"value":"KVR26N19","source":"smbios"}},
                    "size":{{"value":8589934592,"source":"smbios"}},"slot":"DIMM 0"}}"#
                )
            })
            .collect();
        format!(r#"{{"format":"memory/1","content":{{"modules":[{}]}}}}"#, modules.join(","))
    }

    #[test]
    fn a_module_is_known_by_its_number_and_its_part_number() {
        let statement = stated(SectionName::Memory, &memory(&["1a2b3c4d"])).unwrap();
        assert!(statement.complete);
        assert_eq!(statement.parts[0].identity.value, "1A2B3C4D/KVR26N19");
        assert_eq!(statement.parts[0].serial, "1a2b3c4d");
        assert_eq!(statement.parts[0].size_bytes, Some(8 << 30));
    }

    #[test]
    fn a_number_on_two_modules_of_one_computer_names_neither() {
        let statement = stated(SectionName::Memory, &memory(&["1A2B3C4D", "1a2b3c4d", "55AA77CC"])).unwrap();
        assert_eq!(statement.parts.len(), 1);
        assert_eq!(statement.parts[0].serial, "55AA77CC");
    }

    #[test]
    fn what_has_no_usable_number_is_told_by_its_looks() {
        let statement = stated(SectionName::Memory, &memory(&["1a2b3c4d", "00000000"])).unwrap();
        assert_eq!((statement.parts.len(), statement.nameless.len()), (1, 1));
        assert!(statement.nameless[0].may_be(&statement.parts[0]), "it is a module of the same kind");
    }

    #[test]
    fn fillers_are_no_parts_and_were_read_all_the_same() {
        let statement = stated(SectionName::Memory, &memory(&["00000000"])).unwrap();
        assert!(statement.parts.is_empty() && statement.complete);
    }

    #[test]
    fn what_was_not_read_is_not_gone() {
        let unread = r#"{"format":"memory/1","content":{"modules":[{"slot":"DIMM 0"}]}}"#;
        assert!(!stated(SectionName::Memory, unread).unwrap().complete);
        let nothing = r#"{"format":"storage/1","content":{"disks":[]}}"#;
        assert!(!stated(SectionName::Storage, nothing).unwrap().complete);
        let failed = r#"{"format":"memory/1","problems":[{"source":"smbios","failure":"permission_denied"}]}"#;
        assert_eq!(stated(SectionName::Memory, failed), None);
        // A battery can be taken out.
        let none = r#"{"format":"battery/1","content":{"cells":[]}}"#;
        assert!(stated(SectionName::Battery, none).unwrap().complete);
    }

    #[test]
    fn sticks_and_adapters_on_usb_are_no_parts() {
        let disks = r#"{"format":"storage/1","content":{"disks":[
            {"name":"sda","kind":{"value":"solid_state","source":"sysfs_block"},"serial":{"value":"S4EWNX0M1","source":"udev"}},
            {"name":"sdb","kind":{"value":"usb","source":"sysfs_block"},"serial":{"value":"STICK0001X","source":"udev"}}]}}"#;
        let parts = stated(SectionName::Storage, disks).unwrap().parts;
        assert_eq!(parts.iter().map(|part| part.serial.as_str()).collect::<Vec<_>>(), ["S4EWNX0M1"]);
        let cards = r#"{"format":"network/1","content":{"cards":[
            {"name":"eno1","medium":{"value":"ethernet","source":"sysfs_net"},"permanent_address":{"value":"3c:7c:3f:00:11:22","source":"sysfs_net"},
             "hardware_id":{"value":"8086:15b8","source":"sysfs_pci"}},
            {"name":"usb0","medium":{"value":"ethernet","source":"sysfs_net"},"permanent_address":{"value":"00:e0:4c:36:00:01","source":"sysfs_net"},
             "hardware_id":{"value":"0bda:8153","source":"sysfs_usb"}},
            {"name":"wlan0","medium":{"value":"wi_fi","source":"sysfs_net"},"permanent_address":{"value":"02:00:00:00:01:00","source":"sysfs_net"}}]}}"#;
        let parts = stated(SectionName::Network, cards).unwrap().parts;
        assert_eq!(
            parts.iter().map(|part| part.identity.value.as_str()).collect::<Vec<_>>(),
            ["3C:7C:3F:00:11:22"]
        );
    }
}
