//! What a device is, ruled by a person: checked, written with who and why, and reversible. Called by the device's page and
//! by programs; what agents conclude is beside it and stays as it is.

use inventory_schema::inventory::DeviceKind;
use inventory_schema::{DeviceId, Timestamp};

use crate::access::Operator;
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::state::AppState;
use crate::store::StoreError;
use crate::store::device_kind::KindRuling;

/// What can be ruled: everything but «another kind», which says nothing.
pub const CHOICES: [DeviceKind; 7] = [
    DeviceKind::Laptop,
    DeviceKind::Desktop,
    DeviceKind::AllInOne,
    DeviceKind::PanelComputer,
    DeviceKind::Panel,
    DeviceKind::Server,
    DeviceKind::Virtual,
];

/// The longest reason.
const MAX_REASON_CHARS: usize = 200;

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// `None`: the agent's conclusion holds again.
    pub kind: Option<DeviceKind>,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    #[error("«{0}» is no kind of device")]
    Kind(String),
    #[error("a reason has between 1 and 200 characters")]
    Reason,
}

#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    #[error("there is no such device, or it is out of scope")]
    NotFound,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Wish {
    /// An empty kind takes a ruling back.
    pub fn of(kind: &str, reason: &str) -> Result<Self, WishError> {
        let reason = reason.trim();
        if !(1..=MAX_REASON_CHARS).contains(&reason.chars().count()) || reason.chars().any(char::is_control) {
            return Err(WishError::Reason);
        }
        let kind = match kind.trim() {
            "" => None,
            said => Some(kind_named(said).ok_or_else(|| WishError::Kind(said.chars().take(40).collect()))?),
        };
        Ok(Self {
            kind,
            reason: reason.to_owned(),
        })
    }
}

/// By the word that documents and addresses use.
pub fn kind_named(name: &str) -> Option<DeviceKind> {
    CHOICES
        .into_iter()
        .find(|kind| serde_json::to_value(kind).is_ok_and(|word| word == name))
}

/// Writes the ruling and who made it; `words` are what the activity log calls kinds.
pub async fn rule(
    state: &AppState,
    who: &Operator,
    id: DeviceId,
    wish: Wish,
    now: Timestamp,
    words: fn(DeviceKind) -> String,
) -> Result<(), RuleError> {
    let scope = who.scope.into();
    let device = state.store.device(scope, id).await?.ok_or(RuleError::NotFound)?;
    let said = |kind: Option<DeviceKind>| kind.map_or_else(|| "—".to_owned(), words);
    let action = match wish.kind {
        Some(_) => Action::KindOverruled,
        None => Action::KindTakenBack,
    };
    let entry = Entry::new(now, who, action, SubjectKind::Device, id)
        .of_organization(device.place.organization_id)
        .with(
            "device",
            device
                .summary
                .host_name
                .clone()
                .or(device.summary.model.clone())
                .unwrap_or_default(),
        )
        .with("from", said(device.kind()))
        .with("to", said(wish.kind.or(device.concluded_kind)))
        .with("reason", wish.reason.clone())
        .into_new();
    let ruling = KindRuling {
        kind: wish.kind,
        concluded: device.concluded_kind,
        reason: wish.reason,
        operator_login: who.login.clone(),
        ruled_at: now,
    };
    if state.store.rule_kind(scope, id, &ruling, &entry).await? {
        Ok(())
    } else {
        Err(RuleError::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_names_a_kind_and_a_reason() {
        let wish = Wish::of("all_in_one", " так на этикетке ").unwrap();
        assert_eq!((wish.kind, wish.reason.as_str()), (Some(DeviceKind::AllInOne), "так на этикетке"));
        assert_eq!(Wish::of("", "ошибся").unwrap().kind, None);
        assert_eq!(Wish::of("other", "x"), Err(WishError::Kind("other".into())));
        for wrong in ["", "  ", "а\nб", &"а".repeat(201)] {
            assert_eq!(Wish::of("laptop", wrong), Err(WishError::Reason));
        }
    }

    #[test]
    fn every_choice_has_a_name_that_reads_back() {
        for kind in CHOICES {
            let name = serde_json::to_value(kind).unwrap();
            assert_eq!(kind_named(name.as_str().unwrap()), Some(kind));
        }
    }
}
