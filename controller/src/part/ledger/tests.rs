use proptest::prelude::*;

use super::*;
use crate::part::PartKind;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_788_000_000 + seconds)
}

fn part(serial: &str) -> StatedPart {
    StatedPart {
        identity: PartIdentity::new(PartKind::Disk, serial, None),
        serial: serial.to_owned(),
        maker: None,
        model: Some("SSD 250".into()),
        size_bytes: None,
        slot: None,
    }
}

fn device(number: i64, seen: i64) -> Reporter {
    Reporter {
        device: number,
        survivor: number,
        seen_at: Some(at(seen)),
    }
}

/// A region in memory: every statement is taken in by itself, as if written and read back in between.
#[derive(Default)]
struct Region {
    holdings: Vec<Holding>,
    told: Vec<PartEvent>,
}

impl Region {
    fn with(&mut self, work: impl FnOnce(&mut Ledger)) {
        let mut ledger = Ledger::new(self.holdings.clone());
        work(&mut ledger);
        let (changed, events) = ledger.finish();
        for mut holding in changed {
            match holding.id {
                Some(id) => *self.holdings.iter_mut().find(|known| known.id == Some(id)).unwrap() = holding,
                None => {
                    holding.id = Some(i64::try_from(self.holdings.len()).unwrap());
                    self.holdings.push(holding);
                }
            }
        }
        for event in events {
            if let Some(from) = event.replaces_removal_from {
                self.told.retain(|told| {
                    !(told.kind == ChangeKind::PartRemoved && told.device == from && told.part.identity == event.part.identity)
                });
            }
            self.told.push(event);
        }
    }

    fn state(&mut self, number: i64, serials: &[&str], seconds: i64) {
        let first = !self.holdings.iter().any(|holding| holding.reporter.device == number);
        let statement = Statement {
            kind: PartKind::Disk,
            parts: serials.iter().map(|serial| part(serial)).collect(),
            complete: true,
            nameless: Vec::new(),
        };
        self.with(|ledger| ledger.state(device(number, seconds), &statement, at(seconds), first));
    }

    fn seen(&mut self, number: i64, seconds: i64) {
        for holding in self.holdings.iter_mut().filter(|holding| holding.reporter.device == number) {
            holding.reporter.seen_at = Some(at(seconds));
        }
        self.with(|ledger| ledger.look_again(at(seconds)));
    }

    /// `kind device other serial` of what was told.
    fn told(&self) -> Vec<String> {
        let line = |event: &PartEvent| {
            let other = event.other.map(|other| format!(" {other}")).unwrap_or_default();
            format!("{} {}{other} {}", event.kind.as_str(), event.device, event.part.serial)
        };
        self.told.iter().map(line).collect()
    }

    fn standing(&self, number: i64, serial: &str) -> Option<Standing> {
        let identity = part(serial).identity;
        let holding = self
            .holdings
            .iter()
            .find(|holding| holding.reporter.device == number && holding.part.identity == identity);
        holding.unwrap().standing
    }
}

#[test]
fn what_a_device_brings_at_first_is_no_change() {
    let mut region = Region::default();
    region.state(1, &["AAA111"], 0);
    region.state(1, &["AAA111"], 10);
    assert_eq!(region.told(), Vec::<String>::new());
    region.state(1, &["AAA111", "BBB222"], 20);
    assert_eq!(region.told(), ["part_added 1 BBB222"]);
}

#[test]
fn a_part_that_left_one_device_and_is_in_another_is_one_event_in_either_order() {
    let mut region = Region::default();
    region.state(1, &["AAA111", "BBB222"], 0);
    region.state(2, &["CCC333"], 1);
    region.state(1, &["AAA111"], DAY);
    assert_eq!(region.told(), ["part_removed 1 BBB222"]);
    region.state(2, &["CCC333", "BBB222"], 2 * DAY);
    assert_eq!(
        region.told(),
        ["part_moved 2 1 BBB222"],
        "what was told of the first half is part of it"
    );
    assert_eq!(region.told[0].left_at, Some(at(DAY)));

    let mut region = Region::default();
    region.state(1, &["AAA111", "BBB222"], 0);
    region.state(2, &["CCC333"], 1);
    region.state(2, &["CCC333", "BBB222"], DAY);
    assert_eq!(region.told(), Vec::<String>::new(), "the first may have lost it and be off");
    region.state(1, &["AAA111"], 2 * DAY);
    assert_eq!(region.told(), ["part_moved 2 1 BBB222"]);
    assert_eq!(region.standing(2, "BBB222"), None);
}

#[test]
fn parts_swapped_between_two_devices_are_two_moves() {
    let mut region = Region::default();
    region.state(1, &["AAA111"], 0);
    region.state(2, &["BBB222"], 1);
    region.state(1, &["BBB222"], DAY);
    region.state(2, &["AAA111"], DAY + 600);
    let mut told = region.told();
    told.sort();
    assert_eq!(told, ["part_moved 1 2 BBB222", "part_moved 2 1 AAA111"]);
}

#[test]
fn what_was_gone_and_is_back_is_told_once() {
    let mut region = Region::default();
    region.state(1, &["AAA111", "BBB222"], 0);
    region.state(1, &["AAA111"], DAY);
    region.state(1, &["AAA111", "BBB222"], 2 * DAY);
    assert_eq!(region.told(), ["part_returned 1 BBB222"]);
}

#[test]
fn a_part_that_went_round_came_from_where_it_was_last() {
    let mut region = Region::default();
    region.state(1, &["AAA111", "BBB222"], 0);
    region.state(2, &["CCC333"], 0);
    region.state(1, &["AAA111"], DAY);
    region.state(2, &["CCC333", "BBB222"], 2 * DAY);
    region.state(2, &["CCC333"], 3 * DAY);
    region.state(1, &["AAA111", "BBB222"], 4 * DAY);
    assert_eq!(region.told(), ["part_moved 2 1 BBB222", "part_moved 1 2 BBB222"]);
}

#[test]
fn a_number_that_two_live_devices_state_is_a_duplicate() {
    // The older one states it again.
    let mut region = Region::default();
    region.state(1, &["AAA111"], 0);
    region.state(2, &["AAA111"], DAY);
    assert_eq!(region.standing(1, "AAA111"), Some(Standing::Contested));
    region.state(1, &["AAA111", "BBB222"], DAY + 60);
    assert_eq!(region.told(), ["part_duplicate 2 1 AAA111", "part_added 1 BBB222"]);
    assert_eq!(region.standing(1, "AAA111"), Some(Standing::Duplicate));
    assert_eq!(region.standing(2, "AAA111"), Some(Standing::Duplicate));
    // A third is told as well; when only one is left, the number is good again.
    region.state(3, &["AAA111"], 2 * DAY);
    assert_eq!(region.told().last().unwrap(), "part_duplicate 3 1 AAA111");
    region.state(3, &["XXX"], 3 * DAY);
    region.state(2, &["YYY"], 3 * DAY);
    assert_eq!(region.standing(1, "AAA111"), None);
}

#[test]
fn both_reported_at_once_is_a_duplicate() {
    let mut region = Region::default();
    region.state(1, &["AAA111"], 5);
    region.state(2, &["AAA111"], 5);
    assert_eq!(region.told(), ["part_duplicate 2 1 AAA111"]);
}

#[test]
fn a_device_that_is_alive_beside_the_other_has_it_still() {
    let mut region = Region::default();
    region.state(1, &["AAA111"], 0);
    region.state(2, &["AAA111"], DAY);
    // It was just switched on: it has not looked yet.
    region.seen(1, 2 * DAY);
    region.seen(1, 2 * DAY + HOUR / 2);
    assert_eq!(region.told(), Vec::<String>::new());
    region.seen(1, 2 * DAY + HOUR);
    assert_eq!(region.told(), ["part_duplicate 2 1 AAA111"]);
}

#[test]
fn whoever_stays_silent_is_presumed_to_have_lost_it_and_may_come_back() {
    let mut region = Region::default();
    region.state(1, &["AAA111"], 0);
    region.state(2, &["AAA111"], DAY);
    region.seen(2, 7 * DAY);
    assert_eq!(region.told(), Vec::<String>::new());
    region.seen(2, 8 * DAY);
    assert_eq!(region.told(), ["part_moved 2 1 AAA111"]);
    assert!(region.told[0].presumed);
    // It comes back without the part: nothing new.
    let mut confirmed = Region {
        holdings: region.holdings.clone(),
        told: Vec::new(),
    };
    confirmed.state(1, &["NEW999"], 30 * DAY);
    assert_eq!(confirmed.told(), ["part_added 1 NEW999"]);
    // It comes back with it: the number is a duplicate.
    region.seen(1, 30 * DAY);
    region.seen(1, 30 * DAY + HOUR);
    assert_eq!(region.told().last().unwrap(), "part_duplicate 1 2 AAA111");
}

#[test]
fn a_part_that_comes_back_to_where_it_was_presumed_gone_from_has_moved_back() {
    let mut region = Region::default();
    region.state(1, &["AAA111"], 0);
    region.state(2, &["AAA111"], DAY);
    region.seen(2, 8 * DAY);
    region.state(2, &["BBB222"], 9 * DAY);
    region.state(1, &["AAA111"], 10 * DAY);
    assert_eq!(
        region.told(),
        ["part_moved 2 1 AAA111", "part_added 2 BBB222", "part_moved 1 2 AAA111"]
    );
    assert_eq!(region.standing(1, "AAA111"), None);
}

#[test]
fn a_number_of_a_whole_batch_tells_nothing() {
    let mut region = Region::default();
    for number in 1..=i64::from(COMMON_FROM) + 5 {
        region.state(number, &["BATCH1"], number * DAY);
    }
    assert_eq!(region.told(), Vec::<String>::new());
    assert_eq!(region.standing(1, "BATCH1"), Some(Standing::Common));
    region.state(2, &["OTHER"], 90 * DAY);
    assert_eq!(region.told(), ["part_added 2 OTHER"]);
}

#[test]
fn a_disk_that_restores_itself_states_the_same_and_nothing_changes() {
    let mut region = Region::default();
    for day in 0..200 {
        region.state(1, &["AAA111", "BBB222"], day * DAY);
    }
    assert_eq!(region.told(), Vec::<String>::new());
    assert_eq!(region.holdings.len(), 2);
}

#[test]
fn what_was_read_in_part_takes_nothing_away() {
    let mut region = Region::default();
    region.state(1, &["AAA111", "BBB222"], 0);
    let statement = Statement {
        kind: PartKind::Disk,
        parts: vec![part("AAA111")],
        complete: false,
        nameless: Vec::new(),
    };
    region.with(|ledger| ledger.state(device(1, 10), &statement, at(10), false));
    assert_eq!(region.told(), Vec::<String>::new());
}

#[test]
fn a_joined_record_is_no_other_device() {
    let mut region = Region::default();
    region.state(1, &["AAA111"], 0);
    let joined = Reporter {
        device: 2,
        survivor: 1,
        seen_at: Some(at(5)),
    };
    let statement = Statement {
        kind: PartKind::Disk,
        parts: vec![part("AAA111")],
        complete: true,
        nameless: Vec::new(),
    };
    region.with(|ledger| ledger.state(joined, &statement, at(5), true));
    assert_eq!(region.told(), Vec::<String>::new());
    assert_eq!(region.standing(2, "AAA111"), None);
}

proptest! {
    /// However parts wander, each telling of a move names two devices, and no part is in two devices without a doubt.
    #[test]
    fn no_part_is_in_two_devices_without_a_doubt(steps in proptest::collection::vec((1i64..5, proptest::collection::btree_set(0u8..4, 0..4), 1i64..200_000), 1..40)) {
        let mut region = Region::default();
        let mut now = 0;
        for (number, serials, passed) in steps {
            now += passed;
            let serials: Vec<String> = serials.iter().map(|n| format!("SERIAL{n}")).collect();
            region.state(number, &serials.iter().map(String::as_str).collect::<Vec<_>>(), now);
            region.seen(number, now);
            for event in &region.told {
                prop_assert_eq!(event.other.is_some(), matches!(event.kind, ChangeKind::PartMoved | ChangeKind::PartDuplicate));
                prop_assert_ne!(event.other, Some(event.device));
            }
            for n in 0..4 {
                let identity = part(&format!("SERIAL{n}")).identity;
                let certain = region.holdings.iter().filter(|h| h.part.identity == identity && h.gone_at.is_none() && h.standing.is_none());
                prop_assert!(certain.count() <= 1);
            }
        }
    }
}

#[test]
fn a_number_that_is_read_worse_takes_nothing_away() {
    let mut region = Region::default();
    let kind = PartKind::Disk;
    let stated = |parts: &[&str], nameless: usize| Statement {
        kind,
        parts: parts.iter().map(|serial| part(serial)).collect(),
        complete: true,
        nameless: vec![
            crate::part::Nameless {
                model: Some("SSD 250".into()),
                size_bytes: None,
            };
            nameless
        ],
    };
    let has = |region: &Region| region.holdings.iter().filter(|holding| holding.gone_at.is_none()).count();
    region.with(|ledger| ledger.state(device(1, 0), &stated(&["A", "B"], 0), at(0), true));
    region.with(|ledger| ledger.state(device(1, DAY), &stated(&["A"], 1), at(DAY), false));
    assert_eq!(
        (has(&region), region.told.len()),
        (2, 0),
        "the disk is there, its number is not read"
    );
    // One disk without a number stands for one that had a number, not for both.
    region.with(|ledger| ledger.state(device(1, 2 * DAY), &stated(&[], 1), at(2 * DAY), false));
    assert_eq!(has(&region), 1);
    assert_eq!(region.told[0].kind, ChangeKind::PartRemoved);
    let other = Statement {
        nameless: vec![crate::part::Nameless {
            model: Some("HDD 1000".into()),
            size_bytes: None,
        }],
        ..stated(&[], 0)
    };
    region.with(|ledger| ledger.state(device(1, 3 * DAY), &other, at(3 * DAY), false));
    assert_eq!(has(&region), 0, "another model is another disk");
}
