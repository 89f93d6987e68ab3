//! What all requests of devices share: the committing tasks, who waits, the pace, and whether we are stopping.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use inventory_schema::quantity::Seconds;
use inventory_schema::{KeyFingerprint, Timestamp};

use crate::allowance::Allowances;
use crate::api::device::body::BodyLimits;
use crate::config::{Config, Limits};
use crate::device::doubts::Boots;
use crate::enrollment::record::Recorder;
use crate::metrics::Metrics;
use crate::pace::Pace;
use crate::presence::Presence;
use crate::report::intake::Intake;
use crate::store::Store;
use crate::wake::Waiting;

/// Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct DeviceTraffic {
    pub intake: Intake,
    pub presence: Presence,
    pub boots: Boots,
    pub enrollments: Recorder,
    pub waiting: Arc<Waiting>,
    pub pace: Pace,
    pub bodies: BodyLimits,
    allowances: Arc<Mutex<Allowances>>,
    stopping: Arc<AtomicBool>,
}

impl DeviceTraffic {
    /// Starts the committing tasks; they end when every clone is gone and what waits is committed.
    pub fn start(store: &Store, metrics: Arc<Metrics>, pace: Pace, limits: &Limits) -> Self {
        Self {
            intake: Intake::start(store.clone(), metrics),
            presence: Presence::start(store.clone()),
            boots: Boots::start(store.clone()),
            enrollments: Recorder::start(store.clone()),
            waiting: Arc::default(),
            pace,
            bodies: limits.bodies(),
            allowances: Arc::new(Mutex::new(Allowances::of(limits.device_hourly_report_bytes.value()))),
            stopping: Arc::default(),
        }
    }

    /// Whether the device may send reports of this size now.
    pub fn admits_reports(&self, key: KeyFingerprint, bytes: u64, now: Timestamp) -> bool {
        self.allowances().take(key, bytes, now)
    }

    pub fn count_reports(&self, key: KeyFingerprint, reports: usize, now: Timestamp) {
        self.allowances().count_reports(key, reports, now);
    }

    fn allowances(&self) -> std::sync::MutexGuard<'_, Allowances> {
        self.allowances.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every wait: agents are answered and ask again elsewhere, or later.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.waiting.wake_all();
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

impl Pace {
    pub fn of(config: &Config) -> Self {
        Self {
            most_waiting: config.limits.waiting_check_ins.size(),
            wait: Seconds::saturating(config.check_in.wait_seconds.value()),
            interval: Seconds::saturating(config.check_in.interval_seconds.value()),
        }
    }
}

impl Limits {
    /// What one request of a device may have.
    pub fn bodies(&self) -> BodyLimits {
        BodyLimits {
            packed: self.device_body_bytes.size(),
            unpacked: self.device_body_decompressed_bytes.size(),
        }
    }
}
