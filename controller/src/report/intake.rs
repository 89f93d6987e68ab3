//! From a batch on the wire to one answer per report.
//!
//! Each report is validated alone; what is valid joins a group with whatever else waits, is committed in one
//! transaction, and is answered when that is durable (promise 1). A group that the database refuses is
//! replayed by halves until the report at fault stands alone.

use inventory_schema::problem::ProblemCode;
use inventory_schema::report::{MAX_REPORTS_PER_BATCH, ReportAnswer, ReportAnswers, ReportBatch, ReportOutcome};
use inventory_schema::{Digest, RegionId, Timestamp};

use super::chain;
use super::summary::summarize;
use super::validate::{Refusal, ValidReport, validate};
use crate::group_commit::GroupCommit;
use crate::store::Store;
use crate::store::report::{BodyToStore, CommitOutcome, ReportToStore};
use crate::tls::DeviceIdentity;

/// The task that commits reports.
#[derive(Debug, Clone)]
pub struct Intake {
    group: GroupCommit<ReportToStore, ReportOutcome>,
}

impl Intake {
    pub fn start(store: Store) -> Self {
        let commit = move |reports: Vec<ReportToStore>| {
            let store = store.clone();
            async move { commit_by_halves(&store, reports).await }
        };
        Self { group: GroupCommit::start(MAX_REPORTS_PER_BATCH, commit) }
    }

    /// Takes in a batch of the device with the internal id `device`.
    pub async fn take_in(
        &self,
        batch: ReportBatch,
        device: i64,
        identity: &DeviceIdentity,
        region: &RegionId,
        now: Timestamp,
    ) -> Result<ReportAnswers, ProblemCode> {
        if batch.reports.len() > MAX_REPORTS_PER_BATCH {
            return Err(ProblemCode::BodyTooLarge);
        }
        let ReportBatch { reports, bodies } = batch;
        let mut answers = Vec::with_capacity(reports.len());
        let mut valid = Vec::with_capacity(reports.len());
        for report in reports {
            let digest = Digest::of(report.envelope.as_bytes());
            match validate(report, &bodies, identity, region) {
                Ok(report) => {
                    valid.push((answers.len(), to_store(report, device, now)));
                    answers.push(ReportAnswer { digest, outcome: ReportOutcome::Retry });
                }
                Err(Refusal { code, detail }) => {
                    tracing::warn!(device.id = %identity.device, report.digest = %digest, %code, %detail, "a report was refused");
                    answers.push(ReportAnswer { digest, outcome: ReportOutcome::Refused { code } });
                }
            }
        }
        let (places, reports): (Vec<usize>, Vec<ReportToStore>) = valid.into_iter().unzip();
        let outcomes = self.group.commit_all(reports).await.map_err(|_| ProblemCode::Busy)?;
        for (place, outcome) in places.into_iter().zip(outcomes) {
            answers[place].outcome = outcome;
        }
        Ok(ReportAnswers { answers })
    }
}
