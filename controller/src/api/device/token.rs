//! `POST /v1/token`: would this token enroll? Nothing is spent; `cos-agent doctor TOKEN` asks.

use axum::Json;
use axum::extract::{Request, State};
use inventory_schema::enrollment::TokenAnswer;

use super::{Refused, body, in_time, refused};
use crate::enrollment;
use crate::state::AppState;

pub async fn token(State(state): State<AppState>, request: Request) -> Result<Json<TokenAnswer>, Refused> {
    let refuse = refused(&state);
    let question = body::read_json(request, state.traffic.bodies.of_a_document())
        .await
        .map_err(refuse)?;
    let answer = in_time(enrollment::answer(&state, &question, state.clock.now()))
        .await
        .map_err(refuse)?;
    Ok(Json(answer))
}
