//! What devices are known by besides their keys: readings of hardware, current and past.

use std::collections::{BTreeMap, BTreeSet};

use inventory_schema::enrollment::HardwareEvidence;
use inventory_schema::likeness::{COMMON_FROM, EvidenceItem};
use inventory_schema::{DeviceId, Digest, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::presence::grow_revision;
use super::statement::{Bulk, Columns, word};
use super::{Store, StoreResult};

/// A device that shares a telling value with the hardware in question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceCandidate {
    /// Internal id.
    pub device: i64,
    pub external_id: DeviceId,
    pub organization_id: i64,
    pub items: BTreeSet<EvidenceItem>,
}

/// Who shares what with some hardware.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EvidenceNeighbours {
    /// Oldest first; joined records as the one they were joined into.
    pub candidates: Vec<EvidenceCandidate>,
    /// How many devices carry each value; counted no further than [`COMMON_FROM`].
    pub carriers: BTreeMap<EvidenceItem, u32>,
}

impl EvidenceNeighbours {
    pub fn carriers(&self, item: &EvidenceItem) -> u32 {
        self.carriers.get(item).copied().unwrap_or(0)
    }
}

impl Store {
    /// Notes what a device's hardware says now. Kinds that were not read keep what was known.
    pub async fn note_evidence(&self, device: i64, evidence: &HardwareEvidence, now: Timestamp) -> StoreResult<()> {
        let mut transaction = self.begin().await?;
        note(&mut transaction, device, evidence, now).await?;
        grow_revision(&mut transaction, device).await?;
        Ok(transaction.commit().await?)
    }

    /// The readings that a device has now.
    pub async fn evidence(&self, device: i64) -> StoreResult<BTreeSet<EvidenceItem>> {
        let rows = sqlx::query("SELECT kind, value FROM device_evidence WHERE device_id = $1 AND gone_at IS NULL")
            .bind(device)
            .fetch_all(self.read())
            .await?;
        rows.iter().map(read_item).collect()
    }

    /// The devices that share a value with these readings, unless too many share it.
    pub async fn evidence_neighbours(&self, items: &BTreeSet<EvidenceItem>) -> StoreResult<EvidenceNeighbours> {
        const ITEMS: Bulk = Bulk {
            before: "WITH v(wanted) AS (VALUES",
            after: ") SELECT e.device_id, e.kind, e.value, s.external_id, s.organization_id, s.id AS survivor FROM v \
                    JOIN device_evidence e ON e.device_id = v.wanted JOIN device d ON d.id = e.device_id \
                    JOIN device s ON s.id = COALESCE(d.merged_into, d.id) WHERE e.gone_at IS NULL",
        };
        let sharing = self.sharing(items).await?;
        let wanted: BTreeSet<i64> = sharing
            .values()
            .filter(|devices| devices.len() < COMMON_FROM as usize)
            .flatten()
            .copied()
            .collect();
        let mut connection = self.read().acquire().await?;
        let rows = ITEMS
            .fetch(&mut connection, wanted.into_iter().map(|device| vec![device.into()]).collect())
            .await?;
        let mut candidates: BTreeMap<i64, EvidenceCandidate> = BTreeMap::new();
        for row in &rows {
            let device = row.int("survivor")?;
            let candidate = match candidates.entry(device) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => entry.insert(EvidenceCandidate {
                    device,
                    external_id: row.parsed("external_id")?,
                    organization_id: row.int("organization_id")?,
                    items: BTreeSet::new(),
                }),
            };
            candidate.items.insert(read_item(row)?);
        }
        let count = |devices: BTreeSet<i64>| u32::try_from(devices.len()).unwrap_or(u32::MAX);
        Ok(EvidenceNeighbours {
            candidates: candidates.into_values().collect(),
            carriers: sharing.into_iter().map(|(item, devices)| (item, count(devices))).collect(),
        })
    }

    /// Up to [`COMMON_FROM`] devices per value: a value that a whole region shares costs no more than another.
    async fn sharing(&self, items: &BTreeSet<EvidenceItem>) -> StoreResult<BTreeMap<EvidenceItem, BTreeSet<i64>>> {
        let mut sharing: BTreeMap<EvidenceItem, BTreeSet<i64>> = BTreeMap::new();
        let items: Vec<&EvidenceItem> = items.iter().collect();
        for part in items.chunks(SLOTS) {
            let mut query = sqlx::query(AssertSqlSafe(sharing_text()));
            for slot in 0..SLOTS {
                // An empty slot finds nothing: no value is NULL.
                query = query
                    .bind(part.get(slot).map(|item| item.kind.as_str()))
                    .bind(part.get(slot).map(|item| item.value.as_str()));
            }
            for row in query.fetch_all(self.read()).await? {
                sharing.entry(read_item(&row)?).or_default().insert(row.int("device_id")?);
            }
        }
        Ok(sharing)
    }

    /// The device that this hardware is in this school: `proposed`, unless somebody was faster.
    pub async fn claim_hardware(&self, organization: i64, evidence: Digest, proposed: DeviceId) -> StoreResult<DeviceId> {
        let row = sqlx::query(
            "INSERT INTO hardware_claim (organization_id, evidence_digest, device_external_id) VALUES ($1, $2, $3) \
             ON CONFLICT (organization_id, evidence_digest) DO UPDATE SET device_external_id = hardware_claim.device_external_id \
             RETURNING device_external_id",
        )
        .bind(organization)
        .bind(evidence.to_string())
        .bind(proposed.to_string())
        .fetch_one(self.write())
        .await?;
        row.parsed("device_external_id")
    }
}

/// Values asked for by one statement.
const SLOTS: usize = 8;

fn sharing_text() -> String {
    let branch = |slot: usize| {
        format!(
            "SELECT * FROM (SELECT device_id, kind, value FROM device_evidence WHERE kind = ${} AND value = ${} AND gone_at IS NULL \
             LIMIT {COMMON_FROM}) AS s{slot}",
            2 * slot + 1,
            2 * slot + 2
        )
    };
    (0..SLOTS).map(branch).collect::<Vec<_>>().join(" UNION ALL ")
}

pub(super) async fn note(connection: &mut AnyConnection, device: i64, evidence: &HardwareEvidence, now: Timestamp) -> StoreResult<()> {
    note_all(connection, &[(device, evidence, now)]).await
}

/// Notes what the hardware of many devices says, one row per device.
pub(super) async fn note_all(connection: &mut AnyConnection, noted: &[(i64, &HardwareEvidence, Timestamp)]) -> StoreResult<()> {
    const NOTE: Bulk = Bulk {
        before: "INSERT INTO device_evidence (device_id, kind, value, first_seen_at, last_seen_at) VALUES",
        after: "ON CONFLICT (device_id, kind, value) DO UPDATE SET last_seen_at = excluded.last_seen_at, gone_at = NULL",
    };
    const GONE: Bulk = Bulk {
        before: "WITH v(target, at) AS (VALUES",
        after: ") UPDATE device_evidence SET gone_at = v.at FROM v WHERE device_evidence.device_id = v.target \
                AND device_evidence.gone_at IS NULL AND device_evidence.last_seen_at <> v.at AND device_evidence.kind IN \
                (SELECT n.kind FROM device_evidence n WHERE n.device_id = v.target AND n.last_seen_at = v.at)",
    };
    const DIGEST: Bulk = Bulk {
        before: "WITH v(target, said) AS (VALUES",
        after: ") UPDATE device SET evidence_digest = v.said FROM v WHERE device.id = v.target",
    };
    let mut items = Vec::new();
    for (device, evidence, now) in noted {
        items.extend(evidence.items().into_iter().map(|item| {
            vec![
                (*device).into(),
                word(&item.kind).into(),
                item.value.as_str().into(),
                (*now).into(),
                (*now).into(),
            ]
        }));
    }
    NOTE.execute(&mut *connection, items).await?;
    let gone = noted.iter().map(|(device, _, now)| vec![(*device).into(), (*now).into()]);
    GONE.execute(&mut *connection, gone.collect()).await?;
    let digests = noted
        .iter()
        .map(|(device, evidence, _)| vec![(*device).into(), evidence.digest().into()]);
    DIGEST.execute(connection, digests.collect()).await?;
    Ok(())
}

fn read_item(row: &AnyRow) -> StoreResult<EvidenceItem> {
    Ok(EvidenceItem {
        kind: row.word("kind")?,
        value: row.text("value")?,
    })
}
