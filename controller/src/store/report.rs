//! Signed reports: a group of them is judged against its chains and committed in one transaction.
//!
//! The heads of all chains in the group are read in one statement, every report is judged in its order
//! ([`crate::report::chain::judge`]), and what follows is written in a few statements of many rows. The gate
//! is a compare-and-swap on each chain's head: when another controller moved one meanwhile, nothing of the
//! group is written and every report is answered `Retry`.

mod plan;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use inventory_schema::envelope::{ChainHead, ChainPlace, ReceivedEnvelope};
use inventory_schema::signature::Signature;
use inventory_schema::{Digest, KeyFingerprint, Timestamp};
use sqlx::AnyConnection;

use super::device::DeviceSummary;
use super::finding;
use super::statement::{Bulk, Columns, Value, word};
use super::{Store, StoreError, StoreResult};

use plan::{HeadMove, KnownDevice, Plan, PlannedReport, StoredAtPlace};

/// The most reports one group may hold.
pub const MAX_GROUP: usize = 256;

/// A report that was validated: its signature holds and its key is the device's.
#[derive(Debug, Clone)]
pub struct ReportToStore {
    /// Internal id.
    pub device: i64,
    pub received: ReceivedEnvelope,
    pub signature: Signature,
    pub received_at: Timestamp,
    /// Bodies that came with it and that its envelope names.
    pub bodies: Vec<BodyToStore>,
    /// What its sections say for lists and searches; `None` fields leave what is known.
    pub summary: DeviceSummary,
    /// The computer's clock minus ours, microseconds; `None` leaves what is known.
    pub clock_offset_micros: Option<i64>,
}

/// A section's body, compressed before it meets the one writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyToStore {
    pub digest: Digest,
    compressed: Vec<u8>,
    size: i64,
}

impl BodyToStore {
    /// Compresses canonical JSON; its digest is taken here.
    pub fn compress(canonical: &[u8]) -> Result<Self, StoreError> {
        const LEVEL: i32 = 3;
        let compressed = zstd::bulk::compress(canonical, LEVEL).map_err(|error| StoreError::corrupt("section body", error))?;
        Ok(Self {
            digest: Digest::of(canonical),
            compressed,
            size: i64::try_from(canonical.len()).map_err(|error| StoreError::corrupt("section body", error))?,
        })
    }
}

/// What became of a report, once [`Store::commit_reports`] has answered: all of it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    Stored {
        /// Bodies that the report names and that are not held.
        missing: Vec<Digest>,
    },
    Duplicate,
    /// Another envelope stands at this place; both are kept.
    Forked {
        head: ChainHead,
    },
    /// Does not follow the head; nothing was stored.
    Gap {
        head: ChainHead,
    },
    /// The device's record is gone; nothing was stored.
    DeviceUnknown,
    /// Another controller was in the way; nothing was stored, and the same report may be sent again.
    Retry,
}

impl Store {
    /// Stores a group of at most [`MAX_GROUP`] reports, of any devices, each chain's oldest first. Answers
    /// in the same order. An error means that nothing of the group was stored.
    pub async fn commit_reports(&self, reports: &[ReportToStore]) -> StoreResult<Vec<CommitOutcome>> {
        if reports.is_empty() {
            return Ok(Vec::new());
        }
        let mut transaction = self.begin().await?;
        let devices = read_devices(&mut transaction, reports).await?;
        let heads = read_heads(&mut transaction, reports).await?;
        let stored = read_places(&mut transaction, reports).await?;
        let plan = Plan::of(reports, devices, heads, stored);
        if !move_heads(&mut transaction, &plan.heads).await? {
            return Ok(vec![CommitOutcome::Retry; reports.len()]);
        }
        insert_bodies(&mut transaction, &plan, reports).await?;
        match insert_reports(&mut transaction, &plan, reports).await {
            // Another controller kept the same fork, or deleted a device, since the group was read.
            Err(StoreError::Conflict { .. } | StoreError::Reference { .. }) => return Ok(vec![CommitOutcome::Retry; reports.len()]),
            written => written?,
        }
        update_devices(&mut transaction, &plan).await?;
        finding::INSERT
            .execute(&mut transaction, plan.findings.iter().map(finding::values).collect())
            .await?;
        let held = held_bodies(&mut transaction, &plan.named).await?;
        transaction.commit().await?;
        Ok(plan.outcomes(reports, &held))
    }
}

async fn read_devices(connection: &mut AnyConnection, reports: &[ReportToStore]) -> StoreResult<BTreeMap<i64, KnownDevice>> {
    const FIND: Bulk = Bulk {
        before: "WITH v(target) AS (VALUES",
        after: ") SELECT d.id, d.external_id, d.host_name, d.maker, d.model, d.serial, d.processor, d.memory_bytes, d.storage_bytes, \
                d.os_title FROM v JOIN device d ON d.id = v.target",
    };
    let ids: BTreeSet<i64> = reports.iter().map(|report| report.device).collect();
    let rows = FIND.fetch(connection, ids.into_iter().map(|id| vec![id.into()]).collect()).await?;
    rows.iter()
        .map(|row| {
            Ok((
                row.int("id")?,
                KnownDevice {
                    external_id: row.text("external_id")?,
                    summary: DeviceSummary::read(row)?,
                },
            ))
        })
        .collect()
}

pub(super) const FIND_HEADS: Bulk = Bulk {
    before: "WITH v(wanted) AS (VALUES",
    after: ") SELECT h.fingerprint, h.epoch, h.sequence, h.digest FROM v JOIN chain_head h ON h.fingerprint = v.wanted",
};

async fn read_heads(connection: &mut AnyConnection, reports: &[ReportToStore]) -> StoreResult<HashMap<KeyFingerprint, ChainHead>> {
    let keys: BTreeSet<KeyFingerprint> = reports.iter().map(|report| report.received.envelope.key).collect();
    let rows = FIND_HEADS
        .fetch(connection, keys.into_iter().map(|key| vec![key.0.into()]).collect())
        .await?;
    rows.iter().map(|row| Ok((row.parsed("fingerprint")?, read_head(row)?))).collect()
}

pub(super) fn read_head(row: &sqlx::any::AnyRow) -> StoreResult<ChainHead> {
    Ok(ChainHead {
        place: read_place(row)?,
        digest: row.parsed("digest")?,
    })
}

pub(super) fn read_place(row: &sqlx::any::AnyRow) -> StoreResult<ChainPlace> {
    Ok(ChainPlace {
        epoch: u32::try_from(row.int("epoch")?).map_err(|error| StoreError::corrupt("epoch", error))?,
        sequence: u64::try_from(row.int("sequence")?).map_err(|error| StoreError::corrupt("sequence", error))?,
    })
}

/// Sequences stay below 2^53, as documents are read.
fn sequence(place: ChainPlace) -> i64 {
    i64::try_from(place.sequence).unwrap_or(i64::MAX)
}

async fn read_places(
    connection: &mut AnyConnection,
    reports: &[ReportToStore],
) -> StoreResult<HashMap<(KeyFingerprint, ChainPlace), StoredAtPlace>> {
    const FIND: Bulk = Bulk {
        before: "WITH v(wanted, e, s) AS (VALUES",
        after: ") SELECT r.fingerprint, r.epoch, r.sequence, r.digest, r.state FROM v \
                JOIN report r ON r.fingerprint = v.wanted AND r.epoch = v.e AND r.sequence = v.s",
    };
    let places: BTreeSet<(KeyFingerprint, ChainPlace)> = reports
        .iter()
        .map(|report| (report.received.envelope.key, report.received.envelope.place))
        .collect();
    let wanted = places
        .into_iter()
        .map(|(key, place)| vec![key.0.into(), i64::from(place.epoch).into(), sequence(place).into()])
        .collect();
    let mut found: HashMap<_, StoredAtPlace> = HashMap::new();
    for row in FIND.fetch(connection, wanted).await? {
        let place = found.entry((row.parsed("fingerprint")?, read_place(&row)?)).or_default();
        let digest = row.parsed("digest")?;
        match row.word("state")? {
            ReportState::Stored => place.stored = Some(digest),
            ReportState::Fork => {
                place.forks.insert(digest);
            }
        }
    }
    Ok(found)
}

/// Whether a report continues its chain or contradicts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportState {
    Stored,
    Fork,
}

/// Moves every head from where it was read to where the group brings it. `false`: one was not there any more.
async fn move_heads(connection: &mut AnyConnection, moves: &BTreeMap<KeyFingerprint, HeadMove>) -> StoreResult<bool> {
    const BEGIN: Bulk = Bulk {
        before: "INSERT INTO chain_head (fingerprint, device_id, epoch, sequence, digest) VALUES",
        after: "ON CONFLICT (fingerprint) DO NOTHING",
    };
    const SWAP: Bulk = Bulk {
        before: "WITH v(target, owner, e, s, d, expected) AS (VALUES",
        after: ") UPDATE chain_head SET device_id = v.owner, epoch = v.e, sequence = v.s, digest = v.d FROM v \
                WHERE chain_head.fingerprint = v.target AND chain_head.digest = v.expected",
    };
    let (mut begun, mut swapped): (Vec<Vec<Value>>, Vec<Vec<Value>>) = (Vec::new(), Vec::new());
    for (key, movement) in moves {
        let mut row: Vec<Value> = vec![
            key.0.into(),
            movement.device.into(),
            i64::from(movement.to.place.epoch).into(),
            sequence(movement.to.place).into(),
            movement.to.digest.into(),
        ];
        match movement.from {
            None => begun.push(row),
            Some(from) => {
                row.push(from.into());
                swapped.push(row);
            }
        }
    }
    let wanted = moves.len() as u64;
    let moved = BEGIN.execute(&mut *connection, begun).await? + SWAP.execute(&mut *connection, swapped).await?;
    Ok(moved == wanted)
}

async fn insert_bodies(connection: &mut AnyConnection, plan: &Plan, reports: &[ReportToStore]) -> StoreResult<()> {
    const INSERT: Bulk = Bulk {
        before: "INSERT INTO body (digest, bytes, size, received_at) VALUES",
        after: "ON CONFLICT (digest) DO NOTHING",
    };
    // In the order of digests, so that two controllers never wait for each other crosswise.
    let mut bodies = BTreeMap::new();
    for &index in &plan.bodies_of {
        let report = &reports[index];
        for body in &report.bodies {
            bodies.entry(body.digest).or_insert((body, report.received_at));
        }
    }
    let rows = bodies
        .into_values()
        .map(|(body, at)| vec![body.digest.into(), body.compressed.clone().into(), body.size.into(), at.into()])
        .collect();
    INSERT.execute(connection, rows).await?;
    Ok(())
}

async fn insert_reports(connection: &mut AnyConnection, plan: &Plan, reports: &[ReportToStore]) -> StoreResult<()> {
    const INSERT: Bulk = Bulk {
        before: "INSERT INTO report (device_id, fingerprint, epoch, sequence, digest, previous, resumed, kind, envelope, signature, \
                 received_at, device_time, trusted_time, state) VALUES",
        after: "RETURNING id, digest",
    };
    const SECTIONS: Bulk = Bulk {
        before: "INSERT INTO report_section (report_id, section, body_digest) VALUES",
        after: "",
    };
    const CURRENT: Bulk = Bulk {
        before: "INSERT INTO device_section (device_id, section, body_digest, report_id, received_at) VALUES",
        after: "ON CONFLICT (device_id, section) DO UPDATE SET body_digest = excluded.body_digest, report_id = excluded.report_id, \
                received_at = excluded.received_at",
    };
    let rows = plan
        .reports
        .iter()
        .map(|planned| report_values(planned, &reports[planned.index]))
        .collect();
    let mut ids: HashMap<Digest, i64> = HashMap::new();
    for row in INSERT.fetch(&mut *connection, rows).await? {
        ids.insert(row.parsed("digest")?, row.int("id")?);
    }
    let mut sections = Vec::new();
    // The last report of the group that states a section is what the device states now.
    let mut current: BTreeMap<_, Vec<Value>> = BTreeMap::new();
    for planned in &plan.reports {
        let report = &reports[planned.index];
        let id = *ids.get(&report.received.digest).ok_or_else(|| StoreError::Conflict {
            what: format!("the report {} was not written", report.received.digest),
        })?;
        for (section, digest) in &report.received.envelope.sections {
            sections.push(vec![id.into(), section.as_str().into(), (*digest).into()]);
            if planned.state == ReportState::Stored {
                let row = vec![
                    report.device.into(),
                    section.as_str().into(),
                    (*digest).into(),
                    id.into(),
                    report.received_at.into(),
                ];
                current.insert((report.device, *section), row);
            }
        }
    }
    SECTIONS.execute(&mut *connection, sections).await?;
    CURRENT.execute(&mut *connection, current.into_values().collect()).await?;
    Ok(())
}

fn report_values(planned: &PlannedReport, report: &ReportToStore) -> Vec<Value> {
    let envelope = &report.received.envelope;
    vec![
        report.device.into(),
        envelope.key.0.into(),
        i64::from(envelope.place.epoch).into(),
        sequence(envelope.place).into(),
        report.received.digest.into(),
        envelope.previous.into(),
        envelope.resumed.map(|resumed| word(&resumed)).into(),
        word(&envelope.kind).into(),
        report.received.bytes.clone().into(),
        report.signature.as_bytes().to_vec().into(),
        report.received_at.into(),
        envelope.clock.device.into(),
        envelope.clock.trusted.into(),
        word(&planned.state).into(),
    ]
}

async fn update_devices(connection: &mut AnyConnection, plan: &Plan) -> StoreResult<()> {
    const UPDATE: Bulk = Bulk {
        before: "WITH v(target, seen, agent, drift, host, made_by, type, number, cpu, ram, disks, os, words) AS (VALUES",
        after: ") UPDATE device SET last_seen_at = CASE WHEN device.last_seen_at > v.seen THEN device.last_seen_at ELSE v.seen END, \
                last_report_at = CASE WHEN device.last_report_at > v.seen THEN device.last_report_at ELSE v.seen END, \
                agent_version = v.agent, clock_offset_micros = COALESCE(v.drift, device.clock_offset_micros), host_name = v.host, \
                maker = v.made_by, model = v.type, serial = v.number, processor = v.cpu, memory_bytes = v.ram, storage_bytes = v.disks, \
                os_title = v.os, search_key = v.words FROM v WHERE device.id = v.target",
    };
    let rows = plan
        .devices
        .iter()
        .map(|(id, update)| {
            let summary = update.summary.clone();
            vec![
                (*id).into(),
                update.seen_at.into(),
                update.agent_version.as_str().into(),
                update.clock_offset_micros.into(),
                summary.host_name.into(),
                summary.maker.into(),
                summary.model.into(),
                summary.serial.into(),
                summary.processor.into(),
                summary.memory_bytes.into(),
                summary.storage_bytes.into(),
                summary.os_title.into(),
                update.search_key.as_str().into(),
            ]
        })
        .collect();
    UPDATE.execute(connection, rows).await?;
    Ok(())
}

pub(super) async fn held_bodies(connection: &mut AnyConnection, digests: &BTreeSet<Digest>) -> StoreResult<BTreeSet<Digest>> {
    const FIND: Bulk = Bulk {
        before: "WITH v(wanted) AS (VALUES",
        after: ") SELECT b.digest FROM v JOIN body b ON b.digest = v.wanted",
    };
    let rows = FIND
        .fetch(connection, digests.iter().map(|digest| vec![(*digest).into()]).collect())
        .await?;
    rows.iter().map(|row| row.parsed("digest")).collect()
}
