//! Simulated time: how fast it goes, and what each computer's own clock makes of it.
//!
//! The only place of this crate that reads the computer's clock. Controller and fleet are two processes and
//! agree by three numbers: when the run began, what time it was then, and how many seconds pass in one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use inventory_schema::Timestamp;

/// Goes `pace` times as fast as the clock on the wall. Copies are the same clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Time {
    /// Real microseconds since 1970 when the run began.
    begun: u64,
    /// Simulated microseconds since 1970 at that moment.
    first: i64,
    pace: u32,
}

impl Time {
    /// Begins now, at the real time.
    pub fn begin(pace: u32) -> Self {
        let begun = real_micros();
        Self {
            begun,
            first: i64::try_from(begun).expect("the year is below 290,000"),
            pace: pace.max(1),
        }
    }

    /// The same clock after everything slept for so long.
    pub fn later_by(self, slept: Duration) -> Self {
        Self {
            first: self.first + i64::try_from(slept.as_micros()).expect("nobody sleeps for that long"),
            ..self
        }
    }

    /// Simulated time since the run began, sleep left out.
    pub fn elapsed(self) -> Duration {
        Duration::from_micros(real_micros().saturating_sub(self.begun)) * self.pace
    }

    pub fn now(self) -> Timestamp {
        Timestamp::from_unix_micros(self.first) + self.elapsed()
    }

    /// How long `simulated` takes in the real world.
    pub fn real(self, simulated: Duration) -> Duration {
        simulated / self.pace
    }

    pub fn pace(self) -> u32 {
        self.pace
    }
}

fn real_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
