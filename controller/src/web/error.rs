//! Errors as pages, and what every answer of the people's listener carries: headers and a count.
//!
//! A handler answers a bare status; [`dress`] makes a page or a problem of it, in the visitor's language and with
//! their navigation. So do the errors that axum itself answers: an unreadable form, a body that is too large.

use askama::Template;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::page::{Page, Visit, html};
use super::session::{self, SessionError, SignedIn};
use crate::api::people::ApiError;
use crate::password::PasswordError;
use crate::state::AppState;
use crate::store::StoreError;

/// Why a page could not be shown. What is said to people is in [`dress`]; the cause goes to the log, once.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("there is nothing at this address, or it is out of scope")]
    NotFound,
    #[error("the request makes no sense")]
    BadRequest,
    #[error("what was sent is too large")]
    TooLarge,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the page could not be made")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<PasswordError> for PageError {
    fn from(error: PasswordError) -> Self {
        Self::Internal(Box::new(error))
    }
}

impl From<SessionError> for PageError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Store(error) => Self::Store(error),
            error => Self::Internal(Box::new(error)),
        }
    }
}

/// Marks a refusal as one for want of the session's token.
#[derive(Debug, Clone, Copy)]
pub struct Forged;

/// Marks an answer that already has its words.
#[derive(Debug, Clone, Copy)]
pub struct Worded;

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Store(error) if error.is_outage() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            log(&self);
        }
        status.into_response()
    }
}

/// The whole chain of causes, once, where it is handled.
pub fn log(error: &dyn std::error::Error) {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        source = cause.source();
    }
    tracing::error!(error = chain, "a request of a person failed");
}

/// The fallback for addresses that are no route.
pub async fn nothing_here() -> StatusCode {
    StatusCode::NOT_FOUND
}

/// Only what is served from here may be loaded; nothing is inline; nobody may frame a page.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Around every answer: words for bare errors, headers, a count.
pub async fn dress(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let is_page = !request.uri().path().starts_with("/api/");
    let (mut parts, body) = request.into_parts();
    let Ok(visit) = Visit::from_request_parts(&mut parts, &state).await;
    let mut response = next.run(Request::from_parts(parts.clone(), body)).await;
    let status = response.status();
    if status.as_u16() >= 400 && response.extensions().get::<Worded>().is_none() {
        response = worded(&state, visit, &parts.headers, response, is_page).await;
    }
    state.metrics.count_request(route.as_deref().unwrap_or("other"), status.as_u16());
    secure(&mut response);
    response
}

async fn worded(state: &AppState, mut visit: Visit, headers: &HeaderMap, bare: Response, is_page: bool) -> Response {
    let status = bare.status();
    if !is_page {
        return ApiError::of_status(status).into_response();
    }
    visit.signed_in = match bare.extensions().get::<SignedIn>() {
        Some(signed_in) => Some(signed_in.clone()),
        // An address that is no route passed no gate. Without a database the page goes without navigation.
        None => session::of_request(state, headers, visit.now).await.unwrap_or_default(),
    };
    let forged = bare.extensions().get::<Forged>().is_some();
    match error_page(state, visit, status, forged) {
        Ok(mut page) => {
            *page.status_mut() = status;
            if let Some(allow) = bare.headers().get(header::ALLOW) {
                page.headers_mut().insert(header::ALLOW, allow.clone());
            }
            page
        }
        Err(_) => bare,
    }
}

#[derive(Debug, Template)]
#[template(path = "error.html")]
struct ErrorPage {
    page: Page,
    status: u16,
    title: String,
    explanation: String,
}

fn error_page(state: &AppState, visit: Visit, status: StatusCode, forged: bool) -> Result<Response, PageError> {
    let l = visit.language;
    let (title, explanation) = match status.as_u16() {
        403 if forged => (l.t("error-403-csrf-title"), l.t("error-403-csrf")),
        403 => (l.t("error-403-title"), l.t("error-403")),
        404 => (l.t("error-404-title"), l.t("error-404")),
        405 => (l.t("error-405-title"), l.t("error-405")),
        413 => (l.t("error-413-title"), l.t("error-413")),
        503 => (l.t("error-503-title"), l.t("error-503")),
        400..500 => (l.t("error-400-title"), l.t("error-400")),
        _ => (l.t("error-500-title"), l.t("error-500")),
    };
    html(ErrorPage {
        page: Page::new(state, visit, ""),
        status: status.as_u16(),
        title,
        explanation,
    })
}

fn secure(response: &mut Response) {
    // What is shown is one person's part of the region; assets say themselves that they may be kept.
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}
