//! How long a call may take before the database counts as out of reach.
//!
//! A database that hangs (its process stopped, its host gone without a word, its synchronous standby away)
//! answers nothing, and a call that waits for ever holds an agent for ever. The time is kept on this side:
//! PostgreSQL's own `statement_timeout` would cancel a commit's wait for the synchronous standby and report the
//! commit as done, and then a report would be acknowledged that a failover loses.
//!
//! A call that is given up may still have been committed. Whoever asked is told to ask again, and what was
//! stored answers as a duplicate.

use std::time::Duration;

use super::{StoreError, StoreResult};

/// For one group of writes, its commit included.
pub(super) const WRITES: Duration = Duration::from_secs(10);
/// For a question whose answer is one row of the database's own settings.
pub(super) const QUESTION: Duration = Duration::from_secs(5);

/// `work`, if it ends in time.
pub(super) async fn within<T>(limit: Duration, work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    match tokio::time::timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_never_ends_is_an_outage() {
        let never = std::future::pending::<StoreResult<()>>();
        let error = within(Duration::from_millis(1), never).await.unwrap_err();
        assert!(error.is_outage(), "{error:?}");
        assert_eq!(within(WRITES, async { Ok(7) }).await.unwrap(), 7);
    }
}
