//! The section bodies of the last collection, compressed: a report is drafted from digests and needs them
//! once more.

use std::collections::BTreeMap;

use inventory_schema::inventory::Sections;
use inventory_schema::{Digest, SectionName};

#[derive(Debug, Default)]
pub(crate) struct KeptBodies {
    bodies: BTreeMap<SectionName, (Digest, Vec<u8>)>,
}

/// Fast: the text is packed once a collection and unpacked once a report.
const LEVEL: i32 = 1;
/// More than any section may have.
const MAX_BYTES: usize = 64 << 20;

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
