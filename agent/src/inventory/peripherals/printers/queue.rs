//! The queues of `/etc/cups/printers.conf` and the devices that their addresses lead to.
//!
//! Pure. An address may hold a login and a word: neither leaves this module.

/// A queue as it is written down; its name has not passed the filter for persons' names yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Queue {
    pub name: String,
    pub model: Option<String>,
    pub address: Address,
    /// A queue that faxes: its device does more than print.
    pub is_fax: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    Usb {
        model: Option<String>,
        serial: Option<String>,
    },
    /// A device in the network; no host where it is announced under a name of its own.
    Network {
        host: Option<String>,
    },
    /// Another computer's printer.
    Shared,
    /// No device.
    Virtual,
    Unknown,
}

/// In the order of their names.
pub fn queues(configuration: &str) -> Vec<Queue> {
    let mut queues = Vec::new();
    let mut current: Option<Queue> = None;
    for line in configuration.lines().map(str::trim) {
        if let Some(name) = queue_name(line) {
            current = Some(Queue {
                name: name.to_owned(),
                model: None,
                address: Address::Unknown,
                is_fax: false,
            });
        } else if line == "</Printer>" || line == "</DefaultPrinter>" {
            queues.extend(current.take());
        } else if let (Some(queue), Some((key, value))) = (&mut current, line.split_once(' ')) {
            match key {
                "MakeModel" => queue.model = Some(value.trim().to_owned()).filter(|model| !model.is_empty()),
                "DeviceURI" => {
                    queue.address = address(value.trim());
                    queue.is_fax = value.starts_with("hpfax:");
                }
                _ => (),
            }
        }
    }
    queues.sort();
    queues
}

fn queue_name(line: &str) -> Option<&str> {
    let inside = line.strip_prefix("<Printer ").or_else(|| line.strip_prefix("<DefaultPrinter "))?;
    inside.strip_suffix('>').map(str::trim)
}

pub fn address(uri: &str) -> Address {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return Address::Unknown;
    };
    match scheme {
        "usb" => usb(rest.trim_start_matches('/')),
        "hp" | "hpfax" => hplip(rest),
        "socket" | "lpd" | "ipp" | "ipps" | "http" | "https" => network(rest),
        "dnssd" | "mdns" => Address::Network { host: None },
        "smb" | "implicitclass" => Address::Shared,
        "file" | "cups-pdf" | "cups-brf" | "pdf" => Address::Virtual,
        _ if query(rest, "port").as_deref() == Some("usb") => Address::Usb {
            model: None,
            serial: query(rest, "serial"),
        },
        _ => Address::Unknown,
    }
}

/// `HP/LaserJet%20M1132%20MFP?serial=000C12&interface=1`
fn usb(rest: &str) -> Address {
    let path = rest.split('?').next().unwrap_or_default();
    let (maker, model) = path.split_once('/').unwrap_or(("", path));
    let (maker, model) = (decoded(maker), decoded(model));
    let name = if model.to_lowercase().starts_with(&maker.to_lowercase()) {
        model
    } else {
        format!("{maker} {model}")
    };
    Address::Usb {
        model: Some(name.trim().to_owned()).filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("unknown printer")),
        serial: query(rest, "serial"),
    }
}

/// HPLIP's own: `/usb/HP_LaserJet_M1132?serial=…`, `/net/HP_LaserJet?ip=…`.
fn hplip(rest: &str) -> Address {
    let path = rest.split('?').next().unwrap_or_default();
    if path.starts_with("/net/") {
        let host = query(rest, "ip")
            .or_else(|| query(rest, "hostname"))
            .and_then(|host| host_of(&host));
        return Address::Network { host };
    }
    match path.strip_prefix("/usb/") {
        Some(model) => Address::Usb {
            model: Some(decoded(model).replace('_', " ")).filter(|model| !model.is_empty()),
            serial: query(rest, "serial"),
        },
        None => Address::Unknown,
    }
}

fn network(rest: &str) -> Address {
    let rest = rest.trim_start_matches('/');
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let is_queue_of_cups = path.starts_with("/printers/") || path.starts_with("/classes/");
    match host_of(host) {
        _ if is_queue_of_cups => Address::Shared,
        // ipp-usb stands between a printer on USB and its queue.
        Some(host) if host == "localhost" || host.starts_with("127.") || host == "::1" => Address::Usb { model: None, serial: None },
        host => Address::Network { host },
    }
}

/// A host's name or address without its port; `None` for what is neither.
fn host_of(authority: &str) -> Option<String> {
    const LONGEST_NAME: usize = 253;
    let host = match authority.strip_prefix('[') {
        Some(address) => address.split_once(']')?.0,
        None if authority.matches(':').count() > 1 => authority,
        None => authority.split(':').next()?,
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    (!host.is_empty() && host.len() <= LONGEST_NAME && host.chars().all(is_host)).then(|| host.to_lowercase())
}

fn query(rest: &str, key: &str) -> Option<String> {
    let (_, pairs) = rest.split_once('?')?;
    let value = pairs.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))?;
    Some(decoded(value)).filter(|value| !value.is_empty())
}

/// `%20` and its like; what is no UTF-8 becomes U+FFFD.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits
            .filter(|_| *first == b'%')
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_lead_to_devices() {
        let usb = |model: &str, serial: Option<&str>| Address::Usb {
            model: Some(model.into()),
            serial: serial.map(str::to_owned),
        };
        let network = |host: &str| Address::Network { host: Some(host.into()) };
        for (uri, expected) in [
            (
                "usb://HP/LaserJet%20M1132%20MFP?serial=000C12&interface=1",
                usb("HP LaserJet M1132 MFP", Some("000C12")),
            ),
            ("usb://Canon/Canon%20LBP6000", usb("Canon LBP6000", None)),
            ("hp:/usb/HP_LaserJet_1020?serial=JL0A1", usb("HP LaserJet 1020", Some("JL0A1"))),
            ("hp:/net/HP_LaserJet?ip=192.168.7.20", network("192.168.7.20")),
            (
                "cnijbe2://Canon/?port=usb&serial=8A1B",
                Address::Usb {
                    model: None,
                    serial: Some("8A1B".into()),
                },
            ),
            ("socket://192.168.7.21:9100", network("192.168.7.21")),
            (
                "ipp://login:word@Printer-2.school.local:631/ipp/print",
                network("printer-2.school.local"),
            ),
            ("ipp://[fe80::1]:631/ipp/print", network("fe80::1")),
            ("lpd://10.0.0.5/queue?reserve=any", network("10.0.0.5")),
            ("ipp://server/printers/Uchitelskaya", Address::Shared),
            ("ipp://localhost:60000/ipp/print", Address::Usb { model: None, serial: None }),
            ("dnssd://HP%20LaserJet._ipp._tcp.local/?uuid=1", Address::Network { host: None }),
            ("smb://login:word@host/q", Address::Shared),
            ("cups-pdf:/", Address::Virtual),
            ("socket://", Address::Network { host: None }),
            ("parallel:/dev/lp0", Address::Unknown),
            ("", Address::Unknown),
        ] {
            assert_eq!(address(uri), expected, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail(text in any::<String>(), escaped in "[%0-9a-fg?&=:/@\\[\\]]{0,40}") {
            let _ = queues(&text);
            for scheme in ["usb", "hp", "socket", "other"] {
                let _ = (address(&format!("{scheme}:{text}")), address(&format!("{scheme}://{escaped}")));
                let _ = queues(&format!("<Printer x>\nDeviceURI {scheme}:{escaped}\n</Printer>\n{text}"));
            }
        }
    }
}
