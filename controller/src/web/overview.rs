//! `GET /`: the numbers that open into lists.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::devices::{DAY, DeviceRow};
use super::error::PageError;
use super::format::number;
use super::language::Language;
use super::page::{Page, Visit, html};
use super::session::SignedIn;
use crate::state::AppState;
use crate::store::device_list::{Contact, DeviceFilter};
use crate::store::overview::Overview;
use crate::store::{self, EngineKind};

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
    recent: Vec<DeviceRow>,
    durability: String,
}

/// How many devices the first page shows.
const RECENT: i64 = 10;

pub async fn show(State(state): State<AppState>, signed_in: SignedIn, visit: Visit) -> Result<Response, PageError> {
    let scope = signed_in.operator.scope.into();
    let (l, now) = (visit.language, visit.now);
    let overview = state.store.overview(scope, now).await?;
    let filter = DeviceFilter {
        contact: Some(Contact::Since(now - 7 * DAY)),
        ..DeviceFilter::default()
    };
    let page = store::Page { offset: 0, limit: RECENT };
    let recent = state.store.devices(scope, &filter, page).await?;
    html(OverviewPage {
        page: Page::new(&state, visit, "/"),
        tiles: tiles(&overview, l),
        recent: recent.rows.iter().map(|device| DeviceRow::of(device, now, l)).collect(),
        durability: durability(state.store.engine_kind(), l),
    })
}

fn tiles(overview: &Overview, l: Language) -> Vec<Tile> {
    let devices = &overview.devices;
    let tile = |count: i64, label: String, href, tone| Tile {
        number: number(count),
        label,
        href,
        tone: if count == 0 { "" } else { tone },
    };
    vec![
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
    ]
}

/// Which guarantee stands behind an acknowledged report (promise 1).
fn durability(kind: EngineKind, l: Language) -> String {
    match kind {
        EngineKind::Sqlite => l.t("durability-sqlite"),
        EngineKind::Postgres => l.t("durability-postgres-local"),
    }
}
