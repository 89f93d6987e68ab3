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
    assert_eq!(of(&|raw| raw.model = Some("QEMU NVMe Ctrl".into()), "nvme0n1"), DiskKind::Virtual);
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
fn buses_are_told_by_place_and_rotation_only_where_it_is_known() {
    let of = |name: &str, place: &str, vendor: Option<&str>| {
        let raw = RawDisk {
            place: place.into(),
            vendor: vendor.map(str::to_owned),
            rotational: Some("1".into()),
            ..raw(name)
        };
        let disk = disk(&raw).unwrap();
        (disk.bus.map(|fact| fact.value), disk.rotational.map(|fact| fact.value))
    };
    assert_eq!(
        of("sda", "sys/devices/pci/ata1/host0/block/sda", Some("ATA")),
        (Some(DiskBus::Ata), Some(true))
    );
    assert_eq!(of("sda", "", Some("ATA")), (Some(DiskBus::Ata), Some(true)));
    assert_eq!(
        of("sdb", "sys/devices/pci/usb1/1-2/block/sdb", Some("JetFlash")),
        (Some(DiskBus::Usb), None)
    );
    assert_eq!(
        of("sdc", "sys/devices/pci/host0/port-0:0/end_device-0:0/block/sdc", Some("SEAGATE")),
        (Some(DiskBus::Sas), Some(true))
    );
    assert_eq!(of("vda", "sys/devices/pci/virtio1/block/vda", None), (Some(DiskBus::Virtio), None));
    assert_eq!(of("nvme0n1", "", None), (Some(DiskBus::Nvme), Some(false)));
}

#[test]
fn a_flash_chip_tells_its_age_and_a_dead_disk_is_failing() {
    let of = |change: &dyn Fn(&mut RawDisk)| {
        let mut raw = raw("mmcblk0");
        change(&mut raw);
        let disk = disk(&raw).unwrap();
        (disk.health.map(|fact| fact.value), disk.life_used.map(|fact| fact.value.get()))
    };
    let aged = |times: &str, reserve: &str| {
        of(&|raw| {
            raw.life_time = Some(times.into());
            raw.reserve = Some(reserve.into());
        })
    };
    assert_eq!(aged("0x01 0x03", "0x01"), (Some(DiskHealth::Good), Some(30)));
    assert_eq!(aged("0x0b 0x01", "0x02"), (Some(DiskHealth::Worn), Some(110)));
    assert_eq!(aged("0x00 0x00", "0x00"), (None, None));
    assert_eq!(aged("0xff ten", "0x03"), (Some(DiskHealth::Failing), None));
    assert_eq!(of(&|raw| raw.state = Some("dead".into())).0, Some(DiskHealth::Failing));
    assert_eq!(of(&|raw| raw.state = Some("live".into())).0, None, "alive is not healthy");
}

#[test]
fn a_name_in_the_whole_world_is_kept_where_it_is_one() {
    let of = |name: &str| {
        let raw = RawDisk {
            world_wide_name: Some(name.into()),
            ..raw("sda")
        };
        disk(&raw).unwrap().world_wide_name.map(|fact| (fact.value.to_string(), fact.trust))
    };
    assert_eq!(of("naa.5000c500a1b2c3d4"), Some(("naa.5000c500a1b2c3d4".into(), Trust::Plausible)));
    assert_eq!(of("eui.0000000000000000").unwrap().1, Trust::Placeholder);
    assert_eq!(
        of("t10.ATA     DISK    SERIAL"),
        None,
        "made of model and number, which stand apart"
    );
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
