//! What is plugged in, as rows: each printer, camera and touch surface once, though USB lists them too.

use std::io;

use inventory_schema::inventory::{Camera, PeripheralKind, Peripherals, Printer, TouchSurface, UsbDevice};

use super::{View, joined, words};
use crate::language::Language;

impl View<'_> {
    pub(super) fn peripherals(&mut self, peripherals: &Peripherals) -> io::Result<()> {
        let lang = self.lang;
        for device in peripherals.usb.iter().filter(|device| !has_row_of_its_own(device, peripherals)) {
            let kind = words::peripheral(device.kind, lang);
            self.row(kind, kind, Some(usb(device)))?;
        }
        for camera in &peripherals.cameras {
            let kind = words::peripheral(PeripheralKind::Camera, lang);
            self.row(kind, kind, Some(of_camera(camera)))?;
        }
        for printer in &peripherals.printers {
            let kind = words::printer(printer.kind, lang);
            self.row(kind, kind, Some(of_printer(printer, lang)))?;
        }
        for surface in &peripherals.touch_surfaces {
            self.row("Сенсорный экран", "Touch screen", Some(of_surface(surface)))?;
        }
        // Agents of before listed names only.
        for name in peripherals.touch_screens.iter().filter(|_| peripherals.touch_surfaces.is_empty()) {
            self.row("Сенсорный экран", "Touch screen", Some(name.to_string()))?;
        }
        let is_empty = *peripherals == Peripherals::default();
        self.nothing(is_empty, "ничего не подключено", "nothing is plugged in")
    }
}

/// Whether a camera or printer is shown in its own row below.
fn has_row_of_its_own(device: &UsbDevice, peripherals: &Peripherals) -> bool {
    let id = Some(&device.hardware_id);
    peripherals.cameras.iter().any(|camera| camera.hardware_id.as_ref() == id)
        || peripherals.printers.iter().any(|printer| printer.hardware_id.as_ref() == id)
}

fn text(value: &Option<impl ToString>) -> Option<String> {
    value.as_ref().map(ToString::to_string)
}

fn number(serial: &Option<impl ToString>) -> Option<String> {
    serial.as_ref().map(|serial| format!("№ {}", serial.to_string()))
}

fn usb(device: &UsbDevice) -> String {
    joined([
        text(&device.maker),
        text(&device.model),
        Some(device.hardware_id.to_string()),
        number(&device.serial),
    ])
}

fn of_camera(camera: &Camera) -> String {
    joined([
        text(&camera.maker),
        Some(camera.model.to_string()),
        text(&camera.hardware_id),
        number(&camera.serial),
    ])
}

fn of_printer(printer: &Printer, lang: Language) -> String {
    let name = printer.name.to_string();
    let model = text(&printer.model).filter(|model| *model != name);
    let connection = printer
        .connection
        .map(|connection| words::printer_connection(connection, lang).to_owned());
    let answered = printer
        .answer
        .as_ref()
        .map(|_| lang.choose("ответил по SNMP", "answered by SNMP").to_owned());
    joined([Some(name), model, number(&printer.serial), connection, answered])
}

fn of_surface(surface: &TouchSurface) -> String {
    joined([Some(surface.model.to_string()), text(&surface.hardware_id), number(&surface.serial)])
}
