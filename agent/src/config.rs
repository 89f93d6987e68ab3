//! `agent.toml` to [`AgentConfig`].
//!
//! One struct per concern, the default beside its field, unknown keys refused. The sample that is printed by
//! `cos-agent config print` is compiled in and tested against these types. Environment variables are not
//! read here; the command line passes the file's path.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use inventory_schema::enrollment::{ControllerUrl, ProxyUrl};
use serde::Deserialize;

/// Where the file is looked for unless `--config` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/cos-agent/agent.toml";

/// The commented sample: what `cos-agent config print` shows.
pub const SAMPLE: &str = include_str!("../../packaging/config/agent.toml");

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentConfig {
    pub state_dir: PathBuf,
    /// Instead of the addresses that the token gave.
    pub controllers: Vec<ControllerUrl>,
    pub inventory_interval_seconds: InventoryInterval,
    /// Where the second unit, with the administrator's rights, waits; without it this process looks at the
    /// hardware with the rights it has.
    pub privileged_socket: Option<PathBuf>,
    /// Ask the printers in the network that the queues of CUPS name who they are, by SNMP.
    pub network_printers: bool,
    pub proxy: ProxyConfig,
    pub spool: SpoolConfig,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            state_dir: PathBuf::from("/var/lib/cos-agent"),
            controllers: Vec::new(),
            inventory_interval_seconds: InventoryInterval(86_400),
            privileged_socket: None,
            network_printers: false,
            proxy: ProxyConfig::default(),
            spool: SpoolConfig::default(),
        }
    }
}

/// How to leave the school's network. Nothing set: the token's proxy, else the system's.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxyConfig {
    pub url: Option<ProxyUrl>,
    pub login: Option<String>,
    pub password: Option<String>,
    /// Never use a proxy, whoever names one.
    pub direct: bool,
}

impl std::fmt::Debug for ProxyConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProxyConfig")
            .field("url", &self.url)
            .field("login", &self.login)
            .field("password", &self.password.as_ref().map(|_| "hidden"))
            .field("direct", &self.direct)
            .finish()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpoolConfig {
    /// All files of the spool together.
    pub max_bytes: u64,
    /// Reports and tombstones together, at least 1.
    pub max_reports: usize,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_reports: 4096,
        }
    }
}

/// From five minutes to a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct InventoryInterval(u64);

impl InventoryInterval {
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl TryFrom<u64> for InventoryInterval {
    type Error = String;

    fn try_from(seconds: u64) -> Result<Self, String> {
        if (300..=604_800).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(format!("{seconds} seconds is outside 300 to 604800"))
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{0} cannot be read")]
    Read(PathBuf, #[source] io::Error),
    #[error("{path}, line {line}, key «{key}»: {message}")]
    Invalid {
        path: PathBuf,
        line: usize,
        key: String,
        message: String,
    },
}

impl AgentConfig {
    /// Reads `path`, or the default place, where a missing file means the defaults.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let place = path.unwrap_or(Path::new(DEFAULT_PATH));
        match std::fs::read_to_string(place) {
            Ok(text) => Self::parse(&text, place),
            Err(error) if path.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(ConfigError::Read(place.to_owned(), error)),
        }
    }

    /// # Errors
    /// Name the file, the line and the key at fault.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| invalid(text, path, &error))?;
        config.check().map_err(|(key, message)| ConfigError::Invalid {
            path: path.to_owned(),
            line: line_of_key(text, key),
            key: key.to_owned(),
            message: message.to_owned(),
        })?;
        Ok(config)
    }

    /// What the types alone cannot say.
    fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let proxy = &self.proxy;
        if proxy.direct && proxy.url.is_some() {
            return Err(("direct", "either a proxy's url or direct, not both"));
        }
        if proxy.login.is_some() != proxy.password.is_some() {
            return Err((
                if proxy.login.is_some() { "login" } else { "password" },
                "login and password go together",
            ));
        }
        if self.spool.max_reports == 0 {
            return Err(("max_reports", "at least one report must fit"));
        }
        Ok(())
    }
}

fn invalid(text: &str, path: &Path, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text[..start].matches('\n').count();
    let written = text.lines().nth(line).unwrap_or_default();
    ConfigError::Invalid {
        path: path.to_owned(),
        line: line + 1,
        key: written.split('=').next().unwrap_or_default().trim().to_owned(),
        message: error.message().lines().collect::<Vec<_>>().join("; "),
    }
}

fn line_of_key(text: &str, key: &str) -> usize {
    text.lines()
        .position(|line| line.split('=').next().is_some_and(|name| name.trim() == key))
        .map_or(1, |line| line + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<AgentConfig, ConfigError> {
        AgentConfig::parse(text, Path::new("agent.toml"))
    }

    fn message(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    /// The sample with its settings switched on.
    fn uncommented() -> String {
        SAMPLE
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if setting.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => setting,
                _ => line,
            })
            .filter(|line| !line.starts_with("direct"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn the_sample_as_shipped_is_the_default() {
        assert_eq!(parse(SAMPLE).unwrap(), AgentConfig::default());
    }

    #[test]
    fn every_setting_of_the_sample_is_a_known_one_and_shows_the_default() {
        let config = parse(&uncommented()).unwrap();
        assert_eq!(config.proxy.url.unwrap().as_str(), "http://10.0.59.52:3128");
        assert_eq!(config.controllers.len(), 1);
        let default = AgentConfig::default();
        assert_eq!(
            (config.spool, config.state_dir, config.inventory_interval_seconds),
            (default.spool, default.state_dir, default.inventory_interval_seconds)
        );
    }

    #[test]
    fn errors_name_file_line_and_key() {
        let text = message("state_dir = \"/var/lib/cos-agent\"\ninventory_intervall_seconds = 5\n");
        assert!(
            text.starts_with("agent.toml, line 2, key «inventory_intervall_seconds»: unknown field"),
            "{text}"
        );
        let text = message("[spool]\nmax_bytes = \"many\"\n");
        assert!(text.starts_with("agent.toml, line 2, key «max_bytes»: invalid type"), "{text}");
        let text = message("controllers = [\"http://plain.example\"]\n");
        assert!(text.starts_with("agent.toml, line 1, key «controllers»: "), "{text}");
        let text = message("\n\ninventory_interval_seconds = 5\n");
        assert!(text.contains("line 3") && text.contains("outside 300 to 604800"), "{text}");
        let text = message("[proxy]\nurl = \"http://proxy:3128\"\ndirect = true\n");
        assert!(text.starts_with("agent.toml, line 3, key «direct»"), "{text}");
        let text = message("[proxy]\nlogin = \"pc\"\n");
        assert!(text.contains("go together"), "{text}");
    }

    #[test]
    fn a_file_that_was_named_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("agent.toml");
        assert!(matches!(AgentConfig::load(Some(&missing)), Err(ConfigError::Read(..))));
    }

    #[test]
    fn a_password_is_not_printed() {
        let config = parse("[proxy]\nlogin = \"pc\"\npassword = \"geheim\"\n").unwrap();
        assert!(!format!("{config:?}").contains("geheim"));
    }
}
