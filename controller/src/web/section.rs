//! A device's sections made readable: facts and tables with the source of each value and its doubts.
//!
//! Pure: a section's stored body goes in, lines of text come out; the device page places them. What this
//! program's version has no words for is listed by its path instead of being passed over.

mod hardware;
mod system;

use std::fmt::Display;

use inventory_schema::device::{Fact, Source, Trust};
use inventory_schema::inventory::AnySection;
use inventory_schema::report::unknown_fields;
use inventory_schema::section::{CollectionProblem, Section};
use inventory_schema::{SectionName, Timestamp};
use serde::Serialize;

use super::language::Language;
use crate::name::Names;

/// A value as shown, with where it was read and why it may be doubted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub source: Option<String>,
    /// The words of a doubt: a maker's filler, or a value that contradicts another.
    pub doubt: Option<String>,
}

impl Cell {
    pub fn plain(text: impl Display) -> Self {
        Self {
            text: text.to_string(),
            ..Self::default()
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactLine {
    pub label: String,
    pub cell: Cell,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

/// A titled group of facts, or a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    pub title: Option<String>,
    pub facts: Vec<FactLine>,
    pub table: Option<Table>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageLine {
    pub name: String,
    pub version: String,
    pub architecture: String,
}

/// One package manager's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageListView {
    pub manager: String,
    pub count: i64,
    pub packages: Vec<PackageLine>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SectionState {
    /// No report named this section yet, or its body did not reach the controller.
    Missing,
    Read,
    Partial,
    Failed,
    /// Stored, and of a form this program cannot read.
    Unreadable,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionView {
    /// The section's name, also the anchor on the page.
    pub id: &'static str,
    pub title: String,
    pub state: SectionState,
    pub received: Option<Timestamp>,
    pub problems: Vec<String>,
    pub blocks: Vec<Block>,
    pub packages: Vec<PackageListView>,
    pub unknown: Vec<String>,
}

impl SectionView {
    pub fn missing(name: SectionName, language: Language) -> Self {
        Self {
            id: name.as_str(),
            title: language.family("section", name.as_str()),
            state: SectionState::Missing,
            received: None,
            problems: Vec::new(),
            blocks: Vec::new(),
            packages: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// Reads a stored body. A body of a form this program does not know is said to be so, not hidden.
    pub fn of(name: SectionName, body: &[u8], received: Timestamp, names: &Names, language: Language) -> Self {
        let mut view = Self {
            received: Some(received),
            ..Self::missing(name, language)
        };
        match AnySection::read(name, body) {
            Ok(section) => {
                view.fill(&section, names, language);
                if let Ok(received) = serde_json::from_slice(body) {
                    view.unknown = unknown_fields(&received, &section.understood());
                }
            }
            Err(_) => view.state = SectionState::Unreadable,
        }
        view
    }

    pub fn is_read(&self) -> bool {
        matches!(self.state, SectionState::Read)
    }

    pub fn is_partial(&self) -> bool {
        matches!(self.state, SectionState::Partial)
    }

    pub fn is_failed(&self) -> bool {
        matches!(self.state, SectionState::Failed)
    }

    pub fn is_missing(&self) -> bool {
        matches!(self.state, SectionState::Missing)
    }

    pub fn is_unreadable(&self) -> bool {
        matches!(self.state, SectionState::Unreadable)
    }

    /// Read, and there is nothing of the kind: a desktop without a battery.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.packages.is_empty()
    }

    fn fill(&mut self, section: &AnySection, names: &Names, language: Language) {
        match section {
            AnySection::System(section) => self.take(section, language, |content| system::system(content, language)),
            AnySection::OperatingSystem(section) => self.take(section, language, |content| system::operating_system(content, language)),
            AnySection::Processor(section) => self.take(section, language, |content| hardware::processors(content, language)),
            AnySection::Memory(section) => self.take(section, language, |content| hardware::memory(content, names, language)),
            AnySection::Storage(section) => self.take(section, language, |content| hardware::storage(content, language)),
            AnySection::Display(section) => self.take(section, language, |content| hardware::display(content, names, language)),
            AnySection::Network(section) => self.take(section, language, |content| hardware::network(content, names, language)),
            AnySection::Battery(section) => self.take(section, language, |content| hardware::battery(content, language)),
            AnySection::Peripherals(section) => self.take(section, language, |content| hardware::peripherals(content, names, language)),
            AnySection::Software(section) => {
                self.take(section, language, |_| Vec::new());
                self.packages = section
                    .content()
                    .map(|content| system::packages(content, language))
                    .unwrap_or_default();
            }
        }
    }

    fn take<T>(&mut self, section: &Section<T>, language: Language, blocks: impl FnOnce(&T) -> Vec<Block>) {
        self.state = match section {
            Section::Read(_) => SectionState::Read,
            Section::Partial { .. } => SectionState::Partial,
            Section::Failed { .. } => SectionState::Failed,
        };
        self.problems = section.problems().iter().map(|problem| problem_line(problem, language)).collect();
        self.blocks = section.content().map(blocks).unwrap_or_default();
        self.blocks
            .retain(|block| !block.facts.is_empty() || block.table.as_ref().is_some_and(|table| !table.rows.is_empty()));
    }
}

/// «Таблицы SMBIOS: нужны права администратора (DIMM 0): Permission denied».
fn problem_line(problem: &CollectionProblem, language: Language) -> String {
    let source = source_name(problem.source, language);
    let failure = language.family("failure", &wire_name(&problem.failure));
    let subject = problem.subject.as_ref().map(|subject| format!(" ({subject})")).unwrap_or_default();
    let detail = problem.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{source} — {failure}{subject}{detail}")
}

fn source_name(source: Source, language: Language) -> String {
    language.family("source", &wire_name(&source))
}

/// The name a closed vocabulary has in documents; its sentences are keyed by it.
fn wire_name<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

/// A fact's value in words, its source and its doubt; an empty cell where there is no fact.
fn cell<T>(fact: &Option<Fact<T>>, language: Language, words: impl FnOnce(&T) -> String) -> Cell {
    fact.as_ref().map(|fact| known(fact, language, words)).unwrap_or_default()
}

fn known<T>(fact: &Fact<T>, language: Language, words: impl FnOnce(&T) -> String) -> Cell {
    Cell {
        text: words(&fact.value),
        source: Some(source_name(fact.source, language)),
        doubt: match fact.trust {
            Trust::Plausible => None,
            Trust::Placeholder => Some(language.t("trust-placeholder")),
            Trust::Implausible => Some(language.t("trust-implausible")),
        },
    }
}

/// Collects the facts that are there, in the order they are named.
struct Facts {
    language: Language,
    lines: Vec<FactLine>,
}

impl Facts {
    fn new(language: Language) -> Self {
        Self {
            language,
            lines: Vec::new(),
        }
    }

    fn text<T: Display>(self, label: String, fact: &Option<Fact<T>>) -> Self {
        self.fact(label, fact, T::to_string)
    }

    fn fact<T>(mut self, label: String, fact: &Option<Fact<T>>, words: impl FnOnce(&T) -> String) -> Self {
        if fact.is_some() {
            let cell = cell(fact, self.language, words);
            self.lines.push(FactLine { label, cell });
        }
        self
    }

    fn block(self, title: Option<String>) -> Block {
        Block {
            title,
            facts: self.lines,
            table: None,
        }
    }
}

fn table(title: Option<String>, columns: Vec<String>, rows: Vec<Vec<Cell>>) -> Block {
    let (columns, rows) = without_empty_columns(columns, rows);
    Block {
        title,
        facts: Vec::new(),
        table: Some(Table { columns, rows }),
    }
}

/// A column in which no row says anything is noise on a narrow screen.
fn without_empty_columns(columns: Vec<String>, rows: Vec<Vec<Cell>>) -> (Vec<String>, Vec<Vec<Cell>>) {
    let used: Vec<bool> = (0..columns.len())
        .map(|index| rows.iter().any(|row| row.get(index).is_some_and(|cell| !cell.text.is_empty())))
        .collect();
    let keep = |index: usize| used.get(index).copied().unwrap_or(false);
    let columns = columns
        .into_iter()
        .enumerate()
        .filter(|(index, _)| keep(*index))
        .map(|(_, column)| column)
        .collect();
    let rows = rows
        .into_iter()
        .map(|row| {
            row.into_iter()
                .enumerate()
                .filter(|(index, _)| keep(*index))
                .map(|(_, cell)| cell)
                .collect()
        })
        .collect();
    (columns, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        Timestamp::from_unix_seconds(1_788_244_200)
    }

    #[test]
    fn a_placeholder_is_shown_and_marked_and_a_stranger_field_listed() {
        let body = br#"{"content":{"serial":{"source":"smbios","trust":"placeholder","value":"Default string"},"colour":"grey"},"format":"system/1"}"#;
        let view = SectionView::of(SectionName::System, body, at(), &Names::default(), Language::Russian);
        assert!(view.is_read());
        let line = &view.blocks[0].facts[0];
        assert_eq!(line.cell.text, "Default string");
        assert_eq!(line.cell.doubt.as_deref(), Some("заводская заглушка"));
        assert_eq!(view.unknown, ["content.colour"]);
    }

    #[test]
    fn a_failed_probe_says_why() {
        let body = br#"{"format":"memory/1","problems":[{"detail":"EACCES","failure":"permission_denied","source":"smbios"}]}"#;
        let view = SectionView::of(SectionName::Memory, body, at(), &Names::default(), Language::Russian);
        assert!(view.is_failed(), "{view:?}");
        assert_eq!(view.problems, ["таблицы SMBIOS — нужны права администратора: EACCES"]);
    }

    #[test]
    fn a_section_of_the_future_is_said_to_be_unreadable() {
        let view = SectionView::of(
            SectionName::Memory,
            br#"{"format":"memory/9"}"#,
            at(),
            &Names::default(),
            Language::English,
        );
        assert!(view.is_unreadable());
    }

    #[test]
    fn disks_are_a_table_without_empty_columns() {
        let body = r#"{"content":{"disks":[{"kind":{"source":"sysfs_block","value":"nvme"},"name":"nvme0n1",
            "size":{"source":"sysfs_block","value":256060514304}}]},"format":"storage/1"}"#;
        let view = SectionView::of(SectionName::Storage, body.as_bytes(), at(), &Names::default(), Language::Russian);
        let table = view.blocks[0].table.as_ref().unwrap();
        assert_eq!(table.columns, ["Имя", "Вид", "Объём"]);
        assert_eq!(table.rows[0][2].text, "256,1\u{a0}ГБ");
    }
}
