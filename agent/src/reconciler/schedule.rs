//! When duties fall due. Pure arithmetic over the boot clock, so that a wrong or jumping wall clock moves
//! nothing.

use std::time::Duration;

/// How often things happen without the controller's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Between two looks at the hardware.
    pub collect_every: Duration,
    /// The first pause after a failure; doubles with each further one.
    pub retry_first: Duration,
    /// The longest pause after failures.
    pub retry_longest: Duration,
    /// The pause after a refusal that only people can lift.
    pub refused: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            collect_every: Duration::from_secs(4 * 3600),
            retry_first: Duration::from_secs(5),
            retry_longest: Duration::from_secs(15 * 60),
            refused: Duration::from_secs(3600),
        }
    }
}

/// A small generator for spreading agents in time (SplitMix64). Seeded per device and run; no secret
/// depends on it.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A pause between half of `longest` and `longest`.
    pub fn spread(&mut self, longest: Duration) -> Duration {
        let half = longest / 2;
        half + self.within(half)
    }

    /// A moment before `longest` is over.
    pub fn within(&mut self, longest: Duration) -> Duration {
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(self.next() % micros)
    }
}

/// Doubling pauses after failures in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The pause after one more failure.
    pub fn failed(&mut self, schedule: &Schedule, chance: &mut Chance) -> Duration {
        let doubled = schedule.retry_first.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        chance.spread(doubled.min(schedule.retry_longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pauses_grow_and_stay_within_their_bounds(seed in any::<u64>(), failures in 1usize..40) {
            let schedule = Schedule::default();
            let (mut backoff, mut chance) = (Backoff::default(), Chance::seeded(seed));
            let pauses: Vec<Duration> = (0..failures).map(|_| backoff.failed(&schedule, &mut chance)).collect();
            for pause in &pauses {
                prop_assert!(*pause >= schedule.retry_first / 2 && *pause <= schedule.retry_longest);
            }
            backoff.succeeded();
            prop_assert!(backoff.failed(&schedule, &mut chance) <= schedule.retry_first);
        }
    }
}
