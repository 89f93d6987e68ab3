//! The checked types of `controller.toml`: each refuses on reading what could only fail later.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A whole number between two bounds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Bounded<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Bounded<MIN, MAX> {
    /// For values written in the program.
    ///
    /// # Panics
    /// When `value` is out of bounds, at compile time where it is used as a constant.
    pub const fn of(value: u64) -> Self {
        assert!(MIN <= value && value <= MAX, "the value is within its bounds");
        Self(value)
    }

    pub const fn value(self) -> u64 {
        self.0
    }

    /// As a size in memory. A bound is at most 256 MiB or a million.
    pub fn size(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<const MIN: u64, const MAX: u64> TryFrom<u64> for Bounded<MIN, MAX> {
    type Error = String;

    fn try_from(value: u64) -> Result<Self, String> {
        if (MIN..=MAX).contains(&value) {
            Ok(Self(value))
        } else {
            Err(format!("{value} is not between {MIN} and {MAX}"))
        }
    }
}

impl<const MIN: u64, const MAX: u64> From<Bounded<MIN, MAX>> for u64 {
    fn from(bounded: Bounded<MIN, MAX>) -> u64 {
        bounded.0
    }
}

/// Declares a text that is checked when it is read.
macro_rules! checked {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let check: fn(&str) -> Result<(), String> = $check;
                check(&text).map(|()| Self(text))
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0
            }
        }

    };
}

/// Declares that a text may be shown as it is.
macro_rules! shown {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    )*};
}
shown!(TimeZoneName, HostName, LogFilter, ClockTime);

checked!(/// An IANA time zone: `Asia/Yekaterinburg`.
TimeZoneName, |text| match jiff::tz::TimeZone::get(text) {
    Ok(_) => Ok(()),
    Err(_) => Err(format!("«{text}» is not a time zone of the IANA database, such as Asia/Yekaterinburg")),
});

checked!(/// A DNS name or an IP address.
HostName, |text| {
    if text.parse::<IpAddr>().is_ok() || rustls::pki_types::DnsName::try_from(text).is_ok() {
        Ok(())
    } else {
        Err(format!("«{text}» is neither a DNS name nor an IP address (no scheme, no port)"))
    }
});

checked!(/// `sqlite:PATH` or `postgres://…`. It may hold a password: `Display` and `Debug` leave that out.
DatabaseUrl, |text| {
    if ["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
        Ok(())
    } else {
        Err("a database is sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME".to_owned())
    }
});

checked!(/// Which messages are logged.
LogFilter, |text| match text.parse::<tracing_subscriber::EnvFilter>() {
    Ok(_) => Ok(()),
    Err(error) => Err(format!("«{text}» is not a log filter: {error}")),
});

checked!(/// A time of the day: `08:30`.
ClockTime, |text| match minutes_of(text) {
    Some(_) => Ok(()),
    None => Err(format!("«{text}» is no time of the day, such as 08:30")),
});

/// Two digits, a colon, two digits.
fn minutes_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str| (digits.len() == 2).then(|| digits.parse::<u16>().ok()).flatten();
    let (hour, minute) = (number(hour)?, number(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

impl ClockTime {
    /// For values written in the program.
    pub fn of(hour: u8, minute: u8) -> Self {
        Self(format!("{hour:02}:{minute:02}"))
    }

    /// After midnight.
    pub fn minutes(&self) -> u16 {
        minutes_of(&self.0).expect("the time was read when the text was")
    }
}

impl TimeZoneName {
    pub fn time_zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.0).expect("the name was looked up when it was read")
    }
}

impl HostName {
    pub fn localhost() -> Self {
        Self("localhost".to_owned())
    }

    /// As it stands in a URL: IPv6 addresses in brackets.
    pub fn in_url(&self) -> String {
        match self.0.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => self.0.clone(),
        }
    }
}

impl DatabaseUrl {
    pub fn is_sqlite(&self) -> bool {
        self.0.starts_with("sqlite:")
    }

    /// Without the password: for logs and pages.
    fn redacted(&self) -> String {
        let secret = self.0.split_once("://").and_then(|(scheme, rest)| {
            let (account, place) = rest.rsplit_once('@')?;
            let (user, _) = account.split_once(':')?;
            Some(format!("{scheme}://{user}:…@{place}"))
        });
        secret.unwrap_or_else(|| self.0.clone())
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.redacted(), f)
    }
}

impl Default for DatabaseUrl {
    fn default() -> Self {
        Self("sqlite:/var/lib/cos-controller/controller.sqlite".to_owned())
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}
