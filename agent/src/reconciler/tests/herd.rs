//! A herd of cores in virtual time, against a model of the controller's pace: what the agents themselves may add
//! to a herd, or may not. The controller's own half is `controller/src/pace.rs`; the fleet shows both together.

use super::*;

const PERIOD: u64 = 60;
/// Per interval of a second: with 2,000 agents a period of 60 s has 33 in each, so intervals are of six seconds.
const INTERVAL: u64 = 6;

/// One agent of the herd and the moment of the period that the controller gave it.
struct Member {
    core: Reconciler,
    moment: u64,
}

/// Every agent has a moment of its own in every period, as the controller's pace gives it; here evenly, so that
/// what is measured is the agents' doing alone.
fn next_moment(moment: u64, now: Duration) -> u64 {
    let into = now.as_secs() % PERIOD;
    let pause = (moment + PERIOD - into) % PERIOD;
    if pause < PERIOD / 8 { pause + PERIOD } else { pause }
}

fn herd(agents: u64, seed: u64, outage: Duration) -> Vec<Member> {
    let member = |number| {
        let mut core = started(seed ^ (number * 0x9e37_79b9));
        // The controller was away: every agent has been asking ever more seldom.
        drive(&mut core, Duration::ZERO, outage, |_| Event::CheckInFailed(Failure::Unreachable));
        Member {
            core,
            moment: number * PERIOD / agents,
        }
    };
    (0..agents).map(member).collect()
}

fn started(seed: u64) -> Reconciler {
    let now = moment(Duration::ZERO);
    Reconciler::new(
        subject(),
        Schedule::default(),
        seed,
        Ledger::default(),
        Holdings::default(),
        SpoolDepth::default(),
        now,
    )
}

fn moment(uptime: Duration) -> Moment {
    Moment {
        device: Timestamp::from_unix_seconds(1_800_000_000) + uptime,
        boot: boot(1),
        uptime,
    }
}

/// Drives a core from `from` to `until`, answering check-ins by `answer`, and says when it checked in.
fn drive(core: &mut Reconciler, from: Duration, until: Duration, mut answer: impl FnMut(Duration) -> Event) -> Vec<Duration> {
    let (mut now, mut check_ins) = (from, Vec::new());
    loop {
        now = now.max(core.next_wakeup().unwrap_or(until));
        if now >= until {
            return check_ins;
        }
        let mut events = vec![Event::Woken];
        while let Some(event) = events.pop() {
            for action in core.handle(event, moment(now)) {
                match action {
                    Action::CheckIn { .. } => {
                        check_ins.push(now);
                        events.push(answer(now));
                    }
                    Action::Collect => events.push(Event::Collected { sections: BTreeMap::new() }),
                    _ => {}
                }
            }
        }
    }
}

fn told_to_come_at(moment: u64, now: Duration) -> Event {
    Event::CheckInAnswered(Box::new(CheckInAnswer {
        protocol: 1,
        server_time: Timestamp::from_unix_seconds(1_800_000_000) + now,
        next_check_in: Seconds::saturating(next_moment(moment, now)),
        wait: Seconds::saturating(0),
        beliefs_wanted: false,
        wanted: Vec::new(),
        receipt_wanted: false,
        collect_now: false,
        head: None,
        trust: None,
        receipt: None,
        evidence_wanted: false,
        rekey: false,
        collection: None,
    }))
}

/// The busiest interval of `counted` against their mean, in per cent.
fn peak_per_cent(arrivals: &[Duration], from: Duration) -> u64 {
    let mut counts = vec![0_u64; usize::try_from(PERIOD / INTERVAL).unwrap()];
    for arrival in arrivals {
        if let Some(since) = arrival.checked_sub(from).filter(|since| since.as_secs() < PERIOD) {
            counts[usize::try_from(since.as_secs() / INTERVAL).unwrap()] += 1;
        }
    }
    let (peak, all) = (counts.iter().max().unwrap(), counts.iter().sum::<u64>());
    assert!(all > 0, "nobody came in the second period");
    peak * 100 * counts.len() as u64 / all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// All computers of a region are switched on in one second: in the second period nobody notices any more.
    #[test]
    fn a_herd_at_the_door_has_no_echo(seed in any::<u64>()) {
        let arrivals: Vec<Duration> = (0..2000)
            .flat_map(|number| {
                let own = number * PERIOD / 2000;
                drive(&mut started(seed ^ number), Duration::ZERO, Duration::from_secs(3 * PERIOD), |now| told_to_come_at(own, now))
            })
            .collect();
        let peak = peak_per_cent(&arrivals, Duration::from_secs(PERIOD));
        prop_assert!(peak <= 120, "{peak} % of the mean");
    }

    /// The controller comes back after eight hours: whoever finds it does so within the longest pause, and in the
    /// period after that all come evenly.
    #[test]
    fn an_outage_of_eight_hours_has_no_echo(seed in any::<u64>()) {
        let outage = Duration::from_secs(8 * 3600);
        let longest = Schedule::default().retry_longest;
        let mut arrivals = Vec::new();
        let mut late = Duration::ZERO;
        for mut member in herd(2000, seed, outage) {
            let own = member.moment;
            let came = drive(&mut member.core, outage, outage + longest + Duration::from_secs(3 * PERIOD), |now| told_to_come_at(own, now));
            late = late.max(came[0] - outage);
            arrivals.extend(came);
        }
        prop_assert!(late <= longest, "the last came after {late:?}");
        // The first of them come evenly too: half of the longest pause long nobody is told to come together.
        let peak = peak_per_cent(&arrivals, outage + longest + Duration::from_secs(PERIOD));
        prop_assert!(peak <= 120, "{peak} % of the mean");
    }
}
