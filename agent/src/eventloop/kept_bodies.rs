//! The section bodies of the last collection, compressed, and measurements that are not on disk yet: a report is
//! drafted from digests and needs them once more.

use std::collections::BTreeMap;

use inventory_schema::inventory::Sections;
use inventory_schema::measurement::Measurement;
use inventory_schema::{CanonicalBytes, Digest, SectionName};

#[derive(Debug, Default)]
pub(crate) struct KeptBodies {
    bodies: BTreeMap<SectionName, (Digest, Vec<u8>)>,
    /// Oldest first.
    measurements: Vec<(Digest, String)>,
}

/// Fast: the text is packed once a collection and unpacked once a report.
const LEVEL: i32 = 1;
/// More than any section may have.
const MAX_BYTES: usize = 64 << 20;
/// Measurements that are kept; the core remembers no more of them.
const MEASUREMENTS: usize = 64;

impl KeptBodies {
    /// Keeps the sections' bodies in place of the last ones and answers their digests.
    pub(crate) fn keep(&mut self, sections: &Sections) -> BTreeMap<SectionName, Digest> {
        let bodies = sections.bodies().expect("sections are text, integers and lists");
        self.bodies = bodies
            .into_iter()
            .map(|body| {
                let packed = zstd::bulk::compress(body.bytes.as_bytes(), LEVEL).expect("compressing in memory cannot fail");
                (body.name, (body.digest, packed))
            })
            .collect();
        self.bodies.iter().map(|(name, (digest, _))| (*name, *digest)).collect()
    }

    /// Keeps a measurement until it is on disk.
    pub(crate) fn keep_measurement(&mut self, measurement: &Measurement) -> Digest {
        let bytes = CanonicalBytes::of(measurement).expect("a measurement is text, integers and lists");
        let digest = bytes.digest();
        self.measurements.push((digest, bytes.into_text()));
        if self.measurements.len() > MEASUREMENTS {
            self.measurements.remove(0);
        }
        digest
    }

    pub(crate) fn measurement(&self, digest: Digest) -> BTreeMap<Digest, String> {
        let kept = self.measurements.iter().filter(|(kept, _)| *kept == digest);
        kept.cloned().collect()
    }

    /// The measurement is on disk.
    pub(crate) fn forget_measurement(&mut self, digest: Digest) {
        self.measurements.retain(|(kept, _)| *kept != digest);
    }

    /// The bodies of these sections by digest.
    pub(crate) fn of(&self, sections: &[SectionName]) -> BTreeMap<Digest, String> {
        let kept = sections.iter().filter_map(|name| self.bodies.get(name));
        kept.map(|(digest, packed)| {
            let bytes = zstd::bulk::decompress(packed, MAX_BYTES).expect("these bytes were compressed here");
            (*digest, String::from_utf8(bytes).expect("canonical JSON is UTF-8"))
        })
        .collect()
    }
}
