//! Canonical bytes (RFC 8785, JSON Canonicalization Scheme) and the digests taken over them.
//!
//! Documents hold no floating-point numbers: RFC 8785 needs an exact double printer for them, and money,
//! bytes and times are integers anyway. Integers stay within ±(2^53 − 1), the range every JSON reader
//! keeps exactly (RFC 7493 §2.2).

mod scan;

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Largest integer a document may hold: 2^53 − 1 (RFC 7493 §2.2).
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// The one byte form of a document. Built by serialising; a received document is only ever compared with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonicalBytes(Vec<u8>);

#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    #[error("the document cannot be written as JSON")]
    Json(#[source] serde_json::Error),
    #[error("the document holds the number {0}, which is not an integer within ±(2^53 − 1)")]
    Number(serde_json::Number),
    #[error("the bytes are not in canonical form (RFC 8785)")]
    NotCanonical,
}

impl CanonicalBytes {
    pub fn of<T: Serialize + ?Sized>(document: &T) -> Result<Self, CanonicalError> {
        let value = serde_json::to_value(document).map_err(CanonicalError::Json)?;
        let mut bytes = Vec::with_capacity(512);
        write_value(&value, &mut bytes)?;
        Ok(Self(bytes))
    }

    /// Accepts received bytes only if they already are the canonical form of what they say, so that one
    /// document has one digest and a duplicate key cannot hide a second meaning.
    pub fn verify(received: &[u8]) -> Result<Value, CanonicalError> {
        let value: Value = serde_json::from_slice(received).map_err(CanonicalError::Json)?;
        let mut canonical = Vec::with_capacity(received.len());
        write_value(&value, &mut canonical)?;
        if canonical == received {
            Ok(value)
        } else {
            Err(CanonicalError::NotCanonical)
        }
    }

    /// As [`Self::verify`], for those who need the answer only: the usual document is read once and not built.
    pub fn check(received: &[u8]) -> Result<(), CanonicalError> {
        match std::str::from_utf8(received) {
            Ok(text) if scan::is_plainly_canonical(text) => Ok(()),
            _ => Self::verify(received).map(drop),
        }
    }

    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text: JSON is UTF-8.
    pub fn into_text(self) -> String {
        String::from_utf8(self.0).expect("canonical JSON is written as UTF-8")
    }
}

fn write_value(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, out)?,
        Value::String(text) => write_string(text, out)?,
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            // RFC 8785 §3.2.3: members are sorted by the UTF-16 code units of their names.
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (index, (name, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(name, out)?;
                out.push(b':');
                write_value(member, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn write_number(number: &serde_json::Number, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    let magnitude = match (number.as_u64(), number.as_i64()) {
        (Some(positive), _) => positive,
        (None, Some(negative)) => negative.unsigned_abs(),
        (None, None) => return Err(CanonicalError::Number(number.clone())),
    };
    if magnitude > MAX_INTEGER {
        return Err(CanonicalError::Number(number.clone()));
    }
    out.extend_from_slice(number.to_string().as_bytes());
    Ok(())
}

fn write_string(text: &str, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    // serde_json escapes exactly what RFC 8785 §3.2.2.2 asks for: the quote, the backslash, \b \t \n \f \r
    // and the other controls as lower-case \u00xx.
    serde_json::to_writer(out, text).map_err(CanonicalError::Json)
}

/// SHA-256 over canonical bytes, written `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("«{0}» is not a digest: expected sha256: and 64 lower-case hexadecimal digits")]
pub struct DigestError(String);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

const PREFIX: &str = "sha256:";
const TEXT_BYTES: usize = PREFIX.len() + 64;

impl Digest {
    /// Calls `with` with the digest as it is written.
    fn written<T>(&self, with: impl FnOnce(&str) -> T) -> T {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; TEXT_BYTES];
        text[..PREFIX.len()].copy_from_slice(PREFIX.as_bytes());
        for (pair, byte) in text[PREFIX.len()..].chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        with(std::str::from_utf8(&text).expect("it is ASCII"))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written(|text| f.write_str(text))
    }
}

// By hand, because a check-in holds a dozen of them: no text is made on the way.
impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Digest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a digest")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Digest, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let error = || DigestError(text.chars().take(80).collect());
        let hex = text.strip_prefix(PREFIX).ok_or_else(error)?.as_bytes();
        if hex.len() != 64 {
            return Err(error());
        }
        let mut bytes = [0; 32];
        let mut strange = 0;
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            let (high, low) = (NIBBLES[usize::from(pair[0])], NIBBLES[usize::from(pair[1])]);
            *byte = high << 4 | low & 15;
            strange |= high | low;
        }
        if strange > 15 { Err(error()) } else { Ok(Self(bytes)) }
    }
}

/// What a lower-case hexadecimal digit is worth; more than 15: it is none. A check-in holds a dozen digests, and a
/// table reads them three times as fast as comparisons.
const NIBBLES: [u8; 256] = {
    let mut worth = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        worth[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    worth
};

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl JsonSchema for Digest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^sha256:[0-9a-f]{64}$",
            "maxLength": 71,
            "description": "SHA-256 over canonical bytes (RFC 8785)"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn members_are_sorted_by_utf16_code_units() {
        // The example of RFC 8785 §3.2.3: U+1F600 (surrogates D83D …) sorts before U+FB33.
        let document = json!({"\u{fb33}": 1, "\u{1f600}": 2, "\r": 3, "1": 4, "ö": 5, "€": 6});
        let text = CanonicalBytes::of(&document).unwrap().into_text();
        assert_eq!(text, "{\"\\r\":3,\"1\":4,\"ö\":5,\"€\":6,\"\u{1f600}\":2,\"\u{fb33}\":1}");
    }

    #[test]
    fn floats_and_large_integers_are_refused() {
        assert!(matches!(CanonicalBytes::of(&json!(1.5)), Err(CanonicalError::Number(_))));
        assert!(CanonicalBytes::of(&json!(MAX_INTEGER)).is_ok());
        assert!(CanonicalBytes::of(&json!(MAX_INTEGER + 1)).is_err());
        assert!(CanonicalBytes::of(&json!(-(MAX_INTEGER as i64) - 1)).is_err());
    }

    #[test]
    fn received_bytes_must_be_canonical() {
        assert!(CanonicalBytes::verify(br#"{"a":1,"b":2}"#).is_ok());
        for other in [
            &br#"{"b":2,"a":1}"#[..],
            br#"{"a": 1,"b":2}"#,
            br#"{"a":1,"a":1}"#,
            br#"{"a":1.0}"#,
            br#"{"a":"\u0041"}"#,
        ] {
            assert!(CanonicalBytes::verify(other).is_err(), "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn ten_thousand_levels_are_an_error_and_not_a_crash() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert!(matches!(CanonicalBytes::verify(deep.as_bytes()), Err(CanonicalError::Json(_))));
    }

    #[test]
    fn digest_is_the_known_vector() {
        let digest = Digest::of(b"abc");
        assert_eq!(
            digest.to_string(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("sha256:BA".parse::<Digest>().is_err());
        for strange in ["G", "/", ":", "`", "g", "F", "\u{0}", "é"] {
            let (text, last) = (digest.to_string(), 71 - strange.len());
            assert!((text[..last].to_owned() + strange).parse::<Digest>().is_err(), "{strange}");
            assert!(
                (text[..7].to_owned() + strange + &text[7 + strange.len()..])
                    .parse::<Digest>()
                    .is_err(),
                "{strange}"
            );
        }
    }

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-(MAX_INTEGER as i64)..=MAX_INTEGER as i64).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_bytes_are_a_fixed_point(document in documents()) {
            let bytes = CanonicalBytes::of(&document).unwrap();
            prop_assert_eq!(CanonicalBytes::verify(bytes.as_bytes()).unwrap(), document);
        }

        #[test]
        fn a_digest_reads_back(bytes in any::<[u8; 32]>()) {
            let digest = Digest::from_bytes(bytes);
            prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        }
    }
}
