//! Register import: upload, see what would change, confirm or discard.

use askama::Template;
use axum::extract::{Multipart, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::PageError;
use super::format::number;
use super::language::Language;
use super::overview::Tile;
use super::page::{Page, Visit, html};
use super::session::SignedIn;
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::register::{Building, Change, FieldChange, LineError, Municipality, Organization, Preview, Room};
use crate::register_import::{self, ImportError};
use crate::state::AppState;
use crate::store::import_preview::ImportPreview;

/// What kind of import a stored preview is of.
const KIND: &str = "register";
/// How many rows of a group a page lists; the tiles have the whole numbers.
const LISTED: usize = 200;

impl From<ImportError> for PageError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Store(error) => Self::Store(error),
            error => Self::Internal(Box::new(error)),
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "import.html")]
struct ImportPage {
    page: Page,
    failures: Vec<String>,
}

/// `GET /register/import`
pub async fn form(State(state): State<AppState>, visit: Visit) -> Result<Response, PageError> {
    form_page(&state, visit, Vec::new())
}

fn form_page(state: &AppState, visit: Visit, failures: Vec<String>) -> Result<Response, PageError> {
    let l = visit.language;
    html(ImportPage {
        page: Page::new(state, visit, "/organizations").crumb("/organizations", l.t("nav-organizations")),
        failures,
    })
}

/// A preview as it waits: with the name of the file it is of.
#[derive(Debug, Serialize, Deserialize)]
struct Waiting {
    file: String,
    preview: Preview,
}

/// `POST /register/import`
pub async fn upload(State(state): State<AppState>, signed_in: SignedIn, visit: Visit, parts: Multipart) -> Result<Response, PageError> {
    let Some((file, table)) = file_of(parts).await? else {
        let failures = vec![visit.language.t("import-no-file")];
        return form_page(&state, visit, failures);
    };
    let waiting = Waiting {
        preview: register_import::preview(&state.store, &table, &state.region.zone_name).await?,
        file,
    };
    let id = Uuid::now_v7();
    let document = serde_json::to_string(&waiting).map_err(|error| PageError::Internal(Box::new(error)))?;
    state
        .store
        .save_import_preview(&ImportPreview {
            external_id: id,
            operator_id: signed_in.operator.id,
            created_at: visit.now,
            kind: KIND.to_owned(),
            document,
        })
        .await?;
    Ok(Redirect::to(&format!("/register/import/{id}")).into_response())
}

/// The file's name and bytes; `None` where the form has none.
async fn file_of(mut parts: Multipart) -> Result<Option<(String, Vec<u8>)>, PageError> {
    while let Some(part) = parts.next_field().await.map_err(|_| PageError::BadRequest)? {
        if part.name() != Some("file") {
            continue;
        }
        let name: String = part
            .file_name()
            .unwrap_or("")
            .chars()
            .filter(|c| inventory_schema::text::printable(*c))
            .take(120)
            .collect();
        let bytes = part.bytes().await.map_err(|_| PageError::TooLarge)?;
        return Ok((!bytes.is_empty()).then(|| (name, bytes.to_vec())));
    }
    Ok(None)
}

#[derive(Debug, Clone)]
struct ErrorLine {
    line: String,
    column: String,
    message: String,
}

#[derive(Debug, Clone)]
struct Row {
    subject: String,
    change: String,
}

#[derive(Debug, Clone)]
struct Group {
    title: String,
    explanation: String,
    rows: Vec<Row>,
}

#[derive(Debug, Template)]
#[template(path = "import_preview.html")]
struct PreviewPage {
    page: Page,
    id: String,
    tiles: Vec<Tile>,
    errors: Vec<ErrorLine>,
    warnings: Vec<ErrorLine>,
    groups: Vec<Group>,
    may_confirm: bool,
    nothing: bool,
    failures: Vec<String>,
}

async fn waiting(state: &AppState, id: Uuid, operator: i64) -> Result<Waiting, PageError> {
    let stored = state.store.import_preview(id, operator, KIND).await?.ok_or(PageError::NotFound)?;
    serde_json::from_str(&stored.document).map_err(|error| PageError::Internal(Box::new(error)))
}

/// `GET /register/import/{preview}`
pub async fn preview(
    State(state): State<AppState>,
    Path(id): Path<Uuid>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let waiting = waiting(&state, id, signed_in.operator.id).await?;
    preview_page(&state, id, &waiting.preview, visit, Vec::new())
}

fn preview_page(state: &AppState, id: Uuid, preview: &Preview, visit: Visit, failures: Vec<String>) -> Result<Response, PageError> {
    let l = visit.language;
    html(PreviewPage {
        page: Page::new(state, visit, "/organizations")
            .crumb("/organizations", l.t("nav-organizations"))
            .crumb("/register/import", l.t("import-title")),
        id: id.to_string(),
        tiles: tiles(preview, l),
        errors: lines(&preview.errors),
        warnings: lines(&preview.warnings),
        groups: groups(preview, l),
        may_confirm: preview.is_applicable() && !preview.is_empty() && failures.is_empty(),
        nothing: preview.is_applicable() && preview.is_empty(),
        failures,
    })
}

fn lines(messages: &[LineError]) -> Vec<ErrorLine> {
    messages
        .iter()
        .map(|message| ErrorLine {
            line: if message.line == 0 {
                String::new()
            } else {
                message.line.to_string()
            },
            column: message.column.clone(),
            message: if message.value.is_empty() {
                message.message.clone()
            } else {
                format!("{} («{}»)", message.message, message.value)
            },
        })
        .collect()
}

fn tiles(preview: &Preview, l: Language) -> Vec<Tile> {
    let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let (new, changed, vanished) = (&preview.new, &preview.changed, &preview.vanished);
    let new = count(new.municipalities.len() + new.organizations.len() + new.buildings.len() + new.rooms.len());
    let changed = count(changed.municipalities.len() + changed.organizations.len() + changed.buildings.len() + changed.rooms.len());
    let vanished = count(vanished.organizations.len() + vanished.buildings.len() + vanished.rooms.len());
    let same = &preview.unchanged;
    let same = i64::try_from(same.municipalities + same.organizations + same.buildings + same.rooms).unwrap_or(i64::MAX);
    let errors = count(preview.errors.len()).saturating_add(i64::try_from(preview.errors_left_out).unwrap_or(i64::MAX));
    [
        (new, l.t("import-new"), "good"),
        (changed, l.t("import-changed"), "doubt"),
        (vanished, l.t("import-vanished"), ""),
        (same, l.t("import-same"), ""),
        (errors, l.t("import-errors"), "bad"),
    ]
    .into_iter()
    .map(|(count, label, tone)| Tile {
        number: number(count),
        label,
        href: "",
        tone: if count == 0 { "" } else { tone },
    })
    .collect()
}

fn groups(preview: &Preview, l: Language) -> Vec<Group> {
    let new = &preview.new;
    let mut new_rows: Vec<Row> = new.municipalities.iter().map(|m| row(municipality(m), String::new())).collect();
    new_rows.extend(new.organizations.iter().map(|o| row(organization(o), String::new())));
    new_rows.extend(new.buildings.iter().map(|b| row(building(b, l), b.address.to_string())));
    new_rows.extend(new.rooms.iter().map(|r| row(room(r, l), r.name.to_string())));
    let changed = &preview.changed;
    let mut changed_rows: Vec<Row> = changed
        .municipalities
        .iter()
        .map(|c| changed_row(c, municipality(&c.after)))
        .collect();
    changed_rows.extend(changed.organizations.iter().map(|c| changed_row(c, organization(&c.after))));
    changed_rows.extend(changed.buildings.iter().map(|c| changed_row(c, building(&c.after, l))));
    changed_rows.extend(changed.rooms.iter().map(|c| changed_row(c, room(&c.after, l))));
    let gone = &preview.vanished;
    let mut gone_rows: Vec<Row> = gone.organizations.iter().map(|o| row(organization(o), String::new())).collect();
    gone_rows.extend(gone.buildings.iter().map(|b| row(building(b, l), b.address.to_string())));
    gone_rows.extend(gone.rooms.iter().map(|r| row(room(r, l), r.name.to_string())));
    [
        (l.t("import-new"), l.t("import-new-why"), new_rows),
        (l.t("import-changed"), l.t("import-changed-why"), changed_rows),
        (l.t("import-vanished"), l.t("import-vanished-why"), gone_rows),
    ]
    .into_iter()
    .filter(|(_, _, rows)| !rows.is_empty())
    .map(|(title, explanation, rows)| Group {
        title,
        explanation,
        rows: cut(rows, l),
    })
    .collect()
}

fn cut(mut rows: Vec<Row>, l: Language) -> Vec<Row> {
    if rows.len() > LISTED {
        let more = i64::try_from(rows.len() - LISTED).unwrap_or(i64::MAX);
        rows.truncate(LISTED);
        rows.push(row(l.n("import-more", &more), String::new()));
    }
    rows
}

fn row(subject: String, change: String) -> Row {
    Row { subject, change }
}

fn changed_row<T>(change: &Change<T>, subject: String) -> Row {
    let field = |field: &FieldChange| format!("{}: «{}» → «{}»", field.column.title(), field.before, field.after);
    row(subject, change.fields.iter().map(field).collect::<Vec<_>>().join("; "))
}

fn municipality(municipality: &Municipality) -> String {
    format!("{} · {}", municipality.oktmo, municipality.name)
}

fn organization(organization: &Organization) -> String {
    format!("{} · {}", organization.ogrn, organization.short_name)
}

fn building(building: &Building, l: Language) -> String {
    let title = l.with("building-title", "number", &building.number.to_string());
    format!("{} · {title}", building.organization)
}

fn room(room: &Room, l: Language) -> String {
    let title = l.with("building-title", "number", &room.building.to_string());
    format!("{} · {title} · {}", room.organization, room.number)
}

/// `POST /register/import/{preview}/confirm`. Of two confirmations only one is carried out.
pub async fn confirm(
    State(state): State<AppState>,
    Path(id): Path<Uuid>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let who = &signed_in.operator;
    let waiting = waiting(&state, id, who.id).await?;
    let source = format!("import {}", waiting.file);
    match register_import::apply(&state.store, &waiting.preview, source, visit.now).await {
        Ok(()) => {}
        Err(ImportError::NotApplicable(_)) => return Err(PageError::BadRequest),
        Err(ImportError::Outdated) => {
            let failures = vec![visit.language.t("import-outdated")];
            return preview_page(&state, id, &waiting.preview, visit, failures);
        }
        Err(error) => return Err(error.into()),
    }
    state.store.delete_import_preview(id, who.id).await?;
    let (new, changed) = (&waiting.preview.new, &waiting.preview.changed);
    Entry::new(visit.now, who, Action::RegisterImported, SubjectKind::Register, id)
        .with("file", waiting.file.as_str())
        .with("new_organizations", new.organizations.len())
        .with("changed_organizations", changed.organizations.len())
        .with("new_rooms", new.rooms.len())
        .record(&state.store)
        .await?;
    Ok(Redirect::to("/organizations").into_response())
}

/// `POST /register/import/{preview}/discard`
pub async fn discard(State(state): State<AppState>, Path(id): Path<Uuid>, signed_in: SignedIn) -> Result<Response, PageError> {
    if state.store.delete_import_preview(id, signed_in.operator.id).await? {
        Ok(Redirect::to("/register/import").into_response())
    } else {
        Err(PageError::NotFound)
    }
}
