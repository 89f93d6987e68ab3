//! One value in words: what it is, what speaks against it, and on demand how it was read and what is made of it.

use std::fmt::Display;

use inventory_schema::device::{Fact, MacAddress, SerialNumber, Source, Trust};
use inventory_schema::verdict::Verdict;
use serde::Serialize;

use super::Block;
use crate::name::Names;
use crate::part::ledger::Standing;
use crate::part::{PartIdentity, PartKind, spelled};
use crate::store::part::DevicePart;
use crate::web::language::Language;
use crate::web::link::with_query;

/// A value as shown, with where it was read and why it may be doubted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub source: Option<String>,
    /// The words of a doubt: a maker's filler, a value that contradicts another, a number of several.
    pub doubt: Option<String>,
    /// What belongs to the value and is read with it.
    pub notes: Vec<String>,
    /// How it was read and what is made of it, for whoever asks.
    pub proof: Option<Proof>,
}

/// What an auditor asks of an identifying value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    /// Label and text.
    pub lines: Vec<(String, String)>,
    pub links: Vec<Link>,
}

/// `href` is empty where whoever looks may not go there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub href: String,
    pub label: String,
}

impl Cell {
    pub fn plain(text: impl Display) -> Self {
        Self {
            text: text.to_string(),
            ..Self::default()
        }
    }

    pub fn with_note(mut self, note: Option<String>) -> Self {
        self.notes.extend(note.filter(|note| !note.is_empty()));
        self
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.notes.is_empty()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactLine {
    pub label: String,
    pub cell: Cell,
}

/// What is known beside a section's own words.
#[derive(Debug, Clone)]
pub struct Knowing<'k> {
    pub names: &'k Names,
    pub language: Language,
    /// The device's parts as the ledger has them.
    pub held: &'k [DevicePart],
}

impl<'k> Knowing<'k> {
    pub fn of(names: &'k Names, language: Language) -> Self {
        Self {
            names,
            language,
            held: &[],
        }
    }

    pub fn t(&self, key: &str) -> String {
        self.language.t(key)
    }

    fn standing(&self, identity: &PartIdentity) -> Option<Standing> {
        let here = self.held.iter().filter(|held| held.gone_at.is_none());
        here.filter(|held| held.part.identity == *identity).find_map(|held| held.standing)
    }

    /// A fact in words; an empty cell where there is none.
    pub fn cell<T>(&self, fact: &Option<Fact<T>>, words: impl FnOnce(&T) -> String) -> Cell {
        fact.as_ref().map(|fact| self.known(fact, words)).unwrap_or_default()
    }

    pub fn text<T: Display>(&self, fact: &Option<Fact<T>>) -> Cell {
        self.cell(fact, T::to_string)
    }

    pub fn known<T>(&self, fact: &Fact<T>, words: impl FnOnce(&T) -> String) -> Cell {
        Cell {
            text: words(&fact.value),
            source: Some(source_name(fact.source, self.language)),
            doubt: trust_words(fact.trust, self.language),
            ..Cell::default()
        }
    }

    /// The number of a part, which the ledger knows by its kind, number and model.
    pub fn serial(&self, fact: &Option<Fact<SerialNumber>>, kind: PartKind, model: Option<&str>) -> Cell {
        let Some(fact) = fact else { return Cell::default() };
        let identity = PartIdentity::new(kind, fact.value.as_str(), model);
        self.number(fact, self.standing(&identity))
    }

    /// The address burnt into a card.
    pub fn address(&self, fact: &Option<Fact<MacAddress>>) -> Cell {
        let Some(fact) = fact else { return Cell::default() };
        let identity = PartIdentity::new(PartKind::NetworkCard, &fact.value.to_string(), None);
        let mut cell = self.number(fact, self.standing(&identity));
        if fact.value.is_locally_administered() {
            cell.doubt = Some(self.t("address-made-up"));
        }
        cell
    }

    fn number<T: Display>(&self, fact: &Fact<T>, standing: Option<Standing>) -> Cell {
        let carriers = if matches!(standing, Some(Standing::Duplicate | Standing::Common)) {
            2
        } else {
            1
        };
        let verdict = Verdict::from(fact.trust).among(carriers);
        let value = fact.value.to_string();
        let mut proof = self.proof(
            fact.raw.as_ref().map(ToString::to_string),
            &value,
            &spelled(&value),
            fact.source,
            verdict,
        );
        if verdict == Verdict::Duplicate {
            proof.links.push(Link {
                href: with_query("/parts", &[("q", &value)]),
                label: self.t("proof-who-else"),
            });
        }
        Cell {
            doubt: verdict_badge(verdict, self.language),
            proof: Some(proof),
            ..Cell::plain(value)
        }
    }

    /// As it was read, in the spelling it is compared by, from where, and the verdict.
    pub fn proof(&self, raw: Option<String>, value: &str, spelling: &str, source: Source, verdict: Verdict) -> Proof {
        let lines = vec![
            (self.t("proof-raw"), raw.unwrap_or_else(|| value.to_owned())),
            (self.t("proof-spelled"), spelling.to_owned()),
            (self.t("proof-source"), source_name(source, self.language)),
            (self.t("proof-verdict"), self.language.family("verdict-why", &wire_name(&verdict))),
        ];
        Proof { lines, links: Vec::new() }
    }
}

fn trust_words(trust: Trust, l: Language) -> Option<String> {
    match trust {
        Trust::Plausible => None,
        Trust::Placeholder => Some(l.t("trust-placeholder")),
        Trust::Implausible => Some(l.t("trust-implausible")),
    }
}

/// One or two words where a value is not simply usable.
pub fn verdict_badge(verdict: Verdict, l: Language) -> Option<String> {
    (verdict != Verdict::Usable).then(|| l.family("verdict", &wire_name(&verdict)))
}

pub fn source_name(source: Source, language: Language) -> String {
    language.family("source", &wire_name(&source))
}

/// The name a closed vocabulary has in documents; its sentences are keyed by it.
pub fn wire_name<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

/// Collects the facts that are there, in the order they are named.
#[derive(Debug)]
pub struct Facts<'k> {
    know: &'k Knowing<'k>,
    lines: Vec<FactLine>,
}

impl<'k> Facts<'k> {
    pub fn new(know: &'k Knowing<'k>) -> Self {
        Self { know, lines: Vec::new() }
    }

    pub fn text<T: Display>(self, label: String, fact: &Option<Fact<T>>) -> Self {
        self.fact(label, fact, T::to_string)
    }

    pub fn fact<T>(self, label: String, fact: &Option<Fact<T>>, words: impl FnOnce(&T) -> String) -> Self {
        let cell = fact.is_some().then(|| self.know.cell(fact, words));
        self.line(label, cell)
    }

    pub fn line(mut self, label: String, cell: Option<Cell>) -> Self {
        if let Some(cell) = cell.filter(|cell| !cell.is_empty()) {
            self.lines.push(FactLine { label, cell });
        }
        self
    }

    pub fn block(self, title: Option<String>) -> Block {
        Block {
            title,
            facts: self.lines,
            table: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::StatedPart;
    use inventory_schema::Timestamp;

    fn held(serial: &str, standing: Option<Standing>) -> DevicePart {
        let at = Timestamp::from_unix_seconds(1_788_244_200);
        DevicePart {
            part: StatedPart {
                identity: PartIdentity::new(PartKind::Disk, serial, None),
                serial: serial.into(),
                maker: None,
                model: None,
                size_bytes: None,
                slot: None,
            },
            first_seen_at: at,
            last_seen_at: at,
            stated_at: at,
            gone_at: None,
            standing,
        }
    }

    #[test]
    fn a_number_is_told_with_how_it_was_read_and_what_is_made_of_it() {
        let names = Names::default();
        let parts = [held("50026B77839A", Some(Standing::Duplicate))];
        let know = Knowing {
            held: &parts,
            ..Knowing::of(&names, Language::Russian)
        };
        let fact = SerialNumber::fact(" 50026b77839a ", Source::Udev);
        let cell = know.serial(&fact, PartKind::Disk, None);
        assert_eq!((cell.text.as_str(), cell.doubt.as_deref()), ("50026b77839a", Some("номер-двойник")));
        let proof = cell.proof.unwrap();
        let texts: Vec<&str> = proof.lines.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts[..3], [" 50026b77839a ", "50026B77839A", "база udev"]);
        assert_eq!(proof.links[0].href, "/parts?q=50026b77839a");
        let filler = know.serial(&SerialNumber::fact("00000000", Source::Smbios), PartKind::MemoryModule, None);
        assert_eq!(filler.doubt.as_deref(), Some("заводская заглушка"));
        assert!(filler.proof.unwrap().links.is_empty());
        let good = know.serial(&SerialNumber::fact("S4EWNX0M1", Source::Udev), PartKind::Disk, None);
        assert_eq!(good.doubt, None);
    }
}
