//! What a method over TCP found, and how it fills the document `measurement/1`.
//!
//! TCP's payload is what such methods count; a line is judged at the IP layer. A full packet of the path carries its
//! headers too, and that ratio, from the segment and the path's MTU as the kernel knows them, is the conversion. Where
//! the kernel says nothing the larger payload is assumed, so that no rate is made larger than it was.
//!
//! Pure. Filled by [`crate::ndt7`], [`crate::tcp`] and [`crate::librespeed`].

use std::time::Duration;

use inventory_schema::measurement::{
    Bins, Delay, Direction, Fault, Hold, Layer, Measurement, Method, ProxyKind, Rates, TcpFacts, TimestampSource,
};
use inventory_schema::quantity::{BitsPerSecond, Bytes, Count, Microseconds};

use crate::probe::bins::{estimate, halves};
use crate::tcp_info::{Ends, TcpInfo};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Streamed {
    pub method: Method,
    pub direction: Direction,
    pub streams: u8,
    /// The number as the method itself prints it, in bits per second.
    pub raw: u64,
    /// Payload of TCP over the time that counts, TLS and framing included, in bits per second.
    pub payload_rate: u64,
    /// What was carried in all, as the method counts.
    pub payload_bytes: u64,
    /// The time that counts.
    pub elapsed: Duration,
    /// Whether what was counted travelled within TLS, whose own bytes are then added.
    pub in_tls: bool,
    /// What was left out before it.
    pub warm_up: Option<Duration>,
    /// Load per bin, from the start.
    pub bins: Vec<u32>,
    pub bin: Duration,
    pub segment: Option<u32>,
    pub path_mtu: Option<u32>,
    /// Of the sender.
    pub congestion_control: Option<String>,
    pub retransmitted: Option<u64>,
    pub round_trip: Option<Duration>,
    pub ends: Option<Ends>,
    pub proxy: Option<ProxyKind>,
    pub faults: Vec<Fault>,
}

const USUAL_MTU: u32 = 1500;
/// Of a full record: header, type and tag.
const TLS_RECORD: u64 = 16 << 10;
const TLS_OVERHEAD: u64 = 22;

impl Streamed {
    pub fn new(method: Method, direction: Direction, streams: u8) -> Self {
        Self {
            method,
            direction,
            streams,
            raw: 0,
            payload_rate: 0,
            payload_bytes: 0,
            elapsed: Duration::ZERO,
            in_tls: false,
            warm_up: None,
            bins: Vec::new(),
            bin: Duration::from_millis(50),
            segment: None,
            path_mtu: None,
            congestion_control: None,
            retransmitted: None,
            round_trip: None,
            ends: None,
            proxy: None,
            faults: Vec::new(),
        }
    }

    /// Takes over what this computer's kernel knows of the streams.
    pub fn told_by_kernel(&mut self, streams: &[TcpInfo]) {
        let segment = |info: &TcpInfo| match self.direction {
            Direction::Down => info.receive_segment,
            Direction::Up => info.send_segment,
        };
        self.segment = streams.iter().filter_map(segment).max();
        self.path_mtu = streams.iter().filter_map(|info| info.path_mtu).min();
        self.round_trip = streams.iter().filter_map(|info| info.min_round_trip).min();
        if self.direction == Direction::Up {
            let repeated = streams.iter().filter_map(|info| info.bytes_retransmitted);
            self.retransmitted = repeated.reduce(u64::saturating_add);
            self.congestion_control = streams.iter().find_map(|info| info.congestion_control.clone());
        }
    }

    /// Bytes of an IP packet and of the payload in it.
    fn packet(&self) -> (u64, u64) {
        let mtu = self.path_mtu.filter(|mtu| (576..=9_000).contains(mtu)).unwrap_or(USUAL_MTU);
        let is_v6 = self.ends.is_some_and(|ends| ends.peer.ip().to_canonical().is_ipv6());
        let largest = mtu - if is_v6 { 60 } else { 40 };
        let plausible = |segment: &u32| (largest - 40..=largest).contains(segment);
        let segment = self.segment.filter(plausible).unwrap_or(largest);
        (mtu.into(), segment.into())
    }

    /// What `payload` is worth in IP packets.
    fn at_ip(&self, payload: u64) -> u64 {
        let (packet, segment) = self.packet();
        let payload = if self.in_tls {
            payload.saturating_add(payload / TLS_RECORD * TLS_OVERHEAD)
        } else {
            payload
        };
        u64::try_from(u128::from(payload) * u128::from(packet) / u128::from(segment)).unwrap_or(u64::MAX)
    }

    /// The rate at the IP layer, in bits per second.
    pub fn ip_equivalent(&self) -> u64 {
        self.at_ip(self.payload_rate)
    }

    /// Writes it into a record whose circumstances are filled in already.
    pub fn fill(&self, record: &mut Measurement) {
        record.method = self.method;
        record.direction = self.direction;
        record.timestamps = TimestampSource::UserSpace;
        record.proxy = self.proxy.or(record.proxy);
        record.bytes_used = Bytes::saturating(self.at_ip(self.payload_bytes));
        record.path_mtu = self.path_mtu.map(|mtu| Bytes::saturating(mtu.into()));
        record.delay = self.round_trip.map(|least| Delay {
            one_way_rise: None,
            round_trip_min: Some(micros(least)),
            round_trip_median: None,
        });
        record.tcp = Some(self.facts());
        for fault in &self.faults {
            record.add_fault(*fault);
        }
        let in_ip = |bytes: &u32| Bytes::saturating(self.at_ip((*bytes).into()));
        record.bins = Bins::first_of(self.bins.iter().map(in_ip).collect());
        if self.payload_rate > 0 {
            self.fill_rates(record);
        }
    }

    fn fill_rates(&self, record: &mut Measurement) {
        let skipped = self.warm_up.unwrap_or_default().as_nanos() / self.bin.as_nanos().max(1);
        let counted = self.bins.get(usize::try_from(skipped).unwrap_or(usize::MAX)..).unwrap_or_default();
        // The last bin is cut where the test ended.
        let counted = &counted[..counted.len().saturating_sub(1)];
        let half_width = if counted.len() < 2 {
            self.payload_rate
        } else {
            estimate(counted).half_width
        };
        let (first, second) = halves(counted);
        record.rates = Some(Rates {
            layer: Layer::Ip,
            capacity: bits(self.ip_equivalent()),
            half_width: bits(self.at_ip(half_width)),
            offered: None,
            raw: Some(bits(self.raw)),
        });
        record.hold = Some(Hold {
            length: micros(self.elapsed),
            first_half: bits(self.at_ip(first)),
            second_half: bits(self.at_ip(second)),
        });
    }

    fn facts(&self) -> TcpFacts {
        TcpFacts {
            streams: Count::saturating(self.streams.into()),
            segment: self.segment.map(|segment| Bytes::saturating(segment.into())),
            congestion_control: self.congestion_control.as_ref().and_then(|name| name.parse().ok()),
            retransmitted: self.retransmitted.map(Bytes::saturating),
            warm_up: self.warm_up.map(micros),
        }
    }
}

fn bits(rate: u64) -> BitsPerSecond {
    BitsPerSecond::saturating(rate)
}

fn micros(duration: Duration) -> Microseconds {
    Microseconds::saturating(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

/// Bits per second; nothing in no time.
pub fn rate_of(bytes: u64, time: Duration) -> u64 {
    let nanos = time.as_nanos();
    if nanos == 0 {
        return 0;
    }
    u64::try_from(u128::from(bytes) * 8 * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streamed(segment: Option<u32>) -> Streamed {
        Streamed {
            payload_rate: 96_533_333,
            segment,
            path_mtu: Some(1500),
            ..Streamed::new(Method::Tcp, Direction::Down, 8)
        }
    }

    #[test]
    fn payload_is_worth_its_headers_too() {
        // With TCP's timestamps 1448 of 1500.
        assert_eq!(streamed(Some(1448)).ip_equivalent(), 99_999_999);
        // Nothing known, or nonsense: the smallest correction.
        assert_eq!(streamed(None).ip_equivalent(), 99_178_081);
        assert_eq!(streamed(Some(9)).ip_equivalent(), 99_178_081);
        assert_eq!(rate_of(12_500_000, Duration::from_secs(1)), 100_000_000);
        assert_eq!(rate_of(1, Duration::ZERO), 0);
    }
}
