//! Requests that came on a stick.

use inventory_schema::{Digest, KeyFingerprint, Timestamp};

use super::statement::Columns;
use super::{Store, StoreResult};

/// A request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CarriedRequestRow {
    /// Of the request's document.
    pub digest: Digest,
    pub key: KeyFingerprint,
    pub imported_at: Timestamp,
    /// Of the answer's document.
    pub answer: Digest,
}

impl Store {
    pub async fn carried_request(&self, digest: Digest) -> StoreResult<Option<CarriedRequestRow>> {
        let row = sqlx::query("SELECT digest, fingerprint, imported_at, answer FROM carried_request WHERE digest = $1")
            .bind(digest.to_string())
            .fetch_optional(self.read())
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(CarriedRequestRow {
            digest: row.parsed("digest")?,
            key: row.parsed("fingerprint")?,
            imported_at: row.time("imported_at")?,
            answer: row.parsed("answer")?,
        }))
    }

    /// The first import's time stays; the answer is the newest.
    pub async fn note_carried_request(&self, request: &CarriedRequestRow) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO carried_request (digest, fingerprint, imported_at, answer) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (digest) DO UPDATE SET answer = excluded.answer",
        )
        .bind(request.digest.to_string())
        .bind(request.key.to_string())
        .bind(request.imported_at.unix_micros())
        .bind(request.answer.to_string())
        .execute(self.write())
        .await?;
        Ok(())
    }
}
