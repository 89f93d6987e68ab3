//! A year of a classroom computer in a second: 8,760 hours of school days, nights, holidays and a summer,
//! with outages, wrong clocks, restored disks and a deleted record.

use std::collections::BTreeSet;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// What a seed decides. The same seed lives the same year.
struct Dice(u64);

impl Dice {
    /// True once in `times`.
    fn once_in(&mut self, times: u64) -> bool {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33).is_multiple_of(times)
    }
}

fn is_school_day(day: u64) -> bool {
    // The year begins on 1 September, a Tuesday here; June to August are days 273 and on.
    let weekday = (day + 1) % 7;
    day < 273 && weekday < 5
}

/// Lives a year and answers the world with the hours that the computer was on.
fn live(seed: u64) -> (World, u64) {
    let (mut world, mut dice) = (World::new(), Dice(seed));
    let (mut hours_on, mut state) = (0, 0);
    let mut image = None;
    for day in 0..365 {
        if !is_school_day(day) {
            world.switch_off(HOUR * 24);
            continue;
        }
        world.switch_off(HOUR * 16);
        // A dead battery: the clock starts in the past until the controller is heard.
        world.clock_behind = if dice.once_in(7) { DAY * 365 * 20 } else { Duration::ZERO };
        if dice.once_in(40) {
            world.delete_record();
        }
        if day == 20 {
            image = Some(world.core.ledger().clone());
        }
        if let Some(image) = image.clone().filter(|_| dice.once_in(30)) {
            // The disk restores itself; what waited on it is gone with it.
            world.spool.clear();
            world.restart(image);
        }
        for _ in 0..8 {
            world.reachable = !dice.once_in(9);
            if dice.once_in(20) {
                state += 1;
                world.hardware.insert(SectionName::Memory, state);
            }
            world.pass(HOUR);
            hours_on += 1;
        }
    }
    world.reachable = true;
    world.pass(HOUR * 48);
    (world, hours_on + 48)
}

#[test]
fn in_a_year_every_report_arrives_exactly_once_and_the_agent_wakes_seldom() {
    for seed in [1, 20_200_601, 31_337] {
        let (world, hours_on) = live(seed);
        assert!(world.is_whole(), "seed {seed}: the record is not whole");
        assert!(world.spool.is_empty(), "seed {seed}: {} reports still wait", world.spool.len());
        let digests: BTreeSet<Digest> = world.stored.iter().map(|envelope| head_of(envelope).digest).collect();
        assert_eq!(digests.len(), world.stored.len(), "seed {seed}: a report was stored twice");
        assert!(
            world.stored.len() > 20,
            "seed {seed}: only {} reports in a year",
            world.stored.len()
        );
        // One check-in a minute is the model's pace; collections, deliveries and retries come on top.
        let per_hour = world.wakeups / hours_on;
        assert!((50..=75).contains(&per_hour), "seed {seed}: {per_hour} wake-ups an hour");
    }
}

#[test]
fn the_same_seed_lives_the_same_year() {
    let heads = |seed| live(seed).0.stored.iter().map(head_of).collect::<Vec<_>>();
    assert_eq!(heads(5), heads(5));
    assert_ne!(heads(5), heads(6));
}
