//! A new enrollment token: made, its secret's digest kept, its text given out once.
//!
//! Called by the tokens' page, the API, the command line and the demo. It knows no HTTP.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inventory_schema::enrollment::{ControllerUrl, EnrollmentToken, ProxyUrl, TokenId, TokenSecret};
use inventory_schema::{Digest, RegionId, Timestamp};

use crate::password::{PasswordError, random_bytes};
use crate::store::building::Place;
use crate::store::token::NewToken;
use crate::store::{Store, StoreError};

/// What the token is to be.
#[derive(Debug, Clone)]
pub struct TokenWish {
    pub place: Place,
    /// How many computers it enrolls, at least 1.
    pub uses: u32,
    pub days: u32,
    pub proxy: Option<ProxyUrl>,
    /// For people: «кабинет информатики, первый этаж».
    pub note: String,
}

/// What every token of a region carries.
#[derive(Debug, Clone)]
pub struct TokenOrigin {
    pub region: RegionId,
    pub controllers: Vec<ControllerUrl>,
    /// SHA-256 of the root certificate.
    pub ca: Digest,
}

#[derive(Debug, thiserror::Error)]
pub enum CreateTokenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] PasswordError),
}

const DAY: Duration = Duration::from_secs(86_400);

/// Makes a token. The answer holds the secret: it is shown once and kept nowhere.
pub async fn issue(
    store: &Store,
    origin: TokenOrigin,
    wish: TokenWish,
    created_by: Option<i64>,
    now: Timestamp,
) -> Result<EnrollmentToken, CreateTokenError> {
    let secret: TokenSecret = URL_SAFE_NO_PAD
        .encode(random_bytes::<32>()?)
        .parse()
        .expect("32 bytes are 43 letters of base64url");
    let token = EnrollmentToken {
        id: TokenId::generate(),
        region: origin.region,
        controllers: origin.controllers,
        ca: origin.ca,
        secret,
        organization: wish.place.organization,
        building: wish.place.building,
        room: wish.place.room,
        proxy: wish.proxy,
        expires: now + DAY * wish.days,
    };
    store
        .create_token(&NewToken {
            id: token.id,
            secret_hash: Digest::of(token.secret.as_str().as_bytes()),
            organization_id: wish.place.organization_id,
            building_id: wish.place.building_id,
            room_id: wish.place.room_id,
            uses_limit: i64::from(wish.uses),
            expires_at: token.expires,
            created_at: now,
            created_by,
            note: wish.note,
        })
        .await?;
    Ok(token)
}
