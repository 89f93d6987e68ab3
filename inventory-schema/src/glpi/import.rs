//! A document of GLPI's as sections of ours, every fact with the other system as its source.
//!
//! What the document does not state is no section, so that nothing that is known is replaced by silence. Values that
//! make no sense in their place are left out one by one; refused is only what cannot be a computer's inventory.

mod parts;
mod screen;
mod system;

use serde::{Deserialize, Serialize};

use super::content::{Content, Document, Hardware};
use super::lenient::{Items, One, said};
use crate::canonical::{CanonicalError, Digest};
use crate::device::{Fact, OemText, Source};
use crate::enrollment::HardwareEvidence;
use crate::inventory::{
    AnySection, Battery, Display, Memory, Network, OperatingSystem, Peripherals, Processors, SectionBody, Software, Storage, System,
    evidence,
};
use crate::section::{Section, SectionContent};
use crate::text::{HardwareText, Word};

pub use parts::MAX_DISKS;

/// In which form another system spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// GLPI's inventory format, JSON.
    Glpi,
    /// The XML of FusionInventory and OCS Inventory.
    OcsXml,
}

impl Origin {
    pub const fn source(self) -> Source {
        match self {
            Self::Glpi => Source::Glpi,
            Self::OcsXml => Source::OcsXml,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Glpi => "glpi",
            Self::OcsXml => "ocs_xml",
        }
    }
}

/// Why a document is no inventory of a computer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotImportable {
    #[error("the document has no deviceid")]
    NoDeviceId,
    #[error("the document has no content")]
    NoContent,
    #[error("the document is of a {itemtype}, not of a computer")]
    NotAComputer { itemtype: String },
    #[error("the document is a {action}, not an inventory")]
    NotAnInventory { action: String },
    #[error("the document states nothing about a computer's hardware, system or software")]
    StatesNothing,
}

/// What a file said of a computer, stripped of persons' data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    pub origin: Origin,
    /// By which the same computer is known again in the next file. The name itself may hold a person's.
    pub foreign_key: Digest,
    /// What the other system calls the computer; «withheld» where that may name a person.
    pub foreign_id: OemText,
    /// The program that looked at the computer.
    pub client: Option<HardwareText>,
    /// When it looked, by its own clock, as digits that order: `2026-09-01 08:00:00`.
    pub looked_at: Option<Word>,
    /// Only what changed: meant for a computer that is known.
    pub partial: bool,
    pub sections: StatedSections,
    pub evidence: HardwareEvidence,
    /// Keys with persons' data that were passed over, by their names.
    pub stripped: Vec<String>,
    /// Entries of lists beyond what is kept.
    pub left_out: u64,
}

/// The sections that a document states.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatedSections {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<System>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<Processors>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<Display>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_system: Option<OperatingSystem>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery: Option<Battery>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peripherals: Option<Peripherals>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<Software>,
}

impl StatedSections {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Each stated section as it is kept, in the order of [`crate::SectionName::ALL`].
    pub fn bodies(&self) -> Result<Vec<(AnySection, SectionBody)>, CanonicalError> {
        fn body<T: SectionContent + Clone>(
            content: &Option<T>,
            any: fn(Section<T>) -> AnySection,
        ) -> Result<Option<(AnySection, SectionBody)>, CanonicalError> {
            let Some(content) = content else { return Ok(None) };
            let section = Section::Read(content.clone());
            let body = SectionBody::of(&section)?;
            Ok(Some((any(section), body)))
        }
        let bodies = [
            body(&self.system, AnySection::System)?,
            body(&self.processor, AnySection::Processor)?,
            body(&self.memory, AnySection::Memory)?,
            body(&self.storage, AnySection::Storage)?,
            body(&self.display, AnySection::Display)?,
            body(&self.network, AnySection::Network)?,
            body(&self.operating_system, AnySection::OperatingSystem)?,
            body(&self.battery, AnySection::Battery)?,
            body(&self.peripherals, AnySection::Peripherals)?,
            body(&self.software, AnySection::Software)?,
        ];
        Ok(bodies.into_iter().flatten().collect())
    }
}

/// Reads what a document says of a computer.
pub fn import(document: &Document, origin: Origin) -> Result<Stated, NotImportable> {
    let deviceid = said(&document.deviceid).ok_or(NotImportable::NoDeviceId)?;
    is_of_a_computer(document)?;
    let One(content) = document.content.as_ref().ok_or(NotImportable::NoContent)?;
    let said_by = SaidBy(origin.source());
    let sections = StatedSections {
        system: system::system(content, said_by),
        processor: content.cpus.as_ref().and_then(|cpus| parts::processors(&cpus.list, said_by)),
        memory: parts::memory(content, said_by),
        storage: content
            .storages
            .as_ref()
            .and_then(|storages| parts::storage(&storages.list, said_by)),
        display: screen::display(content, said_by),
        network: content
            .networks
            .as_ref()
            .and_then(|networks| parts::network(&networks.list, said_by)),
        operating_system: system::operating_system(content, said_by),
        battery: content
            .batteries
            .as_ref()
            .and_then(|batteries| parts::battery(&batteries.list, said_by)),
        peripherals: parts::peripherals(content, said_by),
        software: content.softwares.as_ref().and_then(|softwares| system::software(&softwares.list)),
    };
    if sections.is_empty() {
        return Err(NotImportable::StatesNothing);
    }
    let of_hardware = evidence::of_parts(
        sections.system.as_ref(),
        sections.memory.as_ref(),
        sections.storage.as_ref(),
        sections.network.as_ref(),
    );
    Ok(Stated {
        origin,
        foreign_key: Digest::of(deviceid.as_bytes()),
        foreign_id: OemText::without_person_names(deviceid).ok_or(NotImportable::NoDeviceId)?,
        client: said(&content.versionclient).and_then(HardwareText::observed),
        looked_at: content.accesslog.as_ref().and_then(|log| looked_at(said(&log.0.logdate)?)),
        partial: document.partial.is_some_and(|partial| partial.0),
        evidence: of_hardware,
        stripped: stripped(content),
        left_out: left_out(content),
        sections,
    })
}

fn is_of_a_computer(document: &Document) -> Result<(), NotImportable> {
    let cut = |text: &str| text.chars().filter(|c| crate::text::printable(*c)).take(40).collect();
    if let Some(itemtype) = said(&document.itemtype).filter(|itemtype| !itemtype.eq_ignore_ascii_case("computer")) {
        return Err(NotImportable::NotAComputer { itemtype: cut(itemtype) });
    }
    let actions = [said(&document.action), said(&document.query)];
    match actions
        .into_iter()
        .flatten()
        .find(|action| !matches!(action.to_ascii_lowercase().as_str(), "inventory" | "injector"))
    {
        Some(action) => Err(NotImportable::NotAnInventory { action: cut(action) }),
        None => Ok(()),
    }
}

/// `2026-09-01 08:00:00`, with a T for the space in newer ones; anything else says no time.
fn looked_at(text: &str) -> Option<Word> {
    let head: String = text.chars().take(19).map(|c| if c == ' ' { 'T' } else { c }).collect();
    let time: jiff::civil::DateTime = head.parse().ok()?;
    Word::observed(&time.to_string())
}

fn stripped(content: &Content) -> Vec<String> {
    let default = Hardware::default();
    let hardware = content.hardware.as_ref().map_or(&default, |hardware| &hardware.0);
    let there = [
        ("users", content.users.is_some()),
        ("local_users", content.local_users.is_some()),
        ("local_groups", content.local_groups.is_some()),
        ("processes", content.processes.is_some()),
        ("envs", content.envs.is_some()),
        ("remote_mgmt", content.remote_mgmt.is_some()),
        ("licenseinfos", content.licenseinfos.is_some()),
        ("accountinfo", content.accountinfo.is_some()),
        ("hardware.lastloggeduser", hardware.lastloggeduser.is_some()),
        ("hardware.userid", hardware.userid.is_some()),
        ("hardware.winowner", hardware.winowner.is_some()),
        ("hardware.wincompany", hardware.wincompany.is_some()),
        ("hardware.winprodkey", hardware.winprodkey.is_some()),
        ("hardware.workgroup", hardware.workgroup.is_some()),
        ("hardware.description", hardware.description.is_some()),
        (
            "softwares.username",
            any(&content.softwares, |software| {
                software.username.is_some() || software.userid.is_some()
            }),
        ),
        ("printers.comment", any(&content.printers, |printer| printer.comment.is_some())),
    ];
    there
        .into_iter()
        .filter(|(_, there)| *there)
        .map(|(key, _)| key.to_owned())
        .collect()
}

fn any<T, const MOST: usize>(items: &Option<Items<T, MOST>>, is: impl Fn(&T) -> bool) -> bool {
    items.as_ref().is_some_and(|items| items.list.iter().any(is))
}

fn left_out(content: &Content) -> u64 {
    fn of<T, const MOST: usize>(items: &Option<Items<T, MOST>>) -> u64 {
        items.as_ref().map_or(0, |items| items.left_out)
    }
    [
        of(&content.batteries),
        of(&content.cameras),
        of(&content.controllers),
        of(&content.cpus),
        of(&content.inputs),
        of(&content.memories),
        of(&content.monitors),
        of(&content.networks),
        of(&content.printers),
        of(&content.softwares),
        of(&content.storages),
        of(&content.usbdevices),
        of(&content.videos),
    ]
    .into_iter()
    .sum()
}

/// Who says a value: the source of every fact made here.
#[derive(Debug, Clone, Copy)]
struct SaidBy(Source);

impl SaidBy {
    fn fact<T>(self, value: T) -> Fact<T> {
        Fact::new(value, self.0)
    }

    fn text(self, text: Option<&str>) -> Option<Fact<HardwareText>> {
        HardwareText::observed(text?).map(|text| self.fact(text))
    }

    /// A maker or a model, with the verdict of the list of fillers.
    fn name(self, text: Option<&str>) -> Option<Fact<HardwareText>> {
        let text = HardwareText::observed(text?)?;
        let trust = crate::placeholder::trust_of_name(text.as_str());
        Some(Fact::with_trust(text, self.0, trust))
    }

    fn serial(self, text: Option<&str>) -> Option<Fact<crate::device::SerialNumber>> {
        crate::device::SerialNumber::fact(text?, self.0)
    }

    fn word(self, text: Option<&str>) -> Option<Fact<Word>> {
        Word::observed(text?).map(|word| self.fact(word))
    }
}
