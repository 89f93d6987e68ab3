//! Plays the network to the core: the answer that lies on the stick is what the controller says, and beyond it the
//! controller is not reached.
//!
//! Everything is done in order and at once: nothing waits here. The core keeps its ledger, follows the chain's head,
//! signs anew what must be, and drafts what changed, as in [`crate::eventloop`].

use std::collections::{BTreeMap, VecDeque};

use inventory_schema::Digest;
use inventory_schema::carry::CarriedAnswer;
use inventory_schema::check_in::CheckIn;
use inventory_schema::enrollment::RekeyReason;
use inventory_schema::report::{MAX_BODY_BYTES, MAX_REPORTS_PER_BATCH, ReportAnswer, ReportOutcome};

use super::{CarryError, move_forward};
use crate::clock::SharedClock;
use crate::config::AgentConfig;
use crate::enrollment::{Enrollment, agent_version};
use crate::eventloop::kept_bodies::KeptBodies;
use crate::eventloop::{deliver, failure_of_code, holdings, resume, sign};
use crate::identity::Identity;
use crate::ledger::Ledger;
use crate::privileged::Collector;
use crate::reconciler::{Action, Event, Failure, Reconciler, Schedule, Subject};
use crate::spool::Spool;

pub(super) struct Exchange<'a> {
    pub(super) config: &'a AgentConfig,
    pub(super) collector: &'a Collector,
    pub(super) clock: &'a SharedClock,
    pub(super) enrollment: &'a mut Enrollment,
    pub(super) identity: &'a Identity,
    pub(super) spool: &'a mut Spool,
    /// Whether the answer is news; an old one only tells which reports are held.
    pub(super) fresh: bool,
    pub(super) answer: Option<CarriedAnswer>,
}

pub(super) struct Exchanged {
    /// What the agent says of itself now.
    pub(super) check_in: CheckIn,
    /// Reports that left the disk because the controller holds them.
    pub(super) acknowledged: usize,
}

impl Exchange<'_> {
    pub(super) fn run(mut self) -> Result<Exchanged, CarryError> {
        let mut outcomes = self.held_already();
        let waited = self.spool.depth().reports.get();
        let ledger = Ledger::load(&self.config.state_dir)?.of_key(self.identity.fingerprint());
        let mut ledger = ledger.caught_up(self.spool.newest_head());
        ledger.trusted_time = ledger.trusted_time.or(self.clock.trusted());
        let now = self.clock.moment();
        let (subject, holdings) = (self.subject(), holdings(self.enrollment));
        let mut core = Reconciler::new(subject, Schedule::default(), 0, ledger, holdings, self.spool.depth(), now);
        let mut check_in = self.fresh.then(|| self.answer.take()).flatten();
        let (mut events, mut bodies, mut to_collect, mut saved) = (VecDeque::new(), KeptBodies::default(), false, true);
        // What is held leaves the disk before the core looks at the head, which may be one of these reports.
        let settled = self.settle(&mut outcomes)?;
        if let (Event::Delivered { .. }, Some(check_in)) = (&settled, check_in.as_mut().and_then(|answer| answer.check_in.as_mut())) {
            // They may state what was wanted when the request had not said so yet; the next check-in asks again.
            check_in.wanted.clear();
        }
        events.push_back(settled);
        let mut outcomes = self.delivered_with(check_in.as_ref());
        while let Some(event) = events.pop_front() {
            for action in core.handle(event, self.clock.moment()) {
                match action {
                    Action::Collect => to_collect = true,
                    Action::CheckIn { .. } => events.push_back(self.answered(check_in.take())),
                    Action::Deliver => events.push_back(self.settle_or_fail(&mut outcomes)?),
                    Action::Spool { envelope, sections } => {
                        let report = sign(&envelope, self.identity);
                        self.spool.append(&report, &bodies.of(&sections))?;
                        events.push_back(Event::Spooled { depth: self.spool.depth() });
                    }
                    // Nothing measures while a stick is written; what were to come anyway would be drafted again.
                    Action::SpoolDocument { .. } => events.push_back(Event::SpoolFailed),
                    Action::Resume { head, reason } => {
                        let newest = resume::resume(self.spool, self.identity, head, reason)?;
                        events.push_back(Event::Resumed {
                            newest,
                            depth: self.spool.depth(),
                        });
                    }
                    Action::Renew => events.push_back(Event::RenewalFailed(Failure::Unreachable)),
                    Action::AskTime => events.push_back(Event::TimeFailed(Failure::Unreachable)),
                    Action::SaveLedger(_) => saved = false,
                    Action::AdoptTrust(trust) => {
                        if let Err(error) = self.enrollment.accept_trust(trust) {
                            tracing::warn!(%error, "a new trust bundle was not taken over");
                        }
                        self.adopted(&mut core)?;
                    }
                    Action::AdoptReceipt(receipt) => {
                        if let Err(error) = self.enrollment.accept_receipt(receipt) {
                            tracing::warn!(%error, "a new receipt was not taken over");
                        }
                        self.adopted(&mut core)?;
                    }
                    // A stick carries no other key: a fork goes on in a new epoch, another doubt waits for the line.
                    Action::AskForKey { reason, .. } => events.push_back(match reason {
                        RekeyReason::Forked => Event::RekeyKept,
                        RekeyReason::HardwareDiffers | RekeyReason::Told => Event::RekeyFailed(Failure::Unreachable),
                    }),
                    Action::KeepEvidence(_) | Action::Stop => {}
                }
            }
            if events.is_empty() && std::mem::take(&mut to_collect) {
                let sections = bodies.keep(&self.collector.collect()?.sections);
                events.push_back(Event::Collected { sections });
            }
        }
        if !saved {
            core.ledger().save(&self.config.state_dir)?;
        }
        let mut check_in = core.check_in_request(self.clock.moment());
        // A way takes days: what a controller that lost the record would ask for travels at once.
        check_in.signed_receipt = Some(self.enrollment.receipt.clone());
        let left = self.spool.depth().reports.get();
        Ok(Exchanged {
            check_in,
            acknowledged: usize::try_from(waited.saturating_sub(left)).unwrap_or(0),
        })
    }

    fn subject(&self) -> Subject {
        Subject {
            region: self.enrollment.region.clone(),
            device: self.enrollment.device,
            key: self.identity.fingerprint(),
            agent: agent_version(),
        }
    }

    /// Reports that wait here and were held when the check-in was answered: the head stands for every report before
    /// it. An old answer says only this, and of the reports that came with it.
    fn held_already(&self) -> BTreeMap<Digest, ReportOutcome> {
        let Some(answer) = &self.answer else {
            return BTreeMap::new();
        };
        let head = answer.check_in.as_ref().and_then(|check_in| check_in.head);
        let before = head.map(|head| self.spool.up_to(&head)).unwrap_or_default();
        let beside = answer.reports.iter().filter(|report| !self.fresh && is_held(&report.outcome));
        let held = before.into_iter().chain(beside.map(|report| report.digest));
        held.map(|digest| (digest, ReportOutcome::Duplicate)).collect()
    }

    /// What became of the reports that came with the request: answered after the check-in, as on line.
    fn delivered_with(&self, answer: Option<&CarriedAnswer>) -> BTreeMap<Digest, ReportOutcome> {
        let reports = answer.map(|answer| answer.reports.iter()).into_iter().flatten();
        reports
            .filter(|report| self.spool.contains(&report.digest))
            .map(|report| (report.digest, report.outcome.clone()))
            .collect()
    }

    /// The first check-in is answered by the stick, each other by nobody.
    fn answered(&self, answer: Option<CarriedAnswer>) -> Event {
        let Some(answer) = answer else {
            return Event::CheckInFailed(Failure::Unreachable);
        };
        let time = move_forward(self.clock, answer.server_time);
        match (answer.refused, answer.check_in) {
            (None, Some(mut check_in)) => {
                check_in.server_time = time;
                Event::CheckInAnswered(Box::new(check_in))
            }
            (Some(code), _) => Event::CheckInFailed(failure_of_code(code, None)),
            (None, None) => Event::TimeReceived(time),
        }
    }

    fn settle_or_fail(&mut self, outcomes: &mut BTreeMap<Digest, ReportOutcome>) -> Result<Event, CarryError> {
        if outcomes.is_empty() {
            return Ok(Event::DeliveryFailed(Failure::Unreachable));
        }
        self.settle(outcomes)
    }

    /// Treats reports that wait as answered, oldest first, until one has no outcome or is not held.
    fn settle(&mut self, outcomes: &mut BTreeMap<Digest, ReportOutcome>) -> Result<Event, CarryError> {
        let (mut deliveries, mut done) = (Vec::new(), false);
        while !done {
            let mut batch = self.spool.after(0, MAX_REPORTS_PER_BATCH, MAX_BODY_BYTES / 8)?;
            let all = batch.reports.len();
            let mut answers = Vec::new();
            for report in &batch.reports {
                let digest = Digest::of(report.envelope.as_bytes());
                match outcomes.get(&digest) {
                    Some(outcome) => answers.push(ReportAnswer {
                        digest,
                        outcome: outcome.clone(),
                    }),
                    None => break,
                }
            }
            batch.reports.truncate(answers.len());
            done = answers.is_empty() || answers.len() < all || !answers.iter().all(|answer| is_held(&answer.outcome));
            answers.iter().for_each(|answer| drop(outcomes.remove(&answer.digest)));
            if !answers.is_empty() {
                deliveries.extend(deliver::settle(self.spool, &batch, answers)?.0);
            }
        }
        if deliveries.is_empty() {
            outcomes.clear();
            return Ok(Event::Woken);
        }
        Ok(Event::Delivered {
            answers: deliveries,
            depth: self.spool.depth(),
        })
    }

    fn adopted(&self, core: &mut Reconciler) -> Result<(), CarryError> {
        self.enrollment.save(&self.config.state_dir)?;
        core.set_holdings(holdings(self.enrollment));
        Ok(())
    }
}

fn is_held(outcome: &ReportOutcome) -> bool {
    matches!(outcome, ReportOutcome::Stored { .. } | ReportOutcome::Duplicate)
}
