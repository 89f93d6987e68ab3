//! The device interface, `/v1` (DESIGN §5): token, enrollment, time, renewal, check-in, reports.
//!
//! A handler is a short story: read the body, settle who is calling, act, answer. Refusals are
//! problem+json with a stable code and a Russian sentence. TLS has proved the chain and the possession of
//! the key; expiry and revocation are decided here, where they can be explained.

pub mod body;
pub mod check_in;
pub mod enroll;
pub mod line_test;
pub mod rekey;
pub mod renew;
pub mod reports;
pub mod time;
pub mod token;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use inventory_schema::Timestamp;
use inventory_schema::problem::{PROBLEM_CONTENT_TYPE, Problem, ProblemCode};

use crate::enrollment::outage;
use crate::pace::come_again;
use crate::state::AppState;
use crate::tls::{DeviceIdentity, PeerIdentity};

/// A refusal on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    pub code: ProblemCode,
    pub now: Timestamp,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let problem = Problem::new(self.code, Some(self.now));
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(problem)).into_response();
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_CONTENT_TYPE));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let pause = come_again(uuid::Uuid::now_v7().as_u128());
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(pause.get()));
        }
        response
    }
}

/// Any path that is not the device interface's.
pub async fn nothing_here(State(state): State<AppState>) -> Refused {
    refused(&state)(ProblemCode::NotFound)
}

/// A path of the device interface, asked by another method.
pub async fn another_method(State(state): State<AppState>) -> Refused {
    refused(&state)(ProblemCode::MethodNotAllowed)
}

/// Turns a code into an answer that also tells the time.
fn refused(state: &AppState) -> impl Fn(ProblemCode) -> Refused + Copy {
    let (now, metrics) = (state.clock.now(), &state.metrics);
    move |code| {
        if code == ProblemCode::Busy {
            metrics.turned_away.add(1);
        }
        Refused { code, now }
    }
}

/// How long the database may take with one request, waits for news apart: less than agents wait for an answer.
const STORAGE: Duration = Duration::from_secs(20);

/// What `work` answers, or that storage is unavailable where it does not answer: an agent is never held for ever.
async fn in_time<T>(work: impl Future<Output = Result<T, ProblemCode>>) -> Result<T, ProblemCode> {
    tokio::time::timeout(STORAGE, work).await.unwrap_or_else(|_| {
        tracing::warn!(seconds = STORAGE.as_secs(), "the database did not answer in time");
        Err(ProblemCode::StorageUnavailable)
    })
}

/// Whether an expired certificate may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    Refused,
    /// Renewal: the key proves itself.
    Accepted,
}

/// The device that is calling, if its key is still in force.
pub(crate) async fn authenticate(state: &AppState, peer: PeerIdentity, expiry: Expiry) -> Result<Arc<DeviceIdentity>, ProblemCode> {
    let identity = identify(state, peer, expiry).await?;
    refuse_revoked(state, &identity).await?;
    Ok(identity)
}

/// The device that is calling, by its certificate alone: whoever calls this asks about the key by other means.
async fn identify(state: &AppState, peer: PeerIdentity, expiry: Expiry) -> Result<Arc<DeviceIdentity>, ProblemCode> {
    let identity = match peer {
        PeerIdentity::Device(identity) => identity,
        PeerIdentity::None => return Err(ProblemCode::CertificateRequired),
        PeerIdentity::Foreign => return Err(ProblemCode::CertificateForeign),
    };
    if identity.region != state.region.id {
        return Err(ProblemCode::CertificateForeign);
    }
    if expiry == Expiry::Refused && identity.not_after < state.clock.now() {
        // That its key lost its force is worth more than that its time is over.
        refuse_revoked(state, &identity).await?;
        return Err(ProblemCode::CertificateExpired);
    }
    Ok(identity)
}

async fn refuse_revoked(state: &AppState, identity: &DeviceIdentity) -> Result<(), ProblemCode> {
    if in_time(async { state.store.is_revoked(identity.key).await.map_err(outage) }).await? {
        Err(ProblemCode::CertificateRevoked)
    } else {
        Ok(())
    }
}
