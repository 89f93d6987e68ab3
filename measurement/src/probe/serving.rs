//! The measuring server's side of the probe: who may measure, one session each, and nothing for anyone else.
//!
//! ```text
//! Setup ─▶ Challenge        nothing is remembered; the answer is shorter than the question
//! Setup + cookie ─▶ Accept  the lease is proven, valid, unused, within its rate, and there is room
//! Ping ─▶ Pong              as large as what was asked, at most a few
//! Start ─▶ load, or feedback to load
//! ```
//!
//! Pure but for the random numbers of sessions: datagrams and times in, datagrams and senders to start out. All
//! memory is bounded: by the sessions that a port's rate has room for, and by leases that have not expired. Its
//! threads and sockets are [`super::server`]'s.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use aws_lc_rs::hmac;
use inventory_schema::Timestamp;
use inventory_schema::measurement::{LeaseId, ServerId, ServerPlace};
use inventory_schema::quantity::KilobitsPerSecond;

use super::plan::Plan;
use super::reception::{Receiver, Stamps};
use super::sending::Sending;
use super::wire::{self, Accept, Ask, Cookie, Message, NO_COOKIE, Nonce, REQUEST_BYTES, Seal, Setup};
use crate::lease::{self, Lease, LeaseKeys, LeaseSecret, Refusal};

mod room;
mod session;

use room::{Grants, UsedLeases};
use session::{Session, Stage, finish, on_message, say};

/// How often a receiver says that it is there.
pub const FEEDBACK_EVERY: Duration = Duration::from_millis(50);
/// A sender that heard nothing of its receiver for so long stops: nobody is made to receive.
pub const SILENCE: Duration = Duration::from_millis(400);
/// A session that does not begin gives its room back.
const READY_FOR: Duration = Duration::from_millis(1_500);
/// How long results are kept for those who did not hear them.
const KEPT_FOR: Duration = Duration::from_secs(3);
/// Load that stopped coming without an end.
const LOAD_LOST_AFTER: Duration = Duration::from_millis(500);
/// A cookie is good for one or two of these.
const COOKIE_EPOCH: Duration = Duration::from_secs(8);
/// Answers to what was answered already, and pings: more than any client needs.
const MOST_REPEATS: u16 = 64;
/// Of its port, as the operator stated its rate.
const ROOM_PER_CENT: u64 = 80;
const SMALLEST_PAYLOAD: u16 = 200;
/// What an upload may be ahead of its rate: a queue that empties.
const AHEAD_BYTES: u64 = 1 << 20;

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct Settings {
    pub server: ServerId,
    /// What people call the server.
    pub title: String,
    pub place: ServerPlace,
    /// The rate of the port that it stands behind.
    pub port: KilobitsPerSecond,
    pub most_sessions: usize,
    /// Whether, and how many, leases are given to whoever asks.
    pub anonymous: Option<Anonymous>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anonymous {
    pub highest_target: KilobitsPerSecond,
    pub per_minute: u32,
}

/// What a server has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
    pub accepted: u64,
    pub refused: u64,
    pub granted: u64,
    /// Sessions dropped for sending more than they may.
    pub dropped: u64,
    /// Datagrams that belonged to nobody.
    pub foreign: u64,
}

/// What is to be done outside.
#[derive(Debug)]
pub enum Output {
    Send {
        to: SocketAddr,
        datagram: Vec<u8>,
    },
    /// Begin to send load.
    Begin(Box<Sending>),
}

/// When a datagram arrived, and what time it is now.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub arrived: Duration,
    pub now: Duration,
    pub wall: Timestamp,
}

#[derive(Debug)]
pub struct Serving {
    settings: Settings,
    keys: LeaseKeys,
    cookies: hmac::Key,
    stamps: Stamps,
    sessions: HashMap<u64, Session>,
    by_nonce: HashMap<(SocketAddr, Nonce), u64>,
    used: UsedLeases,
    grants: Grants,
    served: Served,
}

impl Serving {
    pub fn new(settings: Settings, keys: LeaseKeys, stamps: Stamps) -> Self {
        Self {
            grants: Grants::new(settings.anonymous.map_or(0, |anonymous| anonymous.per_minute)),
            settings,
            keys,
            cookies: hmac::Key::new(hmac::HMAC_SHA256, &lease::random::<32>()),
            stamps,
            sessions: HashMap::new(),
            by_nonce: HashMap::new(),
            used: UsedLeases::default(),
            served: Served::default(),
        }
    }

    pub fn served(&self) -> Served {
        self.served
    }

    /// Whether somebody measures: then time matters.
    pub fn is_busy(&self) -> bool {
        !self.sessions.is_empty()
    }

    /// Datagrams that this computer received and dropped: every session that receives is told.
    pub fn note_overflow(&mut self, dropped: u32) {
        self.each_receiver(|receiver| receiver.note_overflow(dropped));
    }

    pub fn note_clock_step(&mut self) {
        self.each_receiver(Receiver::note_clock_step);
    }

    fn each_receiver(&mut self, mut note: impl FnMut(&mut Receiver)) {
        for session in self.sessions.values_mut() {
            if let Stage::Receiving(receiving) = &mut session.stage {
                note(&mut receiving.receiver);
            }
        }
    }

    pub fn on_datagram(&mut self, from: SocketAddr, datagram: &[u8], times: Times, out: &mut Vec<Output>) {
        if let Some(number) = wire::load_session(datagram) {
            return self.on_load(number, from, datagram, times);
        }
        let Ok(message) = wire::read(datagram) else {
            self.served.foreign += 1;
            return;
        };
        if let Some(request) = message.unsigned().cloned() {
            // No question that is shorter than any answer to it.
            if datagram.len() >= REQUEST_BYTES {
                self.on_request(&request, &message, from, times, out);
            }
            return;
        }
        let session = message.session().and_then(|number| self.sessions.get_mut(&number));
        let Some(session) = session.filter(|session| session.peer == from) else {
            self.served.foreign += 1;
            return;
        };
        if let Some(message) = message.verified(&session.seal.clone()) {
            on_message(session, &message, datagram.len(), self.stamps, times, out);
        }
    }

    fn on_request(&mut self, request: &Message, unverified: &wire::Unverified<'_>, from: SocketAddr, times: Times, out: &mut Vec<Output>) {
        let (nonce, cookie) = match request {
            Message::Ask(ask) => (ask.nonce, ask.cookie),
            Message::Setup(setup) => (setup.nonce, setup.cookie),
            _ => return,
        };
        let answer = |message: &Message, seal: Option<&Seal>| Output::Send {
            to: from,
            datagram: wire::write(message, seal, 0),
        };
        if !self.is_cookie(cookie, from, nonce, times.now) {
            let cookie = self.cookie(from, nonce, epoch(times.now));
            return out.push(answer(&Message::Challenge { nonce, cookie }, None));
        }
        let (decided, seal) = match request {
            Message::Ask(ask) => (self.grant(ask, times), None),
            Message::Setup(setup) => self.set_up(setup, unverified, from, times),
            _ => return,
        };
        match decided {
            Ok(datagram) => out.push(Output::Send { to: from, datagram }),
            Err(refusal) => {
                self.served.refused += 1;
                let retry_after = if refusal == Refusal::ServerBusy {
                    self.room_again_in(times.now)
                } else {
                    Duration::ZERO
                };
                let refuse = Message::Refuse {
                    nonce,
                    refusal,
                    retry_after,
                };
                out.push(answer(&refuse, seal.as_ref()));
            }
        }
    }

    fn cookie(&self, from: SocketAddr, nonce: Nonce, epoch: u64) -> Cookie {
        let mut context = hmac::Context::with_key(&self.cookies);
        match from.ip() {
            IpAddr::V4(address) => context.update(&address.octets()),
            IpAddr::V6(address) => context.update(&address.octets()),
        }
        context.update(&from.port().to_be_bytes());
        context.update(&nonce);
        context.update(&epoch.to_be_bytes());
        lease::first(context.sign().as_ref())
    }

    fn is_cookie(&self, cookie: Cookie, from: SocketAddr, nonce: Nonce, now: Duration) -> bool {
        let epoch = epoch(now);
        cookie != NO_COOKIE
            && [epoch, epoch.wrapping_sub(1)]
                .iter()
                .any(|epoch| self.cookie(from, nonce, *epoch) == cookie)
    }

    /// A short lease for one who has none.
    fn grant(&mut self, ask: &Ask, times: Times) -> Result<Vec<u8>, Refusal> {
        let anonymous = self.settings.anonymous.ok_or(Refusal::LeaseNeeded)?;
        let plan = Plan::for_target(ask.target_kbps);
        if ask.target_kbps == 0 || u64::from(ask.target_kbps) > anonymous.highest_target.get() {
            return Err(Refusal::Rate);
        }
        if !self.has_room_for(plan.peak_kbps().into()) || !self.grants.take(times.now) {
            return Err(Refusal::ServerBusy);
        }
        let lease = Lease {
            id: LeaseId::generate(),
            server: self.settings.server.clone(),
            building: None,
            device: None,
            direction: ask.direction,
            target: KilobitsPerSecond::saturating(ask.target_kbps.into()),
            rate: KilobitsPerSecond::saturating(plan.peak_kbps().into()),
            window: plan.longest(),
            not_before: times.wall,
            expires: times.wall + Duration::from_secs(30),
        };
        let token = self.keys.newest().seal(&lease);
        self.served.granted += 1;
        let grant = Message::Grant {
            nonce: ask.nonce,
            lease: token.bytes().to_vec(),
            secret: token.secret().0,
        };
        Ok(wire::write(&grant, None, 0))
    }

    /// The Accept, or why not, with the key that proves a refusal where the lease was proven.
    fn set_up(
        &mut self,
        setup: &Setup,
        unverified: &wire::Unverified<'_>,
        from: SocketAddr,
        times: Times,
    ) -> (Result<Vec<u8>, Refusal>, Option<Seal>) {
        let known = self.by_nonce.get(&(from, setup.nonce)).copied();
        let known = known.and_then(|number| self.sessions.get_mut(&number));
        if let Some(session) = known
            && session.may_repeat()
        {
            return (Ok(session.accept.clone()), None);
        }
        let proven = self
            .keys
            .secrets_of(&setup.lease)
            .find(|secret| unverified.proven_by(&Seal::of_lease(secret)));
        let Some(secret) = proven else {
            return (Err(Refusal::Forged), None);
        };
        let decided = self
            .judge(setup, from, times.wall)
            .map(|lease| self.open(setup, &lease, &secret, from, times));
        (decided, Some(Seal::of_lease(&secret)))
    }

    fn judge(&mut self, setup: &Setup, from: SocketAddr, wall: Timestamp) -> Result<Lease, Refusal> {
        let lease = Lease::decode(&setup.lease).map_err(|_| Refusal::Malformed)?;
        lease.judge(&self.settings.server, setup.claim, wall)?;
        setup.plan.judge(&lease)?;
        let used = (lease.id, lease.device);
        if self.used.contains(&used) {
            return Err(Refusal::Replayed);
        }
        // Leases of a controller are for a line of their own; of those that anybody may have, two may share one.
        let shared = lease.building.is_none() && self.is_measuring_from(from.ip());
        if shared || !self.has_room_for(setup.plan.peak_kbps().into()) || !self.used.insert(used, lease.expires, wall) {
            return Err(Refusal::ServerBusy);
        }
        Ok(lease)
    }

    fn is_measuring_from(&self, address: IpAddr) -> bool {
        self.taken().any(|session| session.peer.ip() == address)
    }

    fn open(&mut self, setup: &Setup, lease: &Lease, secret: &LeaseSecret, from: SocketAddr, times: Times) -> Vec<u8> {
        let number = u64::from_be_bytes(lease::random());
        let seal = Seal::of_session(secret, &setup.nonce, number);
        let accept = Message::Accept(Accept {
            nonce: setup.nonce,
            session: number,
            place: super::place_number(self.settings.place),
            title: self.settings.title.clone(),
        });
        let datagram = wire::write(&accept, Some(&seal), 0);
        let session = Session {
            peer: from,
            nonce: setup.nonce,
            seal,
            plan: setup.plan,
            direction: lease.direction,
            accept: datagram.clone(),
            repeats: 0,
            ends: times.now + READY_FOR,
            stage: Stage::Ready,
        };
        self.by_nonce.insert((from, setup.nonce), number);
        self.sessions.insert(number, session);
        self.served.accepted += 1;
        datagram
    }

    /// Whether the port's rate has room beside those who measure now.
    fn has_room_for(&self, kbps: u64) -> bool {
        let taken: u64 = self.taken().map(|session| u64::from(session.plan.peak_kbps())).sum();
        let room = self.settings.port.get() / 100 * ROOM_PER_CENT;
        self.sessions.len() < self.settings.most_sessions && taken + kbps <= room
    }

    fn taken(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values().filter(|session| session.occupies())
    }

    /// When the first of those who measure now should be done.
    fn room_again_in(&self, now: Duration) -> Duration {
        let first = self.taken().map(|session| session.ends.saturating_sub(now)).min();
        first.unwrap_or(Duration::from_secs(1)).max(Duration::from_millis(200))
    }

    fn on_load(&mut self, number: u64, from: SocketAddr, datagram: &[u8], times: Times) {
        let Some(session) = self.sessions.get_mut(&number).filter(|session| session.peer == from) else {
            self.served.foreign += 1;
            return;
        };
        let Stage::Receiving(receiving) = &mut session.stage else {
            return;
        };
        // Counted before it is proven: who sends too much is dropped whatever it sends.
        receiving.bytes += packet_bytes(from, datagram.len());
        if receiving.sends_too_much(&session.plan, times.arrived) {
            session.stage = Stage::Dropped;
            self.served.dropped += 1;
            return;
        }
        if datagram.len() != usize::from(receiving.payload) {
            return;
        }
        if let Some(load) = wire::read_load(datagram, &session.seal) {
            receiving.receiver.on_load(&load, times.arrived);
        }
    }

    /// What is due by time alone: feedback, results, and room that is given back.
    pub fn on_time(&mut self, now: Duration, out: &mut Vec<Output>) {
        for (number, session) in &mut self.sessions {
            if let Stage::Receiving(receiving) = &mut session.stage {
                if receiving.is_over(now) {
                    finish(*number, session, now, out);
                } else {
                    say(receiving, &session.seal, session.peer, now, out);
                }
            }
        }
        let by_nonce = &mut self.by_nonce;
        self.sessions.retain(|_, session| {
            let keep = now < session.ends;
            if !keep {
                by_nonce.remove(&(session.peer, session.nonce));
                if let Stage::Sending(progress) = &session.stage {
                    progress.order_stop();
                }
            }
            keep
        });
    }

    /// How long nothing is due.
    pub fn idle_for(&self) -> Duration {
        let receives = self.sessions.values().any(|session| matches!(session.stage, Stage::Receiving(_)));
        match (receives, self.sessions.is_empty()) {
            (true, _) => Duration::from_millis(10),
            (false, false) => Duration::from_millis(100),
            (false, true) => Duration::from_millis(500),
        }
    }
}

fn epoch(now: Duration) -> u64 {
    now.as_secs() / COOKIE_EPOCH.as_secs()
}

/// IP bytes of a datagram with this payload.
pub(super) fn packet_bytes(peer: SocketAddr, payload: usize) -> u64 {
    let headers = if peer.ip().to_canonical().is_ipv4() { 28 } else { 48 };
    payload as u64 + headers
}

#[cfg(test)]
mod tests;
