//! Sessions of people: a random token in a cookie, its hash in the store, an end when idle and an end at last.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inventory_schema::{Digest, Timestamp};

use super::cookie;
use crate::access::{Operator, Role, Scope};
use crate::password::{PasswordError, random_bytes};
use crate::state::AppState;
use crate::store::operator::OperatorRecord;
use crate::store::session::NewSession;
use crate::store::{Store, StoreError};

/// `__Host-`: only this host set it, over TLS, for all its paths.
pub const SESSION_COOKIE: &str = "__Host-session";
/// A session that nobody uses ends after this.
const IDLE: Duration = Duration::from_secs(2 * 60 * 60);
/// Every session ends after this, used or not.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// How often use is noted: not with every request.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// The person behind a request. Only [`crate::web::gate`] puts it into a request; a handler that takes it stands
/// behind a right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    pub operator: Operator,
    pub csrf: String,
    /// The stored name of the session.
    pub token_hash: String,
}

impl<S: Sync> FromRequestParts<S> for SignedIn {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get::<Self>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("a session could not be read or written")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] PasswordError),
}

/// The person a stored operator is; `None` for a role or scope this program does not know, which is nobody.
pub fn operator(record: &OperatorRecord) -> Option<Operator> {
    let role: Role = record.role.parse().ok()?;
    let scope = Scope::of(role, record.scope.municipality, record.scope.organization).ok()?;
    Some(Operator {
        id: record.id,
        login: record.login.clone(),
        display_name: record.display_name.clone(),
        role,
        scope,
        must_change_password: record.must_change_password,
    })
}

/// Starts a session; answers the cookie that carries it.
pub async fn start(store: &Store, operator: i64, now: Timestamp) -> Result<HeaderValue, SessionError> {
    let token = URL_SAFE_NO_PAD.encode(random_bytes::<32>()?);
    let csrf_token = URL_SAFE_NO_PAD.encode(random_bytes::<32>()?);
    store
        .create_session(&NewSession {
            token_hash: hash(&token),
            operator_id: operator,
            csrf_token,
            created_at: now,
            expires_at: now + IDLE,
        })
        .await?;
    Ok(cookie::set(SESSION_COOKIE, &token))
}

/// The person whose session a request carries.
pub async fn of_request(state: &AppState, headers: &HeaderMap, now: Timestamp) -> Result<Option<SignedIn>, StoreError> {
    let Some(token) = cookie::value(headers, SESSION_COOKIE).filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    let token_hash = hash(token);
    let Some(session) = state.store.session(&token_hash, now).await? else {
        return Ok(None);
    };
    let end = session.session_created_at + LONGEST;
    if now >= end {
        return Ok(None);
    }
    if now >= session.last_seen_at + NOTED_EVERY {
        state.store.touch_session(&token_hash, now, (now + IDLE).min(end)).await?;
    }
    Ok(operator(&session.operator).map(|operator| SignedIn {
        operator,
        csrf: session.csrf_token,
        token_hash,
    }))
}

fn hash(token: &str) -> String {
    Digest::of(token.as_bytes()).to_string()
}
