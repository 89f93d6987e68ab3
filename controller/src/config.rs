//! `controller.toml`: what one region's administrator decides, a struct per concern, each default beside its field.
//!
//! Unknown keys are refused, and every complaint names file, line and key: a setting that is mistyped must not
//! silently mean its default. Values are checked types ([`value`]), so that nobody checks them again. The commented
//! sample ([`SAMPLE`]) is compiled in for `cos-controller config print`, and a test holds it equal to the defaults.
//!
//! Pure but for [`Config::load`]. Called by `cli/`.

pub mod value;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use inventory_schema::RegionId;
use inventory_schema::check_in::MAX_WAIT_SECONDS;
use inventory_schema::measurement::verdict::Rule;
use inventory_schema::measurement::{Layer, ServerId, ServerPlace, ServerTitle};
use inventory_schema::organization::PlaceName;
use serde::{Deserialize, Serialize};

use crate::line::LineSettings;
use crate::line::lessons::LessonHours;
use value::Bounded;
pub use value::{ClockTime, DatabaseUrl, HostName, LogFilter, TimeZoneName};

/// The commented sample, as it is installed.
pub const SAMPLE: &str = include_str!("../../packaging/config/controller.toml");

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub region: Region,
    #[serde(default)]
    pub device_listener: DeviceListener,
    #[serde(default)]
    pub people_listener: PeopleListener,
    #[serde(default)]
    pub database: Database,
    #[serde(default)]
    pub authority: AuthorityFiles,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub check_in: CheckIn,
    #[serde(default)]
    pub retention: Retention,
    #[serde(default)]
    pub measurement: MeasuringServer,
    #[serde(default)]
    pub line: Line,
    #[serde(default)]
    pub log: Log,
}

/// The region this controller serves. It has no default: a controller that believes it is another region would
/// issue certificates that its devices can never use elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// ISO 3166-2: `RU-PER`.
    pub id: RegionId,
    pub name: PlaceName,
    /// In which times are shown where a municipality has none of its own.
    pub time_zone: TimeZoneName,
}

/// Where agents connect to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceListener {
    pub address: SocketAddr,
    /// DNS names and IP addresses: in the certificate, and, with the port, in every token, in this order.
    pub names: Vec<HostName>,
    /// The port that agents use, where a balancer or a port forwarding stands in front.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_port: Option<u16>,
}

impl Default for DeviceListener {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([0, 0, 0, 0], 8443)),
            names: vec![HostName::localhost()],
            public_port: None,
        }
    }
}

impl DeviceListener {
    /// What a token tells agents to try: `https://name:port`, `bound` being the port that was listened on.
    pub fn urls(&self, bound: u16) -> Vec<String> {
        let port = self.public_port.unwrap_or(bound);
        self.names.iter().map(|name| format!("https://{}:{port}", name.in_url())).collect()
    }

    pub fn certificate_names(&self) -> Vec<String> {
        self.names.iter().map(ToString::to_string).collect()
    }
}

/// Where people open the pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PeopleListener {
    pub address: SocketAddr,
    /// For the certificate of the own authority, where no files are given.
    pub names: Vec<HostName>,
    /// PEM: the chain, the server's own certificate first. Given together with `key`, or neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// PEM: the private key of `certificate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

impl Default for PeopleListener {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([0, 0, 0, 0], 9443)),
            names: vec![HostName::localhost()],
            certificate: None,
            key: None,
        }
    }
}

impl PeopleListener {
    /// The certificate's and the key's file, if people are served with a certificate from elsewhere.
    pub fn files(&self) -> Option<(&Path, &Path)> {
        Some((self.certificate.as_deref()?, self.key.as_deref()?))
    }

    pub fn certificate_names(&self) -> Vec<String> {
        self.names.iter().map(ToString::to_string).collect()
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: DatabaseUrl,
}

/// Where the certificate authority's files lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthorityFiles {
    pub directory: PathBuf,
}

impl Default for AuthorityFiles {
    fn default() -> Self {
        Self {
            directory: "/var/lib/cos-controller/authority".into(),
        }
    }
}

/// What one client may cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a device's request as it travels, compressed.
    pub device_body_bytes: Bounded<1024, 67_108_864>,
    /// Bytes of a device's request after decompression.
    pub device_body_decompressed_bytes: Bounded<1024, 268_435_456>,
    /// Bytes of reports, as they travel, that one device may send in an hour; saved up for 32 hours.
    pub device_hourly_report_bytes: Bounded<65_536, 1_073_741_824>,
    /// Bytes of a file that people import.
    pub import_bytes: Bounded<1024, 268_435_456>,
    /// Connections of devices at one time.
    pub device_connections: Bounded<1, 1_000_000>,
    /// Connections of people at one time.
    pub people_connections: Bounded<1, 100_000>,
    /// Check-ins that wait for news at one time; beyond it agents are told to come back without waiting.
    pub waiting_check_ins: Bounded<0, 1_000_000>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            device_body_bytes: Bounded::of(4 * 1024 * 1024),
            device_body_decompressed_bytes: Bounded::of(32 * 1024 * 1024),
            device_hourly_report_bytes: Bounded::of(1024 * 1024),
            import_bytes: Bounded::of(32 * 1024 * 1024),
            device_connections: Bounded::of(20_000),
            people_connections: Bounded::of(2_000),
            waiting_check_ins: Bounded::of(18_000),
        }
    }
}

/// When agents come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckIn {
    /// Between the end of one check-in and the next, when nothing waits.
    pub interval_seconds: Bounded<1, 86_400>,
    /// How long a check-in waits for news. Proxies cut requests longer than 50 s.
    pub wait_seconds: Bounded<0, MAX_WAIT_SECONDS>,
}

impl Default for CheckIn {
    fn default() -> Self {
        Self {
            interval_seconds: Bounded::of(60),
            wait_seconds: Bounded::of(50),
        }
    }
}

impl CheckIn {
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_seconds.value())
    }

    pub fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_seconds.value())
    }
}

/// How long reports are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Whole months beside the running one; 0 keeps everything.
    pub months: Bounded<0, 1_200>,
}

impl Default for Retention {
    fn default() -> Self {
        // Papers of a contract are asked for within five years.
        Self { months: Bounded::of(60) }
    }
}

impl Retention {
    /// `None`: everything is kept.
    pub fn keep(&self) -> Option<u16> {
        u16::try_from(self.months.value()).ok().filter(|months| *months > 0)
    }
}

/// The far end that lines are measured against, where this controller is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeasuringServer {
    /// Absent: this controller measures nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// As leases and results call it.
    pub id: ServerId,
    /// As people call it.
    pub title: ServerTitle,
    /// Where it stands: a part of every result.
    pub place: ServerPlace,
    /// The rate of its port; at most four fifths of it are taken at one time.
    pub port_mbits: Bounded<1, 400_000>,
    pub sessions: Bounded<1, 10_000>,
    /// Measurements a minute for those who have no lease; none by default.
    pub anonymous_per_minute: Bounded<0, 6_000>,
    pub anonymous_highest_mbits: Bounded<1, 5_000>,
    /// Absent: `measurement.key` in the authority's directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
}

impl Default for MeasuringServer {
    fn default() -> Self {
        Self {
            address: None,
            id: "controller".parse().expect("a valid name"),
            title: "Контроллер региона".parse().expect("a valid title"),
            place: ServerPlace::RegionalNode,
            port_mbits: Bounded::of(1_000),
            sessions: Bounded::of(64),
            anonymous_per_minute: Bounded::of(0),
            anonymous_highest_mbits: Bounded::of(100),
            key_file: None,
        }
    }
}

/// How the lines of buildings are judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Line {
    /// What the norm's megabits count.
    pub layer: NormLayer,
    /// Thousandths of the norm that may be missing.
    pub tolerance_thousandths: Bounded<0, 100>,
    /// By the municipality's clock.
    pub lessons_from: ClockTime,
    pub lessons_to: ClockTime,
    pub saturdays: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            layer: NormLayer::Ip,
            tolerance_thousandths: Bounded::of(0),
            lessons_from: ClockTime::of(8, 30),
            lessons_to: ClockTime::of(15, 0),
            saturdays: true,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormLayer {
    /// IP packets, headers included: the indicator as it stands.
    Ip,
    /// What occupies the wire, as a «100 Mb/s port» has it.
    Contract,
}

impl Line {
    pub fn settings(&self) -> LineSettings {
        LineSettings {
            rule: Rule {
                layer: match self.layer {
                    NormLayer::Ip => Layer::Ip,
                    NormLayer::Contract => Layer::Contract,
                },
                tolerance: u32::try_from(self.tolerance_thousandths.value()).unwrap_or(0),
                ..Rule::default()
            },
            lessons: LessonHours {
                from: self.lessons_from.minutes(),
                to: self.lessons_to.minutes(),
                saturdays: self.saturdays,
            },
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`, for all or by module: `info,cos_controller::tls=debug`.
    pub filter: LogFilter,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {path}; `cos-controller config print` shows a commented sample")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{path}:{line}: {key}: {message}")]
    Value {
        path: PathBuf,
        line: usize,
        key: String,
        message: String,
    },
    #[error("{path}: people_listener.{missing} is missing: a certificate and its key are given together, or neither")]
    HalfPair { path: PathBuf, missing: &'static str },
    #[error("{path}: line.lessons_to is not after line.lessons_from")]
    NoLessons { path: PathBuf },
    #[error("{path}: {listener}.names is empty: a certificate needs at least one name")]
    NoNames { path: PathBuf, listener: &'static str },
}

impl Config {
    /// Everything by default but the region.
    pub fn of_region(region: Region) -> Self {
        Self {
            region,
            device_listener: DeviceListener::default(),
            people_listener: PeopleListener::default(),
            database: Database::default(),
            authority: AuthorityFiles::default(),
            limits: Limits::default(),
            check_in: CheckIn::default(),
            retention: Retention::default(),
            measurement: MeasuringServer::default(),
            line: Line::default(),
            log: Log::default(),
        }
    }

    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
        Self::parse(&text, path)
    }

    /// `path` is only named in errors.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| complaint(text, path, &error))?;
        config.check(path)?;
        Ok(config)
    }

    /// What one key alone cannot tell.
    fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let half = |missing| {
            Err(ConfigError::HalfPair {
                path: path.into(),
                missing,
            })
        };
        match (&self.people_listener.certificate, &self.people_listener.key) {
            (Some(_), None) => return half("key"),
            (None, Some(_)) => return half("certificate"),
            _ => {}
        }
        if self.line.lessons_from.minutes() >= self.line.lessons_to.minutes() {
            return Err(ConfigError::NoLessons { path: path.into() });
        }
        let lists = [
            ("device_listener", &self.device_listener.names),
            ("people_listener", &self.people_listener.names),
        ];
        match lists.into_iter().find(|(_, names)| names.is_empty()) {
            Some((listener, _)) => Err(ConfigError::NoNames {
                path: path.into(),
                listener,
            }),
            None => Ok(()),
        }
    }
}

/// `error` with the line it happened on and the key that stands there.
fn complaint(text: &str, path: &Path, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count();
    ConfigError::Value {
        path: path.into(),
        line: line + 1,
        key: key_at(text, line),
        message: error.message().to_owned(),
    }
}

/// `section.key` of the line with this index, as far as it has them.
fn key_at(text: &str, line: usize) -> String {
    let lines: Vec<&str> = text.lines().take(line + 1).map(str::trim).collect();
    let section = lines.iter().rev().find_map(|line| line.strip_prefix('[')?.split(']').next());
    let key = lines
        .iter()
        .rev()
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| line.split_once('=').filter(|_| !line.starts_with('#')))
        .map(|(key, _)| key.trim());
    match (section, key) {
        (Some(section), Some(key)) => format!("{section}.{key}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "(the file)".to_owned(),
    }
}

#[cfg(test)]
mod tests;
