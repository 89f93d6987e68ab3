//! The clocks of a measurement: one that only goes forward, and the wall clock that kernels stamp datagrams with.
//!
//! Everything that is measured is a time on the first. A stamp of the kernel is brought over by what lies between the
//! two clocks; when somebody sets the wall clock meanwhile, that is noticed, and stamps from before the step are
//! brought over by what lay between them then.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Steps that are smaller are the slewing of an NTP client.
const STEP: i128 = 2_000_000;

/// Times since an arbitrary moment before anything was measured. Copies agree with each other.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    pub fn new() -> Self {
        let now = Instant::now();
        // A second earlier where there is one, so that nothing lies before the beginning.
        Self {
            start: now.checked_sub(Duration::from_secs(1)).unwrap_or(now),
        }
    }

    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// The moment for whoever counts by another clock of this computer.
    pub fn instant(&self, at: Duration) -> Instant {
        self.start + at
    }

    /// Sleeps to a moment; returns at once when that has passed.
    pub fn sleep_until(&self, at: Duration) {
        let left = at.saturating_sub(self.now());
        if !left.is_zero() {
            std::thread::sleep(left);
        }
    }
}

/// Asks the system to end this thread's sleeps when they are over, and not up to 50 µs later.
pub fn wake_precisely() {
    #[cfg(target_os = "linux")]
    {
        let nanosecond = std::num::NonZeroU64::MIN;
        if let Err(error) = rustix::thread::set_current_timer_slack(Some(nanosecond)) {
            tracing::debug!(%error, "sleeps stay as coarse as they are");
        }
    }
}

/// Processor time that this thread has used, where the system says.
pub fn thread_cpu() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    {
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let seconds = u64::try_from(used.tv_sec).ok()?;
        Some(Duration::new(seconds, u32::try_from(used.tv_nsec).ok()?))
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Brings stamps of the wall clock over to the steady one.
#[derive(Debug, Clone)]
pub struct WallClock {
    /// Wall minus steady, in nanoseconds, now and before the last step.
    between: i128,
    before: i128,
    /// When it was looked at last, by the steady clock.
    looked: Duration,
}

impl WallClock {
    pub fn new(now: Duration, wall: SystemTime) -> Self {
        let between = nanos(wall) - now.as_nanos() as i128;
        Self {
            between,
            before: between,
            looked: now,
        }
    }

    /// Looks at both clocks again. Returns whether the wall clock was set since.
    pub fn look(&mut self, now: Duration, wall: SystemTime) -> bool {
        let between = nanos(wall) - now.as_nanos() as i128;
        let stepped = (between - self.between).abs() > STEP;
        self.before = if stepped { self.between } else { between };
        self.between = between;
        self.looked = now;
        stepped
    }

    /// The steady time of a stamp taken between `earliest` and the last look.
    pub fn steady(&self, stamp: Duration, earliest: Duration) -> Duration {
        let range = earliest.as_nanos() as i128..=self.looked.as_nanos() as i128;
        let stamp = stamp.as_nanos() as i128;
        let by_now = stamp - self.between;
        let by_then = stamp - self.before;
        let steady = if range.contains(&by_now) || !range.contains(&by_then) {
            by_now
        } else {
            by_then
        };
        // A stamp that fits neither is from the moment of the step itself.
        let steady = steady.clamp(*range.start(), *range.end().max(range.start()));
        Duration::from_nanos(u64::try_from(steady).unwrap_or_default())
    }
}

fn nanos(wall: SystemTime) -> i128 {
    match wall.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(seconds: u64, nanos: u32) -> SystemTime {
        UNIX_EPOCH + Duration::new(1_800_000_000 + seconds, nanos)
    }

    fn stamp(seconds: u64, nanos: u32) -> Duration {
        Duration::new(1_800_000_000 + seconds, nanos)
    }

    #[test]
    fn stamps_are_brought_over() {
        let mut clock = WallClock::new(Duration::from_secs(10), wall(0, 0));
        assert!(!clock.look(Duration::from_secs(11), wall(1, 1_000)));
        let steady = clock.steady(stamp(0, 500_000_000), Duration::from_secs(10));
        assert!(
            steady.abs_diff(Duration::from_millis(10_500)) < Duration::from_micros(2),
            "{steady:?}"
        );
    }

    #[test]
    fn a_clock_that_is_set_is_noticed_and_moves_no_stamp() {
        for jump in [-3_600_i64, 3_600, 86_400 * 365] {
            let mut clock = WallClock::new(Duration::from_secs(10), wall(4_000, 0));
            let later = 4_001_u64.saturating_add_signed(jump);
            assert!(clock.look(Duration::from_secs(11), wall(later, 0)), "{jump}");
            // One stamp from before the step and one from after it.
            let before = clock.steady(stamp(4_000, 400_000_000), Duration::from_secs(10));
            let after = clock.steady(stamp(later - 1, 900_000_000), Duration::from_secs(10));
            assert_eq!(
                (before, after),
                (Duration::from_millis(10_400), Duration::from_millis(10_900)),
                "{jump}"
            );
            assert!(!clock.look(Duration::from_secs(12), wall(later + 1, 0)));
        }
    }

    #[test]
    fn a_stamp_that_fits_nothing_stays_within_its_batch() {
        let mut clock = WallClock::new(Duration::from_secs(10), wall(0, 0));
        clock.look(Duration::from_secs(11), wall(1, 0));
        assert_eq!(clock.steady(stamp(500, 0), Duration::from_secs(10)), Duration::from_secs(11));
        assert_eq!(clock.steady(Duration::ZERO, Duration::from_secs(10)), Duration::from_secs(10));
    }
}
