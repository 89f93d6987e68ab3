//! `/api/v1/me`: who is calling, and the token that their writes must carry.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiProblem;
use crate::access::ScopeKind;
use crate::web::session::SignedIn;

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Me {
    pub login: String,
    pub display_name: String,
    pub role: String,
    /// `region`, `municipality` or `organization`.
    pub scope: &'static str,
    pub rights: Vec<&'static str>,
    /// To be sent as `X-CSRF-Token` with every write.
    pub csrf_token: String,
}

/// Who is calling.
#[utoipa::path(get, path = "/api/v1/me", responses((status = 200, body = Me), (status = 401, body = ApiProblem)))]
pub async fn show(signed_in: SignedIn) -> Json<Me> {
    let operator = signed_in.operator;
    Json(Me {
        login: operator.login,
        display_name: operator.display_name,
        role: operator.role.to_string(),
        scope: match operator.role.scope_kind() {
            ScopeKind::Region => "region",
            ScopeKind::Municipality => "municipality",
            ScopeKind::Organization => "organization",
        },
        rights: operator.role.rights().iter().map(|right| right.as_str()).collect(),
        csrf_token: signed_in.csrf,
    })
}
