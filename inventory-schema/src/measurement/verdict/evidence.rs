//! What the parts of one measurement say together, and what speaks against relying on it.
//!
//! Rates are brought to the IP layer and added; of everything else the worst part counts.

use std::collections::BTreeSet;

use super::super::layer::PacketSizes;
use super::super::record::{
    BIN, Direction, DrainKind, Fault, InterfaceMedium, InterfaceReading, Layer, LinkDuplex, Measurement, Method, ProxyKind, ServerPlace,
};
use super::{Reason, thousandths};

/// The least length of a hold phase, by method: the probe may stop early, TCP must have settled.
const PROBE_HOLD: u64 = 450_000;
const TCP_HOLD: u64 = 5_000_000;
const PASSIVE_HOLD: u64 = 1_000_000;
const DEEP_HOLD: u64 = 10_000_000;
/// In thousandths of the target: what the sender offers in the hold phase, and what it must have offered at least.
const OFFERED: u64 = 1050;
const OFFERED_AT_LEAST: u64 = 1030;
/// In thousandths: the second half of a hold phase that lives on no credit, by method; never less than the last.
const FLAT_PROBE: u64 = 5;
const FLAT_TCP: u64 = 20;
/// In thousandths: a second half that is so much faster was held back by something that ended.
const RISING: u64 = 20;
/// In thousandths of what was offered: less arrives only where the line caps it.
const CAPPED: u64 = 980;
/// The end of the drain phase that is looked at, in bins.
const DRAIN_END: usize = 3;
/// The signature of a full line: packets lost, in thousandths of those sent, or a queue that grew.
const LOST: u64 = 5;
const QUEUE_MICROS: u64 = 5_000;
/// In thousandths of the target: what siblings may take from a line that is said to fall short.
const SIBLINGS: u64 = 10;
/// In thousandths of the target: an interval so wide decides nothing.
const WIDE: u64 = 10;
/// In percent.
const BUSY: u64 = 95;
/// A sender that was silent for longer than a bin did not keep its pace.
const STALL_MICROS: u64 = BIN.get();
/// In thousandths of the hold phase: what passed in the drain phase and not then was not stopped by a full line.
const DRAINED_FASTER: u64 = 1030;

pub(super) struct Evidence<'m> {
    parts: &'m [Measurement],
    target: u64,
    pub(super) carried_anything: bool,
    own: u64,
    siblings: u64,
    pub(super) half_width: u64,
    pub(super) full_drain: bool,
    pub(super) deep: bool,
}

impl<'m> Evidence<'m> {
    pub(super) fn of(parts: &'m [Measurement], target: u64) -> Self {
        let sum = |rate: fn(&Measurement) -> u64| parts.iter().map(rate).fold(0u64, u64::saturating_add);
        Self {
            parts,
            target,
            carried_anything: !parts.is_empty() && parts.iter().all(|part| part.rates.is_some()),
            own: sum(capacity),
            // Each part may have been told of the same siblings.
            siblings: parts.iter().map(sibling_rate).max().unwrap_or(0),
            half_width: sum(half_width),
            full_drain: !parts.is_empty() && parts.iter().all(is_fully_drained),
            deep: !parts.is_empty() && parts.iter().all(|part| is_fully_drained(part) && hold_micros(part) >= DEEP_HOLD),
        }
    }

    /// What the line carried, siblings included.
    pub(super) fn carried(&self) -> u64 {
        self.own.saturating_add(self.siblings)
    }

    fn any(&self, holds: impl Fn(&Measurement) -> bool) -> bool {
        self.parts.iter().any(holds)
    }

    /// Why nothing was carried, where that is known.
    pub(super) fn why_nothing(&self) -> BTreeSet<Reason> {
        let mut reasons = BTreeSet::new();
        let mut note = |holds: bool, reason: Reason| {
            if holds {
                reasons.insert(reason);
            }
        };
        note(self.any(is_local), Reason::Loopback);
        note(self.any(|part| part.has_fault(Fault::ServerBusy)), Reason::ServerBusy);
        note(self.any(|part| part.has_fault(Fault::UdpBlocked)), Reason::UdpBlocked);
        // Of several parts one carried nothing: the sum is not the line's.
        note(self.any(|part| part.rates.is_some()), Reason::Short);
        reasons
    }

    /// What makes any figure worthless, whichever way it points.
    fn against_anything(&self) -> BTreeSet<Reason> {
        let mut reasons = BTreeSet::new();
        let mut note = |holds: bool, reason: Reason| {
            if holds {
                reasons.insert(reason);
            }
        };
        note(self.any(is_local), Reason::Loopback);
        note(self.any(clock_is_wrong), Reason::Clock);
        let answered_by_another = |part: &Measurement| part.proxy.is_some_and(|proxy| proxy != ProxyKind::HttpConnect);
        note(self.any(answered_by_another), Reason::Proxy);
        note(self.any(is_short) || !self.is_whole(), Reason::Short);
        reasons
    }

    /// Every part of the lease is here, once.
    fn is_whole(&self) -> bool {
        let expected = self.parts.iter().filter_map(|part| part.share).map(|share| share.parts.get()).max();
        let found: BTreeSet<u64> = self
            .parts
            .iter()
            .map(|part| part.share.map_or(1, |share| share.part.get()))
            .collect();
        found.len() == self.parts.len() && found.len() as u64 == expected.unwrap_or(1)
    }

    pub(super) fn against_a_pass(&self, needed: u64) -> BTreeSet<Reason> {
        let mut reasons = self.against_anything();
        if self.lived_on_credit(needed) {
            reasons.insert(Reason::BurstCredit);
        }
        if self.half_width > thousandths(self.target, WIDE) {
            reasons.insert(self.why_wide());
        }
        reasons
    }

    /// Flat, and either emptied for a whole second or seen to be capped before it was counted.
    fn lived_on_credit(&self, needed: u64) -> bool {
        let siblings = self.siblings;
        let parts = self.parts.len() as u64;
        self.any(|part| {
            let Some((first, second)) = halves(part) else { return true };
            let probe = part.method == Method::Probe;
            let flat = if probe {
                let noise = half_width(part).saturating_mul(2);
                noise.clamp(thousandths(first, FLAT_PROBE), thousandths(first, FLAT_TCP))
            } else {
                thousandths(first, FLAT_TCP)
            };
            if first.saturating_sub(second) > flat {
                return true;
            }
            if probe {
                return !is_fully_drained(part) && !self.drain_was_capped(part);
            }
            // Without a drain phase each half must have carried the target by itself.
            first.min(second).saturating_mul(parts).saturating_add(siblings) < needed
        })
    }

    /// The line was seen to cap the rate before the hold phase began, so that no credit was left.
    fn drain_was_capped(&self, part: &Measurement) -> bool {
        let offered = 2 * self.target / part_count(part);
        drain_end_rate(part).is_some_and(|rate| rate < thousandths(offered, CAPPED))
    }

    /// What keeps a shortfall from being proven, whatever was carried: the conditions it was measured in.
    pub(super) fn conditions(&self) -> BTreeSet<Reason> {
        let mut reasons = BTreeSet::new();
        let mut note = |holds: bool, reason: Reason| {
            if holds {
                reasons.insert(reason);
            }
        };
        let fault = |fault: Fault| self.any(|part| part.has_fault(fault));
        note(self.any(|part| part.proxy.is_some()), Reason::Proxy);
        note(self.any(is_wireless), Reason::Wifi);
        note(self.any(|part| self.card_is_no_proof(part)), Reason::Nic);
        note(
            fault(Fault::ServerBusy) || self.any(|part| self.server_was_late(part)),
            Reason::ServerBusy,
        );
        note(fault(Fault::UdpBlocked), Reason::UdpBlocked);
        note(fault(Fault::LineInUse) || self.siblings_are_no_proof(), Reason::CrossTraffic);
        note(self.any(|part| self.computer_was_late(part)), Reason::Cpu);
        note(fault(Fault::ServerLost) || fault(Fault::Cancelled), Reason::Short);
        note(self.any(|part| part.method != Method::Probe), Reason::PassOnly);
        reasons
    }

    pub(super) fn against_a_shortfall(&self, needed: u64) -> BTreeSet<Reason> {
        let mut reasons = self.against_anything();
        reasons.extend(self.conditions());
        if self.carried().saturating_add(self.half_width) >= needed {
            reasons.insert(self.why_wide());
        }
        if self.any(|part| part.method == Method::Probe) {
            if self.any(was_drained_faster) {
                // What was credit ran out; what was chance went on.
                let ran_out = self.any(|part| halves(part).is_none_or(|(first, second)| first > second + thousandths(first, FLAT_PROBE)));
                reasons.insert(if ran_out { Reason::BurstCredit } else { Reason::Lossy });
            }
            let rising =
                |part: &Measurement| halves(part).is_none_or(|(first, second)| second.saturating_sub(first) > thousandths(first, RISING));
            if self.any(rising) {
                reasons.insert(Reason::CrossTraffic);
            }
            if !self.any(is_full) {
                reasons.insert(Reason::Short);
            }
        }
        reasons
    }

    fn why_wide(&self) -> Reason {
        let lossy = |part: &Measurement| lost_thousandths(part).is_some_and(|lost| lost >= LOST);
        if self.any(lossy) { Reason::Lossy } else { Reason::Short }
    }

    /// The card that carried this part cannot have carried what was offered to it, or was not seen to.
    fn card_is_no_proof(&self, part: &Measurement) -> bool {
        let Some(interface) = &part.interface else { return true };
        let Some(after) = &interface.after else { return true };
        let sizes = PacketSizes::of(part);
        let needed = thousandths(self.target, OFFERED) / part_count(part);
        let too_slow = |reading: &InterfaceReading| match reading.speed {
            Some(speed) => sizes.convert(speed.get(), Layer::Ethernet, Layer::Ip) < needed,
            None => true,
        };
        let unfit = |reading: &InterfaceReading| {
            !matches!(reading.medium, InterfaceMedium::Wired | InterfaceMedium::Virtual)
                || reading.duplex == Some(LinkDuplex::Half)
                || too_slow(reading)
        };
        // Wi-Fi is told by its own name.
        let unfit = |reading: &InterfaceReading| reading.medium != InterfaceMedium::Wifi && unfit(reading);
        part.has_fault(Fault::InterfaceChanged)
            || unfit(&interface.before)
            || unfit(after)
            || interface.before.speed != after.speed
            || interface.before.duplex != after.duplex
    }

    fn siblings_are_no_proof(&self) -> bool {
        let unheard = |part: &Measurement| part.siblings.is_none_or(|siblings| siblings.missing.get() > 0);
        self.any(unheard) || self.siblings > thousandths(self.target, SIBLINGS)
    }

    /// The end that sends did not send what it should have; where the school sends, that is the computer.
    fn sender_was_late(&self, part: &Measurement) -> bool {
        if part.method != Method::Probe {
            return false;
        }
        let least = thousandths(self.target, OFFERED_AT_LEAST) / part_count(part);
        offered(part).is_none_or(|offered| offered < least) || part.sender_stall_max.is_some_and(|stall| stall.get() > STALL_MICROS)
    }

    fn server_was_late(&self, part: &Measurement) -> bool {
        part.direction == Direction::Down && self.sender_was_late(part)
    }

    fn computer_was_late(&self, part: &Measurement) -> bool {
        let overflow = part.method == Method::Probe && part.receiver_overflow.is_none_or(|overflow| overflow.get() > 0);
        let busy = part.cpu.is_some_and(|cpu| cpu.computer.get() >= BUSY);
        overflow || busy || (part.direction == Direction::Up && self.sender_was_late(part))
    }
}

fn part_count(part: &Measurement) -> u64 {
    part.share.map_or(1, |share| share.parts.get().max(1))
}

fn at_ip(part: &Measurement, rate: u64) -> u64 {
    let layer = part.rates.map_or(Layer::Ip, |rates| rates.layer);
    PacketSizes::of(part).convert(rate, layer, Layer::Ip)
}

fn capacity(part: &Measurement) -> u64 {
    part.rates.map_or(0, |rates| at_ip(part, rates.capacity.get()))
}

fn half_width(part: &Measurement) -> u64 {
    part.rates.map_or(0, |rates| at_ip(part, rates.half_width.get()))
}

fn offered(part: &Measurement) -> Option<u64> {
    let offered = part.rates?.offered?;
    Some(at_ip(part, offered.get()))
}

fn halves(part: &Measurement) -> Option<(u64, u64)> {
    let hold = part.hold?;
    Some((at_ip(part, hold.first_half.get()), at_ip(part, hold.second_half.get())))
}

fn hold_micros(part: &Measurement) -> u64 {
    part.hold.map_or(0, |hold| hold.length.get())
}

/// What siblings took, as a rate over the hold phase.
fn sibling_rate(part: &Measurement) -> u64 {
    let bytes = part.siblings.map_or(0, |siblings| siblings.bytes.get());
    rate(bytes, hold_micros(part))
}

fn rate(bytes: u64, micros: u64) -> u64 {
    if micros == 0 {
        return 0;
    }
    u64::try_from(u128::from(bytes) * 8_000_000 / u128::from(micros)).unwrap_or(u64::MAX)
}

fn is_local(part: &Measurement) -> bool {
    let place = part.server.as_ref().map(|server| server.place);
    let through = |reading: &InterfaceReading| reading.medium == InterfaceMedium::Loopback;
    matches!(place, Some(ServerPlace::Loopback | ServerPlace::School)) || readings(part).any(through)
}

fn is_wireless(part: &Measurement) -> bool {
    readings(part).any(|reading| reading.medium == InterfaceMedium::Wifi)
}

fn readings(part: &Measurement) -> impl Iterator<Item = &InterfaceReading> {
    let interface = part.interface.as_ref();
    interface
        .into_iter()
        .flat_map(|interface| std::iter::once(&interface.before).chain(interface.after.as_ref()))
}

fn clock_is_wrong(part: &Measurement) -> bool {
    part.has_fault(Fault::ClockStepped) || part.ended.best() < part.started.best()
}

fn is_short(part: &Measurement) -> bool {
    let least = match part.method {
        Method::Probe => PROBE_HOLD,
        Method::Passive => PASSIVE_HOLD,
        Method::Tcp | Method::Ndt7 | Method::Librespeed | Method::Other => TCP_HOLD,
    };
    hold_micros(part) < least
}

fn is_fully_drained(part: &Measurement) -> bool {
    part.method == Method::Probe && part.drain.is_some_and(|drain| drain.kind == DrainKind::Full)
}

/// The rate at the end of the drain phase.
fn drain_end_rate(part: &Measurement) -> Option<u64> {
    let drain = part.drain?;
    let bins = part.bins.as_slice();
    let end = usize::try_from(drain.length.get() / BIN.get()).ok()?;
    let last = bins.get(end.checked_sub(DRAIN_END)?..end)?;
    let bytes = last.iter().map(|bytes| bytes.get()).fold(0u64, u64::saturating_add);
    Some(rate(bytes, BIN.get() * DRAIN_END as u64))
}

/// Much more passed in the drain phase: what the hold phase lost was not lost to a full line.
fn was_drained_faster(part: &Measurement) -> bool {
    let held = capacity(part);
    drain_end_rate(part).is_some_and(|rate| rate > thousandths(held, DRAINED_FASTER))
}

/// A queue grew or packets were lost: the line was given more than it can carry.
fn is_full(part: &Measurement) -> bool {
    let rise = part.delay.and_then(|delay| delay.one_way_rise);
    rise.is_some_and(|rise| rise.get() >= QUEUE_MICROS) || lost_thousandths(part).is_some_and(|lost| lost >= LOST)
}

fn lost_thousandths(part: &Measurement) -> Option<u64> {
    let packets = part.packets?;
    (packets.lost.get() * 1000).checked_div(packets.sent.get())
}
