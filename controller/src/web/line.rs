//! `/lines/{building}`: one building's line over time, every measurement with its verdict, what the contract promises;
//! and the act of it, for a claim to the provider.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use inventory_schema::quantity::KilobitsPerSecond;
use inventory_schema::{BuildingId, Timestamp};
use serde::Deserialize;

use super::error::PageError;
use super::format::{day, megabits, rate};
use super::language::Language;
use super::line_view::{AssessmentView, SampleLine, standing_text, thousandths};
use super::lines::{download, of_workbook};
use super::page::{Page, Visit, html};
use super::pager::{PAGE_ROWS, Pager, piece};
use super::place::Choice;
use super::session::SignedIn;
use crate::access::Right;
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::line::chart::{Chart, Labels, Point};
use crate::line::layer_word;
use crate::line_report::{LineReport, Span, read};
use crate::state::AppState;
use crate::store::line::LineContract;
use crate::workbook;
use inventory_schema::measurement::Direction;
use inventory_schema::measurement::weeks::WeeksRule;

#[derive(Debug, Default, Deserialize)]
pub struct LineQuery {
    #[serde(default)]
    days: String,
    page: Option<u32>,
}

#[derive(Debug, Clone)]
struct ContractLine {
    speed: String,
    document: String,
    at: Timestamp,
    by: String,
}

/// What is known of a building's line, in words.
#[derive(Debug, Clone)]
struct Heading {
    id: String,
    organization: String,
    organization_full: String,
    organization_id: String,
    ogrn: String,
    municipality: String,
    address: String,
    class: &'static str,
    class_source: String,
    norm: String,
    contracted: Option<String>,
    contract_document: Option<String>,
    from: Timestamp,
    to: Timestamp,
    /// Whether it was proven by the due date.
    due: String,
    /// Measurements before the due date and after it.
    around_due: (i64, i64),
    rule: Vec<String>,
    generated: bool,
}

#[derive(Debug, Template)]
#[template(path = "line.html")]
struct LinePage {
    page: Page,
    line: Heading,
    down: AssessmentView,
    up: AssessmentView,
    chart: String,
    spans: Vec<Choice>,
    span: &'static str,
    contracts: Vec<ContractLine>,
    total: i64,
    samples: Vec<SampleLine>,
    pager: Pager,
    may_edit: bool,
    form: ContractForm,
    failures: Vec<String>,
}

#[derive(Debug, Template)]
#[template(path = "line_act.html")]
struct ActPage {
    page: Page,
    line: Heading,
    down: AssessmentView,
    up: AssessmentView,
    chart: String,
    total: i64,
    samples: Vec<SampleLine>,
    checkpoint: Option<String>,
}

/// A contract's speed as people type it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ContractForm {
    /// In Mbit/s; empty: not known any more.
    #[serde(default)]
    speed: String,
    #[serde(default)]
    document: String,
}

async fn report(state: &AppState, who: &SignedIn, building: BuildingId, span: Span, now: Timestamp) -> Result<LineReport, PageError> {
    let scope = who.operator.scope.into();
    let region = &state.region.zone;
    let read = read(&state.store, scope, building, &state.lines, region, span.until(now, region)).await?;
    read.ok_or(PageError::NotFound)
}

/// `GET /lines/{building}`
pub async fn show(
    State(state): State<AppState>,
    Path(building): Path<BuildingId>,
    Query(query): Query<LineQuery>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    page(&state, building, &query, &signed_in, visit, ContractForm::default(), Vec::new()).await
}

async fn page(
    state: &AppState,
    building: BuildingId,
    query: &LineQuery,
    signed_in: &SignedIn,
    visit: Visit,
    form: ContractForm,
    failures: Vec<String>,
) -> Result<Response, PageError> {
    let span = Span::of(&query.days);
    let report = report(state, signed_in, building, span, visit.now).await?;
    let l = visit.language;
    let (number, piece) = piece(query.page);
    let total = i64::try_from(report.judged.len()).unwrap_or(i64::MAX);
    let shown = report
        .judged
        .iter()
        .skip(usize::try_from(piece.offset).unwrap_or(0))
        .take(PAGE_ROWS as usize);
    html(LinePage {
        samples: shown.map(|judged| SampleLine::of(judged, l)).collect(),
        line: heading(&report, state, l),
        down: AssessmentView::of(&report.down, l),
        up: AssessmentView::of(&report.up, l),
        chart: chart(&report, l),
        spans: Span::ALL
            .into_iter()
            .map(|choice| Choice::new(choice.as_str(), l.family("line-span", choice.as_str()), choice == span))
            .collect(),
        span: span.as_str(),
        contracts: report.contracts.iter().map(|contract| contract_line(contract, l)).collect(),
        total,
        pager: Pager::of(number, total, &format!("/lines/{building}"), &[("days", span.as_str())]),
        may_edit: signed_in.operator.may(Right::EditContracts),
        form,
        failures,
        page: Page::new(state, visit, "/lines")
            .in_zone(&report.building.time_zone)
            .crumb("/lines", l.t("nav-lines")),
    })
}

fn contract_line(contract: &LineContract, l: Language) -> ContractLine {
    ContractLine {
        speed: contract
            .speed
            .map_or_else(|| l.t("line-contract-unknown"), |speed| rate(speed.bits_per_second().get(), l)),
        document: contract.document.clone(),
        at: contract.recorded_at,
        by: contract.recorded_by.clone(),
    }
}

fn heading(report: &LineReport, state: &AppState, l: Language) -> Heading {
    let building = &report.building;
    let in_force = report.contracts.first().filter(|contract| contract.speed.is_some());
    let around = report.around_due();
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    Heading {
        id: building.external_id.to_string(),
        organization: building.organization_short_name.clone(),
        organization_full: building.organization_name.clone(),
        organization_id: building.organization.to_string(),
        ogrn: building.ogrn.clone(),
        municipality: building.municipality_name.clone(),
        address: building.full_address(),
        class: building.settlement_class.as_str(),
        class_source: building.class_source.clone(),
        norm: rate(building.settlement_class.target().get(), l),
        contracted: report.contracted().map(|speed| rate(speed.bits_per_second().get(), l)),
        contract_document: in_force.map(|contract| contract.document.clone()),
        from: report.from,
        to: report.to,
        due: due(report, l),
        around_due: (count(around.0), count(around.1)),
        rule: rule(state, l),
        generated: report.is_generated(),
    }
}

/// When the norm was first proven, against the day by which it was due.
fn due(report: &LineReport, l: Language) -> String {
    match report.first_met {
        None => l.t("line-due-not-proven"),
        Some(met) => {
            let date = day(met, &report.zone);
            if met <= report.due {
                l.with("line-due-before", "date", &date)
            } else {
                l.with("line-due-after", "date", &date)
            }
        }
    }
}

/// The rule in words, with the numbers it has here.
fn rule(state: &AppState, l: Language) -> Vec<String> {
    let settings = &state.lines;
    let weeks = WeeksRule::of(settings.rule.version);
    vec![
        l.with("line-rule-version", "version", settings.rule.version.as_str()),
        l.family("line-rule-layer", layer_word(settings.rule.layer)),
        l.with("line-rule-tolerance", "share", &thousandths(settings.rule.tolerance, l)),
        l.with("line-rule-share", "share", &thousandths(weeks.share, l)),
        l.with("line-rule-least", "count", &weeks.least.to_string()),
        l.with(
            "line-rule-lessons",
            "hours",
            &format!("{}–{}", clock(settings.lessons.from), clock(settings.lessons.to)),
        ),
        l.t("line-rule-valid"),
    ]
}

fn clock(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn chart(report: &LineReport, l: Language) -> String {
    let points: Vec<Point> = report
        .judged
        .iter()
        .filter(|judged| judged.direction == Direction::Down)
        .map(|judged| Point {
            at: judged.sample.moment,
            bits_per_second: judged.sample.judgement.carried.get(),
            verdict: judged.sample.judgement.verdict,
            counted: judged.sample.is_counted(),
        })
        .collect();
    let norm = report.building.settlement_class.target().get();
    let first = report.judged.first().map(|judged| judged.sample.judgement.target.get());
    let contracted = report.contracted().map(|speed| speed.bits_per_second().get());
    let chart = Chart {
        from: report.from,
        to: report.to,
        target: first.unwrap_or(norm),
        contracted,
        due: report.due,
        points: &points,
        weeks: &report.weeks,
    };
    let labels = Labels {
        title: l.with("line-chart-title", "school", &report.building.organization_short_name),
        target: l.with("line-chart-norm", "rate", &megabits(chart.target, l)),
        contracted: contracted.map_or(String::new(), |speed| l.with("line-chart-contract", "rate", &megabits(speed, l))),
        before_due: l.t("line-chart-before-due"),
        after_due: l.t("line-chart-after-due"),
    };
    chart.svg(
        &labels,
        |at| day(at, &report.zone),
        |week| {
            format!(
                "{}–{}: {}",
                day(week.begin, &report.zone),
                day(week.end, &report.zone),
                standing_text(week.standing, l)
            )
        },
    )
}

/// `GET /lines/{building}/act`: to be printed and signed.
pub async fn act(
    State(state): State<AppState>,
    Path(building): Path<BuildingId>,
    Query(query): Query<LineQuery>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let report = report(&state, &signed_in, building, Span::of(&query.days), visit.now).await?;
    let l = visit.language;
    let checkpoint = state.store.newest_checkpoint().await?.map(|newest| newest.line().to_string());
    html(ActPage {
        line: heading(&report, &state, l),
        down: AssessmentView::of(&report.down, l),
        up: AssessmentView::of(&report.up, l),
        chart: chart(&report, l),
        total: i64::try_from(report.judged.len()).unwrap_or(i64::MAX),
        // Oldest first, as papers are read.
        samples: report.judged.iter().rev().map(|judged| SampleLine::of(judged, l)).collect(),
        checkpoint,
        page: Page::new(&state, visit, "/lines")
            .in_zone(&report.building.time_zone)
            .crumb("/lines", l.t("nav-lines"))
            .crumb(format!("/lines/{building}"), report.building.organization_short_name.clone()),
    })
}

/// `GET /lines/{building}/export.xlsx`: the same with every measurement.
pub async fn export(
    State(state): State<AppState>,
    Path(building): Path<BuildingId>,
    Query(query): Query<LineQuery>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let report = report(&state, &signed_in, building, Span::of(&query.days), visit.now).await?;
    let bytes = workbook::building(&report, &state.lines, &state.region.name, visit.now).map_err(of_workbook)?;
    Ok(download(bytes, "line.xlsx"))
}

/// The longest name of a document.
const MAX_DOCUMENT_CHARS: usize = 200;

/// `POST /lines/{building}/contract`
pub async fn set_contract(
    State(state): State<AppState>,
    Path(building): Path<BuildingId>,
    signed_in: SignedIn,
    visit: Visit,
    Form(form): Form<ContractForm>,
) -> Result<Response, PageError> {
    let who = &signed_in.operator;
    let line = state
        .store
        .line_building(who.scope.into(), building)
        .await?
        .ok_or(PageError::NotFound)?;
    let document = form.document.split_whitespace().collect::<Vec<_>>().join(" ");
    let speed = typed_speed(&form.speed);
    let mut failures = Vec::new();
    if speed.is_err() {
        failures.push(visit.language.t("line-contract-speed-wrong"));
    }
    if document.is_empty() || document.chars().count() > MAX_DOCUMENT_CHARS {
        failures.push(visit.language.t("line-contract-document-wrong"));
    }
    let (Ok(speed), true) = (speed, failures.is_empty()) else {
        return page(&state, building, &LineQuery::default(), &signed_in, visit, form, failures).await;
    };
    let contract = LineContract {
        speed,
        document: document.clone(),
        recorded_at: visit.now,
        recorded_by: who.login.clone(),
    };
    let entry = Entry::new(visit.now, who, Action::ContractRecorded, SubjectKind::Building, building)
        .of_organization(line.organization_id)
        .with("kbit_per_second", speed.map(KilobitsPerSecond::get))
        .with("document", document);
    state.store.set_line_contract(line.id, &contract, &entry.into_new()).await?;
    Ok(Redirect::to(&format!("/lines/{building}")).into_response())
}

/// Mbit/s with at most three decimals, after a comma or a point, as kbit/s.
fn typed_speed(text: &str) -> Result<Option<KilobitsPerSecond>, ()> {
    let text = text.trim().replace(',', ".");
    if text.is_empty() {
        return Ok(None);
    }
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 6 || rest.len() > 3 || !digits(whole) || !digits(rest) {
        return Err(());
    }
    let kbit = format!("{whole}{rest:0<3}").parse::<u64>().map_err(|_| ())?;
    (kbit > 0).then_some(Some(KilobitsPerSecond::saturating(kbit))).ok_or(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read_as_contracts_write_them() {
        let read = |text: &str| typed_speed(text).map(|speed| speed.map(KilobitsPerSecond::get));
        assert_eq!(read("100"), Ok(Some(100_000)));
        assert_eq!(read(" 2,5 "), Ok(Some(2_500)));
        assert_eq!(read("0.512"), Ok(Some(512)));
        assert_eq!(read(""), Ok(None));
        for wrong in ["0", "-5", "сто", "1.2345", "1e3", "1234567", ".5"] {
            assert_eq!(read(wrong), Err(()), "{wrong}");
        }
    }
}
