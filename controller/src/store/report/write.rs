//! Writing what a group's plan says, in statements of many rows.

use std::collections::{BTreeMap, HashMap};

use inventory_schema::{Digest, KeyFingerprint};
use sqlx::AnyConnection;

use super::known::sequence;
use super::plan::{DeviceUpdate, HeadMove, Plan, PlannedReport, SummaryUpdate};
use super::{ReportState, ReportToStore};
use crate::store::presence::NOTE_REPORTS;
use crate::store::statement::{Bulk, Columns, Value, word};
use crate::store::{StoreError, StoreResult};

/// Moves every head from where it was read to where the group brings it. `false`: one was not there any more.
pub(super) async fn move_heads(connection: &mut AnyConnection, moves: &BTreeMap<KeyFingerprint, HeadMove>) -> StoreResult<bool> {
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

pub(super) async fn insert_bodies(connection: &mut AnyConnection, plan: &Plan, reports: &[ReportToStore]) -> StoreResult<()> {
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

pub(super) async fn insert_reports(connection: &mut AnyConnection, plan: &Plan, reports: &[ReportToStore]) -> StoreResult<()> {
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

/// Notes the signs of life and lets everything that was remembered of these devices lapse.
pub(super) async fn note_devices(connection: &mut AnyConnection, plan: &Plan) -> StoreResult<()> {
    let row = |(id, update): (&i64, &DeviceUpdate)| {
        vec![
            (*id).into(),
            update.seen_at.into(),
            update.agent_version.as_str().into(),
            update.clock_offset_micros.into(),
        ]
    };
    NOTE_REPORTS.execute(connection, plan.devices.iter().map(row).collect()).await?;
    Ok(())
}

pub(super) async fn update_summaries(connection: &mut AnyConnection, plan: &Plan) -> StoreResult<()> {
    const UPDATE: Bulk = Bulk {
        before: "WITH v(target, host, made_by, type, number, cpu, ram, disks, os, words) AS (VALUES",
        after: ") UPDATE device SET host_name = v.host, maker = v.made_by, model = v.type, serial = v.number, processor = v.cpu, \
                memory_bytes = v.ram, storage_bytes = v.disks, os_title = v.os, search_key = v.words FROM v WHERE device.id = v.target",
    };
    let changed = plan
        .devices
        .iter()
        .filter_map(|(id, update)| update.summary.as_ref().map(|update| (*id, update)));
    let rows = changed
        .map(|(id, SummaryUpdate { summary, search_key })| {
            let summary = summary.clone();
            vec![
                id.into(),
                summary.host_name.into(),
                summary.maker.into(),
                summary.model.into(),
                summary.serial.into(),
                summary.processor.into(),
                summary.memory_bytes.into(),
                summary.storage_bytes.into(),
                summary.os_title.into(),
                search_key.as_str().into(),
            ]
        })
        .collect();
    UPDATE.execute(connection, rows).await?;
    Ok(())
}
