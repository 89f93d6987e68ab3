//! The controller as a process under measurement: what `cos-controller serve` runs, with a register and a token in its
//! database, and orders on its standard input in place of a person who presses a button on a page.
//!
//! | Order | Does | Answers |
//! |---|---|---|
//! | `collect` | asks every device to look at its hardware now | – |
//! | `waiting` | – | how many devices wait for news |

use std::io::BufRead;
use std::net::SocketAddr;
use std::path::Path;

use cos_controller::authority::Authority;
use cos_controller::config::{Config, Region};
use cos_controller::register::sample;
use cos_controller::register_import;
use cos_controller::server::Server;
use cos_controller::state::Clock;
use cos_controller::store::building::Place;
use cos_controller::store::organization::OrganizationFilter;
use cos_controller::store::{Page, Scope};
use cos_controller::token::{TokenOrigin, TokenWish, issue};

use crate::Outcome;

pub const REGION: &str = "RU-PER";
/// As many as all rounds of all benchmarks could enroll.
const USES: u32 = 1_000_000;

pub fn main(database: &str, folder: &Path) -> Outcome {
    tracing_subscriber::fmt()
        .with_env_filter("info")
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let server = runtime.block_on(start(database, folder))?;
    for order in std::io::stdin().lock().lines() {
        println!("{}", runtime.block_on(obey(&server, &order?))?);
    }
    // The benchmark has gone, in whatever manner; nothing is worth keeping.
    std::process::exit(0)
}

async fn start(database: &str, folder: &Path) -> Outcome<Server> {
    let mut config = Config::of_region(Region {
        id: REGION.parse()?,
        name: "Пермский край".parse()?,
        time_zone: "Asia/Yekaterinburg".to_owned().try_into()?,
    });
    let clock = Clock::system();
    config.database.url = database.to_owned().try_into()?;
    config.authority.directory = folder.join("authority");
    config.device_listener.address = SocketAddr::from(([127, 0, 0, 1], 0));
    config.people_listener.address = SocketAddr::from(([127, 0, 0, 1], 0));
    if !config.authority.directory.exists() {
        Authority::create(&config.authority.directory, &config.region.id, clock.now())?;
    }
    let server = Server::start(&config, clock.clone()).await?;
    let place = match place(&server).await? {
        Some(place) => place,
        None => {
            let preview = register_import::compare(&server.state.store, sample::perm_2020()).await?;
            register_import::apply(&server.state.store, &preview, "benchmark".to_owned(), clock.now()).await?;
            place(&server).await?.ok_or("the register is empty")?
        }
    };
    let origin = TokenOrigin {
        region: server.state.region.id.clone(),
        controllers: server.state.region.controllers.clone(),
        ca: server.state.authority.current().pin(),
    };
    let wish = TokenWish {
        place,
        uses: USES,
        days: 10,
        proxy: None,
        note: String::new(),
    };
    let token = issue(&server.state.store, origin, wish, None, clock.now()).await?;
    println!("{} {}", server.devices.port(), token.to_line());
    Ok(server)
}

/// A room of the first school.
async fn place(server: &Server) -> Outcome<Option<Place>> {
    let store = &server.state.store;
    let schools = store
        .organizations(Scope::REGION, &OrganizationFilter::default(), Page::default())
        .await?;
    let Some(school) = schools.rows.first() else {
        return Ok(None);
    };
    let buildings = store.buildings(Scope::REGION, school.external_id).await?;
    let building = buildings.first().ok_or("a school without a building")?;
    Ok(store.place(Scope::REGION, school.external_id, building.external_id, None).await?)
}

async fn obey(server: &Server, order: &str) -> Outcome<usize> {
    match order {
        "collect" => {
            let (store, now) = (&server.state.store, server.state.clock.now());
            store.ask_all_to_collect(Scope::REGION, now).await?;
            Ok(0)
        }
        _ => Ok(server.state.traffic.waiting.count()),
    }
}
