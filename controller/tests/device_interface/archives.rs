//! Archives of a region's evidence: made, checked, taken apart and put together anew.

use cos_controller::authority::Authority;
use cos_controller::evidence::archive::{self, Archive, BLOCK, Output};
use cos_controller::evidence::checkpoint::CheckpointLine;
use cos_controller::evidence::document::{self, Export, Seal, SealFormat, Selection};
use cos_controller::evidence::export::{Exported, Source, Wish, export};
use cos_controller::evidence::verify::{Code, Known, Verdict, verify};
use cos_controller::store::checkpoint::CheckpointRecord;
use cos_controller::task::checkpoint::Taker;
use inventory_schema::{DeviceId, Timestamp};

use crate::event::until;
use crate::region::Region;

#[derive(Debug, Default)]
pub struct Kept(pub Vec<u8>);

impl Output for Kept {
    async fn write(&mut self, bytes: Vec<u8>) -> std::io::Result<()> {
        self.0.extend(bytes);
        Ok(())
    }
}

/// Everything that is held of these devices.
pub fn all_of(devices: &[DeviceId]) -> Wish {
    Wish {
        selection: Selection::Devices(devices.to_vec()),
        devices: devices.to_vec(),
        from: None,
        to: None,
    }
}

pub async fn exported(region: &Region, wish: &Wish) -> (Vec<u8>, Exported) {
    let (kept, exported) = export(source(region), wish, region.clock.now(), Kept::default(), |_| {})
        .await
        .unwrap();
    (kept.0, exported)
}

pub async fn archive_of(region: &Region, devices: &[DeviceId]) -> Vec<u8> {
    exported(region, &all_of(devices)).await.0
}

/// The authority in use, kept for as long as the test runs.
pub fn authority(region: &Region) -> &'static Authority {
    Box::leak(Box::new(region.server.state.authority.current()))
}

pub fn source(region: &Region) -> Source<'_> {
    let state = &region.server.state;
    Source {
        store: &state.store,
        authority: authority(region),
        region: &state.region.id,
    }
}

/// The controller takes the day's own checkpoint when it starts.
pub async fn days_checkpoint(region: &Region) -> CheckpointRecord {
    until("the day's checkpoint", async || region.store().newest_checkpoint().await.unwrap()).await
}

pub async fn checkpoint(region: &Region) -> CheckpointRecord {
    checkpoint_at(region, region.clock.now()).await
}

pub async fn checkpoint_at(region: &Region, moment: Timestamp) -> CheckpointRecord {
    let taker = Taker {
        store: region.store(),
        authority: authority(region),
        region: &region.server.state.region.id,
    };
    until("a checkpoint", async || taker.take_now(moment).await.unwrap()).await
}

pub fn check(archive: &[u8], line: Option<CheckpointLine>) -> Verdict {
    let known = Known { line, roots: Vec::new() };
    verify(archive, &known, |_| {}).unwrap()
}

pub fn holds(archive: &[u8], line: Option<CheckpointLine>) -> Verdict {
    let verdict = check(archive, line);
    assert!(verdict.holds, "{:#?}", verdict.failures);
    verdict
}

/// The codes of what does not hold.
pub fn faults(archive: &[u8], line: Option<CheckpointLine>) -> Vec<Code> {
    let verdict = check(archive, line);
    assert!(!verdict.holds);
    for failure in &verdict.failures {
        assert!(
            !failure.at.entry.is_empty() && failure.at.offset <= archive.len() as u64,
            "{failure:?}"
        );
    }
    verdict.failures.iter().map(|failure| failure.code).collect()
}

/// An entry of an archive, as a tar reader finds it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: String,
    pub begin: usize,
    pub content: std::ops::Range<usize>,
    pub end: usize,
}

pub fn entries(archive: &[u8]) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut begin = 0;
    while archive[begin] != 0 {
        let header = &archive[begin..begin + BLOCK];
        let text = |range: std::ops::Range<usize>| {
            let text = &header[range];
            let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
            String::from_utf8(text[..end].to_vec()).unwrap()
        };
        let length = usize::from_str_radix(&text(124..135), 8).unwrap();
        let content = begin + BLOCK..begin + BLOCK + length;
        let end = content.end + archive::padding(length as u64);
        found.push(Entry {
            name: text(0..100),
            begin,
            content,
            end,
        });
        begin = end;
    }
    found
}

/// The archive after `edit`, which gets every content by its name and may drop it, with a manifest made anew; signed by
/// `authority`, or with the old signature.
pub async fn rebuilt(archive: &[u8], authority: Option<&Authority>, edit: impl Fn(&str, &[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let entries = entries(archive);
    let content = |name: &str| {
        let entry = entries.iter().find(|entry| entry.name == name).unwrap();
        archive[entry.content.clone()].to_vec()
    };
    let export: Export = document::read(&content(archive::EXPORT)).unwrap();
    let mut made = Archive::begin(Kept::default(), &export.region, export.made_at);
    for entry in entries
        .iter()
        .filter(|entry| ![archive::MANIFEST, archive::SEAL].contains(&entry.name.as_str()))
    {
        if let Some(content) = edit(&entry.name, &archive[entry.content.clone()]) {
            made.entry(&entry.name, content).await.unwrap();
        }
    }
    let old = content(archive::SEAL);
    let seal = |manifest, entries| {
        let seal = Seal {
            format: SealFormat::V1,
            region: export.region.clone(),
            made_at: export.made_at,
            entries,
            manifest,
        };
        Ok::<_, std::io::Error>(authority.map_or(old, |authority| document::written(&authority.sign(&seal).unwrap()).unwrap()))
    };
    made.finish(seal).await.unwrap().0
}

/// Drops the lines with these numbers, from 0, of the entries with this ending.
pub fn without(ending: &str, numbers: std::ops::Range<usize>) -> impl Fn(&str, &[u8]) -> Option<Vec<u8>> {
    let ending = ending.to_owned();
    move |name, content| {
        if !name.ends_with(&ending) {
            return Some(content.to_vec());
        }
        let lines = content.split_inclusive(|byte| *byte == b'\n').enumerate();
        let kept: Vec<u8> = lines
            .filter(|(number, _)| !numbers.contains(number))
            .flat_map(|(_, line)| line.to_vec())
            .collect();
        Some(kept)
    }
}
