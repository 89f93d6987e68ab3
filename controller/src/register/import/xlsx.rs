//! The first sheet of an XLSX workbook that has the header, row by row.
//!
//! Cells are taken from the reader one at a time and never as a rectangle: a sheet with two cells in
//! opposite corners would be a rectangle of sixteen thousand million. The value of a merged range stands
//! for each of its cells, in rows that have something of their own.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, Dimensions, Reader, Xlsx, XlsxError};

use super::archive;
use super::cell::Cell;
use super::message::Messages;
use super::rows::{Drafts, Flow};
use super::{MAX_COLUMNS, MAX_ROWS};

/// So many sheets are looked through for the header.
const MAX_SHEETS: usize = 20;
/// So many merged ranges are honoured.
const MAX_MERGED: usize = 200_000;
/// Rows of a sheet beyond this are refused even if most are empty.
const LAST_ROW: u32 = MAX_ROWS as u32 + 100_000;

type Workbook<'a> = Xlsx<Cursor<&'a [u8]>>;

pub(super) fn is_workbook(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

pub(super) fn read(bytes: &[u8], drafts: &mut Drafts, messages: &mut Messages) {
    if let Err(error) = archive::check(bytes) {
        messages.file_error(error.to_string());
        return;
    }
    // The workbook reader is not ours and meets files from anyone; a panic in it is one more broken file.
    let outcome = catch_unwind(AssertUnwindSafe(|| read_workbook(bytes, drafts, messages)));
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(XlsxError::Password)) => messages.file_error(archive::ArchiveError::Encrypted.to_string()),
        Ok(Err(_)) | Err(_) => messages.file_error("Это не книга XLSX, или она повреждена. Сохраните её как «Книга Excel (.xlsx)» заново."),
    }
}

fn read_workbook(bytes: &[u8], drafts: &mut Drafts, messages: &mut Messages) -> Result<(), XlsxError> {
    let mut workbook: Workbook<'_> = Xlsx::new(Cursor::new(bytes))?;
    for name in workbook.sheet_names().into_iter().take(MAX_SHEETS) {
        drafts.start_sheet();
        match read_sheet(&mut workbook, &name, drafts, messages) {
            Err(XlsxError::NotAWorksheet(_)) => {}
            other => other?,
        }
        if drafts.has_header() {
            return Ok(());
        }
    }
    Ok(())
}

fn read_sheet(workbook: &mut Workbook<'_>, name: &str, drafts: &mut Drafts, messages: &mut Messages) -> Result<(), XlsxError> {
    let mut merged = Merged::of(workbook.merge_cells_by_sheet_name(name)?);
    let mut cells = workbook.worksheet_cells_reader(name)?;
    let mut row: Vec<Cell<'static>> = Vec::new();
    let mut current = 0;
    while let Some(cell) = cells.next_cell()? {
        let (number, column) = cell.get_position();
        if number != current {
            if flush(current, &mut row, &mut merged, drafts, messages) == Flow::Enough {
                return Ok(());
            }
            if number < current || number > LAST_ROW {
                messages.line_error(
                    u64::from(number) + 1,
                    "Строки книги идут не по порядку, или их слишком много. Перенесите таблицу в новую книгу.",
                );
                return Ok(());
            }
            current = number;
        }
        let column = column as usize;
        if column < MAX_COLUMNS {
            if row.len() <= column {
                row.resize(column + 1, Cell::Empty);
            }
            row[column] = value(cell.get_value());
        }
    }
    flush(current, &mut row, &mut merged, drafts, messages);
    Ok(())
}

fn flush(number: u32, row: &mut Vec<Cell<'static>>, merged: &mut Merged, drafts: &mut Drafts, messages: &mut Messages) -> Flow {
    let mut cells = std::mem::take(row);
    merged.keep(number, &cells);
    if cells.iter().all(Cell::is_empty) {
        return Flow::More;
    }
    merged.fill(number, &mut cells);
    drafts.row(u64::from(number) + 1, &cells, messages)
}

fn value(data: &DataRef<'_>) -> Cell<'static> {
    match data {
        DataRef::Empty => Cell::Empty,
        DataRef::Int(number) => Cell::Number(*number as f64),
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::String(text) => Cell::Text(text.clone().into()),
        DataRef::SharedString(text) => Cell::Text((*text).to_owned().into()),
        DataRef::Bool(value) => Cell::Boolean(*value),
        DataRef::DateTime(moment) => {
            let (year, month, day, ..) = moment.to_ymd_hms_milli();
            Cell::Date(format!("{day:02}.{month:02}.{year:04}"))
        }
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Cell::Date(text.clone()),
        DataRef::Error(fault) => Cell::Fault(fault.to_string()),
    }
}

/// The merged ranges of a sheet in the order of their first rows, and those that reach the current row.
struct Merged {
    ranges: std::iter::Peekable<std::vec::IntoIter<Dimensions>>,
    open: Vec<(Dimensions, Cell<'static>)>,
}

impl Merged {
    fn of(mut ranges: Vec<Dimensions>) -> Self {
        ranges.truncate(MAX_MERGED);
        ranges.retain(|range| (range.start.1 as usize) < MAX_COLUMNS);
        ranges.sort_by_key(|range| range.start);
        Self {
            ranges: ranges.into_iter().peekable(),
            open: Vec::new(),
        }
    }

    /// Closes the ranges that end above `row` and keeps the values of those that start in it.
    fn keep(&mut self, row: u32, cells: &[Cell<'static>]) {
        self.open.retain(|(range, _)| range.end.0 >= row);
        while let Some(range) = self.ranges.next_if(|range| range.start.0 <= row) {
            let anchor = cells
                .get(range.start.1 as usize)
                .filter(|cell| range.start.0 == row && !cell.is_empty());
            // Ranges never overlap in a real workbook; in a made-up one the open ones stay as few as columns.
            if let Some(value) = anchor.filter(|_| self.open.len() < MAX_COLUMNS) {
                self.open.push((range, value.clone()));
            }
        }
    }

    fn fill(&self, row: u32, cells: &mut Vec<Cell<'static>>) {
        for (range, value) in self.open.iter().filter(|(range, _)| range.start.0 <= row) {
            let last = (range.end.1 as usize).min(MAX_COLUMNS - 1);
            if cells.len() <= last {
                cells.resize(last + 1, Cell::Empty);
            }
            for cell in cells
                .iter_mut()
                .take(last + 1)
                .skip(range.start.1 as usize)
                .filter(|cell| cell.is_empty())
            {
                *cell = value.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests;
