//! Network cards: `/sys/class/net` and the bus behind each card.

use std::collections::BTreeMap;

use inventory_schema::device::{MacAddress, Source};
use inventory_schema::inventory::Network;
use inventory_schema::section::{ReadFailure, Section};
use inventory_schema::text::Word;

use super::Problems;
use crate::inventory::hardware_id;
use crate::inventory::network::{RawCard, card, hides_its_address};
use crate::inventory::udev::UdevRecord;
use crate::platform::{self, FileTree};

pub(super) fn collect(tree: &FileTree) -> Section<Network> {
    let mut problems = Problems::default();
    let names = problems.devices(tree, Source::SysfsNet, "sys/class/net").unwrap_or_default();
    let asked = own_addresses(tree, &mut problems);
    let raw: Vec<RawCard> = names.iter().filter_map(|name| raw_card(tree, name, &asked)).collect();
    if !tree.is_live() {
        for hidden in raw.iter().filter(|raw| hides_its_address(raw)) {
            let detail = "only the running system tells a card's own address";
            problems.add_for(&hidden.name, Source::Netlink, ReadFailure::NotPresent, detail);
        }
    }
    let cards = raw.iter().filter_map(card).collect();
    problems.section(Network { cards })
}

/// The cards' own addresses by the numbers of their interfaces; only a running kernel can be asked.
fn own_addresses(tree: &FileTree, problems: &mut Problems) -> BTreeMap<u32, MacAddress> {
    if !tree.is_live() {
        return BTreeMap::new();
    }
    platform::own_addresses().unwrap_or_else(|error| {
        problems.add(Source::Netlink, ReadFailure::SystemError, &error.to_string());
        BTreeMap::new()
    })
}

/// `None` for a software interface: no device stands behind it.
fn raw_card(tree: &FileTree, name: &str, asked: &BTreeMap<u32, MacAddress>) -> Option<RawCard> {
    let path = |attribute: &str| format!("sys/class/net/{name}/{attribute}");
    let attribute = |name: &str| tree.line(&path(name));
    if !tree.exists(&path("device")) && tree.link_name(&path("device")).is_none() {
        return None;
    }
    let place = tree.resolve(&path("device")).unwrap_or_default();
    let number = attribute("ifindex").and_then(|number| number.parse::<u32>().ok());
    let record = number.and_then(|number| tree.text(&format!("run/udev/data/n{number}")).ok());
    Some(RawCard {
        asked_address: number.and_then(|number| asked.get(&number).copied()),
        name_by_address: record.and_then(|record| UdevRecord::read(&record).text("ID_NET_NAME_MAC")),
        name: name.to_owned(),
        address: attribute("address"),
        assignment: attribute("addr_assign_type"),
        radio_address: attribute("phy80211/macaddress"),
        speed: attribute("speed"),
        duplex: attribute("duplex"),
        hardware_type: attribute("type"),
        uevent: tree.text(&path("uevent")).unwrap_or_default(),
        is_radio: tree.exists(&path("wireless")) || tree.exists(&path("phy80211")) || tree.link_name(&path("phy80211")).is_some(),
        driver: tree.link_name(&path("device/driver")),
        hardware_id: bus_id(tree, &place),
        place,
    })
}

/// The ids of the nearest PCI or USB device at or above `place`: a card on USB is an interface of its device,
/// a virtio card sits on a PCI function.
fn bus_id(tree: &FileTree, place: &str) -> Option<(Word, Source)> {
    let mut here = Some(place);
    while let Some(directory) = here.filter(|directory| directory.contains('/')) {
        let attribute = |name: &str| tree.line(&format!("{directory}/{name}"));
        if let Some(id) = attribute("idVendor")
            .zip(attribute("idProduct"))
            .and_then(|(vendor, product)| hardware_id(&vendor, &product))
        {
            return Some((id, Source::SysfsUsb));
        }
        // Only PCI functions have a class; the ids of virtio have another meaning.
        if attribute("class").is_some() {
            let id = hardware_id(&attribute("vendor")?, &attribute("device")?)?;
            return Some((id, Source::SysfsPci));
        }
        here = directory.rsplit_once('/').map(|(parent, _)| parent);
    }
    None
}
