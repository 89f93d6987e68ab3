//! What is plugged in: USB, printer queues, touch surfaces.

use inventory_schema::device::Source;
use inventory_schema::inventory::Peripherals;
use inventory_schema::section::Section;
use inventory_schema::text::HardwareText;

use super::Problems;
use crate::inventory::peripherals::{RawUsb, camera, printers, touch_screens, usb_device};
use crate::inventory::udev::UdevRecord;
use crate::platform::FileTree;

const USB: &str = "sys/bus/usb/devices";

/// A queue takes half a kilobyte; some schools announce hundreds.
const PRINTERS_LIMIT: u64 = 1024 * 1024;

pub(super) fn collect(tree: &FileTree) -> Section<Peripherals> {
    let mut problems = Problems::default();
    let names = problems.devices(tree, Source::SysfsUsb, USB).unwrap_or_default();
    let raw: Vec<RawUsb> = names
        .iter()
        .filter(|name| !name.contains(':'))
        .filter_map(|name| raw_usb(tree, name, &names))
        .collect();
    let mut usb: Vec<_> = raw.iter().filter_map(usb_device).collect();
    usb.sort_by(|a, b| (&a.hardware_id, &a.serial).cmp(&(&b.hardware_id, &b.serial)));
    let mut cameras: Vec<_> = raw.iter().filter_map(camera).collect();
    cameras.sort();
    let queues = problems.keep_if_present(Source::Cups, tree.read("etc/cups/printers.conf", PRINTERS_LIMIT));
    let content = Peripherals {
        usb,
        cameras,
        printers: queues.map(|bytes| printers(&String::from_utf8_lossy(&bytes))).unwrap_or_default(),
        touch_screens: collect_touch_screens(tree, &mut problems),
    };
    problems.section(content)
}

/// A device and its interfaces, whose names begin with the device's: `1-4` has `1-4:1.0`.
fn raw_usb(tree: &FileTree, name: &str, names: &[String]) -> Option<RawUsb> {
    let attribute = |attribute: &str| tree.line(&format!("{USB}/{name}/{attribute}"));
    let of_device = |other: &&String| other.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'));
    Some(RawUsb {
        vendor: attribute("idVendor")?,
        product: attribute("idProduct")?,
        class: attribute("bDeviceClass"),
        maker: attribute("manufacturer"),
        model: attribute("product"),
        serial: attribute("serial"),
        interfaces: names
            .iter()
            .filter(of_device)
            .filter_map(|interface| interface_class(tree, interface))
            .collect(),
    })
}

fn interface_class(tree: &FileTree, interface: &str) -> Option<[u8; 3]> {
    let code = |name: &str| u8::from_str_radix(&tree.line(&format!("{USB}/{interface}/{name}"))?, 16).ok();
    let detail = |name: &str| code(name).unwrap_or(0);
    Some([code("bInterfaceClass")?, detail("bInterfaceSubClass"), detail("bInterfaceProtocol")])
}

/// The kernel's list; where it shows none, what udev's rules took for one.
fn collect_touch_screens(tree: &FileTree, problems: &mut Problems) -> Vec<HardwareText> {
    let listed = problems.keep_if_present(Source::ProcInput, tree.text("proc/bus/input/devices"));
    let found = listed.map(|text| touch_screens(&text)).unwrap_or_default();
    if !found.is_empty() {
        return found;
    }
    let known = tree.list("run/udev/data").unwrap_or_default();
    let inputs = known.iter().filter_map(|record| Some((record, record.strip_prefix("+input:")?)));
    let is_touched = |record: &str| {
        tree.text(&format!("run/udev/data/{record}"))
            .is_ok_and(|text| UdevRecord::read(&text).is_set("ID_INPUT_TOUCHSCREEN"))
    };
    let mut names: Vec<HardwareText> = inputs
        .filter(|(record, _)| is_touched(record))
        .filter_map(|(_, input)| HardwareText::observed(&tree.line(&format!("sys/class/input/{input}/name"))?))
        .collect();
    names.sort();
    names
}
