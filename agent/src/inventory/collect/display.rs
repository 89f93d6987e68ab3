//! Graphics adapters on PCI, and the screens on their ports.

use inventory_schema::device::{Fact, Source};
use inventory_schema::inventory::{Display, DisplayConnection, EdidBytes, GraphicsAdapter, MAX_EDID_BYTES, Monitor};
use inventory_schema::section::{ReadFailure, Section};
use inventory_schema::text::DeviceName;

use super::Problems;
use crate::inventory::display::{RawAdapter, adapter, connection, port};
use crate::inventory::edid::{Edid, monitor};
use crate::platform::FileTree;

const EDID_LIMIT: u64 = MAX_EDID_BYTES as u64;

pub(super) fn collect(tree: &FileTree) -> Section<Display> {
    let mut problems = Problems::default();
    let functions = problems.devices(tree, Source::SysfsPci, "sys/bus/pci/devices").unwrap_or_default();
    let mut adapters: Vec<GraphicsAdapter> = functions.iter().filter_map(|name| adapter(&raw_adapter(tree, name))).collect();
    adapters.sort_by(|a, b| a.hardware_id.value.cmp(&b.hardware_id.value));
    let connectors = problems.devices(tree, Source::SysfsDrm, "sys/class/drm").unwrap_or_default();
    let mut monitors: Vec<Monitor> = connectors
        .iter()
        .filter_map(|name| collect_monitor(tree, name, &mut problems))
        .collect();
    monitors.sort_by(|a, b| (&a.port, a.edid.map(|digest| *digest.as_bytes())).cmp(&(&b.port, b.edid.map(|digest| *digest.as_bytes()))));
    problems.section(Display { adapters, monitors })
}

fn raw_adapter(tree: &FileTree, name: &str) -> RawAdapter {
    let path = |attribute: &str| format!("sys/bus/pci/devices/{name}/{attribute}");
    let attribute = |name: &str| tree.line(&path(name));
    RawAdapter {
        class: attribute("class").unwrap_or_default(),
        vendor: attribute("vendor").unwrap_or_default(),
        device: attribute("device").unwrap_or_default(),
        driver: tree.link_name(&path("driver")),
        video_memory: attribute("mem_info_vram_total"),
    }
}

/// `None` for a port without a screen. A screen whose EDID says nothing is still one: a switch between
/// computers often hides it.
fn collect_monitor(tree: &FileTree, connector: &str, problems: &mut Problems) -> Option<Monitor> {
    let port = port(connector)?;
    let bytes = problems
        .keep_if_present(Source::Edid, tree.read(&format!("sys/class/drm/{connector}/edid"), EDID_LIMIT))
        .unwrap_or_default();
    let is_connected = match tree.line(&format!("sys/class/drm/{connector}/status")).as_deref() {
        Some(status) => status == "connected",
        None => !bytes.is_empty(),
    };
    if !is_connected {
        return None;
    }
    let connection = connection(&port);
    match Edid::read(&bytes) {
        Ok(edid) => {
            for complaint in &edid.complaints {
                problems.add_for(port.as_str(), Source::Edid, ReadFailure::Malformed, &complaint.to_string());
            }
            Some(monitor(port, connection, &edid, &bytes))
        }
        Err(error) => {
            let failure = if bytes.is_empty() {
                ReadFailure::NotPresent
            } else {
                ReadFailure::Malformed
            };
            problems.add_for(port.as_str(), Source::Edid, failure, &error.to_string());
            // What makes no sense is kept too: it may be mended, or be read by a later rule.
            Some(Monitor {
                edid_bytes: EdidBytes::of(&bytes),
                ..nameless(port, connection)
            })
        }
    }
}

fn nameless(port: DeviceName, connection: Fact<DisplayConnection>) -> Monitor {
    Monitor {
        port,
        connection,
        maker: None,
        model: None,
        other_names: Vec::new(),
        product_code: None,
        serial: None,
        serial_text: None,
        serial_number: None,
        made_in_week: None,
        made_in_year: None,
        model_year: None,
        width: None,
        height: None,
        size_basis: None,
        horizontal: None,
        vertical: None,
        refresh: None,
        interlaced: None,
        taken_for: None,
        edid: None,
        edid_bytes: None,
    }
}
