//! The chain of reports: drafted, delivered, acknowledged, and taken up again wherever it broke.
//!
//! A part of the core, which decides and performs nothing: compares the controller's head with what this agent
//! remembers, and lays the next envelopes onto it.

use std::collections::BTreeMap;

use inventory_schema::enrollment::RekeyReason;
use inventory_schema::envelope::{ChainHead, ChainPlace, EnvelopeFormat, ReportClock, ReportKind, Resumption};
use inventory_schema::quantity::Microseconds;
use inventory_schema::report::ReportOutcome;
use inventory_schema::{CanonicalBytes, Digest, Envelope, SectionName};

use super::*;

impl Reconciler {
    /// Compares the controller's head of the chain with what this agent remembers.
    pub(super) fn follow(&mut self, head: Option<ChainHead>, actions: &mut Vec<Action>) {
        if !self.recognition.may_sign() {
            return;
        }
        if self.deliver == Duty::UnderWay || self.resuming || self.is_stale() {
            // What is on its way may have moved the head since the answer was written.
            return;
        }
        if self.spooling.is_some() {
            // Nothing is delivered before it is followed: the report would fork a chain that went on without it.
            self.unfollowed = Some(head);
            return;
        }
        match head {
            Some(head) if Some(head) == self.ledger.newest => self.ledger.acknowledged = Some(head),
            Some(head) if Some(head) == self.ledger.acknowledged => {
                // What was signed after it and is not on disk any more is lost: sign on from the head.
                if self.spool.reports.get() == 0 && self.spool.tombstones.get() == 0 {
                    self.continue_from(head, Resumption::StateRestored);
                }
            }
            Some(head) => {
                self.ledger.restored += 1;
                // A head that this agent does not remember: its own state on disk is older (promise 9, DESIGN §4).
                self.ledger.acknowledged = Some(head);
                self.resume(head, Resumption::StateRestored, actions);
            }
            None => {
                if self.ledger.acknowledged.take().is_some() {
                    self.resumption = Some(Resumption::RecordLost);
                    self.ledger.held.clear();
                }
            }
        }
    }

    pub(super) fn follow_late(&mut self, actions: &mut Vec<Action>) {
        if let Some(head) = self.unfollowed.take() {
            self.follow(head, actions);
        }
    }

    /// Makes the next envelope follow `head`, and what waits on disk before it.
    pub(super) fn resume(&mut self, head: ChainHead, reason: Resumption, actions: &mut Vec<Action>) {
        if self.spool.reports.get() + self.spool.tombstones.get() > 0 {
            self.resuming = true;
            self.deliver = Duty::Resting;
            actions.push(Action::Resume { head, reason });
        } else {
            self.continue_from(head, reason);
        }
    }

    pub(super) fn continue_from(&mut self, head: ChainHead, reason: Resumption) {
        self.ledger.newest = Some(head);
        self.resumption = Some(reason);
        // What the chain stated since is unknown: state everything that the controller does not confirm.
        self.ledger.stated = self.ledger.held.clone();
    }

    pub(super) fn take_back_draft(&mut self, now: Moment) {
        if let Some(drafted) = self.spooling.take() {
            self.ledger.newest = drafted.newest_before;
            self.ledger.stated = drafted.stated_before;
            self.wanted = drafted.wanted_before;
            self.resumption = drafted.resumption_before;
            if let Some(document) = drafted.document {
                self.made.push_front(document);
            }
        }
        // The next look at the hardware drafts it again.
        self.collected.clear();
        let pause = self.chance.spread(self.schedule.retry_longest);
        self.collect = Duty::Due(now.uptime + pause);
    }

    pub(super) fn delivered(&mut self, answers: Vec<Delivery>, depth: SpoolDepth, now: Moment, actions: &mut Vec<Action>) {
        self.deliver = Duty::Resting;
        self.spool = depth;
        let mut again = depth.reports.get() + depth.tombstones.get() > 0;
        for delivery in answers {
            match delivery.outcome {
                ReportOutcome::Stored { missing } => {
                    self.delivery.succeeded();
                    self.acknowledge(delivery.head, delivery.sections.clone());
                    let lost = delivery.sections.into_iter().filter(|(_, digest)| missing.contains(digest));
                    self.wanted.extend(lost.map(|(name, _)| name));
                }
                ReportOutcome::Duplicate => self.acknowledge(delivery.head, delivery.sections),
                ReportOutcome::Forked { head } => {
                    // The new epoch states everything: the fork's sections may not have become the device's state.
                    self.wanted.extend(SectionName::ALL);
                    self.ledger.acknowledged = Some(head);
                    // Another computer may sign with this key: the controller is asked before anything more is signed.
                    let own = delivery.head;
                    self.doubt(RekeyReason::Forked, Some(Fork { own, head }), now);
                    again = false;
                    break;
                }
                ReportOutcome::Gap { head } => {
                    self.ledger.acknowledged = Some(head);
                    self.resume(head, Resumption::StateRestored, actions);
                    again = false;
                    break;
                }
                // The shell put it aside; the envelopes after it are answered with a gap and resume.
                ReportOutcome::Refused { .. } => self.wanted.extend(delivery.sections.into_keys()),
                // Not now, or not before the controller knows this device again: check in first.
                ReportOutcome::Retry => {
                    self.postpone_delivery(Failure::Busy(None), now);
                    self.lose_contact(Failure::Busy(None), now);
                    again = false;
                    break;
                }
            }
        }
        if again {
            self.deliver_soon(now);
        }
        actions.push(Action::SaveLedger(Box::new(self.ledger.clone())));
    }

    pub(super) fn acknowledge(&mut self, head: ChainHead, sections: BTreeMap<SectionName, Digest>) {
        if self.ledger.acknowledged.is_none_or(|known| known.place < head.place) {
            self.ledger.acknowledged = Some(head);
        }
        self.ledger.held.extend(sections);
    }

    pub(super) fn deliver_soon(&mut self, now: Moment) {
        let waiting = self.spool.reports.get() + self.spool.tombstones.get() > 0;
        if waiting && !self.resuming && !self.receipt_wanted && self.in_contact {
            self.deliver.no_later_than(now.uptime.max(self.deliver_not_before));
        }
    }

    /// After each failure the pause grows, however well check-ins are answered meanwhile.
    pub(super) fn postpone_delivery(&mut self, failure: Failure, now: Moment) {
        let pause = self.delivery.failed(&self.schedule, &mut self.chance);
        self.deliver_not_before = now.uptime + pause.max(failure.told_to_wait());
    }

    /// Drafts a report when the hardware differs from what was stated, or when the controller wants a section.
    pub(super) fn draft_if_changed(&mut self, now: Moment, actions: &mut Vec<Action>) {
        if !self.is_quiet() || !self.recognition.may_sign() || self.collected.is_empty() || self.deliver == Duty::UnderWay {
            return;
        }
        let sections: BTreeMap<SectionName, Digest> = self
            .collected
            .iter()
            .filter(|(name, digest)| self.ledger.stated.get(name) != Some(digest) || self.wanted.contains(name))
            .map(|(name, digest)| (*name, *digest))
            .collect();
        if sections.is_empty() {
            return;
        }
        let envelope = self.envelope(sections.clone(), now);
        let digest = CanonicalBytes::of(&envelope)
            .expect("an envelope is text, integers and digests")
            .digest();
        self.spooling = Some(Drafted {
            newest_before: self.ledger.newest,
            stated_before: self.ledger.stated.clone(),
            wanted_before: std::mem::take(&mut self.wanted),
            resumption_before: self.resumption.take(),
            document: None,
        });
        self.ledger.newest = Some(ChainHead {
            place: envelope.place,
            digest,
        });
        self.ledger.stated.extend(sections.iter().map(|(name, digest)| (*name, *digest)));
        actions.push(Action::Spool {
            envelope: Box::new(envelope),
            sections: sections.into_keys().collect(),
        });
    }

    /// Drafts a report of the oldest document that was not signed yet. A controller of before would refuse it, and the
    /// chain would break.
    pub(super) fn draft_document(&mut self, now: Moment, actions: &mut Vec<Action>) {
        let at_rest = self.is_quiet() && self.recognition.may_sign() && self.deliver != Duty::UnderWay;
        // A disk that refused the last report is tried again with the next look at the hardware.
        if self.ledger.spoken < ProtocolRange::SECOND || !at_rest || self.collected.is_empty() {
            return;
        }
        let Some((kind, body)) = self.made.pop_front() else { return };
        let envelope = Envelope {
            kind,
            body: Some(body),
            ..self.envelope(BTreeMap::new(), now)
        };
        let digest = CanonicalBytes::of(&envelope)
            .expect("an envelope is text, integers and digests")
            .digest();
        self.spooling = Some(Drafted {
            newest_before: self.ledger.newest,
            stated_before: self.ledger.stated.clone(),
            wanted_before: self.wanted.clone(),
            resumption_before: self.resumption.take(),
            document: Some((kind, body)),
        });
        self.ledger.newest = Some(ChainHead {
            place: envelope.place,
            digest,
        });
        actions.push(Action::SpoolDocument {
            envelope: Box::new(envelope),
            body,
        });
    }

    pub(super) fn envelope(&self, sections: BTreeMap<SectionName, Digest>, now: Moment) -> Envelope {
        let place = match (self.ledger.newest, self.resumption) {
            (None, _) => ChainPlace::FIRST,
            (Some(newest), Some(Resumption::Forked)) => ChainPlace {
                epoch: newest.place.epoch + 1,
                sequence: 1,
            },
            (Some(newest), _) => newest.place.next(),
        };
        Envelope {
            format: EnvelopeFormat::V1,
            region: self.subject.region.clone(),
            device: self.subject.device,
            key: self.subject.key,
            place,
            previous: self.ledger.newest.map(|newest| newest.digest),
            resumed: self.resumption,
            kind: ReportKind::Inventory,
            body: None,
            agent: self.subject.agent.clone(),
            clock: self.report_clock(now),
            sections,
        }
    }

    pub(super) fn report_clock(&self, now: Moment) -> ReportClock {
        ReportClock {
            device: now.device,
            trusted: self.ledger.trusted_time.and_then(|trusted| trusted.at(now)),
            boot: now.boot,
            uptime: Microseconds::saturating(u64::try_from(now.uptime.as_micros()).unwrap_or(u64::MAX)),
        }
    }
}

/// Lays a row of envelopes onto `head`, oldest first: new places, each naming the one before. The first
/// says the reason, if there is one; a fork begins a new epoch.
pub fn resume_from(head: ChainHead, reason: Option<Resumption>, envelopes: Vec<Envelope>) -> Vec<Envelope> {
    let mut newest = head;
    let mut resumed = reason;
    envelopes
        .into_iter()
        .map(|mut envelope| {
            envelope.place = match resumed {
                Some(Resumption::Forked) => ChainPlace {
                    epoch: newest.place.epoch + 1,
                    sequence: 1,
                },
                _ => newest.place.next(),
            };
            envelope.previous = Some(newest.digest);
            envelope.resumed = resumed.take();
            let digest = CanonicalBytes::of(&envelope)
                .expect("an envelope is text, integers and digests")
                .digest();
            newest = ChainHead {
                place: envelope.place,
                digest,
            };
            envelope
        })
        .collect()
}
