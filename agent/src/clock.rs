//! Trusted time: the last time received from the controller plus the boot clock since (promise 9).
//!
//! Pure arithmetic over a [`Moment`], which the shell reads once per event. A computer whose battery is
//! dead starts in the year 2000; nothing here believes its wall clock more than it must. [`SharedClock`]
//! hands the result to the TLS verifier; where the clocks are read is an argument.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use inventory_schema::Timestamp;
use inventory_schema::device::BootId;
use rustls::pki_types::UnixTime;
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

    /// What the controller's clock said.
    pub fn told(self) -> Timestamp {
        self.told
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

/// Trusted time as the shell, `enroll` and the TLS verifier share it. A clone is the same clock.
#[derive(Clone)]
pub struct SharedClock {
    trusted: Arc<RwLock<Option<TrustedTime>>>,
    read: Arc<dyn Fn() -> Moment + Send + Sync>,
}

impl SharedClock {
    /// `read` reads the computer's clocks.
    pub fn new(trusted: Option<TrustedTime>, read: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self {
            trusted: Arc::new(RwLock::new(trusted)),
            read: Arc::new(read),
        }
    }

    pub fn moment(&self) -> Moment {
        (self.read)()
    }

    /// The last time received, for the ledger.
    pub fn trusted(&self) -> Option<TrustedTime> {
        *self.trusted.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The best guess; see [`TrustedTime::best`].
    pub fn now(&self) -> Timestamp {
        TrustedTime::best(self.trusted(), self.moment())
    }

    /// Takes a time that the controller just told; returns it for the ledger.
    pub fn told(&self, time: Timestamp) -> TrustedTime {
        let trusted = TrustedTime::received(time, self.moment());
        *self.trusted.write().unwrap_or_else(PoisonError::into_inner) = Some(trusted);
        trusted
    }
}

impl fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedClock")
            .field("trusted", &self.trusted())
            .finish_non_exhaustive()
    }
}

impl rustls::time_provider::TimeProvider for SharedClock {
    fn current_time(&self) -> Option<UnixTime> {
        let micros = u64::try_from(self.now().unix_micros()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_micros(micros)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    #[test]
    fn a_boot_clock_that_goes_back_does_not_take_time_back() {
        let told: Timestamp = "2026-09-01T08:00:00.000000Z".parse().unwrap();
        let trusted = TrustedTime::received(told, moment("2000-01-01T00:00:00.000000Z", 1, 100));
        assert_eq!(trusted.at(moment("2000-01-01T00:00:00.000000Z", 1, 5)), Some(told));
    }

    #[test]
    fn a_shared_clock_gives_the_verifier_the_told_time() {
        use rustls::time_provider::TimeProvider;
        let clock = SharedClock::new(None, || moment("2009-01-01T00:00:00.000000Z", 1, 30));
        assert_eq!(clock.now().to_string(), "2009-01-01T00:00:00.000000Z");
        clock.clone().told("2026-09-01T06:00:00.000000Z".parse().unwrap());
        assert_eq!(clock.current_time().unwrap().as_secs(), 1_788_242_400);
    }

    proptest! {
        #[test]
        fn time_never_goes_back_within_a_boot(first in 0u64..1 << 40, second in 0u64..1 << 40, devices in any::<(i64, i64)>()) {
            let told: Timestamp = "2026-09-01T08:00:00.000000Z".parse().unwrap();
            let trusted = Some(TrustedTime::received(told, moment("2000-01-01T00:00:00.000000Z", 1, 100)));
            let at = |micros, device| Moment {
                device: Timestamp::from_unix_micros(device),
                uptime: Duration::from_micros(micros),
                ..moment("2000-01-01T00:00:00.000000Z", 1, 0)
            };
            let before = TrustedTime::best(trusted, at(first.min(second), devices.0));
            let after = TrustedTime::best(trusted, at(first.max(second), devices.1));
            prop_assert!(told <= before && before <= after);
        }
    }
}
