//! What can happen to an agent. Failures are events too.

use std::collections::BTreeMap;
use std::time::Duration;

use inventory_schema::check_in::{CheckInAnswer, SpoolDepth};
use inventory_schema::enrollment::HardwareEvidence;
use inventory_schema::envelope::{ChainHead, ReportKind};
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::Seconds;
use inventory_schema::report::ReportOutcome;
use inventory_schema::{Digest, SectionName, Timestamp};

use super::{Holdings, Subject};

#[derive(Debug)]
pub enum Event {
    /// The time that [`super::Reconciler::next_wakeup`] named has come.
    Woken,
    /// The hardware was looked at; the shell keeps the bodies.
    Collected {
        sections: BTreeMap<SectionName, Digest>,
    },
    CheckInAnswered(Box<CheckInAnswer>),
    CheckInFailed(Failure),
    /// A document to report was made: a measurement, a day's activity. The shell keeps its body.
    DocumentMade {
        kind: ReportKind,
        body: Digest,
    },
    /// The report that the core drafted lies on disk.
    Spooled {
        depth: SpoolDepth,
    },
    /// It could not be written: the disk is full or broken. Nothing that was there before is lost.
    SpoolFailed,
    /// Reports were sent and each was answered.
    Delivered {
        answers: Vec<Delivery>,
        depth: SpoolDepth,
    },
    DeliveryFailed(Failure),
    /// The spool was signed anew to follow another head.
    Resumed {
        newest: ChainHead,
        depth: SpoolDepth,
    },
    ResumeFailed,
    Renewed,
    RenewalFailed(Failure),
    /// The controller's signed time.
    TimeReceived(Timestamp),
    TimeFailed(Failure),
    /// The parts of the computer that it is known by, before [`Self::Collected`] of the same look.
    HardwareSeen(Box<HardwareEvidence>),
    /// The controller says that the key is this computer's.
    RekeyKept,
    /// The computer has another key now; what waited on disk was set aside.
    Rekeyed(Box<Rekeyed>),
    RekeyFailed(Failure),
    /// The agent is asked to end.
    Stopping,
}

/// Who the agent is with its new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rekeyed {
    pub subject: Subject,
    pub holdings: Holdings,
    pub depth: SpoolDepth,
}

/// One sent report with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub head: ChainHead,
    pub sections: BTreeMap<SectionName, Digest>,
    pub outcome: ReportOutcome,
}

/// Why talking to the controller failed, as far as the core's decisions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No answer: the network, a proxy, a filter, the controller away.
    Unreachable,
    /// Only the validity of a certificate is at fault: this computer's idea of the time may be wrong.
    WrongTime,
    /// The controller says that this device's certificate has expired.
    CertificateExpired,
    /// Answered, and refused for good (revoked, foreign): asking often helps nobody.
    Refused(ProblemCode),
    /// Answered «later», and perhaps when.
    Busy(Option<Seconds>),
}

impl Failure {
    /// The least pause that the controller asked for.
    pub fn told_to_wait(self) -> Duration {
        match self {
            Self::Busy(Some(pause)) => Duration::from_secs(pause.get()),
            _ => Duration::ZERO,
        }
    }
}
