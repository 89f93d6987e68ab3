//! `GET /lines`: where every building's line stands, by municipality and school; and the same as a workbook.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use inventory_schema::Timestamp;
use inventory_schema::measurement::Direction;
use inventory_schema::measurement::weeks::Standing;
use serde::Deserialize;

use super::error::PageError;
use super::format::{megabits, number, rate};
use super::language::Language;
use super::line_view::{reason_text, standing_class, standing_text};
use super::link::with_query;
use super::page::{Page, Visit, html};
use super::pager::{Pager, piece};
use super::place::Choice;
use super::session::SignedIn;
use crate::state::AppState;
use crate::store::Scope;
use crate::store::line::{LineFilter, LineRow, StandingCount};
use crate::store::municipality::Municipality;
use crate::workbook::{self, WorkbookError};

#[derive(Debug, Default, Deserialize)]
pub struct LinesQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    municipality: String,
    #[serde(default)]
    standing: String,
    page: Option<u32>,
}

/// A standing and how many buildings have it, as a link into the list.
#[derive(Debug, Clone)]
pub struct StandingTile {
    pub number: String,
    pub label: String,
    pub href: String,
    pub tone: &'static str,
}

#[derive(Debug, Clone)]
struct MunicipalityLine {
    name: String,
    href: String,
    /// In the order of [`Standing::ALL`]: number and link.
    counts: Vec<(String, String)>,
    total: String,
}

#[derive(Debug, Clone)]
struct LineLine {
    id: String,
    organization: String,
    building: String,
    municipality: String,
    norm: String,
    contracted: String,
    standing: String,
    class: &'static str,
    median: String,
    tenth: String,
    passes: String,
    reason: String,
    measured_at: Option<Timestamp>,
    generated: bool,
}

#[derive(Debug, Template)]
#[template(path = "lines.html")]
struct LinesPage {
    page: Page,
    query: String,
    municipalities: Vec<Choice>,
    standings: Vec<Choice>,
    /// The standings' names, as the heads of columns.
    heads: Vec<String>,
    tiles: Vec<StandingTile>,
    by_municipality: Vec<MunicipalityLine>,
    generated: bool,
    total: i64,
    rows: Vec<LineLine>,
    pager: Pager,
    workbook: String,
}

/// What the query chooses among the municipalities in scope.
fn filter(query: &LinesQuery, municipalities: &[Municipality]) -> LineFilter {
    let chosen = municipalities
        .iter()
        .find(|municipality| municipality.oktmo.as_str() == query.municipality);
    LineFilter {
        query: Some(query.q.trim().to_owned()).filter(|words| !words.is_empty()),
        municipality: chosen.map(|municipality| municipality.id),
        standing: query.standing.parse().ok(),
    }
}

pub async fn list(
    State(state): State<AppState>,
    Query(query): Query<LinesQuery>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let scope = signed_in.operator.scope.into();
    let l = visit.language;
    let rule = state.lines.rule_name();
    let (number, piece) = piece(query.page);
    let municipalities = state.store.municipalities(scope).await?;
    let filter = filter(&query, &municipalities);
    let found = state.store.lines(scope, Direction::Down, &rule, &filter, piece).await?;
    let counts = state.store.standing_counts(scope, Direction::Down, &rule).await?;
    let pairs = [
        ("q", query.q.as_str()),
        ("municipality", query.municipality.as_str()),
        ("standing", query.standing.as_str()),
    ];
    let rows: Vec<LineLine> = found.rows.iter().map(|row| line(row, l)).collect();
    html(LinesPage {
        municipalities: municipalities
            .iter()
            .map(|municipality| {
                let oktmo = municipality.oktmo.as_str();
                Choice::new(oktmo, &municipality.name, oktmo == query.municipality)
            })
            .collect(),
        standings: Standing::ALL
            .into_iter()
            .map(|standing| Choice::new(standing.as_str(), standing_text(standing, l), standing.as_str() == query.standing))
            .collect(),
        heads: Standing::ALL.into_iter().map(|standing| standing_text(standing, l)).collect(),
        tiles: tiles(&counts, l),
        by_municipality: by_municipality(&counts, &municipalities),
        generated: rows.iter().any(|row| row.generated),
        total: found.total,
        rows,
        pager: Pager::of(number, found.total, "/lines", &pairs),
        workbook: with_query("/lines/export.xlsx", &pairs),
        page: Page::new(&state, visit, "/lines"),
        query: query.q,
    })
}

/// How many buildings stand where, each number a link into the list.
pub fn tiles(counts: &[StandingCount], l: Language) -> Vec<StandingTile> {
    let tile = |standing: Standing| {
        let of_it = counts.iter().filter(|count| count.standing == standing);
        let buildings: i64 = of_it.map(|count| count.buildings).sum();
        StandingTile {
            number: number(buildings),
            label: standing_text(standing, l),
            href: format!("/lines?standing={}", standing.as_str()),
            tone: if buildings == 0 { "" } else { standing_class(standing) },
        }
    };
    Standing::ALL.into_iter().map(tile).collect()
}

fn by_municipality(counts: &[StandingCount], municipalities: &[Municipality]) -> Vec<MunicipalityLine> {
    let line = |municipality: &Municipality| {
        let oktmo = municipality.oktmo.as_str();
        let of_it = |standing: Standing| -> i64 {
            let of_it = counts
                .iter()
                .filter(|count| count.municipality_id == municipality.id && count.standing == standing);
            of_it.map(|count| count.buildings).sum()
        };
        let total: i64 = Standing::ALL.into_iter().map(of_it).sum();
        (total > 0).then(|| MunicipalityLine {
            name: municipality.name.clone(),
            href: with_query("/lines", &[("municipality", oktmo)]),
            counts: Standing::ALL
                .into_iter()
                .map(|standing| {
                    let href = with_query("/lines", &[("municipality", oktmo), ("standing", standing.as_str())]);
                    (number(of_it(standing)), href)
                })
                .collect(),
            total: number(total),
        })
    };
    let lines: Vec<MunicipalityLine> = municipalities.iter().filter_map(line).collect();
    // One municipality is what the tiles say.
    if lines.len() < 2 { Vec::new() } else { lines }
}

fn line(row: &LineRow, l: Language) -> LineLine {
    let building = &row.building;
    let standing = row.standing.as_ref();
    let code = standing.map_or(Standing::NoData, |standing| standing.standing);
    let optional = |rate: Option<inventory_schema::quantity::BitsPerSecond>| rate.map_or("—".to_owned(), |rate| megabits(rate.get(), l));
    LineLine {
        id: building.external_id.to_string(),
        organization: building.organization_short_name.clone(),
        building: format!("{}. {}", building.number, building.full_address()),
        municipality: building.municipality_name.clone(),
        norm: rate(building.settlement_class.target().get(), l),
        contracted: building
            .contracted
            .map_or("—".to_owned(), |speed| rate(speed.bits_per_second().get(), l)),
        standing: standing_text(code, l),
        class: standing_class(code),
        median: optional(standing.and_then(|standing| standing.median)),
        tenth: optional(standing.and_then(|standing| standing.tenth)),
        passes: standing.map_or("—".to_owned(), |standing| {
            format!("{} / {}", number(standing.passes), number(standing.valid))
        }),
        reason: standing
            .filter(|standing| standing.invalid > 0)
            .map(|standing| {
                let why = standing
                    .main_reason
                    .map_or_else(|| l.t("line-verdict-no-data"), |reason| reason_text(reason, l));
                format!("{}: {why}", number(standing.invalid))
            })
            .unwrap_or_default(),
        measured_at: standing.and_then(|standing| standing.last_measured_at),
        generated: standing.is_some_and(|standing| standing.generated),
    }
}

/// `GET /lines/export.xlsx`: the whole list, as it is filtered.
pub async fn export(
    State(state): State<AppState>,
    Query(query): Query<LinesQuery>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let scope: Scope = signed_in.operator.scope.into();
    let municipalities = state.store.municipalities(scope).await?;
    let filter = filter(&query, &municipalities);
    let bytes = workbook::region(&state.store, scope, &state.lines, &filter, &state.region.name, visit.now)
        .await
        .map_err(of_workbook)?;
    Ok(download(bytes, "connectivity.xlsx"))
}

pub(super) fn of_workbook(error: WorkbookError) -> PageError {
    match error {
        WorkbookError::Store(error) => PageError::Store(error),
        error => PageError::Internal(Box::new(error)),
    }
}

pub(super) fn download(bytes: Vec<u8>, name: &str) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet".to_owned(),
        ),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, bytes).into_response()
}
