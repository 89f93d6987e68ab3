//! What a boot that comes back proves.
//!
//! Pure. A computer that slept, a machine that was paused and a disk that was restored come back too; what they
//! cannot do is to run on meanwhile. Only a boot whose own clock went on exactly as ours did, while another boot
//! used the key, belongs to a second computer.

use inventory_schema::Timestamp;

/// When a boot was seen, and how long it had run by its own clock, which counts sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    pub at: Timestamp,
    pub uptime_micros: i64,
}

/// A request may be on its way that long; a computer takes longer to start.
const TOLERANCE_MICROS: i64 = 5_000_000;

/// Whether the boot ran on between the two sightings. The caller knows that another boot was seen between them.
pub fn goes_on(before: Sighting, now: Sighting) -> bool {
    let ours = now.at.micros_since(before.at);
    let its = now.uptime_micros.saturating_sub(before.uptime_micros);
    ours >= 0 && its >= 0 && ours.abs_diff(its) <= (TOLERANCE_MICROS + ours / 1_000).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000;

    fn seen(at: i64, uptime: i64) -> Sighting {
        Sighting {
            at: Timestamp::from_unix_micros(at * SECOND),
            uptime_micros: uptime * SECOND,
        }
    }

    #[test]
    fn a_boot_that_ran_on_while_another_came_is_a_second_computer() {
        assert!(goes_on(seen(1_000, 50), seen(1_060, 110)));
        assert!(goes_on(seen(1_000, 50), seen(87_400, 86_452)), "a day later, by clocks that drift");
    }

    #[test]
    fn a_machine_that_was_set_back_or_paused_proves_nothing() {
        assert!(!goes_on(seen(1_000, 50), seen(1_060, 52)), "a snapshot of a minute ago");
        assert!(!goes_on(seen(1_000, 50), seen(90_000, 60)), "paused for a day");
        assert!(!goes_on(seen(1_000, 50), seen(1_060, 20)), "set back before it was seen");
    }

    proptest! {
        /// Wherever a snapshot was taken, going back to it while another boot lived for longer than the tolerance
        /// is no proof.
        #[test]
        fn going_back_is_never_proof(taken in 0i64..10_000, away in 20i64..1_000_000, ran in 0i64..5) {
            prop_assert!(!goes_on(seen(taken, 100), seen(taken + away + ran + away / 1_000, 100 + ran)));
        }

        #[test]
        fn running_on_always_is(taken in 0i64..10_000, away in 0i64..1_000_000) {
            prop_assert!(goes_on(seen(taken, 100), seen(taken + away, 100 + away)));
        }
    }
}
