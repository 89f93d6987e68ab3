//! The first start of a copied disk: it enrolls by itself with the token that its image was sealed with.
//!
//! Called by `cli/run.rs` before the event loop. It decides with [`sealed::whose_disk`] and waits as the core
//! does: growing pauses, no end.

use std::future::Future;

use crate::clock::SharedClock;
use crate::config::AgentConfig;
use crate::durable_file::FileError;
use crate::enrollment::{EnrollError, Enrolled, Enrolling, Enrollment, EnrollmentFileError, enroll};
use crate::inventory::evidence;
use crate::privileged::Collector;
use crate::reconciler::{Backoff, Chance, Schedule};
use crate::sealed::{self, WhoseDisk, whose_disk};

#[derive(Debug, thiserror::Error)]
pub enum FirstStartError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Enrollment(#[from] EnrollmentFileError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstStart {
    /// There is an enrollment, or nothing to make one with: the event loop knows what to say.
    GoOn,
    /// Asked to stop before it was enrolled.
    Stopped,
}

/// Enrolls a copy; ends at once where there is nothing to do.
pub async fn enroll_a_copy(
    config: &AgentConfig,
    collector: &Collector,
    clock: &SharedClock,
    stop: impl Future<Output = ()>,
) -> Result<FirstStart, FirstStartError> {
    let state = &config.state_dir;
    if Enrollment::load(state)?.is_some() {
        return Ok(FirstStart::GoOn);
    }
    let Some(sealed) = sealed::load(state)? else {
        return Ok(FirstStart::GoOn);
    };
    let mut stop = std::pin::pin!(stop);
    let schedule = Schedule::default();
    let seed = clock.moment().device.unix_micros().unsigned_abs() ^ u64::from(std::process::id());
    let (mut backoff, mut chance) = (Backoff::default(), Chance::seeded(seed));
    loop {
        let present = look(collector).await;
        match (&present, &sealed.token) {
            (None, _) => {}
            (Some(present), _) if whose_disk(&sealed, present, clock.moment().boot) == WhoseDisk::Golden => {
                tracing::warn!("this is the computer that was sealed; it does not enroll from its own image: cos-agent enroll TOKEN");
                stop.await;
                return Ok(FirstStart::Stopped);
            }
            (Some(_), None) => return Ok(FirstStart::GoOn),
            (Some(present), Some(token)) => {
                let enrolling = Enrolling {
                    config,
                    evidence: present.clone(),
                    clock: clock.clone(),
                    again: false,
                };
                match enroll(&token.to_line(), enrolling, |_| {}).await {
                    Ok(Enrolled::New { .. } | Enrolled::Already { .. }) => return Ok(FirstStart::GoOn),
                    Ok(Enrolled::Pending { .. }) => tracing::info!("an operator must approve this copy first"),
                    Err(EnrollError::NotReached(failure)) => {
                        tracing::warn!(failure = %crate::faults::Reason::of(&failure).english, "the controller was not reached; the copy keeps trying");
                    }
                    Err(error) => tracing::error!(error = %crate::faults::Reason::of(&error).english, "the copy was not enrolled"),
                }
            }
        }
        let pause = backoff.failed(&schedule, &mut chance);
        tokio::select! {
            () = &mut stop => return Ok(FirstStart::Stopped),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// `None` where the hardware cannot be looked at now.
async fn look(collector: &Collector) -> Option<inventory_schema::enrollment::HardwareEvidence> {
    let collector = collector.clone();
    let collected = tokio::task::spawn_blocking(move || collector.collect())
        .await
        .expect("a collection does not panic");
    collected
        .inspect_err(|error| tracing::error!(error = %crate::faults::Reason::of(error).english, "the hardware could not be looked at"))
        .ok()
        .map(|inventory| evidence(&inventory))
}
