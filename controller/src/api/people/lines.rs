//! `/api/v1/lines`: where buildings' lines stand, and one with its measurements.

use axum::Json;
use axum::extract::{Path, Query, State};
use inventory_schema::BuildingId;
use inventory_schema::measurement::Direction;
use inventory_schema::measurement::weeks::{Assessment, Standing};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::organizations::municipality;
use super::{ApiError, ApiProblem, ListOf, Paging};
use crate::line::history::Judged;
use crate::line_report::{LineReport, Span, read};
use crate::state::AppState;
use crate::store::line::{LineFilter, LineRow};
use crate::web::line_view::word;
use crate::web::session::SignedIn;

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LineSummary {
    /// The building's id.
    pub building: String,
    pub organization: String,
    pub organization_name: String,
    pub municipality: String,
    pub address: String,
    /// `city`, `urban_settlement` or `village`.
    pub settlement_class: &'static str,
    /// The norm in bits per second.
    pub norm_bits_per_second: u64,
    pub contracted_bits_per_second: Option<u64>,
    /// `meets`, `below`, `not_proven`, `unreliable` or `no_data`, of the direction to the school.
    pub standing: &'static str,
    pub median_bits_per_second: Option<u64>,
    pub tenth_bits_per_second: Option<u64>,
    pub attempts: i64,
    pub valid: i64,
    pub passes: i64,
    pub invalid: i64,
    pub main_reason: Option<&'static str>,
    /// RFC 3339.
    pub last_measured_at: Option<String>,
    /// Made up for a sample region.
    pub generated: bool,
    /// The rule's version, layer and tolerance.
    pub rule: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LineDetail {
    pub building: String,
    pub organization: String,
    pub norm_bits_per_second: u64,
    pub contracted_bits_per_second: Option<u64>,
    pub contract_document: Option<String>,
    pub from: String,
    pub to: String,
    pub down: AssessmentDetail,
    pub up: AssessmentDetail,
    /// Newest first.
    pub measurements: Vec<MeasurementDetail>,
    pub generated: bool,
    pub rule: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AssessmentDetail {
    pub standing: &'static str,
    pub attempts: u32,
    pub valid: u32,
    pub passes: u32,
    pub one_sided: u32,
    pub proven_share_thousandths: u32,
    pub median_bits_per_second: Option<u64>,
    pub tenth_bits_per_second: Option<u64>,
    pub worst_hour: Option<u8>,
    pub worst_hour_bits_per_second: Option<u64>,
    pub full_drains: u32,
    pub deep: u32,
    /// Why attempts are invalid, and how many.
    pub invalid: Vec<InvalidDetail>,
    /// What a proof still wants.
    pub wanting: Vec<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InvalidDetail {
    /// `no_data` where nothing was carried.
    pub reason: &'static str,
    pub count: u32,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MeasurementDetail {
    pub at: String,
    pub direction: String,
    pub method: String,
    pub verdict: &'static str,
    pub reasons: Vec<&'static str>,
    pub one_sided: Vec<&'static str>,
    /// At the IP layer, siblings included.
    pub carried_bits_per_second: u64,
    pub half_width_bits_per_second: u64,
    pub target_bits_per_second: u64,
    pub in_lessons: bool,
    pub counted: bool,
    pub full_drain: bool,
    pub deep: bool,
    pub devices: Vec<String>,
    /// The digests of the signed reports that carry it.
    pub reports: Vec<String>,
    pub generated: bool,
}

#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct LinesQuery {
    /// Words of the school's name, ИНН or ОГРН.
    pub q: Option<String>,
    /// A municipality's ОКТМО, eight digits.
    pub municipality: Option<String>,
    /// `meets`, `below`, `not_proven`, `unreliable` or `no_data`.
    pub standing: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct LineQuery {
    /// `28`, `84`, `365` or `all`; 28 unless said.
    pub days: Option<String>,
}

/// Buildings' lines in one's scope, by municipality and school.
#[utoipa::path(
    get,
    path = "/api/v1/lines",
    params(LinesQuery, Paging),
    responses((status = 200, body = ListOf<LineSummary>), (status = 401, body = ApiProblem), (status = 403, body = ApiProblem))
)]
pub async fn list(
    State(state): State<AppState>,
    Query(query): Query<LinesQuery>,
    Query(paging): Query<Paging>,
    signed_in: SignedIn,
) -> Result<Json<ListOf<LineSummary>>, ApiError> {
    let scope = signed_in.operator.scope.into();
    let municipality = municipality(&state, scope, query.municipality.as_deref()).await?;
    let standing = query.standing.as_deref().map(str::parse::<Standing>).transpose();
    let filter = LineFilter {
        query: query.q.filter(|words| !words.trim().is_empty()),
        municipality,
        standing: standing.map_err(|()| ApiError::invalid("standing — одно из meets, below, not_proven, unreliable, no_data."))?,
    };
    let rule = state.lines.rule_name();
    let found = state.store.lines(scope, Direction::Down, &rule, &filter, paging.piece()).await?;
    Ok(Json(ListOf::of(found, |row| summary(row, &rule))))
}

fn summary(row: LineRow, rule: &str) -> LineSummary {
    let building = row.building;
    let address = building.full_address();
    let standing = row.standing.as_ref();
    LineSummary {
        building: building.external_id.to_string(),
        organization: building.organization.to_string(),
        organization_name: building.organization_name,
        municipality: building.municipality_name,
        address,
        settlement_class: building.settlement_class.as_str(),
        norm_bits_per_second: building.settlement_class.target().get(),
        contracted_bits_per_second: building.contracted.map(|speed| speed.bits_per_second().get()),
        standing: standing.map_or(Standing::NoData, |standing| standing.standing).as_str(),
        median_bits_per_second: standing.and_then(|standing| standing.median).map(|rate| rate.get()),
        tenth_bits_per_second: standing.and_then(|standing| standing.tenth).map(|rate| rate.get()),
        attempts: standing.map_or(0, |standing| standing.attempts),
        valid: standing.map_or(0, |standing| standing.valid),
        passes: standing.map_or(0, |standing| standing.passes),
        invalid: standing.map_or(0, |standing| standing.invalid),
        main_reason: standing.and_then(|standing| standing.main_reason).map(|reason| reason.as_str()),
        last_measured_at: standing.and_then(|standing| standing.last_measured_at).map(|at| at.to_string()),
        generated: standing.is_some_and(|standing| standing.generated),
        rule: rule.to_owned(),
    }
}

/// One building's line with its measurements.
#[utoipa::path(
    get,
    path = "/api/v1/lines/{building}",
    params(("building" = String, Path, description = "The building's id (UUID)"), LineQuery),
    responses((status = 200, body = LineDetail), (status = 401, body = ApiProblem), (status = 404, body = ApiProblem))
)]
pub async fn show(
    State(state): State<AppState>,
    Path(building): Path<BuildingId>,
    Query(query): Query<LineQuery>,
    signed_in: SignedIn,
) -> Result<Json<LineDetail>, ApiError> {
    let scope = signed_in.operator.scope.into();
    let region = &state.region.zone;
    let span = Span::of(query.days.as_deref().unwrap_or_default()).until(state.clock.now(), region);
    let report = read(&state.store, scope, building, &state.lines, region, span).await?;
    Ok(Json(detail(report.ok_or(ApiError::not_found())?, state.lines.rule_name())))
}

fn detail(report: LineReport, rule: String) -> LineDetail {
    let in_force = report.contracts.first();
    LineDetail {
        building: report.building.external_id.to_string(),
        organization: report.building.organization.to_string(),
        norm_bits_per_second: report.building.settlement_class.target().get(),
        contracted_bits_per_second: report.contracted().map(|speed| speed.bits_per_second().get()),
        contract_document: in_force.map(|contract| contract.document.clone()),
        from: report.from.to_string(),
        to: report.to.to_string(),
        down: assessment(&report.down),
        up: assessment(&report.up),
        measurements: report.judged.iter().map(measurement).collect(),
        generated: report.is_generated(),
        rule,
    }
}

fn assessment(assessment: &Assessment) -> AssessmentDetail {
    AssessmentDetail {
        standing: assessment.standing.as_str(),
        attempts: assessment.attempts,
        valid: assessment.valid,
        passes: assessment.passes,
        one_sided: assessment.one_sided,
        proven_share_thousandths: assessment.proven_share(),
        median_bits_per_second: assessment.median.map(|rate| rate.get()),
        tenth_bits_per_second: assessment.tenth.map(|rate| rate.get()),
        worst_hour: assessment.worst_hour.map(|worst| worst.hour),
        worst_hour_bits_per_second: assessment.worst_hour.map(|worst| worst.median.get()),
        full_drains: assessment.full_drains,
        deep: assessment.deep,
        invalid: assessment
            .invalid
            .iter()
            .map(|(reason, count)| InvalidDetail {
                reason: reason.map_or("no_data", |reason| reason.as_str()),
                count: *count,
            })
            .collect(),
        wanting: assessment.wanting.iter().map(word).collect(),
    }
}

fn measurement(judged: &Judged) -> MeasurementDetail {
    let judgement = &judged.sample.judgement;
    MeasurementDetail {
        at: judged.sample.moment.to_string(),
        direction: word(&judged.direction),
        method: word(&judged.first().measurement.method),
        verdict: judgement.verdict.as_str(),
        reasons: judgement.reasons.iter().map(|reason| reason.as_str()).collect(),
        one_sided: judgement.one_sided.iter().map(|reason| reason.as_str()).collect(),
        carried_bits_per_second: judgement.carried.get(),
        half_width_bits_per_second: judgement.half_width.get(),
        target_bits_per_second: judgement.target.get(),
        in_lessons: judged.sample.in_lessons,
        counted: judged.sample.is_counted(),
        full_drain: judgement.full_drain,
        deep: judgement.deep,
        devices: judged.parts.iter().filter_map(|part| Some(part.device?.to_string())).collect(),
        reports: judged.parts.iter().filter_map(|part| Some(part.report?.to_string())).collect(),
        generated: judged.first().generated,
    }
}
