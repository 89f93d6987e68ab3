//! `GET /v1/time`: the signed time, for agents whose clock keeps them from believing certificates.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use inventory_schema::check_in::{Nonce, TimeAnswer};
use inventory_schema::problem::ProblemCode;
use inventory_schema::signature::Signed;
use serde::Deserialize;

use super::{Refused, refused};
use crate::state::AppState;

#[derive(Debug, Deserialize)]
pub struct Question {
    nonce: Nonce,
}

pub async fn time(
    State(state): State<AppState>,
    question: Result<Query<Question>, QueryRejection>,
) -> Result<Json<Signed<TimeAnswer>>, Refused> {
    let refuse = refused(&state);
    let Query(Question { nonce }) = question.map_err(|_| refuse(ProblemCode::BodyUnreadable))?;
    let answer = TimeAnswer {
        nonce,
        server_time: state.clock.now(),
    };
    let signed = state.authority.current().sign(&answer).map_err(|error| {
        tracing::error!(%error, "the time could not be signed");
        refuse(ProblemCode::Internal)
    })?;
    Ok(Json(signed))
}
