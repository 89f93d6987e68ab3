//! Network cards, from `/sys/class/net` and the bus each card is on.
//!
//! Pure: attributes in, facts out. Bridges, tunnels and other software interfaces have no device behind them
//! and never reach this module.
//!
//! A card's own address is what the kernel says when asked by netlink; in a copied tree, where nobody can be
//! asked, the radio's, udev's note of the day the card appeared, or the address in use where it is the card's.

use inventory_schema::device::{Fact, MacAddress, Source};
use inventory_schema::inventory::{Duplex, NetworkCard, NetworkMedium};
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
    /// What the running kernel answered by netlink.
    pub asked_address: Option<MacAddress>,
    /// udev's `ID_NET_NAME_MAC`: made of the card's own address only, `enx3c7c3f001122`.
    pub name_by_address: Option<String>,
    /// `phy80211/macaddress`: a Wi-Fi card's own address, whatever it uses now.
    pub radio_address: Option<String>,
    /// Mbit/s; −1 or absent without a link.
    pub speed: Option<String>,
    /// `full`, `half` or `unknown`.
    pub duplex: Option<String>,
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
    let link = raw.speed.as_deref().and_then(link);
    // Drivers state «half» of a cable that is not plugged in.
    let duplex = raw.duplex.as_deref().filter(|_| link.is_some()).and_then(duplex);
    Some(NetworkCard {
        name: DeviceName::observed(&raw.name)?,
        medium: Fact::new(medium(raw), Source::SysfsNet),
        address: in_use.map(fact),
        permanent_address: permanent_address(raw),
        link: link.map(|rate| Fact::new(rate, Source::SysfsNet)),
        duplex: duplex.map(|duplex| Fact::new(duplex, Source::SysfsNet)),
        driver: raw
            .driver
            .as_deref()
            .and_then(DeviceName::observed)
            .map(|name| Fact::new(name, Source::SysfsNet)),
        hardware_id: raw.hardware_id.clone().map(|(id, source)| Fact::new(id, source)),
    })
}

fn permanent_address(raw: &RawCard) -> Option<Fact<MacAddress>> {
    let asked = raw
        .asked_address
        .filter(is_an_address)
        .map(|address| Fact::new(address, Source::Netlink));
    let radio = || Some(Fact::new(address(raw.radio_address.as_deref()?)?, Source::SysfsNet));
    let own = || {
        let is_own = raw.assignment.as_deref() == Some("0");
        Some(Fact::new(address(raw.address.as_deref().filter(|_| is_own)?)?, Source::SysfsNet))
    };
    let noted = || Some(Fact::new(address_in_name(raw.name_by_address.as_deref()?)?, Source::Udev));
    asked.or_else(radio).or_else(own).or_else(noted)
}

/// Whether another address was set over the card's own and nothing here tells what that is.
pub fn hides_its_address(raw: &RawCard) -> bool {
    raw.assignment.as_deref().is_some_and(|assignment| assignment != "0") && permanent_address(raw).is_none()
}

/// `enx3c7c3f001122`: two letters for the medium, an x, twelve digits.
fn address_in_name(name: &str) -> Option<MacAddress> {
    let digits = name.get(2..).filter(|_| name.is_ascii())?.strip_prefix('x')?;
    if digits.len() != 12 {
        return None;
    }
    let pairs: Vec<&str> = (0..6).filter_map(|pair| digits.get(2 * pair..2 * pair + 2)).collect();
    address(&pairs.join(":"))
}

fn duplex(text: &str) -> Option<Duplex> {
    match text {
        "full" => Some(Duplex::Full),
        "half" => Some(Duplex::Half),
        _ => None,
    }
}

fn is_an_address(address: &MacAddress) -> bool {
    *address != MacAddress::from_bytes([0; 6]) && *address != MacAddress::from_bytes([0xff; 6])
}

/// An address of six bytes that is neither nothing nor everyone.
fn address(text: &str) -> Option<MacAddress> {
    text.to_lowercase().parse().ok().filter(is_an_address)
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
    fn the_kernels_answer_goes_first_and_udevs_note_last() {
        let set = RawCard {
            assignment: Some("3".into()),
            name_by_address: Some("enx3c7c3f001199".into()),
            ..raw()
        };
        let own = |raw: &RawCard| {
            card(raw)
                .unwrap()
                .permanent_address
                .map(|fact| (fact.value.to_string(), fact.source))
        };
        assert_eq!(own(&set), Some(("3c:7c:3f:00:11:99".into(), Source::Udev)));
        assert!(!hides_its_address(&set));
        let asked = RawCard {
            asked_address: Some(MacAddress::from_bytes([0x3c, 0x7c, 0x3f, 0, 0x11, 0x77])),
            ..set
        };
        assert_eq!(own(&asked), Some(("3c:7c:3f:00:11:77".into(), Source::Netlink)));
        for name in ["enxzz7c3f001199", "enx3c7c3f00119", "enp3s0", "en", "жx3c7c3f001199"] {
            let raw = RawCard {
                assignment: Some("3".into()),
                name_by_address: Some(name.into()),
                ..raw()
            };
            assert_eq!(own(&raw), None, "{name}");
            assert!(hides_its_address(&raw));
        }
        assert!(
            !hides_its_address(&RawCard { assignment: None, ..raw() }),
            "nothing is known to be hidden"
        );
    }

    #[test]
    fn duplex_is_told_of_a_link_only() {
        let of = |duplex: &str, speed: &str| {
            let raw = RawCard {
                duplex: Some(duplex.into()),
                speed: Some(speed.into()),
                ..raw()
            };
            card(&raw).unwrap().duplex.map(|fact| fact.value)
        };
        assert_eq!(of("full", "1000"), Some(Duplex::Full));
        assert_eq!(of("half", "100"), Some(Duplex::Half));
        assert_eq!(of("half", "-1"), None);
        assert_eq!(of("unknown", "1000"), None);
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
