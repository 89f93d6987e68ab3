//! What is remembered of devices between their check-ins, and for how long: until the revision is another.
//!
//! Pure. Called by `presence.rs`, which asks the database for the revision with every call.

use std::sync::Arc;

use inventory_schema::KeyFingerprint;

use crate::recent::Recent;
use crate::store::presence::Standing;

/// Standings by the key that a device proves.
#[derive(Debug)]
pub struct Standings {
    recent: Recent<KeyFingerprint, Arc<Standing>>,
}

impl Standings {
    /// Remembers between `most / 2` and `most` devices.
    pub fn of_at_most(most: usize) -> Self {
        Self {
            recent: Recent::of_at_most(most),
        }
    }

    pub fn of(&mut self, key: KeyFingerprint) -> Option<Arc<Standing>> {
        self.recent.get(key).cloned()
    }

    /// Remembers what may be remembered.
    pub fn remember(&mut self, key: KeyFingerprint, standing: &Arc<Standing>) {
        if standing.is_whole() {
            self.recent.put(key, standing.clone());
        } else {
            self.recent.forget(key);
        }
    }

    pub fn forget(&mut self, key: KeyFingerprint) {
        self.recent.forget(key);
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
    fn what_another_device_may_complete_is_not_remembered() {
        let mut standings = Standings::of_at_most(8);
        standings.remember(key(1), &standing(1, true));
        standings.remember(key(1), &standing(1, false));
        assert_eq!(standings.of(key(1)), None);
    }
}
