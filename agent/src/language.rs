//! The language that people are addressed in: Russian first, English second. Documents have none.

use clap::ValueEnum;

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
