//! The newest inventory, under the name everyone uses.
//!
//! Frozen versions live in [`v1`] and on; this module re-exports the newest of each section and treats
//! the ten sections as one document.

pub mod evidence;
pub mod v1;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use v1::*;

use crate::canonical::{CanonicalBytes, CanonicalError, Digest};
use crate::section::{Section, SectionContent, SectionName};
use crate::text::Word;

/// A whole inventory: what `cos-agent inventory --json` prints. On the wire its sections travel apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Inventory {
    pub format: InventoryFormat,
    /// The agent's version.
    pub agent: Word,
    pub sections: Sections,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum InventoryFormat {
    #[serde(rename = "inventory/1")]
    V1,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sections {
    pub system: Section<System>,
    pub processor: Section<Processors>,
    pub memory: Section<Memory>,
    pub storage: Section<Storage>,
    pub display: Section<Display>,
    pub network: Section<Network>,
    pub operating_system: Section<OperatingSystem>,
    pub battery: Section<Battery>,
    pub peripherals: Section<Peripherals>,
    pub software: Section<Software>,
}

/// One section's canonical bytes under its name and digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionBody {
    pub name: SectionName,
    pub digest: Digest,
    pub bytes: CanonicalBytes,
}

impl SectionBody {
    pub fn of<T: SectionContent>(section: &Section<T>) -> Result<Self, CanonicalError> {
        let bytes = CanonicalBytes::of(section)?;
        Ok(Self {
            name: T::NAME,
            digest: bytes.digest(),
            bytes,
        })
    }
}

impl Sections {
    /// Every section in the order of [`SectionName::ALL`].
    pub fn bodies(&self) -> Result<Vec<SectionBody>, CanonicalError> {
        Ok(vec![
            SectionBody::of(&self.system)?,
            SectionBody::of(&self.processor)?,
            SectionBody::of(&self.memory)?,
            SectionBody::of(&self.storage)?,
            SectionBody::of(&self.display)?,
            SectionBody::of(&self.network)?,
            SectionBody::of(&self.operating_system)?,
            SectionBody::of(&self.battery)?,
            SectionBody::of(&self.peripherals)?,
            SectionBody::of(&self.software)?,
        ])
    }
}

/// A received section of any kind, read into its type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "read, matched and dropped one at a time; never kept in a list"
)]
pub enum AnySection {
    System(Section<System>),
    Processor(Section<Processors>),
    Memory(Section<Memory>),
    Storage(Section<Storage>),
    Display(Section<Display>),
    Network(Section<Network>),
    OperatingSystem(Section<OperatingSystem>),
    Battery(Section<Battery>),
    Peripherals(Section<Peripherals>),
    Software(Section<Software>),
}

impl AnySection {
    /// Reads a section's body. Unknown fields are passed over: [`crate::report::unknown_fields`] lists them.
    pub fn read(name: SectionName, body: &[u8]) -> Result<Self, serde_json::Error> {
        Ok(match name {
            SectionName::System => Self::System(serde_json::from_slice(body)?),
            SectionName::Processor => Self::Processor(serde_json::from_slice(body)?),
            SectionName::Memory => Self::Memory(serde_json::from_slice(body)?),
            SectionName::Storage => Self::Storage(serde_json::from_slice(body)?),
            SectionName::Display => Self::Display(serde_json::from_slice(body)?),
            SectionName::Network => Self::Network(serde_json::from_slice(body)?),
            SectionName::OperatingSystem => Self::OperatingSystem(serde_json::from_slice(body)?),
            SectionName::Battery => Self::Battery(serde_json::from_slice(body)?),
            SectionName::Peripherals => Self::Peripherals(serde_json::from_slice(body)?),
            SectionName::Software => Self::Software(serde_json::from_slice(body)?),
        })
    }

    /// What this program understood of the section, as JSON again.
    pub fn understood(&self) -> serde_json::Value {
        let value = match self {
            Self::System(section) => serde_json::to_value(section),
            Self::Processor(section) => serde_json::to_value(section),
            Self::Memory(section) => serde_json::to_value(section),
            Self::Storage(section) => serde_json::to_value(section),
            Self::Display(section) => serde_json::to_value(section),
            Self::Network(section) => serde_json::to_value(section),
            Self::OperatingSystem(section) => serde_json::to_value(section),
            Self::Battery(section) => serde_json::to_value(section),
            Self::Peripherals(section) => serde_json::to_value(section),
            Self::Software(section) => serde_json::to_value(section),
        };
        value.expect("a section that was read can be written")
    }
}
