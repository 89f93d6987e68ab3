//! Measuring by a method over TCP when somebody asks: eight streams, ndt7, LibreSpeed.
//!
//! The measuring is `cos_measurement`'s. Here it is decided how the server is reached — directly or by the proxy that
//! the agent uses, and whom to believe in TLS — and what is found is put together with this computer's interface into
//! the same record as the probe's. Called by `cli/check.rs`.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use cos_measurement::interface::Interfaces;
use cos_measurement::lease::{Claim, LeaseToken};
use cos_measurement::librespeed::client::{self as librespeed, LibreSpeedError};
use cos_measurement::ndt7::client::{self as ndt7, ClientError};
use cos_measurement::probe::Plan;
use cos_measurement::probe::client::address_towards;
use cos_measurement::probe::record::{Circumstances, blank};
use cos_measurement::processor::Load;
use cos_measurement::reach::{Address, Proxy, Reach, ReachError};
use cos_measurement::streamed::Streamed;
use cos_measurement::tcp::client as tcp;
use inventory_schema::measurement::{Direction, Fault, Measurement, Method, Occasion, ServerPlace};
use rustls_platform_verifier::BuilderVerifierExt;

use super::{Checked, Target, carrying, nobody, now};
use crate::clock::SharedClock;
use crate::config::AgentConfig;
use crate::enrollment::Enrollment;
use crate::transport::proxy::Route;
use crate::transport::tls::{Anchor, ChainVerifier, Dates};

/// What counts of eight streams once they agree: long enough that a line's credit shows.
const MEASURED: Duration = Duration::from_secs(5);

/// The methods that are no datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    Tcp,
    Ndt7,
    LibreSpeed,
}

impl Streams {
    fn method(self) -> Method {
        match self {
            Self::Tcp => Method::Tcp,
            Self::Ndt7 => Method::Ndt7,
            Self::LibreSpeed => Method::Librespeed,
        }
    }
}

/// One measurement that was asked for.
#[derive(Debug, Clone)]
pub struct StreamsCheck {
    pub streams: Streams,
    pub server: Address,
    pub direction: Direction,
    pub target: Target,
    pub token: Option<LeaseToken>,
    pub alone: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum StreamsError {
    #[error(transparent)]
    Reach(#[from] ReachError),
    #[error(transparent)]
    Ndt7(#[from] ClientError),
    #[error(transparent)]
    LibreSpeed(#[from] LibreSpeedError),
    #[error("the measurement cannot be run")]
    Runtime(#[from] std::io::Error),
    #[error("the proxy's address «{0}» cannot be read")]
    Proxy(String),
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    #[error("the own controller's roots cannot be used")]
    Trust(#[source] crate::transport::tls::TrustError),
}

/// How servers are reached from here: by the agent's own proxy; the own controller is believed by its roots, others
/// by the system's.
///
/// # Errors
/// When the proxy or the certificates of this computer cannot be used.
pub fn reach(config: &AgentConfig, enrollment: Option<&Enrollment>, server: &Address, clock: SharedClock) -> Result<Reach, StreamsError> {
    let route = Route::choose(&config.proxy, enrollment.and_then(|enrollment| enrollment.proxy.as_ref()));
    let own = enrollment.filter(|enrollment| {
        let mut hosts = enrollment.controllers.iter().filter_map(|url| url.as_str().parse::<Address>().ok());
        hosts.any(|own| own.host == server.host)
    });
    Ok(Reach {
        proxy: proxy(&route, server)?,
        tls: Some(Arc::new(tls(own, clock)?)),
        user_agent: concat!("cos-agent/", env!("CARGO_PKG_VERSION")).to_owned(),
    })
}

fn proxy(route: &Route, server: &Address) -> Result<Option<Proxy>, StreamsError> {
    let Some(url) = route.url_to(&server.host) else { return Ok(None) };
    let read = url.parse();
    read.map(Some)
        .map_err(|_| StreamsError::Proxy(route.proxy_name().unwrap_or_default()))
}

fn tls(own: Option<&Enrollment>, clock: SharedClock) -> Result<rustls::ClientConfig, StreamsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_details(provider.clone(), Arc::new(clock));
    let builder = builder.with_safe_default_protocol_versions().map_err(StreamsError::Tls)?;
    let mut config = match own {
        Some(enrollment) => {
            let anchor = Anchor::of_bundle(&enrollment.trust).map_err(StreamsError::Trust)?;
            let verifier = ChainVerifier::new(anchor, Dates::Judged, provider);
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth()
        }
        None => builder.with_platform_verifier().map_err(StreamsError::Tls)?.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Measures once; `progress` is told how far it is, of a hundred.
///
/// # Errors
/// When nothing could be measured, with the step that failed.
pub fn check(
    check: &StreamsCheck,
    reach: &Reach,
    interfaces: &Interfaces,
    progress: &mut (dyn FnMut(u8) + Send),
) -> Result<Checked, StreamsError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let towards = leads_to(check, reach);
    let started = now();
    let before = towards.map(|address| carrying(address, interfaces)).unwrap_or_default();
    let busy_before = Load::now();
    let streamed = runtime.block_on(measure(check, reach, progress))?;
    let busy = busy_before.zip(Load::now());
    let after = towards.map(|address| carrying(address, interfaces)).unwrap_or_default();
    let server = streamed.ends.map(|ends| ends.peer).or(towards);
    let seen = Circumstances {
        claim: check.token.as_ref().map_or_else(Claim::default, |token| token.lease().claim()),
        occasion: Occasion::OnDemand,
        settlement: check.target.settlement,
        direction: check.direction,
        server: server.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0))),
        plan: Plan::for_target(check.target.kbps),
        started,
        ended: now(),
        before: before.reading,
        after: after.reading.filter(|_| before.name == after.name),
        busy,
        siblings: check.alone.then(nobody),
        server_is_there: true,
    };
    Ok(Checked {
        measurement: record(&streamed, check, &seen),
        failure: None,
    })
}

fn record(streamed: &Streamed, check: &StreamsCheck, seen: &Circumstances) -> Measurement {
    let mut record = blank(check.token.as_ref(), seen);
    record.method = check.streams.method();
    streamed.fill(&mut record);
    let to_itself = streamed.ends.is_some_and(|ends| ends.local.ip() == ends.peer.ip());
    if let Some(server) = record.server.as_mut().filter(|_| to_itself && streamed.proxy.is_none()) {
        server.place = ServerPlace::Loopback;
    }
    if let (Some(before), Some(after)) = (&seen.before, &seen.after)
        && after.changed_since(before)
    {
        record.add_fault(Fault::InterfaceChanged);
    }
    record
}

async fn measure(check: &StreamsCheck, reach: &Reach, progress: &mut (dyn FnMut(u8) + Send)) -> Result<Streamed, StreamsError> {
    let token = check.token.as_ref().map(ToString::to_string);
    match check.streams {
        Streams::Tcp => {
            let wish = tcp::Wish::new(check.direction).measuring(MEASURED);
            Ok(tcp::measure(reach, &check.server, wish, token.as_deref(), progress).await?)
        }
        Streams::Ndt7 => Ok(ndt7::measure(reach, &check.server, check.direction, token.as_deref()).await?),
        Streams::LibreSpeed => {
            let parts = librespeed::find(reach, &check.server).await?;
            let times = librespeed::Times::of(check.direction);
            Ok(librespeed::measure(reach, &parts, check.direction, times).await?)
        }
    }
}

/// The address that packets go to first: the server's, or the proxy's.
fn leads_to(check: &StreamsCheck, reach: &Reach) -> Option<SocketAddr> {
    let (host, port) = match &reach.proxy {
        Some(proxy) => (proxy.host.as_str(), proxy.port),
        None => (check.server.host.as_str(), check.server.port),
    };
    let found: Vec<SocketAddr> = (host, port).to_socket_addrs().ok()?.collect();
    found
        .iter()
        .find(|address| address_towards(**address).is_ok())
        .or(found.first())
        .copied()
}
