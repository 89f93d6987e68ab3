//! What a computer is known by, from its sections: one rule for what agents read and for what other
//! systems say ([`crate::likeness`] says what each reading weighs).
//!
//! Sticks, cards and adapters on USB are left out, because they wander (promise 3). The address of a card counts where
//! it is burnt in, or, of another system's word, where the card is said to be on the board's own bus.

use super::{Disk, DiskKind, Memory, Network, NetworkCard, NetworkMedium, Sections, Storage, System};
use crate::device::{Fact, MacAddress, SerialNumber, Source};
use crate::enrollment::HardwareEvidence;

/// What a whole inventory says.
pub fn of(sections: &Sections) -> HardwareEvidence {
    of_parts(
        sections.system.content(),
        sections.memory.content(),
        sections.storage.content(),
        sections.network.content(),
    )
}

/// What those of the four telling sections say that are there.
pub fn of_parts(
    system: Option<&System>,
    memory: Option<&Memory>,
    storage: Option<&Storage>,
    network: Option<&Network>,
) -> HardwareEvidence {
    let board = system.and_then(|system| system.baseboard.as_ref());
    HardwareEvidence {
        system_uuid: system.and_then(|system| system.uuid.as_ref()).and_then(Fact::plausible).copied(),
        system_serial: system.and_then(|system| plausible(system.serial.as_ref())),
        board_serial: board.and_then(|board| plausible(board.serial.as_ref())),
        disk_serials: sorted(storage.into_iter().flat_map(|storage| &storage.disks).filter_map(disk_serial)),
        addresses: sorted(network.into_iter().flat_map(|network| &network.cards).filter_map(wired_address)),
        memory_serials: sorted(
            memory
                .into_iter()
                .flat_map(|memory| &memory.modules)
                .filter_map(|module| plausible(module.serial.as_ref())),
        ),
    }
}

fn plausible(serial: Option<&Fact<SerialNumber>>) -> Option<SerialNumber> {
    serial.and_then(Fact::plausible).cloned()
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
}

fn disk_serial(disk: &Disk) -> Option<SerialNumber> {
    let wanders = matches!(disk.kind.value, DiskKind::Usb | DiskKind::SdCard) || disk.removable.as_ref().is_some_and(|fact| fact.value);
    if wanders { None } else { plausible(disk.serial.as_ref()) }
}

fn wired_address(card: &NetworkCard) -> Option<MacAddress> {
    let wired = matches!(card.medium.value, NetworkMedium::Ethernet | NetworkMedium::Virtual);
    let on_usb = card.hardware_id.as_ref().is_some_and(|id| id.source == Source::SysfsUsb);
    let stated = card
        .address
        .as_ref()
        .filter(|address| matches!(address.source, Source::Glpi | Source::OcsXml) && card.hardware_id.is_some());
    let address = card.permanent_address.as_ref().or(stated).and_then(Fact::plausible)?;
    (wired && !on_usb && !address.is_locally_administered()).then_some(*address)
}
