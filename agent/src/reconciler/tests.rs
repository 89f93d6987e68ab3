//! The core against a model of the controller: a map of what it holds and one chain.

mod herd;
mod measuring;
mod quarantine;
mod world;
mod year;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use inventory_schema::check_in::{CheckIn, CheckInAnswer, SpoolDepth};
use inventory_schema::device::BootId;
use inventory_schema::envelope::{ChainHead, ChainPlace};
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::{Bytes, Count, Seconds};
use inventory_schema::report::ReportOutcome;
use inventory_schema::{CanonicalBytes, Digest, Envelope, SectionName, Timestamp};
use proptest::prelude::*;

use super::*;
use world::*;

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
