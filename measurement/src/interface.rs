//! The interface that carries a measurement: how fast it is, what it is made of, and what else passed through it.
//!
//! A Fast-Ethernet card can never show 100 Mb/s, Wi-Fi is no line, and power saving slows cards down between two
//! looks. So it is read before and after. What Linux says lies in a tree of files; [`Interfaces`] reads it, below any
//! root, and the rest of this file decides what the attributes mean. Elsewhere nothing is read, and the record says
//! so. It knows no measurement. Used by whoever measures, and by computers that count what they take meanwhile.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use inventory_schema::measurement::{CounterSource, Direction, InterfaceMedium, InterfaceReading, LinkDuplex};
use inventory_schema::quantity::BitsPerSecond;
use inventory_schema::text::DeviceName;

/// The attributes of one interface, as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawInterface {
    /// Mbit/s; −1 or absent without a link.
    pub speed: Option<String>,
    pub duplex: Option<String>,
    /// ARP hardware type.
    pub hardware_type: Option<String>,
    pub uevent: String,
    pub is_radio: bool,
    /// Something stands behind it on a bus.
    pub has_device: bool,
    pub driver: Option<String>,
    pub received_bytes: Option<String>,
    pub received_packets: Option<String>,
    pub sent_bytes: Option<String>,
    pub sent_packets: Option<String>,
    pub carrier_changes: Option<String>,
}

/// Bytes that passed an interface at the IP layer, since it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    pub received: u64,
    pub sent: u64,
}

impl Counters {
    /// What passed since an earlier reading; nothing where the counters began anew.
    pub fn since(self, earlier: Self, direction: Direction) -> u64 {
        match direction {
            Direction::Down => self.received.saturating_sub(earlier.received),
            Direction::Up => self.sent.saturating_sub(earlier.sent),
        }
    }
}

/// What was read of an interface at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub facts: InterfaceReading,
    pub counters: Option<Counters>,
    /// How often its cable was plugged in or pulled out so far.
    carrier_changes: Option<u64>,
}

impl Reading {
    pub fn counter_source(&self) -> CounterSource {
        if self.counters.is_some() {
            CounterSource::SysfsNet
        } else {
            CounterSource::None
        }
    }

    /// Whether it is no longer the interface that it was: slower, faster, or away in between.
    pub fn changed_since(&self, before: &Self) -> bool {
        self.facts != before.facts || self.carrier_changes != before.carrier_changes
    }
}

const ETHERNET: &str = "1";
const PPP: &str = "512";
const LOOPBACK: &str = "772";
/// Tunnels of the kernel: IP in IP, SIT, GRE, IPv6 in anything, and what has no header of its own (TUN, WireGuard).
const TUNNELS: [&str; 6] = ["768", "769", "776", "778", "823", "65534"];
const VIRTUAL_DRIVERS: [&str; 7] = ["virtio_net", "vmxnet3", "hv_netvsc", "xen_netfront", "vif", "netvsc", "ena"];
/// The header that the kernel counts with every packet of an Ethernet card.
const ETHERNET_HEADER: u64 = 14;

/// What the attributes of one interface mean.
pub fn reading(raw: &RawInterface) -> Reading {
    let speed = raw.speed.as_deref().and_then(link_speed);
    let duplex = match raw.duplex.as_deref() {
        Some("full") => Some(LinkDuplex::Full),
        Some("half") => Some(LinkDuplex::Half),
        _ => None,
    };
    Reading {
        facts: InterfaceReading {
            medium: medium(raw),
            // Drivers state «half» of a cable that is not plugged in.
            duplex: duplex.filter(|_| speed.is_some()),
            speed,
            driver: raw.driver.as_deref().and_then(DeviceName::observed),
        },
        counters: counters(raw),
        carrier_changes: raw.carrier_changes.as_deref().and_then(|text| text.parse().ok()),
    }
}

fn medium(raw: &RawInterface) -> InterfaceMedium {
    let kind = raw.hardware_type.as_deref().unwrap_or_default();
    let is = |device: &str| raw.uevent.lines().any(|line| line.strip_prefix("DEVTYPE=") == Some(device));
    let virtual_driver = raw.driver.as_deref().is_some_and(|driver| VIRTUAL_DRIVERS.contains(&driver));
    if kind == LOOPBACK {
        InterfaceMedium::Loopback
    } else if raw.is_radio || is("wlan") {
        InterfaceMedium::Wifi
    } else if is("wwan") {
        InterfaceMedium::Mobile
    } else if TUNNELS.contains(&kind) || kind == PPP || is("wireguard") {
        InterfaceMedium::Tunnel
    } else if virtual_driver || !raw.has_device {
        InterfaceMedium::Virtual
    } else if kind == ETHERNET {
        InterfaceMedium::Wired
    } else {
        InterfaceMedium::Other
    }
}

fn link_speed(text: &str) -> Option<BitsPerSecond> {
    const FASTEST_KNOWN: i64 = 1_600_000;
    let megabits: i64 = text.parse().ok()?;
    // Some drivers write their «unknown», −1, as a positive number.
    (1..=FASTEST_KNOWN)
        .contains(&megabits)
        .then(|| BitsPerSecond::saturating(megabits.unsigned_abs() * 1_000_000))
}

fn counters(raw: &RawInterface) -> Option<Counters> {
    let number = |text: &Option<String>| text.as_deref()?.parse::<u64>().ok();
    let header = if raw.hardware_type.as_deref() == Some(ETHERNET) {
        ETHERNET_HEADER
    } else {
        0
    };
    let ip =
        |bytes: &Option<String>, packets: &Option<String>| Some(number(bytes)?.saturating_sub(number(packets)?.saturating_mul(header)));
    Some(Counters {
        received: ip(&raw.received_bytes, &raw.received_packets)?,
        sent: ip(&raw.sent_bytes, &raw.sent_packets)?,
    })
}

/// Of several readings behind one bridge, bond or VLAN: the slowest speaks for all, a radio before any wire.
fn slowest(readings: Vec<Reading>) -> Option<Reading> {
    readings.into_iter().min_by_key(|reading| {
        let is_wire = reading.facts.medium == InterfaceMedium::Wired;
        (is_wire, reading.facts.speed.map_or(u64::MAX, BitsPerSecond::get))
    })
}

/// What passed an interface within a window, from readings at other moments; counters are taken to have grown evenly
/// between two of them. None where the readings do not reach over the window.
pub fn passed_between(samples: &[(Instant, Counters)], window: (Instant, Instant), direction: Direction) -> Option<u64> {
    let at = |moment: Instant| {
        let after = samples.iter().position(|sample| sample.0 >= moment)?;
        let (later, counters) = samples[after];
        let Some((earlier, before)) = after.checked_sub(1).map(|before| samples[before]) else {
            return (later == moment).then(|| counter(counters, direction) as f64);
        };
        let part = (moment - earlier).as_secs_f64() / (later - earlier).as_secs_f64().max(1e-9);
        let passed = counters.since(before, direction) as f64;
        Some(counter(before, direction) as f64 + passed * part)
    };
    let passed = at(window.1)? - at(window.0)?;
    Some(passed.max(0.0).round() as u64)
}

fn counter(counters: Counters, direction: Direction) -> u64 {
    match direction {
        Direction::Down => counters.received,
        Direction::Up => counters.sent,
    }
}

/// Bridges over VLANs over bonds over cards: deeper is nobody's.
const DEEPEST: usize = 4;
/// More ports than any bridge that a school's computer has.
const MOST_PORTS: usize = 64;

/// The tree that Linux shows its interfaces in.
#[derive(Debug, Clone)]
pub struct Interfaces {
    root: PathBuf,
}

impl Default for Interfaces {
    fn default() -> Self {
        Self::below(Path::new("/"))
    }
}

impl Interfaces {
    pub fn below(root: &Path) -> Self {
        Self {
            root: root.join("sys/class/net"),
        }
    }

    /// What is known of an interface. Of a bridge, a bond or a VLAN the card behind it is read, and the traffic of
    /// the interface itself.
    pub fn read(&self, name: &str) -> Option<Reading> {
        let own = reading(&self.attributes(name)?);
        let behind = slowest(self.cards_behind(name, DEEPEST));
        Some(match behind {
            Some(card) => Reading {
                facts: card.facts,
                carrier_changes: card.carrier_changes,
                counters: own.counters,
            },
            None => own,
        })
    }

    fn cards_behind(&self, name: &str, deeper: usize) -> Vec<Reading> {
        let mut cards = Vec::new();
        for lower in self.lower(name) {
            let Some(raw) = self.attributes(&lower) else {
                continue;
            };
            if raw.has_device || raw.is_radio {
                cards.push(reading(&raw));
            } else if deeper > 0 {
                cards.extend(self.cards_behind(&lower, deeper - 1));
            }
        }
        cards
    }

    fn lower(&self, name: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(self.root.join(name)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names
            .filter_map(|entry| entry.strip_prefix("lower_").map(ToOwned::to_owned))
            .take(MOST_PORTS)
            .collect()
    }

    fn attributes(&self, name: &str) -> Option<RawInterface> {
        // A name is one step of a path and nothing else.
        if name.is_empty() || name.contains('/') || name == ".." || name == "." {
            return None;
        }
        let folder = self.root.join(name);
        if !folder.is_dir() {
            return None;
        }
        let text = |path: &str| fs::read_to_string(folder.join(path)).ok().map(|text| text.trim().to_owned());
        let driver = fs::read_link(folder.join("device/driver")).ok();
        Some(RawInterface {
            speed: text("speed"),
            duplex: text("duplex"),
            hardware_type: text("type"),
            uevent: text("uevent").unwrap_or_default(),
            is_radio: folder.join("wireless").exists() || folder.join("phy80211").exists(),
            has_device: folder.join("device").exists(),
            driver: driver.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned())),
            received_bytes: text("statistics/rx_bytes"),
            received_packets: text("statistics/rx_packets"),
            sent_bytes: text("statistics/tx_bytes"),
            sent_packets: text("statistics/tx_packets"),
            carrier_changes: text("carrier_changes"),
        })
    }
}

/// The interface that has this address.
#[cfg(target_os = "linux")]
pub fn with_address(address: IpAddr) -> Option<String> {
    let has = |entry: &nix::ifaddrs::InterfaceAddress| {
        let storage = entry.address.as_ref()?;
        let v4 = storage.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        let v6 = || storage.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()));
        Some(v4.or_else(v6)? == address.to_canonical())
    };
    let mut addresses = nix::ifaddrs::getifaddrs().ok()?;
    addresses.find(|entry| has(entry) == Some(true)).map(|entry| entry.interface_name)
}

/// No system call for it without unsafe code: the record says that the interface was not read.
#[cfg(not(target_os = "linux"))]
pub fn with_address(_address: IpAddr) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> RawInterface {
        RawInterface {
            speed: Some("1000".into()),
            duplex: Some("full".into()),
            hardware_type: Some("1".into()),
            has_device: true,
            driver: Some("r8169".into()),
            received_bytes: Some("1514000".into()),
            received_packets: Some("1000".into()),
            sent_bytes: Some("64000".into()),
            sent_packets: Some("1000".into()),
            carrier_changes: Some("2".into()),
            ..RawInterface::default()
        }
    }

    #[test]
    fn a_card_is_what_its_attributes_say() {
        let reading = reading(&card());
        assert_eq!(reading.facts.medium, InterfaceMedium::Wired);
        assert_eq!(reading.facts.speed.map(BitsPerSecond::get), Some(1_000_000_000));
        assert_eq!(reading.facts.duplex, Some(LinkDuplex::Full));
        // Fourteen bytes of each packet are Ethernet's.
        assert_eq!(
            reading.counters,
            Some(Counters {
                received: 1_500_000,
                sent: 50_000
            })
        );
        assert_eq!(reading.counter_source(), CounterSource::SysfsNet);
    }

    #[test]
    fn what_is_no_wire_is_not_called_one() {
        let of = |change: &dyn Fn(&mut RawInterface)| {
            let mut raw = card();
            change(&mut raw);
            reading(&raw).facts.medium
        };
        assert_eq!(of(&|raw| raw.is_radio = true), InterfaceMedium::Wifi);
        assert_eq!(of(&|raw| raw.uevent = "DEVTYPE=wlan\n".into()), InterfaceMedium::Wifi);
        assert_eq!(of(&|raw| raw.uevent = "DEVTYPE=wwan\n".into()), InterfaceMedium::Mobile);
        assert_eq!(of(&|raw| raw.has_device = false), InterfaceMedium::Virtual);
        assert_eq!(of(&|raw| raw.driver = Some("virtio_net".into())), InterfaceMedium::Virtual);
        assert_eq!(of(&|raw| raw.hardware_type = Some("65534".into())), InterfaceMedium::Tunnel);
        assert_eq!(of(&|raw| raw.hardware_type = Some("772".into())), InterfaceMedium::Loopback);
    }

    #[test]
    fn a_card_that_slowed_down_or_was_away_is_seen_to_have() {
        let before = reading(&card());
        assert!(!reading(&card()).changed_since(&before));
        let slow = RawInterface {
            speed: Some("100".into()),
            ..card()
        };
        assert!(reading(&slow).changed_since(&before));
        let away = RawInterface {
            carrier_changes: Some("4".into()),
            ..card()
        };
        assert!(reading(&away).changed_since(&before));
    }

    #[test]
    fn what_passed_in_a_window_is_read_between_two_samples() {
        use std::time::Duration;
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let samples: Vec<_> = (0..11)
            .map(|tenth| {
                let received = 1_000_000 + tenth * 375_000;
                (at(tenth * 100), Counters { received, sent: 7 })
            })
            .collect();
        // 30 Mb/s for half a second that begins between two samples.
        assert_eq!(passed_between(&samples, (at(250), at(750)), Direction::Down), Some(1_875_000));
        assert_eq!(passed_between(&samples, (at(250), at(750)), Direction::Up), Some(0));
        assert_eq!(passed_between(&samples, (at(0), at(1_000)), Direction::Down), Some(3_750_000));
        assert_eq!(passed_between(&samples, (at(500), at(1_001)), Direction::Down), None);
        assert_eq!(passed_between(&[], (at(0), at(1)), Direction::Down), None);
    }

    #[test]
    fn no_attribute_makes_a_reader_fail() {
        for text in ["", "-1", "4294967295", "fast", "99999999999999999999999"] {
            let raw = RawInterface {
                speed: Some(text.into()),
                duplex: Some(text.into()),
                hardware_type: Some(text.into()),
                received_bytes: Some(text.into()),
                received_packets: Some(text.into()),
                carrier_changes: Some(text.into()),
                ..card()
            };
            assert_eq!(reading(&raw).facts.speed, None, "{text}");
            assert_eq!(reading(&raw).facts.duplex, None);
        }
    }

    #[cfg(unix)]
    #[test]
    fn behind_a_bridge_stands_the_card_and_a_radio_is_never_hidden() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        let net = root.path().join("sys/class/net");
        let make = |name: &str, attributes: &[(&str, &str)]| {
            fs::create_dir_all(net.join(name).join("statistics")).unwrap();
            for (file, text) in attributes {
                fs::write(net.join(name).join(file), text).unwrap();
            }
        };
        let counts = [
            ("statistics/rx_bytes", "9000\n"),
            ("statistics/rx_packets", "6\n"),
            ("statistics/tx_bytes", "0\n"),
            ("statistics/tx_packets", "0\n"),
        ];
        make("br0", &[&[("type", "1\n"), ("speed", "10000\n")], &counts[..]].concat());
        make("eth0", &[("type", "1\n"), ("speed", "100\n"), ("duplex", "full\n")]);
        fs::create_dir(net.join("eth0/device")).unwrap();
        make("vnet0", &[("type", "1\n"), ("speed", "10\n")]);
        for lower in ["eth0", "vnet0"] {
            symlink(net.join(lower), net.join("br0").join(format!("lower_{lower}"))).unwrap();
        }
        let interfaces = Interfaces::below(root.path());
        let bridge = interfaces.read("br0").unwrap();
        assert_eq!(bridge.facts.speed.map(BitsPerSecond::get), Some(100_000_000));
        assert_eq!(bridge.facts.medium, InterfaceMedium::Wired);
        assert_eq!(bridge.counters.map(|counters| counters.received), Some(8_916));

        make("wlan0", &[("type", "1\n")]);
        fs::create_dir(net.join("wlan0/phy80211")).unwrap();
        symlink(net.join("wlan0"), net.join("br0/lower_wlan0")).unwrap();
        assert_eq!(interfaces.read("br0").unwrap().facts.medium, InterfaceMedium::Wifi);
        // A loop of bridges ends.
        symlink(net.join("br0"), net.join("br0/lower_br0")).unwrap();
        assert!(interfaces.read("br0").is_some());
        assert_eq!(interfaces.read("nothing"), None);
        assert_eq!(interfaces.read("../net"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_loopback_has_its_address() {
        let name = with_address([127, 0, 0, 1].into()).expect("every computer has a loopback");
        let reading = Interfaces::default().read(&name).expect("and it is in the tree");
        assert_eq!(reading.facts.medium, InterfaceMedium::Loopback);
        assert_eq!(with_address([203, 0, 113, 250].into()), None);
    }
}
