//! What is plugged in: devices on USB and cameras here, printers and touch surfaces in modules of their own.
//!
//! Pure: attributes and texts in, facts out.

pub mod ieee1284;
pub mod printers;
pub mod snmp;
pub mod touch;

use inventory_schema::device::{SerialNumber, Source};
use inventory_schema::inventory::{Camera, PeripheralKind, UsbDevice};
use inventory_schema::text::HardwareText;

use super::hardware_id;

/// One device on USB with the classes of its interfaces in order: class, subclass, protocol.
#[derive(Debug, Clone, Default)]
pub struct RawUsb {
    /// Its place on the bus: `1-4`.
    pub name: String,
    pub vendor: String,
    pub product: String,
    /// `bDeviceClass` in hexadecimal.
    pub class: Option<String>,
    pub maker: Option<String>,
    pub model: Option<String>,
    pub serial: Option<String>,
    pub interfaces: Vec<[u8; 3]>,
    /// What a printer answers when asked who it is: `MFG:…;MDL:…;CMD:…;`.
    pub ieee1284: Option<String>,
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
    if has_video { usb_camera(raw) } else { None }
}

fn usb_camera(raw: &RawUsb) -> Option<Camera> {
    let hardware_id = hardware_id(&raw.vendor, &raw.product);
    let nameless = || HardwareText::observed(hardware_id.as_ref()?.as_str());
    Some(Camera {
        model: raw.model.as_deref().and_then(HardwareText::observed).or_else(nameless)?,
        source: Source::SysfsUsb,
        maker: raw.maker.as_deref().and_then(HardwareText::observed),
        serial: raw.serial.as_deref().and_then(SerialNumber::observed),
        hardware_id,
    })
}

/// An entry of `/sys/class/video4linux`.
#[derive(Debug, Clone, Default)]
pub struct RawVideo {
    pub name: String,
    /// The path of sysfs of the device behind it, links followed.
    pub place: String,
    /// 0 for a device's first entry; the others carry its settings and descriptions.
    pub index: Option<String>,
}

/// The cameras that video drivers show and that are none by their USB class: older ones on USB, and those on
/// the board. Decoders, tuners and software that plays at being a camera are none.
pub fn video_cameras(videos: &[RawVideo], usb: &[RawUsb]) -> Vec<Camera> {
    let mut places: Vec<&str> = Vec::new();
    let mut cameras = Vec::new();
    for video in videos
        .iter()
        .filter(|video| video.index.as_deref().is_none_or(|index| index == "0"))
    {
        let Some(camera) = video_camera(video, usb) else { continue };
        if !places.contains(&video.place.as_str()) && places.len() < MOST_CAMERAS {
            places.push(&video.place);
            cameras.push(camera);
        }
    }
    cameras
}

/// More than a computer has; an image processor shows dozens of entries at one place.
const MOST_CAMERAS: usize = 16;

fn video_camera(video: &RawVideo, usb: &[RawUsb]) -> Option<Camera> {
    const OF_CAMERAS: [&str; 6] = ["camera", "cam ", "csi", "unicam", "ipu", "isp"];
    const OF_OTHERS: [&str; 5] = ["codec", "decoder", "encoder", "tuner", "stats"];
    let name = video.name.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if let Some(device) = usb_name(&video.place) {
        let raw = usb.iter().find(|raw| raw.name == device)?;
        return if camera(raw).is_some() || says(&OF_OTHERS) {
            None
        } else {
            usb_camera(raw)
        };
    }
    if video.place.contains("/virtual/") || says(&OF_OTHERS) || !says(&OF_CAMERAS) {
        return None;
    }
    Some(Camera {
        model: HardwareText::observed(&video.name)?,
        source: Source::SysfsVideo,
        maker: None,
        hardware_id: None,
        serial: None,
    })
}

/// The name of the USB device within a place: `…/usb1/1-4/1-4:1.0` is of `1-4`.
pub fn usb_name(place: &str) -> Option<&str> {
    let interface = place
        .split('/')
        .rfind(|part| part.contains(':') && part.starts_with(|c: char| c.is_ascii_digit()) && part.contains('-'))?;
    place.contains("/usb").then_some(interface.split_once(':')?.0)
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
    fn cameras_without_the_class_are_known_by_their_driver() {
        let mut old = raw("00", &[[0xff, 0, 0]]);
        old.name = "1-3".into();
        let mut modern = raw("00", &[[0x0e, 1, 0]]);
        modern.name = "1-4".into();
        let video = |name: &str, place: &str, index: &str| RawVideo {
            name: name.into(),
            place: place.into(),
            index: Some(index.into()),
        };
        let videos = [
            video("gspca main driver", "sys/devices/pci0000:00/0000:00:14.0/usb1/1-3/1-3:1.0", "0"),
            video("HD Webcam", "sys/devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4:1.0", "0"),
            video("HD Webcam", "sys/devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4:1.0", "1"),
            video("unicam", "sys/devices/platform/soc/fe801000.csi", "0"),
            video("Intel IPU6 ISYS Capture 0", "sys/devices/pci0000:00/0000:00:05.0", "0"),
            video("Intel IPU6 ISYS Capture 1", "sys/devices/pci0000:00/0000:00:05.0", "0"),
            video("bcm2835-codec-decode", "sys/devices/platform/bcm2835-codec", "0"),
            video("OBS Virtual Camera", "sys/devices/virtual/video4linux/video9", "0"),
        ];
        let cameras = video_cameras(&videos, &[old, modern]);
        let models: Vec<&str> = cameras.iter().map(|camera| camera.model.as_str()).collect();
        assert_eq!(models, ["HD Webcam", "unicam", "Intel IPU6 ISYS Capture 0"]);
        assert_eq!(cameras[0].hardware_id.as_ref().unwrap().as_str(), "046d:0825");
    }

    proptest! {
        #[test]
        fn no_name_makes_the_reader_fail(name in any::<String>(), place in "(/usb1|/|:|1-4|virtual){0,6}") {
            let video = RawVideo { name, place: place.clone(), index: None };
            let _ = (video_cameras(&[video], &[raw("00", &[])]), usb_name(&place));
        }
    }
}
