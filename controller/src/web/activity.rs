//! `GET /activity`: who did what, newest first.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use inventory_schema::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::error::PageError;
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
    html(ActivityPage {
        page: Page::new(&state, visit, "/activity"),
        total: found.total,
        rows: found.rows.into_iter().map(line).collect(),
        pager: Pager::of(number, found.total, "/activity", &[]),
    })
}

fn line(activity: Activity) -> ActivityLine {
    let href = match activity.subject_kind.as_str() {
        "device" => Some(format!("/devices/{}", activity.subject_id)),
        "organization" => Some(format!("/organizations/{}", activity.subject_id)),
        _ => None,
    };
    let subject = activity.organization_short_name.unwrap_or_else(|| activity.subject_id.clone());
    ActivityLine {
        at: activity.at,
        who: activity.operator_login,
        action: activity.action,
        subject,
        href,
        detail: words(&activity.detail),
    }
}

/// An entry's detail as `name: value` pairs.
fn words(detail: &str) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_str(detail) else {
        return detail.to_owned();
    };
    let pairs: Vec<String> = fields
        .iter()
        .filter(|(_, value)| value.as_str() != Some(""))
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}: {text}"),
            other => format!("{name}: {other}"),
        })
        .collect();
    pairs.join(", ")
}
