//! Reads an archive entry by entry and misses no byte of it: headers, padding, the end and what follows it.
//!
//! Knows nothing of what entries hold. What is declared is never believed before it is there: memory grows with
//! the bytes that were read, not with the length that a header names.

use std::io::{self, Read};

use super::Place;
use crate::evidence::archive::{BLOCK, CHECKPOINTS, MANIFEST, MAX_NAME, README, header, padding};

/// The longest content of an entry.
const MAX_CONTENT: u64 = 16 << 20;
/// Checkpoints of a hundred years.
const MAX_CHECKPOINTS: u64 = 64 << 20;
/// A manifest of some millions of entries.
const MAX_MANIFEST: u64 = 1 << 30;

#[derive(Debug)]
pub struct Frames<R> {
    input: R,
    offset: u64,
}

/// An entry, with what is wrong around it.
#[derive(Debug)]
pub struct Entry {
    pub name: String,
    /// Where its header begins.
    pub header_at: u64,
    /// Where its content begins.
    pub content_at: u64,
    pub content: Vec<u8>,
    pub faults: Vec<Fault>,
}

impl Entry {
    /// The place of a byte of the content.
    pub fn place(&self, within: usize) -> Place {
        Place {
            entry: self.name.clone(),
            offset: self.content_at + within as u64,
            within: within as u64,
        }
    }
}

#[derive(Debug)]
pub struct Fault {
    pub at: Place,
    pub sentence: String,
}

/// The file cannot be read as an archive of evidence at all.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("файл не читается / the file cannot be read")]
    Io(#[from] io::Error),
    #[error("файл пуст / the file is empty")]
    Empty,
    #[error("это не архив доказательств: он должен начинаться с записи {README} / this is no archive of evidence")]
    NotAnArchive,
}

/// What comes next.
#[derive(Debug)]
pub enum Next {
    Entry(Entry),
    /// The end, with what is wrong about it.
    End(Option<Fault>),
    /// Reading cannot go on.
    Broken(Fault),
}

impl<R: Read> Frames<R> {
    pub fn new(input: R) -> Self {
        Self { input, offset: 0 }
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next entry; `last` is the name of the one before.
    pub fn next(&mut self, last: &str) -> Result<Next, Unreadable> {
        let header_at = self.offset;
        let block = self.read(BLOCK as u64)?;
        if header_at == 0 {
            check_beginning(&block)?;
        }
        if block.len() < BLOCK {
            return Ok(Next::Broken(fault(
                last,
                self.offset,
                0,
                "архив обрывается: здесь должна начинаться запись или конец архива",
            )));
        }
        if block.iter().all(|byte| *byte == 0) {
            return self.end(last).map(Next::End);
        }
        let (name, length) = match (name_of(&block), length_of(&block)) {
            (Some(name), Some(length)) => (name, length),
            (name, _) => {
                let name = name.unwrap_or_else(|| shown(&block));
                return Ok(Next::Broken(fault(
                    &name,
                    header_at,
                    0,
                    "заголовок записи испорчен: имя или длина не читаются",
                )));
            }
        };
        if length > most(&name) {
            let sentence = format!("длина записи {length} больше допустимой");
            return Ok(Next::Broken(fault(&name, header_at + 124, 0, &sentence)));
        }
        let mut faults = Vec::new();
        let expected = header(&name, length);
        if let Some(at) = block.iter().zip(&expected).position(|(is, should)| is != should) {
            faults.push(fault(&name, header_at + at as u64, 0, "заголовок записи изменён"));
        }
        let content_at = self.offset;
        let content = self.read(length)?;
        if (content.len() as u64) < length {
            return Ok(Next::Broken(fault(
                &name,
                self.offset,
                content.len() as u64,
                "архив обрывается посреди записи",
            )));
        }
        let wanted = padding(length);
        let filler = self.read(wanted as u64)?;
        if filler.len() < wanted {
            return Ok(Next::Broken(fault(&name, self.offset, length, "архив обрывается после записи")));
        }
        if let Some(at) = filler.iter().position(|byte| *byte != 0) {
            faults.push(fault(
                &name,
                content_at + length + at as u64,
                length + at as u64,
                "заполнение после записи не пустое",
            ));
        }
        Ok(Next::Entry(Entry {
            name,
            header_at,
            content_at,
            content,
            faults,
        }))
    }

    /// The second empty block, and nothing after it.
    fn end(&mut self, last: &str) -> Result<Option<Fault>, Unreadable> {
        let at = self.offset;
        let block = self.read(BLOCK as u64)?;
        if let Some(place) = block.iter().position(|byte| *byte != 0) {
            return Ok(Some(fault(last, at + place as u64, 0, "после конца архива стоят лишние байты")));
        }
        if block.len() < BLOCK {
            return Ok(Some(fault(last, self.offset, 0, "конец архива обрезан")));
        }
        let at = self.offset;
        let more = self.read(1)?;
        Ok((!more.is_empty()).then(|| fault(last, at, 0, "после конца архива стоят лишние байты")))
    }

    /// Up to `length` bytes; fewer at the end of the file.
    fn read(&mut self, length: u64) -> Result<Vec<u8>, Unreadable> {
        let mut bytes = Vec::new();
        self.input.by_ref().take(length).read_to_end(&mut bytes)?;
        self.offset += bytes.len() as u64;
        Ok(bytes)
    }
}

fn check_beginning(block: &[u8]) -> Result<(), Unreadable> {
    if block.is_empty() {
        return Err(Unreadable::Empty);
    }
    // A damaged archive is one that still has its first name or the mark of its form.
    let begins = block.starts_with(README.as_bytes()) || block.get(257..262) == Some(b"ustar");
    if begins { Ok(()) } else { Err(Unreadable::NotAnArchive) }
}

fn most(name: &str) -> u64 {
    match name {
        MANIFEST => MAX_MANIFEST,
        CHECKPOINTS => MAX_CHECKPOINTS,
        _ => MAX_CONTENT,
    }
}

/// Names are made of a few characters only, so that none can lead elsewhere or look like another.
fn name_of(block: &[u8]) -> Option<String> {
    let name = &block[..MAX_NAME];
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(MAX_NAME);
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"./-".contains(byte);
    let name = &name[..end];
    (!name.is_empty() && name.iter().all(allowed)).then(|| String::from_utf8_lossy(name).into_owned())
}

/// A name that is none, for the message.
fn shown(block: &[u8]) -> String {
    let end = block[..MAX_NAME].iter().position(|byte| *byte == 0).unwrap_or(MAX_NAME);
    block[..end].escape_ascii().to_string()
}

fn length_of(block: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(&block[124..135]).ok()?;
    let is_octal = digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    is_octal.then(|| u64::from_str_radix(digits, 8).ok())?
}

fn fault(entry: &str, offset: u64, within: u64, sentence: &str) -> Fault {
    Fault {
        at: Place {
            entry: entry.to_owned(),
            offset,
            within,
        },
        sentence: sentence.to_owned(),
    }
}
