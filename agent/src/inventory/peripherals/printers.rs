//! Printers: the queues of CUPS and the printers on USB, each printer once.
//!
//! Pure. Of a queue's address only what names the device is kept: it may hold a login. Where a printer in the
//! network stands is told to whoever asks it ([`Listed::host`]) and is in no document.

mod queue;

use std::collections::BTreeMap;

use inventory_schema::device::{PrinterName, SerialNumber, Source};
use inventory_schema::inventory::{Printer, PrinterConnection, PrinterKind};
use inventory_schema::text::HardwareText;

use super::RawUsb;
use super::ieee1284::{DeviceId, kind_of_interfaces, named_multifunction};
use crate::inventory::hardware_id;
pub use queue::{Address, Queue, queues};

/// A printer of the document, and where it can be asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    pub printer: Printer,
    pub host: Option<String>,
}

/// What the description of a queue's driver (PPD) says of the device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    pub model: Option<String>,
    pub device_id: Option<DeviceId>,
    pub faxes: bool,
}

impl Description {
    /// From the beginning of a PPD file.
    pub fn read(text: &str) -> Self {
        let mut description = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.strip_prefix('*')?.split_once(':')) {
            let value = value.trim().trim_matches('"');
            match key {
                "1284DeviceID" => description.device_id = Some(DeviceId::read(value)),
                "NickName" if description.model.is_none() => description.model = nonempty(value),
                "ModelName" => description.model = nonempty(value).or(description.model),
                "cupsFax" => description.faxes = value.eq_ignore_ascii_case("true"),
                _ => (),
            }
        }
        description
    }
}

fn nonempty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// What leads to one device, however many queues do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Device {
    Numbered(String),
    Host(String),
    /// A device on USB whose queue states no number: told by its model.
    Model(String),
    /// Nothing tells it from others: the queue itself.
    Queue(usize),
}

/// The printers of this computer, sorted. `describe` gives what a queue's PPD says.
pub fn printers(queues: &[Queue], describe: &dyn Fn(&str) -> Description, usb: &[RawUsb]) -> Vec<Listed> {
    let mut places: BTreeMap<Device, usize> = BTreeMap::new();
    let mut found: Vec<Listed> = Vec::new();
    for (number, queue) in queues.iter().enumerate() {
        let description = describe(&queue.name);
        let Some(listed) = of_queue(queue, &description) else { continue };
        match places.get(&device(queue, &listed.printer, number)) {
            Some(place) => complete(&mut found[*place].printer, &listed.printer),
            None => {
                places.insert(device(queue, &listed.printer, number), found.len());
                found.push(listed);
            }
        }
    }
    for printer in usb.iter().filter_map(of_usb) {
        let by_number = printer
            .serial
            .as_ref()
            .and_then(|serial| places.get(&Device::Numbered(serial.as_str().to_owned())));
        let by_model = || places.get(&Device::Model(plain(printer.model.as_ref()?.as_str())));
        match by_number.or_else(by_model) {
            Some(place) => complete(&mut found[*place].printer, &printer),
            None => found.push(Listed { printer, host: None }),
        }
    }
    found.sort();
    found
}

fn device(queue: &Queue, printer: &Printer, number: usize) -> Device {
    let model = || printer.model.as_ref().map(|model| Device::Model(plain(model.as_str())));
    match (&queue.address, &printer.serial) {
        (Address::Usb { .. }, Some(serial)) => Device::Numbered(serial.as_str().to_owned()),
        (Address::Usb { .. }, None) => model().unwrap_or(Device::Queue(number)),
        (Address::Network { host: Some(host) }, _) => Device::Host(host.clone()),
        _ => Device::Queue(number),
    }
}

/// Without the maker's longer names, blanks and signs: `Hewlett-Packard HP LaserJet_1020` is `HP LaserJet 1020`.
fn plain(model: &str) -> String {
    let lower = model.to_lowercase().replace("hewlett-packard", "hp");
    let mut words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && *word != "series")
        .collect();
    words.dedup();
    words.concat()
}

fn of_queue(queue: &Queue, description: &Description) -> Option<Listed> {
    let id = description.device_id.clone().unwrap_or_default();
    let in_address = match &queue.address {
        Address::Usb { model, .. } => model.clone(),
        _ => None,
    };
    let generic = |model: &String| {
        let model = model.to_lowercase();
        model.contains("raw printer") || model.contains("driverless") || model.contains("generic")
    };
    // The device's own words before the driver's, which may be of a sister model.
    let stated = [in_address, id.name(), queue.model.clone(), description.model.clone()];
    let model = stated.iter().flatten().find(|model| !generic(model)).or(queue.model.as_ref());
    let serial = match &queue.address {
        Address::Usb { serial, .. } => serial.as_deref().and_then(SerialNumber::observed),
        _ => None,
    };
    let (connection, host) = match &queue.address {
        Address::Usb { .. } => (Some(PrinterConnection::Usb), None),
        Address::Network { host } => (Some(PrinterConnection::Network), host.clone()),
        Address::Shared => (Some(PrinterConnection::Shared), None),
        Address::Virtual => (Some(PrinterConnection::Virtual), None),
        Address::Unknown => (None, None),
    };
    let scans = queue.is_fax || description.faxes || id.scans();
    let by_name = stated.iter().flatten().any(|model| named_multifunction(model));
    let kind = match (scans || by_name, &queue.address) {
        (true, _) => Some(PrinterKind::Multifunction),
        (false, Address::Virtual) => None,
        // On USB the device itself tells, if it is plugged in.
        (false, Address::Usb { .. }) => None,
        (false, _) => model.filter(|model| !generic(model)).map(|_| PrinterKind::Printer),
    };
    Some(Listed {
        printer: Printer {
            name: PrinterName::without_person_names(&queue.name)?,
            model: model.and_then(|model| HardwareText::observed(model)),
            serial,
            source: Source::Cups,
            maker: id.maker.as_deref().and_then(HardwareText::observed),
            kind,
            connection,
            hardware_id: None,
            answer: None,
        },
        host,
    })
}

/// `None` for what is no printer. One that no queue leads to is called by its model.
fn of_usb(raw: &RawUsb) -> Option<Printer> {
    const PRINTING: u8 = 0x07;
    if !raw.interfaces.iter().any(|[class, ..]| *class == PRINTING) {
        return None;
    }
    let id = raw.ieee1284.as_deref().map(DeviceId::read).unwrap_or_default();
    let descriptor = DeviceId {
        maker: raw.maker.clone(),
        model: raw.model.clone(),
        ..DeviceId::default()
    };
    let hardware_id = hardware_id(&raw.vendor, &raw.product);
    let nameless = || hardware_id.as_ref().map(ToString::to_string);
    let model = id.name().or_else(|| descriptor.name()).or_else(nameless)?;
    let multifunction = id.scans() || named_multifunction(&model);
    let serial = raw.serial.as_deref().or(id.serial.as_deref());
    Some(Printer {
        name: PrinterName::without_person_names(&model)?,
        model: HardwareText::observed(&model),
        serial: serial.and_then(SerialNumber::observed),
        source: Source::SysfsUsb,
        maker: id.maker.or(descriptor.maker).as_deref().and_then(HardwareText::observed),
        kind: if multifunction {
            Some(PrinterKind::Multifunction)
        } else {
            kind_of_interfaces(&raw.interfaces)
        },
        connection: Some(PrinterConnection::Usb),
        hardware_id,
        answer: None,
    })
}

/// What another way to the same device knows more.
fn complete(printer: &mut Printer, other: &Printer) {
    let scans = [printer.kind, other.kind].contains(&Some(PrinterKind::Multifunction));
    printer.kind = if scans {
        Some(PrinterKind::Multifunction)
    } else {
        printer.kind.or(other.kind)
    };
    printer.model = printer.model.take().or_else(|| other.model.clone());
    printer.maker = printer.maker.take().or_else(|| other.maker.clone());
    printer.serial = printer.serial.take().or_else(|| other.serial.clone());
    printer.hardware_id = printer.hardware_id.take().or_else(|| other.hardware_id.clone());
}

#[cfg(test)]
mod tests;
