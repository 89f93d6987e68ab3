//! What is in the case and on the desk: drawn once, exchanged now and then.

use inventory_schema::Digest;
use inventory_schema::device::{Fact, MacAddress, SerialNumber, Source};
use inventory_schema::inventory::{
    Disk, DiskKind, Display, DisplayConnection, GraphicsAdapter, Memory, MemoryModule, Monitor, Network, NetworkCard, NetworkMedium,
    PeripheralKind, Peripherals, Processor, Processors, Storage, UsbDevice,
};
use inventory_schema::quantity::{BitsPerSecond, Bytes, Count, Megahertz, Megatransfers, Pixels};
use inventory_schema::text::{DeviceName, HardwareText};

use super::Kind;
use crate::dice::Dice;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parts {
    pub(super) processors: Processors,
    pub(super) memory: Memory,
    pub(super) storage: Storage,
    pub(super) display: Display,
    pub(super) network: Network,
    pub(super) peripherals: Peripherals,
}

const GIB: u64 = 1 << 30;
const PROCESSORS: [(&str, u64, u64); 5] = [
    ("Intel(R) Core(TM) i3-10100 CPU @ 3.60GHz", 4, 3600),
    ("Intel(R) Core(TM) i5-10400 CPU @ 2.90GHz", 6, 2900),
    ("Intel(R) Pentium(R) Gold G6400 CPU @ 4.00GHz", 2, 4000),
    ("AMD Ryzen 3 PRO 4350G with Radeon Graphics", 4, 3800),
    ("Intel(R) Celeron(R) N4020 CPU @ 1.10GHz", 2, 1100),
];
/// Names, and the JEDEC codes that stand for names.
const MEMORY_MAKERS: [&str; 5] = ["Samsung", "Kingston", "Crucial Technology", "Hynix", "Patriot Memory"];
const JEDEC_CODES: [&str; 4] = ["859B", "017A", "0198", "04CD"];
const DISKS: [(&str, DiskKind, u64, &str); 5] = [
    ("KINGSTON SA400S37240G", DiskKind::SolidState, 240_057_409_536, "sda"),
    ("WDC WD10EZEX-08WN4A0", DiskKind::HardDisk, 1_000_204_886_016, "sda"),
    ("Samsung SSD 980 500GB", DiskKind::Nvme, 500_107_862_016, "nvme0n1"),
    ("AMD R5SL256G", DiskKind::SolidState, 256_060_514_304, "sda"),
    ("ST500LM012 HN-M500MBB", DiskKind::HardDisk, 500_107_862_016, "sda"),
];
const MONITORS: [(&str, &str); 5] = [
    ("SAM", "S24F350"),
    ("BNQ", "BenQ GW2283"),
    ("ACR", "V226HQL"),
    ("GSM", "22MK400H"),
    ("DGM", "Digma"),
];
const USB: [(&str, PeripheralKind, &str, &str); 5] = [
    ("046d:c31c", PeripheralKind::Input, "Logitech", "USB Keyboard"),
    ("1ea7:0066", PeripheralKind::Input, "SHARKOON Technologies GmbH", "Optical Mouse"),
    ("046d:0825", PeripheralKind::Camera, "Logitech", "Webcam C270"),
    ("04a9:2776", PeripheralKind::Printer, "Canon, Inc.", "LBP3010/LBP3018/LBP3050"),
    ("0951:1666", PeripheralKind::Storage, "Kingston", "DataTraveler 100 G3"),
];

impl Parts {
    pub(super) fn draw(dice: &mut Dice, kind: Kind) -> Self {
        Self {
            processors: processors(dice),
            memory: memory(dice),
            storage: storage(dice),
            display: display(dice, kind),
            network: network(dice, kind),
            peripherals: Peripherals {
                usb: vec![usb(dice, 0), usb(dice, 1)],
                ..Peripherals::default()
            },
        }
    }

    /// A stick, a mouse, a webcam: one more, and the oldest of many goes.
    pub(super) fn plug(&mut self, dice: &mut Dice) {
        let which = usize::try_from(dice.below(USB.len() as u64)).unwrap_or_default();
        self.peripherals.usb.push(usb(dice, which));
        if self.peripherals.usb.len() > 6 {
            self.peripherals.usb.remove(0);
        }
        self.peripherals.usb.sort();
    }

    pub(super) fn exchange_memory(&mut self, dice: &mut Dice) {
        let before = self.memory.clone();
        while self.memory == before {
            self.memory = memory(dice);
        }
    }

    /// Batches share a number: another screen may look the same, and then it is no change.
    pub(super) fn exchange_monitor(&mut self, dice: &mut Dice) {
        let before = self.display.monitors.clone();
        while self.display.monitors == before {
            self.display.monitors = vec![monitor(dice, "HDMI-A-1", DisplayConnection::Hdmi)];
        }
    }
}

fn processors(dice: &mut Dice) -> Processors {
    let (model, cores, clock) = *dice.pick(&PROCESSORS);
    Processors {
        processors: vec![Processor {
            maker: None,
            model: text(model, Source::ProcCpuinfo),
            cores: Some(Fact::new(Count::saturating(cores), Source::CpuTopology)),
            threads: Some(Fact::new(Count::saturating(cores * 2), Source::CpuTopology)),
            max_clock: Some(Fact::new(Megahertz::saturating(clock), Source::Smbios)),
            ..Processor::default()
        }],
        ..Processors::default()
    }
}

fn memory(dice: &mut Dice) -> Memory {
    let (modules, each) = (1 + dice.below(2), *dice.pick(&[4 * GIB, 8 * GIB]));
    let total = modules * each;
    Memory {
        usable: Some(Fact::new(Bytes::saturating(total - 220 * (1 << 20)), Source::ProcMeminfo)),
        installed: Some(Fact::new(Bytes::saturating(total), Source::Smbios)),
        slots: Some(Fact::new(Count::saturating(2), Source::Smbios)),
        modules: (0..modules).map(|slot| module(dice, slot, each)).collect(),
        ..Memory::default()
    }
}

fn module(dice: &mut Dice, slot: u64, bytes: u64) -> MemoryModule {
    // Of 1,000 modules 235 have no maker's name: a JEDEC code, mostly, or nothing.
    let maker = match dice.below(1000) {
        0..=179 => text(dice.pick::<&str>(&JEDEC_CODES), Source::Smbios),
        180..=234 => text("Unknown", Source::Smbios),
        _ => text(dice.pick::<&str>(&MEMORY_MAKERS), Source::Smbios),
    };
    let part = if dice.happens(176) {
        "Not Specified".to_owned()
    } else {
        format!("M378A{}", dice.serial(8))
    };
    let serial = if dice.happens(120) { "00000000".to_owned() } else { dice.serial(8) };
    MemoryModule {
        slot: DeviceName::observed(&format!("DIMM {slot}")),
        size: Some(Fact::new(Bytes::saturating(bytes), Source::Smbios)),
        technology: "DDR4".parse().ok().map(|word| Fact::new(word, Source::Smbios)),
        speed: Some(Fact::new(Megatransfers::saturating(2666), Source::Smbios)),
        maker,
        part_number: text(&part, Source::Smbios),
        serial: SerialNumber::fact(&serial, Source::Smbios),
        ..MemoryModule::default()
    }
}

fn storage(dice: &mut Dice) -> Storage {
    let (model, kind, bytes, place) = *dice.pick(&DISKS);
    Storage {
        disks: vec![Disk {
            name: place.parse().expect("a device's name"),
            kind: Fact::new(kind, Source::SysfsBlock),
            maker: None,
            model: text(model, Source::Udev),
            serial: SerialNumber::fact(&dice.serial(14), Source::Udev),
            firmware: None,
            size: Some(Fact::new(Bytes::saturating(bytes), Source::SysfsBlock)),
            removable: Some(Fact::new(false, Source::SysfsBlock)),
            bus: None,
            rotational: None,
            world_wide_name: None,
            health: None,
            life_used: None,
        }],
    }
}

fn display(dice: &mut Dice, kind: Kind) -> Display {
    let monitor = match kind {
        Kind::Notebook | Kind::AllInOne => monitor(dice, "eDP-1", DisplayConnection::BuiltIn),
        Kind::Desktop | Kind::Mini => monitor(dice, "HDMI-A-1", DisplayConnection::Hdmi),
    };
    Display {
        adapters: vec![GraphicsAdapter {
            hardware_id: Fact::new("8086:9bc8".parse().expect("a word"), Source::SysfsPci),
            driver: "i915".parse().ok().map(|driver| Fact::new(driver, Source::SysfsPci)),
            memory: None,
        }],
        monitors: vec![monitor],
    }
}

fn monitor(dice: &mut Dice, port: &str, connection: DisplayConnection) -> Monitor {
    let (maker, model) = *dice.pick(&MONITORS);
    // Whole batches leave the factory with one number.
    let serial = if dice.happens(200) {
        "00000001".to_owned()
    } else {
        dice.serial(12)
    };
    Monitor {
        port: port.parse().expect("a port's name"),
        connection: Fact::new(connection, Source::SysfsDrm),
        maker: maker.parse().ok().map(|maker| Fact::new(maker, Source::Edid)),
        model: text(model, Source::Edid),
        edid: Some(Digest::of(format!("{maker} {model} {serial}").as_bytes())),
        serial: SerialNumber::fact(&serial, Source::Edid),
        other_names: Vec::new(),
        product_code: None,
        serial_text: None,
        serial_number: None,
        made_in_week: None,
        made_in_year: None,
        model_year: None,
        width: None,
        height: None,
        size_basis: None,
        refresh: None,
        interlaced: None,
        taken_for: None,
        edid_bytes: None,
        horizontal: Some(Fact::new(Pixels::saturating(1920), Source::Edid)),
        vertical: Some(Fact::new(Pixels::saturating(1080), Source::Edid)),
    }
}

fn network(dice: &mut Dice, kind: Kind) -> Network {
    let mut cards = vec![card(dice, "enp3s0", NetworkMedium::Ethernet)];
    if kind != Kind::Desktop {
        cards.push(card(dice, "wlp2s0", NetworkMedium::WiFi));
    }
    Network { cards }
}

fn card(dice: &mut Dice, name: &str, medium: NetworkMedium) -> NetworkCard {
    let [_, _, _, a, b, c, d, e] = dice.throw().to_be_bytes();
    // Globally administered, one station: the two lowest bits of the first octet are clear.
    let address = MacAddress::from_bytes([a & 0xfc, b, c, d, e, 1]);
    NetworkCard {
        name: name.parse().expect("a card's name"),
        medium: Fact::new(medium, Source::SysfsNet),
        address: Some(Fact::new(address, Source::SysfsNet)),
        permanent_address: Some(Fact::new(address, Source::SysfsNet)),
        link: (medium == NetworkMedium::Ethernet).then(|| Fact::new(BitsPerSecond::saturating(1_000_000_000), Source::SysfsNet)),
        duplex: None,
        driver: "r8169".parse().ok().map(|driver| Fact::new(driver, Source::SysfsNet)),
        hardware_id: "10ec:8168".parse().ok().map(|id| Fact::new(id, Source::SysfsPci)),
    }
}

fn usb(dice: &mut Dice, which: usize) -> UsbDevice {
    let (id, kind, maker, model) = USB[which % USB.len()];
    UsbDevice {
        hardware_id: id.parse().expect("a word"),
        kind,
        maker: HardwareText::observed(maker),
        model: HardwareText::observed(model),
        serial: SerialNumber::observed(&dice.serial(10)),
        source: Source::SysfsUsb,
    }
}

fn text(text: &str, source: Source) -> Option<Fact<HardwareText>> {
    let trust = inventory_schema::placeholder::trust_of_name(text);
    HardwareText::observed(text).map(|text| Fact::with_trust(text, source, trust))
}
