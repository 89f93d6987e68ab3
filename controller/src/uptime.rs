//! When a computer ran, by the days of its municipality: from what it reported by days of UTC.
//!
//! Pure. Several reports of one day add up, because a disk that restores itself reports a day in pieces. Called by the
//! device's page and the people's API.

use std::collections::BTreeMap;

use inventory_schema::Timestamp;
use inventory_schema::activity::{Activity, QUARTERS, QuarterHours, TimeBasis};
use jiff::civil::Date;
use jiff::tz::TimeZone;

const QUARTER_MICROS: i64 = 900_000_000;
pub const QUARTER_MINUTES: u32 = 15;

/// A day by the municipality's clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UptimeDay {
    /// Quarter hours since midnight in which the computer ran; in the night when clocks are put back two share one.
    running: QuarterHours,
    /// When it was started, oldest first.
    pub started: Vec<Timestamp>,
    /// Part of it is known by the computer's own clock alone.
    pub by_own_clock: bool,
}

impl UptimeDay {
    pub fn minutes(&self) -> u32 {
        self.count(0..QUARTERS)
    }

    /// Between two moments of the day, in minutes since midnight; quarters that are partly within count whole.
    pub fn minutes_between(&self, from: u32, to: u32) -> u32 {
        let quarter = |minutes: u32| usize::try_from(minutes).unwrap_or(QUARTERS).min(QUARTERS * 15);
        self.count(quarter(from) / 15..quarter(to).div_ceil(15).min(QUARTERS))
    }

    /// Stretches in which it ran without a pause, in quarters: first, one past the last.
    pub fn stretches(&self) -> Vec<(usize, usize)> {
        let mut stretches: Vec<(usize, usize)> = Vec::new();
        for quarter in self.running.iter() {
            match stretches.last_mut() {
                Some((_, end)) if *end == quarter => *end = quarter + 1,
                _ => stretches.push((quarter, quarter + 1)),
            }
        }
        stretches
    }

    fn count(&self, quarters: std::ops::Range<usize>) -> u32 {
        let running = self.running.iter().filter(|quarter| quarters.contains(quarter)).count();
        u32::try_from(running).unwrap_or(0) * QUARTER_MINUTES
    }
}

/// The days on which the computer ran, by the clock of `zone`.
pub fn by_local_days(activities: &[Activity], zone: &TimeZone) -> BTreeMap<Date, UptimeDay> {
    let mut days: BTreeMap<Date, UptimeDay> = BTreeMap::new();
    for activity in activities {
        let midnight = activity.day.begin().unix_micros();
        for quarter in activity.running.iter() {
            let offset = i64::try_from(quarter).unwrap_or(0) * QUARTER_MICROS;
            let Some(local) = local(Timestamp::from_unix_micros(midnight + offset), zone) else {
                continue;
            };
            let day = days.entry(local.date()).or_default();
            let minutes = usize::try_from(local.hour()).unwrap_or(0) * 60 + usize::try_from(local.minute()).unwrap_or(0);
            day.running.insert(minutes / 15);
            day.by_own_clock |= activity.time == TimeBasis::Device;
        }
        for started in &activity.started {
            if let Some(local) = local(*started, zone) {
                days.entry(local.date()).or_default().started.push(*started);
            }
        }
    }
    for day in days.values_mut() {
        day.started.sort_unstable();
        day.started.dedup();
    }
    days
}

fn local(at: Timestamp, zone: &TimeZone) -> Option<jiff::Zoned> {
    let at = jiff::Timestamp::from_microsecond(at.unix_micros()).ok()?;
    Some(at.to_zoned(zone.clone()))
}

#[cfg(test)]
mod tests {
    use inventory_schema::activity::ActivityFormat;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn activity(day: &str, quarters: impl IntoIterator<Item = usize>) -> Activity {
        let mut running = QuarterHours::default();
        for quarter in quarters {
            running.insert(quarter);
        }
        Activity {
            format: ActivityFormat::V1,
            day: day.parse().unwrap(),
            running,
            started: Vec::new(),
            time: TimeBasis::Trusted,
        }
    }

    fn perm() -> TimeZone {
        TimeZone::get("Asia/Yekaterinburg").unwrap()
    }

    #[test]
    fn a_morning_is_of_the_day_that_the_school_calls_it() {
        // 19:00 to 20:00 of UTC is midnight to one o'clock of the next day in Perm.
        let activities = [
            Activity {
                started: vec!["2026-09-01T03:10:00.000000Z".parse().unwrap()],
                ..activity("2026-09-01", (12..36).chain(76..80))
            },
            activity("2026-09-01", [36]),
        ];
        let days = by_local_days(&activities, &perm());
        let first = &days[&date(2026, 9, 1)];
        assert_eq!(first.stretches(), [(32, 57)]);
        assert_eq!(first.minutes(), 25 * 15);
        assert_eq!(first.minutes_between(8 * 60 + 30, 15 * 60), 23 * 15);
        assert_eq!(first.started.len(), 1);
        assert_eq!(days[&date(2026, 9, 2)].stretches(), [(0, 4)]);
    }

    #[test]
    fn what_the_computers_own_clock_alone_says_is_marked() {
        let mut by_itself = activity("2026-09-01", [12]);
        by_itself.time = TimeBasis::Device;
        assert!(by_local_days(&[by_itself], &perm())[&date(2026, 9, 1)].by_own_clock);
    }

    proptest! {
        /// No minute is lost or made where clocks are not changed.
        #[test]
        fn minutes_stay_what_they_are(quarters in proptest::collection::btree_set(0..QUARTERS, 0..QUARTERS)) {
            let days = by_local_days(&[activity("2026-09-01", quarters.iter().copied())], &perm());
            let minutes: u32 = days.values().map(UptimeDay::minutes).sum();
            prop_assert_eq!(minutes, u32::try_from(quarters.len()).unwrap() * QUARTER_MINUTES);
            let stretches: usize = days.values().flat_map(UptimeDay::stretches).map(|(from, to)| to - from).sum();
            prop_assert_eq!(stretches, quarters.len());
        }
    }
}
