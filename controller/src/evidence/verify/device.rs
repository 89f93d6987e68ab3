//! One device's part of an archive: its keys, its reports over the bytes that were signed, its bodies by digest,
//! and what the checkpoints say of its chains. Kept until the device ends; memory does not grow from device to device.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use inventory_schema::canonical::CanonicalBytes;
use inventory_schema::envelope::ReceivedEnvelope;
use inventory_schema::signature::{PublicKey, Signature};
use inventory_schema::{DeviceId, Digest, KeyFingerprint, Timestamp};

use super::chain::{self, Link, ProvenHead, Terms};
use super::{Code, Findings, Place, Point, words};
use crate::evidence::archive::Part;
use crate::evidence::document::{self, HeadLine, LogLine, Proof};
use crate::evidence::leaf::{self, HeadLeaf};
use crate::evidence::merkle::{self, Node};
use crate::evidence::verify::authority::{Certified, Trust};

/// The most bodies of one device that are waited for at a time; an honest archive has far fewer.
const MOST_BODIES: usize = 1 << 22;
/// A body of this size may stand with an earlier device.
const SHARED_BYTES: usize = 4096;

/// What all devices share.
#[derive(Debug)]
pub struct Common<'a> {
    pub trust: Option<&'a Trust>,
    pub points: &'a [Point],
    /// Large bodies of earlier devices.
    pub shared: &'a mut HashSet<Digest>,
    pub findings: &'a mut Findings,
}

#[derive(Debug)]
struct Key {
    public: PublicKey,
    /// The devices that its certificates under a root of the archive name: none, if it has none such. A key whose record
    /// was joined or parted may be certified under another name later; what it signed before says the name of then.
    names: BTreeSet<DeviceId>,
    /// Its first certificate.
    issued_at: Timestamp,
    revoked_at: Option<Timestamp>,
}

impl Key {
    fn is_trusted(&self) -> bool {
        !self.names.is_empty()
    }
}

#[derive(Debug)]
pub struct DeviceCheck {
    pub id: DeviceId,
    pub parts: u32,
    at: Place,
    keys: BTreeMap<KeyFingerprint, Key>,
    revocations: BTreeMap<KeyFingerprint, Timestamp>,
    chains: BTreeMap<KeyFingerprint, Vec<Link>>,
    heads: BTreeMap<KeyFingerprint, Vec<ProvenHead>>,
    bodies: HashSet<Digest>,
    /// Bodies that no report has named yet.
    unnamed: HashMap<Digest, Place>,
    /// Every envelope here, forks too.
    envelopes: HashSet<Digest>,
}

impl DeviceCheck {
    pub fn new(id: DeviceId, at: Place) -> Self {
        Self {
            id,
            parts: 0,
            at,
            keys: BTreeMap::new(),
            revocations: BTreeMap::new(),
            chains: BTreeMap::new(),
            heads: BTreeMap::new(),
            bodies: HashSet::new(),
            unnamed: HashMap::new(),
            envelopes: HashSet::new(),
        }
    }

    /// A line of one of the device's files, without its end.
    pub fn line(&mut self, part: Part, line: &[u8], at: Place, common: &mut Common<'_>) {
        match part {
            Part::Certificates => self.certificate(line, at, common),
            Part::Bodies => self.body(line, at, common),
            Part::Reports => self.report(line, at, common),
            Part::Proofs => self.proof(line, at, common),
        }
    }

    fn certificate(&mut self, line: &[u8], at: Place, common: &mut Common<'_>) {
        match document::read::<LogLine>(line) {
            Err(error) => common.findings.fail(at, Code::Document, words::unreadable(&error)),
            Ok(LogLine::Revocation { key, revoked_at, proof }) => {
                logged(leaf::revocation(key, revoked_at), revoked_at, proof, at, "отзыв", common);
                self.revocations.insert(key, revoked_at);
                if let Some(known) = self.keys.get_mut(&key) {
                    known.revoked_at = Some(revoked_at);
                }
            }
            Ok(LogLine::Certificate { der, issued_at, proof }) => {
                let Some(trust) = common.trust else { return };
                match trust.device(&der.0) {
                    Err(sentence) => common.findings.fail(at, Code::Certificate, sentence.to_owned()),
                    Ok(certified) => {
                        let identity = &certified.identity;
                        let node = leaf::certificate(identity.key, &der.0, issued_at, &identity.serial);
                        logged(node, issued_at, proof, at, "сертификат", common);
                        self.note_key(certified, issued_at);
                    }
                }
            }
        }
    }

    fn note_key(&mut self, certified: Certified, issued_at: Timestamp) {
        let Certified { identity, leads_to_a_root } = certified;
        let revoked_at = self.revocations.get(&identity.key).copied();
        let known = self.keys.entry(identity.key).or_insert(Key {
            public: identity.public_key,
            names: BTreeSet::new(),
            issued_at,
            revoked_at,
        });
        known.issued_at = known.issued_at.min(issued_at);
        if leads_to_a_root {
            known.names.insert(identity.device);
        }
    }

    fn body(&mut self, line: &[u8], at: Place, common: &mut Common<'_>) {
        if let Err(error) = CanonicalBytes::verify(line) {
            return common
                .findings
                .fail(at, Code::Canonical, words::not_canonical("содержание раздела", &error));
        }
        let digest = Digest::of(line);
        if self.bodies.len() >= MOST_BODIES {
            return common
                .findings
                .fail(at, Code::Order, "у устройства слишком много разделов".to_owned());
        }
        if !self.bodies.insert(digest) || common.shared.contains(&digest) {
            common
                .findings
                .fail(at, Code::Order, "это содержание раздела уже есть в архиве".to_owned());
        } else {
            self.unnamed.insert(digest, at);
        }
        if line.len() >= SHARED_BYTES && common.shared.len() < MOST_BODIES {
            common.shared.insert(digest);
        }
    }

    fn report(&mut self, line: &[u8], at: Place, common: &mut Common<'_>) {
        let Some((received_at, state, signature, envelope)) = columns(line) else {
            return common
                .findings
                .fail(at, Code::Document, "строка отчёта не состоит из четырёх столбцов".to_owned());
        };
        // From here on the place is that of the envelope, whose bytes are what was signed.
        let at = at.moved(line.len() - envelope.len());
        let received = match ReceivedEnvelope::read(envelope.to_vec()) {
            Ok(received) => received,
            Err(error) => return common.findings.fail(at, Code::Canonical, words::not_canonical("конверт", &error)),
        };
        let envelope = &received.envelope;
        if !self.envelopes.insert(received.digest) {
            common
                .findings
                .fail(at.clone(), Code::Order, "этот отчёт уже есть в архиве".to_owned());
        }
        let known = self.keys.get(&envelope.key);
        let Some(key) = known.filter(|key| key.is_trusted()) else {
            let sentence = if known.is_some() {
                "сертификат ключа этого отчёта — под корнем, которого в архиве нет (выведен из действия)"
            } else {
                "отчёт подписан ключом, на который в архиве нет сертификата"
            };
            return common.findings.fail(at, Code::Certificate, sentence.to_owned());
        };
        let verdict = &mut common.findings.verdict;
        verdict.reports += u64::from(state != State::Link);
        verdict.links += u64::from(state == State::Link);
        verdict.forks += u64::from(state == State::Fork);
        if key.public.verify(&received.bytes, &signature).is_err() {
            common.findings.fail(
                at.clone(),
                Code::Signature,
                words::place("подпись под отчётом не сходится", envelope.place),
            );
        }
        if common.trust.is_some_and(|trust| trust.region != envelope.region) || !key.names.contains(&envelope.device) {
            let sentence = words::place(
                "отчёт называет другое устройство или другой регион, чем сертификаты его ключа",
                envelope.place,
            );
            common.findings.fail(at.clone(), Code::Certificate, sentence);
        }
        if key.revoked_at.is_some_and(|revoked_at| chain::is_after(received_at, revoked_at)) {
            common.findings.fail(
                at.clone(),
                Code::Revoked,
                words::place("отчёт получен после отзыва ключа", envelope.place),
            );
        }
        if chain::is_after(key.issued_at, received_at) {
            common.findings.fail(
                at.clone(),
                Code::Certificate,
                words::place("отчёт получен раньше, чем выдан сертификат", envelope.place),
            );
        }
        for digest in envelope.named() {
            self.unnamed.remove(&digest);
            let held = self.bodies.contains(&digest) || common.shared.contains(&digest);
            common.findings.verdict.bodies_missing += u64::from(state != State::Link && !held);
        }
        if state != State::Fork {
            let link = Link {
                place: envelope.place,
                digest: received.digest,
                previous: envelope.previous,
                resumed: envelope.resumed,
                received_at,
                is_extra: state == State::Link,
                at,
            };
            self.chains.entry(envelope.key).or_default().push(link);
        }
    }

    fn proof(&mut self, line: &[u8], at: Place, common: &mut Common<'_>) {
        let line = match document::read::<HeadLine>(line) {
            Ok(line) => line,
            Err(error) => return common.findings.fail(at, Code::Document, words::unreadable(&error)),
        };
        let head = line.head();
        let leaf = HeadLeaf { key: line.key, head }.node();
        let point = find(common.points, line.proof.checkpoint);
        if !point.is_some_and(|point| leads_to(leaf, &line.proof, point.heads.count, point.heads.root)) {
            return common
                .findings
                .fail(at, Code::Proof, words::no_path("голова цепочки", line.proof.checkpoint));
        }
        let checkpoint = line.proof.checkpoint;
        let heads = self.heads.entry(line.key).or_default();
        if heads.last().is_some_and(|last| last.checkpoint >= checkpoint) {
            return common
                .findings
                .fail(at, Code::Order, "доказательства стоят не по порядку контрольных точек".to_owned());
        }
        heads.push(ProvenHead { checkpoint, head, at });
    }

    /// Judges the device as a whole.
    pub fn finish(mut self, common: &mut Common<'_>) {
        common.findings.verdict.devices += 1;
        for (digest, at) in std::mem::take(&mut self.unnamed) {
            common.findings.fail(
                at,
                Code::Unlisted,
                format!("содержание раздела {digest} не названо ни одним отчётом"),
            );
        }
        let moments: Vec<chain::Moment> = common.points.iter().map(|point| point.moment).collect();
        let line = common.findings.verdict.line;
        let terms = Terms {
            to: common.findings.verdict.to,
            kept_since: common.findings.verdict.kept_since,
        };
        let heads = std::mem::take(&mut self.heads);
        for (key, heads) in &heads {
            if !self.chains.contains_key(key) {
                let at = heads.first().map_or(&self.at, |head| &head.at).clone();
                let sentence = "контрольная точка знает цепочку, отчётов которой в архиве нет".to_owned();
                common.findings.fail(at, Code::Missing, sentence);
            }
        }
        for (key, links) in &self.chains {
            let heads = heads.get(key).map_or(&[][..], Vec::as_slice);
            let judgement = chain::judge(links, heads, &moments, terms);
            let verdict = &mut common.findings.verdict;
            verdict.chains += 1;
            verdict.chains_begin_later += u64::from(judgement.begins_later);
            verdict.breaks += judgement.breaks;
            verdict.epochs += judgement.epochs;
            verdict.aged_gaps += judgement.aged_gaps;
            verdict.unlinked += judgement.unlinked;
            let asked = links.iter().zip(&judgement.proven).filter(|(link, _)| !link.is_extra);
            for proven in asked.filter_map(|(_, proven)| *proven) {
                verdict.covered += 1;
                verdict.proven_by_line += u64::from(line.is_some_and(|line| proven <= line));
            }
            let elsewhere = self
                .keys
                .get(key)
                .is_some_and(|known| known.names.iter().any(|name| *name != self.id));
            verdict.other_names += u64::from(elsewhere);
            for (at, fault) in judgement.faults {
                let (code, sentence) = words::chain_fault(&fault);
                common.findings.fail(at, code, sentence);
            }
        }
    }
}

/// How a report's line names its part in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Stored,
    Fork,
    Link,
}

fn columns(line: &[u8]) -> Option<(Timestamp, State, Signature, &[u8])> {
    let mut columns = line.splitn(4, |byte| *byte == b'\t');
    let mut text = || std::str::from_utf8(columns.next()?).ok();
    let (received_at, state, signature) = (text()?, text()?, text()?);
    let moment: Timestamp = received_at.parse().ok()?;
    let state = match state {
        "stored" => State::Stored,
        "fork" => State::Fork,
        "link" => State::Link,
        _ => return None,
    };
    let signature = Signature::from_bytes(STANDARD.decode(signature).ok()?).ok()?;
    Some((moment, state, signature, columns.next()?)).filter(|_| moment.to_string() == received_at)
}

/// Checks that something of the authority's log is in the first checkpoint that has to have it.
fn logged(leaf: Node, since: Timestamp, proof: Option<Proof>, at: Place, what: &str, common: &mut Common<'_>) {
    let due = common.points.iter().find(|point| point.moment.taken_at >= since);
    match (proof, due) {
        (None, None) => common.findings.verdict.log_newer += 1,
        (None, Some(due)) => {
            let sentence = format!(
                "{what}: по записи старше контрольной точки {}, но в её журнале нет",
                due.moment.number
            );
            common.findings.fail(at, Code::NotInCheckpoint, sentence);
        }
        (Some(proof), due) => {
            let point = find(common.points, proof.checkpoint);
            if !point.is_some_and(|point| leads_to(leaf, &proof, point.log.count, point.log.root)) {
                common.findings.fail(at, Code::Proof, words::no_path(what, proof.checkpoint));
            } else if due.is_some_and(|due| due.moment.number < proof.checkpoint) {
                let sentence = format!(
                    "{what}: по записи должен быть уже в контрольной точке {}, а появляется в {}",
                    due.map_or(0, |due| due.moment.number),
                    proof.checkpoint
                );
                common.findings.fail(at, Code::NotInCheckpoint, sentence);
            } else if common.findings.verdict.line.is_some_and(|line| proof.checkpoint > line) {
                common.findings.verdict.log_newer += 1;
            }
        }
    }
}

fn find(points: &[Point], number: u64) -> Option<&Point> {
    let index = points.binary_search_by_key(&number, |point| point.moment.number).ok()?;
    points.get(index)
}

fn leads_to(leaf: Node, proof: &Proof, size: u64, root: Digest) -> bool {
    let path = proof.nodes();
    path.is_some_and(|path| merkle::root_of_path(leaf, proof.index, size, &path) == Some(root))
}
