//! An HTTP proxy's CONNECT: how it is asked, and what it answered. Pure.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::address::{Address, AddressError, host_and_port};

/// The longest answer to a CONNECT.
pub const MAX_ANSWER_BYTES: usize = 8 << 10;

/// Where the proxy is, as a configuration says: `http://user:password@host:port`.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub host: String,
    pub port: u16,
    /// `user:password`.
    credentials: Option<String>,
}

impl Proxy {
    /// The request that opens the way to a server.
    pub fn question(&self, to: &Address) -> String {
        let target = to.host_and_port();
        let credentials = self.credentials.as_ref().map(|credentials| {
            let encoded = STANDARD.encode(credentials);
            format!("Proxy-Authorization: Basic {encoded}\r\n")
        });
        format!(
            "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{}\r\n",
            credentials.unwrap_or_default()
        )
    }
}

impl FromStr for Proxy {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let rest = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let (credentials, authority) = match rest.rsplit_once('@') {
            Some((credentials, authority)) => (Some(credentials.to_owned()), authority),
            None => (None, rest),
        };
        // What goes wrong with credentials in it is not repeated.
        let (host, port) = host_and_port(authority, 3128).ok_or_else(|| AddressError(authority.chars().take(100).collect()))?;
        Ok(Self { host, port, credentials })
    }
}

/// Without its credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// The status of an answer, if it is one of HTTP.
pub fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let status = line.strip_prefix("HTTP/1.")?.get(2..5)?;
    answer.ends_with(b"\r\n\r\n").then(|| status.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_proxy_is_read_asked_and_keeps_its_password_to_itself() {
        let proxy: Proxy = "http://ivanov:pa55@proxy.school:8080/".parse().unwrap();
        assert_eq!(
            (proxy.to_string().as_str(), format!("{proxy:?}").as_str()),
            ("proxy.school:8080", "Proxy(proxy.school:8080)")
        );
        let question = proxy.question(&"wss://[fd00::1]/x".parse().unwrap());
        assert!(
            question.starts_with("CONNECT [fd00::1]:443 HTTP/1.1\r\nHost: [fd00::1]:443\r\n"),
            "{question}"
        );
        assert!(question.contains("Basic aXZhbm92OnBhNTU="), "{question}");
        assert_eq!("10.1.1.1".parse::<Proxy>().unwrap().port, 3128);
        assert!("http://".parse::<Proxy>().is_err());
    }

    #[test]
    fn its_answer_is_read() {
        assert_eq!(status(b"HTTP/1.1 200 Connection established\r\n\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 407 x\r\nA: b\r\n\r\n"), Some(407));
        assert_eq!(status(b"HTTP/1.1 200 cut"), None);
        assert_eq!(status(b"SSH-2.0\r\n\r\n"), None);
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_fail(answer in prop::collection::vec(any::<u8>(), 0..100), text in ".{0,60}") {
            let _ = status(&answer);
            let _ = status(&[b"HTTP/1.".as_slice(), &answer].concat());
            let _ = text.parse::<Proxy>();
        }
    }
}
