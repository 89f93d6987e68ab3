//! Who is waiting in a long poll, and waking them: in this process only.
//!
//! What a device should learn stands in the database; a wake-up says «look again» and nothing else, so a
//! lost one costs a wait and never an answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use inventory_schema::DeviceId;
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub struct Waiting {
    devices: Mutex<HashMap<DeviceId, Arc<Notify>>>,
    collect: Mutex<std::collections::HashSet<DeviceId>>,
    count: AtomicUsize,
}

/// A place among the waiting; leaving it is dropping it.
#[derive(Debug)]
pub struct Place<'w> {
    waiting: &'w Waiting,
    device: DeviceId,
    notify: Arc<Notify>,
}

impl Waiting {
    /// How many devices wait now.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes a place. Wake-ups from now on are not missed.
    pub fn enter(&self, device: DeviceId) -> Place<'_> {
        let notify = self.lock().entry(device).or_default().clone();
        self.count.fetch_add(1, Ordering::Relaxed);
        Place {
            waiting: self,
            device,
            notify,
        }
    }

    /// Makes the device's waiting check-in answer at once, if there is one.
    pub fn wake(&self, device: DeviceId) {
        if let Some(notify) = self.lock().get(&device) {
            notify.notify_waiters();
        }
    }

    /// Makes every waiting check-in answer: something that concerns all has changed, or the controller stops.
    pub fn wake_all(&self) {
        self.lock().values().for_each(|notify| notify.notify_waiters());
    }

    /// Asks the device to look at its hardware now: with its next answer, which is at once if it waits.
    pub fn ask_to_collect(&self, device: DeviceId) {
        self.collect.lock().unwrap_or_else(PoisonError::into_inner).insert(device);
        self.wake(device);
    }

    /// Whether it was asked to; asked once, answered once.
    pub fn take_collect(&self, device: DeviceId) -> bool {
        self.collect.lock().unwrap_or_else(PoisonError::into_inner).remove(&device)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<DeviceId, Arc<Notify>>> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// A future that ends at the next wake-up. It counts from this call, not from the first poll.
    pub fn woken(&self) -> tokio::sync::futures::Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.count.fetch_sub(1, Ordering::Relaxed);
        let mut devices = self.waiting.lock();
        // The map's own handle and this one: nobody else waits for this device.
        if Arc::strong_count(&self.notify) == 2 {
            devices.remove(&self.device);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wake_up_reaches_its_device_and_no_other() {
        let waiting = Waiting::default();
        let (one, other) = (DeviceId::generate(), DeviceId::generate());
        let (one_place, other_place) = (waiting.enter(one), waiting.enter(other));
        let (one_woken, mut other_woken) = (one_place.woken(), std::pin::pin!(other_place.woken()));
        waiting.wake(one);
        one_woken.await;
        assert!(!other_woken.as_mut().enable(), "the other was woken");
        assert_eq!(waiting.count(), 2);
    }

    #[test]
    fn those_who_leave_are_forgotten() {
        let waiting = Waiting::default();
        let device = DeviceId::generate();
        drop(waiting.enter(device));
        assert_eq!(waiting.count(), 0);
        assert!(waiting.lock().is_empty());
        waiting.ask_to_collect(device);
        assert!(waiting.take_collect(device));
        assert!(!waiting.take_collect(device));
    }
}
