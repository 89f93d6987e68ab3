//! `POST /v1/reports`: a batch of signed reports; each is answered by its digest.

use axum::extract::{Request, State};
use axum::{Extension, Json};
use inventory_schema::problem::ProblemCode;
use inventory_schema::report::ReportAnswers;

use super::{Expiry, Refused, body, identify, in_time, refused};
use crate::presence::Caller;
use crate::report::intake::JudgedBatch;
use crate::state::AppState;
use crate::tls::PeerIdentity;

pub async fn reports(
    State(state): State<AppState>,
    Extension(peer): Extension<PeerIdentity>,
    request: Request,
) -> Result<Json<ReportAnswers>, Refused> {
    answer(&state, peer, request).await.map(Json).map_err(refused(&state))
}

async fn answer(state: &AppState, peer: PeerIdentity, request: Request) -> Result<ReportAnswers, ProblemCode> {
    let identity = identify(state, peer, Expiry::Refused).await?;
    let (signer, region, now) = (identity.clone(), state.region.clone(), state.clock.now());
    let size = body::announced_size(&request, state.traffic.bodies);
    if !state
        .traffic
        .admits_reports(identity.key, u64::try_from(size).unwrap_or(u64::MAX), now)
    {
        state.metrics.over_allowance.add(1);
        tracing::warn!(device.id = %identity.device, bytes = size, "a device sends more reports than its allowance: it is told to come later");
        return Err(ProblemCode::Busy);
    }
    // Unpacked, read and judged in one go, where nobody waits for it.
    let judge = move |batch| JudgedBatch::of(batch, &signer, &region.id, now);
    let judged = body::read_large_json(request, state.traffic.bodies, judge).await?;
    state.traffic.count_reports(identity.key, judged.count(), now);
    match in_time(state.traffic.presence.who(identity.key)).await? {
        Caller::Device { standing, .. } => state.traffic.intake.take_in(judged, standing.device).await,
        // The record was deleted: the next check-in makes it again, from the receipt.
        Caller::Unknown => Ok(judged.later()),
        Caller::Revoked => Err(ProblemCode::CertificateRevoked),
    }
}
