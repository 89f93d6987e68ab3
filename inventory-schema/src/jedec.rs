//! The code by which JEDEC (JEP106) names a maker of memory.
//!
//! Firmware gives it as a number or writes it where a name should stand, in several forms. Here they become
//! one. Whose code it is, is data of the controller: new makers are listed every quarter.

use crate::text::received_text;

received_text!(/// A memory maker's JEDEC code as the module's own EEPROM writes it: the number of continuation codes and the maker's number within its bank, each with odd parity. `80CE`, `859B`.
    JedecCode, at most 4, r"^[0-9A-F]{4}$", |c| matches!(c, '0'..='9' | 'A'..='F'), |text| text.len() == 4 && !text.starts_with("0000"),
    from "SMBIOS type 17");

/// No bank beyond this is assigned; a larger byte is no number of continuation codes.
const MAX_CONTINUATIONS: u8 = 0x1f;
const CONTINUATION: u8 = 0x7f;

impl JedecCode {
    /// From the number of continuation codes and the number within the bank, with parity or without.
    pub fn of(continuations: u8, number: u8) -> Option<Self> {
        let (continuations, number) = (continuations & 0x7f, number & 0x7f);
        if number == 0 || number == CONTINUATION || continuations > MAX_CONTINUATIONS {
            return None;
        }
        Self::try_from(format!("{:02X}{:02X}", with_parity(continuations), with_parity(number))).ok()
    }

    /// From what stands in the place of a maker's name: `80AD`, `AD80`, `0x00CE`, `80AD000080AD`,
    /// `7F7F9E0000000000`. `None` for words, fillers and numbers of any other kind.
    pub fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        let bytes = hexadecimal(digits)?;
        match bytes.as_slice() {
            [first, second] => of_pair(*first, *second),
            // The module's maker, then the maker of its chips.
            [first, second, _, _, _, _] => of_pair(*first, *second),
            [_, _, _, _, _, _, _, _] => of_eeprom(&bytes),
            _ => None,
        }
    }

    /// Counted from 1, as JEDEC counts its banks.
    pub fn bank(&self) -> u8 {
        (self.byte(0) & 0x7f) + 1
    }

    /// The maker's number in its bank, with parity, as lists print it.
    pub fn number(&self) -> u8 {
        self.byte(2)
    }

    fn byte(&self, at: usize) -> u8 {
        u8::from_str_radix(&self.as_str()[at..at + 2], 16).expect("a code is hexadecimal")
    }
}

fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let fits = matches!(digits.len(), 4 | 12 | 16) && digits.bytes().all(|c| c.is_ascii_hexdigit());
    if !fits {
        return None;
    }
    let pairs = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16));
    pairs.collect::<Result<_, _>>().ok()
}

/// Both orders occur: the byte that can be a number of continuation codes is one, and where both can, the
/// smaller, because early banks have the makers that everybody knows.
fn of_pair(first: u8, second: u8) -> Option<JedecCode> {
    let (a, b) = (first & 0x7f, second & 0x7f);
    // A bank's number stands before the maker's or behind it; 0x10 and more is used by no maker of modules yet.
    let counts = |byte: u8| byte <= 0x10;
    match (counts(a), counts(b)) {
        (true, true) if b < a => JedecCode::of(b, first),
        (true, _) => JedecCode::of(a, second),
        (false, true) => JedecCode::of(b, first),
        (false, false) => None,
    }
}

/// Eight bytes of an EEPROM of old: as many continuation codes as there are, then the maker's number.
fn of_eeprom(bytes: &[u8]) -> Option<JedecCode> {
    let continuations = bytes.iter().take_while(|byte| **byte == CONTINUATION).count();
    let number = *bytes.get(continuations)?;
    let padded = bytes[continuations + 1..].iter().all(|byte| *byte == 0);
    let count = u8::try_from(continuations).ok()?;
    padded.then(|| JedecCode::of(count, number)).flatten()
}

/// The highest bit makes the number of ones odd.
fn with_parity(byte: u8) -> u8 {
    if byte.count_ones() % 2 == 1 { byte } else { byte | 0x80 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Option<String> {
        JedecCode::from_text(text).map(String::from)
    }

    #[test]
    fn one_maker_has_one_code_however_it_is_written() {
        for hynix in [
            "80AD",
            "AD80",
            "00AD",
            "AD00",
            "0x80ad",
            " 80AD ",
            "80AD000080AD",
            "AD00000000000000",
        ] {
            assert_eq!(of(hynix).as_deref(), Some("80AD"), "{hynix}");
        }
        assert_eq!(of("0198").as_deref(), Some("0198"));
        assert_eq!(of("9801").as_deref(), Some("0198"));
        assert_eq!(of("7F98000000000000").as_deref(), Some("0198"));
        assert_eq!(of("830B").as_deref(), Some("830B"));
        assert_eq!(of("0B83").as_deref(), Some("830B"));
        assert_eq!(of("059B").as_deref(), Some("859B"), "parity is added");
    }

    #[test]
    fn words_fillers_and_other_numbers_are_no_codes() {
        for other in [
            "Samsung",
            "0000",
            "FFFF",
            "",
            "8",
            "1315",
            "0000000000000000",
            "DEADBEEF",
            "CAFE",
            "7F7F7F7F7F7F7F7F",
            "Б0AD",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn bank_and_number_are_those_of_the_published_list() {
        let crucial = JedecCode::of(0x85, 0x9b).unwrap();
        assert_eq!((crucial.bank(), crucial.number()), (6, 0x9b));
        assert_eq!(JedecCode::of(0, 0), None);
        assert!("80ce".parse::<JedecCode>().is_err(), "one spelling");
    }

    proptest! {
        #[test]
        fn any_text_is_a_code_or_none(text in any::<String>(), a in any::<u8>(), b in any::<u8>()) {
            let _ = JedecCode::from_text(&text);
            if let Some(code) = JedecCode::from_text(&format!("{a:02X}{b:02X}")) {
                prop_assert_eq!(code.as_str().parse::<JedecCode>().unwrap(), code.clone());
                prop_assert_eq!(JedecCode::of(code.bank() - 1, code.number()), Some(code));
            }
        }
    }
}
