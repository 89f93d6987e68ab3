//! What the fleet saw itself, to be held against the database: each computer's own log, and the figures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use inventory_schema::envelope::Resumption;
use inventory_schema::{DeviceId, Digest, KeyFingerprint};

use crate::proxy::Fault;

/// One computer's log. It outlives power cuts and restored disks: nothing simulated can touch it.
#[derive(Debug, Default)]
pub struct Log {
    entries: Mutex<Entries>,
    settled: AtomicBool,
}

#[derive(Debug, Default, Clone)]
pub struct Entries {
    pub device: Option<DeviceId>,
    pub key: Option<KeyFingerprint>,
    /// Every envelope that lay on the disk.
    pub spooled: BTreeSet<Digest>,
    /// Answered as stored or as known.
    pub acknowledged: BTreeSet<Digest>,
    /// Signed anew under another digest, kept aside after a refusal, or gone with a restored disk.
    pub replaced: BTreeSet<Digest>,
    pub refused: BTreeSet<Digest>,
    pub lost_with_disk: BTreeSet<Digest>,
    pub resumed: Vec<Resumption>,
}

impl Log {
    pub fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing waits, everything stated is held, and nothing changed since.
    pub fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Relaxed)
    }

    pub fn set_settled(&self, settled: bool) {
        self.settled.store(settled, Ordering::Relaxed);
    }
}

/// What all computers count together.
#[derive(Debug, Default)]
pub struct Figures {
    pub enrolled: AtomicU64,
    pub check_ins: AtomicU64,
    pub reports: AtomicU64,
    pub changes: AtomicU64,
    pub power_cuts: AtomicU64,
    pub restored_disks: AtomicU64,
    pub clock_jumps: AtomicU64,
    /// Requests that failed, whatever the reason: each is tried again.
    pub retries: AtomicU64,
    /// By kind.
    pub faults: Mutex<BTreeMap<&'static str, u64>>,
    pub check_in_times: Times,
    /// From an agent's start to its first report stored.
    pub visible_times: Times,
    /// From being switched on to the first answer of each boot.
    pub returned_times: Times,
}

impl Figures {
    /// A line went bad.
    pub fn fault(&self, fault: Fault) {
        let name = match fault {
            Fault::Cut => "cut",
            Fault::Stall => "stall",
            Fault::HalfOpen => "half_open",
            Fault::Slow { .. } => "slow",
        };
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
    }
}

pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// When check-ins began to be asked, in tenths of real seconds since the start: what the herd is judged by.
#[derive(Debug)]
pub struct Arrivals {
    begun: Instant,
    tenths: Mutex<Vec<u32>>,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            tenths: Mutex::default(),
        }
    }
}

impl Arrivals {
    pub fn note(&self) {
        let tenth = usize::try_from(self.begun.elapsed().as_millis() / 100).unwrap_or(usize::MAX);
        let mut tenths = self.tenths.lock().unwrap_or_else(PoisonError::into_inner);
        if tenths.len() <= tenth {
            tenths.resize(tenth + 1, 0);
        }
        tenths[tenth] += 1;
    }

    /// How many in each tenth of a second.
    pub fn tenths(&self) -> Vec<u32> {
        self.tenths.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Durations in the real world, to be asked for their quantiles.
#[derive(Debug, Default)]
pub struct Times(Mutex<Vec<Duration>>);

#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Quantiles {
    pub count: usize,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

impl Times {
    pub fn add(&self, time: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(time);
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn quantiles(&self) -> Quantiles {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        times.sort_unstable();
        let at = |per_cent: usize| {
            let index = (times.len() * per_cent / 100).min(times.len().saturating_sub(1));
            times
                .get(index)
                .map_or(0.0, |time| (time.as_secs_f64() * 100_000.0).round() / 100.0)
        };
        Quantiles {
            count: times.len(),
            p50_ms: at(50),
            p99_ms: at(99),
            max_ms: at(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_what_was_added() {
        let times = Times::default();
        assert_eq!(times.quantiles(), Quantiles::default());
        (1..=1000).rev().for_each(|millis| times.add(Duration::from_millis(millis)));
        let quantiles = times.quantiles();
        assert_eq!((quantiles.count, quantiles.p50_ms, quantiles.p99_ms), (1000, 501.0, 991.0));
    }
}
