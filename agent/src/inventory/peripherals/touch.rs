//! Touch surfaces: what is touched where it shows, and knows fingers.
//!
//! Pure. The kernel's list of inputs is the source; where a copied tree has none, the attributes below
//! `/sys/class/input` and what udev's rules took for a touch screen. A surface that appears as several inputs
//! (fingers, a pen, a mouse for old programs) is one.

use std::collections::BTreeSet;

use inventory_schema::device::{SerialNumber, Source};
use inventory_schema::inventory::TouchSurface;
use inventory_schema::text::HardwareText;

use super::usb_name;
use crate::inventory::hardware_id;

/// One input, as any of the sources describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawInput {
    pub name: String,
    pub vendor: String,
    pub product: String,
    /// The device's own number, if it has one.
    pub serial: String,
    /// Its path of sysfs.
    pub place: String,
    pub properties: String,
    pub axes: String,
    /// Whether udev's rules took it for a touch screen: they know single touch too.
    pub known_to_udev: bool,
}

impl RawInput {
    fn is_touch_surface(&self) -> bool {
        const DIRECT: u64 = 1 << 1;
        const POSITION_OF_A_FINGER: u64 = 1 << 0x35;
        let bits = |text: &str| bitmap(text).unwrap_or(0);
        self.known_to_udev || (bits(&self.properties) & DIRECT != 0 && bits(&self.axes) & POSITION_OF_A_FINGER != 0)
    }

    fn surface(&self, source: Source) -> Option<TouchSurface> {
        let none = self.vendor.trim_start_matches('0').is_empty();
        let hardware_id = hardware_id(&self.vendor, &self.product).filter(|_| !none);
        let nameless = || HardwareText::observed(hardware_id.as_ref()?.as_str());
        Some(TouchSurface {
            model: HardwareText::observed(&self.name).or_else(nameless)?,
            hardware_id,
            serial: SerialNumber::observed(&self.serial),
            source,
        })
    }

    /// Equal for the inputs of one device.
    fn device(&self) -> (String, String) {
        match usb_name(&self.place) {
            Some(device) => (device.to_owned(), String::new()),
            None => (self.vendor.clone() + &self.product, self.name.clone()),
        }
    }
}

/// Sorted, each device once.
pub fn touch_surfaces(inputs: &[RawInput], source: Source) -> Vec<TouchSurface> {
    let mut seen = BTreeSet::new();
    let mut surfaces: Vec<TouchSurface> = inputs
        .iter()
        .filter(|input| input.is_touch_surface() && seen.insert(input.device()))
        .filter_map(|input| input.surface(source))
        .collect();
    surfaces.sort();
    surfaces
}

/// The blocks of `/proc/bus/input/devices`.
pub fn inputs(devices: &str) -> Vec<RawInput> {
    devices.split("\n\n").map(input).collect()
}

fn input(block: &str) -> RawInput {
    let mut input = RawInput::default();
    for line in block.lines() {
        if let Some(ids) = line.strip_prefix("I: ") {
            let id = |key: &str| {
                ids.split(' ')
                    .find_map(|pair| pair.strip_prefix(key))
                    .unwrap_or_default()
                    .to_owned()
            };
            (input.vendor, input.product) = (id("Vendor="), id("Product="));
        } else if let Some(name) = line.strip_prefix("N: Name=") {
            input.name = name.trim().trim_matches('"').to_owned();
        } else if let Some(place) = line.strip_prefix("S: Sysfs=") {
            input.place = place.to_owned();
        } else if let Some(serial) = line.strip_prefix("U: Uniq=") {
            input.serial = serial.trim().to_owned();
        } else if let Some(bits) = line.strip_prefix("B: PROP=") {
            input.properties = bits.to_owned();
        } else if let Some(bits) = line.strip_prefix("B: ABS=") {
            input.axes = bits.to_owned();
        }
    }
    input
}

/// Up to 64 bits in hexadecimal: one word, or on 32-bit kernels two words, the higher first.
fn bitmap(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace().map(|word| u64::from_str_radix(word, 16).ok());
    match (words.next(), words.next(), words.next()) {
        (Some(word), None, None) => word,
        (Some(high), Some(low), None) => Some((high? & 0xffff_ffff) << 32 | low? & 0xffff_ffff),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(name: &str, prop: &str, abs: &str, place: &str) -> String {
        format!(
            "I: Bus=0003 Vendor=222a Product=0001 Version=0110\nN: Name=\"{name}\"\nS: Sysfs={place}\nU: Uniq=\nB: PROP={prop}\nB: ABS={abs}\n\n"
        )
    }

    fn read(text: &str) -> Vec<TouchSurface> {
        touch_surfaces(&inputs(text), Source::ProcInput)
    }

    #[test]
    fn touch_surfaces_are_direct_and_know_fingers() {
        let text = [
            block("ILITEK Multi-Touch", "2", "2608000 3", ""),
            block("Panel", "2", "260800000000003", ""),
            block("Touchpad", "5", "260800000000003", ""),
            block("Pen", "2", "1000003", ""),
            block("Mouse", "0", "0", ""),
        ]
        .concat();
        let found = read(&text);
        let names: Vec<&str> = found.iter().map(|surface| surface.model.as_str()).collect();
        assert_eq!(names, ["ILITEK Multi-Touch", "Panel"]);
        assert_eq!(found[0].hardware_id.as_ref().unwrap().as_str(), "222a:0001");
        assert_eq!(found[0].serial, None, "a frame without a number");
    }

    #[test]
    fn several_inputs_of_one_device_are_one_surface() {
        let place = |number: u8| format!("/devices/pci0000:00/0000:00:14.0/usb1/1-6/1-6:1.0/0003:222A:0001.0001/input/input{number}");
        let two = [
            block("Frame", "2", "260800000000003", &place(5)),
            block("Frame UNKNOWN", "2", "260800000000003", &place(6)),
        ]
        .concat();
        assert_eq!(read(&two).len(), 1);
        let on_two_ports = two.replace("1-6:1.0/0003:222A:0001.0001/input/input6", "1-7:1.0/input/input6");
        assert_eq!(read(&on_two_ports).len(), 2);
    }

    #[test]
    fn what_udev_took_for_one_is_one() {
        let known = RawInput {
            name: "eGalax".into(),
            known_to_udev: true,
            ..RawInput::default()
        };
        let found = touch_surfaces(&[known], Source::Udev);
        assert_eq!(
            (found[0].model.as_str(), found[0].source, &found[0].hardware_id),
            ("eGalax", Source::Udev, &None)
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail(text in any::<String>(), bits in "[0-9a-f ]{0,40}") {
            let _ = (read(&text), read(&format!("N: Name=x\nB: PROP=2\nB: ABS={bits}\n")), bitmap(&text));
        }
    }
}
