//! Disks, from what `/sys/block` and the udev database say of them.
//!
//! Pure: attributes in, facts out.

use inventory_schema::device::{Fact, SerialNumber, Source};
use inventory_schema::inventory::{Disk, DiskKind};
use inventory_schema::quantity::Bytes;
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
    /// `device/rev` or `device/firmware_rev`.
    pub revision: Option<String>,
    /// `device/serial`, or `serial` as virtio and eMMC give it.
    pub serial: Option<String>,
    /// Vital product data page 0x80 of SCSI and SATA disks, raw.
    pub serial_page: Option<Vec<u8>>,
    /// `device/type` of eMMC and cards: `MMC`, `SD`.
    pub card_type: Option<String>,
    pub udev: UdevRecord,
}

/// Whether an entry of `/sys/block` is a device at all: loops, memory disks, volumes made of other disks,
/// optical and floppy drives and the boot areas of eMMC are not.
pub fn is_disk(name: &str) -> bool {
    const OTHERS: [&str; 14] = [
        "loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd", "zd", "drbd", "bcache", "rbd", "mtdblock", "pmem",
    ];
    let part_of_emmc = name.starts_with("mmcblk") && (name.contains("boot") || name.contains("rpmb"));
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
    let sysfs = |text: &Option<String>| {
        text.as_deref()
            .and_then(HardwareText::observed)
            .map(|text| Fact::new(text, Source::SysfsBlock))
    };
    Some(Disk {
        name: DeviceName::observed(&raw.name)?,
        kind: Fact::new(kind(raw), Source::SysfsBlock),
        maker: maker(raw),
        model: model(raw).or_else(|| sysfs(&raw.model)),
        serial: serial(raw),
        firmware: sysfs(&raw.revision).or_else(|| raw.udev.text("ID_REVISION").and_then(|text| text_fact(&text))),
        size: size.map(|bytes| Fact::new(Bytes::saturating(bytes), Source::SysfsBlock)),
        removable: raw
            .removable
            .as_deref()
            .and_then(flag)
            .map(|removable| Fact::new(removable, Source::SysfsBlock)),
    })
}

fn text_fact(text: &str) -> Option<Fact<HardwareText>> {
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
    let on = |bus: &str| raw.place.contains(bus);
    let bus = raw.udev.text("ID_BUS");
    if raw.name.starts_with("nvme") {
        return DiskKind::Nvme;
    }
    if raw.name.starts_with("mmcblk") {
        return match raw.card_type.as_deref() {
            Some("MMC") => DiskKind::Emmc,
            Some(_) => DiskKind::SdCard,
            None => DiskKind::Other,
        };
    }
    if on("/usb") || bus.as_deref() == Some("usb") {
        return DiskKind::Usb;
    }
    if is_virtual(raw) {
        return DiskKind::Virtual;
    }
    match raw.rotational.as_deref() {
        Some("1") => DiskKind::HardDisk,
        Some("0") => DiskKind::SolidState,
        _ => DiskKind::Other,
    }
}

fn is_virtual(raw: &RawDisk) -> bool {
    const MARKS: [&str; 5] = ["QEMU", "VBOX", "VMware", "Msft", "Virtual"];
    let by_name = raw.name.starts_with("vd") || raw.name.starts_with("xvd");
    let stated = |text: &Option<String>| text.as_ref().is_some_and(|text| MARKS.iter().any(|mark| text.starts_with(mark)));
    by_name || raw.place.contains("/virtio") || stated(&raw.vendor) || stated(&raw.model)
}

/// SATA disks state «ATA» for a vendor, virtio a PCI number.
fn maker(raw: &RawDisk) -> Option<Fact<HardwareText>> {
    let vendor = raw
        .vendor
        .as_deref()
        .filter(|vendor| *vendor != "ATA" && !vendor.starts_with("0x"))?;
    Some(Fact::new(HardwareText::observed(vendor)?, Source::SysfsBlock))
}

/// sysfs cuts the model at 16 characters; udev asked a SATA disk itself.
fn model(raw: &RawDisk) -> Option<Fact<HardwareText>> {
    let whole = raw
        .udev
        .encoded("ID_MODEL_ENC")
        .or_else(|| raw.udev.text("ID_MODEL").map(|text| text.replace('_', " ")))?;
    let longer = whole.trim().len() > raw.model.as_ref().map_or(0, String::len);
    if longer { text_fact(&whole) } else { None }
}

fn serial(raw: &RawDisk) -> Option<Fact<SerialNumber>> {
    let stated = raw.serial.as_deref().and_then(|text| SerialNumber::fact(text, Source::SysfsBlock));
    let page = || SerialNumber::fact(&serial_of_page(raw.serial_page.as_deref()?)?, Source::SysfsBlock);
    let udev = || {
        SerialNumber::fact(
            &raw.udev.text("ID_SERIAL_SHORT").or_else(|| raw.udev.text("ID_SCSI_SERIAL"))?,
            Source::Udev,
        )
    };
    stated.or_else(page).or_else(udev)
}

/// Page 0x80: four bytes of header, the last two the length, then the number, padded with spaces.
fn serial_of_page(page: &[u8]) -> Option<String> {
    let length = usize::from(u16::from_be_bytes([*page.get(2)?, *page.get(3)?]));
    let stated = page.get(4..)?;
    Some(String::from_utf8_lossy(stated.get(..length).unwrap_or(stated)).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(name: &str) -> RawDisk {
        RawDisk {
            name: name.into(),
            size: Some("1000215216".into()),
            removable: Some("0".into()),
            rotational: Some("0".into()),
            ..RawDisk::default()
        }
    }

    #[test]
    fn only_devices_are_disks() {
        for name in ["sda", "nvme0n1", "mmcblk0", "vda", "xvda"] {
            assert!(is_disk(name), "{name}");
        }
        for name in [
            "loop0",
            "ram1",
            "zram0",
            "dm-0",
            "md127",
            "sr0",
            "fd0",
            "mmcblk0boot0",
            "mmcblk0rpmb",
        ] {
            assert!(!is_disk(name), "{name}");
        }
    }

    #[test]
    fn kinds_follow_name_and_bus() {
        let of = |change: &dyn Fn(&mut RawDisk), name: &str| {
            let mut raw = raw(name);
            change(&mut raw);
            disk(&raw).unwrap().kind.value
        };
        assert_eq!(of(&|_| (), "nvme0n1"), DiskKind::Nvme);
        assert_eq!(of(&|_| (), "sda"), DiskKind::SolidState);
        assert_eq!(of(&|raw| raw.rotational = Some("1".into()), "sda"), DiskKind::HardDisk);
        assert_eq!(of(&|raw| raw.rotational = Some("1".into()), "vda"), DiskKind::Virtual);
        assert_eq!(
            of(&|raw| raw.place = "sys/devices/pci0000:00/usb1/1-2/block/sdb".into(), "sdb"),
            DiskKind::Usb
        );
        assert_eq!(of(&|raw| raw.model = Some("QEMU HARDDISK".into()), "sda"), DiskKind::Virtual);
        assert_eq!(of(&|raw| raw.card_type = Some("MMC".into()), "mmcblk0"), DiskKind::Emmc);
        assert_eq!(of(&|raw| raw.card_type = Some("SD".into()), "mmcblk1"), DiskKind::SdCard);
    }

    #[test]
    fn a_sata_disk_is_named_whole_and_numbered_by_its_page() {
        let mut raw = raw("sda");
        raw.vendor = Some("ATA".into());
        raw.model = Some("Samsung SSD 860".into());
        raw.revision = Some("2B6Q".into());
        raw.serial_page = Some(b"\0\x80\0\x0eS3Z8NB0K123456 junk".to_vec());
        raw.udev = UdevRecord::read("E:ID_MODEL_ENC=Samsung\\x20SSD\\x20860\\x20EVO\\x20500GB\nE:ID_SERIAL_SHORT=OTHER\n");
        let disk = disk(&raw).unwrap();
        assert_eq!(disk.maker, None);
        assert_eq!(disk.model.unwrap().value.as_str(), "Samsung SSD 860 EVO 500GB");
        let serial = disk.serial.unwrap();
        assert_eq!((serial.value.as_str(), serial.source), ("S3Z8NB0K123456", Source::SysfsBlock));
        assert_eq!(disk.size.unwrap().value.get(), 512_110_190_592);
        assert!(!disk.removable.unwrap().value);
    }

    #[test]
    fn a_reader_without_a_card_is_no_disk() {
        assert!(
            disk(&RawDisk {
                size: Some("0".into()),
                ..raw("sdb")
            })
            .is_none()
        );
    }

    proptest! {
        #[test]
        fn no_page_makes_the_reader_fail(page in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = disk(&RawDisk { serial_page: Some(page), ..raw("sda") });
        }
    }
}
