//! The measurements of one building, judged, and what they come to over weeks.
//!
//! Measurements of one lease in one direction are parts of one: their rates are added. Each is judged against the
//! building's norm of today, whatever target it was made with; one that was not offered enough to tell proves nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use inventory_schema::Timestamp;
use inventory_schema::measurement::verdict::judge_together;
use inventory_schema::measurement::weeks::{Assessment, Sample, Standing, WINDOW_DAYS, assess};
use inventory_schema::measurement::{Direction, LeaseId, Measurement, MeasurementId};
use inventory_schema::organization::SettlementClass;
use inventory_schema::quantity::KilobitsPerSecond;
use jiff::tz::TimeZone;

use super::LineSettings;
use crate::store::measurement::StoredMeasurement;

pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What is looked back on.
pub const WINDOW: Duration = Duration::from_secs(WINDOW_DAYS * 24 * 60 * 60);

/// One measurement with its verdict; of several computers, all of them.
#[derive(Debug, Clone)]
pub struct Judged {
    pub direction: Direction,
    pub sample: Sample,
    /// At least one.
    pub parts: Vec<StoredMeasurement>,
}

impl Judged {
    pub fn first(&self) -> &StoredMeasurement {
        // Built below from groups that are never empty.
        &self.parts[0]
    }
}

/// The norm of a building.
pub fn norm(class: SettlementClass) -> KilobitsPerSecond {
    KilobitsPerSecond::saturating(class.target().get() / 1000)
}

/// Judges what was stored of a building, newest first.
pub fn judge_all(stored: Vec<StoredMeasurement>, class: SettlementClass, settings: &LineSettings, zone: &TimeZone) -> Vec<Judged> {
    let mut judged: Vec<Judged> = together(stored)
        .into_iter()
        .filter_map(|parts| judge(parts, class, settings, zone))
        .collect();
    judged.sort_by_key(|judged| (std::cmp::Reverse(judged.sample.moment), judged.first().id));
    judged
}

/// Groups the parts of one lease; a measurement that came twice counts once.
fn together(stored: Vec<StoredMeasurement>) -> Vec<Vec<StoredMeasurement>> {
    let mut seen: BTreeMap<MeasurementId, ()> = BTreeMap::new();
    let mut leases: BTreeMap<(LeaseId, Direction), Vec<StoredMeasurement>> = BTreeMap::new();
    let mut alone = Vec::new();
    for stored in stored {
        if seen.insert(stored.measurement.id, ()).is_some() {
            continue;
        }
        let shared = stored.measurement.share.is_some_and(|share| share.parts.get() > 1);
        match stored.measurement.lease.filter(|_| shared) {
            Some(lease) => leases.entry((lease, stored.measurement.direction)).or_default().push(stored),
            None => alone.push(vec![stored]),
        }
    }
    alone.extend(leases.into_values());
    alone
}

fn judge(parts: Vec<StoredMeasurement>, class: SettlementClass, settings: &LineSettings, zone: &TimeZone) -> Option<Judged> {
    let measurements: Vec<Measurement> = parts
        .iter()
        .map(|part| Measurement {
            target: norm(class),
            ..part.measurement.clone()
        })
        .collect();
    let first = measurements.first()?;
    let judgement = judge_together(&measurements, &settings.rule);
    let moment = measurements.iter().map(Measurement::moment).min()?.min(parts.first()?.received_at);
    let local = settings.lessons.at(moment, zone);
    let sample = Sample {
        moment,
        ..Sample::of(first, judgement, local.hour, local.in_lessons)
    };
    Some(Judged {
        direction: first.direction,
        sample,
        parts,
    })
}

/// The standing by what was measured in the window that ends at `end`.
pub fn assess_window(judged: &[Judged], direction: Direction, end: Timestamp, settings: &LineSettings) -> Assessment {
    let begin = end - WINDOW;
    let samples: Vec<Sample> = judged
        .iter()
        .filter(|judged| judged.direction == direction && judged.sample.moment >= begin && judged.sample.moment < end)
        .map(|judged| judged.sample.clone())
        .collect();
    assess(&samples, &settings.rule)
}

/// A week and where the line stood at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeekStanding {
    pub begin: Timestamp,
    pub end: Timestamp,
    pub standing: Standing,
}

/// The standings of the weeks before `end`, oldest first, back to `from`.
pub fn weekly(judged: &[Judged], direction: Direction, from: Timestamp, end: Timestamp, settings: &LineSettings) -> Vec<WeekStanding> {
    const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    /// Twelve years.
    const MOST: usize = 640;
    let mut weeks = Vec::new();
    let mut week_end = end;
    while week_end > from && weeks.len() < MOST {
        let standing = assess_window(judged, direction, week_end, settings).standing;
        let begin = week_end - WEEK;
        weeks.push(WeekStanding {
            begin: begin.max(from),
            end: week_end,
            standing,
        });
        week_end = begin;
    }
    weeks.reverse();
    weeks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::sample::lines::sample_measurement;
    use inventory_schema::measurement::verdict::Verdict;

    fn stored(id: i64, measurement: Measurement) -> StoredMeasurement {
        StoredMeasurement {
            id,
            device: None,
            host_name: None,
            report: None,
            generated: true,
            received_at: measurement.moment(),
            measurement,
        }
    }

    fn zone() -> TimeZone {
        TimeZone::get("Asia/Yekaterinburg").unwrap()
    }

    /// Tuesday, 11:00 in Perm, so many hours later.
    fn at(hours: u64) -> Timestamp {
        "2026-11-24T06:00:00.000000Z".parse::<Timestamp>().unwrap() + Duration::from_secs(hours * 3600)
    }

    #[test]
    fn what_came_twice_counts_once() {
        let measurement = sample_measurement(1, at(0), Direction::Down, SettlementClass::City, 150.0);
        let twice = vec![stored(1, measurement.clone()), stored(2, measurement)];
        let judged = judge_all(twice, SettlementClass::City, &LineSettings::default(), &zone());
        assert_eq!(judged.len(), 1);
        assert_eq!(judged[0].sample.judgement.verdict, Verdict::Meets);
        assert!(judged[0].sample.in_lessons);
        assert_eq!(judged[0].sample.hour, 11);
    }

    #[test]
    fn a_measurement_for_another_norm_proves_nothing_here() {
        let village = sample_measurement(1, at(0), Direction::Down, SettlementClass::Village, 150.0);
        let judged = judge_all(vec![stored(1, village)], SettlementClass::City, &LineSettings::default(), &zone());
        assert_eq!(judged[0].sample.judgement.verdict, Verdict::Inconclusive);
    }

    #[test]
    fn weeks_end_one_before_the_other() {
        let judged = Vec::new();
        let weeks = weekly(&judged, Direction::Down, at(0), at(24 * 16), &LineSettings::default());
        assert_eq!(weeks.len(), 3);
        assert_eq!(weeks[0].begin, at(0));
        assert!(weeks.iter().all(|week| week.standing == Standing::NoData));
        assert!(weeks.windows(2).all(|pair| pair[0].end == pair[1].begin));
    }
}
