//! The write-ahead log: pages that were committed and not yet brought into the database itself.
//!
//! A frame counts when its salts are the log's own, its sum is right and a commit follows it: what a writer is
//! adding just now, or left half-written, is passed over as SQLite itself passes it over.

use std::collections::HashMap;

use super::super::{DatabaseError, Stream, length_of, read_exact_at};

const HEAD: usize = 32;
const FRAME_HEAD: usize = 24;
const VERSION: u32 = 3_007_000;

/// Where the newest committed form of each page stands.
#[derive(Debug)]
pub struct WriteAheadLog {
    pub page_size: usize,
    /// The database's pages after the last commit.
    pub pages: u32,
    /// Offsets in the log by page number.
    pub frames: HashMap<u32, u64>,
}

/// The running sum over a log, in the byte order that its magic number tells.
struct Sum {
    is_big_endian: bool,
    state: (u32, u32),
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            let word = |at: usize| {
                let four = [pair[at], pair[at + 1], pair[at + 2], pair[at + 3]];
                if self.is_big_endian {
                    u32::from_be_bytes(four)
                } else {
                    u32::from_le_bytes(four)
                }
            };
            let (first, second) = (word(0), word(4));
            self.state.0 = self.state.0.wrapping_add(first).wrapping_add(self.state.1);
            self.state.1 = self.state.1.wrapping_add(second).wrapping_add(self.state.0);
        }
    }

    fn is(&self, head: &[u8], at: usize) -> bool {
        self.state == (number_at(head, at), number_at(head, at + 4))
    }
}

impl WriteAheadLog {
    /// `None` for a log without a commit.
    pub fn read(stream: &mut dyn Stream) -> Result<Option<Self>, DatabaseError> {
        let length = length_of(stream)?;
        let mut head = [0; HEAD];
        if read_exact_at(stream, 0, &mut head).is_err() {
            return Ok(None);
        }
        let (magic, page_size) = (number_at(&head, 0), number_at(&head, 8) as usize);
        let mut sum = Sum {
            is_big_endian: magic & 1 == 1,
            state: (0, 0),
        };
        sum.add(&head[..24]);
        let is_log = magic & !1 == 0x377f_0682 && number_at(&head, 4) == VERSION && sum.is(&head, 24);
        if !is_log || !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
            return Ok(None);
        }
        let mut log = Self {
            page_size,
            pages: 0,
            frames: HashMap::new(),
        };
        log.take_frames(stream, length, &head[16..24], sum)?;
        Ok((log.pages > 0).then_some(log))
    }

    fn take_frames(&mut self, stream: &mut dyn Stream, length: u64, salts: &[u8], mut sum: Sum) -> Result<(), DatabaseError> {
        let mut frame = vec![0; FRAME_HEAD + self.page_size];
        let mut uncommitted = Vec::new();
        let mut at = HEAD as u64;
        while at + frame.len() as u64 <= length {
            read_exact_at(stream, at, &mut frame)?;
            let (head, page) = frame.split_at(FRAME_HEAD);
            sum.add(&head[..8]);
            sum.add(page);
            if &head[8..16] != salts || !sum.is(head, 16) {
                break;
            }
            uncommitted.push((number_at(head, 0), at + FRAME_HEAD as u64));
            let pages_after_commit = number_at(head, 4);
            if pages_after_commit > 0 {
                self.pages = pages_after_commit;
                self.frames.extend(uncommitted.drain(..));
            }
            at += frame.len() as u64;
        }
        Ok(())
    }
}

fn number_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
