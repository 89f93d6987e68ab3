//! Municipalities: the first level below the region.

use inventory_schema::organization::Oktmo;
use sqlx::any::AnyRow;

use super::fold::sort_key;
use super::register::MunicipalityRow;
use super::statement::{Bulk, Columns, Value, records};
use super::{Scope, Store, StoreError, StoreResult};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Municipality {
    pub id: i64,
    /// Eight digits.
    pub oktmo: Oktmo,
    pub name: String,
    /// An IANA name: `Asia/Yekaterinburg`.
    pub time_zone: String,
}

pub(super) const UPSERT: Bulk = Bulk {
    before: "INSERT INTO municipality (oktmo, name, name_key, time_zone) VALUES",
    after: "ON CONFLICT (oktmo) DO UPDATE SET name = excluded.name, name_key = excluded.name_key, time_zone = excluded.time_zone",
};

pub(super) fn upsert_values(rows: &[MunicipalityRow]) -> Vec<Vec<Value>> {
    rows.iter()
        .map(|row| {
            vec![
                row.oktmo.municipality().into(),
                row.name.as_str().into(),
                sort_key(row.name.as_str()).into(),
                row.time_zone.as_str().into(),
            ]
        })
        .collect()
}

fn read(row: &AnyRow) -> Result<Municipality, StoreError> {
    Ok(Municipality {
        id: row.int("id")?,
        oktmo: row.parsed("oktmo")?,
        name: row.text("name")?,
        time_zone: row.text("time_zone")?,
    })
}

impl Store {
    /// Adds municipalities, or renames those that exist with the same ОКТМО.
    pub async fn upsert_municipalities(&self, rows: &[MunicipalityRow]) -> StoreResult<()> {
        let mut transaction = self.begin().await?;
        UPSERT.execute(&mut transaction, upsert_values(rows)).await?;
        Ok(transaction.commit().await?)
    }

    /// By name. A scope of one organization sees its own municipality.
    pub async fn municipalities(&self, scope: Scope) -> StoreResult<Vec<Municipality>> {
        let rows = sqlx::query(
            "SELECT m.id, m.oktmo, m.name, m.time_zone FROM municipality m \
             WHERE ($1 IS NULL OR m.id = $1) \
               AND ($2 IS NULL OR m.id IN (SELECT municipality_id FROM organization_version \
                                           WHERE organization_id = $2 AND superseded_at IS NULL)) \
             ORDER BY m.name_key, m.oktmo",
        )
        .bind(scope.municipality)
        .bind(scope.organization)
        .fetch_all(self.read())
        .await?;
        records(&rows, read)
    }
}
