//! A device's sections made readable: facts and tables with the source of each value and its doubts.
//!
//! Pure: a section's stored body goes in, lines of text come out; the device page places them. What this
//! program's version has no words for is listed by its path instead of being passed over. What names the computer as a
//! whole has a place of its own on the page (`device::identity`).

mod battery;
pub mod display;
mod memory;
mod network;
mod peripherals;
mod processor;
pub mod reading;
mod storage;
mod system;

use inventory_schema::inventory::AnySection;
use inventory_schema::report::unknown_fields;
use inventory_schema::section::{CollectionProblem, Section};
use inventory_schema::{SectionName, Timestamp};

use super::language::Language;
use reading::Facts;
pub use reading::{Cell, FactLine, Knowing, Link, Proof, source_name, verdict_badge, wire_name};
pub(in crate::web) use storage::is_plugged;
pub use system::release_said;

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
    /// What they take on disk.
    pub size: Option<String>,
    /// When one was last installed or updated, by the computer's clock of then.
    pub last_change: Option<Timestamp>,
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
    pub fn of(name: SectionName, body: &[u8], received: Timestamp, know: &Knowing<'_>) -> Self {
        let mut view = Self {
            received: Some(received),
            ..Self::missing(name, know.language)
        };
        match AnySection::read(name, body) {
            Ok(section) => {
                view.fill(&section, know);
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

    /// Not all of it could be read: what was read well before is told beside it.
    pub fn is_wanting(&self) -> bool {
        self.is_partial() || self.is_failed()
    }

    /// Read, and there is nothing of the kind: a desktop without a battery.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.packages.is_empty()
    }

    fn fill(&mut self, section: &AnySection, know: &Knowing<'_>) {
        match section {
            AnySection::System(section) => self.take(section, know, system::system),
            AnySection::OperatingSystem(section) => self.take(section, know, system::operating_system),
            AnySection::Processor(section) => self.take(section, know, processor::processors),
            AnySection::Memory(section) => self.take(section, know, memory::memory),
            AnySection::Storage(section) => self.take(section, know, storage::storage),
            AnySection::Display(section) => self.take(section, know, display::display),
            AnySection::Network(section) => self.take(section, know, network::network),
            AnySection::Battery(section) => self.take(section, know, battery::battery),
            AnySection::Peripherals(section) => self.take(section, know, peripherals::peripherals),
            AnySection::Software(section) => {
                self.take(section, know, |_, _| Vec::new());
                self.packages = section
                    .content()
                    .map(|content| system::packages(content, know.language))
                    .unwrap_or_default();
            }
        }
    }

    fn take<T>(&mut self, section: &Section<T>, know: &Knowing<'_>, blocks: impl FnOnce(&T, &Knowing<'_>) -> Vec<Block>) {
        self.state = match section {
            Section::Read(_) => SectionState::Read,
            Section::Partial { .. } => SectionState::Partial,
            Section::Failed { .. } => SectionState::Failed,
        };
        self.problems = section
            .problems()
            .iter()
            .map(|problem| problem_line(problem, know.language))
            .collect();
        self.blocks = section.content().map(|content| blocks(content, know)).unwrap_or_default();
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
    use crate::name::Names;

    fn view(name: SectionName, body: &[u8], l: Language) -> SectionView {
        SectionView::of(name, body, at(), &Knowing::of(&Names::default(), l))
    }

    fn at() -> Timestamp {
        Timestamp::from_unix_seconds(1_788_244_200)
    }

    #[test]
    fn a_placeholder_is_shown_and_marked_and_a_stranger_field_listed() {
        let body = br#"{"content":{"model":{"source":"smbios","trust":"placeholder","value":"Default string"},"colour":"grey"},"format":"system/1"}"#;
        let view = view(SectionName::System, body, Language::Russian);
        assert!(view.is_read());
        let line = &view.blocks[0].facts[0];
        assert_eq!(line.cell.text, "Default string");
        assert_eq!(line.cell.doubt.as_deref(), Some("заводская заглушка"));
        assert_eq!(view.unknown, ["content.colour"]);
    }

    #[test]
    fn a_failed_probe_says_why() {
        let body = br#"{"format":"memory/1","problems":[{"detail":"EACCES","failure":"permission_denied","source":"smbios"}]}"#;
        let view = view(SectionName::Memory, body, Language::Russian);
        assert!(view.is_failed(), "{view:?}");
        assert_eq!(view.problems, ["таблицы SMBIOS — нужны права администратора: EACCES"]);
    }

    #[test]
    fn a_section_of_the_future_is_said_to_be_unreadable() {
        let view = view(SectionName::Memory, br#"{"format":"memory/9"}"#, Language::English);
        assert!(view.is_unreadable());
    }

    #[test]
    fn disks_are_a_table_without_empty_columns() {
        let body = r#"{"content":{"disks":[{"kind":{"source":"sysfs_block","value":"nvme"},"name":"nvme0n1",
            "size":{"source":"sysfs_block","value":256060514304}}]},"format":"storage/1"}"#;
        let view = view(SectionName::Storage, body.as_bytes(), Language::Russian);
        let table = view.blocks[0].table.as_ref().unwrap();
        assert_eq!(table.columns, ["Имя", "Вид", "Объём"]);
        assert_eq!(table.rows[0][2].text, "256,1\u{a0}ГБ");
    }
}
