//! Trusted time: the last time received from the controller plus the boot clock since (promise 9).
//!
//! Pure arithmetic over a [`Moment`], which the shell reads once per event. A computer whose battery is
//! dead starts in the year 2000; nothing here believes its wall clock more than it must.

use std::time::Duration;

use inventory_schema::Timestamp;
use inventory_schema::device::BootId;
use serde::{Deserialize, Serialize};

/// What a computer's clocks say at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock, which may be wrong by years and may jump.
    pub device: Timestamp,
    pub boot: BootId,
    /// Since that boot, sleep included; never goes back.
    pub uptime: Duration,
}

/// A time that the controller told, pinned to the boot clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedTime {
    told: Timestamp,
    boot: BootId,
    /// The boot clock when it was told, in microseconds.
    uptime_micros: u64,
}

impl TrustedTime {
    pub fn received(told: Timestamp, now: Moment) -> Self {
        Self {
            told,
            boot: now.boot,
            uptime_micros: u64::try_from(now.uptime.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// The trusted time now; `None` after a reboot, because nobody counted while the computer was off.
    pub fn at(self, now: Moment) -> Option<Timestamp> {
        if now.boot != self.boot {
            return None;
        }
        Some(self.told + now.uptime.saturating_sub(Duration::from_micros(self.uptime_micros)))
    }

    /// The best guess for judging certificates: trusted time, or after a reboot the wall clock, but never
    /// earlier than what was told before it.
    pub fn best(this: Option<Self>, now: Moment) -> Timestamp {
        match this {
            None => now.device,
            Some(trusted) => trusted.at(now).unwrap_or_else(|| now.device.max(trusted.told)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(device: &str, boot: u8, uptime: u64) -> Moment {
        Moment {
            device: device.parse().unwrap(),
            boot: format!("00000000-0000-0000-0000-0000000000{boot:02x}").parse().unwrap(),
            uptime: Duration::from_secs(uptime),
        }
    }

    #[test]
    fn trusted_time_follows_the_boot_clock_and_not_the_wall_clock() {
        let told: Timestamp = "2026-09-01T08:00:00.000000Z".parse().unwrap();
        let trusted = TrustedTime::received(told, moment("2000-01-01T00:00:00.000000Z", 1, 100));
        let later = trusted.at(moment("2031-01-01T00:00:00.000000Z", 1, 160)).unwrap();
        assert_eq!(later.to_string(), "2026-09-01T08:01:00.000000Z");
    }

    #[test]
    fn after_a_reboot_the_wall_clock_may_only_move_time_forward() {
        let told: Timestamp = "2026-09-01T08:00:00.000000Z".parse().unwrap();
        let trusted = TrustedTime::received(told, moment("2026-09-01T08:00:00.000000Z", 1, 100));
        let dead_battery = moment("2000-01-01T00:00:00.000000Z", 2, 5);
        assert_eq!(trusted.at(dead_battery), None);
        assert_eq!(TrustedTime::best(Some(trusted), dead_battery), told);
        let sound = moment("2026-09-02T08:00:00.000000Z", 2, 5);
        assert_eq!(TrustedTime::best(Some(trusted), sound), sound.device);
    }
}
