//! Disks, from what `/sys/block` and the udev database say of them.
//!
//! Pure: attributes in, facts out. How a serial number is written down by old drivers and cases on USB is
//! `serial`'s business.

mod serial;

use inventory_schema::device::{Fact, SerialNumber, Source, Trust};
use inventory_schema::inventory::{Disk, DiskBus, DiskHealth, DiskKind};
use inventory_schema::quantity::{Bytes, Percent};
use inventory_schema::text::{DeviceName, HardwareText};

use super::udev::UdevRecord;

/// The kernel counts in these whatever the disk's own sectors are.
const SECTOR: u64 = 512;

/// The attributes of one entry of `/sys/block`.
#[derive(Debug, Clone, Default)]
pub struct RawDisk {
    pub name: String,
    /// Where the device stands on its buses: the path of sysfs with all links followed.
    pub place: String,
    pub size: Option<String>,
    pub removable: Option<String>,
    pub rotational: Option<String>,
    pub vendor: Option<String>,
    pub model: Option<String>,
    /// `device/rev`, `device/firmware_rev` or `device/fwrev`.
    pub revision: Option<String>,
    /// `device/serial`, or `serial` as virtio and eMMC give it.
    pub serial: Option<String>,
    /// Vital product data page 0x80 of SCSI and SATA disks, raw.
    pub serial_page: Option<Vec<u8>>,
    /// `wwid` of NVMe, `device/wwid` of SCSI and SATA.
    pub world_wide_name: Option<String>,
    /// The number of the USB device that the disk is in.
    pub case_serial: Option<String>,
    /// `device/type` of eMMC and cards: `MMC`, `SD`.
    pub card_type: Option<String>,
    /// `device/state` of SCSI and NVMe: `running`, `live`.
    pub state: Option<String>,
    /// `device/life_time` of eMMC: two kinds of its memory, each in tenths of its life.
    pub life_time: Option<String>,
    /// `device/pre_eol_info` of eMMC: how much of its reserve is spent.
    pub reserve: Option<String>,
    pub udev: UdevRecord,
}

/// Whether an entry of `/sys/block` is a device at all: loops, memory disks, volumes made of other disks,
/// optical and floppy drives and the boot areas of eMMC are not.
pub fn is_disk(name: &str) -> bool {
    const OTHERS: [&str; 15] = [
        "loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd", "zd", "drbd", "bcache", "rbd", "mtdblock", "pmem", "ublk",
    ];
    let part_of_emmc = name.starts_with("mmcblk") && (name.contains("boot") || name.contains("rpmb") || name.contains("gp"));
    !part_of_emmc && !OTHERS.iter().any(|prefix| name.starts_with(prefix))
}

/// `None` for a reader without a card in it.
pub fn disk(raw: &RawDisk) -> Option<Disk> {
    let size = raw
        .size
        .as_ref()
        .and_then(|text| text.parse::<u64>().ok())
        .map(|sectors| sectors.saturating_mul(SECTOR));
    if size == Some(0) {
        return None;
    }
    let kind = kind(raw);
    Some(Disk {
        name: DeviceName::observed(&raw.name)?,
        kind: sysfs(kind),
        maker: maker(raw),
        model: model(raw),
        serial: serial::of(raw),
        firmware: firmware(raw),
        size: size.map(|bytes| sysfs(Bytes::saturating(bytes))),
        removable: raw.removable.as_deref().and_then(flag).map(sysfs),
        bus: bus(raw).map(sysfs),
        rotational: rotational(raw, kind).map(sysfs),
        world_wide_name: raw.world_wide_name.as_deref().and_then(world_wide_name),
        health: health(raw).map(sysfs),
        life_used: raw.life_time.as_deref().and_then(life_used).map(sysfs),
    })
}

fn sysfs<T>(value: T) -> Fact<T> {
    Fact::new(value, Source::SysfsBlock)
}

fn udev_text(text: &str) -> Option<Fact<HardwareText>> {
    Some(Fact::new(HardwareText::observed(text)?, Source::Udev))
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// By name and bus first: a virtual disk calls itself turning, a stick too.
fn kind(raw: &RawDisk) -> DiskKind {
    if raw.name.starts_with("mmcblk") {
        return match raw.card_type.as_deref() {
            Some("MMC") => DiskKind::Emmc,
            Some(_) => DiskKind::SdCard,
            None => DiskKind::Other,
        };
    }
    if is_on_usb(raw) {
        return DiskKind::Usb;
    }
    if is_virtual(raw) {
        return DiskKind::Virtual;
    }
    if raw.name.starts_with("nvme") {
        return DiskKind::Nvme;
    }
    match raw.rotational.as_deref() {
        Some("1") => DiskKind::HardDisk,
        Some("0") => DiskKind::SolidState,
        _ => DiskKind::Other,
    }
}

fn is_on_usb(raw: &RawDisk) -> bool {
    raw.place.contains("/usb") || raw.udev.text("ID_BUS").as_deref() == Some("usb")
}

fn is_virtual(raw: &RawDisk) -> bool {
    const MARKS: [&str; 8] = [
        "QEMU",
        "VBOX",
        "VMware",
        "Msft",
        "Microsoft NVMe",
        "Virtual",
        "Amazon Elastic",
        "Google PersistentDisk",
    ];
    let by_name = raw.name.starts_with("vd") || raw.name.starts_with("xvd");
    let stated = |text: &Option<String>| text.as_ref().is_some_and(|text| MARKS.iter().any(|mark| text.starts_with(mark)));
    by_name || raw.place.contains("/virtio") || stated(&raw.vendor) || stated(&raw.model)
}

/// By the disk's place first; in trees whose links are lost, by what it calls itself.
fn bus(raw: &RawDisk) -> Option<DiskBus> {
    let on = |part: &str| raw.place.contains(part);
    let vendor = raw.vendor.as_deref();
    let is_ata = on("/ata") || vendor == Some("ATA") || raw.udev.text("ID_BUS").as_deref() == Some("ata");
    Some(match raw.name.as_str() {
        name if name.starts_with("mmcblk") => DiskBus::Mmc,
        name if name.starts_with("nvme") => DiskBus::Nvme,
        _ if is_on_usb(raw) => DiskBus::Usb,
        name if on("/virtio") || name.starts_with("vd") || name.starts_with("xvd") => DiskBus::Virtio,
        name if is_ata || name.starts_with("hd") => DiskBus::Ata,
        _ if on("/end_device-") => DiskBus::Sas,
        _ if on("ufs") => DiskBus::Ufs,
        name if name.starts_with("sd") && vendor.is_some() => DiskBus::Scsi,
        _ => return None,
    })
}

/// A stick says that it turns; a disk in a case whose rules asked it can be believed.
fn rotational(raw: &RawDisk, kind: DiskKind) -> Option<bool> {
    let asked = || match raw.udev.text("ID_ATA_ROTATION_RATE_RPM")?.parse::<u32>().ok()? {
        0 => Some(false),
        _ => Some(true),
    };
    match kind {
        DiskKind::Virtual => None,
        DiskKind::Usb => asked(),
        DiskKind::Nvme | DiskKind::Emmc | DiskKind::SdCard => Some(false),
        _ => raw.rotational.as_deref().and_then(flag),
    }
}

/// SATA disks state «ATA» for a vendor, virtio a PCI number.
fn maker(raw: &RawDisk) -> Option<Fact<HardwareText>> {
    let vendor = raw
        .vendor
        .as_deref()
        .filter(|vendor| *vendor != "ATA" && !vendor.starts_with("0x"))?;
    HardwareText::observed(vendor).map(sysfs)
}

/// sysfs cuts the model at 16 characters; udev asked a SATA disk itself.
fn model(raw: &RawDisk) -> Option<Fact<HardwareText>> {
    let stated = raw
        .model
        .as_deref()
        .map(|model| serial::unswapped_model(model).unwrap_or_else(|| model.to_owned()));
    let whole = raw
        .udev
        .encoded("ID_MODEL_ENC")
        .or_else(|| raw.udev.text("ID_MODEL").map(|text| text.replace('_', " ")));
    let longer = whole.filter(|whole| whole.trim().len() > stated.as_ref().map_or(0, String::len));
    longer
        .and_then(|whole| udev_text(&whole))
        .or_else(|| HardwareText::observed(&stated?).map(sysfs))
}

fn firmware(raw: &RawDisk) -> Option<Fact<HardwareText>> {
    let stated = raw.revision.as_deref().and_then(HardwareText::observed).map(sysfs);
    // SCSI cuts the revision at four characters as it cuts the model.
    let asked = raw.udev.text("ID_REVISION").and_then(|text| udev_text(&text));
    let is_whole = |fact: &Fact<HardwareText>| {
        stated
            .as_ref()
            .is_none_or(|cut| fact.value.as_str().len() > cut.value.as_str().len())
    };
    asked.filter(is_whole).or(stated)
}

fn world_wide_name(stated: &str) -> Option<Fact<SerialNumber>> {
    const UNIQUE: [&str; 3] = ["naa.", "eui.", "uuid."];
    let kind = UNIQUE.iter().find(|kind| stated.starts_with(**kind))?;
    let is_filler = stated.trim_start_matches(kind).bytes().all(|digit| digit == b'0' || digit == b'-');
    let trust = if is_filler { Trust::Placeholder } else { Trust::Plausible };
    Some(Fact::with_trust(SerialNumber::observed(stated)?, Source::SysfsBlock, trust))
}

fn hexadecimal(text: &str) -> Option<u8> {
    u8::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
}

/// By JEDEC 84-B51: 1 is normal, 2 and 3 say that four fifths and nine tenths of the reserve are spent.
fn health(raw: &RawDisk) -> Option<DiskHealth> {
    // A disk that runs is not therefore healthy: alive says nothing of its age.
    if matches!(raw.state.as_deref(), Some("dead" | "offline" | "transport-offline")) {
        return Some(DiskHealth::Failing);
    }
    match hexadecimal(raw.reserve.as_deref()?)? {
        1 => Some(DiskHealth::Good),
        2 => Some(DiskHealth::Worn),
        3 => Some(DiskHealth::Failing),
        _ => None,
    }
}

/// The worse of both kinds of memory; 0 says nothing, 11 is beyond its life.
fn life_used(text: &str) -> Option<Percent> {
    let tenths = text
        .split_whitespace()
        .filter_map(hexadecimal)
        .filter(|tenths| (1..=11).contains(tenths))
        .max()?;
    Some(Percent::saturating(u64::from(tenths) * 10))
}

#[cfg(test)]
mod tests;
