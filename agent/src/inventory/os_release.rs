//! The operating system, from `os-release` (freedesktop.org) and the kernel.
//!
//! Pure: text in, facts out. Knows how the Russian systems state their version: Astra leaves it out of
//! PRETTY_NAME, Alt numbers a branch, RED OS gives the whole number only there.

use std::collections::BTreeMap;

use inventory_schema::device::{Fact, Source};
use inventory_schema::inventory::OperatingSystem;
use inventory_schema::text::{SoftwareVersion, SystemTitle, Word};

/// `os-release` as facts; kernel, architecture and host name are left out.
pub fn read(text: &str) -> OperatingSystem {
    let fields = fields(text);
    let field = |name: &str| fields.get(name).filter(|value| !value.is_empty()).map(String::as_str);
    let word = |name: &str| field(name).and_then(Word::observed).map(|word| Fact::new(word, Source::OsRelease));
    OperatingSystem {
        id: word("ID"),
        version: field("VERSION_ID")
            .and_then(SoftwareVersion::observed)
            .map(|version| Fact::new(version, Source::OsRelease)),
        variant: word("VARIANT_ID").or_else(|| word("EDITION")).or_else(|| word("ALT_BRANCH_ID")),
        title: title(&field)
            .and_then(|title| SystemTitle::observed(&title))
            .map(|title| Fact::new(title, Source::OsRelease)),
        ..OperatingSystem::default()
    }
}

/// PRETTY_NAME; with the version behind it where it holds no number.
fn title<'a>(field: &dyn Fn(&str) -> Option<&'a str>) -> Option<String> {
    let name = field("PRETTY_NAME").or_else(|| field("NAME"))?;
    let version = field("VERSION_ID").map(|version| version.split('_').next().unwrap_or(version));
    match version {
        Some(version) if !name.chars().any(|c| c.is_ascii_digit()) => Some(format!("{name} {version}")),
        _ => Some(name.to_owned()),
    }
}

/// Assignments of a shell, of which only quotes and backslashes are honoured.
fn fields(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), unquoted(value.trim())))
        .collect()
}

fn unquoted(value: &str) -> String {
    let between = |quote: char| value.strip_prefix(quote).map(|rest| rest.strip_suffix(quote).unwrap_or(rest));
    if let Some(literal) = between('\'') {
        return literal.to_owned();
    }
    let mut characters = between('"').unwrap_or(value).chars();
    let mut plain = String::new();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn figures(text: &str) -> [String; 4] {
        let system = read(text);
        let text = |fact: Option<String>| fact.unwrap_or_default();
        [
            text(system.id.map(|fact| fact.value.to_string())),
            text(system.version.map(|fact| fact.value.to_string())),
            text(system.variant.map(|fact| fact.value.to_string())),
            text(system.title.map(|fact| fact.value.to_string())),
        ]
    }

    #[test]
    fn russian_systems_are_named_with_their_version() {
        assert_eq!(
            figures("PRETTY_NAME=\"Astra Linux\"\nID=astra\nVERSION_ID=1.8_x86-64\nVARIANT_ID=se\n"),
            ["astra", "1.8_x86-64", "se", "Astra Linux 1.8"]
        );
        assert_eq!(
            figures("ID=altlinux\nVERSION_ID=10\nPRETTY_NAME=\"ALT Education 10.2\"\nALT_BRANCH_ID=\"p10\"\n"),
            ["altlinux", "10", "p10", "ALT Education 10.2"]
        );
        assert_eq!(
            figures("ID=\"redos\"\nVERSION_ID=\"7.3\"\nPRETTY_NAME=\"RED OS MUROM (7.3.6)\"\nEDITION=\"Standard\"\n"),
            ["redos", "7.3", "Standard", "RED OS MUROM (7.3.6)"]
        );
    }

    #[test]
    fn quotes_comments_and_gaps_are_understood() {
        assert_eq!(
            figures("# ID=no\nID='debian'\nVERSION_ID=\"\"\nPRETTY_NAME=\"a \\\"b\\\" \\$ 12\"\nbroken\n"),
            ["debian", "", "", "a \"b\" $ 12"]
        );
        assert_eq!(figures(""), ["", "", "", ""]);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail(text in any::<String>()) {
            let _ = read(&text);
            let _ = read(&format!("PRETTY_NAME=\"{text}\nID={text}"));
        }
    }
}
