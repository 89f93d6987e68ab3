//! The month a report was received in, by which what grows is kept and let go.
//!
//! Pure. The year and month in UTC are one number, so that it reads in the database as in the name of a partition.

use std::fmt;

use inventory_schema::Timestamp;
use jiff::tz::TimeZone;

/// `202609`: September 2026, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceivedMonth(i64);

impl ReceivedMonth {
    /// January 1970 and December 2199.
    const FIRST: Self = Self(197_001);
    const LAST: Self = Self(219_912);

    /// Any clock's time has a month: a [`Timestamp`] lies between 1970 and 2199.
    pub fn of(time: Timestamp) -> Self {
        let moment = jiff::Timestamp::from_microsecond(time.unix_micros()).unwrap_or_default();
        let date = moment.to_zoned(TimeZone::UTC).date();
        Self(i64::from(date.year()) * 100 + i64::from(date.month())).clamp(Self::FIRST, Self::LAST)
    }

    /// As it is stored; `None`: no month.
    pub fn from_number(number: i64) -> Option<Self> {
        let month = Self(number);
        let is_month = (1..=12).contains(&(number % 100)) && (Self::FIRST..=Self::LAST).contains(&month);
        is_month.then_some(month)
    }

    pub fn number(self) -> i64 {
        self.0
    }

    /// Its first moment.
    pub fn begin(self) -> Timestamp {
        let year = i16::try_from(self.0 / 100).unwrap_or(i16::MAX);
        let month = i8::try_from(self.0 % 100).unwrap_or(1);
        let midnight = jiff::civil::date(year, month, 1).to_zoned(TimeZone::UTC);
        midnight.map_or(Timestamp::from_unix_micros(0), |midnight| {
            Timestamp::from_unix_micros(midnight.timestamp().as_microsecond())
        })
    }

    /// `months` before (negative) or after this one, within the calendar.
    pub fn plus(self, months: i64) -> Self {
        let count = (self.0 / 100 * 12 + self.0 % 100 - 1)
            .saturating_add(months)
            .clamp(1970 * 12, 2199 * 12 + 11);
        Self(count / 12 * 100 + count % 12 + 1)
    }
}

/// `2026-09`
impl fmt::Display for ReceivedMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(number: i64) -> ReceivedMonth {
        ReceivedMonth::from_number(number).expect("a month")
    }

    #[test]
    fn a_month_begins_at_midnight_utc() {
        let of = |text: &str| ReceivedMonth::of(text.parse().unwrap());
        assert_eq!(of("2026-08-31T23:59:59.999999Z"), month(202_608));
        assert_eq!(of("2026-09-01T00:00:00.000000Z"), month(202_609));
        assert_eq!(month(202_609).begin(), "2026-09-01T00:00:00.000000Z".parse().unwrap());
        for end in [ReceivedMonth::FIRST, ReceivedMonth::LAST] {
            assert_eq!(ReceivedMonth::of(end.begin()), end);
        }
    }

    #[test]
    fn a_clock_that_is_far_off_still_has_a_month() {
        assert_eq!(ReceivedMonth::of(Timestamp::from_unix_micros(i64::MAX)), ReceivedMonth::LAST);
        assert_eq!(ReceivedMonth::of(Timestamp::from_unix_micros(i64::MIN)), ReceivedMonth::FIRST);
    }

    #[test]
    fn months_are_counted_over_years() {
        assert_eq!(month(202_611).plus(2), month(202_701));
        assert_eq!(month(202_611).plus(-11), month(202_512));
        assert_eq!(month(202_611).plus(-12), month(202_511));
        assert_eq!(month(197_003).plus(-9_000), ReceivedMonth::FIRST);
        assert_eq!(month(202_611).plus(i64::MAX), ReceivedMonth::LAST);
        assert_eq!(month(202_611).to_string(), "2026-11");
        assert_eq!(ReceivedMonth::from_number(202_613), None);
    }
}
