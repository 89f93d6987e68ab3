//! The operating system, from `os-release` (freedesktop.org) and the kernel.
//!
//! Pure: text in, facts out. Knows how the Russian systems state their version: Astra leaves it out of
//! PRETTY_NAME, Alt numbers a branch, RED OS gives the whole number only there. Astra, Debian and CentOS state
//! their last number in files of their own ([`release_file`]).

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
        release: longer_version(&field)
            .and_then(|release| SoftwareVersion::observed(&release))
            .map(|release| Fact::new(release, Source::OsRelease)),
        ..OperatingSystem::default()
    }
}

/// The file in which a system states its release to the last number.
pub fn release_file(id: &str) -> Option<&'static str> {
    Some(match id {
        "astra" => "etc/astra/build_version",
        "debian" => "etc/debian_version",
        "centos" => "etc/centos-release",
        "redos" => "etc/redos-release",
        _ => return None,
    })
}

/// The number in such a file, `1.8.1.6` or `CentOS Linux release 7.9.2009 (Core)`, where it says more than
/// `version` and belongs to it.
pub fn stated_release(text: &str, version: &str) -> Option<SoftwareVersion> {
    let version = main_number(version);
    let more = numbers(text).find(|number| extends(number, version))?;
    SoftwareVersion::observed(more)
}

/// A number in PRETTY_NAME or VERSION that says more than VERSION_ID: `7.3.6` for `7.3`.
fn longer_version<'a>(field: &dyn Fn(&str) -> Option<&'a str>) -> Option<String> {
    let version = main_number(field("VERSION_ID")?);
    let stated = ["PRETTY_NAME", "VERSION"].into_iter().filter_map(field);
    stated.flat_map(numbers).find(|number| extends(number, version)).map(str::to_owned)
}

fn extends(number: &str, version: &str) -> bool {
    number
        .strip_prefix(version)
        .is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
}

/// Runs of digits and points.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    parts.map(|part| part.trim_matches('.')).filter(|part| !part.is_empty())
}

/// `1.8` of Astra's `1.8_x86-64`.
fn main_number(version: &str) -> &str {
    version.split('_').next().unwrap_or(version)
}

/// PRETTY_NAME as people say it: with the edition of Astra, with the version where it holds no number, and with
/// the name of Alt's branch that has no number.
fn title<'a>(field: &dyn Fn(&str) -> Option<&'a str>) -> Option<String> {
    let name = field("PRETTY_NAME").or_else(|| field("NAME"))?;
    let edition = match (field("ID"), field("VARIANT_ID").map(str::to_lowercase).as_deref()) {
        (Some("astra"), Some("se")) => " Special Edition",
        (Some("astra"), Some("ce")) => " Common Edition",
        _ => "",
    };
    let edition = if name.to_lowercase().contains("edition") { "" } else { edition };
    let is_rolling = field("ALT_BRANCH_ID").is_some_and(|branch| branch.eq_ignore_ascii_case("sisyphus"));
    match field("VERSION_ID").map(main_number) {
        Some(version) if name.chars().any(|c| c.is_ascii_digit()) || version.is_empty() => Some(format!("{name}{edition}")),
        Some(version) if is_rolling => Some(format!("{name} (Sisyphus {version})")),
        Some(version) => Some(format!("{name}{edition} {version}")),
        None => Some(format!("{name}{edition}")),
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
            ["astra", "1.8_x86-64", "se", "Astra Linux Special Edition 1.8"]
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
    fn editions_and_branches_are_said_as_people_say_them() {
        let title = |text: &str| read(text).title.unwrap().value.to_string();
        assert_eq!(
            title("PRETTY_NAME=\"Astra Linux\"\nID=astra\nVERSION_ID=1.7_x86-64\nVARIANT_ID=se\n"),
            "Astra Linux Special Edition 1.7"
        );
        assert_eq!(
            title("PRETTY_NAME=\"ALT Regular\"\nID=altlinux\nVERSION_ID=20240122\nALT_BRANCH_ID=sisyphus\n"),
            "ALT Regular (Sisyphus 20240122)"
        );
        assert_eq!(title("NAME=Arch\nID=arch\n"), "Arch");
    }

    #[test]
    fn the_release_is_told_to_its_last_number_where_it_is_stated() {
        let release = |text: &str| read(text).release.map(|fact| fact.value.to_string());
        assert_eq!(
            release("ID=redos\nVERSION_ID=7.3\nPRETTY_NAME=\"RED OS MUROM (7.3.6)\"\n").as_deref(),
            Some("7.3.6")
        );
        assert_eq!(
            release("ID=ubuntu\nVERSION_ID=22.04\nPRETTY_NAME=\"Ubuntu 22.04.4 LTS\"\n").as_deref(),
            Some("22.04.4")
        );
        assert_eq!(
            release("ID=fedora\nVERSION_ID=35\nPRETTY_NAME=\"Fedora Linux 35 (Thirty Five)\"\n"),
            None
        );
        let of_file = |text: &str, version: &str| stated_release(text, version).map(|release| release.to_string());
        assert_eq!(of_file("1.8.1.6\n", "1.8_x86-64").as_deref(), Some("1.8.1.6"));
        assert_eq!(of_file("CentOS Linux release 7.9.2009 (Core)", "7").as_deref(), Some("7.9.2009"));
        assert_eq!(of_file("trixie/sid", "12"), None);
        assert_eq!(of_file("12.", "12"), None);
    }

    /// Files of strangers' computers, by the names they have in the folder `os-release`.
    #[test]
    fn systems_of_strangers_are_named_as_people_say_them() {
        let Some(folder) = std::env::var_os("COS_TEST_FIXTURES") else {
            return;
        };
        for (name, title, release) in [
            ("altlinux-10", "ALT Starterkit 10 (Hypericum)", None),
            ("altlinux-sisyphus", "ALT Regular (Sisyphus 20240122)", None),
            ("astra-1.7-se", "Astra Linux Special Edition 1.7", None),
            ("astra-1.8", "Astra Linux 1.8", None),
            ("centos-7.9", "CentOS Linux 7 (Core)", None),
            ("debian-11.2", "Debian GNU/Linux 11 (bullseye)", None),
            ("fedora-35", "Fedora Linux 35 (Thirty Five)", None),
            ("redos-7.3.6", "RED OS MUROM (7.3.6)", Some("7.3.6")),
        ] {
            let text = std::fs::read_to_string(std::path::Path::new(&folder).join("os-release").join(name)).unwrap();
            let system = read(&text);
            assert_eq!(system.title.unwrap().value.as_str(), title);
            let stated = system.release.map(|fact| fact.value.to_string());
            assert_eq!(stated.as_deref(), release, "{name}");
            // Every name of a file begins with its id, and its version with VERSION_ID.
            let (id, version) = (system.id.unwrap().value, system.version.unwrap().value);
            assert!(name.starts_with(id.as_str()), "{name}: {id}");
            let number = main_number(version.as_str());
            assert!(name.contains(number) || name == "altlinux-sisyphus", "{name}: {version}");
        }
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
            let _ = stated_release(&text, &text);
        }
    }
}
