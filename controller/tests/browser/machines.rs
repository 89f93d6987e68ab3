//! File trees of three computers for the agent to read: firmware tables, screens and release files of real machines from the
//! folder that `COS_TEST_FIXTURES` names, and around them what the tables do not hold, written by hand.
//!
//! The numbers in those tables are of strangers' machines: each is exchanged for an invented one before anything is read
//! into a page, and what stands instead follows from nothing of the number it stands for.

use std::fs;
use std::path::{Path, PathBuf};

use cos_agent::inventory::collect;
use cos_agent::platform::FileTree;
use inventory_schema::device::{Fact, SerialNumber};
use inventory_schema::inventory::Inventory;

/// A computer as a folder.
pub struct Machine {
    pub name: &'static str,
    folder: tempfile::TempDir,
}

/// Where the tables are; `None` where nobody named a folder.
pub fn fixtures() -> Option<PathBuf> {
    std::env::var_os("COS_TEST_FIXTURES").map(PathBuf::from)
}

impl Machine {
    pub fn tree(&self) -> FileTree {
        FileTree::new(self.folder.path())
    }

    pub fn laptop(fixtures: &Path) -> Self {
        let machine = Self::of("laptop", fixtures, "Lenovo-ThinkPad-T480.bin", "astra-1.8");
        machine.processor("Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz", 4, 8);
        machine.write("etc/hostname", "kab-21-nout-04\n");
        machine.write("proc/meminfo", "MemTotal:       24493748 kB\n");
        machine.write(
            "proc/bus/input/devices",
            "I: Bus=0019 Vendor=0000 Product=0005 Version=0000\nN: Name=\"Lid Switch\"\n\n",
        );
        machine.screen("card0-eDP-1", fixtures, "laptop-boe.bin");
        machine.nvme("nvme0n1", 500_118_192, "SAMSUNG MZVLB256HAHQ-000L7", "S41GNX0M400417");
        let battery = [
            ("type", "Battery"),
            ("scope", "System"),
            ("present", "1"),
            ("manufacturer", "LGC"),
            ("model_name", "01AV478"),
            ("serial_number", "1417"),
            ("technology", "Li-poly"),
            ("energy_full_design", "57000000"),
            ("energy_full", "45790000"),
            ("cycle_count", "318"),
        ];
        machine.attributes("sys/class/power_supply/BAT0", &battery);
        machine.card(
            "enp0s31f6",
            "0000:00:1f.6",
            ("8086", "15d7", "e1000e"),
            "48:2a:e3:00:41:7c",
            Some(("1000", "full")),
        );
        machine.radio("wlp61s0", "0000:3d:00.0", ("8086", "24fd", "iwlwifi"), "d4:6d:6d:00:98:1a");
        machine.graphics("0000:00:02.0", "8086", "5917", "i915");
        machine.usb("1-8", ("04f2", "b61e"), ("Chicony Electronics Co.,Ltd.", "Integrated Camera"), "0e");
        machine.packages(&[
            "astra-version 8.1.24",
            "chromium 120.0.6099.129-1",
            "libreoffice 7.5.6-1",
            "cos-agent 0.1.0",
        ]);
        machine.disguised()
    }

    pub fn desktop_with_fillers(fixtures: &Path) -> Self {
        let machine = Self::of("desktop", fixtures, "MSI-MS-7816.bin", "altlinux-10");
        machine.processor("Intel(R) Core(TM) i5-4460  CPU @ 3.20GHz", 4, 4);
        machine.write("etc/hostname", "kab-12-pc03\n");
        machine.write("proc/meminfo", "MemTotal:        8044336 kB\n");
        machine.screen("card0-HDMI-A-1", fixtures, "glpi-samsung-s22e390.bin");
        machine.sata("sda", 468_862_128, "KINGSTON SA400S37240G", "50026B7783417A2C", "0");
        machine.sata("sdb", 1_953_525_168, "ST1000DM010-2EP102", "ZN1417LX", "1");
        machine.card(
            "enp3s0",
            "0000:03:00.0",
            ("10ec", "8168", "r8169"),
            "d8:cb:8a:00:41:7c",
            Some(("100", "full")),
        );
        machine.graphics("0000:00:02.0", "8086", "0412", "i915");
        machine.usb("2-1", ("04a9", "2771"), ("Canon,Inc.", "MF4400 Series"), "07");
        machine.write(
            "etc/cups/printers.conf",
            "<Printer uchitelskaya>\nInfo Canon MF4400\nMakeModel Canon MF4400 Series\nDeviceURI usb://Canon/MF4400%20Series?serial=0417A2C00981\n</Printer>\n",
        );
        machine.disguised()
    }

    pub fn panel_computer(fixtures: &Path) -> Self {
        let machine = Self::of("panel-computer", fixtures, "Beelink-EQ12.bin", "redos-7.3.6");
        machine.processor("Intel(R) N100", 4, 4);
        machine.write("etc/hostname", "aktovy-zal-panel\n");
        machine.write("proc/meminfo", "MemTotal:       16202488 kB\n");
        machine.screen("card0-HDMI-A-1", fixtures, "promethean-activpanel-v6-dig.bin");
        machine.nvme("nvme0n1", 1_000_215_216, "AZW 512G NVMe SSD", "0A41700981");
        machine.write(
            "proc/bus/input/devices",
            "I: Bus=0003 Vendor=222a Product=0001 Version=0110\nN: Name=\"ILITEK Multi-Touch-V5100\"\nS: Sysfs=/devices/pci0000:00/0000:00:14.0/usb1/1-3/1-3:1.0/input/input5\nU: Uniq=\nB: PROP=2\nB: ABS=260800000000003\n\n",
        );
        machine.card(
            "enp1s0",
            "0000:01:00.0",
            ("8086", "125c", "igc"),
            "78:55:36:00:41:7c",
            Some(("1000", "full")),
        );
        machine.radio("wlp2s0", "0000:02:00.0", ("8086", "2725", "iwlwifi"), "e0:d4:64:00:98:1a");
        machine.graphics("0000:00:02.0", "8086", "46d1", "i915");
        machine.usb("1-3", ("222a", "0001"), ("ILITEK", "ILITEK-TP"), "03");
        machine.disguised()
    }

    fn of(name: &'static str, fixtures: &Path, table: &str, release: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = Self { name, folder };
        let bytes = fs::read(fixtures.join("smbios").join(table)).unwrap();
        machine.write("dmidecode.bin", bytes);
        machine.write("etc/os-release", fs::read(fixtures.join("os-release").join(release)).unwrap());
        machine.write("proc/sys/kernel/osrelease", "6.1.90-1-generic\n");
        machine.write("proc/sys/kernel/arch", "x86_64\n");
        machine.write("sys/firmware/efi/fw_platform_size", "64\n");
        let secure_boot = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
        machine.write(secure_boot, [6, 0, 0, 0, 1]);
        machine
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn attributes(&self, directory: &str, attributes: &[(&str, &str)]) {
        for (name, value) in attributes {
            self.write(&format!("{directory}/{name}"), format!("{value}\n"));
        }
    }

    /// A link that leads to `target`, both relative to the tree's root.
    fn link(&self, path: &str, target: &str) {
        let place = self.folder.path().join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let up = "../".repeat(path.matches('/').count());
        std::os::unix::fs::symlink(format!("{up}{target}"), place).unwrap();
    }

    fn processor(&self, model: &str, cores: usize, threads: usize) {
        let mut text = String::new();
        for thread in 0..threads {
            let core = thread % cores;
            text.push_str(&format!(
                "processor\t: {thread}\nvendor_id\t: GenuineIntel\nmodel name\t: {model}\nphysical id\t: 0\nsiblings\t: {threads}\ncore id\t\t: {core}\ncpu cores\t: {cores}\nflags\t\t: fpu lm\n\n"
            ));
            let place = format!("sys/devices/system/cpu/cpu{thread}/topology");
            self.attributes(&place, &[("physical_package_id", "0"), ("core_id", &core.to_string())]);
        }
        self.write("proc/cpuinfo", text);
        self.write("sys/devices/system/cpu/online", format!("0-{}\n", threads - 1));
        self.write("sys/devices/system/cpu/present", format!("0-{}\n", threads - 1));
    }

    fn screen(&self, connector: &str, fixtures: &Path, edid: &str) {
        let bytes = fs::read(fixtures.join("edid").join(edid)).unwrap();
        self.write(&format!("sys/class/drm/{connector}/edid"), bytes);
        self.write(&format!("sys/class/drm/{connector}/status"), "connected\n");
    }

    fn nvme(&self, name: &str, sectors: u64, model: &str, serial: &str) {
        let place = format!("sys/devices/pci0000:00/0000:00:1d.0/nvme/nvme0/{name}");
        self.attributes(
            &place,
            &[("size", &sectors.to_string()), ("removable", "0"), ("queue/rotational", "0")],
        );
        let device = "sys/devices/pci0000:00/0000:00:1d.0/nvme/nvme0";
        self.attributes(
            device,
            &[
                ("model", model),
                ("serial", serial),
                ("firmware_rev", "EXA74D1Q"),
                ("state", "live"),
            ],
        );
        self.link(&format!("{place}/device"), device);
        self.link(&format!("sys/block/{name}"), &place);
    }

    fn sata(&self, name: &str, sectors: u64, model: &str, serial: &str, rotational: &str) {
        let port = if name == "sda" { "ata1" } else { "ata2" };
        let device = format!("sys/devices/pci0000:00/0000:00:1f.2/{port}/host0/target0:0:0/0:0:0:0");
        let place = format!("{device}/block/{name}");
        let number = if name == "sda" { "8:0" } else { "8:16" };
        self.attributes(
            &place,
            &[
                ("size", &sectors.to_string()),
                ("removable", "0"),
                ("queue/rotational", rotational),
                ("dev", number),
            ],
        );
        self.attributes(
            &device,
            &[
                ("vendor", "ATA"),
                ("model", &model[..model.len().min(16)]),
                ("rev", "CC43"),
                ("state", "running"),
            ],
        );
        self.link(&format!("{place}/device"), &device);
        self.link(&format!("sys/block/{name}"), &place);
        let udev = format!(
            "E:ID_ATA=1\nE:ID_BUS=ata\nE:ID_MODEL={}\nE:ID_SERIAL_SHORT={serial}\nE:ID_TYPE=disk\n",
            model.replace(' ', "_")
        );
        self.write(&format!("run/udev/data/b{number}"), udev);
    }

    fn card(&self, name: &str, place: &str, (vendor, device, driver): (&str, &str, &str), address: &str, link: Option<(&str, &str)>) {
        let function = self.function(place, vendor, device, driver, "0x020000");
        let card = format!("sys/class/net/{name}");
        self.attributes(
            &card,
            &[("address", address), ("addr_assign_type", "0"), ("type", "1"), ("ifindex", "2")],
        );
        if let Some((speed, duplex)) = link {
            self.attributes(&card, &[("speed", speed), ("duplex", duplex)]);
        }
        self.link(&format!("{card}/device"), &function);
    }

    fn radio(&self, name: &str, place: &str, ids: (&str, &str, &str), address: &str) {
        self.card(name, place, ids, address, None);
        self.write(&format!("sys/class/net/{name}/phy80211/macaddress"), format!("{address}\n"));
    }

    fn graphics(&self, place: &str, vendor: &str, device: &str, driver: &str) {
        self.function(place, vendor, device, driver, "0x030000");
    }

    fn function(&self, place: &str, vendor: &str, device: &str, driver: &str, class: &str) -> String {
        let function = format!("sys/devices/pci0000:00/{place}");
        let ids = [
            ("vendor", format!("0x{vendor}")),
            ("device", format!("0x{device}")),
            ("class", class.to_owned()),
        ];
        for (name, value) in &ids {
            self.write(&format!("{function}/{name}"), format!("{value}\n"));
        }
        fs::create_dir_all(self.folder.path().join(format!("sys/bus/pci/drivers/{driver}"))).unwrap();
        self.link(&format!("{function}/driver"), &format!("sys/bus/pci/drivers/{driver}"));
        self.link(&format!("sys/bus/pci/devices/{place}"), &function);
        function
    }

    fn usb(&self, name: &str, (vendor, product): (&str, &str), (maker, model): (&str, &str), class: &str) {
        let device = format!("sys/bus/usb/devices/{name}");
        let attributes = [
            ("idVendor", vendor),
            ("idProduct", product),
            ("manufacturer", maker),
            ("product", model),
            ("bDeviceClass", "00"),
        ];
        self.attributes(&device, &attributes);
        let interface = format!("sys/bus/usb/devices/{name}:1.0");
        self.attributes(
            &interface,
            &[
                ("bInterfaceClass", class),
                ("bInterfaceSubClass", "01"),
                ("bInterfaceProtocol", "02"),
            ],
        );
    }

    fn packages(&self, packages: &[&str]) {
        let block = |package: &&str| {
            let (name, version) = package.split_once(' ').unwrap();
            format!("Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nInstalled-Size: 1417\nVersion: {version}\n\n")
        };
        self.write("var/lib/dpkg/status", packages.iter().map(block).collect::<String>());
    }

    /// The same computer under invented numbers.
    fn disguised(self) -> Self {
        let inventory = collect(&self.tree());
        let path = self.folder.path().join("dmidecode.bin");
        let mut table = fs::read(&path).unwrap();
        for serial in serials(&inventory) {
            exchange(&mut table, serial.as_bytes(), invented(&serial).as_bytes());
        }
        let uuid = inventory
            .sections
            .system
            .content()
            .and_then(|system| system.uuid.as_ref()?.plausible().copied());
        if let Some(uuid) = uuid {
            let uuid: uuid::Uuid = uuid.to_string().parse().unwrap();
            let other = uuid::Uuid::from_u128(0x0041_7a2c_0098_11ee_8c3f_482a_e300_417c);
            exchange(&mut table, uuid.as_bytes(), other.as_bytes());
            exchange(&mut table, &uuid.to_bytes_le(), &other.to_bytes_le());
        }
        fs::write(path, table).unwrap();
        self.disguise_screens();
        let left: Vec<String> = serials(&collect(&self.tree()))
            .into_iter()
            .filter(|serial| serials(&inventory).contains(serial))
            .collect();
        assert!(left.is_empty(), "{}: a stranger's number is left: {left:?}", self.name);
        self
    }

    /// EDID keeps its number as 32 bits, as text, and a sum over both.
    fn disguise_screens(&self) {
        let ports = fs::read_dir(self.folder.path().join("sys/class/drm")).unwrap();
        for port in ports.map(|port| port.unwrap().path().join("edid")) {
            let mut edid = fs::read(&port).unwrap();
            // Those that say nothing stay as they are.
            if !matches!(u32::from_le_bytes(edid[12..16].try_into().unwrap()), 0 | 1 | 0x0101_0101) {
                edid[12..16].copy_from_slice(&417_098_u32.to_le_bytes());
            }
            for descriptor in [54, 72, 90, 108] {
                if edid[descriptor..descriptor + 4] == [0, 0, 0, 0xff] {
                    let text = &mut edid[descriptor + 5..descriptor + 18];
                    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
                    let other = invented(&String::from_utf8_lossy(&text[..end]));
                    text[..end].copy_from_slice(other.as_bytes());
                }
            }
            let sum = edid[..127].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
            edid[127] = sum.wrapping_neg();
            fs::write(port, edid).unwrap();
        }
    }
}

/// The numbers in the firmware's table that name something.
fn serials(inventory: &Inventory) -> Vec<String> {
    let sections = &inventory.sections;
    let mut found: Vec<Option<&Fact<SerialNumber>>> = Vec::new();
    if let Some(system) = sections.system.content() {
        found.push(system.serial.as_ref());
        found.push(system.baseboard.as_ref().and_then(|board| board.serial.as_ref()));
        found.push(system.chassis.as_ref().and_then(|chassis| chassis.serial.as_ref()));
    }
    if let Some(memory) = sections.memory.content() {
        found.extend(memory.modules.iter().map(|module| module.serial.as_ref()));
    }
    let plausible = found.into_iter().flatten().filter_map(Fact::plausible);
    plausible.map(|serial| serial.as_str().trim().to_owned()).collect()
}

/// As long, with digits where digits were: nothing else of the number is kept.
fn invented(serial: &str) -> String {
    let mut digits = "417098152630".chars().cycle();
    let mut letters = "CDAEBF".chars().cycle();
    let other = |c: char| match c {
        c if c.is_ascii_digit() => digits.next().unwrap(),
        c if c.is_ascii_alphabetic() => letters.next().unwrap(),
        c => c,
    };
    serial.chars().map(other).collect()
}

fn exchange(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, window)| *window == from)
        .map(|(place, _)| place)
        .collect();
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to);
    }
}
