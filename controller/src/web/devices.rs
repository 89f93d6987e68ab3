//! `GET /devices`: the list that the overview's numbers open into, and a device's row wherever it is listed.

use std::time::Duration;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use inventory_schema::Timestamp;
use inventory_schema::inventory::DeviceKind;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::device::headline::capitalized;
use super::device::kind::{choices, kind_name};
use super::error::PageError;
use super::format::{disk_size, memory_size, start_of_day};
use super::language::Language;
use super::page::{Page, Visit, html};
use super::pager::{Pager, piece};
use super::place::Choice;
use super::session::SignedIn;
use crate::access::Right;
use crate::device::kind::kind_named;
use crate::state::AppState;
use crate::store::device::{Device, DeviceState, EvidenceLevel};
use crate::store::device_list::{Contact, DeviceFilter};

pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a device's badge says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Seen,
    Quiet,
    Silent,
    Never,
    Left,
    /// Another system told of it, and no agent.
    Stated,
}

impl Presence {
    pub fn of(device: &Device, now: Timestamp) -> Self {
        match (device.state, device.last_seen_at) {
            (DeviceState::Left, _) => Self::Left,
            _ if device.evidence_level == EvidenceLevel::Stated => Self::Stated,
            _ if device.last_report_at.is_none() => Self::Never,
            (_, Some(at)) if at >= now - DAY => Self::Seen,
            (_, Some(at)) if at >= now - 7 * DAY => Self::Quiet,
            _ => Self::Silent,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Quiet => "quiet",
            Self::Silent => "silent",
            Self::Never => "never",
            Self::Left => "left",
            Self::Stated => "stated",
        }
    }

    pub const fn class(self) -> &'static str {
        match self {
            Self::Seen => "good",
            Self::Quiet | Self::Never | Self::Stated => "doubt",
            Self::Silent => "bad",
            Self::Left => "",
        }
    }
}

#[derive(Debug, Clone)]
pub struct DeviceRow {
    pub id: String,
    pub name: String,
    /// «Ноутбук», where it is known; a person's word is marked.
    pub kind: String,
    pub kind_is_ruled: bool,
    pub model: String,
    pub organization_id: String,
    pub organization: String,
    pub room: String,
    pub hardware: String,
    pub last_seen: Option<Timestamp>,
    pub state: Presence,
}

impl DeviceRow {
    pub fn of(device: &Device, now: Timestamp, l: Language) -> Self {
        Self {
            id: device.external_id.to_string(),
            name: name(device, l),
            kind: device.kind().map_or_else(String::new, |kind| capitalized(&kind_name(kind, l))),
            kind_is_ruled: device.ruled_kind.is_some(),
            model: model(device),
            organization_id: device.place.organization.to_string(),
            organization: device.place.organization_short_name.clone(),
            room: device.place.room_name.clone().unwrap_or_default(),
            hardware: hardware(device, l),
            last_seen: device.last_seen_at,
            state: Presence::of(device, now),
        }
    }
}

/// What a device is called: its host name, else its model, else «unnamed».
pub fn name(device: &Device, l: Language) -> String {
    let summary = &device.summary;
    summary
        .host_name
        .clone()
        .or_else(|| summary.model.clone())
        .unwrap_or_else(|| l.t("device-unnamed"))
}

/// Maker and model, the maker not repeated where the model already begins with it.
pub fn model(device: &Device) -> String {
    let maker = device.summary.maker.as_deref().unwrap_or("");
    match device.summary.model.as_deref() {
        Some(model) if model.to_lowercase().starts_with(&maker.to_lowercase()) => model.to_owned(),
        Some(model) => format!("{maker} {model}"),
        None => maker.to_owned(),
    }
}

/// Processor, memory and disks in one line.
pub fn hardware(device: &Device, l: Language) -> String {
    let size = |bytes: Option<i64>| bytes.and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > 0);
    let parts = [
        device.summary.processor.clone(),
        size(device.summary.memory_bytes).map(|bytes| memory_size(bytes, l)),
        size(device.summary.storage_bytes).map(|bytes| disk_size(bytes, l)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[derive(Debug, Default, Deserialize)]
pub struct DevicesQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    seen: String,
    #[serde(default)]
    kind: String,
    page: Option<u32>,
}

#[derive(Debug, Template)]
#[template(path = "devices.html")]
struct DevicesPage {
    page: Page,
    query: String,
    filters: Vec<Choice>,
    kinds: Vec<Choice>,
    total: i64,
    rows: Vec<DeviceRow>,
    pager: Pager,
    may_collect: bool,
}

/// The filter that a name of the list means; `None` for a name that means nothing. Devices that left are listed
/// only when asked for, as the overview counts them.
pub fn filter_named(name: &str, now: Timestamp, zone: &TimeZone) -> Option<DeviceFilter> {
    let enrolled = DeviceFilter {
        state: Some(DeviceState::Enrolled),
        ..DeviceFilter::default()
    };
    let in_contact = |contact| DeviceFilter {
        contact: Some(contact),
        ..enrolled.clone()
    };
    Some(match name {
        "" => enrolled,
        "seen" => in_contact(Contact::Since(now - DAY)),
        "silent" => in_contact(Contact::SilentSince(now - 7 * DAY)),
        "never" => in_contact(Contact::NeverReported),
        "today" => DeviceFilter {
            enrolled_since: Some(start_of_day(now, zone)),
            evidence_level: Some(EvidenceLevel::Agent),
            ..enrolled
        },
        "stated" => DeviceFilter {
            evidence_level: Some(EvidenceLevel::Stated),
            ..enrolled
        },
        "left" => DeviceFilter {
            state: Some(DeviceState::Left),
            ..DeviceFilter::default()
        },
        _ => return None,
    })
}

/// `GET /devices`
pub async fn list(
    State(state): State<AppState>,
    Query(query): Query<DevicesQuery>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let (number, piece) = piece(query.page);
    let filter = DeviceFilter {
        query: Some(query.q.trim().to_owned()).filter(|words| !words.is_empty()),
        kind: match query.kind.as_str() {
            "" => None,
            name => Some(kind_named(name).ok_or(PageError::BadRequest)?),
        },
        ..filter_named(&query.seen, visit.now, &state.region.zone).ok_or(PageError::BadRequest)?
    };
    let found = state.store.devices(signed_in.operator.scope.into(), &filter, piece).await?;
    let (l, now) = (visit.language, visit.now);
    html(DevicesPage {
        page: Page::new(&state, visit, "/devices"),
        filters: filters(&query.seen, l),
        kinds: kinds(filter.kind, l),
        total: found.total,
        rows: found.rows.iter().map(|device| DeviceRow::of(device, now, l)).collect(),
        pager: Pager::of(
            number,
            found.total,
            "/devices",
            &[("q", &query.q), ("seen", &query.seen), ("kind", &query.kind)],
        ),
        query: query.q,
        may_collect: signed_in.operator.may(Right::EditDevices),
    })
}

/// `POST /devices/collect`: every device that the operator sees looks at its hardware, those that wait at once.
pub async fn collect_now(State(state): State<AppState>, signed_in: SignedIn, visit: Visit) -> Result<Response, PageError> {
    state.store.ask_all_to_collect(signed_in.operator.scope.into(), visit.now).await?;
    Ok(Redirect::to("/devices").into_response())
}

fn kinds(chosen: Option<DeviceKind>, l: Language) -> Vec<Choice> {
    let any = Choice::new("", l.t("devices-kind-any"), chosen.is_none());
    std::iter::once(any).chain(choices(chosen, l)).collect()
}

fn filters(chosen: &str, l: Language) -> Vec<Choice> {
    [
        ("", l.t("devices-filter-any")),
        ("seen", l.t("devices-filter-seen")),
        ("silent", l.t("devices-filter-silent")),
        ("never", l.t("devices-filter-never")),
        ("today", l.t("devices-filter-today")),
        ("stated", l.t("devices-filter-stated")),
        ("left", l.t("devices-filter-left")),
    ]
    .into_iter()
    .map(|(value, label)| Choice::new(value, label, value == chosen))
    .collect()
}
