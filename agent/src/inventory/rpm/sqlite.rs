//! `rpmdb.sqlite`: a database of SQLite (RED OS 8, Fedora, Alt from its branch p11).
//!
//! Of SQLite's format (sqlite.org/fileformat2.html) this reads what a table needs: pages from the file or from its
//! write-ahead log, the table's b-tree, records and their overflow pages. No lock is taken and nothing is written,
//! so neither does a writer wait for the agent nor the agent for a writer.
//!
//! Every page that is visited counts against the number that the file has: a tree that leads in circles ends.

pub mod wal;

use super::chain::Chained;
use super::{DatabaseError, Listing, Stream, length_of, read_exact_at};
use wal::WriteAheadLog;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The schema's table, whose root every database begins with.
const SCHEMA_ROOT: u32 = 1;

/// Head of the file, in front of the first page's tree.
const FILE_HEAD: usize = 100;

const INTERIOR: u8 = 5;
const LEAF: u8 = 13;

/// The pages of a database as of the last commit.
struct Pager<'a> {
    file: &'a mut dyn Stream,
    log: Option<(&'a mut dyn Stream, WriteAheadLog)>,
    page_size: usize,
    /// What of a page SQLite uses: the end may be set aside for extensions.
    usable: usize,
    pages: u32,
    /// Pages that may still be visited.
    left: u32,
}

/// Lists every package of the database. `log` is the write-ahead log beside it, where there is one.
///
/// # Errors
/// Where it is no database of SQLite or has no table of packages. Pages that make no sense are counted as damaged.
pub fn read<'a>(file: &'a mut dyn Stream, log: Option<&'a mut dyn Stream>, listing: &mut Listing) -> Result<(), DatabaseError> {
    let mut pager = Pager::open(file, log)?;
    let mut root = None;
    pager.each_record(SCHEMA_ROOT, &mut |_, cell| {
        if let Some(found) = cell.root_of_packages() {
            root = Some(found);
        }
        Ok(())
    });
    let root = root.ok_or(DatabaseError::Malformed("the database has no table of packages"))?;
    let damaged = pager.each_record(root, &mut |pager, cell| take_record(pager, &cell, listing));
    listing.damaged += damaged;
    Ok(())
}

fn take_record(pager: &mut Pager<'_>, cell: &Cell<'_>, listing: &mut Listing) -> Result<(), DatabaseError> {
    let columns = columns(cell.local).ok_or(DatabaseError::Malformed("a record's head makes no sense"))?;
    // The number of the package, and its header.
    let Some((kind, at)) = columns.get(1).copied().filter(|(kind, _)| *kind >= 12 && kind % 2 == 0) else {
        return Err(DatabaseError::Malformed("a record holds no header"));
    };
    let usable = pager.usable;
    let mut fetch = |number: u32, into: &mut Vec<u8>| {
        pager.page(number, into)?;
        let next = number_at(into, 0);
        into.truncate(usable);
        into.drain(..4);
        Ok(next)
    };
    listing.take(&mut Chained {
        fetch: &mut fetch,
        piece: cell.local.to_vec(),
        start: 0,
        next: cell.overflow,
        skipped: at,
        length: size_of(kind).min(cell.length.saturating_sub(at)),
    });
    Ok(())
}

impl<'a> Pager<'a> {
    fn open(file: &'a mut dyn Stream, log: Option<&'a mut dyn Stream>) -> Result<Self, DatabaseError> {
        let log = match log {
            Some(stream) => WriteAheadLog::read(stream)?.map(|index| (stream, index)),
            None => None,
        };
        let mut head = [0; FILE_HEAD];
        let in_file = read_exact_at(file, 0, &mut head);
        let page_size = match (&in_file, &log) {
            (_, Some((_, index))) => index.page_size,
            (Ok(()), None) => stated_page_size(&head)?,
            (Err(_), None) => return Err(DatabaseError::Malformed("this is no database of SQLite")),
        };
        let in_log = log.as_ref().map_or(0, |(_, index)| index.pages);
        let pages = u32::try_from(length_of(file)? / page_size as u64).unwrap_or(u32::MAX).max(in_log);
        let mut pager = Self {
            file,
            log,
            page_size,
            usable: page_size,
            pages,
            left: pages.saturating_add(2),
        };
        let mut first = Vec::new();
        pager.page(SCHEMA_ROOT, &mut first)?;
        if !first.starts_with(MAGIC) || stated_page_size(&first)? != page_size {
            return Err(DatabaseError::Malformed("this is no database of SQLite"));
        }
        // At least 480 bytes, says the format.
        pager.usable = page_size - usize::from(first[20]);
        if pager.usable < 480 {
            return Err(DatabaseError::Malformed("the size of a page is none"));
        }
        Ok(pager)
    }

    fn page(&mut self, number: u32, into: &mut Vec<u8>) -> Result<(), DatabaseError> {
        if number == 0 || number > self.pages {
            return Err(DatabaseError::Malformed("a page is named that does not exist"));
        }
        self.left = self.left.checked_sub(1).ok_or(DatabaseError::Malformed("pages lead in circles"))?;
        into.resize(self.page_size, 0);
        if let Some((stream, index)) = &mut self.log
            && let Some(offset) = index.frames.get(&number)
        {
            return read_exact_at(*stream, *offset, into);
        }
        read_exact_at(self.file, u64::from(number - 1) * self.page_size as u64, into)
    }

    /// Visits every record of the table whose tree begins at `root`; answers how many pages and records could
    /// not be read.
    fn each_record(&mut self, root: u32, visit: &mut dyn FnMut(&mut Self, Cell<'_>) -> Result<(), DatabaseError>) -> usize {
        let (mut waiting, mut damaged, mut page) = (vec![root], 0, Vec::new());
        while let Some(number) = waiting.pop() {
            let read = self
                .page(number, &mut page)
                .ok()
                .and_then(|()| Node::read(&page, number, self.usable));
            match read {
                Some(Node::Interior(children)) => waiting.extend(children),
                Some(Node::Leaf(cells)) => damaged += self.each_cell(cells, visit),
                None => damaged += 1,
            }
            // More pages wait than there are, or as many were visited: the tree leads in circles.
            if waiting.len() > self.pages as usize || self.left == 0 {
                return damaged + 1;
            }
        }
        damaged
    }

    fn each_cell(
        &mut self,
        cells: Vec<Option<Cell<'_>>>,
        visit: &mut dyn FnMut(&mut Self, Cell<'_>) -> Result<(), DatabaseError>,
    ) -> usize {
        let visited = cells.into_iter().map(|cell| cell.is_some_and(|cell| visit(self, cell).is_ok()));
        visited.filter(|is_whole| !is_whole).count()
    }
}

/// 1 stands for 65536.
fn stated_page_size(head: &[u8]) -> Result<usize, DatabaseError> {
    let stated = usize::from(u16::from_be_bytes([head[16], head[17]]));
    let size = if stated == 1 { 65536 } else { stated };
    if size.is_power_of_two() && (512..=65536).contains(&size) {
        Ok(size)
    } else {
        Err(DatabaseError::Malformed("the size of a page is none"))
    }
}

enum Node<'p> {
    Interior(Vec<u32>),
    /// `None` for a cell that reaches beyond its page.
    Leaf(Vec<Option<Cell<'p>>>),
}

/// A record: what of it stands on the leaf, and where the rest begins.
struct Cell<'p> {
    length: u64,
    local: &'p [u8],
    overflow: u32,
}

impl<'p> Node<'p> {
    fn read(page: &'p [u8], number: u32, usable: usize) -> Option<Self> {
        let head = if number == SCHEMA_ROOT { FILE_HEAD } else { 0 };
        let kind = page[head];
        let head_size = match kind {
            INTERIOR => 12,
            LEAF => 8,
            _ => return None,
        };
        let count = usize::from(short_at(page, head + 3));
        let pointers = page.get(head + head_size..head + head_size + 2 * count)?;
        let offsets = pointers.chunks_exact(2).map(|pair| usize::from(short_at(pair, 0)));
        if kind == INTERIOR {
            let mut children: Vec<u32> = offsets
                .filter_map(|at| page.get(at..at + 4))
                .map(|child| number_at(child, 0))
                .collect();
            children.push(number_at(page, head + 8));
            return Some(Self::Interior(children));
        }
        // Cells do not overlap, so that all together are no longer than the page.
        let mut left = usable;
        let cells = offsets.map(|at| {
            let cell = Cell::read(page.get(at..usable)?, usable)?;
            left = left.checked_sub(cell.local.len().max(1))?;
            Some(cell)
        });
        Some(Self::Leaf(cells.collect()))
    }
}

impl<'p> Cell<'p> {
    fn read(bytes: &'p [u8], usable: usize) -> Option<Self> {
        let (length, rest) = variable_integer(bytes)?;
        let (_row, rest) = variable_integer(rest)?;
        let local = local_length(length, usable);
        let overflow = match local as u64 == length {
            true => 0,
            false => number_at(rest.get(local..local + 4)?, 0),
        };
        Some(Self {
            length,
            local: rest.get(..local)?,
            overflow,
        })
    }

    /// Of a row of the schema (type, name, table, root, text) that makes the table of packages: its root.
    fn root_of_packages(&self) -> Option<u32> {
        let columns = columns(self.local)?;
        let column = |index: usize| {
            let (kind, at) = *columns.get(index)?;
            let at = usize::try_from(at).ok()?;
            self.local.get(at..at.checked_add(usize::try_from(size_of(kind)).ok()?)?)
        };
        let is_packages = column(0)? == b"table" && column(1)? == b"Packages";
        let root = column(3).filter(|bytes| is_packages && bytes.len() <= 4)?;
        Some(root.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }
}

/// How much of a record stands on the leaf itself.
fn local_length(length: u64, usable: usize) -> usize {
    let most = usable - 35;
    let least = (usable - 12) * 32 / 255 - 23;
    match usize::try_from(length) {
        Ok(length) if length <= most => length,
        _ => {
            let wanted = least + ((length - least as u64) % (usable as u64 - 4)) as usize;
            if wanted <= most { wanted } else { least }
        }
    }
}

/// The types of a record's columns with the offsets of their values. `None` where its head makes no sense; of
/// many columns only the first are told.
fn columns(record: &[u8]) -> Option<Vec<(u64, u64)>> {
    const MOST: usize = 8;
    let (head_length, _) = variable_integer(record)?;
    let head = record.get(..usize::try_from(head_length).ok()?)?;
    let (_, mut kinds) = variable_integer(head)?;
    let mut at = head_length;
    let mut columns = Vec::with_capacity(MOST);
    while !kinds.is_empty() && columns.len() < MOST {
        let (kind, rest) = variable_integer(kinds)?;
        columns.push((kind, at));
        at = at.checked_add(size_of(kind))?;
        kinds = rest;
    }
    Some(columns)
}

/// The bytes of a value by its type: NULL, integers, a float, two constants, blobs (even) and texts (odd).
fn size_of(kind: u64) -> u64 {
    match kind {
        0 | 8..=11 => 0,
        1..=4 => kind,
        5 => 6,
        6 | 7 => 8,
        _ => (kind - 12) / 2,
    }
}

/// Seven bits a byte, the highest first; a ninth byte gives all eight.
fn variable_integer(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        if index == 8 {
            return Some((value << 8 | u64::from(*byte), &bytes[9..]));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

fn short_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn number_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
