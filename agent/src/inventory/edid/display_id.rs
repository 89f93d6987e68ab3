//! DisplayID 1.x and 2.x: sections of data blocks, inside an extension block or standing alone.
//!
//! Pure. Both versions share their frame and differ in the numbers of their blocks. What the base block
//! states comes first; a section fills what is left open.

use super::{BLOCK, Edid, StatedUse, Timing, cta, sums_to_zero};

/// Version, length, use, number of further sections; behind the data stands the sum.
const FRAME: usize = 5;
/// More names or numbers than this in one EDID are no names.
const MOST_TEXTS: usize = 8;
/// The year that DisplayID counts from.
const FIRST_YEAR: u16 = 2000;

struct Section<'a> {
    major: u8,
    usage: u8,
    data: &'a [u8],
    /// Behind the sum.
    rest: &'a [u8],
}

/// `None` unless it is one whole: there is no mark to know a section by, so its sum has to hold.
fn section(bytes: &[u8]) -> Option<Section<'_>> {
    let major = bytes.first()? >> 4;
    let end = FRAME + usize::from(*bytes.get(1)?);
    let (whole, rest) = bytes.split_at_checked(end)?;
    ((1..=2).contains(&major) && sums_to_zero(whole)).then(|| Section {
        major,
        usage: whole[2],
        data: &whole[4..end - 1],
        rest,
    })
}

/// A DisplayID without a base block.
pub(super) fn stands_alone(bytes: &[u8]) -> Option<Edid> {
    let mut next = section(bytes)?;
    let mut edid = Edid::default();
    loop {
        read(&next, &mut edid);
        match section(next.rest) {
            Some(section) => next = section,
            None => return Some(edid),
        }
    }
}

/// An extension block holds one section behind its tag.
pub(super) fn read_extension(block: &[u8], edid: &mut Edid) {
    let inside = block.get(1..BLOCK - 1).unwrap_or_default();
    // Some makers forget the section's own sum; the block's was checked.
    let section = section(inside).or_else(|| {
        let length = usize::from(*inside.get(1)?);
        Some(Section {
            major: inside.first()? >> 4,
            usage: *inside.get(2)?,
            data: inside.get(4..4 + length)?,
            rest: &[],
        })
    });
    if let Some(section) = section {
        read(&section, edid);
    }
}

fn read(section: &Section<'_>, edid: &mut Edid) {
    edid.stated_use = edid.stated_use.or(stated_use(section.major, section.usage));
    let mut native = None;
    let mut rest = section.data;
    // A kind of zero with nothing in it is padding.
    while let [kind, revision, length, after @ ..] = rest {
        let Some((payload, next)) = after.split_at_checked(usize::from(*length)) else {
            break;
        };
        match (kind, payload) {
            (0x00 | 0x20, _) => product(*kind, payload, edid),
            (0x01 | 0x21, [a, b, c, d, e, f, g, h, ..]) => {
                // Tenths of a millimetre, unless the revision says whole ones.
                let unit = if *kind == 0x21 && revision & 0x80 != 0 { 10 } else { 1 };
                let [width, height, horizontal, vertical] = [[*a, *b], [*c, *d], [*e, *f], [*g, *h]].map(u16::from_le_bytes);
                parameters((width, height), unit, (horizontal, vertical), edid, &mut native);
            }
            (0x03, _) => native = timing(payload, 10_000).or(native),
            (0x22, _) => native = timing(payload, 1_000).or(native),
            (0x0a, _) if edid.serials.len() < MOST_TEXTS => edid.serials.extend(super::descriptor_text(payload)),
            (0x81, _) => cta::data_blocks(payload, edid),
            _ => {}
        }
        rest = next;
    }
    edid.native = edid.native.or(native);
}

/// The timing that the screen prefers, else the first.
fn timing(payload: &[u8], unit: u64) -> Option<Timing> {
    let timings = || payload.as_chunks::<20>().0.iter().filter_map(|t| Timing::of_display_id(t, unit));
    let preferred = timings().find(|(_, is_preferred)| *is_preferred).or_else(|| timings().next());
    preferred.map(|(timing, _)| timing)
}

fn parameters((width, height): (u16, u16), unit: u32, (horizontal, vertical): (u16, u16), edid: &mut Edid, native: &mut Option<Timing>) {
    if width > 0 && height > 0 {
        edid.tenths = edid.tenths.or(Some((u32::from(width) * unit, u32::from(height) * unit)));
    }
    if horizontal > 0 && vertical > 0 {
        *native = native.or(Some(Timing {
            horizontal,
            vertical,
            interlaced: false,
            millihertz: None,
            millimetres: None,
        }));
    }
}

/// Maker (letters in version 1, a registered number in version 2), product, number, date, name.
fn product(kind: u8, payload: &[u8], edid: &mut Edid) {
    let Some((head, after)) = payload.split_first_chunk::<12>() else {
        return;
    };
    let letters = || {
        std::str::from_utf8(&head[..3])
            .ok()
            .filter(|text| text.bytes().all(|b| b.is_ascii_uppercase()))
    };
    if kind == 0x00 && edid.maker.is_none() {
        edid.maker = letters().map(str::to_owned);
    }
    edid.product = edid.product.or(Some(u16::from_le_bytes([head[3], head[4]])));
    edid.number = edid.number.or(Some(u32::from_le_bytes([head[5], head[6], head[7], head[8]])));
    if edid.year.is_none() {
        edid.year = Some(FIRST_YEAR + u16::from(head[10]));
        edid.week = (1..=54).contains(&head[9]).then_some(head[9]);
        edid.is_model_year = head[9] == 0xff;
    }
    let name = after.get(..usize::from(head[11])).and_then(super::descriptor_text);
    if edid.names.len() < MOST_TEXTS {
        edid.names.extend(name.filter(|name| !edid.names.contains(name)));
    }
}

fn stated_use(major: u8, usage: u8) -> Option<StatedUse> {
    match (major, usage) {
        (1, 4) | (2, 3) => Some(StatedUse::Television),
        (1, 6) | (2, 4 | 5) => Some(StatedUse::Desktop),
        (2, 6) => Some(StatedUse::Presentation),
        _ => None,
    }
}
