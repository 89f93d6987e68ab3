//! Cookies: reading one by name, and the lines that set or remove one.

use axum::http::{HeaderMap, HeaderValue, header};

/// The value of the first cookie of this name.
pub fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// A cookie for the browser's life, hidden from scripts. `value` is written by this program: base64url or a code.
pub fn set(name: &str, value: &str) -> HeaderValue {
    line(&format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax"))
}

/// A cookie that outlives the browser's session by a year.
pub fn set_for_a_year(name: &str, value: &str) -> HeaderValue {
    line(&format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000"))
}

pub fn remove(name: &str) -> HeaderValue {
    line(&format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"))
}

fn line(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("cookie values are base64url or codes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; __Host-session=abc ; b=2"));
        assert_eq!(value(&headers, "__Host-session"), Some("abc"));
        assert_eq!(value(&headers, "session"), None);
    }
}
