//! `Packages`: a hash of Berkeley DB (CentOS 7, RED OS 7, Alt up to its branch p10).
//!
//! Buckets need not be found: every page of the file is looked at once, and those that hold pairs of keys and
//! values give theirs. A value longer than a quarter of a page lies on a chain of overflow pages. The byte order
//! is that of the computer which made the file, told by its magic number (Berkeley DB 4 and 5, `db_page.h`).

use super::chain::Chained;
use super::{DatabaseError, Listing, Stream, length_of, read_exact_at};

const MAGIC: u32 = 0x0006_1561;
const PAGE_HEAD: usize = 26;

/// Types of pages.
const HASH_META: u8 = 8;
const HASH_UNSORTED: u8 = 2;
const HASH: u8 = 13;
const OVERFLOW: u8 = 7;

/// Types of items on a hash page.
const ITEM_INLINE: u8 = 1;
const ITEM_ON_CHAIN: u8 = 3;

#[derive(Clone, Copy)]
struct Layout {
    is_big_endian: bool,
    page: usize,
    pages: u32,
}

impl Layout {
    fn read(stream: &mut dyn Stream) -> Result<Self, DatabaseError> {
        let mut meta = [0; 72];
        read_exact_at(stream, 0, &mut meta)?;
        let magic = [meta[12], meta[13], meta[14], meta[15]];
        let is_big_endian = u32::from_be_bytes(magic) == MAGIC;
        if (!is_big_endian && u32::from_le_bytes(magic) != MAGIC) || meta[25] != HASH_META {
            return Err(DatabaseError::Malformed("this is no hash of Berkeley DB"));
        }
        if meta[24] != 0 {
            return Err(DatabaseError::Malformed("the database is encrypted"));
        }
        let mut layout = Self {
            is_big_endian,
            page: 0,
            pages: 0,
        };
        layout.page = layout.long(&meta, 20) as usize;
        if !layout.page.is_power_of_two() || !(512..=65536).contains(&layout.page) {
            return Err(DatabaseError::Malformed("the size of a page is none"));
        }
        layout.pages = u32::try_from(length_of(stream)? / layout.page as u64).unwrap_or(u32::MAX);
        Ok(layout)
    }

    fn short(&self, bytes: &[u8], at: usize) -> usize {
        let pair = [bytes[at], bytes[at + 1]];
        usize::from(if self.is_big_endian {
            u16::from_be_bytes(pair)
        } else {
            u16::from_le_bytes(pair)
        })
    }

    fn long(&self, bytes: &[u8], at: usize) -> u32 {
        let four = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        if self.is_big_endian {
            u32::from_be_bytes(four)
        } else {
            u32::from_le_bytes(four)
        }
    }

    fn offset(&self, page: u32) -> u64 {
        u64::from(page) * self.page as u64
    }

    /// The items of a hash page, keys and values in turn. They stand one before the other from the page's end.
    /// `None` where they do not.
    fn items<'p>(&self, page: &'p [u8]) -> Option<Vec<&'p [u8]>> {
        let count = self.short(page, 20);
        let index = page.get(PAGE_HEAD..PAGE_HEAD + 2 * count)?;
        let mut end = page.len();
        let mut items = Vec::with_capacity(count);
        for place in index.chunks_exact(2) {
            let begin = self.short(place, 0);
            items.push(page.get(begin..end).filter(|item| !item.is_empty())?);
            end = begin;
        }
        Some(items)
    }
}

/// Lists every package of the database.
///
/// # Errors
/// Where it is no such database. Pages that make no sense are counted as damaged.
pub fn read(stream: &mut dyn Stream, listing: &mut Listing) -> Result<(), DatabaseError> {
    let layout = Layout::read(stream)?;
    // Each overflow page belongs to one value.
    let mut chain_pages = layout.pages;
    let mut page = vec![0; layout.page];
    for number in 1..layout.pages {
        let head = &mut page[..PAGE_HEAD];
        if read_exact_at(stream, layout.offset(number), head).is_err() {
            listing.damaged += 1;
            continue;
        }
        if !matches!(head[25], HASH | HASH_UNSORTED) || layout.short(head, 20) == 0 {
            continue;
        }
        let items = read_exact_at(stream, layout.offset(number), &mut page)
            .ok()
            .and_then(|()| layout.items(&page));
        let Some(items) = items else {
            listing.damaged += 1;
            continue;
        };
        for pair in items.chunks(2) {
            take_pair(stream, layout, pair, &mut chain_pages, listing);
        }
    }
    Ok(())
}

/// A key is a package's number; under the number 0 stands the next one to be given.
fn take_pair(stream: &mut dyn Stream, layout: Layout, pair: &[&[u8]], chain_pages: &mut u32, listing: &mut Listing) {
    let &[key, value] = pair else {
        listing.damaged += 1;
        return;
    };
    if key[0] == ITEM_INLINE && key[1..].iter().all(|byte| *byte == 0) {
        return;
    }
    let mut fetch = |number: u32, into: &mut Vec<u8>| fetch(stream, layout, number, chain_pages, into);
    let mut record = match value[0] {
        ITEM_INLINE => Chained {
            fetch: &mut fetch,
            piece: value[1..].to_vec(),
            start: 0,
            next: 0,
            skipped: 0,
            length: value.len() as u64 - 1,
        },
        ITEM_ON_CHAIN if value.len() >= 12 => Chained {
            fetch: &mut fetch,
            piece: Vec::new(),
            start: 0,
            next: layout.long(value, 4),
            skipped: 0,
            length: u64::from(layout.long(value, 8)),
        },
        _ => {
            listing.damaged += 1;
            return;
        }
    };
    listing.take(&mut record);
}

fn fetch(stream: &mut dyn Stream, layout: Layout, number: u32, left: &mut u32, into: &mut Vec<u8>) -> Result<u32, DatabaseError> {
    let torn = DatabaseError::Malformed("a chain of pages leads astray");
    *left = left.checked_sub(1).ok_or(DatabaseError::Malformed("a chain of pages has no end"))?;
    if number == 0 || number >= layout.pages {
        return Err(torn);
    }
    into.resize(layout.page, 0);
    read_exact_at(stream, layout.offset(number), into)?;
    let (kind, length, next) = (into[25], layout.short(into, 22), layout.long(into, 16));
    if kind != OVERFLOW || PAGE_HEAD + length > layout.page {
        return Err(torn);
    }
    into.truncate(PAGE_HEAD + length);
    into.drain(..PAGE_HEAD);
    Ok(next)
}
