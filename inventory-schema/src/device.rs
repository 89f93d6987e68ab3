//! What names a device, and what a device says of itself.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use uuid::Uuid;

use crate::canonical::Digest;
use crate::person_name;
use crate::placeholder;
use crate::text::{PRINTABLE_PATTERN, RawText, ascii_printable, checked_text, printable, received_text};

/// Declares an identifier that cannot be taken for another kind's: a UUID with a type.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(#[serde(deserialize_with = "crate::device::one_spelling")] uuid::Uuid);

        impl $name {
            /// A new identifier; UUIDv7, so that rows written together lie together.
            pub fn generate() -> Self {
                Self(uuid::Uuid::now_v7())
            }

            pub const fn from_uuid(uuid: uuid::Uuid) -> Self {
                Self(uuid)
            }

            pub const fn as_uuid(&self) -> &uuid::Uuid {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "maxLength": 36,
                    "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
                    "x-source": "made by the controller or the agent"
                })
            }
        }
    };
}
pub(crate) use identifier;

/// Reads a UUID in its hyphenated lower-case form only, or one document would have two digests.
pub(crate) fn one_spelling<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    let uuid: Uuid = text.parse().map_err(de::Error::custom)?;
    if uuid.hyphenated().to_string() == text {
        Ok(uuid)
    } else {
        Err(de::Error::custom("a UUID is written in lower case with hyphens"))
    }
}

identifier!(/// A device's record at its region's controller; it outlives keys, certificates and reinstallation.
    DeviceId);
identifier!(/// One run of the operating system, made anew at each boot.
    BootId);

/// SHA-256 of a key's SubjectPublicKeyInfo (DER): names the key pair a device made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct KeyFingerprint(pub Digest);

impl KeyFingerprint {
    pub fn of_public_key(spki_der: &[u8]) -> Self {
        Self(Digest::of(spki_der))
    }
}

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for KeyFingerprint {
    type Err = crate::canonical::DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// How far a reading can be relied on. The reading itself is kept as it was, for the auditor to see both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Nothing speaks against the reading.
    #[default]
    Plausible,
    /// A maker's filler («To be filled by O.E.M.», all zeros): no evidence of anything.
    Placeholder,
    /// Contradicts another source or its own range.
    Implausible,
}

impl Trust {
    pub fn is_plausible(&self) -> bool {
        *self == Self::Plausible
    }
}

/// Where a fact was read. A closed list: a new source is a new entry here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// SMBIOS structures from `/sys/firmware/dmi/tables` or the Windows `RSMB` buffer.
    Smbios,
    /// The kernel's digest of SMBIOS under `/sys/class/dmi/id`.
    DmiSysfs,
    /// `/proc/device-tree` on ARM and other boards without SMBIOS.
    DeviceTree,
    ProcCpuinfo,
    /// `/sys/devices/system/cpu/*/topology`.
    CpuTopology,
    ProcMeminfo,
    /// `/sys/block`.
    SysfsBlock,
    /// The device database below `/run/udev/data`.
    Udev,
    /// `/sys/class/net`.
    SysfsNet,
    /// Asked of the running kernel by netlink.
    Netlink,
    /// `/sys/class/drm`.
    SysfsDrm,
    Edid,
    /// `/sys/bus/pci/devices`.
    SysfsPci,
    /// `/sys/bus/usb/devices`.
    SysfsUsb,
    /// `/sys/class/power_supply`.
    SysfsPowerSupply,
    /// `/proc/bus/input/devices`.
    ProcInput,
    /// `/sys/class/input`.
    SysfsInput,
    /// `/sys/class/video4linux`.
    SysfsVideo,
    /// `/etc/cups/printers.conf`.
    Cups,
    /// Asked of a printer in the network by SNMP.
    Snmp,
    OsRelease,
    /// `/proc/sys/kernel` and `/proc/version`.
    Kernel,
    /// `/etc/hostname` or the kernel's host name.
    HostName,
    /// `/sys/firmware/efi`.
    Efi,
    /// `/var/lib/dpkg/status`.
    DpkgStatus,
    /// The database of RPM below `/var/lib/rpm` or `/usr/lib/sysimage/rpm`.
    RpmDatabase,
    /// Applications below `/var/lib/flatpak`.
    Flatpak,
    /// Snaps below `/var/lib/snapd` and `/snap`.
    Snap,
    /// Asked of the running system through the `sysinfo` crate.
    Sysinfo,
    /// Said by another system, in a file of GLPI's inventory format.
    Glpi,
    /// Said by another system, in the XML of FusionInventory and OCS Inventory.
    OcsXml,
    /// A source that a newer agent knows and this program does not.
    #[serde(other)]
    Other,
}

/// A value with where it was read and how far it can be relied on (promise 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}Fact")]
pub struct Fact<T> {
    pub value: T,
    pub source: Source,
    #[serde(default, skip_serializing_if = "Trust::is_plausible")]
    pub trust: Trust,
    /// What was read before it was cleaned, of values that identify and only where it differs. Free text has
    /// none, or it would pass by the person-name filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<RawText>,
}

impl<T> Fact<T> {
    pub fn new(value: T, source: Source) -> Self {
        Self {
            value,
            source,
            trust: Trust::Plausible,
            raw: None,
        }
    }

    pub fn with_trust(value: T, source: Source, trust: Trust) -> Self {
        Self {
            value,
            source,
            trust,
            raw: None,
        }
    }

    /// The value, if it can be used as evidence.
    pub fn plausible(&self) -> Option<&T> {
        self.trust.is_plausible().then_some(&self.value)
    }
}

checked_text!(/// A serial number as firmware gives it, placeholders included.
    SerialNumber, at most 64, r"^[ -~]+$" => ascii_printable, from "SMBIOS, disks, EDID, USB descriptors, printers");
/// Stands where free text was withheld because it may hold a person's name.
pub const WITHHELD: &str = "withheld";

/// Declares free text that people type: what was received passes as it is, what is observed passes the filter.
macro_rules! filtered_text {
    ($(#[$doc:meta])* $name:ident, at most $max:literal, from $source:literal) => {
        received_text!($(#[$doc])* $name, at most $max, PRINTABLE_PATTERN, printable, |_| true, from $source);

        impl $name {
            /// The text, or [`WITHHELD`] where it may name a person (promise 8).
            pub fn without_person_names(raw: &str) -> Option<Self> {
                // Judged before it is cut, so that half a name at the end cannot pass.
                let whole = crate::text::clean(raw, usize::MAX, printable)?;
                if person_name::may_name_a_person(&whole) {
                    return Some(Self(WITHHELD.to_owned()));
                }
                crate::text::clean(&whole, $max, printable).map(Self)
            }
        }
    };
}

// Free text has one forgiving door, and the person-name filter stands in it: these types have no `observed`.
filtered_text!(/// The owner's inventory label in firmware. Free text: passes the person-name filter.
    AssetTag, at most 64, from "SMBIOS, filtered");
filtered_text!(/// The computer's host name. Free text: passes the person-name filter.
    Hostname, at most 253, from "/etc/hostname, filtered");
filtered_text!(/// What a maker wrote into the firmware's own strings. Free text: passes the person-name filter.
    OemText, at most 128, from "SMBIOS type 11, filtered");
filtered_text!(/// A printer's queue name. Free text: passes the person-name filter.
    PrinterName, at most 127, from "CUPS, filtered");

impl SerialNumber {
    /// The serial with the verdict of the placeholder list.
    pub fn fact(raw: &str, source: Source) -> Option<Fact<Self>> {
        Self::fact_of_bytes(raw.as_bytes(), source)
    }

    /// The same from a table's bytes, which may be no text at all.
    pub fn fact_of_bytes(bytes: &[u8], source: Source) -> Option<Fact<Self>> {
        let serial = Self::observed(&String::from_utf8_lossy(bytes))?;
        let trust = placeholder::trust_of_serial(serial.as_str());
        let raw = (serial.as_str().as_bytes() != bytes).then(|| RawText::of_bytes(bytes)).flatten();
        Some(Fact {
            raw,
            ..Fact::with_trust(serial, source, trust)
        })
    }
}

/// A network card's hardware address, lower case with colons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress([u8; 6]);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("«{0}» is not a hardware address: expected six lower-case hexadecimal pairs with colons")]
pub struct MacAddressError(String);

impl MacAddress {
    pub fn from_bytes(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// Set by software rather than burnt in: the second-lowest bit of the first octet (IEEE 802).
    pub fn is_locally_administered(&self) -> bool {
        self.0[0] & 0b10 != 0
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for MacAddress {
    type Err = MacAddressError;

    fn from_str(text: &str) -> Result<Self, MacAddressError> {
        let error = || MacAddressError(text.chars().take(40).collect());
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|part| part.len() == 2).ok_or_else(error)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| error())?;
        }
        let address = Self(bytes);
        if parts.next().is_none() && address.to_string() == text {
            Ok(address)
        } else {
            Err(error())
        }
    }
}

impl TryFrom<String> for MacAddress {
    type Error = MacAddressError;

    fn try_from(text: String) -> Result<Self, MacAddressError> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(address: MacAddress) -> String {
        address.to_string()
    }
}

impl JsonSchema for MacAddress {
    fn schema_name() -> Cow<'static, str> {
        "MacAddress".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "maxLength": 17, "pattern": "^([0-9a-f]{2}:){5}[0-9a-f]{2}$", "x-source": "network cards"
        })
    }
}

/// The system UUID of SMBIOS type 1, in the byte order its version prescribes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SystemUuid(#[serde(deserialize_with = "one_spelling")] Uuid);

impl SystemUuid {
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    pub fn fact(self, source: Source) -> Fact<Self> {
        Fact::with_trust(self, source, placeholder::trust_of_uuid(&self.0))
    }
}

impl fmt::Display for SystemUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for SystemUuid {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

impl JsonSchema for SystemUuid {
    fn schema_name() -> Cow<'static, str> {
        "SystemUuid".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "maxLength": 36, "x-source": "SMBIOS type 1",
            "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_have_one_spelling() {
        let address: MacAddress = "02:fc:00:00:00:01".parse().unwrap();
        assert!(address.is_locally_administered());
        for other in [
            "02:FC:00:00:00:01",
            "02-fc-00-00-00-01",
            "02:fc:00:00:00",
            "02:fc:00:00:00:01:02",
            "2:fc:00:00:00:01",
        ] {
            assert!(other.parse::<MacAddress>().is_err(), "{other}");
        }
    }

    #[test]
    fn identifiers_have_one_spelling_in_documents() {
        let written = "\"01900000-0000-7000-8000-00000000000a\"";
        let id: DeviceId = serde_json::from_str(written).unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), written);
        for other in [
            "\"01900000-0000-7000-8000-00000000000A\"",
            "\"0190000000007000800000000000000a\"",
            "\"{01900000-0000-7000-8000-00000000000a}\"",
            "\"urn:uuid:01900000-0000-7000-8000-00000000000a\"",
        ] {
            assert!(serde_json::from_str::<DeviceId>(other).is_err(), "{other}");
            assert!(serde_json::from_str::<SystemUuid>(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_name_at_the_cut_is_withheld_whole() {
        let long = format!("{}-ivanova", "x".repeat(60));
        assert_eq!(AssetTag::without_person_names(&long).unwrap().as_str(), WITHHELD);
    }

    #[test]
    fn a_placeholder_serial_is_kept_and_marked() {
        let fact = SerialNumber::fact("To be filled by O.E.M.", Source::Smbios).unwrap();
        assert_eq!(fact.value.as_str(), "To be filled by O.E.M.");
        assert_eq!(fact.trust, Trust::Placeholder);
        assert_eq!(fact.plausible(), None);
        assert!(SerialNumber::fact("9000116105", Source::Smbios).unwrap().plausible().is_some());
    }

    #[test]
    fn a_serial_keeps_what_was_read_where_it_was_cleaned() {
        let fact = SerialNumber::fact_of_bytes(b" PC13\xffTBF ", Source::Smbios).unwrap();
        assert_eq!(fact.value.as_str(), "PC13TBF");
        assert_eq!(fact.raw.unwrap().as_str(), r" PC13\xffTBF ");
        assert_eq!(SerialNumber::fact("PC131TBF", Source::Smbios).unwrap().raw, None);
    }

    #[test]
    fn a_host_name_that_names_a_person_is_withheld() {
        assert_eq!(Hostname::without_person_names("ivanova-notebook").unwrap().as_str(), WITHHELD);
        assert_eq!(Hostname::without_person_names("kab-12-pc03").unwrap().as_str(), "kab-12-pc03");
    }
}
