//! The rows of the table: each measures so many times and says what it found beside its goal.
//!
//! A run in which the computer that plays everybody had no time for the line itself is void and made again; how many
//! there were is part of the row.

use std::fmt;
use std::time::Duration;

use cos_measurement::probe::{DrainMode, Plan};
use inventory_schema::measurement::Direction;
use inventory_schema::measurement::verdict::{Reason, Verdict};

use super::relay::Way;
use super::school::{Card, Run, School};

/// The line may be this late before its run is void.
pub const LATE: Duration = Duration::from_millis(4);
/// Void runs per run that counts, before a row is given up.
const VOID_PER_RUN: usize = 6;

#[derive(Debug)]
pub struct Row {
    pub name: String,
    pub goal: String,
    pub found: String,
    pub met: bool,
    pub void: usize,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.met { "ok  " } else { "MISS" };
        write!(f, "{mark} {} | goal: {} | {}", self.name, self.goal, self.found)?;
        if self.void > 0 {
            write!(f, " | {} void runs", self.void)?;
        }
        Ok(())
    }
}

/// Runs that count, and how many did not.
struct Runs {
    runs: Vec<Run>,
    void: usize,
}

/// Measures until so many runs count. What must never be said is never said of a starved computer either: only runs
/// in which the line itself was late are void.
fn repeat(count: usize, measure: impl FnMut() -> Run) -> Runs {
    repeat_unless(|run| run.late > LATE, count, measure)
}

/// As [`repeat`], without the runs that a starved computer leaves undecided.
fn repeat_rested(count: usize, measure: impl FnMut() -> Run) -> Runs {
    repeat_unless(Run::is_starved, count, measure)
}

fn repeat_unless(void: impl Fn(&Run) -> bool, count: usize, mut measure: impl FnMut() -> Run) -> Runs {
    let mut runs = Runs { runs: Vec::new(), void: 0 };
    while runs.runs.len() < count && runs.void < count * VOID_PER_RUN {
        let run = measure();
        if void(&run) {
            runs.void += 1;
        } else {
            runs.runs.push(run);
        }
    }
    runs
}

fn both(way: Way) -> (Way, Way) {
    (way, way)
}

/// The error of the capacity at a loss of so many millionths, in both directions by turns.
pub fn capacity(school: &School, count: usize, target: u32, truth: u64, loss: u32) -> Row {
    let (down, up) = both(Way::of(truth).with_loss(loss));
    school.relay.set(down, up);
    let mut turn = 0;
    let runs = repeat(count, || {
        turn += 1;
        let direction = if turn % 2 == 1 { Direction::Down } else { Direction::Up };
        school.measure(0, direction, Plan::for_target(target), Card::Gigabit, None)
    });
    let mut errors: Vec<f64> = runs.runs.iter().map(|run| run.per_mille_off(truth)).collect();
    errors.sort_by(f64::total_cmp);
    let worst = errors.last().copied().unwrap_or(f64::INFINITY);
    let within = errors.iter().filter(|error| **error <= 2.0).count();
    let median = errors.get(errors.len() / 2).copied().unwrap_or(f64::INFINITY);
    Row {
        name: format!(
            "IP-capacity error, {} Mb/s, loss {} %, 20 ms",
            truth as f64 / 1e3,
            f64::from(loss) / 1e4
        ),
        goal: "at most 0.2 % in 99 % of runs".into(),
        found: format!(
            "{within} of {} within 0.2 %, median {:.3} %, worst {:.3} %",
            errors.len(),
            median / 10.0,
            worst / 10.0
        ),
        met: !errors.is_empty() && within * 100 >= errors.len() * 99,
        void: runs.void,
    }
}

/// The verdict on a line a little above or below its target.
pub fn verdicts(school: &School, count: usize, target: u32, truth: u64) -> Row {
    let expected = if truth >= u64::from(target) {
        Verdict::Meets
    } else {
        Verdict::Below
    };
    let (down, up) = both(Way::of(truth));
    school.relay.set(down, up);
    let runs = repeat_rested(count, || {
        school.measure(0, Direction::Down, Plan::for_target(target), Card::Gigabit, None)
    });
    let right = runs.runs.iter().filter(|run| run.judgement.verdict == expected).count();
    let wrong = wrong(&runs.runs, expected);
    Row {
        name: format!("right verdict at {} of {}", truth as f64 / 1e3, target / 1_000),
        goal: "all".into(),
        found: format!("{right} of {} right, {wrong} wrong{}", runs.runs.len(), undecided(&runs.runs)),
        met: right == runs.runs.len() && !runs.runs.is_empty(),
        void: runs.void,
    }
}

/// Verdicts that say the opposite; undecided ones are none of them.
fn wrong(runs: &[Run], expected: Verdict) -> usize {
    let opposite = if expected == Verdict::Meets {
        Verdict::Below
    } else {
        Verdict::Meets
    };
    runs.iter().filter(|run| run.judgement.verdict == opposite).count()
}

fn undecided(runs: &[Run]) -> String {
    let mut reasons: Vec<&str> = runs
        .iter()
        .filter(|run| !run.judgement.verdict.is_valid())
        .map(|run| run.judgement.main_reason().map_or("no_data", Reason::as_str))
        .collect();
    reasons.sort_unstable();
    if reasons.is_empty() {
        String::new()
    } else {
        format!(", undecided: {}", reasons.join(" "))
    }
}

/// What a measurement costs: bytes, time, processor.
pub fn cost(school: &School, count: usize, truth: u64, most_bytes: u64, longest: Duration) -> Row {
    let (down, up) = both(Way::of(truth));
    school.relay.set(down, up);
    let runs = repeat(count, || {
        school.measure(0, Direction::Down, Plan::for_target(100_000), Card::Gigabit, None)
    });
    let bytes = runs
        .runs
        .iter()
        .map(|run| run.measurement.bytes_used.get())
        .max()
        .unwrap_or(u64::MAX);
    let time = runs.runs.iter().map(|run| run.elapsed).max().unwrap_or(Duration::MAX);
    Row {
        name: format!("bytes and time for one direction, target 100, line {}", truth / 1_000),
        goal: format!("at most {} MB and {:.1} s", most_bytes / 1_000_000, longest.as_secs_f64()),
        found: format!(
            "at most {:.1} MB and {:.2} s in {} runs",
            bytes as f64 / 1e6,
            time.as_secs_f64(),
            runs.runs.len()
        ),
        met: !runs.runs.is_empty() && bytes <= most_bytes && time <= longest,
        void: runs.void,
    }
}

/// Processor time of the measuring thread, for a verdict in each direction.
pub fn processor(school: &School, count: usize, direction: Direction) -> Row {
    let (down, up) = both(Way::of(100_000));
    school.relay.set(down, up);
    let runs = repeat(count, || {
        school.measure(0, direction, Plan::for_target(100_000), Card::Gigabit, None)
    });
    let mut used: Vec<Duration> = runs
        .runs
        .iter()
        .filter_map(|run| run.outcome.as_ref().ok().and_then(|measured| measured.cpu))
        .collect();
    used.sort_unstable();
    let median = used.get(used.len() / 2).copied().unwrap_or(Duration::MAX);
    Row {
        name: format!("processor time for a verdict, {direction:?}"),
        goal: "at most 0.1 s".into(),
        found: format!(
            "median {:.3} s, most {:.3} s of {}",
            median.as_secs_f64(),
            used.last().copied().unwrap_or_default().as_secs_f64(),
            used.len()
        ),
        met: median <= Duration::from_millis(100),
        void: runs.void,
    }
}

/// A line that lives on credit must never be said to meet its target.
pub fn policer(school: &School, count: usize, credit: u64) -> Row {
    let (down, up) = both(Way::policer(95_000, credit));
    school.relay.set(down, up);
    let runs = repeat(count, || {
        school.measure(0, Direction::Down, Plan::for_target(100_000), Card::Gigabit, None)
    });
    let meets = runs.runs.iter().filter(|run| run.judgement.verdict == Verdict::Meets).count();
    let below = runs.runs.iter().filter(|run| run.judgement.verdict == Verdict::Below).count();
    Row {
        name: format!("95 Mb/s policer with credit of {:.1} MB", credit as f64 / 1e6),
        goal: "no «meets»".into(),
        found: format!("{meets} «meets», {below} «below» of {}{}", runs.runs.len(), undecided(&runs.runs)),
        met: meets == 0 && !runs.runs.is_empty(),
        void: runs.void,
    }
}

/// A line of 150 behind what is no gigabit card must never be said to fall short.
pub fn card(school: &School, count: usize, card: Card, expected: Reason) -> Row {
    let (down, up) = both(Way::of(150_000));
    school.relay.set(down, up);
    if card == Card::FastEthernet {
        school.put_on_fast_ethernet(0).unwrap();
    } else {
        // A radio that carries less than the line.
        school.relay.set(Way::of(60_000), Way::of(60_000));
    }
    let runs = repeat(count, || school.measure(0, Direction::Down, Plan::for_target(100_000), card, None));
    if card == Card::FastEthernet {
        school.put_on_gigabit(0).unwrap();
    }
    let below = runs.runs.iter().filter(|run| run.judgement.verdict == Verdict::Below).count();
    let said = runs.runs.iter().filter(|run| run.judgement.reasons.contains(&expected)).count();
    Row {
        name: format!("line behind {card:?}"),
        goal: format!("no «below», «{}» said", expected.as_str()),
        found: format!("{below} «below», {said} of {} say it", runs.runs.len()),
        met: below == 0 && said == runs.runs.len() && said > 0,
        void: runs.void,
    }
}

/// A sibling that downloads: added by its counters, or the result proves nothing.
pub fn cross_traffic(school: &School, count: usize, kbps: u64) -> Row {
    let (down, up) = both(Way::of(101_000));
    school.relay.set(down, up);
    let sibling = school.download(1, kbps);
    sibling.settle(kbps);
    let runs = repeat(count, || {
        school.measure(0, Direction::Down, Plan::for_target(100_000), Card::Gigabit, Some(&sibling))
    });
    drop(sibling);
    let below = runs.runs.iter().filter(|run| run.judgement.verdict == Verdict::Below).count();
    let mut off: Vec<f64> = runs
        .runs
        .iter()
        .map(|run| (run.judgement.carried.get() as f64 / 101e6 - 1.0).abs() * 100.0)
        .collect();
    off.sort_by(f64::total_cmp);
    Row {
        name: format!("line of 101, sibling downloads {} Mb/s", kbps / 1_000),
        goal: "no «below»; the sum within 0.5 %".into(),
        found: format!(
            "{below} «below» of {}, sum off by {:.2} % at the median, {:.2} % at worst{}",
            runs.runs.len(),
            off.get(off.len() / 2).copied().unwrap_or(f64::INFINITY),
            off.last().copied().unwrap_or(f64::INFINITY),
            undecided(&runs.runs)
        ),
        met: below == 0 && !runs.runs.is_empty() && off.get(off.len() / 2).is_some_and(|median| *median <= 0.5),
        void: runs.void,
    }
}

/// What iperf3 reads on the same line in the same run, for comparison: no goal of ours.
pub fn iperf3(school: &School, truth: u64, loss: u32, streams: u32) -> Row {
    let (down, up) = both(Way::of(truth).with_loss(loss));
    school.relay.set(down, up);
    let found = school.iperf3(streams, 5).map_or_else(
        |error| format!("not measured: {error}"),
        |rate| format!("{:.1} Mb/s received", rate / 1e6),
    );
    Row {
        name: format!(
            "iperf3, {streams} streams, {} Mb/s, loss {} %",
            truth as f64 / 1e3,
            f64::from(loss) / 1e4
        ),
        goal: "for comparison".into(),
        found,
        met: true,
        void: 0,
    }
}

/// Whether measurements begin at 1 % loss; many at one time, each of a line that costs little.
pub fn setup(school: &School, count: usize) -> Row {
    let (down, up) = both(Way::of(100_000).with_loss(10_000));
    school.relay.set(down, up);
    let plan = Plan::for_target(200).with_drain(DrainMode::Short);
    let mut begun = 0;
    let mut asked = 0;
    while asked < count {
        let at_once = (count - asked).min(40);
        begun += std::thread::scope(|scope| {
            let threads: Vec<_> = (0..at_once)
                .map(|_| scope.spawn(|| school.measure(0, Direction::Down, plan, Card::Gigabit, None).outcome.is_ok()))
                .collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum::<usize>()
        });
        asked += at_once;
    }
    Row {
        name: "setup at 1 % loss".into(),
        goal: "99.9 % start".into(),
        found: format!("{begun} of {asked} started"),
        met: begun * 1_000 >= asked * 999,
        void: 0,
    }
}
