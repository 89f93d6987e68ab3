//! `GET /`: the numbers that open into lists.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::devices::{DeviceRow, filter_named};
use super::error::PageError;
use super::format::number;
use super::language::Language;
use super::lines::{self, StandingTile};
use super::page::{Page, Visit, html};
use super::session::SignedIn;
use crate::state::AppState;
use crate::store;
use crate::store::durability::Durability;
use crate::store::municipality::Municipality;
use crate::store::overview::Overview;
use inventory_schema::measurement::Direction;
use inventory_schema::measurement::weeks::Standing;

/// A number with its words; a link where it opens into a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    pub number: String,
    pub label: String,
    pub href: &'static str,
    pub tone: &'static str,
}

#[derive(Debug, Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    page: Page,
    tiles: Vec<Tile>,
    /// One line each; left out where there is only one.
    municipalities: Vec<MunicipalityLine>,
    recent: Vec<DeviceRow>,
    /// Where buildings' lines stand; empty where no line was ever measured.
    lines: Vec<StandingTile>,
    is_empty: bool,
    durability: String,
    /// The newest checkpoint's line.
    checkpoint: Option<String>,
}

#[derive(Debug, Clone)]
struct MunicipalityLine {
    oktmo: String,
    name: String,
    organizations: i64,
    devices: i64,
    seen: i64,
    silent: i64,
    never: i64,
}

/// How many devices the first page shows.
const RECENT: i64 = 10;

pub async fn show(State(state): State<AppState>, signed_in: SignedIn, visit: Visit) -> Result<Response, PageError> {
    let scope = signed_in.operator.scope.into();
    let (l, now) = (visit.language, visit.now);
    let overview = state.store.overview(scope, now).await?;
    let listed = |limit| store::Page { offset: 0, limit };
    let filter = |name| filter_named(name, now, &state.region.zone).unwrap_or_default();
    let today = state.store.devices(scope, &filter("today"), listed(1)).await?;
    let recent = state.store.devices(scope, &filter("seen"), listed(RECENT)).await?;
    let municipalities = state.store.municipalities(scope).await?;
    html(OverviewPage {
        page: Page::new(&state, visit, "/"),
        tiles: tiles(&overview, today.total, l),
        municipalities: municipality_lines(&overview, &municipalities),
        recent: recent.rows.iter().map(|device| DeviceRow::of(device, now, l)).collect(),
        lines: line_tiles(&state, scope, l).await?,
        is_empty: overview.devices.total == 0,
        checkpoint: state.store.newest_checkpoint().await?.map(|newest| newest.line().to_string()),
        durability: durability(state.store.durability().await?, l),
    })
}

async fn line_tiles(state: &AppState, scope: store::Scope, l: Language) -> Result<Vec<StandingTile>, PageError> {
    let counts = state
        .store
        .standing_counts(scope, Direction::Down, &state.lines.rule_name())
        .await?;
    let measured = counts.iter().any(|count| count.standing != Standing::NoData);
    Ok(if measured { lines::tiles(&counts, l) } else { Vec::new() })
}

fn municipality_lines(overview: &Overview, municipalities: &[Municipality]) -> Vec<MunicipalityLine> {
    if overview.municipalities.len() < 2 {
        return Vec::new();
    }
    let oktmo = |id: i64| {
        municipalities
            .iter()
            .find(|known| known.id == id)
            .map(|known| known.oktmo.to_string())
    };
    overview
        .municipalities
        .iter()
        .map(|counts| MunicipalityLine {
            oktmo: oktmo(counts.municipality_id).unwrap_or_default(),
            name: counts.name.clone(),
            organizations: counts.organizations,
            devices: counts.devices.total,
            seen: counts.devices.seen_day,
            silent: counts.devices.silent_week,
            never: counts.devices.never_reported,
        })
        .collect()
}

fn tiles(overview: &Overview, today: i64, l: Language) -> Vec<Tile> {
    let devices = &overview.devices;
    let tile = |count: i64, label: String, href, tone| Tile {
        number: number(count),
        label,
        href,
        tone: if count == 0 { "" } else { tone },
    };
    let mut tiles = vec![
        tile(
            overview.organizations,
            l.n("overview-organizations", &overview.organizations),
            "/organizations",
            "",
        ),
        tile(devices.total, l.n("overview-devices", &devices.total), "/devices", ""),
        tile(devices.seen_day, l.t("overview-seen"), "/devices?seen=seen", "good"),
        tile(devices.silent_week, l.t("overview-silent"), "/devices?seen=silent", "bad"),
        tile(devices.never_reported, l.t("overview-never"), "/devices?seen=never", "doubt"),
        tile(today, l.t("overview-today"), "/devices?seen=today", "good"),
    ];
    if devices.stated > 0 {
        tiles.push(tile(devices.stated, l.t("overview-stated"), "/devices?seen=stated", "doubt"));
    }
    tiles
}

/// Which guarantee stands behind an acknowledged report (promise 1).
fn durability(durability: Durability, l: Language) -> String {
    match durability {
        Durability::LocalDisk => l.t("durability-sqlite"),
        Durability::SynchronousStandby => l.t("durability-postgres-synchronous"),
        Durability::SynchronousStandbyAway => l.t("durability-postgres-synchronous-away"),
        Durability::AsynchronousStandby => l.t("durability-postgres-asynchronous"),
        Durability::DatabaseServerDisk => l.t("durability-postgres-local"),
        Durability::Relaxed => l.t("durability-postgres-relaxed"),
    }
}
