//! The issuance log and revocations. Both survive the deletion of a device.

use inventory_schema::{DeviceId, KeyFingerprint, Timestamp};
use sqlx::any::AnyRow;

use super::statement::{Bulk, Columns, Value, records};
use super::wake::Change;
use super::{Store, StoreResult};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// Lower-case hexadecimal.
    pub serial: String,
    pub key: KeyFingerprint,
    pub device: DeviceId,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub issued_at: Timestamp,
    pub der: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Grows with each revocation.
    pub id: i64,
    pub key: KeyFingerprint,
    pub revoked_at: Timestamp,
    pub reason: String,
    pub operator_id: Option<i64>,
}

pub(super) const LOG: Bulk = Bulk {
    before: "INSERT INTO certificate (serial, fingerprint, device_external_id, not_before, not_after, issued_at, der) VALUES",
    after: "",
};

impl IssuedCertificate {
    /// As [`LOG`] takes them.
    pub(super) fn values(&self) -> Vec<Value> {
        vec![
            self.serial.as_str().into(),
            self.key.0.into(),
            self.device.to_string().into(),
            self.not_before.into(),
            self.not_after.into(),
            self.issued_at.into(),
            self.der.clone().into(),
        ]
    }
}

impl Store {
    /// A serial number that was logged before is a conflict.
    pub async fn log_certificate(&self, certificate: &IssuedCertificate) -> StoreResult<()> {
        let mut transaction = self.begin().await?;
        LOG.execute(&mut transaction, vec![certificate.values()]).await?;
        Ok(transaction.commit().await?)
    }

    /// Newest first.
    pub async fn certificates(&self, device: DeviceId) -> StoreResult<Vec<IssuedCertificate>> {
        let rows = sqlx::query(
            "SELECT serial, fingerprint, device_external_id, not_before, not_after, issued_at, der \
             FROM certificate WHERE device_external_id = $1 ORDER BY id DESC",
        )
        .bind(device.to_string())
        .fetch_all(self.read())
        .await?;
        records(&rows, read)
    }

    /// The newest certificate of a key, whatever became of its device: who owned this key?
    pub async fn newest_certificate(&self, key: KeyFingerprint) -> StoreResult<Option<IssuedCertificate>> {
        let row = sqlx::query(
            "SELECT serial, fingerprint, device_external_id, not_before, not_after, issued_at, der \
             FROM certificate WHERE fingerprint = $1 ORDER BY id DESC LIMIT 1",
        )
        .bind(key.to_string())
        .fetch_optional(self.read())
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// Answers whether the key was not revoked before; the first revocation stands. Once this has answered, no
    /// controller takes the key for valid, and a device that waits with it was woken.
    pub async fn revoke_key(&self, key: KeyFingerprint, at: Timestamp, reason: &str, operator_id: Option<i64>) -> StoreResult<bool> {
        let result = sqlx::query(
            "INSERT INTO revocation (fingerprint, revoked_at, reason, operator_id) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (fingerprint) DO NOTHING",
        )
        .bind(key.to_string())
        .bind(at.unix_micros())
        .bind(reason)
        .bind(operator_id)
        .execute(self.write())
        .await?;
        // In a transaction of its own: a device that gets this key meanwhile, unseen by either, is read for the
        // first time after the revocation is visible. Even when it stood before, in case this part never came.
        let mut transaction = self.begin().await?;
        let change = self.change(&mut transaction, Change::Revoked).await?;
        let devices = sqlx::query("SELECT device_id FROM device_key WHERE fingerprint = $1")
            .bind(key.to_string())
            .fetch_all(&mut *transaction)
            .await?;
        let devices = records(&devices, |row| row.int("device_id"))?;
        change.concerns(&mut transaction, &devices).await?;
        change.commit(transaction).await?;
        Ok(result.rows_affected() > 0)
    }

    pub async fn is_revoked(&self, key: KeyFingerprint) -> StoreResult<bool> {
        Ok(self.revocation(key).await?.is_some())
    }

    pub async fn revocation(&self, key: KeyFingerprint) -> StoreResult<Option<Revocation>> {
        let row = sqlx::query("SELECT id, fingerprint, revoked_at, reason, operator_id FROM revocation WHERE fingerprint = $1")
            .bind(key.to_string())
            .fetch_optional(self.read())
            .await?;
        row.as_ref().map(read_revocation).transpose()
    }

    /// Revocations with ids above `after`, oldest first: what a controller has not seen yet.
    pub async fn revocations_after(&self, after: i64, limit: i64) -> StoreResult<Vec<Revocation>> {
        let rows =
            sqlx::query("SELECT id, fingerprint, revoked_at, reason, operator_id FROM revocation WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(after)
                .bind(limit)
                .fetch_all(self.read())
                .await?;
        records(&rows, read_revocation)
    }
}

pub(super) fn read(row: &AnyRow) -> StoreResult<IssuedCertificate> {
    Ok(IssuedCertificate {
        serial: row.text("serial")?,
        key: row.parsed("fingerprint")?,
        device: row.parsed("device_external_id")?,
        not_before: row.time("not_before")?,
        not_after: row.time("not_after")?,
        issued_at: row.time("issued_at")?,
        der: row.bytes("der")?,
    })
}

pub(super) fn read_revocation(row: &AnyRow) -> StoreResult<Revocation> {
    Ok(Revocation {
        id: row.int("id")?,
        key: row.parsed("fingerprint")?,
        revoked_at: row.time("revoked_at")?,
        reason: row.text("reason")?,
        operator_id: row.optional_int("operator_id")?,
    })
}
