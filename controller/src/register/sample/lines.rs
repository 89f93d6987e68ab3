//! Made-up measurements for the sample region: four weeks of every building, and the winter of the due date for a few.
//!
//! Nobody measured anything: rows written from here carry no report, and every page, act and workbook says so. Drawn
//! from the seed like the register, so that the same lines are slow on every machine; only the days are those before
//! `now`. Seven lines are below the norm, eleven are seen through slow cards or Wi-Fi only, six have never been measured.

use std::time::Duration;

use inventory_schema::Timestamp;
use inventory_schema::measurement::{
    AddressKind, BIN, Bins, CounterSource, CpuShare, Delay, Direction, Drain, DrainKind, Hold, InterfaceMedium, InterfaceReading,
    InterfaceReadings, Layer, LinkDuplex, MeasuredAt, Measurement, MeasurementFormat, MeasurementId, MeasuringServer, Method, Occasion,
    Packets, Rates, ServerPlace, SiblingTraffic, TimestampSource,
};
use inventory_schema::organization::SettlementClass;
use inventory_schema::quantity::{BitsPerSecond, Bytes, Count, Microseconds, Percent};
use jiff::tz::TimeZone;

use super::split_mix::SplitMix64;
use crate::line::history::{DAY, norm};
use crate::line::lessons::LessonHours;
use crate::store::measurement::SampleMeasurement;

const SEED: u64 = 20_211_231;
/// Of a school day, down and up.
const DOWN_A_DAY: u64 = 3;
const UP_A_DAY: u64 = 1;
const DAYS: i64 = 28;
/// One in so many has a whole second of drain, and one in so many is deep.
const FULL_DRAIN_EVERY: u64 = 5;
const DEEP_EVERY: u64 = 20;

/// What a building's line is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Character {
    /// With room above the norm.
    Good,
    /// Above the norm in most lessons, and not in enough of them.
    Wavering,
    /// Below it.
    Slow,
    /// Whatever it is, the computers that measured cannot tell.
    Unseen,
    /// Not measured at all.
    Silent,
}

/// Of 147 buildings.
const CHARACTERS: [(Character, usize); 4] = [
    (Character::Slow, 7),
    (Character::Unseen, 11),
    (Character::Silent, 6),
    (Character::Wavering, 9),
];

/// Measurements of these buildings, by internal id, until `now`.
pub fn region_history(
    buildings: &[(i64, SettlementClass)],
    now: Timestamp,
    hours: &LessonHours,
    zone: &TimeZone,
) -> Vec<SampleMeasurement> {
    let mut random = SplitMix64::new(SEED);
    let mut characters: Vec<Character> = CHARACTERS
        .iter()
        .flat_map(|(character, count)| vec![*character; *count])
        .chain(std::iter::repeat(Character::Good))
        .take(buildings.len())
        .collect();
    random.shuffle(&mut characters);
    let mut history = Vec::new();
    for (place, (&(building, class), character)) in buildings.iter().zip(characters).enumerate() {
        let mut add = |from: Timestamp, days: i64, character: Character, random: &mut SplitMix64| {
            for day in 0..days {
                let date = hours.at(from + DAY * u32::try_from(day).unwrap_or(0), zone).date;
                if let Some(lessons) = hours.of_day(date, zone) {
                    history.extend(school_day(building, class, character, lessons, now, random));
                }
            }
        };
        add(now - DAY * DAYS as u32, DAYS, character, &mut random);
        if place.is_multiple_of(49) {
            // Below the norm before the due date, above it after.
            let due = crate::line::due_date(zone);
            add(due - DAY * 28, 28, Character::Slow, &mut random);
            add(due, 56, Character::Good, &mut random);
        }
    }
    history
}

fn school_day(
    building: i64,
    class: SettlementClass,
    character: Character,
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
    random: &mut SplitMix64,
) -> Vec<SampleMeasurement> {
    let mut measured = Vec::new();
    for (direction, count) in [(Direction::Down, DOWN_A_DAY), (Direction::Up, UP_A_DAY)] {
        for _ in 0..count {
            let length = u64::try_from(to.micros_since(from)).unwrap_or(0).max(1);
            let at = from + Duration::from_micros(random.below(length));
            let number = random.below(u64::MAX);
            let line = line(class, character, random);
            if character == Character::Silent || at >= now {
                continue;
            }
            let mut measurement = sample_measurement(number, at, direction, class, line);
            if character == Character::Unseen {
                hide(&mut measurement, number.is_multiple_of(2), class);
            }
            measured.push(SampleMeasurement { building, measurement });
        }
    }
    measured
}

/// What the line carries at this moment, in Mbit/s.
fn line(class: SettlementClass, character: Character, random: &mut SplitMix64) -> f64 {
    let norm = class.target().get() as f64 / 1e6;
    let chance = random.below(1000) as f64 / 1000.0;
    match character {
        Character::Good | Character::Unseen if random.below(200) == 0 => norm * 0.93,
        Character::Good | Character::Unseen => norm * (1.08 + chance * 0.6),
        Character::Wavering if random.below(100) < 11 => norm * (0.75 + chance * 0.2),
        Character::Wavering => norm * (1.01 + chance * 0.1),
        Character::Slow | Character::Silent => norm * (0.45 + chance * 0.35),
    }
}

/// Through a card of 100 Mbit/s, or 10 where the norm is 50, or over Wi-Fi.
fn hide(measurement: &mut Measurement, wireless: bool, class: SettlementClass) {
    let norm = class.target().get();
    let seen = if wireless { norm / 10 * 6 } else { norm / 100 * 92 };
    if let (Some(rates), Some(hold)) = (&mut measurement.rates, &mut measurement.hold) {
        let seen = BitsPerSecond::saturating(seen);
        (rates.capacity, hold.first_half, hold.second_half) = (seen, seen, seen);
    }
    let reading = if wireless {
        InterfaceReading {
            medium: InterfaceMedium::Wifi,
            speed: Some(BitsPerSecond::saturating(144_000_000)),
            duplex: None,
            driver: "iwlwifi".parse().ok(),
        }
    } else {
        wired(if norm > 50_000_000 { 100_000_000 } else { 10_000_000 })
    };
    measurement.interface = Some(InterfaceReadings {
        before: reading.clone(),
        after: Some(reading),
    });
}

fn wired(speed: u64) -> InterfaceReading {
    InterfaceReading {
        medium: InterfaceMedium::Wired,
        speed: Some(BitsPerSecond::saturating(speed)),
        duplex: Some(LinkDuplex::Full),
        driver: "r8169".parse().ok(),
    }
}

/// One probe in whose way nothing was, of a line that carries `line` Mbit/s.
pub fn sample_measurement(number: u64, at: Timestamp, direction: Direction, class: SettlementClass, line: f64) -> Measurement {
    let norm_rate = class.target().get();
    let line = (line * 1e6) as u64;
    let offered = norm_rate / 100 * 105;
    let (carried, drained) = (line.min(offered), line.min(2 * norm_rate));
    let full = number.is_multiple_of(FULL_DRAIN_EVERY) || drained == 2 * norm_rate;
    let deep = number.is_multiple_of(DEEP_EVERY);
    let hold_micros: u64 = if deep { 10_000_000 } else { 1_000_000 };
    let drain_micros: u64 = if full { 1_000_000 } else { 200_000 };
    let in_bin = |rate: u64| Bytes::saturating(rate / 8 * BIN.get() / 1_000_000);
    let count = |micros: u64| usize::try_from(micros / BIN.get()).unwrap_or(0);
    let mut bins = vec![in_bin(drained); count(drain_micros)];
    bins.extend(vec![in_bin(carried); count(hold_micros)]);
    let packets = |rate: u64| rate / 12_000 * (hold_micros / 1_000_000);
    let (sent, received) = (packets(offered), packets(carried));
    let moment = |at: Timestamp| MeasuredAt {
        device: at,
        trusted: Some(at),
    };
    let length = Duration::from_micros(drain_micros + hold_micros + 400_000);
    let rate = BitsPerSecond::saturating;
    Measurement {
        format: MeasurementFormat::V1,
        id: MeasurementId::from_uuid(uuid::Uuid::from_u64_pair(at.unix_micros().unsigned_abs(), number)),
        building: None,
        device: None,
        method: Method::Probe,
        direction,
        occasion: Occasion::Slot,
        server: Some(MeasuringServer {
            id: "sample".parse().ok(),
            title: "Учебный узел".parse().ok(),
            place: ServerPlace::RegionalNode,
            address: AddressKind::Ipv4,
        }),
        lease: None,
        share: None,
        started: moment(at),
        ended: moment(at + length),
        target: norm(class),
        settlement: Some(class),
        rates: Some(Rates {
            layer: Layer::Ip,
            capacity: rate(carried),
            half_width: rate(carried / 2000),
            offered: Some(rate(offered)),
            raw: None,
        }),
        bins: Bins::first_of(bins),
        drain: Some(Drain {
            kind: if full { DrainKind::Full } else { DrainKind::Short },
            length: Microseconds::saturating(drain_micros),
        }),
        hold: Some(Hold {
            length: Microseconds::saturating(hold_micros),
            first_half: rate(carried),
            second_half: rate(carried),
        }),
        packets: Some(Packets {
            sent: Count::saturating(sent),
            received: Count::saturating(received),
            lost: Count::saturating(sent - received),
            reordered: Count::saturating(0),
            duplicated: Count::saturating(0),
        }),
        tcp: None,
        delay: Some(Delay {
            one_way_rise: Some(Microseconds::saturating(if line < offered { 38_000 } else { 300 })),
            round_trip_min: Some(Microseconds::saturating(11_000 + number % 9_000)),
            round_trip_median: Some(Microseconds::saturating(12_000 + number % 9_000)),
        }),
        sender_stall_max: Some(Microseconds::saturating(900)),
        receiver_overflow: Some(Count::saturating(0)),
        timestamps: TimestampSource::KernelRx,
        counters: CounterSource::SysfsNet,
        interface: Some(InterfaceReadings {
            before: wired(1_000_000_000),
            after: Some(wired(1_000_000_000)),
        }),
        siblings: Some(SiblingTraffic {
            bytes: Bytes::saturating(number % 9_000),
            siblings: Count::saturating(4 + number % 20),
            missing: Count::saturating(0),
        }),
        cpu: Some(CpuShare {
            computer: Percent::saturating(12 + number % 20),
            measuring: Percent::saturating(7),
        }),
        bytes_used: Bytes::saturating((drained * drain_micros + carried * hold_micros) / 8_000_000),
        path_mtu: Some(Bytes::saturating(1500)),
        proxy: None,
        faults: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_schema::CanonicalBytes;
    use inventory_schema::measurement::MAX_MEASUREMENT_BYTES;
    use inventory_schema::measurement::verdict::{Reason, Rule, Verdict, judge};

    fn now() -> Timestamp {
        "2026-11-24T06:00:00.000000Z".parse().unwrap()
    }

    #[test]
    fn samples_are_judged_as_their_lines_are() {
        let verdict = |line: f64| {
            judge(
                &sample_measurement(7, now(), Direction::Down, SettlementClass::City, line),
                &Rule::default(),
            )
            .verdict
        };
        assert_eq!(verdict(150.0), Verdict::Meets);
        assert_eq!(verdict(300.0), Verdict::Meets);
        assert_eq!(verdict(97.0), Verdict::Below);
        let mut hidden = sample_measurement(7, now(), Direction::Down, SettlementClass::City, 150.0);
        hide(&mut hidden, false, SettlementClass::City);
        assert!(judge(&hidden, &Rule::default()).reasons.contains(&Reason::Nic));
        let mut village = sample_measurement(7, now(), Direction::Down, SettlementClass::Village, 60.0);
        hide(&mut village, true, SettlementClass::Village);
        assert!(judge(&village, &Rule::default()).reasons.contains(&Reason::Wifi));
    }

    #[test]
    fn the_longest_sample_is_within_the_limit_of_a_measurement() {
        let deep = sample_measurement(0, now(), Direction::Down, SettlementClass::City, 150.0);
        let bytes = CanonicalBytes::of(&deep).unwrap();
        assert!(bytes.as_bytes().len() < MAX_MEASUREMENT_BYTES, "{}", bytes.as_bytes().len());
    }

    #[test]
    fn the_same_history_is_drawn_every_time() {
        let zone = TimeZone::get("Asia/Yekaterinburg").unwrap();
        let buildings: Vec<(i64, SettlementClass)> = (1..=147).map(|id| (id, SettlementClass::City)).collect();
        let drawn = || region_history(&buildings, now(), &LessonHours::default(), &zone);
        let history = drawn();
        assert_eq!(history, drawn());
        assert!(history.iter().all(|sample| sample.measurement.moment() < now()));
        let mut measured: Vec<i64> = history.iter().map(|sample| sample.building).collect();
        measured.sort_unstable();
        measured.dedup();
        // Six are silent, and one in 49 has the winter of the due date all the same.
        assert!((141..=144).contains(&measured.len()), "{}", measured.len());
    }
}
