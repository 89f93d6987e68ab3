//! Cases of doubtful identity: the list with the numbers that several share, one case with what speaks for and against, and what to decide.

mod shared;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use inventory_schema::likeness::{KindLikeness, Likeness, LikenessVerdict};
use inventory_schema::{KeyFingerprint, Timestamp};
use serde::Deserialize;

use self::shared::{ClonedLine, SharedLine};
use super::devices::name;
use super::error::PageError;
use super::language::Language;
use super::page::{Page, Visit, html};
use super::pager::{Pager, piece};
use super::place::in_words;
use super::session::SignedIn;
use crate::device::merging::{Decider, Seen, Survivor};
use crate::state::AppState;
use crate::store::Scope;
use crate::store::device::{Device, EvidenceLevel};
use crate::store::identity::Relative;
use crate::store::review::{CaseId, CaseKind, CaseState, ReviewCase};

/// The longest reason for a dismissal.
const MAX_REASON_CHARS: usize = 200;
/// How many copies a case names.
const COPIES: i64 = 30;

#[derive(Debug, Clone)]
pub struct CaseLine {
    pub id: String,
    kind: &'static str,
    state: &'static str,
    class: &'static str,
    device: String,
    organization: String,
    other: Option<String>,
    seen: Timestamp,
    times: i64,
}

#[derive(Debug, Template)]
#[template(path = "review.html")]
struct ReviewPage {
    page: Page,
    total: i64,
    all: bool,
    rows: Vec<CaseLine>,
    pager: Pager,
    shared: Vec<SharedLine>,
    cloned: Vec<ClonedLine>,
}

/// One kind of reading, compared.
#[derive(Debug, Clone)]
struct KindLine {
    label: String,
    both: Vec<String>,
    known: Vec<String>,
    present: Vec<String>,
    common: Vec<String>,
    /// `+65`, `−40`, `0`.
    weight: String,
    class: &'static str,
}

/// A record of the case.
#[derive(Debug, Clone)]
struct RecordView {
    id: String,
    name: String,
    organization: String,
    place: String,
    enrolled: Timestamp,
    last_seen: Option<Timestamp>,
    merged_into: Option<String>,
    /// Another system told of it.
    is_stated: bool,
    /// Whether the other record may be joined into this one.
    may_stay: bool,
}

#[derive(Debug, Clone)]
struct KeyLine {
    fingerprint: String,
    short: String,
    first_seen: Timestamp,
}

#[derive(Debug, Template)]
#[template(path = "review_case.html")]
struct CasePage {
    page: Page,
    line: CaseLine,
    records: Vec<RecordView>,
    /// The second record is another municipality's business.
    other_hidden: bool,
    verdict: Option<&'static str>,
    agrees: u32,
    differs: u32,
    kinds: Vec<KindLine>,
    copies: i64,
    copy_names: Vec<(String, String)>,
    keys: Vec<KeyLine>,
    may_merge: bool,
    may_split: bool,
    may_undo: bool,
    may_dismiss: bool,
    reason: Option<String>,
    decided_by: Option<String>,
    decided_at: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
pub struct ReviewQuery {
    page: Option<u32>,
    #[serde(default)]
    all: Option<u8>,
}

/// `GET /review`
pub async fn list(
    State(state): State<AppState>,
    Query(query): Query<ReviewQuery>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let (number, piece) = piece(query.page);
    let all = query.all == Some(1);
    let scope: Scope = signed_in.operator.scope.into();
    let found = state.store.cases(scope, !all, piece).await?;
    let l = visit.language;
    let shared = shared::shared(&state, scope, l).await?;
    let cloned = shared::cloned(&state, scope, l).await?;
    let kept: &[(&str, &str)] = if all { &[("all", "1")] } else { &[] };
    html(ReviewPage {
        page: Page::new(&state, visit, "/review"),
        total: found.total,
        all,
        rows: found.rows.iter().map(|case| case_line(case, l)).collect(),
        pager: Pager::of(number, found.total, "/review", kept),
        shared,
        cloned,
    })
}

/// `GET /review/{case}`
pub async fn show(State(state): State<AppState>, Path(id): Path<CaseId>, signed_in: SignedIn, visit: Visit) -> Result<Response, PageError> {
    let seen = seen(&state, &signed_in, id).await?;
    let l = visit.language;
    let page = Page::new(&state, visit, "/review")
        .in_zone(&seen.device.time_zone)
        .crumb("/review", l.t("nav-review"));
    let relatives = state.store.relatives(seen.device.id).await?;
    let copies = if seen.case.kind == CaseKind::Clone {
        state.store.copies(seen.device.id, COPIES).await?
    } else {
        Vec::new()
    };
    let keys = state.store.device_keys(seen.device.id).await?;
    let mut records = vec![record(&state, &seen.device, l).await?];
    if let Some(other) = &seen.other {
        records.push(record(&state, other, l).await?);
    }
    // A foreign word never stands in an agent's place.
    let an_agent_spoke = records.iter().any(|record| !record.is_stated);
    for record in &mut records {
        record.may_stay = !record.is_stated || !an_agent_spoke;
    }
    let likeness = likeness_of(&seen.case.detail);
    let decided = matches!(seen.case.state, CaseState::Merged | CaseState::Split | CaseState::Dismissed);
    let two = seen.other.is_some() && records.iter().all(|record| record.merged_into.is_none());
    html(CasePage {
        line: case_line(&seen.case, l),
        other_hidden: seen.case.other.is_some() && seen.other.is_none(),
        records,
        verdict: likeness.as_ref().map(|likeness| verdict_name(likeness.verdict)),
        agrees: likeness.as_ref().map_or(0, |likeness| likeness.agrees),
        differs: likeness.as_ref().map_or(0, |likeness| likeness.differs),
        kinds: likeness
            .iter()
            .flat_map(|likeness| &likeness.kinds)
            .map(|kind| kind_line(kind, l))
            .collect(),
        copies: relatives.copies,
        copy_names: copies.iter().map(relative_name).collect(),
        may_merge: two && !matches!(seen.case.state, CaseState::Merged | CaseState::Dismissed),
        may_split: keys.len() > 1 && seen.case.state != CaseState::Merged,
        may_undo: matches!(seen.case.state, CaseState::Merged | CaseState::Dismissed),
        may_dismiss: !decided,
        keys: keys
            .iter()
            .map(|key| KeyLine {
                fingerprint: key.fingerprint.to_string(),
                short: key.fingerprint.to_string().chars().skip("sha256:".len()).take(16).collect(),
                first_seen: key.first_seen_at,
            })
            .collect(),
        reason: seen.case.reason.clone(),
        decided_by: seen.case.decided_by.clone(),
        decided_at: seen.case.decided_at,
        page,
    })
}

async fn seen(state: &AppState, signed_in: &SignedIn, id: CaseId) -> Result<Seen, PageError> {
    let found = Seen::find(state, signed_in.operator.scope.into(), id).await?;
    found.ok_or(PageError::NotFound)
}

#[derive(Debug, Deserialize)]
pub struct MergeForm {
    keep: Survivor,
}

/// `POST /review/{case}/merge`
pub async fn merge(
    State(state): State<AppState>,
    Path(id): Path<CaseId>,
    signed_in: SignedIn,
    visit: Visit,
    Form(form): Form<MergeForm>,
) -> Result<Response, PageError> {
    let seen = seen(&state, &signed_in, id).await?;
    let merged = decider(&state, &signed_in, &visit).merge(&seen, form.keep).await?;
    back_if(merged, id)
}

#[derive(Debug, Deserialize)]
pub struct SplitForm {
    key: KeyFingerprint,
}

/// `POST /review/{case}/split`
pub async fn split(
    State(state): State<AppState>,
    Path(id): Path<CaseId>,
    signed_in: SignedIn,
    visit: Visit,
    Form(form): Form<SplitForm>,
) -> Result<Response, PageError> {
    let seen = seen(&state, &signed_in, id).await?;
    let parted = decider(&state, &signed_in, &visit).split(&seen, form.key).await?;
    back_if(parted.is_some(), id)
}

/// `POST /review/{case}/undo`
pub async fn undo(State(state): State<AppState>, Path(id): Path<CaseId>, signed_in: SignedIn, visit: Visit) -> Result<Response, PageError> {
    let seen = seen(&state, &signed_in, id).await?;
    let undone = decider(&state, &signed_in, &visit).undo(&seen).await?;
    back_if(undone, id)
}

#[derive(Debug, Deserialize)]
pub struct DismissForm {
    reason: String,
}

/// `POST /review/{case}/dismiss`
pub async fn dismiss(
    State(state): State<AppState>,
    Path(id): Path<CaseId>,
    signed_in: SignedIn,
    visit: Visit,
    Form(form): Form<DismissForm>,
) -> Result<Response, PageError> {
    let reason = form.reason.trim();
    if reason.is_empty() || reason.chars().count() > MAX_REASON_CHARS {
        return Err(PageError::BadRequest);
    }
    let seen = seen(&state, &signed_in, id).await?;
    decider(&state, &signed_in, &visit).dismiss(&seen, reason).await?;
    back_if(true, id)
}

fn decider<'a>(state: &'a AppState, signed_in: &'a SignedIn, visit: &Visit) -> Decider<'a> {
    Decider {
        state,
        who: &signed_in.operator,
        now: visit.now,
    }
}

fn back_if(done: bool, id: CaseId) -> Result<Response, PageError> {
    if done {
        Ok(Redirect::to(&format!("/review/{id}")).into_response())
    } else {
        Err(PageError::BadRequest)
    }
}

pub fn case_line(case: &ReviewCase, l: Language) -> CaseLine {
    let (state, class) = match case.state {
        CaseState::Open => ("open", "doubt"),
        CaseState::Noted => ("noted", ""),
        CaseState::Merged => ("merged", "good"),
        CaseState::Split => ("split", "good"),
        CaseState::Dismissed => ("dismissed", ""),
    };
    let unnamed = || l.t("review-unnamed");
    CaseLine {
        id: case.external_id.to_string(),
        kind: kind_name(case.kind),
        state,
        class,
        device: case.device_name.clone().unwrap_or_else(unnamed),
        organization: case.organization_name.clone(),
        other: case.other.map(|_| case.other_name.clone().unwrap_or_else(unnamed)),
        seen: case.last_seen_at,
        times: case.times,
    }
}

impl CaseLine {
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    pub fn state(&self) -> &'static str {
        self.state
    }

    pub fn class(&self) -> &'static str {
        self.class
    }
}

fn kind_name(kind: CaseKind) -> &'static str {
    match kind {
        CaseKind::Clone => "clone",
        CaseKind::Reinstall => "reinstall",
        CaseKind::Repair => "repair",
        CaseKind::Move => "move",
        CaseKind::LikelyDouble => "likely_double",
    }
}

fn verdict_name(verdict: LikenessVerdict) -> &'static str {
    match verdict {
        LikenessVerdict::Same => "same",
        LikenessVerdict::Repaired => "repaired",
        LikenessVerdict::Different => "different",
        LikenessVerdict::Unknown => "unknown",
    }
}

fn likeness_of(detail: &str) -> Option<Likeness> {
    let detail: serde_json::Value = serde_json::from_str(detail).ok()?;
    serde_json::from_value(detail.get("likeness")?.clone()).ok()
}

fn kind_line(kind: &KindLikeness, l: Language) -> KindLine {
    let (weight, class) = match (kind.agrees, kind.differs) {
        (0, 0) => ("0".to_owned(), ""),
        (0, differs) => (format!("−{differs}"), "bad"),
        (agrees, _) => (format!("+{agrees}"), "good"),
    };
    KindLine {
        label: l.family("evidence", kind.kind.as_str()),
        both: kind.both.clone(),
        known: kind.only_known.clone(),
        present: kind.only_present.clone(),
        common: kind.common.clone(),
        weight,
        class,
    }
}

async fn record(state: &AppState, device: &Device, l: Language) -> Result<RecordView, PageError> {
    let relatives = state.store.relatives(device.id).await?;
    Ok(RecordView {
        id: device.external_id.to_string(),
        name: name(device, l),
        organization: device.place.organization_short_name.clone(),
        place: in_words(&device.place.address, device.place.room_name.as_deref()),
        enrolled: device.enrolled_at,
        last_seen: device.last_seen_at,
        merged_into: relatives.merged_into.map(|survivor| survivor.external_id.to_string()),
        is_stated: device.evidence_level == EvidenceLevel::Stated,
        may_stay: true,
    })
}

fn relative_name(relative: &Relative) -> (String, String) {
    let id = relative.external_id.to_string();
    (id.clone(), relative.host_name.clone().unwrap_or(id))
}
