//! Keys for search and order, made here so that both engines treat Cyrillic alike.

/// `text` in lower case, ё as е, every run of white space as one space: what is searched in and for.
pub fn fold(text: &str) -> String {
    let lower = text.to_lowercase().replace('ё', "е");
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Like [`fold`], with numbers padded, so that «Школа № 2» stands before «Школа № 10».
pub fn sort_key(text: &str) -> String {
    const WIDTH: usize = 8;
    let mut key = String::with_capacity(text.len() + 2 * WIDTH);
    let mut digits = String::new();
    for c in fold(text).chars().chain(std::iter::once('\0')) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if !digits.is_empty() {
            key.push_str(&format!("{digits:0>WIDTH$}"));
            digits.clear();
        }
        if c != '\0' {
            key.push(c);
        }
    }
    key
}

/// The LIKE pattern (escape character `\`) that finds keys holding the words of `query` in their order;
/// `None` when there is nothing to look for.
pub(super) fn search_pattern(query: Option<&str>) -> Option<String> {
    let folded = fold(query?);
    if folded.is_empty() {
        return None;
    }
    let mut pattern = String::from("%");
    for c in folded.chars() {
        match c {
            ' ' => pattern.push('%'),
            '%' | '_' | '\\' => {
                pattern.push('\\');
                pattern.push(c);
            }
            // PostgreSQL text cannot hold it, so no key does.
            '\0' => {}
            _ => pattern.push(c),
        }
    }
    pattern.push('%');
    Some(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_yo_and_spaces_do_not_matter() {
        assert_eq!(fold("  МАОУ «Ёлочка»\t ШКОЛА\u{a0}№ 5 "), "маоу «елочка» школа № 5");
    }

    #[test]
    fn numbers_order_as_numbers() {
        assert!(sort_key("Школа № 2") < sort_key("Школа № 10"));
        assert!(sort_key("Школа № 10") < sort_key("Школа № 10а"));
    }

    #[test]
    fn a_pattern_escapes_what_like_would_read() {
        assert_eq!(search_pattern(Some("100%  ГОРОД_")).as_deref(), Some("%100\\%%город\\_%"));
        assert_eq!(search_pattern(Some(" ")), None);
        assert_eq!(search_pattern(None), None);
    }
}
