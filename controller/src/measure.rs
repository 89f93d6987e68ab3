//! Measuring servers: the far end that lines are measured against, within `serve` or alone.
//!
//! A measuring server stands where the line should be measured to, and its place is part of every result. It needs no
//! database: leases are proven by a key that it shares with its controller. What it measures, and how, is
//! `cos_measurement`'s; here it is configured, started and stopped. Called by `cli/measure.rs` and by [`crate::server`].

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cos_measurement::admission::{self, Admission, WithoutLease};
use cos_measurement::lease::{LeaseKey, LeaseKeyError, LeaseKeys};
use cos_measurement::over_tcp::{self, Now};
use cos_measurement::probe::server::{Server as ProbeServer, ServerError};
use cos_measurement::probe::serving::Served;
use cos_measurement::probe::{Anonymous, Settings};
use inventory_schema::quantity::KilobitsPerSecond;
use rustls::ServerConfig;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::config::MeasuringServer;
use crate::private_file;
use crate::state::Clock;

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
    #[error("the measuring server cannot listen on TCP {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// Everything that a measuring server listens with; it ends when this is dropped.
#[derive(Debug)]
pub struct MeasureServer {
    /// Datagrams.
    probe: ProbeServer,
    /// ndt7 and bare streams, on the same port number; with TLS where there is a certificate.
    tests_over_tcp: over_tcp::Service,
    tcp_address: SocketAddr,
    tcp: JoinHandle<()>,
}

impl Drop for MeasureServer {
    fn drop(&mut self) {
        self.tcp.abort();
    }
}

impl MeasureServer {
    /// Must be called within a runtime.
    ///
    /// # Errors
    /// When an address cannot be had.
    pub fn start(
        listen: SocketAddr,
        config: &MeasuringServer,
        keys: LeaseKeys,
        tls: Option<Arc<ServerConfig>>,
        clock: &Clock,
    ) -> Result<Self, MeasureError> {
        let admission = Admission::new(over_tcp_settings(config), Some(keys.clone()));
        let probe = ProbeServer::start(settings(config), keys, listen)?;
        let tests_over_tcp = over_tcp::Service::new(Arc::new(admission));
        let address = SocketAddr::new(listen.ip(), probe.address().port());
        let listener = tcp_listener(address, listen.port() == 0)?;
        let tcp_address = listener.local_addr().map_err(|source| MeasureError::Listen { address, source })?;
        let clock = clock.clone();
        let now: Now = Arc::new(move || clock.now());
        let connections = config.sessions.size().saturating_mul(CONNECTIONS_PER_SESSION);
        let tls = tls.map(TlsAcceptor::from);
        let serving = over_tcp::serve(listener, tls, tests_over_tcp.clone(), now, connections);
        tracing::info!(
            address = %probe.address(),
            server.id = %config.id,
            "a measuring server listens for datagrams, and over TCP"
        );
        Ok(Self {
            probe,
            tests_over_tcp,
            tcp_address,
            tcp: tokio::spawn(serving),
        })
    }

    /// For listeners of the controller's own.
    pub fn tests_over_tcp(&self) -> over_tcp::Service {
        self.tests_over_tcp.clone()
    }

    /// The same port as [`Self::address`], unless any port was asked for and that one was taken.
    pub fn tcp_address(&self) -> SocketAddr {
        self.tcp_address
    }

    pub fn address(&self) -> SocketAddr {
        self.probe.address()
    }

    pub fn served(&self) -> Served {
        self.probe.served()
    }
}

/// Eight streams, and who is asked to wait.
const CONNECTIONS_PER_SESSION: usize = 16;
/// Of the port; the probe's server leaves as much.
const PORT_PER_CENT: u64 = 80;

fn tcp_listener(address: SocketAddr, any_port: bool) -> Result<tokio::net::TcpListener, MeasureError> {
    let bound = std::net::TcpListener::bind(address);
    let bound = match bound {
        Err(_) if any_port => std::net::TcpListener::bind((address.ip(), 0)),
        bound => bound,
    };
    let listener = bound.and_then(|listener| {
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener)
    });
    listener.map_err(|source| MeasureError::Listen { address, source })
}

fn kilobits(megabits: u64) -> KilobitsPerSecond {
    KilobitsPerSecond::saturating(megabits * 1_000)
}

fn over_tcp_settings(config: &MeasuringServer) -> admission::Settings {
    let without_lease = WithoutLease {
        // Twice the target, as leases have it.
        rate: kilobits(config.anonymous_highest_mbits.value() * 2),
        per_minute: u32::try_from(config.anonymous_per_minute.value()).unwrap_or(u32::MAX),
    };
    admission::Settings {
        server: config.id.clone(),
        place: config.place,
        most_tests: config.sessions.size(),
        most_rate: KilobitsPerSecond::saturating(config.port_mbits.value() * 10 * PORT_PER_CENT),
        without_lease: (without_lease.per_minute > 0).then_some(without_lease),
    }
}

fn settings(config: &MeasuringServer) -> Settings {
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

    #[tokio::test]
    async fn a_server_stands_where_its_configuration_says() {
        let folder = tempfile::tempdir().unwrap();
        let config = MeasuringServer::default();
        let path = key_path(&config, folder.path());
        let keys = keys_or_new(&path).unwrap();
        let server = MeasureServer::start(([127, 0, 0, 1], 0).into(), &config, keys, None, &Clock::system()).unwrap();
        assert_ne!(server.address().port(), 0);
        tokio::net::TcpStream::connect(server.tcp_address()).await.unwrap();
        assert_eq!(server.served(), Served::default());
        assert_eq!(settings(&config).anonymous, None);
    }
}
