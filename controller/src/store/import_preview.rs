//! Imports that were previewed and wait for their operator's confirmation.

use inventory_schema::Timestamp;
use uuid::Uuid;

use super::statement::Columns;
use super::{Store, StoreResult};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportPreview {
    pub external_id: Uuid,
    pub operator_id: i64,
    pub created_at: Timestamp,
    pub kind: String,
    /// JSON.
    pub document: String,
}

impl Store {
    pub async fn save_import_preview(&self, preview: &ImportPreview) -> StoreResult<()> {
        sqlx::query("INSERT INTO import_preview (external_id, operator_id, created_at, kind, document) VALUES ($1, $2, $3, $4, $5)")
            .bind(preview.external_id.hyphenated().to_string())
            .bind(preview.operator_id)
            .bind(preview.created_at.unix_micros())
            .bind(preview.kind.as_str())
            .bind(preview.document.as_str())
            .execute(self.write())
            .await?;
        Ok(())
    }

    /// Only the operator who previewed an import finds it, and only as what it was previewed.
    pub async fn import_preview(&self, id: Uuid, operator_id: i64, kind: &str) -> StoreResult<Option<ImportPreview>> {
        let row = sqlx::query(
            "SELECT external_id, operator_id, created_at, kind, document FROM import_preview \
             WHERE external_id = $1 AND operator_id = $2 AND kind = $3",
        )
        .bind(id.hyphenated().to_string())
        .bind(operator_id)
        .bind(kind)
        .fetch_optional(self.read())
        .await?;
        row.map(|row| {
            Ok(ImportPreview {
                external_id: row.parsed("external_id")?,
                operator_id: row.int("operator_id")?,
                created_at: row.time("created_at")?,
                kind: row.text("kind")?,
                document: row.text("document")?,
            })
        })
        .transpose()
    }

    /// Answers whether it was still there: of two confirmations only one deletes it.
    pub async fn delete_import_preview(&self, id: Uuid, operator_id: i64) -> StoreResult<bool> {
        let result = sqlx::query("DELETE FROM import_preview WHERE external_id = $1 AND operator_id = $2")
            .bind(id.hyphenated().to_string())
            .bind(operator_id)
            .execute(self.write())
            .await?;
        Ok(result.rows_affected() > 0)
    }

    /// Previews that nobody confirmed since `before`. Answers how many there were.
    pub async fn delete_import_previews_before(&self, before: Timestamp) -> StoreResult<u64> {
        let result = sqlx::query("DELETE FROM import_preview WHERE created_at < $1")
            .bind(before.unix_micros())
            .execute(self.write())
            .await?;
        Ok(result.rows_affected())
    }
}
