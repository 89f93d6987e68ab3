//! When to kill: drawn from a seed that is printed, so that a run can be repeated.

use std::time::Duration;

/// SplitMix64.
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    /// From `COS_TEST_SEED`, else from the clock.
    pub fn of_this_run() -> Self {
        let given = std::env::var("COS_TEST_SEED").ok().map(|seed| seed.parse().expect("a number"));
        let seed = given.unwrap_or_else(|| crate::now().unix_micros().unsigned_abs());
        println!("COS_TEST_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform between nothing and `longest`.
    pub fn within(&mut self, longest: Duration) -> Duration {
        let micros = u64::try_from(longest.as_micros()).unwrap().max(1);
        Duration::from_micros(self.next() % micros)
    }
}
