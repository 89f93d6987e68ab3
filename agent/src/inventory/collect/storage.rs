//! Disks: `/sys/block` and what udev asked of each.

use inventory_schema::device::Source;
use inventory_schema::inventory::Storage;
use inventory_schema::section::Section;

use super::Problems;
use crate::inventory::storage::{RawDisk, disk, is_disk};
use crate::inventory::udev::UdevRecord;
use crate::platform::FileTree;

pub(super) fn collect(tree: &FileTree) -> Section<Storage> {
    let mut problems = Problems::default();
    let names = problems.devices(tree, Source::SysfsBlock, "sys/block").unwrap_or_default();
    let disks = names
        .iter()
        .filter(|name| is_disk(name))
        .filter_map(|name| disk(&raw_disk(tree, name)?))
        .collect();
    problems.section(Storage { disks })
}

/// `None` for the paths of a disk that is reached by several, which the kernel hides.
fn raw_disk(tree: &FileTree, name: &str) -> Option<RawDisk> {
    let attribute = |path: &str| tree.line(&format!("sys/block/{name}/{path}"));
    if attribute("hidden").as_deref() == Some("1") {
        return None;
    }
    let place = tree.resolve(&format!("sys/block/{name}")).unwrap_or_default();
    let udev = attribute("dev").and_then(|number| tree.text(&format!("run/udev/data/b{number}")).ok());
    Some(RawDisk {
        size: attribute("size"),
        removable: attribute("removable"),
        rotational: attribute("queue/rotational"),
        vendor: attribute("device/vendor"),
        model: attribute("device/model").or_else(|| attribute("device/name")),
        // Of eMMC and cards `rev` is the standard's revision.
        revision: if name.starts_with("mmcblk") {
            attribute("device/fwrev")
        } else {
            attribute("device/rev").or_else(|| attribute("device/firmware_rev"))
        },
        serial: attribute("device/serial").or_else(|| attribute("serial")),
        serial_page: tree.read(&format!("sys/block/{name}/device/vpd_pg80"), 1024).ok(),
        world_wide_name: attribute("wwid").or_else(|| attribute("device/wwid")),
        case_serial: number_of_usb_device(tree, &place),
        state: attribute("device/state"),
        life_time: attribute("device/life_time"),
        reserve: attribute("device/pre_eol_info"),
        card_type: attribute("device/type").filter(|_| name.starts_with("mmcblk")),
        udev: udev.map(|text| UdevRecord::read(&text)).unwrap_or_default(),
        name: name.to_owned(),
        place,
    })
}

/// The number of the USB device that the disk is in: the nearest directory above it that is one.
fn number_of_usb_device(tree: &FileTree, place: &str) -> Option<String> {
    let mut above = place.contains("/usb").then_some(place)?;
    while let Some((parent, _)) = above.rsplit_once('/') {
        if tree.exists(&format!("{parent}/idVendor")) {
            return tree.line(&format!("{parent}/serial"));
        }
        above = parent;
    }
    None
}
