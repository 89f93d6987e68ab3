//! One batch of the oldest reports: sent, answered, and forgotten where the controller holds them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use inventory_schema::Digest;
use inventory_schema::envelope::ReceivedEnvelope;
use inventory_schema::report::{MAX_BODY_BYTES, MAX_REPORTS_PER_BATCH, ReportAnswer, ReportBatch, ReportOutcome};

use super::{Deliveries, chain, lock};
use crate::reconciler::Delivery;
use crate::spool::{Spool, SpoolError};
use crate::transport::{Transport, TransportFailure};

/// Well below what a controller accepts: a school's line is thin, and an answer should come before it breaks.
const BATCH_BYTES: usize = MAX_BODY_BYTES / 8;

pub(super) async fn deliver(transport: Arc<Transport>, spool: Arc<Mutex<Spool>>) -> Result<Deliveries, TransportFailure> {
    let batch = {
        let spool = spool.clone();
        blocking(move || lock(&spool).oldest(MAX_REPORTS_PER_BATCH, BATCH_BYTES)).await?
    };
    if batch.reports.is_empty() {
        return Ok((Vec::new(), lock(&spool).depth()));
    }
    let answers = transport.send_reports(&batch).await?.answers;
    blocking(move || settle(&mut lock(&spool), &batch, answers)).await
}

/// Forgets what is held, keeps aside what is refused, and tells the core.
pub(crate) fn settle(spool: &mut Spool, batch: &ReportBatch, answers: Vec<ReportAnswer>) -> Result<Deliveries, SpoolError> {
    let mut outcomes: BTreeMap<Digest, ReportOutcome> = answers.into_iter().map(|answer| (answer.digest, answer.outcome)).collect();
    let (mut deliveries, mut held) = (Vec::new(), Vec::new());
    for report in &batch.reports {
        let received = ReceivedEnvelope::read(report.envelope.clone().into_bytes())?;
        // An answer that leaves a report out says nothing of it.
        let outcome = outcomes.remove(&received.digest).unwrap_or(ReportOutcome::Retry);
        match &outcome {
            ReportOutcome::Stored { .. } | ReportOutcome::Duplicate | ReportOutcome::Forked { .. } => held.push(received.digest),
            ReportOutcome::Refused { code } => {
                tracing::error!(report.digest = %received.digest, %code, "the controller refuses a report; it is kept aside");
                spool.set_aside(&received.digest, *code)?;
            }
            ReportOutcome::Gap { .. } | ReportOutcome::Retry => {}
        }
        deliveries.push(Delivery {
            head: received.head(),
            sections: received.envelope.sections,
            outcome,
        });
    }
    spool.remove(&held)?;
    Ok((deliveries, spool.depth()))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, SpoolError> + Send + 'static) -> Result<T, TransportFailure> {
    let done = tokio::task::spawn_blocking(work).await.expect("work on the spool does not panic");
    done.map_err(|error| {
        tracing::error!(error = %chain(&error), "the spool cannot be read or written");
        TransportFailure::Broken {
            controller: String::new(),
            reason: chain(&error),
        }
    })
}
