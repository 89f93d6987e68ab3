//! The manifest against what was read, line by line. Which of two that differ is the changed one is known once the
//! region's signature has been read, which comes last. Pure.

use inventory_schema::Digest;

use super::frame::Entry;
use super::{Code, Findings, Place};
use crate::evidence::archive;

/// The entries so far, as the manifest should list them.
#[derive(Debug, Default)]
pub struct Listed(Vec<(String, Place)>);

/// A manifest that was compared.
#[derive(Debug)]
pub struct Manifest {
    pub digest: Digest,
    pub entries: u64,
    differences: Vec<Difference>,
}

#[derive(Debug)]
struct Difference {
    /// Of the entry that a line is about.
    entry: Option<Place>,
    /// Of the line.
    line: Place,
}

impl Listed {
    pub fn push(&mut self, entry: &Entry) {
        let line = archive::manifest_line(Digest::of(&entry.content), entry.content.len() as u64, &entry.name);
        self.0.push((line, entry.place(0)));
    }

    /// Compares the manifest's content, which begins with `title`, with the entries before it.
    pub fn compare(&mut self, title: String, manifest: &Entry) -> Manifest {
        let listed = std::mem::take(&mut self.0);
        let entries = listed.len() as u64;
        let expected = listed.into_iter().map(|(line, place)| (line, Some(place)));
        let mut rest = manifest.content.as_slice();
        let mut at = 0;
        let mut differences = Vec::new();
        for (line, entry) in std::iter::once((title, None)).chain(expected) {
            let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
            let (given, after) = rest.split_at(length);
            if given != line.as_bytes() {
                let line = manifest.place(at);
                differences.push(Difference { entry, line });
            }
            at += length;
            rest = after;
        }
        if !rest.is_empty() {
            let line = manifest.place(at);
            differences.push(Difference { entry: None, line });
        }
        Manifest {
            digest: Digest::of(&manifest.content),
            entries,
            differences,
        }
    }
}

impl Manifest {
    /// Tells every difference: at the entry, if `is_signed` says that the manifest is the one the region signed, at the
    /// manifest's line if it is not, and at the entry where no signature holds.
    pub fn tell(self, is_signed: Option<bool>, findings: &mut Findings) {
        for Difference { entry, line } in self.differences {
            let at = line.within;
            let place = entry.filter(|_| is_signed != Some(false)).unwrap_or(line);
            let sentence = format!(
                "содержимое записи и {} (байт {at}) расходятся: одно из них изменено",
                archive::MANIFEST
            );
            findings.fail(place, Code::Manifest, sentence);
        }
    }
}
