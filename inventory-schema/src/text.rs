//! Strings with an alphabet, a length and a source: the only strings a document may hold (promise 8).
//!
//! Two doors lead in. [`TryFrom`] is strict and serves what was received; `observed` is forgiving and
//! serves what a computer's firmware or system says: it drops control characters, folds white space,
//! cuts at the length, and answers `None` when nothing is left.

/// Declares a checked string: its name, the most characters it may have, its alphabet, its shape where the
/// alphabet does not say enough, and where it comes from. The same facts go into the JSON Schema, where the
/// privacy test reads them. This half is the strict door alone.
macro_rules! received_text {
    ($(#[$doc:meta])* $name:ident, at most $max:literal, $pattern:expr, $allowed:expr, $shape:expr, from $source:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The most characters this text may have.
            pub const MAX_CHARS: usize = $max;

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::text::TextError;

            fn try_from(text: String) -> Result<Self, $crate::text::TextError> {
                $crate::text::check(stringify!($name), &text, $max, $allowed)?;
                let shape: fn(&str) -> bool = $shape;
                if shape(&text) { Ok(Self(text)) } else { Err($crate::text::TextError::Shape { kind: stringify!($name), pattern: $pattern }) }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::text::TextError;

            fn from_str(text: &str) -> Result<Self, $crate::text::TextError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "minLength": 1, "maxLength": $max, "pattern": $pattern, "x-source": $source
                })
            }
        }
    };
}
pub(crate) use received_text;

/// A checked string with both doors.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, at most $max:literal, $pattern:expr => $allowed:expr, from $source:literal) => {
        $crate::text::checked_text!($(#[$doc])* $name, at most $max, $pattern => $allowed, shaped |_| true, from $source);
    };
    ($(#[$doc:meta])* $name:ident, at most $max:literal, $pattern:expr => $allowed:expr, shaped $shape:expr, from $source:literal) => {
        $crate::text::received_text!($(#[$doc])* $name, at most $max, $pattern, $allowed, $shape, from $source);

        impl $name {
            /// What is left of `raw` after dropping what the alphabet has no place for; `None` if nothing is,
            /// or if what is left has not the shape.
            pub fn observed(raw: &str) -> Option<Self> {
                $crate::text::clean(raw, $max, $allowed).and_then(|text| Self::try_from(text).ok())
            }
        }
    };
}
pub(crate) use checked_text;

/// The alphabet of [`printable`] as a pattern that ECMA-262 and Python's `re` read alike.
pub(crate) const PRINTABLE_PATTERN: &str =
    r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ue000-\uf8ff\ufeff\ufff9-\uffff]+$";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("{kind} is empty")]
    Empty { kind: &'static str },
    #[error("{kind} has {chars} characters, at most {max} are allowed")]
    TooLong { kind: &'static str, chars: usize, max: usize },
    #[error("{kind} holds the character {character:?}, which it may not")]
    Character { kind: &'static str, character: char },
    #[error("{kind} has not its shape, {pattern}")]
    Shape { kind: &'static str, pattern: &'static str },
}

pub(crate) fn check(kind: &'static str, text: &str, max: usize, allowed: fn(char) -> bool) -> Result<(), TextError> {
    let chars = text.chars().count();
    if chars == 0 {
        return Err(TextError::Empty { kind });
    }
    if chars > max {
        return Err(TextError::TooLong { kind, chars, max });
    }
    match text.chars().find(|character| !allowed(*character)) {
        Some(character) => Err(TextError::Character { kind, character }),
        None => Ok(()),
    }
}

pub(crate) fn clean(raw: &str, max: usize, allowed: fn(char) -> bool) -> Option<String> {
    let spaced: String = raw.chars().map(|c| if c.is_whitespace() || c == '\0' { ' ' } else { c }).collect();
    let words: Vec<String> = spaced
        .split(' ')
        .map(|word| word.chars().filter(|c| allowed(*c)).collect())
        .filter(|word: &String| !word.is_empty())
        .collect();
    let separator = if allowed(' ') { " " } else { "" };
    let cut: String = words.join(separator).chars().take(max).collect();
    let trimmed = cut.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// Printable text of any script: no controls, and no invisible or direction-changing characters that would
/// let one value look like another on a page.
pub fn printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{ffff}')
        && !('\u{e000}'..='\u{f8ff}').contains(&c)
}

pub(crate) fn ascii_printable(c: char) -> bool {
    matches!(c, ' '..='~')
}

pub(crate) fn token(c: char) -> bool {
    matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' | '+' | ':' | '~' | '/' | '@' | ',' | '!' | '=' | '#')
}

checked_text!(/// A maker, model, version or label as firmware or a driver gives it.
    HardwareText, at most 128, PRINTABLE_PATTERN => printable, from "firmware tables, sysfs, EDID");
checked_text!(/// The short name of a kernel device, driver, port or socket: `sda`, `e1000e`, `HDMI-A-1`, `DIMM 0`.
    DeviceName, at most 64, r"^[ -~]+$" => ascii_printable, from "sysfs names, SMBIOS locators");
checked_text!(/// A program's or package's name.
    SoftwareName, at most 200, PRINTABLE_PATTERN => printable, from "package databases");
checked_text!(/// A package's or program's version.
    SoftwareVersion, at most 128, r"^[ -~]+$" => ascii_printable, from "package databases, os-release");
checked_text!(/// A short word of a closed or nearly closed vocabulary: an architecture, an os-release id.
    Word, at most 64, r"^[a-zA-Z0-9._+:~/@,!=#-]+$" => token, from "os-release, package databases, kernel");
checked_text!(/// The name of an operating system for people, from PRETTY_NAME.
    SystemTitle, at most 160, PRINTABLE_PATTERN => printable, from "os-release");
checked_text!(/// Why a source could not be read. Written by the agent from fixed sentences and the system's error text; holds no file contents.
    Diagnosis, at most 240, PRINTABLE_PATTERN => printable, from "the agent's own sentences");

received_text!(/// A reading before it was cleaned. What is not printable, and a backslash, is written as `\\x` and two digits.
    RawText, at most 256, PRINTABLE_PATTERN, printable, |_| true, from "firmware tables, sysfs, EDID");

impl RawText {
    /// The bytes as they stood; what is beyond the length is cut. `None` for no bytes at all.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let mut text = String::new();
        let mut chars = 0;
        for chunk in bytes.utf8_chunks() {
            let valid = chunk.valid().chars().map(escaped);
            let invalid = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
            for part in valid.chain(invalid) {
                chars += part.chars().count();
                if chars > Self::MAX_CHARS {
                    return Some(Self(text));
                }
                text.push_str(&part);
            }
        }
        (!text.is_empty()).then_some(Self(text))
    }
}

fn escaped(c: char) -> String {
    if printable(c) && c != '\\' {
        return c.to_string();
    }
    let mut buffer = [0; 4];
    c.encode_utf8(&mut buffer).bytes().map(|byte| format!("\\x{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn firmware_text_is_cleaned() {
        assert_eq!(
            HardwareText::observed("  ASUS\0\0  PRIME\t B450 ").unwrap().as_str(),
            "ASUS PRIME B450"
        );
        assert_eq!(HardwareText::observed(" \0\u{200b} "), None);
        assert_eq!(HardwareText::observed(&"ж".repeat(500)).unwrap().as_str().chars().count(), 128);
    }

    #[test]
    fn received_text_is_not_cleaned_but_refused() {
        assert!(matches!(
            "a\nb".parse::<HardwareText>(),
            Err(TextError::Character { character: '\n', .. })
        ));
        assert!(matches!("".parse::<Word>(), Err(TextError::Empty { .. })));
        assert!(matches!(
            "x".repeat(65).parse::<Word>(),
            Err(TextError::TooLong { chars: 65, max: 64, .. })
        ));
    }

    #[test]
    fn raw_text_shows_every_byte() {
        let raw = |bytes: &[u8]| RawText::of_bytes(bytes).unwrap().to_string();
        assert_eq!(raw(b" AB\0C\xff\\ "), r" AB\x00C\xff\x5c ");
        assert_eq!(raw("Ж\u{200b}".as_bytes()), r"Ж\xe2\x80\x8b");
        assert_eq!(raw(&[0; 1000]).chars().count(), 256);
        assert_eq!(RawText::of_bytes(b""), None);
    }

    proptest! {
        #[test]
        fn raw_text_of_any_bytes_is_accepted_when_received(bytes in proptest::collection::vec(any::<u8>(), 1..300)) {
            let raw = RawText::of_bytes(&bytes).unwrap();
            prop_assert_eq!(raw.as_str().parse::<RawText>().unwrap(), raw.clone());
        }

        #[test]
        fn whatever_was_observed_is_also_accepted_when_received(raw in any::<String>()) {
            if let Some(text) = HardwareText::observed(&raw) {
                prop_assert_eq!(text.as_str().parse::<HardwareText>().unwrap(), text.clone());
            }
            if let Some(text) = DeviceName::observed(&raw) {
                prop_assert_eq!(text.as_str().parse::<DeviceName>().unwrap(), text.clone());
            }
        }
    }
}
