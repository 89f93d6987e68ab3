//! A moment in UTC with microseconds, written in one form only: `2026-09-01T06:30:00.000000Z` (RFC 3339); and a day.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z, between the years 1970 and 2199.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// 2200-01-01T00:00:00Z in microseconds: no clock, however wrong, is believed beyond it.
const END: i64 = 7_258_118_400_000_000;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("«{0}» is not a moment between 1970 and 2199 written as 2026-09-01T06:30:00.000000Z")]
pub struct TimestampError(String);

impl Timestamp {
    /// Clamps to the years 1970 to 2199, because a broken clock must not stop a report.
    pub fn from_unix_micros(micros: i64) -> Self {
        Self(micros.clamp(0, END - 1))
    }

    pub fn from_unix_seconds(seconds: i64) -> Self {
        Self::from_unix_micros(seconds.saturating_mul(1_000_000))
    }

    pub fn unix_micros(self) -> i64 {
        self.0
    }

    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    pub fn saturating_add(self, duration: Duration) -> Self {
        Self::from_unix_micros(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self::from_unix_micros(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The day of UTC that it is in.
    pub fn day(self) -> Day {
        Day(i32::try_from(self.0.div_euclid(DAY_MICROS)).expect("until the year 2199 there are fewer days than i32 counts"))
    }

    /// Signed distance in microseconds: positive when `self` is later.
    pub fn micros_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        self.saturating_sub(duration)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = jiff::Timestamp::from_microsecond(self.0).expect("the years 1970 to 2199 are within jiff's range");
        write!(f, "{moment:.6}")
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let error = || TimestampError(text.chars().take(40).collect());
        let moment: jiff::Timestamp = text.parse().map_err(|_| error())?;
        let timestamp = Self(moment.as_microsecond());
        let within = (0..END).contains(&timestamp.0);
        // One moment has one spelling, or one document would have two digests.
        if within && timestamp.to_string() == text {
            Ok(timestamp)
        } else {
            Err(error())
        }
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimestampError;

    fn try_from(text: String) -> Result<Self, TimestampError> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_string()
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
            "maxLength": 27,
            "description": "A moment in UTC with microseconds (RFC 3339)"
        })
    }
}

const DAY_MICROS: i64 = 86_400_000_000;

/// A day of UTC between 1970 and 2199, written `2026-09-01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(i32);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("«{0}» is not a day between 1970 and 2199 written as 2026-09-01")]
pub struct DayError(String);

impl Day {
    /// Days since 1970-01-01; clamped to the years 1970 to 2199.
    pub fn from_unix_days(days: i64) -> Self {
        Timestamp::from_unix_micros(days.saturating_mul(DAY_MICROS)).day()
    }

    pub fn unix_days(self) -> i64 {
        i64::from(self.0)
    }

    /// Its midnight.
    pub fn begin(self) -> Timestamp {
        Timestamp(i64::from(self.0) * DAY_MICROS)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.begin().to_string()[..10])
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let midnight: Result<Timestamp, _> = format!("{text}T00:00:00.000000Z").parse();
        midnight.map(Timestamp::day).map_err(|_| DayError(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for Day {
    type Error = DayError;

    fn try_from(text: String) -> Result<Self, DayError> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl JsonSchema for Day {
    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
            "maxLength": 10,
            "description": "A day of UTC"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_moment_has_one_spelling() {
        let moment: Timestamp = "2026-09-01T06:30:00.000000Z".parse().unwrap();
        assert_eq!(moment.unix_seconds(), 1_788_244_200);
        for other in [
            "2026-09-01T06:30:00Z",
            "2026-09-01T09:30:00.000000+03:00",
            "2026-09-01 06:30:00.000000Z",
            "вчера",
        ] {
            assert!(other.parse::<Timestamp>().is_err(), "{other}");
        }
    }

    #[test]
    fn a_day_is_written_in_one_way() {
        let day: Day = "2026-09-01".parse().unwrap();
        assert_eq!(
            ("2026-09-01T23:59:59.999999Z".parse::<Timestamp>().unwrap().day(), day.to_string()),
            (day, "2026-09-01".into())
        );
        assert_eq!(day.begin().to_string(), "2026-09-01T00:00:00.000000Z");
        for other in ["2026-9-1", "2026-02-30", "01.09.2026", "2200-01-01", ""] {
            assert!(other.parse::<Day>().is_err(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_reads_back(micros in 0..END) {
            let moment = Timestamp::from_unix_micros(micros);
            prop_assert_eq!(moment.to_string().parse::<Timestamp>().unwrap(), moment);
        }
    }
}
