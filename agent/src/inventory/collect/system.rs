//! The computer as a whole and its operating system.

use inventory_schema::device::{Fact, Hostname, Source};
use inventory_schema::inventory::{Firmware, OperatingSystem, SecureBoot, System};
use inventory_schema::section::{CollectionProblem, ReadFailure, Section};
use inventory_schema::text::{HardwareText, SoftwareVersion, Word};

use super::Problems;
use crate::inventory::hypervisor_cards;
use crate::inventory::processor::CpuInfo;
use crate::inventory::smbios::Table;
use crate::inventory::{os_release, system};
use crate::platform::{self, FileTree, ReadError};

/// The variable's name and the GUID of the EFI specification's global variables.
const SECURE_BOOT: &str = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// The kernel shows one tree in two places; copies often have only one of them.
const DEVICE_TREES: [&str; 2] = ["proc/device-tree", "sys/firmware/devicetree/base"];

/// A list of a few names.
const COMPATIBLE_LIMIT: u64 = 4096;

/// SMBIOS, else the kernel's digest of it, else the device tree.
pub(super) fn collect(tree: &FileTree, table: Option<&Table<'_>>, firmware: &[CollectionProblem]) -> Section<System> {
    let mut problems = Problems(firmware.to_vec());
    let mut system = match table {
        Some(table) => system::from_smbios(table),
        None => without_table(tree, &mut problems),
    };
    if let Some(secure_boot) = secure_boot(tree, &mut problems) {
        system.firmware.get_or_insert_with(Firmware::default).secure_boot = Some(Fact::new(secure_boot, Source::Efi));
    }
    system.hypervisor = hypervisor(tree, &system);
    problems.section(system)
}

fn without_table(tree: &FileTree, problems: &mut Problems) -> System {
    let mut attribute = |name: &str| {
        let text = match tree.text(&format!("sys/class/dmi/id/{name}")) {
            Err(error @ ReadError::PermissionDenied { .. }) => {
                problems.add_for(name, Source::DmiSysfs, error.failure(), &error.detail());
                return None;
            }
            read => read.ok()?,
        };
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let system = system::from_dmi_attributes(&mut attribute);
    if system != System::default() {
        return system;
    }
    let board = |name: &str| DEVICE_TREES.iter().find_map(|directory| tree.line(&format!("{directory}/{name}")));
    let compatible = DEVICE_TREES
        .iter()
        .find_map(|directory| tree.read(&format!("{directory}/compatible"), COMPATIBLE_LIMIT).ok());
    system::from_device_tree(
        board("model").as_deref(),
        board("serial-number").as_deref(),
        &compatible.unwrap_or_default(),
    )
}

fn secure_boot(tree: &FileTree, problems: &mut Problems) -> Option<SecureBoot> {
    if !tree.exists("sys/firmware/efi") {
        // Its absence says something only where all of sysfs was there to be looked at.
        let whole = tree.exists("sys/firmware") && tree.exists("sys/kernel");
        return whole.then_some(SecureBoot::Unsupported);
    }
    let variable = problems.keep_if_present(Source::Efi, tree.read(SECURE_BOOT, 64))?;
    let state = system::secure_boot(&variable);
    if state.is_none() {
        problems.add(Source::Efi, ReadFailure::Malformed, "the variable SecureBoot is neither 0 nor 1");
    }
    state
}

/// By firmware, clock or cards; else the processor's own word that there is one.
fn hypervisor(tree: &FileTree, system: &System) -> Option<Fact<HardwareText>> {
    let is_virtual = || tree.text("proc/cpuinfo").is_ok_and(|text| CpuInfo::read(&text).is_virtual());
    let clocks = tree
        .line("sys/devices/system/clocksource/clocksource0/available_clocksource")
        .unwrap_or_default();
    let cards = || hypervisor_cards::hypervisor(&tree.text("proc/bus/pci/devices").ok()?);
    system::hypervisor(system, &clocks).or_else(cards).or_else(|| {
        let unnamed = HardwareText::observed("unnamed hypervisor")?;
        is_virtual().then(|| Fact::new(unnamed, Source::ProcCpuinfo))
    })
}

pub(super) fn collect_operating_system(tree: &FileTree) -> Section<OperatingSystem> {
    let mut problems = Problems::default();
    let text = match tree.text("etc/os-release") {
        Err(ReadError::NotPresent { .. }) => tree.text("usr/lib/os-release"),
        read => read,
    };
    let mut system = problems
        .keep(Source::OsRelease, text)
        .map(|text| os_release::read(&text))
        .unwrap_or_default();
    system.release = release(tree, &system).or(system.release);
    system.kernel = kernel(tree)
        .and_then(|text| SoftwareVersion::observed(&text))
        .map(|version| Fact::new(version, Source::Kernel));
    system.architecture = architecture(tree)
        .and_then(|text| Word::observed(&text))
        .map(|word| Fact::new(word, Source::Kernel));
    system.host_name = host_name(tree).map(|name| Fact::new(name, Source::HostName));
    for (missing, source) in [
        (system.kernel.is_none(), "the kernel's release"),
        (system.architecture.is_none(), "the architecture"),
    ] {
        if missing {
            problems.add(Source::Kernel, ReadFailure::NotPresent, &format!("nothing states {source}"));
        }
    }
    problems.section(system)
}

/// What the system states in a file of its own goes before os-release: updates change it first.
fn release(tree: &FileTree, system: &OperatingSystem) -> Option<Fact<SoftwareVersion>> {
    let (id, version) = system.id.as_ref().zip(system.version.as_ref())?;
    let text = tree.line(os_release::release_file(id.value.as_str())?)?;
    let release = os_release::stated_release(&text, version.value.as_str())?;
    Some(Fact::new(release, Source::OsRelease))
}

fn kernel(tree: &FileTree) -> Option<String> {
    // `Linux version 6.1.0-26-amd64 (…`
    let of_version = || tree.line("proc/version")?.split(' ').nth(2).map(str::to_owned);
    tree.line("proc/sys/kernel/osrelease").or_else(of_version)
}

/// The file exists since Linux 6.1; a running kernel can be asked.
fn architecture(tree: &FileTree) -> Option<String> {
    if tree.is_live() {
        Some(platform::machine_architecture())
    } else {
        tree.line("proc/sys/kernel/arch")
    }
}

fn host_name(tree: &FileTree) -> Option<Hostname> {
    let name = tree.line("etc/hostname").filter(|name| !name.starts_with('#'));
    let name = name.or_else(|| tree.line("proc/sys/kernel/hostname"))?;
    Hostname::without_person_names(&name)
}
