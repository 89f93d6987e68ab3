//! `/trust`: how to trust this server, open to all: the root's fingerprint, and the root itself.

use askama::Template;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::error::PageError;
use super::page::{Page, Visit, html};
use crate::state::AppState;

#[derive(Debug, Template)]
#[template(path = "trust.html")]
struct TrustPage {
    page: Page,
    fingerprint: String,
}

/// `GET /trust`
pub async fn show(State(state): State<AppState>, visit: Visit) -> Result<Response, PageError> {
    html(TrustPage {
        page: Page::new(&state, visit, ""),
        fingerprint: fingerprint(state.authority.current().pin().as_bytes()),
    })
}

/// Pairs with colons, as browsers and openssl print fingerprints.
fn fingerprint(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// `GET /trust/root.crt`
pub async fn download(State(state): State<AppState>) -> Response {
    let disposition = format!("attachment; filename=\"cos-{}-root.crt\"", state.region.id);
    (
        [
            (header::CONTENT_TYPE, "application/x-x509-ca-cert".to_owned()),
            (header::CONTENT_DISPOSITION, disposition),
        ],
        state.authority.current().root().pem(),
    )
        .into_response()
}
