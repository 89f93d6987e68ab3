//! Text with separators: `;`, comma or tab, told apart by which of them yields the header.

use std::borrow::Cow;

use super::MAX_COLUMNS;
use super::cell::Cell;
use super::column::Header;
use super::encoding::decode;
use super::message::Messages;
use super::rows::{Drafts, Flow};

const SEPARATORS: [u8; 3] = [b';', b',', b'\t'];
/// The header is looked for in so many records.
const SAMPLE_RECORDS: usize = 40;

/// Characters that make a spreadsheet take text for a formula, and the mark that prevents it.
const FORMULA_STARTS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

pub(super) fn read(bytes: &[u8], drafts: &mut Drafts, messages: &mut Messages) {
    let text = match decode(bytes) {
        Ok(text) => text,
        Err(line) => {
            messages.line_error(
                line,
                "Знак не читается в кодировке, указанной в начале файла. Сохраните файл как CSV UTF-8 заново.",
            );
            return;
        }
    };
    let mut lines = Lines::of(text.as_bytes());
    let mut reader = reader(&text, separator(&text));
    let mut record = ::csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return,
            Ok(true) => {
                let line = lines.at(&record);
                let cells: Vec<Cell<'_>> = record.iter().take(MAX_COLUMNS).map(|field| Cell::Text(unguarded(field))).collect();
                if drafts.row(line, &cells, messages) == Flow::Enough {
                    return;
                }
            }
            Err(_) => {
                messages.line_error(lines.line, "Строка не читается как текст с разделителями. Сохраните файл заново.");
                return;
            }
        }
    }
}

fn reader(text: &str, separator: u8) -> ::csv::Reader<&[u8]> {
    ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text.as_bytes())
}

/// The separator with which most columns of the header are found.
fn separator(text: &str) -> u8 {
    let found = |separator: u8| {
        let records = reader(text, separator).into_records().take(SAMPLE_RECORDS);
        let headers = records.filter_map(|record| Header::of(record.ok()?.iter()));
        headers.map(|header| header.columns.len()).max().unwrap_or(0)
    };
    // Of equals the last wins, so the usual one comes last.
    SEPARATORS
        .into_iter()
        .rev()
        .max_by_key(|separator| found(*separator))
        .unwrap_or(b';')
}

/// Line numbers of records. The reader counts them differently for different line ends and blank lines, so
/// they are counted here from the byte where a record starts.
struct Lines<'a> {
    bytes: &'a [u8],
    counted: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            counted: 0,
            line: 1,
        }
    }

    fn at(&mut self, record: &::csv::StringRecord) -> u64 {
        let start = record.position().map_or(0, |position| position.byte());
        let mut start = usize::try_from(start).unwrap_or(usize::MAX).min(self.bytes.len());
        while matches!(self.bytes.get(start), Some(b'\r' | b'\n')) {
            start += 1;
        }
        let passed = self.bytes.get(self.counted..start).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.counted = self.counted.max(start);
        self.line
    }
}

/// Text an export writes so that no spreadsheet runs it; [`unguarded`] takes it back.
pub(in crate::register) fn guarded(text: &str) -> Cow<'_, str> {
    if text.starts_with(FORMULA_STARTS) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

fn unguarded(text: &str) -> Cow<'_, str> {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(FORMULA_STARTS) => Cow::Borrowed(rest),
        _ => Cow::Borrowed(text),
    }
}
