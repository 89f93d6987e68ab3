//! The quarantine: from a doubt whose key this is to the controller's word (promise 3).
//!
//! Pure, a part of the core. In doubt nothing is signed, no certificate is renewed and no check-in sent; the hardware is
//! still looked at, and the controller is asked again for as long as it does not answer. What a doubt is
//! [`super::recognition`] knows.

use inventory_schema::enrollment::{HardwareEvidence, RekeyReason};
use inventory_schema::envelope::Resumption;
use inventory_schema::quantity::Seconds;

use super::recognition::{Doubt, Fork, Standing};
use super::{Action, Duty, Failure, Reconciler, Rekeyed};
use crate::clock::Moment;

impl Reconciler {
    /// Whether the controller is being asked if the key is this computer's.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self.recognition.standing, Standing::InDoubt(_))
    }

    /// What was begun with the present key ends first.
    pub(super) fn may_ask_for_key(&self) -> bool {
        let others = [self.deliver, self.renew];
        self.is_in_doubt() && self.is_quiet() && !others.contains(&Duty::UnderWay)
    }

    pub(super) fn hardware_seen(&mut self, evidence: HardwareEvidence, now: Moment, actions: &mut Vec<Action>) {
        let before = self.recognition.standing;
        if self.recognition.see(evidence) {
            actions.push(Action::KeepEvidence(Box::new(self.recognition.kept.clone())));
        }
        match (before, self.recognition.standing) {
            (Standing::InDoubt(_), _) => {}
            (_, Standing::InDoubt(doubt)) => {
                self.ledger.doubt = Some(doubt.reason);
                self.rekey.no_later_than(now.uptime);
                actions.push(Action::SaveLedger(Box::new(self.ledger.clone())));
            }
            // What was answered meanwhile was not followed.
            (Standing::Awaited, _) => self.check_in.no_later_than(now.uptime),
            (Standing::Settled, _) => {}
        }
    }

    /// From now on nothing is signed until the controller has said whose key this is.
    pub(super) fn doubt(&mut self, reason: RekeyReason, fork: Option<Fork>, now: Moment) {
        if !self.is_in_doubt() {
            self.recognition.standing = Standing::InDoubt(Doubt { reason, fork });
            self.ledger.doubt = Some(reason);
            self.rekey.no_later_than(now.uptime);
        }
    }

    pub(super) fn ask_for_key(&self, now: Moment) -> Option<Action> {
        let Standing::InDoubt(doubt) = self.recognition.standing else {
            return None;
        };
        Some(Action::AskForKey {
            reason: doubt.reason,
            forked: doubt.fork.map(|fork| fork.own),
            evidence: Box::new(self.recognition.present.clone()),
            boot: now.boot,
        })
    }

    /// The key is this computer's: it goes on, in a new epoch where its chain had split.
    pub(super) fn key_kept(&mut self, now: Moment, actions: &mut Vec<Action>) {
        self.rekey = Duty::Resting;
        self.rekeying.succeeded();
        let Standing::InDoubt(doubt) = self.recognition.standing else {
            return;
        };
        self.recognition.settle();
        self.ledger.doubt = None;
        actions.push(Action::KeepEvidence(Box::new(self.recognition.kept.clone())));
        if let Some(fork) = doubt.fork {
            self.resume(fork.head, Resumption::Forked, actions);
        }
        self.check_in.no_later_than(now.uptime);
        actions.push(Action::SaveLedger(Box::new(self.ledger.clone())));
    }

    /// Another key, perhaps another device: its chain begins, and everything is stated anew.
    pub(super) fn rekeyed(&mut self, rekeyed: Rekeyed, now: Moment, actions: &mut Vec<Action>) {
        self.subject = rekeyed.subject;
        self.holdings = rekeyed.holdings;
        self.spool = rekeyed.depth;
        self.ledger = std::mem::take(&mut self.ledger).of_key(self.subject.key);
        self.wanted.clear();
        // They name the device before.
        self.made.clear();
        self.resumption = None;
        self.asked_at = None;
        self.unfollowed = None;
        self.receipt_wanted = false;
        self.evidence_wanted = false;
        self.renewal_due = false;
        self.rekeying.succeeded();
        self.recognition.settle();
        // What was under way belonged to the key before; the shell drops its outcome.
        [self.rekey, self.renew, self.time, self.deliver] = [Duty::Resting; 4];
        self.wait = Seconds::saturating(0);
        self.check_in = Duty::Due(now.uptime);
        actions.push(Action::KeepEvidence(Box::new(self.recognition.kept.clone())));
        actions.push(Action::SaveLedger(Box::new(self.ledger.clone())));
    }

    pub(super) fn rekey_failed(&mut self, failure: Failure, now: Moment, actions: &mut Vec<Action>) {
        if failure == Failure::WrongTime {
            self.time.no_later_than(now.uptime);
        }
        let pause = match failure {
            Failure::Refused(_) => self.chance.spread(self.schedule.refused),
            _ => self.rekeying.failed(&self.schedule, &mut self.chance).max(failure.told_to_wait()),
        };
        self.rekey = Duty::Due(now.uptime + pause);
        self.remember_refusal(failure, now, actions);
    }
}
