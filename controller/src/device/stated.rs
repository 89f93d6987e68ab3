//! Is what another system told of a computer that we know? People decide; nothing is joined by itself.
//!
//! The same rule that knows computers again ([`crate::device::which`]) compares what was told with what agents read.
//! An agent's enrollment never takes a told record for its own: a file proves nothing about who has the hardware. Whoever
//! comes second, the agent or the file, opens one case about the pair, with the told record first.

use std::collections::BTreeSet;

use inventory_schema::enrollment::HardwareEvidence;
use inventory_schema::likeness::{EvidenceItem, Likeness};
use inventory_schema::{DeviceId, Timestamp};
use serde_json::json;

use crate::store::evidence::{EvidenceCandidate, EvidenceNeighbours};
use crate::store::review::{CaseKind, CaseState, NewCase};
use crate::store::{Store, StoreResult};

/// A record of what another system told.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// Internal id.
    pub id: i64,
    pub external_id: DeviceId,
    pub organization_id: i64,
    pub items: &'a BTreeSet<EvidenceItem>,
}

/// A device whose agent spoke.
#[derive(Debug, Clone, Copy)]
pub struct Spoken {
    /// Internal id.
    pub id: i64,
    pub external_id: DeviceId,
    pub organization_id: i64,
}

/// Compares a told record with what agents read and with what else was told.
pub async fn compare_told(store: &Store, told: &Told<'_>, now: Timestamp) -> StoreResult<()> {
    if told.items.is_empty() {
        return Ok(());
    }
    let agents = store.evidence_neighbours(told.items).await?;
    for (candidate, likeness) in alike(&agents, told.items) {
        let same_school = candidate.organization_id == told.organization_id;
        open(
            store,
            told.id,
            (candidate.device, candidate.external_id),
            same_school,
            &likeness,
            now,
        )
        .await?;
    }
    let others = store.imported_neighbours(told.items).await?;
    for (candidate, likeness) in alike(&others, told.items) {
        let same_school = candidate.organization_id == told.organization_id;
        let (newer, older) = if candidate.device > told.id {
            (candidate.device, (told.id, told.external_id))
        } else {
            (told.id, (candidate.device, candidate.external_id))
        };
        if newer != older.0 {
            open(store, newer, older, same_school, &likeness, now).await?;
        }
    }
    Ok(())
}

/// Compares an agent's hardware with what was told.
pub async fn compare_spoken(store: &Store, device: Spoken, evidence: &HardwareEvidence, now: Timestamp) -> StoreResult<()> {
    let items = evidence.items();
    if items.is_empty() {
        return Ok(());
    }
    let told = store.imported_neighbours(&items).await?;
    for (candidate, likeness) in alike(&told, &items) {
        let same_school = candidate.organization_id == device.organization_id;
        let spoken = (device.id, device.external_id);
        open(store, candidate.device, spoken, same_school, &likeness, now).await?;
    }
    Ok(())
}

/// Those who may be one computer with the hardware in question.
fn alike<'n>(neighbours: &'n EvidenceNeighbours, items: &BTreeSet<EvidenceItem>) -> Vec<(&'n EvidenceCandidate, Likeness)> {
    let compared = neighbours.candidates.iter().map(|candidate| {
        let likeness = Likeness::weighing(&candidate.items, items, |item| neighbours.carriers(item));
        (candidate, likeness)
    });
    compared
        .filter(|(_, likeness)| likeness.identifies() || likeness.resembles())
        .collect()
}

/// A decision that was made stays, and what was seen again is no news.
async fn open(
    store: &Store,
    told: i64,
    (other, other_id): (i64, DeviceId),
    same_school: bool,
    likeness: &Likeness,
    now: Timestamp,
) -> StoreResult<()> {
    // In another school only what is certainly the same is anybody's business.
    if !same_school && !likeness.identifies() {
        return Ok(());
    }
    let case = NewCase {
        kind: if same_school { CaseKind::LikelyDouble } else { CaseKind::Move },
        device: told,
        other: Some(other),
        subject: other_id.to_string(),
        detail: json!({ "likeness": likeness, "told": true }).to_string(),
        state: CaseState::Open,
        at: now,
    };
    store.open_case_once(&case).await
}
