//! Signing in and out, changing the password, choosing the language.

use std::fmt;
use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;
use tokio::time::Instant;

use super::cookie;
use super::error::PageError;
use super::language::{LANGUAGE_COOKIE, Language};
use super::link::local;
use super::page::{Page, Visit, html};
use super::session::{self, SESSION_COOKIE, SignedIn};
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::password::{self, WeakPassword, lock_after};
use crate::state::AppState;
use crate::store::operator::OperatorRecord;

#[derive(Debug, Template)]
#[template(path = "login.html")]
struct LoginPage {
    page: Page,
    login: String,
    to: String,
    failures: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct Back {
    #[serde(default)]
    to: String,
}

/// `GET /login`
pub async fn login_form(State(state): State<AppState>, Query(back): Query<Back>, visit: Visit) -> Result<Response, PageError> {
    if visit.signed_in.is_some() {
        return Ok(Redirect::to(local(&back.to)).into_response());
    }
    html(LoginPage {
        page: Page::new(&state, visit, ""),
        login: String::new(),
        to: local(&back.to).to_owned(),
        failures: Vec::new(),
    })
}

#[derive(Deserialize)]
pub struct LoginForm {
    login: String,
    password: String,
    #[serde(default)]
    to: String,
}

/// Passwords stay out of logs.
impl fmt::Debug for LoginForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginForm").field("login", &self.login).finish_non_exhaustive()
    }
}

/// `POST /login`. A wrong login, a wrong password and a closed account get one answer in the same time.
pub async fn login(State(state): State<AppState>, visit: Visit, Form(form): Form<LoginForm>) -> Result<Response, PageError> {
    let began = Instant::now();
    let record = state.store.operator_by_login(form.login.trim()).await?;
    let open = record.filter(|record| is_open(record, &visit));
    let stored = open.as_ref().map(|record| record.password_hash.clone());
    let right = state.passwords.check(form.password, stored).await?;
    let operator = open.as_ref().and_then(session::operator);
    match (open, operator, right) {
        (Some(record), Some(operator), true) => {
            if record.failed_attempts > 0 {
                state.store.clear_failed_logins(record.id).await?;
            }
            let cookie = session::start(&state.store, record.id, visit.now).await?;
            Entry::new(visit.now, &operator, Action::Login, SubjectKind::Operator, record.external_id)
                .record(&state.store)
                .await?;
            let language = Language::from_code(&record.language).unwrap_or_default();
            let cookies = AppendHeaders([
                (header::SET_COOKIE, cookie),
                (header::SET_COOKIE, cookie::set_for_a_year(LANGUAGE_COOKIE, language.code())),
            ]);
            Ok((cookies, Redirect::to(local(&form.to))).into_response())
        }
        (record, _, _) => refuse_login(&state, began, visit, record, form.login, form.to).await,
    }
}

/// Neither disabled nor closed for a while after failures.
fn is_open(record: &OperatorRecord, visit: &Visit) -> bool {
    record.disabled_at.is_none() && record.locked_until.is_none_or(|until| until <= visit.now)
}

/// How long every refusal takes at least: counting a failure writes to the disk, and an account that does not exist
/// must not answer sooner.
const REFUSAL: Duration = Duration::from_millis(250);

async fn refuse_login(
    state: &AppState,
    began: Instant,
    visit: Visit,
    record: Option<OperatorRecord>,
    login: String,
    to: String,
) -> Result<Response, PageError> {
    state.metrics.failed_logins.add(1);
    // Only failures of accounts that exist are recorded: what strangers type may be anything, passwords too.
    if let Some(record) = record {
        let failures = state.store.count_failed_login(record.id).await?;
        if let Some(closed) = lock_after(failures) {
            state.store.lock_operator(record.id, visit.now + closed).await?;
        }
        Entry::by_login(
            visit.now,
            None,
            &record.login,
            Action::LoginFailed,
            SubjectKind::Operator,
            record.external_id,
        )
        .with("failures", failures)
        .record(&state.store)
        .await?;
    }
    tokio::time::sleep_until(began + REFUSAL).await;
    let failures = vec![visit.language.t("login-refused")];
    html(LoginPage {
        page: Page::new(state, visit, ""),
        login,
        to: local(&to).to_owned(),
        failures,
    })
}

/// `POST /logout`
pub async fn logout(State(state): State<AppState>, signed_in: SignedIn, visit: Visit) -> Result<Response, PageError> {
    state.store.delete_session(&signed_in.token_hash).await?;
    let who = &signed_in.operator;
    Entry::new(visit.now, who, Action::Logout, SubjectKind::Operator, &who.login)
        .record(&state.store)
        .await?;
    let cookies = AppendHeaders([(header::SET_COOKIE, cookie::remove(SESSION_COOKIE))]);
    Ok((cookies, Redirect::to("/login")).into_response())
}

#[derive(Debug, Template)]
#[template(path = "password.html")]
struct PasswordPage {
    page: Page,
    forced: bool,
    failures: Vec<String>,
}

/// `GET /password`
pub async fn password_form(State(state): State<AppState>, signed_in: SignedIn, visit: Visit) -> Result<Response, PageError> {
    html(PasswordPage {
        page: Page::new(&state, visit, ""),
        forced: signed_in.operator.must_change_password,
        failures: Vec::new(),
    })
}

#[derive(Deserialize)]
pub struct PasswordForm {
    current: String,
    new: String,
    again: String,
}

/// Passwords stay out of logs.
impl fmt::Debug for PasswordForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordForm").finish_non_exhaustive()
    }
}

/// `POST /password`. Every other session of the operator ends.
pub async fn change_password(
    State(state): State<AppState>,
    signed_in: SignedIn,
    visit: Visit,
    Form(form): Form<PasswordForm>,
) -> Result<Response, PageError> {
    let who = &signed_in.operator;
    let record = state.store.operator(who.id).await?.ok_or(PageError::NotFound)?;
    let known = state.passwords.check(form.current.clone(), Some(record.password_hash)).await?;
    let l = visit.language;
    let mut failures = Vec::new();
    if !known {
        failures.push(l.t("password-wrong"));
    }
    failures.extend(weakness(&form.new, &who.login, l));
    if form.new == form.current {
        failures.push(l.t("password-same-as-old"));
    }
    if form.new != form.again {
        failures.push(l.t("password-differs"));
    }
    if !failures.is_empty() {
        return html(PasswordPage {
            page: Page::new(&state, visit, ""),
            forced: who.must_change_password,
            failures,
        });
    }
    let hash = state.passwords.hash(form.new).await?;
    state
        .store
        .update_password(who.id, &hash, false, Some(&signed_in.token_hash))
        .await?;
    Entry::new(visit.now, who, Action::PasswordChanged, SubjectKind::Operator, record.external_id)
        .record(&state.store)
        .await?;
    Ok(Redirect::to("/").into_response())
}

fn weakness(password: &str, login: &str, l: Language) -> Option<String> {
    match password::judge(password, login) {
        Ok(()) => None,
        Err(WeakPassword::Short) => Some(l.t("password-short")),
        Err(WeakPassword::Common) => Some(l.t("password-common")),
        Err(WeakPassword::Long) => Some(l.t("password-long")),
        Err(WeakPassword::SameAsLogin) => Some(l.t("password-same-as-login")),
    }
}

#[derive(Debug, Deserialize)]
pub struct LanguageForm {
    language: String,
    #[serde(default)]
    to: String,
}

/// `POST /language`. Remembered by the browser, and by the operator's record when someone is signed in.
pub async fn choose_language(State(state): State<AppState>, visit: Visit, Form(form): Form<LanguageForm>) -> Result<Response, PageError> {
    let language = Language::from_code(&form.language).ok_or(PageError::BadRequest)?;
    if let Some(signed_in) = &visit.signed_in {
        state.store.set_operator_language(signed_in.operator.id, language.code()).await?;
    }
    let cookie: HeaderValue = cookie::set_for_a_year(LANGUAGE_COOKIE, language.code());
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Redirect::to(local(&form.to))).into_response())
}
