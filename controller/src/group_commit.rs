//! Many writers, few transactions: whatever waits is committed together, and each writer is answered only
//! after its group is durable (promise 1).
//!
//! It knows nothing of what is committed. A group begins when the one before it ended, so that a slow disk
//! makes larger groups and not longer queues. Called by report intake and by check-ins.

use std::future::Future;

use tokio::sync::{mpsc, oneshot};

/// Hands items to the task that commits them.
#[derive(Debug)]
pub struct GroupCommit<Item, Outcome> {
    sender: mpsc::Sender<(Item, oneshot::Sender<Outcome>)>,
}

impl<Item, Outcome> Clone for GroupCommit<Item, Outcome> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
        }
    }
}

/// Nothing was committed: the line is too long, or the controller is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the controller has no time now")]
pub struct NoTime;

/// How many groups may wait for theirs: more is more than can be answered soon.
const GROUPS_IN_LINE: usize = 32;

impl<Item: Send + 'static, Outcome: Send + 'static> GroupCommit<Item, Outcome> {
    /// Starts the task. `commit` gets at most `largest` items and answers one outcome for each, in order.
    /// It ends when every handle is dropped and what waits is committed.
    pub fn start<F, Fut>(largest: usize, commit: F) -> Self
    where
        F: Fn(Vec<Item>) -> Fut + Send + 'static,
        Fut: Future<Output = Vec<Outcome>> + Send,
    {
        let (sender, mut receiver) = mpsc::channel::<(Item, oneshot::Sender<Outcome>)>(largest * GROUPS_IN_LINE);
        tokio::spawn(async move {
            let mut waiting = Vec::with_capacity(largest);
            while receiver.recv_many(&mut waiting, largest).await > 0 {
                let (items, writers): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
                let outcomes = commit(items).await;
                debug_assert_eq!(outcomes.len(), writers.len(), "every item has an outcome");
                for (writer, outcome) in writers.into_iter().zip(outcomes) {
                    // A writer that went away finds its outcome when it asks again.
                    let _ = writer.send(outcome);
                }
            }
        });
        Self { sender }
    }

    /// Waits until the item's group is committed.
    pub async fn commit(&self, item: Item) -> Result<Outcome, NoTime> {
        let (answer, outcome) = oneshot::channel();
        self.sender.send((item, answer)).await.map_err(|_| NoTime)?;
        outcome.await.map_err(|_| NoTime)
    }

    /// As [`Self::commit`], but `Err` at once where the line is too long: whoever asks should come later.
    pub async fn commit_if_room(&self, item: Item) -> Result<Outcome, NoTime> {
        let (answer, outcome) = oneshot::channel();
        self.sender.try_send((item, answer)).map_err(|_| NoTime)?;
        outcome.await.map_err(|_| NoTime)
    }

    /// Commits several items, in their order, and waits for all.
    pub async fn commit_all(&self, items: Vec<Item>) -> Result<Vec<Outcome>, NoTime> {
        let mut pending = Vec::with_capacity(items.len());
        for item in items {
            let (answer, outcome) = oneshot::channel();
            self.sender.send((item, answer)).await.map_err(|_| NoTime)?;
            pending.push(outcome);
        }
        let mut outcomes = Vec::with_capacity(pending.len());
        for outcome in pending {
            outcomes.push(outcome.await.map_err(|_| NoTime)?);
        }
        Ok(outcomes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn what_arrives_during_a_commit_is_committed_together() {
        let (gate, begun, sizes) = (
            Arc::new(Semaphore::new(0)),
            Arc::new(Semaphore::new(0)),
            Arc::new(std::sync::Mutex::new(Vec::new())),
        );
        let (commit_gate, commit_begun, commit_sizes) = (gate.clone(), begun.clone(), sizes.clone());
        let group = GroupCommit::start(8, move |items: Vec<u32>| {
            let (gate, begun, sizes) = (commit_gate.clone(), commit_begun.clone(), commit_sizes.clone());
            async move {
                begun.add_permits(1);
                gate.acquire().await.expect("the gate stays open").forget();
                sizes.lock().expect("no panic holds it").push(items.len());
                items.into_iter().map(|item| item * 10).collect()
            }
        });
        let first = tokio::spawn({
            let group = group.clone();
            async move { group.commit(1).await }
        });
        begun.acquire().await.unwrap().forget();
        let rest = tokio::spawn({
            let group = group.clone();
            async move { group.commit_all(vec![2, 3, 4]).await }
        });
        while group.sender.max_capacity() - group.sender.capacity() < 3 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(2);
        assert_eq!(first.await.unwrap(), Ok(10));
        assert_eq!(rest.await.unwrap(), Ok(vec![20, 30, 40]));
        assert_eq!(*sizes.lock().unwrap(), [1, 3]);
    }
}
