//! The core of the agent: state, event and time in; actions and the next wake-up out.
//!
//! It knows no socket, file, clock or key. The shell ([`crate::eventloop`]) performs what it names and
//! brings every outcome back as an [`Event`]; nothing else changes its state, so that a year of an
//! agent's life can be driven through it in a test.
//!
//! What it keeps true:
//! - every section is stated to the controller when it differs from what was stated last, or is wanted;
//! - an envelope names the one before it, whatever was lost on either side;
//! - nothing is signed before the hardware was seen to be the one that the key belongs to;
//! - at most one action of each kind is under way;
//! - after a failure the pauses grow, and no wall clock decides when anything happens.

mod action;
mod chain;
mod event;
mod quarantine;
mod recognition;
mod schedule;
mod summaries;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use inventory_schema::check_in::{CheckIn, CheckInAnswer, ProtocolRange, SpoolDepth};
use inventory_schema::enrollment::{HardwareEvidence, RekeyReason};
use inventory_schema::envelope::{ChainHead, ReportKind, Resumption};
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::Seconds;
use inventory_schema::text::Word;
use inventory_schema::{DeviceId, Digest, KeyFingerprint, RegionId, SectionName, Timestamp};

pub use action::Action;
pub use chain::resume_from;
pub use event::{Delivery, Event, Failure, Rekeyed};
use recognition::{Fork, Recognition, Standing};
pub use schedule::{Backoff, Chance, Schedule};
use summaries::Summaries;

use crate::clock::{Moment, TrustedTime};
use crate::ledger::{LastRefusal, Ledger};

/// Who this agent is; settled at enrollment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub region: RegionId,
    pub device: DeviceId,
    pub key: KeyFingerprint,
    pub agent: Word,
}

/// What the agent holds besides the ledger, by digest: told at the start and after each change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holdings {
    pub trust: Option<Digest>,
    pub receipt: Option<Digest>,
}

#[derive(Debug)]
pub struct Reconciler {
    subject: Subject,
    schedule: Schedule,
    chance: Chance,
    ledger: Ledger,
    holdings: Holdings,
    spool: SpoolDepth,
    collected: BTreeMap<SectionName, Digest>,
    /// The newest order to every device to look at its hardware that was heard of. Not kept on disk: an agent that starts
    /// looks anyway.
    collection: Option<Timestamp>,
    /// When the hardware was last looked at, by the boot clock.
    looked_at: Option<Duration>,
    /// Sections to state although they did not change.
    wanted: BTreeSet<SectionName>,
    /// Why the next envelope does not continue from what this agent wrote last.
    resumption: Option<Resumption>,
    /// Documents that are to be signed, oldest first; the shell keeps their bodies.
    made: VecDeque<(ReportKind, Digest)>,
    collect: Duty,
    check_in: Duty,
    deliver: Duty,
    renew: Duty,
    time: Duty,
    rekey: Duty,
    recognition: Recognition,
    /// The hardware was looked at since the start, with or without success.
    looked: bool,
    /// The controller wants to see the evidence.
    evidence_wanted: bool,
    rekeying: Backoff,
    spooling: Option<Drafted>,
    resuming: bool,
    receipt_wanted: bool,
    summaries: Summaries,
    /// What was acknowledged when the check-in under way was asked: an answer that was written before a
    /// delivery ended must not be taken for news.
    asked_at: Option<ChainHead>,
    /// The controller's head, answered while a report was on its way to disk: it is followed when that ended.
    unfollowed: Option<Option<ChainHead>>,
    /// How long the next check-in may wait for news.
    wait: Seconds,
    /// The last thing heard of the controller was an answer. Reports are sent only then: check-in comes first.
    in_contact: bool,
    contact: Backoff,
    /// A controller that answers check-ins may yet have no room for reports.
    delivery: Backoff,
    deliver_not_before: Duration,
    renewal: Backoff,
    renewal_due: bool,
    stopping: bool,
}

/// Something that is done now and then: under way, due at a moment of the boot clock, or at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    Resting,
    Due(Duration),
    UnderWay,
}

impl Duty {
    fn is_due(self, uptime: Duration) -> bool {
        matches!(self, Self::Due(at) if at <= uptime)
    }

    fn begin_if_due(&mut self, uptime: Duration) -> bool {
        let due = self.is_due(uptime);
        if due {
            *self = Self::UnderWay;
        }
        due
    }

    /// Falls due at `at`, or earlier if it would have; what is under way stays under way.
    fn no_later_than(&mut self, at: Duration) {
        match self {
            Self::UnderWay => {}
            Self::Resting => *self = Self::Due(at),
            Self::Due(already) => *already = at.min(*already),
        }
    }
}

/// A report on its way to disk: how to take it back if the disk refuses.
#[derive(Debug)]
struct Drafted {
    newest_before: Option<ChainHead>,
    stated_before: BTreeMap<SectionName, Digest>,
    wanted_before: BTreeSet<SectionName>,
    resumption_before: Option<Resumption>,
    /// The document that the report carries.
    document: Option<(ReportKind, Digest)>,
}

/// Documents that wait to be signed; further ones push the oldest out.
const MADE_MOST: usize = 64;

impl Reconciler {
    /// An agent that just started: it looks at the hardware and checks in at once.
    pub fn new(
        subject: Subject,
        schedule: Schedule,
        seed: u64,
        ledger: Ledger,
        holdings: Holdings,
        spool: SpoolDepth,
        now: Moment,
    ) -> Self {
        Self {
            // Doubts are had anew.
            ledger: Ledger {
                doubt: None,
                ..ledger.of_key(subject.key)
            },
            subject,
            schedule,
            chance: Chance::seeded(seed),
            holdings,
            spool,
            collected: BTreeMap::new(),
            collection: None,
            looked_at: None,
            wanted: BTreeSet::new(),
            resumption: None,
            made: VecDeque::new(),
            collect: Duty::Due(now.uptime),
            check_in: Duty::Due(now.uptime),
            deliver: Duty::Resting,
            renew: Duty::Resting,
            time: Duty::Resting,
            rekey: Duty::Resting,
            recognition: Recognition::taken_for_granted(),
            looked: true,
            evidence_wanted: false,
            rekeying: Backoff::default(),
            spooling: None,
            resuming: false,
            receipt_wanted: false,
            summaries: Summaries::default(),
            asked_at: None,
            unfollowed: None,
            wait: Seconds::saturating(0),
            in_contact: false,
            contact: Backoff::default(),
            delivery: Backoff::default(),
            deliver_not_before: Duration::ZERO,
            renewal: Backoff::default(),
            renewal_due: false,
            stopping: false,
        }
    }

    /// Begins by asking whether the hardware is the one of `kept`: the shell brings [`Event::HardwareSeen`].
    #[must_use]
    pub fn recognizing(mut self, kept: HardwareEvidence) -> Self {
        self.recognition = Recognition::awaited(kept);
        self.looked = false;
        self
    }

    /// Says that half of the certificate's lifetime is over; the shell asks `identity` after each event.
    pub fn set_renewal_due(&mut self, due: bool, now: Moment) {
        self.renewal_due = due;
        if due {
            self.renew.no_later_than(now.uptime);
        } else if matches!(self.renew, Duty::Due(_)) {
            self.renew = Duty::Resting;
        }
    }

    pub fn set_holdings(&mut self, holdings: Holdings) {
        self.holdings = holdings;
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// When to call again if nothing happens, by the boot clock.
    pub fn next_wakeup(&self) -> Option<Duration> {
        let when = |may: bool, duty: Duty| if may { duty } else { Duty::Resting };
        let deliver = when(self.may_deliver(), self.deliver);
        let check_in = when(self.may_check_in(), self.check_in);
        let renew = when(!self.is_in_doubt(), self.renew);
        let rekey = when(self.may_ask_for_key(), self.rekey);
        [self.collect, check_in, deliver, renew, self.time, rekey]
            .into_iter()
            .filter_map(|duty| if let Duty::Due(at) = duty { Some(at) } else { None })
            .min()
    }

    pub fn handle(&mut self, event: Event, now: Moment) -> Vec<Action> {
        let mut actions = Vec::new();
        self.take_in(event, now, &mut actions);
        if self.stopping {
            return actions;
        }
        self.draft_if_changed(now, &mut actions);
        self.draft_document(now, &mut actions);
        self.begin_duties(now, &mut actions);
        actions
    }

    fn take_in(&mut self, event: Event, now: Moment, actions: &mut Vec<Action>) {
        match event {
            Event::Woken => {}
            Event::Collected { sections } => {
                self.collected = sections;
                self.looked = true;
                self.looked_at = Some(now.uptime);
                let awaited = self.recognition.standing == Standing::Awaited;
                let pause = if awaited {
                    self.schedule.retry_longest
                } else {
                    self.schedule.collect_every
                };
                self.collect = Duty::Due(now.uptime + self.chance.spread(pause));
            }
            Event::HardwareSeen(evidence) => self.hardware_seen(*evidence, now, actions),
            Event::RekeyKept => self.key_kept(now, actions),
            Event::Rekeyed(rekeyed) => self.rekeyed(*rekeyed, now, actions),
            // A controller that does not know the question has no other answer than this key.
            Event::RekeyFailed(Failure::Refused(ProblemCode::NotFound)) => self.key_kept(now, actions),
            Event::RekeyFailed(failure) => self.rekey_failed(failure, now, actions),
            Event::CheckInAnswered(answer) => self.check_in_answered(*answer, now, actions),
            Event::CheckInFailed(failure) => {
                self.check_in = Duty::Resting;
                self.lose_contact(failure, now);
                self.remember_refusal(failure, now, actions);
            }
            Event::DocumentMade { kind, body } => {
                self.made.push_back((kind, body));
                if self.made.len() > MADE_MOST {
                    self.made.pop_front();
                }
            }
            Event::Spooled { depth } => {
                self.spool = depth;
                self.spooling = None;
                self.follow_late(actions);
                self.deliver_soon(now);
                actions.push(Action::SaveLedger(Box::new(self.ledger.clone())));
            }
            Event::SpoolFailed => {
                self.take_back_draft(now);
                self.follow_late(actions);
            }
            Event::Delivered { answers, depth } => self.delivered(answers, depth, now, actions),
            Event::DeliveryFailed(failure) => {
                self.deliver = Duty::Resting;
                self.postpone_delivery(failure, now);
                self.lose_contact(failure, now);
                self.remember_refusal(failure, now, actions);
            }
            Event::Resumed { newest, depth } => {
                self.resuming = false;
                self.spool = depth;
                self.ledger.newest = Some(newest);
                self.deliver_soon(now);
                actions.push(Action::SaveLedger(Box::new(self.ledger.clone())));
            }
            Event::ResumeFailed => {
                self.resuming = false;
                let pause = self.chance.spread(self.schedule.retry_longest);
                self.check_in.no_later_than(now.uptime + pause);
            }
            Event::Renewed => {
                self.renewal.succeeded();
                self.renewal_due = false;
                self.renew = Duty::Resting;
                self.check_in.no_later_than(now.uptime);
            }
            Event::RenewalFailed(failure) => {
                let pause = self.renewal.failed(&self.schedule, &mut self.chance);
                self.renew = Duty::Due(now.uptime + pause);
                if failure == Failure::WrongTime {
                    self.time.no_later_than(now.uptime);
                }
            }
            Event::TimeReceived(time) => {
                self.ledger.trusted_time = Some(TrustedTime::received(time, now));
                self.time = Duty::Resting;
                self.check_in.no_later_than(now.uptime);
                if self.is_in_doubt() {
                    self.rekey.no_later_than(now.uptime);
                }
                actions.push(Action::SaveLedger(Box::new(self.ledger.clone())));
            }
            Event::TimeFailed(_) => self.time = Duty::Resting,
            Event::Stopping => {
                self.stopping = true;
                actions.push(Action::SaveLedger(Box::new(self.ledger.clone())));
                actions.push(Action::Stop);
            }
        }
    }

    fn check_in_answered(&mut self, answer: CheckInAnswer, now: Moment, actions: &mut Vec<Action>) {
        self.contact.succeeded();
        self.in_contact = true;
        self.ledger.last_refusal = None;
        self.ledger.trusted_time = Some(TrustedTime::received(answer.server_time, now));
        self.check_in = Duty::Due(now.uptime + Duration::from_secs(answer.next_check_in.get()));
        self.wait = answer.wait;
        self.ledger.spoken = answer.protocol;
        if self.spool.reports.get() == 0 && self.is_quiet() && !self.is_stale() {
            // What waits on disk may state them already; the next check-in asks again if it did not.
            self.wanted.extend(answer.wanted);
        }
        self.summaries.answered(answer.protocol, answer.beliefs_wanted);
        self.receipt_wanted = answer.receipt_wanted;
        if answer.receipt_wanted {
            self.check_in = Duty::Due(now.uptime);
        }
        if answer.collect_now {
            self.collect.no_later_than(now.uptime);
        }
        self.hear_of_order(answer.collection, answer.server_time, now);
        self.evidence_wanted = answer.evidence_wanted;
        if answer.evidence_wanted {
            self.check_in = Duty::Due(now.uptime);
        }
        if answer.rekey {
            self.doubt(RekeyReason::Told, None, now);
        }
        if let Some(trust) = answer.trust {
            actions.push(Action::AdoptTrust(trust));
        }
        if let Some(receipt) = answer.receipt {
            actions.push(Action::AdoptReceipt(receipt));
        }
        self.follow(answer.head, actions);
        actions.push(Action::SaveLedger(Box::new(self.ledger.clone())));
        self.deliver_soon(now);
    }

    /// An order to all counts for whoever has not looked since it was given: by the controller's time, because this
    /// agent may have looked long before it got through to anybody.
    fn hear_of_order(&mut self, ordered: Option<Timestamp>, server_time: Timestamp, now: Moment) {
        let Some(ordered) = ordered.filter(|ordered| Some(*ordered) > self.collection) else {
            return;
        };
        self.collection = Some(ordered);
        let has_looked = |at: Duration| ordered < server_time - now.uptime.saturating_sub(at);
        if !self.looked_at.is_some_and(has_looked) {
            self.collect.no_later_than(now.uptime);
        }
    }

    fn lose_contact(&mut self, failure: Failure, now: Moment) {
        match failure {
            Failure::WrongTime => self.time.no_later_than(now.uptime),
            Failure::CertificateExpired => {
                self.renewal_due = true;
                self.renew.no_later_than(now.uptime);
            }
            Failure::Unreachable | Failure::Busy(_) | Failure::Refused(_) => {}
        }
        let pause = match failure {
            Failure::Refused(_) => self.chance.spread(self.schedule.refused),
            _ => self.contact.failed(&self.schedule, &mut self.chance).max(failure.told_to_wait()),
        };
        self.in_contact = false;
        self.wait = Seconds::saturating(0);
        self.check_in.no_later_than(now.uptime + pause);
    }

    /// For `status`: whoever looks at the computer must not have to ask the controller why nothing is accepted.
    fn remember_refusal(&mut self, failure: Failure, now: Moment, actions: &mut Vec<Action>) {
        if let Failure::Refused(code) = failure {
            let trusted = self.ledger.trusted_time.and_then(|trusted| trusted.at(now));
            let at = trusted.unwrap_or(now.device);
            self.ledger.last_refusal = Some(LastRefusal { code, at });
            actions.push(Action::SaveLedger(Box::new(self.ledger.clone())));
        }
    }

    fn begin_duties(&mut self, now: Moment, actions: &mut Vec<Action>) {
        if self.time.begin_if_due(now.uptime) {
            actions.push(Action::AskTime);
        }
        if !self.is_in_doubt() && self.renew.begin_if_due(now.uptime) {
            actions.push(Action::Renew);
        }
        if self.collect.begin_if_due(now.uptime) {
            actions.push(Action::Collect);
        }
        if self.may_deliver() && self.deliver.begin_if_due(now.uptime) {
            actions.push(Action::Deliver);
        }
        if self.may_ask_for_key() && self.rekey.begin_if_due(now.uptime) {
            actions.extend(self.ask_for_key(now));
        }
        if self.may_check_in() && self.check_in.begin_if_due(now.uptime) {
            self.asked_at = self.ledger.acknowledged;
            let whole = self.check_in_request(now);
            let request = Box::new(match self.receipt_wanted || self.evidence_wanted {
                true => whole,
                false => self.summaries.shortened(whole),
            });
            let wait = if self.receipt_wanted { Seconds::saturating(0) } else { self.wait };
            actions.push(Action::CheckIn {
                request,
                wait,
                with_receipt: self.receipt_wanted,
            });
        }
    }

    /// Something was delivered since the check-in was asked.
    fn is_stale(&self) -> bool {
        self.asked_at != self.ledger.acknowledged
    }

    /// Nothing is being written to the spool.
    fn is_quiet(&self) -> bool {
        self.spooling.is_none() && !self.resuming
    }

    fn may_deliver(&self) -> bool {
        self.is_quiet() && self.recognition.may_sign()
    }

    /// Not with a key that may be another computer's, and not before anybody looked.
    fn may_check_in(&self) -> bool {
        self.looked && !self.is_in_doubt()
    }

    /// What this agent would say of itself now, whole.
    pub fn check_in_request(&self, now: Moment) -> CheckIn {
        CheckIn {
            protocol: ProtocolRange::CURRENT,
            agent: self.subject.agent.clone(),
            clock: self.report_clock(now),
            believed: None,
            held: self.ledger.held.clone(),
            acknowledged: self.ledger.acknowledged,
            trust: self.holdings.trust,
            receipt: self.holdings.receipt,
            signed_receipt: None,
            spool: self.spool,
            evidence: self.recognition.kept.digest(),
            hardware: self.evidence_wanted.then(|| self.recognition.kept.clone()),
            collection: self.collection,
        }
    }
}

#[cfg(test)]
mod tests;
