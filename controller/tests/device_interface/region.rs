//! A region for one test: authority, database, both listeners, the sample register, and a clock to move.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use cos_agent::clock::{Moment, SharedClock};
use cos_controller::authority::Authority;
use cos_controller::config::{Config, Region as RegionConfig};
use cos_controller::register::sample;
use cos_controller::register_import;
use cos_controller::server::Server;
use cos_controller::state::Clock;
use cos_controller::store::building::Place;
use cos_controller::store::finding::FindingKind;
use cos_controller::store::organization::OrganizationFilter;
use cos_controller::store::{Page, Scope, Store};
use cos_controller::token::{TokenOrigin, TokenWish, issue};
use inventory_schema::Timestamp;
use inventory_schema::device::BootId;
use inventory_schema::enrollment::EnrollmentToken;
use tempfile::TempDir;

use crate::database;

pub const DAY: Duration = Duration::from_secs(86_400);

/// Runs like a clock and can be moved.
#[derive(Debug, Clone)]
pub struct TestClock {
    begun: Instant,
    shifted_micros: Arc<AtomicI64>,
}

impl TestClock {
    fn new() -> Self {
        // The computer's own time, which the agent's program goes by.
        let start = cos_agent::platform::wall_clock();
        Self {
            begun: Instant::now(),
            shifted_micros: Arc::new(AtomicI64::new(start.unix_micros())),
        }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.shifted_micros.load(Ordering::SeqCst)) + self.begun.elapsed()
    }

    pub fn advance(&self, time: Duration) {
        self.shifted_micros
            .fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }

    fn for_the_controller(&self) -> Clock {
        let clock = self.clone();
        Clock::new(move || clock.now())
    }

    /// The same time as an agent's computer tells it.
    pub fn for_an_agent(&self) -> SharedClock {
        self.for_a_computer_at(self.now())
    }

    /// A computer whose own clock says `wrong` now.
    pub fn for_a_computer_at(&self, wrong: Timestamp) -> SharedClock {
        let (clock, boot, offset) = (self.clone(), BootId::generate(), wrong.micros_since(self.now()));
        SharedClock::new(None, move || Moment {
            device: Timestamp::from_unix_micros(clock.now().unix_micros() + offset),
            boot,
            uptime: clock.begun.elapsed(),
        })
    }
}

#[derive(Debug)]
pub struct Region {
    pub server: Server,
    pub clock: TestClock,
    pub config: Config,
    folder: Arc<TempDir>,
}

pub async fn on_sqlite<F: Future<Output = ()>>(test: fn(Region) -> F) {
    database::at_sqlite(async move |address| test(Region::start(&address).await).await).await;
}

pub async fn on_postgres<F: Future<Output = ()> + 'static>(test: fn(Region) -> F) {
    at_postgres_region(move |address| async move { test(Region::start(&address).await).await }).await;
}

/// Gives `test` the address of an empty database, where a PostgreSQL server is given.
pub async fn at_postgres_region<F: Future<Output = ()>>(test: impl FnOnce(String) -> F + Send + 'static) {
    database::at_postgres(move |address| {
        // On a thread of its own, because conditions that are waited for are not `Send`.
        let handle = tokio::runtime::Handle::current();
        let run = move || handle.block_on(test(address));
        async move { tokio::task::spawn_blocking(run).await.unwrap() }
    })
    .await;
}

/// As [`on_sqlite`] for tests that only concern this engine, or no engine.
pub async fn with_settings<F: Future<Output = ()>>(change: fn(&mut Config), test: impl FnOnce(Region) -> F) {
    database::at_sqlite(async move |address| test(Region::start_with("RU-PER", &address, change).await).await).await;
}

impl Region {
    pub async fn start(database: &str) -> Self {
        Self::start_with("RU-PER", database, |_| {}).await
    }

    pub async fn start_with(id: &str, database: &str, change: impl FnOnce(&mut Config)) -> Self {
        let (folder, clock) = (Arc::new(tempfile::tempdir().unwrap()), TestClock::new());
        let mut config = Config::of_region(RegionConfig {
            id: id.parse().unwrap(),
            name: "Пермский край".parse().unwrap(),
            time_zone: "Asia/Yekaterinburg".to_owned().try_into().unwrap(),
        });
        config.database.url = database.to_owned().try_into().unwrap();
        config.authority.directory = folder.path().join("authority");
        config.device_listener.address = SocketAddr::from(([127, 0, 0, 1], 0));
        config.people_listener.address = SocketAddr::from(([127, 0, 0, 1], 0));
        change(&mut config);
        Authority::create(&config.authority.directory, &config.region.id, clock.now()).unwrap();
        let server = Server::start(&config, clock.for_the_controller()).await.unwrap();
        let preview = register_import::compare(&server.state.store, sample::perm_2020()).await.unwrap();
        register_import::apply(&server.state.store, &preview, "sample".to_owned(), clock.now())
            .await
            .unwrap();
        Self {
            server,
            clock,
            config,
            folder,
        }
    }

    /// Stopped in order and started anew, after `change`. Devices find the new port by [`Self::controller_url`].
    pub async fn restarted(self, change: impl FnOnce(&mut Config, &TestClock)) -> Self {
        let Self {
            server,
            clock,
            mut config,
            folder,
        } = self;
        server.stop().await;
        change(&mut config, &clock);
        let server = Server::start(&config, clock.for_the_controller()).await.unwrap();
        Self {
            server,
            clock,
            config,
            folder,
        }
    }

    /// Another controller of this region, on the same database and with the same keys.
    pub async fn second_controller(&self) -> Server {
        Server::start(&self.config, self.clock.for_the_controller()).await.unwrap()
    }

    /// Stopped, with its files for a while longer.
    pub async fn stopped(self) -> Arc<TempDir> {
        self.server.stop().await;
        self.folder
    }

    pub async fn stop(self) {
        self.server.stop().await;
        drop(self.folder);
    }

    pub fn store(&self) -> &Store {
        &self.server.state.store
    }

    pub fn controller_url(&self) -> String {
        self.server.state.region.controllers[0].to_string()
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The database's address.
    pub fn database(&self) -> String {
        self.config.database.url.as_str().to_owned()
    }

    /// A room of the first school.
    pub async fn place(&self) -> Place {
        self.place_of_school(0).await
    }

    /// A room of the school with this number in the list.
    pub async fn place_of_school(&self, number: usize) -> Place {
        let store = self.store();
        let schools = store
            .organizations(Scope::REGION, &OrganizationFilter::default(), Page::default())
            .await
            .unwrap();
        let school = schools.rows[number].external_id;
        let building = store.buildings(Scope::REGION, school).await.unwrap().remove(0);
        let rooms = store.rooms(Scope::REGION, school).await.unwrap();
        let room = rooms.into_iter().find(|room| room.building_id == building.id).unwrap();
        store
            .place(Scope::REGION, school, building.external_id, Some(room.external_id))
            .await
            .unwrap()
            .unwrap()
    }

    /// A token for the first school's room, valid for ten days.
    pub async fn token(&self, uses: u32) -> EnrollmentToken {
        self.token_for(self.place().await, uses).await
    }

    pub async fn token_for(&self, place: Place, uses: u32) -> EnrollmentToken {
        let origin = TokenOrigin {
            region: self.server.state.region.id.clone(),
            controllers: self.server.state.region.controllers.clone(),
            ca: self.server.state.authority.current().pin(),
        };
        let wish = TokenWish {
            place,
            uses,
            days: 10,
            proxy: None,
            note: String::new(),
        };
        issue(self.store(), origin, wish, None, self.clock.now()).await.unwrap()
    }

    pub async fn uses(&self, token: &EnrollmentToken) -> i64 {
        self.store().token(Scope::REGION, token.id).await.unwrap().unwrap().uses
    }

    /// What was found of a device, the newest first.
    pub async fn findings(&self, device: i64) -> Vec<FindingKind> {
        let findings = self.store().findings(device, 1_000).await.unwrap();
        findings.iter().map(|finding| finding.kind).collect()
    }

    pub async fn devices(&self) -> i64 {
        let page = Page::default();
        self.store().devices(Scope::REGION, &Default::default(), page).await.unwrap().total
    }
}
