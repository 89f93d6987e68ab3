//! An inventory as a table that people read.
//!
//! Shows every section with its problems, fillers with their verdict, and of the software only how much there
//! is: the whole list is in the JSON. Takes the document, writes text; called by `cos-agent inventory`.

mod details;
mod firmware;
mod peripherals;
mod screen;
mod sections;
mod words;

use std::fmt::Display;
use std::io::{self, Write};

use inventory_schema::Inventory;
use inventory_schema::device::{Fact, Trust};
use inventory_schema::quantity::Bytes;
use inventory_schema::section::{Section, SectionName};

use crate::language::Language;

/// Writes the whole inventory.
pub fn write(inventory: &Inventory, lang: Language, out: &mut dyn Write) -> io::Result<()> {
    let sections = &inventory.sections;
    let mut view = View { lang, out };
    view.section(SectionName::System, &sections.system, View::system)?;
    view.section(SectionName::Processor, &sections.processor, View::processors)?;
    view.section(SectionName::Memory, &sections.memory, View::memory)?;
    view.section(SectionName::Storage, &sections.storage, View::storage)?;
    view.section(SectionName::Display, &sections.display, View::screens)?;
    view.section(SectionName::Network, &sections.network, View::network)?;
    view.section(SectionName::OperatingSystem, &sections.operating_system, View::operating_system)?;
    view.section(SectionName::Battery, &sections.battery, View::battery)?;
    view.section(SectionName::Peripherals, &sections.peripherals, View::peripherals)?;
    view.section(SectionName::Software, &sections.software, View::software)
}

struct View<'a> {
    lang: Language,
    out: &'a mut dyn Write,
}

/// A value with its verdict where something speaks against it.
fn shown<T: Display>(fact: &Option<Fact<T>>, lang: Language) -> Option<String> {
    let fact = fact.as_ref()?;
    Some(match fact.trust {
        Trust::Plausible => fact.value.to_string(),
        verdict => format!("{} ({})", fact.value, words::trust(verdict, lang)),
    })
}

/// The parts that are there, between commas.
fn joined(parts: impl IntoIterator<Item = Option<String>>) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

/// Sizes of memory in binary units, as sockets are filled.
fn binary_size(size: Bytes, lang: Language) -> String {
    let mebibytes = size.get() / (1024 * 1024);
    if mebibytes >= 1024 {
        let tenths = mebibytes * 10 / 1024;
        format!("{} {}", with_tenth(tenths, lang), lang.choose("ГиБ", "GiB"))
    } else if mebibytes > 0 {
        format!("{mebibytes} {}", lang.choose("МиБ", "MiB"))
    } else {
        format!("{} {}", size.get() / 1024, lang.choose("КиБ", "KiB"))
    }
}

/// Sizes of disks in decimal units, as they are sold.
fn decimal_size(size: Bytes, lang: Language) -> String {
    let tenths = size.get() / 100_000_000;
    format!("{} {}", with_tenth(tenths, lang), lang.choose("ГБ", "GB"))
}

fn with_tenth(tenths: u64, lang: Language) -> String {
    let (whole, tenth) = (tenths / 10, tenths % 10);
    if tenth == 0 {
        whole.to_string()
    } else {
        format!("{whole}{}{tenth}", lang.choose(",", "."))
    }
}

impl View<'_> {
    fn section<T>(&mut self, name: SectionName, section: &Section<T>, body: fn(&mut Self, &T) -> io::Result<()>) -> io::Result<()> {
        writeln!(self.out, "{}", words::section(name, self.lang))?;
        if let Some(content) = section.content() {
            body(self, content)?;
        }
        for problem in section.problems() {
            let subject = problem.subject.as_ref().map(|subject| format!(" {subject}")).unwrap_or_default();
            let detail = problem
                .detail
                .as_ref()
                .map(|detail| format!(": {}", details::shown(detail, self.lang)))
                .unwrap_or_default();
            writeln!(
                self.out,
                "  ! {}{subject} — {}{detail}",
                words::source(problem.source),
                words::failure(problem.failure, self.lang)
            )?;
        }
        writeln!(self.out)
    }

    fn row(&mut self, russian: &str, english: &str, value: Option<String>) -> io::Result<()> {
        // A space stands behind labels of any length: boards call their sockets «Controller0-ChannelA-DIMM0».
        const LABEL_WIDTH: usize = 23;
        match value.filter(|value| !value.is_empty()) {
            Some(value) => writeln!(self.out, "  {:<LABEL_WIDTH$} {value}", self.lang.choose(russian, english)),
            None => Ok(()),
        }
    }

    fn nothing(&mut self, is_empty: bool, russian: &str, english: &str) -> io::Result<()> {
        if is_empty {
            writeln!(self.out, "  {}", self.lang.choose(russian, english))
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_people_say_them() {
        let gibibyte = 1024 * 1024 * 1024;
        assert_eq!(binary_size(Bytes::saturating(8 * gibibyte), Language::Ru), "8 ГиБ");
        assert_eq!(binary_size(Bytes::saturating(gibibyte * 77 / 10), Language::Ru), "7,6 ГиБ");
        assert_eq!(binary_size(Bytes::saturating(gibibyte / 2), Language::En), "512 MiB");
        assert_eq!(binary_size(Bytes::saturating(256 * 1024), Language::Ru), "256 КиБ");
        assert_eq!(decimal_size(Bytes::saturating(512_110_190_592), Language::En), "512.1 GB");
    }
}
