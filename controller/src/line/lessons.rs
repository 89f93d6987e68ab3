//! Lesson hours: by the municipality's clock, on weekdays, and not in summer.
//!
//! Pure. It knows no holidays: a line that is slow on a holiday is slow all the same, and hardly anybody is there.

use inventory_schema::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

/// When lessons are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LessonHours {
    /// Minutes after midnight.
    pub from: u16,
    pub to: u16,
    /// Saturday is a school day in many schools.
    pub saturdays: bool,
}

impl Default for LessonHours {
    fn default() -> Self {
        Self {
            from: 8 * 60 + 30,
            to: 15 * 60,
            saturdays: true,
        }
    }
}

/// A moment as the school's clock shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalMoment {
    pub date: Date,
    pub hour: u8,
    pub in_lessons: bool,
}

impl LessonHours {
    pub fn at(&self, moment: Timestamp, zone: &TimeZone) -> LocalMoment {
        let instant = jiff::Timestamp::from_microsecond(moment.unix_micros()).unwrap_or_default();
        let local = instant.to_zoned(zone.clone());
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        let within = (i32::from(self.from)..i32::from(self.to)).contains(&minute);
        LocalMoment {
            date: local.date(),
            hour: u8::try_from(local.hour()).unwrap_or(0),
            in_lessons: within && self.is_school_day(local.date()),
        }
    }

    pub fn is_school_day(&self, date: Date) -> bool {
        let weekday = match date.weekday() {
            Weekday::Sunday => false,
            Weekday::Saturday => self.saturdays,
            _ => true,
        };
        weekday && !(6..=8).contains(&date.month())
    }

    /// The lessons of a day: from, to. `None` where there are none, or where the clock jumps over them.
    pub fn of_day(&self, date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        if !self.is_school_day(date) || self.from >= self.to {
            return None;
        }
        let at = |minutes: u16| {
            let time = Time::new(i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?, 0, 0).ok()?;
            let zoned = date.to_datetime(time).to_zoned(zone.clone()).ok()?;
            Some(Timestamp::from_unix_micros(zoned.timestamp().as_microsecond()))
        };
        Some((at(self.from)?, at(self.to)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn in_lessons(moment: &str, zone_name: &str) -> bool {
        LessonHours::default().at(moment.parse().unwrap(), &zone(zone_name)).in_lessons
    }

    #[test]
    fn lessons_are_by_the_clock_of_the_municipality() {
        // A Tuesday, 11:00 in Perm and 09:00 in Moscow.
        assert!(in_lessons("2026-11-24T06:00:00.000000Z", "Asia/Yekaterinburg"));
        assert!(in_lessons("2026-11-24T06:00:00.000000Z", "Europe/Moscow"));
        // 08:29 and 15:00 in Perm.
        assert!(!in_lessons("2026-11-24T03:29:59.000000Z", "Asia/Yekaterinburg"));
        assert!(in_lessons("2026-11-24T03:30:00.000000Z", "Asia/Yekaterinburg"));
        assert!(!in_lessons("2026-11-24T10:00:00.000000Z", "Asia/Yekaterinburg"));
        // Still Monday in Kaliningrad when it is Tuesday in Kamchatka.
        assert!(in_lessons("2026-11-23T22:00:00.000000Z", "Asia/Kamchatka"));
        assert!(!in_lessons("2026-11-23T22:00:00.000000Z", "Europe/Kaliningrad"));
    }

    #[test]
    fn no_lessons_on_sundays_and_in_summer() {
        assert!(!in_lessons("2026-11-22T06:00:00.000000Z", "Asia/Yekaterinburg"));
        assert!(in_lessons("2026-11-21T06:00:00.000000Z", "Asia/Yekaterinburg"));
        assert!(!in_lessons("2026-07-14T06:00:00.000000Z", "Asia/Yekaterinburg"));
        let weekdays = LessonHours {
            saturdays: false,
            ..LessonHours::default()
        };
        assert!(
            !weekdays
                .at("2026-11-21T06:00:00.000000Z".parse().unwrap(), &zone("Asia/Yekaterinburg"))
                .in_lessons
        );
    }

    #[test]
    fn the_lessons_of_a_day_have_their_ends() {
        let hours = LessonHours::default();
        let (from, to) = hours.of_day(jiff::civil::date(2026, 11, 24), &zone("Asia/Yekaterinburg")).unwrap();
        assert_eq!(from.to_string(), "2026-11-24T03:30:00.000000Z");
        assert_eq!(to.to_string(), "2026-11-24T10:00:00.000000Z");
        assert_eq!(hours.of_day(jiff::civil::date(2026, 11, 22), &zone("Asia/Yekaterinburg")), None);
        for moment in [from, to - std::time::Duration::from_secs(1)] {
            assert!(hours.at(moment, &zone("Asia/Yekaterinburg")).in_lessons);
        }
    }
}
