//! A value that lies on a chain of pages, of which one is in memory at a time.

use super::{DatabaseError, Value};

/// Fetches the page of a number: its part of the value into the vector, the next page's number as the answer,
/// 0 behind the last.
pub(super) type Fetch<'a> = dyn FnMut(u32, &mut Vec<u8>) -> Result<u32, DatabaseError> + 'a;

pub(super) struct Chained<'a> {
    pub(super) fetch: &'a mut Fetch<'a>,
    /// The piece in memory; at first what stands before the chain.
    pub(super) piece: Vec<u8>,
    /// Where the piece begins, counted from the chain's first byte.
    pub(super) start: u64,
    pub(super) next: u32,
    /// What stands before the value.
    pub(super) skipped: u64,
    pub(super) length: u64,
}

impl Value for Chained<'_> {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<(), DatabaseError> {
        if offset + into.len() as u64 > self.length {
            return Err(DatabaseError::Malformed("a record ends too early"));
        }
        let mut at = self.skipped + offset;
        let mut filled = 0;
        while filled < into.len() {
            let within = at
                .checked_sub(self.start)
                .ok_or(DatabaseError::Malformed("a record is read backwards"))?;
            let rest = usize::try_from(within)
                .ok()
                .and_then(|within| self.piece.get(within..))
                .unwrap_or_default();
            if rest.is_empty() {
                self.advance()?;
                continue;
            }
            let count = rest.len().min(into.len() - filled);
            into[filled..filled + count].copy_from_slice(&rest[..count]);
            filled += count;
            at += count as u64;
        }
        Ok(())
    }
}

impl Chained<'_> {
    fn advance(&mut self) -> Result<(), DatabaseError> {
        if self.next == 0 {
            return Err(DatabaseError::Malformed("a chain of pages ends too early"));
        }
        self.start += self.piece.len() as u64;
        self.piece.clear();
        self.next = (self.fetch)(self.next, &mut self.piece)?;
        if self.piece.is_empty() {
            return Err(DatabaseError::Malformed("a page of a chain is empty"));
        }
        Ok(())
    }
}
