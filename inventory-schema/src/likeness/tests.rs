use super::*;
use proptest::prelude::*;

/// A whole computer, every part of it named by `name`.
fn computer(name: u32) -> HardwareEvidence {
    HardwareEvidence {
        system_uuid: Some(format!("3f1c9a52-7d0e-4b6a-9c11-5e8f{name:08x}").parse().unwrap()),
        system_serial: Some(format!("PF{name:06}X").parse().unwrap()),
        board_serial: Some(format!("BRD{name:06}Y").parse().unwrap()),
        disk_serials: vec![format!("S4EWNX{name:06}").parse().unwrap()],
        addresses: vec![format!("3c:7c:3f:00:{:02x}:{:02x}", name / 256 % 256, name % 256).parse().unwrap()],
        memory_serials: vec![format!("A{name:07X}").parse().unwrap()],
    }
}

fn verdict_of(known: &HardwareEvidence, present: &HardwareEvidence) -> LikenessVerdict {
    Likeness::of(known, present).verdict
}

#[test]
fn a_computer_is_itself_and_no_other() {
    assert_eq!(verdict_of(&computer(1), &computer(1)), LikenessVerdict::Same);
    assert_eq!(verdict_of(&computer(1), &computer(2)), LikenessVerdict::Different);
    assert!(Likeness::of(&computer(1), &computer(1)).identifies());
    assert!(!Likeness::of(&computer(1), &computer(2)).resembles());
}

#[test]
fn repairs_leave_a_computer_itself() {
    let old = computer(1);
    let disk = HardwareEvidence {
        disk_serials: computer(2).disk_serials,
        ..old.clone()
    };
    let card = HardwareEvidence {
        addresses: computer(2).addresses,
        ..old.clone()
    };
    let board = HardwareEvidence {
        disk_serials: old.disk_serials.clone(),
        memory_serials: old.memory_serials.clone(),
        system_serial: old.system_serial.clone(),
        ..computer(2)
    };
    for repaired in [&disk, &card, &board] {
        assert_eq!(verdict_of(&old, repaired), LikenessVerdict::Repaired, "{repaired:?}");
    }
    assert!(Likeness::of(&old, &disk).identifies());
}

#[test]
fn a_disk_in_another_computer_is_another_computer() {
    let moved = HardwareEvidence {
        disk_serials: computer(1).disk_serials,
        ..computer(2)
    };
    let likeness = Likeness::of(&computer(1), &moved);
    assert_eq!(likeness.verdict, LikenessVerdict::Different);
    assert!(likeness.resembles(), "people are asked");
}

#[test]
fn one_uuid_for_a_whole_batch_joins_nobody() {
    let shared = computer(1).system_uuid;
    let one = HardwareEvidence {
        system_uuid: shared,
        ..computer(2)
    };
    let other = HardwareEvidence {
        system_uuid: shared,
        ..computer(3)
    };
    assert_eq!(verdict_of(&one, &other), LikenessVerdict::Different);
    let only = |uuid| HardwareEvidence {
        system_uuid: uuid,
        ..HardwareEvidence::default()
    };
    let alone = Likeness::of(&only(shared), &only(shared));
    assert_eq!(alone.verdict, LikenessVerdict::Same);
    assert!(!alone.identifies(), "one reading is not enough to know a computer again");
    let items = only(shared).items();
    let common = Likeness::weighing(&items, &items, |_| COMMON_FROM);
    assert_eq!(common.verdict, LikenessVerdict::Unknown);
    assert_eq!(common.kinds[0].common.len(), 1, "it is still told");
}

#[test]
fn fillers_weigh_nothing_whoever_sends_them() {
    let fillers = HardwareEvidence {
        system_uuid: Some("03000200-0400-0500-0006-000700080009".parse().unwrap()),
        system_serial: Some("To be filled by O.E.M.".parse().unwrap()),
        board_serial: Some("Default string".parse().unwrap()),
        disk_serials: vec!["0123456789".parse().unwrap()],
        addresses: vec!["02:00:00:00:00:01".parse().unwrap()],
        memory_serials: vec!["00000000".parse().unwrap()],
    };
    assert!(fillers.items().is_empty());
    assert_eq!(verdict_of(&fillers, &fillers), LikenessVerdict::Unknown);
}

#[test]
fn what_was_not_read_says_nothing() {
    let unread = HardwareEvidence {
        addresses: computer(1).addresses,
        ..HardwareEvidence::default()
    };
    assert_eq!(verdict_of(&computer(1), &unread), LikenessVerdict::Same);
    assert_eq!(verdict_of(&computer(1), &HardwareEvidence::default()), LikenessVerdict::Unknown);
    assert_eq!(computer(1).followed_by(&unread), computer(1));
}

fn evidence() -> impl Strategy<Value = HardwareEvidence> {
    // Few values, so that they meet.
    let serial = || proptest::option::of((0u32..3).prop_map(|n| format!("SER{n}X{n}Y7").parse::<SerialNumber>().unwrap()));
    let serials = || {
        proptest::collection::vec(
            (0u32..4).prop_map(|n| format!("PART{n}Z{n}").parse::<SerialNumber>().unwrap()),
            0..3,
        )
    };
    let addresses = proptest::collection::vec((0u8..4).prop_map(|n| format!("3c:7c:3f:00:00:0{n}").parse().unwrap()), 0..3);
    let uuid = proptest::option::of((1u32..4).prop_map(|n| format!("3f1c9a52-7d0e-4b6a-9c11-5e8f{n:08x}").parse().unwrap()));
    (uuid, serial(), serial(), serials(), addresses, serials()).prop_map(|(uuid, system, board, disks, addresses, memory)| {
        HardwareEvidence {
            system_uuid: uuid,
            system_serial: system,
            board_serial: board,
            disk_serials: disks,
            addresses,
            memory_serials: memory,
        }
    })
}

proptest! {
    #[test]
    fn the_rule_looks_both_ways_alike(one in evidence(), other in evidence()) {
        let (there, back) = (Likeness::of(&one, &other), Likeness::of(&other, &one));
        prop_assert_eq!((there.verdict, there.agrees, there.differs), (back.verdict, back.agrees, back.differs));
        prop_assert_eq!(there.identifies(), back.identifies());
    }

    #[test]
    fn nothing_differs_from_itself(one in evidence()) {
        let verdict = verdict_of(&one, &one);
        prop_assert!(matches!(verdict, LikenessVerdict::Same | LikenessVerdict::Unknown));
        prop_assert_eq!(verdict == LikenessVerdict::Unknown, one.items().is_empty());
    }

    /// Reading less than before never makes another computer of it (promise 4).
    #[test]
    fn a_reading_that_failed_contradicts_nothing(one in evidence(), lost in 0usize..6) {
        let mut less = one.clone();
        match lost {
            0 => less.system_uuid = None,
            1 => less.system_serial = None,
            2 => less.board_serial = None,
            3 => less.disk_serials.clear(),
            4 => less.addresses.clear(),
            _ => less.memory_serials.clear(),
        }
        prop_assert_ne!(verdict_of(&one, &less), LikenessVerdict::Different);
        prop_assert_eq!(verdict_of(&one, &one.followed_by(&less)), verdict_of(&one, &one));
    }

    /// Values that everybody carries neither join computers nor part them.
    #[test]
    fn common_values_decide_nothing(one in evidence(), other in evidence()) {
        let likeness = Likeness::weighing(&one.items(), &other.items(), |_| COMMON_FROM);
        prop_assert_eq!(likeness.verdict, LikenessVerdict::Unknown);
        prop_assert!(!likeness.identifies() && !likeness.resembles());
    }

    /// To be known again without a key takes the firmware's word and another.
    #[test]
    fn nobody_is_known_again_by_parts_alone(one in evidence(), other in evidence()) {
        let likeness = Likeness::of(&one, &other);
        if likeness.identifies() {
            let firmware = likeness.kinds.iter().filter(|kind| kind.agrees > 0 && kind.kind.weight() == 40).count();
            prop_assert!(firmware >= 1);
            prop_assert!(likeness.agrees >= ENOUGH_TO_IDENTIFY);
        }
    }
}
