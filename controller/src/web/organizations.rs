//! `GET /organizations`: found by any words of the name, by ИНН or ОГРН, by municipality.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::error::PageError;
use super::page::{Page, Visit, html};
use super::pager::{Pager, piece};
use super::place::Choice;
use super::session::SignedIn;
use crate::access::Right;
use crate::state::AppState;
use crate::store::organization::{OrganizationFilter, OrganizationSummary};
use crate::store::register::OrganizationStatus;

#[derive(Debug, Default, Deserialize)]
pub struct OrganizationsQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    municipality: String,
    page: Option<u32>,
}

#[derive(Debug, Clone)]
struct OrganizationLine {
    id: String,
    name: String,
    ogrn: String,
    municipality: String,
    kind: &'static str,
    status: &'static str,
    devices: i64,
}

#[derive(Debug, Template)]
#[template(path = "organizations.html")]
struct OrganizationsPage {
    page: Page,
    query: String,
    municipalities: Vec<Choice>,
    may_import: bool,
    total: i64,
    rows: Vec<OrganizationLine>,
    pager: Pager,
}

pub async fn list(
    State(state): State<AppState>,
    Query(query): Query<OrganizationsQuery>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let scope = signed_in.operator.scope.into();
    let (number, piece) = piece(query.page);
    let municipalities = state.store.municipalities(scope).await?;
    let chosen = municipalities
        .iter()
        .find(|municipality| municipality.oktmo.as_str() == query.municipality);
    let filter = OrganizationFilter {
        query: Some(query.q.trim().to_owned()).filter(|words| !words.is_empty()),
        municipality: chosen.map(|municipality| municipality.id),
    };
    let found = state.store.organizations(scope, &filter, piece).await?;
    html(OrganizationsPage {
        page: Page::new(&state, visit, "/organizations"),
        municipalities: municipalities
            .iter()
            .map(|municipality| {
                let oktmo = municipality.oktmo.as_str();
                Choice::new(oktmo, &municipality.name, oktmo == query.municipality)
            })
            .collect(),
        may_import: signed_in.operator.may(Right::EditRegister),
        total: found.total,
        rows: found.rows.iter().map(line).collect(),
        pager: Pager::of(
            number,
            found.total,
            "/organizations",
            &[("q", &query.q), ("municipality", &query.municipality)],
        ),
        query: query.q,
    })
}

fn line(summary: &OrganizationSummary) -> OrganizationLine {
    OrganizationLine {
        id: summary.external_id.to_string(),
        name: summary.short_name.clone(),
        ogrn: summary.ogrn.to_string(),
        municipality: summary.municipality_name.clone(),
        kind: summary.kind.as_str(),
        status: status_name(summary.status),
        devices: summary.devices,
    }
}

pub fn status_name(status: OrganizationStatus) -> &'static str {
    match status {
        OrganizationStatus::Active => "active",
        OrganizationStatus::Reorganized => "reorganized",
        OrganizationStatus::Liquidated => "liquidated",
    }
}
