//! The core against a model of the controller: a map of what it holds and one chain.

mod herd;
mod quarantine;
mod year;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use inventory_schema::check_in::{CheckIn, CheckInAnswer, SpoolDepth};
use inventory_schema::device::BootId;
use inventory_schema::envelope::ChainHead;
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::{Bytes, Count, Seconds};
use inventory_schema::report::ReportOutcome;
use inventory_schema::{CanonicalBytes, Digest, Envelope, SectionName, Timestamp};
use proptest::prelude::*;

use super::*;

/// The controller, the disk and the clock around one core.
struct World {
    core: Reconciler,
    /// Since the world began, whatever the computer believes.
    wall: Duration,
    /// Of this boot.
    uptime: Duration,
    boots: u8,
    /// How far the computer's own clock is off.
    clock_behind: Duration,
    wakeups: u64,
    /// What the computer's sections are now.
    hardware: BTreeMap<SectionName, u32>,
    spool: Vec<Envelope>,
    reachable: bool,
    disk_full: bool,
    // The controller's side.
    record: bool,
    head: Option<ChainHead>,
    held: BTreeMap<SectionName, Digest>,
    stored: Vec<Envelope>,
    breaks: usize,
    refused_gaps: usize,
    check_ins: usize,
    receipts_asked: usize,
    /// Whether there is room for reports in its database.
    room: bool,
    deliveries: usize,
    // What a year looks at besides.
    disk: Disk,
    mood: Mood,
    /// Digests in the present record: known wherever they stand, as the database knows them.
    known: BTreeSet<Digest>,
    places: BTreeMap<ChainPlace, Digest>,
    stored_twice: usize,
    forks: usize,
    fates: BTreeMap<Digest, Fate>,
    /// When the newest order to all to look at their hardware was given.
    ordered: Timestamp,
    looks: usize,
}

/// What lies on the disk besides the reports.
#[derive(Debug, Clone, Default)]
struct Disk {
    /// The ledger as it was saved last.
    ledger: Ledger,
    tombstones: BTreeSet<Digest>,
    /// The most reports, and the most with bodies; none where nothing is bounded.
    bounds: Option<(usize, usize)>,
}

/// How the controller and the line behave besides being there or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Well,
    /// Answers «later» to everything.
    Busy,
    /// Stores, and the answer is lost on its way.
    AnswersLost,
}

/// What became of a report that lay on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Waits,
    Stored,
    /// Signed anew under another digest, which has a fate of its own.
    Replaced,
    /// Gone with a restored disk.
    Lost,
    /// The spool was full of envelopes alone.
    Forgotten,
}

fn subject() -> Subject {
    Subject {
        region: "RU-PER".parse().unwrap(),
        device: "01900000-0000-7000-8000-000000000001".parse().unwrap(),
        key: KeyFingerprint(Digest::of(b"key")),
        agent: "0.1.0".parse().unwrap(),
    }
}

fn body(name: SectionName, state: u32) -> Digest {
    CanonicalBytes::of(&(name, state)).unwrap().digest()
}

fn boot(number: u8) -> BootId {
    format!("00000000-0000-4000-8000-0000000000{number:02x}").parse().unwrap()
}

impl World {
    fn new() -> Self {
        let now = Moment {
            device: Timestamp::from_unix_seconds(1_800_000_000),
            boot: boot(0),
            uptime: Duration::ZERO,
        };
        Self {
            core: Reconciler::new(
                subject(),
                Schedule::default(),
                7,
                Ledger::default(),
                Holdings::default(),
                SpoolDepth::default(),
                now,
            ),
            wall: Duration::ZERO,
            uptime: Duration::ZERO,
            boots: 0,
            clock_behind: Duration::ZERO,
            wakeups: 0,
            hardware: [(SectionName::System, 0), (SectionName::Memory, 0), (SectionName::Software, 0)].into(),
            spool: Vec::new(),
            reachable: true,
            disk_full: false,
            record: true,
            head: None,
            held: BTreeMap::new(),
            stored: Vec::new(),
            breaks: 0,
            refused_gaps: 0,
            check_ins: 0,
            receipts_asked: 0,
            room: true,
            deliveries: 0,
            disk: Disk::default(),
            mood: Mood::Well,
            known: BTreeSet::new(),
            places: BTreeMap::new(),
            stored_twice: 0,
            forks: 0,
            fates: BTreeMap::new(),
            ordered: Timestamp::from_unix_micros(0),
            looks: 0,
        }
    }

    fn now(&self) -> Moment {
        Moment {
            device: Timestamp::from_unix_seconds(1_800_000_000) + self.wall - self.clock_behind,
            boot: boot(self.boots),
            uptime: self.uptime,
        }
    }

    fn depth(&self) -> SpoolDepth {
        SpoolDepth {
            reports: Count::saturating(self.spool.len() as u64),
            bytes: Bytes::saturating(0),
            tombstones: Count::saturating(self.disk.tombstones.len() as u64),
        }
    }

    /// Keeps a report as the spool does: bodies go before envelopes, envelopes when nothing else is left.
    fn keep(&mut self, envelope: Envelope) {
        self.fates.insert(head_of(&envelope).digest, Fate::Waits);
        self.spool.push(envelope);
        let Some((most, most_with_bodies)) = self.disk.bounds else { return };
        while self.spool.len() > most {
            let digest = head_of(&self.spool.remove(0)).digest;
            self.disk.tombstones.remove(&digest);
            self.fates.insert(digest, Fate::Forgotten);
        }
        let digests: Vec<Digest> = self.spool.iter().map(|envelope| head_of(envelope).digest).collect();
        let with_bodies: Vec<Digest> = digests
            .into_iter()
            .filter(|digest| !self.disk.tombstones.contains(digest))
            .collect();
        let too_many = with_bodies.len().saturating_sub(most_with_bodies);
        self.disk.tombstones.extend(&with_bodies[..too_many]);
        assert!(self.spool.len() <= most && self.spool.len() - self.disk.tombstones.len() <= most_with_bodies);
    }

    /// The power is cut: the agent starts with what its disk holds, which may be older than what it knew.
    fn cut_power(&mut self) {
        let newest = self.spool.last().map(head_of);
        self.restart(self.disk.ledger.clone().caught_up(newest));
    }

    /// Restarts the agent with this ledger, as a reboot or a restored disk does.
    fn restart(&mut self, ledger: Ledger) {
        self.core = Reconciler::new(
            subject(),
            Schedule::default(),
            8,
            ledger,
            Holdings::default(),
            self.depth(),
            self.now(),
        );
    }

    /// Lets `span` of time pass, performing whatever the core names.
    fn pass(&mut self, span: Duration) {
        let end = self.uptime + span;
        let mut steps = 0;
        while let Some(at) = self.core.next_wakeup().filter(|at| *at <= end) {
            self.wakeups += 1;
            self.wall += at.saturating_sub(self.uptime);
            self.uptime = self.uptime.max(at);
            let mut events = vec![Event::Woken];
            while let Some(event) = events.pop() {
                steps += 1;
                assert!(steps < 100_000, "the core spins");
                let actions = self.core.handle(event, self.now());
                events.extend(actions.into_iter().filter_map(|action| self.perform(action)));
            }
        }
        self.wall += end - self.uptime;
        self.uptime = end;
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Collect => {
                self.looks += 1;
                Some(Event::Collected {
                    sections: self.hardware.iter().map(|(name, state)| (*name, body(*name, *state))).collect(),
                })
            }
            Action::CheckIn { request, with_receipt, .. } => Some(self.check_in(&request, with_receipt)),
            Action::Spool { .. } if self.disk_full => Some(Event::SpoolFailed),
            Action::Spool { envelope, .. } => {
                self.keep(*envelope);
                Some(Event::Spooled { depth: self.depth() })
            }
            Action::Deliver if !self.reachable => Some(Event::DeliveryFailed(Failure::Unreachable)),
            Action::Deliver if self.mood == Mood::Busy => Some(Event::DeliveryFailed(Failure::Busy(None))),
            Action::Deliver if self.mood == Mood::AnswersLost => {
                let before = (self.spool.clone(), self.disk.clone());
                let _ = self.deliver();
                (self.spool, self.disk) = before;
                Some(Event::DeliveryFailed(Failure::Unreachable))
            }
            Action::Deliver => Some(self.deliver()),
            Action::Resume { head, reason } => {
                let old = std::mem::take(&mut self.spool);
                let buried = std::mem::take(&mut self.disk.tombstones);
                let digests: Vec<Digest> = old.iter().map(|envelope| head_of(envelope).digest).collect();
                for (digest, envelope) in digests.into_iter().zip(resume_from(head, Some(reason), old)) {
                    if self.fates.insert(digest, Fate::Replaced) == Some(Fate::Stored) {
                        self.fates.insert(digest, Fate::Stored);
                    }
                    if buried.contains(&digest) {
                        self.disk.tombstones.insert(head_of(&envelope).digest);
                    }
                    self.keep(envelope);
                }
                let newest = self.spool.last().map_or(head, head_of);
                Some(Event::Resumed {
                    newest,
                    depth: self.depth(),
                })
            }
            Action::SaveLedger(ledger) => {
                self.disk.ledger = *ledger;
                None
            }
            Action::AdoptTrust(_) | Action::AdoptReceipt(_) | Action::Stop => None,
            Action::KeepEvidence(_) => None,
            Action::AskForKey { .. } => Some(Event::RekeyKept),
            Action::Renew => Some(Event::Renewed),
            Action::AskTime => Some(Event::TimeReceived(Timestamp::from_unix_seconds(1_800_000_000) + self.wall)),
        }
    }

    fn check_in(&mut self, request: &CheckIn, with_receipt: bool) -> Event {
        if !self.reachable {
            return Event::CheckInFailed(Failure::Unreachable);
        }
        match self.mood {
            Mood::Well => {}
            Mood::Busy => return Event::CheckInFailed(Failure::Busy(Some(Seconds::saturating(30)))),
            Mood::AnswersLost => return Event::CheckInFailed(Failure::Unreachable),
        }
        self.check_ins += 1;
        if with_receipt {
            self.record = true;
        }
        let receipt_wanted = !self.record;
        self.receipts_asked += usize::from(receipt_wanted);
        let wanted = self
            .hardware
            .keys()
            .filter(|name| self.held.get(name).is_none_or(|digest| request.held.get(name) != Some(digest)))
            .copied()
            .collect();
        Event::CheckInAnswered(Box::new(CheckInAnswer {
            protocol: 1,
            server_time: self.server_time(),
            next_check_in: Seconds::saturating(60),
            wait: Seconds::saturating(50),
            wanted,
            receipt_wanted,
            collect_now: false,
            head: self.head,
            trust: None,
            receipt: None,
            evidence_wanted: false,
            rekey: false,
            collection: Some(self.ordered),
        }))
    }

    fn server_time(&self) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000) + self.wall
    }

    fn deliver(&mut self) -> Event {
        let mut answers = Vec::new();
        self.deliveries += 1;
        if !self.record || !self.room {
            let answers = self.spool.iter().map(|envelope| Delivery {
                head: head_of(envelope),
                sections: envelope.sections.clone(),
                outcome: ReportOutcome::Retry,
            });
            return Event::Delivered {
                answers: answers.collect(),
                depth: self.depth(),
            };
        }
        for envelope in std::mem::take(&mut self.spool) {
            let head = head_of(&envelope);
            let outcome = match self.head {
                _ if self.known.contains(&head.digest) => ReportOutcome::Duplicate,
                Some(known) if envelope.previous == Some(known.digest) => self.store(&envelope),
                Some(known) if self.places.contains_key(&head.place) => {
                    self.forks += 1;
                    ReportOutcome::Forked { head: known }
                }
                Some(known) => {
                    self.refused_gaps += 1;
                    self.spool.push(envelope.clone());
                    ReportOutcome::Gap { head: known }
                }
                None => {
                    self.breaks += usize::from(envelope.previous.is_some());
                    self.store(&envelope)
                }
            };
            if !matches!(outcome, ReportOutcome::Gap { .. }) {
                self.disk.tombstones.remove(&head.digest);
            }
            answers.push(Delivery {
                head,
                sections: envelope.sections,
                outcome,
            });
        }
        Event::Delivered {
            answers,
            depth: self.depth(),
        }
    }

    fn store(&mut self, envelope: &Envelope) -> ReportOutcome {
        let head = head_of(envelope);
        self.head = Some(head);
        self.stored_twice += usize::from(!self.known.insert(head.digest));
        self.places.insert(head.place, head.digest);
        self.fates.insert(head.digest, Fate::Stored);
        self.stored.push(envelope.clone());
        if self.disk.tombstones.contains(&head.digest) {
            // The envelope proves that there was a report; what it stated must come again.
            return ReportOutcome::Stored {
                missing: envelope.sections.values().copied().collect(),
            };
        }
        self.held.extend(envelope.sections.iter().map(|(name, digest)| (*name, *digest)));
        ReportOutcome::Stored { missing: Vec::new() }
    }

    fn delete_record(&mut self) {
        self.record = false;
        self.head = None;
        self.held.clear();
        self.known.clear();
        self.places.clear();
    }

    fn is_whole(&self) -> bool {
        self.hardware
            .iter()
            .all(|(name, state)| self.held.get(name) == Some(&body(*name, *state)))
    }
}

fn head_of(envelope: &Envelope) -> ChainHead {
    ChainHead {
        place: envelope.place,
        digest: CanonicalBytes::of(envelope).unwrap().digest(),
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn a_new_agent_checks_in_before_it_reports_everything_once() {
    let mut world = World::new();
    world.pass(MINUTE);
    assert!(world.is_whole());
    assert_eq!(world.stored.len(), 1);
    assert_eq!(world.stored[0].place, ChainPlace::FIRST);
    assert_eq!(world.stored[0].previous, None);
    world.pass(DAY);
    assert_eq!(world.stored.len(), 1, "an unchanged computer states nothing again");
    assert!(world.check_ins > 1000 && world.check_ins < 2000, "{}", world.check_ins);
}

#[test]
fn only_the_changed_section_is_stated() {
    let mut world = World::new();
    world.pass(MINUTE);
    world.hardware.insert(SectionName::Memory, 1);
    world.pass(DAY);
    assert!(world.is_whole());
    assert_eq!(world.stored.len(), 2);
    assert_eq!(world.stored[1].sections.keys().copied().collect::<Vec<_>>(), [SectionName::Memory]);
    assert_eq!(world.stored[1].previous, Some(head_of(&world.stored[0]).digest));
}

#[test]
fn an_order_to_all_is_followed_once_by_whoever_has_not_looked_since() {
    let mut world = World::new();
    world.pass(MINUTE);
    assert_eq!(world.looks, 1, "it looked when it started");
    world.ordered = world.server_time();
    world.hardware.insert(SectionName::Memory, 1);
    world.pass(5 * MINUTE);
    assert_eq!((world.looks, world.stored.len()), (2, 2));
    // One that starts after the order has looked; one that started before and found nobody until now has not.
    world.restart(world.core.ledger().clone());
    world.pass(5 * MINUTE);
    assert_eq!(world.looks, 3);
    world.reachable = false;
    world.restart(world.core.ledger().clone());
    world.pass(5 * MINUTE);
    world.ordered = world.server_time();
    world.hardware.insert(SectionName::Memory, 2);
    world.pass(5 * MINUTE);
    world.reachable = true;
    world.pass(10 * MINUTE);
    assert_eq!((world.looks, world.stored.len()), (5, 3));
}

#[test]
fn a_deleted_record_is_whole_again_after_one_check_in() {
    let mut world = World::new();
    world.pass(MINUTE);
    world.delete_record();
    let before = world.check_ins;
    world.pass(MINUTE);
    assert!(world.is_whole());
    assert!(world.check_ins - before <= 3, "{}", world.check_ins - before);
    assert_eq!(world.receipts_asked, 1);
    assert_eq!(world.breaks, 1);
    assert_eq!(world.stored.last().unwrap().resumed, Some(Resumption::RecordLost));
}

#[test]
fn a_disk_that_restores_itself_continues_the_chain_from_the_controllers_head() {
    let mut world = World::new();
    world.pass(MINUTE);
    let image = world.core.ledger().clone();
    for state in 1..4 {
        world.hardware.insert(SectionName::Memory, state);
        world.pass(DAY);
    }
    world.restart(image);
    world.hardware.insert(SectionName::Memory, 9);
    world.pass(DAY);
    assert!(world.is_whole());
    let last = world.stored.last().unwrap();
    assert_eq!(last.resumed, Some(Resumption::StateRestored));
    assert_eq!(last.place.epoch, 0);
    assert_eq!(world.breaks, 0);
}

/// What an answer of the model says now, given to `core` whenever the test likes.
fn answered(world: &mut World, actions: &[Action]) -> Event {
    let request = actions.iter().find_map(|action| match action {
        Action::CheckIn { request, .. } => Some(request),
        _ => None,
    });
    let request = request.expect("a check-in was asked").clone();
    world.check_in(&request, false)
}

#[test]
fn a_head_that_is_answered_while_a_report_is_written_is_followed_before_it_is_sent() {
    let mut world = World::new();
    world.pass(MINUTE);
    let image = world.core.ledger().clone();
    world.hardware.insert(SectionName::Memory, 1);
    world.pass(DAY);
    world.restart(image);
    let asked = world.core.handle(Event::Woken, world.now());
    // The disk is slow: the report of what changed is on its way while the controller answers.
    let sections = [(SectionName::Memory, body(SectionName::Memory, 9))].into();
    let drafted = world.core.handle(Event::Collected { sections }, world.now());
    let answer = answered(&mut world, &asked);
    let after_answer = world.core.handle(answer, world.now());
    assert!(
        !after_answer.iter().any(|action| matches!(action, Action::Deliver)),
        "{after_answer:?}"
    );
    let spooled = drafted.into_iter().filter_map(|action| world.perform(action)).collect::<Vec<_>>();
    let after_spooling: Vec<Action> = spooled
        .into_iter()
        .flat_map(|event| world.core.handle(event, world.now()))
        .collect();
    let follows = |action: &Action| matches!(action, Action::Resume { head, .. } if Some(*head) == world.head);
    assert!(after_spooling.iter().any(follows), "{after_spooling:?}");
    assert!(!after_spooling.iter().any(|action| matches!(action, Action::Deliver)));
}

#[test]
fn a_controller_without_room_for_reports_is_asked_ever_more_seldom() {
    let mut world = World::new();
    world.room = false;
    world.pass(2 * 60 * MINUTE);
    // Check-ins are answered all the while.
    assert!((8..=20).contains(&world.deliveries), "{}", world.deliveries);
    assert!(world.check_ins > world.deliveries);
    world.room = true;
    world.pass(15 * MINUTE);
    assert!(world.is_whole());
}

#[test]
fn a_lost_ledger_is_repaired_by_the_next_check_in() {
    let mut world = World::new();
    world.pass(MINUTE);
    world.restart(Ledger::default());
    world.pass(MINUTE);
    assert!(world.is_whole());
    let chained = world
        .stored
        .windows(2)
        .all(|pair| pair[1].previous == Some(head_of(&pair[0]).digest));
    assert!(chained);
}

#[test]
fn changes_while_the_controller_is_away_arrive_in_order() {
    let mut world = World::new();
    world.pass(MINUTE);
    world.reachable = false;
    for state in 1..5 {
        world.hardware.insert(SectionName::Software, state);
        world.pass(DAY);
    }
    assert_eq!(world.spool.len(), 4);
    world.reachable = true;
    world.pass(DAY);
    assert!(world.is_whole());
    assert_eq!(world.stored.len(), 5);
    assert_eq!(world.refused_gaps, 0);
}

#[test]
fn a_full_disk_loses_nothing_once_there_is_room() {
    let mut world = World::new();
    world.disk_full = true;
    world.pass(MINUTE);
    assert!(world.stored.is_empty());
    world.disk_full = false;
    world.pass(DAY);
    assert!(world.is_whole());
    assert_eq!(world.stored[0].place, ChainPlace::FIRST);
}

#[test]
fn an_expired_certificate_leads_to_renewal_and_a_wrong_clock_to_asking_the_time() {
    let mut world = World::new();
    let now = world.now();
    let actions = world.core.handle(Event::CheckInFailed(Failure::CertificateExpired), now);
    assert!(actions.contains(&Action::Renew), "{actions:?}");
    let actions = world.core.handle(Event::RenewalFailed(Failure::WrongTime), now);
    assert!(actions.contains(&Action::AskTime), "{actions:?}");
}

#[test]
fn a_controller_that_says_later_is_not_asked_before() {
    let mut world = World::new();
    let now = world.now();
    let later = Seconds::saturating(1800);
    world.core.handle(Event::CheckInFailed(Failure::Busy(Some(later))), now);
    let mut calls_after = |seconds| {
        let then = Moment {
            uptime: now.uptime + Duration::from_secs(seconds),
            ..now
        };
        let actions = world.core.handle(Event::Woken, then);
        actions.iter().any(|action| matches!(action, Action::CheckIn { .. }))
    };
    assert!(!calls_after(1799));
    assert!(calls_after(1800));
}

#[test]
fn a_refusal_is_remembered_until_the_next_good_answer() {
    let mut world = World::new();
    let now = world.now();
    let refused = Failure::Refused(ProblemCode::CertificateRevoked);
    let actions = world.core.handle(Event::CheckInFailed(refused), now);
    let saved = actions.iter().find_map(|action| match action {
        Action::SaveLedger(ledger) => ledger.last_refusal,
        _ => None,
    });
    assert_eq!(saved.unwrap().code, ProblemCode::CertificateRevoked);
    world.core.handle(Event::CheckInFailed(Failure::Unreachable), now);
    assert!(world.core.ledger().last_refusal.is_some(), "silence takes nothing back");
    world.pass(DAY);
    assert_eq!(world.core.ledger().last_refusal, None);
}

#[test]
fn while_the_controller_is_away_the_agent_wakes_seldom() {
    let mut world = World::new();
    world.reachable = false;
    world.pass(MINUTE * 60);
    let mut wakeups = 0;
    let end = world.uptime + DAY;
    while let Some(at) = world.core.next_wakeup().filter(|at| *at <= end) {
        wakeups += 1;
        world.pass(at - world.uptime);
    }
    assert!(wakeups < 300, "{wakeups} wake-ups in a day without a controller");
}

#[derive(Debug, Clone)]
enum Happening {
    Change(u32),
    Away,
    Back,
    Delete,
    Restart,
    RestoreOldDisk,
    LoseLedger,
    DiskFull,
    DiskFree,
    Hours(u64),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        (1u32..100).prop_map(Happening::Change),
        Just(Happening::Away),
        Just(Happening::Back),
        Just(Happening::Delete),
        Just(Happening::Restart),
        Just(Happening::RestoreOldDisk),
        Just(Happening::LoseLedger),
        Just(Happening::DiskFull),
        Just(Happening::DiskFree),
        (1u64..30).prop_map(Happening::Hours),
    ];
    prop::collection::vec(one, 1..40)
}

proptest! {
    /// Whatever happens to disk, ledger, network and record: once all is well again, the controller holds
    /// the computer's present state, and every stored envelope names the one stored before it unless the
    /// record was deleted between them.
    #[test]
    fn after_any_misfortune_the_record_becomes_whole(happenings in happenings()) {
        let mut world = World::new();
        let mut old_disk = (world.core.ledger().clone(), world.spool.clone());
        let mut deletions = 0;
        for happening in happenings {
            match happening {
                Happening::Change(state) => { world.hardware.insert(SectionName::Memory, state); }
                Happening::Away => world.reachable = false,
                Happening::Back => world.reachable = true,
                Happening::Delete => { world.delete_record(); deletions += 1; }
                Happening::Restart => { let ledger = world.core.ledger().clone(); world.restart(ledger); }
                Happening::RestoreOldDisk => { world.spool = old_disk.1.clone(); world.restart(old_disk.0.clone()); }
                Happening::LoseLedger => world.restart(Ledger::default()),
                Happening::DiskFull => world.disk_full = true,
                Happening::DiskFree => { world.disk_full = false; old_disk = (world.core.ledger().clone(), world.spool.clone()); }
                Happening::Hours(hours) => world.pass(MINUTE * 60 * hours as u32),
            }
        }
        world.reachable = true;
        world.disk_full = false;
        world.pass(DAY * 2);
        prop_assert!(world.is_whole());
        prop_assert!(world.spool.is_empty());
        let unchained = world.stored.windows(2).filter(|pair| pair[1].previous != Some(head_of(&pair[0]).digest)).count();
        prop_assert!(unchained <= deletions, "{unchained} breaks after {deletions} deletions");
    }
}
