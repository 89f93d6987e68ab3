//! Signed reports: a group of them is judged against its chains and committed in one transaction.
//!
//! The heads of all chains in the group are read in one statement, every report is judged in its order
//! ([`crate::report::chain::judge`]), and what follows is written in a few statements of many rows. The gate
//! is a compare-and-swap on each chain's head: when another controller moved one meanwhile, nothing of the
//! group is written and every report is answered `Retry`.
//!
//! Reports, their sections and bodies are kept by the month they were received in ([`super::month`]). Nothing unique
//! spans months, so the gate stands before everything: a fork counts on the head as well, under the same
//! compare-and-swap, and no two controllers can keep one twice, at a month's end either.

mod known;
mod plan;
mod write;

use inventory_schema::envelope::{ChainHead, ReceivedEnvelope};
use inventory_schema::signature::Signature;
use inventory_schema::{Digest, Timestamp};

use super::change;
use super::device::DeviceSummary;
use super::finding;
use super::measurement::{self, MeasurementFacts};
use super::month::ReceivedMonth;
use super::packing::pack;
use super::statement::{Value, raw};
use super::{Store, StoreError, StoreResult, deadline};

pub(super) use known::{FIND_HEADS, held_bodies, read_head, read_place};
use plan::{Plan, places_in_question};
pub(super) use write::delete_reports;

/// The most reports one group may hold.
pub const MAX_GROUP: usize = 256;

/// A report that was validated: its signature holds and its key is the device's.
#[derive(Debug, Clone)]
pub struct ReportToStore {
    /// Internal id.
    pub device: i64,
    pub received: ReceivedEnvelope,
    pub signature: Signature,
    pub received_at: Timestamp,
    /// Bodies that came with it and that its envelope names.
    pub bodies: Vec<BodyToStore>,
    /// What is found by of the measurement that it carries, if it does.
    pub measurement: Option<MeasurementFacts>,
    /// What its sections say for lists and searches; `None` fields leave what is known.
    pub summary: DeviceSummary,
    /// The computer's clock minus ours, microseconds; `None` leaves what is known.
    pub clock_offset_micros: Option<i64>,
}

/// A section's body, compressed before it meets the one writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyToStore {
    pub digest: Digest,
    compressed: Vec<u8>,
    size: i64,
}

impl BodyToStore {
    /// Compresses canonical JSON; its digest is taken here.
    pub fn compress(canonical: &[u8]) -> Result<Self, StoreError> {
        Ok(Self {
            digest: Digest::of(canonical),
            compressed: pack(canonical)?,
            size: i64::try_from(canonical.len()).map_err(|error| StoreError::corrupt("section body", error))?,
        })
    }

    /// A row of `body`: digest, bytes, size, received_at, received_month.
    pub(super) fn row(&self, received_at: Timestamp) -> Vec<Value> {
        vec![
            raw(self.digest),
            self.compressed.clone().into(),
            self.size.into(),
            received_at.into(),
            ReceivedMonth::of(received_at).into(),
        ]
    }
}

/// What became of a report, once [`Store::commit_reports`] has answered: all of it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    Stored {
        /// Bodies that the report names and that are not held.
        missing: Vec<Digest>,
    },
    Duplicate,
    /// Another envelope stands at this place; both are kept.
    Forked {
        head: ChainHead,
    },
    /// Does not follow the head; nothing was stored.
    Gap {
        head: ChainHead,
    },
    /// The device's record is gone; nothing was stored.
    DeviceUnknown,
    /// Another controller was in the way; nothing was stored, and the same report may be sent again.
    Retry,
}

/// Whether a report continues its chain or contradicts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportState {
    Stored,
    Fork,
}

impl Store {
    /// Stores a group of at most [`MAX_GROUP`] reports, of any devices, each chain's oldest first. Answers
    /// in the same order. An error means that nothing of the group was stored.
    pub async fn commit_reports(&self, reports: &[ReportToStore]) -> StoreResult<Vec<CommitOutcome>> {
        if reports.is_empty() {
            return Ok(Vec::new());
        }
        deadline::within(deadline::WRITES, self.commit_in_months(reports)).await
    }

    /// Commits the group, after its months have their place.
    async fn commit_in_months(&self, reports: &[ReportToStore]) -> StoreResult<Vec<CommitOutcome>> {
        let months = reports.iter().map(|report| ReceivedMonth::of(report.received_at)).collect();
        let envelopes = reports
            .iter()
            .map(|report| pack(&report.received.bytes))
            .collect::<StoreResult<Vec<_>>>()?;
        self.engine.prepare_months(&months).await?;
        match self.commit_group(reports, &envelopes).await {
            Err(StoreError::NoMonth(_)) => {
                self.engine.forget_months();
                self.engine.prepare_months(&months).await?;
                self.commit_group(reports, &envelopes).await
            }
            outcome => outcome,
        }
    }

    async fn commit_group(&self, reports: &[ReportToStore], envelopes: &[Vec<u8>]) -> StoreResult<Vec<CommitOutcome>> {
        let mut transaction = self.begin().await?;
        let devices = known::devices(&mut transaction, reports).await?;
        let heads = known::heads(&mut transaction, reports).await?;
        let stored = known::places(&mut transaction, places_in_question(reports, &heads)).await?;
        let plan = Plan::of(reports, devices, heads, stored);
        // The gate: whoever passes it has this group's chains for itself until the commit.
        match write::move_heads(&mut transaction, &plan.heads).await {
            // The device of a chain that begins was deleted since the group was read.
            Ok(false) | Err(StoreError::Reference { .. }) => return Ok(vec![CommitOutcome::Retry; reports.len()]),
            moved => moved?,
        };
        let held = write::insert_bodies(&mut transaction, &plan, reports).await?;
        let measured = match write::insert_reports(&mut transaction, &plan, reports, envelopes, &held).await {
            // A device was deleted since the group was read.
            Err(StoreError::Conflict { .. } | StoreError::Reference { .. }) => return Ok(vec![CommitOutcome::Retry; reports.len()]),
            written => written?,
        };
        write::note_bodies(&mut transaction, &plan, reports).await?;
        measurement::insert(&mut transaction, &measured).await?;
        write::update_summaries(&mut transaction, &plan).await?;
        write::note_devices(&mut transaction, &plan).await?;
        change::note_facts(&mut transaction, &plan.facts).await?;
        finding::note(&mut transaction, &plan.findings).await?;
        transaction.commit().await?;
        Ok(plan.outcomes(reports, &held))
    }
}
