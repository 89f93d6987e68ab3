//! Whether a request that changes something was meant by the person whose session it carries.
//!
//! Two checks: the browser says which site the request comes from (`Origin`, `Sec-Fetch-Site`), and the form or
//! the header carries the session's own token. A body is read here once and handed on unchanged.

use aws_lc_rs::constant_time;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, StatusCode, header};

use crate::router::{MAX_FORM_BYTES, MAX_UPLOAD_BYTES};

/// The header that programs send the token in, and the field that forms do.
pub const CSRF_HEADER: &str = "x-csrf-token";
pub const CSRF_FIELD: &str = "csrf";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// From another site, or without the session's token.
    Forged,
    TooLarge,
}

impl From<Refusal> for StatusCode {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Forged => Self::FORBIDDEN,
            Refusal::TooLarge => Self::PAYLOAD_TOO_LARGE,
        }
    }
}

/// Whether the browser, where it says so, says that the request comes from this very site.
pub fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let fetched_here = headers
        .get("sec-fetch-site")
        .is_none_or(|site| site == "same-origin" || site == "none");
    let origin_here = match (text(header::ORIGIN), text(header::HOST)) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin.strip_prefix("https://").or(origin.strip_prefix("http://")) == Some(host),
        (Some(_), None) => false,
    };
    fetched_here && origin_here
}

/// The request unchanged, if it carries `expected`.
pub async fn check(request: Request, expected: &str) -> Result<Request, Refusal> {
    if !is_from_here(request.headers()) {
        return Err(Refusal::Forged);
    }
    if let Some(sent) = request.headers().get(CSRF_HEADER) {
        return same(sent.as_bytes(), expected).then_some(request).ok_or(Refusal::Forged);
    }
    let multipart = has_type(request.headers(), "multipart/form-data");
    if !multipart && !has_type(request.headers(), "application/x-www-form-urlencoded") {
        return Err(Refusal::Forged);
    }
    let limit = if multipart { MAX_UPLOAD_BYTES } else { MAX_FORM_BYTES };
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, limit).await.map_err(|_| Refusal::TooLarge)?;
    let sent = if multipart {
        multipart_field(&parts.headers, bytes.clone()).await
    } else {
        form_field(&bytes)
    };
    match sent {
        Some(sent) if same(sent.as_bytes(), expected) => Ok(Request::from_parts(parts, Body::from(bytes))),
        _ => Err(Refusal::Forged),
    }
}

fn same(sent: &[u8], expected: &str) -> bool {
    !expected.is_empty() && constant_time::verify_slices_are_equal(sent, expected.as_bytes()).is_ok()
}

fn has_type(headers: &HeaderMap, name: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(name)))
}

/// Tokens are base64url, so nothing in one is ever percent-encoded.
fn form_field(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| *name == CSRF_FIELD)
        .map(|(_, value)| value.to_owned())
}

/// The first part of the form, where our own pages put the token; the file behind it is not looked at.
async fn multipart_field(headers: &HeaderMap, bytes: Bytes) -> Option<String> {
    let beginning = bytes.slice(..bytes.len().min(MAX_FORM_BYTES));
    let mut request = Request::new(Body::from(beginning));
    *request.headers_mut() = headers.clone();
    let mut parts = Multipart::from_request(request, &()).await.ok()?;
    let field = parts.next_field().await.ok()??;
    if field.name() != Some(CSRF_FIELD) {
        return None;
    }
    field.text().await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn another_site_is_told_from_this_one() {
        assert!(is_from_here(&headers(&[
            ("host", "cos.example:8444"),
            ("origin", "https://cos.example:8444")
        ])));
        assert!(is_from_here(&headers(&[("host", "cos.example")])));
        assert!(!is_from_here(&headers(&[
            ("host", "cos.example"),
            ("origin", "https://evil.example")
        ])));
        assert!(!is_from_here(&headers(&[("host", "cos.example"), ("origin", "null")])));
        assert!(!is_from_here(&headers(&[
            ("host", "cos.example"),
            ("sec-fetch-site", "cross-site")
        ])));
    }

    #[tokio::test]
    async fn a_form_without_the_sessions_token_is_forged() {
        let form = |body: &'static str| {
            let mut request = Request::new(Body::from(body));
            request
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            request
        };
        assert!(check(form("a=1&csrf=right"), "right").await.is_ok());
        assert_eq!(check(form("a=1&csrf=wrong"), "right").await.unwrap_err(), Refusal::Forged);
        assert_eq!(check(form("a=1"), "right").await.unwrap_err(), Refusal::Forged);
        assert_eq!(check(form("csrf="), "").await.unwrap_err(), Refusal::Forged);
        assert_eq!(check(Request::new(Body::from("{}")), "right").await.unwrap_err(), Refusal::Forged);
    }

    #[tokio::test]
    async fn a_file_form_carries_the_token_first() {
        let large = "1;2\r\n".repeat(1 << 20);
        for file in ["1", large.as_str()] {
            let body = format!(
                "--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nright\r\n--b\r\n\
                 Content-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n{file}\r\n--b--\r\n"
            );
            let mut request = Request::new(Body::from(body.clone()));
            request
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=b"));
            let request = check(request, "right").await.unwrap();
            let bytes = axum::body::to_bytes(request.into_body(), MAX_UPLOAD_BYTES).await.unwrap();
            assert!(bytes == body.as_bytes(), "the body goes on unchanged");
        }
    }
}
