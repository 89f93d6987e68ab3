//! Linux: where the agent keeps its things, and what the running system tells by itself.
//!
//! Called by the shell (clocks) and by the inventory (memory, architecture). Starts no program and opens
//! no socket.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use inventory_schema::Timestamp;
use inventory_schema::device::BootId;
use rustix::time::ClockId;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use super::FileTree;

/// Key, certificate, ledger and spool live here; only the agent's user may read it.
pub const STATE_DIRECTORY: &str = "/var/lib/cos-agent";

/// The agent's settings. May be absent: every setting has a default.
pub const CONFIG_FILE: &str = "/etc/cos-agent/agent.toml";

/// Why a section of the running system is incomplete: none is.
pub const UNREAD: Option<&str> = None;

/// The computer's own idea of the time. Wrong by years where the CMOS battery is dead, so it is reported
/// and never relied on alone.
pub fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// Time since boot, sleep included: it never goes back and nobody sets it, so it carries trusted time on
/// from the last answer of the controller.
pub fn boot_clock() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Names this run of the operating system: boot clocks are compared only under one boot id. `None` where
/// `/proc` is not mounted.
pub fn boot_id(tree: &FileTree) -> Option<BootId> {
    tree.line("proc/sys/kernel/random/boot_id")?.parse().ok()
}

/// The kernel's name for the architecture it runs on: `x86_64`, `aarch64`, `e2k`.
pub fn machine_architecture() -> String {
    rustix::system::uname().machine().to_string_lossy().into_owned()
}

/// Memory that the running system can use, in bytes. `None` where the system does not tell. Refreshes
/// nothing else: a walk over all processes would cost a hundred times as much.
pub fn usable_memory() -> Option<u64> {
    let wanted = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let bytes = System::new_with_specifics(wanted).ok()?.total_memory();
    (bytes > 0).then_some(bytes)
}

/// Resolves when the service manager or the terminal asks this process to end.
pub async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be awaited in a runtime");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_agrees_with_the_kernels_uptime() {
        let before = boot_clock();
        let uptime = FileTree::live().line("proc/uptime").unwrap();
        let after = boot_clock();
        let seconds: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let stated = Duration::from_secs_f64(seconds);
        let tick = Duration::from_millis(20);
        assert!(before <= stated + tick && stated <= after + tick, "{before:?} {stated:?} {after:?}");
    }

    #[test]
    fn one_boot_has_one_id() {
        let tree = FileTree::live();
        assert!(boot_id(&tree).is_some());
        assert_eq!(boot_id(&tree), boot_id(&tree));
    }

    #[test]
    fn the_wall_clock_is_within_this_century() {
        assert!(wall_clock() > "2026-01-01T00:00:00.000000Z".parse().unwrap());
    }
}
