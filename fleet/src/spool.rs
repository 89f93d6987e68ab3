//! A simulated disk: what waits for delivery, and the ledger as it was saved last.
//!
//! Does what the agent's spool promises (oldest first, bounded, bodies go before envelopes), in memory, so that
//! thousands fit into a process and a disk can be copied back as an image restores it. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use cos_agent::ledger::Ledger;
use inventory_schema::check_in::SpoolDepth;
use inventory_schema::envelope::{ChainHead, ReceivedEnvelope};
use inventory_schema::quantity::{Bytes, Count};
use inventory_schema::report::{ReportBatch, SignedReport};
use inventory_schema::{Digest, Envelope, SectionName};

#[derive(Debug, Clone, Default)]
pub struct Disk {
    pub ledger: Ledger,
    pub spool: Spool,
}

#[derive(Debug, Clone, Default)]
pub struct Spool {
    waiting: VecDeque<Waiting>,
}

#[derive(Debug, Clone)]
pub struct Waiting {
    pub report: SignedReport,
    pub envelope: Envelope,
    pub head: ChainHead,
    /// Empty for a tombstone.
    bodies: BTreeMap<Digest, Arc<str>>,
}

/// As the agent's own defaults, in small.
const MOST_REPORTS: usize = 4096;
const MOST_WITH_BODIES: usize = 64;
const BATCH_REPORTS: usize = 256;
const BATCH_BYTES: usize = 4 << 20;

impl Waiting {
    pub fn new(report: SignedReport, bodies: BTreeMap<Digest, Arc<str>>) -> Self {
        let received = ReceivedEnvelope::read(report.envelope.clone().into_bytes()).expect("the core drafted this envelope");
        Self {
            report,
            head: received.head(),
            envelope: received.envelope,
            bodies,
        }
    }

    pub fn sections(&self) -> BTreeMap<SectionName, Digest> {
        self.envelope.sections.clone()
    }
}

impl Spool {
    pub fn append(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
        let with_bodies = self.waiting.iter().filter(|waiting| !waiting.bodies.is_empty()).count();
        if with_bodies > MOST_WITH_BODIES
            && let Some(oldest) = self.waiting.iter_mut().find(|waiting| !waiting.bodies.is_empty())
        {
            oldest.bodies.clear();
        }
        if self.waiting.len() > MOST_REPORTS {
            self.waiting.pop_front();
        }
    }

    pub fn depth(&self) -> SpoolDepth {
        let count = |number: usize| Count::saturating(number as u64);
        let bytes: usize = self
            .waiting
            .iter()
            .flat_map(|waiting| waiting.bodies.values())
            .map(|body| body.len())
            .sum();
        SpoolDepth {
            reports: count(self.waiting.len()),
            bytes: Bytes::saturating(bytes as u64),
            tombstones: count(self.waiting.iter().filter(|waiting| waiting.bodies.is_empty()).count()),
        }
    }

    /// What one request carries, oldest first, with the bodies of each once.
    pub fn batch(&self) -> (Vec<Waiting>, ReportBatch) {
        let (mut sent, mut batch, mut bytes) = (Vec::new(), ReportBatch::default(), 0);
        for waiting in self.waiting.iter().take(BATCH_REPORTS) {
            bytes += waiting.bodies.values().map(|body| body.len()).sum::<usize>();
            if bytes > BATCH_BYTES && !sent.is_empty() {
                break;
            }
            batch.reports.push(waiting.report.clone());
            batch
                .bodies
                .extend(waiting.bodies.iter().map(|(digest, body)| (*digest, body.to_string())));
            sent.push(waiting.clone());
        }
        (sent, batch)
    }

    pub fn remove(&mut self, digest: Digest) {
        self.waiting.retain(|waiting| waiting.head.digest != digest);
    }

    /// Everything that waits, to be signed anew.
    pub fn take(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.waiting).into()
    }

    pub fn newest_head(&self) -> Option<ChainHead> {
        self.waiting.back().map(|waiting| waiting.head)
    }

    pub fn digests(&self) -> Vec<Digest> {
        self.waiting.iter().map(|waiting| waiting.head.digest).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl Waiting {
    /// The same report under another envelope.
    pub fn signed_anew(self, report: SignedReport) -> Self {
        Self::new(report, self.bodies)
    }
}
