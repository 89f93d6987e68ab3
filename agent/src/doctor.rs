//! What is wrong with this agent, and what to do: [`Observations`] in, [`Finding`]s out.
//!
//! The decision is the pure function [`judge()`]; looking is [`probe`]'s. Nothing is repaired here, and no token
//! is spent. The running agent is not disturbed: its spool is counted, not opened.

mod judge;
pub mod probe;
pub mod words;

use inventory_schema::enrollment::{ControllerUrl, TokenAnswer, TokenError};
use inventory_schema::organization::RegionId;
use inventory_schema::timestamp::Timestamp;
use serde::Serialize;

use crate::enrollment::Refusal;
use crate::faults::Reason;
use crate::identity::Validity;
use crate::spool::SpoolSurvey;
use crate::transport::TransportFailure;

pub use judge::judge;

/// Everything that was looked at.
#[derive(Debug)]
pub struct Observations {
    /// The best guess after asking the controllers.
    pub now: Timestamp,
    /// What is wrong with `agent.toml`, if anything.
    pub config: Result<(), Reason>,
    pub state_dir: StateDir,
    pub enrollment: EnrollmentState,
    pub certificate: CertificateState,
    pub refusal: Option<Refusal>,
    /// Only when a token was given.
    pub token: Option<Result<TokenSeen, TokenError>>,
    /// One for each address; empty when there is neither an enrollment nor a token.
    pub contacts: Vec<Contact>,
    /// How far the computer's clock is ahead of the controller's, in microseconds.
    pub clock_offset_micros: Option<i64>,
    /// What the controller says to this device; `None` when it was not asked.
    pub check_in: Option<Result<(), TransportFailure>>,
    pub spool: Result<SpoolSurvey, Reason>,
    /// How often the state folder was found to be older than what the controller holds.
    pub restored: u64,
    /// The running agent is quarantined.
    pub quarantined: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateDir {
    Writable { path: String },
    Missing { path: String },
    NotWritable { path: String, reason: Reason },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrollmentState {
    None,
    Unreadable { reason: Reason },
    Enrolled { region: RegionId, organization: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateState {
    /// There is no enrollment to have one for.
    NotExpected,
    Missing,
    Unreadable {
        reason: Reason,
    },
    /// The key is not the one that was enrolled.
    OtherKey,
    Valid(Validity),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSeen {
    pub region: RegionId,
    pub expires: Timestamp,
    /// What the token's controller says of it; `None` when it was not asked, because nobody answered.
    pub answer: Option<Result<TokenAnswer, TransportFailure>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    pub controller: ControllerUrl,
    pub failure: Option<TransportFailure>,
}

/// What a finding is about; stable for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    Config,
    StateDirectory,
    Enrollment,
    LastAttempt,
    Token,
    Certificate,
    Connection,
    Clock,
    Controller,
    Spool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Well,
    /// Worth knowing; the agent works.
    Notice,
    Wrong,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub check: Check,
    pub verdict: Verdict,
    pub sentence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Is anything wrong?
pub fn is_well(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.verdict != Verdict::Wrong)
}

#[cfg(test)]
mod tests;
