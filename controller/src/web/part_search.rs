//! `GET /parts`: which devices hold this part.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use inventory_schema::Timestamp;
use serde::Deserialize;

use super::error::PageError;
use super::language::Language;
use super::page::{Page, Visit, html};
use super::pager::{Pager, piece};
use super::part::{PartWords, standing_name};
use super::session::SignedIn;
use crate::name::Names;
use crate::state::AppState;
use crate::store::part::FoundPart;

#[derive(Debug, Clone)]
struct PartLine {
    words: PartWords,
    device: String,
    device_name: String,
    organization: String,
    organization_id: String,
    room: String,
    first_seen: Timestamp,
    last_seen: Timestamp,
    gone: bool,
    standing: Option<&'static str>,
}

#[derive(Debug, Template)]
#[template(path = "part_search.html")]
struct PartsPage {
    page: Page,
    query: String,
    total: i64,
    more: bool,
    rows: Vec<PartLine>,
    pager: Pager,
}

#[derive(Debug, Default, Deserialize)]
pub struct PartsQuery {
    #[serde(default)]
    q: String,
    page: Option<u32>,
}

/// The longest that is looked for.
const MAX_QUERY_CHARS: usize = 100;

pub async fn list(
    State(state): State<AppState>,
    Query(query): Query<PartsQuery>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    if query.q.chars().count() > MAX_QUERY_CHARS {
        return Err(PageError::BadRequest);
    }
    let (number, piece) = piece(query.page);
    let found = state.store.find_parts(signed_in.operator.scope.into(), &query.q, piece).await?;
    let names = state.store.names().await?;
    let l = visit.language;
    html(PartsPage {
        page: Page::new(&state, visit, "/parts"),
        total: found.total,
        more: found.more,
        rows: found.rows.iter().map(|found| line(found, &names, l)).collect(),
        pager: Pager::of(number, found.total, "/parts", &[("q", &query.q)]),
        query: query.q,
    })
}

fn line(found: &FoundPart, names: &Names, l: Language) -> PartLine {
    let name = found.host_name.clone().or_else(|| found.device_model.clone());
    PartLine {
        words: PartWords::of(&found.held.part, names, l),
        device: found.device.to_string(),
        device_name: name.unwrap_or_else(|| l.t("device-unnamed")),
        organization: found.organization_short_name.clone(),
        organization_id: found.organization.clone(),
        room: found.room_name.clone().unwrap_or_default(),
        first_seen: found.held.first_seen_at,
        last_seen: found.held.last_seen_at,
        gone: found.held.gone_at.is_some(),
        standing: found.held.standing.map(standing_name),
    }
}
