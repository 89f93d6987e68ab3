//! What committing a group of reports will write: decided from what was read, before anything is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use inventory_schema::envelope::{ChainHead, ChainPlace};
use inventory_schema::{Digest, KeyFingerprint, Timestamp};
use serde_json::json;

use super::{CommitOutcome, ReportState, ReportToStore};
use crate::part::summary::changes;
use crate::report::chain::{ChainLink, Verdict, judge};
use crate::store::change::FactsChanged;
use crate::store::device::DeviceSummary;
use crate::store::finding::{FindingKind, NewFinding};
use crate::store::month::ReceivedMonth;
use crate::store::statement::word;

/// What is known of a device before the group.
#[derive(Debug, Clone)]
pub(super) struct KnownDevice {
    pub external_id: String,
    pub summary: DeviceSummary,
}

/// A chain's head before the group, and how many forks of the chain were kept by then.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownHead {
    pub head: ChainHead,
    pub forks: i64,
}

/// The digests that stand at one place of a chain.
#[derive(Debug, Clone, Default)]
pub(super) struct StoredAtPlace {
    pub stored: Option<Digest>,
    pub forks: BTreeSet<Digest>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct HeadMove {
    pub device: i64,
    /// The digest that the head must still have; `None`: no head may exist.
    pub from: Option<KnownHead>,
    pub to: ChainHead,
    /// The forks that the group adds.
    pub forks: i64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedReport {
    /// In the group.
    pub index: usize,
    pub state: ReportState,
}

#[derive(Debug, Clone)]
pub(super) struct DeviceUpdate {
    pub seen_at: Timestamp,
    pub agent_version: String,
    pub clock_offset_micros: Option<i64>,
    /// What lists and searches show, if it is another than before: the wide row is left alone otherwise.
    pub summary: Option<SummaryUpdate>,
}

#[derive(Debug, Clone)]
pub(super) struct SummaryUpdate {
    pub summary: DeviceSummary,
    pub search_key: String,
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub heads: BTreeMap<KeyFingerprint, HeadMove>,
    pub reports: Vec<PlannedReport>,
    /// The reports of the group whose bodies are kept.
    pub bodies_of: Vec<usize>,
    pub devices: BTreeMap<i64, DeviceUpdate>,
    pub findings: Vec<NewFinding>,
    /// What lists show of a device and is another than before.
    pub facts: Vec<FactsChanged>,
    /// Every body that a stored report of the group names, in the months of those reports.
    pub named: BTreeSet<(Digest, ReceivedMonth)>,
    judged: Vec<Judged>,
}

#[derive(Debug, Clone, Copy)]
enum Judged {
    Stored,
    Duplicate,
    Forked(ChainHead),
    Gap(ChainHead),
    DeviceUnknown,
}

/// The chains and devices as they are after the reports judged so far.
struct State {
    devices: BTreeMap<i64, KnownDevice>,
    heads: HashMap<KeyFingerprint, KnownHead>,
    places: HashMap<(KeyFingerprint, ChainPlace), StoredAtPlace>,
}

impl Plan {
    pub(super) fn of(
        reports: &[ReportToStore],
        devices: BTreeMap<i64, KnownDevice>,
        heads: HashMap<KeyFingerprint, KnownHead>,
        places: HashMap<(KeyFingerprint, ChainPlace), StoredAtPlace>,
    ) -> Self {
        let mut state = State { devices, heads, places };
        let mut plan = Self::default();
        for (index, report) in reports.iter().enumerate() {
            let judged = plan.add(index, report, &mut state);
            plan.judged.push(judged);
        }
        plan
    }

    fn add(&mut self, index: usize, report: &ReportToStore, state: &mut State) -> Judged {
        if !state.devices.contains_key(&report.device) {
            return Judged::DeviceUnknown;
        }
        let link = ChainLink::of(&report.received);
        let key = report.received.envelope.key;
        let known = state.heads.get(&key).copied();
        let head = known.map(|known| known.head);
        let place = state.places.entry((key, link.place)).or_default();
        if let (Some(head), true) = (head, place.forks.contains(&link.digest)) {
            // It was kept as a fork before and the answer was lost: the agent must still hear of it.
            return Judged::Forked(head);
        }
        match judge(head, place.stored, &link) {
            Verdict::Duplicate => {
                self.bodies_of.push(index);
                if head.is_some_and(|head| head.digest == link.digest) {
                    self.update_device(report, state);
                }
                Judged::Duplicate
            }
            Verdict::Gap { head } => Judged::Gap(head),
            Verdict::Fork { head } => {
                place.forks.insert(link.digest);
                self.keep(index, report, ReportState::Fork);
                self.findings.push(fork_finding(report, head));
                self.count_fork(report, known);
                Judged::Forked(head)
            }
            verdict @ (Verdict::Append | Verdict::AppendAfterBreak) => {
                place.stored = Some(link.digest);
                if verdict == Verdict::AppendAfterBreak || link.resumed.is_some() {
                    self.findings.push(break_finding(report));
                }
                self.move_head(report, known, link.head());
                let forks = known.map_or(0, |known| known.forks);
                state.heads.insert(key, KnownHead { head: link.head(), forks });
                self.keep(index, report, ReportState::Stored);
                self.update_device(report, state);
                Judged::Stored
            }
        }
    }

    fn keep(&mut self, index: usize, report: &ReportToStore, state: ReportState) {
        self.reports.push(PlannedReport { index, state });
        self.bodies_of.push(index);
        let month = ReceivedMonth::of(report.received_at);
        self.named.extend(report.received.envelope.named().map(|digest| (digest, month)));
    }

    fn move_head(&mut self, report: &ReportToStore, from: Option<KnownHead>, to: ChainHead) {
        self.heads
            .entry(report.received.envelope.key)
            .and_modify(|movement| movement.to = to)
            .or_insert(HeadMove {
                device: report.device,
                from,
                to,
                forks: 0,
            });
    }

    /// The head stays where it is and counts the fork, so that of two controllers that keep the same fork only one does.
    fn count_fork(&mut self, report: &ReportToStore, known: Option<KnownHead>) {
        let Some(known) = known else {
            return;
        };
        let movement = self.heads.entry(report.received.envelope.key).or_insert(HeadMove {
            device: report.device,
            from: Some(known),
            to: known.head,
            forks: 0,
        });
        movement.forks += 1;
    }

    fn update_device(&mut self, report: &ReportToStore, state: &mut State) {
        let Some(known) = state.devices.get_mut(&report.device) else {
            return;
        };
        let summary = report.summary.clone().or(known.summary.clone());
        let facts = changes(&known.summary, &summary);
        if !facts.is_empty() {
            self.facts.push(FactsChanged {
                device: report.device,
                at: report.received_at,
                facts,
            });
        }
        let older = self.devices.get(&report.device);
        let update = DeviceUpdate {
            seen_at: older.map_or(report.received_at, |older| older.seen_at.max(report.received_at)),
            agent_version: report.received.envelope.agent.to_string(),
            clock_offset_micros: report.clock_offset_micros.or(older.and_then(|older| older.clock_offset_micros)),
            summary: if summary == known.summary {
                older.and_then(|older| older.summary.clone())
            } else {
                Some(SummaryUpdate {
                    search_key: summary.search_key(&known.external_id),
                    summary: summary.clone(),
                })
            },
        };
        known.summary = summary;
        self.devices.insert(report.device, update);
    }

    /// The reports of the group that were stored before, by their index.
    pub(super) fn duplicates(&self) -> impl Iterator<Item = usize> {
        let judged = self.judged.iter().enumerate();
        judged
            .filter(|(_, judged)| matches!(judged, Judged::Duplicate))
            .map(|(index, _)| index)
    }

    /// The answers in the group's order, once `held` is known: the named bodies that exist now.
    pub(super) fn outcomes(&self, reports: &[ReportToStore], held: &BTreeMap<Digest, ReceivedMonth>) -> Vec<CommitOutcome> {
        let outcome = |(judged, report): (&Judged, &ReportToStore)| match *judged {
            Judged::Stored => {
                let named: BTreeSet<Digest> = report.received.envelope.named().collect();
                CommitOutcome::Stored {
                    missing: named.into_iter().filter(|digest| !held.contains_key(digest)).collect(),
                }
            }
            Judged::Duplicate => CommitOutcome::Duplicate,
            Judged::Forked(head) => CommitOutcome::Forked { head },
            Judged::Gap(head) => CommitOutcome::Gap { head },
            Judged::DeviceUnknown => CommitOutcome::DeviceUnknown,
        };
        self.judged.iter().zip(reports).map(outcome).collect()
    }
}

/// The places whose reports must be known before the group is judged. A report that follows its chain's head stands
/// where nothing can have been stored, so that a healthy fleet's reports look nothing up, in however many months.
pub(super) fn places_in_question(
    reports: &[ReportToStore],
    heads: &HashMap<KeyFingerprint, KnownHead>,
) -> BTreeSet<(KeyFingerprint, ChainPlace)> {
    // Where each chain's head will be; `None` from the first report on that does not follow.
    let mut expected: HashMap<KeyFingerprint, Option<ChainHead>> = HashMap::new();
    let mut places = BTreeSet::new();
    for report in reports {
        let key = report.received.envelope.key;
        let link = ChainLink::of(&report.received);
        let head = expected.entry(key).or_insert_with(|| heads.get(&key).map(|known| known.head));
        *head = head.filter(|head| link.follows(head)).map(|_| link.head());
        if head.is_none() {
            places.insert((key, link.place));
        }
    }
    places
}

fn fork_finding(report: &ReportToStore, head: ChainHead) -> NewFinding {
    let envelope = &report.received.envelope;
    NewFinding {
        device: report.device,
        kind: FindingKind::Fork,
        subject: None,
        detail: json!({ "key": envelope.key, "place": envelope.place, "digest": report.received.digest, "head": head }).to_string(),
        found_at: report.received_at,
    }
}

/// Every break stands in its signed envelope; what people are told is one finding per device and reason.
fn break_finding(report: &ReportToStore) -> NewFinding {
    let envelope = &report.received.envelope;
    NewFinding {
        device: report.device,
        kind: FindingKind::ChainBreak,
        subject: Some(envelope.resumed.map_or_else(|| "unsaid".to_owned(), |reason| word(&reason))),
        detail: json!({
            "key": envelope.key,
            "place": envelope.place,
            "digest": report.received.digest,
            "previous": envelope.previous,
            "resumed": envelope.resumed
        })
        .to_string(),
        found_at: report.received_at,
    }
}
