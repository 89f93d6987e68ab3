//! One session of the server: what it is at, what it answers, when it is over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use inventory_schema::measurement::Direction;

use super::{AHEAD_BYTES, FEEDBACK_EVERY, KEPT_FOR, LOAD_LOST_AFTER, MOST_REPEATS, Output, SMALLEST_PAYLOAD, Times, packet_bytes};
use crate::probe::plan::Plan;
use crate::probe::reception::{Receiver, Stamps};
use crate::probe::sending::{Progress, Sending};
use crate::probe::wire::{self, Feedback, Message, Nonce, Seal};

#[derive(Debug)]
pub(super) struct Session {
    pub(super) peer: SocketAddr,
    pub(super) nonce: Nonce,
    pub(super) seal: Seal,
    pub(super) plan: Plan,
    pub(super) direction: Direction,
    /// Said again to whoever did not hear it.
    pub(super) accept: Vec<u8>,
    pub(super) repeats: u16,
    pub(super) ends: Duration,
    pub(super) stage: Stage,
}

#[derive(Debug)]
pub(super) enum Stage {
    Ready,
    Sending(Arc<Progress>),
    Receiving(Box<Receiving>),
    /// The result is known and said to whoever asks.
    Received(Vec<u8>),
    /// It sent more than it may: nothing is said to it any more.
    Dropped,
}

#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) receiver: Receiver,
    pub(super) payload: u16,
    pub(super) bytes: u64,
    pub(super) first: Option<Duration>,
    pub(super) began: Duration,
    pub(super) said: Feedback,
    pub(super) said_at: Duration,
}

impl Session {
    /// Whether it takes a part of the port's rate.
    pub(super) fn occupies(&self) -> bool {
        match &self.stage {
            Stage::Ready | Stage::Receiving(_) => true,
            Stage::Sending(progress) => progress.sent().is_none(),
            Stage::Received(_) | Stage::Dropped => false,
        }
    }

    pub(super) fn may_repeat(&mut self) -> bool {
        self.repeats = self.repeats.saturating_add(1);
        self.repeats <= MOST_REPEATS
    }
}

impl Receiving {
    pub(super) fn sends_too_much(&mut self, plan: &Plan, at: Duration) -> bool {
        let since = at.saturating_sub(*self.first.get_or_insert(at)) + Duration::from_millis(10);
        let allowed = u128::from(plan.peak_kbps()) * since.as_micros() / 8_000;
        let allowed = u64::try_from(allowed).unwrap_or(u64::MAX);
        self.bytes > allowed + allowed / 4 + AHEAD_BYTES || self.bytes > plan.most_bytes() + AHEAD_BYTES
    }

    pub(super) fn is_over(&self, now: Duration) -> bool {
        let last = self.receiver.last().unwrap_or(self.began);
        now.saturating_sub(last.max(self.began)) >= LOAD_LOST_AFTER
    }
}

/// What a client that is known and proven says.
pub(super) fn on_message(session: &mut Session, message: &Message, size: usize, stamps: Stamps, times: Times, out: &mut Vec<Output>) {
    let number = match *message {
        Message::Ping {
            session: number,
            number: ping,
        } => {
            if session.may_repeat() {
                let pong = Message::Pong {
                    session: number,
                    number: ping,
                    held: times.now.saturating_sub(times.arrived),
                };
                out.push(Output::Send {
                    to: session.peer,
                    datagram: wire::write(&pong, Some(&session.seal), size),
                });
            }
            return;
        }
        Message::Start { session: number, payload } => return start(number, session, payload, stamps, times, out),
        Message::Feedback(Feedback { session, .. }) => session,
        Message::End(sent) => sent.session,
        _ => return,
    };
    match (&mut session.stage, message) {
        (Stage::Sending(progress), Message::Feedback(feedback)) => {
            progress.on_feedback(feedback, times.now);
            // It asks for the end that it did not hear.
            if let Some(sent) = progress.sent().filter(|_| feedback.orders.stop && session.repeats < MOST_REPEATS) {
                session.repeats += 1;
                out.push(Output::Send {
                    to: session.peer,
                    datagram: wire::write(&Message::End(sent), Some(&session.seal), 0),
                });
            }
        }
        (Stage::Receiving(_), Message::End(_)) => finish(number, session, times.now, out),
        (Stage::Received(result), Message::End(_)) => {
            let datagram = result.clone();
            if session.may_repeat() {
                out.push(Output::Send {
                    to: session.peer,
                    datagram,
                });
            }
        }
        _ => {}
    }
}

fn start(number: u64, session: &mut Session, payload: u16, stamps: Stamps, times: Times, out: &mut Vec<Output>) {
    let in_range = (SMALLEST_PAYLOAD..=wire::LARGEST_PAYLOAD as u16).contains(&payload);
    if !in_range || !matches!(session.stage, Stage::Ready) {
        return;
    }
    session.ends = times.now + session.plan.longest() + KEPT_FOR;
    match session.direction {
        Direction::Down => {
            let progress = Arc::new(Progress::new(times.now));
            session.stage = Stage::Sending(Arc::clone(&progress));
            out.push(Output::Begin(Box::new(Sending {
                session: number,
                to: session.peer,
                plan: session.plan,
                payload,
                seal: session.seal.clone(),
                progress,
            })));
        }
        Direction::Up => {
            let packet = u32::try_from(packet_bytes(session.peer, payload.into())).unwrap_or(u32::MAX);
            let mut receiving = Receiving {
                receiver: Receiver::new(session.plan, packet, stamps),
                payload,
                bytes: 0,
                first: None,
                began: times.now,
                said: Feedback {
                    session: number,
                    ..Feedback::default()
                },
                said_at: Duration::ZERO,
            };
            receiving.said_at = times.now.saturating_sub(FEEDBACK_EVERY);
            say(&mut receiving, &session.seal, session.peer, times.now, out);
            session.stage = Stage::Receiving(Box::new(receiving));
        }
    }
}

/// Feedback, when it is time or there is a new order; an order is repeated until the load ends.
pub(super) fn say(receiving: &mut Receiving, seal: &Seal, to: SocketAddr, now: Duration, out: &mut Vec<Output>) {
    let orders = receiving.receiver.orders();
    let every = if orders.stop { FEEDBACK_EVERY / 5 } else { FEEDBACK_EVERY };
    if orders == receiving.said.orders && now.saturating_sub(receiving.said_at) < every {
        return;
    }
    receiving.said = Feedback {
        number: receiving.said.number.wrapping_add(1),
        orders,
        received: receiving.receiver.received(),
        ..receiving.said
    };
    receiving.said_at = now;
    out.push(Output::Send {
        to,
        datagram: wire::write(&Message::Feedback(receiving.said), Some(seal), 0),
    });
}

pub(super) fn finish(number: u64, session: &mut Session, now: Duration, out: &mut Vec<Output>) {
    let Stage::Receiving(receiving) = &session.stage else {
        return;
    };
    let result = Message::Result {
        session: number,
        reception: receiving.receiver.finish(),
    };
    let datagram = wire::write(&result, Some(&session.seal), 0);
    session.stage = Stage::Received(datagram.clone());
    session.ends = now + KEPT_FOR;
    out.push(Output::Send {
        to: session.peer,
        datagram,
    });
}
