//! `/api/v1/evidence`: the checkpoints' lines, for whoever keeps them elsewhere every day, and archives of evidence.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::Response;
use inventory_schema::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ApiError, ApiProblem, ListOf, Paging};
use crate::evidence_request::{Asked, Unreadable};
use crate::state::AppState;
use crate::store::checkpoint::CheckpointRecord;
use crate::web::session::SignedIn;

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckpointRow {
    /// Counted from 1.
    pub number: u64,
    /// Everything that was received up to this moment is in it.
    pub taken_at: String,
    /// How many chains of reports it stands for.
    pub chains: u64,
    /// How many certificates and revocations.
    pub log: u64,
    /// What is kept elsewhere: `evidence verify --checkpoint LINE` takes it as it is.
    pub line: String,
}

/// Checkpoints with the line of each, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/evidence/checkpoints",
    params(Paging),
    responses((status = 200, body = ListOf<CheckpointRow>), (status = 401, body = ApiProblem), (status = 403, body = ApiProblem))
)]
pub async fn checkpoints(State(state): State<AppState>, Query(paging): Query<Paging>) -> Result<Json<ListOf<CheckpointRow>>, ApiError> {
    let found = state.store.checkpoints(paging.piece()).await?;
    Ok(Json(ListOf::of(found, row)))
}

fn row(record: CheckpointRecord) -> CheckpointRow {
    let line = record.line().to_string();
    let checkpoint = record.checkpoint;
    CheckpointRow {
        number: checkpoint.number,
        taken_at: checkpoint.taken_at.to_string(),
        chains: checkpoint.heads.count,
        log: checkpoint.authority_log.count,
        line,
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// An ОГРН, or the id of an organization or of a device.
    pub whose: String,
    /// `2026-09-01` in the region's zone, or a moment (RFC 3339). Everything that is kept unless said.
    #[serde(default)]
    pub from: String,
    /// A day is included, a moment is not.
    #[serde(default)]
    pub to: String,
}

/// The bytes of a tar archive, for the document alone: they are never held together.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct EvidenceArchive(());

/// An archive that `evidence verify` checks with no database, made while it is sent. One that is broken off has no
/// end: the connection says so.
#[utoipa::path(
    post,
    path = "/api/v1/evidence/export",
    request_body = ExportRequest,
    params(("X-CSRF-Token" = String, Header, description = "From /api/v1/me")),
    responses(
        (status = 200, description = "The archive", body = EvidenceArchive, content_type = "application/x-tar"),
        (status = 400, body = ApiProblem),
        (status = 401, body = ApiProblem),
        (status = 403, body = ApiProblem),
        (status = 404, body = ApiProblem)
    )
)]
pub async fn export(State(state): State<AppState>, signed_in: SignedIn, Json(request): Json<ExportRequest>) -> Result<Response, ApiError> {
    let now: Timestamp = state.clock.now();
    let asked = Asked {
        whose: &request.whose,
        from: &request.from,
        to: &request.to,
    };
    let allowed = asked
        .allowed(&state, &signed_in.operator, now)
        .await?
        .map_err(|error| match error {
            Unreadable::Span => ApiError::invalid("from, to: дата ГГГГ-ММ-ДД или момент (RFC 3339), from раньше to."),
            Unreadable::Whose => ApiError::not_found(),
        })?;
    Ok(allowed.answer(state, now).await?)
}
