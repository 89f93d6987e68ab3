//! Enrollments are recorded in groups: one transaction spends tokens, logs certificates and makes devices.
//!
//! Each is answered when its group is durable. A group that the database refuses is replayed by halves, so that one
//! enrollment harms no other. Called by [`super`].

use inventory_schema::problem::ProblemCode;

use super::outage;
use crate::group_commit::GroupCommit;
use crate::store::Store;
use crate::store::enrollment::{Enrolled, Enrollment};

/// The most enrollments recorded together.
const LARGEST: usize = 128;

/// The task that records enrollments.
#[derive(Debug, Clone)]
pub struct Recorder {
    group: GroupCommit<Enrollment, Result<Enrolled, ProblemCode>>,
}

impl Recorder {
    pub fn start(store: Store) -> Self {
        let commit = move |enrollments: Vec<Enrollment>| {
            let store = store.clone();
            async move { record_by_halves(&store, &enrollments).await }
        };
        Self {
            group: GroupCommit::start(LARGEST, commit),
        }
    }

    pub async fn record(&self, enrollment: Enrollment) -> Result<Enrolled, ProblemCode> {
        self.group.commit_if_room(enrollment).await.unwrap_or(Err(ProblemCode::Busy))
    }
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
