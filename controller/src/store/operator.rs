//! Operators: people who log in. Roles and passwords are text here; `access` and `web` know their meaning.

use inventory_schema::Timestamp;
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::fold::fold;
use super::statement::{Columns, records};
use super::{Scope, Store, StoreResult};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOperator {
    pub external_id: Uuid,
    /// Stored folded: upper and lower case name the same operator.
    pub login: String,
    pub display_name: String,
    pub password_hash: String,
    pub must_change_password: bool,
    pub role: String,
    /// What the operator may see.
    pub scope: Scope,
    pub language: String,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRecord {
    pub id: i64,
    pub external_id: Uuid,
    pub login: String,
    pub display_name: String,
    pub password_hash: String,
    pub must_change_password: bool,
    pub role: String,
    pub scope: Scope,
    pub language: String,
    pub created_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
    /// Wrong passwords since the last right one.
    pub failed_attempts: i64,
    pub locked_until: Option<Timestamp>,
}

macro_rules! operator_columns {
    () => {
        "p.id, p.external_id, p.login, p.display_name, p.password_hash, p.must_change_password, p.role, p.municipality_id, \
         p.organization_id, p.language, p.created_at, p.disabled_at, p.failed_attempts, p.locked_until"
    };
}
pub(super) use operator_columns;

impl Store {
    /// A login that is taken is a conflict. Answers the internal id.
    pub async fn create_operator(&self, operator: &NewOperator) -> StoreResult<i64> {
        let row = sqlx::query(
            "INSERT INTO operator (external_id, login, display_name, password_hash, must_change_password, role, municipality_id, \
             organization_id, language, created_at, failed_attempts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0) RETURNING id",
        )
        .bind(operator.external_id.hyphenated().to_string())
        .bind(fold(&operator.login))
        .bind(operator.display_name.as_str())
        .bind(operator.password_hash.as_str())
        .bind(i64::from(operator.must_change_password))
        .bind(operator.role.as_str())
        .bind(operator.scope.municipality)
        .bind(operator.scope.organization)
        .bind(operator.language.as_str())
        .bind(operator.created_at.unix_micros())
        .fetch_one(self.write())
        .await?;
        row.int("id")
    }

    /// By login. A scope of a municipality or an organization sees the operators of that scope only.
    pub async fn operators(&self, scope: Scope) -> StoreResult<Vec<OperatorRecord>> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            operator_columns!(),
            " FROM operator p WHERE ($1 IS NULL OR p.municipality_id = $1) AND ($2 IS NULL OR p.organization_id = $2) ORDER BY p.login"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .fetch_all(self.read())
        .await?;
        records(&rows, read)
    }

    pub async fn operator_by_login(&self, login: &str) -> StoreResult<Option<OperatorRecord>> {
        let row = sqlx::query(concat!("SELECT ", operator_columns!(), " FROM operator p WHERE p.login = $1"))
            .bind(fold(login))
            .fetch_optional(self.read())
            .await?;
        row.as_ref().map(read).transpose()
    }

    pub async fn operator_by_external_id(&self, id: Uuid) -> StoreResult<Option<OperatorRecord>> {
        let row = sqlx::query(concat!("SELECT ", operator_columns!(), " FROM operator p WHERE p.external_id = $1"))
            .bind(id.hyphenated().to_string())
            .fetch_optional(self.read())
            .await?;
        row.as_ref().map(read).transpose()
    }

    pub async fn operator(&self, id: i64) -> StoreResult<Option<OperatorRecord>> {
        let row = sqlx::query(concat!("SELECT ", operator_columns!(), " FROM operator p WHERE p.id = $1"))
            .bind(id)
            .fetch_optional(self.read())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// How many operators exist, disabled ones too.
    pub async fn count_operators(&self) -> StoreResult<i64> {
        sqlx::query("SELECT COUNT(*) AS total FROM operator")
            .fetch_one(self.read())
            .await?
            .int("total")
    }

    /// Sets a password, ends the lock, and ends all sessions but `keep_session` (a token hash).
    pub async fn update_password(
        &self,
        operator: i64,
        password_hash: &str,
        must_change_password: bool,
        keep_session: Option<&str>,
    ) -> StoreResult<()> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "UPDATE operator SET password_hash = $2, must_change_password = $3, failed_attempts = 0, locked_until = NULL WHERE id = $1",
        )
        .bind(operator)
        .bind(password_hash)
        .bind(i64::from(must_change_password))
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM session WHERE operator_id = $1 AND ($2 IS NULL OR token_hash <> $2)")
            .bind(operator)
            .bind(keep_session)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Counts a wrong password; answers how many there are since the last right one.
    pub async fn count_failed_login(&self, operator: i64) -> StoreResult<i64> {
        let row = sqlx::query("UPDATE operator SET failed_attempts = failed_attempts + 1 WHERE id = $1 RETURNING failed_attempts")
            .bind(operator)
            .fetch_optional(self.write())
            .await?;
        row.map_or(Ok(0), |row| row.int("failed_attempts"))
    }

    pub async fn lock_operator(&self, operator: i64, until: Timestamp) -> StoreResult<()> {
        sqlx::query("UPDATE operator SET locked_until = $2 WHERE id = $1")
            .bind(operator)
            .bind(until.unix_micros())
            .execute(self.write())
            .await?;
        Ok(())
    }

    /// Forgets wrong passwords and the lock.
    pub async fn clear_failed_logins(&self, operator: i64) -> StoreResult<()> {
        sqlx::query("UPDATE operator SET failed_attempts = 0, locked_until = NULL WHERE id = $1")
            .bind(operator)
            .execute(self.write())
            .await?;
        Ok(())
    }

    /// `Some` disables an operator and ends all sessions; `None` enables again.
    pub async fn set_operator_disabled(&self, operator: i64, at: Option<Timestamp>) -> StoreResult<()> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE operator SET disabled_at = $2 WHERE id = $1")
            .bind(operator)
            .bind(at.map(Timestamp::unix_micros))
            .execute(&mut *transaction)
            .await?;
        if at.is_some() {
            sqlx::query("DELETE FROM session WHERE operator_id = $1")
                .bind(operator)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    pub async fn set_operator_language(&self, operator: i64, language: &str) -> StoreResult<()> {
        sqlx::query("UPDATE operator SET language = $2 WHERE id = $1")
            .bind(operator)
            .bind(language)
            .execute(self.write())
            .await?;
        Ok(())
    }
}

pub(super) fn read(row: &AnyRow) -> StoreResult<OperatorRecord> {
    Ok(OperatorRecord {
        id: row.int("id")?,
        external_id: row.parsed("external_id")?,
        login: row.text("login")?,
        display_name: row.text("display_name")?,
        password_hash: row.text("password_hash")?,
        must_change_password: row.flag("must_change_password")?,
        role: row.text("role")?,
        scope: Scope {
            municipality: row.optional_int("municipality_id")?,
            organization: row.optional_int("organization_id")?,
        },
        language: row.text("language")?,
        created_at: row.time("created_at")?,
        disabled_at: row.optional_time("disabled_at")?,
        failed_attempts: row.int("failed_attempts")?,
        locked_until: row.optional_time("locked_until")?,
    })
}
