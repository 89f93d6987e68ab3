//! What is plugged in: devices on USB, cameras among them, printers and touch surfaces.
//!
//! Pure: attributes and texts in, facts out.

use inventory_schema::device::{PrinterName, SerialNumber, Source};
use inventory_schema::inventory::{Camera, PeripheralKind, Printer, UsbDevice};
use inventory_schema::text::HardwareText;

use super::hardware_id;

/// One device on USB with the classes of its interfaces in order: class, subclass, protocol.
#[derive(Debug, Clone, Default)]
pub struct RawUsb {
    pub vendor: String,
    pub product: String,
    /// `bDeviceClass` in hexadecimal.
    pub class: Option<String>,
    pub maker: Option<String>,
    pub model: Option<String>,
    pub serial: Option<String>,
    pub interfaces: Vec<[u8; 3]>,
}

const HUB: &str = "09";
const VIDEO: u8 = 0x0e;

/// `None` for a hub.
pub fn usb_device(raw: &RawUsb) -> Option<UsbDevice> {
    if raw.class.as_deref() == Some(HUB) {
        return None;
    }
    let text = |text: &Option<String>| text.as_deref().and_then(HardwareText::observed);
    Some(UsbDevice {
        hardware_id: hardware_id(&raw.vendor, &raw.product)?,
        kind: raw
            .interfaces
            .iter()
            .find_map(|interface| kind(*interface))
            .unwrap_or(PeripheralKind::Other),
        maker: text(&raw.maker),
        model: text(&raw.model),
        serial: raw.serial.as_deref().and_then(SerialNumber::observed),
        source: Source::SysfsUsb,
    })
}

/// A device with an interface for video, whatever else it is.
pub fn camera(raw: &RawUsb) -> Option<Camera> {
    let has_video = raw.interfaces.iter().any(|[class, ..]| *class == VIDEO);
    let nameless = || hardware_id(&raw.vendor, &raw.product).and_then(|id| HardwareText::observed(id.as_str()));
    let model = raw.model.as_deref().and_then(HardwareText::observed).or_else(nameless);
    model.filter(|_| has_video).map(|model| Camera {
        model,
        source: Source::SysfsUsb,
    })
}

/// USB class codes (usb.org, defined classes); `None` where the class says nothing of use.
fn kind([class, subclass, protocol]: [u8; 3]) -> Option<PeripheralKind> {
    Some(match (class, subclass, protocol) {
        (0x01, ..) => PeripheralKind::Audio,
        (0x02, 0x06 | 0x0c..=0x0e, _) => PeripheralKind::Network,
        (0x03, ..) => PeripheralKind::Input,
        (0x07, ..) => PeripheralKind::Printer,
        (0x08, ..) => PeripheralKind::Storage,
        (0x0b, ..) => PeripheralKind::SmartCard,
        (VIDEO, ..) => PeripheralKind::Camera,
        (0xe0, 0x01, 0x01) => PeripheralKind::Bluetooth,
        (0xe0, 0x01, 0x03) => PeripheralKind::Network,
        _ => return None,
    })
}

/// The queues of `/etc/cups/printers.conf`. Of the address only a USB serial number is kept: it may hold a
/// login.
pub fn printers(configuration: &str) -> Vec<Printer> {
    let mut printers = Vec::new();
    let mut current: Option<Printer> = None;
    for line in configuration.lines().map(str::trim) {
        if let Some(name) = queue_name(line) {
            current = PrinterName::without_person_names(name).map(|name| Printer {
                name,
                model: None,
                serial: None,
                source: Source::Cups,
            });
        } else if line == "</Printer>" || line == "</DefaultPrinter>" {
            printers.extend(current.take());
        } else if let (Some(printer), Some((key, value))) = (&mut current, line.split_once(' ')) {
            match key {
                "MakeModel" => printer.model = HardwareText::observed(value),
                "DeviceURI" => printer.serial = serial_of_address(value),
                _ => (),
            }
        }
    }
    printers.sort();
    printers
}

fn queue_name(line: &str) -> Option<&str> {
    let inside = line.strip_prefix("<Printer ").or_else(|| line.strip_prefix("<DefaultPrinter "))?;
    inside.strip_suffix('>').map(str::trim)
}

fn serial_of_address(address: &str) -> Option<SerialNumber> {
    let (_, query) = address.strip_prefix("usb://")?.split_once('?')?;
    let serial = query.split('&').find_map(|pair| pair.strip_prefix("serial="))?;
    SerialNumber::observed(serial)
}

/// The names of touch surfaces in `/proc/bus/input/devices`: devices that are touched where they show
/// (INPUT_PROP_DIRECT) and report places of fingers (ABS_MT_POSITION_X).
pub fn touch_screens(devices: &str) -> Vec<HardwareText> {
    let mut names: Vec<HardwareText> = devices
        .split("\n\n")
        .filter(|block| is_touch_screen(block))
        .filter_map(device_name)
        .collect();
    names.sort();
    names
}

fn device_name(block: &str) -> Option<HardwareText> {
    let name = block.lines().find_map(|line| line.strip_prefix("N: Name="))?;
    HardwareText::observed(name.trim().trim_matches('"'))
}

fn is_touch_screen(block: &str) -> bool {
    const DIRECT: u64 = 1 << 1;
    const POSITION_OF_A_FINGER: u64 = 1 << 0x35;
    let bits = |prefix: &str| {
        block
            .lines()
            .find_map(|line| line.strip_prefix(prefix))
            .and_then(bitmap)
            .unwrap_or(0)
    };
    bits("B: PROP=") & DIRECT != 0 && bits("B: ABS=") & POSITION_OF_A_FINGER != 0
}

/// Up to 64 bits in hexadecimal: one word, or on 32-bit kernels two words, the higher first.
fn bitmap(text: &str) -> Option<u64> {
    let words: Option<Vec<u64>> = text.split_whitespace().map(|word| u64::from_str_radix(word, 16).ok()).collect();
    match words?.as_slice() {
        [word] => Some(*word),
        [high, low] => Some((high & 0xffff_ffff) << 32 | low & 0xffff_ffff),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(class: &str, interfaces: &[[u8; 3]]) -> RawUsb {
        RawUsb {
            vendor: "046d".into(),
            product: "0825".into(),
            class: Some(class.into()),
            model: Some("HD Webcam".into()),
            interfaces: interfaces.to_vec(),
            ..RawUsb::default()
        }
    }

    #[test]
    fn the_first_interface_that_says_so_gives_the_kind() {
        let of = |interfaces: &[[u8; 3]]| usb_device(&raw("ef", interfaces)).unwrap().kind;
        assert_eq!(of(&[[0x0e, 1, 0], [0x01, 1, 0]]), PeripheralKind::Camera);
        assert_eq!(of(&[[0xff, 0, 0], [0x07, 1, 2]]), PeripheralKind::Printer);
        assert_eq!(of(&[[0xe0, 1, 1]]), PeripheralKind::Bluetooth);
        assert_eq!(of(&[]), PeripheralKind::Other);
        assert_eq!(usb_device(&raw("09", &[])), None, "a hub");
    }

    #[test]
    fn a_headset_with_a_camera_is_a_camera_too() {
        assert_eq!(camera(&raw("00", &[[1, 1, 0], [0x0e, 1, 0]])).unwrap().model.as_str(), "HD Webcam");
        let nameless = RawUsb {
            model: None,
            ..raw("00", &[[0x0e, 1, 0]])
        };
        assert_eq!(camera(&nameless).unwrap().model.as_str(), "046d:0825");
        assert_eq!(camera(&raw("00", &[[3, 0, 0]])), None);
    }

    #[test]
    fn printers_are_named_without_persons_and_logins() {
        let configuration = "# Printer configuration\n<DefaultPrinter MFU-2>\nDeviceURI usb://HP/LaserJet%20M1132?serial=000C12&interface=1\nMakeModel HP LaserJet M1132 MFP\n</DefaultPrinter>\n<Printer Printer_Ivanova>\nDeviceURI smb://login:word@host/q?serial=1\n</Printer>\n<Printer cut";
        let printers = printers(configuration);
        assert_eq!(printers.len(), 2);
        assert_eq!(printers[0].name.as_str(), "MFU-2");
        assert_eq!(printers[0].model.as_ref().unwrap().as_str(), "HP LaserJet M1132 MFP");
        assert_eq!(printers[0].serial.as_ref().unwrap().as_str(), "000C12");
        assert_eq!((printers[1].name.as_str(), &printers[1].serial), ("withheld", &None));
    }

    #[test]
    fn touch_surfaces_are_direct_and_know_fingers() {
        let block = |name: &str, prop: &str, abs: &str| format!("I: Bus=0003\nN: Name=\"{name}\"\nB: PROP={prop}\nB: ABS={abs}\n\n");
        let text = [
            block("ILITEK Multi-Touch", "2", "2608000 3"),
            block("Panel", "2", "260800000000003"),
            block("Touchpad", "5", "260800000000003"),
            block("Pen", "2", "1000003"),
            block("Mouse", "0", "0"),
        ]
        .concat();
        let names: Vec<String> = touch_screens(&text).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["ILITEK Multi-Touch", "Panel"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_fail(text in any::<String>(), bits in "[0-9a-f ]{0,40}") {
            let _ = (printers(&text), touch_screens(&text));
            let _ = (printers(&format!("<Printer x>\nDeviceURI usb://{text}")), touch_screens(&format!("B: PROP=2\nB: ABS={bits}\n")));
        }
    }
}
