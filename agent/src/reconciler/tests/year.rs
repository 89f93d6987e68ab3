//! A year of a classroom computer in milliseconds: 8,760 hours of school days, nights, holidays and a summer,
//! with outages of hours, days and weeks, wrong and jumping clocks, power cuts at any instant, restored disks, a
//! deleted record, and a controller that says «later», loses its answers or has no room.

use std::time::Instant;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
/// Small enough to overflow in weeks without a controller.
const BOUNDS: (usize, usize) = (12, 6);

/// What a seed decides. The same seed lives the same year.
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// True once in `times`.
    fn once_in(&mut self, times: u64) -> bool {
        self.throw().is_multiple_of(times)
    }
}

fn is_school_day(day: u64) -> bool {
    // The year begins on 1 September, a Tuesday here; June to August are days 273 and on.
    let weekday = (day + 1) % 7;
    day < 273 && weekday < 5
}

/// A year and what was counted in it.
struct Year {
    world: World,
    dice: Dice,
    hours: u64,
    state: u32,
    /// Until which day the line is dead.
    dead_until: u64,
    image: Option<(Disk, Vec<Envelope>)>,
    power_cuts: u64,
    restored_disks: u64,
    deletions: usize,
    /// The most wake-ups in an hour in which nothing happened, and in one of a long outage.
    idle_hour: u64,
    outage_hour: u64,
}

impl Year {
    fn live(seed: u64) -> Self {
        let mut world = World::new();
        world.disk.bounds = Some(BOUNDS);
        let mut year = Self {
            world,
            dice: Dice(seed),
            hours: 0,
            state: 0,
            dead_until: 0,
            image: None,
            power_cuts: 0,
            restored_disks: 0,
            deletions: 0,
            idle_hour: 0,
            outage_hour: 0,
        };
        for day in 0..365 {
            if is_school_day(day) {
                year.school_day(day);
            } else {
                year.off(HOUR * 24);
            }
        }
        year.september();
        year
    }

    fn off(&mut self, span: Duration) {
        self.hours += span.as_secs() / 3600;
        self.world.wall += span;
        self.world.boots = self.world.boots.wrapping_add(1);
        self.world.uptime = Duration::ZERO;
        self.world.cut_power();
    }

    fn school_day(&mut self, day: u64) {
        self.off(HOUR * 16);
        self.misfortunes_of_a_day(day);
        let mut quiet_before = false;
        for hour in 0..8 {
            let dead = day < self.dead_until;
            self.world.reachable = !dead && !self.dice.once_in(9);
            self.world.mood = match self.dice.throw() % 20 {
                0 => Mood::Busy,
                1 => Mood::AnswersLost,
                _ => Mood::Well,
            };
            self.world.room = !self.dice.once_in(15);
            if self.dice.once_in(8) {
                // A clock that is set inside a day, forward or back by years.
                self.world.clock_behind = [Duration::ZERO, HOUR, DAY * 365 * 20][usize::try_from(self.dice.throw() % 3).unwrap()];
            }
            let changed = self.dice.once_in(if dead { 3 } else { 20 });
            if changed {
                self.state += 1;
                self.world.hardware.insert(SectionName::Memory, self.state);
            }
            let (before, cuts) = (self.world.wakeups, self.power_cuts);
            self.an_hour();
            let woken = self.world.wakeups - before;
            let well = self.world.reachable && self.world.room && self.world.mood == Mood::Well;
            let calm = !changed && self.power_cuts == cuts;
            if dead && calm && hour > 0 {
                self.outage_hour = self.outage_hour.max(woken);
            }
            if well && calm && quiet_before && hour > 0 && self.world.spool.is_empty() {
                self.idle_hour = self.idle_hour.max(woken);
            }
            quiet_before = well && calm;
        }
    }

    fn misfortunes_of_a_day(&mut self, day: u64) {
        // A dead battery: the clock starts in the past until the controller is heard.
        self.world.clock_behind = if self.dice.once_in(7) { DAY * 365 * 20 } else { Duration::ZERO };
        if self.dice.once_in(40) {
            self.world.delete_record();
            self.deletions += 1;
        }
        if day == 100 {
            self.dead_until = day + 21;
        } else if day >= self.dead_until && self.dice.once_in(25) {
            self.dead_until = day + 1 + self.dice.throw() % 3;
        }
        if day == 20 {
            self.image = Some((self.world.disk.clone(), self.world.spool.clone()));
        }
        if let Some((disk, spool)) = self.image.clone().filter(|_| self.dice.once_in(30)) {
            self.restored_disks += 1;
            for envelope in &self.world.spool {
                let fate = self.world.fates.get_mut(&head_of(envelope).digest).unwrap();
                if *fate == Fate::Waits {
                    *fate = Fate::Lost;
                }
            }
            (self.world.disk, self.world.spool) = (disk, spool);
            self.world.cut_power();
        }
    }

    /// An hour, in which the power may be cut between any two events.
    fn an_hour(&mut self) {
        self.hours += 1;
        let cut_after = if self.dice.once_in(12) { self.dice.throw() % 40 } else { u64::MAX };
        let end = self.world.uptime + HOUR;
        let mut handled = 0;
        'hour: while let Some(at) = self.world.core.next_wakeup().filter(|at| *at <= end) {
            self.world.wakeups += 1;
            self.world.wall += at.saturating_sub(self.world.uptime);
            self.world.uptime = self.world.uptime.max(at);
            let mut events = vec![Event::Woken];
            while let Some(event) = events.pop() {
                for action in self.world.core.handle(event, self.world.now()) {
                    handled += 1;
                    assert!(handled < 5_000, "the core spins");
                    if handled == cut_after {
                        self.power_cuts += 1;
                        self.world.cut_power();
                        continue 'hour;
                    }
                    events.extend(self.world.perform(action));
                }
            }
        }
        self.world.wall += end - self.world.uptime;
        self.world.uptime = end;
    }

    /// All is well again, for two days.
    fn september(&mut self) {
        self.world.reachable = true;
        self.world.mood = Mood::Well;
        self.world.room = true;
        self.world.pass(HOUR * 48);
    }

    fn having(&self, fate: Fate) -> usize {
        self.world.fates.values().filter(|one| **one == fate).count()
    }
}

#[test]
fn in_a_year_every_report_arrives_exactly_once_and_the_agent_wakes_seldom() {
    for seed in [1, 20_200_601, 31_337] {
        let begun = Instant::now();
        let year = Year::live(seed);
        let took = begun.elapsed();
        let world = &year.world;
        println!(
            "seed {seed}: {} hours in {} ms; {} reports stored, {} forgotten, {} lost with disks, {} power cuts, {} restored disks, \
             {} deletions; wake-ups in an idle hour {}, in an hour of an outage {}",
            year.hours,
            took.as_millis(),
            world.stored.len(),
            year.having(Fate::Forgotten),
            year.having(Fate::Lost),
            year.power_cuts,
            year.restored_disks,
            year.deletions,
            year.idle_hour,
            year.outage_hour,
        );
        assert_eq!(year.hours, 8760, "seed {seed}");
        assert!(world.is_whole(), "seed {seed}: the record is not whole");
        assert!(world.spool.is_empty(), "seed {seed}: {} reports still wait", world.spool.len());
        assert_eq!(year.having(Fate::Waits), 0, "seed {seed}: reports vanished");
        assert_eq!(world.stored_twice, 0, "seed {seed}: a report was stored twice");
        assert_eq!(world.forks, 0, "seed {seed}: one computer alone forked its chain");
        assert!(
            world.stored.len() > 20,
            "seed {seed}: only {} reports in a year",
            world.stored.len()
        );
        assert!(
            year.power_cuts > 20 && year.restored_disks > 0 && year.deletions > 0,
            "seed {seed}: a year too calm"
        );
        // One check-in a minute is the model's pace, and a look at the hardware; a retry takes seven minutes and a half.
        assert!(
            (55..=63).contains(&year.idle_hour),
            "seed {seed}: {} wake-ups in an idle hour",
            year.idle_hour
        );
        assert!(
            (4..=10).contains(&year.outage_hour),
            "seed {seed}: {} wake-ups in an outage's hour",
            year.outage_hour
        );
    }
}

#[test]
fn a_spool_that_overflows_keeps_its_bound_and_the_record_becomes_whole() {
    let mut world = World::new();
    world.disk.bounds = Some(BOUNDS);
    world.pass(MINUTE);
    world.reachable = false;
    for state in 1..60 {
        world.hardware.insert(SectionName::Memory, state);
        world.pass(DAY);
    }
    assert_eq!(world.spool.len(), BOUNDS.0);
    assert_eq!(world.disk.tombstones.len(), BOUNDS.0 - BOUNDS.1);
    world.reachable = true;
    world.pass(DAY);
    assert!(world.is_whole() && world.spool.is_empty());
    assert!(world.refused_gaps > 0, "envelopes were forgotten, and nobody noticed");
    assert_eq!(world.forks, 0);
}

#[test]
fn the_power_is_cut_after_a_report_was_kept_and_before_the_ledger_was_saved() {
    let mut world = World::new();
    world.pass(MINUTE);
    world.reachable = false;
    world.pass(MINUTE);
    world.hardware.insert(SectionName::Memory, 1);
    let before = world.disk.ledger.clone();
    world.pass(DAY);
    assert_eq!(world.spool.len(), 1);
    world.disk.ledger = before;
    world.cut_power();
    world.reachable = true;
    world.pass(DAY);
    assert!(world.is_whole());
    assert_eq!(world.forks, 0, "the report of before and the one of after stand at one place");
}

#[test]
fn the_same_seed_lives_the_same_year() {
    let heads = |seed| Year::live(seed).world.stored.iter().map(head_of).collect::<Vec<_>>();
    assert_eq!(heads(5), heads(5));
    assert_ne!(heads(5), heads(6));
}
