//! Addresses with a query, and which addresses a form may send someone back to.

use std::fmt::Write;

/// `/devices?q=…&page=2`; empty values are left out.
pub fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut address = path.to_owned();
    let mut separator = '?';
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        write!(address, "{separator}{name}={}", encoded(value)).expect("a String can be written");
        separator = '&';
    }
    address
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            other => write!(encoded, "%{other:02X}").expect("a String can be written"),
        }
    }
    encoded
}

/// `to`, if it is a path on this server; else the first page. Nobody is sent elsewhere after signing in.
pub fn local(to: &str) -> &str {
    let is_path = to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && to.chars().all(|c| !c.is_control() && c.is_ascii());
    if is_path { to } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_encoded_and_empty_ones_left_out() {
        assert_eq!(
            with_query("/devices", &[("q", "шк 1&2"), ("seen", ""), ("page", "2")]),
            "/devices?q=%D1%88%D0%BA%201%262&page=2"
        );
        assert_eq!(with_query("/devices", &[]), "/devices");
    }

    #[test]
    fn nobody_is_sent_to_another_server() {
        assert_eq!(local("/devices?q=1"), "/devices?q=1");
        for elsewhere in [
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "",
            "/a\r\nSet-Cookie: x",
        ] {
            assert_eq!(local(elsewhere), "/", "{elsewhere:?}");
        }
    }
}
