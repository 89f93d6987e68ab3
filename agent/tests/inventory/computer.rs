//! A computer as a tree of files, made by hand: a notebook with everything the agent looks for.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

pub struct Computer(TempDir);

const PCI: &str = "sys/devices/pci0000:00";

impl Computer {
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn notebook() -> Self {
        let computer = Self::empty();
        computer.firmware();
        computer.processor_and_memory();
        computer.disks();
        computer.screen();
        computer.network();
        computer.battery();
        computer.peripherals();
        computer.system();
        computer
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    fn attributes(&self, directory: &str, attributes: &[(&str, &str)]) {
        for (name, value) in attributes {
            self.write(&format!("{directory}/{name}"), format!("{value}\n"));
        }
    }

    fn link(&self, path: &str, target: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    /// Replaces the contents of every regular file.
    pub fn overwrite_all(&self, contents: &[u8]) {
        let mut waiting = vec![self.root().to_owned()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    waiting.push(entry.path());
                } else if kind.is_file() {
                    fs::write(entry.path(), contents).unwrap();
                }
            }
        }
    }

    pub fn install_packages(&self, count: usize) {
        let paragraph = |number| {
            let description = "Words that describe what is in it.\n ".repeat(20);
            format!(
                "Package: package-{number}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2.{number}-1+deb12u1\nDescription: {description}\n\n"
            )
        };
        self.write("var/lib/dpkg/status", (0..count).map(paragraph).collect::<String>());
    }

    fn firmware(&self) {
        let uuid = [
            0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
        ];
        let system = [&[1, 2, 0, 3][..], &uuid, &[6, 0, 0]].concat();
        let mut module = vec![0; 0x1b - 4];
        module[0x0c - 4..0x0e - 4].copy_from_slice(&8192u16.to_le_bytes());
        module[0x10 - 4] = 1;
        module[0x12 - 4] = 0x1a;
        let empty_socket = vec![0; 0x1b - 4];
        let table = [
            structure(1, &system, &["Графит", "Book 15", "GR15-000777"]),
            structure(2, &[1, 2, 0, 3], &["Графит", "GB-15", "To be filled by O.E.M."]),
            structure(3, &[1, 10, 0, 0, 0], &["Графит"]),
            structure(17, &module, &["DIMM A"]),
            structure(17, &empty_socket, &[]),
            structure(127, &[], &[]),
        ];
        self.write("sys/firmware/dmi/tables/DMI", table.concat());
        self.write("sys/firmware/dmi/tables/smbios_entry_point", b"_SM3_\0\x18\x03\x02\0\x01\0");
    }

    fn processor_and_memory(&self) {
        let block = |number| format!("processor\t: {number}\nmodel name\t: Baikal-L   BE-L1000\n\n");
        self.write("proc/cpuinfo", [block(0), block(1)].concat());
        self.write("proc/meminfo", "MemTotal:        8039236 kB\nMemFree:          100000 kB\n");
        for number in 0..2 {
            let attributes = [("physical_package_id", "0"), ("core_id", "0"), ("thread_siblings_list", "0-1")];
            self.attributes(&format!("sys/devices/system/cpu/cpu{number}/topology"), &attributes);
        }
    }

    fn disks(&self) {
        let nvme = format!("{PCI}/0000:00:1d.0/nvme/nvme0/nvme0n1");
        self.attributes(&nvme, &[("size", "1000215216"), ("removable", "0")]);
        self.attributes(
            &format!("{PCI}/0000:00:1d.0/nvme/nvme0"),
            &[("model", "FAST 512"), ("serial", "NV-0001")],
        );
        self.link(&format!("{nvme}/device"), "..");
        self.link("sys/block/nvme0n1", &format!("../../{nvme}"));
        let stick = format!("{PCI}/0000:00:14.0/usb1/1-2/1-2:1.0/host0/block/sda");
        self.attributes(&stick, &[("size", "60000000"), ("removable", "1")]);
        self.link("sys/block/sda", &format!("../../{stick}"));
        self.attributes("sys/devices/virtual/block/loop0", &[("size", "8")]);
        self.link("sys/block/loop0", "../devices/virtual/block/loop0");
    }

    fn screen(&self) {
        let adapter = format!("{PCI}/0000:00:02.0");
        self.attributes(&adapter, &[("class", "0x030000"), ("vendor", "0x8086"), ("device", "0x5917")]);
        self.link("sys/bus/pci/devices/0000:00:02.0", &format!("../../../../{adapter}"));
        self.write("sys/class/drm/card0-eDP-1/edid", edid());
        self.write("sys/class/drm/card0-eDP-1/status", "connected\n");
        self.write("sys/class/drm/card0-HDMI-A-1/status", "disconnected\n");
    }

    fn network(&self) {
        let card = |name: &str, bus: &str, address: &str, assigned: &str| {
            let place = format!("{bus}/net/{name}");
            self.attributes(
                &place,
                &[
                    ("address", address),
                    ("addr_assign_type", assigned),
                    ("type", "1"),
                    ("speed", "1000"),
                ],
            );
            self.link(&format!("{place}/device"), "../..");
            self.link(&format!("sys/class/net/{name}"), &format!("../../../{place}"));
        };
        for (function, device) in [("0000:03:00.0", "0x8168"), ("0000:02:00.0", "0x2725")] {
            self.attributes(
                &format!("{PCI}/{function}"),
                &[("class", "0x020000"), ("vendor", "0x10ec"), ("device", device)],
            );
        }
        card("enp3s0", &format!("{PCI}/0000:03:00.0"), "3c:7c:3f:00:11:22", "0");
        card("wlp2s0", &format!("{PCI}/0000:02:00.0"), "d2:11:22:33:44:55", "3");
        self.write(&format!("{PCI}/0000:02:00.0/net/wlp2s0/phy80211/macaddress"), "3c:7c:3f:aa:bb:cc\n");
        self.attributes(
            &format!("{PCI}/0000:00:14.0/usb1/1-3"),
            &[("idVendor", "0bda"), ("idProduct", "8153")],
        );
        card("enx00", &format!("{PCI}/0000:00:14.0/usb1/1-3/1-3:2.0"), "00:e0:4c:68:00:01", "0");
        self.attributes("sys/devices/virtual/net/lo", &[("address", "00:00:00:00:00:00")]);
        self.link("sys/class/net/lo", "../../devices/virtual/net/lo");
    }

    fn battery(&self) {
        let own = [("type", "Battery"), ("energy_full_design", "50000000"), ("energy_full", "41000000")];
        self.attributes("sys/class/power_supply/BAT0", &own);
        self.attributes(
            "sys/class/power_supply/hidpp_battery_0",
            &[("type", "Battery"), ("scope", "Device")],
        );
    }

    fn peripherals(&self) {
        let device = |name: &str, attributes: &[(&str, &str)], interfaces: &[&str]| {
            self.attributes(&format!("{PCI}/0000:00:14.0/usb1/{name}"), attributes);
            self.link(
                &format!("sys/bus/usb/devices/{name}"),
                &format!("../../../../{PCI}/0000:00:14.0/usb1/{name}"),
            );
            for (number, class) in interfaces.iter().enumerate() {
                self.attributes(&format!("sys/bus/usb/devices/{name}:1.{number}"), &[("bInterfaceClass", class)]);
            }
        };
        device(
            "1-2",
            &[("idVendor", "0951"), ("idProduct", "1666"), ("serial", "STICK42")],
            &["08"],
        );
        device(
            "1-4",
            &[("idVendor", "04f2"), ("idProduct", "b604"), ("product", "Integrated Camera")],
            &["0e", "0e"],
        );
        device(
            "1-1",
            &[("idVendor", "1d6b"), ("idProduct", "0002"), ("bDeviceClass", "09")],
            &["09"],
        );
        device(
            "1-5",
            &[
                ("idVendor", "232b"),
                ("idProduct", "0d00"),
                ("product", "M6500W series"),
                ("manufacturer", "Pantum"),
                ("serial", "CK1A000777"),
            ],
            &["07", "ff"],
        );
        self.write(
            "sys/bus/usb/devices/1-5:1.0/ieee1284_id",
            "MFG:Pantum;CMD:DW-PS,URF;MDL:M6500W series;CLS:PRINTER;\n",
        );
        self.write(
            "etc/cups/printers.conf",
            "<Printer Printer_Ivanova>\nMakeModel Pantum M6500 Series\nDeviceURI usb://Pantum/M6500W%20series?serial=CK1A000777\n</Printer>\n",
        );
        self.write(
            "proc/bus/input/devices",
            "I: Bus=0003 Vendor=222a Product=0001 Version=0110\nN: Name=\"ILITEK Multi-Touch\"\nB: PROP=2\nB: ABS=260800000000003\n\n",
        );
    }

    fn system(&self) {
        self.write(
            "usr/lib/os-release",
            "PRETTY_NAME=\"Astra Linux\"\nID=astra\nVERSION_ID=1.8_x86-64\n",
        );
        self.link("etc/os-release", "../usr/lib/os-release");
        self.write("etc/hostname", "kab-12-pc03\n");
        self.write("proc/sys/kernel/osrelease", "6.1.90-1-generic\n");
        self.install_packages(2);
    }
}

/// A structure of SMBIOS: kind, numbers from offset 4 on, strings.
fn structure(kind: u8, numbers: &[u8], strings: &[&str]) -> Vec<u8> {
    let mut bytes = vec![kind, u8::try_from(4 + numbers.len()).unwrap(), kind, 0];
    bytes.extend_from_slice(numbers);
    for string in strings {
        bytes.extend_from_slice(string.as_bytes());
        bytes.push(0);
    }
    bytes.resize(bytes.len() + if strings.is_empty() { 2 } else { 1 }, 0);
    bytes
}

/// A base block of a panel without a name: maker «ABC», 34 × 19 cm.
fn edid() -> Vec<u8> {
    let mut block = vec![0; 128];
    block[..8].copy_from_slice(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
    block[8..10].copy_from_slice(&[0x04, 0x43]);
    block[17] = 30;
    block[21..23].copy_from_slice(&[34, 19]);
    let sum = block.iter().fold(0u8, |sum: u8, byte| sum.wrapping_add(*byte));
    block[127] = sum.wrapping_neg();
    block
}
