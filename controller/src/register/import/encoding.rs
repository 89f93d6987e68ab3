//! What characters the bytes of a text file mean: UTF-8, UTF-16 with its mark, or Windows-1251.

use std::borrow::Cow;

/// The upper half of Windows-1251. 0x98 has no character; it becomes a control, which no column accepts.
const WINDOWS_1251: [char; 128] = [
    'Ђ', 'Ѓ', '‚', 'ѓ', '„', '…', '†', '‡', '€', '‰', 'Љ', '‹', 'Њ', 'Ќ', 'Ћ', 'Џ', 'ђ', '‘', '’', '“', '”', '•', '–', '—', '\u{98}', '™',
    'љ', '›', 'њ', 'ќ', 'ћ', 'џ', '\u{a0}', 'Ў', 'ў', 'Ј', '¤', 'Ґ', '¦', '§', 'Ё', '©', 'Є', '«', '¬', '\u{ad}', '®', 'Ї', '°', '±', 'І',
    'і', 'ґ', 'µ', '¶', '·', 'ё', '№', 'є', '»', 'ј', 'Ѕ', 'ѕ', 'ї', 'А', 'Б', 'В', 'Г', 'Д', 'Е', 'Ж', 'З', 'И', 'Й', 'К', 'Л', 'М', 'Н',
    'О', 'П', 'Р', 'С', 'Т', 'У', 'Ф', 'Х', 'Ц', 'Ч', 'Ш', 'Щ', 'Ъ', 'Ы', 'Ь', 'Э', 'Ю', 'Я', 'а', 'б', 'в', 'г', 'д', 'е', 'ж', 'з', 'и',
    'й', 'к', 'л', 'м', 'н', 'о', 'п', 'р', 'с', 'т', 'у', 'ф', 'х', 'ц', 'ч', 'ш', 'щ', 'ъ', 'ы', 'ь', 'э', 'ю', 'я',
];

/// The text of `bytes`. A file that says it is UTF-8 or UTF-16 and is not gives the line where it breaks.
pub(crate) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, u64> {
    if let Some(marked) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return std::str::from_utf8(marked)
            .map(Cow::Borrowed)
            .map_err(|error| line_of(&marked[..error.valid_up_to()]));
    }
    if let Some(units) = bytes.strip_prefix(b"\xff\xfe") {
        return utf16(units, u16::from_le_bytes);
    }
    if let Some(units) = bytes.strip_prefix(b"\xfe\xff") {
        return utf16(units, u16::from_be_bytes);
    }
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| windows_1251(*byte)).collect()),
    })
}

fn windows_1251(byte: u8) -> char {
    match byte.checked_sub(0x80) {
        Some(upper) => WINDOWS_1251[usize::from(upper)],
        None => char::from(byte),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, str>, u64> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    for character in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        text.push(character.map_err(|_| line_of(text.as_bytes()))?);
    }
    if rest.is_empty() {
        Ok(Cow::Owned(text))
    } else {
        Err(line_of(text.as_bytes()))
    }
}

fn line_of(before: &[u8]) -> u64 {
    1 + before.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_encoding_is_told_apart() {
        assert_eq!(decode("ёж №1".as_bytes()).unwrap(), "ёж №1");
        assert_eq!(decode(b"\xef\xbb\xbf\xd0\x96").unwrap(), "Ж");
        assert_eq!(decode(b"\xb8\xe6 \xb91").unwrap(), "ёж №1");
        assert_eq!(decode(b"\xff\xfe\x16\x04").unwrap(), "Ж");
        assert_eq!(decode(b"\xfe\xff\x04\x16").unwrap(), "Ж");
    }

    #[test]
    fn a_broken_promise_names_its_line() {
        assert_eq!(decode(b"\xef\xbb\xbfa\nb\n\xd0"), Err(3));
        assert_eq!(decode(b"\xff\xfe\x0a\x00\x00\xd8"), Err(2));
    }
}
