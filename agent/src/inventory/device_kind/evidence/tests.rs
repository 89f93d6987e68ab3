use inventory_schema::inventory::{DeviceKind, Inventory};
use serde_json::{Value, json};

use super::*;
use crate::inventory::device_kind::judge;

/// An inventory of which nothing was read but what is given: section and content.
fn sections(given: &[(&str, Value)]) -> Sections {
    let mut all = json!({});
    for name in inventory_schema::SectionName::ALL {
        let problems = json!([{ "source": "smbios", "failure": "not_present" }]);
        all[name.as_str()] = json!({ "format": format!("{name}/1"), "problems": problems });
    }
    for (name, content) in given {
        all[*name] = json!({ "format": format!("{name}/1"), "content": content });
    }
    let inventory = json!({ "format": "inventory/1", "agent": "0", "sections": all });
    serde_json::from_value::<Inventory>(inventory).unwrap().sections
}

fn fact(value: &str) -> Value {
    json!({ "value": value, "source": "smbios" })
}

fn screen(port: &str, connection: &str, width: u64, height: u64, trust: &str) -> Value {
    let side = |value: u64| json!({ "value": value, "source": "edid", "trust": trust });
    json!({ "monitors": [{
        "port": port, "connection": { "value": connection, "source": "sysfs_drm" }, "width": side(width), "height": side(height)
    }]})
}

fn kind(given: &[(&str, Value)]) -> Option<DeviceKind> {
    judge(&signs(&sections(given), Hints::default())).map(|verdict| verdict.kind)
}

fn desktop_by_its_own_word(model: &str) -> Value {
    json!({ "model": fact(model), "chassis": { "kind": fact("desktop") } })
}

#[test]
fn an_all_in_one_that_calls_itself_a_desktop_is_known_by_its_screen() {
    let graviton = desktop_by_its_own_word("М50И");
    let screen = screen("eDP-1", "built_in", 527, 296, "plausible");
    let given = [("system", graviton), ("display", screen), ("battery", json!({ "cells": [] }))];
    assert_eq!(kind(&given), Some(DeviceKind::AllInOne));
}

#[test]
fn a_notebook_that_calls_itself_a_desktop_is_known_by_battery_and_screen() {
    let cells = json!({ "cells": [{ "name": "BAT0", "maker": { "value": "LGC", "source": "sysfs_power_supply" } }] });
    let screen = screen("eDP-1", "built_in", 344, 194, "plausible");
    let given = [
        ("system", desktop_by_its_own_word("NS685U")),
        ("display", screen),
        ("battery", cells),
    ];
    assert_eq!(kind(&given), Some(DeviceKind::Laptop));
}

#[test]
fn a_computer_in_a_panel_is_known_by_what_it_drives() {
    let touch = json!({ "touch_screens": ["Multi-Touch"] });
    let sizes = [(1430, 800, "plausible"), (1150, 650, "placeholder")];
    for (width, height, trust) in sizes {
        let screen = screen("HDMI-A-1", "hdmi", width, height, trust);
        let given = [
            ("system", desktop_by_its_own_word("H310")),
            ("display", screen),
            ("peripherals", touch.clone()),
            ("battery", json!({ "cells": [] })),
        ];
        assert_eq!(kind(&given), Some(DeviceKind::PanelComputer), "{width}");
    }
    let monitor = screen("HDMI-A-1", "hdmi", 527, 296, "plausible");
    let given = [
        ("system", desktop_by_its_own_word("H310")),
        ("display", monitor),
        ("peripherals", touch),
    ];
    assert_eq!(kind(&given), Some(DeviceKind::Desktop), "a touched monitor is no panel");
}

#[test]
fn a_screen_is_large_by_what_it_is_taken_for() {
    let taken = |kind: &str, confidence: &str, width: u64, height: u64, trust: &str| {
        let mut display = screen("HDMI-A-1", "hdmi", width, height, trust);
        display["monitors"][0]["taken_for"] = json!({ "kind": kind, "confidence": confidence, "clues": [] });
        let found = signs(&sections(&[("display", display)]), Hints::default());
        found.contains(&KindSign::LargeScreen)
    };
    // Panels state proportions, or the millimetres of another board.
    assert!(taken("interactive_panel", "certain", 1600, 900, "placeholder"));
    assert!(taken("interactive_panel", "likely", 708, 398, "plausible"));
    assert!(!taken("interactive_panel", "possible", 708, 398, "plausible"));
    assert!(taken("television", "likely", 160, 90, "placeholder"));
    assert!(!taken("television", "certain", 520, 290, "plausible"), "a kitchen's television");
    // A picture on the wall says nothing of the computer, whatever its projector states.
    assert!(!taken("projector", "likely", 1150, 650, "placeholder"));
    assert!(!taken("projector", "likely", 1600, 900, "plausible"));
    assert!(!taken("monitor", "likely", 1600, 900, "placeholder"));
    assert!(taken("monitor", "likely", 1050, 590, "plausible"));
    assert!(taken("unknown", "possible", 1150, 650, "placeholder"));
}

#[test]
fn guests_are_known_with_and_without_firmware() {
    let disks = json!({ "disks": [{ "name": "vda", "kind": { "value": "virtual", "source": "sysfs_block" } }] });
    let flagged = json!({ "hypervisor": { "value": "unnamed hypervisor", "source": "proc_cpuinfo" } });
    assert_eq!(kind(&[("system", flagged), ("storage", disks)]), Some(DeviceKind::Virtual));
    let named = json!({ "hypervisor": fact("QEMU"), "chassis": { "kind": fact("server") } });
    assert_eq!(kind(&[("system", named)]), Some(DeviceKind::Virtual));
}

#[test]
fn what_was_not_read_is_no_sign() {
    assert_eq!(kind(&[]), None);
    let no_battery_known = signs(&sections(&[("display", json!({}))]), Hints::default());
    assert!(no_battery_known.is_empty());
    let filler = json!({ "model": { "value": "OPS", "source": "smbios", "trust": "placeholder" } });
    assert_eq!(kind(&[("system", filler)]), None);
}

#[test]
fn a_battery_that_only_firmware_lists_weighs_less() {
    let cells = json!({ "cells": [{ "name": "Front", "model": fact("01AV478") }] });
    let found = signs(&sections(&[("battery", cells)]), Hints::default());
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [KindSign::BatteryInFirmware]);
}

#[test]
fn a_lid_is_a_switch_of_that_name() {
    assert!(has_lid_switch("I: Bus=0019\nN: Name=\"Lid Switch\"\nP: Phys=\n"));
    assert!(!has_lid_switch("N: Name=\"Sleep Button\"\n"));
}
