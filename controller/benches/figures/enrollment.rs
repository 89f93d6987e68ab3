//! Enrollments per second: a new connection, a certificate request, a certificate, a durable record.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::Outcome;
use crate::client::{Client, Target, request, tls};
use crate::device::{Computer, Device};
use crate::figure::{Figure, Rounds, Table};
use crate::load::{Sample, drive};
use crate::pair::{Pair, round};

const AT_ONE_TIME: usize = 64;
/// More than a round can enroll.
const COMPUTERS: usize = 12_000;

pub async fn figure(pair: &mut Pair, table: &mut Table) -> Outcome {
    let strangers = tls(None, false)?;
    let our = Target {
        address: pair.our_address()?,
        tls: strangers.clone(),
    };
    let bare = Target {
        tls: strangers,
        ..pair.the_bare(1, false)?
    };
    let mut rounds = Rounds::default();
    for _ in 0..crate::figure::rounds() {
        let computers = (0..COMPUTERS).map(|_| pair.computer()).collect::<Outcome<Vec<_>>>()?;
        rounds.other.push(bare_round(pair, &bare, &computers).await?);
        let (sample, devices) = our_round(pair, &our, computers).await?;
        rounds.ours.push(sample);
        pair.devices.extend(devices);
    }
    let figure = Figure {
        bound: Some(0.6),
        known_micros: Some(72.0 + 98.0 + 58.0 + 15.0),
        ..Figure::named(format!("enrollments, {}", pair.engine.name()))
    };
    table.rates(&figure, &rounds);
    Ok(())
}

/// Enrolls until the region has this many devices, measuring nothing.
pub async fn fill(pair: &mut Pair, devices: usize) -> Outcome {
    let our = Target {
        address: pair.our_address()?,
        tls: tls(None, false)?,
    };
    while pair.devices.len() < devices {
        let missing = devices - pair.devices.len();
        let computers = (0..missing.min(COMPUTERS)).map(|_| pair.computer()).collect::<Outcome<Vec<_>>>()?;
        let (_, enrolled) = our_round(pair, &our, computers).await?;
        pair.devices.extend(enrolled);
    }
    Ok(())
}

async fn our_round(pair: &Pair, target: &Target, computers: Vec<Computer>) -> Outcome<(Sample, Vec<Device>)> {
    let queue = Arc::new(Mutex::new(VecDeque::from(computers)));
    let newcomer = |_| Newcomer {
        target: target.clone(),
        queue: queue.clone(),
        devices: Vec::new(),
    };
    let mut clients: Vec<Newcomer> = (0..AT_ONE_TIME).map(newcomer).collect();
    let sample = drive(&pair.ours, &mut clients, round()).await?;
    // Read after the round: what a device does with its answer is not the server's.
    let answered = clients.into_iter().flat_map(|client| client.devices);
    let devices = answered
        .map(|(computer, answer)| computer.enrolled(&answer))
        .collect::<Outcome<_>>()?;
    Ok((sample, devices))
}

async fn bare_round(pair: &Pair, target: &Target, computers: &[Computer]) -> Outcome<Sample> {
    let share = computers.len() / AT_ONE_TIME;
    let requests = computers.iter().map(|computer| {
        let path = format!("/enroll?device={}", computer.number);
        request(&path, "content-type: text/plain\r\n", computer.csr.as_bytes())
    });
    let requests: Vec<Vec<u8>> = requests.collect();
    let stranger = |requests: &[Vec<u8>]| Stranger {
        target: target.clone(),
        requests: requests.to_vec().into(),
    };
    let mut clients: Vec<Stranger> = requests.chunks(share).map(stranger).collect();
    drive(&pair.bare, &mut clients, round()).await
}

/// Enrolls at the controller, one computer of the queue after another.
struct Newcomer {
    target: Target,
    queue: Arc<Mutex<VecDeque<Computer>>>,
    devices: Vec<(Computer, Vec<u8>)>,
}

impl Client for Newcomer {
    async fn act(&mut self) -> Outcome<bool> {
        let Some(computer) = self.queue.lock().expect("nobody panics").pop_front() else {
            return Ok(false);
        };
        let mut connection = self.target.connect().await?;
        let answer = connection.ask(&computer.request).await?.to_vec();
        self.devices.push((computer, answer));
        Ok(true)
    }
}

/// Enrolls at the reference.
struct Stranger {
    target: Target,
    requests: VecDeque<Vec<u8>>,
}

impl Client for Stranger {
    async fn act(&mut self) -> Outcome<bool> {
        let Some(request) = self.requests.pop_front() else {
            return Ok(false);
        };
        self.target.connect().await?.ask(&request).await?;
        Ok(true)
    }
}
