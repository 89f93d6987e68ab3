//! Where a server is, read from a URL: `wss://host:port/path`. Pure.

use std::fmt;
use std::str::FromStr;

/// A server, and whether TLS is spoken there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub secure: bool,
    /// Without brackets.
    pub host: String,
    pub port: u16,
    /// From the first slash on, the query included; at least `/`.
    pub path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("«{0}» is no address of a measuring server: https://host:port")]
pub struct AddressError(pub(super) String);

impl Address {
    /// As requests name it.
    pub fn authority(&self) -> String {
        let usual = if self.secure { 443 } else { 80 };
        let host = self.bracketed();
        if self.port == usual {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    pub fn host_and_port(&self) -> String {
        format!("{}:{}", self.bracketed(), self.port)
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        }
    }

    /// The same server at another path.
    pub fn at(&self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self.clone()
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError(text.chars().take(100).collect());
        let plain = text.len() <= 2048 && text.chars().all(|letter| letter.is_ascii_graphic());
        let (scheme, rest) = text.split_once("://").filter(|_| plain).ok_or_else(wrong)?;
        let secure = match scheme {
            "https" | "wss" => true,
            "http" | "ws" => false,
            _ => return Err(wrong()),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let usual = if secure { 443 } else { 80 };
        let (host, port) = host_and_port(authority, usual).ok_or_else(wrong)?;
        let path = path.split('#').next().unwrap_or_default();
        Ok(Self {
            secure,
            host,
            port,
            path: if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            },
        })
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(super) fn host_and_port(authority: &str, usual: u16) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, port.strip_prefix(':').or(port.is_empty().then_some("")))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("")),
        },
    };
    let port = match port? {
        "" => usual,
        port => port.parse().ok().filter(|port| *port > 0)?,
    };
    let named = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte));
    (named && !host.is_empty() && host.len() <= 253).then(|| (host.to_owned(), port))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, secure, host, port, path) in [
            (
                "wss://node.example:4443/ndt/v7/download?a=1",
                true,
                "node.example",
                4443,
                "/ndt/v7/download?a=1",
            ),
            ("ws://10.0.0.1", false, "10.0.0.1", 80, "/"),
            ("https://[fd00::1]:8443", true, "fd00::1", 8443, "/"),
            ("http://host?x#y", false, "host", 80, "/?x"),
        ] {
            let address: Address = text.parse().unwrap();
            let seen = (address.secure, address.host.as_str(), address.port, address.path.as_str());
            assert_eq!(seen, (secure, host, port, path), "{text}");
            assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
        }
        for text in [
            "",
            "node",
            "ftp://x",
            "http://",
            "http://a:0",
            "http://a:b",
            "http://[x]",
            "http://user@host",
            "http://a b",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail_and_what_is_read_is_read_again(text in ".{0,60}", rest in "[a-z0-9.:/\\[\\]?#@-]{0,40}") {
            let _ = text.parse::<Address>();
            if let Ok(address) = format!("https://{rest}").parse::<Address>() {
                prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address));
            }
        }
    }
}
