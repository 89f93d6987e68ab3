//! A copied disk, a told agent, a fork: nothing is signed before the controller has said whose key it is.

use inventory_schema::enrollment::{HardwareEvidence, RekeyReason};

use super::*;

fn computer(name: &str) -> HardwareEvidence {
    HardwareEvidence {
        system_serial: Some(format!("PF{name}X").parse().unwrap()),
        board_serial: Some(format!("BRD{name}").parse().unwrap()),
        disk_serials: vec![format!("DISK{name}").parse().unwrap()],
        ..HardwareEvidence::default()
    }
}

fn own_key() -> Subject {
    Subject {
        device: "01900000-0000-7000-8000-000000000002".parse().unwrap(),
        key: KeyFingerprint(Digest::of(b"another key")),
        ..subject()
    }
}

fn rekeyed() -> Event {
    Event::Rekeyed(Box::new(Rekeyed {
        subject: own_key(),
        holdings: Holdings::default(),
        depth: SpoolDepth::default(),
    }))
}

/// The core of a computer that came up with this world's disk.
fn copy_of(world: &World) -> Reconciler {
    let ledger = world.core.ledger().clone();
    let depth = SpoolDepth {
        reports: Count::saturating(2),
        ..SpoolDepth::default()
    };
    Reconciler::new(subject(), Schedule::default(), 9, ledger, Holdings::default(), depth, world.now()).recognizing(computer("0001"))
}

fn sections(world: &World) -> BTreeMap<SectionName, Digest> {
    world.hardware.iter().map(|(name, state)| (*name, body(*name, *state))).collect()
}

fn asks_for_key(actions: &[Action]) -> Option<RekeyReason> {
    actions.iter().find_map(|action| match action {
        Action::AskForKey { reason, .. } => Some(*reason),
        _ => None,
    })
}

/// Anything by which the key is used.
fn uses_the_key(actions: &[Action]) -> bool {
    let uses = |action: &Action| {
        matches!(
            action,
            Action::Spool { .. } | Action::Deliver | Action::Resume { .. } | Action::CheckIn { .. } | Action::Renew
        )
    };
    actions.iter().any(uses)
}

#[test]
fn a_copy_signs_nothing_and_says_nothing_until_it_has_a_key_of_its_own() {
    let mut world = World::new();
    world.pass(MINUTE);
    let mut core = copy_of(&world);
    let now = world.now();
    let started = core.handle(Event::Woken, now);
    assert!(started.contains(&Action::Collect) && !uses_the_key(&started), "{started:?}");
    let seen = core.handle(Event::HardwareSeen(Box::new(computer("0002"))), now);
    assert_eq!(asks_for_key(&seen), Some(RekeyReason::HardwareDiffers));
    assert!(!uses_the_key(&seen), "{seen:?}");
    let collected = core.handle(
        Event::Collected {
            sections: sections(&world),
        },
        now,
    );
    assert!(!uses_the_key(&collected), "{collected:?}");
    let mut failed = core.handle(Event::RekeyFailed(Failure::Unreachable), now);
    // For as long as the controller is away it asks, ever more seldom, and does nothing else.
    for _ in 0..50 {
        assert!(!uses_the_key(&failed), "{failed:?}");
        world.uptime = core.next_wakeup().unwrap();
        let woken = core.handle(Event::Woken, world.now());
        assert!(!uses_the_key(&woken), "{woken:?}");
        failed = match asks_for_key(&woken) {
            Some(_) => core.handle(Event::RekeyFailed(Failure::Unreachable), world.now()),
            None => core.handle(
                Event::Collected {
                    sections: sections(&world),
                },
                world.now(),
            ),
        };
    }
    assert!(world.uptime > Duration::from_secs(3 * 3600), "{:?}", world.uptime);
    let own = core.handle(rekeyed(), world.now());
    let envelope = own.iter().find_map(|action| match action {
        Action::Spool { envelope, .. } => Some(envelope),
        _ => None,
    });
    let envelope = envelope.expect("everything is stated anew");
    assert_eq!((envelope.key, envelope.device), (own_key().key, own_key().device));
    assert_eq!((envelope.place, envelope.previous), (ChainPlace::FIRST, None));
    assert_eq!(envelope.sections, sections(&world));
    assert!(own.iter().any(|action| matches!(action, Action::CheckIn { .. })));
}

#[test]
fn a_fork_begins_a_new_epoch_only_when_the_key_stays() {
    let fork = |world: &mut World| {
        world.pass(MINUTE);
        let head = world.head.unwrap();
        let own = ChainHead {
            digest: Digest::of(b"own"),
            ..head
        };
        let answers = vec![Delivery {
            head: own,
            sections: BTreeMap::new(),
            outcome: ReportOutcome::Forked { head },
        }];
        let depth = SpoolDepth::default();
        let now = world.now();
        (world.core.handle(Event::Delivered { answers, depth }, now), head)
    };
    let mut world = World::new();
    let (asked, head) = fork(&mut world);
    assert_eq!(asks_for_key(&asked), Some(RekeyReason::Forked));
    assert!(!uses_the_key(&asked), "{asked:?}");
    let now = world.now();
    let kept = world.core.handle(Event::RekeyKept, now);
    let spooled = kept.iter().find_map(|action| match action {
        Action::Spool { envelope, .. } => Some(envelope),
        _ => None,
    });
    let envelope = spooled.expect("everything is stated in the new epoch");
    assert_eq!((envelope.place.epoch, envelope.place.sequence), (head.place.epoch + 1, 1));
    assert_eq!((envelope.previous, envelope.resumed), (Some(head.digest), Some(Resumption::Forked)));

    let mut world = World::new();
    fork(&mut world);
    let now = world.now();
    let own = world.core.handle(rekeyed(), now);
    assert!(
        own.iter()
            .any(|action| matches!(action, Action::Spool { envelope, .. } if envelope.place == ChainPlace::FIRST))
    );
}
