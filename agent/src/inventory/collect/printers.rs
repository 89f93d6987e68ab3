//! Printers: the queues of CUPS with their drivers' descriptions, and what stands on USB.

use std::io::Read;

use inventory_schema::device::Source;

use super::{Problems, peripherals};
use crate::inventory::ask_printers::PrinterHost;
use crate::inventory::peripherals::RawUsb;
use crate::inventory::peripherals::printers::{Description, Listed, printers, queues};
use crate::platform::FileTree;

/// A queue takes half a kilobyte; some schools announce hundreds.
const PRINTERS_LIMIT: u64 = 1024 * 1024;

/// What a description says of the device stands at its beginning; the rest is how to print.
const DESCRIPTION_BYTES: u64 = 32 * 1024;

pub(super) fn collect(tree: &FileTree, usb: &[RawUsb], problems: &mut Problems) -> Vec<Listed> {
    let configuration = problems.keep_if_present(Source::Cups, tree.read("etc/cups/printers.conf", PRINTERS_LIMIT));
    let queues = configuration
        .map(|bytes| queues(&String::from_utf8_lossy(&bytes)))
        .unwrap_or_default();
    printers(&queues, &|queue| description(tree, queue).unwrap_or_default(), usb)
}

/// Where the printers of the network can be asked, by their places in the inventory's list.
pub(super) fn printer_hosts(tree: &FileTree) -> Vec<PrinterHost> {
    let mut problems = Problems::default();
    let usb = peripherals::usb(tree, &mut problems);
    let listed = collect(tree, &usb, &mut problems);
    let host = |(place, listed): (usize, Listed)| Some(PrinterHost { place, host: listed.host? });
    listed.into_iter().enumerate().filter_map(host).collect()
}

fn description(tree: &FileTree, queue: &str) -> Option<Description> {
    if queue.is_empty() || queue.contains('/') || queue.starts_with('.') {
        return None;
    }
    let file = tree.open(&format!("etc/cups/ppd/{queue}.ppd")).ok()?;
    let mut beginning = Vec::new();
    file.take(DESCRIPTION_BYTES).read_to_end(&mut beginning).ok()?;
    Some(Description::read(&String::from_utf8_lossy(&beginning)))
}
