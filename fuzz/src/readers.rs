//! Every reader of bytes that strangers wrote: how it is called, and hand-made samples that reach its depths.
//!
//! Shared by the fuzz targets beside it and by `agent/tests/byte_readers.rs`, which runs the same readers on
//! every change without a fuzzer. A new reader gets its line in [`READERS`], its samples in `samples.rs`, and
//! its target in `fuzz_targets/`.

use std::fmt::{self, Debug, Write};

use cos_agent::inventory::smbios::container::RawTable;
use cos_agent::inventory::{battery, dpkg, edid, memory, os_release, peripherals, processor, smbios, system, udev};
use inventory_schema::canonical::{CanonicalBytes, Digest};
use inventory_schema::device::{Fact, Source};
use inventory_schema::enrollment::EnrollmentToken;
use inventory_schema::envelope::ReceivedEnvelope;
use inventory_schema::inventory::{AnySection, DisplayConnection, EdidBytes};
use inventory_schema::report::{ReportBatch, unknown_fields};
use inventory_schema::section::SectionName;

use super::samples;

pub struct Reader {
    pub name: &'static str,
    /// Reads, looks at everything that was read, and answers how much that is: letters of its debug form,
    /// counted and not kept.
    pub read: fn(&[u8]) -> usize,
    pub samples: fn() -> Vec<Vec<u8>>,
    /// Makes checksums hold again, or most inputs would end at the first of them.
    pub mend: fn(&mut [u8]),
}

pub const READERS: &[Reader] = &[
    Reader {
        name: "edid",
        read: edid,
        samples: samples::edid,
        mend: samples::mend_edid,
    },
    plain("smbios", smbios, samples::smbios),
    plain("dpkg_status", dpkg_status, samples::dpkg_status),
    plain("os_release", os_release, samples::os_release),
    plain("udev", udev, samples::udev),
    plain("cpuinfo", cpuinfo, samples::cpuinfo),
    plain("input_devices", input_devices, samples::input_devices),
    plain("printers", printers, samples::printers),
    plain("canonical", canonical, samples::canonical),
    plain("envelope", envelope, samples::envelope),
    plain("report_batch", report_batch, samples::report_batch),
    plain("section", section, samples::section),
    plain("token", token, samples::token),
];

const fn plain(name: &'static str, read: fn(&[u8]) -> usize, samples: fn() -> Vec<Vec<u8>>) -> Reader {
    Reader {
        name,
        read,
        samples,
        mend: |_| {},
    }
}

/// What a fuzz target does: its reader on the input as it is, and once more with its checksums mended.
#[allow(dead_code, reason = "the tests go through the list themselves")]
pub fn read(name: &str, bytes: &[u8]) {
    let reader = READERS
        .iter()
        .find(|reader| reader.name == name)
        .expect("a target is called as its reader is");
    (reader.read)(bytes);
    let mut mended = bytes.to_vec();
    (reader.mend)(&mut mended);
    if mended != bytes {
        (reader.read)(&mended);
    }
}

/// How many letters a value's debug form has.
fn size(value: &impl Debug) -> usize {
    struct Counter(usize);
    impl Write for Counter {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    let mut counter = Counter(0);
    write!(counter, "{value:?}").expect("counting cannot fail");
    counter.0
}

fn edid(bytes: &[u8]) -> usize {
    let Ok(edid) = edid::Edid::read(bytes) else { return 0 };
    let connection = Fact::new(DisplayConnection::Hdmi, Source::SysfsDrm);
    let monitor = edid::monitor("HDMI-A-1".parse().expect("a port's name"), connection, &edid, bytes);
    assert_eq!(monitor.edid_bytes, EdidBytes::of(bytes));
    assert!(CanonicalBytes::of(&monitor).is_ok(), "what was read can be reported");
    size(&edid) + size(&monitor)
}

/// The same bytes as the kernel's table with themselves for an entry point, as a dump and as the buffer of Windows.
fn smbios(bytes: &[u8]) -> usize {
    let kernel = RawTable::of_kernel(Some(bytes), bytes);
    let others = [RawTable::of_dump(bytes), RawTable::of_rsmb(bytes)];
    let tables = std::iter::once(kernel).chain(others.into_iter().flatten());
    tables.map(|raw| firmware_table(&smbios::Table::of(&raw))).sum()
}

fn firmware_table(table: &smbios::Table<'_>) -> usize {
    let system = system::from_smbios(table);
    let memory = memory::memory(None, Some(table));
    let battery = battery::firmware::cells(table);
    assert!(CanonicalBytes::of(&system).is_ok() && CanonicalBytes::of(&memory).is_ok() && CanonicalBytes::of(&battery).is_ok());
    size(table) + size(&system) + size(&memory) + size(&battery)
}

fn dpkg_status(bytes: &[u8]) -> usize {
    dpkg::read(bytes).map_or(0, |status| size(&status))
}

fn os_release(bytes: &[u8]) -> usize {
    size(&os_release::read(&String::from_utf8_lossy(bytes)))
}

fn udev(bytes: &[u8]) -> usize {
    let record = udev::UdevRecord::read(&String::from_utf8_lossy(bytes));
    size(&record) + size(&record.encoded("ID_MODEL_ENC")) + size(&record.text("ID_SERIAL_SHORT"))
}

fn cpuinfo(bytes: &[u8]) -> usize {
    let info = processor::CpuInfo::read(&String::from_utf8_lossy(bytes));
    size(&info) + size(&processor::processors(&info, &processor::Topology::default(), None)) + size(&info.is_virtual())
}

fn input_devices(bytes: &[u8]) -> usize {
    let inputs = peripherals::touch::inputs(&String::from_utf8_lossy(bytes));
    size(&inputs) + size(&peripherals::touch::touch_surfaces(&inputs, Source::ProcInput))
}

fn printers(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let queues = peripherals::printers::queues(&text);
    let description = peripherals::printers::Description::read(&text);
    let listed = peripherals::printers::printers(&queues, &|_| description.clone(), &[]);
    size(&queues) + size(&listed)
}

fn canonical(bytes: &[u8]) -> usize {
    let verified = CanonicalBytes::verify(bytes);
    assert_eq!(CanonicalBytes::check(bytes).is_ok(), verified.is_ok(), "both ways must agree");
    verified.map_or(0, |value| size(&value))
}

fn envelope(bytes: &[u8]) -> usize {
    let Ok(received) = ReceivedEnvelope::read(bytes.to_vec()) else {
        return 0;
    };
    assert_eq!(received.digest, Digest::of(bytes));
    size(&received)
}

fn report_batch(bytes: &[u8]) -> usize {
    serde_json::from_slice::<ReportBatch>(bytes).map_or(0, |batch| size(&batch))
}

fn section(bytes: &[u8]) -> usize {
    let Ok(received) = serde_json::from_slice::<serde_json::Value>(bytes) else {
        return 0;
    };
    let read = SectionName::ALL.iter().filter_map(|name| AnySection::read(*name, bytes).ok());
    read.map(|section| size(&section) + size(&unknown_fields(&received, &section.understood())))
        .sum()
}

fn token(bytes: &[u8]) -> usize {
    EnrollmentToken::from_line(&String::from_utf8_lossy(bytes)).map_or(0, |token| token.to_line().len())
}
