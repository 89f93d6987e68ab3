//! The gate before every handler for people: who calls, whether they may, whether they meant it.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, RawPathParams, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use inventory_schema::enrollment::TokenId;
use inventory_schema::{BuildingId, DeviceId, OrganizationId};

use super::csrf::{self, Refusal};
use super::error::{Forged, PageError};
use super::link::with_query;
use super::session::{self, SignedIn};
use crate::access::Right;
use crate::api::people::ApiError;
use crate::state::AppState;
use crate::store::StoreError;
use crate::store::review::CaseId;

/// How a refusal is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Page,
    Problem,
}

#[derive(Debug, Clone)]
pub struct Gate {
    pub state: AppState,
    pub right: Right,
    pub answer: Answer,
}

/// Runs before the handler: session → operator → is the named thing in scope → right → intent. Whatever fails, the
/// handler never runs.
pub async fn enforce(State(gate): State<Gate>, names: RawPathParams, request: Request, next: Next) -> Response {
    let signed_in = match session::of_request(&gate.state, request.headers(), gate.state.clock.now()).await {
        Ok(signed_in) => signed_in,
        // What needs no one must not depend on knowing someone: /healthz answers without a database.
        Err(_) if gate.right == Right::Open => None,
        Err(error) => return gate.store_error(error),
    };
    if let Err(refusal) = gate.identify(signed_in.as_ref(), &request) {
        return remember(*refusal, signed_in);
    }
    // What lies outside one's part of the tree is not there, whatever one may do elsewhere.
    match gate.finds(signed_in.as_ref(), &names).await {
        Ok(true) => {}
        Ok(false) => return remember(gate.not_found(), signed_in),
        Err(error) => return remember(gate.store_error(error), signed_in),
    }
    if !gate.permits(signed_in.as_ref(), &request) {
        return remember(gate.forbidden(), signed_in);
    }
    let mut request = match gate.meant(signed_in.as_ref(), request).await {
        Ok(request) => request,
        Err(refusal) => return remember(gate.csrf_refusal(refusal), signed_in),
    };
    if let Some(signed_in) = &signed_in {
        request.extensions_mut().insert(signed_in.clone());
    }
    remember(next.run(request).await, signed_in)
}

/// An error page shows the navigation of whoever caused it.
fn remember(mut response: Response, signed_in: Option<SignedIn>) -> Response {
    if let (true, Some(signed_in)) = (response.status().as_u16() >= 400, signed_in) {
        response.extensions_mut().insert(signed_in);
    }
    response
}

impl Gate {
    /// Needs no one, or somebody who is signed in and has a password of their own.
    fn identify(&self, signed_in: Option<&SignedIn>, request: &Request) -> Result<(), Box<Response>> {
        if self.needs_no_one(request) {
            return Ok(());
        }
        let Some(signed_in) = signed_in else {
            return Err(Box::new(self.who_are_you(request)));
        };
        if signed_in.operator.must_change_password && !is_allowed_before_change(request.uri().path()) {
            return Err(Box::new(self.change_password_first()));
        }
        Ok(())
    }

    fn needs_no_one(&self, request: &Request) -> bool {
        self.right == Right::Open || (self.right == Right::Metrics && is_own_computer(request))
    }

    fn permits(&self, signed_in: Option<&SignedIn>, request: &Request) -> bool {
        self.needs_no_one(request) || signed_in.is_some_and(|signed_in| signed_in.operator.may(self.right))
    }

    /// Whether the organization, building, device, token or case that the path names exists in the operator's part of the tree.
    async fn finds(&self, signed_in: Option<&SignedIn>, names: &RawPathParams) -> Result<bool, StoreError> {
        let Some(signed_in) = signed_in else { return Ok(true) };
        let scope = signed_in.operator.scope.into();
        let store = &self.state.store;
        for (name, value) in names {
            let found = match name {
                "organization" => match value.parse::<OrganizationId>() {
                    Ok(id) => store.organization(scope, id).await?.is_some(),
                    Err(_) => false,
                },
                "building" => match value.parse::<BuildingId>() {
                    Ok(id) => store.line_building(scope, id).await?.is_some(),
                    Err(_) => false,
                },
                "device" => match value.parse::<DeviceId>() {
                    Ok(id) => store.device(scope, id).await?.is_some(),
                    Err(_) => false,
                },
                "token" => match value.parse::<TokenId>() {
                    Ok(id) => store.token(scope, id).await?.is_some(),
                    Err(_) => false,
                },
                "case" => match value.parse::<CaseId>() {
                    Ok(id) => store.case(scope, id).await?.is_some(),
                    Err(_) => false,
                },
                _ => true,
            };
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A request that changes something carries the session's token. Without a session there is nothing to forge
    /// but the sign-in itself, and for that the browser's word on the origin is enough.
    async fn meant(&self, signed_in: Option<&SignedIn>, request: Request) -> Result<Request, Refusal> {
        match (request.method(), signed_in) {
            (&Method::GET | &Method::HEAD | &Method::OPTIONS, _) => Ok(request),
            (_, Some(signed_in)) if self.right != Right::Open => csrf::check(request, &signed_in.csrf).await,
            _ if csrf::is_from_here(request.headers()) => Ok(request),
            _ => Err(Refusal::Forged),
        }
    }

    fn who_are_you(&self, request: &Request) -> Response {
        match self.answer {
            Answer::Problem => ApiError::unauthenticated().into_response(),
            Answer::Page => {
                let back = if request.method() == Method::GET {
                    request.uri().path_and_query().map_or("/", |path| path.as_str())
                } else {
                    ""
                };
                let back = if back == "/" { "" } else { back };
                Redirect::to(&with_query("/login", &[("to", back)])).into_response()
            }
        }
    }

    fn change_password_first(&self) -> Response {
        match self.answer {
            Answer::Page => Redirect::to("/password").into_response(),
            Answer::Problem => ApiError::password_change_required().into_response(),
        }
    }

    fn not_found(&self) -> Response {
        match self.answer {
            Answer::Page => PageError::NotFound.into_response(),
            Answer::Problem => ApiError::not_found().into_response(),
        }
    }

    fn forbidden(&self) -> Response {
        match self.answer {
            Answer::Page => StatusCode::FORBIDDEN.into_response(),
            Answer::Problem => ApiError::forbidden().into_response(),
        }
    }

    fn csrf_refusal(&self, refusal: Refusal) -> Response {
        match (self.answer, refusal) {
            (Answer::Problem, Refusal::Forged) => ApiError::csrf().into_response(),
            (Answer::Page, Refusal::Forged) => {
                let mut response = StatusCode::from(refusal).into_response();
                response.extensions_mut().insert(Forged);
                response
            }
            (_, Refusal::TooLarge) => StatusCode::from(refusal).into_response(),
        }
    }

    fn store_error(&self, error: StoreError) -> Response {
        match self.answer {
            Answer::Page => PageError::from(error).into_response(),
            Answer::Problem => ApiError::from(error).into_response(),
        }
    }
}

fn is_allowed_before_change(path: &str) -> bool {
    matches!(path, "/password" | "/logout")
}

/// A program on the controller's own computer, and not a proxy there that speaks for others.
fn is_own_computer(request: &Request) -> bool {
    let loopback = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .is_some_and(|ConnectInfo(address)| address.ip().is_loopback());
    loopback && !speaks_for_another(request.headers())
}

fn speaks_for_another(headers: &HeaderMap) -> bool {
    headers.contains_key(header::FORWARDED) || headers.contains_key("x-forwarded-for") || headers.contains_key("x-real-ip")
}
