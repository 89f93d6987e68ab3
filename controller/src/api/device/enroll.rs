//! `POST /v1/enroll`: token, CSR and hardware evidence in; certificate, trust bundle and receipt out.

use axum::Json;
use axum::extract::{Request, State};
use inventory_schema::enrollment::EnrollmentAnswer;

use super::{Refused, body, in_time, refused};
use crate::enrollment;
use crate::state::AppState;

pub async fn enroll(State(state): State<AppState>, request: Request) -> Result<Json<EnrollmentAnswer>, Refused> {
    let refuse = refused(&state);
    let request = body::read_json(request, state.traffic.bodies.of_a_document())
        .await
        .map_err(refuse)?;
    let answer = in_time(enrollment::enroll(&state, request, state.clock.now()))
        .await
        .map_err(refuse)?;
    Ok(Json(answer))
}
