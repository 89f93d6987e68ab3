//! Whether a request may begin a test: its path, its WebSocket headers, its query. Pure.

use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, Version};
use inventory_schema::measurement::Direction;

use super::{DOWNLOAD_PATH, SUBPROTOCOL, UPLOAD_PATH};

/// The longest query.
pub const MAX_QUERY_BYTES: usize = 4096;
/// The only early end that may be asked for, in millions of bytes.
const EARLY_EXIT: &str = "250";
pub const EARLY_EXIT_BYTES: u64 = 250_000_000;
/// What RFC 6455 appends to a key.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A test that was asked for rightly. Whether it may be made is asked elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub direction: Direction,
    pub query: Query,
    /// For the answer's `Sec-WebSocket-Accept`.
    pub accept: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Stop a download once so many bytes have arrived.
    pub early_exit: Option<u64>,
    pub access_token: Option<String>,
}

/// Why a request begins no test. The codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Wrong {
    #[error("there is no such test")]
    Path,
    #[error("a test begins with GET")]
    Method,
    #[error("the request asks for no WebSocket of version 13 over HTTP/1.1")]
    Upgrade,
    #[error("the subprotocol must be {SUBPROTOCOL}, and nothing else")]
    Subprotocol,
    #[error("the query is longer than {MAX_QUERY_BYTES} bytes")]
    QueryTooLong,
    #[error("the query is no UTF-8")]
    QueryNotText,
    #[error("the query has an empty key")]
    EmptyKey,
    #[error("the query has a key twice")]
    DuplicateKey,
    #[error("early_exit may only be {EARLY_EXIT}")]
    EarlyExit,
}

impl Wrong {
    pub fn status(self) -> StatusCode {
        match self {
            Self::Path => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Upgrade => StatusCode::UPGRADE_REQUIRED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

pub fn judge(head: &Parts) -> Result<Asked, Wrong> {
    let direction = match head.uri.path() {
        DOWNLOAD_PATH => Direction::Down,
        UPLOAD_PATH => Direction::Up,
        _ => return Err(Wrong::Path),
    };
    if head.method != Method::GET {
        return Err(Wrong::Method);
    }
    let key = websocket_key(head).ok_or(Wrong::Upgrade)?;
    if only(&head.headers, &header::SEC_WEBSOCKET_PROTOCOL) != Some(SUBPROTOCOL) {
        return Err(Wrong::Subprotocol);
    }
    Ok(Asked {
        direction,
        query: judge_query(head.uri.query().unwrap_or_default())?,
        accept: accept_of(key),
    })
}

/// The key of a request that asks for a WebSocket.
fn websocket_key(head: &Parts) -> Option<&str> {
    let headers = &head.headers;
    let upgrades = names(headers, &header::CONNECTION, "upgrade") && names(headers, &header::UPGRADE, "websocket");
    let version = only(headers, &header::SEC_WEBSOCKET_VERSION) == Some("13");
    let key = only(headers, &header::SEC_WEBSOCKET_KEY)?;
    let sixteen = STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16);
    (head.version == Version::HTTP_11 && upgrades && version && sixteen).then_some(key)
}

/// The header's value, if it is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.trim();
    values.next().is_none().then_some(value)
}

/// Whether a header's list has a word, in any case.
pub(crate) fn names(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(word))
}

/// What proves that the other side speaks WebSocket.
pub fn accept_of(key: &str) -> String {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes());
    STANDARD.encode(digest)
}

/// Keys that begin with `server_` are ours and ignored; others that mean nothing here may be there.
pub fn judge_query(query: &str) -> Result<Query, Wrong> {
    let mut pairs = judge_query_pairs(query)?;
    let early_exit = match pairs.get("early_exit").map(String::as_str) {
        None => None,
        Some(EARLY_EXIT) => Some(EARLY_EXIT_BYTES),
        Some(_) => return Err(Wrong::EarlyExit),
    };
    Ok(Query {
        early_exit,
        access_token: pairs.remove("access_token"),
    })
}

/// A query's keys and values, none of the keys empty or there twice.
pub(crate) fn judge_query_pairs(query: &str) -> Result<HashMap<String, String>, Wrong> {
    if query.len() > MAX_QUERY_BYTES {
        return Err(Wrong::QueryTooLong);
    }
    let mut pairs = HashMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = decoded(key)?;
        if key.is_empty() {
            return Err(Wrong::EmptyKey);
        }
        if pairs.insert(key, decoded(value)?).is_some() {
            return Err(Wrong::DuplicateKey);
        }
    }
    Ok(pairs)
}

/// Percent signs and pluses as forms write them.
fn decoded(text: &str) -> Result<String, Wrong> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next())? << 4 | hex(bytes.next())?,
            other => other,
        });
    }
    String::from_utf8(out).map_err(|_| Wrong::QueryNotText)
}

fn hex(byte: Option<u8>) -> Result<u8, Wrong> {
    let digit = byte.and_then(|byte| char::from(byte).to_digit(16)).ok_or(Wrong::QueryNotText)?;
    u8::try_from(digit).map_err(|_| Wrong::QueryNotText)
}

/// How long a download lasts at most when its lease says so.
pub fn load_time(window: Option<Duration>) -> Duration {
    window.map_or(super::LOAD_TIME, |window| window.min(super::LOAD_TIME))
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use proptest::prelude::*;

    use super::*;

    fn request(target: &str) -> Parts {
        Request::get(target)
            .header("Connection", "keep-alive, Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Sec-WebSocket-Protocol", SUBPROTOCOL)
            .body(())
            .unwrap()
            .into_parts()
            .0
    }

    #[test]
    fn a_right_request_is_understood() {
        let asked = judge(&request(
            "/ndt/v7/download?client_name=ndt7-js&early_exit=250&access_token=a%2Bb&server_x=1",
        ))
        .unwrap();
        assert_eq!(asked.direction, Direction::Down);
        // The sample of RFC 6455.
        assert_eq!(asked.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(asked.query.early_exit, Some(EARLY_EXIT_BYTES));
        assert_eq!(asked.query.access_token.as_deref(), Some("a+b"));
        assert_eq!(judge(&request("/ndt/v7/upload")).unwrap().direction, Direction::Up);
    }

    #[test]
    fn each_rule_that_is_broken_is_named() {
        let with = |name: &'static str, value: Option<&str>| {
            let mut head = request("/ndt/v7/download");
            head.headers.remove(name);
            if let Some(value) = value {
                head.headers.insert(name, value.parse().unwrap());
            }
            judge(&head).unwrap_err()
        };
        for (name, value) in [
            ("connection", None),
            ("connection", Some("close")),
            ("upgrade", Some("h2c")),
            ("sec-websocket-version", Some("8")),
            ("sec-websocket-key", None),
            ("sec-websocket-key", Some("c2hvcnQ=")),
        ] {
            assert_eq!(with(name, value), Wrong::Upgrade, "{name}");
        }
        for other in [
            None,
            Some("net.measurementlab.ndt.v8"),
            Some("net.measurementlab.ndt.v7, chat"),
            Some("NET.measurementlab.ndt.v7"),
        ] {
            assert_eq!(with("sec-websocket-protocol", other), Wrong::Subprotocol, "{other:?}");
        }
        let mut twice = request("/ndt/v7/download");
        twice.headers.append("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
        assert_eq!(judge(&twice).unwrap_err(), Wrong::Subprotocol);
        assert_eq!(judge(&request("/ndt/v7/both")).unwrap_err(), Wrong::Path);
        let mut post = request("/ndt/v7/upload");
        post.method = Method::POST;
        assert_eq!(judge(&post).unwrap_err(), Wrong::Method);
        let mut old = request("/ndt/v7/upload");
        old.version = Version::HTTP_10;
        assert_eq!(judge(&old).unwrap_err(), Wrong::Upgrade);
    }

    #[test]
    fn queries_keep_their_rules() {
        for (query, wrong) in [
            ("=x", Wrong::EmptyKey),
            ("a=1&=2", Wrong::EmptyKey),
            ("a=1&b=2&a=3", Wrong::DuplicateKey),
            ("a=1&%61=3", Wrong::DuplicateKey),
            ("early_exit=100", Wrong::EarlyExit),
            ("early_exit", Wrong::EarlyExit),
            ("early_exit=250&early_exit=250", Wrong::DuplicateKey),
            ("a=%ff", Wrong::QueryNotText),
            ("a=%zz", Wrong::QueryNotText),
            ("a=%4", Wrong::QueryNotText),
        ] {
            assert_eq!(judge_query(query), Err(wrong), "{query}");
        }
        let longest = format!("a={}", "x".repeat(MAX_QUERY_BYTES - 2));
        assert_eq!(judge_query(&longest), Ok(Query::default()));
        assert_eq!(judge_query(&format!("{longest}x")), Err(Wrong::QueryTooLong));
        assert_eq!(judge_query("&&a&b=%D1%8F"), Ok(Query::default()));
    }

    proptest! {
        #[test]
        fn no_query_makes_the_reader_fail(query in "[a-z=&%0-9+]{0,200}", any in ".{0,100}") {
            let _ = judge_query(&query);
            let _ = judge_query(&any);
        }
    }
}
