//! Writing what a group's plan says, in statements of many rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use inventory_schema::{Digest, KeyFingerprint};
use sqlx::AnyConnection;

use super::known::{held_bodies, sequence};
use super::plan::{DeviceUpdate, HeadMove, Plan, PlannedReport, SummaryUpdate};
use super::{ReportState, ReportToStore};
use crate::store::measurement::{MeasuredPlace, NewMeasurement};
use crate::store::month::ReceivedMonth;
use crate::store::presence::NOTE_REPORTS;
use crate::store::statement::{Bulk, Columns, Value, optional_raw, raw, word};
use crate::store::{StoreError, StoreResult};

/// Moves every head from where it was read to where the group brings it. `false`: one was not there any more.
pub(super) async fn move_heads(connection: &mut AnyConnection, moves: &BTreeMap<KeyFingerprint, HeadMove>) -> StoreResult<bool> {
    const BEGIN: Bulk = Bulk {
        before: "INSERT INTO chain_head (fingerprint, device_id, epoch, sequence, digest, forks) VALUES",
        after: "ON CONFLICT (fingerprint) DO NOTHING",
    };
    const SWAP: Bulk = Bulk {
        before: "WITH v(target, owner, e, s, d, f, expected, expected_forks) AS (VALUES",
        after: ") UPDATE chain_head SET device_id = v.owner, epoch = v.e, sequence = v.s, digest = v.d, forks = v.f FROM v \
                WHERE chain_head.fingerprint = v.target AND chain_head.digest = v.expected AND chain_head.forks = v.expected_forks",
    };
    let (mut begun, mut swapped): (Vec<Vec<Value>>, Vec<Vec<Value>>) = (Vec::new(), Vec::new());
    for (key, movement) in moves {
        let mut row: Vec<Value> = vec![
            raw(key.0),
            movement.device.into(),
            i64::from(movement.to.place.epoch).into(),
            sequence(movement.to.place).into(),
            raw(movement.to.digest),
        ];
        match movement.from {
            None => {
                row.push(movement.forks.into());
                begun.push(row);
            }
            Some(from) => {
                row.extend([(from.forks + movement.forks).into(), raw(from.head.digest), from.forks.into()]);
                swapped.push(row);
            }
        }
    }
    let wanted = moves.len() as u64;
    let moved = BEGIN.execute(&mut *connection, begun).await? + SWAP.execute(&mut *connection, swapped).await?;
    Ok(moved == wanted)
}

/// Writes the bodies that came with the group. Answers in which month each body is held that the group's reports
/// name: theirs or a later one, so that a month can be let go without a look at those that stay.
pub(super) async fn insert_bodies(
    connection: &mut AnyConnection,
    plan: &Plan,
    reports: &[ReportToStore],
) -> StoreResult<BTreeMap<Digest, ReceivedMonth>> {
    const INSERT: Bulk = Bulk {
        before: "INSERT INTO body (digest, bytes, size, received_at, received_month) VALUES",
        after: "ON CONFLICT (digest, received_month) DO NOTHING",
    };
    // In the order of digests, so that two controllers never wait for each other crosswise.
    let mut bodies = BTreeMap::new();
    for &index in &plan.bodies_of {
        let report = &reports[index];
        for body in &report.bodies {
            let month = ReceivedMonth::of(report.received_at);
            bodies.entry((body.digest, month)).or_insert((body, report.received_at));
        }
    }
    let came: BTreeSet<(Digest, ReceivedMonth)> = bodies.keys().copied().collect();
    let rows = bodies
        .into_iter()
        .map(|((digest, month), (body, at))| {
            vec![
                raw(digest),
                body.compressed.clone().into(),
                body.size.into(),
                at.into(),
                month.into(),
            ]
        })
        .collect();
    INSERT.execute(&mut *connection, rows).await?;
    let mut held: BTreeMap<Digest, ReceivedMonth> = came.iter().copied().collect();
    held.extend(bring_forward(connection, plan.named.difference(&came).copied().collect()).await?);
    Ok(held)
}

/// Bodies that are named and did not come: those that an older month holds are copied into the month that names them.
async fn bring_forward(
    connection: &mut AnyConnection,
    named: BTreeSet<(Digest, ReceivedMonth)>,
) -> StoreResult<BTreeMap<Digest, ReceivedMonth>> {
    const COPY: Bulk = Bulk {
        before: "WITH v(wanted, month) AS (VALUES",
        after: ") INSERT INTO body (digest, bytes, size, received_at, received_month) \
                SELECT b.digest, b.bytes, b.size, b.received_at, v.month FROM v JOIN body b ON b.digest = v.wanted \
                WHERE b.received_month < v.month ON CONFLICT (digest, received_month) DO NOTHING",
    };
    if named.is_empty() {
        return Ok(BTreeMap::new());
    }
    let held = held_bodies(&mut *connection, &named.iter().map(|(digest, _)| *digest).collect()).await?;
    let older: Vec<Vec<Value>> = named
        .iter()
        .filter(|(digest, month)| held.get(digest).is_some_and(|held| held < month))
        .map(|(digest, month)| vec![raw(*digest), (*month).into()])
        .collect();
    COPY.execute(connection, older).await?;
    Ok(named
        .into_iter()
        .filter_map(|(digest, month)| held.get(&digest).map(|held| (digest, month.max(*held))))
        .collect())
}

/// A duplicate may have brought what its device stated without it.
pub(super) async fn note_bodies(connection: &mut AnyConnection, plan: &Plan, reports: &[ReportToStore]) -> StoreResult<()> {
    const NOTE: Bulk = Bulk {
        before: "WITH v(target, wanted, month) AS (VALUES",
        after: ") UPDATE device_section SET body_month = v.month FROM v WHERE device_section.device_id = v.target \
                AND device_section.body_digest = v.wanted AND device_section.body_month IS NULL",
    };
    let mut rows: BTreeMap<(i64, Digest), Vec<Value>> = BTreeMap::new();
    for report in plan.duplicates().map(|index| &reports[index]) {
        for body in &report.bodies {
            let month = ReceivedMonth::of(report.received_at);
            rows.insert(
                (report.device, body.digest),
                vec![report.device.into(), raw(body.digest), month.into()],
            );
        }
    }
    NOTE.execute(connection, rows.into_values().collect()).await?;
    Ok(())
}

/// Answers the measurements among them, to be written with them.
pub(super) async fn insert_reports(
    connection: &mut AnyConnection,
    plan: &Plan,
    reports: &[ReportToStore],
    envelopes: &[Vec<u8>],
    held: &BTreeMap<Digest, ReceivedMonth>,
) -> StoreResult<Vec<NewMeasurement>> {
    const INSERT: Bulk = Bulk {
        before: "INSERT INTO report (device_id, fingerprint, epoch, sequence, digest, previous, resumed, kind, envelope, signature, \
                 received_at, device_time, trusted_time, state, received_month) VALUES",
        after: "RETURNING id, digest",
    };
    const SECTIONS: Bulk = Bulk {
        before: "INSERT INTO report_section (report_id, section, body_digest, received_month) VALUES",
        after: "",
    };
    const CURRENT: Bulk = Bulk {
        before: "INSERT INTO device_section (device_id, section, body_digest, report_id, received_at, body_month) VALUES",
        after: "ON CONFLICT (device_id, section) DO UPDATE SET body_digest = excluded.body_digest, report_id = excluded.report_id, \
                received_at = excluded.received_at, body_month = excluded.body_month",
    };
    let rows = plan
        .reports
        .iter()
        .map(|planned| report_values(planned, &reports[planned.index], &envelopes[planned.index]))
        .collect();
    let mut ids: HashMap<Digest, i64> = HashMap::new();
    for row in INSERT.fetch(&mut *connection, rows).await? {
        ids.insert(row.digest("digest")?, row.int("id")?);
    }
    let mut sections = Vec::new();
    let mut measured = Vec::new();
    // The last report of the group that states a section is what the device states now.
    let mut current: BTreeMap<_, Vec<Value>> = BTreeMap::new();
    for planned in &plan.reports {
        let report = &reports[planned.index];
        let id = *ids.get(&report.received.digest).ok_or_else(|| StoreError::Conflict {
            what: format!("the report {} was not written", report.received.digest),
        })?;
        let month = ReceivedMonth::of(report.received_at);
        if let Some(body) = report.received.envelope.body {
            // Under the report's kind, so that whatever looks for bodies by their reports finds it.
            let kind = report.received.envelope.kind.as_str();
            sections.push(vec![id.into(), kind.into(), raw(body), month.into()]);
            if let (ReportState::Stored, Some(facts)) = (planned.state, &report.measurement) {
                measured.push(NewMeasurement {
                    report: Some(id),
                    place: MeasuredPlace::OfDevice(report.device),
                    facts: facts.clone(),
                    body,
                    received_at: report.received_at,
                });
            }
        }
        for (section, digest) in &report.received.envelope.sections {
            sections.push(vec![id.into(), section.as_str().into(), raw(*digest), month.into()]);
            if planned.state == ReportState::Stored {
                let row = vec![
                    report.device.into(),
                    section.as_str().into(),
                    raw(*digest),
                    id.into(),
                    report.received_at.into(),
                    held.get(digest).copied().into(),
                ];
                current.insert((report.device, *section), row);
            }
        }
    }
    SECTIONS.execute(&mut *connection, sections).await?;
    CURRENT.execute(&mut *connection, current.into_values().collect()).await?;
    Ok(measured)
}

/// Deletes what a device reported; its chains' heads and its current sections went with the device.
pub(in crate::store) async fn delete_reports(connection: &mut AnyConnection, device: i64) -> StoreResult<()> {
    sqlx::query(
        "DELETE FROM report_section WHERE (report_id, received_month) IN \
         (SELECT r.id, r.received_month FROM report r WHERE r.device_id = $1)",
    )
    .bind(device)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM measurement WHERE (report_id, received_month) IN \
         (SELECT r.id, r.received_month FROM report r WHERE r.device_id = $1)",
    )
    .bind(device)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM report WHERE device_id = $1")
        .bind(device)
        .execute(connection)
        .await?;
    Ok(())
}

fn report_values(planned: &PlannedReport, report: &ReportToStore, packed: &[u8]) -> Vec<Value> {
    let envelope = &report.received.envelope;
    vec![
        report.device.into(),
        raw(envelope.key.0),
        i64::from(envelope.place.epoch).into(),
        sequence(envelope.place).into(),
        raw(report.received.digest),
        optional_raw(envelope.previous),
        envelope.resumed.map(|resumed| word(&resumed)).into(),
        word(&envelope.kind).into(),
        packed.to_vec().into(),
        report.signature.as_bytes().to_vec().into(),
        report.received_at.into(),
        envelope.clock.device.into(),
        envelope.clock.trusted.into(),
        word(&planned.state).into(),
        ReceivedMonth::of(report.received_at).into(),
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
