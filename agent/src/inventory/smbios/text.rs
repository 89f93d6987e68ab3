//! The strings of a table: UTF-8, or what makers wrote before they knew of it.
//!
//! The standard says ASCII and then UTF-8. Russian makers' tables hold Windows-1251, and the signs ®, © and ™
//! of western ones stand in it at the same places as in Windows-1252.

/// The text of a string, white space around it removed. `None` where nothing is left.
pub fn decoded(bytes: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // Cut within a letter.
        Err(error) if bytes.len() == super::LONGEST_STRING && error.error_len().is_none() => {
            String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
        }
        Err(_) => bytes.iter().filter_map(|byte| of_windows_1251(*byte)).collect(),
    };
    let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    (!text.is_empty()).then(|| text.to_owned())
}

/// Of the letter with number 0xff, «я», nothing is made: erased memory is full of it.
fn of_windows_1251(byte: u8) -> Option<char> {
    const UPPER: [char; 64] = [
        'Ђ', 'Ѓ', '‚', 'ѓ', '„', '…', '†', '‡', '€', '‰', 'Љ', '‹', 'Њ', 'Ќ', 'Ћ', 'Џ', 'ђ', '‘', '’', '“', '”', '•', '–', '—', ' ', '™',
        'љ', '›', 'њ', 'ќ', 'ћ', 'џ', ' ', 'Ў', 'ў', 'Ј', '¤', 'Ґ', '¦', '§', 'Ё', '©', 'Є', '«', '¬', '-', '®', 'Ї', '°', '±', 'І', 'і',
        'ґ', 'µ', '¶', '·', 'ё', '№', 'є', '»', 'ј', 'Ѕ', 'ѕ', 'ї',
    ];
    match byte {
        0..=0x7f => Some(char::from(byte)),
        0x80..=0xbf => Some(UPPER[usize::from(byte - 0x80)]),
        0xc0..=0xfe => char::from_u32(u32::from(byte - 0xc0) + u32::from('А')),
        0xff => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_all_makers_are_text() {
        assert_eq!(decoded(b"Model \xcf").as_deref(), Some("Model П"));
        assert_eq!(decoded("  Графит ".as_bytes()).as_deref(), Some("Графит"));
        assert_eq!(decoded(b"\xc0\xea\xe2\xe0\xf0\xe8\xf3\xf1").as_deref(), Some("Аквариус"));
        assert_eq!(decoded(b"Intel\xae Core\x99").as_deref(), Some("Intel® Core™"));
        assert_eq!(decoded(b"\xff\xff\xff"), None);
        assert_eq!(decoded(b" \t "), None);
    }
}
