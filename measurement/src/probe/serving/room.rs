//! What is bounded over all sessions: leases that were used, and leases given to whoever asks. Pure.

use std::collections::HashMap;
use std::time::Duration;

use inventory_schema::measurement::LeaseId;
use inventory_schema::{DeviceId, Timestamp};

/// Leases that may be remembered at one time; a server that used more in their lifetime is busy.
const MOST_USED: usize = 100_000;

/// A lease and whose it is: computers that measure together share its number.
pub(super) type Used = (LeaseId, Option<DeviceId>);

/// Leases that were used and have not expired: none is used twice.
#[derive(Debug, Default)]
pub(super) struct UsedLeases {
    until: HashMap<Used, Timestamp>,
}

impl UsedLeases {
    pub fn contains(&self, used: &Used) -> bool {
        self.until.contains_key(used)
    }

    /// Remembers a lease until it expires. False when there is no room, and then it may not be used.
    pub fn insert(&mut self, used: Used, expires: Timestamp, now: Timestamp) -> bool {
        self.insert_among(used, expires, now, MOST_USED)
    }

    fn insert_among(&mut self, used: Used, expires: Timestamp, now: Timestamp, most: usize) -> bool {
        // A clock that is set back makes leases valid again: what is forgotten is forgotten a minute late.
        let forget = now - Duration::from_secs(60);
        if self.until.len() >= most / 2 {
            self.until.retain(|_, until| *until > forget);
        }
        if self.until.len() >= most {
            return false;
        }
        self.until.insert(used, expires);
        true
    }
}

/// Leases per minute, saved up for one minute at most.
#[derive(Debug)]
pub(super) struct Grants {
    per_minute: u32,
    /// In millionths of a lease.
    saved: u64,
    at: Duration,
}

const ONE: u64 = 1_000_000;

impl Grants {
    pub fn new(per_minute: u32) -> Self {
        Self {
            per_minute,
            saved: u64::from(per_minute) * ONE,
            at: Duration::ZERO,
        }
    }

    pub fn take(&mut self, now: Duration) -> bool {
        let since = now.saturating_sub(self.at).min(Duration::from_secs(60));
        self.at = now;
        let most = u64::from(self.per_minute) * ONE;
        // Millionths per microsecond: per_minute / 60.
        let earned = u64::from(self.per_minute) * since.as_micros() as u64 / 60;
        self.saved = (self.saved + earned).min(most);
        let enough = self.saved >= ONE;
        if enough {
            self.saved -= ONE;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000 + seconds)
    }

    #[test]
    fn used_leases_are_forgotten_when_they_have_expired_and_never_before() {
        let mut used = UsedLeases::default();
        let another = || (LeaseId::generate(), None);
        let first = another();
        assert!(used.insert_among(first, at(60), at(0), 2));
        assert!(used.insert_among(another(), at(60), at(30), 2));
        assert!(!used.insert_among(another(), at(90), at(60), 2), "there is no room");
        assert!(used.contains(&first));
        assert!(used.insert_among(another(), at(200), at(121), 2));
        assert!(!used.contains(&first));
    }

    #[test]
    fn so_many_are_given_in_a_minute_and_no_more() {
        let mut grants = Grants::new(3);
        let taken = |grants: &mut Grants, second: u64| grants.take(Duration::from_secs(second));
        assert!((0..3).all(|_| taken(&mut grants, 100)));
        assert!(!taken(&mut grants, 100));
        assert!(!taken(&mut grants, 119));
        assert!(taken(&mut grants, 120));
        assert!(!taken(&mut grants, 121));
        assert!((0..3).all(|_| taken(&mut grants, 10_000)));
        assert!(!taken(&mut grants, 10_000));
        assert!(!Grants::new(0).take(Duration::from_secs(9)));
    }
}
