//! Operators: who may sign in, new ones with a one-time password, disabling, a new password.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use inventory_schema::organization::Ogrn;
use inventory_schema::{OrganizationId, Timestamp};
use serde::Deserialize;
use uuid::Uuid;

use super::error::PageError;
use super::language::Language;
use super::page::{Page, Visit, html};
use super::place::Choice;
use super::session::SignedIn;
use crate::access::{Operator, Role, ScopeKind};
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::operator::{self, CreateOperatorError, NewOperatorWish};
use crate::password;
use crate::state::AppState;
use crate::store::municipality::Municipality;
use crate::store::operator::OperatorRecord;
use crate::store::{Scope, StoreError};

#[derive(Debug, Clone)]
struct OperatorLine {
    id: String,
    login: String,
    display_name: String,
    role: String,
    scope: String,
    created: Timestamp,
    state: &'static str,
    class: &'static str,
    /// The reader's own: nobody disables themselves.
    own: bool,
}

#[derive(Debug, Template)]
#[template(path = "operators.html")]
struct OperatorsPage {
    page: Page,
    rows: Vec<OperatorLine>,
    roles: Vec<Choice>,
    municipalities: Vec<Choice>,
    form: OperatorForm,
    failures: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct OperatorForm {
    login: String,
    display_name: String,
    role: String,
    #[serde(default)]
    municipality: String,
    #[serde(default)]
    organization: String,
}

/// `GET /operators`
pub async fn list(State(state): State<AppState>, signed_in: SignedIn, visit: Visit) -> Result<Response, PageError> {
    list_page(&state, &signed_in.operator, visit, OperatorForm::default(), Vec::new()).await
}

async fn list_page(
    state: &AppState,
    who: &Operator,
    visit: Visit,
    form: OperatorForm,
    failures: Vec<String>,
) -> Result<Response, PageError> {
    let scope = who.scope.into();
    let (l, now) = (visit.language, visit.now);
    let municipalities = state.store.municipalities(scope).await?;
    let mut rows = Vec::new();
    for record in state.store.operators(scope).await? {
        let scope = scope_words(state, &record, &municipalities, l).await?;
        rows.push(line(&record, scope, who, now));
    }
    html(OperatorsPage {
        page: Page::new(state, visit, "/operators"),
        rows,
        roles: Role::ALL
            .into_iter()
            .map(|role| Choice::new(role.as_str(), l.family("role", role.as_str()), role.as_str() == form.role))
            .collect(),
        municipalities: municipalities
            .iter()
            .map(|municipality| {
                let oktmo = municipality.oktmo.as_str();
                Choice::new(oktmo, &municipality.name, oktmo == form.municipality)
            })
            .collect(),
        form,
        failures,
    })
}

async fn scope_words(
    state: &AppState,
    record: &OperatorRecord,
    municipalities: &[Municipality],
    l: Language,
) -> Result<String, StoreError> {
    if let Some(id) = record.scope.organization {
        let organization = state.store.organization_by_internal_id(Scope::REGION, id).await?;
        return Ok(organization.map(|organization| organization.short_name).unwrap_or_default());
    }
    Ok(match record.scope.municipality {
        Some(id) => municipalities
            .iter()
            .find(|municipality| municipality.id == id)
            .map(|municipality| municipality.name.clone())
            .unwrap_or_default(),
        None => l.t("operator-scope-region"),
    })
}

fn line(record: &OperatorRecord, scope: String, who: &Operator, now: Timestamp) -> OperatorLine {
    let locked = record.locked_until.is_some_and(|until| until > now);
    let (state, class) = match (record.disabled_at, locked, record.must_change_password) {
        (Some(_), _, _) => ("disabled", "bad"),
        (None, true, _) => ("locked", "doubt"),
        (None, false, true) => ("first_password", "doubt"),
        (None, false, false) => ("active", "good"),
    };
    OperatorLine {
        id: record.external_id.to_string(),
        login: record.login.clone(),
        display_name: record.display_name.clone(),
        role: record.role.clone(),
        scope,
        created: record.created_at,
        state,
        class,
        own: record.id == who.id,
    }
}

#[derive(Debug, Template)]
#[template(path = "operator_password.html")]
struct OneTimePassword {
    page: Page,
    login: String,
    password: String,
}

/// `POST /operators`
pub async fn create(
    State(state): State<AppState>,
    signed_in: SignedIn,
    visit: Visit,
    Form(form): Form<OperatorForm>,
) -> Result<Response, PageError> {
    let who = &signed_in.operator;
    let l = visit.language;
    let (role, scope) = match checked(&state, &form, l).await? {
        Ok(checked) => checked,
        Err(failures) => return list_page(&state, who, visit, form, failures).await,
    };
    let login = form.login.trim().to_lowercase();
    let wish = NewOperatorWish {
        login: login.clone(),
        display_name: form.display_name.clone(),
        role,
        scope,
    };
    let failure = match operator::create(&state.store, wish, visit.now).await {
        Ok(password) => {
            Entry::new(visit.now, who, Action::OperatorCreated, SubjectKind::Operator, &login)
                .with("role", role.as_str())
                .record(&state.store)
                .await?;
            return html(OneTimePassword {
                page: Page::new(&state, visit, "/operators"),
                login,
                password,
            });
        }
        Err(CreateOperatorError::Login(_)) => l.t("operator-login-wrong"),
        Err(CreateOperatorError::DisplayName) => l.t("operator-name-wrong"),
        Err(CreateOperatorError::Taken(_)) => l.t("operator-login-taken"),
        Err(CreateOperatorError::Store(error)) => return Err(error.into()),
        Err(CreateOperatorError::Password(error)) => return Err(error.into()),
    };
    list_page(&state, who, visit, form, vec![failure]).await
}

/// The role and its scope, or what is wrong with the form.
async fn checked(state: &AppState, form: &OperatorForm, l: Language) -> Result<Result<(Role, Scope), Vec<String>>, StoreError> {
    let mut failures = Vec::new();
    let login = form.login.trim();
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    if !(3..=64).contains(&login.len()) || !login.chars().all(letters) {
        failures.push(l.t("operator-login-wrong"));
    }
    if !(1..=120).contains(&form.display_name.trim().chars().count()) {
        failures.push(l.t("operator-name-wrong"));
    }
    let role = form.role.parse::<Role>();
    let scope = match &role {
        Ok(role) => scope_of(state, *role, form).await?,
        Err(_) => {
            failures.push(l.t("operator-role-wrong"));
            None
        }
    };
    if role.is_ok() && scope.is_none() {
        failures.push(l.t("operator-scope-wrong"));
    }
    Ok(match (role, scope) {
        (Ok(role), Some(scope)) if failures.is_empty() => Ok((role, scope)),
        _ => Err(failures),
    })
}

/// Exactly the scope the role is given over: one too many is as wrong as one missing.
async fn scope_of(state: &AppState, role: Role, form: &OperatorForm) -> Result<Option<Scope>, StoreError> {
    let (municipality, organization) = (form.municipality.trim(), form.organization.trim());
    match (role.scope_kind(), municipality.is_empty(), organization.is_empty()) {
        (ScopeKind::Region, true, true) => Ok(Some(Scope::REGION)),
        (ScopeKind::Municipality, false, true) => {
            let all = state.store.municipalities(Scope::REGION).await?;
            Ok(all.iter().find(|known| known.oktmo.as_str() == municipality).map(|known| Scope {
                municipality: Some(known.id),
                organization: None,
            }))
        }
        (ScopeKind::Organization, true, false) => {
            let found = match (organization.parse::<Ogrn>(), organization.parse::<OrganizationId>()) {
                (Ok(ogrn), _) => state.store.organization_by_ogrn(Scope::REGION, &ogrn).await?,
                (_, Ok(id)) => state.store.organization(Scope::REGION, id).await?,
                _ => None,
            };
            Ok(found.map(|known| Scope {
                municipality: None,
                organization: Some(known.id),
            }))
        }
        _ => Ok(None),
    }
}

/// `POST /operators/{operator}/disable`
pub async fn disable(
    State(state): State<AppState>,
    Path(id): Path<Uuid>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let who = &signed_in.operator;
    let record = another(&state, id, who).await?;
    state.store.set_operator_disabled(record.id, Some(visit.now)).await?;
    Entry::new(visit.now, who, Action::OperatorDisabled, SubjectKind::Operator, id)
        .with("login", record.login)
        .record(&state.store)
        .await?;
    Ok(Redirect::to("/operators").into_response())
}

/// `POST /operators/{operator}/password`: a new one-time password; every session of the operator ends.
pub async fn reset_password(
    State(state): State<AppState>,
    Path(id): Path<Uuid>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let who = &signed_in.operator;
    let record = another(&state, id, who).await?;
    let password = password::one_time()?;
    let hash = state.passwords.hash(password.clone()).await?;
    state.store.update_password(record.id, &hash, true, None).await?;
    Entry::new(visit.now, who, Action::OperatorPasswordReset, SubjectKind::Operator, id)
        .with("login", record.login.as_str())
        .record(&state.store)
        .await?;
    html(OneTimePassword {
        page: Page::new(&state, visit, "/operators"),
        login: record.login,
        password,
    })
}

/// An operator who is not the one who asks: nobody shuts themselves out.
async fn another(state: &AppState, id: Uuid, who: &Operator) -> Result<OperatorRecord, PageError> {
    let record = state.store.operator_by_external_id(id).await?.ok_or(PageError::NotFound)?;
    if record.id == who.id {
        return Err(PageError::BadRequest);
    }
    Ok(record)
}
