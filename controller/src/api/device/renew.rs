//! `POST /v1/renew`: a new certificate for a known key, even when its certificate has expired.

use axum::extract::{Request, State};
use axum::{Extension, Json};
use inventory_schema::Timestamp;
use inventory_schema::enrollment::{Pem, RenewalAnswer, RenewalRequest};
use inventory_schema::problem::ProblemCode;

use super::{Expiry, Refused, authenticate, body, in_time, refused};
use crate::authority::{Csr, IssueError};
use crate::enrollment::log_certificate;
use crate::state::AppState;
use crate::tls::{DeviceIdentity, PeerIdentity};

pub async fn renew(
    State(state): State<AppState>,
    Extension(peer): Extension<PeerIdentity>,
    request: Request,
) -> Result<Json<RenewalAnswer>, Refused> {
    let refuse = refused(&state);
    let identity = authenticate(&state, peer, Expiry::Accepted).await.map_err(refuse)?;
    let request: RenewalRequest = body::read_json(request, state.traffic.bodies.of_a_document())
        .await
        .map_err(refuse)?;
    let answer = renewed(&state, &identity, &request.csr, state.clock.now()).await.map_err(refuse)?;
    Ok(Json(answer))
}

/// A new certificate for the key that `identity` has proven.
pub(crate) async fn renewed(state: &AppState, identity: &DeviceIdentity, csr: &Pem, now: Timestamp) -> Result<RenewalAnswer, ProblemCode> {
    let csr = Csr::read(csr).map_err(|error| IssueError::Csr(error).problem_code())?;
    if csr.public_key.fingerprint() != identity.key {
        // Another key is another enrollment: the caller has proven only the key of its certificate.
        return Err(ProblemCode::CsrMalformed);
    }
    let certificate = state
        .authority
        .current()
        .certify_device(&csr, &state.region.id, identity.device, now)
        .map_err(|error| error.problem_code())?;
    in_time(log_certificate(state, identity.device, &certificate, now)).await?;
    tracing::info!(device.id = %identity.device, not_after = %certificate.validity.not_after, "a certificate was renewed");
    Ok(RenewalAnswer {
        certificate: certificate.chain,
        trust: state.authority.current().trust_bundle(),
        server_time: now,
    })
}
