//! Each rule and each reason by a literal case, and what must hold for all.

use proptest::prelude::*;

use super::*;
use crate::measurement::record::*;
use crate::quantity::{Bytes, Count, KilobitsPerSecond, Microseconds, Percent};
use crate::timestamp::Timestamp;

const MEGABIT: f64 = 1_000_000.0;

mod property;
mod sample;

use sample::*;

#[test]
fn half_a_percent_around_the_target_is_told_apart() {
    for (line, target, expected) in [
        (100.5, 100.0, MEETS),
        (100.0, 100.0, MEETS),
        (99.5, 100.0, BELOW),
        (50.25, 50.0, MEETS),
        (49.75, 50.0, BELOW),
        (45.0, 50.0, BELOW),
        (150.0, 100.0, MEETS),
        // A village's 52 and an urban-type settlement's 60.
        (52.0, 50.0, MEETS),
        (60.0, 50.0, MEETS),
    ] {
        assert_eq!(judged(&probe(line, target)), expected, "{line} against {target}");
    }
}

#[test]
fn a_proof_of_either_kind_is_not_one_sided() {
    let judgement = judge(&probe(150.0, 100.0), &Rule::default());
    assert!(judgement.one_sided.is_empty() && judgement.full_drain && !judgement.deep);
    assert_eq!(judgement.rule.as_str(), "line-1");
    let mut deep = probe(150.0, 100.0);
    deep.hold.as_mut().unwrap().length = micros(10_000_000);
    assert!(judge(&deep, &Rule::default()).deep);
}

#[test]
fn the_tolerance_is_taken_from_the_target() {
    let rule = Rule {
        tolerance: 10,
        ..Rule::default()
    };
    assert_eq!(judge(&probe(99.2, 100.0), &rule).verdict, Verdict::Meets);
    assert_eq!(judge(&probe(98.5, 100.0), &rule).verdict, Verdict::Below);
}

#[test]
fn a_norm_that_counts_the_wire_asks_less_of_ip() {
    let rule = Rule {
        layer: Layer::Contract,
        ..Rule::default()
    };
    let judgement = judge(&probe(97.53, 100.0), &rule);
    assert_eq!((judgement.verdict, judgement.target.get()), (Verdict::Meets, 97_529_258));
    assert_eq!(judge(&probe(97.0, 100.0), &rule).verdict, Verdict::Below);
    assert_eq!(judged(&probe(97.53, 100.0)), BELOW);
}

#[test]
fn a_shortfall_over_tcp_proves_nothing_and_a_pass_does() {
    // 96.6 of payload are 100.07 at IP.
    assert_eq!(judged(&tcp(96.6, 100.0)), MEETS);
    assert_eq!(judged(&tcp(96.0, 100.0)), inconclusive(Reason::PassOnly));
    for method in [Method::Ndt7, Method::Librespeed, Method::Other] {
        let slow = Measurement {
            method,
            ..tcp(60.0, 100.0)
        };
        assert_eq!(judged(&slow), inconclusive(Reason::PassOnly), "{method:?}");
        let fast = Measurement {
            method,
            ..tcp(110.0, 100.0)
        };
        let judgement = judge(&fast, &Rule::default());
        assert_eq!(judgement.verdict, Verdict::Meets, "{method:?}");
        assert_eq!(judgement.one_sided, BTreeSet::from([Reason::PassOnly]), "{method:?}");
    }
    let mut blocked = tcp(60.0, 100.0);
    blocked.add_fault(Fault::UdpBlocked);
    assert_eq!(
        judged(&blocked),
        (Verdict::Inconclusive, vec![Reason::UdpBlocked, Reason::PassOnly])
    );
}

#[test]
fn tcp_without_timestamps_is_not_made_larger_than_it_was() {
    let mut unknown = tcp(96.6, 100.0);
    unknown.tcp.as_mut().unwrap().segment = None;
    assert_eq!(judged(&unknown), inconclusive(Reason::PassOnly));
}

#[test]
fn a_tcp_pass_must_be_long_and_flat() {
    let mut short = tcp(110.0, 100.0);
    short.hold.as_mut().unwrap().length = micros(2_000_000);
    assert_eq!(judged(&short), inconclusive(Reason::Short));
    // 104.7 on average: 114 on credit, then 95.
    let mut credit = tcp(104.7, 100.0);
    let hold = credit.hold.as_mut().unwrap();
    (hold.first_half, hold.second_half) = (rate(114.0), rate(95.4));
    assert_eq!(judged(&credit), inconclusive(Reason::BurstCredit));
}

#[test]
fn a_fast_ethernet_card_proves_no_shortfall() {
    // A line of 150 behind it: 97.52.
    let mut slow = probe(97.52, 100.0);
    slow.interface = Some(InterfaceReadings {
        before: reading(100.0),
        after: Some(reading(100.0)),
    });
    assert_eq!(judged(&slow), inconclusive(Reason::Nic));
    // For a village's target the same card will do.
    slow.target = KilobitsPerSecond::saturating(50_000);
    assert_eq!(
        judged(&Measurement {
            interface: slow.interface.clone(),
            ..probe(49.0, 50.0)
        }),
        BELOW
    );
    // A pass stays one.
    let pass = Measurement {
        interface: slow.interface,
        ..probe(100.5, 100.0)
    };
    let judgement = judge(&pass, &Rule::default());
    assert_eq!(judgement.verdict, Verdict::Meets);
    assert_eq!(judgement.one_sided, BTreeSet::from([Reason::Nic]));
}

#[test]
fn a_card_that_was_not_seen_well_proves_no_shortfall() {
    let with = |interface: Option<InterfaceReadings>| Measurement {
        interface,
        ..probe(95.0, 100.0)
    };
    let gigabit = reading(1000.0);
    let pair = |before: &InterfaceReading, after: Option<InterfaceReading>| {
        Some(InterfaceReadings {
            before: before.clone(),
            after,
        })
    };
    assert_eq!(judged(&with(None)), inconclusive(Reason::Nic));
    assert_eq!(judged(&with(pair(&gigabit, None))), inconclusive(Reason::Nic));
    // Power saving slowed it down in between.
    assert_eq!(judged(&with(pair(&gigabit, Some(reading(100.0))))), inconclusive(Reason::Nic));
    let half = InterfaceReading {
        duplex: Some(LinkDuplex::Half),
        ..gigabit.clone()
    };
    assert_eq!(judged(&with(pair(&half, Some(half.clone())))), inconclusive(Reason::Nic));
    let speedless = InterfaceReading {
        speed: None,
        ..gigabit.clone()
    };
    assert_eq!(judged(&with(pair(&speedless, Some(speedless.clone())))), inconclusive(Reason::Nic));
    let tunnel = InterfaceReading {
        medium: InterfaceMedium::Tunnel,
        ..gigabit.clone()
    };
    assert_eq!(judged(&with(pair(&tunnel, Some(tunnel.clone())))), inconclusive(Reason::Nic));
    let wifi = InterfaceReading {
        medium: InterfaceMedium::Wifi,
        duplex: None,
        ..gigabit.clone()
    };
    assert_eq!(judged(&with(pair(&wifi, Some(wifi.clone())))), inconclusive(Reason::Wifi));
    let mut changed = probe(95.0, 100.0);
    changed.add_fault(Fault::InterfaceChanged);
    assert_eq!(judged(&changed), inconclusive(Reason::Nic));
    let virtual_card = InterfaceReading {
        medium: InterfaceMedium::Virtual,
        ..gigabit
    };
    assert_eq!(judged(&with(pair(&virtual_card, Some(virtual_card.clone())))), BELOW);
}

#[test]
fn what_siblings_took_is_the_lines_too() {
    let with = |line: f64, siblings: Option<SiblingTraffic>| Measurement {
        siblings,
        ..probe(line, 100.0)
    };
    let took = |megabits: f64, missing: u64| {
        Some(SiblingTraffic {
            bytes: Bytes::saturating((megabits * MEGABIT / 8.0) as u64),
            siblings: count(3),
            missing: count(missing),
        })
    };
    // 96 and 4.5 are 100.5.
    let sum = judge(&with(96.0, took(4.5, 0)), &Rule::default());
    assert_eq!((sum.verdict, sum.carried.get()), (Verdict::Meets, 100_500_000));
    assert_eq!(sum.one_sided, BTreeSet::from([Reason::CrossTraffic]));
    // Short even so: the windows may not be the same to the millisecond.
    assert_eq!(judged(&with(60.0, took(30.0, 0))), inconclusive(Reason::CrossTraffic));
    // Below one hundredth of the target it decides nothing.
    assert_eq!(judged(&with(98.0, took(0.9, 0))), BELOW);
    assert_eq!(judged(&with(98.0, took(0.0, 1))), inconclusive(Reason::CrossTraffic));
    assert_eq!(judged(&with(98.0, None)), inconclusive(Reason::CrossTraffic));
    let mut used = probe(98.0, 100.0);
    used.add_fault(Fault::LineInUse);
    assert_eq!(judged(&used), inconclusive(Reason::CrossTraffic));
}

#[test]
fn a_line_that_lives_on_credit_does_not_pass() {
    // A short drain in which the line was never seen to cap: a bucket may be behind it.
    let short = |line: f64| {
        let mut short = probe(line, 100.0);
        short.drain = Some(Drain {
            kind: DrainKind::Short,
            length: micros(200_000),
        });
        let drained = Bytes::saturating((line.min(200.0) * MEGABIT / 8.0 * 0.05) as u64);
        let mut bins = vec![drained; 4];
        bins.extend(vec![Bytes::saturating(650_000); 20]);
        short.bins = Bins::first_of(bins);
        short
    };
    assert_eq!(judged(&short(300.0)), inconclusive(Reason::BurstCredit));
    // 150 of the 200 offered arrived: no credit was left.
    assert_eq!(judged(&short(150.0)), MEETS);
    let mut binless = short(150.0);
    binless.bins = Bins::default();
    assert_eq!(judged(&binless), inconclusive(Reason::BurstCredit));
    // The second half is slower by a hundredth.
    let mut sinking = probe(102.0, 100.0);
    sinking.hold.as_mut().unwrap().second_half = rate(101.0);
    assert_eq!(judged(&sinking), inconclusive(Reason::BurstCredit));
    let mut holdless = probe(102.0, 100.0);
    holdless.hold = None;
    assert_eq!(judged(&holdless).0, Verdict::Inconclusive);
}

#[test]
fn a_shortfall_after_credit_ran_out_is_told_as_that() {
    let mut policed = probe(97.0, 100.0);
    policed.drain = Some(Drain {
        kind: DrainKind::Short,
        length: micros(200_000),
    });
    policed.bins = Bins::first_of(vec![Bytes::saturating(1_250_000); 4]);
    let hold = policed.hold.as_mut().unwrap();
    (hold.first_half, hold.second_half) = (rate(99.0), rate(95.0));
    assert_eq!(judged(&policed), inconclusive(Reason::BurstCredit));
}

#[test]
fn losses_that_a_full_line_does_not_explain_prove_nothing() {
    // 150 passed in the drain phase and 94 in the hold phase, which lost a tenth of everything.
    let mut lossy = probe(94.5, 100.0);
    lossy.bins = Bins::first_of(vec![Bytes::saturating(843_750); 20]);
    assert_eq!(judged(&lossy), inconclusive(Reason::Lossy));
    // An interval as wide as the question.
    let mut wide = probe(99.0, 100.0);
    wide.rates.as_mut().unwrap().half_width = rate(1.5);
    assert_eq!(judged(&wide), inconclusive(Reason::Lossy));
    let mut wide = probe(101.0, 100.0);
    wide.rates.as_mut().unwrap().half_width = rate(1.5);
    wide.packets = None;
    assert_eq!(judged(&wide), inconclusive(Reason::Short));
}

#[test]
fn a_line_that_was_not_full_fell_short_for_another_reason() {
    let mut idle = probe(95.0, 100.0);
    idle.packets.as_mut().unwrap().lost = count(0);
    idle.delay = None;
    assert_eq!(judged(&idle), inconclusive(Reason::Short));
    // A queue is a signature by itself.
    idle.delay = Some(Delay {
        one_way_rise: Some(micros(40_000)),
        round_trip_min: None,
        round_trip_median: None,
    });
    assert_eq!(judged(&idle), BELOW);
}

#[test]
fn a_rate_that_rose_was_held_back_by_something() {
    let mut rising = probe(95.0, 100.0);
    let hold = rising.hold.as_mut().unwrap();
    (hold.first_half, hold.second_half) = (rate(90.0), rate(100.0));
    assert_eq!(judged(&rising), inconclusive(Reason::CrossTraffic));
}

#[test]
fn a_computer_without_time_proves_no_shortfall() {
    let with = |change: fn(&mut Measurement)| {
        let mut slow = probe(95.0, 100.0);
        change(&mut slow);
        judged(&slow)
    };
    assert_eq!(with(|slow| slow.receiver_overflow = Some(count(1))), inconclusive(Reason::Cpu));
    assert_eq!(with(|slow| slow.receiver_overflow = None), inconclusive(Reason::Cpu));
    assert_eq!(
        with(|slow| slow.cpu.as_mut().unwrap().computer = Percent::saturating(97)),
        inconclusive(Reason::Cpu)
    );
    // Up, the computer is the sender.
    assert_eq!(
        with(|slow| {
            slow.direction = Direction::Up;
            slow.sender_stall_max = Some(micros(80_000));
        }),
        inconclusive(Reason::Cpu)
    );
}

#[test]
fn a_server_without_time_proves_no_shortfall() {
    let with = |change: fn(&mut Measurement)| {
        let mut slow = probe(95.0, 100.0);
        change(&mut slow);
        judged(&slow)
    };
    assert_eq!(
        with(|slow| slow.sender_stall_max = Some(micros(80_000))),
        inconclusive(Reason::ServerBusy)
    );
    assert_eq!(
        with(|slow| slow.rates.as_mut().unwrap().offered = None),
        inconclusive(Reason::ServerBusy)
    );
    assert_eq!(
        with(|slow| slow.rates.as_mut().unwrap().offered = Some(rate(101.0))),
        inconclusive(Reason::ServerBusy)
    );
    assert_eq!(with(|slow| slow.add_fault(Fault::ServerBusy)), inconclusive(Reason::ServerBusy));
    assert_eq!(with(|slow| slow.add_fault(Fault::ServerLost)), inconclusive(Reason::Short));
}

#[test]
fn no_line_was_measured_within_the_school() {
    for line in [95.0, 1000.0] {
        let mut local = probe(line, 100.0);
        local.server.as_mut().unwrap().place = ServerPlace::Loopback;
        assert_eq!(judged(&local), inconclusive(Reason::Loopback), "{line}");
        local.server.as_mut().unwrap().place = ServerPlace::School;
        assert_eq!(judged(&local), inconclusive(Reason::Loopback), "{line}");
    }
    let mut through = probe(1000.0, 100.0);
    through.interface.as_mut().unwrap().before.medium = InterfaceMedium::Loopback;
    assert_eq!(judged(&through), inconclusive(Reason::Loopback));
}

#[test]
fn a_clock_that_jumped_spoils_everything() {
    for line in [95.0, 150.0] {
        let mut stepped = probe(line, 100.0);
        stepped.add_fault(Fault::ClockStepped);
        assert_eq!(judged(&stepped), inconclusive(Reason::Clock), "{line}");
        let mut backwards = probe(line, 100.0);
        backwards.ended = at(-10);
        assert_eq!(judged(&backwards), inconclusive(Reason::Clock), "{line}");
    }
}

#[test]
fn a_proxy_spoils_a_shortfall_and_one_that_answers_itself_spoils_both() {
    let with = |line: f64, proxy: ProxyKind| Measurement {
        proxy: Some(proxy),
        ..tcp(line, 100.0)
    };
    assert_eq!(judged(&with(110.0, ProxyKind::HttpConnect)), MEETS);
    assert_eq!(
        judged(&with(60.0, ProxyKind::HttpConnect)),
        (Verdict::Inconclusive, vec![Reason::Proxy, Reason::PassOnly])
    );
    assert_eq!(judged(&with(110.0, ProxyKind::Transparent)), inconclusive(Reason::Proxy));
}

#[test]
fn too_short_a_hold_decides_nothing() {
    for line in [95.0, 150.0] {
        let mut short = probe(line, 100.0);
        short.hold.as_mut().unwrap().length = micros(300_000);
        assert_eq!(judged(&short), inconclusive(Reason::Short), "{line}");
    }
}

#[test]
fn what_the_building_took_by_itself_can_pass() {
    let passive = |line: f64| Measurement {
        method: Method::Passive,
        occasion: Occasion::Passive,
        server: None,
        rates: Some(Rates {
            layer: Layer::Ip,
            capacity: rate(line),
            half_width: rate(0.0),
            offered: None,
            raw: None,
        }),
        hold: Some(Hold {
            length: micros(1_000_000),
            first_half: rate(line),
            second_half: rate(line),
        }),
        drain: None,
        ..probe(line, 100.0)
    };
    assert_eq!(judged(&passive(101.0)), MEETS);
    assert_eq!(judged(&passive(40.0)), inconclusive(Reason::PassOnly));
}

#[test]
fn nothing_carried_is_no_data_unless_it_is_known_why() {
    let with = |fault: Fault| {
        let mut nothing = Measurement {
            rates: None,
            ..probe(0.0, 100.0)
        };
        nothing.add_fault(fault);
        judged(&nothing)
    };
    assert_eq!(with(Fault::SetupFailed), (Verdict::NoData, Vec::new()));
    assert_eq!(with(Fault::Cancelled), (Verdict::NoData, Vec::new()));
    assert_eq!(with(Fault::UdpBlocked), inconclusive(Reason::UdpBlocked));
    assert_eq!(with(Fault::ServerBusy), inconclusive(Reason::ServerBusy));
    assert_eq!(judge_together(&[], &Rule::default()).verdict, Verdict::NoData);
}

/// One of `parts` computers that carries an equal share.
fn part(number: u64, parts: u64, line: f64, card: f64) -> Measurement {
    let mut part = probe(line, 100.0);
    let share = |rate: &mut BitsPerSecond| *rate = BitsPerSecond::saturating(rate.get() / parts);
    let rates = part.rates.as_mut().unwrap();
    share(&mut rates.capacity);
    share(&mut rates.half_width);
    share(rates.offered.as_mut().unwrap());
    let hold = part.hold.as_mut().unwrap();
    share(&mut hold.first_half);
    share(&mut hold.second_half);
    part.bins = Bins::first_of(
        part.bins
            .as_slice()
            .iter()
            .map(|bytes| Bytes::saturating(bytes.get() / parts))
            .collect(),
    );
    part.share = Some(Share {
        part: count(number),
        parts: count(parts),
    });
    part.interface = Some(InterfaceReadings {
        before: reading(card),
        after: Some(reading(card)),
    });
    part
}

#[test]
fn two_fast_ethernet_cards_judge_together() {
    let pair = |line: f64| [part(1, 2, line, 100.0), part(2, 2, line, 100.0)];
    for (line, expected) in [(150.0, Verdict::Meets), (101.0, Verdict::Meets), (94.0, Verdict::Below)] {
        let judgement = judge_together(&pair(line), &Rule::default());
        assert_eq!(judgement.verdict, expected, "{line}: {:?}", judgement.reasons);
        assert!(judgement.one_sided.is_empty(), "{line}: {:?}", judgement.one_sided);
    }
    let alone = judge(&pair(150.0)[0], &Rule::default());
    assert_eq!(alone.verdict, Verdict::Inconclusive, "half of a sum is no verdict");
    let [one, _] = pair(150.0);
    let twice = judge_together(&[one.clone(), one], &Rule::default());
    assert_eq!(twice.main_reason(), Some(Reason::Short), "one part does not count twice");
}

#[test]
fn every_reason_has_a_case_above_and_a_sentence() {
    let text = include_str!("tests.rs");
    for reason in Reason::ALL {
        assert!(text.contains(&format!("Reason::{reason:?}")), "{reason:?}");
        assert!(reason.message_key().starts_with("line-reason-"));
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
    }
}
