//! Is the key that lies here this computer's own? Nothing is signed before that is settled (promise 3).
//!
//! Pure. The evidence that the key was enrolled with is compared with the present hardware by the rule that
//! both sides share. What one cannot tell alone the controller decides.

use inventory_schema::enrollment::{HardwareEvidence, RekeyReason};
use inventory_schema::envelope::ChainHead;
use inventory_schema::likeness::{Likeness, LikenessVerdict};

/// Whether this computer may sign with the key it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The hardware was not seen yet since the start.
    Awaited,
    Settled,
    /// Quarantined: the controller is asked.
    InDoubt(Doubt),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Doubt {
    pub reason: RekeyReason,
    pub fork: Option<Fork>,
}

/// This computer's envelope that found its place taken, and the head it would have to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fork {
    pub own: ChainHead,
    pub head: ChainHead,
}

/// What is known of the hardware that the key belongs to.
#[derive(Debug, Clone)]
pub(super) struct Recognition {
    pub standing: Standing,
    /// The evidence that the key was enrolled with, followed through repairs.
    pub kept: HardwareEvidence,
    /// What was seen last.
    pub present: HardwareEvidence,
}

impl Recognition {
    /// Where nobody looks at the hardware the key is taken for this computer's.
    pub(super) fn taken_for_granted() -> Self {
        Self {
            standing: Standing::Settled,
            kept: HardwareEvidence::default(),
            present: HardwareEvidence::default(),
        }
    }

    pub(super) fn awaited(kept: HardwareEvidence) -> Self {
        Self {
            standing: Standing::Awaited,
            present: kept.clone(),
            kept,
        }
    }

    pub(super) fn may_sign(&self) -> bool {
        self.standing == Standing::Settled
    }

    /// Takes in what the hardware says now; answers whether the kept evidence changed.
    pub(super) fn see(&mut self, present: HardwareEvidence) -> bool {
        let verdict = Likeness::of(&self.kept, &present).verdict;
        self.present = present;
        if verdict == LikenessVerdict::Different {
            // A doubt of another kind is settled by the same question.
            if !matches!(self.standing, Standing::InDoubt(_)) {
                self.standing = Standing::InDoubt(Doubt {
                    reason: RekeyReason::HardwareDiffers,
                    fork: None,
                });
            }
            return false;
        }
        if self.standing == Standing::Awaited {
            self.standing = Standing::Settled;
        }
        let followed = self.kept.followed_by(&self.present);
        let changed = followed != self.kept;
        self.kept = followed;
        changed
    }

    /// The controller has said whose the key is: the hardware belongs to it from now on.
    pub(super) fn settle(&mut self) {
        // Of another computer's evidence nothing is left.
        self.kept = match Likeness::of(&self.kept, &self.present).verdict {
            LikenessVerdict::Different => self.present.clone(),
            _ => self.kept.followed_by(&self.present),
        };
        self.standing = Standing::Settled;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn computer(name: &str) -> HardwareEvidence {
        HardwareEvidence {
            system_serial: Some(format!("PF{name}X").parse().unwrap()),
            board_serial: Some(format!("BRD{name}").parse().unwrap()),
            disk_serials: vec![format!("DISK{name}").parse().unwrap()],
            ..HardwareEvidence::default()
        }
    }

    #[test]
    fn nothing_is_signed_before_the_hardware_was_seen_nor_on_another_computer() {
        let mut recognition = Recognition::awaited(computer("0001"));
        assert!(!recognition.may_sign());
        assert!(!recognition.see(computer("0002")));
        let Standing::InDoubt(doubt) = recognition.standing else {
            panic!("another computer");
        };
        assert_eq!(doubt.reason, RekeyReason::HardwareDiffers);
        assert_eq!(recognition.kept, computer("0001"), "another's hardware is not taken for its own");
        recognition.settle();
        assert!(recognition.may_sign());
        assert_eq!(recognition.kept, computer("0002"), "the controller has the last word");
    }

    #[test]
    fn a_computer_that_is_repaired_bit_by_bit_stays_itself() {
        let mut recognition = Recognition::awaited(computer("0001"));
        let steps: [fn(&mut HardwareEvidence); 3] = [
            |seen| seen.disk_serials = computer("0002").disk_serials,
            |seen| seen.board_serial = computer("0002").board_serial,
            |seen| seen.system_serial = computer("0002").system_serial,
        ];
        let mut seen = computer("0001");
        for step in steps {
            step(&mut seen);
            assert!(recognition.see(seen.clone()));
            assert!(recognition.may_sign(), "{seen:?}");
        }
        assert_eq!(recognition.kept, computer("0002"));
    }

    #[test]
    fn hardware_that_cannot_be_read_settles_and_loses_nothing() {
        let mut recognition = Recognition::awaited(computer("0001"));
        assert!(!recognition.see(HardwareEvidence::default()));
        assert!(recognition.may_sign());
        assert_eq!(recognition.kept, computer("0001"));
        let mut unknown = Recognition::awaited(HardwareEvidence::default());
        assert!(unknown.see(computer("0001")), "the first good reading is taken over");
        assert!(unknown.may_sign());
    }
}
