//! `cos-controller demo`: a whole region on this computer, with this computer as a device of one school.
//!
//! A real controller on SQLite, the Perm sample register, and the real agent as a process of its own, which
//! enrolls over mutual TLS and reports what it finds. Everything lies in one folder; nothing outside it is
//! touched, and of what lies in it only what a demo makes. Ends on Ctrl-C, and ends the agent that it started; one
//! that is killed takes the agent with it all the same, because the agent's standard input closes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use tokio::process::{Child, ChildStdin, Command};

use super::{Outcome, asked_to_stop, start_log};
use crate::access::Role;
use crate::authority::Authority;
use crate::config::{Config, Region};
use crate::line_sample;
use crate::operator::{NewOperatorWish, create};
use crate::register::sample;
use crate::register_import;
use crate::server::Server;
use crate::state::{AppState, Clock};
use crate::store::organization::OrganizationFilter;
use crate::store::{Page, Scope};
use crate::token::{TokenOrigin, TokenWish, issue};

#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Папка для всего, что создаст демонстрация; должна быть пустой или от прошлой демонстрации
    #[arg(long, default_value = "demo")]
    folder: PathBuf,
    /// Программа агента
    #[arg(long, default_value = "cos-agent")]
    agent: PathBuf,
    /// Порт страниц; занятый заменяется свободным
    #[arg(long, default_value_t = 9443)]
    port: u16,
}

#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("{0} не пуста и не создана демонстрацией; укажите другую папку / {0} is not empty and not a demo's folder")]
    ForeignFolder(PathBuf),
    #[error(
        "в папке {0} уже работает другая демонстрация; остановите её или укажите другую папку: --folder / another demo runs in this folder"
    )]
    Occupied(PathBuf),
    #[error("не удалось подготовить {path} / the demo's folder could not be prepared")]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("агент {agent} не запустился / the agent did not start")]
    Agent {
        agent: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("агент не зарегистрировался, код {0}; что он сказал, напечатано выше / the agent did not enroll")]
    NotEnrolled(std::process::ExitStatus),
    #[error("агент остановился, не прислав отчёта, код {0} / the agent ended before it reported")]
    AgentEnded(std::process::ExitStatus),
    #[error("в учебном реестре нет школы / the sample register has no school")]
    NoSchool,
}

/// Says that the folder is a demo's, and is locked while one runs there.
const MARKER: &str = ".cos-demo";
/// What a demo makes beside its marker; the next one removes just that.
const MADE: [&str; 9] = [
    "authority",
    "agent",
    "agent.toml",
    "agent.log",
    "controller.sqlite",
    "controller.sqlite.lock",
    "controller.sqlite-journal",
    "controller.sqlite-shm",
    "controller.sqlite-wal",
];
const LOGIN: &str = "admin";

pub fn run(arguments: &DemoArguments) -> Outcome {
    start_log("warn");
    // Held to the end: the system gives it back however the demo ends.
    let _lock = prepare(&arguments.folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // One wait from beginning to end: what is asked between two of them would be lost.
        let mut stop = std::pin::pin!(asked_to_stop());
        let prepared = tokio::select! {
            shown = show(arguments) => Some(shown?),
            () = &mut stop => None,
        };
        if let Some(Running { server, agent, lifeline }) = prepared {
            stop.await;
            say("\nОстанавливаю…")?;
            end(agent, lifeline).await;
            server.stop().await;
            say("Остановлено. Всё, что осталось, лежит в папке демонстрации.")?;
        }
        Ok(())
    })
}

/// What is ended when the demo ends.
struct Running {
    server: Server,
    agent: Child,
    lifeline: Lifeline,
}

/// The agent's standard input. It ends when this is closed, by the system too where the demo is killed.
type Lifeline = Option<ChildStdin>;

/// Makes the folder, or takes a former demo's and removes what that demo made. Touches nothing where another runs.
fn prepare(folder: &Path) -> Result<File, Box<dyn std::error::Error>> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| DemoError::Folder { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let marker = folder.join(MARKER);
    if !marker.exists() && !contents(folder).map_err(failed(folder))?.is_empty() {
        return Err(DemoError::ForeignFolder(folder.to_owned()).into());
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let lock = options.open(&marker).map_err(failed(&marker))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(DemoError::Occupied(folder.to_owned()).into()),
        Err(TryLockError::Error(source)) => return Err(failed(&marker)(source).into()),
    }
    for path in MADE.map(|name| folder.join(name)) {
        remove(&path).map_err(failed(&path))?;
    }
    let own = contents(folder).map_err(failed(folder))?;
    let own: Vec<_> = own.into_iter().filter(|name| name != MARKER).collect();
    if !own.is_empty() {
        say(&format!("В папке {} остаются и ваши файлы: {}", folder.display(), own.join(", ")))?;
    }
    Ok(lock)
}

/// The names of what lies in a folder, in order.
fn contents(folder: &Path) -> io::Result<Vec<String>> {
    let entries = std::fs::read_dir(folder)?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// Removes a file, a link (never what it leads to) or a folder; that there is none is well.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

async fn show(arguments: &DemoArguments) -> Result<Running, Box<dyn std::error::Error>> {
    let folder = std::path::absolute(&arguments.folder)?;
    let clock = Clock::system();
    say("Создаю удостоверяющий центр и базу данных…")?;
    let server = start_server(&folder, arguments.port, clock.clone()).await?;
    let now = clock.now();
    let preview = register_import::compare(&server.state.store, sample::perm_2020()).await?;
    register_import::apply(&server.state.store, &preview, "sample Perm 2020".to_owned(), now).await?;
    say(&format!(
        "Учебный реестр «Пермь-2020»: организаций {}.",
        preview.new.organizations.len()
    ))?;
    let (state, zone) = (&server.state, &server.state.region.zone);
    let measured = line_sample::write(&state.store, &state.lines, zone, now).await?;
    say(&format!("Учебная история интернета: замеров {measured}, придуманы и помечены."))?;
    let wish = NewOperatorWish {
        login: LOGIN.to_owned(),
        display_name: "Администратор региона".to_owned(),
        role: Role::RegionAdministrator,
        scope: Scope::REGION,
    };
    let password = create(&server.state.store, wish, now).await?;

    let token = school_token(&server.state, now).await?;
    let agent = Agent {
        program: arguments.agent.clone(),
        config: write_agent_config(&folder)?,
    };
    say("Регистрирую этот компьютер…")?;
    agent.enroll(&token).await?;
    let (mut running, lifeline) = agent.run()?;
    let device = reported(&server.state, &mut running).await?;
    print_invitation(&server, &device, &password, &folder)?;
    Ok(Running {
        server,
        agent: running,
        lifeline,
    })
}

async fn start_server(folder: &Path, port: u16, clock: Clock) -> Result<Server, Box<dyn std::error::Error>> {
    let region = Region {
        id: "RU-PER".parse()?,
        name: "Пермский край (демонстрация)".parse()?,
        time_zone: "Asia/Yekaterinburg".to_owned().try_into()?,
    };
    Authority::create(&folder.join("authority"), &region.id, clock.now())?;
    let mut config = Config::of_region(region);
    config.database.url = format!("sqlite:{}", folder.join("controller.sqlite").display()).try_into()?;
    config.authority.directory = folder.join("authority");
    config.device_listener.address = SocketAddr::from(([127, 0, 0, 1], 0));
    config.people_listener.address = SocketAddr::from(([127, 0, 0, 1], free_port(port)));
    Ok(Server::start(&config, clock).await?)
}

/// The wished port, or any where it is taken.
fn free_port(wished: u16) -> u16 {
    let taken = std::net::TcpListener::bind(("127.0.0.1", wished)).is_err();
    if taken { 0 } else { wished }
}

async fn school_token(state: &AppState, now: inventory_schema::Timestamp) -> Result<String, Box<dyn std::error::Error>> {
    let store = &state.store;
    let schools = store
        .organizations(Scope::REGION, &OrganizationFilter::default(), Page { offset: 0, limit: 1 })
        .await?;
    let school = schools.rows.first().ok_or(DemoError::NoSchool)?.external_id;
    let building = store
        .buildings(Scope::REGION, school)
        .await?
        .into_iter()
        .next()
        .ok_or(DemoError::NoSchool)?;
    let room = store
        .rooms(Scope::REGION, school)
        .await?
        .into_iter()
        .find(|room| room.building_id == building.id);
    let place = store
        .place(Scope::REGION, school, building.external_id, room.map(|room| room.external_id))
        .await?
        .ok_or(DemoError::NoSchool)?;
    let origin = TokenOrigin {
        region: state.region.id.clone(),
        controllers: state.region.controllers.clone(),
        ca: state.authority.current().pin(),
    };
    let wish = TokenWish {
        place,
        uses: 1,
        days: 1,
        proxy: None,
        note: "Демонстрация".to_owned(),
    };
    Ok(issue(store, origin, wish, None, now).await?.to_line())
}

fn write_agent_config(folder: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let path = folder.join("agent.toml");
    let state = toml::Value::String(folder.join("agent").display().to_string());
    std::fs::write(&path, format!("state_dir = {state}\n[proxy]\ndirect = true\n"))?;
    Ok(path)
}

struct Agent {
    program: PathBuf,
    config: PathBuf,
}

impl Agent {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env("COS_AGENT_CONFIG", &self.config)
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        // A Ctrl-C in the terminal reaches the whole group: the agent is ended by us, in order.
        #[cfg(unix)]
        command.process_group(0);
        command
    }

    async fn enroll(&self, token: &str) -> Outcome {
        let fail = |source| DemoError::Agent {
            agent: self.program.clone(),
            source,
        };
        let status = self.command(&["enroll", token]).status().await.map_err(fail)?;
        if status.success() {
            Ok(())
        } else {
            Err(DemoError::NotEnrolled(status).into())
        }
    }

    fn run(&self) -> Result<(Child, Lifeline), DemoError> {
        let log = std::fs::File::create(self.config.with_file_name("agent.log"));
        let mut command = self.command(&["run", "--attached"]);
        command.stdin(Stdio::piped());
        if let Ok(log) = log {
            command.stderr(log);
        }
        let mut child = command.spawn().map_err(|source| DemoError::Agent {
            agent: self.program.clone(),
            source,
        })?;
        // Taken out, because waiting for the child would close it.
        let lifeline = child.stdin.take();
        Ok((child, lifeline))
    }
}

/// Waits until this computer's report is stored; answers the device's number.
async fn reported(state: &AppState, agent: &mut Child) -> Result<String, Box<dyn std::error::Error>> {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            ended = agent.wait() => return Err(DemoError::AgentEnded(ended?).into()),
            _ = ticks.tick() => {}
        }
        let devices = state.store.devices(Scope::REGION, &Default::default(), Page::default()).await?;
        if let Some(device) = devices.rows.into_iter().find(|device| device.last_report_at.is_some()) {
            return Ok(device.external_id.to_string());
        }
    }
}

fn print_invitation(server: &Server, device: &str, password: &str, folder: &Path) -> std::io::Result<()> {
    let port = server.people.port();
    say(&format!(
        "\n  Этот компьютер: https://localhost:{port}/devices/{device}\n  Вход:           {LOGIN}\n  Пароль:         {password}   (одноразовый: при входе его нужно сменить)\n\n  \
         Браузер предупредит о сертификате: он от собственного удостоверяющего центра,\n  как ему доверять, сказано на https://localhost:{port}/trust\n  \
         Папка:          {}\n\n  Остановить: Ctrl-C",
        folder.display()
    ))
}

/// Lets the agent end by itself, so that nothing of it stays; after ten seconds it is ended.
async fn end(mut agent: Child, lifeline: Lifeline) {
    #[cfg(unix)]
    if let Some(id) = agent
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
    drop(lifeline);
    if tokio::time::timeout(Duration::from_secs(10), agent.wait()).await.is_err() {
        let _ = agent.kill().await;
    }
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
