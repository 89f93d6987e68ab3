//! Measurements made by hand, and how a judgement is written in a test.

use super::*;

pub(super) fn rate(megabits: f64) -> BitsPerSecond {
    BitsPerSecond::saturating((megabits * MEGABIT) as u64)
}

pub(super) fn count(count: u64) -> Count {
    Count::saturating(count)
}

pub(super) fn micros(micros: u64) -> Microseconds {
    Microseconds::saturating(micros)
}

pub(super) fn reading(megabits: f64) -> InterfaceReading {
    InterfaceReading {
        medium: InterfaceMedium::Wired,
        speed: Some(rate(megabits)),
        duplex: Some(LinkDuplex::Full),
        driver: "r8169".parse().ok(),
    }
}

pub(super) fn at(second: i64) -> MeasuredAt {
    MeasuredAt {
        device: Timestamp::from_unix_seconds(1_790_000_000 + second),
        trusted: Some(Timestamp::from_unix_seconds(1_790_000_000 + second)),
    }
}

/// A probe in whose way nothing was: `line` Mb/s against `target`, a gigabit card, a whole second of drain.
pub(super) fn probe(line: f64, target: f64) -> Measurement {
    let offered = 1.05 * target;
    let carried = line.min(offered);
    let drained = line.min(2.0 * target);
    let bytes = |megabits: f64| Bytes::saturating((megabits * MEGABIT / 8.0 * 0.05) as u64);
    let mut bins = vec![bytes(drained); 20];
    bins.extend(vec![bytes(carried); 20]);
    let sent = (offered * MEGABIT / 12_000.0) as u64;
    let received = (carried * MEGABIT / 12_000.0) as u64;
    Measurement {
        format: MeasurementFormat::V1,
        id: MeasurementId::generate(),
        building: None,
        device: None,
        method: Method::Probe,
        direction: Direction::Down,
        occasion: Occasion::Slot,
        server: Some(MeasuringServer {
            id: "node-1".parse().ok(),
            title: None,
            place: ServerPlace::RegionalNode,
            address: AddressKind::Ipv4,
        }),
        lease: None,
        share: None,
        started: at(0),
        ended: at(3),
        target: KilobitsPerSecond::saturating((target * 1000.0) as u64),
        settlement: None,
        rates: Some(Rates {
            layer: Layer::Ip,
            capacity: rate(carried),
            half_width: rate(carried * 0.001),
            offered: Some(rate(offered)),
            raw: None,
        }),
        bins: Bins::first_of(bins),
        drain: Some(Drain {
            kind: DrainKind::Full,
            length: micros(1_000_000),
        }),
        hold: Some(Hold {
            length: micros(1_000_000),
            first_half: rate(carried),
            second_half: rate(carried),
        }),
        packets: Some(Packets {
            sent: count(sent),
            received: count(received),
            lost: count(sent - received),
            reordered: count(0),
            duplicated: count(0),
        }),
        tcp: None,
        delay: Some(Delay {
            one_way_rise: Some(micros(if line < offered { 45_000 } else { 200 })),
            round_trip_min: Some(micros(20_000)),
            round_trip_median: Some(micros(20_300)),
        }),
        sender_stall_max: Some(micros(1_500)),
        receiver_overflow: Some(count(0)),
        timestamps: TimestampSource::KernelRx,
        counters: CounterSource::SysfsNet,
        interface: Some(InterfaceReadings {
            before: reading(1000.0),
            after: Some(reading(1000.0)),
        }),
        siblings: Some(SiblingTraffic {
            bytes: Bytes::saturating(0),
            siblings: count(12),
            missing: count(0),
        }),
        cpu: Some(CpuShare {
            computer: Percent::saturating(20),
            measuring: Percent::saturating(7),
        }),
        bytes_used: Bytes::saturating(38_000_000),
        path_mtu: Some(Bytes::saturating(1500)),
        proxy: None,
        faults: Vec::new(),
    }
}

/// A TCP measurement of so much payload.
pub(super) fn tcp(goodput: f64, target: f64) -> Measurement {
    Measurement {
        method: Method::Tcp,
        rates: Some(Rates {
            layer: Layer::Tcp,
            capacity: rate(goodput),
            half_width: rate(0.05),
            offered: None,
            raw: Some(rate(goodput)),
        }),
        tcp: Some(TcpFacts {
            streams: count(8),
            segment: Some(Bytes::saturating(1448)),
            congestion_control: "bbr".parse().ok(),
            retransmitted: None,
            warm_up: Some(micros(1_000_000)),
        }),
        hold: Some(Hold {
            length: micros(5_000_000),
            first_half: rate(goodput),
            second_half: rate(goodput),
        }),
        drain: None,
        bins: Bins::default(),
        packets: None,
        receiver_overflow: None,
        sender_stall_max: None,
        ..probe(goodput, target)
    }
}

pub(super) fn judged(measurement: &Measurement) -> (Verdict, Vec<Reason>) {
    let judgement = judge(measurement, &Rule::default());
    (judgement.verdict, judgement.reasons.into_iter().collect())
}

pub(super) fn inconclusive(reason: Reason) -> (Verdict, Vec<Reason>) {
    (Verdict::Inconclusive, vec![reason])
}

pub(super) const MEETS: (Verdict, Vec<Reason>) = (Verdict::Meets, Vec::new());
pub(super) const BELOW: (Verdict, Vec<Reason>) = (Verdict::Below, Vec::new());
