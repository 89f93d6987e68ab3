//! One device: what it is in one line, its kind and numbers, its place, its chain, every section with the source of each
//! fact, its reports.

mod action;
mod before;
pub mod headline;
mod history;
pub mod identity;
pub mod kind;
mod uptime;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use inventory_schema::envelope::{ChainPlace, Resumption};
use inventory_schema::inventory::{AnySection, KindVerdict, System};
use inventory_schema::section::Section;
use inventory_schema::{DeviceId, SectionName, Timestamp};
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

pub use self::action::{collect_now, relocate, retire, revoke_certificate};
use self::headline::{Facts as Headline, headline};
use self::history::History;
use self::kind::KindView;
use self::uptime::Uptime;
use super::devices::{Presence, name};
use super::error::PageError;
use super::format::exact_moment;
use super::language::Language;
use super::page::{Page, Visit, html};
use super::pager::{Pager, piece};
use super::place::{ChoiceGroup, choices, in_words};
use super::review::{CaseLine, case_line};
use super::section::{Cell, FactLine, Knowing, SectionView};
use super::session::SignedIn;
use crate::access::Right;
use crate::part::reading::parts_of;
use crate::state::AppState;
use crate::store::Scope;
use crate::store::device::{Device, DeviceState, DeviceSummary};
use crate::store::finding::{Finding, FindingKind};
use crate::store::identity::Relatives;
use crate::store::imported::ImportedDevice;
use crate::store::report::ReportState;
use crate::store::report_reading::{CurrentSection, ReportRecord};

#[derive(Debug, Clone)]
struct HeadLine {
    place: String,
    digest: String,
    key: String,
}

#[derive(Debug, Clone)]
struct FindingLine {
    label: String,
    at: String,
    /// How often and since when, where it was found more than once.
    repeated: Option<String>,
    detail: String,
}

/// The state of a device's chains in words.
#[derive(Debug, Clone)]
struct ChainView {
    verdict: String,
    class: &'static str,
    heads: Vec<HeadLine>,
    findings: Vec<FindingLine>,
}

#[derive(Debug, Clone)]
struct ReportLine {
    place: String,
    received: Timestamp,
    device_time: Timestamp,
    digest: String,
    short_digest: String,
    state: &'static str,
    class: &'static str,
    resumed: Option<&'static str>,
}

#[derive(Debug, Template)]
#[template(path = "device.html")]
struct DevicePage {
    page: Page,
    id: String,
    name: String,
    /// The computer in one line.
    headline: String,
    kind: KindView,
    may_overrule: bool,
    /// The numbers by which it names itself.
    numbers: Vec<FactLine>,
    state: Presence,
    facts: Vec<FactLine>,
    may_move: bool,
    may_revoke: bool,
    may_export: bool,
    /// No key of the device is in force.
    revoked: bool,
    /// Another system told of it, and no agent.
    is_stated: bool,
    may_retire: bool,
    is_retired: bool,
    places: Vec<ChoiceGroup>,
    chain: ChainView,
    relatives: Relatives,
    cases: Vec<CaseLine>,
    may_review: bool,
    sections: Vec<SectionView>,
    history: History,
    may_teach: bool,
    uptime: Uptime,
    reports: Vec<ReportLine>,
    reports_total: i64,
    /// Where older ones were let go.
    kept_since: Option<String>,
    pager: Pager,
}

#[derive(Debug, Default, Deserialize)]
pub struct DeviceQuery {
    page: Option<u32>,
}

/// How many findings a page lists, those that were found last first.
const FINDINGS: i64 = 20;

/// `GET /devices/{device}`
pub async fn show(
    State(state): State<AppState>,
    Path(id): Path<DeviceId>,
    Query(query): Query<DeviceQuery>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let scope: Scope = signed_in.operator.scope.into();
    let device = state.store.device(scope, id).await?.ok_or(PageError::NotFound)?;
    let (number, piece) = piece(query.page);
    let reports = state.store.reports(device.id, piece).await?;
    let told = state.store.imported_device(device.id).await?;
    let current = match &told {
        Some(_) => state.store.imported_sections(device.id).await?,
        None => state.store.current_sections(device.id).await?,
    };
    let kept_since = state.store.kept_since().await?;
    let names = state.store.names().await?;
    let (l, now) = (visit.language, visit.now);
    let page = Page::new(&state, visit, "/devices")
        .in_zone(&device.time_zone)
        .crumb("/organizations", l.t("nav-organizations"))
        .crumb(
            format!("/organizations/{}", device.place.organization),
            &device.place.organization_short_name,
        );
    let may_move = signed_in.operator.may(Right::EditDevices);
    let revoked = is_revoked(&state, &device).await?;
    let may_review = signed_in.operator.may(Right::ReviewDevices);
    let cases = state.store.cases_of(device.id).await?;
    let may_revoke = !revoked && told.is_none() && signed_in.operator.may(Right::RevokeDevices);
    let parts = state.store.parts_of(device.id).await?;
    let read = sections_read(&current);
    let know = Knowing {
        held: &parts,
        ..Knowing::of(&names, l)
    };
    let rulings = state.store.kind_rulings(device.id).await?;
    let numbers = numbers(&state, scope, &device, &read, &know, &page).await?;
    let places = if may_move {
        choices(&state.store, scope, device.place.organization, &chosen(&device), l).await?
    } else {
        Vec::new()
    };
    html(DevicePage {
        id: id.to_string(),
        name: name(&device, l),
        headline: headline(&Headline::of(device.kind(), &read), &device.summary, &names, l),
        kind: kind::view(&device, kind_verdict(&read), &rulings, l),
        may_overrule: may_move,
        numbers,
        state: Presence::of(&device, now),
        facts: facts(&device, told.as_ref(), &page),
        is_stated: told.is_some(),
        may_retire: told.is_some() && signed_in.operator.may(Right::ImportDevices),
        is_retired: device.state == DeviceState::Left,
        may_move,
        may_revoke,
        may_export: signed_in.operator.may(Right::ExportEvidence),
        revoked,
        places,
        chain: chain(&state, &device, reports.total, &page).await?,
        relatives: state.store.relatives(device.id).await?,
        cases: cases.iter().map(|case| case_line(case, l)).collect(),
        may_review,
        sections: sections(&current, &device.summary, &know, &page),
        history: History::of(&state, scope, &device, &parts, &names, &page).await?,
        may_teach: signed_in.operator.may(Right::TeachNames),
        uptime: Uptime::of(&state, &device, &state.lines.lessons, &page).await?,
        reports: reports.rows.iter().map(report_line).collect(),
        reports_total: reports.total,
        kept_since: kept_since.map(|month| l.with("reports-kept-since", "month", &month.to_string())),
        pager: Pager::of(number, reports.total, &format!("/devices/{id}"), &[]),
        page,
    })
}

fn chosen(device: &Device) -> String {
    let building = device.place.building;
    device
        .place
        .room
        .map_or_else(|| building.to_string(), |room| format!("{building}/{room}"))
}

fn facts(device: &Device, told: Option<&ImportedDevice>, page: &Page) -> Vec<FactLine> {
    let l = page.language;
    let line = |label: String, text: String| FactLine {
        label,
        cell: Cell::plain(text),
    };
    if let Some(told) = told {
        return told_facts(device, told, page);
    }
    let seen = device.last_seen_at.map_or_else(|| l.t("never"), |at| page.moment(&at));
    let agent = device.agent_version.clone().map(|version| line(l.t("device-agent"), version));
    [
        Some(line(l.t("organization"), device.place.organization_short_name.clone())),
        Some(line(
            l.t("place"),
            in_words(&device.place.address, device.place.room_name.as_deref()),
        )),
        Some(line(l.t("last-seen"), seen)),
        Some(line(l.t("device-enrolled"), page.moment(&device.enrolled_at))),
        agent,
        Some(line(l.t("device-clock"), clock(device.clock_offset_micros, l))),
        Some(line(l.t("device-id"), device.external_id.to_string())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Of a record that another system told of: who, when, from which file.
fn told_facts(device: &Device, told: &ImportedDevice, page: &Page) -> Vec<FactLine> {
    let l = page.language;
    let line = |label: String, text: String| FactLine {
        label,
        cell: Cell::plain(text),
    };
    let telling = &told.telling;
    [
        Some(line(l.t("organization"), device.place.organization_short_name.clone())),
        Some(line(
            l.t("place"),
            in_words(&device.place.address, device.place.room_name.as_deref()),
        )),
        Some(line(l.t("stated-origin"), l.family("source", &telling.origin))),
        telling.client.clone().map(|client| line(l.t("stated-client"), client)),
        Some(line(l.t("stated-file"), telling.file_name.clone())),
        telling
            .looked_at
            .clone()
            .map(|at| line(l.t("stated-looked-at"), at.replace('T', " "))),
        Some(line(l.t("stated-imported"), page.moment(&told.imported_at))),
        Some(line(l.t("stated-foreign-id"), telling.foreign_id.clone())),
        Some(line(l.t("device-id"), device.external_id.to_string())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The computer's clock minus ours, in words; under two seconds it is right.
fn clock(offset_micros: Option<i64>, l: Language) -> String {
    let Some(offset) = offset_micros else {
        return l.t("device-clock-unknown");
    };
    let seconds = i64::try_from(offset.unsigned_abs() / 1_000_000).unwrap_or(i64::MAX);
    let length = duration(seconds, l);
    match (seconds, offset > 0) {
        (0..2, _) => l.t("device-clock-right"),
        (_, true) => l.with("device-clock-ahead", "time", &length),
        (_, false) => l.with("device-clock-behind", "time", &length),
    }
}

/// In the largest unit of which there are at least two.
fn duration(seconds: i64, l: Language) -> String {
    match seconds {
        ..120 => l.n("duration-seconds", &seconds),
        120..7_200 => l.n("duration-minutes", &(seconds / 60)),
        7_200..172_800 => l.n("duration-hours", &(seconds / 3_600)),
        _ => l.n("duration-days", &(seconds / 86_400)),
    }
}

async fn chain(state: &AppState, device: &Device, reports: i64, page: &Page) -> Result<ChainView, PageError> {
    let mut heads = Vec::new();
    // What was joined into this record goes on under the keys of before.
    let mut keys = state.store.device_keys(device.id).await?;
    for merged in state.store.relatives(device.id).await?.merged {
        keys.extend(state.store.device_keys(merged.id).await?);
    }
    keys.sort_by_key(|key| key.first_seen_at);
    for key in keys.iter().rev() {
        if let Some(head) = state.store.chain_head(key.fingerprint).await? {
            heads.push(HeadLine {
                place: place_text(head.place),
                digest: head.digest.to_string(),
                key: key.fingerprint.to_string(),
            });
        }
    }
    let findings = state.store.findings(device.id, FINDINGS).await?;
    let (verdict, class) = verdict(&findings, reports, page.language);
    Ok(ChainView {
        verdict,
        class,
        heads,
        findings: findings.iter().map(|finding| finding_line(finding, page)).collect(),
    })
}

fn verdict(findings: &[Finding], reports: i64, l: Language) -> (String, &'static str) {
    let has = |kind: FindingKind| findings.iter().any(|finding| finding.kind == kind);
    if has(FindingKind::Fork) {
        (l.t("chain-forked"), "bad")
    } else if has(FindingKind::ChainBreak) {
        (l.t("chain-broken"), "doubt")
    } else if reports == 0 {
        (l.t("chain-empty"), "")
    } else {
        (l.t("chain-unbroken"), "good")
    }
}

pub fn finding_name(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Fork => "fork",
        FindingKind::ChainBreak => "chain_break",
        FindingKind::Clock => "clock",
        FindingKind::Clone => "clone",
    }
}

fn finding_line(finding: &Finding, page: &Page) -> FindingLine {
    FindingLine {
        label: page.family("finding", finding_name(finding.kind)),
        at: exact_moment(finding.last_found_at, page.zone()),
        repeated: repeated(finding, page.zone(), page.language),
        detail: finding_words(&finding.detail, page.language),
    }
}

fn repeated(finding: &Finding, zone: &TimeZone, l: Language) -> Option<String> {
    let first = exact_moment(finding.found_at, zone);
    (finding.times > 1).then(|| {
        format!(
            "{}, {}",
            l.n("finding-times", &finding.times),
            l.with("finding-first", "at", &first)
        )
    })
}

/// What a finding's JSON says, for people: the place in the chain, why it broke, the report's digest.
fn finding_words(detail: &str, l: Language) -> String {
    let detail: Value = serde_json::from_str(detail).unwrap_or_default();
    let number = |name: &str| detail.pointer(&format!("/place/{name}")).and_then(Value::as_u64);
    let place = number("epoch")
        .zip(number("sequence"))
        .map(|(epoch, sequence)| format!("{}: {epoch} / {sequence}", l.t("chain-place")));
    let reason = detail
        .get("resumed")
        .and_then(Value::as_str)
        .map(|reason| l.family("resumed", reason));
    let digest = detail.get("digest").and_then(Value::as_str).map(ToOwned::to_owned);
    [place, reason, digest].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// The sections that say what a computer is; the lists of software are read where they are shown.
fn sections_read(current: &[CurrentSection]) -> Vec<AnySection> {
    let named = current.iter().filter(|section| section.section != SectionName::Software);
    named
        .filter_map(|section| AnySection::read(section.section, section.body.as_deref()?).ok())
        .collect()
}

fn system_of(read: &[AnySection]) -> Option<&Section<System>> {
    read.iter().find_map(|section| match section {
        AnySection::System(section) => Some(section),
        _ => None,
    })
}

fn kind_verdict(read: &[AnySection]) -> Option<&KindVerdict> {
    system_of(read)?.content()?.kind.as_ref()
}

async fn numbers(
    state: &AppState,
    scope: Scope,
    device: &Device,
    read: &[AnySection],
    know: &Knowing<'_>,
    page: &Page,
) -> Result<Vec<FactLine>, PageError> {
    let known = identity::Known {
        system: system_of(read).cloned(),
        kept: state.store.identifiers_of(device.id).await?,
        beside: state.store.carriers_beside(scope, device.id).await?,
    };
    Ok(identity::lines(&known, know, page.zone()))
}

/// Every section in the schema's order: what was stored, what is missing, and beside what could not be read what was read
/// before.
fn sections(current: &[CurrentSection], summary: &DeviceSummary, know: &Knowing<'_>, page: &Page) -> Vec<SectionView> {
    SectionName::ALL
        .into_iter()
        .map(|name| {
            let stored = current.iter().find(|section| section.section == name);
            let Some((section, body)) = stored.and_then(|section| section.body.as_deref().map(|body| (section, body))) else {
                return SectionView::missing(name, know.language);
            };
            let mut view = SectionView::of(name, body, section.received_at, know);
            if view.is_failed() {
                view.blocks.extend(before::summary(name, summary, know));
            }
            if view.is_wanting() {
                let stated = AnySection::read(name, body).ok().and_then(|section| parts_of(&section));
                view.blocks.extend(before::block(name, stated.as_ref(), know, page.zone()));
            }
            view
        })
        .collect()
}

fn place_text(place: ChainPlace) -> String {
    format!("{} / {}", place.epoch, place.sequence)
}

fn report_line(report: &ReportRecord) -> ReportLine {
    let digest = report.digest.to_string();
    let (state, class) = match report.state {
        ReportState::Stored => ("stored", "good"),
        ReportState::Fork => ("fork", "bad"),
    };
    ReportLine {
        place: place_text(report.place),
        received: report.received_at,
        device_time: report.device_time,
        short_digest: digest.chars().skip("sha256:".len()).take(12).collect(),
        digest,
        state,
        class,
        resumed: report.resumed.map(|resumed| match resumed {
            Resumption::StateRestored => "state_restored",
            Resumption::RecordLost => "record_lost",
            Resumption::Forked => "forked",
        }),
    }
}

/// Whether every key of the device was taken out of force.
async fn is_revoked(state: &AppState, device: &Device) -> Result<bool, PageError> {
    let keys = state.store.device_keys(device.id).await?;
    let mut in_force = false;
    for key in &keys {
        in_force |= !state.store.is_revoked(key.fingerprint).await?;
    }
    Ok(!keys.is_empty() && !in_force)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_said_in_words() {
        let detail = r#"{"key":"sha256:aa","place":{"epoch":0,"sequence":2},"digest":"sha256:bb","resumed":"record_lost"}"#;
        assert_eq!(
            finding_words(detail, Language::Russian),
            "Эпоха и номер: 0 / 2 · запись восстановлена · sha256:bb"
        );
        assert_eq!(finding_words("{}", Language::Russian), "");
    }

    #[test]
    fn what_is_found_again_is_counted_in_words() {
        let zone = TimeZone::get("Asia/Yekaterinburg").unwrap();
        let found = |times| Finding {
            id: 1,
            kind: FindingKind::ChainBreak,
            detail: "{}".into(),
            times,
            found_at: "2026-09-01T05:30:00.000000Z".parse().unwrap(),
            last_found_at: "2027-05-25T05:30:00.000000Z".parse().unwrap(),
        };
        assert_eq!(repeated(&found(1), &zone, Language::Russian), None);
        let words = |times, l| repeated(&found(times), &zone, l).unwrap();
        assert_eq!(words(2, Language::Russian), "всего 2 раза, впервые 01.09.2026 10:30:00");
        assert_eq!(words(200, Language::Russian), "всего 200 раз, впервые 01.09.2026 10:30:00");
        assert_eq!(words(200, Language::English), "200 times in all, first 01.09.2026 10:30:00");
    }

    #[test]
    fn a_clocks_fault_is_said_in_words() {
        let l = Language::Russian;
        assert_eq!(clock(None, l), "ещё не сверялись");
        assert_eq!(clock(Some(-1_900_000), l), "верны (расхождение меньше 2 секунд)");
        assert_eq!(clock(Some(90_000_000), l), "спешат на 90 секунд");
        assert_eq!(clock(Some(-5 * 86_400_000_000), l), "отстают на 5 суток");
        assert_eq!(clock(Some(3 * 3_600_000_000), Language::English), "ahead by 3 hours");
    }
}
