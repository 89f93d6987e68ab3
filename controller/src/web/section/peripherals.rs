//! Processors, memory, disks, screens, network cards, batteries and peripherals, in words.

use inventory_schema::device::{Fact, Source};
use inventory_schema::inventory::{
    Battery, Display, Memory, MemoryModule, Monitor, Network, NetworkCard, Peripherals, Processors, Storage,
};

use super::{Block, Cell, Facts, cell, known, source_name, table, wire_name};
use crate::name::{NameKind, Names, Origin};
use crate::web::format::{disk_size, memory_size, number, rate};
use crate::web::language::Language;
use inventory_schema::text::Word;

/// A code with the name it has, or its vendor's.
fn with_name(code: &str, kind: NameKind, names: &Names) -> String {
    match names.of(kind, code) {
        Some(named) => format!("{} ({code})", named.name),
        None => code.to_owned(),
    }
}

/// Network cards are on either bus, and only the source says on which.
fn hardware_name(id: &Fact<Word>, names: &Names) -> String {
    let kind = if id.source == Source::SysfsUsb {
        NameKind::Usb
    } else {
        NameKind::Pci
    };
    with_name(id.value.as_str(), kind, names)
}

pub(super) fn processors(section: &Processors, l: Language) -> Vec<Block> {
    let several = section.processors.len() > 1;
    section
        .processors
        .iter()
        .zip(1i64..)
        .map(|(processor, place)| {
            Facts::new(l)
                .text(l.t("fact-model"), &processor.model)
                .text(l.t("fact-maker"), &processor.maker)
                .fact(l.t("fact-cores"), &processor.cores, |count| count.get().to_string())
                .fact(l.t("fact-threads"), &processor.threads, |count| count.get().to_string())
                .fact(l.t("fact-max-clock"), &processor.max_clock, |clock| {
                    format!("{}\u{a0}{}", whole(clock.get()), l.t("unit-megahertz"))
                })
                .block(several.then(|| l.n("block-processor", &place)))
        })
        .collect()
}

pub(super) fn memory(section: &Memory, names: &Names, l: Language) -> Vec<Block> {
    let whole = Facts::new(l)
        .fact(l.t("fact-installed"), &section.installed, |size| memory_size(size.get(), l))
        .fact(l.t("fact-usable"), &section.usable, |size| memory_size(size.get(), l))
        .fact(l.t("fact-slots"), &section.slots, |count| count.get().to_string())
        .block(None);
    let columns = vec![
        l.t("fact-slot"),
        l.t("fact-size"),
        l.t("fact-technology"),
        l.t("fact-speed"),
        l.t("fact-maker"),
        l.t("fact-part-number"),
        l.t("fact-serial"),
    ];
    let rows = section.modules.iter().map(|module| memory_row(module, names, l)).collect();
    vec![whole, table(Some(l.t("block-modules")), columns, rows)]
}

fn memory_row(module: &MemoryModule, names: &Names, l: Language) -> Vec<Cell> {
    vec![
        module.slot.as_ref().map(Cell::plain).unwrap_or_default(),
        cell(&module.size, l, |size| memory_size(size.get(), l)),
        cell(&module.technology, l, ToString::to_string),
        cell(&module.speed, l, |speed| {
            format!("{}\u{a0}{}", whole(speed.get()), l.t("unit-megatransfers"))
        }),
        cell(&module.maker, l, |maker| with_name(maker.as_str(), NameKind::Jedec, names)),
        cell(&module.part_number, l, ToString::to_string),
        cell(&module.serial, l, ToString::to_string),
    ]
}

pub(super) fn storage(section: &Storage, l: Language) -> Vec<Block> {
    let columns = vec![
        l.t("fact-name"),
        l.t("fact-kind"),
        l.t("fact-maker"),
        l.t("fact-model"),
        l.t("fact-size"),
        l.t("fact-serial"),
        l.t("fact-firmware"),
        l.t("fact-removable"),
    ];
    let rows = section
        .disks
        .iter()
        .map(|disk| {
            vec![
                Cell::plain(&disk.name),
                known(&disk.kind, l, |kind| l.family("disk", &wire_name(kind))),
                cell(&disk.maker, l, ToString::to_string),
                cell(&disk.model, l, ToString::to_string),
                cell(&disk.size, l, |size| disk_size(size.get(), l)),
                cell(&disk.serial, l, ToString::to_string),
                cell(&disk.firmware, l, ToString::to_string),
                cell(&disk.removable, l, |removable| if *removable { l.t("yes") } else { l.t("no") }),
            ]
        })
        .collect();
    vec![table(None, columns, rows)]
}

pub(super) fn display(section: &Display, names: &Names, l: Language) -> Vec<Block> {
    let monitor_columns = vec![
        l.t("fact-port"),
        l.t("fact-connection"),
        l.t("fact-maker"),
        l.t("fact-model"),
        l.t("fact-serial"),
        l.t("fact-resolution"),
        l.t("fact-diagonal"),
        l.t("fact-made"),
    ];
    let monitors = section.monitors.iter().map(|monitor| monitor_row(monitor, names, l)).collect();
    let adapter_columns = vec![l.t("fact-hardware-id"), l.t("fact-driver"), l.t("fact-video-memory")];
    let adapters = section
        .adapters
        .iter()
        .map(|adapter| {
            vec![
                known(&adapter.hardware_id, l, |_| hardware_name(&adapter.hardware_id, names)),
                cell(&adapter.driver, l, ToString::to_string),
                cell(&adapter.memory, l, |size| memory_size(size.get(), l)),
            ]
        })
        .collect();
    vec![
        table(Some(l.t("block-monitors")), monitor_columns, monitors),
        table(Some(l.t("block-adapters")), adapter_columns, adapters),
    ]
}

fn monitor_row(monitor: &Monitor, names: &Names, l: Language) -> Vec<Cell> {
    vec![
        Cell::plain(&monitor.port),
        known(&monitor.connection, l, |connection| l.family("connection", &wire_name(connection))),
        cell(&monitor.maker, l, ToString::to_string),
        cell(&monitor.model, l, ToString::to_string),
        cell(&monitor.serial, l, ToString::to_string),
        pair(monitor, l),
        diagonal(monitor, names, l),
        made(monitor, l),
    ]
}

fn pair(monitor: &Monitor, l: Language) -> Cell {
    let (Some(horizontal), Some(vertical)) = (&monitor.horizontal, &monitor.vertical) else {
        return Cell::default();
    };
    known(horizontal, l, |width| {
        format!("{}\u{a0}×\u{a0}{}", width.get(), vertical.value.get())
    })
}

/// From the sides in millimetres, in tenths of an inch, as screens are sold; or what is known of the model, where
/// somebody measured one, or the screen does not say.
fn diagonal(monitor: &Monitor, names: &Names, l: Language) -> Cell {
    let model = monitor.model.as_ref().and_then(Fact::plausible);
    let of_model = model.and_then(|model| names.panel_tenths(model.as_str()));
    let sides = (&monitor.width, &monitor.height);
    let says = matches!(sides, (Some(width), Some(height)) if width.trust.is_plausible() && height.trust.is_plausible());
    if let Some((tenths, origin)) = of_model
        && (origin == Origin::Taught || !says)
    {
        return Cell {
            source: Some(l.t("source-names")),
            ..Cell::plain(inches(tenths, l))
        };
    }
    let (Some(width), Some(height)) = sides else {
        return Cell::default();
    };
    let square = width.value.get().pow(2) + height.value.get().pow(2);
    let tenths = (square.saturating_mul(100)).isqrt() * 10 / 254;
    known(width, l, |_| inches(tenths, l))
}

fn inches(tenths: u64, l: Language) -> String {
    let separator = if l == Language::Russian { ',' } else { '.' };
    format!("{}{separator}{}″", tenths / 10, tenths % 10)
}

fn made(monitor: &Monitor, l: Language) -> Cell {
    let mut made = cell(&monitor.made_in_year, l, |year| year.get().to_string());
    if let (Some(week), false) = (&monitor.made_in_week, made.text.is_empty()) {
        made.text = format!(
            "{}, {}",
            made.text,
            l.n("week-of-year", &i64::try_from(week.value.get()).unwrap_or(0))
        );
    }
    made
}

pub(super) fn network(section: &Network, names: &Names, l: Language) -> Vec<Block> {
    let columns = vec![
        l.t("fact-name"),
        l.t("fact-medium"),
        l.t("fact-permanent-address"),
        l.t("fact-address"),
        l.t("fact-link"),
        l.t("fact-driver"),
        l.t("fact-hardware-id"),
    ];
    let rows = section.cards.iter().map(|card| network_row(card, names, l)).collect();
    vec![table(None, columns, rows)]
}

fn network_row(card: &NetworkCard, names: &Names, l: Language) -> Vec<Cell> {
    vec![
        Cell::plain(&card.name),
        known(&card.medium, l, |medium| l.family("medium", &wire_name(medium))),
        cell(&card.permanent_address, l, ToString::to_string),
        cell(&card.address, l, ToString::to_string),
        cell(&card.link, l, |link| rate(link.get(), l)),
        cell(&card.driver, l, ToString::to_string),
        card.hardware_id
            .as_ref()
            .map(|id| known(id, l, |_| hardware_name(id, names)))
            .unwrap_or_default(),
    ]
}

pub(super) fn battery(section: &Battery, l: Language) -> Vec<Block> {
    section
        .cells
        .iter()
        .map(|battery| {
            let energy = |value: u64| format!("{}\u{a0}{}", whole(value / 1000), l.t("unit-watt-hours"));
            Facts::new(l)
                .text(l.t("fact-maker"), &battery.maker)
                .text(l.t("fact-model"), &battery.model)
                .text(l.t("fact-serial"), &battery.serial)
                .text(l.t("fact-technology"), &battery.technology)
                .fact(l.t("fact-design-capacity"), &battery.design_capacity, |capacity| {
                    energy(capacity.get())
                })
                .fact(l.t("fact-full-capacity"), &battery.full_capacity, |capacity| energy(capacity.get()))
                .block(Some(battery.name.to_string()))
        })
        .collect()
}

pub(super) fn peripherals(section: &Peripherals, names: &Names, l: Language) -> Vec<Block> {
    let usb_columns = vec![
        l.t("fact-kind"),
        l.t("fact-maker"),
        l.t("fact-model"),
        l.t("fact-hardware-id"),
        l.t("fact-serial"),
    ];
    let usb = section
        .usb
        .iter()
        .map(|device| {
            vec![
                Cell {
                    source: Some(source_name(device.source, l)),
                    ..Cell::plain(l.family("peripheral", &wire_name(&device.kind)))
                },
                device.maker.as_ref().map(Cell::plain).unwrap_or_default(),
                device.model.as_ref().map(Cell::plain).unwrap_or_default(),
                Cell::plain(with_name(device.hardware_id.as_str(), NameKind::Usb, names)),
                device.serial.as_ref().map(Cell::plain).unwrap_or_default(),
            ]
        })
        .collect();
    vec![
        table(Some(l.t("block-usb")), usb_columns, usb),
        cameras(section, l),
        printers(section, l),
        touch_screens(section, l),
    ]
}

fn cameras(section: &Peripherals, l: Language) -> Block {
    let rows = section
        .cameras
        .iter()
        .map(|camera| {
            vec![Cell {
                source: Some(source_name(camera.source, l)),
                ..Cell::plain(&camera.model)
            }]
        })
        .collect();
    table(Some(l.t("block-cameras")), vec![l.t("fact-model")], rows)
}

fn printers(section: &Peripherals, l: Language) -> Block {
    let rows = section
        .printers
        .iter()
        .map(|printer| {
            vec![
                Cell {
                    source: Some(source_name(printer.source, l)),
                    ..Cell::plain(&printer.name)
                },
                printer.model.as_ref().map(Cell::plain).unwrap_or_default(),
                printer.serial.as_ref().map(Cell::plain).unwrap_or_default(),
            ]
        })
        .collect();
    let columns = vec![l.t("fact-queue"), l.t("fact-model"), l.t("fact-serial")];
    table(Some(l.t("block-printers")), columns, rows)
}

fn touch_screens(section: &Peripherals, l: Language) -> Block {
    let rows = section.touch_screens.iter().map(|name| vec![Cell::plain(name)]).collect();
    table(Some(l.t("block-touch-screens")), vec![l.t("fact-name")], rows)
}

fn whole(value: u64) -> String {
    number(i64::try_from(value).unwrap_or(i64::MAX))
}
