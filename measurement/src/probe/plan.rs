//! How a measurement is sent: emptied of credit, held, a little longer so that the last bin is whole.
//!
//! ```text
//! drain 2 × target, 0.2 s or until capped, at most 1 s │ hold 1.05 × target, 1 s │ tail 0.2 s, cut by the receiver
//! ```
//!
//! Pure: a plan says what is due at a moment, nothing here sends. Used by whoever sends ([`super::sending`]) and, to
//! know what to expect, by whoever receives.

use std::time::Duration;

use crate::lease::{HIGHEST_RATE, Lease, Refusal};

/// The length of one bin, as the record counts.
pub const BIN: Duration = Duration::from_millis(50);
/// A short drain ends here even where the line was not seen to cap the rate.
pub const SHORT_DRAIN: Duration = Duration::from_millis(200);
/// At twice the target this empties credit of 13 MB behind a line of 95 Mb/s.
pub const FULL_DRAIN: Duration = Duration::from_secs(1);
const HOLD: Duration = Duration::from_secs(1);
const TAIL: Duration = Duration::from_millis(200);
/// The longest hold: the deep measurement that credit of any usual size does not survive.
pub const LONGEST_HOLD: Duration = Duration::from_secs(10);
const LONGEST_TAIL: Duration = Duration::from_secs(1);
/// The slowest line that is measured.
const LOWEST_RATE: u32 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Drain,
    Hold,
    Tail,
}

impl Phase {
    pub fn number(self) -> u8 {
        match self {
            Self::Drain => 1,
            Self::Hold => 2,
            Self::Tail => 3,
        }
    }

    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Drain, Self::Hold, Self::Tail]
            .into_iter()
            .find(|phase| phase.number() == number)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrainMode {
    /// Until the line was seen to cap the rate for 0.15 s, or 0.2 s.
    Short,
    /// A whole second.
    Full,
    /// Short where the line caps the rate below what the hold phase sends, else full: then credit would not be
    /// used up in the hold phase either.
    Auto,
}

impl DrainMode {
    pub fn number(self) -> u8 {
        match self {
            Self::Short => 1,
            Self::Full => 2,
            Self::Auto => 3,
        }
    }

    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Short, Self::Full, Self::Auto]
            .into_iter()
            .find(|mode| mode.number() == number)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub target_kbps: u32,
    pub hold_kbps: u32,
    pub drain_kbps: u32,
    pub drain: DrainMode,
    pub hold: Duration,
    pub tail: Duration,
}

impl Plan {
    /// The usual plan: drained as far as the line asks for.
    pub fn for_target(target_kbps: u32) -> Self {
        let target = u64::from(target_kbps);
        let kbps = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            target_kbps,
            hold_kbps: kbps(target * 105 / 100),
            drain_kbps: kbps(target * 2),
            drain: DrainMode::Auto,
            hold: HOLD,
            tail: TAIL,
        }
    }

    pub fn with_drain(self, drain: DrainMode) -> Self {
        Self { drain, ..self }
    }

    /// The deep measurement: ten seconds behind a full drain.
    pub fn deep(self) -> Self {
        Self {
            drain: DrainMode::Full,
            hold: LONGEST_HOLD,
            ..self
        }
    }

    pub fn longest_drain(&self) -> Duration {
        match self.drain {
            DrainMode::Short => SHORT_DRAIN,
            DrainMode::Full | DrainMode::Auto => FULL_DRAIN,
        }
    }

    /// The longest that load flows.
    pub fn longest(&self) -> Duration {
        self.longest_drain() + self.hold + self.tail
    }

    pub fn peak_kbps(&self) -> u32 {
        self.hold_kbps.max(self.drain_kbps)
    }

    /// The most bytes that the plan sends, of IP packets.
    pub fn most_bytes(&self) -> u64 {
        let bytes = |kbps: u32, time: Duration| u64::from(kbps) * time.as_micros() as u64 / 8_000;
        bytes(self.drain_kbps, self.longest_drain()) + bytes(self.hold_kbps, self.hold + self.tail)
    }

    pub fn rate_in(&self, phase: Phase) -> u32 {
        if phase == Phase::Drain { self.drain_kbps } else { self.hold_kbps }
    }

    pub fn hold_bins(&self) -> usize {
        (self.hold.as_millis() / BIN.as_millis()) as usize
    }

    /// Whether the plan is one at all, and within what the lease allows.
    pub fn judge(&self, lease: &Lease) -> Result<(), Refusal> {
        let whole_bins = self.hold.as_millis().is_multiple_of(BIN.as_millis()) && self.hold >= BIN * 2;
        let rates = [self.target_kbps, self.hold_kbps, self.drain_kbps];
        let in_range = rates.iter().all(|rate| *rate >= LOWEST_RATE && u64::from(*rate) <= HIGHEST_RATE);
        if !whole_bins || !in_range || self.hold > LONGEST_HOLD || self.tail > LONGEST_TAIL {
            return Err(Refusal::Malformed);
        }
        if u64::from(self.peak_kbps()) > lease.rate.get() || self.longest() > lease.window {
            return Err(Refusal::Rate);
        }
        Ok(())
    }
}

/// What the pacer wants done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Send so many datagrams of this phase, beginning with this number. May be none.
    Send {
        phase: Phase,
        first: u32,
        count: u32,
    },
    Finished,
}

/// Datagrams that are sent without a pause; at 100 Mb/s a millisecond's worth.
const BATCH: u64 = 8;
/// The pauses between batches.
const SHORTEST_PAUSE: Duration = Duration::from_micros(500);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);
/// What a sender is behind its pace is made up for, at no more than twice the rate; what is beyond this is not.
const MADE_UP_FOR: Duration = Duration::from_millis(100);

/// When how much is due. What a computer that was busy did not send in time is sent a little later: the queue in
/// front of the line is kept from running dry.
#[derive(Debug, Clone)]
pub struct Pacer {
    plan: Plan,
    packet_bytes: u64,
    phase: Phase,
    began: Duration,
    phase_began: Duration,
    /// From when on the pace is reckoned: later than the phase's beginning where something was given up.
    pace_from: Duration,
    in_phase: u64,
    next: u32,
    stall_max: Duration,
    hold_began: Option<Duration>,
    stopped: bool,
}

impl Pacer {
    /// `packet_bytes` are those of a whole IP packet.
    pub fn new(plan: Plan, packet_bytes: usize, now: Duration) -> Self {
        Self {
            plan,
            packet_bytes: packet_bytes.max(1) as u64,
            phase: Phase::Drain,
            began: now,
            phase_began: now,
            pace_from: now,
            in_phase: 0,
            next: 0,
            stall_max: Duration::ZERO,
            hold_began: None,
            stopped: false,
        }
    }

    pub fn began(&self) -> Duration {
        self.began
    }

    /// When the hold phase began.
    pub fn hold_began(&self) -> Option<Duration> {
        self.hold_began
    }

    pub fn sent(&self) -> u32 {
        self.next
    }

    /// The longest that it was behind its pace.
    pub fn stall_max(&self) -> Duration {
        self.stall_max
    }

    /// The receiver saw the line cap the rate.
    pub fn hold_now(&mut self, now: Duration) {
        // A full drain is full whatever the receiver believes.
        if self.phase == Phase::Drain && self.plan.drain != DrainMode::Full {
            self.enter(Phase::Hold, now);
        }
    }

    pub fn stop(&mut self) {
        self.stopped = true;
    }

    pub fn due(&mut self, now: Duration) -> Due {
        while let Some(length) = self.phase_length() {
            let end = self.phase_began + length;
            if now < end {
                break;
            }
            match self.phase {
                Phase::Drain => self.enter(Phase::Hold, end),
                Phase::Hold => self.enter(Phase::Tail, end),
                Phase::Tail => self.stopped = true,
            }
        }
        if self.stopped {
            return Due::Finished;
        }
        let behind = self.behind(now);
        let count = behind.min(2 * self.batch());
        let due = Due::Send {
            phase: self.phase,
            first: self.next,
            count: count as u32,
        };
        self.in_phase += count;
        self.next = self.next.saturating_add(count as u32);
        due
    }

    /// When something is due next.
    pub fn wake_at(&self) -> Duration {
        let packets = self.in_phase + self.batch();
        let at = self.pace_from + self.time_of(packets);
        let end = self.phase_length().map(|length| self.phase_began + length);
        end.map_or(at, |end| at.min(end))
    }

    fn phase_length(&self) -> Option<Duration> {
        if self.stopped {
            return None;
        }
        Some(match self.phase {
            Phase::Drain => self.plan.longest_drain(),
            Phase::Hold => self.plan.hold,
            Phase::Tail => self.plan.tail,
        })
    }

    fn enter(&mut self, phase: Phase, at: Duration) {
        // The tail goes on at the pace of the hold phase, what is owed included.
        let owed = (phase == Phase::Tail).then(|| self.owed(at).saturating_sub(self.in_phase));
        if phase == Phase::Hold {
            self.hold_began = Some(at);
        }
        self.phase = phase;
        self.phase_began = at;
        self.pace_from = owed.map_or(at, |owed| at.saturating_sub(self.time_of(owed)));
        self.in_phase = 0;
    }

    /// Datagrams that the pace asks for, from the phase's beginning to `now`.
    fn owed(&self, now: Duration) -> u64 {
        let elapsed = now.saturating_sub(self.pace_from).as_nanos();
        let rate = u128::from(self.plan.rate_in(self.phase));
        // kbit/s × ns = 10⁻⁶ bit.
        u64::try_from(elapsed * rate / (8_000_000 * u128::from(self.packet_bytes))).unwrap_or(u64::MAX)
    }

    fn time_of(&self, packets: u64) -> Duration {
        let rate = u128::from(self.plan.rate_in(self.phase).max(1));
        let nanos = u128::from(packets) * u128::from(self.packet_bytes) * 8_000_000 / rate;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn behind(&mut self, now: Duration) -> u64 {
        let behind = self.owed(now).saturating_sub(self.in_phase);
        let late = self.time_of(behind.saturating_sub(self.batch()));
        self.stall_max = self.stall_max.max(late);
        if late <= MADE_UP_FOR {
            return behind;
        }
        // The rest is given up: the pace begins anew a little behind.
        let given_up = late - MADE_UP_FOR;
        self.pace_from += given_up;
        self.owed(now).saturating_sub(self.in_phase)
    }

    fn batch(&self) -> u64 {
        let of = |pause: Duration| {
            let bits = u128::from(self.plan.rate_in(self.phase)) * pause.as_micros() / 1_000;
            u64::try_from(bits / (8 * u128::from(self.packet_bytes))).unwrap_or(u64::MAX)
        };
        BATCH.clamp(of(SHORTEST_PAUSE).max(1), of(LONGEST_PAUSE).max(1))
    }
}

#[cfg(test)]
mod tests {
    use inventory_schema::quantity::KilobitsPerSecond;
    use proptest::prelude::*;

    use super::*;
    use crate::lease::sample_lease;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Sends by the plan, waking when the pacer says, or `late` afterwards.
    fn run(pacer: &mut Pacer, mut now: Duration, mut late: impl FnMut(Duration) -> Duration) -> Vec<(Duration, Phase, u32)> {
        let mut sent = Vec::new();
        loop {
            match pacer.due(now) {
                Due::Finished => return sent,
                Due::Send { phase, count, .. } => sent.push((now, phase, count)),
            }
            let wake = pacer.wake_at();
            assert!(wake > now || matches!(pacer.clone().due(now), Due::Send { count: 1.., .. } | Due::Finished));
            now = wake.max(now + Duration::from_micros(1));
            now += late(now);
        }
    }

    fn bytes_in(sent: &[(Duration, Phase, u32)], phase: Phase) -> u64 {
        sent.iter()
            .filter(|entry| entry.1 == phase)
            .map(|entry| u64::from(entry.2) * 1_500)
            .sum()
    }

    #[test]
    fn a_full_plan_sends_what_it_says() {
        let plan = Plan::for_target(100_000).with_drain(DrainMode::Full);
        let mut pacer = Pacer::new(plan, 1_500, ms(10));
        let sent = run(&mut pacer, ms(10), |_| Duration::ZERO);
        let close = |bytes: u64, expected: u64| bytes.abs_diff(expected) <= 8 * 1_500;
        assert!(close(bytes_in(&sent, Phase::Drain), 25_000_000));
        assert!(close(bytes_in(&sent, Phase::Hold), 13_125_000));
        assert!(close(bytes_in(&sent, Phase::Tail), 2_625_000));
        assert!(plan.most_bytes() <= 42_000_000);
        assert_eq!(pacer.stall_max(), Duration::ZERO);
        let gaps = sent.windows(2).map(|pair| pair[1].0 - pair[0].0);
        assert!(gaps.max().unwrap() <= LONGEST_PAUSE);
        // Nine in ten wake-ups are at least half a millisecond apart: the computer is not kept busy.
        assert!(sent.len() < 4_500, "{} wake-ups", sent.len());
    }

    #[test]
    fn the_receiver_ends_a_short_drain_and_the_whole() {
        let mut pacer = Pacer::new(Plan::for_target(100_000), 1_500, Duration::ZERO);
        assert!(matches!(pacer.due(ms(100)), Due::Send { phase: Phase::Drain, .. }));
        pacer.hold_now(ms(150));
        assert!(matches!(pacer.due(ms(152)), Due::Send { phase: Phase::Hold, .. }));
        pacer.stop();
        assert_eq!(pacer.due(ms(153)), Due::Finished);

        let mut full = Pacer::new(Plan::for_target(100_000).with_drain(DrainMode::Full), 1_500, Duration::ZERO);
        full.hold_now(ms(150));
        assert!(matches!(full.due(ms(152)), Due::Send { phase: Phase::Drain, .. }));
    }

    #[test]
    fn what_a_busy_computer_did_not_send_follows_at_twice_the_rate_and_is_said() {
        let plan = Plan::for_target(100_000).with_drain(DrainMode::Short);
        let mut pacer = Pacer::new(plan, 1_500, Duration::ZERO);
        let mut stalled = false;
        let sent = run(&mut pacer, Duration::ZERO, |now| {
            let stall = !stalled && now > ms(500);
            stalled |= stall;
            if stall { ms(30) } else { Duration::ZERO }
        });
        assert!(bytes_in(&sent, Phase::Hold).abs_diff(13_125_000) <= 16 * 1_500);
        assert!(
            pacer.stall_max() >= ms(29) && pacer.stall_max() <= ms(32),
            "{:?}",
            pacer.stall_max()
        );
        assert!(sent.iter().all(|entry| entry.2 <= 24));
    }

    #[test]
    fn a_computer_that_slept_for_a_second_does_not_flood_the_line_afterwards() {
        let mut pacer = Pacer::new(Plan::for_target(100_000).deep(), 1_500, Duration::ZERO);
        let mut stalled = false;
        let sent = run(&mut pacer, Duration::ZERO, |now| {
            let stall = !stalled && now > ms(2_000);
            stalled |= stall;
            if stall { ms(1_000) } else { Duration::ZERO }
        });
        let lost = 131_250_000 - bytes_in(&sent, Phase::Hold);
        // 0.9 s of 1 s are given up.
        assert!(lost.abs_diff(11_812_500) < 200_000, "{lost}");
        assert!(pacer.stall_max() >= ms(990));
    }

    #[test]
    fn a_plan_beyond_its_lease_is_refused() {
        let lease = sample_lease();
        let plan = Plan::for_target(100_000);
        assert_eq!(plan.judge(&lease), Ok(()));
        assert_eq!(Plan::for_target(1_000_000).judge(&lease), Err(Refusal::Rate));
        assert_eq!(plan.deep().judge(&lease), Err(Refusal::Rate));
        let mut slower = lease.clone();
        slower.rate = KilobitsPerSecond::saturating(199_999);
        assert_eq!(plan.judge(&slower), Err(Refusal::Rate));
        for broken in [
            Plan { hold: ms(1_010), ..plan },
            Plan {
                hold: Duration::ZERO,
                ..plan
            },
            Plan {
                hold: Duration::from_secs(3_000),
                ..plan
            },
            Plan {
                tail: Duration::from_secs(3_000),
                ..plan
            },
            Plan { hold_kbps: 0, ..plan },
            Plan {
                drain_kbps: u32::MAX,
                ..plan
            },
        ] {
            assert_eq!(broken.judge(&lease), Err(Refusal::Malformed), "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn never_more_is_sent_than_the_plan_holds(
            target in 64_u32..10_000_000, packet in 100_usize..1_500, lates in prop::collection::vec(0_u64..40_000, 1..50)
        ) {
            let plan = Plan::for_target(target);
            let mut pacer = Pacer::new(plan, packet, Duration::ZERO);
            let mut now = Duration::ZERO;
            let mut bytes = 0_u64;
            let mut next = 0;
            for late in lates.iter().cycle().take(300) {
                match pacer.due(now) {
                    Due::Finished => break,
                    Due::Send { first, count, .. } => {
                        prop_assert_eq!(first, next);
                        next += count;
                        bytes += u64::from(count) * packet as u64;
                    }
                }
                now = pacer.wake_at().max(now) + Duration::from_micros(*late);
            }
            prop_assert!(bytes <= plan.most_bytes() + 4 * packet as u64);
        }
    }
}
