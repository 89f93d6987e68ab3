//! Graphics adapters and what is connected to them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::device::{Fact, SerialNumber};
use crate::quantity::{Bytes, Millihertz, Millimetres, Pixels, Week, Year};
use crate::section::{SectionContent, SectionName};
use crate::text::{DeviceName, HardwareText, Word, received_text};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Display {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<GraphicsAdapter>,
    /// Counted by port, because serial numbers of whole batches are equal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub monitors: Vec<Monitor>,
}

impl SectionContent for Display {
    const NAME: SectionName = SectionName::Display;
    const FORMAT: &'static str = "display/1";
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GraphicsAdapter {
    /// `vendor:device` in hexadecimal; the controller knows their names.
    pub hardware_id: Fact<Word>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Fact<DeviceName>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Fact<Bytes>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Monitor {
    /// `HDMI-A-1`, `eDP-1`.
    pub port: DeviceName,
    pub connection: Fact<DisplayConnection>,
    /// The three letters of the maker (PNP id): `SAM`, `BOE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<Fact<Word>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Fact<HardwareText>>,
    /// What else the screen calls itself: further names; of one without a name, its other texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_names: Vec<HardwareText>,
    /// The maker's product code, four hexadecimal digits: with the maker's letters it is the screen's PNP id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_code: Option<Fact<Word>>,
    /// The better one of `serial_text` and `serial_number`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Fact<SerialNumber>>,
    /// The serial number that is written as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_text: Option<Fact<SerialNumber>>,
    /// The serial number of 32 bits, in decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<Fact<SerialNumber>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_in_week: Option<Fact<Week>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_in_year: Option<Fact<Year>>,
    /// The model's year, where the screen states it instead of the year it was made in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_year: Option<Fact<Year>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<Fact<Millimetres>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<Fact<Millimetres>>,
    /// Where the size comes from, or why it is not known. Sides that stand for «not filled in» are kept beside
    /// it with that verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_basis: Option<SizeBasis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizontal: Option<Fact<Pixels>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vertical: Option<Fact<Pixels>>,
    /// Pictures per second of the native mode; half pictures where it is interlaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Fact<Millihertz>>,
    /// Whether the native mode is interlaced; `vertical` counts the lines of the whole picture either way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interlaced: Option<Fact<bool>>,
    /// What kind of screen this is taken for, how surely and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_for: Option<TakenFor>,
    /// SHA-256 of the EDID as read: two screens with one serial number are still told apart by port, and one
    /// screen is known again on another port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edid: Option<Digest>,
    /// The EDID itself, so that a later rule can read it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edid_bytes: Option<EdidBytes>,
}

/// A judgement on a screen: EDID has no field for what a screen is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TakenFor {
    pub kind: ScreenKind,
    pub confidence: Confidence,
    /// What speaks for it, the strongest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clues: Vec<ScreenClue>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScreenKind {
    /// Part of the computer: a notebook, an all-in-one.
    BuiltIn,
    Monitor,
    InteractivePanel,
    Projector,
    Television,
    /// A virtual machine's.
    Virtual,
    /// Nothing tells.
    Unknown,
    #[serde(other)]
    Other,
}

/// How surely a judgement holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// One of several that would fit.
    Possible,
    Likely,
    Certain,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScreenClue {
    /// The port is inside the computer.
    InternalPort,
    /// The port or the maker is a virtual machine's.
    VirtualHardware,
    /// The name is one of such models.
    ModelName,
    /// The maker makes such screens above all.
    Maker,
    /// DisplayID states the use.
    StatedUse,
    /// It states no size, as what throws a picture has none.
    NoSize,
    /// It states the default size of a scaler board instead of its own.
    ScalerSize,
    /// It states proportions instead of a size.
    ProportionsForSize,
    /// Larger than 40 inches.
    LargeSize,
    /// As large as what stands on a desk.
    DeskSize,
    /// It takes sound over HDMI.
    SoundOverHdmi,
    #[serde(other)]
    Other,
}

/// Where a screen's size comes from, or why it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SizeBasis {
    /// The base block's whole centimetres.
    Centimetres,
    /// The native timing's millimetres, which the centimetres confirm.
    Timing,
    /// DisplayID's tenths of millimetres.
    DisplayId,
    /// Unknown: proportions (16 × 9, 160 × 90) stand in place of the size.
    Proportions,
    /// Unknown: the size is the one that a scaler board is delivered with.
    ScalerDefault,
    /// There is none: a projector's picture is as large as it is thrown.
    Projected,
    /// Unknown: no size is stated.
    NotStated,
    #[serde(other)]
    Other,
}

impl SizeBasis {
    /// Whether there is a size to rely on.
    pub fn is_known(self) -> bool {
        matches!(self, Self::Centimetres | Self::Timing | Self::DisplayId)
    }
}

/// The most bytes of an EDID: a base block and 255 extensions of 128 bytes.
pub const MAX_EDID_BYTES: usize = 32_768;

fn is_base64_letter(c: char) -> bool {
    matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '+' | '/' | '=')
}

received_text!(/// The bytes of an EDID as a screen gave them, in base64.
    EdidBytes, at most 43_692, r"^[A-Za-z0-9+/]+={0,2}$", is_base64_letter, |text| STANDARD.decode(text).is_ok(), from "EDID");

impl EdidBytes {
    /// `None` where there are no bytes, or more than [`MAX_EDID_BYTES`].
    pub fn of(bytes: &[u8]) -> Option<Self> {
        (1..=MAX_EDID_BYTES).contains(&bytes.len()).then(|| Self(STANDARD.encode(bytes)))
    }

    pub fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.0).expect("checked when built")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisplayConnection {
    /// Built into the computer: eDP, LVDS, DSI.
    BuiltIn,
    Hdmi,
    DisplayPort,
    Dvi,
    Vga,
    #[serde(other)]
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edid_travels_whole_and_bounded() {
        let bytes: Vec<u8> = (0..=255).cycle().take(MAX_EDID_BYTES).collect();
        let text = EdidBytes::of(&bytes).unwrap();
        assert_eq!(text.as_str().len(), EdidBytes::MAX_CHARS);
        assert_eq!(text.bytes(), bytes);
        assert_eq!(EdidBytes::of(&[0; MAX_EDID_BYTES + 1]), None);
        assert_eq!(EdidBytes::of(&[]), None);
        for other in ["", "AP//", "AP8=", "AP8", "A", "AP9=", "AP8_", "AP8=\n", "=AAA"] {
            let read = serde_json::from_value::<EdidBytes>(serde_json::json!(other));
            assert_eq!(read.is_ok(), matches!(other, "AP//" | "AP8="), "{other:?}");
        }
    }
}
