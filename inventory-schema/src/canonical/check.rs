//! Is this text canonical JSON? Answered in one pass that builds nothing.
//!
//! It may say no to a canonical text (names that need their UTF-16 order, deep nesting) and never yes to another:
//! [`super::CanonicalBytes::verify`] decides and explains what is doubtful here.

/// Nesting that serde_json reads too.
const DEEPEST: usize = 100;
/// 2^53 − 1 has sixteen digits; what is shorter is smaller.
const SAFE_DIGITS: usize = 15;

/// Whether `text` is beyond doubt the canonical form (RFC 8785) of a document without floats.
pub(super) fn is_canonical(text: &str) -> bool {
    let mut reader = Reader {
        bytes: text.as_bytes(),
        at: 0,
    };
    reader.value(0).is_some() && reader.at == text.len()
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, text: &[u8]) -> Option<()> {
        let end = self.at + text.len();
        (self.bytes.get(self.at..end)? == text).then(|| self.at = end)
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match self.next()? {
            b'"' => self.string().map(|_| ()),
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b't' => self.expect(b"rue"),
            b'f' => self.expect(b"alse"),
            b'n' => self.expect(b"ull"),
            b'-' => match self.next()? {
                digit @ b'1'..=b'9' => self.integer(digit),
                _ => None,
            },
            digit @ b'0'..=b'9' => self.integer(digit),
            _ => None,
        }
    }

    /// After its first digit.
    fn integer(&mut self, first: u8) -> Option<()> {
        let begun = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        let more = self.at - begun;
        (more < SAFE_DIGITS && (first != b'0' || more == 0)).then_some(())
    }

    /// After the quote: what stands between it and the next one.
    fn string(&mut self) -> Option<&'t [u8]> {
        let begun = self.at;
        loop {
            match self.next()? {
                b'"' => return Some(&self.bytes[begun..self.at - 1]),
                b'\\' => self.escape()?,
                0..=0x1f => return None,
                _ => {}
            }
        }
    }

    /// After the backslash. Each character that must be escaped has one spelling.
    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r' => Some(()),
            b'u' => {
                self.expect(b"00")?;
                match (self.next()?, self.next()?) {
                    (b'0', b'0'..=b'7' | b'b' | b'e' | b'f') | (b'1', b'0'..=b'9' | b'a'..=b'f') => Some(()),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// After the brace. Names of plain ASCII are in the order of their bytes.
    fn object(&mut self, depth: usize) -> Option<()> {
        let mut before: Option<&[u8]> = None;
        match self.next()? {
            b'}' => return Some(()),
            b'"' => {}
            _ => return None,
        }
        loop {
            let name = self.string()?;
            if before.is_some_and(|before| before >= name) || !name.iter().all(|byte| byte.is_ascii() && *byte != b'\\') {
                return None;
            }
            before = Some(name);
            self.expect(b":")?;
            self.value(depth)?;
            match self.next()? {
                b'}' => return Some(()),
                b',' => self.expect(b"\"")?,
                _ => return None,
            }
        }
    }

    /// After the bracket.
    fn array(&mut self, depth: usize) -> Option<()> {
        if self.bytes.get(self.at) == Some(&b']') {
            self.at += 1;
            return Some(());
        }
        loop {
            self.value(depth)?;
            match self.next()? {
                b']' => return Some(()),
                b',' => {}
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::canonical::{CanonicalBytes, tests::documents};

    #[test]
    fn each_thing_has_one_spelling() {
        for canonical in [
            r#"{"a":[],"b":{},"c":[1,-2,0,"x"],"d":null,"e":true,"f":false}"#,
            r#""\"\\\b\t\n\f\r\u0000\u001f\u000b/é""#,
            "999999999999999",
        ] {
            assert!(is_canonical(canonical), "{canonical}");
            assert!(CanonicalBytes::verify(canonical.as_bytes()).is_ok(), "{canonical}");
        }
        for other in [
            "",
            " 1",
            "1 ",
            "01",
            "-0",
            "-",
            "1.0",
            "1e3",
            "+1",
            "9007199254740992",
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,}"#,
            "[1,]",
            "[,1]",
            "[1 ]",
            r#"{"a": 1}"#,
            r#""\/""#,
            r#""\u0041""#,
            r#""\u001F""#,
            r#""\u0008""#,
            r#""\u000a""#,
            "\"\u{1}\"",
            "\"a",
            "tru",
            "nulll",
            r#"{"a"}"#,
            r#"{1:2}"#,
            "[",
            "{",
        ] {
            assert!(!is_canonical(other), "{other}");
            assert!(CanonicalBytes::verify(other.as_bytes()).is_err(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_it_accepts_is_canonical(document in documents(), place in any::<prop::sample::Index>(), byte in 0u8..128) {
            let text = CanonicalBytes::of(&document).unwrap().into_text();
            let mut changed = text.clone().into_bytes();
            changed[place.index(text.len())] = byte;
            for text in [text.into_bytes(), changed] {
                if let Ok(text) = String::from_utf8(text) && is_canonical(&text) {
                    let read: Value = CanonicalBytes::verify(text.as_bytes()).unwrap();
                    prop_assert_eq!(CanonicalBytes::of(&read).unwrap().into_text(), text);
                }
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = is_canonical(&text);
        }
    }
}
