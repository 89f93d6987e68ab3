//! What was read before of a section that cannot be read now. Pure.
//!
//! A section that failed, or was read in part, takes nothing back (promise 4): the parts that the ledger still has in the
//! device are told, with the day on which they were stated last, and of one that failed what lists show of it.

use inventory_schema::SectionName;
use jiff::tz::TimeZone;

use crate::part::{PartKind, Statement};
use crate::store::device::DeviceSummary;
use crate::store::part::DevicePart;
use crate::web::format::{disk_size, memory_size, moment};
use crate::web::part::PartWords;
use crate::web::section::{Block, Cell, FactLine, Knowing, Table};

/// The parts of the section's kind that it does not state and that have not left the device; `None` where there are none.
pub fn block(section: SectionName, stated: Option<&Statement>, know: &Knowing<'_>, zone: &TimeZone) -> Option<Block> {
    let kind = PartKind::of_section(section)?;
    let is_stated = |held: &DevicePart| stated.is_some_and(|stated| stated.parts.iter().any(|part| part.identity == held.part.identity));
    let unread = know
        .held
        .iter()
        .filter(|held| held.gone_at.is_none() && held.part.identity.kind == kind && !is_stated(held));
    let rows: Vec<Vec<Cell>> = unread.map(|held| row(held, know, zone)).collect();
    (!rows.is_empty()).then(|| Block {
        title: Some(know.t("block-before")),
        facts: Vec::new(),
        table: Some(Table {
            columns: vec![
                know.t("part"),
                know.t("fact-size"),
                know.t("part-slot"),
                know.t("fact-serial"),
                know.t("before-read"),
            ],
            rows,
        }),
    })
}

/// What lists show of a section that failed; `None` where it was never read.
pub fn summary(section: SectionName, summary: &DeviceSummary, know: &Knowing<'_>) -> Option<Block> {
    let l = know.language;
    let text = |label: &str, text: &Option<String>| text.clone().map(|text| (l.t(label), text));
    let size = |bytes: Option<i64>| bytes.and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > 0);
    let said = match section {
        SectionName::System => vec![text("fact-maker", &summary.maker), text("fact-model", &summary.model)],
        SectionName::Processor => vec![text("fact-model", &summary.processor)],
        SectionName::Memory => vec![size(summary.memory_bytes).map(|bytes| (l.t("fact-installed"), memory_size(bytes, l)))],
        SectionName::Storage => vec![size(summary.storage_bytes).map(|bytes| (l.t("fact-size"), disk_size(bytes, l)))],
        SectionName::OperatingSystem => vec![text("fact-title", &summary.os_title), text("fact-host-name", &summary.host_name)],
        _ => Vec::new(),
    };
    let facts: Vec<FactLine> = said
        .into_iter()
        .flatten()
        .map(|(label, text)| FactLine {
            label,
            cell: Cell {
                doubt: Some(l.family("verdict", "last_good")),
                ..Cell::plain(text)
            },
        })
        .collect();
    (!facts.is_empty()).then(|| Block {
        title: Some(l.t("block-before")),
        facts,
        table: None,
    })
}

fn row(held: &DevicePart, know: &Knowing<'_>, zone: &TimeZone) -> Vec<Cell> {
    let words = PartWords::of(&held.part, know.names, know.language);
    vec![
        Cell::plain(format!("{} {}", words.kind, words.title).trim()),
        Cell::plain(words.size),
        held.part.slot.as_ref().map(Cell::plain).unwrap_or_default(),
        Cell {
            doubt: Some(know.language.family("verdict", "last_good")),
            ..Cell::plain(words.serial)
        },
        Cell::plain(moment(held.stated_at, zone)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Names;
    use crate::part::{PartIdentity, StatedPart};
    use crate::web::language::Language;
    use inventory_schema::Timestamp;

    fn module(serial: &str, gone: bool) -> DevicePart {
        let at = Timestamp::from_unix_seconds(1_788_244_200);
        DevicePart {
            part: StatedPart {
                identity: PartIdentity::new(PartKind::MemoryModule, serial, None),
                serial: serial.into(),
                maker: Some("80CE".into()),
                model: None,
                size_bytes: Some(4 << 30),
                slot: Some("DIMM 0".into()),
            },
            first_seen_at: at,
            last_seen_at: at,
            stated_at: at,
            gone_at: gone.then_some(at),
            standing: None,
        }
    }

    #[test]
    fn what_a_failed_section_had_is_told_with_its_day() {
        let names = Names::default();
        let held = [module("1A2B3C4D", false), module("55AA77CC", true)];
        let know = Knowing {
            held: &held,
            ..Knowing::of(&names, Language::Russian)
        };
        let told = block(SectionName::Memory, None, &know, &TimeZone::UTC).unwrap().table.unwrap();
        assert_eq!(told.rows.len(), 1, "what left is not told");
        assert_eq!(told.rows[0][0].text, "Модуль памяти Samsung");
        assert_eq!(told.rows[0][4].text, "01.09.2026 06:30");
        assert_eq!(block(SectionName::Storage, None, &know, &TimeZone::UTC), None);
        let statement = Statement {
            kind: PartKind::MemoryModule,
            parts: vec![held[0].part.clone()],
            complete: false,
            nameless: Vec::new(),
        };
        assert_eq!(block(SectionName::Memory, Some(&statement), &know, &TimeZone::UTC), None);
    }

    #[test]
    fn what_lists_show_of_a_failed_section_is_told_on_it() {
        let names = Names::default();
        let know = Knowing::of(&names, Language::Russian);
        let known = DeviceSummary {
            processor: Some("Intel Core i5-9400".into()),
            memory_bytes: Some(8 << 30),
            ..DeviceSummary::default()
        };
        let told = |section| summary(section, &known, &know).map(|block| block.facts[0].cell.text.clone());
        assert_eq!(told(SectionName::Processor).as_deref(), Some("Intel Core i5-9400"));
        assert_eq!(told(SectionName::Memory).as_deref(), Some("8\u{a0}ГБ"));
        assert_eq!(told(SectionName::Storage), None, "it was never read");
        assert_eq!(told(SectionName::Display), None);
    }
}
