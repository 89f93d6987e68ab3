//! Import of other systems' inventories: choose a place and files, see what they would change, confirm or discard.
//!
//! What waits for its confirmation is what was read from the files, stripped of persons' data, never the files.

use askama::Template;
use axum::extract::{Multipart, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use inventory_schema::OrganizationId;
use inventory_schema::glpi::Stated;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::PageError;
use super::language::Language;
use super::page::{Page, Visit, html};
use super::place::{ChoiceGroup, PlaceChoice, choices, in_words};
use super::session::SignedIn;
use crate::access::Operator;
use crate::activity_log::Entry;
use crate::device_import::{self, DeviceImportError, Fault, Outcome, kept_file_name, title};
use crate::state::AppState;
use crate::store::Scope;
use crate::store::building::Place;
use crate::store::import_preview::ImportPreview;
use crate::store::organization::Organization;

/// What kind of import a stored preview is of.
const KIND: &str = "devices";
/// The most files of one form.
const MAX_FILES: usize = 200;

impl From<DeviceImportError> for PageError {
    fn from(error: DeviceImportError) -> Self {
        match error {
            DeviceImportError::Store(error) => Self::Store(error),
            error @ DeviceImportError::Canonical(_) => Self::Internal(Box::new(error)),
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "device_import.html")]
struct ImportPage {
    page: Page,
    id: String,
    organization: String,
    places: Vec<ChoiceGroup>,
    failures: Vec<String>,
}

/// One file, read.
#[derive(Debug, Serialize, Deserialize)]
struct WaitingFile {
    name: String,
    read: Result<Stated, Fault>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Waiting {
    organization: OrganizationId,
    /// As forms name a place.
    place: String,
    files: Vec<WaitingFile>,
}

/// `GET /organizations/{organization}/devices/import`
pub async fn form(
    State(state): State<AppState>,
    Path(id): Path<OrganizationId>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    form_page(&state, id, &signed_in.operator, visit, Vec::new()).await
}

async fn organization(state: &AppState, scope: Scope, id: OrganizationId) -> Result<Organization, PageError> {
    state.store.organization(scope, id).await?.ok_or(PageError::NotFound)
}

async fn form_page(
    state: &AppState,
    id: OrganizationId,
    who: &Operator,
    visit: Visit,
    failures: Vec<String>,
) -> Result<Response, PageError> {
    let scope = who.scope.into();
    let organization = organization(state, scope, id).await?;
    let l = visit.language;
    html(ImportPage {
        id: id.to_string(),
        places: choices(&state.store, scope, id, "", l).await?,
        failures,
        page: Page::new(state, visit, "/organizations")
            .crumb("/organizations", l.t("nav-organizations"))
            .crumb(format!("/organizations/{id}"), organization.short_name.clone()),
        organization: organization.short_name,
    })
}

/// `POST /organizations/{organization}/devices/import`
pub async fn upload(
    State(state): State<AppState>,
    Path(id): Path<OrganizationId>,
    signed_in: SignedIn,
    visit: Visit,
    parts: Multipart,
) -> Result<Response, PageError> {
    let who = &signed_in.operator;
    organization(&state, who.scope.into(), id).await?;
    let (place, files) = sent(parts).await?;
    let failure = match &files[..] {
        [] => Some(visit.language.t("import-no-file")),
        files if files.len() > MAX_FILES => Some(visit.language.n("device-import-too-many", &(MAX_FILES as i64))),
        _ => None,
    };
    if let Some(failure) = failure {
        return form_page(&state, id, who, visit, vec![failure]).await;
    }
    let waiting = Waiting {
        organization: id,
        place,
        files,
    };
    find_place(&state, who.scope.into(), &waiting).await?;
    let preview = Uuid::now_v7();
    let document = serde_json::to_string(&waiting).map_err(|error| PageError::Internal(Box::new(error)))?;
    state
        .store
        .save_import_preview(&ImportPreview {
            external_id: preview,
            operator_id: who.id,
            created_at: visit.now,
            kind: KIND.to_owned(),
            document,
        })
        .await?;
    Ok(Redirect::to(&format!("/devices/import/{preview}")).into_response())
}

/// The chosen place and the files, read one by one.
async fn sent(mut parts: Multipart) -> Result<(String, Vec<WaitingFile>), PageError> {
    let (mut place, mut files) = (String::new(), Vec::new());
    while let Some(part) = parts.next_field().await.map_err(|_| PageError::BadRequest)? {
        match part.name() {
            Some("place") => place = part.text().await.map_err(|_| PageError::BadRequest)?,
            Some("file") => {
                let name = kept_file_name(part.file_name().unwrap_or(""));
                let bytes = part.bytes().await.map_err(|_| PageError::TooLarge)?;
                if !bytes.is_empty() && files.len() <= MAX_FILES {
                    let read = tokio::task::spawn_blocking(move || device_import::read::read(&bytes)).await;
                    let read = read.map_err(|error| PageError::Internal(Box::new(error)))?;
                    files.push(WaitingFile { name, read });
                }
            }
            _ => {}
        }
    }
    Ok((place, files))
}

async fn find_place(state: &AppState, scope: Scope, waiting: &Waiting) -> Result<Place, PageError> {
    let choice: PlaceChoice = waiting.place.parse().map_err(|_| PageError::BadRequest)?;
    let place = choice.find(&state.store, scope, waiting.organization).await?;
    place.ok_or(PageError::BadRequest)
}

#[derive(Debug, Clone)]
struct FileLine {
    name: String,
    device: String,
    /// The device of before.
    known: Option<String>,
    outcome: &'static str,
    class: &'static str,
    sections: String,
    stripped: String,
    notes: Vec<String>,
}

#[derive(Debug, Template)]
#[template(path = "device_import_preview.html")]
struct PreviewPage {
    page: Page,
    id: String,
    place: String,
    lines: Vec<FileLine>,
    may_confirm: bool,
}

async fn waiting(state: &AppState, id: Uuid, operator: i64) -> Result<Waiting, PageError> {
    let stored = state.store.import_preview(id, operator, KIND).await?.ok_or(PageError::NotFound)?;
    serde_json::from_str(&stored.document).map_err(|error| PageError::Internal(Box::new(error)))
}

/// `GET /devices/import/{preview}`
pub async fn preview(
    State(state): State<AppState>,
    Path(id): Path<Uuid>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let who = &signed_in.operator;
    let waiting = waiting(&state, id, who.id).await?;
    let place = find_place(&state, who.scope.into(), &waiting).await?;
    let l = visit.language;
    let (mut lines, mut may_confirm) = (Vec::new(), false);
    for file in &waiting.files {
        let (line, writes) = line(&state, &place, file, l).await?;
        may_confirm |= writes;
        lines.push(line);
    }
    html(PreviewPage {
        page: Page::new(&state, visit, "/organizations")
            .crumb("/organizations", l.t("nav-organizations"))
            .crumb(
                format!("/organizations/{}", waiting.organization),
                place.organization_short_name.clone(),
            )
            .crumb(
                format!("/organizations/{}/devices/import", waiting.organization),
                l.t("device-import-title"),
            ),
        id: id.to_string(),
        place: in_words(&place.address, place.room_name.as_deref()),
        lines,
        may_confirm,
    })
}

/// One file's line, and whether confirming would write it.
async fn line(state: &AppState, place: &Place, file: &WaitingFile, l: Language) -> Result<(FileLine, bool), PageError> {
    let planned = match &file.read {
        Ok(stated) => device_import::plan(&state.store, place, &file.name, stated)
            .await?
            .map(|plan| (plan, stated)),
        Err(fault) => Err(fault.clone()),
    };
    let (plan, stated) = match planned {
        Ok(planned) => planned,
        Err(fault) => return Ok((fault_line(&file.name, &fault, l), false)),
    };
    let class = match plan.outcome {
        Outcome::New => "good",
        Outcome::Changed | Outcome::Older => "doubt",
        Outcome::Unchanged => "",
    };
    let sections = plan.device.sections.iter().map(|(name, _)| l.family("section", name.as_str()));
    let mut notes = Vec::new();
    if plan.same_name_other_hardware {
        notes.push(l.t("device-import-other-hardware"));
    }
    if stated.left_out > 0 {
        notes.push(l.n("device-import-left-out", &i64::try_from(stated.left_out).unwrap_or(i64::MAX)));
    }
    let line = FileLine {
        name: file.name.clone(),
        device: title(&plan.device.summary),
        known: plan.known.map(|known| known.to_string()),
        outcome: plan.outcome.as_str(),
        class,
        sections: sections.collect::<Vec<_>>().join(", "),
        stripped: stated.stripped.join(", "),
        notes,
    };
    Ok((line, plan.outcome.writes()))
}

fn fault_line(name: &str, fault: &Fault, l: Language) -> FileLine {
    let words = l.family("device-import-fault", &fault.code());
    let detail = fault.detail();
    FileLine {
        name: name.to_owned(),
        device: String::new(),
        known: None,
        outcome: "refused",
        class: "bad",
        sections: String::new(),
        stripped: String::new(),
        notes: vec![if detail.is_empty() { words } else { format!("{words}: {detail}") }],
    }
}

/// `POST /devices/import/{preview}/confirm`: each file whole or not at all; those with a fault are left out, as shown.
pub async fn confirm(
    State(state): State<AppState>,
    Path(id): Path<Uuid>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let who = &signed_in.operator;
    let waiting = waiting(&state, id, who.id).await?;
    let place = find_place(&state, who.scope.into(), &waiting).await?;
    let entry = |action, kind, subject: String| Entry::new(visit.now, who, action, kind, subject);
    for file in &waiting.files {
        let Ok(stated) = &file.read else { continue };
        if let Ok(plan) = device_import::plan(&state.store, &place, &file.name, stated).await? {
            // Whoever imports the same file at the same moment writes it for both.
            let _ = device_import::apply(&state.store, &place, &plan, &entry, visit.now).await?;
        }
    }
    state.store.delete_import_preview(id, who.id).await?;
    Ok(Redirect::to("/devices?seen=stated").into_response())
}

/// `POST /devices/import/{preview}/discard`
pub async fn discard(State(state): State<AppState>, Path(id): Path<Uuid>, signed_in: SignedIn) -> Result<Response, PageError> {
    let organization = waiting(&state, id, signed_in.operator.id).await?.organization;
    state.store.delete_import_preview(id, signed_in.operator.id).await?;
    Ok(Redirect::to(&format!("/organizations/{organization}/devices/import")).into_response())
}
