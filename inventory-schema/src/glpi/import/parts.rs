//! Processors, modules, disks, cards, batteries and what is plugged in.
//!
//! Each list is bounded: no computer has more, and a page shows all of them.

use std::collections::BTreeSet;

use super::SaidBy;
use crate::device::{Fact, MacAddress, PrinterName, SerialNumber, WITHHELD};
use crate::glpi::content::{
    Battery as GlpiBattery, Content, Cpu, Memory as GlpiMemory, Network as GlpiNetwork, Printer as GlpiPrinter, Storage as GlpiStorage,
    UsbDevice as GlpiUsb,
};
use crate::glpi::lenient::{Whole, counted, said};
use crate::inventory::{
    Battery, BatteryCell, Camera, Disk, DiskBus, DiskKind, Memory, MemoryModule, Network, NetworkCard, NetworkMedium, PeripheralKind,
    Peripherals, Printer, PrinterConnection, Processor, Processors, Storage, TouchSurface, UsbDevice,
};
use crate::jedec::JedecCode;
use crate::person_name::may_name_a_person;
use crate::quantity::{BitsPerSecond, Bytes, Count, Megahertz, Megatransfers, MilliwattHours};
use crate::text::{DeviceName, HardwareText, Word};

/// The most disks, and likewise modules, cards, screens and batteries, that are taken from a document.
pub const MAX_DISKS: usize = 128;
const MAX_SOCKETS: usize = 128;
const MAX_PERIPHERALS: usize = 256;

const MEGABYTE: u64 = 1_000_000;
const MEBIBYTE: u64 = 1024 * 1024;

fn bytes(number: &Option<Whole>, unit: u64, by: SaidBy) -> Option<Fact<Bytes>> {
    let number = counted(number).filter(|number| *number > 0)?;
    Some(by.fact(Bytes::saturating(number.saturating_mul(unit))))
}

fn count(number: &Option<Whole>, by: SaidBy) -> Option<Fact<Count>> {
    let number = counted(number).filter(|number| *number > 0)?;
    Some(by.fact(Count::saturating(number)))
}

pub(super) fn processors(stated: &[Cpu], by: SaidBy) -> Option<Processors> {
    let processors: Vec<Processor> = stated
        .iter()
        .take(MAX_SOCKETS)
        .map(|cpu| Processor {
            maker: by.text(said(&cpu.manufacturer)),
            model: by.text(said(&cpu.name).or(said(&cpu.r#type))),
            cores: count(&cpu.core, by).or_else(|| count(&cpu.cores, by)),
            threads: count(&cpu.thread, by).or_else(|| count(&cpu.logical_cpus, by)),
            base_clock: counted(&cpu.speed)
                .filter(|speed| *speed > 0)
                .map(|speed| by.fact(Megahertz::saturating(speed))),
            ..Processor::default()
        })
        .filter(|processor| *processor != Processor::default())
        .collect();
    (!processors.is_empty()).then(|| Processors {
        processors,
        ..Processors::default()
    })
}

/// Entries without a size are sockets without a module.
pub(super) fn memory(content: &Content, by: SaidBy) -> Option<Memory> {
    let total = content
        .hardware
        .as_ref()
        .and_then(|hardware| bytes(&hardware.0.memory, MEBIBYTE, by));
    let mut memory = Memory {
        usable: total,
        ..Memory::default()
    };
    let sockets = content.memories.iter().flat_map(|memories| &memories.list).take(MAX_SOCKETS);
    let mut installed: u64 = 0;
    for socket in sockets {
        match bytes(&socket.capacity, MEBIBYTE, by) {
            Some(size) => {
                installed = installed.saturating_add(size.value.get());
                memory.modules.push(module(socket, size, by));
            }
            None => memory.empty_slots.extend(said(&socket.caption).and_then(DeviceName::observed)),
        }
    }
    memory.installed = (installed > 0).then(|| by.fact(Bytes::saturating(installed)));
    (memory != Memory::default()).then_some(memory)
}

fn module(socket: &GlpiMemory, size: Fact<Bytes>, by: SaidBy) -> MemoryModule {
    let speed = said(&socket.speed).map(|text| text.trim_end_matches(|c: char| !c.is_ascii_digit()));
    MemoryModule {
        slot: said(&socket.caption).and_then(DeviceName::observed),
        size: Some(size),
        technology: by.word(said(&socket.r#type)),
        speed: speed
            .and_then(|digits| digits.parse().ok())
            .filter(|speed| *speed > 0)
            .map(|speed| by.fact(Megatransfers::saturating(speed))),
        maker: by.name(said(&socket.manufacturer)),
        maker_code: said(&socket.manufacturer).and_then(JedecCode::from_text).map(|code| by.fact(code)),
        part_number: by.name(said(&socket.model)),
        serial: by.serial(said(&socket.serialnumber)),
        form: by.word(said(&socket.formfactor).or(said(&socket.description))),
        ..MemoryModule::default()
    }
}

pub(super) fn storage(stated: &[GlpiStorage], by: SaidBy) -> Option<Storage> {
    let mut disks: Vec<Disk> = stated
        .iter()
        .filter(|storage| !is_optical(storage))
        .take(MAX_DISKS)
        .filter_map(|storage| disk(storage, by))
        .collect();
    disks.sort_by(|one, other| one.name.cmp(&other.name));
    (!disks.is_empty()).then_some(Storage { disks })
}

fn disk(storage: &GlpiStorage, by: SaidBy) -> Option<Disk> {
    let name = [said(&storage.name), said(&storage.model), Some("disk")];
    let (kind, bus) = kind_of_disk(storage);
    let size = bytes(&storage.disksize, MEGABYTE, by);
    let serial = by.serial(said(&storage.serial).or(said(&storage.serialnumber)));
    // A drive of no size and no number is an empty card reader.
    if size.is_none() && serial.is_none() {
        return None;
    }
    Some(Disk {
        name: name.into_iter().flatten().find_map(DeviceName::observed)?,
        kind: by.fact(kind),
        maker: by.name(said(&storage.manufacturer)),
        model: by.name(said(&storage.model)),
        serial,
        firmware: by.text(said(&storage.firmware)),
        size,
        removable: None,
        bus: bus.map(|bus| by.fact(bus)),
        rotational: None,
        world_wide_name: by.serial(said(&storage.wwn)),
        health: None,
        life_used: None,
    })
}

/// Everything that agents write about a disk's kind, in one line of small letters.
fn words_of(storage: &GlpiStorage) -> String {
    let words = [
        said(&storage.interface),
        said(&storage.r#type),
        said(&storage.description),
        said(&storage.name),
        said(&storage.model),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn is_optical(storage: &GlpiStorage) -> bool {
    let kind = said(&storage.r#type).unwrap_or("").to_lowercase();
    let name = said(&storage.name).unwrap_or("");
    let of_kernel = name
        .strip_prefix("sr")
        .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()));
    kind.contains("cd") || kind.contains("dvd") || kind.contains("floppy") || kind.contains("tape") || of_kernel
}

fn kind_of_disk(storage: &GlpiStorage) -> (DiskKind, Option<DiskBus>) {
    let words = words_of(storage);
    let has = |word: &str| words.contains(word);
    if has("nvme") {
        (DiskKind::Nvme, Some(DiskBus::Nvme))
    } else if has("usb") {
        (DiskKind::Usb, Some(DiskBus::Usb))
    } else if has("virtio") || has("vmware") || has("qemu") || has("vbox") {
        (DiskKind::Virtual, has("virtio").then_some(DiskBus::Virtio))
    } else if has("mmcblk") || has("emmc") {
        (DiskKind::Emmc, Some(DiskBus::Mmc))
    } else {
        let bus = match said(&storage.interface).map(str::to_ascii_lowercase).as_deref() {
            Some("sata" | "ide" | "ata") => Some(DiskBus::Ata),
            Some("sas") => Some(DiskBus::Sas),
            Some("scsi") => Some(DiskBus::Scsi),
            _ => None,
        };
        (if has("ssd") { DiskKind::SolidState } else { DiskKind::Other }, bus)
    }
}

/// Agents write a card once for each of its addresses in the network: those lines are one card.
pub(super) fn network(stated: &[GlpiNetwork], by: SaidBy) -> Option<Network> {
    let mut seen = BTreeSet::new();
    let mut cards: Vec<NetworkCard> = stated
        .iter()
        .filter(|card| !card.virtualdev.is_some_and(|is| is.0))
        .filter_map(|stated| card(stated, by))
        .filter(|card| seen.insert((card.name.clone(), card.address.as_ref().map(|fact| fact.value))))
        .take(MAX_DISKS)
        .collect();
    cards.sort_by(|one, other| one.name.cmp(&other.name));
    (!cards.is_empty()).then_some(Network { cards })
}

fn card(stated: &GlpiNetwork, by: SaidBy) -> Option<NetworkCard> {
    let medium = match said(&stated.r#type).map(str::to_ascii_lowercase).as_deref() {
        Some("ethernet") => NetworkMedium::Ethernet,
        Some("wifi") => NetworkMedium::WiFi,
        // Software's, or another thing than a card.
        Some("loopback" | "bridge" | "alias" | "aggregate" | "dialup" | "bluetooth") => return None,
        _ => NetworkMedium::Other,
    };
    let address = said(&stated.mac).or(said(&stated.macaddr)).and_then(address);
    let name = DeviceName::observed(said(&stated.description)?)
        .or_else(|| address.and_then(|address| DeviceName::observed(&address.to_string())))?;
    let link = said(&stated.speed)
        .and_then(|speed| speed.parse::<u64>().ok())
        .filter(|megabits| (1..=1_000_000).contains(megabits));
    Some(NetworkCard {
        name,
        medium: by.fact(medium),
        address: address.map(|address| by.fact(address)),
        permanent_address: None,
        link: link.map(|megabits| by.fact(BitsPerSecond::saturating(megabits * MEGABYTE))),
        duplex: None,
        driver: said(&stated.driver).and_then(DeviceName::observed).map(|driver| by.fact(driver)),
        hardware_id: pci_id(stated).map(|id| by.fact(id)),
    })
}

/// A card's address in any of the usual spellings; zeros are none.
fn address(text: &str) -> Option<MacAddress> {
    let address: MacAddress = text.trim().to_ascii_lowercase().replace('-', ":").parse().ok()?;
    (address != MacAddress::from_bytes([0; 6])).then_some(address)
}

/// `8086:24F3:8086:0050` of Linux, `PCI\VEN_8086&DEV_100E&…` of Windows.
fn pci_id(stated: &GlpiNetwork) -> Option<Word> {
    let of_linux = || {
        let mut parts = said(&stated.pciid)?.split(':');
        Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
    };
    let of_windows = || {
        let id = said(&stated.pnpdeviceid)?.to_ascii_uppercase();
        let rest = id.strip_prefix("PCI\\VEN_")?;
        Some((
            rest.get(..4)?.to_owned(),
            rest.get(4..)?.strip_prefix("&DEV_")?.get(..4)?.to_owned(),
        ))
    };
    let (vendor, device) = of_linux().or_else(of_windows)?;
    hardware_id(&vendor, &device)
}

pub(super) fn hardware_id(vendor: &str, device: &str) -> Option<Word> {
    let is_number = |number: &str| number.len() == 4 && number.chars().all(|c| c.is_ascii_hexdigit());
    (is_number(vendor) && is_number(device))
        .then(|| Word::observed(&format!("{vendor}:{device}").to_ascii_lowercase()))
        .flatten()
}

pub(super) fn battery(stated: &[GlpiBattery], by: SaidBy) -> Option<Battery> {
    let cells: Vec<BatteryCell> = (0..)
        .zip(stated.iter().take(MAX_DISKS))
        .map(|(number, battery)| cell(number, battery, by))
        .collect();
    (!cells.is_empty()).then_some(Battery { cells })
}

fn cell(number: usize, battery: &GlpiBattery, by: SaidBy) -> BatteryCell {
    let capacity = |number: &Option<Whole>| {
        let number = counted(number).filter(|number| *number > 0)?;
        Some(by.fact(MilliwattHours::saturating(number)))
    };
    BatteryCell {
        name: DeviceName::observed(&format!("BAT{number}")).expect("it is plain"),
        maker: by.name(said(&battery.manufacturer)),
        model: by.name(said(&battery.name)),
        serial: by.serial(said(&battery.serial)),
        technology: by.word(said(&battery.chemistry)),
        design_capacity: capacity(&battery.capacity),
        full_capacity: capacity(&battery.real_capacity),
        wear: None,
        cycles: None,
    }
}

pub(super) fn peripherals(content: &Content, by: SaidBy) -> Option<Peripherals> {
    let usb = content.usbdevices.iter().flat_map(|devices| &devices.list);
    let cameras = content.cameras.iter().flat_map(|cameras| &cameras.list);
    let printers = content.printers.iter().flat_map(|printers| &printers.list);
    let touch = content.inputs.iter().flat_map(|inputs| &inputs.list);
    let mut peripherals = Peripherals {
        usb: usb.filter_map(|device| usb_device(device, by)).take(MAX_PERIPHERALS).collect(),
        cameras: cameras
            .filter_map(|camera| {
                Some(Camera {
                    model: unnamed(said(&camera.model).or(said(&camera.designation)))?,
                    source: by.0,
                    maker: said(&camera.manufacturer).and_then(HardwareText::observed),
                    hardware_id: None,
                    serial: None,
                })
            })
            .take(MAX_PERIPHERALS)
            .collect(),
        printers: printers.filter_map(|stated| printer(stated, by)).take(MAX_PERIPHERALS).collect(),
        touch_surfaces: touch
            .filter(|input| said(&input.r#type).is_some_and(|kind| kind.eq_ignore_ascii_case("touchscreen")))
            .filter_map(|input| {
                Some(TouchSurface {
                    model: unnamed(said(&input.caption).or(said(&input.description)))?,
                    hardware_id: None,
                    serial: None,
                    source: by.0,
                })
            })
            .take(MAX_PERIPHERALS)
            .collect(),
        ..Peripherals::default()
    };
    peripherals.touch_screens = peripherals.touch_surfaces.iter().map(|surface| surface.model.clone()).collect();
    peripherals.usb.sort_unstable();
    peripherals.printers.sort_unstable();
    peripherals.printers.dedup();
    (peripherals != Peripherals::default()).then_some(peripherals)
}

/// What people can name (a telephone, a queue, a camera of a conference) is left out where it may be after a person.
fn unnamed(text: Option<&str>) -> Option<HardwareText> {
    text.filter(|text| !may_name_a_person(text)).and_then(HardwareText::observed)
}

/// Hubs are left out, as in our own lists.
fn usb_device(device: &GlpiUsb, by: SaidBy) -> Option<UsbDevice> {
    let class = said(&device.class).unwrap_or("");
    let kind = match class {
        "9" | "09" => return None,
        "1" | "01" => PeripheralKind::Audio,
        "3" | "03" => PeripheralKind::Input,
        "7" | "07" => PeripheralKind::Printer,
        "8" | "08" => PeripheralKind::Storage,
        "11" => PeripheralKind::SmartCard,
        "14" => PeripheralKind::Camera,
        "224" => PeripheralKind::Bluetooth,
        _ => PeripheralKind::Other,
    };
    Some(UsbDevice {
        hardware_id: hardware_id(said(&device.vendorid)?, said(&device.productid)?)?,
        kind,
        maker: unnamed(said(&device.manufacturer)),
        model: unnamed(said(&device.caption).or(said(&device.name))),
        serial: said(&device.serial).and_then(SerialNumber::observed),
        source: by.0,
    })
}

fn printer(stated: &GlpiPrinter, by: SaidBy) -> Option<Printer> {
    let model = unnamed(said(&stated.driver));
    let name = PrinterName::without_person_names(said(&stated.name)?)?;
    let is_nothing = name.as_str() == WITHHELD && model.is_none() && said(&stated.serial).is_none();
    (!is_nothing).then(|| Printer {
        name,
        model,
        serial: said(&stated.serial).and_then(SerialNumber::observed),
        source: by.0,
        maker: None,
        kind: None,
        connection: stated.network.filter(|network| network.0).map(|_| PrinterConnection::Network),
        hardware_id: None,
        answer: None,
    })
}
