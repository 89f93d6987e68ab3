//! When this computer ran: quarter hours of the running day, and each finished day as a document to report.
//!
//! Pure but for one small file. The event loop marks the time whenever it wakes, which it does at least once in a quarter of
//! an hour, so that nothing wakes for this alone. A power cut loses the running quarter at most. A day that was marked by a
//! clock which the controller's time then showed to be wrong is dropped: a dead battery begins every boot in another year.

use std::path::Path;
use std::time::Duration;

use inventory_schema::activity::{Activity, ActivityFormat, MAX_STARTS, QuarterHours, TimeBasis};
use inventory_schema::device::BootId;
use inventory_schema::{CanonicalBytes, Day, Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clock::{Moment, TrustedTime};
use crate::durable_file::{self, FileError};

const FILE: &str = "activity.json";
const QUARTER: Duration = Duration::from_secs(15 * 60);
/// The computer ran between two marks of one boot that are no further apart; beyond that it slept.
const AWAKE: Duration = Duration::from_secs(20 * 60);
/// Days that wait to be reported: a controller of before takes none, and a disk may be full.
const UNREPORTED_MOST: usize = 64;
/// By how much a clock may differ from the boot clock between two marks before it was set meanwhile.
const SAME_CLOCK: Duration = Duration::from_secs(60);

/// The running day, none before the first mark, and what is to be reported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActivityLog {
    open: Option<OpenDay>,
    /// Days that are over and that no report on disk carries yet, oldest first.
    finished: Vec<Activity>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OpenDay {
    day: Day,
    running: QuarterHours,
    started: Vec<Timestamp>,
    time: TimeBasis,
    /// The boot of the last mark, and when in it that was: by the boot clock and by the best known time.
    boot: BootId,
    uptime_micros: u64,
    at: Timestamp,
}

/// What a mark brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// A day that is over.
    pub finished: Option<Activity>,
    /// The log is another than on disk.
    pub changed: bool,
}

impl ActivityLog {
    /// An empty log where there is none or it cannot be understood.
    pub fn load(state_dir: &Path) -> Result<Self, FileError> {
        let path = state_dir.join(FILE);
        let Some(bytes) = durable_file::read(&path)? else {
            return Ok(Self::default());
        };
        Ok(serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "when this computer ran today cannot be understood and is begun anew");
            Self::default()
        }))
    }

    pub fn save(&self, state_dir: &Path) -> Result<(), FileError> {
        let json = serde_json::to_vec(self).expect("a day is text and numbers");
        durable_file::replace(&state_dir.join(FILE), &json)
    }

    pub fn unreported(&self) -> &[Activity] {
        &self.finished
    }

    /// A report with this body lies on disk.
    pub fn reported(&mut self, body: Digest) {
        let is_it = |day: &Activity| CanonicalBytes::of(day).is_ok_and(|bytes| bytes.digest() == body);
        self.finished.retain(|day| !is_it(day));
    }

    /// The computer runs now.
    pub fn mark(&mut self, now: Moment, trusted: Option<TrustedTime>) -> Marked {
        let told = trusted.and_then(|trusted| trusted.at(now));
        let time = told.unwrap_or_else(|| TrustedTime::best(trusted, now));
        let basis = if told.is_some() { TimeBasis::Trusted } else { TimeBasis::Device };
        let mut finished = None;
        let mut from = time;
        if let Some(open) = self.open.take() {
            let is_same_boot = open.boot == now.boot;
            let passed = now.uptime.saturating_sub(Duration::from_micros(open.uptime_micros));
            let is_continuous = is_same_boot && passed <= AWAKE && differ_little(open.at + passed, time);
            let was_wrong = is_same_boot && open.time == TimeBasis::Device && told.is_some() && !differ_little(open.at + passed, time);
            if is_continuous {
                from = open.at;
            }
            if was_wrong {
                from = time - passed.min(AWAKE);
            } else if open.day == time.day() {
                self.open = Some(open);
            } else {
                finished = Some(open.finished(is_continuous));
            }
        }
        let is_new_day = self.open.is_none();
        let day = self.open.get_or_insert_with(|| OpenDay {
            day: time.day(),
            running: QuarterHours::default(),
            started: Vec::new(),
            time: basis,
            boot: now.boot,
            uptime_micros: 0,
            at: time,
        });
        let mut changed = day.run(from, time);
        changed |= day.start(time - now.uptime);
        if basis == TimeBasis::Trusted && day.time == TimeBasis::Device {
            day.time = basis;
            changed = true;
        }
        changed |= day.boot != now.boot;
        (day.boot, day.at) = (now.boot, time);
        if let Some(finished) = &finished {
            self.finished.push(finished.clone());
            if self.finished.len() > UNREPORTED_MOST {
                self.finished.remove(0);
            }
        }
        day.uptime_micros = u64::try_from(now.uptime.as_micros()).unwrap_or(u64::MAX);
        Marked {
            changed: changed || is_new_day || finished.is_some(),
            finished,
        }
    }
}

fn differ_little(expected: Timestamp, seen: Timestamp) -> bool {
    u128::from(seen.micros_since(expected).unsigned_abs()) <= SAME_CLOCK.as_micros()
}

impl OpenDay {
    /// Marks the quarters from `from` to `to`, as far as they are of this day.
    fn run(&mut self, from: Timestamp, to: Timestamp) -> bool {
        let quarter_of = |at: Timestamp| {
            let into = at.micros_since(self.day.begin()).max(0);
            usize::try_from(into / i64::try_from(QUARTER.as_micros()).unwrap_or(i64::MAX)).unwrap_or(usize::MAX)
        };
        let (first, last) = (quarter_of(from.max(self.day.begin())), quarter_of(to));
        let mut changed = false;
        for quarter in first..=last.min(inventory_schema::activity::QUARTERS - 1) {
            changed |= self.running.insert(quarter);
        }
        changed
    }

    /// The computer was started at this moment; of another day it is none of this one's.
    fn start(&mut self, at: Timestamp) -> bool {
        let known = self.started.iter().any(|known| differ_little(*known, at));
        let is_new = at.day() == self.day && !known && self.started.len() < MAX_STARTS;
        if is_new {
            self.started.push(at);
            self.started.sort_unstable();
        }
        is_new
    }

    /// `to_the_end`: the computer ran on into the next day.
    fn finished(mut self, to_the_end: bool) -> Activity {
        if to_the_end {
            let last = Day::from_unix_days(self.day.unix_days() + 1).begin() - Duration::from_micros(1);
            self.run(self.at, last);
        }
        Activity {
            format: ActivityFormat::V1,
            day: self.day,
            running: self.running,
            started: self.started,
            time: self.time,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MORNING: &str = "2026-09-01T05:00:00.000000Z";

    fn boot(number: u8) -> BootId {
        format!("00000000-0000-0000-0000-0000000000{number:02x}").parse().unwrap()
    }

    fn moment(device: Timestamp, number: u8, uptime: u64) -> Moment {
        Moment {
            device,
            boot: boot(number),
            uptime: Duration::from_secs(uptime),
        }
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Marks every `step` seconds for `seconds`, and answers the finished days.
    fn run(log: &mut ActivityLog, from: Timestamp, number: u8, seconds: u64, step: u64) -> Vec<Activity> {
        (0..=seconds)
            .step_by(usize::try_from(step).unwrap())
            .filter_map(|passed| {
                log.mark(moment(from + Duration::from_secs(passed), number, 60 + passed), None)
                    .finished
            })
            .collect()
    }

    #[test]
    fn a_school_day_is_its_quarters_and_starts() {
        let mut log = ActivityLog::default();
        assert!(run(&mut log, time(MORNING), 1, 3 * 3600, 900).is_empty());
        assert!(run(&mut log, time("2026-09-01T10:00:00.000000Z"), 2, 1800, 50).is_empty());
        let finished = run(&mut log, time("2026-09-02T05:00:00.000000Z"), 3, 0, 1);
        let [day] = finished.as_slice() else { panic!("{finished:?}") };
        assert_eq!((day.day, day.time), ("2026-09-01".parse().unwrap(), TimeBasis::Device));
        assert_eq!(day.running.iter().collect::<Vec<_>>(), (20..=32).chain(40..=42).collect::<Vec<_>>());
        assert_eq!(
            day.started,
            [time("2026-09-01T04:59:00.000000Z"), time("2026-09-01T09:59:00.000000Z")]
        );
        assert_eq!(log.unreported(), finished);
        log.reported(CanonicalBytes::of(day).unwrap().digest());
        assert!(log.unreported().is_empty());
    }

    #[test]
    fn sleep_is_no_activity_and_midnight_is_passed() {
        let mut log = ActivityLog::default();
        log.mark(moment(time(MORNING), 1, 60), None);
        // It slept for two hours: the boot clock went on.
        log.mark(moment(time("2026-09-01T07:00:00.000000Z"), 1, 7260), None);
        log.mark(moment(time("2026-09-01T23:50:00.000000Z"), 1, 67_860), None);
        let marked = log.mark(moment(time("2026-09-02T00:05:00.000000Z"), 1, 68_760), None);
        let day = marked.finished.unwrap();
        assert_eq!(day.running.iter().collect::<Vec<_>>(), [20, 28, 95]);
        let open = log.open.unwrap();
        assert_eq!(open.running.iter().collect::<Vec<_>>(), [0]);
        assert!(open.started.is_empty(), "it was started the day before");
    }

    #[test]
    fn a_day_of_a_dead_battery_is_dropped_once_the_time_is_known() {
        let mut log = ActivityLog::default();
        let dead = |passed| moment(time("2000-01-01T00:00:00.000000Z") + Duration::from_secs(passed), 1, 30 + passed);
        log.mark(dead(0), None);
        log.mark(dead(600), None);
        let trusted = TrustedTime::received(time("2026-09-01T06:10:00.000000Z"), dead(610));
        let marked = log.mark(dead(610), Some(trusted));
        assert!(marked.finished.is_none() && marked.changed);
        let open = log.open.clone().unwrap();
        assert_eq!((open.day, open.time), ("2026-09-01".parse().unwrap(), TimeBasis::Trusted));
        assert_eq!(open.started, [time("2026-09-01T05:59:20.000000Z")]);
        assert!(open.running.contains(24));
        // From here on the boot clock counts, whatever the battery says.
        assert!(log.mark(dead(900), Some(trusted)).finished.is_none());
        assert!(log.open.unwrap().running.contains(24));
    }

    #[test]
    fn a_log_that_cannot_be_understood_is_begun_anew_and_one_that_can_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = ActivityLog::default();
        run(&mut log, time(MORNING), 1, 3600, 900);
        log.save(folder.path()).unwrap();
        assert_eq!(ActivityLog::load(folder.path()).unwrap(), log);
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        assert_eq!(ActivityLog::load(folder.path()).unwrap(), ActivityLog::default());
    }

    proptest! {
        /// Whatever the clocks do, a finished day is within its bounds and says nothing of another day.
        #[test]
        fn any_clocks_make_sound_days(marks in proptest::collection::vec((0i64..400_000, 0u8..3, 0u64..200_000, any::<bool>()), 1..60)) {
            let mut log = ActivityLog::default();
            for (wall, number, uptime, is_told) in marks {
                let now = moment(time(MORNING) + Duration::from_secs(wall.unsigned_abs()), number, uptime);
                let trusted = is_told.then(|| TrustedTime::received(now.device, now));
                if let Some(day) = log.mark(now, trusted).finished {
                    prop_assert!(!day.running.is_empty());
                    prop_assert!(day.started.len() <= MAX_STARTS);
                    prop_assert!(day.started.iter().all(|at| at.day() == day.day));
                }
            }
        }
    }
}
