//! Who measures when: slots by chance, one measurement of a line at a time, computers that can carry the rate, servers
//! with room. Pure: state, time and chance in, a decision out.
//!
//! It knows no connection. Whoever calls keeps what is under way, tells which computers are awake, what their cards
//! carry and what they took from the line of late, and gives every computer of a decision the same lease.

use std::time::Duration;

use inventory_schema::measurement::layer::PacketSizes;
use inventory_schema::measurement::{AddressKind, DrainKind, InterfaceMedium, Layer, LeaseId, ServerId};
use inventory_schema::quantity::{BitsPerSecond, KilobitsPerSecond};
use inventory_schema::{BuildingId, DeviceId, Timestamp};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::lessons::LessonHours;

#[cfg(test)]
mod tests;

/// Slots of a building on a school day, in each direction.
pub const SLOTS_A_DAY: u32 = 12;
/// Every so many measurements of a line has a whole second of drain.
pub const FULL_DRAIN_EVERY: u64 = 5;
/// Every so many holds for ten seconds.
pub const DEEP_EVERY: u64 = 60;
/// In thousandths: what the sender offers of the target, what a card may be loaded to, what siblings may take from a line
/// that is called idle, and what of its port a server may be leased.
const OFFERED: u64 = 1050;
const CARD_LOAD: u64 = 900;
const IDLE: u64 = 50;
const PORT_LOAD: u64 = 800;
/// The peak rate of a measurement, in thousandths of the target: its drain phase.
const PEAK: u64 = 2000;
/// For so long a line must have been idle.
pub const IDLE_FOR: Duration = Duration::from_secs(5);
/// Computers that may share one measurement; more would be more to go wrong than to gain.
pub const PARTS_MOST: usize = 4;

/// The moments of a day at which a building is to be measured, in order: the lessons are cut into equal parts, and each
/// slot lies by chance within half a part's length around its part's middle. `chance` answers a number below its argument.
pub fn slots_of_day(date: Date, hours: &LessonHours, zone: &TimeZone, mut chance: impl FnMut(u64) -> u64) -> Vec<Timestamp> {
    let Some((from, to)) = hours.of_day(date, zone) else {
        return Vec::new();
    };
    let whole = u64::try_from(to.micros_since(from)).unwrap_or(0);
    let part = whole / u64::from(SLOTS_A_DAY);
    if part == 0 {
        return Vec::new();
    }
    // Half a part to either side is the whole part: no two slots change places, and no minute is left out.
    (0..u64::from(SLOTS_A_DAY))
        .map(|number| from + Duration::from_micros(part * number + chance(part).min(part - 1)))
        .collect()
}

/// Hours in which nothing is measured: an examination, a federal test, whatever the region names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frozen {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// A computer of the building, as far as it can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub device: DeviceId,
    /// It waits for news at this moment.
    pub awake: bool,
    pub medium: InterfaceMedium,
    /// The negotiated rate of its card; `None`: not known.
    pub card: Option<BitsPerSecond>,
    /// The most that it took from the line, or gave to it, in any of the last seconds.
    pub busiest: BitsPerSecond,
    /// For how long it has been telling.
    pub told_for: Duration,
    /// When it measured last; those that have rested longest are chosen first.
    pub measured_at: Option<Timestamp>,
}

/// A measuring server and what is leased of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub id: ServerId,
    pub port: BitsPerSecond,
    /// The peak rates of the leases under way.
    pub leased: BitsPerSecond,
}

/// A measurement that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnderWay {
    pub lease: LeaseId,
    pub building: BuildingId,
    pub expires: Timestamp,
}

/// What is asked: may this building be measured now?
#[derive(Debug, Clone)]
pub struct Question<'a> {
    pub building: BuildingId,
    pub target: KilobitsPerSecond,
    /// Measurements of this line so far, for the turn of drains.
    pub number: u64,
    pub candidates: &'a [Candidate],
    pub servers: &'a [Server],
    pub under_way: &'a [UnderWay],
    pub frozen: &'a [Frozen],
    pub now: Timestamp,
}

/// What a lease will say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// In the order of their parts; one where one card carries the rate.
    pub devices: Vec<DeviceId>,
    pub server: ServerId,
    pub drain: DrainKind,
    pub deep: bool,
    /// What is to be added to the server's leased rate until the lease ends.
    pub peak: BitsPerSecond,
}

/// Why nothing is measured now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotNow {
    Frozen,
    /// The line is being measured already.
    UnderWay,
    /// Nobody is awake.
    Asleep,
    /// No computers that are awake carry the target by wire.
    TooSlow,
    /// The line is in use, or it is not known whether.
    InUse,
    /// No server has room.
    ServersFull,
}

impl NotNow {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::UnderWay => "under_way",
            Self::Asleep => "asleep",
            Self::TooSlow => "too_slow",
            Self::InUse => "in_use",
            Self::ServersFull => "servers_full",
        }
    }
}

/// Decides a slot whose time has come.
pub fn decide(question: &Question<'_>) -> Result<Decision, NotNow> {
    let Question { now, building, target, .. } = *question;
    if question.frozen.iter().any(|frozen| (frozen.from..frozen.to).contains(&now)) {
        return Err(NotNow::Frozen);
    }
    let is_under_way = |other: &UnderWay| other.building == building && other.expires > now;
    if question.under_way.iter().any(is_under_way) {
        return Err(NotNow::UnderWay);
    }
    let target = target.bits_per_second().get();
    let devices = elect(question.candidates, target)?;
    if !is_idle(question.candidates, target) {
        return Err(NotNow::InUse);
    }
    let peak = thousandths(target, PEAK);
    let server = place(question.servers, peak).ok_or(NotNow::ServersFull)?;
    let deep = question.number.is_multiple_of(DEEP_EVERY);
    Ok(Decision {
        devices,
        server,
        drain: if deep || question.number.is_multiple_of(FULL_DRAIN_EVERY) {
            DrainKind::Full
        } else {
            DrainKind::Short
        },
        deep,
        peak: BitsPerSecond::saturating(peak),
    })
}

/// The fewest computers whose cards carry the rate together, each an equal part of it.
fn elect(candidates: &[Candidate], target: u64) -> Result<Vec<DeviceId>, NotNow> {
    if !candidates.iter().any(|candidate| candidate.awake) {
        return Err(NotNow::Asleep);
    }
    let mut fit: Vec<(u64, &Candidate)> = candidates
        .iter()
        .filter_map(|candidate| Some((carries(candidate)?, candidate)))
        .collect();
    // The fastest cards first, so that few are needed; of equal ones who has rested longest.
    fit.sort_by_key(|(carries, candidate)| (std::cmp::Reverse(*carries), candidate.measured_at, candidate.device));
    let offered = thousandths(target, OFFERED);
    let enough = |parts: usize| {
        fit.get(parts - 1)
            .is_some_and(|(carries, _)| carries.saturating_mul(parts as u64) >= offered)
    };
    let parts = (1..=PARTS_MOST).find(|parts| enough(*parts)).ok_or(NotNow::TooSlow)?;
    // Whoever is fast enough for a part may take it: the turn goes round among all of them.
    let part = offered.div_ceil(parts as u64);
    let mut able: Vec<&Candidate> = fit
        .iter()
        .filter(|(carries, _)| *carries >= part)
        .map(|(_, candidate)| *candidate)
        .collect();
    able.sort_by_key(|candidate| (candidate.measured_at, candidate.device));
    Ok(able.into_iter().take(parts).map(|candidate| candidate.device).collect())
}

/// What a computer's card may be asked to carry at the IP layer; `None`: it may not be chosen.
fn carries(candidate: &Candidate) -> Option<u64> {
    let by_wire = matches!(candidate.medium, InterfaceMedium::Wired | InterfaceMedium::Virtual);
    let card = candidate.card.filter(|_| candidate.awake && by_wire)?;
    let at_ip = PacketSizes::new(1500, AddressKind::Ipv4, None).convert(card.get(), Layer::Ethernet, Layer::Ip);
    Some(thousandths(at_ip, CARD_LOAD)).filter(|carries| *carries > 0)
}

/// Everybody who is awake has told for long enough, and what all of them took together is next to nothing.
fn is_idle(candidates: &[Candidate], target: u64) -> bool {
    let awake = || candidates.iter().filter(|candidate| candidate.awake);
    let sum = awake().map(|candidate| candidate.busiest.get()).fold(0u64, u64::saturating_add);
    awake().all(|candidate| candidate.told_for >= IDLE_FOR) && sum < thousandths(target, IDLE)
}

/// The server with most room left beside this measurement.
fn place(servers: &[Server], peak: u64) -> Option<ServerId> {
    let room = |server: &Server| thousandths(server.port.get(), PORT_LOAD).checked_sub(server.leased.get().saturating_add(peak));
    let fitting = servers.iter().filter_map(|server| Some((room(server)?, server)));
    let best = fitting.max_by(|(one, a), (other, b)| one.cmp(other).then_with(|| b.id.cmp(&a.id)));
    best.map(|(_, server)| server.id.clone())
}

fn thousandths(rate: u64, thousandths: u64) -> u64 {
    let part = u128::from(rate) * u128::from(thousandths) / 1000;
    u64::try_from(part).unwrap_or(u64::MAX)
}
