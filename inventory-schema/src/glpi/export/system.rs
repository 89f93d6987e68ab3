//! The computer as a whole: firmware's numbers, its name, its system and software.

use serde_json::json;

use super::Extras;
use super::words;
use crate::device::Fact;
use crate::glpi::content::{Bios, Hardware, MAX_PACKAGES, OperatingSystem as GlpiSystem, Software as GlpiSoftware};
use crate::glpi::lenient::{Items, Text, Whole};
use crate::inventory::{DeviceKind, Firmware, OperatingSystem, Sections, SecureBoot, Software, System};

pub fn bios(system: &System, ours: &mut Extras) -> Bios {
    let board = system.baseboard.as_ref();
    let chassis = system.chassis.as_ref();
    let firmware = system.firmware.as_ref();
    if let Some(kind) = &system.kind {
        ours.put("kind", json!({ "kind": kind.kind, "certainty": kind.certainty }));
    }
    Bios {
        smanufacturer: ours.plausible("bios.smanufacturer", system.maker.as_ref()),
        smodel: ours.plausible("bios.smodel", system.model.as_ref()),
        ssn: ours.plausible("bios.ssn", system.serial.as_ref()),
        skunumber: ours.plausible("bios.skunumber", system.sku.as_ref()),
        mmanufacturer: ours.plausible("bios.mmanufacturer", board.and_then(|board| board.maker.as_ref())),
        mmodel: ours.plausible("bios.mmodel", board.and_then(|board| board.model.as_ref())),
        msn: ours.plausible("bios.msn", board.and_then(|board| board.serial.as_ref())),
        assettag: ours.plausible("bios.assettag", chassis.and_then(|chassis| chassis.asset_tag.as_ref())),
        enclosureserial: ours.plausible("bios.enclosureserial", chassis.and_then(|chassis| chassis.serial.as_ref())),
        bmanufacturer: ours.plausible("bios.bmanufacturer", firmware.and_then(|firmware| firmware.maker.as_ref())),
        bversion: ours.plausible("bios.bversion", firmware.and_then(|firmware| firmware.version.as_ref())),
        bdate: firmware
            .and_then(|firmware| firmware.date.as_ref())
            .and_then(|date| words::date(date.value.as_str()))
            .map(Text::new),
        secure_boot: firmware.and_then(secure_boot),
        biosserial: None,
    }
}

fn secure_boot(firmware: &Firmware) -> Option<Text> {
    let word = match firmware.secure_boot.as_ref()?.value {
        SecureBoot::Enabled => "enabled",
        SecureBoot::Disabled => "disabled",
        SecureBoot::Unsupported => "unsupported",
    };
    Some(Text::new(word))
}

pub fn hardware(sections: &Sections, ours: &mut Extras) -> Hardware {
    let system = sections.system.content();
    let host = sections
        .operating_system
        .content()
        .and_then(|operating_system| operating_system.host_name.as_ref());
    let usable = sections.memory.content().and_then(|memory| memory.usable.as_ref());
    let chassis = system.and_then(|system| system.chassis.as_ref()?.kind.as_ref());
    Hardware {
        name: ours.plausible("hardware.name", host),
        uuid: ours.plausible("hardware.uuid", system.and_then(|system| system.uuid.as_ref())),
        chassis_type: chassis.and_then(|kind| words::chassis_word(kind.value)).map(Text::new),
        memory: usable.and_then(|bytes| Whole::of(bytes.value.get() / (1024 * 1024))),
        vmsystem: system.and_then(virtual_machine),
        ..Hardware::default()
    }
}

/// «Physical» is claimed only of a computer that was looked at.
fn virtual_machine(system: &System) -> Option<Text> {
    let is_virtual = system.kind.as_ref().map(|kind| kind.kind == DeviceKind::Virtual);
    match (&system.hypervisor, is_virtual) {
        (Some(hypervisor), _) => Some(Text::new(hypervisor.value.as_str())),
        (None, Some(true)) => Some(Text::new("Virtual")),
        (None, Some(false)) => Some(Text::new("Physical")),
        (None, None) => None,
    }
}

pub fn operating_system(system: &OperatingSystem) -> GlpiSystem {
    fn text<T: ToString>(fact: Option<&Fact<T>>) -> Option<Text> {
        fact.map(|fact| Text::new(fact.value.to_string()))
    }
    GlpiSystem {
        full_name: text(system.title.as_ref()),
        name: text(system.id.as_ref()),
        version: text(system.release.as_ref()).or_else(|| text(system.version.as_ref())),
        kernel_name: system.kernel.as_ref().map(|_| Text::new("linux")),
        kernel_version: text(system.kernel.as_ref()),
        arch: text(system.architecture.as_ref()),
        ..GlpiSystem::default()
    }
}

pub fn softwares(software: &Software) -> Option<Items<GlpiSoftware, MAX_PACKAGES>> {
    let packages = software.lists.iter().flat_map(|list| {
        let from = words::package_source(list.manager);
        list.packages.iter().map(move |package| GlpiSoftware {
            name: Some(Text::new(package.name.as_str())),
            version: package.version.as_ref().map(|version| Text::new(version.as_str())),
            arch: package.architecture.as_ref().map(|arch| Text::new(arch.as_str())),
            from: from.map(Text::new),
            ..GlpiSoftware::default()
        })
    });
    Items::of(packages.collect())
}
