//! The computer as a whole, its operating system and its software, in words.

use inventory_schema::inventory::{OperatingSystem, Software, System};

use super::{Block, Facts, PackageLine, PackageListView, wire_name};
use crate::web::language::Language;

pub(super) fn system(system: &System, l: Language) -> Vec<Block> {
    let whole = Facts::new(l)
        .text(l.t("fact-maker"), &system.maker)
        .text(l.t("fact-model"), &system.model)
        .text(l.t("fact-version"), &system.version)
        .text(l.t("fact-family"), &system.family)
        .text(l.t("fact-sku"), &system.sku)
        .text(l.t("fact-serial"), &system.serial)
        .text(l.t("fact-uuid"), &system.uuid)
        .text(l.t("fact-hypervisor"), &system.hypervisor)
        .block(None);
    vec![whole, chassis(system, l), baseboard(system, l), firmware(system, l)]
}

fn chassis(system: &System, l: Language) -> Block {
    let chassis = system.chassis.clone().unwrap_or_default();
    Facts::new(l)
        .fact(l.t("fact-kind"), &chassis.kind, |kind| l.family("chassis", &wire_name(kind)))
        .text(l.t("fact-maker"), &chassis.maker)
        .text(l.t("fact-serial"), &chassis.serial)
        .text(l.t("fact-asset-tag"), &chassis.asset_tag)
        .block(Some(l.t("block-chassis")))
}

fn baseboard(system: &System, l: Language) -> Block {
    let board = system.baseboard.clone().unwrap_or_default();
    Facts::new(l)
        .text(l.t("fact-maker"), &board.maker)
        .text(l.t("fact-model"), &board.model)
        .text(l.t("fact-version"), &board.version)
        .text(l.t("fact-serial"), &board.serial)
        .block(Some(l.t("block-baseboard")))
}

fn firmware(system: &System, l: Language) -> Block {
    let firmware = system.firmware.clone().unwrap_or_default();
    Facts::new(l)
        .text(l.t("fact-maker"), &firmware.maker)
        .text(l.t("fact-version"), &firmware.version)
        .text(l.t("fact-date"), &firmware.date)
        .fact(l.t("fact-secure-boot"), &firmware.secure_boot, |state| {
            l.family("secure-boot", &wire_name(state))
        })
        .block(Some(l.t("block-firmware")))
}

pub(super) fn operating_system(system: &OperatingSystem, l: Language) -> Vec<Block> {
    let facts = Facts::new(l)
        .text(l.t("fact-title"), &system.title)
        .text(l.t("fact-version"), &system.version)
        .text(l.t("fact-variant"), &system.variant)
        .text(l.t("fact-os-id"), &system.id)
        .text(l.t("fact-kernel"), &system.kernel)
        .text(l.t("fact-architecture"), &system.architecture)
        .text(l.t("fact-host-name"), &system.host_name);
    vec![facts.block(None)]
}

pub(super) fn packages(software: &Software, l: Language) -> Vec<PackageListView> {
    software
        .lists
        .iter()
        .map(|list| PackageListView {
            manager: l.family("manager", &wire_name(&list.manager)),
            count: i64::try_from(list.packages.len()).unwrap_or(i64::MAX),
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
