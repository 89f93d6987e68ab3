//! Files of other inventory systems, from their bytes to the store: read, compared with what is known, shown, written.
//!
//! Another system's word is evidence of a lower level. It makes a record of its own, never part of an agent's; where it
//! speaks of hardware that an agent has, people are asked whether the two are one computer
//! ([`crate::device::stated`]). Persons' data is gone before anything here sees it (`inventory_schema::glpi`). A file
//! is taken whole or not at all, and one that says nothing new changes nothing.
//!
//! Called by `cos-controller device import` and by the page of imports. Knows no command line and no HTTP.

pub mod read;
mod xml;

use inventory_schema::canonical::CanonicalError;
use inventory_schema::device::{OemText, WITHHELD};
use inventory_schema::glpi::{NotImportable, Stated};
use inventory_schema::likeness::{Likeness, LikenessVerdict};
use inventory_schema::report::MAX_SECTION_BYTES;
use inventory_schema::{DeviceId, SectionName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::activity_log::{Action, Entry, SubjectKind};
use crate::device::stated::{Told, compare_told};
use crate::report::summary::summarize;
use crate::store::building::Place;
use crate::store::device::DeviceSummary;
use crate::store::imported::{DeviceToImport, ImportedDevice, Telling};
use crate::store::{Store, StoreError};

/// Why a file is not taken. The code is for programs and for the words of pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Fault {
    #[error("файл не читается: {why} / the file cannot be read")]
    Unreadable { why: String },
    #[error("файл больше {limit} байт / the file is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("файл пуст / the file is empty")]
    Empty,
    #[error("файл сжат; распакуйте его / the file is compressed, unpack it first")]
    Compressed,
    #[error("в строке {line} не текст / line {line} is no text")]
    NotText { line: u64 },
    #[error("это не JSON и не XML / this is neither JSON nor XML")]
    UnknownFormat,
    #[error("JSON нарушен в строке {line}, столбце {column} / the JSON is broken at line {line}, column {column}")]
    BrokenJson { line: usize, column: usize },
    #[error("в файле список документов; нужен один документ в файле / the file holds a list, one document per file is taken")]
    SeveralDocuments,
    #[error("XML нарушен на байте {position} / the XML is broken at byte {position}")]
    BrokenXml { position: u64 },
    #[error("XML с объявлением DOCTYPE не принимается / XML with a DOCTYPE is not taken")]
    Doctype,
    #[error("XML вложен слишком глубоко / the XML is nested too deeply")]
    TooDeep,
    #[error("в XML слишком много элементов / the XML has too many elements")]
    TooManyElements,
    #[error("корень XML — не REQUEST / the root of the XML is not REQUEST")]
    NotRequest,
    #[error("нет deviceid: по нему компьютер узнаётся в следующем файле / there is no deviceid")]
    NoDeviceId,
    #[error("нет content / there is no content")]
    NoContent,
    #[error("это описание «{itemtype}», а не компьютера / this is a {itemtype}, not a computer")]
    NotAComputer { itemtype: String },
    #[error("это «{action}», а не инвентаризация / this is a {action}, not an inventory")]
    NotAnInventory { action: String },
    #[error("об устройстве ничего не сказано / nothing is said about a computer")]
    StatesNothing,
    #[error("это частичная инвентаризация неизвестного устройства; сначала загрузите полную / a partial inventory of an unknown device")]
    PartialOfUnknown,
    #[error("раздел {section} больше допустимого / the section {section} is larger than allowed")]
    SectionTooLarge { section: SectionName },
    #[error("тот же файл загружает кто-то ещё; повторите / somebody else is importing the same file, try again")]
    Contended,
}

impl Fault {
    /// As documents write it; its words for pages are under it.
    pub fn code(&self) -> String {
        let tagged = serde_json::to_value(self).unwrap_or_default();
        tagged.get("code").and_then(|code| code.as_str()).unwrap_or_default().to_owned()
    }

    /// What the words leave open: a place in the file, a kind.
    pub fn detail(&self) -> String {
        match self {
            Self::Unreadable { why } => why.clone(),
            Self::TooLarge { limit } => limit.to_string(),
            Self::NotText { line } => line.to_string(),
            Self::BrokenJson { line, column } => format!("{line}:{column}"),
            Self::BrokenXml { position } => position.to_string(),
            Self::NotAComputer { itemtype } => itemtype.clone(),
            Self::NotAnInventory { action } => action.clone(),
            Self::SectionTooLarge { section } => section.to_string(),
            _ => String::new(),
        }
    }
}

impl From<NotImportable> for Fault {
    fn from(reason: NotImportable) -> Self {
        match reason {
            NotImportable::NoDeviceId => Self::NoDeviceId,
            NotImportable::NoContent => Self::NoContent,
            NotImportable::NotAComputer { itemtype } => Self::NotAComputer { itemtype },
            NotImportable::NotAnInventory { action } => Self::NotAnInventory { action },
            NotImportable::StatesNothing => Self::StatesNothing,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DeviceImportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a section has no canonical form")]
    Canonical(#[from] CanonicalError),
}

/// What a file would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    New,
    /// Some sections are another than before.
    Changed,
    Unchanged,
    /// A file that looked at the computer later is held already.
    Older,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Older => "older",
        }
    }

    pub const fn writes(self) -> bool {
        matches!(self, Self::New | Self::Changed)
    }
}

/// One file compared with what is known.
#[derive(Debug, Clone)]
pub struct Plan {
    pub outcome: Outcome,
    pub device: DeviceToImport,
    /// The device of before.
    pub known: Option<DeviceId>,
    /// The other system calls several computers the same, and this one's hardware is another's.
    pub same_name_other_hardware: bool,
}

/// Compares what a file says with what its organization's devices were said to be before.
pub async fn plan(store: &Store, place: &Place, file_name: &str, stated: &Stated) -> Result<Result<Plan, Fault>, DeviceImportError> {
    let known = store.imported_devices(place.organization_id, stated.foreign_key).await?;
    let before = known.iter().find(|known| is_one_computer(known, stated));
    if stated.partial && before.is_none() {
        return Ok(Err(Fault::PartialOfUnknown));
    }
    let bodies = stated.sections.bodies()?;
    if let Some((_, large)) = bodies.iter().find(|(_, body)| body.bytes.as_bytes().len() > MAX_SECTION_BYTES) {
        return Ok(Err(Fault::SectionTooLarge { section: large.name }));
    }
    let summary = summarize(bodies.iter().map(|(section, _)| section)).or(before.map(|before| before.summary.clone()).unwrap_or_default());
    let sections: Vec<(SectionName, Vec<u8>)> = bodies
        .into_iter()
        .filter(|(_, body)| before.is_none_or(|before| before.sections.get(&body.name) != Some(&body.digest)))
        .map(|(_, body)| (body.name, body.bytes.as_bytes().to_vec()))
        .collect();
    let evidence = evidence_of(before, stated);
    let is_older = before.is_some_and(|before| is_older(stated, before));
    let outcome = match before {
        None => Outcome::New,
        Some(_) if is_older => Outcome::Older,
        Some(_) if sections.is_empty() => Outcome::Unchanged,
        Some(_) => Outcome::Changed,
    };
    Ok(Ok(Plan {
        outcome,
        known: before.map(|before| before.external_id),
        same_name_other_hardware: before.is_none() && !known.is_empty(),
        device: DeviceToImport {
            known: before.map(|before| before.id),
            external_id: DeviceId::generate(),
            variant: i64::try_from(known.len()).unwrap_or(i64::MAX),
            telling: telling(file_name, stated),
            sections,
            summary,
            evidence,
        },
    }))
}

/// A name is not enough: copied disks carry one name to many computers.
fn is_one_computer(known: &ImportedDevice, stated: &Stated) -> bool {
    let likeness = Likeness::weighing(&known.evidence, &stated.evidence.items(), |_| 1);
    likeness.verdict != LikenessVerdict::Different
}

/// Readings of a kind that this file does not state stay as they were.
fn evidence_of(before: Option<&ImportedDevice>, stated: &Stated) -> std::collections::BTreeSet<inventory_schema::likeness::EvidenceItem> {
    let mut items = stated.evidence.items();
    let stated_kinds: std::collections::BTreeSet<_> = items.iter().map(|item| item.kind).collect();
    let kept = before.into_iter().flat_map(|before| &before.evidence);
    items.extend(kept.filter(|item| !stated_kinds.contains(&item.kind)).cloned());
    items
}

fn is_older(stated: &Stated, before: &ImportedDevice) -> bool {
    let looked_at = stated.looked_at.as_ref().map(|at| at.as_str());
    matches!((looked_at, before.telling.looked_at.as_deref()), (Some(now), Some(before)) if now < before)
}

fn telling(file_name: &str, stated: &Stated) -> Telling {
    Telling {
        foreign_key: stated.foreign_key,
        foreign_id: stated.foreign_id.to_string(),
        origin: stated.origin.as_str().to_owned(),
        client: stated.client.as_ref().map(ToString::to_string),
        file_name: file_name.to_owned(),
        looked_at: stated.looked_at.as_ref().map(ToString::to_string),
    }
}

/// A file's name as it may be kept: files are called after computers, and computers after people.
pub fn kept_file_name(name: &str) -> String {
    OemText::without_person_names(name).map_or_else(|| WITHHELD.to_owned(), |name| name.to_string())
}

/// Who imports: makes the entry of the activity log.
pub type EntryOf<'a> = &'a (dyn Fn(Action, SubjectKind, String) -> Entry + Send + Sync);

/// Writes what a plan says and asks people about likely doubles. Answers the device, or why it cannot be written now.
pub async fn apply(
    store: &Store,
    place: &Place,
    plan: &Plan,
    who: EntryOf<'_>,
    now: Timestamp,
) -> Result<Result<DeviceId, Fault>, DeviceImportError> {
    let device = &plan.device;
    let external_id = plan.known.unwrap_or(device.external_id);
    let id = if plan.outcome.writes() {
        let entry = who(Action::DeviceImported, SubjectKind::Device, external_id.to_string())
            .of_organization(place.organization_id)
            .with("file", device.telling.file_name.as_str())
            .with("origin", device.telling.origin.as_str())
            .with("outcome", plan.outcome.as_str())
            .with("sections", device.sections.len())
            .into_new();
        match store.apply_import(place, std::slice::from_ref(device), &entry, now).await {
            Ok(ids) => ids.first().copied(),
            Err(StoreError::Conflict { .. } | StoreError::Reference { .. }) => return Ok(Err(Fault::Contended)),
            Err(error) => return Err(error.into()),
        }
    } else {
        device.known
    };
    // Of a file that changes nothing too: a run that was broken off may have asked nobody yet.
    if let Some(id) = id {
        let told = Told {
            id,
            external_id,
            organization_id: place.organization_id,
            items: &device.evidence,
        };
        compare_told(store, &told, now).await?;
    }
    Ok(Ok(external_id))
}

/// What a device is called in lists of an import.
pub fn title(summary: &DeviceSummary) -> String {
    let model = [summary.maker.as_deref(), summary.model.as_deref()];
    let model = model.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let parts = [summary.host_name.as_deref(), Some(model.as_str()), summary.serial.as_deref()];
    parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests;
