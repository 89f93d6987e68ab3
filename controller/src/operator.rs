//! A new operator: a login, a role over a part of the tree, and a password that works once.
//!
//! Called by the operators' page, the command line and the demo. It knows no HTTP.

use inventory_schema::Timestamp;
use uuid::Uuid;

use crate::access::Role;
use crate::activity_log::{COMMAND_LINE, CONTROLLER};
use crate::password::{self, PasswordError};
use crate::store::operator::NewOperator;
use crate::store::{Scope, Store, StoreError};

/// What the operator is to be.
#[derive(Debug, Clone)]
pub struct NewOperatorWish {
    /// 3 to 64 Latin letters, digits, dots or dashes; case does not matter.
    pub login: String,
    /// 1 to 120 characters, shown on pages.
    pub display_name: String,
    pub role: Role,
    /// Of the kind that the role is given over.
    pub scope: Scope,
}

#[derive(Debug, thiserror::Error)]
pub enum CreateOperatorError {
    #[error("логин «{0}» не подходит: нужно от 3 до 64 латинских букв, цифр, точек или дефисов")]
    Login(String),
    #[error("имя оператора должно иметь от 1 до 120 знаков")]
    DisplayName,
    #[error("логин «{0}» уже занят; выберите другой")]
    Taken(String),
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// Creates the operator and answers the one-time password, which is kept nowhere. Hashing takes some 30 ms.
pub async fn create(store: &Store, wish: NewOperatorWish, now: Timestamp) -> Result<String, CreateOperatorError> {
    let login = wish.login.trim().to_owned();
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    if !(3..=64).contains(&login.len()) || !login.chars().all(letters) {
        return Err(CreateOperatorError::Login(login));
    }
    // An entry of the activity log must not leave open who acted.
    if [COMMAND_LINE, CONTROLLER].iter().any(|taken| login.eq_ignore_ascii_case(taken)) {
        return Err(CreateOperatorError::Taken(login));
    }
    let display_name = wish.display_name.trim().to_owned();
    if !(1..=120).contains(&display_name.chars().count()) {
        return Err(CreateOperatorError::DisplayName);
    }
    let password = password::one_time()?;
    let operator = NewOperator {
        external_id: Uuid::now_v7(),
        login: login.clone(),
        display_name,
        password_hash: password::hash(&password)?,
        must_change_password: true,
        role: wish.role.as_str().to_owned(),
        scope: wish.scope,
        language: "ru".to_owned(),
        created_at: now,
    };
    match store.create_operator(&operator).await {
        Ok(_) => Ok(password),
        Err(StoreError::Conflict { .. }) => Err(CreateOperatorError::Taken(login)),
        Err(error) => Err(CreateOperatorError::Store(error)),
    }
}
