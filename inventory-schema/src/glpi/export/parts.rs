//! Processors, modules, disks, screens, cards, batteries and what is plugged in.

use serde_json::{Map, Value, json};

use super::Extras;
use super::words;
use crate::device::{Source, WITHHELD};
use crate::glpi::content::{
    Battery as GlpiBattery, Camera as GlpiCamera, Controller, Cpu, Input, Memory as GlpiMemory, Monitor as GlpiMonitor,
    Network as GlpiNetwork, Printer as GlpiPrinter, Storage as GlpiStorage, UsbDevice as GlpiUsb, Video,
};
use crate::glpi::lenient::{Flag, Items, Text, Whole};
use crate::inventory::{
    Battery, BatteryCell, Disk, Display, Memory, MemoryModule, Monitor, Network, NetworkCard, NetworkMedium, OperatingSystem, Peripherals,
    Printer, PrinterConnection, Processors, Storage,
};
use crate::placeholder;
use crate::text::DeviceName;

const MEGABYTE: u64 = 1_000_000;
const MEBIBYTE: u64 = 1024 * 1024;
/// More than any board has: what firmware claims beyond is no list of sockets.
const MOST_SOCKETS: u64 = 64;

fn plain(text: Option<&impl ToString>) -> Option<Text> {
    text.map(|text| Text::new(text.to_string()))
}

pub fn cpus(processors: &Processors, system: Option<&OperatingSystem>) -> Option<Items<Cpu>> {
    let arch = system
        .and_then(|system| system.architecture.as_ref())
        .and_then(|arch| words::architecture(arch.value.as_str()));
    let cpus = processors.processors.iter().map(|processor| {
        let clock = processor.base_clock.as_ref().or(processor.max_clock.as_ref());
        Cpu {
            name: plain(processor.model.as_ref().map(|fact| &fact.value)),
            manufacturer: plain(processor.maker.as_ref().map(|fact| &fact.value)),
            core: processor.cores.as_ref().and_then(|fact| Whole::of(fact.value.get())),
            thread: processor.threads.as_ref().and_then(|fact| Whole::of(fact.value.get())),
            speed: clock.and_then(|fact| Whole::of(fact.value.get())),
            arch: arch.map(Text::new),
            ..Cpu::default()
        }
    });
    Items::of(cpus.collect())
}

/// One entry per socket: modules first, then the empty ones, numbered from one as agents of the format do.
pub fn memories(memory: &Memory, ours: &mut Extras) -> Option<Items<GlpiMemory>> {
    let bytes = |fact: &Option<crate::device::Fact<crate::quantity::Bytes>>| fact.as_ref().map(|fact| fact.value.get());
    let sizes = json!({
        "usable_bytes": bytes(&memory.usable),
        "installed_bytes": bytes(&memory.installed),
        "max_bytes": bytes(&memory.max_capacity),
        "slots": memory.slots.as_ref().map(|slots| slots.value.get()),
    });
    ours.put("memory", without_nulls(sizes));
    let mut memories: Vec<GlpiMemory> = memory.modules.iter().map(|module| self::module(module, ours)).collect();
    memories.extend(memory.empty_slots.iter().map(|slot| empty_socket(Some(slot))));
    let sockets = memory.slots.as_ref().map_or(0, |slots| slots.value.get()).min(MOST_SOCKETS);
    let unnamed = usize::try_from(sockets).unwrap_or(0).saturating_sub(memories.len());
    memories.extend((0..unnamed).map(|_| empty_socket(None)));
    for (number, memory) in (1..).zip(&mut memories) {
        memory.numslots = Whole::of(number);
    }
    Items::of(memories)
}

fn empty_socket(name: Option<&DeviceName>) -> GlpiMemory {
    GlpiMemory {
        caption: plain(name),
        description: Some(Text::new("Empty slot")),
        ..GlpiMemory::default()
    }
}

fn module(module: &MemoryModule, ours: &mut Extras) -> GlpiMemory {
    let maker = ours.plausible("memories.manufacturer", module.maker.as_ref());
    GlpiMemory {
        capacity: module.size.as_ref().and_then(|size| Whole::of(size.value.get() / MEBIBYTE)),
        caption: plain(module.slot.as_ref()),
        description: plain(module.form.as_ref().map(|fact| &fact.value)),
        manufacturer: maker.or_else(|| plain(module.maker_code.as_ref().map(|fact| &fact.value))),
        model: ours.plausible("memories.model", module.part_number.as_ref()),
        serialnumber: ours.plausible("memories.serialnumber", module.serial.as_ref()),
        speed: module.speed.as_ref().map(|speed| Text::new(speed.value.get().to_string())),
        r#type: plain(module.technology.as_ref().map(|fact| &fact.value)),
        ..GlpiMemory::default()
    }
}

pub fn storages(storage: &Storage, ours: &mut Extras) -> Option<Items<GlpiStorage>> {
    let more: Vec<Value> = storage.disks.iter().filter_map(disk_extras).collect();
    if !more.is_empty() {
        ours.put("disks", Value::Array(more));
    }
    Items::of(storage.disks.iter().map(|disk| self::disk(disk, ours)).collect())
}

fn disk(disk: &Disk, ours: &mut Extras) -> GlpiStorage {
    let bus = disk.bus.as_ref().map(|bus| bus.value);
    GlpiStorage {
        name: Some(Text::new(disk.name.as_str())),
        model: ours.plausible("storages.model", disk.model.as_ref()),
        manufacturer: ours.plausible("storages.manufacturer", disk.maker.as_ref()),
        serial: ours.plausible("storages.serial", disk.serial.as_ref()),
        firmware: ours.plausible("storages.firmware", disk.firmware.as_ref()),
        disksize: disk.size.as_ref().and_then(|size| Whole::of(size.value.get() / MEGABYTE)),
        interface: words::interface(bus, disk.kind.value).map(Text::new),
        wwn: ours.plausible("storages.wwn", disk.world_wide_name.as_ref()),
        r#type: Some(Text::new("disk")),
        ..GlpiStorage::default()
    }
}

fn disk_extras(disk: &Disk) -> Option<Value> {
    let more = without_nulls(json!({
        "rotational": disk.rotational.as_ref().map(|fact| fact.value),
        "removable": disk.removable.as_ref().map(|fact| fact.value),
        "health": disk.health.as_ref().map(|fact| fact.value),
        "life_used_percent": disk.life_used.as_ref().map(|fact| fact.value.get()),
        "kind": disk.kind.value,
    }));
    named(disk.name.as_str(), more)
}

/// A serial number that a whole batch has is a filler, and the screen still counts.
pub fn monitors(display: &Display, ours: &mut Extras) -> Option<Items<GlpiMonitor>> {
    let more: Vec<Value> = display.monitors.iter().filter_map(monitor_extras).collect();
    if !more.is_empty() {
        ours.put("screens", Value::Array(more));
    }
    Items::of(display.monitors.iter().map(|monitor| self::monitor(monitor, ours)).collect())
}

fn monitor(monitor: &Monitor, ours: &mut Extras) -> GlpiMonitor {
    let serial = ours.plausible("monitors.serial", monitor.serial.as_ref());
    let others = [monitor.serial_text.as_ref(), monitor.serial_number.as_ref()];
    let other = others
        .into_iter()
        .flatten()
        .find(|other| other.trust.is_plausible() && serial.as_ref().is_some_and(|serial| serial.as_str() != other.value.as_str()));
    let week = monitor.made_in_week.as_ref().map(|week| week.value.get());
    let year = monitor.made_in_year.as_ref().map(|year| year.value.get());
    GlpiMonitor {
        altserial: other.map(|serial| Text::new(serial.value.as_str())),
        base64: monitor.edid_bytes.as_ref().map(|edid| Text::new(edid.as_str())),
        caption: plain(monitor.model.as_ref().map(|fact| &fact.value)),
        // A screen that says nothing of itself is still a screen.
        name: plain(monitor.model.as_ref().map(|fact| &fact.value)).or_else(|| Some(Text::new(monitor.port.as_str()))),
        description: year.map(|year| Text::new(format!("{}/{year}", week.unwrap_or(0)))),
        manufacturer: plain(monitor.maker.as_ref().map(|fact| &fact.value)),
        serial,
    }
}

fn monitor_extras(monitor: &Monitor) -> Option<Value> {
    let size = monitor.size_basis.is_some_and(crate::inventory::SizeBasis::is_known);
    let more = without_nulls(json!({
        "edid": monitor.edid,
        "connection": monitor.connection.value,
        "kind": monitor.taken_for.as_ref().map(|taken| taken.kind),
        "width_mm": monitor.width.as_ref().filter(|_| size).map(|fact| fact.value.get()),
        "height_mm": monitor.height.as_ref().filter(|_| size).map(|fact| fact.value.get()),
        "horizontal_px": monitor.horizontal.as_ref().map(|fact| fact.value.get()),
        "vertical_px": monitor.vertical.as_ref().map(|fact| fact.value.get()),
    }));
    named(monitor.port.as_str(), more)
}

pub fn videos(display: &Display) -> Option<Items<Video>> {
    let videos = display.adapters.iter().map(|adapter| Video {
        name: Some(Text::new(adapter.hardware_id.value.as_str())),
        chipset: plain(adapter.driver.as_ref().map(|fact| &fact.value)),
        memory: adapter.memory.as_ref().and_then(|memory| Whole::of(memory.value.get() / MEBIBYTE)),
    });
    Items::of(videos.collect())
}

/// Graphics once more under the numbers of their bus, which the receiving server knows names for.
pub fn controllers(display: &Display) -> Option<Items<Controller>> {
    let controllers = display.adapters.iter().filter_map(|adapter| {
        let (vendor, product) = adapter.hardware_id.value.as_str().split_once(':')?;
        Some(Controller {
            vendorid: Some(Text::new(vendor)),
            productid: Some(Text::new(product)),
            driver: plain(adapter.driver.as_ref().map(|fact| &fact.value)),
            pciclass: Some(Text::new("0300")),
            r#type: Some(Text::new("VGA compatible controller")),
            ..Controller::default()
        })
    });
    Items::of(controllers.collect())
}

pub fn networks(network: &Network) -> Option<Items<GlpiNetwork>> {
    Items::of(network.cards.iter().map(card).collect())
}

fn card(card: &NetworkCard) -> GlpiNetwork {
    let address = card.permanent_address.as_ref().or(card.address.as_ref());
    let on_pci = card.hardware_id.as_ref().filter(|id| id.source == Source::SysfsPci);
    GlpiNetwork {
        description: Some(Text::new(card.name.as_str())),
        mac: address.map(|address| Text::new(address.value.to_string())),
        // The format has no word for mobile broadband.
        r#type: match card.medium.value {
            NetworkMedium::Ethernet | NetworkMedium::Virtual => Some(Text::new("ethernet")),
            NetworkMedium::WiFi => Some(Text::new("wifi")),
            NetworkMedium::MobileBroadband | NetworkMedium::Other => None,
        },
        speed: card.link.as_ref().map(|link| Text::new((link.value.get() / MEGABYTE).to_string())),
        // A link that no driver tells of may still be up.
        status: card.link.as_ref().map(|_| Text::new("up")),
        driver: plain(card.driver.as_ref().map(|fact| &fact.value)),
        pciid: plain(on_pci.map(|fact| &fact.value)),
        virtualdev: Some(Flag(false)),
        ..GlpiNetwork::default()
    }
}

pub fn batteries(battery: &Battery, ours: &mut Extras) -> Option<Items<GlpiBattery>> {
    let more: Vec<Value> = battery.cells.iter().filter_map(cell_extras).collect();
    if !more.is_empty() {
        ours.put("batteries", Value::Array(more));
    }
    Items::of(battery.cells.iter().map(|cell| self::cell(cell, ours)).collect())
}

fn cell(cell: &BatteryCell, ours: &mut Extras) -> GlpiBattery {
    GlpiBattery {
        name: ours
            .plausible("batteries.name", cell.model.as_ref())
            .or_else(|| Some(Text::new(cell.name.as_str()))),
        manufacturer: ours.plausible("batteries.manufacturer", cell.maker.as_ref()),
        serial: ours.plausible("batteries.serial", cell.serial.as_ref()),
        chemistry: plain(cell.technology.as_ref().map(|fact| &fact.value)),
        capacity: cell.design_capacity.as_ref().and_then(|fact| Whole::of(fact.value.get())),
        real_capacity: cell.full_capacity.as_ref().and_then(|fact| Whole::of(fact.value.get())),
    }
}

fn cell_extras(cell: &BatteryCell) -> Option<Value> {
    let more = without_nulls(json!({
        "wear_percent": cell.wear.as_ref().map(|fact| fact.value.get()),
        "cycles": cell.cycles.as_ref().map(|fact| fact.value.get()),
    }));
    named(cell.name.as_str(), more)
}

pub fn printers(peripherals: &Peripherals) -> Option<Items<GlpiPrinter>> {
    Items::of(peripherals.printers.iter().filter_map(printer).collect())
}

/// A queue whose name was withheld goes by its model; with neither there is nothing to call it.
fn printer(printer: &Printer) -> Option<GlpiPrinter> {
    let model = printer.model.as_ref();
    let name = match printer.name.as_str() {
        WITHHELD => model?.as_str(),
        name => name,
    };
    Some(GlpiPrinter {
        name: Some(Text::new(name)),
        driver: plain(model),
        serial: printer
            .serial
            .as_ref()
            .map(|serial| serial.as_str())
            .filter(|serial| placeholder::trust_of_serial(serial).is_plausible())
            .map(Text::new),
        network: printer.connection.map(|connection| Flag(connection == PrinterConnection::Network)),
        ..GlpiPrinter::default()
    })
}

pub fn usb_devices(peripherals: &Peripherals) -> Option<Items<GlpiUsb>> {
    let devices = peripherals.usb.iter().filter_map(|device| {
        let (vendor, product) = device.hardware_id.as_str().split_once(':')?;
        let serial = device.serial.as_ref().map(|serial| serial.as_str());
        Some(GlpiUsb {
            vendorid: Some(Text::new(vendor)),
            productid: Some(Text::new(product)),
            caption: plain(device.model.as_ref()),
            name: plain(device.model.as_ref()),
            manufacturer: plain(device.maker.as_ref()),
            serial: serial
                .filter(|serial| placeholder::trust_of_serial(serial).is_plausible())
                .map(Text::new),
            ..GlpiUsb::default()
        })
    });
    Items::of(devices.collect())
}

pub fn cameras(peripherals: &Peripherals) -> Option<Items<GlpiCamera>> {
    let cameras = peripherals.cameras.iter().map(|camera| GlpiCamera {
        designation: Some(Text::new(camera.model.as_str())),
        model: Some(Text::new(camera.model.as_str())),
        manufacturer: plain(camera.maker.as_ref()),
    });
    Items::of(cameras.collect())
}

pub fn inputs(peripherals: &Peripherals) -> Option<Items<Input>> {
    let inputs = peripherals.touch_screens.iter().map(|surface| Input {
        caption: Some(Text::new(surface.as_str())),
        description: Some(Text::new(surface.as_str())),
        r#type: Some(Text::new("Touchscreen")),
    });
    Items::of(inputs.collect())
}

fn named(name: &str, more: Value) -> Option<Value> {
    let Value::Object(more) = more else { return None };
    if more.is_empty() {
        return None;
    }
    let mut object = Map::from_iter([("name".to_owned(), json!(name))]);
    object.extend(more);
    Some(Value::Object(object))
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(object) => object.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        other => other,
    }
}
