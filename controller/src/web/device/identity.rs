//! The numbers by which a computer names itself, each with the verdict on it. Pure.
//!
//! The newest reading, the last good one and who else states it come together here: a filler, an empty place or a failed
//! section leaves the last good value standing, with its date.

use std::collections::BTreeMap;

use inventory_schema::inventory::{BlankReading, Identifier, System};
use inventory_schema::section::Section;
use inventory_schema::verdict::{Verdict, standing};
use jiff::tz::TimeZone;

use crate::identifier::{IdentifierKind, Kept, Reading, readings};
use crate::store::identifier::Carrier;
use crate::web::format::moment;
use crate::web::language::Language;
use crate::web::section::{Cell, FactLine, Knowing, Link, Proof, source_name, verdict_badge};

/// What is known of a device's numbers.
#[derive(Debug, Default)]
pub struct Known {
    pub system: Option<Section<System>>,
    pub kept: BTreeMap<IdentifierKind, Kept>,
    pub beside: BTreeMap<IdentifierKind, Vec<Carrier>>,
}

/// One line per number that was looked for.
pub fn lines(known: &Known, know: &Knowing<'_>, zone: &TimeZone) -> Vec<FactLine> {
    let newest = known.system.as_ref().map(readings).unwrap_or_default();
    let blanks = known
        .system
        .as_ref()
        .and_then(Section::content)
        .map(|system| system.blank.as_slice());
    IdentifierKind::ALL
        .into_iter()
        .filter_map(|kind| {
            let line = Line {
                kind,
                newest: newest.get(&kind),
                blank: blanks.unwrap_or_default().iter().find(|blank| is_of(blank.identifier, kind)),
                kept: known.kept.get(&kind),
                beside: known.beside.get(&kind).map(Vec::as_slice).unwrap_or_default(),
            };
            Some(FactLine {
                label: know.language.family("identifier", kind.as_str()),
                cell: line.cell(know, zone)?,
            })
        })
        .collect()
}

fn is_of(identifier: Identifier, kind: IdentifierKind) -> bool {
    matches!(
        (identifier, kind),
        (Identifier::SystemSerial, IdentifierKind::SystemSerial)
            | (Identifier::BoardSerial, IdentifierKind::BoardSerial)
            | (Identifier::ChassisSerial, IdentifierKind::ChassisSerial)
            | (Identifier::AssetTag, IdentifierKind::AssetTag)
    )
}

struct Line<'k> {
    kind: IdentifierKind,
    newest: Option<&'k Reading>,
    blank: Option<&'k BlankReading>,
    kept: Option<&'k Kept>,
    beside: &'k [Carrier],
}

impl Line<'_> {
    /// The value that stands and what is made of it; `None` where nothing was ever read.
    fn verdict(&self) -> Option<(String, Verdict)> {
        let newer = self.newest.and_then(|reading| reading.fact.as_ref());
        let older = self
            .kept
            .map(|kept| inventory_schema::device::Fact::new(kept.shown.clone(), kept.source));
        let carriers = u32::try_from(self.beside.len()).unwrap_or(u32::MAX).saturating_add(1);
        match standing(newer, older.as_ref()) {
            Some((fact, verdict)) => Some((fact.value.clone(), verdict.among(carriers))),
            None => self.blank.map(|_| (String::new(), Verdict::Empty)),
        }
    }

    fn cell(&self, know: &Knowing<'_>, zone: &TimeZone) -> Option<Cell> {
        let l = know.language;
        let (value, verdict) = self.verdict()?;
        let mut cell = Cell {
            doubt: verdict_badge(verdict, l),
            proof: Some(self.proof(&value, verdict, know, zone)),
            ..Cell::plain(if value.is_empty() { l.t("value-none") } else { value })
        };
        if let (true, Some(kept)) = (self.is_of_before(), self.kept) {
            cell.notes.push(l.with("last-good-of", "at", &moment(kept.read_at, zone)));
        }
        if !self.beside.is_empty() && verdict == Verdict::Duplicate {
            cell.notes
                .push(l.n("shared-with", &i64::try_from(self.beside.len()).unwrap_or(i64::MAX)));
        }
        Some(cell)
    }

    /// The newest reading is worse than the one that stands.
    fn is_of_before(&self) -> bool {
        let newer = self.newest.and_then(|reading| reading.fact.as_ref());
        self.kept.is_some() && !newer.is_some_and(|fact| fact.trust.is_plausible())
    }

    fn proof(&self, value: &str, verdict: Verdict, know: &Knowing<'_>, zone: &TimeZone) -> Proof {
        let l = know.language;
        let newer = self.newest.and_then(|reading| reading.fact.as_ref());
        let blank_raw = self.blank.and_then(|blank| blank.raw.as_ref()).map(ToString::to_string);
        let raw = match newer {
            Some(fact) => fact.raw.as_ref().map_or_else(|| fact.value.clone(), ToString::to_string),
            None if self.blank.is_some() => blank_raw.unwrap_or_else(|| l.t("value-none")),
            None => l.t("value-unread"),
        };
        let source = newer
            .map(|fact| fact.source)
            .or(self.blank.map(|blank| blank.source))
            .or(self.kept.map(|kept| kept.source));
        let mut lines = vec![(l.t("proof-raw"), raw)];
        if !value.is_empty() {
            lines.push((l.t("proof-spelled"), self.kind.spelled(value)));
        }
        lines.extend(source.map(|source| (l.t("proof-source"), source_name(source, l))));
        lines.push((l.t("proof-verdict"), verdict_words(verdict, l)));
        if let Some(kept) = self.kept {
            lines.push((l.t("proof-since"), moment(kept.since_at, zone)));
            if self.is_of_before() {
                lines.push((l.t("proof-read"), moment(kept.read_at, zone)));
                lines.extend(kept.lapsed_at.map(|at| (l.t("proof-lapsed"), moment(at, zone))));
            }
        }
        Proof {
            lines,
            links: self.beside.iter().map(|carrier| link(carrier, l)).collect(),
        }
    }
}

fn verdict_words(verdict: Verdict, l: Language) -> String {
    l.family("verdict-why", &crate::web::section::wire_name(&verdict))
}

/// Another device, named to who may see it.
pub fn link(carrier: &Carrier, l: Language) -> Link {
    if !carrier.in_scope {
        return Link {
            href: String::new(),
            label: l.t("changes-elsewhere"),
        };
    }
    let id = carrier.device.to_string();
    let name = carrier.name.clone().unwrap_or_else(|| l.t("device-unnamed"));
    Link {
        href: format!("/devices/{id}"),
        label: format!("{name}, {}", carrier.organization_short_name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Names;
    use inventory_schema::device::Source;
    use inventory_schema::inventory::AnySection;
    use inventory_schema::{DeviceId, SectionName, Timestamp};

    fn system(body: &str) -> Option<Section<System>> {
        match AnySection::read(SectionName::System, body.as_bytes()).unwrap() {
            AnySection::System(section) => Some(section),
            _ => None,
        }
    }

    fn kept(shown: &str) -> Kept {
        Kept {
            shown: shown.into(),
            source: Source::Smbios,
            model: None,
            since_at: Timestamp::from_unix_seconds(1_788_244_200),
            read_at: Timestamp::from_unix_seconds(1_788_244_200),
            lapsed_at: Some(Timestamp::from_unix_seconds(1_788_344_200)),
        }
    }

    fn shown(known: &Known) -> Vec<(String, String, Option<String>)> {
        let names = Names::default();
        let know = Knowing::of(&names, Language::Russian);
        lines(known, &know, &TimeZone::UTC)
            .into_iter()
            .map(|line| (line.label, line.cell.text, line.cell.doubt))
            .collect()
    }

    const FILLER: &str = r#"{"format":"system/1","content":{"serial":{"value":"Default string","source":"smbios","trust":"placeholder"},
        "blank":[{"identifier":"chassis_serial","source":"smbios","raw":"   "}]}}"#;

    #[test]
    fn a_filler_and_an_empty_place_are_told_from_each_other() {
        let known = Known {
            system: system(FILLER),
            ..Known::default()
        };
        let told = shown(&known);
        assert_eq!(told[0].1, "Default string");
        assert_eq!(told[0].2.as_deref(), Some("заводская заглушка"));
        assert_eq!(
            (told[1].0.as_str(), told[1].2.as_deref()),
            ("Серийный номер корпуса", Some("пусто"))
        );
        assert_eq!(told.len(), 2, "what was not looked for is not listed: {told:?}");
    }

    #[test]
    fn the_last_good_one_stands_for_a_filler_and_for_a_section_that_failed() {
        let failed = r#"{"format":"system/1","problems":[{"source":"smbios","failure":"permission_denied"}]}"#;
        for body in [FILLER, failed] {
            let known = Known {
                system: system(body),
                kept: BTreeMap::from([(IdentifierKind::SystemSerial, kept("PF1ABCDE"))]),
                ..Known::default()
            };
            let names = Names::default();
            let line = lines(&known, &Knowing::of(&names, Language::Russian), &TimeZone::UTC).remove(0);
            assert_eq!(
                (line.cell.text.as_str(), line.cell.doubt.as_deref()),
                ("PF1ABCDE", Some("прежнее верное"))
            );
            assert!(line.cell.notes[0].contains("01.09.2026"), "{line:?}");
        }
    }

    #[test]
    fn a_number_of_two_names_the_other_to_who_may_see_it() {
        let body = r#"{"format":"system/1","content":{"serial":{"value":"PF1ABCDE","source":"smbios"}}}"#;
        let carrier = |in_scope| Carrier {
            device: DeviceId::generate(),
            name: Some("kab-12".into()),
            organization_short_name: "Школа № 59".into(),
            in_scope,
        };
        let known = Known {
            system: system(body),
            kept: BTreeMap::new(),
            beside: BTreeMap::from([(IdentifierKind::SystemSerial, vec![carrier(true), carrier(false)])]),
        };
        let names = Names::default();
        let line = lines(&known, &Knowing::of(&names, Language::Russian), &TimeZone::UTC).remove(0);
        assert_eq!(line.cell.doubt.as_deref(), Some("номер-двойник"));
        let links = line.cell.proof.unwrap().links;
        assert_eq!(links[0].label, "kab-12, Школа № 59");
        assert!(links[1].href.is_empty() && !links[1].label.contains("59"));
    }
}
