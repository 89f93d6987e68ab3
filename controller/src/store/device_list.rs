//! Lists of devices: by place, by words, by silence.

use inventory_schema::Timestamp;
use inventory_schema::inventory::DeviceKind;
use inventory_schema::organization::{BuildingId, OrganizationId, RoomId};

use super::device::{Device, DeviceState, EvidenceLevel, device_where, read};
use super::fold::search_pattern;
use super::organization::in_scope;
use super::statement::{Columns, records, word};
use super::{Listing, Page, Scope, Store, StoreResult};

/// Every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceFilter {
    /// A municipality's internal id.
    pub municipality: Option<i64>,
    pub organization: Option<OrganizationId>,
    pub building: Option<BuildingId>,
    pub room: Option<RoomId>,
    /// Words of the host name, maker, model, serial number, processor or system, in this order; or the device's id.
    pub query: Option<String>,
    pub state: Option<DeviceState>,
    pub evidence_level: Option<EvidenceLevel>,
    pub contact: Option<Contact>,
    /// Enrolled at or after this time.
    pub enrolled_since: Option<Timestamp>,
    /// As people ruled, or else as the agent concludes.
    pub kind: Option<DeviceKind>,
}

/// When a device was last heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact {
    /// At or after this time.
    Since(Timestamp),
    /// Heard of, but not since this time.
    SilentSince(Timestamp),
    /// Enrolled by its agent, and never reported anything.
    NeverReported,
}

macro_rules! matching {
    () => {
        concat!(
            in_scope!(),
            " AND d.merged_into IS NULL AND ($3 IS NULL OR o.external_id = $3) AND ($4 IS NULL OR b.external_id = $4) AND ($5 IS NULL OR r.external_id = $5) \
             AND ($6 IS NULL OR d.search_key LIKE $6 ESCAPE '\\') AND ($7 IS NULL OR d.state = $7) \
             AND ($8 IS NULL OR p.last_seen_at >= $8) AND ($9 IS NULL OR p.last_seen_at < $9) \
             AND ($10 = 0 OR (p.last_report_at IS NULL AND d.evidence_level = 'agent')) AND ($11 IS NULL OR v.municipality_id = $11) \
             AND ($12 IS NULL OR d.enrolled_at >= $12) AND ($13 IS NULL OR d.evidence_level = $13) \
             AND ($14 IS NULL OR COALESCE(d.ruled_kind, d.kind) = $14)"
        )
    };
}

impl Store {
    /// By organization, then host name.
    pub async fn devices(&self, scope: Scope, filter: &DeviceFilter, page: Page) -> StoreResult<Listing<Device>> {
        let rows = bound(
            sqlx::query(device_where!(concat!(
                matching!(),
                " ORDER BY v.sort_key, COALESCE(d.host_name, ''), d.id LIMIT $15 OFFSET $16"
            ))),
            scope,
            filter,
        )
        .bind(page.limit)
        .bind(page.offset)
        .fetch_all(self.read())
        .await?;
        let count = bound(
            sqlx::query(concat!(
                "SELECT COUNT(*) AS total FROM device d JOIN presence p ON p.device_id = d.id \
                 JOIN organization o ON o.id = d.organization_id JOIN organization_version v ON v.organization_id = o.id AND v.superseded_at IS NULL \
                 JOIN building b ON b.id = d.building_id LEFT JOIN room r ON r.id = d.room_id WHERE ",
                matching!()
            )),
            scope,
            filter,
        )
        .fetch_one(self.read())
        .await?;
        Ok(Listing {
            rows: records(&rows, read)?,
            total: count.int("total")?,
        })
    }
}

type Query = sqlx::query::Query<'static, sqlx::Any, sqlx::any::AnyArguments>;

/// Binds `$1` to `$14`.
fn bound(query: Query, scope: Scope, filter: &DeviceFilter) -> Query {
    let (since, silent, never) = match filter.contact {
        Some(Contact::Since(at)) => (Some(at.unix_micros()), None, 0),
        Some(Contact::SilentSince(at)) => (None, Some(at.unix_micros()), 0),
        Some(Contact::NeverReported) => (None, None, 1),
        None => (None, None, 0),
    };
    query
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(filter.organization.map(|id| id.to_string()))
        .bind(filter.building.map(|id| id.to_string()))
        .bind(filter.room.map(|id| id.to_string()))
        .bind(search_pattern(filter.query.as_deref()))
        .bind(filter.state.map(|state| word(&state)))
        .bind(since)
        .bind(silent)
        .bind(i64::from(never))
        .bind(filter.municipality)
        .bind(filter.enrolled_since.map(Timestamp::unix_micros))
        .bind(filter.evidence_level.map(EvidenceLevel::as_str))
        .bind(filter.kind.map(|kind| word(&kind)))
}
