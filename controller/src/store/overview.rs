//! The numbers of the overview page.

use std::time::Duration;

use inventory_schema::Timestamp;
use sqlx::any::AnyRow;

use super::organization::in_scope;
use super::statement::{Columns, records};
use super::{Scope, Store, StoreResult};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Devices that have not left, counted by when they were last heard of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeviceCounts {
    pub total: i64,
    /// Heard of within 24 hours.
    pub seen_day: i64,
    /// Heard of, but not for more than 7 days.
    pub silent_week: i64,
    /// Enrolled and never reported anything.
    pub never_reported: i64,
    /// Another system told of them, and no agent.
    pub stated: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MunicipalityCounts {
    pub municipality_id: i64,
    pub name: String,
    pub organizations: i64,
    pub devices: DeviceCounts,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    pub organizations: i64,
    pub devices: DeviceCounts,
    /// By name; every municipality in scope, those without devices too.
    pub municipalities: Vec<MunicipalityCounts>,
}

impl Store {
    pub async fn overview(&self, scope: Scope, now: Timestamp) -> StoreResult<Overview> {
        let rows = sqlx::query(concat!(
            "SELECT m.id, m.name, COUNT(DISTINCT v.organization_id) AS organizations, COUNT(d.id) AS total, \
             COUNT(CASE WHEN p.last_seen_at >= $3 THEN 1 END) AS seen_day, \
             COUNT(CASE WHEN p.last_seen_at < $4 THEN 1 END) AS silent_week, \
             COUNT(CASE WHEN d.evidence_level = 'agent' AND p.last_report_at IS NULL THEN 1 END) AS never_reported, \
             COUNT(CASE WHEN d.evidence_level = 'stated' THEN 1 END) AS stated \
             FROM municipality m JOIN organization_version v ON v.municipality_id = m.id AND v.superseded_at IS NULL \
             LEFT JOIN device d ON d.organization_id = v.organization_id AND d.state <> 'left' AND d.merged_into IS NULL \
             LEFT JOIN presence p ON p.device_id = d.id WHERE ",
            in_scope!(),
            " GROUP BY m.id, m.name, m.name_key ORDER BY m.name_key, m.id"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind((now - DAY).unix_micros())
        .bind((now - 7 * DAY).unix_micros())
        .fetch_all(self.read())
        .await?;
        let municipalities = records(&rows, read)?;
        let sum = |count: fn(&MunicipalityCounts) -> i64| municipalities.iter().map(count).sum();
        Ok(Overview {
            organizations: sum(|m| m.organizations),
            devices: DeviceCounts {
                total: sum(|m| m.devices.total),
                seen_day: sum(|m| m.devices.seen_day),
                silent_week: sum(|m| m.devices.silent_week),
                never_reported: sum(|m| m.devices.never_reported),
                stated: sum(|m| m.devices.stated),
            },
            municipalities,
        })
    }
}

fn read(row: &AnyRow) -> StoreResult<MunicipalityCounts> {
    Ok(MunicipalityCounts {
        municipality_id: row.int("id")?,
        name: row.text("name")?,
        organizations: row.int("organizations")?,
        devices: DeviceCounts {
            total: row.int("total")?,
            seen_day: row.int("seen_day")?,
            silent_week: row.int("silent_week")?,
            never_reported: row.int("never_reported")?,
            stated: row.int("stated")?,
        },
    })
}
