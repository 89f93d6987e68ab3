//! Memory: the array, its modules, what is free, in words.

use inventory_schema::device::Fact;
use inventory_schema::inventory::{Memory, MemoryModule};

use super::processor::whole;
use super::{Block, Cell, Facts, Knowing, table, wire_name};
use crate::name::NameKind;
use crate::part::PartKind;
use crate::web::format::memory_size;

pub(super) fn memory(section: &Memory, know: &Knowing<'_>) -> Vec<Block> {
    let l = know.language;
    let size = |size: &inventory_schema::quantity::Bytes| memory_size(size.get(), l);
    let free: Vec<String> = section.empty_slots.iter().map(ToString::to_string).collect();
    let array = Facts::new(know)
        .fact(l.t("fact-installed"), &section.installed, size)
        .fact(l.t("fact-usable"), &section.usable, size)
        .fact(l.t("fact-slots"), &section.slots, |count| count.get().to_string())
        .line(l.t("fact-empty-slots"), Some(Cell::plain(free.join(", "))))
        .fact(l.t("fact-max-capacity"), &section.max_capacity, size)
        .fact(l.t("fact-error-correction"), &section.error_correction, |kind| {
            l.family("error-correction", &wire_name(kind))
        })
        .fact(l.t("fact-mapped"), &section.mapped, size)
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
    let rows = section.modules.iter().map(|module| row(module, know)).collect();
    vec![array, table(Some(l.t("block-modules")), columns, rows)]
}

fn row(module: &MemoryModule, know: &Knowing<'_>) -> Vec<Cell> {
    let l = know.language;
    let part_number = module
        .part_number
        .as_ref()
        .and_then(Fact::plausible)
        .map(|number| number.to_string().trim().to_owned());
    vec![
        module
            .slot
            .as_ref()
            .map(Cell::plain)
            .unwrap_or_default()
            .with_note(module.bank.as_ref().map(ToString::to_string)),
        know.cell(&module.size, |size| memory_size(size.get(), l)),
        know.text(&module.technology).with_note(form(module, know)),
        speed(module, know),
        maker(module, know),
        know.text(&module.part_number),
        know.serial(&module.serial, PartKind::MemoryModule, part_number.as_deref()),
    ]
}

/// «SODIMM, рангов 2».
fn form(module: &MemoryModule, know: &Knowing<'_>) -> Option<String> {
    let form = module.form.as_ref().map(|form| form.value.to_string());
    let ranks = module
        .ranks
        .as_ref()
        .map(|ranks| know.language.n("memory-ranks", &i64::try_from(ranks.value.get()).unwrap_or(0)));
    let said: Vec<String> = [form, ranks].into_iter().flatten().collect();
    Some(said.join(", "))
}

/// What it can, and what it does where the board is slower.
fn speed(module: &MemoryModule, know: &Knowing<'_>) -> Cell {
    let rate = |rate: &inventory_schema::quantity::Megatransfers| format!("{}\u{a0}{}", whole(rate.get()), know.t("unit-megatransfers"));
    let configured = module.configured_speed.as_ref().filter(|configured| {
        let able = module.speed.as_ref().map(|speed| speed.value);
        able != Some(configured.value)
    });
    let note = configured.map(|configured| know.language.with("memory-runs-at", "rate", &rate(&configured.value)));
    know.cell(&module.speed, rate).with_note(note)
}

/// By its name where a code stands for it, in the maker's own field or beside it.
fn maker(module: &MemoryModule, know: &Knowing<'_>) -> Cell {
    let named = |code: &str| know.names.of(NameKind::Jedec, code).map(|named| format!("{} ({code})", named.name));
    let by_code = module.maker_code.as_ref().and_then(|code| named(&code.value.to_string()));
    let stated = know.cell(&module.maker, |maker| named(maker.as_str()).unwrap_or_else(|| maker.to_string()));
    match by_code {
        Some(name) if module.maker.as_ref().and_then(Fact::plausible).is_none() => Cell {
            source: module
                .maker_code
                .as_ref()
                .map(|code| super::source_name(code.source, know.language)),
            ..Cell::plain(name)
        },
        Some(name) if stated.text.chars().all(|c| c.is_ascii_hexdigit()) => Cell { text: name, ..stated },
        _ => stated,
    }
}
