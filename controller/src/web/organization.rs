//! One organization: its register entry, buildings with their targets, rooms, devices; new rooms.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use inventory_schema::{BuildingId, OrganizationId};
use serde::Deserialize;

use super::devices::DeviceRow;
use super::error::PageError;
use super::format::{number, rate};
use super::language::Language;
use super::organizations::status_name;
use super::page::{Page, Visit, html};
use super::pager::{Pager, piece};
use super::section::{Cell, FactLine};
use super::session::SignedIn;
use crate::access::{Operator, Right};
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::state::AppState;
use crate::store::building::{Building, Room};
use crate::store::device_list::DeviceFilter;
use crate::store::organization::Organization;
use crate::store::register::{ChangeSource, RegisterChanges, RoomPurpose, RoomRow};

#[derive(Debug, Clone)]
struct RoomLine {
    number: String,
    name: String,
    purpose: &'static str,
    devices: i64,
}

#[derive(Debug, Clone)]
struct BuildingView {
    id: String,
    title: String,
    address: String,
    class: &'static str,
    target: String,
    rooms: Vec<RoomLine>,
    /// The form for a new room stands open: there is no room yet.
    open: bool,
}

#[derive(Debug, Template)]
#[template(path = "organization.html")]
struct OrganizationPage {
    page: Page,
    id: String,
    name: String,
    full_name: String,
    facts: Vec<FactLine>,
    buildings: Vec<BuildingView>,
    total: i64,
    devices: Vec<DeviceRow>,
    pager: Pager,
    may_create_tokens: bool,
    may_import: bool,
    may_edit_rooms: bool,
    failures: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
pub struct OrganizationQuery {
    page: Option<u32>,
}

/// `GET /organizations/{organization}`
pub async fn show(
    State(state): State<AppState>,
    Path(id): Path<OrganizationId>,
    Query(query): Query<OrganizationQuery>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    page(&state, id, query.page, &signed_in.operator, visit, Vec::new()).await
}

async fn page(
    state: &AppState,
    id: OrganizationId,
    number: Option<u32>,
    who: &Operator,
    visit: Visit,
    failures: Vec<String>,
) -> Result<Response, PageError> {
    let scope = who.scope.into();
    let organization = state.store.organization(scope, id).await?.ok_or(PageError::NotFound)?;
    let (number, piece) = piece(number);
    let filter = DeviceFilter {
        organization: Some(id),
        ..DeviceFilter::default()
    };
    let found = state.store.devices(scope, &filter, piece).await?;
    let buildings = state.store.buildings(scope, id).await?;
    let rooms = state.store.rooms(scope, id).await?;
    let (l, now) = (visit.language, visit.now);
    html(OrganizationPage {
        id: id.to_string(),
        facts: facts(&organization, l),
        buildings: buildings.iter().map(|building| building_view(building, &rooms, l)).collect(),
        total: found.total,
        devices: found.rows.iter().map(|device| DeviceRow::of(device, now, l)).collect(),
        pager: Pager::of(number, found.total, &format!("/organizations/{id}"), &[]),
        may_create_tokens: who.may(Right::CreateTokens),
        may_import: who.may(Right::ImportDevices),
        may_edit_rooms: who.may(Right::EditRooms),
        failures,
        page: Page::new(state, visit, "/organizations")
            .in_zone(&organization.time_zone)
            .crumb("/organizations", l.t("nav-organizations")),
        name: organization.short_name,
        full_name: organization.name,
    })
}

fn facts(organization: &Organization, l: Language) -> Vec<FactLine> {
    let line = |label: String, text: String| FactLine {
        label,
        cell: Cell::plain(text),
    };
    let kpp = organization.kpp.as_ref().map(|kpp| line(l.t("kpp"), kpp.to_string()));
    let contingent = organization.contingent.map(|pupils| line(l.t("contingent"), number(pupils)));
    [
        Some(line(l.t("municipality"), organization.municipality_name.clone())),
        Some(line(l.t("kind"), l.family("organization-kind", organization.kind.as_str()))),
        Some(line(
            l.t("state"),
            l.family("organization-status", status_name(organization.status)),
        )),
        Some(line(l.t("inn"), organization.inn.to_string())),
        kpp,
        Some(line(l.t("ogrn"), organization.ogrn.to_string())),
        contingent,
        Some(line(l.t("source-of-record"), organization.source.clone())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn building_view(building: &Building, rooms: &[Room], l: Language) -> BuildingView {
    let rooms: Vec<RoomLine> = rooms
        .iter()
        .filter(|room| room.building_id == building.id)
        .map(|room| RoomLine {
            number: room.number.clone(),
            name: room.name.clone(),
            purpose: purpose_name(room.purpose),
            devices: room.devices,
        })
        .collect();
    BuildingView {
        id: building.external_id.to_string(),
        title: l.with("building-title", "number", &building.number.to_string()),
        address: address(building.settlement.as_str(), building.address.as_str()),
        class: building.settlement_class.as_str(),
        target: rate(building.settlement_class.target().get(), l),
        open: rooms.is_empty(),
        rooms,
    }
}

/// With the settlement before it, unless the address names it.
fn address(settlement: &str, address: &str) -> String {
    if address.contains(settlement) {
        address.to_owned()
    } else {
        format!("{settlement}, {address}")
    }
}

fn purpose_name(purpose: RoomPurpose) -> &'static str {
    match purpose {
        RoomPurpose::Classroom => "classroom",
        RoomPurpose::MobileClass => "mobile_class",
        RoomPurpose::Store => "store",
        RoomPurpose::Administration => "administration",
        RoomPurpose::ItClass => "it_class",
    }
}

#[derive(Debug, Deserialize)]
pub struct RoomForm {
    building: BuildingId,
    number: String,
    #[serde(default)]
    name: String,
    purpose: RoomPurpose,
}

/// `POST /organizations/{organization}/rooms`
pub async fn add_room(
    State(state): State<AppState>,
    Path(id): Path<OrganizationId>,
    signed_in: SignedIn,
    visit: Visit,
    Form(form): Form<RoomForm>,
) -> Result<Response, PageError> {
    let who = &signed_in.operator;
    let scope = who.scope.into();
    let organization = state.store.organization(scope, id).await?.ok_or(PageError::NotFound)?;
    let buildings = state.store.buildings(scope, id).await?;
    let building = buildings
        .iter()
        .find(|building| building.external_id == form.building)
        .ok_or(PageError::NotFound)?;
    let number = form.number.trim();
    if number.is_empty() || number.chars().count() > 20 {
        let failures = vec![visit.language.t("room-number-missing")];
        return page(&state, id, None, who, visit, failures).await;
    }
    let rooms = state.store.rooms(scope, id).await?;
    if rooms.iter().any(|room| room.building_id == building.id && room.number == number) {
        let failures = vec![visit.language.t("room-exists")];
        return page(&state, id, None, who, visit, failures).await;
    }
    let name = Some(form.name.trim()).filter(|name| !name.is_empty()).unwrap_or(number);
    let room = RoomRow {
        ogrn: organization.ogrn,
        building: building.number,
        number: number.to_owned(),
        name: name.parse().map_err(|_| PageError::BadRequest)?,
        purpose: form.purpose,
    };
    let changes = RegisterChanges {
        rooms: vec![room],
        ..RegisterChanges::default()
    };
    let source = ChangeSource {
        valid_from: visit.now,
        recorded_at: visit.now,
        source: format!("operator {}", who.login),
    };
    state.store.apply_register(&changes, &source).await?;
    Entry::new(visit.now, who, Action::RoomAdded, SubjectKind::Organization, id)
        .of_organization(organization.id)
        .with("building", building.number)
        .with("room", number)
        .record(&state.store)
        .await?;
    Ok(Redirect::to(&format!("/organizations/{id}")).into_response())
}
