//! `/api/v1/devices`: lists, one device with its sections as they were signed and its chain, its reports.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use inventory_schema::inventory::DeviceKind;
use inventory_schema::{DeviceId, OrganizationId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{ApiError, ApiProblem, ListOf, Paging};
use crate::device::kind::{RuleError, Wish, WishError, kind_named, rule};
use crate::state::AppState;
use crate::store::device::{Device, DeviceState};
use crate::store::device_list::DeviceFilter;
use crate::store::report::ReportState;
use crate::store::report_reading::{CurrentSection, ReportRecord};
use crate::web::device::finding_name;
use crate::web::device::kind::kind_in_log;
use crate::web::devices::filter_named;
use crate::web::section::wire_name;
use crate::web::session::SignedIn;

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeviceRow {
    pub id: String,
    pub organization: String,
    pub organization_name: String,
    pub building: String,
    pub room: Option<String>,
    /// `enrolled` or `left`.
    pub state: &'static str,
    /// `agent`: its own, signed; `stated`: another system's word, which cannot be checked.
    pub evidence_level: &'static str,
    pub enrolled_at: String,
    pub last_seen_at: Option<String>,
    pub last_report_at: Option<String>,
    pub agent_version: Option<String>,
    /// The computer's clock minus the controller's, in microseconds.
    pub clock_offset_microseconds: Option<i64>,
    pub host_name: Option<String>,
    pub maker: Option<String>,
    pub model: Option<String>,
    pub serial: Option<String>,
    pub processor: Option<String>,
    pub memory_bytes: Option<i64>,
    pub storage_bytes: Option<i64>,
    pub operating_system: Option<String>,
    /// What it is: as people ruled, or else as its agent concludes. `laptop`, `desktop`, `all_in_one`, `panel_computer`,
    /// `panel`, `server`, `virtual` or `other`.
    pub kind: Option<String>,
    /// What its agent concludes.
    pub concluded_kind: Option<String>,
    /// What people ruled, where they did.
    pub ruled_kind: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeviceDetail {
    #[serde(flatten)]
    pub device: DeviceRow,
    /// By name; what was never reported is absent.
    pub sections: BTreeMap<String, SectionDetail>,
    /// Who told of it, where the level is `stated`.
    pub stated_by: Option<StatedBy>,
    pub chain: Vec<ChainDetail>,
    /// What was found last comes first.
    pub findings: Vec<FindingDetail>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SectionDetail {
    /// `sha256:` of the section's canonical bytes, as signed.
    pub digest: String,
    pub received_at: String,
    /// The section's document; `null` while its body has not arrived.
    #[schema(value_type = Object)]
    pub body: Option<Value>,
}

/// The other system whose word it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StatedBy {
    /// `glpi` (GLPI's inventory format) or `ocs_xml` (XML of FusionInventory and OCS Inventory).
    pub origin: String,
    /// The program that looked at the computer.
    pub client: Option<String>,
    /// What it calls the computer; `withheld` where that may name a person.
    pub foreign_id: String,
    pub file: String,
    /// By the computer's own clock.
    pub looked_at: Option<String>,
    /// When a file last said something new.
    pub imported_at: String,
}

/// The newest report of one key's chain.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChainDetail {
    pub key: String,
    pub epoch: u32,
    pub sequence: u64,
    pub digest: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FindingDetail {
    /// `fork`, `chain_break`, `clock` or `clone`.
    pub kind: &'static str,
    /// How often it was found: breaks of one kind and copies of one key are one finding.
    pub times: i64,
    /// The first time.
    pub found_at: String,
    pub last_found_at: String,
    /// As it was found last.
    #[schema(value_type = Object)]
    pub detail: Value,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReportRow {
    pub digest: String,
    pub previous: Option<String>,
    pub key: String,
    pub epoch: u32,
    pub sequence: u64,
    /// `stored` or `fork`.
    pub state: &'static str,
    pub received_at: String,
    /// What the computer's own clock said.
    pub device_time: String,
    pub trusted_time: Option<String>,
    pub sections: i64,
}

#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct DeviceQuery {
    /// Words of the host name, maker, model, serial number, processor or system.
    pub q: Option<String>,
    /// An organization's id.
    pub organization: Option<String>,
    /// `seen` (within 24 hours), `silent` (over 7 days), `never` (no report), `today` (enrolled), `stated` (by another
    /// system) or `left`.
    pub seen: Option<String>,
    /// A kind, as people ruled or as agents conclude.
    pub kind: Option<String>,
}

/// Devices in one's scope, by organization and host name.
#[utoipa::path(
    get,
    path = "/api/v1/devices",
    params(DeviceQuery, Paging),
    responses((status = 200, body = ListOf<DeviceRow>), (status = 400, body = ApiProblem), (status = 401, body = ApiProblem))
)]
pub async fn list(
    State(state): State<AppState>,
    Query(query): Query<DeviceQuery>,
    Query(paging): Query<Paging>,
    signed_in: SignedIn,
) -> Result<Json<ListOf<DeviceRow>>, ApiError> {
    let organization = query.organization.map(|id| id.parse::<OrganizationId>()).transpose();
    let named = filter_named(query.seen.as_deref().unwrap_or(""), state.clock.now(), &state.region.zone);
    let filter = DeviceFilter {
        organization: organization.map_err(|_| ApiError::invalid("organization: нужен номер организации (UUID)."))?,
        query: query.q.filter(|words| !words.trim().is_empty()),
        kind: match query.kind.as_deref() {
            None | Some("") => None,
            Some(name) => Some(kind_named(name).ok_or(ApiError::invalid(KINDS))?),
        },
        ..named.ok_or(ApiError::invalid("seen: seen, silent, never, today, stated или left."))?
    };
    let found = state
        .store
        .devices(signed_in.operator.scope.into(), &filter, paging.piece())
        .await?;
    Ok(Json(ListOf::of(found, row)))
}

const KINDS: &str = "kind: laptop, desktop, all_in_one, panel_computer, panel, server или virtual.";

fn row(device: Device) -> DeviceRow {
    let word = |kind: Option<DeviceKind>| kind.map(|kind| wire_name(&kind));
    DeviceRow {
        kind: word(device.kind()),
        concluded_kind: word(device.concluded_kind),
        ruled_kind: word(device.ruled_kind),
        id: device.external_id.to_string(),
        organization: device.place.organization.to_string(),
        organization_name: device.place.organization_short_name,
        building: device.place.building.to_string(),
        room: device.place.room.map(|room| room.to_string()),
        state: match device.state {
            DeviceState::Enrolled => "enrolled",
            DeviceState::Left => "left",
        },
        evidence_level: device.evidence_level.as_str(),
        enrolled_at: device.enrolled_at.to_string(),
        last_seen_at: device.last_seen_at.map(|at| at.to_string()),
        last_report_at: device.last_report_at.map(|at| at.to_string()),
        agent_version: device.agent_version,
        clock_offset_microseconds: device.clock_offset_micros,
        host_name: device.summary.host_name,
        maker: device.summary.maker,
        model: device.summary.model,
        serial: device.summary.serial,
        processor: device.summary.processor,
        memory_bytes: device.summary.memory_bytes,
        storage_bytes: device.summary.storage_bytes,
        operating_system: device.summary.os_title,
    }
}

/// One device with its sections, chains and findings.
#[utoipa::path(
    get,
    path = "/api/v1/devices/{device}",
    params(("device" = String, Path, description = "The device's id (UUID)")),
    responses((status = 200, body = DeviceDetail), (status = 401, body = ApiProblem), (status = 404, body = ApiProblem))
)]
pub async fn show(State(state): State<AppState>, Path(id): Path<DeviceId>, signed_in: SignedIn) -> Result<Json<DeviceDetail>, ApiError> {
    let device = state
        .store
        .device(signed_in.operator.scope.into(), id)
        .await?
        .ok_or(ApiError::not_found())?;
    let internal = device.id;
    let mut chain = Vec::new();
    for key in state.store.device_keys(internal).await? {
        if let Some(head) = state.store.chain_head(key.fingerprint).await? {
            chain.push(ChainDetail {
                key: key.fingerprint.to_string(),
                epoch: head.place.epoch,
                sequence: head.place.sequence,
                digest: head.digest.to_string(),
            });
        }
    }
    let findings = state.store.findings(internal, 100).await?;
    let stated = state.store.imported_device(internal).await?;
    let sections = match &stated {
        Some(_) => state.store.imported_sections(internal).await?,
        None => state.store.current_sections(internal).await?,
    };
    Ok(Json(DeviceDetail {
        stated_by: stated.map(|stated| StatedBy {
            origin: stated.telling.origin,
            client: stated.telling.client,
            foreign_id: stated.telling.foreign_id,
            file: stated.telling.file_name,
            looked_at: stated.telling.looked_at,
            imported_at: stated.imported_at.to_string(),
        }),
        device: row(device),
        sections: sections.into_iter().map(section).collect(),
        chain,
        findings: findings
            .into_iter()
            .map(|finding| FindingDetail {
                kind: finding_name(finding.kind),
                times: finding.times,
                found_at: finding.found_at.to_string(),
                last_found_at: finding.last_found_at.to_string(),
                detail: serde_json::from_str(&finding.detail).unwrap_or(Value::Null),
            })
            .collect(),
    }))
}

fn section(section: CurrentSection) -> (String, SectionDetail) {
    let detail = SectionDetail {
        digest: section.digest.to_string(),
        received_at: section.received_at.to_string(),
        body: section.body.and_then(|body| serde_json::from_slice(&body).ok()),
    };
    (section.section.to_string(), detail)
}

/// A device's reports, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/devices/{device}/reports",
    params(("device" = String, Path, description = "The device's id (UUID)"), Paging),
    responses((status = 200, body = ListOf<ReportRow>), (status = 401, body = ApiProblem), (status = 404, body = ApiProblem))
)]
pub async fn reports(
    State(state): State<AppState>,
    Path(id): Path<DeviceId>,
    Query(paging): Query<Paging>,
    signed_in: SignedIn,
) -> Result<Json<ListOf<ReportRow>>, ApiError> {
    let device = state
        .store
        .device(signed_in.operator.scope.into(), id)
        .await?
        .ok_or(ApiError::not_found())?;
    let found = state.store.reports(device.id, paging.piece()).await?;
    Ok(Json(ListOf::of(found, report_row)))
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct Revocation {
    /// For the activity log, 1 to 200 characters.
    reason: String,
}

/// Takes a device's certificate out of force; doing it twice is the same as once.
#[utoipa::path(
    post,
    path = "/api/v1/devices/{device}/revoke",
    request_body = Revocation,
    params(
        ("device" = String, Path, description = "The device's id (UUID)"),
        ("X-CSRF-Token" = String, Header, description = "From /api/v1/me")
    ),
    responses(
        (status = 204),
        (status = 400, body = ApiProblem),
        (status = 401, body = ApiProblem),
        (status = 403, body = ApiProblem),
        (status = 404, body = ApiProblem)
    )
)]
pub async fn revoke(
    State(state): State<AppState>,
    Path(id): Path<DeviceId>,
    signed_in: SignedIn,
    Json(revocation): Json<Revocation>,
) -> Result<StatusCode, ApiError> {
    let who = &signed_in.operator;
    let reason = revocation.reason.trim();
    if !(1..=200).contains(&reason.chars().count()) {
        return Err(ApiError::invalid("reason — от 1 до 200 знаков."));
    }
    crate::revocation::revoke(&state, who, who.scope.into(), id, reason, state.clock.now())
        .await?
        .ok_or(ApiError::not_found())?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct KindWish {
    /// What the device is; `null`: what its agent concludes.
    kind: Option<String>,
    /// Why, 1 to 200 characters.
    reason: String,
}

/// Overrules what a device is taken for, or takes that back. No report changes it.
#[utoipa::path(
    post,
    path = "/api/v1/devices/{device}/kind",
    request_body = KindWish,
    params(
        ("device" = String, Path, description = "The device's id (UUID)"),
        ("X-CSRF-Token" = String, Header, description = "From /api/v1/me")
    ),
    responses(
        (status = 204),
        (status = 400, body = ApiProblem),
        (status = 401, body = ApiProblem),
        (status = 403, body = ApiProblem),
        (status = 404, body = ApiProblem)
    )
)]
pub async fn rule_kind(
    State(state): State<AppState>,
    Path(id): Path<DeviceId>,
    signed_in: SignedIn,
    Json(wish): Json<KindWish>,
) -> Result<StatusCode, ApiError> {
    let who = &signed_in.operator;
    state.store.device(who.scope.into(), id).await?.ok_or(ApiError::not_found())?;
    let wish = Wish::of(wish.kind.as_deref().unwrap_or_default(), &wish.reason).map_err(|error| {
        ApiError::invalid(match error {
            WishError::Kind(_) => KINDS,
            WishError::Reason => "reason — от 1 до 200 знаков.",
        })
    })?;
    match rule(&state, who, id, wish, state.clock.now(), kind_in_log).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(RuleError::NotFound) => Err(ApiError::not_found()),
        Err(RuleError::Store(error)) => Err(error.into()),
    }
}

fn report_row(report: ReportRecord) -> ReportRow {
    ReportRow {
        digest: report.digest.to_string(),
        previous: report.previous.map(|digest| digest.to_string()),
        key: report.key.to_string(),
        epoch: report.place.epoch,
        sequence: report.place.sequence,
        state: match report.state {
            ReportState::Stored => "stored",
            ReportState::Fork => "fork",
        },
        received_at: report.received_at.to_string(),
        device_time: report.device_time.to_string(),
        trusted_time: report.trusted_time.map(|at| at.to_string()),
        sections: report.sections,
    }
}
