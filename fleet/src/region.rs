//! The controller of a simulated region: a process of its own, so that its memory is its own.
//!
//! The fleet's program starts itself once more as [`serve`], which makes an authority and the sample register,
//! prints one line with its address and a token, and ends in order when its standard input does. Its clock is
//! the simulated one.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use cos_controller::authority::{self, Authority};
use cos_controller::config::{Config, Region as RegionConfig};
use cos_controller::register::sample;
use cos_controller::register_import;
use cos_controller::server::Server;
use cos_controller::state::{AppState, Clock};
use cos_controller::store::building::Place;
use cos_controller::store::organization::OrganizationFilter;
use cos_controller::store::{Page, Scope};
use cos_controller::token::{TokenOrigin, TokenWish, issue};
use inventory_schema::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::time::Time;

pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// What the controller is started with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    pub time: Time,
    pub folder: PathBuf,
    pub database: String,
    /// 0 for a free one.
    pub port: u16,
    /// How many computers the token enrolls; 0 for a region that was made before.
    pub computers: u32,
    pub two_roots: bool,
    /// As in `controller.toml`.
    pub interval_seconds: u64,
    pub wait_seconds: u64,
    pub waiting_check_ins: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Started {
    devices: SocketAddr,
    token: Option<String>,
}

/// A running controller.
#[derive(Debug)]
pub struct Controller {
    pub devices: SocketAddr,
    pub token: Option<String>,
    pub process: u32,
    child: Child,
    lifeline: Option<ChildStdin>,
}

impl Controller {
    /// Starts `program`, this one unless a test says otherwise.
    pub async fn start(program: &Path, settings: &Settings) -> Result<Self, Failed> {
        let mut child = Command::new(program)
            .arg("serve")
            .arg(serde_json::to_string(settings)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let said = lines.next_line().await?.ok_or("the controller ended before it served")?;
        let started: Started = serde_json::from_str(&said)?;
        Ok(Self {
            devices: started.devices,
            token: started.token,
            process: child.id().unwrap_or_default(),
            lifeline: child.stdin.take(),
            child,
        })
    }

    /// Ends it in order.
    pub async fn stop(mut self) -> Result<(), Failed> {
        drop(self.lifeline.take());
        let status = self.child.wait().await?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("the controller ended with {status}").into())
        }
    }
}

/// The controller's side: serves until standard input ends.
pub async fn serve(settings: &str) -> Result<(), Failed> {
    let settings: Settings = serde_json::from_str(settings)?;
    let time = settings.time;
    let clock = Clock::new(move || time.now());
    let config = config(&settings)?;
    let made = settings.computers > 0;
    if made {
        Authority::create(&config.authority.directory, &config.region.id, clock.now())?;
        if settings.two_roots {
            authority::add_root(&config.authority.directory, &config.region.id, clock.now())?;
        }
    }
    let server = Server::start(&config, clock).await?;
    let token = if made {
        Some(make_region(&server.state, settings.computers).await?)
    } else {
        None
    };
    let started = Started {
        devices: server.devices,
        token,
    };
    println!("{}", serde_json::to_string(&started)?);
    // Nothing is written there: the end is what is waited for, on a thread that may stay behind.
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
    server.stop().await;
    Ok(())
}

/// What happens to an authority in a long summer: a new issuing CA under the second root, and the first root is
/// retired.
pub(crate) fn exchange_authority(folder: &Path, now: Timestamp) -> Result<(), Failed> {
    let directory = folder.join("authority");
    let retired = Authority::load(&directory)?.root().serial.clone();
    let mut keys = std::fs::read_dir(directory.join("root"))?.map(|entry| entry.map(|entry| entry.path()));
    let of_the_second = |path: &Result<PathBuf, std::io::Error>| {
        path.as_ref()
            .is_ok_and(|path| path.extension().is_some_and(|end| end == "key") && !path.to_string_lossy().contains(&retired))
    };
    let key = keys.find(of_the_second).ok_or("there is no second root")??;
    authority::rotate_issuing(&directory, &REGION.parse()?, &key, now)?;
    std::fs::remove_file(directory.join("roots").join(format!("{retired}.pem")))?;
    Ok(())
}

const REGION: &str = "RU-PER";

fn config(settings: &Settings) -> Result<Config, Failed> {
    let mut config = Config::of_region(RegionConfig {
        id: REGION.parse()?,
        name: "Пермский край (учебный флот)".parse()?,
        time_zone: "Asia/Yekaterinburg".to_owned().try_into()?,
    });
    config.database.url = settings.database.clone().try_into()?;
    config.authority.directory = settings.folder.join("authority");
    config.device_listener.address = SocketAddr::from(([127, 0, 0, 1], settings.port));
    config.device_listener.names = vec!["127.0.0.1".to_owned().try_into()?];
    config.people_listener.address = SocketAddr::from(([127, 0, 0, 1], 0));
    config.check_in.interval_seconds = settings.interval_seconds.try_into()?;
    config.check_in.wait_seconds = settings.wait_seconds.try_into()?;
    config.limits.waiting_check_ins = settings.waiting_check_ins.try_into()?;
    Ok(config)
}

/// The sample register, and a token of its first school for every computer.
async fn make_region(state: &AppState, computers: u32) -> Result<String, Failed> {
    let preview = register_import::compare(&state.store, sample::perm_2020()).await?;
    register_import::apply(&state.store, &preview, "sample".to_owned(), state.clock.now()).await?;
    let origin = TokenOrigin {
        region: state.region.id.clone(),
        controllers: state.region.controllers.clone(),
        ca: state.authority.pin(),
    };
    let wish = TokenWish {
        place: first_place(state).await?,
        uses: computers,
        days: 10,
        proxy: None,
        note: "Учебный флот".to_owned(),
    };
    Ok(issue(&state.store, origin, wish, None, state.clock.now()).await?.to_line())
}

async fn first_place(state: &AppState) -> Result<Place, Failed> {
    let store = &state.store;
    let schools = store
        .organizations(Scope::REGION, &OrganizationFilter::default(), Page::default())
        .await?;
    let school = schools.rows.first().ok_or("the sample register has no school")?.external_id;
    let building = store
        .buildings(Scope::REGION, school)
        .await?
        .into_iter()
        .next()
        .ok_or("the school has no building")?;
    let place = store.place(Scope::REGION, school, building.external_id, None).await?;
    place.ok_or_else(|| "the school has no place".into())
}
