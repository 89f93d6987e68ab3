//! The computer as a whole: maker, model, serial, board, chassis, firmware; its system and software.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::KindVerdict;
use crate::device::{AssetTag, Fact, Hostname, OemText, SerialNumber, Source, SystemUuid};
use crate::quantity::{Bytes, Count};
use crate::section::{SectionContent, SectionName};
use crate::text::{HardwareText, RawText, SoftwareName, SoftwareVersion, SystemTitle, Word};
use crate::timestamp::Timestamp;

/// SMBIOS types 0 to 3, or what stands for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct System {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Fact<HardwareText>>,
    /// Stock-keeping unit: the maker's order number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Fact<SerialNumber>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Fact<SystemUuid>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chassis: Option<Chassis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseboard: Option<Baseboard>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Firmware>,
    /// The hypervisor's vendor, when the computer is a virtual machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypervisor: Option<Fact<HardwareText>>,
    /// What the computer is, as the agent concludes from all sections; a technician may overrule it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<KindVerdict>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpm: Option<Tpm>,
    /// Sockets for expansion cards, used ones included (SMBIOS type 9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expansion_slots: Option<Fact<Count>>,
    /// Those of them that firmware calls available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_expansion_slots: Option<Fact<Count>>,
    /// SMBIOS type 11, fillers left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub oem_strings: Vec<Fact<OemText>>,
    /// The boards that the device tree says this one is compatible with, the nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compatible: Vec<Fact<Word>>,
    /// The table's version, `3.2`: it decides the byte order of the UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smbios_version: Option<Fact<Word>>,
    /// Identifying values that firmware has a place for and left empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blank: Vec<BlankReading>,
}

/// An identifying value that was looked for, found and empty: which is another thing than not looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlankReading {
    pub identifier: Identifier,
    pub source: Source,
    /// What stands there instead of text: spaces, or bytes that are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<RawText>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Identifier {
    SystemSerial,
    BoardSerial,
    ChassisSerial,
    AssetTag,
    #[serde(other)]
    Other,
}

/// The security chip: SMBIOS type 43.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tpm {
    /// The four letters of the maker: `INTC`, `IFX`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<Fact<Word>>,
    /// Which specification it follows: `2.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specification: Option<Fact<Word>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Fact<Word>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Fact<HardwareText>>,
}

impl SectionContent for System {
    const NAME: SectionName = SectionName::System;
    const FORMAT: &'static str = "system/1";
}

/// SMBIOS type 3.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Chassis {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Fact<ChassisKind>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Fact<SerialNumber>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset_tag: Option<Fact<AssetTag>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Fact<HardwareText>>,
    /// Whether the chassis can be locked: the highest bit of its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_lock: Option<Fact<bool>>,
}

/// The chassis as firmware claims it (SMBIOS 3.x, table 17). Known to lie: 12 % of Russian-brand notebooks
/// say `desktop`, so nothing is decided by it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChassisKind {
    Desktop,
    LowProfileDesktop,
    MiniTower,
    Tower,
    Portable,
    Laptop,
    Notebook,
    HandHeld,
    AllInOne,
    SubNotebook,
    SpaceSaving,
    Server,
    Tablet,
    Convertible,
    Detachable,
    MiniPc,
    StickPc,
    EmbeddedPc,
    Unknown,
    /// A kind that SMBIOS defines and schools do not have, or one newer than this program.
    #[serde(other)]
    Other,
}

/// SMBIOS type 2: the identity that remains when a maker left type 1 unfilled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Baseboard {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Fact<SerialNumber>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset_tag: Option<Fact<AssetTag>>,
}

/// SMBIOS type 0, and what EFI says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Firmware {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Fact<HardwareText>>,
    /// As the maker writes it, usually MM/DD/YYYY.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secure_boot: Option<Fact<SecureBoot>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecureBoot {
    Enabled,
    Disabled,
    /// The computer started without EFI.
    Unsupported,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperatingSystem {
    /// `ID` of os-release: `altlinux`, `astra`, `redos`, `debian`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Fact<Word>>,
    /// `VERSION_ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Fact<SoftwareVersion>>,
    /// `VARIANT_ID`, `EDITION` or `ALT_BRANCH_ID`: which product of the family it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<Fact<Word>>,
    /// `PRETTY_NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Fact<SystemTitle>>,
    /// The release to its last number, where it says more than `VERSION_ID`: `7.3.6` of RED OS, `1.8.1.6` of
    /// Astra, `12.7` of Debian.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Fact<SoftwareVersion>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Fact<SoftwareVersion>>,
    /// As the kernel names it: `x86_64`, `aarch64`, `e2k`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Fact<Word>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<Fact<Hostname>>,
}

impl SectionContent for OperatingSystem {
    const NAME: SectionName = SectionName::OperatingSystem;
    const FORMAT: &'static str = "operating_system/1";
}

/// Installed software, one list per package manager.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Software {
    pub lists: Vec<PackageList>,
}

impl SectionContent for Software {
    const NAME: SectionName = SectionName::Software;
    const FORMAT: &'static str = "software/1";
}

/// The packages of one manager, sorted by name, version and architecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PackageList {
    pub manager: PackageManager,
    pub packages: Vec<SoftwarePackage>,
    /// What the packages take on disk, where the manager says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed_size: Option<Bytes>,
    /// When a package was last installed or updated, by the computer's clock of then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_change: Option<Timestamp>,
}

impl PackageList {
    pub fn new(manager: PackageManager, packages: Vec<SoftwarePackage>) -> Self {
        Self {
            manager,
            packages,
            installed_size: None,
            last_change: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PackageManager {
    Dpkg,
    Rpm,
    Flatpak,
    Snap,
    WindowsUninstall,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct SoftwarePackage {
    pub name: SoftwareName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<SoftwareVersion>,
    /// Left out where it is the system's own or `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Word>,
}
