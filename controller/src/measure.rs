//! Measuring servers: the far end that lines are measured against, within `serve` or alone.
//!
//! A measuring server stands where the line should be measured to, and its place is part of every result. It needs no
//! database: leases are proven by a key that it shares with its controller. What it measures, and how, is
//! `cos_measurement`'s; here it is configured, started and stopped. Called by `cli/measure.rs` and by [`crate::server`].

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use cos_measurement::lease::{LeaseKey, LeaseKeyError, LeaseKeys};
use cos_measurement::probe::server::{Server as ProbeServer, ServerError};
use cos_measurement::probe::serving::Served;
use cos_measurement::probe::{Anonymous, Settings};

use crate::config::MeasuringServer;
use crate::private_file;

/// The name of the key's file in the authority's directory, where none is configured.
const KEY_FILE: &str = "measurement.key";

#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    #[error("{path} cannot be read as the measuring key; make one with `cos-controller measure key --out {path}`")]
    ReadKey {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} holds no measuring key")]
    Key {
        path: PathBuf,
        #[source]
        source: LeaseKeyError,
    },
    #[error("the measuring key {path} cannot be written")]
    WriteKey {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Probe(#[from] ServerError),
}

/// Everything that a measuring server listens with; it ends when this is dropped.
#[derive(Debug)]
pub struct MeasureServer {
    /// Datagrams. What speaks TCP (ndt7, streams) joins here, on the same port number.
    probe: ProbeServer,
}

impl MeasureServer {
    /// # Errors
    /// When an address cannot be had.
    pub fn start(listen: SocketAddr, config: &MeasuringServer, keys: LeaseKeys) -> Result<Self, MeasureError> {
        let probe = ProbeServer::start(settings(config), keys, listen)?;
        tracing::info!(
            address = %probe.address(),
            server.id = %config.id,
            "a measuring server listens for datagrams"
        );
        Ok(Self { probe })
    }

    pub fn address(&self) -> SocketAddr {
        self.probe.address()
    }

    pub fn served(&self) -> Served {
        self.probe.served()
    }
}

fn settings(config: &MeasuringServer) -> Settings {
    let kilobits = |megabits: u64| inventory_schema::quantity::KilobitsPerSecond::saturating(megabits * 1_000);
    let anonymous = Anonymous {
        highest_target: kilobits(config.anonymous_highest_mbits.value()),
        per_minute: u32::try_from(config.anonymous_per_minute.value()).unwrap_or(u32::MAX),
    };
    Settings {
        server: config.id.clone(),
        title: config.title.to_string(),
        place: config.place,
        port: kilobits(config.port_mbits.value()),
        most_sessions: config.sessions.size(),
        anonymous: (anonymous.per_minute > 0).then_some(anonymous),
    }
}

/// Where the key lies: as configured, else beside the authority's.
pub fn key_path(config: &MeasuringServer, authority: &Path) -> PathBuf {
    config.key_file.clone().unwrap_or_else(|| authority.join(KEY_FILE))
}

/// # Errors
/// When the file cannot be read or holds no key.
pub fn read_keys(path: &Path) -> Result<LeaseKeys, MeasureError> {
    let read = |source| MeasureError::ReadKey { path: path.into(), source };
    let text = std::fs::read_to_string(path).map_err(read)?;
    LeaseKeys::from_text(&text).map_err(|source| MeasureError::Key { path: path.into(), source })
}

/// The key of a controller that measures: made where there is none yet.
///
/// # Errors
/// When it can be neither read nor made.
pub fn keys_or_new(path: &Path) -> Result<LeaseKeys, MeasureError> {
    match write_new_key(path) {
        Err(MeasureError::WriteKey { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
        Ok(()) => tracing::info!(path = %path.display(), "a measuring key was made; measuring servers elsewhere need a copy"),
    }
    read_keys(path)
}

/// Writes a new key that its owner alone may read.
///
/// # Errors
/// Also when something of this name is there already: measuring servers elsewhere know it.
pub fn write_new_key(path: &Path) -> Result<(), MeasureError> {
    let write = |source| MeasureError::WriteKey { path: path.into(), source };
    let mut file = private_file::create_new(path).map_err(write)?;
    let text = format!(
        "# cos-controller measure: one key a line, the newest first\n{}\n",
        LeaseKey::generate_text()
    );
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(write)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("measurement.key");
        assert!(matches!(read_keys(&path), Err(MeasureError::ReadKey { .. })));
        keys_or_new(&path).unwrap();
        let first = std::fs::read(&path).unwrap();
        keys_or_new(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first);
        assert!(write_new_key(&path).is_err());
        std::fs::write(&path, "no key\n").unwrap();
        assert!(matches!(read_keys(&path), Err(MeasureError::Key { .. })));
    }

    #[test]
    fn a_server_stands_where_its_configuration_says() {
        let folder = tempfile::tempdir().unwrap();
        let config = MeasuringServer::default();
        let path = key_path(&config, folder.path());
        let keys = keys_or_new(&path).unwrap();
        let server = MeasureServer::start(([127, 0, 0, 1], 0).into(), &config, keys).unwrap();
        assert_ne!(server.address().port(), 0);
        assert_eq!(server.served(), Served::default());
        assert_eq!(settings(&config).anonymous, None);
    }
}
