//! A measuring server, a line, and a school with its computers, each in a network of its own.
//!
//! ```text
//! server 10.78.0.2 ── relay (the line) ── 10.78.0.1 school 10.77.0.1 ── bridge ── computers 10.77.0.11, .12 …
//! ```

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cos_measurement::interface::{Counters, Interfaces, passed_between};
use cos_measurement::lease::{Lease, LeaseKey, LeaseKeys, LeaseToken};
use cos_measurement::probe::client::{Measured, ProbeError, measure};
use cos_measurement::probe::record::{Circumstances, record};
use cos_measurement::probe::server::Server;
use cos_measurement::probe::{Plan, Question, Settings};
use cos_measurement::processor::Load;
use inventory_schema::measurement::verdict::{Judgement, Reason, Rule, judge};
use inventory_schema::measurement::{Direction, LeaseId, MeasuredAt, Measurement, Occasion, ServerPlace, SiblingTraffic};
use inventory_schema::quantity::{Bytes, Count, KilobitsPerSecond};
use inventory_schema::{BuildingId, DeviceId, Timestamp};

use super::namespaces::{Namespace, ip, received, run};
use super::relay::Relay;
use super::rows::LATE;

pub const SERVER: ([u8; 4], u16) = ([10, 78, 0, 2], 8_444);

pub struct School {
    pub server_side: Namespace,
    lan: Namespace,
    pub computers: Vec<Namespace>,
    pub relay: Relay,
    pub server: Option<Server>,
    /// Trees that say what a computer's card is.
    cards: tempfile::TempDir,
    building: BuildingId,
}

/// What a computer's card says of itself; a veth would say nothing of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    Gigabit,
    FastEthernet,
    Wifi,
}

impl Card {
    fn name(self) -> &'static str {
        match self {
            Self::Gigabit => "gigabit",
            Self::FastEthernet => "fast",
            Self::Wifi => "wifi",
        }
    }
}

fn key() -> LeaseKey {
    LeaseKey::from_bytes(&[9; 32])
}

impl School {
    /// # Errors
    /// Without the right to make namespaces, or without `ip`.
    pub fn build(computers: usize) -> io::Result<Self> {
        let (server_side, lan) = (Namespace::new()?, Namespace::new()?);
        let relay = Relay::start(&server_side, &lan)?;
        for (namespace, own) in [(&server_side, 2), (&lan, 1)] {
            namespace.ip(&format!("addr add 10.78.0.{own}/24 dev tun0"))?;
            namespace.ip("link set tun0 up mtu 1500 txqueuelen 2000")?;
        }
        server_side.ip("route add 10.77.0.0/24 via 10.78.0.1")?;
        lan.run(|| {
            fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
            ip("link add br0 type bridge")?;
            ip("addr add 10.77.0.1/24 dev br0")?;
            ip("link set br0 up")
        })?;
        let mut rooms = Vec::new();
        for number in 1..=computers {
            let room = Namespace::new()?;
            lan.ip(&format!("link add l{number} type veth peer name eth0 netns {}", room.path()))?;
            lan.ip(&format!("link set l{number} master br0 up"))?;
            room.ip(&format!("addr add 10.77.0.{}/24 dev eth0", 10 + number))?;
            room.ip("link set eth0 up")?;
            room.ip("route add default via 10.77.0.1")?;
            rooms.push(room);
        }
        let mut school = Self {
            server_side,
            lan,
            computers: rooms,
            relay,
            server: None,
            cards: cards()?,
            building: BuildingId::generate(),
        };
        school.start_server();
        school.warm_up();
        Ok(school)
    }

    pub fn start_server(&mut self) {
        self.server = None;
        let settings = Settings {
            server: "lab".parse().unwrap(),
            title: "Лаборатория".into(),
            place: ServerPlace::RegionalNode,
            port: KilobitsPerSecond::saturating(10_000_000),
            most_sessions: 256,
            anonymous: None,
        };
        let started = self
            .server_side
            .run(|| Server::start(settings, LeaseKeys::new(key(), Vec::new()), SERVER.into()));
        self.server = Some(started.unwrap());
    }

    /// Addresses are resolved before anything is counted.
    fn warm_up(&self) {
        for computer in &self.computers {
            computer.run(|| {
                let _ = TcpStream::connect_timeout(&(SERVER.0, 9).into(), Duration::from_secs(1));
            });
        }
    }

    /// A Fast-Ethernet wire between a computer and its switch: 100 Mb/s of Ethernet are 97.53 of IP.
    pub fn put_on_fast_ethernet(&self, computer: usize) -> io::Result<()> {
        self.lan.run(|| {
            run(
                "tc",
                &format!(
                    "qdisc add dev l{} root handle 1: stab overhead 24 linklayer ethernet tbf rate 100mbit burst 4kb limit 200kb",
                    computer + 1
                ),
            )
        })
    }

    pub fn put_on_gigabit(&self, computer: usize) -> io::Result<()> {
        self.lan.run(|| run("tc", &format!("qdisc del dev l{} root", computer + 1)))
    }

    pub fn token(&self, direction: Direction, plan: &Plan) -> LeaseToken {
        let now = wall();
        key().seal(&Lease {
            id: LeaseId::generate(),
            server: "lab".parse().unwrap(),
            building: Some(self.building),
            device: Some(DeviceId::generate()),
            direction,
            target: KilobitsPerSecond::saturating(plan.target_kbps.into()),
            rate: KilobitsPerSecond::saturating(plan.peak_kbps().into()),
            window: plan.longest(),
            not_before: now - Duration::from_secs(5),
            expires: now + Duration::from_secs(600),
        })
    }

    pub fn interfaces(&self, card: Card) -> Interfaces {
        Interfaces::below(&self.cards.path().join(card.name()))
    }

    /// Measures from one computer, as an agent would.
    pub fn measure(&self, computer: usize, direction: Direction, plan: Plan, card: Card, sibling: Option<&Sibling>) -> Run {
        self.measure_with(computer, direction, plan, card, sibling, &mut |_| {})
    }

    pub fn measure_with(
        &self,
        computer: usize,
        direction: Direction,
        plan: Plan,
        card: Card,
        sibling: Option<&Sibling>,
        progress: &mut (dyn FnMut(u8) + Send),
    ) -> Run {
        let token = self.token(direction, &plan);
        let claim = token.lease().claim();
        let interfaces = self.interfaces(card);
        self.relay.lateness();
        let started = at();
        let began = Instant::now();
        let before = interfaces.read("eth0");
        let busy_before = Load::now();
        let question = Question {
            server: SERVER.into(),
            token: Some(token.clone()),
            claim,
            direction,
            plan,
        };
        let outcome = self.computers[computer].run(move || measure(question, progress));
        let elapsed = began.elapsed();
        let late = self.relay.lateness();
        let seen = Circumstances {
            claim,
            occasion: Occasion::Slot,
            settlement: None,
            direction,
            server: SERVER.into(),
            plan,
            started,
            ended: at(),
            before,
            after: interfaces.read("eth0"),
            busy: busy_before.zip(Load::now()),
            siblings: Some(siblings(sibling, &outcome, direction)),
            server_is_there: false,
        };
        let measurement = record(&outcome, Some(&token), &seen);
        let judgement = judge(&measurement, &Rule::default());
        Run {
            outcome,
            measurement,
            judgement,
            elapsed,
            late,
        }
    }

    /// What iperf3 received in so many seconds, in bit/s.
    pub fn iperf3(&self, streams: u32, seconds: u32) -> io::Result<f64> {
        let serve = || {
            Command::new("iperf3")
                .args(["-s", "-1", "-p", "5299"])
                .stdout(Stdio::null())
                .spawn()
        };
        let mut server = self.server_side.run(serve)?;
        let address = std::net::Ipv4Addr::from(SERVER.0).to_string();
        let (streams, seconds) = (streams.to_string(), seconds.to_string());
        let arguments = ["-c", &address, "-p", "5299", "-R", "-J", "-t", &seconds, "-P", &streams];
        let ask = || Command::new("iperf3").args(arguments).output();
        // The server may not listen yet.
        let mut output = self.computers[0].run(ask)?;
        for _ in 0..20 {
            if output.status.success() {
                break;
            }
            thread::sleep(Duration::from_millis(100));
            output = self.computers[0].run(ask)?;
        }
        let _ = server.kill();
        let _ = server.wait();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(io::Error::other)?;
        report["end"]["sum_received"]["bits_per_second"]
            .as_f64()
            .ok_or_else(|| io::Error::other("iperf3 reports no rate"))
    }

    /// A download of the second computer at a pace, over TCP, as a browser would make it.
    pub fn download(&self, computer: usize, kbps: u64) -> Sibling {
        let listener = self
            .server_side
            .run(|| TcpListener::bind((std::net::Ipv4Addr::from(SERVER.0), 0)).unwrap());
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let sending = Arc::clone(&stop);
        let sender = self
            .server_side
            .run(|| thread::spawn(move || send_at_pace(&listener, kbps, &sending)));
        let receiving = Arc::clone(&stop);
        let receiver = self.computers[computer].run(|| thread::spawn(move || receive(address, &receiving)));
        Sibling {
            stop,
            sender: Some(sender),
            receiver: Some(receiver),
            samples: Arc::default(),
            sampler: None,
        }
        .sampled(&self.computers[computer])
    }
}

/// Another computer of the building that uses the line, and counts what it takes.
pub struct Sibling {
    stop: Arc<AtomicBool>,
    sender: Option<JoinHandle<()>>,
    receiver: Option<JoinHandle<()>>,
    samples: Arc<std::sync::Mutex<Vec<(Instant, Counters)>>>,
    sampler: Option<JoinHandle<()>>,
}

impl Sibling {
    fn sampled(mut self, namespace: &Namespace) -> Self {
        let (stop, samples) = (Arc::clone(&self.stop), Arc::clone(&self.samples));
        self.sampler = Some(namespace.run(|| {
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    if let Some((bytes, packets)) = received("eth0") {
                        let counters = Counters {
                            received: bytes.saturating_sub(14 * packets),
                            sent: 0,
                        };
                        samples.lock().unwrap().push((Instant::now(), counters));
                    }
                    thread::sleep(Duration::from_millis(50));
                }
            })
        }));
        self
    }

    /// Waits until it has its pace.
    pub fn settle(&self, kbps: u64) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            let samples = self.samples.lock().unwrap().clone();
            if let Some(window) = samples.len().checked_sub(20) {
                let bytes = samples[samples.len() - 1].1.since(samples[window].1, Direction::Down);
                let time = samples[samples.len() - 1].0 - samples[window].0;
                if bytes * 8 / (time.as_millis() as u64).max(1) >= kbps * 9 / 10 {
                    return;
                }
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("the sibling did not come to its pace: without its traffic the run shows nothing");
    }
}

impl Drop for Sibling {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in [self.sender.take(), self.receiver.take(), self.sampler.take()]
            .into_iter()
            .flatten()
        {
            let _ = thread.join();
        }
    }
}

fn send_at_pace(listener: &TcpListener, kbps: u64, stop: &AtomicBool) {
    let Ok((mut stream, _)) = listener.accept() else {
        return;
    };
    let began = Instant::now();
    let chunk = [0x5a_u8; 8_192];
    let mut sent = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        let due = began.elapsed().as_micros() as u64 * kbps / 8_000;
        // What congestion held back is not made up for: the sibling wants a rate and no volume.
        sent = sent.max(due.saturating_sub(200_000));
        if sent > due {
            thread::sleep(Duration::from_micros(500));
        } else if stream.write_all(&chunk).is_err() {
            return;
        } else {
            sent += chunk.len() as u64;
        }
    }
}

fn receive(address: SocketAddr, stop: &AtomicBool) {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
    let mut buffer = [0; 65_536];
    while !stop.load(Ordering::Relaxed) {
        if let Ok(0) = stream.read(&mut buffer) {
            return;
        }
    }
}

/// What the sibling took over the hold phase.
fn siblings(sibling: Option<&Sibling>, outcome: &Result<Measured, ProbeError>, direction: Direction) -> SiblingTraffic {
    let Some(sibling) = sibling else {
        return SiblingTraffic {
            bytes: Bytes::default(),
            siblings: Count::default(),
            missing: Count::default(),
        };
    };
    let heard = |missing| SiblingTraffic {
        bytes: Bytes::default(),
        siblings: Count::saturating(1),
        missing: Count::saturating(missing),
    };
    let Some(window) = outcome.as_ref().ok().and_then(Measured::hold_window) else {
        return heard(1);
    };
    // The samples after the window must be there.
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline && sibling.samples.lock().unwrap().last().is_none_or(|last| last.0 < window.1) {
        thread::sleep(Duration::from_millis(10));
    }
    let samples = sibling.samples.lock().unwrap().clone();
    match passed_between(&samples, window, direction) {
        Some(bytes) => SiblingTraffic {
            bytes: Bytes::saturating(bytes),
            ..heard(0)
        },
        None => heard(1),
    }
}

/// One measurement with everything around it.
#[derive(Debug)]
pub struct Run {
    pub outcome: Result<Measured, ProbeError>,
    pub measurement: Measurement,
    pub judgement: Judgement,
    pub elapsed: Duration,
    /// How late the line itself was.
    pub late: Duration,
}

impl Run {
    /// Whether the computer that plays all parts was too busy to play them.
    pub fn is_starved(&self) -> bool {
        let because = [Reason::Cpu, Reason::ServerBusy];
        self.late > LATE || because.iter().any(|reason| self.judgement.reasons.contains(reason))
    }

    pub fn capacity(&self) -> u64 {
        self.measurement.rates.map_or(0, |rates| rates.capacity.get())
    }

    /// How far the capacity is from the truth, in parts of a thousand.
    pub fn per_mille_off(&self, truth_kbps: u64) -> f64 {
        (self.capacity() as f64 / (truth_kbps as f64 * 1e3) - 1.0).abs() * 1e3
    }
}

fn cards() -> io::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for card in [Card::Gigabit, Card::FastEthernet, Card::Wifi] {
        let eth0 = folder.path().join(card.name()).join("sys/class/net/eth0");
        fs::create_dir_all(eth0.join("statistics"))?;
        fs::create_dir_all(eth0.join("device"))?;
        let speed = match card {
            Card::Gigabit => "1000",
            Card::FastEthernet => "100",
            Card::Wifi => "-1",
        };
        write(&eth0, "speed", speed)?;
        write(&eth0, "duplex", "full")?;
        write(&eth0, "type", "1")?;
        if card == Card::Wifi {
            fs::create_dir(eth0.join("phy80211"))?;
        }
        for counter in ["rx_bytes", "rx_packets", "tx_bytes", "tx_packets"] {
            write(&eth0.join("statistics"), counter, "0")?;
        }
    }
    Ok(folder)
}

fn write(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    let path: PathBuf = folder.join(name);
    fs::write(path, format!("{text}\n"))
}

fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_unix_micros(i64::try_from(since.as_micros()).unwrap())
}

fn at() -> MeasuredAt {
    MeasuredAt {
        device: wall(),
        trusted: None,
    }
}
