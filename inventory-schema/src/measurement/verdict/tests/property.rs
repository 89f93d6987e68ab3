//! What holds for any measurement there can be.

use super::*;

/// Any measurement there can be of a line, most of them with something in the way.
fn any_measurement() -> impl Strategy<Value = Measurement> {
    let base = (
        1.0f64..400.0,
        prop_oneof![Just(50.0), Just(100.0)],
        any::<bool>(),
        any::<bool>(),
        0u64..3,
        0u64..2_000_000,
    );
    let way = (
        any::<[bool; 8]>(),
        0u8..6,
        0.0f64..80.0,
        0u64..101,
        prop_oneof![Just(10.0), Just(100.0), Just(1000.0)],
    );
    (base, way).prop_map(|((line, target, full, up, overflow, hold), (odd, method, siblings, busy, card))| {
        let mut m = if method == 0 { tcp(line, target) } else { probe(line, target) };
        m.direction = if up { Direction::Up } else { Direction::Down };
        if !full {
            m.drain = Some(Drain {
                kind: DrainKind::Short,
                length: micros(200_000),
            });
        }
        m.receiver_overflow = Some(count(overflow));
        m.hold.as_mut().unwrap().length = micros(hold);
        m.interface = Some(InterfaceReadings {
            before: reading(card),
            after: Some(reading(card)),
        });
        m.cpu.as_mut().unwrap().computer = Percent::saturating(busy);
        if odd[0] {
            m.siblings = None;
        }
        if let Some(s) = &mut m.siblings {
            s.bytes = Bytes::saturating((siblings * MEGABIT / 8.0) as u64);
        }
        if odd[1] {
            m.add_fault(Fault::ClockStepped);
        }
        if odd[2] {
            m.packets = None;
        }
        if odd[3] {
            m.delay = None;
        }
        if odd[4] {
            m.bins = Bins::default();
        }
        if odd[5] {
            m.interface.as_mut().unwrap().after = None;
        }
        if odd[6] {
            m.rates.as_mut().unwrap().half_width = rate(line / 20.0);
        }
        if odd[7] {
            m.hold.as_mut().unwrap().second_half = rate(line * 0.97);
        }
        m
    })
}

/// The same measurement of a line that is `factor` as fast, in everything that was counted.
fn scaled(measurement: &Measurement, factor: f64) -> Measurement {
    let mut faster = measurement.clone();
    let scale = |rate: &mut BitsPerSecond| *rate = BitsPerSecond::saturating((rate.get() as f64 * factor) as u64);
    if let Some(rates) = &mut faster.rates {
        scale(&mut rates.capacity);
    }
    if let Some(hold) = &mut faster.hold {
        scale(&mut hold.first_half);
        scale(&mut hold.second_half);
    }
    let bins = measurement.bins.as_slice().iter();
    faster.bins = Bins::first_of(bins.map(|bytes| Bytes::saturating((bytes.get() as f64 * factor) as u64)).collect());
    faster
}

proptest! {
    #[test]
    fn below_stands_only_where_nothing_else_can_be_the_cause(measurement in any_measurement()) {
        let judgement = judge(&measurement, &Rule::default());
        if judgement.verdict == Verdict::Below {
            prop_assert_eq!(measurement.method, Method::Probe);
            prop_assert_eq!(measurement.receiver_overflow.unwrap().get(), 0);
            prop_assert!(measurement.siblings.unwrap().missing.get() == 0);
            let card = measurement.interface.unwrap().after.unwrap().speed.unwrap().get();
            prop_assert!(card * 9753 / 10_000 >= judgement.target.get() * 105 / 100);
            prop_assert!(judgement.carried.get() + judgement.half_width.get() < judgement.target.get());
        }
        if judgement.verdict == Verdict::Meets {
            prop_assert!(judgement.carried.get() + judgement.half_width.get() >= judgement.target.get());
        }
        prop_assert_eq!(judgement.reasons.is_empty(), judgement.verdict != Verdict::Inconclusive);
        prop_assert!(judgement.verdict == Verdict::Meets || judgement.one_sided.is_empty());
    }

    #[test]
    fn a_faster_line_is_never_judged_worse(measurement in any_measurement(), factor in 1.0f64..4.0) {
        let rank = |m: &Measurement| match judge(m, &Rule::default()).verdict {
            Verdict::Below => 0,
            Verdict::Inconclusive | Verdict::NoData => 1,
            Verdict::Meets => 2,
        };
        let (slow, fast) = (rank(&measurement), rank(&scaled(&measurement, factor)));
        // What was below may become anything, and what passed may not become «below»; with the credit excluded it
        // stays a pass.
        prop_assert!(!(slow == 2 && fast == 0));
        let drained = measurement.drain.is_some_and(|drain| drain.kind == DrainKind::Full);
        if drained && measurement.method == Method::Probe {
            prop_assert!(fast >= slow, "{} became {}", slow, fast);
        }
    }

    #[test]
    fn nothing_that_can_be_read_makes_it_panic(line in any::<u64>(), sent in any::<u64>(), bytes in any::<u64>(), mtu in any::<u64>(), length in any::<u64>()) {
        let mut odd = probe(150.0, 100.0);
        odd.rates = Some(Rates {
            layer: Layer::Ethernet,
            capacity: BitsPerSecond::saturating(line),
            half_width: BitsPerSecond::saturating(line),
            offered: Some(BitsPerSecond::saturating(line)),
            raw: None,
        });
        odd.packets.as_mut().unwrap().sent = count(sent);
        odd.packets.as_mut().unwrap().lost = count(bytes);
        odd.siblings.as_mut().unwrap().bytes = Bytes::saturating(bytes);
        odd.drain.as_mut().unwrap().length = micros(length);
        odd.path_mtu = Some(Bytes::saturating(mtu));
        odd.hold = Some(Hold { length: micros(length), first_half: BitsPerSecond::saturating(line), second_half: BitsPerSecond::saturating(bytes) });
        odd.share = Some(Share { part: count(sent), parts: count(bytes) });
        let _ = judge_together(&[odd.clone(), odd], &Rule::default());
    }
}
