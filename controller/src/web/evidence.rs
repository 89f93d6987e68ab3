//! `/evidence`: checkpoints with their lines, and the export of evidence as an archive.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use inventory_schema::organization::Ogrn;
use inventory_schema::{DeviceId, Timestamp};
use serde::Deserialize;

use super::error::PageError;
use super::page::{Page, Visit, html};
use super::pager::{Pager, piece};
use super::session::SignedIn;
use crate::access::Right;
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::evidence_request::{Asked, Unreadable};
use crate::state::AppState;
use crate::store::checkpoint::CheckpointRecord;
use crate::task::checkpoint::{CheckpointError, Taker};

#[derive(Debug, Clone)]
struct CheckpointLineView {
    number: i64,
    taken_at: Timestamp,
    chains: i64,
    log: i64,
    line: String,
}

#[derive(Debug, Template)]
#[template(path = "evidence.html")]
struct EvidencePage {
    page: Page,
    newest: Option<CheckpointLineView>,
    rows: Vec<CheckpointLineView>,
    pager: Pager,
    may_export: bool,
    form: ExportForm,
    failures: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
pub struct EvidenceQuery {
    page: Option<u32>,
    /// Fills the form.
    device: Option<DeviceId>,
    organization: Option<Ogrn>,
}

/// What is to be exported, as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ExportForm {
    /// An ОГРН, or the id of an organization or of a device.
    #[serde(default)]
    whose: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

/// `GET /evidence`
pub async fn show(
    State(state): State<AppState>,
    Query(query): Query<EvidenceQuery>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let device = query.device.map(|device| device.to_string());
    let organization = query.organization.map(|ogrn| ogrn.to_string());
    let form = ExportForm {
        whose: device.or(organization).unwrap_or_default(),
        ..ExportForm::default()
    };
    page(&state, &signed_in, visit, query.page, form, Vec::new()).await
}

async fn page(
    state: &AppState,
    signed_in: &SignedIn,
    visit: Visit,
    number: Option<u32>,
    form: ExportForm,
    failures: Vec<String>,
) -> Result<Response, PageError> {
    let (number, piece) = piece(number);
    let found = state.store.checkpoints(piece).await?;
    let newest = state.store.newest_checkpoint().await?;
    html(EvidencePage {
        page: Page::new(state, visit, "/evidence"),
        newest: newest.as_ref().map(view),
        rows: found.rows.iter().map(view).collect(),
        pager: Pager::of(number, found.total, "/evidence", &[]),
        may_export: signed_in.operator.may(Right::ExportEvidence),
        form,
        failures,
    })
}

fn view(record: &CheckpointRecord) -> CheckpointLineView {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let checkpoint = &record.checkpoint;
    CheckpointLineView {
        number: count(checkpoint.number),
        taken_at: checkpoint.taken_at,
        chains: count(checkpoint.heads.count),
        log: count(checkpoint.authority_log.count),
        line: record.line().to_string(),
    }
}

/// `POST /evidence/checkpoint`: one of this moment, for whoever wants to take its line along.
pub async fn take_checkpoint(State(state): State<AppState>, signed_in: SignedIn, visit: Visit) -> Result<Response, PageError> {
    let taker = Taker {
        store: &state.store,
        authority: &state.authority.current(),
        region: &state.region.id,
    };
    let taken = taker.take_now(visit.now).await.map_err(|error| match error {
        CheckpointError::Store(error) => PageError::Store(error),
        error => PageError::Internal(Box::new(error)),
    })?;
    // While another one is being taken, that one is as good.
    if let Some(record) = taken {
        let (who, number) = (&signed_in.operator, record.checkpoint.number);
        Entry::new(visit.now, who, Action::CheckpointTaken, SubjectKind::Checkpoint, number)
            .record(&state.store)
            .await?;
    }
    Ok(Redirect::to("/evidence").into_response())
}

/// `POST /evidence/export`: the archive, made while it is sent.
pub async fn download(
    State(state): State<AppState>,
    signed_in: SignedIn,
    visit: Visit,
    Form(form): Form<ExportForm>,
) -> Result<Response, PageError> {
    let now = visit.now;
    let asked = Asked {
        whose: &form.whose,
        from: &form.from,
        to: &form.to,
    };
    let failure = match asked.allowed(&state, &signed_in.operator, now).await? {
        Ok(allowed) => return Ok(allowed.answer(state, now).await?),
        Err(Unreadable::Span) => visit.language.t("evidence-span-wrong"),
        Err(Unreadable::Whose) => visit.language.t("evidence-whose-wrong"),
    };
    page(&state, &signed_in, visit, None, form, vec![failure]).await
}
