//! `GET /changes`: what changed about the region's hardware, newest first.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use inventory_schema::{OrganizationId, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::error::PageError;
use super::format::{disk_size, exact_moment, memory_size};
use super::language::Language;
use super::link::with_query;
use super::page::{Page, Visit, html};
use super::pager::{Pager, piece};
use super::part::PartWords;
use super::place::Choice;
use super::session::SignedIn;
use crate::name::Names;
use crate::part::ChangeKind;
use crate::state::AppState;
use crate::store::change::{ChangeFilter, ChangedDevice, HardwareChange, MOST_COUNTED};
use crate::store::organization::{OrganizationFilter, OrganizationSummary};
use crate::store::{self, Scope, Store, StoreError};

/// A device that takes part in a change, as far as the reader may see it.
#[derive(Debug, Clone)]
pub struct Party {
    pub name: String,
    pub href: Option<String>,
    pub organization: String,
    pub organization_href: Option<String>,
}

#[derive(Debug, Clone)]
pub struct ChangeLine {
    pub at: Timestamp,
    pub label: String,
    pub class: &'static str,
    pub what: String,
    /// Of a part.
    pub serial: String,
    pub notes: Vec<String>,
    pub device: Party,
    pub other: Option<Party>,
    /// What the other device is in this change: where the part was, or who states it too.
    pub relation: String,
}

impl ChangeLine {
    /// Where else this part is or was.
    pub fn search(&self) -> String {
        with_query("/parts", &[("q", &self.serial)])
    }
}

#[derive(Debug, Template)]
#[template(path = "changes.html")]
struct ChangesPage {
    page: Page,
    kinds: Vec<Choice>,
    school: String,
    /// Several schools have these words in their names.
    schools: Vec<Choice>,
    unknown_school: bool,
    total: i64,
    more: bool,
    rows: Vec<ChangeLine>,
    pager: Pager,
}

#[derive(Debug, Default, Deserialize)]
pub struct ChangesQuery {
    #[serde(default)]
    kind: String,
    /// An organization's id, or words of its name.
    #[serde(default)]
    school: String,
    page: Option<u32>,
}

/// Which school is meant.
enum School {
    Any,
    One { id: OrganizationId, name: String },
    Several(Vec<OrganizationSummary>),
    None,
}

/// So many schools are offered to choose from.
const OFFERED: i64 = 20;

pub async fn list(
    State(state): State<AppState>,
    Query(query): Query<ChangesQuery>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let scope: Scope = signed_in.operator.scope.into();
    let kind = match query.kind.as_str() {
        "" => None,
        name => Some(ChangeKind::from_name(name).ok_or(PageError::BadRequest)?),
    };
    let school = school_named(&state.store, scope, query.school.trim()).await?;
    let (number, piece) = piece(query.page);
    let mut chosen = String::new();
    let mut listing = store::Listing {
        rows: Vec::new(),
        total: 0,
    };
    if let School::Any | School::One { .. } = school {
        let organization = match &school {
            School::One { id, .. } => Some(*id),
            _ => None,
        };
        chosen = organization.map(|id| id.to_string()).unwrap_or_default();
        let filter = ChangeFilter {
            kind,
            organization,
            device: None,
        };
        listing = state.store.changes(scope, &filter, piece).await?;
    }
    let names = state.store.names().await?;
    let l = visit.language;
    let page = Page::new(&state, visit, "/changes");
    html(ChangesPage {
        kinds: kinds(&query.kind, l),
        rows: listing.rows.iter().map(|change| change_line(change, &names, &page)).collect(),
        total: listing.total,
        more: listing.total >= MOST_COUNTED,
        pager: Pager::of(number, listing.total, "/changes", &[("kind", &query.kind), ("school", &chosen)]),
        unknown_school: matches!(school, School::None),
        schools: match &school {
            School::Several(found) => found.iter().map(offered).collect(),
            _ => Vec::new(),
        },
        school: match school {
            School::One { name, .. } => name,
            _ => query.school,
        },
        page,
    })
}

fn offered(school: &OrganizationSummary) -> Choice {
    Choice::new(school.external_id.to_string(), &school.short_name, false)
}

async fn school_named(store: &Store, scope: Scope, said: &str) -> Result<School, StoreError> {
    if said.is_empty() {
        return Ok(School::Any);
    }
    if let Ok(id) = said.parse::<OrganizationId>() {
        let found = store.organization(scope, id).await?;
        return Ok(found.map_or(School::None, |found| School::One {
            id,
            name: found.short_name,
        }));
    }
    let filter = OrganizationFilter {
        query: Some(said.to_owned()),
        ..OrganizationFilter::default()
    };
    let page = store::Page { offset: 0, limit: OFFERED };
    let mut found = store.organizations(scope, &filter, page).await?.rows;
    // A name that is typed in full is that school, though others hold its words too.
    if let Some(place) = found.iter().position(|school| store::fold(&school.short_name) == store::fold(said)) {
        found = vec![found.swap_remove(place)];
    }
    Ok(match found.len() {
        0 => School::None,
        1 => School::One {
            id: found[0].external_id,
            name: found.remove(0).short_name,
        },
        _ => School::Several(found),
    })
}

fn kinds(chosen: &str, l: Language) -> Vec<Choice> {
    let any = Choice::new("", l.t("changes-kind-any"), chosen.is_empty());
    let kinds = ChangeKind::ALL.into_iter().map(|kind| {
        let name = kind.as_str();
        Choice::new(name, l.family("change", name), name == chosen)
    });
    std::iter::once(any).chain(kinds).collect()
}

/// A change in words.
pub fn change_line(change: &HardwareChange, names: &Names, page: &Page) -> ChangeLine {
    let l = page.language;
    let detail: Value = serde_json::from_str(&change.detail).unwrap_or_default();
    let words = change
        .part_kind
        .map(|kind| PartWords::of_detail(kind, &detail, names, l))
        .unwrap_or_default();
    ChangeLine {
        at: change.at,
        label: l.family("change", change.kind.as_str()),
        class: class(change.kind),
        what: if change.part_kind.is_some() {
            words.in_line()
        } else {
            fact_words(&detail, l)
        },
        serial: words.serial,
        notes: notes(&detail, page),
        device: party(&change.device, l),
        other: change.other.as_ref().map(|other| party(other, l)),
        relation: match change.kind {
            ChangeKind::PartDuplicate => l.t("changes-also"),
            _ => l.t("changes-from"),
        },
    }
}

const fn class(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::PartRemoved | ChangeKind::PartDuplicate => "bad",
        ChangeKind::PartMoved | ChangeKind::FactChanged => "doubt",
        ChangeKind::PartAdded | ChangeKind::PartReturned => "good",
    }
}

/// «Память: 8 ГБ → 4 ГБ».
fn fact_words(detail: &Value, l: Language) -> String {
    let fact = detail.get("fact").and_then(Value::as_str).unwrap_or_default();
    let value = |name: &str| match (fact, detail.get(name)) {
        ("memory", Some(Value::Number(bytes))) => memory_size(bytes.as_u64().unwrap_or(0), l),
        (_, Some(Value::Number(bytes))) => disk_size(bytes.as_u64().unwrap_or(0), l),
        (_, Some(Value::String(text))) => text.clone(),
        _ => String::new(),
    };
    format!("{}: {} → {}", l.family("changed", fact), value("before"), value("after"))
}

fn notes(detail: &Value, page: &Page) -> Vec<String> {
    let presumed = detail.get("presumed").and_then(Value::as_bool) == Some(true);
    let left = detail
        .get("left_at")
        .and_then(Value::as_str)
        .and_then(|at| at.parse::<Timestamp>().ok());
    let left = left.map(|at| page.with("changes-left-at", "at", &exact_moment(at, page.zone())));
    let presumed = presumed.then(|| page.t("changes-presumed"));
    left.into_iter().chain(presumed).collect()
}

/// What lies outside one's part of the tree is not named.
fn party(device: &ChangedDevice, l: Language) -> Party {
    if !device.in_scope {
        return Party {
            name: l.t("changes-elsewhere"),
            href: None,
            organization: String::new(),
            organization_href: None,
        };
    }
    Party {
        name: device.name.clone().unwrap_or_else(|| l.t("device-unnamed")),
        href: Some(format!("/devices/{}", device.device)),
        organization: device.organization_short_name.clone(),
        organization_href: Some(format!("/organizations/{}", device.organization)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_is_said_before_and_after() {
        let detail = serde_json::json!({"fact": "memory", "before": 8_589_934_592_u64, "after": 4_294_967_296_u64});
        assert_eq!(fact_words(&detail, Language::Russian), "Память: 8\u{a0}ГБ → 4\u{a0}ГБ");
        let detail = serde_json::json!({"fact": "processor", "before": "Core i5-7200U", "after": "Celeron N4020"});
        assert_eq!(fact_words(&detail, Language::English), "Processor: Core i5-7200U → Celeron N4020");
    }

    #[test]
    fn a_device_of_another_school_is_not_named() {
        let device = ChangedDevice {
            device: inventory_schema::DeviceId::generate(),
            name: Some("kab-7".into()),
            organization: OrganizationId::generate(),
            organization_short_name: "Школа № 11".into(),
            in_scope: false,
        };
        let party = party(&device, Language::Russian);
        assert!(party.href.is_none() && party.organization.is_empty() && !party.name.contains("kab"));
    }
}
