//! Are two readings of hardware one computer? One rule for both sides: the agent asks it of the evidence it
//! was enrolled with, the controller of its records (promise 3).
//!
//! Pure. Readings have weights by how hard they are to share or to lose; fillers and values that many devices
//! carry weigh nothing. What cannot be read speaks neither for nor against (promise 4). Parts that wander
//! (docks, sticks, Wi-Fi, tunnels) never reach this module: [`HardwareEvidence`] does not hold them.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::device::{SerialNumber, Trust};
use crate::enrollment::HardwareEvidence;
use crate::placeholder;

/// What a reading is of. The order is that of explanations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    SystemUuid,
    SystemSerial,
    BoardSerial,
    DiskSerial,
    /// The permanent address of a wired card.
    Address,
    MemorySerial,
}

/// Which part of the computer carries a reading. All that the firmware says counts as one witness: makers that
/// fill in one field with the same text for a whole batch do so with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Witness {
    Firmware,
    Disk,
    Card,
    Memory,
}

impl EvidenceKind {
    pub const ALL: [Self; 6] = [
        Self::SystemUuid,
        Self::SystemSerial,
        Self::BoardSerial,
        Self::DiskSerial,
        Self::Address,
        Self::MemorySerial,
    ];

    /// How much one agreeing value says.
    pub const fn weight(self) -> u32 {
        match self {
            Self::SystemUuid | Self::SystemSerial | Self::BoardSerial => 40,
            Self::DiskSerial | Self::Address => 25,
            Self::MemorySerial => 10,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SystemUuid => "system_uuid",
            Self::SystemSerial => "system_serial",
            Self::BoardSerial => "board_serial",
            Self::DiskSerial => "disk_serial",
            Self::Address => "address",
            Self::MemorySerial => "memory_serial",
        }
    }

    const fn witness(self) -> Witness {
        match self {
            Self::SystemUuid | Self::SystemSerial | Self::BoardSerial => Witness::Firmware,
            Self::DiskSerial => Witness::Disk,
            Self::Address => Witness::Card,
            Self::MemorySerial => Witness::Memory,
        }
    }
}

/// One reading that says something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EvidenceItem {
    pub kind: EvidenceKind,
    /// In its one spelling.
    pub value: String,
}

/// The most values of one kind that are looked at: no classroom computer has more disks or cards.
const MAX_OF_A_KIND: usize = 8;

impl HardwareEvidence {
    /// The readings that say something, sorted: no fillers, whoever sent them.
    pub fn items(&self) -> BTreeSet<EvidenceItem> {
        let mut items = BTreeSet::new();
        let mut add = |kind: EvidenceKind, value: String| items.insert(EvidenceItem { kind, value });
        let real = |serial: &&SerialNumber| placeholder::trust_of_serial(serial.as_str()) == Trust::Plausible;
        if let Some(uuid) = self
            .system_uuid
            .filter(|uuid| uuid.fact(crate::device::Source::Smbios).trust.is_plausible())
        {
            add(EvidenceKind::SystemUuid, uuid.to_string());
        }
        let serials = [
            (EvidenceKind::SystemSerial, self.system_serial.as_slice()),
            (EvidenceKind::BoardSerial, self.board_serial.as_slice()),
            (EvidenceKind::DiskSerial, &self.disk_serials),
            (EvidenceKind::MemorySerial, &self.memory_serials),
        ];
        for (kind, serials) in serials {
            for serial in serials.iter().filter(real).take(MAX_OF_A_KIND) {
                add(kind, serial.as_str().trim().to_ascii_uppercase());
            }
        }
        let burnt_in = self.addresses.iter().filter(|address| !address.is_locally_administered());
        for address in burnt_in.take(MAX_OF_A_KIND) {
            add(EvidenceKind::Address, address.to_string());
        }
        items
    }

    /// What is known of a computer after it was looked at again: the new reading of each kind, the old one where
    /// nothing was read now.
    #[must_use]
    pub fn followed_by(&self, newer: &Self) -> Self {
        fn list<T: Clone>(newer: &[T], older: &[T]) -> Vec<T> {
            if newer.is_empty() { older.to_vec() } else { newer.to_vec() }
        }
        Self {
            system_uuid: newer.system_uuid.or(self.system_uuid),
            system_serial: newer.system_serial.clone().or_else(|| self.system_serial.clone()),
            board_serial: newer.board_serial.clone().or_else(|| self.board_serial.clone()),
            disk_serials: list(&newer.disk_serials, &self.disk_serials),
            addresses: list(&newer.addresses, &self.addresses),
            memory_serials: list(&newer.memory_serials, &self.memory_serials),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LikenessVerdict {
    /// Nothing that was read on both sides differs.
    Same,
    /// One computer with a part exchanged.
    Repaired,
    /// Two computers.
    Different,
    /// There is nothing to tell by.
    Unknown,
}

/// What the two sides say of one kind, for explanations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindLikeness {
    pub kind: EvidenceKind,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub both: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_known: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_present: Vec<String>,
    /// Values that many devices carry: shown, and counted neither way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub common: Vec<String>,
    /// How much agrees: the weights of `both`.
    pub agrees: u32,
    /// How much differs: the kind's weight where both sides have values and share none.
    pub differs: u32,
}

/// The comparison of two readings, with all that it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Likeness {
    pub verdict: LikenessVerdict,
    pub agrees: u32,
    pub differs: u32,
    pub kinds: Vec<KindLikeness>,
}

/// How much must agree, by two witnesses, for a computer with exchanged parts to stay itself.
const ENOUGH_WITH_TWO_WITNESSES: u32 = 45;
/// How much must agree for a computer to be known again without its key.
const ENOUGH_TO_IDENTIFY: u32 = 60;

impl Likeness {
    /// Compares what is known of a computer with what is read now.
    pub fn of(known: &HardwareEvidence, present: &HardwareEvidence) -> Self {
        Self::weighing(&known.items(), &present.items(), |_| 1)
    }

    /// The same where it is known how many devices carry each value: the more, the less it says.
    pub fn weighing(known: &BTreeSet<EvidenceItem>, present: &BTreeSet<EvidenceItem>, carriers: impl Fn(&EvidenceItem) -> u32) -> Self {
        let kinds: Vec<KindLikeness> = EvidenceKind::ALL
            .into_iter()
            .filter_map(|kind| compare_kind(kind, known, present, &carriers))
            .collect();
        let agrees = kinds.iter().map(|kind| kind.agrees).sum();
        let differs = kinds.iter().map(|kind| kind.differs).sum();
        let witnesses: BTreeSet<Witness> = kinds
            .iter()
            .filter(|kind| kind.agrees > 0)
            .map(|kind| kind.kind.witness())
            .collect();
        Self {
            verdict: verdict(agrees, differs, witnesses.len()),
            agrees,
            differs,
            kinds,
        }
    }

    /// Whether this says enough to know a computer again without its key: the firmware's own word and one more
    /// kind of reading. Less would make one device of two computers, and that is worse than two of one.
    pub fn identifies(&self) -> bool {
        let agreeing = || self.kinds.iter().filter(|kind| kind.agrees > 0);
        let one = matches!(self.verdict, LikenessVerdict::Same | LikenessVerdict::Repaired);
        let firmware = agreeing().any(|kind| kind.kind.witness() == Witness::Firmware);
        one && firmware && agreeing().count() >= 2 && self.agrees >= ENOUGH_TO_IDENTIFY
    }

    /// Whether people should be asked if these two records are one computer: a part that only one computer can
    /// have, or more of the firmware's word than a whole batch shares.
    pub fn resembles(&self) -> bool {
        let agreeing = || self.kinds.iter().filter(|kind| kind.agrees > 0).map(|kind| kind.kind.witness());
        let own_part = agreeing().any(|witness| matches!(witness, Witness::Disk | Witness::Card));
        own_part || agreeing().filter(|witness| *witness == Witness::Firmware).count() >= 2
    }
}

fn verdict(agrees: u32, differs: u32, witnesses: usize) -> LikenessVerdict {
    match (agrees, differs) {
        (0, 0) => LikenessVerdict::Unknown,
        (_, 0) => LikenessVerdict::Same,
        _ if witnesses >= 2 && agrees >= ENOUGH_WITH_TWO_WITNESSES => LikenessVerdict::Repaired,
        _ if agrees > 2 * differs => LikenessVerdict::Repaired,
        _ => LikenessVerdict::Different,
    }
}

/// From this many devices on a value says nothing: it is of a batch, not of a computer.
pub const COMMON_FROM: u32 = 10;

/// A computer and its double record are two carriers; more than that is already strange.
fn weight_among(kind: EvidenceKind, carriers: u32) -> u32 {
    match carriers {
        0..=2 => kind.weight(),
        3..=4 => kind.weight() / 2,
        5..COMMON_FROM => kind.weight() / 4,
        _ => 0,
    }
}

fn compare_kind(
    kind: EvidenceKind,
    known: &BTreeSet<EvidenceItem>,
    present: &BTreeSet<EvidenceItem>,
    carriers: &impl Fn(&EvidenceItem) -> u32,
) -> Option<KindLikeness> {
    let of_kind = |items: &BTreeSet<EvidenceItem>| -> (BTreeSet<EvidenceItem>, BTreeSet<EvidenceItem>) {
        let of_kind = items.iter().filter(|item| item.kind == kind).cloned();
        of_kind.partition(|item| carriers(item) >= COMMON_FROM)
    };
    let ((known_common, known), (present_common, present)) = (of_kind(known), of_kind(present));
    if [&known, &present, &known_common, &present_common]
        .iter()
        .all(|items| items.is_empty())
    {
        return None;
    }
    let contradicts = known.is_disjoint(&present) && !known.is_empty() && !present.is_empty();
    let values = |items: Vec<&EvidenceItem>| items.into_iter().map(|item| item.value.clone()).collect();
    Some(KindLikeness {
        kind,
        agrees: known.intersection(&present).map(|item| weight_among(kind, carriers(item))).sum(),
        differs: if contradicts { kind.weight() } else { 0 },
        both: values(known.intersection(&present).collect()),
        only_known: values(known.difference(&present).collect()),
        only_present: values(present.difference(&known).collect()),
        common: values(known_common.union(&present_common).collect()),
    })
}

#[cfg(test)]
mod tests;
