//! Disks in words: those of the computer, what is plugged in, and what a hypervisor made, each apart.

use inventory_schema::device::Fact;
use inventory_schema::inventory::{Disk, DiskKind, Storage};

use super::{Block, Cell, Knowing, table, wire_name};
use crate::part::PartKind;
use crate::web::format::disk_size;

pub(super) fn storage(section: &Storage, know: &Knowing<'_>) -> Vec<Block> {
    let (mut built_in, mut plugged, mut made) = (Vec::new(), Vec::new(), Vec::new());
    for disk in &section.disks {
        let row = row(disk, know);
        match disk.kind.value {
            DiskKind::Virtual => made.push(row),
            _ if is_plugged(disk) => plugged.push(row),
            _ => built_in.push(row),
        }
    }
    let only_one = plugged.is_empty() && made.is_empty();
    vec![
        table((!only_one).then(|| know.t("block-disks")), columns(know), built_in),
        table(Some(know.t("block-plugged-disks")), columns(know), plugged),
        table(Some(know.t("block-virtual-disks")), columns(know), made),
    ]
}

/// A stick, a case on USB, a card.
pub(in crate::web) fn is_plugged(disk: &Disk) -> bool {
    let removable = disk.removable.as_ref().is_some_and(|removable| removable.value);
    removable || matches!(disk.kind.value, DiskKind::Usb | DiskKind::SdCard)
}

fn columns(know: &Knowing<'_>) -> Vec<String> {
    vec![
        know.t("fact-name"),
        know.t("fact-kind"),
        know.t("fact-size"),
        know.t("fact-model"),
        know.t("fact-serial"),
        know.t("fact-firmware"),
        know.t("fact-wear"),
    ]
}

fn row(disk: &Disk, know: &Knowing<'_>) -> Vec<Cell> {
    let l = know.language;
    let world_wide = disk.world_wide_name.as_ref().map(|name| name.value.to_string());
    vec![
        Cell::plain(&disk.name),
        know.known(&disk.kind, |kind| l.family("disk", &wire_name(kind)))
            .with_note(way(disk, know)),
        know.cell(&disk.size, |size| disk_size(size.get(), l)),
        model(disk, know),
        know.serial(&disk.serial, PartKind::Disk, None).with_note(world_wide),
        know.text(&disk.firmware),
        wear(disk, know),
    ]
}

/// «SATA, съёмный».
fn way(disk: &Disk, know: &Knowing<'_>) -> Option<String> {
    let bus = disk.bus.as_ref().map(|bus| know.language.family("bus", &wire_name(&bus.value)));
    let bus = bus.filter(|_| !matches!(disk.kind.value, DiskKind::Nvme | DiskKind::Usb));
    let removable = disk
        .removable
        .as_ref()
        .filter(|removable| removable.value)
        .map(|_| know.t("disk-removable"));
    Some([bus, removable].into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// Maker and model, the maker not repeated.
fn model(disk: &Disk, know: &Knowing<'_>) -> Cell {
    let maker = disk
        .maker
        .as_ref()
        .and_then(Fact::plausible)
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut cell = know.text(&disk.model);
    if cell.text.is_empty() {
        return know.text(&disk.maker);
    }
    if !cell.text.to_lowercase().starts_with(&maker.to_lowercase()) {
        cell.text = format!("{maker} {}", cell.text);
    }
    cell
}

fn wear(disk: &Disk, know: &Knowing<'_>) -> Cell {
    let l = know.language;
    let health = know.cell(&disk.health, |health| l.family("health", &wire_name(health)));
    let used = disk
        .life_used
        .as_ref()
        .map(|used| l.with("disk-life-used", "percent", &used.value.get().to_string()));
    if health.text.is_empty() {
        return used.map(Cell::plain).unwrap_or_default();
    }
    health.with_note(used)
}
