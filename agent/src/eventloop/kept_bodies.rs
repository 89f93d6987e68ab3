//! The section bodies of the last collection, compressed, and documents that are not on disk yet: a report is
//! drafted from digests and needs them once more.

use std::collections::BTreeMap;

use inventory_schema::inventory::Sections;
use inventory_schema::{CanonicalBytes, Digest, SectionName};
use serde::Serialize;

#[derive(Debug, Default)]
pub(crate) struct KeptBodies {
    bodies: BTreeMap<SectionName, (Digest, Vec<u8>)>,
    /// Oldest first.
    documents: Vec<(Digest, String)>,
}

/// Fast: the text is packed once a collection and unpacked once a report.
const LEVEL: i32 = 1;
/// More than any section may have.
const MAX_BYTES: usize = 64 << 20;
/// Documents that are kept; the core remembers no more of them.
const DOCUMENTS: usize = 64;

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

    /// Keeps a document until it is on disk.
    pub(crate) fn keep_document(&mut self, document: &impl Serialize) -> Digest {
        let bytes = CanonicalBytes::of(document).expect("documents are text, integers and lists");
        let digest = bytes.digest();
        self.documents.push((digest, bytes.into_text()));
        if self.documents.len() > DOCUMENTS {
            self.documents.remove(0);
        }
        digest
    }

    pub(crate) fn document(&self, digest: Digest) -> BTreeMap<Digest, String> {
        let kept = self.documents.iter().filter(|(kept, _)| *kept == digest);
        kept.cloned().collect()
    }

    /// The document is on disk.
    pub(crate) fn forget_document(&mut self, digest: Digest) {
        self.documents.retain(|(kept, _)| *kept != digest);
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
