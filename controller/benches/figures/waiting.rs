//! Ten thousand agents in a long poll: what each costs in memory, and how soon the last of them hears of something that
//! concerns all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use crate::client::{Connection, Target, request};
use crate::device::check_in;
use crate::figure::{Table, at_most, median};
use crate::pair::{Pair, bare_beside};
use crate::process::{Server, SlowDisk};
use crate::{Outcome, enrollment, inventory};

/// `COS_BENCH_AGENTS` makes them fewer or more.
fn agents() -> usize {
    std::env::var("COS_BENCH_AGENTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_000)
}

/// After which memory must not have grown.
const WAKE_UPS: usize = 100;
/// Handshakes at one time while all connect.
const NEWCOMERS: usize = 64;
/// How long anything may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn figures(pair: &mut Pair, slow: &SlowDisk, table: &mut Table) -> Outcome {
    let agents = agents();
    allow_connections(agents as u64 + 200)?;
    enrollment::fill(pair, agents).await?;
    inventory::introduce_all(pair).await?;
    pair.restart(slow)?;
    // One house after the other, the reference's before and after: a process may open no more connections.
    let mut bare = bare_beside(pair, slow)?;
    let target = Target {
        address: std::net::SocketAddr::from(([127, 0, 0, 1], bare.port(2)?)),
        ..pair.the_bare(2, false)?
    };
    let mut other = House::bare(&bare, target.clone(), agents).await?;
    let its_memory = other.resident_each(&bare)?;
    let mut others = other.rounds(&mut bare).await?;
    let its_after_some = other.resident_each(&bare)?;
    drop(other);

    let mut house = House::ours(pair, agents).await?;
    let memory = [house.resident_each(&pair.ours)?, its_memory];
    let ours = house.rounds(&mut pair.ours).await?;
    let after_some = [house.resident_each(&pair.ours)?, its_after_some];
    while house.published < WAKE_UPS {
        house.publish(&mut pair.ours).await?;
    }
    let after_all = [house.resident_each(&pair.ours)?, its_after_some];
    drop(house);

    let mut other = House::bare(&bare, target, agents).await?;
    others.extend(other.rounds(&mut bare).await?);
    let times = |times: &[f64]| {
        let (least, most) = times
            .iter()
            .fold((f64::MAX, 0f64), |(least, most), time| (least.min(*time), most.max(*time)));
        format!("{:.0} ms [{least:.0}-{most:.0}]", median(times.iter().copied()))
    };
    let ratio = median(ours.iter().copied()) / median(others.iter().copied());
    table.line(&[
        &format!("a publish reaches the last of {agents} waiting"),
        &times(&ours),
        &times(&others),
        &format!("{ratio:.2}"),
        &at_most(ratio, 2.0, ""),
        "–",
        "–",
        "–",
    ]);
    let mut row = |name: &str, [ours, bare]: [f64; 2], bound: &str| {
        let (mine, its, ratio) = (format!("{ours:.1} KiB"), format!("{bare:.1} KiB"), format!("{:.2}", ours / bare));
        table.line(&[name, &mine, &its, &ratio, bound, "–", "–", "–"]);
    };
    row(
        &format!("memory per waiting agent, {agents} waiting"),
        memory,
        &at_most(memory[0], 40.0, " KiB"),
    );
    row(
        &format!("the same after {} wake-ups", ours.len()),
        after_some,
        &at_most(after_some[0], 40.0, " KiB"),
    );
    // No growth: what they needed when they came must suffice for all that follows.
    row(
        &format!("the same after {WAKE_UPS} wake-ups"),
        after_all,
        &at_most(after_all[0], memory[0].round(), " KiB"),
    );
    Ok(())
}

/// All who wait at one server.
struct House {
    agents: usize,
    heard: Arc<Heard>,
    resident_before: u64,
    published: usize,
    publish: Publish,
    tasks: JoinSet<Outcome>,
}

/// What is done so that everyone learns of something.
enum Publish {
    /// An order to the controller's process.
    Order(&'static str),
    /// A request to the reference.
    Request(Box<Connection>),
}

/// What the agents have heard of the newest publish.
#[derive(Debug, Default)]
struct Heard {
    asking: AtomicUsize,
    agents: AtomicUsize,
    all: Notify,
}

impl House {
    async fn ours(pair: &mut Pair, agents: usize) -> Outcome<Self> {
        let mut waiters = Vec::new();
        for device in &pair.devices[..agents] {
            waiters.push((pair.our(device, false)?, Waiter::Agent(device.beliefs()?)));
        }
        let mut house = Self::open(&pair.ours, waiters, Publish::Order("collect")).await?;
        house.all_wait(&mut pair.ours).await?;
        Ok(house)
    }

    async fn bare(server: &Server, target: Target, agents: usize) -> Outcome<Self> {
        let publisher = target.connect().await?;
        let waiters = (0..agents).map(|_| (target.clone(), Waiter::Bare));
        Self::open(server, waiters.collect(), Publish::Request(Box::new(publisher))).await
    }

    async fn open(server: &Server, waiters: Vec<(Target, Waiter)>, publish: Publish) -> Outcome<Self> {
        let mut house = Self {
            agents: waiters.len(),
            heard: Arc::default(),
            resident_before: server.resident()?,
            published: 0,
            publish,
            tasks: JoinSet::new(),
        };
        let door = Arc::new(Semaphore::new(NEWCOMERS));
        for (target, waiter) in waiters {
            house.tasks.spawn(wait(target, waiter, house.heard.clone(), door.clone()));
        }
        house.settle(server).await?;
        Ok(house)
    }

    /// Milliseconds of some publishes.
    async fn rounds(&mut self, server: &mut Server) -> Outcome<Vec<f64>> {
        let mut times = Vec::new();
        for _ in 0..crate::figure::rounds() {
            times.push(self.publish(server).await?.as_secs_f64() * 1e3);
        }
        Ok(times)
    }

    /// Publishes, and answers how long it took until the last agent knew.
    async fn publish(&mut self, server: &mut Server) -> Outcome<Duration> {
        self.heard.agents.store(0, Ordering::SeqCst);
        let begun = Instant::now();
        match &mut self.publish {
            Publish::Order(order) => drop(server.order(order)?),
            Publish::Request(connection) => drop(connection.ask(&request("/publish", "", b"")).await?),
        }
        let all = async {
            while self.heard.agents.load(Ordering::SeqCst) < self.agents {
                self.heard.all.notified().await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, all).await;
        let took = begun.elapsed();
        if in_time.is_err() {
            let failed = self.tasks.try_join_next();
            let heard = self.heard.agents.load(Ordering::SeqCst);
            return Err(format!("{heard} of {} heard of it; {failed:?}", self.agents).into());
        }
        self.published += 1;
        self.all_wait(server).await?;
        self.settle(server).await?;
        Ok(took)
    }

    /// Until all who were answered wait again. The reference is known to be ready when it is quiet.
    async fn all_wait(&mut self, server: &mut Server) -> Outcome {
        let begun = Instant::now();
        while matches!(self.publish, Publish::Order(_)) && server.order("waiting")?.parse::<usize>()? < self.agents {
            if begun.elapsed() > PATIENCE {
                return Err(format!("not all wait: {:?}", self.tasks.try_join_next()).into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Until every agent has asked and the server does no more than answer those whose wait has ended.
    async fn settle(&mut self, server: &Server) -> Outcome {
        const QUIET: Duration = Duration::from_millis(200);
        let begun = Instant::now();
        loop {
            let before = server.cpu()?.server;
            tokio::time::sleep(QUIET).await;
            let worked = server.cpu()?.server - before;
            if self.heard.asking.load(Ordering::SeqCst) == self.agents && worked < QUIET / 4 {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                let asking = self.heard.asking.load(Ordering::SeqCst);
                let failed = self.tasks.try_join_next();
                return Err(
                    format!("the agents do not come to rest: {asking} ask, the server works {worked:?} of {QUIET:?}; {failed:?}").into(),
                );
            }
        }
    }

    /// KiB that the server has more than before they came, for each of them.
    fn resident_each(&self, server: &Server) -> Outcome<f64> {
        Ok(server.resident()?.saturating_sub(self.resident_before) as f64 / self.agents as f64)
    }
}

/// Who waits, and for what.
enum Waiter {
    /// At the controller, for an order to all to look at their hardware; with what it says of itself.
    Agent(Value),
    /// At the reference, for anything.
    Bare,
}

impl Waiter {
    fn asks(&self, ordered: Option<&str>) -> Vec<u8> {
        match self {
            Self::Agent(beliefs) => check_in(50, beliefs, ordered),
            Self::Bare => request("/wait", "", b""),
        }
    }

    /// Whether the answer brought news.
    fn hears(&self, answer: &[u8], ordered: &mut Option<String>) -> Outcome<bool> {
        if matches!(self, Self::Bare) {
            return Ok(true);
        }
        let answer = std::str::from_utf8(answer)?;
        let newest = answer.split("\"collection\":\"").nth(1).and_then(|rest| rest.split('"').next());
        *ordered = newest.map(str::to_owned);
        Ok(answer.contains("\"collect_now\":true"))
    }
}

async fn wait(target: Target, waiter: Waiter, heard: Arc<Heard>, door: Arc<Semaphore>) -> Outcome {
    let mut ordered = None;
    let mut connection = {
        let _place = door.acquire().await?;
        target.connect().await?
    };
    loop {
        // Made anew each time: a clock that stands still is a fault that is recorded.
        let request = waiter.asks(ordered.as_deref());
        heard.asking.fetch_add(1, Ordering::SeqCst);
        let is_news = waiter.hears(connection.ask(&request).await?, &mut ordered)?;
        heard.asking.fetch_sub(1, Ordering::SeqCst);
        // A wait that ended without news begins again.
        if is_news {
            heard.agents.fetch_add(1, Ordering::SeqCst);
            heard.all.notify_one();
        }
    }
}

/// Raises the limit of open files for this process and the servers it starts.
fn allow_connections(wanted: u64) -> Outcome {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let maximum = limit.maximum.map(|maximum| maximum.max(wanted));
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(wanted),
                maximum,
            },
        )
        .map_err(|_| format!("{wanted} open files are not allowed here: raise `ulimit -Hn`"))?;
    }
    Ok(())
}
