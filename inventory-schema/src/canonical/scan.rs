//! Is this text canonical? Answered for the usual document in one pass that builds nothing.
//!
//! It says yes only where [`super::CanonicalBytes::verify`] would, and may say no where that would say yes: to names
//! with other letters than ASCII, to what is nested very deep. Called by [`super::CanonicalBytes::check`], which asks the
//! slow way then.

use super::MAX_INTEGER;

/// Below the depth at which serde_json stops.
const DEEPEST: u32 = 100;

/// Whether `text` is certainly the canonical form of what it says.
pub(super) fn is_plainly_canonical(text: &str) -> bool {
    let mut scan = Scan {
        bytes: text.as_bytes(),
        at: 0,
    };
    scan.value(0).is_some() && scan.at == scan.bytes.len()
}

struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
}

/// `None`: not canonical, or not plainly so.
type Seen<T = ()> = Option<T>;

impl<'t> Scan<'t> {
    fn peek(&self) -> Seen<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Seen<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Seen {
        (self.next()? == byte).then_some(())
    }

    fn word(&mut self, word: &[u8]) -> Seen {
        self.bytes.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    fn value(&mut self, depth: u32) -> Seen {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' if depth < DEEPEST => self.object(depth + 1),
            b'[' if depth < DEEPEST => self.array(depth + 1),
            b'0'..=b'9' | b'-' => self.integer(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => None,
        }
    }

    /// Names of ASCII letters without escapes, each greater than the one before: in that order bytes sort as UTF-16 does.
    fn object(&mut self, depth: u32) -> Seen {
        self.expect(b'{')?;
        if self.peek()? == b'}' {
            return self.expect(b'}');
        }
        let mut before: Option<&[u8]> = None;
        loop {
            let name = self.string()?;
            if !name.is_ascii() || name.contains(&b'\\') || before.is_some_and(|before| before >= name) {
                return None;
            }
            before = Some(name);
            self.expect(b':')?;
            self.value(depth)?;
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn array(&mut self, depth: u32) -> Seen {
        self.expect(b'[')?;
        if self.peek()? == b']' {
            return self.expect(b']');
        }
        loop {
            self.value(depth)?;
            match self.next()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// What stands between the quotes, with its escapes.
    fn string(&mut self) -> Seen<&'t [u8]> {
        self.expect(b'"')?;
        let begin = self.at;
        loop {
            match self.next()? {
                b'"' => return self.bytes.get(begin..self.at - 1),
                b'\\' => self.escape()?,
                0..0x20 => return None,
                _ => {}
            }
        }
    }

    /// The escapes that RFC 8785 writes, and no other: whatever else could be escaped is written as itself.
    fn escape(&mut self) -> Seen {
        match self.next()? {
            b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r' => Some(()),
            b'u' => {
                self.word(b"00")?;
                let (high, low) = (self.next()?, self.next()?);
                match (high, low) {
                    (b'0', b'8' | b'9' | b'a' | b'c' | b'd') => None,
                    (b'0' | b'1', b'0'..=b'9' | b'a'..=b'f') => Some(()),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn integer(&mut self) -> Seen {
        let is_negative = self.peek()? == b'-';
        if is_negative {
            self.at += 1;
        }
        let begin = self.at;
        let mut magnitude: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            magnitude = magnitude.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            self.at += 1;
        }
        let digits = self.at - begin;
        let leads_with_zero = digits > 0 && self.bytes[begin] == b'0';
        let is_written_shortest = digits == 1 || (digits > 1 && !leads_with_zero);
        let is_minus_zero = is_negative && magnitude == 0;
        let is_fraction = matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        (is_written_shortest && !is_minus_zero && !is_fraction && magnitude <= MAX_INTEGER).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::CanonicalBytes;
    use super::*;

    fn agrees(text: &str) {
        assert!(
            !is_plainly_canonical(text) || CanonicalBytes::verify(text.as_bytes()).is_ok(),
            "{text}"
        );
    }

    #[test]
    fn what_is_canonical_is_seen_and_what_is_not_is_not() {
        let document = json!({ "a": [1, -2, 0, true, null, "ключ \n\u{1}\u{1f}\"\\ /é😀"], "b": { "c": {}, "d": [] }, "z": "" });
        let text = CanonicalBytes::of(&document).unwrap().into_text();
        assert!(is_plainly_canonical(&text), "{text}");
        for not in [
            "",
            " {}",
            "{} ",
            "{\"b\":1,\"a\":1}",
            "{\"a\":1,\"a\":1}",
            "[1 ]",
            "[01]",
            "[-0]",
            "[1.0]",
            "[1e2]",
            "[-]",
            "[9007199254740992]",
            "[1,]",
            "{\"a\":1,}",
            "\"\\/\"",
            "\"\\u0041\"",
            "\"\\u000A\"",
            "\"\\u000a\"",
            "\"\\u001F\"",
            "\"\u{1}\"",
            "\"a",
            "nul",
            "[tru]",
            "[99999999999999999999999]",
        ] {
            assert!(!is_plainly_canonical(not), "{not}");
        }
        let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
        assert!(!is_plainly_canonical(&deep));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-9i64..9).prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
            "[\\x00-\\x7f]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-c_]{0,3}|.{0,2}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_never_says_yes_where_the_slow_way_says_no(value in any_value(), place in any::<usize>(), with in any::<u8>()) {
            agrees(&serde_json::to_string(&value).unwrap());
            agrees(&serde_json::to_string_pretty(&value).unwrap());
            if let Ok(canonical) = CanonicalBytes::of(&value) {
                let text = canonical.into_text();
                agrees(&text);
                let mut changed = text.into_bytes();
                let place = place % changed.len();
                changed[place] = with & 0x7f;
                if let Ok(changed) = String::from_utf8(changed) {
                    agrees(&changed);
                }
            }
        }

        #[test]
        fn a_plain_document_is_always_seen(names in prop::collection::btree_map("[a-z_]{1,6}", "[^\\x00]{0,9}", 0..9), numbers in prop::collection::vec(-1_000_000i64..1_000_000, 0..9)) {
            let text = CanonicalBytes::of(&json!({ "names": names, "numbers": numbers })).unwrap().into_text();
            prop_assert!(is_plainly_canonical(&text), "{}", text);
        }
    }
}
