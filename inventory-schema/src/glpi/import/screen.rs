//! Graphics and screens. A screen's EDID is kept as it came, and its maker, product and date are read from it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::SaidBy;
use super::parts::{MAX_DISKS, hardware_id};
use crate::canonical::Digest;
use crate::glpi::content::{Content, Controller, Monitor as GlpiMonitor};
use crate::glpi::lenient::said;
use crate::inventory::{Display, DisplayConnection, EdidBytes, GraphicsAdapter, Monitor};
use crate::quantity::{Week, Year};
use crate::text::DeviceName;

pub(super) fn display(content: &Content, by: SaidBy) -> Option<Display> {
    let controllers = content.controllers.iter().flat_map(|controllers| &controllers.list);
    let monitors = content.monitors.iter().flat_map(|monitors| &monitors.list);
    let display = Display {
        adapters: controllers
            .filter_map(|controller| adapter(controller, by))
            .take(MAX_DISKS)
            .collect(),
        monitors: (1..)
            .zip(monitors.take(MAX_DISKS))
            .map(|(number, stated)| monitor(number, stated, by))
            .collect(),
    };
    (display != Display::default()).then_some(display)
}

/// Class 03 of PCI.
fn adapter(controller: &Controller, by: SaidBy) -> Option<GraphicsAdapter> {
    if !said(&controller.pciclass)?.starts_with("03") {
        return None;
    }
    Some(GraphicsAdapter {
        hardware_id: by.fact(hardware_id(said(&controller.vendorid)?, said(&controller.productid)?)?),
        driver: said(&controller.driver)
            .and_then(DeviceName::observed)
            .map(|driver| by.fact(driver)),
        memory: None,
    })
}

/// Screens are counted by their place in the list: the format names no ports, and numbers of whole batches are equal.
fn monitor(number: usize, stated: &GlpiMonitor, by: SaidBy) -> Monitor {
    let bytes = said(&stated.base64).and_then(edid);
    let base = bytes.as_deref().and_then(base_block);
    let date = base.as_ref().map(|base| (base.week, base.year));
    Monitor {
        port: DeviceName::observed(&format!("screen {number}")).expect("it is plain"),
        connection: by.fact(DisplayConnection::Other),
        maker: base
            .as_ref()
            .and_then(|base| by.word(base.maker.as_deref()))
            .or_else(|| by.word(said(&stated.manufacturer).filter(|maker| maker.len() == 3))),
        model: by.name(said(&stated.caption).or(said(&stated.name).filter(|_| bytes.is_some()))),
        other_names: Vec::new(),
        product_code: base.as_ref().and_then(|base| by.word(Some(&format!("{:04x}", base.product)))),
        serial: by.serial(said(&stated.serial)),
        serial_text: by.serial(said(&stated.altserial)),
        serial_number: None,
        made_in_week: date
            .filter(|(week, _)| (1..=54).contains(week))
            .map(|(week, _)| by.fact(Week::saturating(u64::from(week)))),
        made_in_year: date
            .filter(|(week, _)| *week != 255)
            .map(|(_, year)| by.fact(Year::saturating(1990 + u64::from(year)))),
        model_year: None,
        width: None,
        height: None,
        size_basis: None,
        horizontal: None,
        vertical: None,
        refresh: None,
        interlaced: None,
        taken_for: None,
        edid: bytes.as_deref().map(Digest::of),
        edid_bytes: bytes.as_deref().and_then(EdidBytes::of),
    }
}

/// Line breaks in base64 are usual.
fn edid(text: &str) -> Option<Vec<u8>> {
    let letters: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(letters).ok().filter(|bytes| EdidBytes::of(bytes).is_some())
}

/// What the first bytes of a base block say.
#[derive(Debug, Clone, PartialEq, Eq)]
struct BaseBlock {
    maker: Option<String>,
    product: u16,
    week: u8,
    year: u8,
}

fn base_block(bytes: &[u8]) -> Option<BaseBlock> {
    let block = bytes.strip_prefix(&[0, 255, 255, 255, 255, 255, 255, 0])?;
    let [first, second, low, high, _, _, _, _, week, year, ..] = *block else {
        return None;
    };
    let letters = u16::from_be_bytes([first, second]);
    let letter = |shift: u32| {
        let number = u8::try_from((letters >> shift) & 31)
            .ok()
            .filter(|number| (1..=26).contains(number))?;
        Some(char::from(b'A' + number - 1))
    };
    Some(BaseBlock {
        maker: [letter(10), letter(5), letter(0)].into_iter().collect(),
        product: u16::from_le_bytes([low, high]),
        week,
        year,
    })
}
