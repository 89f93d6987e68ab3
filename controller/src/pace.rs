//! When agents come back (promise 10): waiting in a long poll while there is room, spread over an interval
//! when there is not.
//!
//! Pure. Every device has a moment of its own in every period, drawn from its id: wherever a herd comes from, its
//! second period is even, and a device that came at its moment is sent to the next one, so that no echo arises.
//! The same on every controller. Called by check-ins and by refusals.

use std::time::Duration;

use inventory_schema::check_in::MAX_WAIT_SECONDS;
use inventory_schema::quantity::Seconds;
use inventory_schema::{DeviceId, Timestamp};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The most devices that may wait at once.
    pub most_waiting: usize,
    /// How long a check-in may wait while there is room.
    pub wait: Seconds,
    /// Between two check-ins of a device that may not wait.
    pub interval: Seconds,
}

/// So many devices are told something at once without being spread over a second more.
const TOLD_IN_A_SECOND: usize = 2_000;

impl Pace {
    /// When the device comes back and how long it may wait then.
    pub fn next(&self, device: DeviceId, waiting: usize, now: Timestamp) -> (Seconds, Seconds) {
        if waiting < self.most_waiting {
            (Seconds::saturating(0), self.longest_wait())
        } else {
            (self.return_of(device, now), Seconds::saturating(0))
        }
    }

    /// How long a device that asks to wait may do so, where `waiting` others do already: until its own moment, so
    /// that those who came together do not come together again.
    pub fn patience(&self, device: DeviceId, asked: Seconds, waiting: usize, now: Timestamp) -> Duration {
        if waiting < self.most_waiting {
            let longest = asked.get().min(self.longest_wait().get());
            until_its_moment(device, Duration::from_secs(longest), now)
        } else {
            Duration::ZERO
        }
    }

    /// When a device that finds no room comes again: at its moment, and not at once.
    pub fn return_of(&self, device: DeviceId, now: Timestamp) -> Seconds {
        let interval = Duration::from_secs(self.interval.get().max(1));
        let moment = until_its_moment(device, interval, now);
        let pause = if moment < interval / 8 { moment + interval } else { moment };
        Seconds::saturating(pause.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
    }

    /// The least pause after an answer that says something: time to act on it, and not all in one second where
    /// many were told together.
    pub fn time_to_act(&self, device: DeviceId, waiting: usize) -> Seconds {
        const LEAST: u64 = 2;
        let spread = u64::try_from(waiting / TOLD_IN_A_SECOND).unwrap_or(0);
        Seconds::saturating(LEAST + share(device, spread))
    }

    fn longest_wait(&self) -> Seconds {
        Seconds::saturating(self.wait.get().min(MAX_WAIT_SECONDS))
    }
}

/// When to come again after «not now»: within a minute, and not all of those who were refused together. Whoever is
/// served then has its own moment.
pub fn come_again(draw: u128) -> Seconds {
    const LEAST: u64 = 5;
    Seconds::saturating(LEAST + u64::try_from(draw % 60).unwrap_or(0))
}

/// More than zero and at most `period`, unless that is zero.
fn until_its_moment(device: DeviceId, period: Duration, now: Timestamp) -> Duration {
    let Ok(micros @ 1..) = i64::try_from(period.as_micros()) else {
        return Duration::ZERO;
    };
    let moment = i64::try_from(share(device, micros.unsigned_abs())).unwrap_or(0);
    let left = (moment - now.unix_micros()).rem_euclid(micros);
    Duration::from_micros(if left == 0 { micros } else { left }.unsigned_abs())
}

/// A number below `of` that is always the same for one device; 0 of 0.
fn share(device: DeviceId, of: u64) -> u64 {
    // The last 32 bits of a version 7 identifier are random.
    let draw = device.as_uuid().as_u128() & u128::from(u32::MAX);
    u64::try_from((draw * u128::from(of)) >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: u64 = 600;

    fn pace(wait: u64) -> Pace {
        Pace {
            most_waiting: 2,
            wait: Seconds::saturating(wait),
            interval: Seconds::saturating(INTERVAL),
        }
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_unix_micros(1_788_000_000_000_000 + micros)
    }

    #[test]
    fn a_full_house_sends_agents_away_for_about_the_interval() {
        let device = DeviceId::generate();
        assert_eq!(pace(50).next(device, 1, at(0)), (Seconds::saturating(0), Seconds::saturating(50)));
        let (next, wait) = pace(50).next(device, 2, at(0));
        assert_eq!(wait.get(), 0);
        assert!((INTERVAL / 8..=INTERVAL * 9 / 8 + 1).contains(&next.get()), "{next}");
    }

    #[test]
    fn a_wait_is_cut_and_a_full_house_lets_nobody_wait() {
        let device = DeviceId::generate();
        let most = |wait, asked, waiting| {
            pace(wait)
                .patience(device, Seconds::saturating(asked), waiting, at(0))
                .as_secs_f64()
        };
        assert!((0.0..=50.0).contains(&most(90, 3600, 1)));
        assert!((0.0..=20.0).contains(&most(20, 3600, 1)));
        assert!((0.0..=3.0).contains(&most(20, 3, 0)));
        assert!(most(20, 0, 0) == 0.0 && most(20, 3600, 2) == 0.0);
    }

    #[test]
    fn whoever_comes_at_its_moment_waits_for_the_next_one() {
        let (device, wait) = (DeviceId::generate(), Seconds::saturating(50));
        let first = pace(50).patience(device, wait, 0, at(0));
        let round_trip = Duration::from_millis(30);
        let back = at(0) + first + round_trip;
        assert_eq!(pace(50).patience(device, wait, 0, back), Duration::from_secs(50) - round_trip);
    }

    /// How often each twentieth of the period sees a device, at most, against the mean.
    fn peak(returns: impl Iterator<Item = Duration>, period: Duration, devices: usize) -> f64 {
        let mut parts = [0u32; 20];
        for back in returns {
            let part = back.as_micros() * 20 / period.as_micros();
            parts[usize::try_from(part).unwrap() % 20] += 1;
        }
        f64::from(*parts.iter().max().unwrap()) * 20.0 / f64::from(u32::try_from(devices).unwrap())
    }

    #[test]
    fn ten_thousand_that_come_together_come_back_evenly() {
        let devices: Vec<DeviceId> = (0..10_000).map(|_| DeviceId::generate()).collect();
        // All within a second.
        let came = |number: usize| at(i64::try_from(number).unwrap() * 100);
        let sent_away = devices.iter().enumerate().map(|(number, device)| {
            let pause = pace(50).return_of(*device, came(number));
            came(number) + Duration::from_secs(pause.get())
        });
        let since = |back: Timestamp| Duration::from_micros(back.micros_since(at(0)).unsigned_abs());
        assert!(peak(sent_away.map(since), Duration::from_secs(INTERVAL), devices.len()) <= 1.2);
        let waited = devices.iter().enumerate().map(|(number, device)| {
            let asked = Seconds::saturating(50);
            came(number) + pace(50).patience(*device, asked, 0, came(number))
        });
        assert!(peak(waited.map(since), Duration::from_secs(50), devices.len()) <= 1.2);
    }

    #[test]
    fn few_are_told_without_delay_and_many_over_some_seconds() {
        let device = DeviceId::generate();
        assert_eq!(pace(50).time_to_act(device, 300), Seconds::saturating(2));
        assert!((2..7).contains(&pace(50).time_to_act(device, 10_000).get()));
    }
}
