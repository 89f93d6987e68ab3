//! What devices are known by besides their keys: readings of hardware, current and past.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map};

use inventory_schema::enrollment::HardwareEvidence;
use inventory_schema::likeness::{COMMON_FROM, EvidenceItem};
use inventory_schema::{DeviceId, Digest, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::presence::grow_revision;
use super::statement::{Bulk, Columns};
use super::{Store, StoreError, StoreResult};

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
        let mut found = self.evidence_neighbours_of_each(std::slice::from_ref(items)).await?;
        Ok(found.pop().unwrap_or_default())
    }

    /// The devices that another system told of with one of these readings; those that people joined into another record
    /// are not asked about again. Agents' own readings are no part of this, and this is none of theirs.
    pub async fn imported_neighbours(&self, items: &BTreeSet<EvidenceItem>) -> StoreResult<EvidenceNeighbours> {
        let mut found = self.neighbours_of_each(&TOLD, std::slice::from_ref(items)).await?;
        Ok(found.pop().unwrap_or_default())
    }

    /// The same for many computers at once, in their order.
    pub async fn evidence_neighbours_of_each(&self, computers: &[BTreeSet<EvidenceItem>]) -> StoreResult<Vec<EvidenceNeighbours>> {
        self.neighbours_of_each(&READ, computers).await
    }

    async fn neighbours_of_each(&self, among: &Recorded, computers: &[BTreeSet<EvidenceItem>]) -> StoreResult<Vec<EvidenceNeighbours>> {
        let mut connection = self.read().acquire().await?;
        let sharing = sharing(&mut connection, &among.find, computers.iter().flatten().collect()).await?;
        let telling = |items: &BTreeSet<EvidenceItem>| -> BTreeSet<i64> {
            let devices = items.iter().filter_map(|item| sharing.get(item));
            devices
                .filter(|devices| devices.len() < COMMON_FROM as usize)
                .flatten()
                .copied()
                .collect()
        };
        let wanted: BTreeSet<i64> = computers.iter().flat_map(telling).collect();
        let records = records_of(&mut connection, &among.items, wanted).await?;
        let neighbours = |items: &BTreeSet<EvidenceItem>| {
            let mut candidates: BTreeMap<i64, EvidenceCandidate> = BTreeMap::new();
            for record in telling(items).iter().filter_map(|device| records.get(device)) {
                match candidates.entry(record.device) {
                    // Of records that were joined the readings of all count.
                    Entry::Occupied(joined) => joined.into_mut().items.extend(record.items.iter().cloned()),
                    Entry::Vacant(place) => drop(place.insert(record.clone())),
                }
            }
            let carriers = items.iter().filter_map(|item| {
                let devices = sharing.get(item)?;
                Some((item.clone(), u32::try_from(devices.len()).unwrap_or(u32::MAX)))
            });
            EvidenceNeighbours {
                candidates: candidates.into_values().collect(),
                carriers: carriers.collect(),
            }
        };
        Ok(computers.iter().map(neighbours).collect())
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

/// Where readings are recorded: who shares a value, and what is recorded of whom.
struct Recorded {
    find: Bulk,
    items: Bulk,
}

const _: () = assert!(COMMON_FROM == 10, "the statements count as far as this");

/// What agents read.
const READ: Recorded = Recorded {
    find: Bulk {
        before: "WITH v(kind, value) AS (VALUES",
        after: ") SELECT v.kind, v.value, (SELECT string_agg(CAST(s.device_id AS TEXT), ',') FROM \
                (SELECT e.device_id FROM device_evidence e WHERE e.kind = v.kind AND e.value = v.value AND e.gone_at IS NULL LIMIT 10) AS s) \
                AS devices FROM v",
    },
    items: Bulk {
        before: "WITH v(wanted) AS (VALUES",
        after: ") SELECT e.device_id, e.kind, e.value, s.external_id, s.organization_id, s.id AS survivor FROM v \
                JOIN device_evidence e ON e.device_id = v.wanted JOIN device d ON d.id = e.device_id \
                JOIN device s ON s.id = COALESCE(d.merged_into, d.id) WHERE e.gone_at IS NULL",
    },
};

/// What other systems told.
const TOLD: Recorded = Recorded {
    find: Bulk {
        before: "WITH v(kind, value) AS (VALUES",
        after: ") SELECT v.kind, v.value, (SELECT string_agg(CAST(s.device_id AS TEXT), ',') FROM \
                (SELECT e.device_id FROM imported_evidence e WHERE e.kind = v.kind AND e.value = v.value LIMIT 10) AS s) AS devices FROM v",
    },
    items: Bulk {
        before: "WITH v(wanted) AS (VALUES",
        after: ") SELECT e.device_id, e.kind, e.value, d.external_id, d.organization_id, d.id AS survivor FROM v \
                JOIN imported_evidence e ON e.device_id = v.wanted JOIN device d ON d.id = e.device_id WHERE d.merged_into IS NULL",
    },
};

/// Up to [`COMMON_FROM`] devices per value: a value that a whole region shares costs no more than another.
async fn sharing(
    connection: &mut AnyConnection,
    find: &Bulk,
    items: BTreeSet<&EvidenceItem>,
) -> StoreResult<HashMap<EvidenceItem, Vec<i64>>> {
    let rows = items
        .into_iter()
        .map(|item| vec![item.kind.as_str().into(), item.value.as_str().into()]);
    let mut sharing = HashMap::new();
    for row in find.fetch(connection, rows.collect()).await? {
        let Some(devices) = row.optional_text("devices")? else { continue };
        let devices = devices.split(',').map(str::parse).collect::<Result<_, _>>();
        let devices = devices.map_err(|error| StoreError::corrupt("devices", error))?;
        sharing.insert(read_item(&row)?, devices);
    }
    Ok(sharing)
}

/// What is recorded of these devices; a joined one as the one it was joined into.
async fn records_of(
    connection: &mut AnyConnection,
    recorded: &Bulk,
    devices: BTreeSet<i64>,
) -> StoreResult<HashMap<i64, EvidenceCandidate>> {
    let wanted = devices.into_iter().map(|device| vec![device.into()]).collect();
    let mut records: HashMap<i64, EvidenceCandidate> = HashMap::new();
    for row in &recorded.fetch(connection, wanted).await? {
        let record = match records.entry(row.int("device_id")?) {
            hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hash_map::Entry::Vacant(entry) => entry.insert(EvidenceCandidate {
                device: row.int("survivor")?,
                external_id: row.parsed("external_id")?,
                organization_id: row.int("organization_id")?,
                items: BTreeSet::new(),
            }),
        };
        record.items.insert(read_item(row)?);
    }
    Ok(records)
}

pub(super) async fn note(connection: &mut AnyConnection, device: i64, evidence: &HardwareEvidence, now: Timestamp) -> StoreResult<()> {
    let noted = NotedEvidence {
        device,
        evidence,
        at: now,
        is_first: false,
    };
    note_all(connection, &[noted]).await
}

/// What the hardware of a device said.
#[derive(Debug, Clone, Copy)]
pub(super) struct NotedEvidence<'e> {
    /// Internal id.
    pub device: i64,
    pub evidence: &'e HardwareEvidence,
    pub at: Timestamp,
    /// Nothing was recorded of this device before, and its row has the evidence's digest.
    pub is_first: bool,
}

/// Notes what the hardware of many devices says, one row per device.
pub(super) async fn note_all(connection: &mut AnyConnection, noted: &[NotedEvidence<'_>]) -> StoreResult<()> {
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
    for NotedEvidence { device, evidence, at, .. } in noted {
        let row = |item: EvidenceItem| {
            vec![
                (*device).into(),
                item.kind.as_str().into(),
                item.value.into(),
                (*at).into(),
                (*at).into(),
            ]
        };
        items.extend(evidence.items().into_iter().map(row));
    }
    NOTE.execute(&mut *connection, items).await?;
    let known = || noted.iter().filter(|noted| !noted.is_first);
    let gone = known().map(|noted| vec![noted.device.into(), noted.at.into()]);
    GONE.execute(&mut *connection, gone.collect()).await?;
    let digests = known().map(|noted| vec![noted.device.into(), noted.evidence.digest().into()]);
    DIGEST.execute(connection, digests.collect()).await?;
    Ok(())
}

pub(super) fn read_item(row: &AnyRow) -> StoreResult<EvidenceItem> {
    Ok(EvidenceItem {
        kind: row.word("kind")?,
        value: row.text("value")?,
    })
}
