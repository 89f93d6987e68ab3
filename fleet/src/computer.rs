//! One computer with its agent: the real core, the real connection, a disk in memory.
//!
//! The shell around the core, as slim as thousands in a process need it. What decides is the agent's own:
//! `reconciler`, `enrollment`, `identity`, `transport`, and the signing and judging of its event loop. What is
//! simulated is the disk ([`crate::spool`]), the clock ([`crate::time`]) and the hardware ([`crate::hardware`]).

mod shell;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cos_agent::clock::{Moment, SharedClock, TrustedTime};
use cos_agent::config::AgentConfig;
use cos_agent::enrollment::{EnrollError, Enrolled, Enrolling, Enrollment, enroll};
use cos_agent::identity::Identity;
use inventory_schema::device::BootId;
use inventory_schema::enrollment::ControllerUrl;
use tokio::sync::{Semaphore, watch};

use crate::dice::Dice;
use crate::hardware::{Bodies, Hardware, Images};
use crate::plan::{Happening, Planned};
use crate::record::{Arrivals, Figures, Log, count};
use crate::spool::Disk;
use crate::time::Time;
use crate::verdict::Witness;
use shell::{Ended, Shell};

/// What all computers share.
#[derive(Debug)]
pub struct World {
    pub time: Time,
    pub seed: u64,
    pub images: Images,
    pub figures: Arc<Figures>,
    pub token: String,
    /// Where state folders are made.
    pub folder: PathBuf,
    /// How long a request may take, in the real world.
    pub patience: Duration,
    /// Between two looks at the hardware, simulated.
    pub collect_every: Duration,
    /// Real seconds that a check-in may wait are asked for as they are; compressed time has no use for them.
    pub long_polls: bool,
    /// When check-ins were answered, for the herd.
    pub arrivals: Arrivals,
    /// How many enroll at one time.
    pub enrolling: Semaphore,
    pub computers: u32,
    /// In which the computers are switched on one after another, in the real world.
    pub ramp: Duration,
    /// The simulated time at which the plan begins, once everybody is enrolled.
    pub begin: watch::Receiver<Option<Duration>>,
    pub stop: watch::Receiver<bool>,
}

impl World {
    fn begun(&self) -> Duration {
        self.begin.borrow().unwrap_or_default()
    }
}

#[derive(Debug)]
pub struct Computer {
    pub number: u64,
    pub controllers: Vec<ControllerUrl>,
    pub plan: Vec<Planned>,
    pub log: Arc<Log>,
    hardware: Hardware,
    disk: Arc<Mutex<Disk>>,
    /// The disk as a restoring system keeps it.
    image: Option<Disk>,
    enrolled: Option<Enrollment>,
    /// Which boot this is, and how far the own clock is off, in seconds.
    boots: u64,
    clock_off: i64,
}

impl Computer {
    pub fn draw(world: &World, number: u64, controllers: Vec<ControllerUrl>, plan: Vec<Planned>) -> Self {
        Self {
            number,
            controllers,
            plan,
            log: Arc::default(),
            hardware: Hardware::draw(world.seed, number),
            disk: Arc::default(),
            image: None,
            enrolled: None,
            boots: 0,
            clock_off: 0,
        }
    }

    /// Enrolls and runs until the world stops; through everything that was planned.
    pub async fn live(mut self, world: Arc<World>) -> Self {
        let mut stop = world.stop.clone();
        tokio::select! {
            () = self.prepare(&world) => {}
            _ = stop.wait_for(|stop| *stop) => return self,
        }
        let begun = world.begun();
        let mut planned = std::mem::take(&mut self.plan).into_iter().peekable();
        let mut bodies = self.hardware.bodies(&world.images);
        let mut visible = Some(Instant::now());
        loop {
            let Some(mut shell) = self.boot(&world, &bodies, visible) else {
                return self;
            };
            let after = loop {
                let next = planned.peek().map(|planned| begun + planned.at);
                if matches!(shell.run_until(next, &mut stop).await, Ended::Stopped) {
                    self.enrolled = Some(shell.enrollment().clone());
                    return self;
                }
                match planned.next().expect("it was waited for").what {
                    Happening::Change => {
                        self.hardware.change();
                        bodies = self.hardware.bodies(&world.images);
                        count(&world.figures.changes);
                        shell.hardware_is(bodies.clone());
                    }
                    Happening::ClockJump(seconds) => {
                        self.clock_off = seconds;
                        count(&world.figures.clock_jumps);
                        shell.clock_is_off(seconds);
                    }
                    after @ (Happening::PowerCut | Happening::RestoredDisk) => break after,
                }
            };
            visible = shell.visible();
            self.enrolled = Some(shell.enrollment().clone());
            // With everything that was under way: what the disk holds is what remains.
            drop(shell);
            self.start_again(after, &world.figures);
        }
    }

    /// A computer that is enrolled waits until all are, and then for its turn to be switched on.
    async fn prepare(&mut self, world: &World) {
        if self.enrolled.is_none() {
            let _turn = world.enrolling.acquire().await;
            self.enrolled = Some(self.enroll(world).await);
        }
        let mut begin = world.begin.clone();
        // A world that is gone stops its computers by another word.
        let _ = begin.wait_for(Option::is_some).await;
        let turn = world.ramp * u32::try_from(self.number).unwrap_or(u32::MAX);
        tokio::time::sleep(turn / world.computers.max(1)).await;
    }

    /// What the database is held against.
    pub fn witness(&self, images: &Images) -> Witness {
        let hardware = self.hardware.bodies(images).into_iter().map(|(name, (digest, _))| (name, digest));
        Witness {
            number: self.number,
            log: self.log.clone(),
            roots: self.enrolled.as_ref().map_or(0, |enrollment| enrollment.trust.roots.len()),
            hardware: hardware.collect(),
        }
    }

    fn boot(&mut self, world: &Arc<World>, bodies: &Bodies, visible: Option<Instant>) -> Option<Shell> {
        self.boots += 1;
        let enrollment = self.enrolled.clone()?;
        let identity = Identity::load(&self.config(world).state_dir).ok().flatten()?;
        {
            let mut entries = self.log.entries();
            entries.device = Some(enrollment.device);
            entries.key = Some(identity.fingerprint());
        }
        Some(Shell::start(shell::Boot {
            world: world.clone(),
            controllers: self.controllers.clone(),
            enrollment,
            identity: Arc::new(Mutex::new(identity)),
            disk: self.disk.clone(),
            log: self.log.clone(),
            bodies: bodies.clone(),
            id: boot_id(world.seed, self.number, self.boots),
            seed: Dice::of(world.seed ^ self.boots, "chance", self.number).throw(),
            clock_off: self.clock_off,
            visible,
        }))
    }

    fn start_again(&mut self, after: Happening, figures: &Figures) {
        let mut disk = self.disk.lock().expect("nobody panics with a disk in hand");
        if after == Happening::RestoredDisk {
            count(&figures.restored_disks);
            // The first time there is nothing to restore yet: this is when the image is taken.
            let image = self.image.get_or_insert_with(|| disk.clone()).clone();
            let kept = image.spool.digests();
            let mut entries = self.log.entries();
            entries
                .lost_with_disk
                .extend(disk.spool.digests().into_iter().filter(|digest| !kept.contains(digest)));
            *disk = image;
        } else {
            count(&figures.power_cuts);
        }
    }

    fn config(&self, world: &World) -> AgentConfig {
        let mut config = AgentConfig {
            state_dir: world.folder.join(format!("{:06}", self.number)),
            controllers: self.controllers.clone(),
            ..AgentConfig::default()
        };
        config.proxy.direct = true;
        config
    }

    /// By the agent's own code, as a technician does it: again and again until it worked.
    async fn enroll(&mut self, world: &World) -> Enrollment {
        let config = self.config(world);
        let clock = clock(world.time, boot_id(world.seed, self.number, 0), None, || 0);
        let mut dice = Dice::of(world.seed, "patience", self.number);
        loop {
            let enrolling = Enrolling {
                config: &config,
                evidence: self.hardware.evidence(),
                clock: clock.clone(),
                again: false,
            };
            match enroll(&world.token, enrolling, |_| {}).await {
                Ok(Enrolled::New { enrollment, .. } | Enrolled::Already { enrollment, .. }) => {
                    count(&world.figures.enrolled);
                    return *enrollment;
                }
                Ok(Enrolled::Pending { .. }) | Err(EnrollError::NotReached(_) | EnrollError::Refused(_)) => {}
                Err(error) => eprintln!("computer {}: {error}", self.number),
            }
            count(&world.figures.retries);
            tokio::time::sleep(Duration::from_millis(200 + dice.below(800))).await;
        }
    }
}

fn boot_id(seed: u64, number: u64, boot: u64) -> BootId {
    let mut dice = Dice::of(seed ^ boot, "boot", number);
    let id = (u128::from(dice.throw()) << 64) | u128::from(dice.throw());
    BootId::from_uuid(uuid::Builder::from_random_bytes(id.to_be_bytes()).into_uuid())
}

/// The clock of one boot: its uptime counts from now.
fn clock(time: Time, boot: BootId, trusted: Option<TrustedTime>, off_by_seconds: impl Fn() -> i64 + Send + Sync + 'static) -> SharedClock {
    let booted = time.elapsed();
    SharedClock::new(trusted, move || Moment {
        device: inventory_schema::Timestamp::from_unix_micros(time.now().unix_micros() + off_by_seconds() * 1_000_000),
        boot,
        uptime: time.elapsed().saturating_sub(booted),
    })
}
