//! A run: region, lines, computers; then the plan; then the reckoning.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cos_controller::store::Store;
use inventory_schema::Timestamp;
use inventory_schema::enrollment::{ControllerUrl, EnrollmentToken};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::computer::{Computer, World};
use crate::hardware::Images;
use crate::observer::{Observed, Observer};
use crate::plan::{BadTime, Plan, Rates};
use crate::proxy::Proxy;
use crate::record::{Arrivals, Figures};
use crate::region::{Controller, Failed, Settings};
use crate::summary::Summary;
use crate::time::Time;
use crate::verdict::{Verdict, Witness, judge};

#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    #[error("a folder for the computers cannot be made")]
    Folder(#[source] std::io::Error),
    #[error("the controller: {0}")]
    Controller(Box<dyn std::error::Error + Send + Sync>),
    #[error("a line to the controller cannot be laid")]
    Line(#[source] std::io::Error),
    #[error("the token cannot be read")]
    Token(#[from] inventory_schema::enrollment::TokenError),
    #[error("{0} is no address of a controller")]
    Address(String),
    #[error("{enrolled} of {all} computers enrolled within {within:?}")]
    NotEnrolled { enrolled: usize, all: usize, within: Duration },
    #[error("the database cannot be read")]
    Database(#[from] cos_controller::store::StoreError),
}

#[derive(Debug, Clone)]
pub struct Options {
    pub agents: u64,
    pub hours: u64,
    pub seed: u64,
    /// Simulated seconds in a real one.
    pub pace: u32,
    /// `postgres://…` instead of a SQLite file in the run's folder.
    pub database: Option<String>,
    /// Controllers that run already, with a token of theirs; their database is judged where it is given.
    pub existing: Option<Existing>,
    /// Of a thousand lines; the others are good and direct.
    pub bad_lines: u64,
    /// This program, which starts itself as the controller.
    pub program: PathBuf,
    /// The region begins with two roots, so that one can be retired.
    pub two_roots: bool,
    /// How long the fleet may take to come to rest after the plan, in the real world.
    pub drain: Duration,
}

#[derive(Debug, Clone)]
pub struct Existing {
    pub controllers: Vec<SocketAddr>,
    pub token: String,
}

/// Computers of one room share a line.
const COMPUTERS_OF_A_LINE: u64 = 10;
const ENROLLING_AT_ONCE: usize = 64;
/// A first report makes a second connection beside the long poll, which stays for a while: not all at once, or a
/// process has no file descriptors left for 10,000 agents.
const SWITCHED_ON_EVERY: Duration = Duration::from_millis(12);
const ENROLLMENT_PATIENCE: Duration = Duration::from_secs(1200);

/// Runs a whole fleet and judges it.
pub async fn run(options: &Options, told: impl Fn(&Progress)) -> Result<Summary, FleetError> {
    let begun = Instant::now();
    let folder = state_folder()?;
    let mut fleet = Fleet::prepare(options, folder.path().to_owned()).await?;
    fleet.all_enrolled(&told).await?;
    fleet.carry_out_the_plan(&told).await;
    let settled = fleet.come_to_rest(&told).await;
    let (witnesses, observed) = fleet.end().await?;
    let verdict = match fleet.database() {
        Some(url) => judge(&Store::open(&url).await?, &witnesses).await?,
        None => Verdict::default(),
    };
    Ok(Summary::new(options, &fleet.figures, observed, settled, verdict, begun.elapsed()))
}

/// For people who wait.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    pub phase: Phase,
    pub enrolled: usize,
    pub settled: usize,
    pub agents: usize,
    pub check_ins: u64,
    pub reports: u64,
    pub retries: u64,
    pub simulated: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Enrolling,
    Living,
    Draining,
    Returning,
}

pub(crate) struct Fleet<'o> {
    options: &'o Options,
    folder: PathBuf,
    time: Time,
    pub(crate) figures: Arc<Figures>,
    controller: Option<Controller>,
    lines: Vec<Line>,
    computers: JoinSet<Computer>,
    logs: Vec<Arc<crate::record::Log>>,
    pub(crate) world: Arc<World>,
    begin: watch::Sender<Option<Duration>>,
    stop: watch::Sender<bool>,
    observer: Observer,
}

/// A school's way to the controllers: one proxy for each, or none where the line is good.
#[derive(Debug)]
struct Line {
    proxies: Vec<Proxy>,
    bad_times: Vec<BadTime>,
}

impl<'o> Fleet<'o> {
    pub(crate) async fn prepare(options: &'o Options, folder: PathBuf) -> Result<Self, FleetError> {
        let time = Time::begin(options.pace);
        let settings = settings(options, time, &folder);
        let controller = match &options.existing {
            Some(_) => None,
            None => Some(
                Controller::start(&options.program, &settings)
                    .await
                    .map_err(FleetError::Controller)?,
            ),
        };
        let (addresses, token) = match (&options.existing, &controller) {
            (Some(existing), _) => (existing.controllers.clone(), existing.token.clone()),
            (None, Some(controller)) => (vec![controller.devices], controller.token.clone().unwrap_or_default()),
            (None, None) => unreachable!("one of the two was just made"),
        };
        EnrollmentToken::from_line(&token)?;
        let lines = options.agents.div_ceil(COMPUTERS_OF_A_LINE);
        let plan = Plan::draw(options.seed, &rates(options, lines));
        let (begin, stop) = (watch::Sender::new(None), watch::Sender::new(false));
        let world = Arc::new(World {
            begin: begin.subscribe(),
            stop: stop.subscribe(),
            ..world(options, time, token, folder.clone())
        });
        let (figures, process) = (world.figures.clone(), controller.as_ref().map(|controller| controller.process));
        let mut fleet = Self {
            options,
            folder,
            time,
            figures,
            controller,
            lines: Vec::new(),
            computers: JoinSet::new(),
            logs: Vec::new(),
            world: world.clone(),
            begin,
            stop,
            observer: Observer::start(process),
        };
        let mut plans = plan.computers.into_iter();
        for (line, bad_times) in plan.lines.into_iter().enumerate() {
            let line = fleet.lay_line(line, bad_times, &addresses).await?;
            let urls = urls(&line, &addresses)?;
            let first = fleet.logs.len() as u64;
            for number in first..options.agents.min(first + COMPUTERS_OF_A_LINE) {
                let planned = plans.next().unwrap_or_default();
                let computer = Computer::draw(&world, number, urls.clone(), planned);
                fleet.logs.push(computer.log.clone());
                fleet.computers.spawn(computer.live(world.clone()));
            }
            fleet.lines.push(line);
        }
        Ok(fleet)
    }

    async fn lay_line(&self, number: usize, bad_times: Vec<BadTime>, controllers: &[SocketAddr]) -> Result<Line, FleetError> {
        let mut proxies = Vec::new();
        // The bad ones are spread evenly over the lines.
        let bad = (number as u64 * self.options.bad_lines) % 1000 + self.options.bad_lines >= 1000;
        if bad {
            for controller in controllers {
                proxies.push(Proxy::start(*controller).await.map_err(FleetError::Line)?);
            }
        }
        Ok(Line { proxies, bad_times })
    }

    pub(crate) async fn all_enrolled(&self, told: &impl Fn(&Progress)) -> Result<(), FleetError> {
        let all = self.logs.len();
        let enrolled = || usize::try_from(self.figures.enrolled.load(std::sync::atomic::Ordering::Relaxed)).unwrap_or(usize::MAX);
        if self.wait(Phase::Enrolling, ENROLLMENT_PATIENCE, told, || enrolled() >= all).await {
            self.begin.send_replace(Some(self.time.elapsed()));
            return Ok(());
        }
        Err(FleetError::NotEnrolled {
            enrolled: enrolled(),
            all,
            within: ENROLLMENT_PATIENCE,
        })
    }

    /// Lets the hours pass; lines are good at their end.
    async fn carry_out_the_plan(&self, told: &impl Fn(&Progress)) {
        let begun = self.begin.borrow().unwrap_or_default();
        let hours = Duration::from_secs(3600 * self.options.hours);
        let lines = self.lines.iter().map(|line| line.carry_out(self.time, begun, &self.figures));
        let all_lines = async {
            let mut running: Vec<_> = lines.map(Box::pin).collect();
            for line in &mut running {
                line.as_mut().await;
            }
        };
        let passed = self.wait(Phase::Living, self.time.real(hours) + Duration::from_secs(1), told, || {
            self.time.elapsed() >= begun + hours
        });
        tokio::join!(all_lines, passed);
    }

    /// Waits until every report is delivered and every device is whole, and answers how long that took.
    pub(crate) async fn come_to_rest(&self, told: &impl Fn(&Progress)) -> Option<Duration> {
        let begun = Instant::now();
        let settled = self.wait(Phase::Draining, self.options.drain, told, || {
            self.logs.iter().all(|log| log.is_settled())
        });
        settled.await.then(|| begun.elapsed())
    }

    /// Everybody is off for `slept`, and `meanwhile` is done to the region's folder; then all are switched on in one
    /// moment, with the controller where it was.
    pub(crate) async fn all_return_after(
        &mut self,
        slept: Duration,
        meanwhile: impl FnOnce(&Path, Timestamp) -> Result<(), Failed>,
    ) -> Result<(), FleetError> {
        let computers = self.all_off().await;
        let controller = self.controller.take().expect("a herd has a controller of its own");
        let port = controller.devices.port();
        controller.stop().await.map_err(FleetError::Controller)?;
        self.time = self.time.later_by(slept);
        meanwhile(&self.folder, self.time.now()).map_err(FleetError::Controller)?;
        let settings = Settings {
            port,
            computers: 0,
            ..settings(self.options, self.time, &self.folder)
        };
        let controller = Controller::start(&self.options.program, &settings)
            .await
            .map_err(FleetError::Controller)?;
        self.observer = Observer::start(Some(controller.process));
        self.controller = Some(controller);
        (self.begin, self.stop) = (watch::Sender::new(None), watch::Sender::new(false));
        self.world = Arc::new(World {
            begin: self.begin.subscribe(),
            stop: self.stop.subscribe(),
            ramp: Duration::ZERO,
            ..world(self.options, self.time, self.world.token.clone(), self.folder.clone())
        });
        self.figures = self.world.figures.clone();
        for computer in computers {
            self.computers.spawn(computer.live(self.world.clone()));
        }
        self.begin.send_replace(Some(self.time.elapsed()));
        Ok(())
    }

    async fn all_off(&mut self) -> Vec<Computer> {
        self.stop.send_replace(true);
        let mut computers = Vec::new();
        while let Some(ended) = self.computers.join_next().await {
            computers.push(ended.expect("a computer does not panic"));
        }
        computers.sort_by_key(|computer| computer.number);
        computers
    }

    /// What is seen of the controller so far.
    pub(crate) fn observed(&mut self) -> Observed {
        self.observer.stop()
    }

    /// Stops everything; the controller last, so that its database can be opened.
    pub(crate) async fn end(&mut self) -> Result<(Vec<Witness>, Observed), FleetError> {
        let computers = self.all_off().await;
        let witnesses = computers.iter().map(|computer| computer.witness(&self.world.images)).collect();
        let observed = self.observer.stop();
        if let Some(controller) = self.controller.take() {
            controller.stop().await.map_err(FleetError::Controller)?;
        }
        Ok((witnesses, observed))
    }

    pub(crate) fn database(&self) -> Option<String> {
        match (&self.options.database, &self.options.existing) {
            (Some(url), _) => Some(url.clone()),
            (None, None) => Some(sqlite(&self.folder)),
            (None, Some(_)) => None,
        }
    }

    pub(crate) async fn wait(&self, phase: Phase, patience: Duration, told: &impl Fn(&Progress), done: impl Fn() -> bool) -> bool {
        let begun = Instant::now();
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        let mut last = Instant::now();
        while !done() {
            if begun.elapsed() > patience {
                return false;
            }
            if last.elapsed() > Duration::from_secs(1) {
                last = Instant::now();
                told(&self.progress(phase));
            }
            ticks.tick().await;
        }
        told(&self.progress(phase));
        true
    }

    fn progress(&self, phase: Phase) -> Progress {
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
        Progress {
            phase,
            enrolled: usize::try_from(read(&self.figures.enrolled)).unwrap_or(usize::MAX),
            settled: self.logs.iter().filter(|log| log.is_settled()).count(),
            agents: self.logs.len(),
            check_ins: read(&self.figures.check_ins),
            reports: read(&self.figures.reports),
            retries: read(&self.figures.retries),
            simulated: self.time.elapsed().saturating_sub(self.begin.borrow().unwrap_or_default()),
        }
    }
}

impl Line {
    async fn carry_out(&self, time: Time, begun: Duration, figures: &Figures) {
        if self.proxies.is_empty() {
            return;
        }
        for bad_time in &self.bad_times {
            for (at, fault) in [(bad_time.from, Some(bad_time.fault)), (bad_time.until, None)] {
                tokio::time::sleep(time.real((begun + at).saturating_sub(time.elapsed()))).await;
                self.proxies.iter().for_each(|proxy| proxy.set(fault));
                if let Some(fault) = fault {
                    figures.fault(fault);
                }
            }
        }
    }
}

/// The world before anybody lives in it.
fn world(options: &Options, time: Time, token: String, folder: PathBuf) -> World {
    World {
        time,
        seed: options.seed,
        images: Images::default(),
        figures: Arc::default(),
        token,
        folder,
        patience: patience(options.pace),
        collect_every: Duration::from_secs(1800),
        long_polls: options.pace == 1,
        arrivals: Arrivals::default(),
        enrolling: Semaphore::new(ENROLLING_AT_ONCE),
        computers: u32::try_from(options.agents).unwrap_or(u32::MAX),
        ramp: SWITCHED_ON_EVERY * u32::try_from(options.agents).unwrap_or(u32::MAX),
        begin: watch::channel(None).1,
        stop: watch::channel(false).1,
    }
}

fn settings(options: &Options, time: Time, folder: &Path) -> Settings {
    Settings {
        time,
        folder: folder.to_owned(),
        database: options.database.clone().unwrap_or_else(|| sqlite(folder)),
        port: 0,
        two_roots: options.two_roots,
        computers: u32::try_from(options.agents).unwrap_or(u32::MAX),
        // Compressed time has no long polls: agents are told when to come back.
        interval_seconds: if options.pace == 1 { 60 } else { 900 },
        wait_seconds: if options.pace == 1 { 50 } else { 0 },
        waiting_check_ins: if options.pace == 1 { 18_000 } else { 0 },
    }
}

fn rates(options: &Options, lines: u64) -> Rates {
    if options.bad_lines == 0 {
        Rates::calm(options.agents, options.hours, lines)
    } else {
        Rates::with_faults(options.agents, options.hours, lines)
    }
}

/// Compressed time must not make every request late: at least two seconds, whatever the pace.
fn patience(pace: u32) -> Duration {
    (Duration::from_secs(60) / pace).max(Duration::from_secs(2))
}

fn sqlite(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("controller.sqlite").display())
}

fn urls(line: &Line, controllers: &[SocketAddr]) -> Result<Vec<ControllerUrl>, FleetError> {
    let proxies: Vec<SocketAddr> = line.proxies.iter().map(Proxy::address).collect();
    let addresses = if proxies.is_empty() { controllers } else { &proxies };
    let url = |address: &SocketAddr| {
        format!("https://{address}")
            .parse()
            .map_err(|_| FleetError::Address(address.to_string()))
    };
    addresses.iter().map(url).collect()
}

/// In memory where the system has a place for that: thousands of small files are flushed one by one.
pub(crate) fn state_folder() -> Result<tempfile::TempDir, FleetError> {
    let memory = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    builder.prefix("cos-fleet-");
    let made = if memory.is_dir() {
        builder.tempdir_in(memory)
    } else {
        builder.tempdir()
    };
    made.map_err(FleetError::Folder)
}
