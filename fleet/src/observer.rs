//! Watches the controller's process: memory and connections, a few times a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

/// What was seen; nothing where the controller is no process of ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Observed {
    pub peak_resident_kib: u64,
    pub last_resident_kib: u64,
    pub peak_connections: usize,
}

#[derive(Debug)]
pub struct Observer {
    seen: Arc<Mutex<Observed>>,
    watching: Option<JoinHandle<()>>,
}

const EVERY: Duration = Duration::from_millis(250);

impl Observer {
    pub fn start(process: Option<u32>) -> Self {
        let seen: Arc<Mutex<Observed>> = Arc::default();
        let watching = process.map(|process| tokio::spawn(watch(process, seen.clone())));
        Self { seen, watching }
    }

    pub fn stop(&mut self) -> Observed {
        if let Some(watching) = self.watching.take() {
            watching.abort();
        }
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn watch(process: u32, seen: Arc<Mutex<Observed>>) {
    let mut ticks = tokio::time::interval(EVERY);
    // The database's own files and the listeners are no connections.
    let at_rest = sockets(process);
    loop {
        ticks.tick().await;
        let (resident, connections) = (resident_kib(process), sockets(process).saturating_sub(at_rest));
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.last_resident_kib = resident;
        seen.peak_resident_kib = seen.peak_resident_kib.max(resident);
        seen.peak_connections = seen.peak_connections.max(connections);
    }
}

fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

/// Open files, nearly all of them connections.
fn sockets(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count)
}
