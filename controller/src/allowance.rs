//! How much a device may report: so many bytes an hour, saved up for as long as it says less.
//!
//! Pure; `now` is given. A computer that was off for a summer delivers what waits on its disk at once, and one whose key
//! somebody plays with cannot fill the region's database. Per device and never per address (promise 10). What is kept is
//! small and may be lost: a controller that starts anew, or another one, grants everybody the whole again. Called by
//! `api/device/reports.rs`.

use inventory_schema::{KeyFingerprint, Timestamp};

use crate::recent::Recent;

/// For how many hours an allowance is saved up.
const SAVED_HOURS: u64 = 32;
/// Devices that are remembered.
const REMEMBERED: usize = 65_536;
/// What a request costs besides its bytes, and what each report in it costs: the rows that it becomes.
const REQUEST: u64 = 4 << 10;
const REPORT: u64 = 2 << 10;
const HOUR_MICROS: u64 = 3_600_000_000;

#[derive(Debug)]
pub struct Allowances {
    per_hour: u64,
    spent: Recent<KeyFingerprint, Spent>,
}

/// What a device has used of its savings, as of a moment.
#[derive(Debug, Clone, Copy)]
struct Spent {
    bytes: u64,
    at: Timestamp,
}

impl Allowances {
    /// `per_hour`: bytes as they travel.
    pub fn of(per_hour: u64) -> Self {
        Self {
            per_hour,
            spent: Recent::of_at_most(REMEMBERED),
        }
    }

    /// Whether a request of this size is within the allowance; it is counted then.
    pub fn take(&mut self, key: KeyFingerprint, bytes: u64, now: Timestamp) -> bool {
        let cost = bytes.saturating_add(REQUEST);
        let spent = self.spent(key, now);
        // Whoever spent nothing may send anything: a single request is bounded elsewhere.
        let is_within = spent == 0 || spent.saturating_add(cost) <= self.savings();
        if is_within {
            self.charge(key, cost, now);
        }
        is_within
    }

    /// Counts what a request turned out to hold.
    pub fn count_reports(&mut self, key: KeyFingerprint, reports: usize, now: Timestamp) {
        let cost = u64::try_from(reports).unwrap_or(u64::MAX).saturating_mul(REPORT);
        self.charge(key, cost, now);
    }

    fn savings(&self) -> u64 {
        self.per_hour.saturating_mul(SAVED_HOURS)
    }

    fn charge(&mut self, key: KeyFingerprint, cost: u64, now: Timestamp) {
        let bytes = self.spent(key, now).saturating_add(cost);
        self.spent.put(key, Spent { bytes, at: now });
    }

    fn spent(&mut self, key: KeyFingerprint, now: Timestamp) -> u64 {
        let per_hour = self.per_hour;
        self.spent.get(key).map_or(0, |spent| {
            let passed = u64::try_from(now.micros_since(spent.at)).unwrap_or(0);
            let regained = u128::from(passed) * u128::from(per_hour) / u128::from(HOUR_MICROS);
            spent.bytes.saturating_sub(u64::try_from(regained).unwrap_or(u64::MAX))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use inventory_schema::Digest;
    use proptest::prelude::*;

    use super::*;

    const HOURLY: u64 = 1 << 20;

    fn key(number: u8) -> KeyFingerprint {
        KeyFingerprint(Digest::of(&[number]))
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000) + Duration::from_secs(seconds)
    }

    #[test]
    fn a_summer_is_delivered_and_a_flood_is_not() {
        let mut allowances = Allowances::of(HOURLY);
        let megabytes = (0..).take_while(|_| allowances.take(key(1), 1 << 20, at(0))).count();
        assert_eq!(megabytes, 31, "what is saved up in 32 hours, less what the requests cost");
        assert!(!allowances.take(key(1), 1 << 20, at(1)));
        assert!(allowances.take(key(2), 1 << 20, at(1)), "nobody pays for another");
        assert!(allowances.take(key(1), 1 << 20, at(3600)), "an hour later there is an hour's worth");
        assert!(!allowances.take(key(1), 1 << 20, at(3600)));
    }

    #[test]
    fn many_small_reports_cost_what_they_become() {
        let mut allowances = Allowances::of(HOURLY);
        let mut requests = 0;
        while allowances.take(key(1), 100, at(0)) {
            allowances.count_reports(key(1), 256, at(0));
            requests += 1;
        }
        assert!(requests * 256 <= 32 * 512, "{requests}");
    }

    #[test]
    fn one_request_is_let_in_however_small_the_allowance() {
        let mut allowances = Allowances::of(1);
        assert!(allowances.take(key(1), 4 << 20, at(0)));
        assert!(!allowances.take(key(1), 1, at(0)));
    }

    proptest! {
        /// In any stretch of time nobody sends more than was saved up and earned, and one request.
        #[test]
        fn nobody_exceeds_what_was_earned(requests in proptest::collection::vec((0u64..4_000_000, 0u64..7200), 1..200)) {
            let mut allowances = Allowances::of(HOURLY);
            let (mut now, mut sent) = (0, 0);
            for (bytes, pause) in requests {
                now += pause;
                if allowances.take(key(1), bytes, at(now)) {
                    sent += bytes;
                }
                prop_assert!(sent <= 32 * HOURLY + now * HOURLY / 3600 + 4_000_000);
            }
        }
    }
}
