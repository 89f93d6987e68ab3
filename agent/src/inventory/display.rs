//! Graphics adapters and ports, from the names and ids that the kernel gives them.
//!
//! Pure: names in, facts out. What a screen says of itself is read in [`super::edid`]; what it is taken for is
//! decided in [`kind`].

pub mod kind;
mod models;

use inventory_schema::device::{Fact, Source};
use inventory_schema::inventory::{DisplayConnection, GraphicsAdapter};
use inventory_schema::quantity::Bytes;
use inventory_schema::text::DeviceName;

use super::hardware_id;

/// A PCI function of class 03.
#[derive(Debug, Clone, Default)]
pub struct RawAdapter {
    /// `0x030000`.
    pub class: String,
    pub vendor: String,
    pub device: String,
    pub driver: Option<String>,
    /// `mem_info_vram_total` of amdgpu, in bytes.
    pub video_memory: Option<String>,
}

/// `None` for a function that is no display controller.
pub fn adapter(raw: &RawAdapter) -> Option<GraphicsAdapter> {
    if !raw.class.trim_start_matches("0x").starts_with("03") {
        return None;
    }
    let memory = raw
        .video_memory
        .as_ref()
        .and_then(|text| text.parse::<u64>().ok())
        .filter(|bytes| *bytes > 0);
    Some(GraphicsAdapter {
        hardware_id: Fact::new(hardware_id(&raw.vendor, &raw.device)?, Source::SysfsPci),
        driver: raw
            .driver
            .as_deref()
            .and_then(DeviceName::observed)
            .map(|name| Fact::new(name, Source::SysfsPci)),
        memory: memory.map(|bytes| Fact::new(Bytes::saturating(bytes), Source::SysfsDrm)),
    })
}

/// `card0-HDMI-A-1` is the port HDMI-A-1; the card's number may change from boot to boot. `None` for a card
/// itself, and for connectors that lead to no screen.
pub fn port(connector: &str) -> Option<DeviceName> {
    let (card, port) = connector.split_once('-')?;
    let is_card = card
        .strip_prefix("card")
        .is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()));
    if !is_card || port.starts_with("Writeback") {
        return None;
    }
    DeviceName::observed(port)
}

/// How the screen on a port is connected, by the kernel's name of the port.
pub fn connection(port: &DeviceName) -> Fact<DisplayConnection> {
    const KINDS: [(&str, DisplayConnection); 9] = [
        ("eDP", DisplayConnection::BuiltIn),
        ("LVDS", DisplayConnection::BuiltIn),
        ("DSI", DisplayConnection::BuiltIn),
        ("DPI", DisplayConnection::BuiltIn),
        ("HDMI", DisplayConnection::Hdmi),
        ("DP", DisplayConnection::DisplayPort),
        ("DVI", DisplayConnection::Dvi),
        ("VGA", DisplayConnection::Vga),
        ("DisplayPort", DisplayConnection::DisplayPort),
    ];
    let kind = KINDS
        .iter()
        .find(|(prefix, _)| port.as_str().starts_with(prefix))
        .map_or(DisplayConnection::Other, |(_, kind)| *kind);
    Fact::new(kind, Source::SysfsDrm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_named_without_their_card() {
        let of = |name| port(name).map(|port| (port.to_string(), connection(&port).value));
        assert_eq!(of("card0-HDMI-A-1"), Some(("HDMI-A-1".into(), DisplayConnection::Hdmi)));
        assert_eq!(of("card1-eDP-1"), Some(("eDP-1".into(), DisplayConnection::BuiltIn)));
        assert_eq!(of("card0-DP-2"), Some(("DP-2".into(), DisplayConnection::DisplayPort)));
        assert_eq!(of("card0-Virtual-1"), Some(("Virtual-1".into(), DisplayConnection::Other)));
        for other in ["card0", "renderD128", "version", "card0-Writeback-1", "ttm-1"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn only_display_controllers_are_adapters() {
        let raw = |class: &str| RawAdapter {
            class: class.into(),
            vendor: "0x8086".into(),
            device: "0x5917".into(),
            driver: Some("i915".into()),
            video_memory: None,
        };
        let read = adapter(&raw("0x030000")).unwrap();
        assert_eq!(read.hardware_id.value.as_str(), "8086:5917");
        assert_eq!((read.driver.unwrap().value.as_str(), read.memory), ("i915", None));
        let memory = |text: &str| {
            let raw = RawAdapter {
                video_memory: Some(text.into()),
                ..raw("0x030000")
            };
            adapter(&raw).unwrap().memory.map(|fact| fact.value.get())
        };
        assert_eq!(memory("4278190080"), Some(4_278_190_080), "VRAM of amdgpu is not cut at 4 GiB");
        assert_eq!(memory("17163091968"), Some(17_163_091_968));
        assert_eq!((memory("0"), memory("much")), (None, None));
        let nameless = RawAdapter {
            vendor: String::new(),
            ..raw("0x030000")
        };
        assert!(adapter(&nameless).is_none());
        assert!(adapter(&raw("0x038000")).is_some());
        assert!(adapter(&raw("0x020000")).is_none());
    }
}
