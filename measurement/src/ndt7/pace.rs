//! How long messages are and when measurements are due. Pure: chance is an argument.

use std::time::Duration;

pub const FIRST_MESSAGE: usize = 1 << 13;
/// Beyond it messages do not grow, though the protocol would let them.
pub const LONGEST_MESSAGE: usize = 1 << 20;
/// A message is never longer than this part of what was sent already.
const PART_OF_SENT: u64 = 16;

const MEAN_MILLIS: f64 = 250.0;
const LEAST_MILLIS: f64 = 25.0;
const MOST_MILLIS: f64 = 625.0;
/// Ten measurements a second at most: two that chance put together are parted.
pub const LEAST_GAP: Duration = Duration::from_millis(100);

/// The length of the message after one of `before` bytes, when `sent` bytes are on their way.
pub fn next_message(before: usize, sent: u64) -> usize {
    if before < LONGEST_MESSAGE && before as u64 <= sent / PART_OF_SENT {
        before * 2
    } else {
        before
    }
}

/// The wait to the next measurement: exponential, so that nothing periodic hides between them. `chance` is uniform.
pub fn wait(chance: u32) -> Duration {
    let uniform = (f64::from(chance) + 1.0) / (f64::from(u32::MAX) + 1.0);
    let millis = (-MEAN_MILLIS * uniform.ln()).clamp(LEAST_MILLIS, MOST_MILLIS);
    Duration::from_secs_f64(millis / 1e3).max(LEAST_GAP)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_double_as_the_test_goes_on() {
        assert_eq!(next_message(FIRST_MESSAGE, 0), FIRST_MESSAGE);
        assert_eq!(next_message(FIRST_MESSAGE, 16 * 8192 - 1), FIRST_MESSAGE);
        assert_eq!(next_message(FIRST_MESSAGE, 16 * 8192), 1 << 14);
        assert_eq!(next_message(1 << 20, u64::MAX), 1 << 20);
    }

    #[test]
    fn measurements_come_four_times_a_second_on_average_and_never_in_swarms() {
        let steps = 100_000_u32;
        let sum: f64 = (0..steps).map(|step| wait(step * (u32::MAX / steps)).as_secs_f64()).sum();
        let mean = sum / f64::from(steps);
        assert!((0.23..0.27).contains(&mean), "{mean}");
    }

    proptest! {
        #[test]
        fn every_wait_is_within_its_bounds(chance in any::<u32>()) {
            prop_assert!((LEAST_GAP..=Duration::from_millis(625)).contains(&wait(chance)));
        }
    }
}
