//! What a rate at one layer is worth at another. Pure arithmetic of packet sizes, in whole numbers.
//!
//! Of a full packet of `mtu` bytes an Ethernet wire is occupied for 38 more (header 14, checksum 4, preamble 8, gap
//! 12), and for 8 more still where PPPoE is underneath; TCP's payload lacks the headers of IP (20, or 40 for version
//! 6) and of TCP (20, or 32 with timestamps). So «100 Mb/s» on the wire are 97.53 at IP, and 94.15 of download.

use super::record::{AddressKind, Layer, Measurement};

/// Beyond the IP packet on the wire.
const ETHERNET_OVERHEAD: u64 = 38;
const PPPOE_OVERHEAD: u64 = 8;
/// What PPPoE leaves of an Ethernet frame; a path with exactly this much is taken for one.
const PPPOE_MTU: u64 = 1492;
const USUAL_MTU: u64 = 1500;
/// The least that IP demands of any path; what is said to be smaller was misread.
const LEAST_MTU: u64 = 576;
const TCP_HEADER: u64 = 20;

/// The packets of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketSizes {
    /// A full IP packet.
    mtu: u64,
    /// What it occupies on the wire.
    wire: u64,
    /// What it carries for TCP.
    segment: u64,
}

impl PacketSizes {
    /// A path of `mtu`; where TCP's payload was not read, without TCP's timestamps: a rate must not be made larger
    /// than it was.
    pub fn new(mtu: u64, address: AddressKind, segment: Option<u64>) -> Self {
        let mtu = if (LEAST_MTU..=65_535).contains(&mtu) { mtu } else { USUAL_MTU };
        let pppoe = if mtu == PPPOE_MTU { PPPOE_OVERHEAD } else { 0 };
        let ip_header = match address {
            AddressKind::Ipv4 => 20,
            AddressKind::Ipv6 => 40,
        };
        let largest = mtu - ip_header - TCP_HEADER;
        // Options take at most 40 bytes of TCP's header.
        let segment = segment.filter(|segment| (largest - 40..=largest).contains(segment));
        Self {
            mtu,
            wire: mtu + ETHERNET_OVERHEAD + pppoe,
            segment: segment.unwrap_or(largest),
        }
    }

    /// The path that a measurement took, as far as it says.
    pub fn of(measurement: &Measurement) -> Self {
        Self::new(
            measurement.path_mtu.map_or(USUAL_MTU, |mtu| mtu.get()),
            measurement.server.as_ref().map_or(AddressKind::Ipv4, |server| server.address),
            measurement.tcp.as_ref().and_then(|tcp| tcp.segment).map(|segment| segment.get()),
        )
    }

    fn size(self, layer: Layer) -> u64 {
        match layer {
            Layer::Ip => self.mtu,
            Layer::Ethernet | Layer::Contract => self.wire,
            Layer::Tcp => self.segment,
        }
    }

    /// `rate`, counted at `from`, as it counts at `to`; rounded down.
    pub fn convert(self, rate: u64, from: Layer, to: Layer) -> u64 {
        let converted = u128::from(rate) * u128::from(self.size(to)) / u128::from(self.size(from));
        u64::try_from(converted).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const USUAL: fn(AddressKind, Option<u64>) -> PacketSizes = |address, segment| PacketSizes::new(1500, address, segment);

    #[test]
    fn the_factors_are_those_of_the_packets() {
        let v4 = USUAL(AddressKind::Ipv4, None);
        // A wire of 100 Mb/s.
        assert_eq!(v4.convert(100_000_000, Layer::Ethernet, Layer::Ip), 97_529_258);
        assert_eq!(v4.convert(100_000_000, Layer::Contract, Layer::Ip), 97_529_258);
        // Windows sends no timestamps, Linux does.
        assert_eq!(v4.convert(100_000_000, Layer::Ip, Layer::Tcp), 97_333_333);
        assert_eq!(
            USUAL(AddressKind::Ipv4, Some(1448)).convert(100_000_000, Layer::Ip, Layer::Tcp),
            96_533_333
        );
        assert_eq!(
            USUAL(AddressKind::Ipv6, Some(1428)).convert(100_000_000, Layer::Ip, Layer::Tcp),
            95_200_000
        );
        // PPPoE: 1440 of 1492 with timestamps, and 46 bytes more on the wire.
        let pppoe = PacketSizes::new(1492, AddressKind::Ipv4, Some(1440));
        assert_eq!(pppoe.convert(149_200_000, Layer::Ip, Layer::Tcp), 144_000_000);
        assert_eq!(pppoe.convert(153_800_000, Layer::Ethernet, Layer::Ip), 149_200_000);
        // Downloads of 100 Mb/s need 103.6 at IP.
        assert_eq!(
            USUAL(AddressKind::Ipv4, Some(1448)).convert(100_000_000, Layer::Tcp, Layer::Ip),
            103_591_160
        );
    }

    #[test]
    fn what_cannot_be_is_not_believed() {
        assert_eq!(PacketSizes::new(0, AddressKind::Ipv4, None), USUAL(AddressKind::Ipv4, None));
        assert_eq!(USUAL(AddressKind::Ipv4, Some(1)), USUAL(AddressKind::Ipv4, None));
        assert_eq!(USUAL(AddressKind::Ipv4, Some(9000)), USUAL(AddressKind::Ipv4, None));
    }

    proptest! {
        #[test]
        fn no_way_there_and_back_gains_anything(rate in 0u64..1_000_000_000_000, mtu in 0u64..70_000, segment in proptest::option::of(0u64..2000)) {
            for address in [AddressKind::Ipv4, AddressKind::Ipv6] {
                let sizes = PacketSizes::new(mtu, address, segment);
                for layer in [Layer::Ip, Layer::Ethernet, Layer::Tcp, Layer::Contract] {
                    let there = sizes.convert(rate, Layer::Ip, layer);
                    prop_assert!(sizes.convert(there, layer, Layer::Ip) <= rate);
                }
                prop_assert!(sizes.convert(rate, Layer::Tcp, Layer::Ip) >= rate);
                prop_assert!(sizes.convert(rate, Layer::Ethernet, Layer::Ip) <= rate);
            }
        }
    }
}
