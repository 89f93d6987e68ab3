//! Signs what waits on disk anew, so that it follows another head of the chain.
//!
//! A part at a time, each written before its old form is removed: a crash between leaves reports twice,
//! which the next check-in mends, and none lost.

use inventory_schema::envelope::{ChainHead, ReceivedEnvelope, Resumption};

use super::sign;
use crate::identity::Identity;
use crate::reconciler::resume_from;
use crate::spool::{Spool, SpoolError};

const PART: usize = 32;
const PART_BYTES: usize = 4 << 20;

/// Answers the head of the row that waits now, which is `head` itself where nothing waited.
pub(crate) fn resume(spool: &mut Spool, identity: &Identity, head: ChainHead, reason: Resumption) -> Result<ChainHead, SpoolError> {
    let mut left = spool.depth().reports.get();
    let (mut newest, mut reason) = (head, Some(reason));
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(PART).min(PART);
        let batch = spool.oldest(part, PART_BYTES)?;
        if batch.reports.is_empty() {
            break;
        }
        left = left.saturating_sub(batch.reports.len() as u64);
        let (mut old, mut envelopes) = (Vec::new(), Vec::new());
        for report in batch.reports {
            let received = ReceivedEnvelope::read(report.envelope.into_bytes())?;
            old.push(received.digest);
            envelopes.push(received.envelope);
        }
        for envelope in resume_from(newest, reason.take(), envelopes) {
            let report = sign(&envelope, identity);
            newest = ReceivedEnvelope::read(report.envelope.clone().into_bytes())?.head();
            spool.append(&report, &batch.bodies)?;
        }
        spool.remove(&old)?;
    }
    Ok(newest)
}
