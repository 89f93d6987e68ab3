//! `activity/1`: when a computer ran on one day. It travels signed in the device's chain, one report a day.
//!
//! It says that the computer was on, never who sat at it or what was done (promise 8). Days are of UTC, so that the
//! computer needs no time zone; the controller folds the quarter hours into the school days of the municipality.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::timestamp::{Day, Timestamp};

/// The most bytes an activity's canonical bytes may have.
pub const MAX_ACTIVITY_BYTES: usize = 2560;
/// The most starts that are told of one day.
pub const MAX_STARTS: usize = 32;
/// Quarter hours of a day.
pub const QUARTERS: usize = 96;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Activity {
    pub format: ActivityFormat,
    /// A day of UTC.
    pub day: Day,
    /// In which quarter hours of it the agent ran.
    pub running: QuarterHours,
    /// When the computer was started on this day, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub started: Vec<Timestamp>,
    pub time: TimeBasis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ActivityFormat {
    #[serde(rename = "activity/1")]
    V1,
}

/// By what the day was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeBasis {
    /// The controller's time was known at least once on this day.
    Trusted,
    /// The computer's own clock alone: it may be wrong.
    Device,
}

/// 96 quarter hours of a day as 24 hexadecimal digits; the first digit's highest bit is 00:00 to 00:15.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QuarterHours(u128);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the quarter hours of a day are 24 hexadecimal digits in lower case")]
pub struct QuarterHoursError;

const DIGITS: usize = QUARTERS / 4;

impl QuarterHours {
    pub fn contains(self, quarter: usize) -> bool {
        quarter < QUARTERS && self.0 & bit(quarter) != 0
    }

    /// Answers whether it was not there before. What is beyond the day is not marked.
    pub fn insert(&mut self, quarter: usize) -> bool {
        let is_new = quarter < QUARTERS && !self.contains(quarter);
        if is_new {
            self.0 |= bit(quarter);
        }
        is_new
    }

    /// What either of two reports of one day saw.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..QUARTERS).filter(move |quarter| self.contains(*quarter))
    }
}

fn bit(quarter: usize) -> u128 {
    1 << (QUARTERS - 1 - quarter)
}

impl fmt::Display for QuarterHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:024x}", self.0)
    }
}

impl FromStr for QuarterHours {
    type Err = QuarterHoursError;

    fn from_str(text: &str) -> Result<Self, QuarterHoursError> {
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != DIGITS || !is_hex {
            return Err(QuarterHoursError);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| QuarterHoursError)
    }
}

impl TryFrom<String> for QuarterHours {
    type Error = QuarterHoursError;

    fn try_from(text: String) -> Result<Self, QuarterHoursError> {
        text.parse()
    }
}

impl From<QuarterHours> for String {
    fn from(quarters: QuarterHours) -> Self {
        quarters.to_string()
    }
}

impl JsonSchema for QuarterHours {
    fn schema_name() -> Cow<'static, str> {
        "QuarterHours".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9a-f]{24}$",
            "description": "96 quarter hours of a day as hexadecimal digits; the first digit's highest bit is 00:00 to 00:15."
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_bit_is_midnight() {
        let mut quarters = QuarterHours::default();
        assert!(quarters.insert(0) && quarters.insert(95) && !quarters.insert(95) && !quarters.insert(96));
        assert_eq!(quarters.to_string(), "800000000000000000000001");
        assert_eq!(quarters.iter().collect::<Vec<_>>(), [0, 95]);
    }

    #[test]
    fn only_24_digits_are_a_day() {
        for text in [
            "",
            "8",
            "80000000000000000000000",
            "8000000000000000000000001",
            "80000000000000000000000G",
            "+0000000000000000000000a",
        ] {
            assert_eq!(text.parse::<QuarterHours>(), Err(QuarterHoursError), "{text}");
        }
        assert!("80000000000000000000000A".parse::<QuarterHours>().is_err(), "one spelling only");
    }

    #[test]
    fn the_largest_activity_stays_within_its_bound() {
        let day: Day = "2026-09-01".parse().unwrap();
        let activity = Activity {
            format: ActivityFormat::V1,
            day,
            running: QuarterHours(u128::MAX >> 32),
            started: vec![Timestamp::from_unix_seconds(1_800_000_000); MAX_STARTS],
            time: TimeBasis::Trusted,
        };
        assert!(serde_json::to_vec(&activity).unwrap().len() <= MAX_ACTIVITY_BYTES);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(quarters in proptest::collection::vec(0..QUARTERS, 0..40)) {
            let mut written = QuarterHours::default();
            for quarter in &quarters {
                written.insert(*quarter);
            }
            let read: QuarterHours = written.to_string().parse().unwrap();
            prop_assert_eq!(read, written);
            prop_assert!(quarters.iter().all(|quarter| read.contains(*quarter)));
        }
    }
}
