//! The records of a backup as bytes. Pure: no file, no database.

use std::io::{self, Read, Write};

use inventory_schema::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Header, Manifest, TableTotals};

/// No value of a row is longer; a damaged length must not reserve all memory.
const LONGEST: u32 = 256 << 20;

#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("a record is cut short")]
    Torn(#[from] io::Error),
    #[error("a record's contents are not what its kind says")]
    Contents(#[from] serde_json::Error),
    #[error("a text is not UTF-8")]
    Text(#[from] std::string::FromUtf8Error),
    #[error("there is no record of the kind {0}")]
    Kind(u8),
    #[error("a value has {0} bytes")]
    TooLong(u32),
    #[error("the records do not follow each other as they should: {0}")]
    Order(&'static str),
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

/// A table, its columns in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableHead {
    pub name: String,
    pub columns: Vec<String>,
    /// The largest number that was ever given to a row; rows that are gone keep theirs.
    pub last_id: Option<i64>,
}

/// A file of the authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Relative, with `/`.
    pub name: String,
    pub bytes: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    Header(Header),
    Table(TableHead),
    /// Of the table before it.
    Row(Vec<Cell>),
    Key(KeyFile),
    Manifest(Manifest),
}

const HEADER: u8 = b'H';
const TABLE: u8 = b'T';
const ROW: u8 = b'R';
const KEY: u8 = b'K';
const MANIFEST: u8 = b'M';

impl Record {
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Header(header) => document(out, HEADER, header),
            Self::Table(table) => document(out, TABLE, table),
            Self::Row(cells) => write_row(out, cells),
            Self::Key(KeyFile { name, bytes }) => {
                out.write_all(&[KEY])?;
                block(out, name.as_bytes())?;
                block(out, bytes)
            }
            Self::Manifest(manifest) => document(out, MANIFEST, manifest),
        }
    }

    pub fn read(input: &mut impl Read) -> Result<Self, RecordError> {
        match byte(input)? {
            HEADER => Ok(Self::Header(read_document(input)?)),
            TABLE => Ok(Self::Table(read_document(input)?)),
            ROW => Ok(Self::Row(read_row(input)?)),
            KEY => Ok(Self::Key(KeyFile {
                name: String::from_utf8(read_block(input)?)?,
                bytes: read_block(input)?,
            })),
            MANIFEST => Ok(Self::Manifest(read_document(input)?)),
            other => Err(RecordError::Kind(other)),
        }
    }
}

/// A row by itself, without copying its cells into a record first.
pub fn write_row(out: &mut impl Write, cells: &[Cell]) -> io::Result<()> {
    out.write_all(&[ROW])?;
    let count = u16::try_from(cells.len()).map_err(io::Error::other)?;
    out.write_all(&count.to_le_bytes())?;
    for cell in cells {
        match cell {
            Cell::Null => out.write_all(b"n")?,
            Cell::Int(value) => {
                out.write_all(b"i")?;
                out.write_all(&value.to_le_bytes())?;
            }
            Cell::Text(text) => {
                out.write_all(b"t")?;
                block(out, text.as_bytes())?;
            }
            Cell::Blob(bytes) => {
                out.write_all(b"b")?;
                block(out, bytes)?;
            }
        }
    }
    Ok(())
}

fn read_row(input: &mut impl Read) -> Result<Vec<Cell>, RecordError> {
    let count = u16::from_le_bytes(array(input)?);
    (0..count)
        .map(|_| match byte(input)? {
            b'n' => Ok(Cell::Null),
            b'i' => Ok(Cell::Int(i64::from_le_bytes(array(input)?))),
            b't' => Ok(Cell::Text(String::from_utf8(read_block(input)?)?)),
            b'b' => Ok(Cell::Blob(read_block(input)?)),
            other => Err(RecordError::Kind(other)),
        })
        .collect()
}

fn document(out: &mut impl Write, kind: u8, contents: &impl Serialize) -> io::Result<()> {
    out.write_all(&[kind])?;
    block(out, &serde_json::to_vec(contents)?)
}

fn read_document<T: DeserializeOwned>(input: &mut impl Read) -> Result<T, RecordError> {
    Ok(serde_json::from_slice(&read_block(input)?)?)
}

fn block(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(bytes)
}

fn read_block(input: &mut impl Read) -> Result<Vec<u8>, RecordError> {
    let length = u32::from_le_bytes(array(input)?);
    if length > LONGEST {
        return Err(RecordError::TooLong(length));
    }
    let mut bytes = Vec::new();
    let read = input.take(u64::from(length)).read_to_end(&mut bytes)?;
    if read as u64 == u64::from(length) {
        Ok(bytes)
    } else {
        Err(RecordError::Torn(io::ErrorKind::UnexpectedEof.into()))
    }
}

fn byte(input: &mut impl Read) -> Result<u8, RecordError> {
    Ok(array::<1>(input)?[0])
}

fn array<const N: usize>(input: &mut impl Read) -> Result<[u8; N], RecordError> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Counts rows and adds up their digests, so that two engines may give them in different orders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    rows: u64,
    sum: [u8; 32],
}

impl Totals {
    pub fn add(&mut self, cells: &[Cell]) {
        let mut bytes = Vec::new();
        write_row(&mut bytes, cells).expect("memory can be written");
        self.rows += 1;
        let mut carry = 0;
        for (sum, byte) in self.sum.iter_mut().zip(Digest::of(&bytes).as_bytes()) {
            let total = u16::from(*sum) + u16::from(*byte) + carry;
            *sum = (total & 0xff) as u8;
            carry = total >> 8;
        }
    }

    pub fn finish(&self) -> TableTotals {
        TableTotals {
            rows: self.rows,
            digest: Digest::from_bytes(self.sum),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Vec<Cell> {
        vec![
            Cell::Null,
            Cell::Int(-5),
            Cell::Text("Школа".into()),
            Cell::Blob(vec![0, 255]),
            Cell::Text(String::new()),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        let head = TableHead {
            name: "device".into(),
            columns: vec!["id".into()],
            last_id: Some(7),
        };
        let key = KeyFile {
            name: "roots/1.pem".into(),
            bytes: vec![1, 2],
        };
        for record in [Record::Table(head), Record::Row(row()), Record::Row(Vec::new()), Record::Key(key)] {
            let mut bytes = Vec::new();
            record.write(&mut bytes).unwrap();
            assert_eq!(Record::read(&mut bytes.as_slice()).unwrap(), record);
            for length in 0..bytes.len() {
                assert!(Record::read(&mut &bytes[..length]).is_err(), "{length} of {}", bytes.len());
            }
        }
    }

    #[test]
    fn a_length_that_cannot_be_reserves_nothing() {
        let mut bytes = vec![ROW, 1, 0, b'b'];
        bytes.extend(u32::MAX.to_le_bytes());
        assert!(matches!(Record::read(&mut bytes.as_slice()), Err(RecordError::TooLong(_))));
    }

    #[test]
    fn totals_do_not_depend_on_the_order_but_on_every_value() {
        let (a, b) = (row(), vec![Cell::Int(1)]);
        let of = |rows: &[&Vec<Cell>]| {
            let mut totals = Totals::default();
            rows.iter().for_each(|row| totals.add(row));
            totals.finish()
        };
        assert_eq!(of(&[&a, &b, &a]), of(&[&a, &a, &b]));
        assert_ne!(of(&[&a, &b]), of(&[&a, &vec![Cell::Int(2)]]));
        assert_ne!(of(&[&a, &a]), of(&[&a]));
        // A text and the same bytes are two things.
        assert_ne!(of(&[&vec![Cell::Text("1".into())]]), of(&[&vec![Cell::Blob(b"1".to_vec())]]));
    }
}
