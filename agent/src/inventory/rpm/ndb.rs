//! `Packages.db`: rpm's own form (SUSE, newer systems by choice).
//!
//! Pages of slots of 16 bytes, the first two of them the file's head; each slot names a blob by its place in
//! blocks of 16 bytes. All little-endian (`lib/backend/ndb/rpmpkg.c`). A blob has a head and a tail of its own,
//! by which one that is just being written is known.

use super::{DatabaseError, Listing, Stream, Value, length_of, read_exact_at};

const PAGE: usize = 4096;
const SLOT: usize = 16;
const BLOCK: u64 = 16;
const HEAD: u64 = 16;
const TAIL: u64 = 12;

struct Blob<'a> {
    stream: &'a mut dyn Stream,
    begin: u64,
    length: u64,
}

impl Value for Blob<'_> {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<(), DatabaseError> {
        if offset + into.len() as u64 > self.length {
            return Err(DatabaseError::Malformed("a record ends too early"));
        }
        read_exact_at(self.stream, self.begin + offset, into)
    }
}

/// Lists every package of the database.
///
/// # Errors
/// Where it is none, or of a version that is not known. Slots that make no sense are counted as damaged.
pub fn read(stream: &mut dyn Stream, listing: &mut Listing) -> Result<(), DatabaseError> {
    let mut head = [0; 32];
    read_exact_at(stream, 0, &mut head)?;
    if &head[..4] != b"RpmP" || number(&head, 4) != 0 {
        return Err(DatabaseError::Malformed("this is no package database of version 0"));
    }
    let blocks = length_of(stream)? / BLOCK;
    // Blobs do not overlap, so that all together are no longer than the file.
    let mut left = blocks;
    let mut page = [0; PAGE];
    for number_of_page in 0..u64::from(number(&head, 12)) {
        if read_exact_at(stream, number_of_page * PAGE as u64, &mut page).is_err() {
            listing.damaged += 1;
            return Ok(());
        }
        let first = if number_of_page == 0 { 2 } else { 0 };
        for slot in page.chunks_exact(SLOT).skip(first) {
            match take_slot(stream, slot, &mut left, listing) {
                Ok(()) => (),
                Err(_) => listing.damaged += 1,
            }
            if left == 0 && blocks > 0 {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn take_slot(stream: &mut dyn Stream, slot: &[u8], left: &mut u64, listing: &mut Listing) -> Result<(), DatabaseError> {
    let torn = DatabaseError::Malformed("a slot makes no sense");
    if &slot[..4] != b"Slot" {
        return Err(torn);
    }
    let (index, offset, count) = (number(slot, 4), u64::from(number(slot, 8)), u64::from(number(slot, 12)));
    if offset == 0 {
        return Ok(());
    }
    *left = left.saturating_sub(count.max(1));
    let (begin, end) = (offset * BLOCK, (offset + count) * BLOCK);
    if count * BLOCK < HEAD + TAIL {
        return Err(torn);
    }
    let (mut head, mut tail) = ([0; HEAD as usize], [0; TAIL as usize]);
    read_exact_at(stream, begin, &mut head)?;
    read_exact_at(stream, end - TAIL, &mut tail)?;
    let length = u64::from(number(&head, 12));
    let is_whole = &head[..4] == b"BlbS" && number(&head, 4) == index && &tail[8..] == b"BlbE" && u64::from(number(&tail, 4)) == length;
    if !is_whole || length > count * BLOCK - HEAD - TAIL {
        return Err(torn);
    }
    listing.take(&mut Blob {
        stream,
        begin: begin + HEAD,
        length,
    });
    Ok(())
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
