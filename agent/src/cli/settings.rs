//! What several commands ask for: the configuration file and the computer's clocks.

use std::path::{Path, PathBuf};

use clap::Args;
use inventory_schema::device::BootId;

use crate::clock::{Moment, SharedClock, TrustedTime};
use crate::config::{AgentConfig, ConfigError};
use crate::platform::{self, FileTree};

#[derive(Debug, Default, Args)]
pub(super) struct ConfigFile {
    /// Файл настроек (по умолчанию /etc/cos-agent/agent.toml, если он есть)
    #[arg(long = "config", value_name = "ФАЙЛ", env = "COS_AGENT_CONFIG")]
    path: Option<PathBuf>,
}

impl ConfigFile {
    pub(super) fn load(&self) -> Result<AgentConfig, ConfigError> {
        AgentConfig::load(self.path.as_deref().map(Path::new))
    }
}

/// The computer's clocks with the last time that the controller told. Where the system names no boot, this
/// process counts as one: trusted time then ends with it.
pub(super) fn system_clock(trusted: Option<TrustedTime>) -> SharedClock {
    let boot = platform::boot_id(&FileTree::live()).unwrap_or_else(BootId::generate);
    SharedClock::new(trusted, move || Moment {
        device: platform::wall_clock(),
        boot,
        uptime: platform::boot_clock(),
    })
}
