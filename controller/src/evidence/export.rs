//! Writes an archive of evidence from the database, device by device; memory does not grow with it.
//!
//! For each key the heads of its chain in every checkpoint of the span go along with their proofs, and where the
//! span ends between two checkpoints the envelopes that link its last report to the next checkpoint's head, without
//! their bodies. A body that several devices stated travels once if it is large.
//!
//! Called by the command line and by `evidence_request.rs`. It decides nothing about who may: `devices` are given.

mod proofs;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use inventory_schema::canonical::CanonicalError;
use inventory_schema::envelope::{ChainHead, ChainPlace, ReceivedEnvelope};
use inventory_schema::{DeviceId, Digest, KeyFingerprint, RegionId, Timestamp};

use super::archive::{self, Archive, Output, Part};
use super::document::{self, Base64, LogLine};
use super::merkle::Node;
use crate::authority::{Authority, IssueError, SignError};
use crate::store::month::ReceivedMonth;
use crate::store::received::ReceivedReport;
use crate::store::report::ReportState;
use crate::store::{Scope, Store, StoreError};

/// For people who open the archive.
pub const README: &str = include_str!("README.txt");

/// A part of bodies or proofs is written when it has grown to this size.
const PART_BYTES: usize = 1 << 20;
/// Reports that are read at a time.
const PAGE: i64 = 128;
/// Bodies that are read at a time; each has at most 4 MiB.
const BODIES: usize = 8;
/// A body of this size travels once for all devices; smaller ones are stated by one device as a rule.
const SHARED_BYTES: usize = 4096;
/// How many shared bodies are remembered; further ones travel again.
const SHARED_MOST: usize = 1 << 20;

/// What to export. Whoever asks has checked that the devices are theirs to see.
#[derive(Debug, Clone)]
pub struct Wish {
    pub selection: document::Selection,
    pub devices: Vec<DeviceId>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// What was exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    pub devices: u64,
    pub reports: u64,
    pub bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the archive could not be written")]
    Write(#[from] io::Error),
    #[error("a document has no canonical form")]
    Canonical(#[from] CanonicalError),
    #[error("the archive could not be signed")]
    Sign(#[from] SignError),
    #[error("the signing key's certificate could not be made")]
    Certificate(#[from] IssueError),
    #[error("the stored report {0} is no envelope; the database is damaged")]
    Envelope(Digest),
}

/// Where evidence comes from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub store: &'a Store,
    pub authority: &'a Authority,
    pub region: &'a RegionId,
}

/// A checkpoint as far as proofs need it.
#[derive(Debug, Clone, Copy)]
struct Point {
    number: u64,
    taken_at: Timestamp,
    log_count: u64,
}

/// Writes the archive to `output`; `progress` is told how many devices are done.
pub async fn export<O: Output>(
    source: Source<'_>,
    wish: &Wish,
    now: Timestamp,
    output: O,
    progress: impl FnMut(u64) + Send,
) -> Result<(O, Exported), ExportError> {
    let mut devices = wish.devices.clone();
    devices.sort();
    devices.dedup();
    let counted = Counted { output, bytes: 0 };
    let mut writing = Writing {
        source,
        from: wish.from,
        to: wish.to,
        archive: Archive::begin(counted, source.region, now),
        points: Vec::new(),
        head_roots: BTreeMap::new(),
        log_roots: Vec::new(),
        shared: HashSet::new(),
        exported: Exported::default(),
    };
    writing.front(wish, devices.len() as u64, now).await?;
    writing.devices(&devices, progress).await?;
    let Writing { archive, mut exported, .. } = writing;
    let seal = |manifest, entries| {
        let seal = document::Seal {
            format: document::SealFormat::V1,
            region: source.region.clone(),
            made_at: now,
            entries,
            manifest,
        };
        Ok::<_, ExportError>(document::written(&source.authority.sign(&seal)?)?)
    };
    let counted = archive.finish(seal).await?;
    exported.bytes = counted.bytes;
    Ok((counted.output, exported))
}

/// Counts what goes through.
#[derive(Debug)]
struct Counted<O> {
    output: O,
    bytes: u64,
}

impl<O: Output> Output for Counted<O> {
    async fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.output.write(bytes).await
    }
}

struct Writing<'a, O> {
    source: Source<'a>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    archive: Archive<Counted<O>>,
    /// Oldest first.
    points: Vec<Point>,
    /// The roots of a checkpoint's blocks of heads.
    head_roots: BTreeMap<u64, Vec<Node>>,
    /// The roots of the authority log's whole blocks.
    log_roots: Vec<Node>,
    /// Large bodies that are in the archive.
    shared: HashSet<Digest>,
    exported: Exported,
}

impl<O: Output> Writing<'_, O> {
    async fn front(&mut self, wish: &Wish, devices: u64, now: Timestamp) -> Result<(), ExportError> {
        self.archive.entry(archive::README, README.as_bytes().to_vec()).await?;
        let export = document::Export {
            format: document::ExportFormat::V1,
            region: self.source.region.clone(),
            made_at: now,
            from: wish.from,
            to: wish.to,
            kept_since: self.source.store.kept_since().await?.map(ReceivedMonth::begin),
            selection: wish.selection.clone(),
            devices,
        };
        self.archive.entry(archive::EXPORT, document::written(&export)?).await?;
        let authority = authority_document(self.source, now)?;
        self.archive.entry(archive::AUTHORITY, document::written(&authority)?).await?;
        self.checkpoints().await
    }

    async fn checkpoints(&mut self) -> Result<(), ExportError> {
        let mut lines = Vec::new();
        loop {
            let after = self.points.last().map_or(0, |point| point.number);
            let records = self.source.store.checkpoints_after(after, 256).await?;
            if records.is_empty() {
                break;
            }
            for record in &records {
                document::write_line(&record.signed, &mut lines)?;
                self.points.push(Point {
                    number: record.checkpoint.number,
                    taken_at: record.checkpoint.taken_at,
                    log_count: record.checkpoint.authority_log.count,
                });
            }
        }
        Ok(self.archive.entry(archive::CHECKPOINTS, lines).await?)
    }

    async fn devices(&mut self, devices: &[DeviceId], mut progress: impl FnMut(u64) + Send) -> Result<(), ExportError> {
        for id in devices {
            self.device(*id).await?;
            self.exported.devices += 1;
            progress(self.exported.devices);
        }
        Ok(())
    }

    async fn device(&mut self, id: DeviceId) -> Result<(), ExportError> {
        let store = self.source.store;
        let Some(device) = store.device(Scope::REGION, id).await? else {
            // Deleted since the list was made: nothing of it is kept.
            return Ok(());
        };
        let organization = store.organization(Scope::REGION, device.place.organization).await?;
        let document = document::Device {
            format: document::DeviceFormat::V1,
            device: id,
            organization: document::Organization {
                ogrn: organization.map(|organization| organization.ogrn.to_string()).unwrap_or_default(),
                name: device.place.organization_short_name,
            },
        };
        self.archive.entry(&archive::device_name(id), document::written(&document)?).await?;
        let mut folder = Folder { device: id, parts: 0 };
        let keys = store.evidence_keys(device.id).await?;
        self.certificates(&mut folder, &keys).await?;
        let chains = self.reports(&mut folder, device.id, &keys).await?;
        self.proofs(&mut folder, &chains).await
    }

    async fn part(&mut self, folder: &mut Folder, part: Part, content: &mut Vec<u8>) -> Result<(), ExportError> {
        if !content.is_empty() {
            folder.parts += 1;
            let name = archive::part_name(folder.device, folder.parts, part);
            self.archive.entry(&name, std::mem::take(content)).await?;
        }
        Ok(())
    }

    async fn certificates(&mut self, folder: &mut Folder, keys: &[KeyFingerprint]) -> Result<(), ExportError> {
        let store = self.source.store;
        let mut lines = Vec::new();
        for key in keys {
            for logged in store.logged_certificates(*key).await? {
                let line = LogLine::Certificate {
                    proof: self.log_proof(logged.position).await?,
                    issued_at: logged.entry.issued_at,
                    der: Base64(logged.entry.der),
                };
                document::write_line(&line, &mut lines)?;
            }
            if let Some(logged) = store.logged_revocation(*key).await? {
                let line = LogLine::Revocation {
                    key: *key,
                    revoked_at: logged.entry.revoked_at,
                    proof: self.log_proof(logged.position).await?,
                };
                document::write_line(&line, &mut lines)?;
            }
        }
        self.part(folder, Part::Certificates, &mut lines).await
    }

    /// Writes bodies and reports; answers where each key's chain begins and ends in the archive.
    async fn reports(&mut self, folder: &mut Folder, device: i64, keys: &[KeyFingerprint]) -> Result<Chains, ExportError> {
        let store = self.source.store;
        let mut chains = Chains::new();
        let Some((first, last)) = store.report_span(device, self.from, self.to).await? else {
            return Ok(chains);
        };
        // Heads that the reports of the span are still to be linked to.
        let mut wanted = self.covering_heads(keys).await?;
        let mut is_settled = false;
        let mut seen = HashSet::new();
        let mut next = first;
        loop {
            let page = store.received_reports(device, next, PAGE).await?;
            let Some(end) = page.last() else { break };
            next = end.id + 1;
            let ended = end.id >= last;
            let mut lines = Vec::new();
            let mut digests = BTreeSet::new();
            for report in page {
                let received = ReceivedEnvelope::read(report.envelope.clone()).map_err(|_| ExportError::Envelope(report.digest))?;
                let key = received.envelope.key;
                let links = report.id > last;
                if links && !is_settled {
                    wanted.retain(|key, head| is_ahead(&chains, key, head));
                    is_settled = true;
                }
                if links && (report.state == ReportState::Fork || !wanted.contains_key(&key)) {
                    continue;
                }
                if wanted.get(&key).is_some_and(|head| head.digest == report.digest) {
                    wanted.remove(&key);
                }
                write_report(&report, links, &mut lines);
                self.exported.reports += 1;
                if report.state == ReportState::Stored {
                    note(&mut chains, key, received.envelope.place, report.received_at);
                }
                if !links {
                    digests.extend(received.envelope.named());
                }
            }
            self.bodies(folder, &digests, &mut seen).await?;
            self.part(folder, Part::Reports, &mut lines).await?;
            if ended && !is_settled {
                wanted.retain(|key, head| is_ahead(&chains, key, head));
                is_settled = true;
            }
            if ended && wanted.is_empty() {
                break;
            }
        }
        Ok(chains)
    }

    async fn bodies(&mut self, folder: &mut Folder, digests: &BTreeSet<Digest>, seen: &mut HashSet<Digest>) -> Result<(), ExportError> {
        let wanted: Vec<Digest> = digests
            .iter()
            .filter(|digest| !self.shared.contains(digest) && !seen.contains(digest))
            .copied()
            .collect();
        let mut lines = Vec::new();
        for some in wanted.chunks(BODIES) {
            let held = self.source.store.bodies(some).await?;
            for digest in some {
                let Some(body) = held.get(digest) else { continue };
                seen.insert(*digest);
                if body.len() >= SHARED_BYTES && self.shared.len() < SHARED_MOST {
                    self.shared.insert(*digest);
                }
                lines.extend_from_slice(body);
                lines.push(b'\n');
                if lines.len() >= PART_BYTES {
                    self.part(folder, Part::Bodies, &mut lines).await?;
                }
            }
        }
        self.part(folder, Part::Bodies, &mut lines).await
    }
}

/// A device's part of the archive.
struct Folder {
    device: DeviceId,
    parts: u32,
}

/// A key's chain as far as it is in the archive.
#[derive(Debug, Clone, Copy)]
struct Chain {
    first: ChainPlace,
    last: ChainPlace,
    /// When its first report was received.
    received_at: Timestamp,
}

type Chains = BTreeMap<KeyFingerprint, Chain>;

/// Whether the chain goes on to `head` after its last report so far.
fn is_ahead(chains: &Chains, key: &KeyFingerprint, head: &ChainHead) -> bool {
    chains.get(key).is_some_and(|chain| chain.last < head.place)
}

fn note(chains: &mut Chains, key: KeyFingerprint, place: ChainPlace, received_at: Timestamp) {
    let chain = chains.entry(key).or_insert(Chain {
        first: place,
        last: place,
        received_at,
    });
    chain.first = chain.first.min(place);
    chain.last = chain.last.max(place);
    chain.received_at = chain.received_at.min(received_at);
}

fn write_report(report: &ReceivedReport, links: bool, out: &mut Vec<u8>) {
    let state = match (report.state, links) {
        (ReportState::Fork, _) => "fork",
        (ReportState::Stored, true) => "link",
        (ReportState::Stored, false) => "stored",
    };
    let signature = STANDARD.encode(&report.signature);
    out.extend_from_slice(format!("{}\t{state}\t{signature}\t", report.received_at).as_bytes());
    out.extend_from_slice(&report.envelope);
    out.push(b'\n');
}

fn authority_document(source: Source<'_>, now: Timestamp) -> Result<document::Authority, ExportError> {
    let authority = source.authority;
    let issuing = std::iter::once(authority.issuing()).chain(authority.previous_issuing());
    Ok(document::Authority {
        format: document::AuthorityFormat::V1,
        roots: authority.roots().iter().map(|root| Base64(root.der.to_vec())).collect(),
        issuing: issuing.map(|issuing| Base64(issuing.der.to_vec())).collect(),
        signing: Base64(authority.issue_signing(source.region, now)?),
    })
}
