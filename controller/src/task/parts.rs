//! Reads parts from the sections that changed, and decides whose they are where several devices state them.
//!
//! Which sections are due is said by the rows themselves, so that a run that was broken off is finished by the next, on
//! whichever controller, and a database from before is read once as a whole.

use inventory_schema::Timestamp;

use crate::store::{Store, StoreError};

const TASK: &str = "parts";

/// One run; answers how many sections were read.
pub async fn run(store: &Store, now: Timestamp) -> Result<usize, StoreError> {
    let Some(_held) = store.exclusively(TASK).await? else {
        return Ok(0);
    };
    let mut read = 0;
    loop {
        match store.take_in_parts().await? {
            0 => break,
            some => read += some,
        }
    }
    store.decide_parts(now).await?;
    Ok(read)
}
