//! Asking the controller whether the key is this computer's, and taking over another one where it is not.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use inventory_schema::check_in::ProtocolRange;
use inventory_schema::device::BootId;
use inventory_schema::enrollment::{HardwareEvidence, Issued, RekeyAnswer, RekeyReason, RekeyRequest};
use inventory_schema::envelope::ChainHead;

use super::{holdings, local_failure, lock, subject};
use crate::enrollment::{Enrollment, agent_version};
use crate::identity::Identity;
use crate::reconciler::{Event, Rekeyed};
use crate::rekey::{self, RekeyError};
use crate::spool::{Spool, SpoolError, SpoolLimits};
use crate::transport::{Transport, TransportFailure};

/// What the question needs of the shell.
pub(super) struct Asking {
    pub state_dir: PathBuf,
    pub limits: SpoolLimits,
    pub spool: Arc<Mutex<Spool>>,
    pub enrollment: Enrollment,
    pub transport: Arc<Transport>,
}

pub(super) struct Question {
    pub reason: RekeyReason,
    pub forked: Option<ChainHead>,
    pub evidence: HardwareEvidence,
    pub boot: BootId,
}

#[derive(Debug, thiserror::Error)]
enum TakeOverError {
    #[error(transparent)]
    Rekey(#[from] RekeyError),
    #[error(transparent)]
    Enrollment(#[from] crate::enrollment::EnrollmentFileError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("the files of the new key are not there")]
    Missing,
}

impl Asking {
    pub(super) async fn ask(self, question: Question) -> Result<Event, TransportFailure> {
        let identity = rekey::candidate(&self.state_dir).map_err(|error| local_failure(&error))?;
        let request = RekeyRequest {
            protocol: ProtocolRange::CURRENT,
            csr: identity.csr().map_err(|error| local_failure(&error))?,
            evidence: question.evidence,
            boot: question.boot,
            reason: question.reason,
            forked: question.forked,
            agent: agent_version(),
        };
        match self.transport.rekey(&request).await? {
            RekeyAnswer::Keep { .. } => {
                rekey::forget(&self.state_dir);
                tracing::info!("the controller says that the key is this computer's");
                Ok(Event::RekeyKept)
            }
            RekeyAnswer::Issued(issued) => {
                let taken = tokio::task::spawn_blocking(move || self.take_over(*issued, identity)).await;
                let taken = taken.expect("work on files does not panic");
                taken.map_err(|error| local_failure(&error))
            }
        }
    }

    fn take_over(self, issued: Issued, identity: Identity) -> Result<Event, TakeOverError> {
        // Nobody writes to the spool meanwhile: the core does not sign before this is over.
        let mut spool = lock(&self.spool);
        let inherited = spool.depth().reports.get();
        rekey::accept(&self.state_dir, issued, &self.enrollment, identity)?;
        let (fresh, _) = Spool::open(&self.state_dir.join("spool"), self.limits)?;
        *spool = fresh;
        if inherited > 0 {
            tracing::warn!(reports = inherited, "reports made with the key before were set aside");
        }
        let enrollment = Enrollment::load(&self.state_dir)?.ok_or(TakeOverError::Missing)?;
        let identity = Identity::load(&self.state_dir)
            .map_err(RekeyError::from)?
            .ok_or(TakeOverError::Missing)?;
        Ok(Event::Rekeyed(Box::new(Rekeyed {
            subject: subject(&enrollment, &identity),
            holdings: holdings(&enrollment),
            depth: spool.depth(),
        })))
    }
}
