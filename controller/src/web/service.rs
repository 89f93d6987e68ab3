//! For monitoring: whether the process runs, whether it can work, what it has counted.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::error::{Worded, log};
use crate::api::people::ApiError;
use crate::metrics::Gauges;
use crate::state::AppState;
use crate::store::{EngineKind, Scope};

/// `GET /healthz`: the process runs; nothing else is asked.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the database answers, and which guarantee stands behind an acknowledged report.
pub async fn readyz(State(state): State<AppState>) -> Response {
    let engine = match state.store.engine_kind() {
        EngineKind::Sqlite => "sqlite",
        EngineKind::Postgres => "postgres",
    };
    match state.store.durability().await {
        Ok(durability) => Json(json!({ "status": "ready", "database": engine, "durability": durability.as_str() })).into_response(),
        Err(error) => {
            log(&error);
            let body = json!({ "status": "unavailable", "database": engine });
            let mut response = (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
            response.extensions_mut().insert(Worded);
            response
        }
    }
}

/// `GET /metrics`
pub async fn metrics(State(state): State<AppState>) -> Result<Response, ApiError> {
    let overview = state.store.overview(Scope::REGION, state.clock.now()).await?;
    let gauges = Gauges {
        devices: overview.devices.total,
        devices_seen_day: overview.devices.seen_day,
        devices_silent: overview.devices.silent_week,
    };
    Ok((
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        state.metrics.text(gauges),
    )
        .into_response())
}
