//! A region for one test: authority, register, tokens, and the settings of its controllers.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use cos_controller::authority::Authority;
use cos_controller::config::{Config, Region as RegionConfig};
use cos_controller::register::sample;
use cos_controller::register_import;
use cos_controller::store::building::Place;
use cos_controller::store::organization::OrganizationFilter;
use cos_controller::store::{Page, Scope, Store};
use cos_controller::token::{TokenOrigin, TokenWish, issue};
use inventory_schema::enrollment::EnrollmentToken;
use tempfile::TempDir;

use crate::controller::{Controller, Durability};
use crate::folder;
use crate::{now, port};

#[derive(Debug)]
pub struct Region {
    pub folder: TempDir,
    pub database: String,
    /// The only port that agents know.
    pub public_port: u16,
    config: Config,
    ca: inventory_schema::Digest,
}

impl Region {
    /// Agents call `public_port`: the one controller's own, or the balancer's.
    pub async fn prepare(database: &str, public_port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::of_region(RegionConfig {
            id: "RU-PER".parse().unwrap(),
            name: "Пермский край".parse().unwrap(),
            time_zone: "Asia/Yekaterinburg".to_owned().try_into().unwrap(),
        });
        config.authority.directory = folder.path().join("authority");
        config.device_listener.public_port = Some(public_port);
        config.check_in.interval_seconds = 1.try_into().unwrap();
        config.check_in.wait_seconds = 5.try_into().unwrap();
        config.log.filter = "info".to_owned().try_into().unwrap();
        let authority = Authority::create(&config.authority.directory, &config.region.id, now()).unwrap();
        let store = Store::open(database).await.unwrap();
        let preview = register_import::compare(&store, sample::perm_2020()).await.unwrap();
        register_import::apply(&store, &preview, "sample".to_owned(), now()).await.unwrap();
        store.close().await;
        Self {
            folder,
            database: database.to_owned(),
            public_port,
            ca: authority.pin(),
            config,
        }
    }

    /// A token for a room of the first school.
    pub async fn token(&self, uses: usize) -> EnrollmentToken {
        let store = Store::open(&self.database).await.unwrap();
        let origin = TokenOrigin {
            region: self.config.region.id.clone(),
            controllers: vec![format!("https://localhost:{}", self.public_port).parse().unwrap()],
            ca: self.ca,
        };
        let wish = TokenWish {
            place: place(&store).await,
            uses: u32::try_from(uses).unwrap(),
            days: 10,
            proxy: None,
            note: String::new(),
        };
        let token = issue(&store, origin, wish, None, now()).await.unwrap();
        store.close().await;
        token
    }

    /// A controller with a configuration, a copy of the authority's folder and ports of its own. `database`: where
    /// it reaches the region's database.
    pub async fn controller(&self, name: &str, devices: u16, database: &str, durability: Durability) -> Controller {
        self.controller_at(name, (devices, port::free()), database, durability).await
    }

    /// As [`Self::controller`], on the ports for devices and for people.
    pub async fn controller_at(&self, name: &str, (devices, people): (u16, u16), database: &str, durability: Durability) -> Controller {
        let mut config = self.config.clone();
        let directory = self.folder.path().join(format!("{name}-authority"));
        folder::copy(&self.config.authority.directory, &directory);
        config.authority.directory = directory;
        config.database.url = database.to_owned().try_into().unwrap();
        config.device_listener.address = SocketAddr::from(([127, 0, 0, 1], devices));
        config.people_listener.address = SocketAddr::from(([127, 0, 0, 1], people));
        let path = self.folder.path().join(format!("{name}.toml"));
        fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
        Controller::start(path, self.root(), people, durability).await
    }

    /// The root's certificate.
    pub fn root(&self) -> PathBuf {
        let mut roots = fs::read_dir(self.config.authority.directory.join("roots")).unwrap();
        roots.next().expect("the authority has a root").unwrap().path()
    }
}

async fn place(store: &Store) -> Place {
    let filter = OrganizationFilter::default();
    let schools = store.organizations(Scope::REGION, &filter, Page::default()).await.unwrap();
    let school = schools.rows[0].external_id;
    let building = store.buildings(Scope::REGION, school).await.unwrap().remove(0);
    let place = store.place(Scope::REGION, school, building.external_id, None).await.unwrap();
    place.expect("the building was just read")
}
