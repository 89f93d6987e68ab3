//! What an export of evidence reads: a device's keys, certificates, reports and bodies, exactly as they came.

use std::collections::HashMap;

use inventory_schema::organization::OrganizationId;
use inventory_schema::{DeviceId, Digest, KeyFingerprint, Timestamp};
use sqlx::any::AnyRow;

use super::certificate::{IssuedCertificate, Revocation};
use super::organization::in_scope;
use super::report::ReportState;
use super::report_reading::{decompress, read_envelope};
use super::statement::{Bulk, Columns, raw, records};
use super::{Scope, Store, StoreResult};

/// A report exactly as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedReport {
    pub id: i64,
    pub digest: Digest,
    pub envelope: Vec<u8>,
    pub signature: Vec<u8>,
    pub received_at: Timestamp,
    pub state: ReportState,
}

/// Something of the authority's log, with its place there once a checkpoint has been taken over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged<T> {
    pub entry: T,
    pub position: Option<u64>,
}

impl Store {
    /// Every device of an organization in scope, in the order of their ids.
    pub async fn device_ids_of(&self, scope: Scope, organization: OrganizationId) -> StoreResult<Vec<DeviceId>> {
        let rows = sqlx::query(concat!(
            "SELECT d.external_id FROM device d JOIN organization o ON o.id = d.organization_id \
             JOIN organization_version v ON v.organization_id = o.id AND v.superseded_at IS NULL WHERE ",
            in_scope!(),
            " AND o.external_id = $3"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(organization.to_string())
        .fetch_all(self.read())
        .await?;
        let mut ids: Vec<DeviceId> = records(&rows, |row| row.parsed("external_id"))?;
        ids.sort();
        Ok(ids)
    }

    /// Every key that a device has or has reported with, in order.
    pub async fn evidence_keys(&self, device: i64) -> StoreResult<Vec<KeyFingerprint>> {
        // Names of keys are text with devices and bytes with reports.
        let of_device = sqlx::query("SELECT fingerprint FROM device_key WHERE device_id = $1")
            .bind(device)
            .fetch_all(self.read())
            .await?;
        let of_reports = sqlx::query("SELECT DISTINCT fingerprint FROM report WHERE device_id = $1")
            .bind(device)
            .fetch_all(self.read())
            .await?;
        let mut keys: Vec<KeyFingerprint> = records(&of_device, |row| row.parsed("fingerprint"))?;
        keys.extend(records(&of_reports, |row| row.digest("fingerprint").map(KeyFingerprint))?);
        keys.sort();
        keys.dedup();
        Ok(keys)
    }

    /// A key's certificates, oldest first.
    pub async fn logged_certificates(&self, key: KeyFingerprint) -> StoreResult<Vec<Logged<IssuedCertificate>>> {
        let rows = sqlx::query(
            "SELECT c.serial, c.fingerprint, c.device_external_id, c.not_before, c.not_after, c.issued_at, c.der, l.position \
             FROM certificate c LEFT JOIN authority_log l ON l.kind = 'certificate' AND l.subject = c.serial \
             WHERE c.fingerprint = $1 ORDER BY c.id",
        )
        .bind(key.to_string())
        .fetch_all(self.read())
        .await?;
        records(&rows, |row| {
            Ok(Logged {
                entry: super::certificate::read(row)?,
                position: position(row)?,
            })
        })
    }

    pub async fn logged_revocation(&self, key: KeyFingerprint) -> StoreResult<Option<Logged<Revocation>>> {
        let row = sqlx::query(
            "SELECT r.id, r.fingerprint, r.revoked_at, r.reason, r.operator_id, l.position \
             FROM revocation r LEFT JOIN authority_log l ON l.kind = 'revocation' AND l.subject = r.fingerprint WHERE r.fingerprint = $1",
        )
        .bind(key.to_string())
        .fetch_optional(self.read())
        .await?;
        row.map(|row| {
            Ok(Logged {
                entry: super::certificate::read_revocation(&row)?,
                position: position(&row)?,
            })
        })
        .transpose()
    }

    /// The ids of a device's first and last report that were received in a span of time.
    pub async fn report_span(&self, device: i64, from: Option<Timestamp>, to: Option<Timestamp>) -> StoreResult<Option<(i64, i64)>> {
        let row = sqlx::query(
            "SELECT MIN(id) AS first, MAX(id) AS last FROM report \
             WHERE device_id = $1 AND ($2 IS NULL OR received_at >= $2) AND ($3 IS NULL OR received_at < $3)",
        )
        .bind(device)
        .bind(from.map(Timestamp::unix_micros))
        .bind(to.map(Timestamp::unix_micros))
        .fetch_one(self.read())
        .await?;
        Ok(row.optional_int("first")?.zip(row.optional_int("last")?))
    }

    /// At most `limit` reports of a device from the id `from` on, in the order in which they were stored.
    pub async fn received_reports(&self, device: i64, from: i64, limit: i64) -> StoreResult<Vec<ReceivedReport>> {
        let rows = sqlx::query(
            "SELECT id, digest, envelope, signature, received_at, state FROM report WHERE device_id = $1 AND id >= $2 ORDER BY id LIMIT $3",
        )
        .bind(device)
        .bind(from)
        .bind(limit)
        .fetch_all(self.read())
        .await?;
        records(&rows, |row| {
            Ok(ReceivedReport {
                id: row.int("id")?,
                digest: row.digest("digest")?,
                envelope: read_envelope(row)?,
                signature: row.bytes("signature")?,
                received_at: row.time("received_at")?,
                state: row.word("state")?,
            })
        })
    }

    /// Those of these bodies that are held, as canonical JSON.
    pub async fn bodies(&self, digests: &[Digest]) -> StoreResult<HashMap<Digest, Vec<u8>>> {
        const FIND: Bulk = Bulk {
            before: "WITH v(wanted) AS (VALUES",
            after: ") SELECT b.digest, b.bytes, b.size FROM v JOIN body b ON b.digest = v.wanted",
        };
        let mut connection = self.read().acquire().await?;
        let rows = FIND
            .fetch(&mut connection, digests.iter().map(|digest| vec![raw(*digest)]).collect())
            .await?;
        rows.iter()
            .map(|row| Ok((row.digest("digest")?, decompress(&row.bytes("bytes")?, row.int("size")?)?)))
            .collect()
    }
}

fn position(row: &AnyRow) -> StoreResult<Option<u64>> {
    Ok(row.optional_int("position")?.and_then(|position| u64::try_from(position).ok()))
}
