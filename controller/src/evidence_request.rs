//! An export of evidence that a person asked for: whose, of which time, within their part of the tree, and the archive
//! that is made while it is sent.
//!
//! Called by the page and the API, which say in their own words what cannot be read. The command line asks for itself.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use inventory_schema::organization::Ogrn;
use inventory_schema::{DeviceId, OrganizationId, Timestamp};

use crate::access::Operator;
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::evidence::document::{Organization, Selection};
use crate::evidence::export::{Source, Wish, export};
use crate::evidence::span::Span;
use crate::state::AppState;
use crate::store::StoreResult;
use crate::web::download;

/// What is asked for, as it was typed.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// An ОГРН, or the id of an organization or of a device.
    pub whose: &'a str,
    /// Dates or moments; empty texts set no bound.
    pub from: &'a str,
    pub to: &'a str,
}

/// Why nothing is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    Span,
    /// Nothing in the asker's part of the tree is called so.
    Whose,
}

/// An export that may be made, not written down yet.
#[derive(Debug)]
pub struct Allowed {
    wish: Wish,
    entry: Entry,
}

impl Asked<'_> {
    pub async fn allowed(self, state: &AppState, who: &Operator, now: Timestamp) -> StoreResult<Result<Allowed, Unreadable>> {
        let Ok(span) = Span::of(self.from, self.to, &state.region.zone) else {
            return Ok(Err(Unreadable::Span));
        };
        let Some((selection, devices, entry)) = selected(state, who, self.whose.trim(), now).await? else {
            return Ok(Err(Unreadable::Whose));
        };
        let wish = Wish {
            selection,
            devices,
            from: span.from,
            to: span.to,
        };
        Ok(Ok(Allowed { wish, entry }))
    }
}

impl Allowed {
    /// Writes down who took it, and begins to send.
    pub async fn answer(self, state: AppState, now: Timestamp) -> StoreResult<Response> {
        let Self { wish, entry } = self;
        entry.with("devices", wish.devices.len()).record(&state.store).await?;
        let (body, upstream) = download::body();
        let name = format!("evidence-{}-{}.tar", state.region.id, now.unix_seconds());
        tokio::spawn(send(state, wish, now, upstream));
        let headers = [
            (header::CONTENT_TYPE, "application/x-tar".to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
            (header::CACHE_CONTROL, "no-store".to_owned()),
        ];
        Ok((headers, body).into_response())
    }
}

async fn send(state: AppState, wish: Wish, now: Timestamp, upstream: download::Upstream) {
    let source = Source {
        store: &state.store,
        authority: &state.authority.current(),
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
}

/// An organization or a device in scope, by whatever names it.
async fn selected(state: &AppState, who: &Operator, whose: &str, now: Timestamp) -> StoreResult<Option<(Selection, Vec<DeviceId>, Entry)>> {
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
