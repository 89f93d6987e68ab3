//! Many devices at once: in rounds that begin together, or each without a pause until told to stop.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use inventory_schema::enrollment::EnrollmentToken;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::answer_log::AnswerLog;
use crate::device::{Attempt, Device};

/// The pause after an attempt that failed; agents pause longer.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Fleet {
    pub devices: Vec<Device>,
    pub log: Arc<AnswerLog>,
    /// Reports in a batch.
    batch: usize,
}

impl Fleet {
    /// Enrolls `count` computers with one token.
    pub async fn enroll(token: &EnrollmentToken, folder: &Path, count: usize, batch: usize) -> Self {
        let at_once = Arc::new(Semaphore::new(16));
        let mut enrolling = JoinSet::new();
        for number in 0..count {
            let (token, folder, at_once) = (token.clone(), folder.to_owned(), at_once.clone());
            enrolling.spawn(async move {
                let _place = at_once.acquire().await.unwrap();
                Device::enroll(&token, &folder, number).await
            });
        }
        Self {
            devices: enrolling.join_all().await,
            log: Arc::new(AnswerLog::create(&folder.join("answers.log"))),
            batch,
        }
    }

    /// Every device sends one batch, at once.
    pub fn release(&mut self) -> JoinSet<Device> {
        let mut devices = std::mem::take(&mut self.devices);
        devices.iter_mut().for_each(|device| device.prepare(self.batch, &self.log));
        let mut round = JoinSet::new();
        for mut device in devices {
            let log = self.log.clone();
            round.spawn(async move {
                // What was not answered stays with the device.
                device.deliver(&log).await;
                device
            });
        }
        round
    }

    /// Takes the devices back at the end of their round.
    pub async fn gather(&mut self, round: JoinSet<Device>) {
        self.devices = round.join_all().await;
    }

    /// Delivers what waits, for as long as it takes.
    pub async fn settle(&mut self) {
        let mut settling = JoinSet::new();
        for mut device in std::mem::take(&mut self.devices) {
            let log = self.log.clone();
            settling.spawn(async move {
                while device.deliver(&log).await != Attempt::Delivered {
                    tokio::time::sleep(PAUSE).await;
                }
                device
            });
        }
        self.gather(settling).await;
    }

    /// Sends without a pause until [`Load::end`].
    pub fn work(mut self) -> Load {
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for mut device in std::mem::take(&mut self.devices) {
            let (log, batch, stopping) = (self.log.clone(), self.batch, stopping.clone());
            tasks.spawn(async move {
                while !*stopping.borrow() {
                    device.prepare(batch, &log);
                    if device.deliver(&log).await != Attempt::Delivered {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                device
            });
        }
        Load { fleet: self, stop, tasks }
    }
}

/// A fleet at work.
#[derive(Debug)]
pub struct Load {
    fleet: Fleet,
    stop: watch::Sender<bool>,
    tasks: JoinSet<Device>,
}

impl Load {
    pub fn log(&self) -> Arc<AnswerLog> {
        self.fleet.log.clone()
    }

    /// Waits until this many reports more were acknowledged.
    pub async fn until_acknowledged(&self, more: usize) {
        let before = self.fleet.log.len();
        crate::event::until("reports are acknowledged", async || {
            (self.fleet.log.len() >= before + more).then_some(())
        })
        .await;
    }

    /// The fleet, with whatever was under way answered.
    pub async fn end(mut self) -> Fleet {
        self.stop.send_replace(true);
        self.fleet.gather(self.tasks).await;
        self.fleet.settle().await;
        self.fleet
    }
}
