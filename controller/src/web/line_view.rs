//! How measurements and standings are worded: shared by the pages, the act and the workbook. Pure.

use inventory_schema::Timestamp;
use inventory_schema::measurement::verdict::{Judgement, Reason, Verdict};
use inventory_schema::measurement::weeks::{Assessment, Standing};
use inventory_schema::measurement::{DrainKind, Method};
use inventory_schema::quantity::BitsPerSecond;

use super::format::{megabits, number};
use super::language::Language;
use crate::line::history::Judged;
use crate::store::measurement::StoredMeasurement;

/// A measurement as a line of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleLine {
    pub at: Timestamp,
    pub direction: String,
    pub method: String,
    pub server: String,
    pub carried: String,
    pub verdict: String,
    pub class: &'static str,
    /// Why nothing is proven, or why only a pass could have been.
    pub reasons: Vec<String>,
    /// What else there is to know of it.
    pub notes: Vec<String>,
    pub devices: Vec<DeviceLink>,
    /// The beginnings of the digests of the signed reports.
    pub reports: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceLink {
    pub name: String,
    pub href: String,
}

impl SampleLine {
    pub fn of(judged: &Judged, l: Language) -> Self {
        let first = &judged.first().measurement;
        let judgement = &judged.sample.judgement;
        let server = first.server.as_ref();
        let place = server.map(|server| l.family("server-place", &word(&server.place)));
        let title = server.and_then(|server| server.title.as_ref()).map(ToString::to_string);
        Self {
            at: judged.sample.moment,
            direction: l.family("line-direction", &word(&judged.direction)),
            method: l.family("line-method", &word(&first.method)),
            server: [title, place].into_iter().flatten().collect::<Vec<_>>().join(", "),
            carried: carried(judgement, first.method, l),
            verdict: l.family("line-verdict", judgement.verdict.as_str()),
            class: verdict_class(judgement.verdict),
            reasons: reasons(judgement, l),
            notes: notes(judged, l),
            devices: judged.parts.iter().filter_map(device).collect(),
            reports: judged.parts.iter().filter_map(report).collect(),
        }
    }
}

fn device(part: &StoredMeasurement) -> Option<DeviceLink> {
    let id = part.device?;
    Some(DeviceLink {
        name: part.host_name.clone().unwrap_or_else(|| id.to_string()),
        href: format!("/devices/{id}"),
    })
}

fn report(part: &StoredMeasurement) -> Option<String> {
    Some(part.report?.to_string().chars().skip("sha256:".len()).take(16).collect())
}

/// «≥» where the line was not seen to end: nothing more was offered to it.
fn carried(judgement: &Judgement, method: Method, l: Language) -> String {
    if judgement.verdict == Verdict::NoData {
        return "—".to_owned();
    }
    let uncapped = method == Method::Probe && judgement.carried.get() >= judgement.target.get() / 100 * 104;
    let sign = if uncapped { "≥\u{a0}" } else { "" };
    format!("{sign}{}", megabits(judgement.carried.get(), l))
}

fn reasons(judgement: &Judgement, l: Language) -> Vec<String> {
    judgement.reasons.iter().map(|reason| reason_text(*reason, l)).collect()
}

pub fn reason_text(reason: Reason, l: Language) -> String {
    l.family("line-reason", reason.as_str())
}

fn notes(judged: &Judged, l: Language) -> Vec<String> {
    let first = &judged.first().measurement;
    let judgement = &judged.sample.judgement;
    let mut notes = Vec::new();
    let mut note = |holds: bool, text: String| {
        if holds {
            notes.push(text);
        }
    };
    note(judged.first().generated, l.t("line-note-generated"));
    note(!judged.sample.in_lessons, l.t("line-note-out-of-lessons"));
    note(
        !judged.sample.is_counted() && judged.sample.in_lessons,
        l.family("line-occasion", &word(&judged.sample.occasion)),
    );
    note(!judgement.one_sided.is_empty(), l.t("line-note-one-sided"));
    note(judgement.deep, l.t("line-note-deep"));
    let short = first.drain.is_some_and(|drain| drain.kind == DrainKind::Short);
    note(judgement.full_drain && !judgement.deep, l.t("line-note-full-drain"));
    note(short, l.t("line-note-short-drain"));
    note(judged.parts.len() > 1, l.n("line-note-together", &(judged.parts.len() as i64)));
    let raw = first.rates.and_then(|rates| rates.raw);
    if let Some(raw) = raw.filter(|_| first.method != Method::Probe) {
        notes.push(l.with("line-note-raw", "rate", &megabits(raw.get(), l)));
    }
    notes
}

pub fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Meets => "good",
        Verdict::Below => "bad",
        Verdict::Inconclusive => "doubt",
        Verdict::NoData => "",
    }
}

pub fn standing_class(standing: Standing) -> &'static str {
    match standing {
        Standing::Meets => "good",
        Standing::Below => "bad",
        Standing::Unreliable | Standing::NotProven => "doubt",
        Standing::NoData => "",
    }
}

/// A standing with the numbers it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssessmentView {
    pub standing: String,
    pub class: &'static str,
    pub facts: Vec<(String, String)>,
    /// Why attempts are invalid, and how many.
    pub invalid: Vec<(String, String)>,
    pub wanting: Vec<String>,
}

impl AssessmentView {
    pub fn of(assessment: &Assessment, l: Language) -> Self {
        let count = |count: u32| number(i64::from(count));
        let optional = |rate: Option<BitsPerSecond>| rate.map_or("—".to_owned(), |rate| megabits(rate.get(), l));
        let mut facts = vec![
            (
                l.t("line-passes"),
                format!("{} / {}", count(assessment.passes), count(assessment.valid)),
            ),
            (l.t("line-attempts"), count(assessment.attempts)),
            (l.t("line-proven-share"), thousandths(assessment.proven_share(), l)),
            (l.t("line-median"), optional(assessment.median)),
            (l.t("line-tenth"), optional(assessment.tenth)),
            (
                l.t("line-worst-hour"),
                assessment.worst_hour.map_or("—".to_owned(), |worst| {
                    format!("{:02}:00, {}", worst.hour, megabits(worst.median.get(), l))
                }),
            ),
            (
                l.t("line-full-drains"),
                format!("{} / {}", count(assessment.full_drains), count(assessment.deep)),
            ),
            (l.t("line-not-counted"), count(assessment.not_counted)),
        ];
        if assessment.one_sided > 0 {
            facts.push((l.t("line-one-sided"), count(assessment.one_sided)));
        }
        Self {
            standing: standing_text(assessment.standing, l),
            class: standing_class(assessment.standing),
            facts,
            invalid: assessment
                .invalid
                .iter()
                .map(|(reason, number)| {
                    let text = reason.map_or_else(|| l.t("line-verdict-no-data"), |reason| reason_text(reason, l));
                    (text, count(*number))
                })
                .collect(),
            wanting: assessment
                .wanting
                .iter()
                .map(|wanting| l.family("line-wanting", &word(wanting)))
                .collect(),
        }
    }
}

pub fn standing_text(standing: Standing, l: Language) -> String {
    l.family("line-standing", standing.as_str())
}

/// `92,3 %`
pub fn thousandths(value: u32, l: Language) -> String {
    let point = match l {
        Language::Russian => ',',
        Language::English => '.',
    };
    format!("{}{point}{}\u{a0}%", value / 10, value % 10)
}

/// The word that serde writes for a value of a closed list.
pub fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
