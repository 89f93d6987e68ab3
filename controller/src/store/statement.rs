//! Reading typed columns, and statements that carry many rows.
//!
//! Each call to SQLite crosses a thread and each call to PostgreSQL a network, so rows travel together. A
//! statement's text is made for 256, 64, 16, 4 or 1 rows only, so that few texts are made, prepared and kept.

use std::collections::HashMap;
use std::fmt::Write;
use std::str::FromStr;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use inventory_schema::{Digest, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::error::StoreError;
use super::month::ReceivedMonth;

/// Columns by name and type.
pub(super) trait Columns {
    fn int(&self, column: &'static str) -> Result<i64, StoreError>;
    fn optional_int(&self, column: &'static str) -> Result<Option<i64>, StoreError>;
    fn text(&self, column: &'static str) -> Result<String, StoreError>;
    fn optional_text(&self, column: &'static str) -> Result<Option<String>, StoreError>;
    fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError>;
    fn optional_bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>, StoreError>;

    /// A column that holds the text of a checked type.
    fn parsed<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(&self, column: &'static str) -> Result<T, StoreError> {
        self.text(column)?.parse().map_err(|error| StoreError::corrupt(column, error))
    }

    fn optional_parsed<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let parse = |text: String| text.parse().map_err(|error| StoreError::corrupt(column, error));
        self.optional_text(column)?.map(parse).transpose()
    }

    /// A digest of the reports' tables, which hold its 32 bytes.
    fn digest(&self, column: &'static str) -> Result<Digest, StoreError> {
        digest(column, &self.bytes(column)?)
    }

    fn optional_digest(&self, column: &'static str) -> Result<Option<Digest>, StoreError> {
        self.optional_bytes(column)?.map(|bytes| digest(column, &bytes)).transpose()
    }

    fn month(&self, column: &'static str) -> Result<ReceivedMonth, StoreError> {
        month(column, self.int(column)?)
    }

    fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.int(column).map(Timestamp::from_unix_micros)
    }

    fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.optional_int(column)?.map(Timestamp::from_unix_micros))
    }

    fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        self.int(column).map(|value| value != 0)
    }

    /// A column that holds a word of a closed list, as serde writes it.
    fn word<T: serde::de::DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        from_word(column, self.text(column)?)
    }

    fn optional_word<T: serde::de::DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        self.optional_text(column)?.map(|text| from_word(column, text)).transpose()
    }
}

fn month(column: &'static str, number: i64) -> Result<ReceivedMonth, StoreError> {
    ReceivedMonth::from_number(number).ok_or_else(|| StoreError::corrupt(column, format!("{number} is no month")))
}

fn digest(column: &'static str, bytes: &[u8]) -> Result<Digest, StoreError> {
    let bytes = bytes
        .try_into()
        .map_err(|error: std::array::TryFromSliceError| StoreError::corrupt(column, error))?;
    Ok(Digest::from_bytes(bytes))
}

fn from_word<T: serde::de::DeserializeOwned>(column: &'static str, text: String) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(text)).map_err(|error| StoreError::corrupt(column, error))
}

/// The word that serde writes for a value of a closed list.
pub(super) fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("closed lists are written as words, not {other:?}"),
    }
}

macro_rules! column {
    ($row:ident, $column:ident) => {
        $row.try_get($column).map_err(|error| StoreError::corrupt($column, error))
    };
}

impl Columns for AnyRow {
    fn int(&self, column: &'static str) -> Result<i64, StoreError> {
        column!(self, column)
    }
    fn optional_int(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        column!(self, column)
    }
    fn text(&self, column: &'static str) -> Result<String, StoreError> {
        column!(self, column)
    }
    fn optional_text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        column!(self, column)
    }
    fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        column!(self, column)
    }
    fn optional_bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        column!(self, column)
    }
}

/// Reads every row with `read`.
pub(super) fn records<T>(rows: &[AnyRow], read: impl Fn(&AnyRow) -> Result<T, StoreError>) -> Result<Vec<T>, StoreError> {
    rows.iter().map(read).collect()
}

/// A value of a row that is written with others.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Blob(Option<Vec<u8>>),
}

macro_rules! value {
    ($($from:ty => |$name:ident| $variant:ident($made:expr)),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from($name: $from) -> Self {
                Self::$variant(Some($made))
            }
        }
        impl From<Option<$from>> for Value {
            fn from(value: Option<$from>) -> Self {
                Self::$variant(value.map(|$name| $made))
            }
        }
    )*};
}
value! {
    i64 => |value| Int(value),
    Timestamp => |value| Int(value.unix_micros()),
    ReceivedMonth => |value| Int(value.number()),
    String => |value| Text(value),
    &str => |value| Text(value.to_owned()),
    Digest => |value| Text(value.to_string()),
    Vec<u8> => |value| Blob(value),
}

/// A digest for the reports' tables, which hold its 32 bytes; everywhere else it is text.
pub(super) fn raw(digest: Digest) -> Value {
    Value::Blob(Some(digest.as_bytes().to_vec()))
}

pub(super) fn optional_raw(digest: Option<Digest>) -> Value {
    Value::Blob(digest.map(|digest| digest.as_bytes().to_vec()))
}

/// A statement around a list of rows: `before` `(…), (…)` `after`. Every row must have the same columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Bulk {
    pub before: &'static str,
    pub after: &'static str,
}

const CHUNKS: [usize; 5] = [256, 64, 16, 4, 1];

impl Bulk {
    /// Runs the statement over all rows; answers how many rows it changed.
    pub(super) async fn execute(&self, connection: &mut AnyConnection, rows: Vec<Vec<Value>>) -> Result<u64, StoreError> {
        let mut changed = 0;
        for (text, values) in self.statements(rows) {
            changed += bound(text, values).execute(&mut *connection).await?.rows_affected();
        }
        Ok(changed)
    }

    /// Runs the statement over all rows; answers what it returns.
    pub(super) async fn fetch(&self, connection: &mut AnyConnection, rows: Vec<Vec<Value>>) -> Result<Vec<AnyRow>, StoreError> {
        let mut found = Vec::new();
        for (text, values) in self.statements(rows) {
            found.extend(bound(text, values).fetch_all(&mut *connection).await?);
        }
        Ok(found)
    }

    fn statements(&self, rows: Vec<Vec<Value>>) -> impl Iterator<Item = (Arc<str>, Vec<Value>)> + Send {
        let columns = rows.first().map_or(0, Vec::len);
        debug_assert!(
            rows.iter().all(|row| row.len() == columns),
            "rows of one statement have the same columns"
        );
        let mut left = rows.len();
        let mut rows = rows.into_iter();
        let bulk = *self;
        std::iter::from_fn(move || {
            let size = CHUNKS.into_iter().find(|size| *size <= left)?;
            left -= size;
            let values = rows.by_ref().take(size).flatten().collect();
            Some((bulk.text(size, columns), values))
        })
    }

    fn text(self, rows: usize, columns: usize) -> Arc<str> {
        type Texts = HashMap<(Bulk, usize, usize), Arc<str>>;
        static MADE: LazyLock<RwLock<Texts>> = LazyLock::new(RwLock::default);
        let name = (self, rows, columns);
        if let Some(text) = MADE.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return text.clone();
        }
        let text: Arc<str> = format!("{} {} {}", self.before, placeholders(rows, columns), self.after).into();
        MADE.write().unwrap_or_else(PoisonError::into_inner).insert(name, text.clone());
        text
    }
}

/// `($1, $2), ($3, $4)`
pub(super) fn placeholders(rows: usize, columns: usize) -> String {
    let mut text = String::new();
    for number in 0..rows * columns {
        let before = match (number, number % columns) {
            (0, _) => "(",
            (_, 0) => "), (",
            _ => ", ",
        };
        write!(text, "{before}${}", number + 1).expect("a String can be written");
    }
    text.push(')');
    text
}

pub(super) fn bound(text: Arc<str>, values: Vec<Value>) -> sqlx::query::Query<'static, sqlx::Any, sqlx::any::AnyArguments> {
    // The text is made of constants and numbers of placeholders only.
    values
        .into_iter()
        .fold(sqlx::query(AssertSqlSafe(text)), |query, value| match value {
            Value::Int(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Blob(value) => query.bind(value),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_split_into_few_sizes() {
        let bulk = Bulk {
            before: "INSERT INTO t (a, b) VALUES",
            after: "",
        };
        let rows = (0..86i64).map(|n| vec![n.into(), n.to_string().into()]).collect();
        let sizes: Vec<usize> = bulk.statements(rows).map(|(_, values)| values.len() / 2).collect();
        assert_eq!(sizes, [64, 16, 4, 1, 1]);
        assert_eq!(placeholders(2, 2), "($1, $2), ($3, $4)");
    }
}
