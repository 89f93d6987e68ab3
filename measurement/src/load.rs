//! What a test sends, and how fast a server lets it: random bytes that no compression shortens, and a shared rate.
//!
//! [`block`] is made once and sent again and again. A [`Rate`] is a bucket that many tests draw from; it only counts,
//! callers wait. Used by the servers and clients of the TCP methods.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::lease;

/// The longest part that is written at once.
pub const BLOCK_BYTES: usize = 1 << 20;
/// What may be sent ahead of the rate.
const AHEAD: Duration = Duration::from_millis(20);
const LEAST_AHEAD_BYTES: u64 = 128 << 10;

/// A MiB of random bytes.
pub fn block() -> &'static [u8] {
    static BLOCK: OnceLock<Vec<u8>> = OnceLock::new();
    BLOCK.get_or_init(|| {
        let mut bytes = vec![0; BLOCK_BYTES];
        lease::fill_with_random(&mut bytes);
        bytes
    })
}

/// At most so many bits a second, whoever draws.
#[derive(Debug)]
pub struct Rate {
    bits_per_second: u64,
    /// When all that was drawn so far has been sent at this rate.
    paid_until: Mutex<Option<Instant>>,
}

impl Rate {
    pub fn new(bits_per_second: u64) -> Self {
        Self {
            bits_per_second: bits_per_second.max(1),
            paid_until: Mutex::new(None),
        }
    }

    /// Draws `bytes` at `now`, and says from when the next may be drawn.
    pub fn draw(&self, bytes: usize, now: Instant) -> Instant {
        let ahead = AHEAD.max(self.time_of(LEAST_AHEAD_BYTES));
        let mut paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        let from = paid_until.unwrap_or(now).max(now);
        let until = from + self.time_of(bytes as u64);
        *paid_until = Some(until);
        until.checked_sub(ahead).unwrap_or(now).max(now)
    }

    fn time_of(&self, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 8 * 1_000_000_000 / u128::from(self.bits_per_second);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX / 4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_tests_together_keep_the_rate() {
        let rate = Rate::new(80_000_000);
        let start = Instant::now();
        let (mut now, mut drawn) = (start, 0_u64);
        while now < start + Duration::from_secs(2) {
            // Two tests draw in turns.
            let next = rate.draw(64 << 10, now).max(rate.draw(64 << 10, now));
            drawn += 128 << 10;
            now = next.max(now + Duration::from_micros(1));
        }
        let bits = drawn as f64 * 8.0 / 2.0;
        assert!((80e6..84e6).contains(&bits), "{bits}");
    }

    #[test]
    fn the_block_is_random() {
        let mut counts = [0_u32; 256];
        block().iter().for_each(|byte| counts[usize::from(*byte)] += 1);
        assert!(counts.iter().all(|count| (3_500..4_700).contains(count)), "{counts:?}");
    }
}
