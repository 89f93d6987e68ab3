//! Enrollment tokens, made by people. Computers spend them in [`super::enrollment`], never more often than their limit.

use inventory_schema::enrollment::TokenId;
use inventory_schema::organization::{BuildingId, OrganizationId, RoomId};
use inventory_schema::{DeviceId, Digest, Timestamp};
use sqlx::any::AnyRow;

use super::organization::in_scope;
use super::statement::{Columns, records};
use super::{Listing, Page, Scope, Store, StoreResult};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    pub id: TokenId,
    /// Of the secret's text; the secret itself is never stored.
    pub secret_hash: Digest,
    pub organization_id: i64,
    pub building_id: i64,
    pub room_id: Option<i64>,
    pub uses_limit: i64,
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
    pub created_by: Option<i64>,
    pub note: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub id: i64,
    pub external_id: TokenId,
    pub secret_hash: Digest,
    pub organization_id: i64,
    pub organization: OrganizationId,
    pub organization_short_name: String,
    pub building_id: i64,
    pub building: BuildingId,
    pub building_address: String,
    pub room_id: Option<i64>,
    pub room: Option<RoomId>,
    pub room_name: Option<String>,
    pub uses_limit: i64,
    pub uses: i64,
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
    pub created_by_login: Option<String>,
    pub revoked_at: Option<Timestamp>,
    pub note: String,
}

/// What came of spending a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spend {
    /// One use was spent for the device that was proposed.
    Spent,
    /// The same hardware used this token before: nothing was spent, and the device is the one from then.
    Again {
        device: DeviceId,
    },
    Exhausted,
    Revoked,
    Expired,
    Unknown,
}

macro_rules! token_where {
    ($condition:expr) => {
        concat!(
            "SELECT t.id, t.external_id, t.secret_hash, t.organization_id, o.external_id AS organization, \
             v.short_name AS organization_short_name, t.building_id, b.external_id AS building, bv.address AS building_address, t.room_id, \
             r.external_id AS room, rv.name AS room_name, t.uses_limit, t.uses, t.expires_at, t.created_at, \
             p.login AS created_by_login, t.revoked_at, t.note \
             FROM token t JOIN organization o ON o.id = t.organization_id \
             JOIN organization_version v ON v.organization_id = o.id AND v.superseded_at IS NULL \
             JOIN building b ON b.id = t.building_id JOIN building_version bv ON bv.building_id = b.id AND bv.superseded_at IS NULL \
             LEFT JOIN room r ON r.id = t.room_id LEFT JOIN room_version rv ON rv.room_id = r.id AND rv.superseded_at IS NULL \
             LEFT JOIN operator p ON p.id = t.created_by WHERE ",
            $condition
        )
    };
}

impl Store {
    pub async fn create_token(&self, token: &NewToken) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO token (external_id, secret_hash, organization_id, building_id, room_id, uses_limit, uses, expires_at, \
             created_at, created_by, note) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10)",
        )
        .bind(token.id.to_string())
        .bind(token.secret_hash.to_string())
        .bind(token.organization_id)
        .bind(token.building_id)
        .bind(token.room_id)
        .bind(token.uses_limit)
        .bind(token.expires_at.unix_micros())
        .bind(token.created_at.unix_micros())
        .bind(token.created_by)
        .bind(token.note.as_str())
        .execute(self.write())
        .await?;
        Ok(())
    }

    /// Newest first; of one organization when given.
    pub async fn tokens(&self, scope: Scope, organization: Option<OrganizationId>, page: Page) -> StoreResult<Listing<Token>> {
        let organization = organization.map(|id| id.to_string());
        let rows = sqlx::query(token_where!(concat!(
            in_scope!(),
            " AND ($3 IS NULL OR o.external_id = $3) ORDER BY t.id DESC LIMIT $4 OFFSET $5"
        )))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(organization.clone())
        .bind(page.limit)
        .bind(page.offset)
        .fetch_all(self.read())
        .await?;
        let count = sqlx::query(concat!(
            "SELECT COUNT(*) AS total FROM token t JOIN organization o ON o.id = t.organization_id \
             JOIN organization_version v ON v.organization_id = o.id AND v.superseded_at IS NULL WHERE ",
            in_scope!(),
            " AND ($3 IS NULL OR o.external_id = $3)"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(organization)
        .fetch_one(self.read())
        .await?;
        Ok(Listing {
            rows: records(&rows, read)?,
            total: count.int("total")?,
        })
    }

    pub async fn token(&self, scope: Scope, id: TokenId) -> StoreResult<Option<Token>> {
        let row = sqlx::query(token_where!(concat!(in_scope!(), " AND t.external_id = $3")))
            .bind(scope.municipality)
            .bind(scope.organization)
            .bind(id.to_string())
            .fetch_optional(self.read())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Answers whether there was such a token to revoke.
    pub async fn revoke_token(&self, scope: Scope, id: TokenId, at: Timestamp) -> StoreResult<bool> {
        let result = sqlx::query(concat!(
            "UPDATE token SET revoked_at = $4 WHERE external_id = $3 AND revoked_at IS NULL \
             AND organization_id IN (SELECT v.organization_id FROM organization_version v WHERE v.superseded_at IS NULL AND ",
            in_scope!(),
            ")"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(id.to_string())
        .bind(at.unix_micros())
        .execute(self.write())
        .await?;
        Ok(result.rows_affected() > 0)
    }
}

fn read(row: &AnyRow) -> StoreResult<Token> {
    Ok(Token {
        id: row.int("id")?,
        external_id: row.parsed("external_id")?,
        secret_hash: row.parsed("secret_hash")?,
        organization_id: row.int("organization_id")?,
        organization: row.parsed("organization")?,
        organization_short_name: row.text("organization_short_name")?,
        building_id: row.int("building_id")?,
        building: row.parsed("building")?,
        building_address: row.text("building_address")?,
        room_id: row.optional_int("room_id")?,
        room: row.optional_parsed("room")?,
        room_name: row.optional_text("room_name")?,
        uses_limit: row.int("uses_limit")?,
        uses: row.int("uses")?,
        expires_at: row.time("expires_at")?,
        created_at: row.time("created_at")?,
        created_by_login: row.optional_text("created_by_login")?,
        revoked_at: row.optional_time("revoked_at")?,
        note: row.text("note")?,
    })
}
