//! The fillers themselves, as data: each with how it is compared, what it may be read as, and where it was seen.
//!
//! Nothing here is searched for in the middle of a word: an unanchored rule (GLPI's `\d\.\d`) eats real serial
//! numbers. Values are compared after [`super::fold`]. Whoever changes an entry raises
//! [`super::LIST_VERSION`].

/// Where an entry was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// glpi-agent, `lib/GLPI/Agent/Tools/Generic.pm`, and its ancestor FusionInventory.
    GlpiAgent,
    /// GLPI server, `src/Blacklist.php`.
    GlpiServer,
    /// OCS Inventory, `Ocsinventory/Agent/Common.pm` and `files/ocsbase.sql`.
    Ocs,
    /// osquery, `osquery/core/system.cpp`.
    Osquery,
    /// Salt `modules/smbios.py`, inxi `clean_unset`.
    SaltAndInxi,
    /// hw-probe `emptyVal`, `emptyProduct`.
    HwProbe,
    /// Counted in public dumps of firmware tables and of screens.
    Dumps,
    /// Reported by people whose computers had it.
    Reports,
    /// What dmidecode writes instead of a value: old tables of other programs hold it as if it were one.
    Dmidecode,
}

/// How an entry is compared with a folded value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The whole value.
    Whole,
    /// The value's first words.
    Start,
    /// The value's last words.
    End,
}

/// What an entry may be a filler of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Any,
    /// Serial numbers, tags and the like; as a name it may be meant.
    Serial,
    /// Names of makers and models; as a number it may be meant.
    Name,
}

/// One filler.
#[derive(Debug, Clone, Copy)]
pub struct Filler {
    pub text: &'static str,
    pub anchor: Anchor,
    pub scope: Scope,
    pub origin: Origin,
}

const fn entry(text: &'static str, anchor: Anchor, scope: Scope, origin: Origin) -> Filler {
    Filler {
        text,
        anchor,
        scope,
        origin,
    }
}

use Anchor::{End, Start, Whole};
use Origin::{Dmidecode, Dumps, GlpiAgent, GlpiServer, HwProbe, Ocs, Osquery, Reports, SaltAndInxi};
use Scope::{Any, Name, Serial};

/// The union of what the programs above filter, what they are known to miss, and what dumps hold.
pub const FILLERS: &[Filler] = &[
    entry("n/a", Whole, Any, GlpiAgent),
    entry("na", Whole, Any, Ocs),
    entry("none", Whole, Any, GlpiAgent),
    entry("null", Whole, Any, Ocs),
    entry("unknown", Whole, Any, GlpiAgent),
    entry("invalid", Whole, Any, GlpiServer),
    entry("empty", Whole, Any, GlpiServer),
    entry("undefined", Whole, Any, SaltAndInxi),
    entry("no", Whole, Serial, SaltAndInxi),
    entry("tbd", Whole, Any, Reports),
    entry("test", Whole, Any, Reports),
    entry("eval", Whole, Serial, GlpiServer),
    entry("iatpass", Whole, Serial, GlpiServer),
    entry("x", Whole, Any, SaltAndInxi),
    entry("nb", Whole, Serial, Dumps),
    entry("oem", Whole, Any, Ocs),
    entry("sku", Whole, Any, HwProbe),
    entry("not specified", Start, Any, GlpiAgent),
    entry("not available", Whole, Any, GlpiAgent),
    entry("not present", Whole, Any, GlpiAgent),
    entry("not installed", Whole, Any, GlpiAgent),
    entry("not applicable", Whole, Any, SaltAndInxi),
    entry("not defined", Whole, Any, SaltAndInxi),
    entry("not settable", Whole, Any, Dmidecode),
    entry("none specified", Whole, Any, SaltAndInxi),
    entry("<bad index>", Whole, Any, Dmidecode),
    entry("<out of spec>", Whole, Any, Dmidecode),
    entry("default", Whole, Any, SaltAndInxi),
    entry("default string", Start, Any, GlpiAgent),
    entry("default string", End, Any, Dumps),
    entry("to be filled", Start, Any, GlpiAgent),
    entry("to be filed", Start, Any, Dumps),
    entry("to be set", Start, Any, SaltAndInxi),
    entry("to be defined", Start, Any, HwProbe),
    entry("fill by oem", Whole, Any, Dumps),
    entry("filled by oem", Whole, Any, Dumps),
    entry("by o.e.m", End, Any, GlpiAgent),
    entry("o.e.m", Whole, Any, GlpiAgent),
    entry("oem default", Start, Any, HwProbe),
    entry("oem_serial", Whole, Serial, GlpiServer),
    entry("oem serial", Whole, Serial, HwProbe),
    entry("serial number", End, Any, GlpiAgent),
    entry("serialnumber", Whole, Any, Dumps),
    entry("systemserialnumb", Whole, Serial, GlpiServer),
    entry("serial", Whole, Any, Ocs),
    entry("no serial", Whole, Serial, Ocs),
    entry("sernum0", Whole, Serial, Reports),
    entry("asset tag", End, Any, GlpiAgent),
    entry("no asset", Start, Any, GlpiAgent),
    entry("asset-1234567890", Whole, Serial, Dumps),
    entry("9876543210", Whole, Serial, Dumps),
    entry("ffffffff", Whole, Any, Dumps),
    entry("ffff", Whole, Any, Dumps),
    entry("demoset-1", Whole, Serial, Dumps),
    entry("h1ak500000", Whole, Serial, Dumps),
    entry("product name", End, Name, GlpiAgent),
    entry("system product name", Whole, Any, GlpiAgent),
    entry("system manufacturer", Whole, Any, GlpiAgent),
    entry("system version", Whole, Any, GlpiAgent),
    entry("system sku", Whole, Any, SaltAndInxi),
    entry("system name", Whole, Any, HwProbe),
    entry("chassis manufacture", Whole, Any, GlpiAgent),
    entry("chassis manufacturer", Whole, Any, GlpiAgent),
    entry("chassis version", Whole, Any, GlpiAgent),
    entry("base board", Whole, Any, Dumps),
    entry("base board version", Whole, Any, Dumps),
    entry("type2 - board", Start, Any, GlpiServer),
    entry("all series", Whole, Any, GlpiServer),
    entry("system_product_name", Whole, Any, HwProbe),
    entry("$(project_sku_name)", Whole, Any, HwProbe),
    entry("_0o-", Whole, Any, HwProbe),
    entry("-o", Whole, Any, HwProbe),
    entry("o", Whole, Name, HwProbe),
    entry("*", Whole, Any, GlpiServer),
];

/// A UUID that many machines share. Whole values only: the same patterns with a hardware address in the last
/// six bytes are unique. Each is meant in both byte orders.
pub const SHARED_UUIDS: &[(u128, Origin)] = &[
    (0x03000200_0400_0500_0006_000700080009, Osquery),
    (0x03020100_0504_0706_0809_0a0b0c0d0e0f, Osquery),
    (0x10000000_0000_8000_0040_000000000000, Osquery),
    // KVM's default.
    (0x02000100_0300_0400_0005_000600070008, Reports),
    (0x6ab5b300_538d_1014_9fb5_b0684d007b53, Reports),
    (0x12345678_1234_5678_90ab_cddeefaabbcc, Dumps),
];
