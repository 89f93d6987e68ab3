//! `/api/v1/tokens`: the list, a new token with its one-time line, revoking.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use inventory_schema::enrollment::TokenId;
use inventory_schema::{BuildingId, OrganizationId, RoomId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ApiError, ApiProblem, ListOf, Paging};
use crate::state::AppState;
use crate::store::token::Token;
use crate::token::TokenWish;
use crate::web::error::log;
use crate::web::session::SignedIn;
use crate::web::tokens::{MAX_DAYS, MAX_NOTE_CHARS, MAX_USES, TokenState, issue, revoke_by};

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TokenRow {
    pub id: String,
    pub organization: String,
    pub organization_name: String,
    pub building: String,
    pub room: Option<String>,
    pub uses: i64,
    pub uses_limit: i64,
    pub expires_at: String,
    pub created_at: String,
    pub created_by: Option<String>,
    /// `active`, `expired`, `exhausted` or `revoked`.
    pub state: &'static str,
    pub note: String,
}

/// Tokens of one's scope, newest first. Secrets are not among what is stored.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    params(Paging),
    responses((status = 200, body = ListOf<TokenRow>), (status = 401, body = ApiProblem), (status = 403, body = ApiProblem))
)]
pub async fn list(
    State(state): State<AppState>,
    Query(paging): Query<Paging>,
    signed_in: SignedIn,
) -> Result<Json<ListOf<TokenRow>>, ApiError> {
    let now = state.clock.now();
    let found = state.store.tokens(signed_in.operator.scope.into(), None, paging.piece()).await?;
    Ok(Json(ListOf::of(found, |token| row(token, now))))
}

fn row(token: Token, now: Timestamp) -> TokenRow {
    TokenRow {
        id: token.external_id.to_string(),
        organization: token.organization.to_string(),
        building: token.building.to_string(),
        room: token.room.map(|room| room.to_string()),
        uses: token.uses,
        uses_limit: token.uses_limit,
        expires_at: token.expires_at.to_string(),
        created_at: token.created_at.to_string(),
        state: TokenState::of(&token, now).as_str(),
        created_by: token.created_by_login,
        organization_name: token.organization_short_name,
        note: token.note,
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// The organization's id.
    #[schema(value_type = String)]
    pub organization: OrganizationId,
    #[schema(value_type = String)]
    pub building: BuildingId,
    #[schema(value_type = Option<String>)]
    pub room: Option<RoomId>,
    /// How many computers may enroll, 1 to 1000.
    pub uses: u32,
    /// How many days it holds, 1 to 365.
    pub days: u32,
    /// The school's proxy: `http://host:port`.
    pub proxy: Option<String>,
    #[serde(default)]
    pub note: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CreatedToken {
    pub id: String,
    /// The line for `cos-agent enroll`; shown this once.
    pub line: String,
    pub expires_at: String,
}

/// A new token. Its line is in this answer and nowhere else.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    request_body = NewToken,
    params(("X-CSRF-Token" = String, Header, description = "From /api/v1/me")),
    responses(
        (status = 201, body = CreatedToken),
        (status = 400, body = ApiProblem),
        (status = 401, body = ApiProblem),
        (status = 403, body = ApiProblem),
        (status = 404, body = ApiProblem)
    )
)]
pub async fn create(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Json(new): Json<NewToken>,
) -> Result<(StatusCode, Json<CreatedToken>), ApiError> {
    let who = &signed_in.operator;
    if !(1..=MAX_USES).contains(&new.uses) || !(1..=MAX_DAYS).contains(&new.days) || new.note.chars().count() > MAX_NOTE_CHARS {
        return Err(ApiError::invalid(
            "uses — от 1 до 1000, days — от 1 до 365, note — не длиннее 200 знаков.",
        ));
    }
    let proxy = new.proxy.as_deref().map(str::parse).transpose();
    let place = state
        .store
        .place(who.scope.into(), new.organization, new.building, new.room)
        .await?
        .ok_or(ApiError::not_found())?;
    let wish = TokenWish {
        place,
        uses: new.uses,
        days: new.days,
        proxy: proxy.map_err(|_| ApiError::invalid("proxy: нужен адрес вида http://имя:порт."))?,
        note: new.note,
    };
    let token = issue(&state, who, wish, state.clock.now()).await.map_err(|error| {
        log(&error);
        ApiError::internal()
    })?;
    let created = CreatedToken {
        id: token.id.to_string(),
        line: token.to_line(),
        expires_at: token.expires.to_string(),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Revokes a token; doing it twice is the same as once.
#[utoipa::path(
    post,
    path = "/api/v1/tokens/{token}/revoke",
    params(
        ("token" = String, Path, description = "The token's id (UUID)"),
        ("X-CSRF-Token" = String, Header, description = "From /api/v1/me")
    ),
    responses((status = 204), (status = 401, body = ApiProblem), (status = 403, body = ApiProblem), (status = 404, body = ApiProblem))
)]
pub async fn revoke(State(state): State<AppState>, Path(id): Path<TokenId>, signed_in: SignedIn) -> Result<StatusCode, ApiError> {
    if revoke_by(&state, &signed_in.operator, id, state.clock.now()).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::not_found())
    }
}
