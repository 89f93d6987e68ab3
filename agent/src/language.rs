//! The language that people are addressed in: Russian first, English second. Documents have none.

use clap::ValueEnum;
use inventory_schema::Timestamp;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Language {
    #[default]
    Ru,
    En,
}

impl Language {
    /// The text in this language.
    pub fn choose<'a>(self, russian: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::Ru => russian,
            Self::En => english,
        }
    }
}

/// A time as people write it, to the minute: `07.12.2026 00:22 UTC`, in English `2026-12-07 00:22 UTC`.
pub fn moment(at: Timestamp, lang: Language) -> String {
    let text = at.to_string();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    let minute = time.get(..5).unwrap_or(time);
    match (lang, date.rsplit('-').collect::<Vec<_>>().as_slice()) {
        (Language::Ru, [day, month, year]) => format!("{day}.{month}.{year} {minute} UTC"),
        _ => format!("{date} {minute} UTC"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_write_them() {
        let at = "2026-12-07T00:22:04.153711Z".parse().unwrap();
        assert_eq!(moment(at, Language::Ru), "07.12.2026 00:22 UTC");
        assert_eq!(moment(at, Language::En), "2026-12-07 00:22 UTC");
    }
}
