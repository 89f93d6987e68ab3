//! Each reason by a literal case, and what must hold whatever is asked.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn now() -> Timestamp {
    "2026-11-24T06:00:00.000000Z".parse().unwrap()
}

fn building(number: u128) -> BuildingId {
    BuildingId::from_uuid(uuid::Uuid::from_u128(number))
}

fn megabits(megabits: u64) -> BitsPerSecond {
    BitsPerSecond::saturating(megabits * 1_000_000)
}

fn computer(number: u128, card: u64) -> Candidate {
    Candidate {
        device: DeviceId::from_uuid(uuid::Uuid::from_u128(number)),
        awake: true,
        medium: InterfaceMedium::Wired,
        card: Some(megabits(card)),
        busiest: megabits(0),
        told_for: Duration::from_secs(60),
        measured_at: None,
    }
}

fn server(id: &str, port: u64, leased: u64) -> Server {
    Server {
        id: id.parse().unwrap(),
        port: megabits(port),
        leased: megabits(leased),
    }
}

/// A city's building with these computers and one idle server.
fn asked(candidates: &[Candidate]) -> Result<Decision, NotNow> {
    decide(&Question {
        building: building(1),
        target: KilobitsPerSecond::saturating(100_000),
        number: 1,
        candidates,
        servers: &[server("node-1", 1000, 0)],
        under_way: &[],
        frozen: &[],
        now: now(),
    })
}

#[test]
fn one_gigabit_card_measures_alone_and_two_slow_ones_together() {
    let alone = asked(&[computer(1, 100), computer(2, 1000)]).unwrap();
    assert_eq!(alone.devices, [computer(2, 1000).device]);
    assert_eq!((alone.drain, alone.deep, alone.peak), (DrainKind::Short, false, megabits(200)));
    // 0.9 of 97.53 are 87.8: one carries less than 105, two carry more.
    let together = asked(&[computer(1, 100), computer(2, 100), computer(3, 100)]).unwrap();
    assert_eq!(together.devices.len(), 2);
    assert_eq!(asked(&[computer(1, 100)]), Err(NotNow::TooSlow));
    assert_eq!(asked(&[computer(1, 10), computer(2, 10)]), Err(NotNow::TooSlow));
}

#[test]
fn only_who_is_awake_and_on_a_wire_is_chosen() {
    assert_eq!(asked(&[]), Err(NotNow::Asleep));
    let asleep = Candidate {
        awake: false,
        ..computer(1, 1000)
    };
    assert_eq!(asked(&[asleep]), Err(NotNow::Asleep));
    let wireless = Candidate {
        medium: InterfaceMedium::Wifi,
        ..computer(2, 1000)
    };
    let unknown = Candidate {
        card: None,
        ..computer(3, 1000)
    };
    assert_eq!(asked(&[asleep, wireless, unknown]), Err(NotNow::TooSlow));
}

#[test]
fn the_turn_goes_round() {
    let rested = computer(2, 1000);
    let tired = Candidate {
        measured_at: Some(now()),
        ..computer(1, 10_000)
    };
    assert_eq!(asked(&[tired, rested]).unwrap().devices, [rested.device]);
}

#[test]
fn a_line_in_use_is_left_alone() {
    let with = |change: fn(&mut Candidate)| {
        let mut other = computer(2, 1000);
        change(&mut other);
        asked(&[computer(1, 1000), other])
    };
    assert_eq!(with(|other| other.busiest = megabits(5)), Err(NotNow::InUse));
    assert!(with(|other| other.busiest = megabits(4)).is_ok());
    assert_eq!(with(|other| other.told_for = Duration::from_secs(4)), Err(NotNow::InUse));
    // Who sleeps takes nothing.
    assert!(with(|other| (other.awake, other.told_for) = (false, Duration::ZERO)).is_ok());
}

#[test]
fn one_measurement_of_a_line_at_a_time_and_none_in_frozen_hours() {
    let candidates = [computer(1, 1000)];
    let servers = [server("node-1", 1000, 0)];
    let under_way = |number: u128, seconds: u64| UnderWay {
        lease: LeaseId::generate(),
        building: building(number),
        expires: now() + Duration::from_secs(seconds),
    };
    let question = |under_way: &[UnderWay], frozen: &[Frozen]| {
        decide(&Question {
            building: building(1),
            target: KilobitsPerSecond::saturating(50_000),
            number: 1,
            candidates: &candidates,
            servers: &servers,
            under_way,
            frozen,
            now: now(),
        })
    };
    assert_eq!(question(&[under_way(1, 1)], &[]), Err(NotNow::UnderWay));
    assert!(question(&[under_way(1, 0), under_way(2, 9)], &[]).is_ok());
    let hour = Duration::from_secs(3600);
    let frozen = |from: Timestamp, to: Timestamp| Frozen { from, to };
    assert_eq!(question(&[], &[frozen(now(), now() + hour)]), Err(NotNow::Frozen));
    assert!(question(&[], &[frozen(now() - hour, now())]).is_ok());
}

#[test]
fn a_server_is_leased_to_four_fifths_of_its_port() {
    let with = |servers: &[Server]| {
        let candidates = [computer(1, 1000)];
        let question = Question {
            building: building(1),
            target: KilobitsPerSecond::saturating(100_000),
            number: 1,
            candidates: &candidates,
            servers,
            under_way: &[],
            frozen: &[],
            now: now(),
        };
        decide(&question).map(|decision| decision.server.to_string())
    };
    assert_eq!(with(&[server("a", 1000, 600)]).unwrap(), "a");
    assert_eq!(with(&[server("a", 1000, 601)]), Err(NotNow::ServersFull));
    assert_eq!(with(&[server("a", 1000, 400), server("b", 10_000, 0)]).unwrap(), "b");
    assert_eq!(with(&[]), Err(NotNow::ServersFull));
}

#[test]
fn every_fifth_is_drained_and_every_sixtieth_is_deep() {
    let candidates = [computer(1, 1000)];
    let servers = [server("node-1", 1000, 0)];
    let decided = |number: u64| {
        let question = Question {
            building: building(1),
            target: KilobitsPerSecond::saturating(50_000),
            number,
            candidates: &candidates,
            servers: &servers,
            under_way: &[],
            frozen: &[],
            now: now(),
        };
        decide(&question).unwrap()
    };
    let full = (1..=60).filter(|number| decided(*number).drain == DrainKind::Full).count();
    let deep: Vec<u64> = (1..=120).filter(|number| decided(*number).deep).collect();
    assert_eq!((full, deep), (12, vec![60, 120]));
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let medium = prop_oneof![
        Just(InterfaceMedium::Wired),
        Just(InterfaceMedium::Wifi),
        Just(InterfaceMedium::Virtual)
    ];
    let card = proptest::option::of(prop_oneof![Just(10u64), Just(100), Just(1000), any::<u64>()]);
    (any::<u128>(), any::<bool>(), medium, card, 0u64..3_000_000, 0u64..10).prop_map(|(number, awake, medium, card, busiest, told)| {
        Candidate {
            device: DeviceId::from_uuid(uuid::Uuid::from_u128(number)),
            awake,
            medium,
            card: card.map(|card| BitsPerSecond::saturating(card.saturating_mul(1_000_000))),
            busiest: BitsPerSecond::saturating(busiest),
            told_for: Duration::from_secs(told),
            measured_at: None,
        }
    })
}

proptest! {
    #[test]
    fn a_decision_keeps_every_promise(
        candidates in proptest::collection::vec(any_candidate(), 0..12),
        target in prop_oneof![Just(50_000u64), Just(100_000), 1u64..1_000_000],
        leased in 0u64..2000, port in 0u64..20_000, number in any::<u64>()
    ) {
        let servers = [server("a", port, leased), server("b", port / 2, leased / 2)];
        let question = Question {
            building: building(1),
            target: KilobitsPerSecond::saturating(target),
            number,
            candidates: &candidates,
            servers: &servers,
            under_way: &[],
            frozen: &[],
            now: now(),
        };
        if let Ok(decision) = decide(&question) {
            let distinct: BTreeSet<DeviceId> = decision.devices.iter().copied().collect();
            prop_assert_eq!(distinct.len(), decision.devices.len());
            prop_assert!((1..=PARTS_MOST).contains(&decision.devices.len()));
            let part = target * 1050 / decision.devices.len() as u64;
            for device in &decision.devices {
                let chosen = candidates.iter().find(|candidate| candidate.device == *device).unwrap();
                prop_assert!(chosen.awake && chosen.medium != InterfaceMedium::Wifi);
                prop_assert!(u128::from(chosen.card.unwrap().get()) * 9753 / 10_000 * 9 / 10 + 1 >= u128::from(part));
            }
            let took: u64 = candidates.iter().filter(|candidate| candidate.awake).map(|candidate| candidate.busiest.get()).sum();
            prop_assert!(took < target * 1000 / 20 + 1);
            let chosen = servers.iter().find(|server| server.id == decision.server).unwrap();
            prop_assert!(chosen.leased.get() + decision.peak.get() <= chosen.port.get() / 10 * 8 + 8);
        }
    }

    #[test]
    fn slots_lie_within_lessons_in_order_and_leave_no_part_out(days in 0i64..400, seed in any::<u64>()) {
        let hours = LessonHours::default();
        let zone = TimeZone::get("Asia/Yekaterinburg").unwrap();
        let date = jiff::civil::date(2026, 9, 1).checked_add(jiff::Span::new().days(days)).unwrap();
        let mut state = seed;
        let slots = slots_of_day(date, &hours, &zone, |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) % below
        });
        match hours.of_day(date, &zone) {
            None => prop_assert!(slots.is_empty()),
            Some((from, to)) => {
                prop_assert_eq!(slots.len(), SLOTS_A_DAY as usize);
                let part = to.micros_since(from) / i64::from(SLOTS_A_DAY);
                for (number, slot) in (0i64..).zip(&slots) {
                    prop_assert_eq!(slot.micros_since(from) / part, number);
                    prop_assert!(hours.at(*slot, &zone).in_lessons);
                }
                prop_assert!(slots.windows(2).all(|pair| pair[0] < pair[1]));
            }
        }
    }
}
