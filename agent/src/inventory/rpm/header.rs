//! The header of an installed package: an index of tags, then a store that their values stand in.
//!
//! `il` entries and `dl` bytes of store, both counted in four bytes, everything big-endian (rpm's
//! `docs/manual/hregions.md`). Eight tags of some eighty are wanted; the rest is passed over unread.

use super::{DatabaseError, Value};

/// What is read of an installed package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    pub name: String,
    pub epoch: Option<u32>,
    pub version: String,
    pub release: String,
    pub architecture: Option<String>,
    pub vendor: Option<String>,
    /// When it was installed, in seconds since 1970 by the computer's clock of then.
    pub installed: Option<u32>,
    /// What its files take, in bytes.
    pub size: Option<u64>,
}

const ENTRY: usize = 16;

/// Entries that are read at once.
const BATCH: usize = 64;

/// As many as rpm itself accepts.
const MOST_ENTRIES: u64 = 0xffff;

/// The most bytes of a text: a name has 200 characters in a report.
const TEXT_LIMIT: u64 = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tag {
    Name,
    Version,
    Release,
    Epoch,
    Installed,
    Size,
    Vendor,
    Architecture,
    LongSize,
}

impl Tag {
    fn wanted(number: u32) -> Option<Self> {
        Some(match number {
            1000 => Self::Name,
            1001 => Self::Version,
            1002 => Self::Release,
            1003 => Self::Epoch,
            1008 => Self::Installed,
            1009 => Self::Size,
            1011 => Self::Vendor,
            1022 => Self::Architecture,
            5009 => Self::LongSize,
            _ => return None,
        })
    }

    /// The type that its value has: four bytes, eight bytes, or a text in one of three guises.
    fn is_of_type(self, kind: u32) -> bool {
        match self {
            Self::Epoch | Self::Installed | Self::Size => kind == 4,
            Self::LongSize => kind == 5,
            _ => matches!(kind, 6 | 8 | 9),
        }
    }
}

impl Header {
    /// `[epoch:]version-release`, as rpm compares and people write it.
    pub fn full_version(&self) -> String {
        let epoch = self.epoch.filter(|epoch| *epoch > 0).map(|epoch| format!("{epoch}:"));
        format!("{}{}-{}", epoch.unwrap_or_default(), self.version, self.release)
    }
}

/// Reads the wanted tags in the order in which their values stand.
///
/// # Errors
/// Where the index reaches beyond the value, or name, version or release is missing.
pub fn read(value: &mut dyn Value) -> Result<Header, DatabaseError> {
    let mut lengths = [0; 8];
    value.read_at(0, &mut lengths)?;
    let (entries, store) = (u64::from(number(&lengths, 0)), u64::from(number(&lengths, 4)));
    let begin = 8 + entries * ENTRY as u64;
    if entries == 0 || entries > MOST_ENTRIES || begin + store > value.length() {
        return Err(DatabaseError::Malformed("a header's index reaches beyond its record"));
    }
    let places = wanted_places(value, entries, store)?;
    let mut header = Header::default();
    for (index, (offset, tag)) in places.iter().enumerate() {
        let end = places.get(index + 1).map_or(store, |(next, _)| *next);
        let room = end.min(offset + TEXT_LIMIT) - offset;
        fill(&mut header, *tag, value, begin + offset, room)?;
    }
    if header.name.is_empty() || header.version.is_empty() || header.release.is_empty() {
        return Err(DatabaseError::Malformed("a header names no package"));
    }
    Ok(header)
}

/// Offsets in the store with the tags that stand there, ascending. Of tags that are named twice the first counts.
fn wanted_places(value: &mut dyn Value, entries: u64, store: u64) -> Result<Vec<(u64, Tag)>, DatabaseError> {
    let mut places: Vec<(u64, Tag)> = Vec::with_capacity(9);
    let mut batch = [0; ENTRY * BATCH];
    let mut done = 0;
    while done < entries {
        let count = (entries - done).min(BATCH as u64);
        let batch = &mut batch[..count as usize * ENTRY];
        value.read_at(8 + done * ENTRY as u64, batch)?;
        for entry in batch.chunks_exact(ENTRY) {
            let (tag, offset) = (Tag::wanted(number(entry, 0)), u64::from(number(entry, 8)));
            let tag = tag.filter(|tag| tag.is_of_type(number(entry, 4)) && offset < store);
            if let Some(tag) = tag.filter(|tag| places.iter().all(|(_, known)| known != tag)) {
                places.push((offset, tag));
            }
        }
        done += count;
    }
    places.sort_unstable();
    Ok(places)
}

fn fill(header: &mut Header, tag: Tag, value: &mut dyn Value, at: u64, room: u64) -> Result<(), DatabaseError> {
    let mut bytes = [0; TEXT_LIMIT as usize];
    let bytes = &mut bytes[..room as usize];
    value.read_at(at, bytes)?;
    let word = || bytes.first_chunk().map(|word| u32::from_be_bytes(*word));
    match tag {
        Tag::Epoch => header.epoch = word(),
        Tag::Installed => header.installed = word(),
        Tag::Size => header.size = header.size.or(word().map(u64::from)),
        Tag::LongSize => header.size = bytes.first_chunk().map(|long| u64::from_be_bytes(*long)),
        Tag::Name => header.name = text(bytes),
        Tag::Version => header.version = text(bytes),
        Tag::Release => header.release = text(bytes),
        Tag::Vendor => header.vendor = Some(text(bytes)).filter(|text| !text.is_empty()),
        Tag::Architecture => header.architecture = Some(text(bytes)).filter(|text| !text.is_empty()),
    }
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
