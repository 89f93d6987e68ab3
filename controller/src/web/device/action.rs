//! What people do with a device: move it, have it look at its hardware, take its certificate out of force, take what
//! another system told of out of the count.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use inventory_schema::DeviceId;
use serde::Deserialize;

use crate::activity_log::{Action, Entry, SubjectKind};
use crate::enrollment::reissue_receipt;
use crate::revocation::revoke;
use crate::state::AppState;
use crate::store::device::{DeviceState, EvidenceLevel};
use crate::web::devices::DeviceRow;
use crate::web::error::PageError;
use crate::web::language::Language;
use crate::web::page::Visit;
use crate::web::place::{PlaceChoice, in_words};
use crate::web::session::SignedIn;

/// The longest reason for a revocation.
const MAX_REASON_CHARS: usize = 200;

#[derive(Debug, Deserialize)]
pub struct MoveForm {
    place: String,
}

/// `POST /devices/{device}/room`: to another building or room of its own organization.
pub async fn relocate(
    State(state): State<AppState>,
    Path(id): Path<DeviceId>,
    signed_in: SignedIn,
    visit: Visit,
    Form(form): Form<MoveForm>,
) -> Result<Response, PageError> {
    let who = &signed_in.operator;
    let scope = who.scope.into();
    let device = state.store.device(scope, id).await?.ok_or(PageError::NotFound)?;
    let choice: PlaceChoice = form.place.parse().map_err(|_| PageError::BadRequest)?;
    let place = choice
        .find(&state.store, scope, device.place.organization)
        .await?
        .ok_or(PageError::NotFound)?;
    if !state.store.move_device(scope, id, choice.building, choice.room).await? {
        return Err(PageError::NotFound);
    }
    let row = DeviceRow::of(&device, visit.now, Language::Russian);
    Entry::new(visit.now, who, Action::DeviceMoved, SubjectKind::Device, id)
        .of_organization(place.organization_id)
        .with("device", row.name)
        .with("from", in_words(&device.place.address, device.place.room_name.as_deref()))
        .with("to", in_words(&place.address, place.room_name.as_deref()))
        .record(&state.store)
        .await?;
    if let Err(code) = reissue_receipt(&state, id, visit.now).await {
        // The move itself is done; the device learns of it with the next receipt.
        tracing::error!(device.id = %id, %code, "the receipt of a moved device was not signed");
    }
    Ok(Redirect::to(&format!("/devices/{id}")).into_response())
}

#[derive(Debug, Deserialize)]
pub struct RetireForm {
    state: DeviceState,
}

/// `POST /devices/{device}/retire`: takes a record that another system told of out of the count, or brings it back. An
/// agent's device leaves by its own word.
pub async fn retire(
    State(state): State<AppState>,
    Path(id): Path<DeviceId>,
    signed_in: SignedIn,
    visit: Visit,
    Form(form): Form<RetireForm>,
) -> Result<Response, PageError> {
    let scope = signed_in.operator.scope.into();
    let device = state.store.device(scope, id).await?.ok_or(PageError::NotFound)?;
    if device.evidence_level != EvidenceLevel::Stated {
        return Err(PageError::BadRequest);
    }
    state.store.set_device_state(scope, id, form.state).await?;
    let retired = form.state == DeviceState::Left;
    Entry::new(visit.now, &signed_in.operator, Action::DeviceRetired, SubjectKind::Device, id)
        .of_organization(device.place.organization_id)
        .with("retired", retired)
        .record(&state.store)
        .await?;
    Ok(Redirect::to(&format!("/devices/{id}")).into_response())
}

/// `POST /devices/{device}/collect`: the device looks at its hardware with its next answer, at once if it waits.
pub async fn collect_now(State(state): State<AppState>, Path(id): Path<DeviceId>, signed_in: SignedIn) -> Result<Response, PageError> {
    let scope = signed_in.operator.scope.into();
    state.store.device(scope, id).await?.ok_or(PageError::NotFound)?;
    state.store.ask_to_collect(&[id]).await?;
    Ok(Redirect::to(&format!("/devices/{id}")).into_response())
}

#[derive(Debug, Deserialize)]
pub struct RevokeForm {
    reason: String,
}

/// `POST /devices/{device}/revoke`
pub async fn revoke_certificate(
    State(state): State<AppState>,
    Path(id): Path<DeviceId>,
    signed_in: SignedIn,
    visit: Visit,
    Form(form): Form<RevokeForm>,
) -> Result<Response, PageError> {
    let who = &signed_in.operator;
    let reason = form.reason.trim();
    if reason.is_empty() || reason.chars().count() > MAX_REASON_CHARS {
        return Err(PageError::BadRequest);
    }
    revoke(&state, who, who.scope.into(), id, reason, visit.now)
        .await?
        .ok_or(PageError::NotFound)?;
    Ok(Redirect::to(&format!("/devices/{id}")).into_response())
}
