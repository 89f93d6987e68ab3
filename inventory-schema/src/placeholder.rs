//! What is no serial number and no UUID: fillers that makers leave in firmware.
//!
//! The list ([`list::FILLERS`]) is a union of what the open inventory programs filter, what they are known to
//! miss, and what 162,853 public firmware dumps hold; each entry says where it was seen. Two rules that others
//! get wrong are left out on purpose: a serial made of digits only is real (9000116105), and so is one with
//! dots inside (.790H8D2.CN7475162M0382.). Beside the list stand patterns: one character throughout, zeros and
//! ones, digits that count up.

pub mod list;

use uuid::Uuid;

use crate::device::Trust;
use list::{Anchor, FILLERS, SHARED_UUIDS, Scope};

/// The list's version: it goes up with every change, so that an old verdict can be explained.
pub const LIST_VERSION: u32 = 2;

/// The verdict on a serial number.
pub fn trust_of_serial(raw: &str) -> Trust {
    let value = fold(raw);
    trust_if(value.is_empty() || is_listed(&value, Scope::Serial) || is_pattern(&value))
}

/// The verdict on a maker, model or version: the same words, but no patterns of digits.
pub fn trust_of_name(raw: &str) -> Trust {
    let value = fold(raw);
    let blank = || value.chars().all(|c| matches!(c, '0' | 'x' | '*' | '-' | '_' | '?'));
    trust_if(value.is_empty() || is_listed(&value, Scope::Name) || blank())
}

fn trust_if(filler: bool) -> Trust {
    if filler { Trust::Placeholder } else { Trust::Plausible }
}

/// In lower case, without the white space, dots and zero bytes around it, with single spaces within.
pub fn fold(raw: &str) -> String {
    let trimmed = raw.trim_matches(|c: char| c.is_whitespace() || c == '.' || c == '\0');
    let words: Vec<&str> = trimmed.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

fn is_listed(value: &str, scope: Scope) -> bool {
    FILLERS
        .iter()
        .filter(|filler| filler.scope == Scope::Any || filler.scope == scope)
        .any(|filler| match filler.anchor {
            Anchor::Whole => value == filler.text,
            Anchor::Start => value
                .strip_prefix(filler.text)
                .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)),
            Anchor::End => value
                .strip_suffix(filler.text)
                .is_some_and(|rest| !rest.ends_with(char::is_alphanumeric)),
        })
}

/// The verdict on a system UUID.
pub fn trust_of_uuid(uuid: &Uuid) -> Trust {
    let bytes = uuid.as_bytes();
    let one_value = bytes.iter().all(|byte| byte == &bytes[0]);
    let other_order = Uuid::from_bytes_le(*bytes).as_u128();
    let shared = SHARED_UUIDS
        .iter()
        .any(|(known, _)| *known == uuid.as_u128() || *known == other_order);
    trust_if(one_value || shared)
}

/// One character throughout, nothing but zeros and ones, or a counting-up run such as 0123456789, also behind
/// a few letters (BSN12345678901234567).
fn is_pattern(value: &str) -> bool {
    let significant: Vec<char> = value.chars().filter(|c| c.is_alphanumeric()).collect();
    let Some(first) = significant.first() else { return true };
    if significant.iter().all(|c| c == first) {
        return true;
    }
    if significant.len() >= 5 && significant.iter().all(|c| matches!(c, '0' | '1')) {
        return true;
    }
    let digits: Vec<char> = significant.iter().copied().skip_while(|c| c.is_alphabetic()).collect();
    let letters = significant.len() - digits.len();
    // Behind letters six digits in a row happen in real numbers.
    let enough = if letters == 0 { 6 } else { 8 };
    let counts_up = || digits.windows(2).all(|pair| follows(pair[0], pair[1]));
    letters <= 5 && digits.len() >= enough && matches!(digits[0], '0' | '1') && counts_up()
}

fn follows(digit: char, next: char) -> bool {
    match (digit.to_digit(10), next.to_digit(10)) {
        (Some(digit), Some(next)) => next == (digit + 1) % 10,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fillers_of_makers_are_known() {
        for filler in [
            "To be filled by O.E.M.",
            "TO BE FILLED BY O.E.M",
            "Default string",
            " default string ",
            "System Serial Number",
            "0123456789",
            "1234567890",
            "BSN12345678901234567",
            "00000000",
            "xxxxxxxxxxx",
            "NNNNNNN",
            "....",
            "",
            "Chassis Serial Number",
            "Type2 - Board Serial Number",
            "None",
            "N/A",
            "1234567890123",
            "Not Specified",
            "No Asset Tag",
            "11111111",
            "ATN12345678901234567",
            "----",
            "Base Board Serial Number",
            "SYS-1234567890",
            "MB-1234567890",
            "SSN12345678901234567",
            "Asset-1234567890",
            "9876543210",
            "0000000000001",
            "Fill By OEM",
            "To be filed by MSFT",
            "No Asset Information",
            "Default  string",
            "OEM Default string",
            "<BAD INDEX>",
            "FFFFFFFF",
            "H1AK500000",
        ] {
            assert_eq!(trust_of_serial(filler), Trust::Placeholder, "{filler:?}");
        }
    }

    #[test]
    fn real_serials_are_not_fillers() {
        for serial in [
            "9000116105",
            ".790H8D2.CN7475162M0382.",
            "PF1ABCDE",
            "5CD1234XYZ",
            "R90NX4QK",
            "S4EWNX0M123456",
            "SN-2020-000123",
            "C02XK0AAJG5H",
            "3.4.5.1",
            "PC131TBF",
            "023078193757",
            "1519-7810-4472-8775-7272-8851-12",
            "ASSET-004217",
            "Serial Number 5CD1234XYZ",
            "PF123456",
            "DEFAULTX7731",
            "Nonesuch-77",
            "10110923",
            "OEM77120934",
        ] {
            assert_eq!(trust_of_serial(serial), Trust::Plausible, "{serial:?}");
        }
        assert_eq!(trust_of_name("Default string"), Trust::Placeholder);
        assert_eq!(trust_of_name("Aquarius NS685U R11"), Trust::Plausible);
    }

    #[test]
    fn names_are_judged_by_words_only() {
        for filler in [
            "To be filled by O.E.M.",
            "System Product Name",
            "0000",
            "FFFF",
            "All Series",
            "*",
            "----",
            "None",
            "Default string",
        ] {
            assert_eq!(trust_of_name(filler), Trust::Placeholder, "{filler:?}");
        }
        for name in [
            "Eval",
            "1234567890",
            "111",
            "Defaulter 5",
            "OEM-Tech",
            "NB",
            "Aquarius Pro, Std, Elt Series",
            "H61M-K",
            "Unknown Worlds",
        ] {
            assert_eq!(trust_of_name(name), Trust::Plausible, "{name:?}");
        }
    }

    #[test]
    fn every_entry_is_folded_and_stands_once() {
        for (index, filler) in FILLERS.iter().enumerate() {
            assert_eq!(fold(filler.text), filler.text, "written as values are compared");
            let again = FILLERS[..index]
                .iter()
                .any(|other| other.text == filler.text && other.anchor == filler.anchor);
            assert!(!again, "{:?} stands twice", filler.text);
            let trust = match filler.scope {
                Scope::Name => trust_of_name(filler.text),
                Scope::Any | Scope::Serial => trust_of_serial(filler.text),
            };
            assert_eq!(trust, Trust::Placeholder, "{:?}", filler.text);
        }
    }

    #[test]
    fn every_uuid_known_to_be_shared_is_listed() {
        for shared in [
            "03000200-0400-0500-0006-000700080009",
            "00020003-0004-0005-0006-000700080009",
            "03020100-0504-0706-0809-0a0b0c0d0e0f",
            "00010203-0405-0607-0809-0a0b0c0d0e0f",
            "10000000-0000-8000-0040-000000000000",
            "02000100-0300-0400-0005-000600070008",
            "6ab5b300-538d-1014-9fb5-b0684d007b53",
            "fefefefe-fefe-fefe-fefe-fefefefefefe",
            "01010101-0101-0101-0101-010101010101",
        ] {
            assert_eq!(trust_of_uuid(&shared.parse().unwrap()), Trust::Placeholder, "{shared}");
        }
        // Zeros with a hardware address, and Dell's letters, are of one machine.
        for own in ["00000000-0000-0000-0000-ac1f6b4477aa", "4c4c4544-0032-4a10-8054-b7c04f4c3033"] {
            assert_eq!(trust_of_uuid(&own.parse().unwrap()), Trust::Plausible, "{own}");
        }
    }

    #[test]
    fn shared_uuids_are_compared_whole() {
        let shared: Uuid = "03000200-0400-0500-0006-000700080009".parse().unwrap();
        let with_address: Uuid = "03000200-0400-05b4-0006-2e9933a19400".parse().unwrap();
        assert_eq!(trust_of_uuid(&shared), Trust::Placeholder);
        assert_eq!(trust_of_uuid(&with_address), Trust::Plausible);
        assert_eq!(trust_of_uuid(&Uuid::nil()), Trust::Placeholder);
        assert_eq!(trust_of_uuid(&Uuid::max()), Trust::Placeholder);
    }
}
