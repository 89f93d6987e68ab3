//! What the server must not do: amplify, forget, overrun, answer those it does not know.

use inventory_schema::BuildingId;
use proptest::prelude::*;

use super::super::plan::Phase;
use super::super::wire::Load;
use inventory_schema::measurement::Direction;

use super::*;
use crate::lease::{Claim, LeaseKey, sample_lease};

fn server() -> Serving {
    server_with(1_000_000, 64)
}

fn server_with(port: u64, most_sessions: usize) -> Serving {
    let settings = Settings {
        server: "node-1".parse().unwrap(),
        title: "Узел".into(),
        place: ServerPlace::RegionalNode,
        port: KilobitsPerSecond::saturating(port),
        most_sessions,
        anonymous: None,
    };
    Serving::new(settings, LeaseKeys::new(key(), Vec::new()), Stamps::Kernel)
}

fn key() -> LeaseKey {
    LeaseKey::from_bytes(&[5; 32])
}

fn times(ms: u64) -> Times {
    let now = Duration::from_millis(ms);
    Times {
        arrived: now,
        now,
        wall: Timestamp::from_unix_seconds(1_800_000_010),
    }
}

fn client(number: u8) -> SocketAddr {
    ([198, 51, 100, number], 40_000).into()
}

struct Client {
    at: SocketAddr,
    lease: Lease,
    nonce: Nonce,
    cookie: Cookie,
    plan: Plan,
    claim: Claim,
}

impl Client {
    fn new(number: u8, direction: Direction) -> Self {
        let lease = Lease {
            id: LeaseId::generate(),
            direction,
            ..sample_lease()
        };
        Self {
            at: client(number),
            claim: lease.claim(),
            lease,
            nonce: [number; 16],
            cookie: NO_COOKIE,
            plan: Plan::for_target(100_000),
        }
    }

    fn secret(&self) -> LeaseSecret {
        key().secret_of(&self.lease.encode())
    }

    fn setup(&self) -> Vec<u8> {
        let setup = Message::Setup(Setup {
            nonce: self.nonce,
            cookie: self.cookie,
            plan: self.plan,
            claim: self.claim,
            lease: self.lease.encode(),
        });
        wire::write(&setup, Some(&Seal::of_lease(&self.secret())), REQUEST_BYTES)
    }

    /// As far as a session; none where the server refused.
    fn set_up(&mut self, serving: &mut Serving, ms: u64) -> Result<(u64, Seal), Refusal> {
        let [challenge] = answers(serving, self.at, &self.setup(), ms).try_into().unwrap();
        let read = wire::read(&challenge).unwrap();
        let Some(Message::Challenge { cookie, .. }) = read.unsigned() else {
            panic!("{read:?}");
        };
        self.cookie = *cookie;
        let [answer] = answers(serving, self.at, &self.setup(), ms).try_into().unwrap();
        let read = wire::read(&answer).unwrap();
        if let Some(Message::Refuse { refusal, .. }) = read.unsigned() {
            return Err(*refusal);
        }
        let number = read.session().unwrap();
        let seal = Seal::of_session(&self.secret(), &self.nonce, number);
        assert!(read.proven_by(&seal));
        Ok((number, seal))
    }
}

fn answers(serving: &mut Serving, from: SocketAddr, datagram: &[u8], ms: u64) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    serving.on_datagram(from, datagram, times(ms), &mut out);
    out.into_iter()
        .filter_map(|output| match output {
            Output::Send { to, datagram } => {
                assert_eq!(to, from);
                Some(datagram)
            }
            Output::Begin(_) => None,
        })
        .collect()
}

fn start(session: u64, seal: &Seal) -> Vec<u8> {
    wire::write(&Message::Start { session, payload: 1_472 }, Some(seal), 0)
}

fn load_of(session: u64, sequence: u32, seal: &Seal) -> Vec<u8> {
    let load = Load {
        session,
        sequence,
        sent: Duration::ZERO,
        phase: Phase::Hold,
    };
    let mut datagram = vec![1; 1_472];
    wire::write_load(&mut datagram, load, seal);
    datagram
}

#[test]
fn an_address_that_was_not_proven_is_sent_less_than_it_sent() {
    let mut serving = server();
    let client = Client::new(1, Direction::Down);
    // The same question from many addresses, as one who forges sources would ask.
    for number in 0..200 {
        let from = ([192, 0, 2, number], 53).into();
        let sent = answers(&mut serving, from, &client.setup(), 1_000);
        assert!(sent.iter().map(Vec::len).sum::<usize>() <= client.setup().len());
    }
    assert!(!serving.is_busy(), "and nothing is remembered of it");
    // A short question has no answer at all.
    let short = &client.setup()[..400];
    assert!(answers(&mut serving, client.at, short, 1_000).is_empty());
}

#[test]
fn a_cookie_is_good_for_its_address_and_a_while() {
    let mut serving = server();
    let mut client = Client::new(1, Direction::Down);
    client.set_up(&mut serving, 1_000).unwrap();
    let mut other = Client::new(2, Direction::Down);
    other.cookie = client.cookie;
    other.nonce = client.nonce;
    let answer = &answers(&mut serving, other.at, &other.setup(), 1_000)[0];
    assert!(matches!(wire::read(answer).unwrap().unsigned(), Some(Message::Challenge { .. })));
    let answer = &answers(&mut serving, client.at, &client.setup(), 60_000)[0];
    assert!(matches!(wire::read(answer).unwrap().unsigned(), Some(Message::Challenge { .. })));
}

#[test]
fn a_setup_that_was_not_heard_is_answered_again_and_not_for_ever() {
    let mut serving = server();
    let mut client = Client::new(1, Direction::Down);
    client.set_up(&mut serving, 1_000).unwrap();
    let first = answers(&mut serving, client.at, &client.setup(), 1_100);
    let again = answers(&mut serving, client.at, &client.setup(), 1_200);
    assert_eq!(first, again);
    assert_eq!(serving.served().accepted, 1);
    let mut count = 0;
    for _ in 0..1_000 {
        let answer = &answers(&mut serving, client.at, &client.setup(), 1_300)[0];
        count += usize::from(wire::read(answer).unwrap().session().is_some());
    }
    assert!(count <= MOST_REPEATS.into());
}

#[test]
fn the_same_lease_from_another_place_is_a_replay() {
    let mut serving = server();
    let mut client = Client::new(1, Direction::Down);
    client.set_up(&mut serving, 1_000).unwrap();
    let mut thief = Client {
        at: self::client(9),
        nonce: [9; 16],
        lease: client.lease.clone(),
        claim: client.claim,
        ..Client::new(9, Direction::Down)
    };
    assert_eq!(thief.set_up(&mut serving, 1_100).err(), Some(Refusal::Replayed));
    // Nor later, when the session is long gone and the lease is not.
    serving.on_time(Duration::from_secs(30), &mut Vec::new());
    thief.cookie = NO_COOKIE;
    assert_eq!(thief.set_up(&mut serving, 30_000).err(), Some(Refusal::Replayed));
}

#[test]
fn a_changed_setup_is_forged_and_a_claim_of_another_school_is_refused() {
    let mut serving = server();
    let mut client = Client::new(1, Direction::Down);
    client.claim.building = Some(BuildingId::generate());
    assert_eq!(client.set_up(&mut serving, 1_000).err(), Some(Refusal::OtherSchool));
    let mut faster = Client::new(2, Direction::Down);
    let secret = faster.secret();
    faster.lease.rate = KilobitsPerSecond::saturating(9_000_000);
    faster.plan = Plan::for_target(1_000_000);
    let setup = Message::Setup(Setup {
        nonce: faster.nonce,
        cookie: serving.cookie(faster.at, faster.nonce, 0),
        plan: faster.plan,
        claim: faster.claim,
        lease: faster.lease.encode(),
    });
    let datagram = wire::write(&setup, Some(&Seal::of_lease(&secret)), REQUEST_BYTES);
    let answer = &answers(&mut serving, faster.at, &datagram, 1_000)[0];
    let read = wire::read(answer).unwrap();
    assert!(matches!(
        read.unsigned(),
        Some(Message::Refuse {
            refusal: Refusal::Forged,
            ..
        })
    ));
}

#[test]
fn no_more_are_measured_at_once_than_four_fifths_of_the_port_carry() {
    // 200 Mb/s each: four of them into 800.
    let mut serving = server();
    for number in 1..=4 {
        Client::new(number, Direction::Down).set_up(&mut serving, 1_000).unwrap();
    }
    let mut fifth = Client::new(5, Direction::Down);
    assert_eq!(fifth.set_up(&mut serving, 1_000).err(), Some(Refusal::ServerBusy));
    // Those who never began give their room back, and a lease that found none is not used up.
    serving.on_time(Duration::from_millis(2_600), &mut Vec::new());
    assert!(!serving.is_busy());
    fifth.cookie = NO_COOKIE;
    fifth.set_up(&mut serving, 2_700).unwrap();
}

#[test]
fn two_computers_without_a_controller_do_not_spoil_each_others_measurement() {
    let mut serving = server();
    let nobody = |number: u8| {
        let mut client = Client::new(number, Direction::Down);
        client.lease.building = None;
        client.lease.device = None;
        client.claim = Claim::default();
        client
    };
    nobody(1).set_up(&mut serving, 1_000).unwrap();
    // Another port of the same address: another computer of that school.
    let mut second = nobody(2);
    second.at = ([198, 51, 100, 1], 40_001).into();
    assert_eq!(second.set_up(&mut serving, 1_000).err(), Some(Refusal::ServerBusy));
    nobody(3).set_up(&mut serving, 1_000).unwrap();
    // Computers that a controller sends to measure together share a lease's number, and each measures once.
    let mut one = Client::new(4, Direction::Down);
    let mut other = Client::new(5, Direction::Down);
    other.lease.id = one.lease.id;
    one.set_up(&mut serving, 1_000).unwrap();
    other.set_up(&mut serving, 1_000).unwrap();
    let mut again = Client {
        nonce: [6; 16],
        lease: other.lease.clone(),
        claim: other.claim,
        ..Client::new(6, Direction::Down)
    };
    assert_eq!(again.set_up(&mut serving, 1_100).err(), Some(Refusal::Replayed));
}

#[test]
fn sessions_are_bounded_whatever_their_rates() {
    let mut serving = server_with(10_000_000, 3);
    for number in 1..=3 {
        Client::new(number, Direction::Down).set_up(&mut serving, 1_000).unwrap();
    }
    assert_eq!(
        Client::new(4, Direction::Down).set_up(&mut serving, 1_000).err(),
        Some(Refusal::ServerBusy)
    );
}

#[test]
fn a_download_begins_once_and_only_for_its_owner() {
    let mut serving = server();
    let mut client = Client::new(1, Direction::Down);
    let (session, seal) = client.set_up(&mut serving, 1_000).unwrap();
    let begun = |serving: &mut Serving, from: SocketAddr, datagram: &[u8]| {
        let mut out = Vec::new();
        serving.on_datagram(from, datagram, times(1_100), &mut out);
        out.iter().filter(|output| matches!(output, Output::Begin(_))).count()
    };
    assert_eq!(begun(&mut serving, self::client(2), &start(session, &seal)), 0);
    let other = Seal::of_session(&client.secret(), &client.nonce, session ^ 1);
    assert_eq!(begun(&mut serving, client.at, &start(session, &other)), 0);
    let tiny = wire::write(&Message::Start { session, payload: 8 }, Some(&seal), 0);
    assert_eq!(begun(&mut serving, client.at, &tiny), 0);
    assert_eq!(begun(&mut serving, client.at, &start(session, &seal)), 1);
    assert_eq!(begun(&mut serving, client.at, &start(session, &seal)), 0);
}

#[test]
fn who_sends_ten_times_what_it_may_is_dropped_and_gets_no_answer() {
    let mut serving = server();
    let mut client = Client::new(1, Direction::Up);
    let (session, seal) = client.set_up(&mut serving, 1_000).unwrap();
    assert_eq!(answers(&mut serving, client.at, &start(session, &seal), 1_100).len(), 1, "feedback");
    // 2 Gb/s where 200 Mb/s is allowed: 167 datagrams a millisecond.
    let mut sequence = 0;
    for ms in 0..100 {
        for _ in 0..167 {
            answers(&mut serving, client.at, &load_of(session, sequence, &seal), 1_100 + ms);
            sequence += 1;
        }
    }
    assert_eq!(serving.served().dropped, 1);
    let mut out = Vec::new();
    serving.on_time(Duration::from_millis(1_300), &mut out);
    assert!(out.is_empty());
    let end = wire::write(
        &Message::End(wire::Sent {
            session,
            ..wire::Sent::default()
        }),
        Some(&seal),
        0,
    );
    assert!(answers(&mut serving, client.at, &end, 1_300).is_empty());
    assert!(serving.has_room_for(800_000), "its room is free");
}

#[test]
fn who_keeps_sending_after_the_end_is_not_heard() {
    let mut serving = server();
    let mut client = Client::new(1, Direction::Up);
    let (session, seal) = client.set_up(&mut serving, 1_000).unwrap();
    answers(&mut serving, client.at, &start(session, &seal), 1_100);
    answers(&mut serving, client.at, &load_of(session, 0, &seal), 1_101);
    let mut out = Vec::new();
    serving.on_time(Duration::from_millis(1_700), &mut out);
    assert_eq!(out.len(), 1, "the result: load stopped coming");
    for sequence in 1..1_000 {
        assert!(answers(&mut serving, client.at, &load_of(session, sequence, &seal), 1_800).is_empty());
    }
    serving.on_time(Duration::from_secs(60), &mut out);
    assert!(!serving.is_busy());
    answers(&mut serving, client.at, &load_of(session, 9, &seal), 60_000);
    assert!(serving.served().foreign > 0);
}

#[test]
fn pings_are_answered_as_large_as_they_are_and_not_without_end() {
    let mut serving = server();
    let mut client = Client::new(1, Direction::Down);
    let (session, seal) = client.set_up(&mut serving, 1_000).unwrap();
    let mut bytes = 0;
    for number in 0..1_000 {
        let ping = wire::write(&Message::Ping { session, number }, Some(&seal), 1_472);
        for pong in answers(&mut serving, client.at, &ping, 1_100) {
            assert_eq!(pong.len(), ping.len());
            bytes += pong.len();
        }
    }
    assert!(bytes <= usize::from(MOST_REPEATS) * 1_472);
}

#[test]
fn without_leases_for_all_nobody_gets_one() {
    let mut serving = server();
    let at = client(1);
    let ask = |cookie| {
        let ask = Message::Ask(Ask {
            nonce: [1; 16],
            cookie,
            direction: Direction::Down,
            target_kbps: 50_000,
        });
        wire::write(&ask, None, REQUEST_BYTES)
    };
    let answer = answers(&mut serving, at, &ask(NO_COOKIE), 1_000).remove(0);
    let read = wire::read(&answer).unwrap();
    let Some(Message::Challenge { cookie, .. }) = read.unsigned() else {
        panic!("{read:?}");
    };
    let answer = answers(&mut serving, at, &ask(*cookie), 1_000).remove(0);
    assert!(matches!(
        wire::read(&answer).unwrap().unsigned(),
        Some(Message::Refuse {
            refusal: Refusal::LeaseNeeded,
            ..
        })
    ));
}

proptest! {
    #[test]
    fn no_datagrams_make_the_server_fail_or_answer_more_than_it_was_asked(
        datagrams in prop::collection::vec((0_u8..16, 0_u8..4, prop::collection::vec(any::<u8>(), 0..700)), 0..40)
    ) {
        let mut serving = server();
        let mut out = Vec::new();
        for (kind, from, bytes) in datagrams {
            let mut datagram = vec![0xc0, 0x5d, wire::VERSION, kind];
            datagram.extend_from_slice(&bytes);
            out.clear();
            serving.on_datagram(client(from), &datagram, times(1_000), &mut out);
            let answered: usize = out.iter().map(|output| match output {
                Output::Send { datagram, .. } => datagram.len(),
                Output::Begin(_) => usize::MAX,
            }).sum();
            prop_assert!(answered <= datagram.len());
        }
        prop_assert!(!serving.is_busy());
    }
}
