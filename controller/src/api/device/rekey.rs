//! `POST /v1/rekey`: is the key of this connection the asking computer's? If not, here is another.

use axum::extract::{Request, State};
use axum::{Extension, Json};
use inventory_schema::check_in::ProtocolRange;
use inventory_schema::enrollment::{RekeyAnswer, RekeyRequest};
use inventory_schema::problem::ProblemCode;

use super::{Expiry, Refused, authenticate, body, in_time, refused};
use crate::device;
use crate::state::AppState;
use crate::tls::PeerIdentity;

pub async fn rekey(
    State(state): State<AppState>,
    Extension(peer): Extension<PeerIdentity>,
    request: Request,
) -> Result<Json<RekeyAnswer>, Refused> {
    let refuse = refused(&state);
    // An image lies in a cupboard for longer than a certificate lives.
    let identity = authenticate(&state, peer, Expiry::Accepted).await.map_err(refuse)?;
    let request: RekeyRequest = body::read_json(request, state.traffic.bodies.of_a_document())
        .await
        .map_err(refuse)?;
    if ProtocolRange::CURRENT.common(request.protocol).is_none() {
        return Err(refuse(ProblemCode::ProtocolUnsupported));
    }
    let answer = in_time(device::rekey::rekey(&state, &identity, &request, state.clock.now())).await;
    answer.map(Json).map_err(refuse)
}
