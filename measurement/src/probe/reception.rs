//! What arrived: the statistics of the receiver, as load comes in.
//!
//! The bins of the drain begin with its first datagram, those of the hold phase with its own first: behind a queue
//! that the drain filled, the line is busy from that moment on without a gap. Duplicates occupy no place in a bin.
//! What the line carried counts up to what the sender offered: a queue that empties after the drain delivers more for
//! a moment, and that proves nothing.
//!
//! Pure: headers and times of arrival in, statistics and orders to the sender out. Called by both sessions.

use std::time::Duration;

use super::bins::{self, Bins, Estimate};
use super::plan::{BIN, DrainMode, Phase, Plan};
use super::wire::{Load, Orders};
use crate::bytes::{Reader, Unreadable, Writer};

/// Bins of drain that are kept: the longest drain, and what a deep queue adds.
const MOST_DRAIN_BINS: usize = 40;
/// So many bins in a row must be capped before the drain is called done.
const CAPPED_BINS: usize = 3;
/// Capped is what delivers less than this part of what was offered.
const CAPPED_PER_CENT: u64 = 98;
/// The least bins of the hold phase that are enough where the answer is clear.
const EARLY_BINS: usize = 10;
/// Clear is what lies above the target by so much, interval included.
const CLEAR_PER_MILLE: u64 = 5;
/// Halves that differ by more are no steady line.
const FLAT_PER_MILLE: u64 = 5;
/// More datagrams than any plan has are not told apart.
const MOST_PACKETS: u32 = 1 << 24;

/// Which system's word on when a datagram arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stamps {
    Kernel,
    #[default]
    UserSpace,
}

/// What the receiver saw, when it is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reception {
    pub stamps: Stamps,
    /// IP bytes of one datagram of load.
    pub packet_bytes: u16,
    /// Whole bins, before and after the hold phase began.
    pub drain_bins: Vec<u32>,
    pub hold_bins: Vec<u32>,
    /// As many whole bins as the plan has, or as many as were enough.
    pub complete: bool,
    /// How long the sender drained, by its own stamps: a deep queue makes it look longer from here.
    pub drain_length: Duration,
    /// The line was seen to cap the rate in the drain.
    pub capped: bool,
    pub received: u32,
    /// Of the hold phase, by the numbers that arrived.
    pub hold_sent: u32,
    pub hold_received: u32,
    /// The sender's pace in the hold phase, by its own stamps.
    pub offered_kbps: u32,
    pub reordered: u32,
    pub duplicated: u32,
    /// How much longer a datagram took at the end of the hold phase than at best.
    pub delay_rise: Duration,
    /// Datagrams that this computer received and dropped.
    pub overflow: u32,
    /// The clock of this computer jumped meanwhile.
    pub clock_stepped: bool,
}

impl Reception {
    /// The bins of the hold phase, each at most what was offered.
    fn counted(&self, plan: &Plan) -> Vec<u32> {
        counted(&self.hold_bins, plan, self.packet_bytes.into(), self.stamps)
    }

    pub fn capacity(&self, plan: &Plan) -> Estimate {
        bins::estimate(&self.counted(plan))
    }

    pub fn halves(&self, plan: &Plan) -> (u64, u64) {
        bins::halves(&self.counted(plan))
    }

    pub fn hold_lost(&self) -> u32 {
        self.hold_sent.saturating_sub(self.hold_received)
    }

    pub(super) fn write(&self, out: &mut Writer) {
        let flags = [self.stamps == Stamps::Kernel, self.complete, self.capped, self.clock_stepped];
        out.u8(flags.iter().enumerate().map(|(place, set)| u8::from(*set) << place).sum());
        out.u16(self.packet_bytes);
        let counts = [
            self.received,
            self.hold_sent,
            self.hold_received,
            self.offered_kbps,
            self.reordered,
            self.duplicated,
            self.overflow,
        ];
        for count in counts {
            out.u32(count);
        }
        out.u32(super::wire::micros(self.drain_length));
        out.u32(super::wire::micros(self.delay_rise));
        for bins in [&self.drain_bins, &self.hold_bins] {
            let bins = &bins[..bins.len().min(255)];
            out.u8(bins.len() as u8);
            for bytes in bins {
                out.u32(*bytes);
            }
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Unreadable> {
        let flags = from.u8()?;
        if flags > 0b1111 {
            return Err(Unreadable);
        }
        let set = |place: u8| flags >> place & 1 == 1;
        let packet_bytes = from.u16()?;
        let mut counts = [0; 7];
        for count in &mut counts {
            *count = from.u32()?;
        }
        let [received, hold_sent, hold_received, offered_kbps, reordered, duplicated, overflow] = counts;
        Ok(Self {
            stamps: if set(0) { Stamps::Kernel } else { Stamps::UserSpace },
            packet_bytes,
            complete: set(1),
            capped: set(2),
            clock_stepped: set(3),
            received,
            hold_sent,
            hold_received,
            offered_kbps,
            reordered,
            duplicated,
            overflow,
            drain_length: Duration::from_micros(from.u32()?.into()),
            delay_rise: Duration::from_micros(from.u32()?.into()),
            drain_bins: read_bins(from)?,
            hold_bins: read_bins(from)?,
        })
    }

    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self {
            stamps: Stamps::Kernel,
            packet_bytes: 1_500,
            drain_bins: vec![625_000; 20],
            hold_bins: vec![625_000; 200],
            complete: true,
            drain_length: Duration::from_millis(240),
            capped: true,
            received: 12_345,
            hold_sent: 8_750,
            hold_received: 8_333,
            offered_kbps: 105_000,
            reordered: 1,
            duplicated: 2,
            delay_rise: Duration::from_millis(50),
            overflow: 3,
            clock_stepped: false,
        }
    }
}

fn read_bins(from: &mut Reader<'_>) -> Result<Vec<u32>, Unreadable> {
    let count = from.u8()?;
    (0..count).map(|_| from.u32()).collect()
}

/// Times that user space took are too uneven to be cut bin by bin.
fn counted(bins: &[u32], plan: &Plan, packet_bytes: u64, stamps: Stamps) -> Vec<u32> {
    let offered = u64::from(plan.hold_kbps) * BIN.as_millis() as u64 / 8 + packet_bytes;
    let most = match stamps {
        Stamps::Kernel => u32::try_from(offered).unwrap_or(u32::MAX),
        Stamps::UserSpace => u32::MAX,
    };
    bins.iter().map(|bytes| *bytes.min(&most)).collect()
}

/// One bit per number, grown as numbers come.
#[derive(Debug, Clone, Default)]
struct Seen(Vec<u64>);

impl Seen {
    /// Whether the number is new. The greatest numbers are never called duplicates.
    fn insert(&mut self, number: u32) -> bool {
        let (word, bit) = (number as usize / 64, 1_u64 << (number % 64));
        if number >= MOST_PACKETS {
            return true;
        }
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }
}

/// The first datagram of a bin of the drain: what was offered between two of them is known by their numbers.
#[derive(Debug, Clone, Copy)]
struct Opening {
    sequence: u32,
    sent: Duration,
}

/// One-way delays of a bin, each against an arbitrary clock.
#[derive(Debug, Clone, Copy, Default)]
struct Delays {
    sum: i128,
    count: u32,
}

/// Takes load as it arrives.
#[derive(Debug, Clone)]
pub struct Receiver {
    plan: Plan,
    packet_bytes: u32,
    stamps: Stamps,
    /// No number from here on was sent, by the plan.
    beyond: u32,
    seen: Seen,
    received: u32,
    duplicated: u32,
    reordered: u32,
    highest: Option<u32>,
    drain: Option<Bins>,
    openings: Vec<Option<Opening>>,
    capped: bool,
    hold: Option<Bins>,
    drained_for: Duration,
    /// The first and the last number of the hold phase, each with the sender's stamp.
    hold_first: (u32, Duration),
    hold_last: (u32, Duration),
    hold_received: u32,
    enough: Option<usize>,
    least_delay: Option<i128>,
    delays: Vec<Delays>,
    last: Option<Duration>,
    overflow: u32,
    clock_stepped: bool,
}

impl Receiver {
    /// `packet_bytes` are those of a whole IP packet.
    pub fn new(plan: Plan, packet_bytes: u32, stamps: Stamps) -> Self {
        let most = plan.most_bytes() / u64::from(packet_bytes.max(1)) + 64;
        Self {
            plan,
            packet_bytes,
            stamps,
            beyond: u32::try_from(most).unwrap_or(u32::MAX).min(MOST_PACKETS),
            seen: Seen::default(),
            received: 0,
            duplicated: 0,
            reordered: 0,
            highest: None,
            drain: None,
            openings: Vec::new(),
            capped: false,
            hold: None,
            drained_for: Duration::ZERO,
            hold_first: (0, Duration::ZERO),
            hold_last: (0, Duration::ZERO),
            hold_received: 0,
            enough: None,
            least_delay: None,
            delays: Vec::new(),
            last: None,
            overflow: 0,
            clock_stepped: false,
        }
    }

    pub fn received(&self) -> u32 {
        self.received
    }

    /// When the bins of the hold phase begin.
    pub fn hold_began(&self) -> Option<Duration> {
        self.hold.as_ref().map(Bins::began)
    }

    /// When load arrived last.
    pub fn last(&self) -> Option<Duration> {
        self.last
    }

    pub fn note_overflow(&mut self, dropped: u32) {
        self.overflow = self.overflow.saturating_add(dropped);
    }

    pub fn note_clock_step(&mut self) {
        self.clock_stepped = true;
    }

    pub fn orders(&self) -> Orders {
        Orders {
            hold: self.capped,
            stop: self.enough.is_some(),
        }
    }

    /// Takes one datagram. Numbers that the plan does not have are the sender's fault and not counted.
    pub fn on_load(&mut self, load: &Load, at: Duration) {
        if load.sequence >= self.beyond {
            return;
        }
        if !self.seen.insert(load.sequence) {
            self.duplicated = self.duplicated.saturating_add(1);
            return;
        }
        self.received += 1;
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        if self.highest.is_some_and(|highest| load.sequence < highest) {
            self.reordered += 1;
        }
        self.highest = self.highest.max(Some(load.sequence));
        self.note_delay(load, at);
        self.count(load, at);
    }

    fn count(&mut self, load: &Load, at: Duration) {
        if load.phase == Phase::Hold {
            self.count_held(load);
        }
        match (&mut self.hold, load.phase) {
            (Some(hold), _) => {
                hold.add(at, self.packet_bytes);
                self.look_for_enough(at);
            }
            (None, Phase::Drain) => self.count_drained(load, at),
            (None, Phase::Hold | Phase::Tail) => {
                // It opens the bins and lies in none: a rate is bytes between two moments.
                self.hold = Some(Bins::new(at, self.plan.hold_bins()));
                self.drained_for = load.sent;
            }
        }
    }

    fn count_held(&mut self, load: &Load) {
        let this = (load.sequence, load.sent);
        if self.hold_received == 0 {
            (self.hold_first, self.hold_last) = (this, this);
        }
        self.hold_first = self.hold_first.min(this);
        self.hold_last = self.hold_last.max(this);
        self.hold_received += 1;
    }

    fn offered_kbps(&self) -> u32 {
        let packets = self.hold_last.0.saturating_sub(self.hold_first.0);
        let micros = self.hold_last.1.saturating_sub(self.hold_first.1).as_micros() as u64;
        let bits = u64::from(packets) * u64::from(self.packet_bytes) * 8;
        u32::try_from(bits * 1_000 / micros.max(1)).unwrap_or(u32::MAX)
    }

    fn count_drained(&mut self, load: &Load, at: Duration) {
        let drain = self.drain.get_or_insert_with(|| Bins::new(at, MOST_DRAIN_BINS));
        let Some(place) = drain.place(at).filter(|place| *place < MOST_DRAIN_BINS) else {
            return;
        };
        drain.add(at, self.packet_bytes);
        let opens = self.openings.len() <= place;
        if opens {
            self.openings.resize(place + 1, None);
            self.openings[place] = Some(Opening {
                sequence: load.sequence,
                sent: load.sent,
            });
            self.look_for_cap(place);
        }
    }

    /// Whether the bins before `place` were all whole and delivered less than what was offered.
    fn look_for_cap(&mut self, place: usize) {
        let Some(from) = place.checked_sub(CAPPED_BINS) else {
            return;
        };
        let (Some(Some(first)), Some(Some(last)), Some(drain)) = (self.openings.get(from), self.openings.get(place), &self.drain) else {
            return;
        };
        let delivered: u64 = drain.first(place)[from..].iter().map(|bytes| u64::from(*bytes)).sum();
        let length = BIN.as_micros() as u64 * CAPPED_BINS as u64;
        let Some(sent_for) = last.sent.checked_sub(first.sent).filter(|time| !time.is_zero()) else {
            return;
        };
        let sent = u64::from(last.sequence.saturating_sub(first.sequence)) * u64::from(self.packet_bytes);
        let paced = u64::from(self.plan.drain_kbps) * length / 8_000;
        // A sender that is behind its pace caps nothing.
        let offered = (sent * length / sent_for.as_micros().max(1) as u64).min(paced);
        let held = u64::from(self.plan.hold_kbps) * length / 8_000;
        let below_hold = self.plan.drain != DrainMode::Auto || delivered < held;
        if delivered * 100 < offered * CAPPED_PER_CENT && below_hold {
            self.capped = true;
        }
    }

    /// Whether a datagram that arrives now shows that the bins before it are whole and enough.
    fn look_for_enough(&mut self, now: Duration) {
        let Some(hold) = self.hold.as_ref().filter(|_| self.enough.is_none()) else {
            return;
        };
        let (Some(whole), all) = (hold.place(now), self.plan.hold_bins()) else {
            return;
        };
        if whole >= all {
            self.enough = Some(all);
        } else if whole >= EARLY_BINS && self.is_clear(&hold.first(whole)) {
            self.enough = Some(whole);
        }
    }

    fn is_clear(&self, bins: &[u32]) -> bool {
        // A deep measurement is there to see what comes later.
        if self.plan.hold_bins() > 2 * EARLY_BINS {
            return false;
        }
        let counted = counted(bins, &self.plan, self.packet_bytes.into(), self.stamps);
        let estimate = bins::estimate(&counted);
        let (first, second) = bins::halves(&counted);
        let target = u64::from(self.plan.target_kbps) * 1_000;
        let flat = first.abs_diff(second) * 1_000 <= first * FLAT_PER_MILLE;
        flat && estimate.rate.saturating_sub(estimate.half_width) >= target + target * CLEAR_PER_MILLE / 1_000
    }

    fn note_delay(&mut self, load: &Load, at: Duration) {
        let delay = at.as_nanos() as i128 - load.sent.as_nanos() as i128;
        self.least_delay = Some(self.least_delay.map_or(delay, |least| least.min(delay)));
        let Some(place) = self.hold.as_ref().and_then(|hold| hold.place(at)) else {
            return;
        };
        if place >= self.plan.hold_bins() {
            return;
        }
        if self.delays.len() <= place {
            self.delays.resize(place + 1, Delays::default());
        }
        self.delays[place].sum += delay;
        self.delays[place].count += 1;
    }

    /// The mean delay of the last bins against the least of all.
    fn delay_rise(&self, whole: usize) -> Duration {
        let last = &self.delays[..whole.min(self.delays.len())];
        let last = &last[last.len().saturating_sub(4)..];
        let (sum, count) = last
            .iter()
            .fold((0_i128, 0_i128), |(sum, count), bin| (sum + bin.sum, count + i128::from(bin.count)));
        let least = self.least_delay.unwrap_or_default();
        let rise = if count == 0 { 0 } else { sum / count - least };
        Duration::from_nanos(u64::try_from(rise).unwrap_or_default())
    }

    /// The statistics, when nothing more is waited for.
    pub fn finish(&self) -> Reception {
        let whole = self.enough.unwrap_or_else(|| self.whole_bins());
        let drained_until = self.hold.as_ref().map(Bins::began).or(self.last).unwrap_or_default();
        let drain_bins = self
            .drain
            .as_ref()
            .map(|drain| drain.first(drain.place(drained_until).unwrap_or_default()));
        Reception {
            stamps: self.stamps,
            packet_bytes: u16::try_from(self.packet_bytes).unwrap_or(u16::MAX),
            drain_bins: drain_bins.unwrap_or_default(),
            hold_bins: self.hold.as_ref().map(|hold| hold.first(whole)).unwrap_or_default(),
            complete: self.enough.is_some(),
            drain_length: self.drained_for,
            capped: self.capped,
            received: self.received,
            hold_sent: if self.hold_received == 0 {
                0
            } else {
                self.hold_last.0 - self.hold_first.0 + 1
            },
            hold_received: self.hold_received,
            offered_kbps: self.offered_kbps(),
            reordered: self.reordered,
            duplicated: self.duplicated,
            delay_rise: self.delay_rise(whole),
            overflow: self.overflow,
            clock_stepped: self.clock_stepped,
        }
    }

    /// Bins before the last datagram, where the end never came.
    fn whole_bins(&self) -> usize {
        let last = self.last.unwrap_or_default();
        self.hold.as_ref().and_then(|hold| hold.place(last)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
