//! The computer as a whole, its operating system and its software, in words.

use inventory_schema::device::Fact;
use inventory_schema::inventory::{OperatingSystem, Software, System};

use super::{Block, Cell, Facts, Knowing, PackageLine, PackageListView, source_name, wire_name};
use crate::web::format::disk_size;
use crate::web::language::Language;

pub(super) fn system(system: &System, know: &Knowing<'_>) -> Vec<Block> {
    let compatible: Vec<String> = system.compatible.iter().map(|board| board.value.to_string()).collect();
    let whole = Facts::new(know)
        .text(know.t("fact-maker"), &system.maker)
        .text(know.t("fact-model"), &system.model)
        .text(know.t("fact-version"), &system.version)
        .text(know.t("fact-family"), &system.family)
        .text(know.t("fact-sku"), &system.sku)
        .text(know.t("fact-hypervisor"), &system.hypervisor)
        .line(know.t("fact-compatible"), Some(Cell::plain(compatible.join(", "))))
        .block(None);
    vec![
        whole,
        baseboard(system, know),
        chassis(system, know),
        firmware(system, know),
        tpm(system, know),
        expansion(system, know),
    ]
}

fn chassis(system: &System, know: &Knowing<'_>) -> Block {
    let chassis = system.chassis.clone().unwrap_or_default();
    Facts::new(know)
        .fact(know.t("fact-kind"), &chassis.kind, |kind| {
            know.language.family("chassis", &wire_name(kind))
        })
        .text(know.t("fact-maker"), &chassis.maker)
        .text(know.t("fact-version"), &chassis.version)
        .text(know.t("fact-sku"), &chassis.sku)
        .fact(know.t("fact-lock"), &chassis.has_lock, |lock| yes_or_no(*lock, know.language))
        .block(Some(know.t("block-chassis")))
}

fn yes_or_no(value: bool, l: Language) -> String {
    if value { l.t("yes") } else { l.t("no") }
}

fn baseboard(system: &System, know: &Knowing<'_>) -> Block {
    let board = system.baseboard.clone().unwrap_or_default();
    Facts::new(know)
        .text(know.t("fact-maker"), &board.maker)
        .text(know.t("fact-model"), &board.model)
        .text(know.t("fact-version"), &board.version)
        .text(know.t("fact-asset-tag"), &board.asset_tag)
        .block(Some(know.t("block-baseboard")))
}

fn firmware(system: &System, know: &Knowing<'_>) -> Block {
    let firmware = system.firmware.clone().unwrap_or_default();
    Facts::new(know)
        .fact(know.t("fact-secure-boot"), &firmware.secure_boot, |state| {
            know.language.family("secure-boot", &wire_name(state))
        })
        .text(know.t("fact-maker"), &firmware.maker)
        .text(know.t("fact-version"), &firmware.version)
        .text(know.t("fact-date"), &firmware.date)
        .text(know.t("fact-smbios-version"), &system.smbios_version)
        .block(Some(know.t("block-firmware")))
}

fn tpm(system: &System, know: &Knowing<'_>) -> Block {
    let tpm = system.tpm.clone().unwrap_or_default();
    Facts::new(know)
        .text(know.t("fact-tpm-specification"), &tpm.specification)
        .text(know.t("fact-maker"), &tpm.maker)
        .text(know.t("fact-firmware"), &tpm.firmware)
        .text(know.t("fact-title"), &tpm.description)
        .block(Some(know.t("block-tpm")))
}

fn expansion(system: &System, know: &Knowing<'_>) -> Block {
    let strings: Vec<String> = system.oem_strings.iter().map(|string| string.value.to_string()).collect();
    let source = system.oem_strings.first().map(|string| source_name(string.source, know.language));
    let strings = Cell {
        source,
        ..Cell::plain(strings.join("; "))
    };
    Facts::new(know)
        .fact(know.t("fact-expansion-slots"), &system.expansion_slots, |count| {
            count.get().to_string()
        })
        .fact(know.t("fact-free-expansion-slots"), &system.free_expansion_slots, |count| {
            count.get().to_string()
        })
        .line(know.t("fact-oem-strings"), Some(strings))
        .block(Some(know.t("block-expansion")))
}

/// What people call a system: its title, with the release to its last number where the title does not say it.
pub fn release_said(system: &OperatingSystem) -> Option<String> {
    let said = |text: &dyn std::fmt::Display| text.to_string().trim().to_owned();
    let title = system.title.as_ref().and_then(Fact::plausible).map(|title| said(title));
    let release = system.release.as_ref().and_then(Fact::plausible).map(|release| said(release));
    // Astra writes the architecture behind its version: `1.8_x86-64`.
    let version = system
        .version
        .as_ref()
        .and_then(Fact::plausible)
        .map(|version| said(version).split('_').next().unwrap_or_default().to_owned());
    let title = title.or_else(|| system.id.as_ref().map(|id| said(&id.value)))?;
    let number = release
        .or(version)
        .filter(|number| !number.is_empty() && !title.contains(number.as_str()));
    Some(match number {
        // «РЕД ОС 7.3» of release 7.3.6: the longer number alone.
        Some(number) => match title.rsplit_once(' ') {
            Some((name, shorter)) if number.starts_with(shorter) && shorter.starts_with(|c: char| c.is_ascii_digit()) => {
                format!("{name} {number}")
            }
            _ => format!("{title} {number}"),
        },
        None => title,
    })
}

pub(super) fn operating_system(system: &OperatingSystem, know: &Knowing<'_>) -> Vec<Block> {
    let title = release_said(system).map(|title| Cell {
        source: system.title.as_ref().map(|title| source_name(title.source, know.language)),
        ..Cell::plain(title)
    });
    let facts = Facts::new(know)
        .line(know.t("fact-title"), title)
        .text(know.t("fact-version"), &system.version)
        .text(know.t("fact-release"), &system.release)
        .text(know.t("fact-variant"), &system.variant)
        .text(know.t("fact-os-id"), &system.id)
        .text(know.t("fact-kernel"), &system.kernel)
        .text(know.t("fact-architecture"), &system.architecture)
        .text(know.t("fact-host-name"), &system.host_name);
    vec![facts.block(None)]
}

pub(super) fn packages(software: &Software, l: Language) -> Vec<PackageListView> {
    software
        .lists
        .iter()
        .map(|list| PackageListView {
            manager: l.family("manager", &wire_name(&list.manager)),
            count: i64::try_from(list.packages.len()).unwrap_or(i64::MAX),
            size: list.installed_size.map(|size| disk_size(size.get(), l)),
            last_change: list.last_change,
            packages: list
                .packages
                .iter()
                .map(|package| PackageLine {
                    name: package.name.to_string(),
                    version: package.version.as_ref().map(ToString::to_string).unwrap_or_default(),
                    architecture: package.architecture.as_ref().map(ToString::to_string).unwrap_or_default(),
                })
                .collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(title: &str, version: &str, release: Option<&str>) -> String {
        let fact = |value: &str| serde_json::json!({ "value": value, "source": "os_release" });
        let mut body = serde_json::json!({ "title": fact(title), "version": fact(version) });
        if let Some(release) = release {
            body["release"] = fact(release);
        }
        release_said(&serde_json::from_value(body).unwrap()).unwrap()
    }

    #[test]
    fn a_system_is_named_with_its_release() {
        assert_eq!(said("Astra Linux", "1.8_x86-64", Some("1.8.1.6")), "Astra Linux 1.8.1.6");
        assert_eq!(said("Astra Linux", "1.8_x86-64", None), "Astra Linux 1.8");
        assert_eq!(said("RED OS 7.3", "7.3", Some("7.3.6")), "RED OS 7.3.6");
        assert_eq!(said("RED OS MUROM (7.3.6)", "7.3", Some("7.3.6")), "RED OS MUROM (7.3.6)");
        assert_eq!(
            said("Debian GNU/Linux 12 (bookworm)", "12", Some("12.7")),
            "Debian GNU/Linux 12 (bookworm) 12.7"
        );
        assert_eq!(said("ALT Education 10.4", "10.4", None), "ALT Education 10.4");
    }
}
