//! From a batch on the wire to one answer per report.
//!
//! Each report is validated alone; what is valid joins a group with whatever else waits, is committed in one
//! transaction, and is answered when that is durable (promise 1). A group that the database refuses is
//! replayed by halves until the report at fault stands alone.

use std::sync::Arc;

use inventory_schema::problem::ProblemCode;
use inventory_schema::report::{MAX_REPORTS_PER_BATCH, ReportAnswer, ReportAnswers, ReportBatch, ReportOutcome};
use inventory_schema::{Digest, RegionId, Timestamp};

use super::summary::summarize;
use super::validate::{Refusal, ValidReport, validate};
use crate::enrollment::outage;
use crate::group_commit::{GroupCommit, NoTime};
use crate::metrics::Metrics;
use crate::store::measurement::MeasurementFacts;
use crate::store::report::{BodyToStore, CommitOutcome, ReportToStore};
use crate::store::{Store, StoreError};
use crate::tls::DeviceIdentity;

/// When a report is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledgement {
    /// The promise: after its transaction is durable.
    AfterCommit,
    /// At once, the transaction following when it may. For the test that must notice what is lost by it.
    BeforeCommit,
}

/// The task that commits reports.
#[derive(Debug, Clone)]
pub struct Intake {
    group: GroupCommit<ReportToStore, ReportOutcome>,
    acknowledgement: Acknowledgement,
}

impl Intake {
    pub fn start(store: Store, metrics: Arc<Metrics>) -> Self {
        let commit = move |reports: Vec<ReportToStore>| {
            let (store, metrics) = (store.clone(), metrics.clone());
            async move {
                let outcomes = commit_by_halves(&store, &reports).await;
                outcomes.iter().for_each(|outcome| count(&metrics, outcome));
                outcomes
            }
        };
        Self {
            group: GroupCommit::start(MAX_REPORTS_PER_BATCH, commit),
            acknowledgement: Acknowledgement::AfterCommit,
        }
    }

    #[must_use]
    pub fn answering(self, acknowledgement: Acknowledgement) -> Self {
        if acknowledgement == Acknowledgement::BeforeCommit {
            tracing::error!("TESTS ONLY: reports are acknowledged before they are stored, and a crash will lose them");
        }
        Self { acknowledgement, ..self }
    }

    /// Takes in what was judged of a batch of the device with the internal id `device`.
    pub async fn take_in(&self, judged: JudgedBatch, device: i64) -> Result<ReportAnswers, ProblemCode> {
        let JudgedBatch { mut answers, valid } = judged;
        let to_store = |(place, report)| (place, ReportToStore { device, ..report });
        let (places, reports): (Vec<usize>, Vec<ReportToStore>) = valid.into_iter().map(to_store).unzip();
        let outcomes = self.commit(reports).await.map_err(|_| ProblemCode::Busy)?;
        for (place, outcome) in places.into_iter().zip(outcomes) {
            answers[place].outcome = outcome;
        }
        Ok(ReportAnswers { answers })
    }

    async fn commit(&self, reports: Vec<ReportToStore>) -> Result<Vec<ReportOutcome>, NoTime> {
        match self.acknowledgement {
            Acknowledgement::AfterCommit => self.group.commit_all(reports).await,
            Acknowledgement::BeforeCommit => {
                let outcomes = vec![ReportOutcome::Stored { missing: Vec::new() }; reports.len()];
                let group = self.group.clone();
                tokio::spawn(async move { group.commit_all(reports).await });
                Ok(outcomes)
            }
        }
    }
}

/// A batch whose reports were validated, each by itself, and packed for the store.
#[derive(Debug)]
pub struct JudgedBatch {
    /// One for each report; those that are valid are to be sent again until they are stored.
    answers: Vec<ReportAnswer>,
    /// With their places among the answers.
    valid: Vec<(usize, ReportToStore)>,
}

impl JudgedBatch {
    /// Judges what `identity` sent. Takes processor time and nothing else; not to be called where others wait.
    pub fn of(batch: ReportBatch, identity: &DeviceIdentity, region: &RegionId, now: Timestamp) -> Result<Self, ProblemCode> {
        if batch.reports.len() > MAX_REPORTS_PER_BATCH {
            return Err(ProblemCode::BodyTooLarge);
        }
        let ReportBatch { reports, bodies } = batch;
        let mut answers = Vec::with_capacity(reports.len());
        let mut valid = Vec::with_capacity(reports.len());
        for report in reports {
            let digest = Digest::of(report.envelope.as_bytes());
            let outcome = match validate(report, &bodies, identity, region) {
                Ok(report) => {
                    valid.push((answers.len(), to_store(report, now).map_err(outage)?));
                    ReportOutcome::Retry
                }
                Err(Refusal { code, detail }) => {
                    tracing::warn!(device.id = %identity.device, report.digest = %digest, %code, %detail, "a report was refused");
                    ReportOutcome::Refused { code }
                }
            };
            answers.push(ReportAnswer { digest, outcome });
        }
        Ok(Self { answers, valid })
    }

    /// How many reports the batch has, the refused ones included.
    pub fn count(&self) -> usize {
        self.answers.len()
    }

    /// Every report is to be sent again.
    pub fn later(mut self) -> ReportAnswers {
        self.answers.iter_mut().for_each(|answer| answer.outcome = ReportOutcome::Retry);
        ReportAnswers { answers: self.answers }
    }
}

/// The device is known when the batch is taken in.
const NOBODY: i64 = 0;

fn to_store(report: ValidReport, now: Timestamp) -> Result<ReportToStore, StoreError> {
    let summary = summarize(report.bodies.values().map(|body| &body.section));
    let sections = report.bodies.values().map(|body| &body.bytes);
    let bodies = sections
        .chain(report.document.as_ref().map(|document| &document.bytes))
        .map(|bytes| BodyToStore::compress(bytes.as_bytes()))
        .collect::<Result<_, _>>()?;
    let measurement = report.document.and_then(|document| document.measurement);
    let clock_offset_micros = Some(report.received.envelope.clock.device.micros_since(now));
    Ok(ReportToStore {
        device: NOBODY,
        received: report.received,
        signature: report.signature,
        received_at: now,
        bodies,
        measurement: measurement.as_ref().map(MeasurementFacts::of),
        summary,
        clock_offset_micros,
    })
}

/// Commits the group; where the database refuses it for a reason of its contents, each half by itself, down to
/// the one report at fault, which is refused for good.
async fn commit_by_halves(store: &Store, reports: &[ReportToStore]) -> Vec<ReportOutcome> {
    let mut outcomes = Vec::with_capacity(reports.len());
    // The part to try next is at the end, so that answers come out in the reports' order.
    let mut parts = vec![reports];
    while let Some(part) = parts.pop() {
        match store.commit_reports(part).await {
            Ok(committed) => outcomes.extend(committed.into_iter().map(answer)),
            Err(error) if error.is_outage() => {
                tracing::warn!(error = %crate::error_chain(&error), reports = part.len(), "reports were not stored and will be sent again");
                outcomes.extend(part.iter().map(|_| ReportOutcome::Retry));
            }
            Err(error) if part.len() == 1 => {
                let digest = part[0].received.digest;
                tracing::error!(error = %crate::error_chain(&error), report.digest = %digest, "the database refuses a report");
                outcomes.push(ReportOutcome::Refused {
                    code: ProblemCode::Internal,
                });
            }
            Err(_) => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.push(second);
                parts.push(first);
            }
        }
    }
    outcomes
}

fn answer(outcome: CommitOutcome) -> ReportOutcome {
    match outcome {
        CommitOutcome::Stored { missing } => ReportOutcome::Stored { missing },
        CommitOutcome::Duplicate => ReportOutcome::Duplicate,
        CommitOutcome::Forked { head } => ReportOutcome::Forked { head },
        CommitOutcome::Gap { head } => ReportOutcome::Gap { head },
        // The record vanished between the request's start and the commit: the next check-in makes it again.
        CommitOutcome::DeviceUnknown | CommitOutcome::Retry => ReportOutcome::Retry,
    }
}

fn count(metrics: &Metrics, outcome: &ReportOutcome) {
    match outcome {
        ReportOutcome::Stored { .. } => metrics.reports_stored.add(1),
        ReportOutcome::Duplicate => metrics.reports_duplicate.add(1),
        ReportOutcome::Forked { .. } => metrics.reports_forked.add(1),
        ReportOutcome::Refused { .. } => metrics.reports_refused.add(1),
        ReportOutcome::Gap { .. } | ReportOutcome::Retry => {}
    }
}
