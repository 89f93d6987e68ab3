//! Who is waiting in a long poll at this controller, and waking them when a change concerns them.
//!
//! What a device should learn stands in the database; a wake-up says «look again» and nothing else, so a lost one
//! costs a wait and never an answer. Which devices to wake is read from the database too ([`keep_waking`]): what
//! one controller changes reaches those who wait at another in the same way as those who wait at itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use inventory_schema::{DeviceId, Timestamp};
use tokio::sync::Notify;

use crate::store::{Store, StoreResult};

/// Before news that could not be read are asked for again.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Waiting {
    /// A device may wait more than once: its earlier connection may be dead, or its disk have a twin.
    places: Mutex<BTreeMap<(DeviceId, u64), Arc<Notify>>>,
    entered: AtomicU64,
    /// When everybody was last asked to look at their hardware, once it has been read.
    collection: Mutex<Option<Timestamp>>,
}

/// A place among the waiting; leaving it is dropping it.
#[derive(Debug)]
pub struct Place {
    waiting: Arc<Waiting>,
    name: (DeviceId, u64),
    bell: Arc<Notify>,
}

impl Waiting {
    /// How many wait now.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Takes a place. Wake-ups from now on are not missed.
    pub fn enter(self: &Arc<Self>, device: DeviceId) -> Place {
        let name = (device, self.entered.fetch_add(1, Ordering::Relaxed));
        let bell = Arc::new(Notify::new());
        self.lock().insert(name, bell.clone());
        Place {
            waiting: self.clone(),
            name,
            bell,
        }
    }

    /// Makes the device's waiting check-in look again, if there is one.
    pub fn wake(&self, device: DeviceId) {
        let places = self.lock();
        places
            .range((device, 0)..=(device, u64::MAX))
            .for_each(|(_, bell)| bell.notify_one());
    }

    /// Makes everyone look again: something that concerns all has changed, or the controller stops.
    pub fn wake_all(&self) {
        self.lock().values().for_each(|bell| bell.notify_one());
    }

    /// The newest order to everybody to look at their hardware; `None`: not read yet. Whoever takes a place and then finds an older one here is
    /// woken when the newer one is read.
    pub fn collection(&self) -> Option<Timestamp> {
        *self.collection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(DeviceId, u64), Arc<Notify>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Ends at the next wake-up since the place was taken or since the last one was waited for.
    pub async fn woken(&self) {
        self.bell.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.name);
    }
}

/// Wakes whoever a change concerns, for as long as it is polled.
pub async fn keep_waking(store: Store, waiting: Arc<Waiting>) {
    let mut listening = store.listen();
    let mut number = None;
    loop {
        match wake_after(&store, &waiting, number).await {
            Ok(newest) => {
                number = Some(newest);
                listening.changed().await;
            }
            Err(error) => {
                tracing::warn!(error = %crate::error_chain(&error), "it could not be read who is to be woken");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

async fn wake_after(store: &Store, waiting: &Waiting, number: Option<i64>) -> StoreResult<i64> {
    let news = store.news_after(number).await?;
    *waiting.collection.lock().unwrap_or_else(PoisonError::into_inner) = Some(news.collection);
    // What changed before the first look is not known: whoever waits already looks again.
    if news.everyone || number.is_none() {
        waiting.wake_all();
    } else {
        news.devices.into_iter().for_each(|device| waiting.wake(device));
    }
    Ok(news.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wake_up_reaches_its_device_and_no_other() {
        let waiting = Arc::new(Waiting::default());
        let (one, other) = (DeviceId::generate(), DeviceId::generate());
        let (first, twin, stranger) = (waiting.enter(one), waiting.enter(one), waiting.enter(other));
        waiting.wake(one);
        // It counts from entering on, whether or not anyone listened yet.
        first.woken().await;
        twin.woken().await;
        let slept = tokio::time::timeout(Duration::from_millis(1), stranger.woken()).await;
        assert!(slept.is_err(), "the other was woken");
        waiting.wake_all();
        stranger.woken().await;
        assert_eq!(waiting.count(), 3);
    }

    #[test]
    fn those_who_leave_are_forgotten() {
        let waiting = Arc::new(Waiting::default());
        let place = waiting.enter(DeviceId::generate());
        assert_eq!(waiting.count(), 1);
        drop(place);
        assert_eq!(waiting.count(), 0);
    }
}
