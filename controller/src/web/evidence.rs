//! `/evidence`: checkpoints with their lines, and the export of evidence as an archive.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use inventory_schema::organization::Ogrn;
use inventory_schema::{DeviceId, OrganizationId, Timestamp};
use serde::Deserialize;

use super::download;
use super::error::PageError;
use super::language::Language;
use super::page::{Page, Visit, html};
use super::pager::{Pager, piece};
use super::session::SignedIn;
use crate::access::{Operator, Right};
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::evidence::document::{Organization, Selection};
use crate::evidence::export::{Source, Wish, export};
use crate::evidence::span::Span;
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
        authority: &state.authority,
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
    let (wish, entry) = match wish(&state, &signed_in.operator, &form, now, visit.language).await? {
        Ok(wish) => wish,
        Err(failure) => return page(&state, &signed_in, visit, None, form, vec![failure]).await,
    };
    entry.with("devices", wish.devices.len()).record(&state.store).await?;
    let (body, upstream) = download::body();
    let region = state.region.id.clone();
    let name = format!("evidence-{region}-{}.tar", now.unix_seconds());
    tokio::spawn(async move {
        let source = Source {
            store: &state.store,
            authority: &state.authority,
            region: &state.region.id,
        };
        match export(source, &wish, now, upstream.clone(), |_| {}).await {
            Ok((_, exported)) => tracing::info!(
                devices = exported.devices,
                reports = exported.reports,
                bytes = exported.bytes,
                "evidence was exported"
            ),
            Err(error) => {
                tracing::error!(error = %crate::error_chain(&error), "an export of evidence was broken off");
                upstream.fail().await;
            }
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-tar".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, body).into_response())
}

/// What the form asks for within the operator's part of the tree, or what is wrong with it.
async fn wish(
    state: &AppState,
    who: &Operator,
    form: &ExportForm,
    now: Timestamp,
    l: Language,
) -> Result<Result<(Wish, Entry), String>, PageError> {
    let Ok(span) = Span::of(&form.from, &form.to, &state.region.zone) else {
        return Ok(Err(l.t("evidence-span-wrong")));
    };
    let Some((selection, devices, entry)) = selected(state, who, form.whose.trim(), now).await? else {
        return Ok(Err(l.t("evidence-whose-wrong")));
    };
    let wish = Wish {
        selection,
        devices,
        from: span.from,
        to: span.to,
    };
    Ok(Ok((wish, entry)))
}

/// An organization or a device in scope, by whatever names it.
async fn selected(
    state: &AppState,
    who: &Operator,
    whose: &str,
    now: Timestamp,
) -> Result<Option<(Selection, Vec<DeviceId>, Entry)>, PageError> {
    let (store, scope) = (&state.store, who.scope.into());
    let organization = match (whose.parse::<Ogrn>(), whose.parse::<OrganizationId>()) {
        (Ok(ogrn), _) => store.organization_by_ogrn(scope, &ogrn).await?,
        (_, Ok(id)) => store.organization(scope, id).await?,
        _ => None,
    };
    if let Some(organization) = organization {
        let id = organization.external_id;
        let entry = Entry::new(now, who, Action::EvidenceExported, SubjectKind::Organization, id).of_organization(organization.id);
        let named = Organization {
            ogrn: organization.ogrn.to_string(),
            name: organization.short_name,
        };
        let devices = store.device_ids_of(scope, id).await?;
        return Ok(Some((Selection::Organization(named), devices, entry)));
    }
    let Ok(id) = whose.parse::<DeviceId>() else { return Ok(None) };
    let Some(device) = store.device(scope, id).await? else {
        return Ok(None);
    };
    let entry = Entry::new(now, who, Action::EvidenceExported, SubjectKind::Device, id).of_organization(device.place.organization_id);
    Ok(Some((Selection::Devices(vec![id]), vec![id], entry)))
}
