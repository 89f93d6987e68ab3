//! A running controller: database, authority, both listeners and the work between requests.
//!
//! Built from a [`Config`] by `serve`, `demo` and the tests alike. It knows no command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use inventory_schema::enrollment::ControllerUrl;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::authority::{Authority, DirectoryError, LiveAuthority};
use crate::config::Config;
use crate::measure::{self, MeasureError, MeasureServer};
use crate::pace::Pace;
use crate::report::intake::Acknowledgement;
use crate::router;
use crate::state::{AppState, Clock, Region, UnknownZone};
use crate::store::{Store, StoreError};
use crate::task::checkpoint::Taker;
use crate::task::{lines, parts, retention};
use crate::tls::certificate::CertificateLoadError;
use crate::tls::{self, CertificateFiles, ConnectionLimits, DeviceTrust, Endpoint, EndpointError, LiveCertificate};
use crate::wake::keep_waking;

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("the database {url} cannot be opened")]
    Database {
        url: String,
        #[source]
        source: StoreError,
    },
    #[error("the certificate authority cannot be used; make one with `cos-controller ca init`")]
    Authority(#[source] DirectoryError),
    #[error("the {listener} listener has no certificate")]
    Certificate {
        listener: &'static str,
        #[source]
        source: CertificateLoadError,
    },
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("the {listener} listener cannot listen on {address}")]
    Listen {
        listener: &'static str,
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Zone(#[from] UnknownZone),
    #[error("the measuring server cannot be started")]
    Measure(#[from] MeasureError),
    #[error("{url} is no address that a token can carry")]
    Url {
        url: String,
        #[source]
        source: inventory_schema::text::TextError,
    },
}

/// Both listeners are served until [`Server::stop`].
#[derive(Debug)]
pub struct Server {
    pub state: AppState,
    pub devices: SocketAddr,
    pub people: SocketAddr,
    /// Where lines are measured against, if this controller is such a place.
    pub measuring: Option<MeasureServer>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// How long a person's connection may be silent, in the midst of a request's head too.
const PEOPLE_IDLE: Duration = Duration::from_secs(15);
/// How long a previewed import waits to be confirmed.
const UNCONFIRMED: Duration = Duration::from_hours(48);
/// How often the work between requests looks whether there is any.
const HOUSEKEEPING: Duration = Duration::from_secs(600);
/// How soon what changed about parts is told.
const PARTS: Duration = Duration::from_secs(15);
/// How soon a measurement counts in lists.
const LINES: Duration = Duration::from_secs(30);

impl Server {
    pub async fn start(config: &Config, clock: Clock) -> Result<Self, ServerError> {
        Self::start_with(config, clock, Acknowledgement::AfterCommit).await
    }

    /// As [`Self::start`], for `serve`, which a test may tell to break promise 1.
    pub async fn start_with(config: &Config, clock: Clock, acknowledgement: Acknowledgement) -> Result<Self, ServerError> {
        let url = config.database.url.as_str();
        let store = Store::open(url).await.map_err(|source| ServerError::Database {
            url: config.database.url.to_string(),
            source,
        })?;
        let authority = Arc::new(Authority::load(&config.authority.directory).map_err(ServerError::Authority)?);
        let (devices, device_address) = listen("device", config.device_listener.address).await?;
        let (people, people_address) = listen("people's", config.people_listener.address).await?;
        let region = region(config, device_address.port())?;
        let mut state = AppState::new(store, authority.clone(), region, clock.clone(), Pace::of(config), &config.limits);
        state.traffic.intake = state.traffic.intake.answering(acknowledgement);
        state.lines = Arc::new(config.line.settings());

        let (stop, stopping) = watch::channel(false);
        let mut tasks = Vec::new();
        let device_names = config.device_listener.certificate_names();
        let device_certificate = issued("device", &authority, &device_names, &clock)?;
        let device_endpoint = Endpoint {
            handshakes: state.metrics.handshakes.clone(),
            ..Endpoint::devices(&authority, device_certificate.clone())?
        };
        let measuring = measuring(config, device_certificate.clone(), &clock)?;
        state.line_tests = measuring.as_ref().map(MeasureServer::tests_over_tcp);
        let mut issued_to = vec![(device_certificate, device_names)];
        let people_certificate = people_certificate(config, &authority, &clock, &stopping, &mut tasks, &mut issued_to)?;
        let watched = Watched {
            directory: config.authority.directory.clone(),
            authority: state.authority.clone(),
            trust: device_endpoint.trust.clone(),
            listeners: issued_to,
            clock: clock.clone(),
        };
        tasks.push(spawn_until(&stopping, watched.keep()));
        tasks.push(spawn_until(&stopping, housekeeping(state.clone())));
        tasks.push(spawn_until(&stopping, keeping(state.clone(), config.retention.keep())));
        tasks.push(spawn_until(&stopping, reading_parts(state.clone())));
        tasks.push(spawn_until(&stopping, judging_lines(state.clone())));
        tasks.push(spawn_until(
            &stopping,
            keep_waking(state.store.clone(), state.traffic.waiting.clone()),
        ));
        tasks.push(tokio::spawn(tls::serve(
            devices,
            device_endpoint,
            router::device_router(state.clone()),
            ConnectionLimits {
                connections: connections(config.limits.device_connections.size()),
                ..ConnectionLimits::default()
            },
            stopped(stopping.clone()),
        )));
        tasks.push(tokio::spawn(tls::serve(
            people,
            Endpoint::people(people_certificate)?,
            router::people_router(state.clone()),
            ConnectionLimits {
                connections: connections(config.limits.people_connections.size()),
                // A browser opens a new connection when it needs one; half-sent requests must not take its place.
                idle: PEOPLE_IDLE,
                ..ConnectionLimits::default()
            },
            stopped(stopping),
        )));
        tracing::info!(devices = %device_address, people = %people_address, region.id = %state.region.id, "the controller serves");
        Ok(Self {
            state,
            devices: device_address,
            people: people_address,
            measuring,
            stop,
            tasks,
        })
    }

    /// Ends long polls, answers what was asked, closes the database.
    pub async fn stop(self) {
        self.state.traffic.stop();
        self.stop.send_replace(true);
        for task in self.tasks {
            // A task that panicked has said so; the others are still ended in order.
            let _ = task.await;
        }
        drop(self.measuring);
        self.state.store.close().await;
        tracing::info!("the controller has stopped");
    }
}

async fn listen(listener: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
    let fail = |source| ServerError::Listen { listener, address, source };
    let bound = TcpListener::bind(address).await.map_err(fail)?;
    let address = bound.local_addr().map_err(fail)?;
    Ok((bound, address))
}

fn measuring(config: &Config, certificate: Arc<LiveCertificate>, clock: &Clock) -> Result<Option<MeasureServer>, ServerError> {
    let Some(address) = config.measurement.address else {
        return Ok(None);
    };
    let keys = measure::keys_or_new(&measure::key_path(&config.measurement, &config.authority.directory))?;
    let tls = Endpoint::people(certificate)?.tls;
    let server = MeasureServer::start(address, &config.measurement, keys, Some(tls), clock)?;
    Ok(Some(server))
}

pub(crate) fn region(config: &Config, device_port: u16) -> Result<Region, ServerError> {
    let controllers = config.device_listener.urls(device_port).into_iter();
    let controllers = controllers
        .map(|url| url.parse::<ControllerUrl>().map_err(|source| ServerError::Url { url, source }))
        .collect::<Result<_, _>>()?;
    let region = &config.region;
    Ok(Region::new(
        region.id.clone(),
        region.name.to_string(),
        region.time_zone.to_string(),
        controllers,
    )?)
}

fn issued(listener: &'static str, authority: &Authority, names: &[String], clock: &Clock) -> Result<Arc<LiveCertificate>, ServerError> {
    LiveCertificate::from_authority(authority, names, clock.now()).map_err(|source| ServerError::Certificate { listener, source })
}

fn people_certificate(
    config: &Config,
    authority: &Arc<Authority>,
    clock: &Clock,
    stopping: &watch::Receiver<bool>,
    tasks: &mut Vec<JoinHandle<()>>,
    issued_to: &mut Vec<(Arc<LiveCertificate>, Vec<String>)>,
) -> Result<Arc<LiveCertificate>, ServerError> {
    let listener = "people's";
    if let Some((certificate, key)) = config.people_listener.files() {
        let opened = CertificateFiles::open(certificate.to_owned(), key.to_owned());
        let (files, live) = opened.map_err(|source| ServerError::Certificate { listener, source })?;
        tasks.push(spawn_until(stopping, tls::watch_files(Arc::new(files), live.clone())));
        return Ok(live);
    }
    let names = config.people_listener.certificate_names();
    let live = issued(listener, authority, &names, clock)?;
    issued_to.push((live.clone(), names));
    Ok(live)
}

/// How often the authority's files are looked at.
const AUTHORITY_EVERY: Duration = Duration::from_secs(3);

/// The authority's files, and all that depends on them while the controller runs.
struct Watched {
    directory: PathBuf,
    authority: LiveAuthority,
    trust: Option<Arc<DeviceTrust>>,
    listeners: Vec<(Arc<LiveCertificate>, Vec<String>)>,
    clock: Clock,
}

impl Watched {
    /// Takes over what `ca rotate` and its neighbours changed, and keeps the listeners' certificates young.
    async fn keep(self) {
        let mut ticks = tokio::time::interval(AUTHORITY_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut seen = None;
        loop {
            ticks.tick().await;
            match self.authority.refresh(&self.directory, &mut seen) {
                Ok(false) => self.renew_if_due(),
                Ok(true) => self.take_over(),
                Err(error) => {
                    tracing::error!(error = %crate::error_chain(&error), "the authority's files changed and cannot be used; the old ones stay in use");
                }
            }
        }
    }

    fn renew_if_due(&self) {
        let authority = self.authority.current();
        for (live, names) in &self.listeners {
            match tls::renew_from_authority(live, &authority, names, self.clock.now()) {
                Ok(false) => {}
                Ok(true) => tracing::info!(names = ?names, "a listener's certificate was renewed"),
                Err(error) => tracing::error!(error = %crate::error_chain(&error), "a listener's certificate could not be renewed"),
            }
        }
    }

    fn take_over(&self) {
        let authority = self.authority.current();
        if let Some(Err(error)) = self.trust.as_ref().map(|trust| trust.replace(&authority)) {
            tracing::error!(error = %crate::error_chain(&error), "devices are still judged by the authority before");
        }
        for (live, names) in &self.listeners {
            if let Err(error) = tls::reissue(live, &authority, names, self.clock.now()) {
                tracing::error!(error = %crate::error_chain(&error), names = ?names, "a listener keeps its certificate of the authority before");
            }
        }
        tracing::info!(
            issuing.serial = authority.issuing().serial,
            roots = authority.roots().len(),
            "the authority's new files are in use"
        );
    }
}

/// Work that may be repeated at will and changes nothing then.
async fn housekeeping(state: AppState) {
    let mut ticks = tokio::time::interval(HOUSEKEEPING);
    loop {
        ticks.tick().await;
        if let Err(error) = sweep(&state).await {
            tracing::warn!(error = %crate::error_chain(&error), "what nobody needs any more was not deleted");
        }
        checkpoint_if_due(&state).await;
    }
}

async fn checkpoint_if_due(state: &AppState) {
    let taker = Taker {
        store: &state.store,
        authority: &state.authority.current(),
        region: &state.region.id,
    };
    match taker.take_if_due(state.clock.now(), &state.region.zone).await {
        Ok(None) => {}
        // Without an interface or pages the log keeps the line too.
        Ok(Some(taken)) => tracing::info!(checkpoint = %taken.line(), "the day's checkpoint was taken"),
        Err(error) => tracing::error!(error = %crate::error_chain(&error), "the day's checkpoint was not taken and will be tried again"),
    }
}

/// Deletes sessions that are over and imports that nobody confirmed.
async fn sweep(state: &AppState) -> Result<(), StoreError> {
    // Where another controller is at it, there is nothing left for this one.
    let Some(_held) = state.store.exclusively("sweep").await? else {
        return Ok(());
    };
    let now = state.clock.now();
    state.store.delete_expired_sessions(now).await?;
    state.store.delete_import_previews_before(now - UNCONFIRMED).await?;
    Ok(())
}

/// Makes the coming months and lets old ones go, beside the other work: a month's end takes its time.
async fn keeping(state: AppState, keep: Option<u16>) {
    let mut ticks = tokio::time::interval(HOUSEKEEPING);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = state.clock.now();
        if let Err(error) = retention::run(&state.store, &state.metrics, keep, now).await {
            tracing::warn!(error = %crate::error_chain(&error), "reports older than the retention were not let go and will be tried again");
        }
    }
}

/// Reads the parts of what was reported since the last look.
async fn reading_parts(state: AppState) {
    let mut ticks = tokio::time::interval(PARTS);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = parts::run(&state.store, state.clock.now()).await {
            tracing::warn!(error = %crate::error_chain(&error), "parts were not read and will be tried again");
        }
    }
}

/// Judges the lines that were measured since the last look.
async fn judging_lines(state: AppState) {
    let mut ticks = tokio::time::interval(LINES);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = lines::run(&state.store, &state.lines, &state.region.zone, state.clock.now()).await {
            tracing::warn!(error = %crate::error_chain(&error), "lines were not judged and will be tried again");
        }
    }
}

fn spawn_until(stopping: &watch::Receiver<bool>, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let stopping = stopping.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = work => {}
            () = stopped(stopping) => {}
        }
    })
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

fn connections(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
