//! Parts that can be told apart by a number of their own, and what becomes of them as devices report.
//!
//! [`reading`] says which parts a section states, [`ledger`] who has each of them and what that means: exchanged, moved
//! from one device to another, stated by two at once. Both are pure; `store::part` keeps the rows, `task::parts` runs it.
//! Nothing here knows a database or a page. Parts without a usable number are not followed: what is said of them is
//! said of the device ([`summary`]).

pub mod ledger;
pub mod reading;
pub mod summary;

use inventory_schema::SectionName;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    MemoryModule,
    Disk,
    Board,
    Monitor,
    Battery,
    NetworkCard,
}

impl PartKind {
    pub const ALL: [Self; 6] = [
        Self::MemoryModule,
        Self::Disk,
        Self::Board,
        Self::Monitor,
        Self::Battery,
        Self::NetworkCard,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MemoryModule => "memory_module",
            Self::Disk => "disk",
            Self::Board => "board",
            Self::Monitor => "monitor",
            Self::Battery => "battery",
            Self::NetworkCard => "network_card",
        }
    }

    /// The parts that a section states: those of one kind, or none.
    pub const fn of_section(section: SectionName) -> Option<Self> {
        match section {
            SectionName::System => Some(Self::Board),
            SectionName::Memory => Some(Self::MemoryModule),
            SectionName::Storage => Some(Self::Disk),
            SectionName::Display => Some(Self::Monitor),
            SectionName::Network => Some(Self::NetworkCard),
            SectionName::Battery => Some(Self::Battery),
            SectionName::Processor | SectionName::OperatingSystem | SectionName::Peripherals | SectionName::Software => None,
        }
    }

    /// Whether its coming and going is worth telling. A screen that is switched off is not read, and it is still there.
    pub const fn stays(self) -> bool {
        !matches!(self, Self::Monitor)
    }

    /// Whether every computer has at least one, so that a list without any was not read.
    pub const fn is_needed(self) -> bool {
        matches!(self, Self::MemoryModule | Self::Disk | Self::Board)
    }
}

/// What makes a part the same wherever it is found: its number in one spelling, with the model behind it where makers'
/// numbers are short.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartIdentity {
    pub kind: PartKind,
    pub value: String,
}

impl PartIdentity {
    pub fn new(kind: PartKind, serial: &str, model: Option<&str>) -> Self {
        let number = spelled(serial);
        let short = matches!(kind, PartKind::MemoryModule | PartKind::Monitor | PartKind::Battery);
        let value = match model.filter(|_| short) {
            Some(model) => format!("{number}/{}", spelled(model)),
            None => number,
        };
        Self { kind, value }
    }
}

/// One spelling of a number, and of what somebody types who looks for it.
pub fn spelled(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase()
}

/// A part as a device states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedPart {
    pub identity: PartIdentity,
    /// As it was read.
    pub serial: String,
    pub maker: Option<String>,
    /// The model, or the part number of a memory module.
    pub model: Option<String>,
    pub size_bytes: Option<i64>,
    /// The slot, port or name it has in its device.
    pub slot: Option<String>,
}

/// What one section says of the parts of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub kind: PartKind,
    /// None twice.
    pub parts: Vec<StatedPart>,
    /// What is not listed is not there. A section that was read in part says nothing about the rest (promise 4).
    pub complete: bool,
    /// What is listed under no number that says anything: it may be a part that was read better before.
    pub nameless: Vec<Nameless>,
}

/// How a part looks that has no usable number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nameless {
    pub model: Option<String>,
    pub size_bytes: Option<i64>,
}

impl Nameless {
    /// Whether this part may be it, its number read worse than before.
    pub fn may_be(&self, part: &StatedPart) -> bool {
        self.model == part.model && self.size_bytes == part.size_bytes
    }
}

/// What is told of a part or of a device's hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It left one device and is in another.
    PartMoved,
    PartAdded,
    PartRemoved,
    /// It was gone and is in the same device again.
    PartReturned,
    /// Several devices that are alive state it at once.
    PartDuplicate,
    /// A property of the device is another than before.
    FactChanged,
}

impl ChangeKind {
    pub const ALL: [Self; 6] = [
        Self::PartMoved,
        Self::PartAdded,
        Self::PartRemoved,
        Self::PartReturned,
        Self::PartDuplicate,
        Self::FactChanged,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PartMoved => "part_moved",
            Self::PartAdded => "part_added",
            Self::PartRemoved => "part_removed",
            Self::PartReturned => "part_returned",
            Self::PartDuplicate => "part_duplicate",
            Self::FactChanged => "fact_changed",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling_and_short_ones_their_model() {
        let of = |kind, serial, model| PartIdentity::new(kind, serial, model).value;
        assert_eq!(of(PartKind::Disk, " s4ewnx0m1 ", Some("Samsung SSD")), "S4EWNX0M1");
        assert_eq!(
            of(PartKind::MemoryModule, "1a2b3c4d", Some("M471A5244CB0-CTD  ")),
            "1A2B3C4D/M471A5244CB0-CTD"
        );
        assert_eq!(of(PartKind::Battery, "00042", None), "00042");
    }
}
