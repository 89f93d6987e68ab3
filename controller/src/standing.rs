//! What is remembered of devices between their check-ins, and for how long: until the revision is another.
//!
//! Pure. A bounded memory in two generations: what was not asked for during one whole generation is forgotten.
//! Called by `presence.rs`, which asks the database for the revision with every call.

use std::collections::HashMap;
use std::sync::Arc;

use inventory_schema::KeyFingerprint;

use crate::store::presence::Standing;

/// Standings by the key that a device proves.
#[derive(Debug)]
pub struct Standings {
    young: HashMap<KeyFingerprint, Arc<Standing>>,
    old: HashMap<KeyFingerprint, Arc<Standing>>,
    /// How many a generation holds.
    generation: usize,
}

impl Standings {
    /// Remembers between `most / 2` and `most` devices.
    pub fn of_at_most(most: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            generation: (most / 2).max(1),
        }
    }

    pub fn of(&mut self, key: KeyFingerprint) -> Option<Arc<Standing>> {
        if let Some(standing) = self.young.get(&key) {
            return Some(standing.clone());
        }
        let standing = self.old.remove(&key)?;
        self.put(key, standing.clone());
        Some(standing)
    }

    /// Remembers what may be remembered.
    pub fn remember(&mut self, key: KeyFingerprint, standing: &Arc<Standing>) {
        self.old.remove(&key);
        if standing.is_whole() {
            self.put(key, standing.clone());
        } else {
            self.young.remove(&key);
        }
    }

    pub fn forget(&mut self, key: KeyFingerprint) {
        self.young.remove(&key);
        self.old.remove(&key);
    }

    fn put(&mut self, key: KeyFingerprint, standing: Arc<Standing>) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, standing);
    }
}

#[cfg(test)]
mod tests {
    use inventory_schema::{DeviceId, Digest};

    use super::*;

    fn key(number: u8) -> KeyFingerprint {
        KeyFingerprint(Digest::of(&[number]))
    }

    fn standing(device: i64, is_whole: bool) -> Arc<Standing> {
        Arc::new(Standing::of_a_test(device, DeviceId::generate(), is_whole))
    }

    #[test]
    fn whoever_calls_is_remembered_and_whoever_does_not_is_forgotten() {
        let mut standings = Standings::of_at_most(8);
        standings.remember(key(0), &standing(0, true));
        for number in 1..100 {
            standings.remember(key(number), &standing(i64::from(number), true));
            assert_eq!(standings.of(key(0)).unwrap().device, 0);
            assert!(standings.young.len() <= 4 && standings.old.len() <= 4);
        }
        assert_eq!(standings.of(key(1)), None);
        standings.forget(key(0));
        assert_eq!(standings.of(key(0)), None);
    }

    #[test]
    fn what_another_device_may_complete_is_not_remembered() {
        let mut standings = Standings::of_at_most(8);
        standings.remember(key(1), &standing(1, true));
        standings.remember(key(1), &standing(1, false));
        assert_eq!(standings.of(key(1)), None);
    }
}
