//! The lab in its short form: real programs over lines whose truth is known, and lines that misbehave.
//!
//! Without the right to make network namespaces it passes over itself and says so. `make bench-line` runs the whole
//! table, as often as asked.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the table uses more of the lab")]
mod lab;

use std::net::UdpSocket;
use std::time::Duration;

use cos_measurement::probe::client::ProbeError;
use cos_measurement::probe::{Failure, Plan};
use inventory_schema::measurement::verdict::{Reason, Verdict};
use inventory_schema::measurement::{Direction, Fault};

use lab::relay::Way;
use lab::rows;
use lab::school::{Card, Run, School};

fn school(computers: usize) -> Option<School> {
    match School::build(computers) {
        Ok(school) => Some(school),
        Err(error) => {
            eprintln!("passed over: no network namespaces here ({error})");
            None
        }
    }
}

/// Measures again while the computer that plays all parts was too busy to play them. What comes of it at last may
/// still be undecided on a computer that is busy with other things: then it must be undecided for that reason.
fn settled(mut measure: impl FnMut() -> Run) -> Run {
    let mut last = None;
    for _ in 0..6 {
        let run = measure();
        if !run.is_starved() {
            return run;
        }
        last = Some(run);
    }
    last.expect("it was measured")
}

#[test]
fn lines_a_little_above_and_below_their_target_are_told_apart() {
    let Some(school) = school(1) else { return };
    for (target, truth, expected) in [
        (100_000, 99_500, Verdict::Below),
        (100_000, 100_500, Verdict::Meets),
        (50_000, 49_750, Verdict::Below),
        (50_000, 50_250, Verdict::Meets),
    ] {
        school.relay.set(Way::of(truth), Way::of(truth));
        for direction in [Direction::Down, Direction::Up] {
            let run = settled(|| school.measure(0, direction, Plan::for_target(target), Card::Gigabit, None));
            if run.is_starved() {
                assert!(
                    run.judgement.verdict == expected || !run.judgement.verdict.is_valid(),
                    "{truth} {direction:?}"
                );
                continue;
            }
            assert_eq!(run.judgement.verdict, expected, "{truth} {direction:?}: {:?}", run.measurement);
            assert!(run.per_mille_off(truth) <= 2.0, "{truth} {direction:?}: {}", run.capacity());
            assert!(run.measurement.bytes_used.get() <= 22_000_000 * u64::from(target) / 100_000);
            assert!(run.measurement.faults.is_empty(), "{:?}", run.measurement.faults);
        }
    }
}

#[test]
fn losses_do_not_move_the_capacity_and_credit_does_not_hide_it() {
    let Some(school) = school(1) else { return };
    for loss in [1_000, 10_000] {
        school.relay.set(Way::of(100_000).with_loss(loss), Way::of(100_000).with_loss(loss));
        let run = settled(|| school.measure(0, Direction::Down, Plan::for_target(100_000), Card::Gigabit, None));
        assert!(
            run.is_starved() || run.per_mille_off(100_000) <= 2.0,
            "loss {loss}: {}",
            run.capacity()
        );
    }
    for credit in [500_000, 5_900_000, 10_000_000] {
        school.relay.set(Way::policer(95_000, credit), Way::policer(95_000, credit));
        let run = settled(|| school.measure(0, Direction::Down, Plan::for_target(100_000), Card::Gigabit, None));
        assert_ne!(run.judgement.verdict, Verdict::Meets, "credit {credit}: {:?}", run.measurement);
        assert!(run.measurement.bytes_used.get() <= 42_000_000);
    }
}

#[test]
fn what_is_not_the_lines_fault_is_never_called_its_fault() {
    let Some(school) = school(2) else { return };
    for row in [
        rows::card(&school, 1, Card::FastEthernet, Reason::Nic),
        rows::card(&school, 1, Card::Wifi, Reason::Wifi),
    ] {
        assert!(row.met, "{row}");
    }
    school.relay.set(Way::of(101_000), Way::of(101_000));
    let sibling = school.download(1, 30_000);
    sibling.settle(30_000);
    let run = settled(|| school.measure(0, Direction::Down, Plan::for_target(100_000), Card::Gigabit, Some(&sibling)));
    assert_ne!(run.judgement.verdict, Verdict::Below, "{:?}", run.measurement);
    let siblings = run.measurement.siblings.unwrap();
    assert!(siblings.bytes.get() > 0 || siblings.missing.get() > 0, "{siblings:?}");
}

#[test]
fn packets_that_are_shorter_twice_late_or_out_of_order_are_borne() {
    let Some(school) = school(1) else { return };
    for mtu in [1_400, 1_280] {
        let way = Way {
            longest: mtu,
            ..Way::of(20_000)
        };
        school.relay.set(way, way);
        let run = settled(|| school.measure(0, Direction::Down, Plan::for_target(20_000), Card::Gigabit, None));
        assert_eq!(run.measurement.path_mtu.map(|mtu| mtu.get()), Some(mtu as u64));
        assert!(run.is_starved() || run.per_mille_off(20_000) <= 5.0, "{mtu}: {}", run.capacity());
    }
    let rough = Way {
        held: 10_000,
        held_for: Duration::from_millis(3),
        twice: 10_000,
        ..Way::of(20_000)
    };
    school.relay.set(rough, rough);
    let run = settled(|| school.measure(0, Direction::Up, Plan::for_target(20_000), Card::Gigabit, None));
    let packets = run.measurement.packets.unwrap();
    assert!(packets.reordered.get() > 0 && packets.duplicated.get() > 0, "{packets:?}");
    let late = Way {
        held: 1_000,
        held_for: Duration::from_secs(3),
        ..Way::of(20_000)
    };
    school.relay.set(late, late);
    let run = settled(|| school.measure(0, Direction::Down, Plan::for_target(20_000), Card::Gigabit, None));
    assert!(run.is_starved() || run.per_mille_off(20_000) <= 5.0, "{}", run.capacity());
}

#[test]
fn a_line_that_blocks_one_way_and_a_server_that_dies_are_told() {
    let Some(school) = school(1) else { return };
    let blocked = Way {
        blocked: true,
        ..Way::of(20_000)
    };
    for (down, up) in [(blocked, Way::of(20_000)), (Way::of(20_000), blocked)] {
        school.relay.set(down, up);
        let run = school.measure(0, Direction::Down, Plan::for_target(20_000), Card::Gigabit, None);
        assert!(matches!(run.outcome, Err(ProbeError::Failed(Failure::NoAnswer))));
        assert!(!run.judgement.verdict.is_valid());
    }
    for direction in [Direction::Down, Direction::Up] {
        school.relay.set(Way::of(20_000), Way::of(20_000));
        // From one moment on nothing comes of the server any more, as when its power is cut.
        let run = school.measure_with(0, direction, Plan::for_target(20_000), Card::Gigabit, None, &mut |percent| {
            if percent >= 10 {
                school.relay.set(blocked, blocked);
            }
        });
        assert!(run.measurement.has_fault(Fault::ServerLost), "{direction:?}: {:?}", run.outcome);
        assert!(!run.judgement.verdict.is_valid(), "{:?}", run.judgement);
    }
}

/// Whoever writes another's address on its questions makes the server send less than it sent itself.
#[test]
fn a_spoofed_source_is_sent_no_more_than_was_spent() {
    let Some(school) = school(1) else { return };
    school.relay.set(Way::of(100_000), Way::of(100_000));
    let plan = Plan::for_target(20_000);
    let question = {
        // The first datagram that a client sends: caught by a server that says nothing.
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        silent.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let token = school.token(Direction::Down, &plan);
        let server = silent.local_addr().unwrap();
        let asking = std::thread::spawn(move || {
            let question = cos_measurement::probe::Question {
                server,
                claim: token.lease().claim(),
                token: Some(token),
                direction: Direction::Down,
                plan,
            };
            let _ = cos_measurement::probe::client::measure(question, &mut |_| {});
        });
        let mut buffer = [0; 2_048];
        let length = silent.recv(&mut buffer).unwrap();
        asking.join().unwrap();
        buffer[..length].to_vec()
    };
    let before = school.relay.carried(0);
    school.computers[0].run(|| {
        // Another address of the school's network that the victim has; routed back to it, and never answered.
        lab::namespaces::ip("addr add 10.77.0.99/24 dev eth0").unwrap();
        let spoofing = UdpSocket::bind("10.77.0.99:53").unwrap();
        for _ in 0..100 {
            spoofing
                .send_to(&question, std::net::SocketAddr::from(lab::school::SERVER))
                .unwrap();
        }
        spoofing.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let mut buffer = [0; 2_048];
        while spoofing.recv(&mut buffer).is_ok() {}
    });
    let sent = school.relay.carried(0) - before;
    assert!(sent > 0, "the challenges came back");
    assert!(sent <= 100 * (question.len() as u64 + 28), "{sent} bytes");
}
