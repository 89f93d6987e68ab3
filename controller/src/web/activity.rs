//! `GET /activity`: who did what, newest first.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use inventory_schema::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::error::PageError;
use super::language::Language;
use super::page::{Page, Visit, html};
use super::pager::{Pager, piece};
use super::session::SignedIn;
use crate::state::AppState;
use crate::store::activity::Activity;

#[derive(Debug, Clone)]
struct ActivityLine {
    at: Timestamp,
    who: String,
    action: String,
    subject: String,
    /// Names the subject where its words do not.
    id: String,
    href: Option<String>,
    detail: String,
}

#[derive(Debug, Template)]
#[template(path = "activity.html")]
struct ActivityPage {
    page: Page,
    total: i64,
    rows: Vec<ActivityLine>,
    pager: Pager,
}

#[derive(Debug, Default, Deserialize)]
pub struct ActivityQuery {
    page: Option<u32>,
}

pub async fn list(
    State(state): State<AppState>,
    Query(query): Query<ActivityQuery>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let (number, piece) = piece(query.page);
    let found = state.store.activities(signed_in.operator.scope.into(), piece).await?;
    let l = visit.language;
    html(ActivityPage {
        page: Page::new(&state, visit, "/activity"),
        total: found.total,
        rows: found.rows.into_iter().map(|activity| line(activity, l)).collect(),
        pager: Pager::of(number, found.total, "/activity", &[]),
    })
}

fn line(activity: Activity, l: Language) -> ActivityLine {
    let href = match activity.subject_kind.as_str() {
        "device" => Some(format!("/devices/{}", activity.subject_id)),
        "organization" => Some(format!("/organizations/{}", activity.subject_id)),
        _ => None,
    };
    let named = activity.organization_short_name;
    let id = if named.is_some() { String::new() } else { activity.subject_id };
    ActivityLine {
        at: activity.at,
        who: activity.operator_login,
        action: activity.action,
        subject: named.unwrap_or_else(|| l.family("subject", &activity.subject_kind)),
        id,
        href,
        detail: words(&activity.detail, l),
    }
}

/// An entry's detail as `name: value` pairs, both in the language's words.
fn words(detail: &str, l: Language) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_str(detail) else {
        return detail.to_owned();
    };
    let pairs: Vec<String> = fields
        .iter()
        .filter(|(_, value)| value.as_str() != Some(""))
        .map(|(name, value)| {
            let value = match value {
                Value::String(role) if name == "role" => l.family("role", role),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            format!("{}: {value}", l.family("detail", name))
        })
        .collect();
    pairs.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_said_in_the_readers_language() {
        let detail = r#"{"role":"school_technician","new_rooms":3,"note":""}"#;
        assert_eq!(words(detail, Language::Russian), "новых кабинетов: 3, роль: школьный техник");
        assert_eq!(words(detail, Language::English), "new rooms: 3, role: school technician");
        assert_eq!(words(r#"{"yet_unnamed":1}"#, Language::Russian), "yet_unnamed: 1");
    }
}
