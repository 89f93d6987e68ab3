//! Signs of life: which device was heard of when, committed in groups.
//!
//! Called by check-ins; a check-in is answered only after its sign of life is durable.

use inventory_schema::problem::ProblemCode;

use crate::enrollment::outage;
use crate::group_commit::GroupCommit;
use crate::store::Store;
use crate::store::device::Seen;

/// The most check-ins committed together.
const LARGEST: usize = 512;

/// The task that records who was heard of.
#[derive(Debug, Clone)]
pub struct Presence {
    group: GroupCommit<Seen, Result<(), ProblemCode>>,
}

impl Presence {
    pub fn start(store: Store) -> Self {
        let commit = move |seen: Vec<Seen>| {
            let store = store.clone();
            async move {
                let outcome = store.touch_devices(&seen).await.map_err(outage);
                vec![outcome; seen.len()]
            }
        };
        Self {
            group: GroupCommit::start(LARGEST, commit),
        }
    }

    pub async fn record(&self, seen: Seen) -> Result<(), ProblemCode> {
        self.group.commit(seen).await.unwrap_or(Err(ProblemCode::Busy))
    }
}
