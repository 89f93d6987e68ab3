//! Names for codes of hardware: those that are shipped, those that people taught, and teaching one.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use inventory_schema::Timestamp;
use serde::Deserialize;

use super::error::PageError;
use super::language::Language;
use super::page::{Page, Visit, html};
use super::place::Choice;
use super::session::SignedIn;
use crate::access::Right;
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::name::{self, NameError, NameKind};
use crate::state::AppState;
use crate::store::name::TaughtName;

#[derive(Debug, Clone)]
struct TaughtLine {
    kind: NameKind,
    code: String,
    name: String,
    source: String,
    who: String,
    at: Timestamp,
}

#[derive(Debug, Clone)]
struct ShippedList {
    kind: NameKind,
    count: i64,
    names: Vec<(&'static str, &'static str)>,
}

#[derive(Debug, Template)]
#[template(path = "names.html")]
struct NamesPage {
    page: Page,
    may_teach: bool,
    taught: Vec<TaughtLine>,
    shipped: Vec<ShippedList>,
    kinds: Vec<Choice>,
    form: NameForm,
    failures: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct NameForm {
    kind: String,
    code: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    source: String,
}

/// The longest source.
const MAX_SOURCE_CHARS: usize = 200;

/// `GET /names`
pub async fn list(State(state): State<AppState>, visit: Visit) -> Result<Response, PageError> {
    shown(&state, visit, NameForm::default(), Vec::new()).await
}

async fn shown(state: &AppState, visit: Visit, form: NameForm, failures: Vec<String>) -> Result<Response, PageError> {
    let taught = state.store.taught_names().await?;
    let l = visit.language;
    let page = Page::new(state, visit, "/names");
    html(NamesPage {
        may_teach: page.may(Right::TeachNames),
        taught: taught.into_iter().map(line).collect(),
        shipped: NameKind::ALL.into_iter().map(shipped).collect(),
        kinds: NameKind::ALL.into_iter().map(|kind| choice(kind, &form.kind, l)).collect(),
        form,
        failures,
        page,
    })
}

fn line(taught: TaughtName) -> TaughtLine {
    TaughtLine {
        kind: taught.kind,
        code: taught.code,
        name: taught.name.unwrap_or_default(),
        source: taught.source,
        who: taught.operator_login,
        at: taught.taught_at,
    }
}

fn shipped(kind: NameKind) -> ShippedList {
    let names = name::shipped().iter().filter(|line| line.kind == kind);
    let names: Vec<_> = names.map(|line| (line.code.as_str(), line.name.as_str())).collect();
    ShippedList {
        kind,
        count: i64::try_from(names.len()).unwrap_or(i64::MAX),
        names,
    }
}

fn choice(kind: NameKind, chosen: &str, l: Language) -> Choice {
    Choice::new(kind.as_str(), l.family("name-kind", kind.as_str()), kind.as_str() == chosen)
}

/// `POST /names`
pub async fn teach(
    State(state): State<AppState>,
    signed_in: SignedIn,
    visit: Visit,
    Form(form): Form<NameForm>,
) -> Result<Response, PageError> {
    let kind = NameKind::from_name(&form.kind).ok_or(PageError::BadRequest)?;
    let (code, name, source) = match checked(kind, &form, visit.language) {
        Ok(checked) => checked,
        Err(failures) => return shown(&state, visit, form, failures).await,
    };
    let entry = Entry::new(
        visit.now,
        &signed_in.operator,
        Action::NameTaught,
        SubjectKind::Name,
        format!("{} {code}", kind.as_str()),
    )
    .with("name", name.as_str())
    .with("source", source.as_str());
    write(&state, &signed_in, visit.now, (kind, code, Some(name), source), entry).await
}

/// `POST /names/forget`: the shipped name holds again, if there is one.
pub async fn forget(
    State(state): State<AppState>,
    signed_in: SignedIn,
    visit: Visit,
    Form(form): Form<NameForm>,
) -> Result<Response, PageError> {
    let kind = NameKind::from_name(&form.kind).ok_or(PageError::BadRequest)?;
    let code = kind.code(&form.code).map_err(|_| PageError::BadRequest)?;
    let entry = Entry::new(
        visit.now,
        &signed_in.operator,
        Action::NameForgotten,
        SubjectKind::Name,
        format!("{} {code}", kind.as_str()),
    );
    write(&state, &signed_in, visit.now, (kind, code, None, String::new()), entry).await
}

type Checked = (String, String, String);

fn checked(kind: NameKind, form: &NameForm, l: Language) -> Result<Checked, Vec<String>> {
    let source = form.source.split_whitespace().collect::<Vec<_>>().join(" ");
    let failure = |error: &NameError| match error {
        NameError::Code(_) => l.family("name-code-wrong", kind.as_str()),
        NameError::Name(_) => l.t("name-wrong"),
        NameError::Inches(_) => l.t("name-inches-wrong"),
    };
    let (code, name) = (kind.code(&form.code), kind.name(&form.name));
    let mut failures: Vec<String> = [code.as_ref().err(), name.as_ref().err()]
        .into_iter()
        .flatten()
        .map(failure)
        .collect();
    if source.is_empty() || source.chars().count() > MAX_SOURCE_CHARS {
        failures.push(l.t("name-source-wrong"));
    }
    match (code, name) {
        (Ok(code), Ok(name)) if failures.is_empty() => Ok((code, name, source)),
        _ => Err(failures),
    }
}

async fn write(
    state: &AppState,
    signed_in: &SignedIn,
    now: Timestamp,
    (kind, code, name, source): (NameKind, String, Option<String>, String),
    entry: Entry,
) -> Result<Response, PageError> {
    let taught = TaughtName {
        kind,
        code,
        name,
        source,
        operator_login: signed_in.operator.login.clone(),
        taught_at: now,
    };
    state.store.teach_name(&taught, &entry.into_new()).await?;
    Ok(Redirect::to("/names").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_name_is_said_all_at_once() {
        let form = NameForm {
            kind: "panel".into(),
            code: String::new(),
            name: "большой".into(),
            source: " ".into(),
        };
        let failures = checked(NameKind::Panel, &form, Language::Russian).unwrap_err();
        assert_eq!(failures.len(), 3, "{failures:?}");
        let form = NameForm {
            code: "nv156fhm".into(),
            name: "15,6".into(),
            source: "паспорт  панели".into(),
            ..form
        };
        assert_eq!(
            checked(NameKind::Panel, &form, Language::Russian).unwrap(),
            ("NV156FHM".to_owned(), "15.6".to_owned(), "паспорт панели".to_owned())
        );
    }
}
