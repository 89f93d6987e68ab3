//! The clients' log against the database: what was acknowledged must be there, byte by byte.

use std::collections::{HashMap, HashSet};

use cos_controller::store::{Page, Store};
use inventory_schema::{Digest, KeyFingerprint};

use crate::answer_log::AnswerLog;
use crate::fleet::Fleet;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Loss {
    /// Acknowledged, and not there.
    Report(Digest),
    /// There, with other bytes or another signature.
    Changed(Digest),
    /// A body that was sent with an acknowledged report and not named as missing.
    Body(Digest),
    /// The chain's head is not the last of its stored reports, or lies before an acknowledged one.
    Head(KeyFingerprint),
}

/// What is lost of the log's lines after the first `known`, on the store as it is now.
pub async fn lost(log: &AnswerLog, known: usize, store: &Store) -> Vec<Loss> {
    let mut losses = Vec::new();
    let mut seen = HashSet::new();
    for line in log.since(known) {
        if !seen.insert((line.report, line.missing.is_some())) {
            continue;
        }
        let sent = log.sent(&line.report);
        match store.report_bytes(line.report).await.unwrap() {
            None => losses.push(Loss::Report(line.report)),
            Some(stored) => {
                if stored.envelope != sent.envelope.as_bytes() || stored.signature != sent.signature.as_bytes() {
                    losses.push(Loss::Changed(line.report));
                }
            }
        }
        // A duplicate's bodies were promised when it was first stored, or with this answer.
        let missing = line.missing.unwrap_or_default();
        for (digest, body) in sent.bodies.iter().filter(|(digest, _)| !missing.contains(digest)) {
            if store.body(*digest).await.unwrap().as_deref() != Some(body.as_bytes()) {
                losses.push(Loss::Body(*digest));
            }
        }
    }
    losses
}

/// Every chain whole: as many reports as its head counts, the head one that its device signed, and not before
/// anything that was acknowledged.
pub async fn broken_chains(fleet: &Fleet, store: &Store) -> Vec<Loss> {
    let mut acknowledged: HashMap<KeyFingerprint, u64> = HashMap::new();
    for line in fleet.log.since(0) {
        let sent = fleet.log.sent(&line.report);
        let last = acknowledged.entry(sent.key).or_default();
        *last = (*last).max(sent.place.sequence);
    }
    let mut losses = Vec::new();
    for device in &fleet.devices {
        let key = device.key();
        let record = store.device_by_key(key).await.unwrap().expect("the device was enrolled");
        let stored = store.reports(record.id, Page::default()).await.unwrap().total;
        let whole = match store.chain_head(key).await.unwrap() {
            None => stored == 0 && !acknowledged.contains_key(&key),
            Some(head) => {
                let count = u64::try_from(stored).unwrap();
                let sent = fleet.log.sent(&head.digest);
                count == head.place.sequence
                    && sent.place == head.place
                    && sent.key == key
                    && acknowledged.get(&key).is_none_or(|last| *last <= head.place.sequence)
            }
        };
        if !whole {
            losses.push(Loss::Head(key));
        }
    }
    losses
}
