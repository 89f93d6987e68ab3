//! `cos-agent inventory` as people run it: the real binary, on a tree made by hand and on the live system.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod inventory {
    pub mod computer;
    pub mod process;
}

use std::fs;
use std::process::Stdio;

use inventory::computer::Computer;
use inventory::process::{agent, on_tree};
use inventory_schema::Inventory;
use inventory_schema::device::{Source, Trust};
use inventory_schema::inventory::{
    Certainty, ChassisKind, DeviceKind, DiskHealth, DiskKind, DisplayConnection, KindSign, NetworkMedium, PeripheralKind, PrinterKind,
};
use inventory_schema::section::{ReadFailure, Section};

#[test]
fn a_notebooks_tree_is_read_into_the_document() {
    let computer = Computer::notebook();
    let sections = on_tree(computer.root()).sections;

    let system = sections.system.content().unwrap();
    assert_eq!(system.maker.as_ref().unwrap().value.as_str(), "Графит");
    assert_eq!(system.serial.as_ref().unwrap().value.as_str(), "GR15-000777");
    assert_eq!(
        system.uuid.as_ref().unwrap().value.to_string(),
        "00112233-4455-6677-8899-aabbccddeeff"
    );
    assert_eq!(system.chassis.as_ref().unwrap().kind.as_ref().unwrap().value, ChassisKind::Notebook);

    let processor = &sections.processor.content().unwrap().processors[0];
    assert_eq!(processor.model.as_ref().unwrap().value.as_str(), "Baikal-L BE-L1000");
    assert_eq!(
        (
            processor.cores.as_ref().unwrap().value.get(),
            processor.threads.as_ref().unwrap().value.get()
        ),
        (1, 2)
    );

    let memory = sections.memory.content().unwrap();
    assert_eq!(
        (memory.usable.as_ref().unwrap().value.get(), memory.usable.as_ref().unwrap().source),
        (8_039_236 * 1024, Source::ProcMeminfo)
    );
    assert_eq!(memory.installed.as_ref().unwrap().value.get(), 8 << 30);
    assert_eq!((memory.slots.as_ref().unwrap().value.get(), memory.modules.len()), (2, 1));

    let disks = &sections.storage.content().unwrap().disks;
    assert_eq!(disks.len(), 2, "the loop device is none");
    assert_eq!((disks[0].name.as_str(), disks[0].kind.value), ("nvme0n1", DiskKind::Nvme));
    assert_eq!((disks[1].name.as_str(), disks[1].kind.value), ("sda", DiskKind::Usb));
    assert_eq!(disks[1].serial.as_ref().unwrap().value.as_str(), "STICK42");

    let monitor = &sections.display.content().unwrap().monitors[0];
    assert_eq!(
        (monitor.port.as_str(), monitor.connection.value),
        ("eDP-1", DisplayConnection::BuiltIn)
    );
    assert_eq!(
        sections.display.content().unwrap().adapters[0].hardware_id.value.as_str(),
        "8086:5917"
    );

    let cards = &sections.network.content().unwrap().cards;
    let media: Vec<_> = cards.iter().map(|card| (card.name.as_str(), card.medium.value)).collect();
    assert_eq!(
        media,
        [
            ("enp3s0", NetworkMedium::Ethernet),
            ("enx00", NetworkMedium::Ethernet),
            ("wlp2s0", NetworkMedium::WiFi)
        ]
    );
    assert_eq!(cards[2].permanent_address.as_ref().unwrap().value.to_string(), "3c:7c:3f:aa:bb:cc");

    assert_eq!(
        sections.battery.content().unwrap().cells.len(),
        1,
        "the mouse's battery is not counted"
    );
    let cell = &sections.battery.content().unwrap().cells[0];
    assert_eq!(cell.wear.as_ref().unwrap().value.get(), 18);
    let peripherals = sections.peripherals.content().unwrap();
    assert_eq!(peripherals.cameras[0].model.as_str(), "Integrated Camera");
    assert_eq!(
        peripherals
            .usb
            .iter()
            .filter(|device| device.kind == PeripheralKind::Camera)
            .count(),
        1
    );
    assert_eq!(peripherals.printers[0].name.as_str(), "withheld");
    assert_eq!(peripherals.printers.len(), 1, "its queue and its plug are one");
    assert_eq!(peripherals.printers[0].kind, Some(PrinterKind::Multifunction));
    assert_eq!(peripherals.touch_screens[0].as_str(), "ILITEK Multi-Touch");
    let surface = &peripherals.touch_surfaces[0];
    assert_eq!(surface.hardware_id.as_ref().unwrap().as_str(), "222a:0001");

    let system = sections.operating_system.content().unwrap();
    assert_eq!(system.title.as_ref().unwrap().value.as_str(), "Astra Linux 1.8");
    assert_eq!(system.host_name.as_ref().unwrap().value.as_str(), "kab-12-pc03");
    assert_eq!(sections.software.content().unwrap().lists[0].packages.len(), 2);
}

#[test]
fn a_flash_chip_tells_its_firmware_and_its_age() {
    let computer = Computer::empty();
    for (attribute, value) in [
        ("size", "122142720"),
        ("device/type", "MMC"),
        ("device/name", "GR0064"),
        ("device/rev", "0x8"),
        ("device/fwrev", "0x0600000000000000"),
        ("device/serial", "0x1a2b3c4d"),
        ("device/life_time", "0x01 0x04"),
        ("device/pre_eol_info", "0x01"),
    ] {
        computer.write(&format!("sys/block/mmcblk0/{attribute}"), format!("{value}\n"));
    }
    let sections = on_tree(computer.root()).sections;
    let disk = &sections.storage.content().unwrap().disks[0];
    assert_eq!(disk.kind.value, DiskKind::Emmc);
    assert_eq!(disk.firmware.as_ref().unwrap().value.as_str(), "0x0600000000000000");
    assert_eq!(disk.health.as_ref().unwrap().value, DiskHealth::Good);
    assert_eq!(disk.life_used.as_ref().unwrap().value.get(), 40);
}

#[test]
fn evidence_is_of_what_stays_in_the_computer() {
    let computer = Computer::notebook();
    let evidence = cos_agent::inventory::evidence(&on_tree(computer.root()));
    assert_eq!(evidence.system_serial.unwrap().as_str(), "GR15-000777");
    assert_eq!(evidence.board_serial, None, "a filler is no evidence");
    assert_eq!(
        evidence.disk_serials.iter().map(|serial| serial.as_str()).collect::<Vec<_>>(),
        ["NV-0001"],
        "a stick is none"
    );
    let addresses: Vec<String> = evidence.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["3c:7c:3f:00:11:22"], "neither the adapter on USB nor Wi-Fi");
}

#[test]
fn without_smbios_the_kernels_digest_stands_in_and_it_is_said() {
    let computer = Computer::notebook();
    fs::remove_dir_all(computer.root().join("sys/firmware/dmi")).unwrap();
    computer.write("sys/class/dmi/id/sys_vendor", "Aquarius\n");
    let sections = on_tree(computer.root()).sections;
    let Section::Partial { content, problems } = &sections.system else {
        panic!("{:?}", sections.system)
    };
    assert_eq!(
        (
            content.maker.as_ref().unwrap().value.as_str(),
            content.maker.as_ref().unwrap().source
        ),
        ("Aquarius", Source::DmiSysfs)
    );
    assert_eq!((problems[0].source, problems[0].failure), (Source::Smbios, ReadFailure::NotPresent));
    fs::remove_dir_all(computer.root().join("sys/class/dmi")).unwrap();
    computer.write("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0");
    computer.write("proc/device-tree/compatible", "raspberrypi,4-model-b\0brcm,bcm2711\0");
    let system = on_tree(computer.root()).sections.system;
    assert_eq!(system.content().unwrap().compatible[1].value.as_str(), "brcm,bcm2711");
    assert_eq!(system.content().unwrap().model.as_ref().unwrap().source, Source::DeviceTree);
}

#[test]
fn a_dump_beside_the_trees_folders_stands_for_the_kernels_table() {
    let computer = Computer::notebook();
    let by_kernel = on_tree(computer.root()).sections;
    let table = fs::read(computer.root().join("sys/firmware/dmi/tables/DMI")).unwrap();
    fs::remove_dir_all(computer.root().join("sys/firmware/dmi")).unwrap();
    let mut dump = b"_SM3_\0\x18\x03\x02\0\x01\0".to_vec();
    dump.extend_from_slice(&u32::try_from(table.len()).unwrap().to_le_bytes());
    dump.extend_from_slice(&32u64.to_le_bytes());
    dump.resize(32, 0);
    computer.write("dmidecode.bin", [dump, table].concat());
    let by_dump = on_tree(computer.root()).sections;
    assert_eq!(by_dump.system, by_kernel.system);
    assert_eq!(by_dump.memory, by_kernel.memory);
    assert_eq!(
        by_dump.system.content().unwrap().smbios_version.as_ref().unwrap().value.as_str(),
        "3.2"
    );

    computer.write("dmidecode.bin", "no dump");
    let system = on_tree(computer.root()).sections.system;
    assert_eq!(
        (system.problems()[0].source, system.problems()[0].failure),
        (Source::Smbios, ReadFailure::Malformed)
    );
}

#[test]
fn the_kind_is_concluded_from_all_sections_and_explained() {
    let computer = Computer::notebook();
    let kind = |computer: &Computer| on_tree(computer.root()).sections.system.content().unwrap().kind.clone().unwrap();
    let notebook = kind(&computer);
    assert_eq!((notebook.kind, notebook.certainty), (DeviceKind::Laptop, Certainty::Certain));
    let signs: Vec<KindSign> = notebook.reasons.iter().map(|reason| reason.sign).collect();
    assert_eq!(signs, [KindSign::Battery, KindSign::PortableChassis, KindSign::SmallBuiltInScreen]);
    // What firmware calls a notebook and has neither battery nor screen is doubtful.
    fs::remove_dir_all(computer.root().join("sys/class/power_supply")).unwrap();
    fs::remove_dir_all(computer.root().join("sys/class/drm")).unwrap();
    assert_eq!(kind(&computer).certainty, Certainty::Uncertain);
}

#[test]
fn a_battery_of_firmwares_table_is_shown_where_the_system_has_none() {
    let computer = Computer::notebook();
    fs::remove_dir_all(computer.root().join("sys/class/power_supply")).unwrap();
    let path = computer.root().join("sys/firmware/dmi/tables/DMI");
    let battery = [
        &[
            22, 0x1a, 9, 0, 1, 2, 0, 0, 3, 6, 0x10, 0x0e, 0, 0, 0, 0, 7, 0, 0, 0, 0, 10, 0, 0, 0, 0,
        ][..],
        b"Rear\0LGC\0L01AV\0\0",
    ]
    .concat();
    fs::write(&path, [battery, fs::read(&path).unwrap()].concat()).unwrap();
    let cells = on_tree(computer.root()).sections.battery.content().unwrap().cells.clone();
    assert_eq!((cells.len(), cells[0].name.as_str()), (1, "Rear"));
    let capacity = cells[0].design_capacity.clone().unwrap();
    assert_eq!((capacity.value.get(), capacity.source), (36_000, Source::Smbios));
}

#[test]
fn an_empty_tree_is_a_document_of_failures() {
    let computer = Computer::empty();
    let sections = on_tree(computer.root()).sections;
    assert!(matches!(sections.processor, Section::Failed { .. }));
    assert!(matches!(sections.software, Section::Failed { .. }));
    assert_eq!(cos_agent::inventory::evidence(&on_tree(computer.root())).digest(), None);
}

#[test]
fn garbage_in_every_file_is_reported_and_survived() {
    let computer = Computer::notebook();
    computer.overwrite_all(b"\xff\xfe\x00garbage \xd0: = <Printer \n\n");
    let sections = on_tree(computer.root()).sections;
    assert!(
        sections
            .software
            .problems()
            .iter()
            .any(|problem| problem.failure == ReadFailure::Malformed)
    );
    assert!(
        sections
            .processor
            .problems()
            .iter()
            .any(|problem| problem.failure == ReadFailure::Malformed)
    );
    assert!(
        sections
            .memory
            .problems()
            .iter()
            .any(|problem| problem.failure == ReadFailure::Malformed)
    );
}

#[test]
fn a_screen_garbled_on_its_way_is_marked() {
    let computer = Computer::notebook();
    let path = computer.root().join("sys/class/drm/card0-eDP-1/edid");
    let mut edid = fs::read(&path).unwrap();
    edid[17] ^= 1;
    fs::write(&path, edid).unwrap();
    let display = on_tree(computer.root()).sections.display;
    assert_eq!(
        display.content().unwrap().monitors[0].maker.as_ref().unwrap().trust,
        Trust::Implausible
    );
    assert_eq!(display.problems()[0].failure, ReadFailure::Malformed);
}

#[test]
fn the_table_is_russian_or_english() {
    let computer = Computer::notebook();
    let table = |lang: &str| {
        let output = agent()
            .args(["inventory", "--lang", lang, "--root"])
            .arg(computer.root())
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let russian = table("ru");
    for part in [
        "Компьютер",
        "Графит",
        "Baikal-L BE-L1000",
        "заполнитель изготовителя",
        "8 ГиБ",
        "Astra Linux 1.8",
        "ноутбук — уверенно: аккумулятор",
        "Не заполнено",
        "износ 18 %",
        "МФУ",
        "Сенсорный экран",
        "USB-накопитель",
    ] {
        assert!(russian.contains(part), "{part} is missing in\n{russian}");
    }
    let english = table("en");
    for part in ["maker's filler", "worn by 18 %", "Multifunction printer", "USB storage"] {
        assert!(english.contains(part), "{part} is missing in\n{english}");
    }
}

#[test]
fn the_live_system_is_named_as_the_kernel_names_it() {
    let output = agent().args(["inventory", "--json"]).output().unwrap();
    let inventory: Inventory = serde_json::from_slice(&output.stdout).unwrap();
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap();
    let stated = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    if let Some((_, model)) = stated {
        let processors = &inventory.sections.processor.content().unwrap().processors;
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(processors[0].model.as_ref().unwrap().value.as_str(), words(model));
    }
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let kibibytes: u64 = meminfo.lines().next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
    let usable = inventory.sections.memory.content().unwrap().usable.clone().unwrap();
    assert_eq!((usable.value.get(), usable.source), (kibibytes * 1024, Source::Sysinfo));
}

/// What the program itself takes differs between builds: 12 MiB in all is measured on the built program that
/// is shipped (`packaging/test/shipped_agent.py`). What it reads may cost little in any build.
#[test]
fn four_thousand_more_packages_cost_little_memory() {
    const LIMIT: u64 = 4 * 1024;
    let peak = |packages: usize| {
        let computer = Computer::notebook();
        computer.install_packages(packages);
        inventory::process::peak_kibibytes(agent().args(["inventory", "--json", "--root"]).arg(computer.root()))
    };
    let (few, many) = (peak(2000), peak(6000));
    assert!(
        few < many && many < few + LIMIT,
        "{few} KiB for 2,000 packages, {many} KiB for 6,000"
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let computer = Computer::notebook();
    computer.install_packages(4000);
    let mut child = agent()
        .args(["inventory", "--json", "--root"])
        .arg(computer.root())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}

#[test]
fn a_root_that_is_no_directory_is_named() {
    let output = agent().args(["inventory", "--root", "/dev/null"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/dev/null"));
}
