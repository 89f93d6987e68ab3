//! A registrar's table: bytes in, entities or errors with their lines out.
//!
//! [`read`] finds out what the bytes are (XLSX by its first bytes, otherwise text with separators), feeds
//! the rows one by one to [`rows::Drafts`] and lets `build` check and join them. It knows nothing of the
//! register as it stands; [`crate::register::preview`] compares.

use serde::{Deserialize, Serialize};

mod archive;
mod build;
mod cell;
mod column;
mod csv;
pub(crate) mod encoding;
mod message;
mod rows;
mod words;
mod xlsx;

pub use column::Column;
pub use message::{LineError, LineWarning};

pub(super) use column::header;
pub(super) use csv::guarded;
pub(super) use words::Word;

use super::Snapshot;
use message::Messages;
use rows::Drafts;

/// The largest file, in bytes.
pub const MAX_FILE_BYTES: usize = 64 << 20;
/// The most rows under the header.
pub const MAX_ROWS: u64 = 200_000;
/// Columns further to the right are not looked at.
pub const MAX_COLUMNS: usize = 256;
/// The most errors, and the most warnings, that are listed; the rest are counted.
pub const MAX_MESSAGES: usize = 1_000;

/// What a table may leave unsaid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// The region's IANA time zone, for tables without the column.
    pub time_zone: String,
}

/// What a table says. With any error nothing of it is to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParsedRegister {
    /// Sorted; empty when there are errors.
    pub register: Snapshot,
    /// Columns the table does not have: what they would say stays as it is.
    pub absent: Vec<Column>,
    /// Rows read under the header, empty ones not counted.
    pub rows: u64,
    pub errors: Vec<LineError>,
    /// Errors beyond [`MAX_MESSAGES`].
    pub errors_left_out: u64,
    pub warnings: Vec<LineWarning>,
}

/// Reads a table. Never panics and never fails as a whole: what is wrong is in `errors`.
pub fn read(bytes: &[u8], defaults: &Defaults) -> ParsedRegister {
    let mut messages = Messages::default();
    let drafts = read_rows(bytes, &mut messages);
    let (rows, absent) = (drafts.rows(), drafts.absent());
    let register = build::register(drafts, defaults, &mut messages);
    messages.into_parsed(register, absent, rows)
}

fn read_rows(bytes: &[u8], messages: &mut Messages) -> Drafts {
    let mut drafts = Drafts::default();
    if bytes.len() > MAX_FILE_BYTES {
        messages.file_error(format!(
            "Файл больше {} МиБ. Разделите реестр на части, например по муниципалитетам.",
            MAX_FILE_BYTES >> 20
        ));
    } else if xlsx::is_workbook(bytes) {
        xlsx::read(bytes, &mut drafts, messages);
    } else if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        messages.file_error(
            "Это книга Excel старого вида (.xls) или книга под паролем. Снимите пароль и сохраните её как «Книга Excel (.xlsx)».",
        );
    } else {
        csv::read(bytes, &mut drafts, messages);
    }
    drafts
}

#[cfg(test)]
mod tests;
