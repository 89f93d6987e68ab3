//! When to kill: drawn from a seed that is printed, so that a run can be repeated.

use cos_agent::reconciler::Chance;

/// From `COS_TEST_SEED`, else from the clock.
pub fn of_this_run() -> Chance {
    let given = std::env::var("COS_TEST_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let seed = given.unwrap_or_else(|| crate::now().unix_micros().unsigned_abs());
    println!("COS_TEST_SEED={seed}");
    Chance::seeded(seed)
}
