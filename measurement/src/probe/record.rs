//! What the probe found as the document that is kept and judged: the one place where the two meet.
//!
//! Pure. What is not known is absent. Called by whoever measured.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use inventory_schema::measurement::{
    AddressKind, Bins, CounterSource, CpuShare, Delay, Direction, Drain, DrainKind, Fault, Hold, InterfaceReadings, Layer, LeaseId,
    MeasuredAt, Measurement, MeasurementFormat, MeasurementId, MeasuringServer, Method, Occasion, Packets, Rates, ServerPlace, ServerTitle,
    SiblingTraffic, TimestampSource,
};
use inventory_schema::organization::SettlementClass;
use inventory_schema::quantity::{BitsPerSecond, Bytes, Count, KilobitsPerSecond, Microseconds};

use super::asking::{Failure, Finding};
use super::client::{Measured, ProbeError};
use super::plan::{BIN, FULL_DRAIN, Plan};
use super::reception::Stamps;
use super::serving::packet_bytes;
use crate::interface::Reading;
use crate::lease::{Claim, LeaseToken};
use crate::processor::{Load, share_of_one};

/// What is known beside the datagrams.
#[derive(Debug, Clone)]
pub struct Circumstances {
    pub claim: Claim,
    pub occasion: Occasion,
    pub settlement: Option<SettlementClass>,
    pub direction: Direction,
    pub server: SocketAddr,
    pub plan: Plan,
    pub started: MeasuredAt,
    pub ended: MeasuredAt,
    pub before: Option<Reading>,
    pub after: Option<Reading>,
    pub busy: Option<(Load, Load)>,
    pub siblings: Option<SiblingTraffic>,
    /// Where no datagram was answered: whether the server is there at all.
    pub server_is_there: bool,
}

/// The record of a measurement that was made, or of one that could not be.
pub fn record(outcome: &Result<Measured, ProbeError>, token: Option<&LeaseToken>, seen: &Circumstances) -> Measurement {
    let mut record = blank(token, seen);
    match outcome {
        Ok(measured) => fill(&mut record, measured, seen),
        Err(ProbeError::Failed(failure)) => record.add_fault(fault_of(*failure, seen)),
        Err(ProbeError::Socket { .. }) => record.add_fault(Fault::SetupFailed),
    }
    if let (Some(before), Some(after)) = (&seen.before, &seen.after)
        && after.changed_since(before)
    {
        record.add_fault(Fault::InterfaceChanged);
    }
    if seen.before.is_some() != seen.after.is_some() {
        record.add_fault(Fault::InterfaceChanged);
    }
    record
}

/// That datagrams are blocked is said only where the server is known to be there.
fn fault_of(failure: Failure, seen: &Circumstances) -> Fault {
    match failure {
        Failure::NoAnswer if !seen.server_is_there => Fault::SetupFailed,
        failure => failure.fault(),
    }
}

/// A record of these circumstances with nothing found yet; other methods fill it too.
pub fn blank(token: Option<&LeaseToken>, seen: &Circumstances) -> Measurement {
    let interface = seen.before.as_ref().map(|before| InterfaceReadings {
        before: before.facts.clone(),
        after: seen.after.as_ref().map(|after| after.facts.clone()),
    });
    let lease: Option<LeaseId> = token.map(|token| token.lease().id);
    Measurement {
        format: MeasurementFormat::V1,
        id: MeasurementId::generate(),
        building: seen.claim.building,
        device: seen.claim.device,
        method: Method::Probe,
        direction: seen.direction,
        occasion: seen.occasion,
        server: Some(MeasuringServer {
            id: token.map(|token| token.lease().server.clone()),
            title: None,
            place: place(ServerPlace::Other, seen.server, None),
            address: address_kind(seen.server.ip()),
        }),
        lease,
        share: None,
        started: seen.started,
        ended: seen.ended,
        target: KilobitsPerSecond::saturating(seen.plan.target_kbps.into()),
        settlement: seen.settlement,
        rates: None,
        bins: Bins::default(),
        drain: None,
        hold: None,
        packets: None,
        tcp: None,
        delay: None,
        sender_stall_max: None,
        receiver_overflow: None,
        timestamps: TimestampSource::Other,
        counters: seen.after.as_ref().map_or(CounterSource::None, Reading::counter_source),
        interface,
        siblings: seen.siblings,
        cpu: None,
        bytes_used: Bytes::default(),
        path_mtu: None,
        proxy: None,
        faults: Vec::new(),
    }
}

fn fill(record: &mut Measurement, measured: &Measured, seen: &Circumstances) {
    let finding = &measured.finding;
    let reception = &finding.reception;
    record.lease = Some(finding.token.lease().id);
    record.server = Some(MeasuringServer {
        id: Some(finding.token.lease().server.clone()),
        title: finding.accept.title.parse::<ServerTitle>().ok(),
        place: place(super::place_of(finding.accept.place), seen.server, Some(measured.local)),
        address: address_kind(seen.server.ip()),
    });
    fill_rates(record, finding);
    record.packets = Some(Packets {
        sent: count(reception.hold_sent),
        received: count(reception.hold_received),
        lost: count(reception.hold_lost()),
        reordered: count(reception.reordered),
        duplicated: count(reception.duplicated),
    });
    record.delay = Some(delay(finding));
    record.sender_stall_max = finding.sent.map(|sent| micros(sent.stall_max));
    record.receiver_overflow = Some(count(reception.overflow));
    record.timestamps = match reception.stamps {
        Stamps::Kernel => TimestampSource::KernelRx,
        Stamps::UserSpace => TimestampSource::UserSpace,
    };
    record.bytes_used = Bytes::saturating(finding.bytes);
    record.path_mtu = Some(Bytes::saturating(packet_bytes(seen.server, finding.payload.into())));
    record.cpu = seen.busy.zip(measured.cpu).map(|((before, after), used)| CpuShare {
        computer: after.share_since(before),
        measuring: share_of_one(used, measured.elapsed),
    });
    if finding.server_lost {
        record.add_fault(Fault::ServerLost);
    }
    if finding.clock_stepped {
        record.add_fault(Fault::ClockStepped);
    }
}

fn fill_rates(record: &mut Measurement, finding: &Finding) {
    let (reception, plan) = (&finding.reception, &finding.plan);
    let bins = reception.drain_bins.iter().chain(&reception.hold_bins);
    record.bins = Bins::first_of(bins.map(|bytes| Bytes::saturating((*bytes).into())).collect());
    // The line was emptied for a whole second, less what a queue takes from the receiver's view of it.
    let full = reception.drain_length + BIN >= FULL_DRAIN;
    record.drain = Some(Drain {
        kind: if full { DrainKind::Full } else { DrainKind::Short },
        // As many bins as stand before those of the hold phase.
        length: micros(BIN * u32::try_from(reception.drain_bins.len()).unwrap_or(u32::MAX)),
    });
    if reception.hold_bins.is_empty() {
        return;
    }
    let capacity = reception.capacity(plan);
    let (first, second) = reception.halves(plan);
    record.rates = Some(Rates {
        layer: Layer::Ip,
        capacity: BitsPerSecond::saturating(capacity.rate),
        half_width: BitsPerSecond::saturating(capacity.half_width),
        offered: Some(BitsPerSecond::saturating(u64::from(reception.offered_kbps) * 1_000)),
        raw: None,
    });
    record.hold = Some(Hold {
        length: micros(BIN * u32::try_from(reception.hold_bins.len()).unwrap_or(u32::MAX)),
        first_half: BitsPerSecond::saturating(first),
        second_half: BitsPerSecond::saturating(second),
    });
}

fn delay(finding: &Finding) -> Delay {
    let mut round_trips = finding.round_trips.clone();
    round_trips.sort_unstable();
    Delay {
        one_way_rise: Some(micros(finding.reception.delay_rise)),
        round_trip_min: round_trips.first().copied().map(micros),
        round_trip_median: round_trips.get(round_trips.len() / 2).copied().map(micros),
    }
}

/// Whoever measures to itself measures no line, whatever the server calls itself.
fn place(said: ServerPlace, server: SocketAddr, local: Option<IpAddr>) -> ServerPlace {
    if server.ip().to_canonical().is_loopback() || local == Some(server.ip()) {
        ServerPlace::Loopback
    } else {
        said
    }
}

fn address_kind(address: IpAddr) -> AddressKind {
    if address.to_canonical().is_ipv4() {
        AddressKind::Ipv4
    } else {
        AddressKind::Ipv6
    }
}

fn count(number: u32) -> Count {
    Count::saturating(number.into())
}

fn micros(duration: Duration) -> Microseconds {
    Microseconds::saturating(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use inventory_schema::Timestamp;
    use inventory_schema::measurement::verdict::{Reason, Rule, Verdict, judge};

    use super::*;
    use crate::interface::{RawInterface, reading};
    use crate::lease::Refusal;

    fn card(speed: &str) -> Reading {
        reading(&RawInterface {
            speed: Some(speed.into()),
            duplex: Some("full".into()),
            hardware_type: Some("1".into()),
            has_device: true,
            ..RawInterface::default()
        })
    }

    fn seen() -> Circumstances {
        let at = |second: i64| MeasuredAt {
            device: Timestamp::from_unix_seconds(1_800_000_000 + second),
            trusted: None,
        };
        Circumstances {
            claim: Claim::default(),
            occasion: Occasion::OnDemand,
            settlement: None,
            direction: Direction::Down,
            server: ([203, 0, 113, 1], 8_444).into(),
            plan: Plan::for_target(100_000),
            started: at(0),
            ended: at(2),
            before: Some(card("1000")),
            after: Some(card("1000")),
            busy: None,
            siblings: None,
            server_is_there: false,
        }
    }

    fn failed(failure: Failure, seen: &Circumstances) -> Measurement {
        record(&Err(failure.into()), None, seen)
    }

    #[test]
    fn blocked_datagrams_are_told_from_a_server_that_is_not_there() {
        let absent = failed(Failure::NoAnswer, &seen());
        assert_eq!(absent.faults, [Fault::SetupFailed]);
        let there = Circumstances {
            server_is_there: true,
            ..seen()
        };
        assert_eq!(failed(Failure::NoAnswer, &there).faults, [Fault::UdpBlocked]);
        assert_eq!(failed(Failure::NoLoad, &seen()).faults, [Fault::UdpBlocked]);
        let busy = Failure::Refused {
            refusal: Refusal::ServerBusy,
            retry_after: Duration::from_secs(2),
        };
        let judgement = judge(&failed(busy, &seen()), &Rule::default());
        assert_eq!(judgement.verdict, Verdict::Inconclusive);
        assert_eq!(judgement.main_reason(), Some(Reason::ServerBusy));
    }

    #[test]
    fn a_card_that_slows_down_or_goes_away_meanwhile_is_noted() {
        let slower = Circumstances {
            after: Some(card("100")),
            ..seen()
        };
        assert!(failed(Failure::NoLoad, &slower).has_fault(Fault::InterfaceChanged));
        let gone = Circumstances { after: None, ..seen() };
        assert!(failed(Failure::NoLoad, &gone).has_fault(Fault::InterfaceChanged));
        assert!(!failed(Failure::NoLoad, &seen()).has_fault(Fault::InterfaceChanged));
    }

    #[test]
    fn whoever_measures_to_itself_measures_no_line() {
        let place_of = |server: [u8; 4], local: [u8; 4]| place(ServerPlace::Beyond, (server, 1).into(), Some(local.into()));
        assert_eq!(place_of([127, 0, 0, 1], [127, 0, 0, 1]), ServerPlace::Loopback);
        assert_eq!(place_of([10, 0, 0, 5], [10, 0, 0, 5]), ServerPlace::Loopback);
        assert_eq!(place_of([10, 0, 0, 5], [10, 0, 0, 6]), ServerPlace::Beyond);
        for place in [
            ServerPlace::Loopback,
            ServerPlace::School,
            ServerPlace::RegionalNode,
            ServerPlace::Beyond,
            ServerPlace::Other,
        ] {
            assert_eq!(super::super::place_of(super::super::place_number(place)), place);
        }
    }
}
