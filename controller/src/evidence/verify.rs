//! Checks an archive of evidence on a machine that has nothing but the archive.
//!
//! One pass from the first byte to the last: [`frame`] misses no byte, every signature is checked over the bytes
//! that were received, [`device`] checks what each device's part says, and the manifest, which comes last, is
//! compared with what was read. Everything that does not hold is named with its entry and its offset. No input makes
//! it panic, and memory grows with the number of entries, not with what they claim.

pub mod authority;
pub mod chain;
pub mod device;
pub mod frame;
mod manifest;
mod order;
mod verdict;
pub mod words;

use std::collections::HashSet;
use std::io::Read;

use inventory_schema::signature::Signed;
use inventory_schema::{DeviceId, Digest};

use super::archive::{self, Part};
use super::checkpoint::{Checkpoint, CheckpointLine, TreeSummary};
use super::document::{self, Export, Seal};
use authority::Trust;
use chain::Moment;
use device::{Common, DeviceCheck};
use frame::{Entry, Frames, Next, Unreadable};
use manifest::{Listed, Manifest};
use order::Kind;
pub use verdict::{Code, Failure, Findings, Place, Verdict};

/// A checkpoint whose signature and predecessor were checked.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    pub moment: Moment,
    pub digest: Digest,
    pub heads: TreeSummary,
    pub log: TreeSummary,
}

/// What the archive is compared with.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// A line that was kept elsewhere.
    pub line: Option<CheckpointLine>,
    /// SHA-256 of the region's root certificates; none: they are only printed.
    pub roots: Vec<Digest>,
}

/// Reads all of `input`; `progress` is told how many bytes are done.
pub fn verify(input: impl Read, known: &Known, mut progress: impl FnMut(u64)) -> Result<Verdict, Unreadable> {
    let mut frames = Frames::new(input);
    let mut check = Check::new(known);
    let mut last = String::new();
    loop {
        match frames.next(&last)? {
            Next::Entry(entry) => {
                last.clone_from(&entry.name);
                check.entry(entry);
                progress(frames.offset());
            }
            Next::End(fault) => {
                if let Some(fault) = fault {
                    check.findings.fail(fault.at, Code::Frame, fault.sentence);
                }
                return Ok(check.finish(&last, frames.offset()));
            }
            Next::Broken(fault) => {
                check.findings.fail(fault.at, Code::Frame, fault.sentence);
                return Ok(check.give_up());
            }
        }
    }
}

struct Check<'a> {
    known: &'a Known,
    findings: Findings,
    before: Option<Kind>,
    listed: Listed,
    export: Option<Export>,
    trust: Option<Trust>,
    points: Vec<Point>,
    device: Option<DeviceCheck>,
    shared: HashSet<Digest>,
    manifest: Option<Manifest>,
    /// Whether the region signed the manifest that was read; `None` while no signature holds.
    is_listed_by_the_region: Option<bool>,
}

macro_rules! common {
    ($check:ident) => {
        Common {
            trust: $check.trust.as_ref(),
            points: &$check.points,
            shared: &mut $check.shared,
            findings: &mut $check.findings,
        }
    };
}

impl<'a> Check<'a> {
    fn new(known: &'a Known) -> Self {
        Self {
            known,
            findings: Findings::default(),
            before: None,
            listed: Listed::default(),
            export: None,
            trust: None,
            points: Vec::new(),
            device: None,
            shared: HashSet::new(),
            manifest: None,
            is_listed_by_the_region: None,
        }
    }

    fn entry(&mut self, mut entry: Entry) {
        for fault in std::mem::take(&mut entry.faults) {
            self.findings.fail(fault.at, Code::Frame, fault.sentence);
        }
        let at_header = Place {
            entry: entry.name.clone(),
            offset: entry.header_at,
            within: 0,
        };
        let Some(kind) = Kind::of(&entry.name) else {
            self.list(&entry);
            return self
                .findings
                .fail(at_header, Code::Unlisted, "записи с таким именем в архиве быть не может".to_owned());
        };
        if !kind.follows(self.before) {
            self.findings.fail(
                at_header,
                Code::Order,
                "запись стоит не на своём месте: переставлена, повторена или перед ней не хватает другой".to_owned(),
            );
        }
        self.before = Some(kind);
        if !matches!(kind, Kind::Part(..)) {
            self.finish_device();
        }
        match kind {
            Kind::Readme => {}
            Kind::Export => self.export(&entry),
            Kind::Authority => self.authority(&entry),
            Kind::Checkpoints => self.checkpoints(&entry),
            Kind::Device(id) => self.begin_device(id, &entry),
            Kind::Part(id, number, part) => self.part(id, number, part, &entry),
            Kind::Manifest => return self.manifest(&entry),
            Kind::Seal => return self.seal(&entry),
        }
        self.list(&entry);
    }

    fn list(&mut self, entry: &Entry) {
        self.listed.push(entry);
    }

    fn document<D: serde::de::DeserializeOwned>(&mut self, entry: &Entry) -> Option<D> {
        let read = document::read(&entry.content);
        read.map_err(|error| self.findings.fail(entry.place(0), Code::Document, words::unreadable(&error)))
            .ok()
    }

    fn export(&mut self, entry: &Entry) {
        let Some(export) = self.document::<Export>(entry) else { return };
        let verdict = &mut self.findings.verdict;
        verdict.region = Some(export.region.clone());
        (verdict.made_at, verdict.from, verdict.to) = (Some(export.made_at), export.from, export.to);
        verdict.kept_since = export.kept_since;
        if self.known.line.as_ref().is_some_and(|line| line.region != export.region) {
            self.findings.fail(
                entry.place(0),
                Code::Line,
                format!("строка контрольной точки — другого региона, чем архив ({})", export.region),
            );
        }
        self.export = Some(export);
    }

    fn authority(&mut self, entry: &Entry) {
        let Some(document) = self.document::<document::Authority>(entry) else {
            return;
        };
        let Some(export) = &self.export else { return };
        match Trust::of(&document, &export.region) {
            Err(sentence) => self.findings.fail(entry.place(0), Code::Certificate, sentence),
            Ok(trust) => {
                self.compare_roots(&trust, entry);
                self.trust = Some(trust);
            }
        }
    }

    fn compare_roots(&mut self, trust: &Trust, entry: &Entry) {
        self.findings.verdict.roots.clone_from(&trust.roots);
        self.findings.verdict.roots_compared = !self.known.roots.is_empty();
        for root in trust.roots.iter().filter(|_| !self.known.roots.is_empty()) {
            if !self.known.roots.contains(root) {
                let sentence = format!("корневой сертификат архива {root} — не тот, что указан в --root");
                self.findings.fail(entry.place(0), Code::Root, sentence);
            }
        }
    }

    fn checkpoints(&mut self, entry: &Entry) {
        for (at, line) in lines(entry, &mut self.findings) {
            if let Err(sentence) = self.checkpoint(line) {
                self.findings.fail(at, Code::Checkpoint, sentence);
            }
        }
        self.compare_line(entry);
        self.findings.verdict.checkpoints = self.points.len() as u64;
        self.findings.verdict.newest_moment = self.points.last().map(|point| point.moment.taken_at);
    }

    fn checkpoint(&mut self, line: &[u8]) -> Result<(), String> {
        let signed: Signed<Checkpoint> = document::read(line).map_err(|error| words::unreadable(&error))?;
        let checkpoint: Checkpoint = document::read(signed.document.as_bytes()).map_err(|error| words::unreadable(&error))?;
        let digest = Digest::of(signed.document.as_bytes());
        let (expected, previous) = self
            .points
            .last()
            .map_or((1, None), |last| (last.moment.number + 1, Some(last.digest)));
        let signature = self.trust.as_ref().map(|trust| signed.verify([&trust.signing]));
        let is_later = self.points.last().is_none_or(|last| last.moment.taken_at <= checkpoint.taken_at);
        let line = checkpoint.line(digest);
        self.findings.verdict.newest_checkpoint = Some(line.to_string());
        let number = checkpoint.number;
        let continues = number == expected && checkpoint.previous == previous && is_later;
        // What follows is compared with this one, so that one fault is told once.
        self.points.push(Point {
            moment: Moment {
                number: expected,
                taken_at: checkpoint.taken_at,
            },
            digest,
            heads: checkpoint.heads,
            log: checkpoint.authority_log,
        });
        if self.export.as_ref().is_some_and(|export| export.region != checkpoint.region) {
            return Err(format!("контрольная точка {number} — другого региона"));
        }
        if !continues {
            return Err(format!("контрольная точка {number} не продолжает предыдущую"));
        }
        match signature {
            Some(Ok(_)) => Ok(()),
            _ => Err(format!("подпись контрольной точки {number} не сходится")),
        }
    }

    fn compare_line(&mut self, entry: &Entry) {
        let Some(line) = &self.known.line else { return };
        let found = self.points.iter().find(|point| point.moment.number == line.number);
        let sentence = match found {
            Some(point) if point.digest == line.digest && point.moment.taken_at == line.taken_at => {
                self.findings.verdict.line = Some(line.number);
                self.findings.verdict.line_moment = Some(line.taken_at);
                return;
            }
            Some(_) => format!(
                "контрольная точка {} в архиве — не та, строка которой указана: после того как строка была выдана, историю переписали",
                line.number
            ),
            None => format!(
                "контрольной точки {} в архиве нет (последняя — {}): этот архив строкой не проверить, нужна выгрузка новее",
                line.number,
                self.points.len()
            ),
        };
        self.findings.fail(entry.place(0), Code::Line, sentence);
    }

    fn begin_device(&mut self, id: DeviceId, entry: &Entry) {
        let named = self.document::<document::Device>(entry);
        if named.is_some_and(|named| named.device != id) {
            self.findings.fail(
                entry.place(0),
                Code::Document,
                "файл называет другое устройство, чем его папка".to_owned(),
            );
        }
        self.device = Some(DeviceCheck::new(id, entry.place(0)));
    }

    fn part(&mut self, id: DeviceId, number: u32, part: Part, entry: &Entry) {
        let found = lines(entry, &mut self.findings);
        // A part without its device was told by its place.
        let Some(device) = self.device.as_mut().filter(|device| device.id == id) else {
            return;
        };
        device.parts = number;
        let mut common = common!(self);
        for (at, line) in found {
            device.line(part, line, at, &mut common);
        }
    }

    fn finish_device(&mut self) {
        if let Some(device) = self.device.take() {
            device.finish(&mut common!(self));
        }
    }

    fn manifest(&mut self, entry: &Entry) {
        let title = self.export.as_ref();
        let title = title.map(|export| archive::manifest_title(&export.region, export.made_at));
        self.manifest = Some(self.listed.compare(title.unwrap_or_default(), entry));
        let devices = self.findings.verdict.devices;
        if self.export.as_ref().is_some_and(|export| export.devices < devices) {
            self.findings
                .fail(entry.place(0), Code::Order, "устройств в архиве больше, чем выгружалось".to_owned());
        }
    }

    fn seal(&mut self, entry: &Entry) {
        let Some(signed) = self.document::<Signed<Seal>>(entry) else {
            return;
        };
        let seal = self.trust.as_ref().and_then(|trust| signed.verify([&trust.signing]).ok());
        let Some(seal) = seal else {
            let sentence = "подпись региона под архивом не сходится: архив изменён или составлен не этим регионом".to_owned();
            return self.findings.fail(entry.place(0), Code::Seal, sentence);
        };
        let export = self.export.as_ref().map(|export| (&export.region, export.made_at));
        let is_same = self.manifest.as_ref().is_some_and(|manifest| manifest.digest == seal.manifest);
        self.is_listed_by_the_region = Some(is_same);
        let entries = self.manifest.as_ref().map(|manifest| manifest.entries);
        if !is_same || entries != Some(seal.entries) || Some((&seal.region, seal.made_at)) != export {
            let sentence = "подписан другой перечень: содержимое архива изменено после подписи".to_owned();
            self.findings.fail(entry.place(0), Code::Seal, sentence);
        }
    }

    /// The whole archive was read.
    fn finish(mut self, last: &str, offset: u64) -> Verdict {
        if self.before != Some(Kind::Seal) {
            let at = Place {
                entry: last.to_owned(),
                offset,
                within: 0,
            };
            self.findings
                .fail(at, Code::Order, format!("архив кончается без записи {}: он неполон", archive::SEAL));
        }
        self.give_up()
    }

    fn give_up(mut self) -> Verdict {
        self.finish_device();
        if let Some(manifest) = self.manifest.take() {
            manifest.tell(self.is_listed_by_the_region, &mut self.findings);
        }
        let mut verdict = self.findings.verdict;
        verdict.holds = verdict.failures.is_empty();
        verdict
    }
}

/// The lines of an entry with their places; an unfinished last one is told and left out.
fn lines<'e>(entry: &'e Entry, findings: &mut Findings) -> Vec<(Place, &'e [u8])> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in entry.content.split_inclusive(|byte| *byte == b'\n') {
        match line.split_last() {
            Some((b'\n', line)) => found.push((entry.place(at), line)),
            _ => findings.fail(entry.place(at), Code::Document, "последняя строка не закончена".to_owned()),
        }
        at += line.len();
    }
    found
}

#[cfg(test)]
mod tests;
