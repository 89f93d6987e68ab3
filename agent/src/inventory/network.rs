//! Network cards, from `/sys/class/net` and the bus each card is on.
//!
//! Pure: attributes in, facts out. Bridges, tunnels and other software interfaces have no device behind them
//! and never reach this module.

use inventory_schema::device::{Fact, MacAddress, Source};
use inventory_schema::inventory::{NetworkCard, NetworkMedium};
use inventory_schema::quantity::BitsPerSecond;
use inventory_schema::text::{DeviceName, Word};

/// The attributes of one interface that has a device behind it.
#[derive(Debug, Clone, Default)]
pub struct RawCard {
    pub name: String,
    /// The path of sysfs with all links followed.
    pub place: String,
    pub address: Option<String>,
    /// `addr_assign_type`: 0 where the address in use is the card's own.
    pub assignment: Option<String>,
    /// `phy80211/macaddress`: a Wi-Fi card's own address, whatever it uses now.
    pub radio_address: Option<String>,
    /// Mbit/s; −1 or absent without a link.
    pub speed: Option<String>,
    /// ARP hardware type: 1 is Ethernet.
    pub hardware_type: Option<String>,
    /// The lines of `uevent`: mobile modems say `DEVTYPE=wwan`.
    pub uevent: String,
    pub is_radio: bool,
    pub driver: Option<String>,
    pub hardware_id: Option<(Word, Source)>,
}

pub fn card(raw: &RawCard) -> Option<NetworkCard> {
    let fact = |address| Fact::new(address, Source::SysfsNet);
    let in_use = raw.address.as_deref().and_then(address);
    let own = if raw.assignment.as_deref() == Some("0") { in_use } else { None };
    Some(NetworkCard {
        name: DeviceName::observed(&raw.name)?,
        medium: Fact::new(medium(raw), Source::SysfsNet),
        address: in_use.map(fact),
        permanent_address: raw.radio_address.as_deref().and_then(address).or(own).map(fact),
        link: raw.speed.as_deref().and_then(link).map(|rate| Fact::new(rate, Source::SysfsNet)),
        driver: raw
            .driver
            .as_deref()
            .and_then(DeviceName::observed)
            .map(|name| Fact::new(name, Source::SysfsNet)),
        hardware_id: raw.hardware_id.clone().map(|(id, source)| Fact::new(id, source)),
    })
}

/// An address of six bytes that is neither nothing nor everyone.
fn address(text: &str) -> Option<MacAddress> {
    let address: MacAddress = text.to_lowercase().parse().ok()?;
    let filler = [MacAddress::from_bytes([0; 6]), MacAddress::from_bytes([0xff; 6])];
    (!filler.contains(&address)).then_some(address)
}

fn link(text: &str) -> Option<BitsPerSecond> {
    const FASTEST_KNOWN: i64 = 1_600_000;
    let megabits: i64 = text.parse().ok()?;
    // Some drivers write their «unknown», −1, as a positive number.
    (1..=FASTEST_KNOWN)
        .contains(&megabits)
        .then(|| BitsPerSecond::saturating(megabits.unsigned_abs() * 1_000_000))
}

fn medium(raw: &RawCard) -> NetworkMedium {
    const VIRTUAL_DRIVERS: [&str; 7] = ["virtio_net", "vmxnet3", "hv_netvsc", "xen_netfront", "vif", "netvsc", "ena"];
    let is_virtual = raw.driver.as_deref().is_some_and(|driver| VIRTUAL_DRIVERS.contains(&driver)) || raw.place.contains("/virtio");
    let is_modem = raw.uevent.lines().any(|line| line == "DEVTYPE=wwan") || raw.name.starts_with("wwan");
    if raw.is_radio || raw.uevent.lines().any(|line| line == "DEVTYPE=wlan") {
        NetworkMedium::WiFi
    } else if is_modem {
        NetworkMedium::MobileBroadband
    } else if is_virtual {
        NetworkMedium::Virtual
    } else if raw.hardware_type.as_deref() == Some("1") {
        NetworkMedium::Ethernet
    } else {
        NetworkMedium::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> RawCard {
        RawCard {
            name: "enp3s0".into(),
            address: Some("3C:7C:3F:00:11:22".into()),
            assignment: Some("0".into()),
            speed: Some("1000".into()),
            hardware_type: Some("1".into()),
            driver: Some("r8169".into()),
            ..RawCard::default()
        }
    }

    #[test]
    fn a_wired_card_is_read_whole() {
        let card = card(&raw()).unwrap();
        assert_eq!(card.medium.value, NetworkMedium::Ethernet);
        assert_eq!(card.permanent_address.unwrap().value.to_string(), "3c:7c:3f:00:11:22");
        assert_eq!(card.link.unwrap().value.get(), 1_000_000_000);
    }

    #[test]
    fn an_address_that_was_set_is_not_permanent() {
        let set = card(&RawCard {
            assignment: Some("3".into()),
            ..raw()
        })
        .unwrap();
        assert!(set.address.is_some());
        assert_eq!(set.permanent_address, None);
        let unknown = card(&RawCard { assignment: None, ..raw() }).unwrap();
        assert_eq!(unknown.permanent_address, None);
        let radio = RawCard {
            assignment: Some("3".into()),
            radio_address: Some("3c:7c:3f:aa:bb:cc".into()),
            is_radio: true,
            ..raw()
        };
        let radio = card(&radio).unwrap();
        assert_eq!(radio.medium.value, NetworkMedium::WiFi);
        assert_eq!(radio.permanent_address.unwrap().value.to_string(), "3c:7c:3f:aa:bb:cc");
    }

    #[test]
    fn a_link_that_is_down_has_no_rate() {
        for speed in ["-1", "0", "4294967295", "fast", ""] {
            assert_eq!(
                card(&RawCard {
                    speed: Some(speed.into()),
                    ..raw()
                })
                .unwrap()
                .link,
                None,
                "{speed}"
            );
        }
    }

    #[test]
    fn media_are_told_apart() {
        let of = |change: &dyn Fn(&mut RawCard)| {
            let mut raw = raw();
            change(&mut raw);
            card(&raw).unwrap().medium.value
        };
        assert_eq!(
            of(&|raw| raw.uevent = "DEVTYPE=wwan\nINTERFACE=wwan0".into()),
            NetworkMedium::MobileBroadband
        );
        assert_eq!(of(&|raw| raw.driver = Some("virtio_net".into())), NetworkMedium::Virtual);
        assert_eq!(of(&|raw| raw.hardware_type = Some("32".into())), NetworkMedium::Other);
    }
}
