//! Enrollments are recorded in groups: one transaction spends tokens, logs certificates and makes devices.
//!
//! Each is answered when its group is durable. A group that the database refuses is replayed by halves, so that one
//! enrollment harms no other. Called by [`super`].

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use inventory_schema::enrollment::TokenId;
use inventory_schema::likeness::EvidenceItem;
use inventory_schema::problem::ProblemCode;

use super::outage;
use crate::group_commit::GroupCommit;
use crate::store::enrollment::{Enrolled, Enrollment};
use crate::store::evidence::EvidenceNeighbours;
use crate::store::token::Token;
use crate::store::{Scope, Store};

/// The most enrollments recorded together.
const LARGEST: usize = 128;

/// The tasks that read tokens and neighbours, and record enrollments.
#[derive(Debug, Clone)]
pub struct Recorder {
    group: GroupCommit<Enrollment, Result<Enrolled, ProblemCode>>,
    tokens: GroupCommit<TokenId, Result<Option<Arc<Token>>, ProblemCode>>,
    neighbours: GroupCommit<BTreeSet<EvidenceItem>, Result<EvidenceNeighbours, ProblemCode>>,
}

impl Recorder {
    pub fn start(store: Store) -> Self {
        let reading = store.clone();
        let read = move |tokens: Vec<TokenId>| {
            let store = reading.clone();
            async move { read_once_each(&store, &tokens).await }
        };
        let looking = store.clone();
        let look = move |computers: Vec<BTreeSet<EvidenceItem>>| {
            let store = looking.clone();
            async move {
                match store.evidence_neighbours_of_each(&computers).await.map_err(outage) {
                    Ok(neighbours) => neighbours.into_iter().map(Ok).collect(),
                    Err(code) => vec![Err(code); computers.len()],
                }
            }
        };
        let commit = move |enrollments: Vec<Enrollment>| {
            let store = store.clone();
            async move { record_by_halves(&store, &enrollments).await }
        };
        Self {
            group: GroupCommit::start(LARGEST, commit),
            tokens: GroupCommit::start(LARGEST, read),
            neighbours: GroupCommit::start(LARGEST, look),
        }
    }

    /// A token as it is now: a class that enrolls together reads it once.
    pub async fn token(&self, id: TokenId) -> Result<Option<Arc<Token>>, ProblemCode> {
        self.tokens.commit_if_room(id).await.unwrap_or(Err(ProblemCode::Busy))
    }

    /// The devices that share a reading with a computer that comes.
    pub async fn neighbours(&self, items: BTreeSet<EvidenceItem>) -> Result<EvidenceNeighbours, ProblemCode> {
        if items.is_empty() {
            return Ok(EvidenceNeighbours::default());
        }
        self.neighbours.commit_if_room(items).await.unwrap_or(Err(ProblemCode::Busy))
    }

    pub async fn record(&self, enrollment: Enrollment) -> Result<Enrolled, ProblemCode> {
        self.group.commit_if_room(enrollment).await.unwrap_or(Err(ProblemCode::Busy))
    }
}

async fn read_once_each(store: &Store, tokens: &[TokenId]) -> Vec<Result<Option<Arc<Token>>, ProblemCode>> {
    let mut read = HashMap::new();
    for id in tokens {
        if let Entry::Vacant(unread) = read.entry(*id) {
            let token = store.token(Scope::REGION, *id).await.map_err(outage);
            unread.insert(token.map(|token| token.map(Arc::new)));
        }
    }
    tokens.iter().map(|id| read[id].clone()).collect()
}

async fn record_by_halves(store: &Store, enrollments: &[Enrollment]) -> Vec<Result<Enrolled, ProblemCode>> {
    let mut outcomes = Vec::with_capacity(enrollments.len());
    // The part to try next is at the end, so that answers come out in their order.
    let mut parts = vec![enrollments];
    while let Some(part) = parts.pop() {
        match store.record_enrollments(part).await {
            Ok(recorded) => outcomes.extend(recorded.into_iter().map(Ok)),
            Err(error) if error.is_outage() || part.len() == 1 => {
                let code = outage(error);
                outcomes.extend(part.iter().map(|_| Err(code)));
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
