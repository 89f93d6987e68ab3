//! What will happen: to which computer and to which line, when. Drawn from the seed before anything runs.
//!
//! Pure. The world's answers (who reconnects when, which report travels with which) differ between two runs of
//! one seed; what is done to it does not.

use std::time::Duration;

use crate::dice::Dice;
use crate::proxy::Fault;

/// What happens to a computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// A part, a program or a cable is another one now.
    Change,
    /// The power is cut in the middle of anything; the computer starts again with what lies on its disk.
    PowerCut,
    /// It starts again with the disk of the hour before.
    RestoredDisk,
    /// Its own clock is off by so many seconds from now on.
    ClockJump(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// Simulated time since the start.
    pub at: Duration,
    pub what: Happening,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadTime {
    pub from: Duration,
    pub until: Duration,
    pub fault: Fault,
}

/// How much of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    pub agents: u64,
    pub hours: u64,
    pub lines: u64,
    /// Of a thousand computers in an hour.
    pub changes: u64,
    pub power_cuts: u64,
    pub restored_disks: u64,
    pub clock_jumps: u64,
    /// Of a thousand lines in an hour.
    pub faults: u64,
}

impl Rates {
    pub fn with_faults(agents: u64, hours: u64, lines: u64) -> Self {
        Self {
            agents,
            hours,
            lines,
            changes: 60,
            power_cuts: 30,
            restored_disks: 10,
            clock_jumps: 20,
            faults: 800,
        }
    }

    /// Computers change, and nothing goes wrong.
    pub fn calm(agents: u64, hours: u64, lines: u64) -> Self {
        Self {
            power_cuts: 0,
            restored_disks: 0,
            clock_jumps: 0,
            faults: 0,
            ..Self::with_faults(agents, hours, lines)
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// By computer, in order of time.
    pub computers: Vec<Vec<Planned>>,
    /// By line, in order of time; no two overlap.
    pub lines: Vec<Vec<BadTime>>,
}

const HOUR: Duration = Duration::from_secs(3600);
/// Dead batteries, a wrong zone, a wrong year.
const JUMPS: [i64; 6] = [-20 * 31_536_000, -86_400, -18_000, -600, 3600, 400 * 86_400];

impl Plan {
    pub fn draw(seed: u64, rates: &Rates) -> Self {
        let mut computers = vec![Vec::new(); usize::try_from(rates.agents).unwrap_or_default()];
        for hour in 0..rates.hours {
            let mut dice = Dice::of(seed, "computers", hour);
            for (rate, kind) in [
                (rates.changes, 0),
                (rates.power_cuts, 1),
                (rates.restored_disks, 2),
                (rates.clock_jumps, 3),
            ] {
                // Rounded up: never fewer than was promised.
                for computer in dice.choose((rates.agents * rate).div_ceil(1000), rates.agents) {
                    let at = HOUR * u32::try_from(hour).unwrap_or(u32::MAX) + within(&mut dice, HOUR);
                    let what = match kind {
                        0 => Happening::Change,
                        1 => Happening::PowerCut,
                        2 => Happening::RestoredDisk,
                        _ => Happening::ClockJump(*dice.pick(&JUMPS)),
                    };
                    computers[usize::try_from(computer).expect("chosen below the number of agents")].push(Planned { at, what });
                }
            }
        }
        for planned in &mut computers {
            planned.sort_by_key(|planned| planned.at);
        }
        let lines = (0..rates.lines).map(|line| bad_times(seed, line, rates)).collect();
        Self { computers, lines }
    }
}

/// A quarter of an hour to three quarters at a time, at most one in an hour.
fn bad_times(seed: u64, line: u64, rates: &Rates) -> Vec<BadTime> {
    let mut dice = Dice::of(seed, "line", line);
    let mut times = Vec::new();
    for hour in 0..rates.hours {
        let lasts = HOUR / 4 + within(&mut dice, HOUR / 2);
        let begins = within(&mut dice, HOUR - lasts);
        let fault = *dice.weighed(&[
            (300, Fault::Cut),
            (250, Fault::Stall),
            (250, Fault::HalfOpen),
            (200, Fault::Slow { bytes_per_second: 64_000 }),
        ]);
        if dice.happens(rates.faults) {
            let from = HOUR * u32::try_from(hour).unwrap_or(u32::MAX) + begins;
            times.push(BadTime {
                from,
                until: from + lasts,
                fault,
            });
        }
    }
    times
}

fn within(dice: &mut Dice, span: Duration) -> Duration {
    Duration::from_micros(dice.below(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_plans_the_same_run_and_another_seed_another() {
        let rates = Rates::with_faults(200, 6, 8);
        assert_eq!(Plan::draw(1, &rates), Plan::draw(1, &rates));
        assert_ne!(Plan::draw(1, &rates).computers, Plan::draw(2, &rates).computers);
        assert_ne!(Plan::draw(1, &rates).lines, Plan::draw(2, &rates).lines);
    }

    #[test]
    fn at_least_one_computer_in_twenty_changes_every_hour() {
        for agents in [1, 60, 333, 2000] {
            let plan = Plan::draw(3, &Rates::with_faults(agents, 5, 1));
            for hour in 0..5 {
                let in_hour = |planned: &&Planned| planned.what == Happening::Change && planned.at.as_secs() / 3600 == hour;
                let changed = plan
                    .computers
                    .iter()
                    .filter(|planned| planned.iter().any(|one| in_hour(&one)))
                    .count() as u64;
                assert!(changed * 20 >= agents, "{changed} of {agents} in hour {hour}");
            }
        }
    }

    #[test]
    fn every_fault_is_planned_and_none_overlaps_another_of_its_line() {
        let plan = Plan::draw(9, &Rates::with_faults(10, 24, 10));
        let kinds: BTreeSet<String> = plan.lines.iter().flatten().map(|time| format!("{:?}", time.fault)).collect();
        assert_eq!(kinds.len(), 4, "{kinds:?}");
        for times in &plan.lines {
            assert!(times.iter().all(|time| time.from < time.until));
            assert!(times.windows(2).all(|pair| pair[0].until <= pair[1].from));
        }
        let happened: BTreeSet<_> = plan
            .computers
            .iter()
            .flatten()
            .map(|planned| std::mem::discriminant(&planned.what))
            .map(|kind| format!("{kind:?}"))
            .collect();
        assert_eq!(happened.len(), 4);
    }

    #[test]
    fn a_calm_run_has_changes_and_nothing_else() {
        let plan = Plan::draw(9, &Rates::calm(100, 4, 3));
        assert!(plan.lines.iter().all(Vec::is_empty));
        assert!(plan.computers.iter().flatten().all(|planned| planned.what == Happening::Change));
        assert!(plan.computers.iter().flatten().count() >= 20);
    }
}
