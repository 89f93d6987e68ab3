//! Every route on one page, with the right it needs, grouped by who calls it.
//!
//! A handler enters a router through [`get`] or [`post`] only, and those take a right: a route without one does
//! not compile. The right is enforced before the handler runs (`web/gate.rs` for people; the device handlers
//! decide [`Right::Device`] and [`Right::Token`] from the connection and the request). [`routes`] gives the list,
//! checked in as `controller/routes.txt`.

use std::fmt;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware;
use axum::routing::{MethodFilter, MethodRouter, on};
use tower_http::timeout::TimeoutLayer;

use crate::access::Right;
use crate::api::device as agents;
use crate::api::people as api;
use crate::state::AppState;
use crate::web;
use crate::web::gate::{Answer, Gate};

/// The largest form; files go through [`MAX_UPLOAD_BYTES`].
pub const MAX_FORM_BYTES: usize = 64 * 1024;
/// The largest register file.
pub const MAX_UPLOAD_BYTES: usize = 16 * 1024 * 1024;

/// The longest that a person's request may take, its body included. A register file over a school's line takes
/// minutes; a body that never ends takes no longer.
const LONGEST_REQUEST: Duration = Duration::from_secs(300);
/// The same without a file: what is not answered then waits for a database that does not answer.
const LONGEST_PAGE: Duration = Duration::from_secs(60);

/// Who calls a route, and so how it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// People with a browser: refusals are pages.
    Pages,
    /// People's programs: refusals are problem+json.
    Api,
    /// Monitoring.
    Service,
    /// Agents, on the listener with mutual TLS.
    Device,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pages => "pages",
            Self::Api => "api",
            Self::Service => "service",
            Self::Device => "device",
        })
    }
}

/// A route as it is declared.
#[derive(Debug)]
pub struct Route {
    method: Method,
    path: &'static str,
    right: Right,
    handler: MethodRouter<AppState>,
    /// How long a person may be kept waiting; `None`: as long as the whole listener allows.
    patience: Option<Duration>,
}

/// A route as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteLine {
    pub group: Group,
    pub path: &'static str,
    pub method: String,
    pub right: Right,
}

impl fmt::Display for RouteLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<8} {:<6} {:<48} {}",
            self.group.to_string(),
            self.method,
            self.path,
            self.right
        )
    }
}

pub fn get<H: Handler<T, AppState>, T: 'static>(path: &'static str, right: Right, handler: H) -> Route {
    Route {
        method: Method::GET,
        path,
        right,
        handler: on(MethodFilter::GET, handler),
        patience: Some(LONGEST_PAGE),
    }
}

pub fn post<H: Handler<T, AppState>, T: 'static>(path: &'static str, right: Right, handler: H) -> Route {
    Route {
        method: Method::POST,
        path,
        right,
        handler: on(MethodFilter::POST, handler),
        patience: Some(LONGEST_PAGE),
    }
}

impl Route {
    /// Lets the route take a file: the gate reads it up to this size.
    fn with_upload(mut self) -> Self {
        self.handler = self.handler.layer(DefaultBodyLimit::max(MAX_UPLOAD_BYTES));
        self.taking_long()
    }

    /// For work that grows with what people brought.
    fn taking_long(mut self) -> Self {
        self.patience = None;
        self
    }
}

/// Pages, for people with a browser.
fn pages() -> Vec<Route> {
    use Right::*;
    vec![
        get("/static/{file}", Open, web::asset::show),
        get("/trust", Open, web::trust::show),
        get("/trust/root.crt", Open, web::trust::download),
        post("/language", Open, web::account::choose_language),
        get("/login", Open, web::account::login_form),
        post("/login", Open, web::account::login),
        post("/logout", Session, web::account::logout),
        get("/password", Session, web::account::password_form),
        post("/password", Session, web::account::change_password),
        get("/", ViewOverview, web::overview::show),
        get("/organizations", ViewRegister, web::organizations::list),
        get("/organizations/{organization}", ViewRegister, web::organization::show),
        post("/organizations/{organization}/rooms", EditRooms, web::organization::add_room),
        get("/organizations/{organization}/tokens/new", CreateTokens, web::tokens::form),
        post("/organizations/{organization}/tokens", CreateTokens, web::tokens::create),
        get(
            "/organizations/{organization}/devices/import",
            ImportDevices,
            web::device_import::form,
        ),
        post(
            "/organizations/{organization}/devices/import",
            ImportDevices,
            web::device_import::upload,
        )
        .with_upload(),
        get("/devices/import/{preview}", ImportDevices, web::device_import::preview),
        post("/devices/import/{preview}/confirm", ImportDevices, web::device_import::confirm).taking_long(),
        post("/devices/import/{preview}/discard", ImportDevices, web::device_import::discard),
        get("/devices", ViewDevices, web::devices::list),
        post("/devices/collect", EditDevices, web::devices::collect_now),
        get("/devices/{device}", ViewDevices, web::device::show),
        post("/devices/{device}/room", EditDevices, web::device::relocate),
        post("/devices/{device}/collect", EditDevices, web::device::collect_now),
        post("/devices/{device}/kind", EditDevices, web::device::kind::overrule),
        post("/devices/{device}/retire", ImportDevices, web::device::retire),
        post("/devices/{device}/revoke", RevokeDevices, web::device::revoke_certificate),
        get("/lines", ViewLines, web::lines::list),
        get("/lines/export.xlsx", ViewLines, web::lines::export),
        get("/lines/{building}", ViewLines, web::line::show),
        get("/lines/{building}/act", ViewLines, web::line::act),
        get("/lines/{building}/export.xlsx", ViewLines, web::line::export),
        post("/lines/{building}/contract", EditContracts, web::line::set_contract),
        get("/changes", ViewDevices, web::changes::list),
        get("/parts", ViewDevices, web::part_search::list),
        get("/names", ViewDevices, web::names::list),
        post("/names", TeachNames, web::names::teach),
        post("/names/forget", TeachNames, web::names::forget),
        get("/review", ReviewDevices, web::review::list),
        get("/review/{case}", ReviewDevices, web::review::show),
        post("/review/{case}/merge", ReviewDevices, web::review::merge),
        post("/review/{case}/split", ReviewDevices, web::review::split),
        post("/review/{case}/undo", ReviewDevices, web::review::undo),
        post("/review/{case}/dismiss", ReviewDevices, web::review::dismiss),
        get("/tokens", ViewTokens, web::tokens::list),
        post("/tokens/{token}/revoke", RevokeTokens, web::tokens::revoke),
        post("/tokens/file", CreateTokens, web::tokens::file),
        get("/register/import", EditRegister, web::register_import::form),
        post("/register/import", EditRegister, web::register_import::upload).with_upload(),
        get("/register/import/{preview}", EditRegister, web::register_import::preview),
        post("/register/import/{preview}/confirm", EditRegister, web::register_import::confirm).taking_long(),
        post("/register/import/{preview}/discard", EditRegister, web::register_import::discard),
        get("/operators", ManageOperators, web::operators::list),
        post("/operators", ManageOperators, web::operators::create),
        post("/operators/{operator}/disable", ManageOperators, web::operators::disable),
        post("/operators/{operator}/password", ManageOperators, web::operators::reset_password),
        get("/evidence", ViewOverview, web::evidence::show),
        post("/evidence/checkpoint", ExportEvidence, web::evidence::take_checkpoint),
        post("/evidence/export", ExportEvidence, web::evidence::download),
        get("/activity", ViewActivity, web::activity::list),
    ]
}

/// `/api/v1`, for people's programs: the same session, `X-CSRF-Token` on writes.
fn people_api() -> Vec<Route> {
    use Right::*;
    vec![
        get("/api/v1/openapi.json", Open, api::openapi),
        get("/api/v1/me", Session, api::me::show),
        get("/api/v1/organizations", ViewRegister, api::organizations::list),
        get("/api/v1/organizations/{organization}", ViewRegister, api::organizations::show),
        get("/api/v1/lines", ViewLines, api::lines::list),
        get("/api/v1/lines/{building}", ViewLines, api::lines::show),
        get("/api/v1/devices", ViewDevices, api::devices::list),
        get("/api/v1/devices/{device}", ViewDevices, api::devices::show),
        get("/api/v1/devices/{device}/reports", ViewDevices, api::devices::reports),
        post("/api/v1/devices/{device}/revoke", RevokeDevices, api::devices::revoke),
        post("/api/v1/devices/{device}/kind", EditDevices, api::devices::rule_kind),
        get("/api/v1/tokens", ViewTokens, api::tokens::list),
        post("/api/v1/tokens", CreateTokens, api::tokens::create),
        post("/api/v1/tokens/{token}/revoke", RevokeTokens, api::tokens::revoke),
        get("/api/v1/evidence/checkpoints", ViewOverview, api::evidence::checkpoints),
        post("/api/v1/evidence/export", ExportEvidence, api::evidence::export),
    ]
}

/// For monitoring.
fn service() -> Vec<Route> {
    vec![
        get("/healthz", Right::Open, web::service::healthz),
        get("/readyz", Right::Open, web::service::readyz),
        get("/metrics", Right::Metrics, web::service::metrics),
    ]
}

/// For agents. `Device`: the handler takes the identity that the connection's certificate proved; `Token`: the
/// request carries a token's secret; `Lease`: it carries a lease for one measurement; `Open`: anyone.
fn device() -> Vec<Route> {
    use Right::*;
    vec![
        get("/v1/time", Open, agents::time::time),
        post("/v1/token", Token, agents::token::token),
        post("/v1/enroll", Token, agents::enroll::enroll),
        post("/v1/renew", Device, agents::renew::renew),
        post("/v1/rekey", Device, agents::rekey::rekey),
        post("/v1/check-in", Device, agents::check_in::check_in),
        post("/v1/reports", Device, agents::reports::reports),
        get("/ndt/v7/download", Lease, agents::line_test::begin),
        get("/ndt/v7/upload", Lease, agents::line_test::begin),
        get("/measure/tcp/download", Lease, agents::line_test::begin),
        get("/measure/tcp/upload", Lease, agents::line_test::begin),
    ]
}

/// Every route of both listeners, as listed in `controller/routes.txt`.
pub fn routes() -> Vec<RouteLine> {
    let groups = [
        (Group::Pages, pages()),
        (Group::Api, people_api()),
        (Group::Service, service()),
        (Group::Device, device()),
    ];
    groups
        .into_iter()
        .flat_map(|(group, routes)| {
            routes.into_iter().map(move |route| RouteLine {
                group,
                path: route.path,
                method: route.method.to_string(),
                right: route.right,
            })
        })
        .collect()
}

/// The people's listener: pages, `/api/v1` and monitoring.
pub fn people_router(state: AppState) -> Router {
    let router = gated(Router::new(), pages(), Answer::Page, &state);
    let router = gated(router, people_api(), Answer::Problem, &state);
    gated(router, service(), Answer::Problem, &state)
        .fallback(web::error::nothing_here)
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, LONGEST_REQUEST))
        .layer(middleware::from_fn_with_state(state.clone(), web::error::dress))
        .with_state(state)
}

/// The devices' listener. Its handlers read [`crate::tls`]'s identity from the request's extensions.
pub fn device_router(state: AppState) -> Router {
    device()
        .into_iter()
        .fold(Router::new(), |router, route| router.route(route.path, route.handler))
        .fallback(agents::nothing_here)
        .method_not_allowed_fallback(agents::another_method)
        .with_state(state)
}

fn gated(router: Router<AppState>, routes: Vec<Route>, answer: Answer, state: &AppState) -> Router<AppState> {
    routes.into_iter().fold(router, |router, route| {
        let gate = Gate {
            state: state.clone(),
            right: route.right,
            answer,
        };
        let mut handler = route.handler.route_layer(middleware::from_fn_with_state(gate, web::gate::enforce));
        if let Some(patience) = route.patience {
            handler = handler.layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, patience));
        }
        router.route(route.path, handler)
    })
}
