//! Cameras, touch surfaces, printers and what else is on USB, in words.

use inventory_schema::device::{SerialNumber, Source};
use inventory_schema::inventory::{Camera, Peripherals, Printer, TouchSurface, UsbDevice};
use inventory_schema::text::Word;

use super::network::with_name;
use super::{Block, Cell, Knowing, source_name, table, wire_name};
use crate::name::NameKind;

pub(super) fn peripherals(section: &Peripherals, know: &Knowing<'_>) -> Vec<Block> {
    vec![
        cameras(section, know),
        touch_surfaces(section, know),
        printers(section, know),
        usb(section, know),
    ]
}

fn sourced(text: impl std::fmt::Display, source: Source, know: &Knowing<'_>) -> Cell {
    Cell {
        source: Some(source_name(source, know.language)),
        ..Cell::plain(text)
    }
}

fn plain<T: ToString>(text: &Option<T>) -> Cell {
    text.as_ref().map(|text| Cell::plain(text.to_string())).unwrap_or_default()
}

fn code(id: &Option<Word>, know: &Knowing<'_>) -> Cell {
    id.as_ref()
        .map(|id| Cell::plain(with_name(id.as_str(), NameKind::Usb, know.names)))
        .unwrap_or_default()
}

/// A number that is no part's: judged by the list of fillers all the same.
fn number(serial: &Option<SerialNumber>, source: Source, know: &Knowing<'_>) -> Cell {
    let fact = serial.as_ref().and_then(|serial| SerialNumber::fact(serial.as_str(), source));
    know.text(&fact)
}

fn cameras(section: &Peripherals, know: &Knowing<'_>) -> Block {
    let row = |camera: &Camera| {
        vec![
            sourced(&camera.model, camera.source, know),
            plain(&camera.maker),
            code(&camera.hardware_id, know),
            number(&camera.serial, camera.source, know),
        ]
    };
    let columns = vec![
        know.t("fact-model"),
        know.t("fact-maker"),
        know.t("fact-hardware-id"),
        know.t("fact-serial"),
    ];
    table(Some(know.t("block-cameras")), columns, section.cameras.iter().map(row).collect())
}

/// With what is known of each, where the agent tells; else their names.
fn touch_surfaces(section: &Peripherals, know: &Knowing<'_>) -> Block {
    let row = |surface: &TouchSurface| {
        vec![
            sourced(&surface.model, surface.source, know),
            code(&surface.hardware_id, know),
            number(&surface.serial, surface.source, know),
        ]
    };
    let rows = if section.touch_surfaces.is_empty() {
        let named = section.touch_screens.iter();
        named
            .map(|name| vec![Cell::plain(name), Cell::default(), Cell::default()])
            .collect()
    } else {
        section.touch_surfaces.iter().map(row).collect()
    };
    let columns = vec![know.t("fact-model"), know.t("fact-hardware-id"), know.t("fact-serial")];
    table(Some(know.t("block-touch-screens")), columns, rows)
}

fn printers(section: &Peripherals, know: &Knowing<'_>) -> Block {
    let columns = vec![
        know.t("fact-model"),
        know.t("fact-kind"),
        know.t("fact-connection"),
        know.t("fact-queue"),
        know.t("fact-serial"),
    ];
    let rows = section.printers.iter().map(|printer| printer_row(printer, know)).collect();
    table(Some(know.t("block-printers")), columns, rows)
}

/// What it said of itself over the network stands where nothing else is known.
fn printer_row(printer: &Printer, know: &Knowing<'_>) -> Vec<Cell> {
    let l = know.language;
    let answer = printer.answer.as_ref();
    let model = printer.model.as_ref().or_else(|| answer?.model.as_ref());
    let title = match (&printer.maker, model) {
        (Some(maker), Some(model)) if !model.to_string().to_lowercase().starts_with(&maker.to_string().to_lowercase()) => {
            format!("{maker} {model}")
        }
        (_, Some(model)) => model.to_string(),
        (Some(maker), None) => maker.to_string(),
        (None, None) => printer.name.to_string(),
    };
    let serial = printer.serial.clone().or_else(|| answer?.serial.clone());
    vec![
        sourced(title, printer.source, know).with_note(answer.and_then(|answer| answer.system.as_ref()).map(ToString::to_string)),
        printer
            .kind
            .map(|kind| Cell::plain(l.family("printer-kind", &wire_name(&kind))))
            .unwrap_or_default(),
        printer
            .connection
            .map(|way| Cell::plain(l.family("printer-connection", &wire_name(&way))))
            .unwrap_or_default(),
        Cell::plain(&printer.name),
        number(&serial, printer.source, know),
    ]
}

fn usb(section: &Peripherals, know: &Knowing<'_>) -> Block {
    let row = |device: &UsbDevice| {
        vec![
            sourced(know.language.family("peripheral", &wire_name(&device.kind)), device.source, know),
            plain(&device.maker),
            plain(&device.model),
            code(&Some(device.hardware_id.clone()), know),
            number(&device.serial, device.source, know),
        ]
    };
    let columns = vec![
        know.t("fact-kind"),
        know.t("fact-maker"),
        know.t("fact-model"),
        know.t("fact-hardware-id"),
        know.t("fact-serial"),
    ];
    table(Some(know.t("block-usb")), columns, section.usb.iter().map(row).collect())
}
