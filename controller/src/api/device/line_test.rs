//! Tests over TCP beside the device interface: ndt7 (`/ndt/v7/…`) and bare streams (`/measure/tcp/…`).
//!
//! Whoever holds a lease may load this controller, once and within the measuring server's rate and number of tests;
//! all of that is decided by [`cos_measurement::over_tcp`]. A controller that measures nobody has nothing here.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use inventory_schema::problem::ProblemCode;

use super::{Refused, refused};
use crate::state::AppState;

pub async fn begin(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, Refused> {
    let Some(tests) = &state.line_tests else {
        return Err(refused(&state)(ProblemCode::NotFound));
    };
    Ok(tests.answer(request, peer, state.clock.now()).map(Body::from))
}
