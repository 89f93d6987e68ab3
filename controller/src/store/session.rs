//! Sessions of operators. Only the hash of a session's token is stored.

use inventory_schema::Timestamp;

use super::operator::{self, OperatorRecord, operator_columns};
use super::statement::Columns;
use super::{Store, StoreResult};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    pub token_hash: String,
    pub operator_id: i64,
    pub csrf_token: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A session with its operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub token_hash: String,
    pub csrf_token: String,
    pub session_created_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub expires_at: Timestamp,
    pub operator: OperatorRecord,
}

impl Store {
    pub async fn create_session(&self, session: &NewSession) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO session (token_hash, operator_id, csrf_token, created_at, last_seen_at, expires_at) VALUES ($1, $2, $3, $4, $4, $5)",
        )
        .bind(session.token_hash.as_str())
        .bind(session.operator_id)
        .bind(session.csrf_token.as_str())
        .bind(session.created_at.unix_micros())
        .bind(session.expires_at.unix_micros())
        .execute(self.write())
        .await?;
        Ok(())
    }

    /// A session that has not expired, of an operator that is not disabled.
    pub async fn session(&self, token_hash: &str, now: Timestamp) -> StoreResult<Option<Session>> {
        let row = sqlx::query(concat!(
            "SELECT s.token_hash, s.csrf_token, s.created_at AS session_created_at, s.last_seen_at, s.expires_at, ",
            operator_columns!(),
            " FROM session s JOIN operator p ON p.id = s.operator_id \
             WHERE s.token_hash = $1 AND s.expires_at > $2 AND p.disabled_at IS NULL"
        ))
        .bind(token_hash)
        .bind(now.unix_micros())
        .fetch_optional(self.read())
        .await?;
        row.map(|row| {
            Ok(Session {
                token_hash: row.text("token_hash")?,
                csrf_token: row.text("csrf_token")?,
                session_created_at: row.time("session_created_at")?,
                last_seen_at: row.time("last_seen_at")?,
                expires_at: row.time("expires_at")?,
                operator: operator::read(&row)?,
            })
        })
        .transpose()
    }

    /// Notes that the session is in use and lets it last until `expires_at`.
    pub async fn touch_session(&self, token_hash: &str, now: Timestamp, expires_at: Timestamp) -> StoreResult<()> {
        sqlx::query("UPDATE session SET last_seen_at = $2, expires_at = $3 WHERE token_hash = $1")
            .bind(token_hash)
            .bind(now.unix_micros())
            .bind(expires_at.unix_micros())
            .execute(self.write())
            .await?;
        Ok(())
    }

    pub async fn delete_session(&self, token_hash: &str) -> StoreResult<()> {
        sqlx::query("DELETE FROM session WHERE token_hash = $1")
            .bind(token_hash)
            .execute(self.write())
            .await?;
        Ok(())
    }

    /// Answers how many sessions had expired.
    pub async fn delete_expired_sessions(&self, now: Timestamp) -> StoreResult<u64> {
        let result = sqlx::query("DELETE FROM session WHERE expires_at <= $1")
            .bind(now.unix_micros())
            .execute(self.write())
            .await?;
        Ok(result.rows_affected())
    }
}
