//! `POST /v1/reports`: a batch of signed reports; each is answered by its digest.

use axum::extract::{Request, State};
use axum::{Extension, Json};
use inventory_schema::Digest;
use inventory_schema::report::{ReportAnswer, ReportAnswers, ReportBatch, ReportOutcome};

use super::{Expiry, Refused, authenticate, body, in_time, refused};
use crate::enrollment::outage;
use crate::state::AppState;
use crate::tls::PeerIdentity;

pub async fn reports(
    State(state): State<AppState>,
    Extension(peer): Extension<PeerIdentity>,
    request: Request,
) -> Result<Json<ReportAnswers>, Refused> {
    let refuse = refused(&state);
    let identity = authenticate(&state, peer, Expiry::Refused).await.map_err(refuse)?;
    let batch: ReportBatch = body::read_json(request, state.traffic.bodies).await.map_err(refuse)?;
    let device = in_time(async { state.store.device_by_key(identity.key).await.map_err(outage) })
        .await
        .map_err(refuse)?;
    let answers = match device {
        Some(device) => state
            .traffic
            .intake
            .take_in(batch, device.id, &identity, &state.region.id, state.clock.now())
            .await
            .map_err(refuse)?,
        // The record was deleted: the next check-in makes it again, from the receipt.
        None => later(batch),
    };
    Ok(Json(answers))
}

fn later(batch: ReportBatch) -> ReportAnswers {
    let answer = |envelope: String| ReportAnswer {
        digest: Digest::of(envelope.as_bytes()),
        outcome: ReportOutcome::Retry,
    };
    ReportAnswers {
        answers: batch.reports.into_iter().map(|report| answer(report.envelope)).collect(),
    }
}
