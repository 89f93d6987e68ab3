//! One cell, whatever it came from, and the text a column needs from it.
//!
//! Spreadsheets damage what registrars type: numbers lose leading zeros, long numbers are shortened to
//! `1,206E+12`, room numbers become dates. What can be restored without guessing is restored; the rest is
//! refused with the reason.

use std::borrow::Cow;

use super::Column;

/// The most characters of a cell; a longer one is most likely an unclosed quotation mark.
const MAX_CELL_CHARS: usize = 4_000;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'a> {
    Empty,
    Text(Cow<'a, str>),
    Number(f64),
    /// A date, as it is shown.
    Date(String),
    Boolean(bool),
    /// A formula that failed: `#Н/Д`.
    Fault(String),
}

/// What a cell holds and why it cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) value: String,
    pub(super) message: String,
}

impl Cell<'_> {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) => text.trim_matches(is_blank).is_empty(),
            _ => false,
        }
    }

    /// What a header row shows; nothing for what no header holds.
    pub(super) fn title(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    /// The text of this cell as `column` reads it; empty for an empty cell.
    pub(super) fn text(&self, column: Column) -> Result<String, Refused> {
        match self {
            Self::Empty => Ok(String::new()),
            Self::Text(text) => from_text(text, column),
            Self::Number(number) => from_number(*number, column),
            Self::Date(date) => Err(refused(
                date,
                "Excel превратил значение в дату. Задайте столбцу текстовый формат и введите значение заново.",
            )),
            Self::Boolean(value) => Err(refused(
                if *value { "ИСТИНА" } else { "ЛОЖЬ" },
                "В ячейке логическое значение. Введите текст.",
            )),
            Self::Fault(fault) => Err(refused(fault, "В ячейке формула с ошибкой. Замените её значением.")),
        }
    }
}

fn refused(value: &str, message: impl Into<String>) -> Refused {
    Refused {
        value: value.to_owned(),
        message: message.into(),
    }
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\0' | '\u{200b}' | '\u{feff}' | '\u{ad}')
}

fn from_text(text: &str, column: Column) -> Result<String, Refused> {
    if text.chars().nth(MAX_CELL_CHARS).is_some() {
        return Err(refused(
            text,
            format!("В ячейке больше {MAX_CELL_CHARS} знаков. Проверьте, что все кавычки в файле закрыты."),
        ));
    }
    let visible: String = text.chars().filter(|c| !matches!(c, '\u{200b}' | '\u{feff}' | '\u{ad}')).collect();
    let folded = visible
        .split(|c: char| c.is_whitespace() || c == '\0')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    if digits_expected(column).is_empty() {
        return Ok(folded);
    }
    match restore_shortened(&folded) {
        Some(Ok(digits)) => Ok(digits),
        Some(Err(())) => Err(refused(
            &folded,
            "Excel записал длинное число сокращённо, последние цифры потеряны. Задайте столбцу текстовый формат и введите значение заново.",
        )),
        None => Ok(folded.replace(' ', "")),
    }
}

/// How many digits the identifiers of a column have; empty for other columns.
fn digits_expected(column: Column) -> &'static [usize] {
    match column {
        Column::Ogrn => &[13],
        Column::Inn => &[10],
        Column::Kpp => &[9],
        Column::MunicipalityOktmo => &[8],
        Column::BuildingOktmo => &[8, 11],
        _ => &[],
    }
}

/// A number is written out in full; one leading zero that the spreadsheet dropped is put back.
fn from_number(number: f64, column: Column) -> Result<String, Refused> {
    let shown = format!("{number}");
    if number.fract() != 0.0 || !(0.0..1e15).contains(&number) {
        return if digits_expected(column).is_empty() && number.is_finite() && number.abs() < 1e15 {
            Ok(shown)
        } else {
            Err(refused(
                &shown,
                "Здесь число не к месту. Задайте столбцу текстовый формат и введите значение заново.",
            ))
        };
    }
    let digits = format!("{number:.0}");
    let lost_zero = digits_expected(column).contains(&(digits.len() + 1));
    Ok(if lost_zero { format!("0{digits}") } else { digits })
}

/// `1.205999000019E+12` holds all its digits and `1,206E+12` does not: `None` if it is no such number,
/// the digits if all are there.
fn restore_shortened(text: &str) -> Option<Result<String, ()>> {
    let (mantissa, exponent) = text.split_once(['E', 'e', 'Е', 'е'])?;
    let exponent: usize = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok().filter(|e| *e < 20)?;
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, ""));
    let numeric = whole.len() == 1 && (whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit());
    if !numeric {
        return None;
    }
    Some(if fraction.len() == exponent {
        Ok(format!("{whole}{fraction}"))
    } else {
        Err(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str, column: Column) -> Result<String, Refused> {
        Cell::Text(value.into()).text(column)
    }

    #[test]
    fn a_long_number_keeps_its_digits_or_is_refused() {
        assert_eq!(Cell::Number(1.205999000019E12).text(Column::Ogrn).unwrap(), "1205999000019");
        assert_eq!(text("1.205999000019E+12", Column::Ogrn).unwrap(), "1205999000019");
        assert!(text("1,206E+12", Column::Ogrn).unwrap_err().message.contains("потеряны"));
        assert!(Cell::Number(0.5).text(Column::Inn).is_err());
        assert!(Cell::Number(f64::NAN).text(Column::Name).is_err());
    }

    #[test]
    fn a_dropped_zero_returns_only_where_the_length_says_so() {
        assert_eq!(Cell::Number(1_701_000.0).text(Column::MunicipalityOktmo).unwrap(), "01701000");
        assert_eq!(Cell::Number(7.0).text(Column::RoomNumber).unwrap(), "7");
        assert_eq!(Cell::Number(123.0).text(Column::Inn).unwrap(), "123");
    }

    #[test]
    fn space_is_folded_and_dates_are_refused() {
        assert_eq!(text(" Школа\u{a0}\u{200b} № 1 \n", Column::Name).unwrap(), "Школа № 1");
        assert_eq!(text("599 900 0016", Column::Inn).unwrap(), "5999000016");
        assert!(Cell::Date("02.01.2020".into()).text(Column::RoomNumber).is_err());
        assert!(text(&"ж".repeat(4_001), Column::Name).unwrap_err().message.contains("кавычки"));
    }
}
