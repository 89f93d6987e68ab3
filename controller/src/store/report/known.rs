//! What is known before a group is judged: its devices, their chains' heads, the places its reports claim.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use inventory_schema::envelope::{ChainHead, ChainPlace};
use inventory_schema::{Digest, KeyFingerprint};
use sqlx::AnyConnection;

use super::plan::{KnownDevice, KnownHead, StoredAtPlace};
use super::{ReportState, ReportToStore};
use crate::store::device::DeviceSummary;
use crate::store::month::ReceivedMonth;
use crate::store::statement::{Bulk, Columns, raw};
use crate::store::{StoreError, StoreResult};

pub(super) async fn devices(connection: &mut AnyConnection, reports: &[ReportToStore]) -> StoreResult<BTreeMap<i64, KnownDevice>> {
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

pub(in crate::store) const FIND_HEADS: Bulk = Bulk {
    before: "WITH v(wanted) AS (VALUES",
    after: ") SELECT h.fingerprint, h.epoch, h.sequence, h.digest, h.forks FROM v JOIN chain_head h ON h.fingerprint = v.wanted",
};

pub(super) async fn heads(connection: &mut AnyConnection, reports: &[ReportToStore]) -> StoreResult<HashMap<KeyFingerprint, KnownHead>> {
    let keys: BTreeSet<KeyFingerprint> = reports.iter().map(|report| report.received.envelope.key).collect();
    let rows = FIND_HEADS
        .fetch(connection, keys.into_iter().map(|key| vec![raw(key.0)]).collect())
        .await?;
    rows.iter()
        .map(|row| {
            let known = KnownHead {
                head: read_head(row)?,
                forks: row.int("forks")?,
            };
            Ok((KeyFingerprint(row.digest("fingerprint")?), known))
        })
        .collect()
}

pub(in crate::store) fn read_head(row: &sqlx::any::AnyRow) -> StoreResult<ChainHead> {
    Ok(ChainHead {
        place: read_place(row)?,
        digest: row.digest("digest")?,
    })
}

pub(in crate::store) fn read_place(row: &sqlx::any::AnyRow) -> StoreResult<ChainPlace> {
    Ok(ChainPlace {
        epoch: u32::try_from(row.int("epoch")?).map_err(|error| StoreError::corrupt("epoch", error))?,
        sequence: u64::try_from(row.int("sequence")?).map_err(|error| StoreError::corrupt("sequence", error))?,
    })
}

/// What stands at these places, in whichever month.
pub(super) async fn places(
    connection: &mut AnyConnection,
    places: BTreeSet<(KeyFingerprint, ChainPlace)>,
) -> StoreResult<HashMap<(KeyFingerprint, ChainPlace), StoredAtPlace>> {
    // Either half has an index of its own.
    const FIND: Bulk = Bulk {
        before: "WITH v(wanted, e, s) AS (VALUES",
        after: ") SELECT r.fingerprint, r.epoch, r.sequence, r.digest, r.state FROM v \
                JOIN report r ON r.fingerprint = v.wanted AND r.epoch = v.e AND r.sequence = v.s AND r.state = 'stored' \
                UNION ALL SELECT r.fingerprint, r.epoch, r.sequence, r.digest, r.state FROM v \
                JOIN report r ON r.fingerprint = v.wanted AND r.epoch = v.e AND r.sequence = v.s AND r.state = 'fork'",
    };
    let wanted = places
        .into_iter()
        .map(|(key, place)| vec![raw(key.0), i64::from(place.epoch).into(), sequence(place).into()])
        .collect();
    let mut found: HashMap<_, StoredAtPlace> = HashMap::new();
    for row in FIND.fetch(connection, wanted).await? {
        let key = KeyFingerprint(row.digest("fingerprint")?);
        let place = found.entry((key, read_place(&row)?)).or_default();
        let digest = row.digest("digest")?;
        match row.word("state")? {
            ReportState::Stored => place.stored = Some(digest),
            ReportState::Fork => {
                place.forks.insert(digest);
            }
        }
    }
    Ok(found)
}

/// Sequences stay below 2^53, as documents are read.
pub(super) fn sequence(place: ChainPlace) -> i64 {
    i64::try_from(place.sequence).unwrap_or(i64::MAX)
}

/// The newest month in which each of these bodies is held.
pub(in crate::store) async fn held_bodies(
    connection: &mut AnyConnection,
    digests: &BTreeSet<Digest>,
) -> StoreResult<BTreeMap<Digest, ReceivedMonth>> {
    const FIND: Bulk = Bulk {
        before: "WITH v(wanted) AS (VALUES",
        after: ") SELECT b.digest, MAX(b.received_month) AS month FROM v JOIN body b ON b.digest = v.wanted GROUP BY b.digest",
    };
    let rows = FIND
        .fetch(connection, digests.iter().map(|digest| vec![raw(*digest)]).collect())
        .await?;
    rows.iter().map(|row| Ok((row.digest("digest")?, row.month("month")?))).collect()
}
