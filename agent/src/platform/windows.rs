//! Windows: where the agent keeps its things, and what the running system tells by itself.
//!
//! The hardware of a running Windows is not read yet: [`UNREAD`] says so in every section. Trees of copied Linux
//! systems are read as everywhere. Called by the shell and by the inventory.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use inventory_schema::Timestamp;
use inventory_schema::device::{BootId, MacAddress};
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use super::FileTree;

/// Key, certificate, ledger and spool live here; the installer gives it to the service's account.
pub const STATE_DIRECTORY: &str = r"C:\ProgramData\cos-agent";

/// The agent's settings. May be absent: every setting has a default.
pub const CONFIG_FILE: &str = r"C:\ProgramData\cos-agent\agent.toml";

/// Why a section of the running system is incomplete.
pub const UNREAD: Option<&str> = Some("this version of the agent does not read the hardware of Windows");

/// The computer's own idea of the time.
pub fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// Time since boot in whole seconds, sleep included.
pub fn boot_clock() -> Duration {
    // GetTickCount64 cannot fail.
    Duration::from_secs(System::uptime().unwrap_or_default())
}

/// Windows names its boots nowhere that can be read without its own interfaces; callers make one for each run of
/// the agent.
pub fn boot_id(_: &FileTree) -> Option<BootId> {
    None
}

/// The name of the architecture: `x86_64`, `arm64`.
pub fn machine_architecture() -> String {
    System::cpu_arch()
}

/// The cards' own addresses by the number of the interface: none, as long as cards are not read.
pub fn own_addresses() -> io::Result<BTreeMap<u32, MacAddress>> {
    Ok(BTreeMap::new())
}

/// Memory that the running system can use, in bytes. `None` where the system does not tell.
pub fn usable_memory() -> Option<u64> {
    let wanted = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let bytes = System::new_with_specifics(wanted).ok()?.total_memory();
    (bytes > 0).then_some(bytes)
}

/// Resolves when the terminal asks this process to end.
pub async fn asked_to_stop() {
    // Where nobody can ask, nobody does.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
