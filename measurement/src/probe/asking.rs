//! The measuring computer's side of the probe: from the first question to what was found.
//!
//! ```text
//! [ask ─▶ granted] ─▶ set up ─▶ accepted ─▶ ping ─▶ start ─▶ receive ─▶ end heard
//!                                                      └───▶ send ────▶ result heard
//! ```
//!
//! Every step is asked [`TRIES`] times, [`AGAIN`] apart: at 1 % loss one setup in many millions fails. The client
//! speaks first and keeps speaking, so that the way through a router that translates addresses stays open.
//!
//! Pure but for its nonce: datagrams and times in, datagrams and load that is due out. Its thread and socket are
//! [`super::client`]'s.

use std::net::SocketAddr;
use std::time::Duration;

use inventory_schema::measurement::{Direction, Fault};

use super::plan::{BIN, Due, Pacer, Phase, Plan};
use super::reception::{Receiver, Reception, Stamps};
use super::serving::{FEEDBACK_EVERY, SILENCE, packet_bytes};
use super::wire::{self, Accept, Ask, Cookie, EndReason, Feedback, Message, NO_COOKIE, Nonce, REQUEST_BYTES, Seal, Sent, Setup};
use crate::lease::{self, Claim, LeaseToken, Refusal};

/// How often a step is asked for, and how far apart.
pub const TRIES: u32 = 5;
pub const AGAIN: Duration = Duration::from_millis(100);
/// Payloads whose way through is tried, largest first: paths of 1500, 1492, 1400 and 1280 bytes by IPv4 and by IPv6.
const PAYLOADS: [u16; 8] = [1_472, 1_464, 1_452, 1_444, 1_372, 1_352, 1_252, 1_232];
/// Pings that are small: their times are the line's and no queue's.
const SMALL_PINGS: u16 = 5;
const SMALL: u16 = 64;
/// Between pings.
const PING_EVERY: Duration = Duration::from_millis(2);
/// Load that stopped coming: the server is lost.
const LOST_AFTER: Duration = Duration::from_millis(600);

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Question {
    pub server: SocketAddr,
    /// Absent: one is asked for.
    pub token: Option<LeaseToken>,
    pub claim: Claim,
    pub direction: Direction,
    pub plan: Plan,
}

/// Why there is nothing to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("the measuring server did not answer by UDP")]
    NoAnswer,
    #[error("the measuring server answered, and no load came through by UDP")]
    NoLoad,
    #[error("the measuring server refused: {refusal}")]
    Refused { refusal: Refusal, retry_after: Duration },
    #[error("the lease is for the other direction")]
    Direction,
}

impl Failure {
    pub fn fault(self) -> Fault {
        match self {
            Self::NoAnswer | Self::NoLoad => Fault::UdpBlocked,
            Self::Refused {
                refusal: Refusal::ServerBusy,
                ..
            } => Fault::ServerBusy,
            Self::Refused { .. } | Self::Direction => Fault::SetupFailed,
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub token: LeaseToken,
    pub plan: Plan,
    pub accept: Accept,
    pub payload: u16,
    pub round_trips: Vec<Duration>,
    pub reception: Reception,
    /// What the sender said it did.
    pub sent: Option<Sent>,
    /// The server fell silent before the end.
    pub server_lost: bool,
    /// The clock of either computer was set meanwhile.
    pub clock_stepped: bool,
    /// From when to when the bins of the hold phase were counted, by this computer's clock.
    pub hold_window: Option<(Duration, Duration)>,
    /// IP bytes of load that were sent.
    pub bytes: u64,
}

/// Load to be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadDue {
    pub phase: Phase,
    pub first: u32,
    pub count: u32,
}

/// What a sender of load needs to know.
#[derive(Debug, Clone)]
pub struct LoadKey {
    pub session: u64,
    pub seal: Seal,
    pub payload: u16,
    pub began: Duration,
}

#[derive(Debug)]
pub struct Asking {
    question: Question,
    stamps: Stamps,
    nonce: Nonce,
    cookie: Cookie,
    challenges: u32,
    stage: Stage,
    tries: u32,
    again: Duration,
    accept: Option<(Accept, Seal)>,
    pings: Vec<Ping>,
    round_trips: Vec<Duration>,
    payload: u16,
    clock_stepped: bool,
    outgoing: Vec<Vec<u8>>,
}

#[derive(Debug)]
enum Stage {
    Asking,
    SettingUp,
    Pinging,
    Starting,
    Receiving(Box<Receiving>),
    Sending(Box<Sending>),
    Done(Box<Result<Finding, Failure>>),
}

#[derive(Debug, Clone, Copy)]
struct Ping {
    size: u16,
    sent: Duration,
    answered: bool,
}

#[derive(Debug)]
struct Receiving {
    receiver: Receiver,
    said: Feedback,
    said_at: Duration,
    sent: Option<Sent>,
    /// Feedback that asked for the end, after enough was seen.
    asked: u32,
    heard: Duration,
}

#[derive(Debug)]
struct Sending {
    pacer: Pacer,
    heard: Duration,
    silent: bool,
    failed: bool,
    ended: bool,
}

impl Asking {
    pub fn new(question: Question, stamps: Stamps, now: Duration) -> Self {
        let stage = match &question.token {
            Some(token) if token.lease().direction != question.direction => Stage::Done(Box::new(Err(Failure::Direction))),
            Some(_) => Stage::SettingUp,
            None => Stage::Asking,
        };
        let mut asking = Self {
            question,
            stamps,
            nonce: lease::random(),
            cookie: NO_COOKIE,
            challenges: 0,
            stage,
            tries: 0,
            again: now,
            accept: None,
            pings: Vec::new(),
            round_trips: Vec::new(),
            payload: 0,
            clock_stepped: false,
            outgoing: Vec::new(),
        };
        asking.on_time(now);
        asking
    }

    pub fn outgoing(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.outgoing)
    }

    pub fn finished(&self) -> Option<&Result<Finding, Failure>> {
        match &self.stage {
            Stage::Done(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Whether load comes or goes at this moment.
    pub fn is_measuring(&self) -> bool {
        matches!(self.stage, Stage::Receiving(_) | Stage::Sending(_))
    }

    /// How far the measuring is, of a hundred.
    pub fn progress(&self) -> u8 {
        let packets = match &self.stage {
            Stage::Done(_) => return 100,
            Stage::Receiving(receiving) => receiving.receiver.received(),
            Stage::Sending(sending) => sending.pacer.sent(),
            _ => return 0,
        };
        let most = self.question.plan.most_bytes() / packet_bytes(self.question.server, self.payload.into()).max(1);
        (u64::from(packets) * 100 / most.max(1)).min(99) as u8
    }

    /// When [`Self::on_time`] has something to do.
    pub fn wake_at(&self) -> Duration {
        match &self.stage {
            Stage::Receiving(receiving) => receiving.said_at + FEEDBACK_EVERY,
            Stage::Sending(sending) if !sending.ended => sending.pacer.wake_at(),
            _ => self.again,
        }
    }

    pub fn note_overflow(&mut self, dropped: u32) {
        if let Stage::Receiving(receiving) = &mut self.stage {
            receiving.receiver.note_overflow(dropped);
        }
    }

    pub fn note_clock_step(&mut self) {
        self.clock_stepped = true;
        if let Stage::Receiving(receiving) = &mut self.stage {
            receiving.receiver.note_clock_step();
        }
    }

    // ---- datagrams ----

    pub fn on_datagram(&mut self, datagram: &[u8], arrived: Duration, now: Duration) {
        if wire::is_load(datagram) {
            return self.on_load(datagram, arrived, now);
        }
        let Ok(unverified) = wire::read(datagram) else {
            return;
        };
        if matches!(self.stage, Stage::Asking | Stage::SettingUp) {
            return self.on_answer(unverified, now);
        }
        let Some((accept, seal)) = &self.accept else {
            return;
        };
        if unverified.session() != Some(accept.session) {
            return;
        }
        if let Some(message) = unverified.verified(&seal.clone()) {
            self.on_message(message, arrived, now);
        }
    }

    fn on_answer(&mut self, unverified: wire::Unverified<'_>, now: Duration) {
        if unverified.nonce() != Some(&self.nonce) {
            return;
        }
        if let Some(session) = unverified.session() {
            let Some(token) = &self.question.token else {
                return;
            };
            let seal = Seal::of_session(token.secret(), &self.nonce, session);
            if let Some(Message::Accept(accept)) = unverified.verified(&seal) {
                self.accept = Some((accept, seal));
                self.enter(Stage::Pinging, now);
            }
            return;
        }
        match unverified.unsigned().cloned() {
            Some(Message::Challenge { cookie, .. }) if cookie != self.cookie && self.challenges < TRIES => {
                // A question that was challenged is another question.
                self.cookie = cookie;
                self.challenges += 1;
                self.tries = 0;
                self.again = now;
                self.on_time(now);
            }
            Some(Message::Grant { lease, secret, .. }) if matches!(self.stage, Stage::Asking) => self.on_grant(lease, secret, now),
            Some(Message::Refuse { refusal, retry_after, .. }) => {
                self.done(Err(Failure::Refused { refusal, retry_after }));
            }
            _ => {}
        }
    }

    fn on_grant(&mut self, lease: Vec<u8>, secret: [u8; 32], now: Duration) {
        let Ok(token) = LeaseToken::from_parts(lease, secret) else {
            return;
        };
        // What it grants must be what was asked for.
        if token.lease().direction != self.question.direction {
            return;
        }
        self.question.claim = token.lease().claim();
        self.question.token = Some(token);
        self.enter(Stage::SettingUp, now);
    }

    fn on_message(&mut self, message: Message, arrived: Duration, now: Duration) {
        match (&mut self.stage, message) {
            (Stage::Pinging, Message::Pong { number, held, .. }) => self.on_pong(number, held, arrived, now),
            (Stage::Starting, Message::Feedback(feedback)) if self.question.direction == Direction::Up => {
                self.begin_sending(&feedback, now);
            }
            (Stage::Starting, Message::End(sent)) if sent.packets == 0 => self.done(Err(Failure::NoLoad)),
            (Stage::Receiving(receiving), Message::End(sent)) => {
                receiving.sent = Some(sent);
                receiving.heard = now;
            }
            (Stage::Sending(sending), Message::Feedback(feedback)) => {
                sending.heard = now;
                if feedback.orders.hold {
                    sending.pacer.hold_now(now);
                }
                if feedback.orders.stop {
                    sending.pacer.stop();
                }
            }
            (Stage::Sending(_), Message::Result { reception, .. }) => self.on_result(reception),
            _ => {}
        }
    }

    fn on_pong(&mut self, number: u16, held: Duration, arrived: Duration, now: Duration) {
        let Some(ping) = self.pings.get_mut(usize::from(number)).filter(|ping| !ping.answered) else {
            return;
        };
        ping.answered = true;
        if ping.size == SMALL {
            self.round_trips.push(arrived.saturating_sub(ping.sent).saturating_sub(held));
        } else {
            self.payload = self.payload.max(ping.size);
        }
        let most = self.payloads().next().unwrap_or(SMALL);
        if self.payload == most && self.round_trips.len() >= usize::from(SMALL_PINGS) - 1 {
            self.enter(Stage::Starting, now);
        }
    }

    /// Payloads that an Ethernet frame has room for on the way to this server.
    fn payloads(&self) -> impl Iterator<Item = u16> + use<> {
        let headers = packet_bytes(self.question.server, 0);
        PAYLOADS.into_iter().filter(move |payload| u64::from(*payload) + headers <= 1_500)
    }

    fn on_load(&mut self, datagram: &[u8], arrived: Duration, now: Duration) {
        let Some((_, seal)) = self
            .accept
            .as_ref()
            .filter(|(accept, _)| Some(accept.session) == wire::load_session(datagram))
        else {
            return;
        };
        if datagram.len() != usize::from(self.payload) || self.question.direction != Direction::Down {
            return;
        }
        let Some(load) = wire::read_load(datagram, seal) else {
            return;
        };
        if matches!(self.stage, Stage::Starting) {
            self.begin_receiving(now);
        }
        if let Stage::Receiving(receiving) = &mut self.stage {
            receiving.heard = receiving.heard.max(arrived);
            receiving.receiver.on_load(&load, arrived);
        }
    }

    fn begin_receiving(&mut self, now: Duration) {
        let Some((accept, _)) = &self.accept else {
            return;
        };
        let packet = u32::try_from(packet_bytes(self.question.server, self.payload.into())).unwrap_or(u32::MAX);
        self.stage = Stage::Receiving(Box::new(Receiving {
            receiver: Receiver::new(self.question.plan, packet, self.stamps),
            said: Feedback {
                session: accept.session,
                ..Feedback::default()
            },
            said_at: now,
            sent: None,
            asked: 0,
            heard: now,
        }));
    }

    fn begin_sending(&mut self, feedback: &Feedback, now: Duration) {
        let packet = usize::try_from(packet_bytes(self.question.server, self.payload.into())).unwrap_or(usize::MAX);
        let mut pacer = Pacer::new(self.question.plan, packet, now);
        if feedback.orders.stop {
            pacer.stop();
        }
        self.stage = Stage::Sending(Box::new(Sending {
            pacer,
            heard: now,
            silent: false,
            failed: false,
            ended: false,
        }));
        self.tries = 0;
    }

    // ---- times ----

    pub fn on_time(&mut self, now: Duration) {
        match &self.stage {
            Stage::Asking | Stage::SettingUp | Stage::Starting if now >= self.again => self.ask(now),
            Stage::Pinging if now >= self.again => self.ping(now),
            Stage::Receiving(_) => self.receive_on(now),
            Stage::Sending(_) => self.send_on(now),
            _ => {}
        }
    }

    /// Enters a step that is asked for, and asks.
    fn enter(&mut self, stage: Stage, now: Duration) {
        self.stage = stage;
        self.tries = 0;
        self.again = now;
        self.on_time(now);
    }

    fn ask(&mut self, now: Duration) {
        if self.tries >= TRIES {
            let failure = if matches!(self.stage, Stage::Starting) {
                Failure::NoLoad
            } else {
                Failure::NoAnswer
            };
            return self.done(Err(failure));
        }
        self.tries += 1;
        self.again = now + AGAIN;
        let datagram = match (&self.stage, &self.question.token, &self.accept) {
            (Stage::Asking, ..) => {
                let ask = Message::Ask(Ask {
                    nonce: self.nonce,
                    cookie: self.cookie,
                    direction: self.question.direction,
                    target_kbps: self.question.plan.target_kbps,
                });
                wire::write(&ask, None, REQUEST_BYTES)
            }
            (Stage::SettingUp, Some(token), _) => {
                let setup = Message::Setup(Setup {
                    nonce: self.nonce,
                    cookie: self.cookie,
                    plan: self.question.plan,
                    claim: self.question.claim,
                    lease: token.bytes().to_vec(),
                });
                wire::write(&setup, Some(&Seal::of_lease(token.secret())), REQUEST_BYTES)
            }
            (Stage::Starting, _, Some((accept, seal))) => {
                let start = Message::Start {
                    session: accept.session,
                    payload: self.payload,
                };
                wire::write(&start, Some(seal), 0)
            }
            _ => return,
        };
        self.outgoing.push(datagram);
    }

    /// Sends the next ping of a round, or looks at what the round brought.
    fn ping(&mut self, now: Duration) {
        let Some((accept, seal)) = &self.accept else {
            return;
        };
        let largest = || self.payloads().take(1);
        let sizes: Vec<u16> = largest()
            .chain(std::iter::repeat_n(SMALL, SMALL_PINGS.into()))
            .chain(largest())
            .chain(self.payloads().skip(1))
            .collect();
        let in_round = self.pings.len() % sizes.len();
        let round_is_over = in_round == 0 && !self.pings.is_empty() && self.tries as usize * sizes.len() == self.pings.len();
        if round_is_over {
            if self.payload > 0 && !self.round_trips.is_empty() {
                return self.enter(Stage::Starting, now);
            }
            if self.tries >= TRIES {
                return self.done(Err(Failure::NoLoad));
            }
        }
        if in_round == 0 {
            self.tries += 1;
        }
        let size = sizes[in_round];
        let message = Message::Ping {
            session: accept.session,
            number: u16::try_from(self.pings.len()).unwrap_or(u16::MAX),
        };
        self.outgoing.push(wire::write(&message, Some(seal), size.into()));
        self.pings.push(Ping {
            size,
            sent: now,
            answered: false,
        });
        let was_last = in_round + 1 == sizes.len();
        self.again = now + if was_last { AGAIN } else { PING_EVERY };
    }

    fn receive_on(&mut self, now: Duration) {
        let Stage::Receiving(receiving) = &mut self.stage else {
            return;
        };
        let orders = receiving.receiver.orders();
        // The end is heard, or it does not come.
        let over = receiving.sent.is_some() && now.saturating_sub(receiving.heard) >= FEEDBACK_EVERY / 2;
        let lost = now.saturating_sub(receiving.heard) >= LOST_AFTER || receiving.asked > TRIES * 10;
        if over || lost || (orders.stop && receiving.sent.is_some()) {
            return self.finish_receiving(lost);
        }
        let every = if orders.stop { FEEDBACK_EVERY / 5 } else { FEEDBACK_EVERY };
        let ordered = orders != receiving.said.orders;
        if !ordered && now.saturating_sub(receiving.said_at) < every {
            return;
        }
        receiving.asked += u32::from(orders.stop);
        receiving.said = Feedback {
            number: receiving.said.number.wrapping_add(1),
            orders,
            received: receiving.receiver.received(),
            ..receiving.said
        };
        receiving.said_at = now;
        let message = Message::Feedback(receiving.said);
        self.push_signed(&message);
    }

    fn finish_receiving(&mut self, lost: bool) {
        let Stage::Receiving(receiving) = &self.stage else {
            return;
        };
        let reception = receiving.receiver.finish();
        let sent = receiving.sent;
        let silent = sent.is_some_and(|sent| sent.reason != EndReason::Done);
        let packets = sent.map_or(reception.received, |sent| sent.packets.max(reception.received));
        let cut = !reception.complete && ((lost && sent.is_none()) || silent);
        self.found(reception, sent, cut, packets);
    }

    fn send_on(&mut self, now: Duration) {
        let again = self.again;
        let Some((accept, _)) = &self.accept else {
            return;
        };
        let session = accept.session;
        let Stage::Sending(sending) = &mut self.stage else {
            return;
        };
        if !sending.ended {
            if now.saturating_sub(sending.heard) > SILENCE {
                sending.silent = true;
                sending.pacer.stop();
            }
            return;
        }
        if now < again {
            return;
        }
        if self.tries >= TRIES {
            let sent = sending.sent(session);
            return self.found(Reception::default(), Some(sent), true, sent.packets);
        }
        self.tries += 1;
        self.again = now + AGAIN;
        let message = Message::End(sending.sent(session));
        self.push_signed(&message);
    }

    fn on_result(&mut self, reception: Reception) {
        let (Stage::Sending(sending), Some((accept, _))) = (&self.stage, &self.accept) else {
            return;
        };
        let sent = sending.sent(accept.session);
        // A result that comes before the end: the server heard no load for too long.
        let lost = sending.silent || (!sending.ended && !reception.complete);
        self.found(reception, Some(sent), lost, sent.packets);
    }

    fn found(&mut self, reception: Reception, sent: Option<Sent>, server_lost: bool, packets: u32) {
        let (Some((accept, _)), Some(token)) = (self.accept.clone(), self.question.token.clone()) else {
            return;
        };
        if reception.received == 0 && !server_lost {
            return self.done(Err(Failure::NoLoad));
        }
        let hold_window = self.hold_began().map(|began| {
            let bins = u32::try_from(reception.hold_bins.len()).unwrap_or(u32::MAX);
            (began, began + BIN * bins)
        });
        self.done(Ok(Finding {
            hold_window,
            token,
            plan: self.question.plan,
            accept,
            payload: self.payload,
            round_trips: self.round_trips.clone(),
            clock_stepped: self.clock_stepped || reception.clock_stepped,
            reception,
            sent,
            server_lost,
            bytes: u64::from(packets) * packet_bytes(self.question.server, self.payload.into()),
        }));
    }

    /// When the hold phase began to be counted. Of an upload: when its first datagram was sent and half a round trip
    /// had passed.
    fn hold_began(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Receiving(receiving) => receiving.receiver.hold_began(),
            Stage::Sending(sending) => {
                let there = self.round_trips.iter().min().copied().unwrap_or_default() / 2;
                sending.pacer.hold_began().map(|began| began + there)
            }
            _ => None,
        }
    }

    fn done(&mut self, outcome: Result<Finding, Failure>) {
        self.stage = Stage::Done(Box::new(outcome));
    }

    fn push_signed(&mut self, message: &Message) {
        if let Some((_, seal)) = &self.accept {
            self.outgoing.push(wire::write(message, Some(seal), 0));
        }
    }

    // ---- load that is sent ----

    /// What a sender of this session's load must know, from the moment that it sends.
    pub fn load_key(&self) -> Option<LoadKey> {
        let (Stage::Sending(sending), Some((accept, seal))) = (&self.stage, &self.accept) else {
            return None;
        };
        Some(LoadKey {
            session: accept.session,
            seal: seal.clone(),
            payload: self.payload,
            began: sending.pacer.began(),
        })
    }

    /// Load that is due now. After the last of it the end is said.
    pub fn load_due(&mut self, now: Duration) -> Option<LoadDue> {
        let Stage::Sending(sending) = &mut self.stage else {
            return None;
        };
        if sending.ended {
            return None;
        }
        match sending.pacer.due(now) {
            Due::Send { phase, first, count } => Some(LoadDue { phase, first, count }),
            Due::Finished => {
                sending.ended = true;
                self.again = now;
                self.on_time(now);
                None
            }
        }
    }

    pub fn load_failed(&mut self) {
        if let Stage::Sending(sending) = &mut self.stage {
            sending.failed = true;
            sending.pacer.stop();
        }
    }
}

impl Sending {
    fn sent(&self, session: u64) -> Sent {
        let reason = match (self.failed, self.silent) {
            (true, _) => EndReason::Failed,
            (_, true) => EndReason::Silence,
            _ => EndReason::Done,
        };
        Sent {
            session,
            packets: self.pacer.sent(),
            stall_max: self.pacer.stall_max(),
            reason,
        }
    }
}

#[cfg(test)]
mod tests;
