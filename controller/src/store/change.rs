//! What changed about devices' hardware: parts that came, went and wandered, and properties that are others.
//!
//! Lines are added and read. One is taken back: that a part was taken out, when it turns up again, because both halves are
//! one event. Written by `store::part` and with the reports themselves; shown on `/changes` and on a device's page.

use inventory_schema::organization::OrganizationId;
use inventory_schema::{DeviceId, Timestamp};
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::statement::{Bulk, Columns, Value, records, word};
use super::{Listing, Page, Scope, Store, StoreResult};
use crate::part::ledger::PartEvent;
use crate::part::summary::FactChange;
use crate::part::{ChangeKind, PartKind};

/// A list counts no further.
pub const MOST_COUNTED: i64 = 10_000;

/// Properties of one device that changed with one report.
#[derive(Debug, Clone)]
pub(super) struct FactsChanged {
    /// Internal id.
    pub device: i64,
    pub at: Timestamp,
    pub facts: Vec<FactChange>,
}

/// Every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    pub kind: Option<ChangeKind>,
    /// Where it happened, or came from.
    pub organization: Option<OrganizationId>,
    /// A device's internal id, with the records joined into it.
    pub device: Option<i64>,
}

/// A device that takes part in a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedDevice {
    pub device: DeviceId,
    /// Its host name or model.
    pub name: Option<String>,
    pub organization: OrganizationId,
    pub organization_short_name: String,
    /// Whether whoever asks may see it.
    pub in_scope: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HardwareChange {
    pub id: i64,
    pub kind: ChangeKind,
    pub at: Timestamp,
    pub device: ChangedDevice,
    pub other: Option<ChangedDevice>,
    pub part_kind: Option<PartKind>,
    /// JSON.
    pub detail: String,
}

/// Of the current versions `v` and `w`: `$1` is the scope's municipality, `$2` its organization.
macro_rules! here_in_scope {
    () => {
        "(($1 IS NULL OR v.municipality_id = $1) AND ($2 IS NULL OR v.organization_id = $2))"
    };
}
macro_rules! there_in_scope {
    () => {
        "(w.organization_id IS NOT NULL AND ($1 IS NULL OR w.municipality_id = $1) AND ($2 IS NULL OR w.organization_id = $2))"
    };
}
macro_rules! matching {
    () => {
        concat!(
            "FROM hardware_change c JOIN device d ON d.id = c.device_id JOIN organization o ON o.id = d.organization_id \
             JOIN organization_version v ON v.organization_id = o.id AND v.superseded_at IS NULL \
             LEFT JOIN device e ON e.id = c.other_device_id LEFT JOIN organization u ON u.id = e.organization_id \
             LEFT JOIN organization_version w ON w.organization_id = u.id AND w.superseded_at IS NULL WHERE (",
            here_in_scope!(),
            " OR ",
            there_in_scope!(),
            ") AND ($3 IS NULL OR c.kind = $3) AND ($4 IS NULL OR o.external_id = $4 OR u.external_id = $4) \
             AND ($5 IS NULL OR d.id = $5 OR d.merged_into = $5 OR e.id = $5 OR e.merged_into = $5) "
        )
    };
}
macro_rules! columns {
    () => {
        concat!(
            "SELECT c.id, c.kind, c.at, c.part_kind, c.detail, d.external_id AS device, COALESCE(d.host_name, d.model) AS name, \
             o.external_id AS organization, v.short_name, CASE WHEN ",
            here_in_scope!(),
            " THEN 1 ELSE 0 END AS here, e.external_id AS other_device, COALESCE(e.host_name, e.model) AS other_name, \
             u.external_id AS other_organization, w.short_name AS other_short_name, CASE WHEN ",
            there_in_scope!(),
            " THEN 1 ELSE 0 END AS there "
        )
    };
}

impl Store {
    /// Newest first. The total is at most [`MOST_COUNTED`].
    pub async fn changes(&self, scope: Scope, filter: &ChangeFilter, page: Page) -> StoreResult<Listing<HardwareChange>> {
        let listed = concat!(columns!(), matching!(), "ORDER BY c.at DESC, c.id DESC LIMIT $6 OFFSET $7");
        let rows = bound(sqlx::query(listed), scope, filter)
            .bind(page.limit)
            .bind(page.offset)
            .fetch_all(self.read())
            .await?;
        let counted = concat!("SELECT COUNT(*) AS total FROM (SELECT 1 AS one ", matching!(), "LIMIT $6) AS t");
        let count = bound(sqlx::query(counted), scope, filter)
            .bind(MOST_COUNTED)
            .fetch_one(self.read())
            .await?;
        Ok(Listing {
            rows: records(&rows, read)?,
            total: count.int("total")?,
        })
    }

    /// A device's own changes, newest first: found by its index.
    pub async fn changes_of(&self, scope: Scope, device: i64, limit: i64) -> StoreResult<Vec<HardwareChange>> {
        let rows = sqlx::query(concat!(
            columns!(),
            matching!(),
            "AND c.id IN (SELECT a.id FROM hardware_change a JOIN device x ON x.id = a.device_id WHERE x.id = $5 OR x.merged_into = $5 \
             UNION SELECT b.id FROM hardware_change b JOIN device y ON y.id = b.other_device_id WHERE y.id = $5 OR y.merged_into = $5) \
             ORDER BY c.at DESC, c.id DESC LIMIT $6"
        ));
        let filter = ChangeFilter {
            device: Some(device),
            ..ChangeFilter::default()
        };
        let rows = bound(rows, scope, &filter).bind(limit).fetch_all(self.read()).await?;
        records(&rows, read)
    }
}

type Query = sqlx::query::Query<'static, sqlx::Any, sqlx::any::AnyArguments>;

/// Binds `$1` to `$5`.
fn bound(query: Query, scope: Scope, filter: &ChangeFilter) -> Query {
    query
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(filter.kind.map(|kind| kind.as_str()))
        .bind(filter.organization.map(|id| id.to_string()))
        .bind(filter.device)
}

const NOTE: Bulk = Bulk {
    before: "INSERT INTO hardware_change (kind, at, device_id, other_device_id, part_kind, identity, detail) VALUES",
    after: "",
};

/// Writes what is told of parts, and takes back what it takes the place of.
pub(super) async fn note_parts(connection: &mut AnyConnection, events: &[PartEvent]) -> StoreResult<()> {
    const TAKE_BACK: Bulk = Bulk {
        before: "WITH v(target, sort, number) AS (VALUES",
        after: ") DELETE FROM hardware_change WHERE kind = 'part_removed' AND EXISTS (SELECT 1 FROM v WHERE v.target = hardware_change.device_id \
                AND v.sort = hardware_change.part_kind AND v.number = hardware_change.identity) \
                AND device_id IN (SELECT v.target FROM v)",
    };
    let replaced = events.iter().filter_map(|event| {
        let identity = &event.part.identity;
        let from = event.replaces_removal_from?;
        Some(vec![from.into(), identity.kind.as_str().into(), identity.value.as_str().into()])
    });
    TAKE_BACK.execute(&mut *connection, replaced.collect()).await?;
    NOTE.execute(connection, events.iter().map(part_values).collect()).await?;
    Ok(())
}

fn part_values(event: &PartEvent) -> Vec<Value> {
    let part = &event.part;
    let detail = json!({
        "serial": part.serial,
        "maker": part.maker,
        "model": part.model,
        "size": part.size_bytes,
        "left_at": event.left_at,
        "presumed": event.presumed,
    });
    vec![
        word(&event.kind).into(),
        event.at.into(),
        event.device.into(),
        event.other.into(),
        part.identity.kind.as_str().into(),
        part.identity.value.as_str().into(),
        detail.to_string().into(),
    ]
}

pub(super) async fn note_facts(connection: &mut AnyConnection, changed: &[FactsChanged]) -> StoreResult<()> {
    let row = |changed: &FactsChanged, fact: &FactChange| {
        let detail = json!({ "fact": fact.fact, "before": fact.before, "after": fact.after });
        vec![
            word(&ChangeKind::FactChanged).into(),
            changed.at.into(),
            changed.device.into(),
            Value::Int(None),
            Value::Text(None),
            Value::Text(None),
            detail.to_string().into(),
        ]
    };
    let rows = changed
        .iter()
        .flat_map(|changed| changed.facts.iter().map(|fact| row(changed, fact)));
    NOTE.execute(connection, rows.collect()).await?;
    Ok(())
}

fn read(row: &AnyRow) -> StoreResult<HardwareChange> {
    let other = match row.optional_parsed("other_device")? {
        Some(device) => Some(ChangedDevice {
            device,
            name: row.optional_text("other_name")?,
            organization: row.parsed("other_organization")?,
            organization_short_name: row.text("other_short_name")?,
            in_scope: row.flag("there")?,
        }),
        None => None,
    };
    Ok(HardwareChange {
        id: row.int("id")?,
        kind: row.word("kind")?,
        at: row.time("at")?,
        device: ChangedDevice {
            device: row.parsed("device")?,
            name: row.optional_text("name")?,
            organization: row.parsed("organization")?,
            organization_short_name: row.text("short_name")?,
            in_scope: row.flag("here")?,
        },
        other,
        part_kind: row.optional_word("part_kind")?,
        detail: row.text("detail")?,
    })
}
