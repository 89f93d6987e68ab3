//! What a device is: the agent's conclusion with the signs for and against, and what people ruled instead.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use inventory_schema::inventory::{Certainty, DeviceKind, KindVerdict};
use inventory_schema::{DeviceId, Timestamp};
use serde::Deserialize;

use super::headline::capitalized;
use crate::device::kind::{RuleError, Wish, rule};
use crate::state::AppState;
use crate::store::device::Device;
use crate::store::device_kind::KindRuling;
use crate::web::error::PageError;
use crate::web::language::Language;
use crate::web::page::Visit;
use crate::web::place::Choice;
use crate::web::section::wire_name;
use crate::web::session::SignedIn;

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignLine {
    pub text: String,
    pub speaks_for: String,
    pub weight: i64,
}

#[derive(Debug, Clone)]
pub struct RulingLine {
    /// `None`: taken back.
    pub kind: Option<String>,
    pub concluded: Option<String>,
    pub reason: String,
    pub who: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone)]
pub struct KindView {
    /// What holds.
    pub kind: String,
    /// How sure it is; a ruling is.
    pub certainty: String,
    pub class: &'static str,
    pub is_ruled: bool,
    /// The agent's own word, where a ruling stands before it.
    pub concluded: Option<String>,
    pub signs_for: Vec<SignLine>,
    pub signs_against: Vec<SignLine>,
    pub rulings: Vec<RulingLine>,
    pub choices: Vec<Choice>,
}

pub fn kind_name(kind: DeviceKind, l: Language) -> String {
    l.family("device-kind", &wire_name(&kind))
}

/// As the activity log calls it, which is written in Russian.
pub fn kind_in_log(kind: DeviceKind) -> String {
    kind_name(kind, Language::Russian)
}

/// What a page says of the kind. `verdict` is the newest conclusion with its signs, where one was read.
pub fn view(device: &Device, verdict: Option<&KindVerdict>, rulings: &[KindRuling], l: Language) -> KindView {
    let holds = device.kind().or(verdict.map(|verdict| verdict.kind));
    let (certainty, class) = match (device.ruled_kind, verdict.map(|verdict| verdict.certainty)) {
        (Some(_), _) => (l.t("kind-ruled"), "good"),
        (None, Some(certainty)) => (l.family("certainty", &wire_name(&certainty)), class(certainty)),
        (None, None) => (l.t("kind-unjudged"), "doubt"),
    };
    let concluded = verdict.map(|verdict| verdict.kind).or(device.concluded_kind);
    let (signs_for, signs_against) = signs(verdict, holds, l);
    KindView {
        kind: holds.map_or_else(|| l.t("kind-unknown"), |kind| capitalized(&kind_name(kind, l))),
        certainty,
        class,
        is_ruled: device.ruled_kind.is_some(),
        concluded: concluded.filter(|_| device.ruled_kind.is_some()).map(|kind| kind_name(kind, l)),
        signs_for,
        signs_against,
        rulings: rulings.iter().map(|ruling| ruling_line(ruling, l)).collect(),
        choices: choices(holds, l),
    }
}

const fn class(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Certain => "good",
        Certainty::Likely | Certainty::Other => "",
        Certainty::Uncertain => "doubt",
    }
}

/// Those for the kind that holds, and those for others.
fn signs(verdict: Option<&KindVerdict>, holds: Option<DeviceKind>, l: Language) -> (Vec<SignLine>, Vec<SignLine>) {
    let reasons = verdict.map(|verdict| verdict.reasons.as_slice()).unwrap_or_default();
    let (speaking, against): (Vec<_>, Vec<_>) = reasons.iter().partition(|reason| Some(reason.speaks_for) == holds);
    let line = |reason: &inventory_schema::inventory::KindReason| SignLine {
        text: capitalized(&l.family("sign", &wire_name(&reason.sign))),
        speaks_for: kind_name(reason.speaks_for, l),
        weight: i64::try_from(reason.weight.get()).unwrap_or(i64::MAX),
    };
    (speaking.into_iter().map(line).collect(), against.into_iter().map(line).collect())
}

fn ruling_line(ruling: &KindRuling, l: Language) -> RulingLine {
    RulingLine {
        kind: ruling.kind.map(|kind| kind_name(kind, l)),
        concluded: ruling.concluded.map(|kind| kind_name(kind, l)),
        reason: ruling.reason.clone(),
        who: ruling.operator_login.clone(),
        at: ruling.ruled_at,
    }
}

pub fn choices(chosen: Option<DeviceKind>, l: Language) -> Vec<Choice> {
    let choice = |kind| Choice::new(wire_name(&kind), capitalized(&kind_name(kind, l)), Some(kind) == chosen);
    crate::device::kind::CHOICES.into_iter().map(choice).collect()
}

#[derive(Debug, Deserialize)]
pub struct KindForm {
    /// Empty: what the agent concludes.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    reason: String,
}

/// `POST /devices/{device}/kind`: overrules what the agent concludes, or takes that back.
pub async fn overrule(
    State(state): State<AppState>,
    Path(id): Path<DeviceId>,
    signed_in: SignedIn,
    visit: Visit,
    Form(form): Form<KindForm>,
) -> Result<Response, PageError> {
    // Whoever may not see the device does not hear that the form was wrong.
    let scope = signed_in.operator.scope.into();
    state.store.device(scope, id).await?.ok_or(PageError::NotFound)?;
    let wish = Wish::of(&form.kind, &form.reason).map_err(|_| PageError::BadRequest)?;
    match rule(&state, &signed_in.operator, id, wish, visit.now, kind_in_log).await {
        Ok(()) => Ok(Redirect::to(&format!("/devices/{id}#kind")).into_response()),
        Err(RuleError::NotFound) => Err(PageError::NotFound),
        Err(RuleError::Store(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(body: &str) -> KindVerdict {
        serde_json::from_str(body).unwrap()
    }

    const LAPTOP: &str = r#"{"kind":"laptop","certainty":"likely","reasons":[
        {"sign":"battery","speaks_for":"laptop","weight":40},{"sign":"desktop_chassis","speaks_for":"desktop","weight":20}]}"#;

    #[test]
    fn signs_are_parted_by_what_holds() {
        let l = Language::Russian;
        let (speaking, against) = signs(Some(&verdict(LAPTOP)), Some(DeviceKind::Laptop), l);
        assert_eq!((speaking[0].text.as_str(), speaking[0].weight), ("Аккумулятор", 40));
        assert_eq!(against[0].speaks_for, "настольный компьютер");
        // A ruling turns them round.
        let (speaking, against) = signs(Some(&verdict(LAPTOP)), Some(DeviceKind::Desktop), l);
        assert_eq!((speaking.len(), against.len()), (1, 1));
        assert_eq!(against[0].text, "Аккумулятор");
    }

    #[test]
    fn what_holds_is_chosen_in_the_form() {
        let choices = choices(Some(DeviceKind::Panel), Language::Russian);
        let chosen: Vec<&Choice> = choices.iter().filter(|choice| choice.selected).collect();
        assert_eq!((chosen.len(), chosen[0].value.as_str()), (1, "panel"));
    }
}
