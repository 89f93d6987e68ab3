//! The two languages of the pages, and sentences by key. Texts live in `locales/`, compiled in.
//!
//! A key that is written out stands in the code as `.t("key")`, `.n("key", …)` or `.with("key", …)`; a key made from a
//! value's name goes through [`Language::family`]. A test reads all of them and finds what a language lacks.

use std::borrow::Cow;
use std::collections::HashMap;

use axum::http::HeaderMap;
use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader, langid};

use super::cookie;
use super::format;

fluent_templates::static_loader! {
    static SENTENCES = {
        locales: "./locales",
        fallback_language: "ru",
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

static RUSSIAN: LanguageIdentifier = langid!("ru");
static ENGLISH: LanguageIdentifier = langid!("en");

/// The cookie that remembers the choice before and between sessions.
pub const LANGUAGE_COOKIE: &str = "language";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    Russian,
    English,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::Russian, Self::English];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Russian => "ru",
            Self::English => "en",
        }
    }

    /// Its name in itself, as the switch shows it.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::Russian => "Русский",
            Self::English => "English",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// The language of a request: the cookie's, else Russian. The browser's own preference is not asked, because an
    /// English Windows is common in schools and its user still reads Russian.
    pub fn of_request(headers: &HeaderMap) -> Self {
        cookie::value(headers, LANGUAGE_COOKIE)
            .and_then(Self::from_code)
            .unwrap_or_default()
    }

    /// The sentence of a key.
    pub fn t(self, key: &str) -> String {
        SENTENCES.lookup(self.identifier(), key)
    }

    /// A sentence about a number: `$count` chooses the form, `$shown` is the number as people read it.
    pub fn n(self, key: &str, count: &i64) -> String {
        let arguments = HashMap::from([
            (Cow::Borrowed("count"), FluentValue::from(*count)),
            (Cow::Borrowed("shown"), FluentValue::from(format::number(*count))),
        ]);
        SENTENCES.lookup_with_args(self.identifier(), key, &arguments)
    }

    /// A sentence with several named values in it.
    pub fn with_all(self, key: &str, values: &[(&'static str, &str)]) -> String {
        let arguments: HashMap<_, _> = values
            .iter()
            .map(|(name, value)| (Cow::Borrowed(*name), FluentValue::from((*value).to_owned())))
            .collect();
        SENTENCES.lookup_with_args(self.identifier(), key, &arguments)
    }

    /// A sentence with one named value in it.
    pub fn with(self, key: &str, name: &'static str, value: &str) -> String {
        let arguments = HashMap::from([(Cow::Borrowed(name), FluentValue::from(value.to_owned()))]);
        SENTENCES.lookup_with_args(self.identifier(), key, &arguments)
    }

    /// The sentence of one member of a family: `family("role", "region_viewer")` is `role-region-viewer`. A member
    /// that has no sentence is shown by its own name.
    pub fn family(self, family: &str, member: &str) -> String {
        let key = format!("{family}-{}", member.replace('_', "-"));
        SENTENCES.try_lookup(self.identifier(), &key).unwrap_or_else(|| member.to_owned())
    }

    fn identifier(self) -> &'static LanguageIdentifier {
        match self {
            Self::Russian => &RUSSIAN,
            Self::English => &ENGLISH,
        }
    }
}
