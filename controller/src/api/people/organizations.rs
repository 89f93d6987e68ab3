//! `/api/v1/organizations`: the register in one's scope.

use axum::Json;
use axum::extract::{Path, Query, State};
use inventory_schema::OrganizationId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ApiError, ApiProblem, ListOf, Paging};
use crate::state::AppState;
use crate::store::Scope;
use crate::store::building::{Building, Room};
use crate::store::organization::{Organization, OrganizationFilter, OrganizationSummary};
use crate::web::organizations::status_name;
use crate::web::session::SignedIn;

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OrganizationRow {
    pub id: String,
    pub ogrn: String,
    pub kind: &'static str,
    pub name: String,
    pub short_name: String,
    /// `active`, `reorganized` or `liquidated`.
    pub status: &'static str,
    pub municipality: String,
    pub devices: i64,
    /// When the last of its devices was heard of (RFC 3339).
    pub last_seen_at: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OrganizationDetail {
    pub id: String,
    pub ogrn: String,
    pub inn: String,
    pub kpp: Option<String>,
    pub kind: &'static str,
    pub name: String,
    pub short_name: String,
    pub status: &'static str,
    pub contingent: Option<i64>,
    pub municipality: String,
    pub time_zone: String,
    pub valid_from: String,
    pub recorded_at: String,
    pub source: String,
    pub buildings: Vec<BuildingDetail>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BuildingDetail {
    pub id: String,
    pub number: i64,
    pub address: String,
    pub settlement: String,
    /// `city`, `urban_settlement` or `village`.
    pub settlement_class: &'static str,
    /// The line's target in bits per second.
    pub target_bits_per_second: u64,
    pub oktmo: String,
    pub fias: Option<String>,
    pub devices: i64,
    pub rooms: Vec<RoomDetail>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RoomDetail {
    pub id: String,
    pub number: String,
    pub name: String,
    pub devices: i64,
}

#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct OrganizationQuery {
    /// Words of the name, ИНН or ОГРН.
    pub q: Option<String>,
    /// A municipality's ОКТМО, eight digits.
    pub municipality: Option<String>,
}

/// The internal id of the municipality that a list is asked for, if it is asked for one.
pub(super) async fn municipality(state: &AppState, scope: Scope, oktmo: Option<&str>) -> Result<Option<i64>, ApiError> {
    let Some(oktmo) = oktmo else { return Ok(None) };
    let all = state.store.municipalities(scope).await?;
    let known = all.iter().find(|known| known.oktmo.as_str() == oktmo);
    Ok(Some(known.ok_or(ApiError::not_found())?.id))
}

/// Organizations in one's scope, by short name.
#[utoipa::path(
    get,
    path = "/api/v1/organizations",
    params(OrganizationQuery, Paging),
    responses((status = 200, body = ListOf<OrganizationRow>), (status = 401, body = ApiProblem), (status = 403, body = ApiProblem))
)]
pub async fn list(
    State(state): State<AppState>,
    Query(query): Query<OrganizationQuery>,
    Query(paging): Query<Paging>,
    signed_in: SignedIn,
) -> Result<Json<ListOf<OrganizationRow>>, ApiError> {
    let scope = signed_in.operator.scope.into();
    let municipality = municipality(&state, scope, query.municipality.as_deref()).await?;
    let filter = OrganizationFilter {
        query: query.q.filter(|words| !words.trim().is_empty()),
        municipality,
    };
    let found = state.store.organizations(scope, &filter, paging.piece()).await?;
    Ok(Json(ListOf::of(found, row)))
}

fn row(summary: OrganizationSummary) -> OrganizationRow {
    OrganizationRow {
        id: summary.external_id.to_string(),
        ogrn: summary.ogrn.to_string(),
        kind: summary.kind.as_str(),
        name: summary.name,
        short_name: summary.short_name,
        status: status_name(summary.status),
        municipality: summary.municipality_name,
        devices: summary.devices,
        last_seen_at: summary.last_seen_at.map(|at| at.to_string()),
    }
}

/// One organization with its buildings and rooms.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization}",
    params(("organization" = String, Path, description = "The organization's id (UUID)")),
    responses((status = 200, body = OrganizationDetail), (status = 401, body = ApiProblem), (status = 404, body = ApiProblem))
)]
pub async fn show(
    State(state): State<AppState>,
    Path(id): Path<OrganizationId>,
    signed_in: SignedIn,
) -> Result<Json<OrganizationDetail>, ApiError> {
    let scope = signed_in.operator.scope.into();
    let organization = state.store.organization(scope, id).await?.ok_or(ApiError::not_found())?;
    let rooms = state.store.rooms(scope, id).await?;
    let buildings = state.store.buildings(scope, id).await?;
    let buildings = buildings.into_iter().map(|building| building_detail(building, &rooms)).collect();
    Ok(Json(detail(organization, buildings)))
}

fn detail(organization: Organization, buildings: Vec<BuildingDetail>) -> OrganizationDetail {
    OrganizationDetail {
        id: organization.external_id.to_string(),
        ogrn: organization.ogrn.to_string(),
        inn: organization.inn.to_string(),
        kpp: organization.kpp.map(|kpp| kpp.to_string()),
        kind: organization.kind.as_str(),
        name: organization.name,
        short_name: organization.short_name,
        status: status_name(organization.status),
        contingent: organization.contingent,
        municipality: organization.municipality_name,
        time_zone: organization.time_zone,
        valid_from: organization.valid_from.to_string(),
        recorded_at: organization.recorded_at.to_string(),
        source: organization.source,
        buildings,
    }
}

fn building_detail(building: Building, rooms: &[Room]) -> BuildingDetail {
    BuildingDetail {
        id: building.external_id.to_string(),
        number: building.number,
        address: building.address,
        settlement: building.settlement,
        settlement_class: building.settlement_class.as_str(),
        target_bits_per_second: building.settlement_class.target().get(),
        oktmo: building.oktmo.to_string(),
        fias: building.fias,
        devices: building.devices,
        rooms: rooms
            .iter()
            .filter(|room| room.building_id == building.id)
            .map(|room| RoomDetail {
                id: room.external_id.to_string(),
                number: room.number.clone(),
                name: room.name.clone(),
                devices: room.devices,
            })
            .collect(),
    }
}
