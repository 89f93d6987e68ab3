//! Screens and graphics adapters in words: what a screen is and how surely, how large it is or why nobody knows.

use inventory_schema::device::Fact;
use inventory_schema::inventory::{Confidence, Display, Monitor, ScreenClue, ScreenKind};

use super::network::hardware_name;
use super::{Block, Cell, Knowing, table, wire_name};
use crate::name::{Names, Origin};
use crate::part::PartKind;
use crate::web::format::memory_size;
use crate::web::language::Language;

pub(super) fn display(section: &Display, know: &Knowing<'_>) -> Vec<Block> {
    let monitor_columns = vec![
        know.t("fact-screen"),
        know.t("fact-model"),
        know.t("fact-diagonal"),
        know.t("fact-mode"),
        know.t("fact-serial"),
        know.t("fact-made"),
    ];
    let monitors = section.monitors.iter().map(|monitor| row(monitor, know)).collect();
    let adapter_columns = vec![know.t("fact-hardware-id"), know.t("fact-driver"), know.t("fact-video-memory")];
    let adapters = section
        .adapters
        .iter()
        .map(|adapter| {
            vec![
                know.known(&adapter.hardware_id, |_| hardware_name(&adapter.hardware_id, know.names)),
                know.text(&adapter.driver),
                know.cell(&adapter.memory, |size| memory_size(size.get(), know.language)),
            ]
        })
        .collect();
    vec![
        table(Some(know.t("block-monitors")), monitor_columns, monitors),
        table(Some(know.t("block-adapters")), adapter_columns, adapters),
    ]
}

fn row(monitor: &Monitor, know: &Knowing<'_>) -> Vec<Cell> {
    vec![
        what(monitor, know),
        model(monitor, know),
        diagonal(monitor, know),
        mode(monitor, know),
        know.serial(&monitor.serial, PartKind::Monitor, part_model(monitor).as_deref()),
        made(monitor, know.language),
    ]
}

/// By which the ledger of parts knows a screen beside its number.
fn part_model(monitor: &Monitor) -> Option<String> {
    let maker = monitor.maker.as_ref().and_then(Fact::plausible).map(ToString::to_string);
    let model = monitor.model.as_ref().and_then(Fact::plausible).map(ToString::to_string);
    let named: Vec<String> = [maker, model].into_iter().flatten().map(|text| text.trim().to_owned()).collect();
    Some(named.join(" ")).filter(|name| !name.is_empty())
}

/// «Вероятно, интерактивная панель», the port, and what speaks for it.
fn what(monitor: &Monitor, know: &Knowing<'_>) -> Cell {
    let l = know.language;
    let port = format!(
        "{}, {}",
        l.family("connection", &wire_name(&monitor.connection.value)),
        monitor.port
    );
    let cell = Cell {
        source: Some(super::source_name(monitor.connection.source, l)),
        ..Cell::default()
    };
    let Some(taken) = &monitor.taken_for else {
        return Cell {
            text: l.t("screen-unknown"),
            ..cell
        }
        .with_note(Some(port));
    };
    let clues: Vec<String> = taken.clues.iter().map(|clue| clue_words(*clue, l)).collect();
    let why = (!clues.is_empty()).then(|| l.with("screen-because", "clues", &clues.join("; ")));
    Cell {
        text: surely(&l.family("screen", &wire_name(&taken.kind)), taken.confidence, taken.kind, l),
        ..cell
    }
    .with_note(Some(port))
    .with_note(why)
}

fn surely(noun: &str, confidence: Confidence, kind: ScreenKind, l: Language) -> String {
    match confidence {
        _ if matches!(kind, ScreenKind::Unknown | ScreenKind::Other) => noun.to_owned(),
        Confidence::Certain | Confidence::Other => noun.to_owned(),
        Confidence::Likely => l.with("screen-likely", "screen", noun),
        Confidence::Possible => l.with("screen-possible", "screen", noun),
    }
}

fn clue_words(clue: ScreenClue, l: Language) -> String {
    l.family("clue", &wire_name(&clue))
}

fn model(monitor: &Monitor, know: &Knowing<'_>) -> Cell {
    let mut cell = know.text(&monitor.model);
    let maker = monitor.maker.as_ref().map(|maker| maker.value.to_string()).unwrap_or_default();
    cell.text = format!("{maker} {}", cell.text).trim().to_owned();
    let others: Vec<String> = monitor.other_names.iter().map(ToString::to_string).collect();
    let code = monitor
        .product_code
        .as_ref()
        .map(|code| know.language.with("screen-code", "code", &code.value.to_string()));
    cell.with_note(Some(others.join(", "))).with_note(code)
}

/// A screen's diagonal in tenths of an inch, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Diagonal {
    /// By the model, in the list of names.
    Named(u64),
    /// By its sides in millimetres.
    Measured(u64),
    Unknown,
}

/// What a person taught of the model goes first; then the sides, where they are sides; then what is shipped.
pub fn diagonal_of(monitor: &Monitor, names: &Names) -> Diagonal {
    let model = monitor.model.as_ref().and_then(Fact::plausible);
    let of_model = model.and_then(|model| names.panel_tenths(model.as_str()));
    if let Some((tenths, Origin::Taught)) = of_model {
        return Diagonal::Named(tenths);
    }
    let known_basis = monitor.size_basis.is_none_or(inventory_schema::inventory::SizeBasis::is_known);
    let side =
        |fact: &Option<Fact<inventory_schema::quantity::Millimetres>>| fact.as_ref().and_then(Fact::plausible).map(|side| side.get());
    match (side(&monitor.width), side(&monitor.height), of_model) {
        (Some(width), Some(height), _) if known_basis => Diagonal::Measured(tenths(width, height)),
        (_, _, Some((tenths, _))) => Diagonal::Named(tenths),
        _ => Diagonal::Unknown,
    }
}

fn tenths(width: u64, height: u64) -> u64 {
    let square = width.saturating_pow(2).saturating_add(height.saturating_pow(2));
    (square.saturating_mul(100).isqrt().saturating_mul(10) + 127) / 254
}

fn diagonal(monitor: &Monitor, know: &Knowing<'_>) -> Cell {
    let l = know.language;
    let basis = monitor.size_basis.map(|basis| l.family("size-basis", &wire_name(&basis)));
    match diagonal_of(monitor, know.names) {
        Diagonal::Named(tenths) => Cell {
            source: Some(l.t("source-names")),
            ..Cell::plain(inches(tenths, l)).with_note(Some(l.t("size-basis-named")))
        },
        Diagonal::Measured(tenths) => Cell {
            source: monitor.width.as_ref().map(|width| super::source_name(width.source, l)),
            ..Cell::plain(inches(tenths, l)).with_note(basis)
        },
        Diagonal::Unknown if monitor.width.is_none() && basis.is_none() => Cell::default(),
        Diagonal::Unknown => Cell::plain(l.t("diagonal-unknown")).with_note(basis),
    }
}

pub fn inches(tenths: u64, l: Language) -> String {
    let separator = if l == Language::Russian { ',' } else { '.' };
    match tenths % 10 {
        0 => format!("{}″", tenths / 10),
        tenth => format!("{}{separator}{tenth}″", tenths / 10),
    }
}

/// «1920 × 1080, 60 Гц».
fn mode(monitor: &Monitor, know: &Knowing<'_>) -> Cell {
    let (Some(horizontal), Some(vertical)) = (&monitor.horizontal, &monitor.vertical) else {
        return Cell::default();
    };
    let l = know.language;
    let refresh = monitor.refresh.as_ref().map(|refresh| {
        let tenths = (refresh.value.get() + 50) / 100;
        let separator = if l == Language::Russian { ',' } else { '.' };
        let rate = match tenths % 10 {
            0 => format!("{}", tenths / 10),
            tenth => format!("{}{separator}{tenth}", tenths / 10),
        };
        format!("{rate}\u{a0}{}", l.t("unit-hertz"))
    });
    let interlaced = monitor
        .interlaced
        .as_ref()
        .is_some_and(|interlaced| interlaced.value)
        .then(|| l.t("mode-interlaced"));
    let notes: Vec<String> = [refresh, interlaced].into_iter().flatten().collect();
    know.known(horizontal, |width| format!("{}\u{a0}×\u{a0}{}", width.get(), vertical.value.get()))
        .with_note(Some(notes.join(", ")))
}

fn made(monitor: &Monitor, l: Language) -> Cell {
    let source = |source| Some(super::source_name(source, l));
    let Some(year) = &monitor.made_in_year else {
        return monitor.model_year.as_ref().map_or_else(Cell::default, |year| Cell {
            source: source(year.source),
            ..Cell::plain(l.with("made-model-year", "year", &year.value.get().to_string()))
        });
    };
    let week = monitor
        .made_in_week
        .as_ref()
        .map(|week| l.n("week-of-year", &i64::try_from(week.value.get()).unwrap_or(0)));
    Cell {
        source: source(year.source),
        ..Cell::plain(year.value.get()).with_note(week)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monitor(body: &str) -> Monitor {
        serde_json::from_str(body).unwrap()
    }

    fn sized(width: u64, height: u64, trust: &str, basis: &str) -> Monitor {
        monitor(&format!(
            r#"{{"port":"HDMI-A-1","connection":{{"value":"hdmi","source":"sysfs_drm"}},"model":{{"value":"ActivPanel","source":"edid"}},
            "width":{{"value":{width},"source":"edid","trust":"{trust}"}},"height":{{"value":{height},"source":"edid","trust":"{trust}"}},
            "size_basis":"{basis}"}}"#
        ))
    }

    #[test]
    fn inches_are_rounded_as_screens_are_sold() {
        let names = Names::default();
        for (width, height, said) in [(527, 296, "23,8″"), (344, 194, "15,5″"), (1428, 803, "64,5″"), (309, 174, "14″")] {
            let Diagonal::Measured(tenths) = diagonal_of(&sized(width, height, "plausible", "timing"), &names) else {
                panic!("{width} × {height} is a size");
            };
            assert_eq!(inches(tenths, Language::Russian), said);
        }
    }

    #[test]
    fn a_filler_for_a_size_shows_no_inches_and_says_why() {
        let names = Names::default();
        let know = Knowing::of(&names, Language::Russian);
        let cell = diagonal(&sized(1150, 650, "placeholder", "scaler_default"), &know);
        assert!(!cell.text.contains('″'), "{cell:?}");
        assert!(cell.notes[0].contains("плат"), "{cell:?}");
        // A basis that is none outweighs sides that an older agent let pass.
        assert_eq!(
            diagonal_of(&sized(1600, 900, "plausible", "proportions"), &names),
            Diagonal::Unknown
        );
    }

    #[test]
    fn a_screen_is_said_with_how_surely_and_why() {
        let names = Names::default();
        let know = Knowing::of(&names, Language::Russian);
        let body = r#"{"port":"HDMI-A-1","connection":{"value":"hdmi","source":"sysfs_drm"},
            "taken_for":{"kind":"interactive_panel","confidence":"likely","clues":["scaler_size","maker"]}}"#;
        let cell = what(&monitor(body), &know);
        assert_eq!(cell.text, "вероятно, интерактивная панель");
        assert_eq!(cell.notes[0], "HDMI, HDMI-A-1");
        assert!(cell.notes[1].contains("изготовител"), "{cell:?}");
    }
}
