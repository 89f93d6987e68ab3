//! What is wrong with a table, line by line, and the list that collects it without growing for ever.

use serde::{Deserialize, Serialize};

use super::{Column, MAX_MESSAGES, ParsedRegister};
use crate::register::Snapshot;

/// The most characters of a cell that a message repeats.
const MAX_VALUE_CHARS: usize = 100;

/// One thing wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineError {
    /// The line of the text or the row of the sheet, from 1; 0 means the file as a whole.
    pub line: u64,
    /// The column's title; empty when no single column is at fault.
    pub column: String,
    /// What the cell holds, cut at 100 characters.
    pub value: String,
    /// A Russian sentence: what is wrong and what to do.
    pub message: String,
}

/// The same, but the table may be imported nevertheless.
pub type LineWarning = LineError;

impl LineError {
    pub(super) fn at(line: u64, column: Column, value: &str, message: impl Into<String>) -> Self {
        Self {
            line,
            column: column.title().to_owned(),
            value: shown(value),
            message: message.into(),
        }
    }
}

fn shown(value: &str) -> String {
    let printable = value
        .chars()
        .map(|c| if inventory_schema::text::printable(c) { c } else { '\u{b7}' });
    let mut cut: String = printable.take(MAX_VALUE_CHARS + 1).collect();
    if let Some((end, _)) = cut.char_indices().nth(MAX_VALUE_CHARS) {
        cut.truncate(end);
        cut.push('…');
    }
    cut
}

#[derive(Debug, Default)]
pub(super) struct Messages {
    errors: Vec<LineError>,
    errors_left_out: u64,
    warnings: Vec<LineWarning>,
}

impl Messages {
    pub(super) fn error(&mut self, error: LineError) {
        if self.errors.len() < MAX_MESSAGES {
            self.errors.push(error);
        } else {
            self.errors_left_out += 1;
        }
    }

    pub(super) fn file_error(&mut self, message: impl Into<String>) {
        self.line_error(0, message);
    }

    pub(super) fn line_error(&mut self, line: u64, message: impl Into<String>) {
        self.error(LineError {
            line,
            column: String::new(),
            value: String::new(),
            message: message.into(),
        });
    }

    pub(super) fn warning(&mut self, warning: LineWarning) {
        if self.warnings.len() < MAX_MESSAGES {
            self.warnings.push(warning);
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// Nothing is half-imported: with any error the register is left out.
    pub(super) fn into_parsed(mut self, register: Snapshot, absent: Vec<Column>, rows: u64) -> ParsedRegister {
        self.errors.sort_by_key(|error| error.line);
        self.warnings.sort_by_key(|warning| warning.line);
        ParsedRegister {
            register: if self.errors.is_empty() { register } else { Snapshot::default() },
            absent,
            rows,
            errors: self.errors,
            errors_left_out: self.errors_left_out,
            warnings: self.warnings,
        }
    }
}
