//! What is plugged in: USB, cameras, touch surfaces; printers are gathered beside it.

use inventory_schema::device::Source;
use inventory_schema::inventory::{Peripherals, TouchSurface};
use inventory_schema::section::Section;

use super::{Problems, printers};
use crate::inventory::peripherals::touch::{RawInput, inputs, touch_surfaces};
use crate::inventory::peripherals::{RawUsb, RawVideo, camera, usb_device, video_cameras};
use crate::inventory::udev::UdevRecord;
use crate::platform::FileTree;

const USB: &str = "sys/bus/usb/devices";
const VIDEO: &str = "sys/class/video4linux";
const INPUT: &str = "sys/class/input";

pub(super) fn collect(tree: &FileTree) -> Section<Peripherals> {
    let mut problems = Problems::default();
    let raw = usb(tree, &mut problems);
    let mut usb: Vec<_> = raw.iter().filter_map(usb_device).collect();
    usb.sort_by(|a, b| (&a.hardware_id, &a.serial).cmp(&(&b.hardware_id, &b.serial)));
    let mut cameras: Vec<_> = raw.iter().filter_map(camera).collect();
    cameras.extend(video_cameras(&videos(tree), &raw));
    cameras.sort();
    let touch_surfaces = collect_touch_surfaces(tree, &mut problems);
    let listed = printers::collect(tree, &raw, &mut problems);
    let content = Peripherals {
        usb,
        cameras,
        printers: listed.into_iter().map(|listed| listed.printer).collect(),
        touch_screens: touch_surfaces.iter().map(|surface| surface.model.clone()).collect(),
        touch_surfaces,
    };
    problems.section(content)
}

/// Every device on USB, hubs included.
pub(super) fn usb(tree: &FileTree, problems: &mut Problems) -> Vec<RawUsb> {
    let names = problems.devices(tree, Source::SysfsUsb, USB).unwrap_or_default();
    names
        .iter()
        .filter(|name| !name.contains(':'))
        .filter_map(|name| raw_usb(tree, name, &names))
        .collect()
}

/// A device and its interfaces, whose names begin with the device's: `1-4` has `1-4:1.0`. Names are sorted, so
/// that its interfaces stand together.
fn raw_usb(tree: &FileTree, name: &str, names: &[String]) -> Option<RawUsb> {
    let attribute = |attribute: &str| tree.line(&format!("{USB}/{name}/{attribute}"));
    let prefix = format!("{name}:");
    let first = names.partition_point(|other| *other < prefix);
    let interfaces: Vec<&String> = names[first..].iter().take_while(|other| other.starts_with(&prefix)).collect();
    Some(RawUsb {
        vendor: attribute("idVendor")?,
        product: attribute("idProduct")?,
        class: attribute("bDeviceClass"),
        maker: attribute("manufacturer"),
        model: attribute("product"),
        serial: attribute("serial"),
        ieee1284: interfaces
            .iter()
            .find_map(|interface| tree.line(&format!("{USB}/{interface}/ieee1284_id"))),
        interfaces: interfaces.iter().filter_map(|interface| interface_class(tree, interface)).collect(),
        name: name.to_owned(),
    })
}

fn interface_class(tree: &FileTree, interface: &str) -> Option<[u8; 3]> {
    let code = |name: &str| u8::from_str_radix(&tree.line(&format!("{USB}/{interface}/{name}"))?, 16).ok();
    let detail = |name: &str| code(name).unwrap_or(0);
    Some([code("bInterfaceClass")?, detail("bInterfaceSubClass"), detail("bInterfaceProtocol")])
}

fn videos(tree: &FileTree) -> Vec<RawVideo> {
    let names = tree.list(VIDEO).unwrap_or_default();
    let video = |name: &String| {
        Some(RawVideo {
            name: tree.line(&format!("{VIDEO}/{name}/name"))?,
            index: tree.line(&format!("{VIDEO}/{name}/index")),
            place: tree.resolve(&format!("{VIDEO}/{name}/device")).ok()?,
        })
    };
    names.iter().filter_map(video).collect()
}

/// The kernel's list; in trees without one, the attributes of each input and what udev's rules made of it.
fn collect_touch_surfaces(tree: &FileTree, problems: &mut Problems) -> Vec<TouchSurface> {
    let listed = problems.keep_if_present(Source::ProcInput, tree.text("proc/bus/input/devices"));
    let found = listed
        .map(|text| touch_surfaces(&inputs(&text), Source::ProcInput))
        .unwrap_or_default();
    if !found.is_empty() {
        return found;
    }
    let names = tree.list(INPUT).unwrap_or_default();
    let inputs: Vec<RawInput> = names
        .iter()
        .filter(|name| name.starts_with("input"))
        .map(|name| input_of_sysfs(tree, name))
        .collect();
    let found = touch_surfaces(&inputs, Source::SysfsInput);
    if !found.is_empty() {
        return found;
    }
    touch_surfaces(&known_to_udev(tree), Source::Udev)
}

fn input_of_sysfs(tree: &FileTree, name: &str) -> RawInput {
    let attribute = |attribute: &str| tree.line(&format!("{INPUT}/{name}/{attribute}")).unwrap_or_default();
    RawInput {
        name: attribute("name"),
        vendor: attribute("id/vendor"),
        product: attribute("id/product"),
        serial: attribute("uniq"),
        properties: attribute("properties"),
        axes: attribute("capabilities/abs"),
        place: tree.resolve(&format!("{INPUT}/{name}")).unwrap_or_default(),
        known_to_udev: false,
    }
}

fn known_to_udev(tree: &FileTree) -> Vec<RawInput> {
    let records = tree.list("run/udev/data").unwrap_or_default();
    let touched = |record: &String| {
        let input = record.strip_prefix("+input:")?;
        let properties = UdevRecord::read(&tree.text(&format!("run/udev/data/{record}")).ok()?);
        if !properties.is_set("ID_INPUT_TOUCHSCREEN") {
            return None;
        }
        let stated = |property: &str| properties.text(property).unwrap_or_default();
        let mut raw = input_of_sysfs(tree, input);
        raw.known_to_udev = true;
        if raw.name.is_empty() {
            raw.name = stated("NAME").trim_matches('"').to_owned();
        }
        if raw.vendor.is_empty() {
            (raw.vendor, raw.product) = (stated("ID_VENDOR_ID"), stated("ID_MODEL_ID"));
        }
        if raw.serial.is_empty() {
            raw.serial = stated("ID_SERIAL_SHORT");
        }
        Some(raw)
    };
    records.iter().filter_map(touched).collect()
}
