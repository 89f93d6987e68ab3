//! What every handler is given: the store, the authority, the region's facts, the clock.
//!
//! Built once by `serve`, `demo` and the tests. Handlers read the time from here and nowhere else.

use std::fmt;
use std::sync::Arc;

use cos_measurement::over_tcp;
use inventory_schema::enrollment::ControllerUrl;
use inventory_schema::{RegionId, Timestamp};
use jiff::tz::TimeZone;

use crate::authority::{Authority, LiveAuthority};
use crate::config::Limits;
use crate::device_traffic::DeviceTraffic;
use crate::line::LineSettings;
use crate::metrics::Metrics;
use crate::pace::Pace;
use crate::password::PasswordChecker;
use crate::store::Store;

/// The region this controller serves, as its configuration describes it.
#[derive(Debug, Clone)]
pub struct Region {
    pub id: RegionId,
    /// For people: «Пермский край».
    pub name: String,
    /// An IANA name, shown beside times.
    pub zone_name: String,
    pub zone: TimeZone,
    /// Addresses of the device listener, written into tokens; tried in this order.
    pub controllers: Vec<ControllerUrl>,
}

#[derive(Debug, thiserror::Error)]
#[error("«{name}» is not a time zone's IANA name, such as Asia/Yekaterinburg")]
pub struct UnknownZone {
    name: String,
    #[source]
    source: jiff::Error,
}

impl Region {
    pub fn new(id: RegionId, name: String, zone_name: String, controllers: Vec<ControllerUrl>) -> Result<Self, UnknownZone> {
        let zone = TimeZone::get(&zone_name).map_err(|source| UnknownZone {
            name: zone_name.clone(),
            source,
        })?;
        Ok(Self {
            id,
            name,
            zone_name,
            zone,
            controllers,
        })
    }
}

/// Gives the time. Tests give their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The computer's own clock.
    pub fn system() -> Self {
        Self::new(|| Timestamp::from_unix_micros(jiff::Timestamp::now().as_microsecond()))
    }

    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[derive(Debug, Clone)]
pub struct AppState {
    pub store: Store,
    pub authority: LiveAuthority,
    pub region: Arc<Region>,
    pub clock: Clock,
    pub passwords: PasswordChecker,
    pub metrics: Arc<Metrics>,
    pub traffic: DeviceTraffic,
    pub lines: Arc<LineSettings>,
    /// Where this controller is a measuring server.
    pub line_tests: Option<over_tcp::Service>,
}

impl AppState {
    /// Starts the tasks that commit what devices send.
    pub fn new(store: Store, authority: Arc<Authority>, region: Region, clock: Clock, pace: Pace, limits: &Limits) -> Self {
        let metrics = Arc::new(Metrics::default());
        Self {
            traffic: DeviceTraffic::start(&store, metrics.clone(), pace, limits),
            store,
            authority: LiveAuthority::new(authority),
            region: Arc::new(region),
            clock,
            passwords: PasswordChecker::default(),
            lines: Arc::default(),
            metrics,
            line_tests: None,
        }
    }
}
