//! The computer as a whole, its system and its software.

use super::SaidBy;
use crate::device::{AssetTag, Fact, Hostname, SystemUuid};
use crate::glpi::content::{Bios, Content, Hardware, Software as GlpiSoftware};
use crate::glpi::export::chassis_kind;
use crate::glpi::lenient::said;
use crate::inventory::{
    Baseboard, Chassis, Firmware, OperatingSystem, PackageList, PackageManager, SecureBoot, Software, SoftwarePackage, System,
};
use crate::text::{SoftwareName, SoftwareVersion, SystemTitle, Word};

pub(super) fn system(content: &Content, by: SaidBy) -> Option<System> {
    let (no_bios, no_hardware) = (Bios::default(), Hardware::default());
    let bios = content.bios.as_ref().map_or(&no_bios, |bios| &bios.0);
    let hardware = content.hardware.as_ref().map_or(&no_hardware, |hardware| &hardware.0);
    let system = System {
        maker: by.name(said(&bios.smanufacturer)),
        model: by.name(said(&bios.smodel)),
        sku: by.name(said(&bios.skunumber)),
        serial: by.serial(said(&bios.ssn)),
        uuid: said(&hardware.uuid)
            .and_then(|uuid| uuid.parse::<SystemUuid>().ok())
            .map(|uuid| uuid.fact(by.0)),
        chassis: chassis(bios, hardware, by),
        baseboard: baseboard(bios, by),
        firmware: firmware(bios, by),
        hypervisor: by
            .text(said(&hardware.vmsystem))
            .filter(|name| !name.value.as_str().eq_ignore_ascii_case("physical")),
        ..System::default()
    };
    (system != System::default()).then_some(system)
}

fn chassis(bios: &Bios, hardware: &Hardware, by: SaidBy) -> Option<Chassis> {
    let chassis = Chassis {
        kind: said(&hardware.chassis_type).and_then(chassis_kind).map(|kind| by.fact(kind)),
        serial: by.serial(said(&bios.enclosureserial)),
        asset_tag: said(&bios.assettag).and_then(|tag| {
            let trust = crate::placeholder::trust_of_serial(tag);
            AssetTag::without_person_names(tag).map(|tag| Fact::with_trust(tag, by.0, trust))
        }),
        ..Chassis::default()
    };
    (chassis != Chassis::default()).then_some(chassis)
}

fn baseboard(bios: &Bios, by: SaidBy) -> Option<Baseboard> {
    let board = Baseboard {
        maker: by.name(said(&bios.mmanufacturer)),
        model: by.name(said(&bios.mmodel)),
        serial: by.serial(said(&bios.msn)),
        ..Baseboard::default()
    };
    (board != Baseboard::default()).then_some(board)
}

fn firmware(bios: &Bios, by: SaidBy) -> Option<Firmware> {
    let secure_boot = match said(&bios.secure_boot) {
        Some("enabled") => Some(SecureBoot::Enabled),
        Some("disabled") => Some(SecureBoot::Disabled),
        Some("unsupported") => Some(SecureBoot::Unsupported),
        _ => None,
    };
    let firmware = Firmware {
        maker: by.name(said(&bios.bmanufacturer)),
        version: by.text(said(&bios.bversion)),
        date: by.text(said(&bios.bdate)),
        secure_boot: secure_boot.map(|state| by.fact(state)),
    };
    (firmware != Firmware::default()).then_some(firmware)
}

/// The older agents state the system beside the hardware.
pub(super) fn operating_system(content: &Content, by: SaidBy) -> Option<OperatingSystem> {
    let (none, no_hardware) = (crate::glpi::content::OperatingSystem::default(), Hardware::default());
    let stated = content.operatingsystem.as_ref().map_or(&none, |stated| &stated.0);
    let hardware = content.hardware.as_ref().map_or(&no_hardware, |hardware| &hardware.0);
    let version = |text: Option<&str>| SoftwareVersion::observed(text?).map(|version| by.fact(version));
    let system = OperatingSystem {
        id: by.word(said(&stated.name)),
        version: version(said(&stated.version)).or_else(|| version(said(&hardware.osversion))),
        title: said(&stated.full_name)
            .or(said(&hardware.osname))
            .and_then(SystemTitle::observed)
            .map(|title| by.fact(title)),
        kernel: version(said(&stated.kernel_version)),
        architecture: by.word(said(&stated.arch)),
        host_name: said(&hardware.name)
            .and_then(Hostname::without_person_names)
            .map(|name| by.fact(name)),
        ..OperatingSystem::default()
    };
    (system != OperatingSystem::default()).then_some(system)
}

/// Sorted as our own lists are; what two users have installed is one entry.
pub(super) fn software(stated: &[GlpiSoftware]) -> Option<Software> {
    let mut lists: Vec<PackageList> = Vec::new();
    for software in stated {
        let Some(package) = package(software) else { continue };
        let manager = manager(said(&software.from));
        match lists.iter_mut().find(|list| list.manager == manager) {
            Some(list) => list.packages.push(package),
            None => lists.push(PackageList::new(manager, vec![package])),
        }
    }
    for list in &mut lists {
        list.packages.sort_unstable();
        list.packages.dedup();
    }
    lists.sort_by_key(|list| list.manager as u8);
    (!lists.is_empty()).then_some(Software { lists })
}

fn package(software: &GlpiSoftware) -> Option<SoftwarePackage> {
    Some(SoftwarePackage {
        name: SoftwareName::observed(said(&software.name)?)?,
        version: said(&software.version).and_then(SoftwareVersion::observed),
        architecture: said(&software.arch).and_then(Word::observed),
    })
}

fn manager(from: Option<&str>) -> PackageManager {
    match from.map(str::to_ascii_lowercase).as_deref() {
        Some("deb" | "dpkg") => PackageManager::Dpkg,
        Some("rpm") => PackageManager::Rpm,
        Some("flatpak") => PackageManager::Flatpak,
        Some("snap") => PackageManager::Snap,
        Some("registry" | "uwp") => PackageManager::WindowsUninstall,
        _ => PackageManager::Other,
    }
}
