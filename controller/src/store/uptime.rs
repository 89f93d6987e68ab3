//! When computers ran, as they reported it: read from the bodies that they signed.

use inventory_schema::activity::Activity;

use super::report_reading::decompress;
use super::statement::{Columns, records};
use super::{Store, StoreError, StoreResult};

impl Store {
    /// The newest `limit` days that a device reported, newest first. Forks are not among them; bodies that are not held
    /// are passed over.
    pub async fn reported_days(&self, device: i64, limit: i64) -> StoreResult<Vec<Activity>> {
        let rows = sqlx::query(
            "SELECT b.bytes, b.size FROM report r JOIN report_section s ON s.report_id = r.id AND s.received_month = r.received_month \
             JOIN body b ON b.digest = s.body_digest AND b.received_month = r.received_month \
             WHERE r.device_id = $1 AND r.state = 'stored' AND r.kind = 'activity' AND s.section = 'activity' ORDER BY r.id DESC LIMIT $2",
        )
        .bind(device)
        .bind(limit)
        .fetch_all(self.read())
        .await?;
        records(&rows, |row| {
            let bytes = decompress(&row.bytes("bytes")?, row.int("size")?)?;
            serde_json::from_slice(&bytes).map_err(|error| StoreError::corrupt("activity", error))
        })
    }
}
