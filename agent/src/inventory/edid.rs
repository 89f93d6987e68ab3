//! EDID and DisplayID: what a screen says of itself (VESA E-EDID 1.3 and 1.4, CTA-861, DisplayID 1.x and 2.x).
//!
//! Bytes in, facts out, never judged here: [`monitor`](monitor()) says what they mean. The base block alone
//! makes an EDID; extension blocks of any number add to it, and what is wrong with them is said and not
//! fatal: real screens cut them short, repeat themselves, or announce what does not follow. A DisplayID that
//! stands alone, without a base block, is read into the same facts.

mod cta;
mod display_id;
mod monitor;
mod size;
mod timing;

use std::fmt;

pub use monitor::monitor;
pub use timing::Timing;

const BLOCK: usize = 128;
const HEADER: [u8; 8] = [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];

/// The year that a base block counts from.
const FIRST_YEAR: u16 = 1990;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EdidError {
    #[error("the EDID has {0} bytes, a base block has 128")]
    TooShort(usize),
    #[error("the EDID does not begin with its mark")]
    Header,
}

/// What is wrong with an EDID that could be read all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complaint {
    BaseSum,
    /// The blocks that follow the base block whose sums are wrong: the first one, and how many.
    BlockSums {
        first: usize,
        count: usize,
    },
    MissingBlocks {
        announced: usize,
        present: usize,
    },
    /// Bytes behind the last whole block.
    LooseBytes(usize),
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BaseSum => write!(f, "the sum of the base block is wrong"),
            Self::BlockSums { first, count: 1 } => write!(f, "the sum of extension block {first} is wrong"),
            Self::BlockSums { first, count } => write!(f, "the sums of {count} extension blocks are wrong, from block {first} on"),
            Self::MissingBlocks { announced, present } => write!(f, "extension blocks announced: {announced}, present: {present}"),
            Self::LooseBytes(count) => write!(f, "bytes behind the last whole block: {count}"),
        }
    }
}

/// What the screen states its use to be (DisplayID).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatedUse {
    Television,
    Desktop,
    Presentation,
}

/// An EDID, read but not judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edid {
    pub maker: Option<String>,
    pub product: Option<u16>,
    pub number: Option<u32>,
    pub week: Option<u8>,
    pub year: Option<u16>,
    /// The year is the model's and not the one it was made in.
    pub is_model_year: bool,
    /// Both sides in centimetres, where both are given.
    pub centimetres: Option<(u16, u16)>,
    /// One side alone is given: that is an aspect ratio (EDID 1.4).
    pub states_ratio: bool,
    /// Both sides in tenths of a millimetre, from DisplayID.
    pub tenths: Option<(u32, u32)>,
    pub names: Vec<String>,
    pub serials: Vec<String>,
    pub texts: Vec<String>,
    /// The screen's own mode: the first detailed timing there is.
    pub native: Option<Timing>,
    /// It has loudspeakers or passes sound on (CTA-861).
    pub takes_sound: bool,
    /// It is a sink of HDMI (CTA-861).
    pub has_hdmi: bool,
    pub stated_use: Option<StatedUse>,
    pub complaints: Vec<Complaint>,
}

impl Edid {
    pub fn read(bytes: &[u8]) -> Result<Self, EdidError> {
        if let Some(edid) = display_id::stands_alone(bytes) {
            return Ok(edid);
        }
        let (base, rest) = bytes.split_first_chunk::<BLOCK>().ok_or(EdidError::TooShort(bytes.len()))?;
        if base[..8] != HEADER {
            return Err(EdidError::Header);
        }
        let mut edid = Self::of_base_block(base);
        edid.read_extensions(usize::from(base[126]), rest);
        Ok(edid)
    }

    /// The base block's own sum holds, so that its facts can be relied on.
    pub fn is_whole(&self) -> bool {
        !self.complaints.contains(&Complaint::BaseSum)
    }

    fn of_base_block(base: &[u8; BLOCK]) -> Self {
        let descriptors = || base[54..126].chunks_exact(18);
        let texts = |tag| {
            descriptors()
                .filter(move |d| d[0] == 0 && d[1] == 0 && d[3] == tag)
                .filter_map(|d| descriptor_text(&d[5..]))
                .collect()
        };
        let sides = (u16::from(base[21]), u16::from(base[22]));
        let (wide, high) = (sides.0 > 0, sides.1 > 0);
        Self {
            maker: maker(u16::from_be_bytes([base[8], base[9]])),
            product: Some(u16::from_le_bytes([base[10], base[11]])),
            number: Some(u32::from_le_bytes([base[12], base[13], base[14], base[15]])),
            week: (1..=54).contains(&base[16]).then_some(base[16]),
            year: (base[17] > 0).then(|| FIRST_YEAR + u16::from(base[17])),
            is_model_year: base[16] == 0xff,
            centimetres: (wide && high).then_some(sides),
            states_ratio: wide != high,
            names: texts(0xfc),
            serials: texts(0xff),
            texts: texts(0xfe),
            native: descriptors().find_map(Timing::of_descriptor),
            complaints: if sums_to_zero(base) { Vec::new() } else { vec![Complaint::BaseSum] },
            ..Self::default()
        }
    }

    /// All whole blocks that are there, whatever number is announced: a screen with more than 254 of them, or
    /// an extension that overrides the number, announces less than follows.
    fn read_extensions(&mut self, announced: usize, rest: &[u8]) {
        let blocks = rest.chunks_exact(BLOCK);
        let loose = blocks.remainder().len();
        let present = blocks.len();
        let mut wrong: Option<(usize, usize)> = None;
        for (number, block) in blocks.enumerate() {
            let is_whole = sums_to_zero(block);
            if !is_whole && number < announced {
                let (first, count) = wrong.unwrap_or((number + 1, 0));
                wrong = Some((first, count + 1));
            }
            match block[0] {
                0x02 => cta::read(block, self),
                0x70 if is_whole => display_id::read_extension(block, self),
                _ => {}
            }
        }
        self.complaints
            .extend(wrong.map(|(first, count)| Complaint::BlockSums { first, count }));
        if present < announced {
            self.complaints.push(Complaint::MissingBlocks { announced, present });
        }
        if loose > 0 {
            self.complaints.push(Complaint::LooseBytes(loose));
        }
    }
}

fn sums_to_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) == 0
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

#[cfg(test)]
mod tests;
