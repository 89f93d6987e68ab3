//! Graphics adapters and what is connected to them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::device::{Fact, SerialNumber};
use crate::quantity::{Bytes, Millimetres, Pixels, Week, Year};
use crate::section::{SectionContent, SectionName};
use crate::text::{DeviceName, HardwareText, Word};

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Fact<SerialNumber>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_in_week: Option<Fact<Week>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_in_year: Option<Fact<Year>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<Fact<Millimetres>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<Fact<Millimetres>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizontal: Option<Fact<Pixels>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vertical: Option<Fact<Pixels>>,
    /// SHA-256 of the EDID as read: two screens with one serial number are still told apart by port, and one
    /// screen is known again on another port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edid: Option<Digest>,
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
