//! Who did what, in which words. Entries are only ever added.
//!
//! Called by the handlers for people after what they did has become durable, and by the command line. It knows
//! the codes and shapes of entries; sentences for people are in `locales/`.

use inventory_schema::Timestamp;
use serde_json::{Map, Value};

use crate::access::Operator;
use crate::store::activity::NewActivity;
use crate::store::{Store, StoreError};

/// What can be done. The code is stored and never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Login,
    LoginFailed,
    Logout,
    PasswordChanged,
    TokenCreated,
    TokenRevoked,
    RegisterImported,
    DeviceImported,
    DeviceRetired,
    StickImported,
    RoomAdded,
    DeviceMoved,
    DeviceRevoked,
    DevicesMerged,
    DeviceSplit,
    ReviewUndone,
    ReviewDismissed,
    OperatorCreated,
    OperatorDisabled,
    OperatorPasswordReset,
    MonthDropped,
    Restored,
    EvidenceExported,
    CheckpointTaken,
    NameTaught,
    NameForgotten,
    KindOverruled,
    KindTakenBack,
    ContractRecorded,
}

impl Action {
    pub const ALL: [Self; 29] = [
        Self::Login,
        Self::LoginFailed,
        Self::Logout,
        Self::PasswordChanged,
        Self::TokenCreated,
        Self::TokenRevoked,
        Self::RegisterImported,
        Self::DeviceImported,
        Self::DeviceRetired,
        Self::StickImported,
        Self::RoomAdded,
        Self::DeviceMoved,
        Self::DeviceRevoked,
        Self::DevicesMerged,
        Self::DeviceSplit,
        Self::ReviewUndone,
        Self::ReviewDismissed,
        Self::OperatorCreated,
        Self::OperatorDisabled,
        Self::OperatorPasswordReset,
        Self::MonthDropped,
        Self::Restored,
        Self::EvidenceExported,
        Self::CheckpointTaken,
        Self::NameTaught,
        Self::NameForgotten,
        Self::KindOverruled,
        Self::KindTakenBack,
        Self::ContractRecorded,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::LoginFailed => "login_failed",
            Self::Logout => "logout",
            Self::PasswordChanged => "password_changed",
            Self::TokenCreated => "token_created",
            Self::TokenRevoked => "token_revoked",
            Self::RegisterImported => "register_imported",
            Self::DeviceImported => "device_imported",
            Self::DeviceRetired => "device_retired",
            Self::StickImported => "stick_imported",
            Self::RoomAdded => "room_added",
            Self::DeviceMoved => "device_moved",
            Self::DeviceRevoked => "device_revoked",
            Self::DevicesMerged => "devices_merged",
            Self::DeviceSplit => "device_split",
            Self::ReviewUndone => "review_undone",
            Self::ReviewDismissed => "review_dismissed",
            Self::OperatorCreated => "operator_created",
            Self::OperatorDisabled => "operator_disabled",
            Self::OperatorPasswordReset => "operator_password_reset",
            Self::MonthDropped => "month_dropped",
            Self::Restored => "restored",
            Self::EvidenceExported => "evidence_exported",
            Self::CheckpointTaken => "checkpoint_taken",
            Self::NameTaught => "name_taught",
            Self::NameForgotten => "name_forgotten",
            Self::KindOverruled => "kind_overruled",
            Self::KindTakenBack => "kind_taken_back",
            Self::ContractRecorded => "contract_recorded",
        }
    }
}

/// Who acts where nobody is signed in, as the log names it. No operator may have this login.
pub const COMMAND_LINE: &str = "cli";

/// The program itself, as the log names it. No operator may have this login.
pub const CONTROLLER: &str = "controller";

/// What was acted upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectKind {
    Operator,
    Organization,
    Device,
    Token,
    Register,
    Month,
    Database,
    Checkpoint,
    Name,
    Building,
}

impl SubjectKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Organization => "organization",
            Self::Device => "device",
            Self::Token => "token",
            Self::Register => "register",
            Self::Month => "month",
            Self::Database => "database",
            Self::Checkpoint => "checkpoint",
            Self::Name => "name",
            Self::Building => "building",
        }
    }
}

/// An entry in the making.
#[derive(Debug, Clone)]
pub struct Entry {
    entry: NewActivity,
    detail: Map<String, Value>,
}

impl Entry {
    pub fn new(at: Timestamp, who: &Operator, action: Action, kind: SubjectKind, subject: impl ToString) -> Self {
        Self::by_login(at, Some(who.id), &who.login, action, kind, subject)
    }

    /// Where nobody is signed in: a failed sign-in, the command line.
    pub fn by_login(at: Timestamp, id: Option<i64>, login: &str, action: Action, kind: SubjectKind, subject: impl ToString) -> Self {
        Self {
            entry: NewActivity {
                at,
                operator_id: id,
                operator_login: login.chars().take(64).collect(),
                action: action.as_str().to_owned(),
                subject_kind: kind.as_str().to_owned(),
                subject_id: subject.to_string(),
                organization_id: None,
                detail: String::new(),
            },
            detail: Map::new(),
        }
    }

    /// What whoever may start the program on the controller's computer did there.
    pub fn by_command_line(at: Timestamp, action: Action, kind: SubjectKind, subject: impl ToString) -> Self {
        Self::by_login(at, None, COMMAND_LINE, action, kind, subject)
    }

    /// What the program does by itself.
    pub fn by_itself(at: Timestamp, action: Action, kind: SubjectKind, subject: impl ToString) -> Self {
        Self::by_login(at, None, CONTROLLER, action, kind, subject)
    }

    /// The organization it concerns, by internal id: whose scope may see the entry.
    pub fn of_organization(mut self, id: i64) -> Self {
        self.entry.organization_id = Some(id);
        self
    }

    /// Never a token's secret, a password or a pupil's name.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }

    /// For a store that adds it together with what it tells of.
    pub fn into_new(mut self) -> NewActivity {
        self.entry.detail = Value::Object(self.detail).to_string();
        self.entry
    }

    pub async fn record(self, store: &Store) -> Result<(), StoreError> {
        store.append_activity(&self.into_new()).await
    }
}
