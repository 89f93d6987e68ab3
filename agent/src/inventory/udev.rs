//! Records of the udev database: what udev's rules found out when a device appeared.
//!
//! Pure: the text of one file below `/run/udev/data` in, properties out.

use std::collections::BTreeMap;

/// The properties (`E:NAME=value`) of one device. Empty where udev does not run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UdevRecord(BTreeMap<String, String>);

impl UdevRecord {
    pub fn read(text: &str) -> Self {
        let properties = text.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
        Self(properties.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    pub fn text(&self, property: &str) -> Option<String> {
        self.0.get(property).filter(|value| !value.trim().is_empty()).cloned()
    }

    /// A property in which udev wrote characters as `\x20`.
    pub fn encoded(&self, property: &str) -> Option<String> {
        let decoded = decode(self.0.get(property)?);
        let text = decoded.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub fn is_set(&self, property: &str) -> bool {
        self.0.get(property).is_some_and(|value| value == "1")
    }
}

fn decode(encoded: &str) -> String {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after
            .strip_prefix(b"x")
            .and_then(|digits| std::str::from_utf8(digits.get(..2)?).ok());
        match escaped
            .filter(|_| *first == b'\\')
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
        {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn properties_are_read_and_decoded() {
        let record = UdevRecord::read("S:disk/by-id/x\nE:ID_MODEL_ENC=WDC\\x20WD5000\\xd0\\x96  \nE:ID_SERIAL_SHORT=\nE:ID_INPUT=1\n");
        assert_eq!(record.encoded("ID_MODEL_ENC").as_deref(), Some("WDC WD5000Ж"));
        assert_eq!(record.text("ID_SERIAL_SHORT"), None);
        assert!(record.is_set("ID_INPUT"));
        assert!(!record.is_set("ID_INPUT_TOUCHSCREEN"));
    }

    proptest! {
        #[test]
        fn any_escape_is_decoded_or_kept(text in "[\\\\x0-9a-fг]{0,20}") {
            let _ = decode(&text);
        }
    }
}
