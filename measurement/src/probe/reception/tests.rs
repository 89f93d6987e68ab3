//! Lines whose truth is known, and load that arrives as it should not.

use proptest::prelude::*;

use super::super::plan::{Due, Pacer};
use super::*;

const PACKET: u32 = 1_500;

/// A line: a rate, credit before it bites, a queue behind it, losses in front of it. Times in nanoseconds.
#[derive(Debug, Clone)]
struct Line {
    rate_kbps: u64,
    credit_bytes: u64,
    queue: Duration,
    delay: Duration,
    lose_every: u32,
    busy_until: u64,
    tokens: f64,
    filled: u64,
}

impl Line {
    fn shaper(rate_kbps: u64) -> Self {
        Self {
            rate_kbps,
            credit_bytes: 0,
            queue: Duration::from_millis(50),
            delay: Duration::from_millis(10),
            lose_every: u32::MAX,
            busy_until: 0,
            tokens: 0.0,
            filled: 0,
        }
    }

    fn policer(rate_kbps: u64, credit_bytes: u64) -> Self {
        Self {
            credit_bytes,
            tokens: credit_bytes as f64,
            ..Self::shaper(rate_kbps)
        }
    }

    /// When a datagram sent at a moment arrives, if it does.
    fn carry(&mut self, at: u64, number: u32) -> Option<u64> {
        if number % self.lose_every == self.lose_every - 1 {
            return None;
        }
        if self.credit_bytes > 0 {
            let earned = (at - self.filled) as f64 * self.rate_kbps as f64 / 8e6;
            self.tokens = (self.tokens + earned).min(self.credit_bytes as f64);
            self.filled = at;
            if self.tokens < f64::from(PACKET) {
                return None;
            }
            self.tokens -= f64::from(PACKET);
            return Some(at + self.delay.as_nanos() as u64);
        }
        let start = self.busy_until.max(at);
        if start - at > self.queue.as_nanos() as u64 {
            return None;
        }
        self.busy_until = start + u64::from(PACKET) * 8_000_000 / self.rate_kbps;
        Some(self.busy_until + self.delay.as_nanos() as u64)
    }
}

/// A whole measurement over the line, orders travelling back in 10 ms. Returns what was received and bytes sent.
fn measure(plan: Plan, line: &mut Line) -> (Reception, u64) {
    let mut pacer = Pacer::new(plan, PACKET as usize, Duration::ZERO);
    let mut receiver = Receiver::new(plan, PACKET, Stamps::Kernel);
    let mut arriving: Vec<(u64, Load)> = Vec::new();
    let (mut held_at, mut stopped_at) = (None, None);
    let mut now = Duration::ZERO;
    let mut taken = 0;
    loop {
        // Only what a computer would have received by now.
        while taken < arriving.len() && arriving[taken].0 <= now.as_nanos() as u64 {
            let (at, load) = &arriving[taken];
            receiver.on_load(load, Duration::from_nanos(*at));
            taken += 1;
        }
        let heard = now + Duration::from_millis(10);
        if receiver.orders().hold {
            held_at.get_or_insert(heard);
        }
        if receiver.orders().stop {
            stopped_at.get_or_insert(heard);
        }
        if held_at.is_some_and(|at| at <= now) {
            pacer.hold_now(now);
        }
        if stopped_at.is_some_and(|at| at <= now) {
            pacer.stop();
        }
        let Due::Send { phase, first, count } = pacer.due(now) else {
            break;
        };
        for number in first..first + count {
            let load = Load {
                session: 1,
                sequence: number,
                sent: now,
                phase,
            };
            if let Some(at) = line.carry(now.as_nanos() as u64, number) {
                arriving.push((at, load));
            }
        }
        now = pacer.wake_at().max(now + Duration::from_micros(1));
    }
    for (at, load) in &arriving[taken..] {
        receiver.on_load(load, Duration::from_nanos(*at));
    }
    (receiver.finish(), u64::from(pacer.sent()) * u64::from(PACKET))
}

fn per_mille_off(rate: u64, truth_kbps: u64) -> f64 {
    (rate as f64 / (truth_kbps as f64 * 1e3) - 1.0).abs() * 1e3
}

#[test]
fn lines_around_the_target_are_read_within_two_parts_in_a_thousand() {
    for (target, truth) in [
        (100_000, 90_000),
        (100_000, 99_500),
        (100_000, 100_000),
        (100_000, 100_500),
        (50_000, 49_750),
        (50_000, 50_250),
        (1_000_000, 995_000),
    ] {
        for lose_every in [u32::MAX, 1_000, 100] {
            let plan = Plan::for_target(target);
            let mut line = Line {
                lose_every,
                ..Line::shaper(truth)
            };
            let (reception, bytes) = measure(plan, &mut line);
            let capacity = reception.capacity(&plan);
            assert!(
                per_mille_off(capacity.rate, truth) < 1.0,
                "{target} {truth} {lose_every}: {capacity:?}"
            );
            assert!(capacity.half_width * 1_000 < capacity.rate * 5, "{capacity:?}");
            assert!(reception.complete && reception.capped);
            assert!(bytes <= u64::from(target) * 220, "{bytes} bytes at {target}");
            assert!(reception.drain_length < Duration::from_millis(300));
        }
    }
}

#[test]
fn a_fast_line_is_proven_early_at_the_rate_that_was_offered() {
    let plan = Plan::for_target(100_000);
    let (reception, bytes) = measure(plan, &mut Line::shaper(940_000));
    assert!(!reception.capped);
    assert!(reception.complete);
    assert_eq!(reception.hold_bins.len(), EARLY_BINS);
    assert!(per_mille_off(reception.capacity(&plan).rate, 105_000) < 3.0);
    assert_eq!(reception.hold_lost(), 0);
    assert!(bytes <= 42_000_000, "{bytes}");
    assert!(reception.delay_rise < Duration::from_millis(2));
}

/// Behind a line of 150 the queue of the drain empties in the hold phase, at 150; that is no credit.
#[test]
fn a_queue_that_empties_is_not_taken_for_credit() {
    for truth in [110_000, 120_000, 150_000] {
        let plan = Plan::for_target(100_000).with_drain(DrainMode::Short);
        let (reception, _) = measure(plan, &mut Line::shaper(truth));
        let (first, second) = reception.halves(&plan);
        assert!(
            first.abs_diff(second) * 1_000 <= first * FLAT_PER_MILLE,
            "{truth}: {first} {second}"
        );
        assert!(reception.capacity(&plan).rate >= 104_500_000, "{truth}");
    }
}

#[test]
fn credit_of_up_to_ten_megabytes_never_looks_like_the_target() {
    for credit in [16_000, 500_000, 2_000_000, 5_900_000, 8_000_000, 10_000_000] {
        let plan = Plan::for_target(100_000);
        let (reception, bytes) = measure(plan, &mut Line::policer(95_000, credit));
        let capacity = reception.capacity(&plan);
        assert!(capacity.rate + capacity.half_width < 100_000_000, "{credit}: {capacity:?}");
        assert!(bytes <= 42_000_000);
    }
}

#[test]
fn a_policer_with_little_credit_costs_no_full_drain() {
    let (reception, bytes) = measure(Plan::for_target(100_000), &mut Line::policer(95_000, 500_000));
    assert!(reception.drain_length < Duration::from_millis(400), "{:?}", reception.drain_length);
    assert!(bytes < 25_000_000, "{bytes}");
}

#[test]
fn more_credit_than_a_drain_empties_shows_in_the_halves() {
    let plan = Plan::for_target(100_000).deep();
    let (reception, _) = measure(plan, &mut Line::policer(95_000, 16_000_000));
    assert!(reception.capacity(&plan).rate < 100_000_000);
    let (first, second) = reception.halves(&plan);
    assert!(first > second + second * FLAT_PER_MILLE / 1_000, "{first} {second}");
}

#[test]
fn a_line_far_below_its_target_is_read_too() {
    let plan = Plan::for_target(100_000);
    for truth in [1_000, 10_000, 45_000] {
        let (reception, _) = measure(plan, &mut Line::shaper(truth));
        let capacity = reception.capacity(&plan);
        assert!(capacity.rate + capacity.half_width < 100_000_000, "{truth}: {capacity:?}");
        assert!(per_mille_off(capacity.rate, truth) < 30.0, "{truth}: {capacity:?}");
    }
}

fn load(sequence: u32, sent_ms: u64, phase: Phase) -> Load {
    Load {
        session: 1,
        sequence,
        sent: Duration::from_millis(sent_ms),
        phase,
    }
}

#[test]
fn duplicates_and_disorder_are_counted_and_change_no_rate() {
    let plan = Plan::for_target(100_000);
    let mut receiver = Receiver::new(plan, PACKET, Stamps::Kernel);
    let at = Duration::from_millis;
    receiver.on_load(&load(0, 0, Phase::Hold), at(100));
    for (sequence, ms) in [(1, 101), (3, 102), (2, 103), (3, 104), (3, 105), (4, 160)] {
        receiver.on_load(&load(sequence, u64::from(sequence), Phase::Hold), at(ms));
    }
    let reception = receiver.finish();
    assert_eq!((reception.duplicated, reception.reordered, reception.received), (2, 1, 5));
    assert_eq!(reception.hold_bins, [3 * PACKET]);
    assert_eq!((reception.hold_sent, reception.hold_lost()), (5, 0));
    assert!(!reception.complete);
}

#[test]
fn what_is_seconds_late_neither_counts_nor_harms() {
    let plan = Plan::for_target(100_000);
    let mut line = Line::shaper(100_000);
    let (before, _) = measure(plan, &mut line);
    let mut receiver = Receiver::new(plan, PACKET, Stamps::Kernel);
    receiver.on_load(&load(0, 0, Phase::Hold), Duration::from_millis(100));
    receiver.on_load(&load(1, 0, Phase::Drain), Duration::from_secs(9_000));
    receiver.on_load(&load(u32::MAX, 0, Phase::Hold), Duration::from_secs(9_001));
    let reception = receiver.finish();
    assert_eq!(reception.received, 2);
    assert!(reception.hold_bins.len() <= plan.hold_bins());
    assert!(before.complete);
}

#[test]
fn nothing_that_arrived_is_nothing() {
    let plan = Plan::for_target(100_000);
    let reception = Receiver::new(plan, PACKET, Stamps::UserSpace).finish();
    assert_eq!(reception.capacity(&plan).rate, 0);
    assert_eq!(reception.received, 0);
    assert!(!reception.complete);
}

proptest! {
    #[test]
    fn no_load_makes_the_receiver_fail_or_grow(
        loads in prop::collection::vec((any::<u32>(), any::<u32>(), 1_u8..4, any::<u64>()), 0..300)
    ) {
        let plan = Plan::for_target(100_000);
        let mut receiver = Receiver::new(plan, PACKET, Stamps::Kernel);
        for (sequence, sent, phase, at) in loads {
            let load = Load {
                session: 1,
                sequence,
                sent: Duration::from_micros(sent.into()),
                phase: Phase::from_number(phase).unwrap(),
            };
            receiver.on_load(&load, Duration::from_nanos(at));
        }
        let reception = receiver.finish();
        prop_assert!(reception.hold_bins.len() <= plan.hold_bins());
        prop_assert!(reception.drain_bins.len() <= MOST_DRAIN_BINS);
        let _ = reception.capacity(&plan);
        let mut out = Writer::with_capacity(64);
        reception.write(&mut out);
        prop_assert!(Reception::read(&mut Reader::new(out.as_slice())).is_ok());
    }

    /// Whatever the line is, within a band that a plan can see: what is read is what is there.
    #[test]
    fn any_capped_line_is_read_right(rate in 60_000_u64..104_000, lose in 50_u32..5_000, queue_ms in 5_u64..200) {
        let plan = Plan::for_target(100_000);
        let mut line = Line { lose_every: lose, queue: Duration::from_millis(queue_ms), ..Line::shaper(rate) };
        // Where losses leave the line idle, what arrives is what was offered less the losses.
        let offered = 105_000.0 * (1.0 - 1.0 / f64::from(lose));
        prop_assume!((rate as f64) < offered * 0.998);
        let (reception, _) = measure(plan, &mut line);
        prop_assert!(per_mille_off(reception.capacity(&plan).rate, rate) < 2.0, "{:?}", reception.capacity(&plan));
    }
}
