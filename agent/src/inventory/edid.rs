//! EDID: what a screen says of itself (VESA E-EDID 1.3 and 1.4, base block).
//!
//! Bytes in, facts out. Extension blocks are passed over, whatever their number and length: nothing that is
//! reported stands in them. The rules for serial numbers and sizes come from what 141,883 real screens say:
//! one in three has a filler for its number, and interactive panels state the size of their scaler board.

use inventory_schema::device::{Fact, SerialNumber, Source, Trust};
use inventory_schema::inventory::{DisplayConnection, Monitor};
use inventory_schema::quantity::{Millimetres, Pixels, Week, Year};
use inventory_schema::text::{DeviceName, HardwareText, Word};
use inventory_schema::{Digest, placeholder};

const BASE_BLOCK: usize = 128;
const HEADER: [u8; 8] = [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EdidError {
    #[error("the EDID has {0} bytes, a base block has 128")]
    TooShort(usize),
    #[error("the EDID does not begin with its mark")]
    Header,
}

/// The base block, read but not judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edid {
    pub maker: Option<String>,
    pub product: u16,
    pub number: u32,
    pub week: Option<u8>,
    pub year: u16,
    /// Both sides in centimetres, where both are given: one alone is an aspect ratio.
    pub centimetres: Option<(u16, u16)>,
    pub names: Vec<String>,
    pub serials: Vec<String>,
    pub texts: Vec<String>,
    /// The first detailed timing: the screen's own mode.
    pub native: Option<Timing>,
    /// All 128 bytes add up to zero.
    pub checksum_holds: bool,
}

/// A detailed timing, with the height of the whole picture where it is interlaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    pub horizontal: u16,
    pub vertical: u16,
    pub millimetres: (u16, u16),
}

impl Edid {
    pub fn read(bytes: &[u8]) -> Result<Self, EdidError> {
        let base: &[u8; BASE_BLOCK] = bytes
            .get(..BASE_BLOCK)
            .and_then(|base| base.try_into().ok())
            .ok_or(EdidError::TooShort(bytes.len()))?;
        if base[..8] != HEADER {
            return Err(EdidError::Header);
        }
        let descriptors = || base[54..126].chunks_exact(18);
        let texts = |tag| {
            descriptors()
                .filter(move |d| d[0] == 0 && d[1] == 0 && d[3] == tag)
                .filter_map(|d| descriptor_text(&d[5..]))
                .collect()
        };
        let sides = (u16::from(base[21]), u16::from(base[22]));
        Ok(Self {
            maker: maker(u16::from_be_bytes([base[8], base[9]])),
            product: u16::from_le_bytes([base[10], base[11]]),
            number: u32::from_le_bytes([base[12], base[13], base[14], base[15]]),
            week: (1..=54).contains(&base[16]).then_some(base[16]),
            year: 1990 + u16::from(base[17]),
            centimetres: (sides.0 > 0 && sides.1 > 0).then_some(sides),
            names: texts(0xfc),
            serials: texts(0xff),
            texts: texts(0xfe),
            native: descriptors().find(|d| d[0] != 0 || d[1] != 0).map(timing),
            checksum_holds: base.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) == 0,
        })
    }
}

/// Three letters of five bits each, A = 1.
fn maker(packed: u16) -> Option<String> {
    [10, 5, 0]
        .into_iter()
        .map(|shift| (packed >> shift & 0x1f) as u8)
        .map(|letter| (1..=26).contains(&letter).then(|| char::from(b'A' - 1 + letter)))
        .collect()
}

/// At most 13 bytes, ended by a line feed.
fn descriptor_text(bytes: &[u8]) -> Option<String> {
    let line = bytes.split(|byte| matches!(byte, b'\n' | 0)).next()?;
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Dell writes its own part number before the panel's, and between them a byte that is no letter: the panel's
/// number, the last part, is meant.
fn last_part(text: &str) -> &str {
    text.rsplit(|c: char| !matches!(c, ' '..='~'))
        .find(|part| !part.trim().is_empty())
        .unwrap_or(text)
}

fn timing(d: &[u8]) -> Timing {
    let twelve_bits = |low: usize, high: u8| u16::from(d[low]) | u16::from(high) << 8;
    let interlaced = d[17] & 0x80 != 0;
    let lines = twelve_bits(5, d[7] >> 4);
    Timing {
        horizontal: twelve_bits(2, d[4] >> 4),
        vertical: if interlaced { lines * 2 } else { lines },
        millimetres: (twelve_bits(12, d[14] >> 4), twelve_bits(13, d[14] & 0x0f)),
    }
}

/// What a screen on a port is, as far as its EDID tells. A base block whose sum is wrong was garbled on its
/// way: its facts are marked implausible.
pub fn monitor(port: DeviceName, connection: Fact<DisplayConnection>, edid: &Edid, bytes: &[u8]) -> Monitor {
    let trust = if edid.checksum_holds {
        Trust::Plausible
    } else {
        Trust::Implausible
    };
    let size = size(edid);
    let side = |side: fn(&Size) -> u64| {
        let size = size.as_ref()?;
        Some(Fact::with_trust(
            Millimetres::saturating(side(size)),
            Source::Edid,
            trust.max(size.trust),
        ))
    };
    let pixels = |count: fn(&Timing) -> u16| {
        let count = edid.native.as_ref().map(count).filter(|count| *count > 0)?;
        Some(Fact::with_trust(Pixels::saturating(count.into()), Source::Edid, trust))
    };
    Monitor {
        port,
        connection,
        maker: edid
            .maker
            .as_deref()
            .and_then(Word::observed)
            .map(|word| Fact::with_trust(word, Source::Edid, trust)),
        model: model(edid).map(|fact| Fact {
            trust: trust.max(fact.trust),
            ..fact
        }),
        serial: serial(edid).map(|fact| Fact {
            trust: trust.max(fact.trust),
            ..fact
        }),
        made_in_week: edid
            .week
            .map(|week| Fact::with_trust(Week::saturating(week.into()), Source::Edid, trust)),
        made_in_year: (edid.year > 1990).then(|| Fact::with_trust(Year::saturating(edid.year.into()), Source::Edid, trust)),
        width: side(|size| size.width),
        height: side(|size| size.height),
        horizontal: pixels(|timing| timing.horizontal),
        vertical: pixels(|timing| timing.vertical),
        edid: Some(Digest::of(bytes)),
    }
}

/// The product name; else, as on panels of notebooks, the free text that holds a type number; else the
/// maker's letters and the product code, which every screen has.
fn model(edid: &Edid) -> Option<Fact<HardwareText>> {
    let is_number = |text: &&str| text.chars().any(|c| c.is_ascii_digit()) && text.chars().count() > 3;
    let type_number = || {
        edid.texts
            .iter()
            .rev()
            .map(|text| last_part(text))
            .find(is_number)
            .map(str::to_owned)
    };
    let code = || edid.maker.as_ref().map(|maker| format!("{maker}{:04X}", edid.product));
    super::system::name_fact(&edid.names.first().cloned().or_else(type_number).or_else(code)?, Source::Edid)
}

/// The first number that is no filler, texts before the 32-bit number; else the first filler with its verdict.
fn serial(edid: &Edid) -> Option<Fact<SerialNumber>> {
    let texts = edid.serials.iter().filter_map(|raw| {
        let fact = SerialNumber::fact(raw, Source::Edid)?;
        // Makers count demonstration batches as 0000000000001.
        let counted = raw.chars().all(|c| matches!(c, '0' | '1'));
        Some(if counted {
            Fact {
                trust: Trust::Placeholder,
                ..fact
            }
        } else {
            fact
        })
    });
    let all: Vec<Fact<SerialNumber>> = texts.chain(number(edid.number)).collect();
    all.iter().find(|fact| fact.trust.is_plausible()).or_else(|| all.first()).cloned()
}

/// A third of all screens carry one of these numbers: 1 and 0, four bytes of 1, «ET».
fn number(number: u32) -> Option<Fact<SerialNumber>> {
    const FILLERS: [u32; 5] = [0, 1, 0x0101_0101, 0x5445, u32::MAX];
    let text = number.to_string();
    let trust = if FILLERS.contains(&number) {
        Trust::Placeholder
    } else {
        placeholder::trust_of_serial(&text)
    };
    Some(Fact::with_trust(SerialNumber::observed(&text)?, Source::Edid, trust))
}

struct Size {
    /// Millimetres.
    width: u64,
    height: u64,
    trust: Trust,
}

/// Beyond 40 inches the centimetres are right and the millimetres are the scaler's; below, the millimetres
/// refine the centimetres where the two agree. Sizes that stand for «not filled in» are kept with that
/// verdict; `None` for projectors, which have no size.
fn size(edid: &Edid) -> Option<Size> {
    const FORTY_INCHES: f64 = 1016.0;
    let (width, height) = edid.centimetres?;
    let (width, height) = (u64::from(width) * 10, u64::from(height) * 10);
    let trust = if is_default_size(width, height) {
        Trust::Placeholder
    } else {
        Trust::Plausible
    };
    let diagonal = (width as f64).hypot(height as f64);
    let refined = edid
        .native
        .map(|timing| (u64::from(timing.millimetres.0), u64::from(timing.millimetres.1)))
        .filter(|(w, h)| w.abs_diff(width) <= 10 && h.abs_diff(height) <= 10)
        .filter(|_| diagonal <= FORTY_INCHES && trust.is_plausible());
    let (width, height) = refined.unwrap_or((width, height));
    Some(Size { width, height, trust })
}

/// Aspect ratios written as sizes, and the size of one maker's scaler boards.
fn is_default_size(width: u64, height: u64) -> bool {
    const DEFAULTS: [(u64, u64); 6] = [(1600, 900), (160, 90), (1150, 650), (40, 30), (1600, 1000), (160, 100)];
    DEFAULTS.contains(&(width, height))
}

#[cfg(test)]
mod tests;
