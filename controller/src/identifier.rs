//! The values by which a computer names itself: which its system section states, and which of two readings stands.
//!
//! Pure. A failed, empty or filler reading never replaces a good one (promise 4): what was read well before stands for it,
//! with its date. That several live devices state one value is known by the rows alone; `store::identifier` keeps them,
//! `task::parts` runs it, the device's page shows it.

use std::collections::BTreeMap;

use inventory_schema::Timestamp;
use inventory_schema::device::{Fact, Source, SystemUuid, Trust};
use inventory_schema::inventory::System;
use inventory_schema::placeholder;
use inventory_schema::section::Section;
use inventory_schema::verdict::{Verdict, standing};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::part::spelled;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    SystemSerial,
    SystemUuid,
    BoardSerial,
    ChassisSerial,
    /// Of the chassis: an owner writes it.
    AssetTag,
}

impl IdentifierKind {
    pub const ALL: [Self; 5] = [
        Self::SystemSerial,
        Self::SystemUuid,
        Self::BoardSerial,
        Self::ChassisSerial,
        Self::AssetTag,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SystemSerial => "system_serial",
            Self::SystemUuid => "system_uuid",
            Self::BoardSerial => "board_serial",
            Self::ChassisSerial => "chassis_serial",
            Self::AssetTag => "asset_tag",
        }
    }

    /// Whether two computers that state one value are worth a look. A label is written by people, and a whole delivery
    /// may carry one.
    pub const fn is_unique(self) -> bool {
        !matches!(self, Self::AssetTag)
    }

    /// The one spelling by which values are compared. Firmware before SMBIOS 2.6 and what reads it write a UUID in either
    /// order of bytes: both are one.
    pub fn spelled(self, value: &str) -> String {
        match (self, value.parse::<Uuid>()) {
            (Self::SystemUuid, Ok(uuid)) => uuid.min(Uuid::from_bytes_le(*uuid.as_bytes())).hyphenated().to_string(),
            _ => spelled(value),
        }
    }
}

/// What one report says of one identifying value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub fact: Option<Fact<String>>,
    /// The model of what carries the value, where it is known.
    pub model: Option<String>,
}

/// What every system section says of all of them; of a section that failed, nothing of any.
pub fn readings(section: &Section<System>) -> BTreeMap<IdentifierKind, Reading> {
    let system = section.content();
    let reading = |kind| (kind, system.map_or_else(Reading::nothing, |system| Reading::of(kind, system)));
    IdentifierKind::ALL.into_iter().map(reading).collect()
}

impl Reading {
    const fn nothing() -> Self {
        Self { fact: None, model: None }
    }

    fn of(kind: IdentifierKind, system: &System) -> Self {
        let board = system.baseboard.as_ref();
        let chassis = system.chassis.as_ref();
        let board_model = board.and_then(|board| known(&board.model));
        let fact = match kind {
            IdentifierKind::SystemSerial => serial(&system.serial),
            IdentifierKind::SystemUuid => uuid(&system.uuid),
            IdentifierKind::BoardSerial => board.and_then(|board| serial(&board.serial)),
            IdentifierKind::ChassisSerial => chassis.and_then(|chassis| serial(&chassis.serial)),
            IdentifierKind::AssetTag => chassis.and_then(|chassis| serial(&chassis.asset_tag)),
        };
        let model = match kind {
            IdentifierKind::BoardSerial => board_model,
            _ => known(&system.model).or(board_model),
        };
        Self { fact, model }
    }
}

fn known<T: ToString>(fact: &Option<Fact<T>>) -> Option<String> {
    fact.as_ref().and_then(Fact::plausible).map(|value| spelled(&value.to_string()))
}

/// Judged anew: the list of fillers may have grown since the device judged its reading.
fn serial<T: ToString>(fact: &Option<Fact<T>>) -> Option<Fact<String>> {
    let fact = fact.as_ref()?;
    let value = fact.value.to_string();
    let trust = placeholder::trust_of_serial(&value);
    Some(judged(fact, value, trust))
}

fn uuid(fact: &Option<Fact<SystemUuid>>) -> Option<Fact<String>> {
    let fact = fact.as_ref()?;
    let value = fact.value.to_string();
    let trust = value.parse().map_or(Trust::Placeholder, |uuid| placeholder::trust_of_uuid(&uuid));
    Some(judged(fact, value, trust))
}

/// The worse of both judgements.
fn judged<T>(fact: &Fact<T>, value: String, trust: Trust) -> Fact<String> {
    Fact {
        value,
        source: fact.source,
        trust: if fact.trust.is_plausible() { trust } else { fact.trust },
        raw: fact.raw.clone(),
    }
}

/// The last good reading of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// As it was stated.
    pub shown: String,
    pub source: Source,
    pub model: Option<String>,
    /// When the device stated this value first and last.
    pub since_at: Timestamp,
    pub read_at: Timestamp,
    /// When it was first read worse; `None` while it reads well.
    pub lapsed_at: Option<Timestamp>,
}

/// What is kept of a value after a report; `None`: nothing good was ever read of what is there now.
pub fn follow(kind: IdentifierKind, newer: &Reading, older: Option<&Kept>, at: Timestamp) -> Option<Kept> {
    let older = older.filter(|older| !is_another_thing(older.model.as_deref(), newer.model.as_deref()));
    let of_before = older.map(|older| Fact::new(older.shown.clone(), older.source));
    match standing(newer.fact.as_ref(), of_before.as_ref())? {
        (fact, Verdict::Usable) => {
            let same = older.filter(|older| kind.spelled(&older.shown) == kind.spelled(&fact.value));
            Some(Kept {
                shown: fact.value.trim().to_owned(),
                source: fact.source,
                model: newer.model.clone().or_else(|| same.and_then(|same| same.model.clone())),
                since_at: same.map_or(at, |same| same.since_at),
                read_at: at,
                lapsed_at: None,
            })
        }
        (_, Verdict::LastGood) => older.map(|older| Kept {
            lapsed_at: older.lapsed_at.or(Some(at)),
            ..older.clone()
        }),
        _ => None,
    }
}

/// A number is of one board or computer: where another stands now, the old number is none of its.
fn is_another_thing(before: Option<&str>, now: Option<&str>) -> bool {
    matches!((before, now), (Some(before), Some(now)) if before != now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_schema::SectionName;
    use inventory_schema::inventory::AnySection;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_788_000_000 + day * 86_400)
    }

    fn reading(kind: IdentifierKind, body: &str) -> Reading {
        let AnySection::System(section) = AnySection::read(SectionName::System, body.as_bytes()).unwrap() else {
            panic!("a system section")
        };
        readings(&section).remove(&kind).unwrap()
    }

    fn board(model: &str, serial: &str) -> Reading {
        let body = format!(
            r#"{{"format":"system/1","content":{{"baseboard":{{"model":{{"value":"{model}","source":"smbios"}},"serial":{{"value":"{serial}","source":"smbios"}}}}}}}}"#
        );
        reading(IdentifierKind::BoardSerial, &body)
    }

    const FAILED: &str = r#"{"format":"system/1","problems":[{"source":"smbios","failure":"permission_denied"}]}"#;

    #[test]
    fn a_filler_an_empty_place_and_a_failure_leave_what_was_read_well() {
        let kind = IdentifierKind::BoardSerial;
        let good = follow(kind, &board("H61M-K", "MB123456X"), None, at(0)).unwrap();
        assert_eq!((good.shown.as_str(), good.read_at, good.lapsed_at), ("MB123456X", at(0), None));
        let failed = reading(kind, FAILED);
        for (worse, day) in [(board("H61M-K", "Default string"), 1), (failed, 2)] {
            let kept = follow(kind, &worse, Some(&good), at(day)).unwrap();
            assert_eq!(
                (kept.shown.as_str(), kept.read_at, kept.lapsed_at),
                ("MB123456X", at(0), Some(at(day)))
            );
            let later = follow(kind, &worse, Some(&kept), at(9)).unwrap();
            assert_eq!(later.lapsed_at, Some(at(day)), "since when is kept");
            let again = follow(kind, &board("H61M-K", "mb123456x"), Some(&later), at(10)).unwrap();
            assert_eq!((again.since_at, again.read_at, again.lapsed_at), (at(0), at(10), None));
        }
    }

    #[test]
    fn another_good_number_replaces_and_another_boards_filler_forgets() {
        let kind = IdentifierKind::BoardSerial;
        let good = follow(kind, &board("H61M-K", "MB123456X"), None, at(0)).unwrap();
        let other = follow(kind, &board("H61M-K", "MB777777X"), Some(&good), at(3)).unwrap();
        assert_eq!((other.shown.as_str(), other.since_at), ("MB777777X", at(3)));
        assert_eq!(follow(kind, &board("B460M", "Default string"), Some(&good), at(3)), None);
        assert_eq!(follow(kind, &board("B460M", "Default string"), None, at(3)), None);
    }

    #[test]
    fn a_uuid_is_the_same_in_either_order_of_bytes() {
        let spelled = |uuid: &str| IdentifierKind::SystemUuid.spelled(uuid);
        assert_eq!(
            spelled("4c4c4544-0042-3510-8054-b4c04f4d3132"),
            spelled("44454c4c-4200-1035-8054-b4c04f4d3132")
        );
        assert_ne!(
            spelled("4c4c4544-0042-3510-8054-b4c04f4d3132"),
            spelled("4c4c4544-0042-3510-8054-b4c04f4d3133")
        );
    }

    #[test]
    fn the_list_of_fillers_is_asked_again() {
        let body = r#"{"format":"system/1","content":{"serial":{"value":"To be filled by O.E.M.","source":"smbios"},
            "uuid":{"value":"03000200-0400-0500-0006-000700080009","source":"smbios"}}}"#;
        for kind in [IdentifierKind::SystemSerial, IdentifierKind::SystemUuid] {
            assert_eq!(reading(kind, body).fact.unwrap().trust, Trust::Placeholder);
        }
    }
}
