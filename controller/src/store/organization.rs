//! Organizations as people see them: lists with counts, one organization now or as it was known.

use inventory_schema::Timestamp;
use inventory_schema::organization::{Inn, Kpp, Ogrn, OrganizationId, OrganizationKind};
use sqlx::any::AnyRow;

use super::fold::search_pattern;
use super::register::OrganizationStatus;
use super::statement::{Columns, records};
use super::{Listing, Page, Scope, Store, StoreResult};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    pub id: i64,
    pub external_id: OrganizationId,
    pub ogrn: Ogrn,
    pub inn: Inn,
    pub kpp: Option<Kpp>,
    pub kind: OrganizationKind,
    pub name: String,
    pub short_name: String,
    pub status: OrganizationStatus,
    pub contingent: Option<i64>,
    pub municipality_id: i64,
    pub municipality_name: String,
    /// An IANA name.
    pub time_zone: String,
    pub valid_from: Timestamp,
    /// `None`: still holds.
    pub valid_to: Option<Timestamp>,
    pub recorded_at: Timestamp,
    pub source: String,
}

/// An organization with its devices that have not left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationSummary {
    pub id: i64,
    pub external_id: OrganizationId,
    pub ogrn: Ogrn,
    pub kind: OrganizationKind,
    pub short_name: String,
    pub name: String,
    pub status: OrganizationStatus,
    pub municipality_id: i64,
    pub municipality_name: String,
    pub devices: i64,
    /// When the last of its devices was heard of.
    pub last_seen_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrganizationFilter {
    /// Words of the name, the short name, ИНН or ОГРН, in this order.
    pub query: Option<String>,
    /// A municipality's internal id.
    pub municipality: Option<i64>,
}

/// Of a current version `v`: `$1` is the scope's municipality, `$2` its organization.
macro_rules! in_scope {
    () => {
        "($1 IS NULL OR v.municipality_id = $1) AND ($2 IS NULL OR v.organization_id = $2)"
    };
}
pub(super) use in_scope;

macro_rules! matching {
    () => {
        concat!(
            "FROM organization o JOIN organization_version v ON v.organization_id = o.id AND v.superseded_at IS NULL \
             JOIN municipality m ON m.id = v.municipality_id WHERE ",
            in_scope!(),
            " AND ($3 IS NULL OR v.municipality_id = $3) AND ($4 IS NULL OR v.name_key LIKE $4 ESCAPE '\\') "
        )
    };
}

macro_rules! one {
    ($version:literal, $condition:literal) => {
        concat!(
            "SELECT o.id, o.external_id, o.ogrn, v.inn, v.kpp, v.kind, v.name, v.short_name, v.status, v.contingent, v.municipality_id, \
             m.name AS municipality_name, m.time_zone, v.valid_from, v.valid_to, v.recorded_at, v.source \
             FROM organization o JOIN organization_version v ON v.organization_id = o.id AND ",
            $version,
            " JOIN municipality m ON m.id = v.municipality_id WHERE ",
            in_scope!(),
            " AND ",
            $condition
        )
    };
}

impl Store {
    /// By short name, numbers in their order.
    pub async fn organizations(&self, scope: Scope, filter: &OrganizationFilter, page: Page) -> StoreResult<Listing<OrganizationSummary>> {
        let pattern = search_pattern(filter.query.as_deref());
        let rows = sqlx::query(concat!(
            "SELECT o.id, o.external_id, o.ogrn, v.kind, v.short_name, v.name, v.status, v.municipality_id, m.name AS municipality_name, \
             (SELECT COUNT(*) FROM device d WHERE d.organization_id = o.id AND d.state <> 'left' AND d.merged_into IS NULL) AS devices, \
             (SELECT MAX(p.last_seen_at) FROM device d JOIN presence p ON p.device_id = d.id \
              WHERE d.organization_id = o.id AND d.state <> 'left') AS last_seen_at ",
            matching!(),
            "ORDER BY v.sort_key, o.id LIMIT $5 OFFSET $6"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(filter.municipality)
        .bind(pattern.clone())
        .bind(page.limit)
        .bind(page.offset)
        .fetch_all(self.read())
        .await?;
        let count = sqlx::query(concat!("SELECT COUNT(*) AS total ", matching!()))
            .bind(scope.municipality)
            .bind(scope.organization)
            .bind(filter.municipality)
            .bind(pattern)
            .fetch_one(self.read())
            .await?;
        Ok(Listing {
            rows: records(&rows, read_summary)?,
            total: count.int("total")?,
        })
    }

    /// As the register has it now.
    pub async fn organization(&self, scope: Scope, id: OrganizationId) -> StoreResult<Option<Organization>> {
        let row = sqlx::query(one!("v.superseded_at IS NULL", "o.external_id = $3"))
            .bind(scope.municipality)
            .bind(scope.organization)
            .bind(id.to_string())
            .fetch_optional(self.read())
            .await?;
        row.as_ref().map(read).transpose()
    }

    pub async fn organization_by_ogrn(&self, scope: Scope, ogrn: &Ogrn) -> StoreResult<Option<Organization>> {
        let row = sqlx::query(one!("v.superseded_at IS NULL", "o.ogrn = $3"))
            .bind(scope.municipality)
            .bind(scope.organization)
            .bind(ogrn.as_str())
            .fetch_optional(self.read())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// By internal id.
    pub async fn organization_by_internal_id(&self, scope: Scope, id: i64) -> StoreResult<Option<Organization>> {
        let row = sqlx::query(one!("v.superseded_at IS NULL", "o.id = $3"))
            .bind(scope.municipality)
            .bind(scope.organization)
            .bind(id)
            .fetch_optional(self.read())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// As the register had it at `at`: the version that was recorded by then and not yet superseded.
    pub async fn organization_as_of(&self, scope: Scope, id: OrganizationId, at: Timestamp) -> StoreResult<Option<Organization>> {
        let row = sqlx::query(one!(
            "v.recorded_at <= $4 AND (v.superseded_at IS NULL OR v.superseded_at > $4)",
            "o.external_id = $3"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(id.to_string())
        .bind(at.unix_micros())
        .fetch_optional(self.read())
        .await?;
        row.as_ref().map(read).transpose()
    }
}

fn read(row: &AnyRow) -> StoreResult<Organization> {
    Ok(Organization {
        id: row.int("id")?,
        external_id: row.parsed("external_id")?,
        ogrn: row.parsed("ogrn")?,
        inn: row.parsed("inn")?,
        kpp: row.optional_parsed("kpp")?,
        kind: row.word("kind")?,
        name: row.text("name")?,
        short_name: row.text("short_name")?,
        status: row.word("status")?,
        contingent: row.optional_int("contingent")?,
        municipality_id: row.int("municipality_id")?,
        municipality_name: row.text("municipality_name")?,
        time_zone: row.text("time_zone")?,
        valid_from: row.time("valid_from")?,
        valid_to: row.optional_time("valid_to")?,
        recorded_at: row.time("recorded_at")?,
        source: row.text("source")?,
    })
}

fn read_summary(row: &AnyRow) -> StoreResult<OrganizationSummary> {
    Ok(OrganizationSummary {
        id: row.int("id")?,
        external_id: row.parsed("external_id")?,
        ogrn: row.parsed("ogrn")?,
        kind: row.word("kind")?,
        short_name: row.text("short_name")?,
        name: row.text("name")?,
        status: row.word("status")?,
        municipality_id: row.int("municipality_id")?,
        municipality_name: row.text("municipality_name")?,
        devices: row.int("devices")?,
        last_seen_at: row.optional_time("last_seen_at")?,
    })
}
