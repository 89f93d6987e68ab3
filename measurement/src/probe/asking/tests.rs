//! Both sides at once over a network that is made up: it loses, delays, swallows and repeats.

use std::collections::BTreeMap;

use inventory_schema::measurement::{LeaseId, ServerPlace};
use inventory_schema::quantity::KilobitsPerSecond;
use inventory_schema::{BuildingId, Timestamp};

use super::super::plan::DrainMode;
use super::super::serving::{Anonymous, Output, Serving, Settings, Times};
use super::super::wire::Load;
use super::*;
use crate::lease::{Lease, LeaseKey, LeaseKeys, sample_lease};

const SERVER: ([u8; 4], u16) = ([203, 0, 113, 1], 8_444);
const CLIENT: ([u8; 4], u16) = ([198, 51, 100, 7], 40_000);

fn key() -> LeaseKey {
    LeaseKey::from_bytes(&[5; 32])
}

fn settings() -> Settings {
    Settings {
        server: "node-1".parse().unwrap(),
        title: "Узел области".into(),
        place: ServerPlace::RegionalNode,
        port: KilobitsPerSecond::saturating(1_000_000),
        most_sessions: 64,
        anonymous: Some(Anonymous {
            highest_target: KilobitsPerSecond::saturating(100_000),
            per_minute: 6,
        }),
    }
}

fn wall() -> Timestamp {
    Timestamp::from_unix_seconds(1_800_000_010)
}

fn question(direction: Direction, target: u32) -> Question {
    let lease = Lease {
        id: LeaseId::generate(),
        direction,
        rate: KilobitsPerSecond::saturating(u64::from(target) * 2),
        ..sample_lease()
    };
    Question {
        server: SERVER.into(),
        claim: lease.claim(),
        token: Some(key().seal(&lease)),
        direction,
        plan: Plan::for_target(target),
    }
}

/// What happens to datagrams on their way.
struct Network {
    delay: Duration,
    /// Of a million.
    loss: u32,
    /// No datagram with a longer payload passes.
    longest: usize,
    /// The line down and up, in kbit/s.
    rate: u64,
    busy: [Duration; 2],
    chance: u64,
    /// From when on nothing passes to the client, and to the server.
    dead: [Duration; 2],
    twice: bool,
}

impl Network {
    fn good() -> Self {
        Self {
            delay: Duration::from_millis(10),
            loss: 0,
            longest: 1_472,
            rate: 100_000,
            busy: [Duration::ZERO; 2],
            chance: 0x2545_f491_4f6c_dd1d,
            dead: [Duration::MAX; 2],
            twice: false,
        }
    }

    fn chance(&mut self) -> u32 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance >> 11) as u32 % 1_000_000
    }

    fn carry(&mut self, to_server: bool, length: usize, now: Duration) -> Option<Duration> {
        let way = usize::from(to_server);
        if length > self.longest || self.chance() < self.loss || now >= self.dead[way] {
            return None;
        }
        let start = self.busy[way].max(now);
        if start - now > Duration::from_millis(50) {
            return None;
        }
        self.busy[way] = start + Duration::from_nanos((length as u64 + 28) * 8_000_000 / self.rate);
        Some(self.busy[way] + self.delay)
    }
}

struct World {
    serving: Serving,
    network: Network,
    now: Duration,
    /// By arrival: to the server or to the client.
    on_the_way: BTreeMap<(Duration, u64), (bool, Vec<u8>)>,
    count: u64,
    sender: Option<(super::super::sending::Sending, Pacer)>,
    sent_to_client: u64,
    sent_to_server: u64,
}

impl World {
    fn new(network: Network) -> Self {
        Self {
            serving: Serving::new(settings(), LeaseKeys::new(key(), Vec::new()), Stamps::Kernel),
            network,
            now: Duration::from_secs(100),
            on_the_way: BTreeMap::new(),
            count: 0,
            sender: None,
            sent_to_client: 0,
            sent_to_server: 0,
        }
    }

    fn post(&mut self, to_server: bool, datagram: Vec<u8>) {
        let bytes = if to_server {
            &mut self.sent_to_server
        } else {
            &mut self.sent_to_client
        };
        *bytes += datagram.len() as u64;
        let copies = if self.network.twice && self.network.chance() < 100_000 {
            2
        } else {
            1
        };
        for _ in 0..copies {
            if let Some(at) = self.network.carry(to_server, datagram.len(), self.now) {
                self.count += 1;
                self.on_the_way.insert((at, self.count), (to_server, datagram.clone()));
            }
        }
    }

    fn post_load(&mut self, to_server: bool, key: (&Seal, u64, u16), load: (Phase, u32, u32), sent: Duration) {
        for sequence in load.1..load.1 + load.2 {
            let mut datagram = vec![0x77; key.2.into()];
            let header = Load {
                session: key.1,
                sequence,
                sent,
                phase: load.0,
            };
            wire::write_load(&mut datagram, header, key.0);
            self.post(to_server, datagram);
        }
    }

    fn perform(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send { to, datagram } => {
                    assert_eq!(to, CLIENT.into());
                    self.post(false, datagram);
                }
                Output::Begin(sending) => {
                    let packet = packet_bytes(sending.to, sending.payload.into()) as usize;
                    let pacer = Pacer::new(sending.plan, packet, self.now);
                    self.sender = Some((*sending, pacer));
                }
            }
        }
    }

    /// The thread of a download, as [`super::super::sending::run`] runs it.
    fn send_download(&mut self) {
        let Some((sending, mut pacer)) = self.sender.take() else {
            return;
        };
        let (hold, stop) = sending.progress.ordered();
        if hold {
            pacer.hold_now(self.now);
        }
        if stop {
            pacer.stop();
        }
        match pacer.due(self.now) {
            Due::Send { phase, first, count } => {
                let sent = self.now - pacer.began();
                self.post_load(
                    false,
                    (&sending.seal, sending.session, sending.payload),
                    (phase, first, count),
                    sent,
                );
                self.sender = Some((sending, pacer));
            }
            Due::Finished => {
                let sent = Sent {
                    session: sending.session,
                    packets: pacer.sent(),
                    ..Sent::default()
                };
                sending.progress.end(sent);
                self.post(false, wire::write(&Message::End(sent), Some(&sending.seal), 0));
            }
        }
    }

    fn measure(&mut self, question: Question) -> Result<Finding, Failure> {
        let mut asking = Asking::new(question, Stamps::Kernel, self.now);
        for _ in 0..200_000 {
            for datagram in asking.outgoing() {
                self.post(true, datagram);
            }
            if let Some(due) = asking.load_due(self.now) {
                let key = asking.load_key().unwrap();
                let sent = self.now - key.began;
                self.post_load(true, (&key.seal, key.session, key.payload), (due.phase, due.first, due.count), sent);
            }
            self.send_download();
            if let Some(outcome) = asking.finished() {
                return outcome.clone();
            }
            self.now += Duration::from_micros(500);
            while let Some(entry) = self.on_the_way.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let arrived = entry.key().0;
                let (to_server, datagram) = entry.remove();
                if to_server {
                    let times = Times {
                        arrived,
                        now: self.now,
                        wall: wall(),
                    };
                    let mut out = Vec::new();
                    self.serving.on_datagram(CLIENT.into(), &datagram, times, &mut out);
                    self.perform(out);
                } else {
                    asking.on_datagram(&datagram, arrived, self.now);
                }
            }
            let mut out = Vec::new();
            self.serving.on_time(self.now, &mut out);
            self.perform(out);
            asking.on_time(self.now);
        }
        panic!("the measurement does not end");
    }
}

fn both(check: impl Fn(Direction)) {
    check(Direction::Down);
    check(Direction::Up);
}

#[test]
fn a_line_is_measured_both_ways() {
    both(|direction| {
        for rate in [99_500, 100_500] {
            let mut world = World::new(Network { rate, ..Network::good() });
            let began = world.now;
            let finding = world.measure(question(direction, 100_000)).unwrap();
            let capacity = finding.reception.capacity(&finding.plan).rate;
            assert!(capacity.abs_diff(rate * 1_000) < rate * 2, "{direction:?}: {capacity} of {rate}");
            assert!(finding.bytes <= 22_000_000, "{direction:?}: {} bytes", finding.bytes);
            assert!(
                world.now - began <= Duration::from_millis(1_500),
                "{direction:?}: {:?}",
                world.now - began
            );
            assert_eq!(finding.payload, 1_472);
            assert!(
                finding
                    .round_trips
                    .iter()
                    .all(|time| *time >= Duration::from_millis(20) && *time < Duration::from_millis(22))
            );
            assert!(!finding.server_lost && finding.sent.is_some());
            assert_eq!(finding.accept.title, "Узел области");
        }
    });
}

#[test]
fn at_one_per_cent_of_loss_every_measurement_begins() {
    both(|direction| {
        for seed in 1..100 {
            let mut world = World::new(Network {
                loss: 10_000,
                chance: 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed),
                rate: 5_000,
                ..Network::good()
            });
            let finding = world.measure(question(direction, 1_000)).unwrap();
            assert!(finding.reception.complete, "{direction:?} {seed}");
        }
    });
}

#[test]
fn a_shorter_path_is_found_and_measured_with_whole_packets() {
    both(|direction| {
        for (mtu, payload) in [(1_492, 1_464), (1_480, 1_452), (1_400, 1_372), (1_280, 1_252)] {
            let mut world = World::new(Network {
                longest: mtu - 28,
                rate: 9_500,
                ..Network::good()
            });
            let finding = world.measure(question(direction, 10_000)).unwrap();
            assert_eq!(finding.payload, payload, "{direction:?} {mtu}");
            let capacity = finding.reception.capacity(&finding.plan).rate;
            assert!(capacity.abs_diff(9_500_000) < 100_000, "{capacity}");
        }
    });
}

#[test]
fn duplicates_of_a_tenth_of_all_datagrams_change_nothing() {
    both(|direction| {
        let mut world = World::new(Network {
            twice: true,
            ..Network::good()
        });
        let finding = world.measure(question(direction, 10_000)).unwrap();
        assert!(finding.reception.duplicated > 0);
        let capacity = finding.reception.capacity(&finding.plan).rate;
        assert!(capacity.abs_diff(10_500_000) < 100_000, "{direction:?} {capacity}");
    });
}

#[test]
fn one_who_has_no_lease_is_given_one_a_few_times() {
    let mut world = World::new(Network::good());
    let ask = |target| Question {
        token: None,
        claim: Claim::default(),
        ..question(Direction::Down, target)
    };
    let began = world.now;
    let refused = loop {
        match world.measure(ask(1_000)) {
            Ok(finding) => assert_eq!(finding.token.lease().building, None),
            Err(refused) => break refused,
        }
    };
    let granted = world.serving.served().granted;
    assert!((6..=6 + (world.now - began).as_secs() / 10).contains(&granted), "{granted}");
    assert!(matches!(refused, Failure::Refused { refusal: Refusal::ServerBusy, retry_after } if !retry_after.is_zero()));
    let refused = world.measure(ask(100_001)).unwrap_err();
    assert!(matches!(
        refused,
        Failure::Refused {
            refusal: Refusal::Rate,
            ..
        }
    ));
    assert_eq!(world.serving.served().granted, granted);
}

#[test]
fn a_lease_measures_once() {
    let mut world = World::new(Network::good());
    let question = question(Direction::Down, 1_000);
    world.measure(question.clone()).unwrap();
    let failure = world.measure(question).unwrap_err();
    assert!(
        matches!(
            failure,
            Failure::Refused {
                refusal: Refusal::Replayed,
                ..
            }
        ),
        "{failure:?}"
    );
}

#[test]
fn every_refusal_reaches_the_client_by_its_code() {
    let base = sample_lease();
    let cases: [(Refusal, Lease); 5] = [
        (
            Refusal::Expired,
            Lease {
                expires: wall(),
                ..base.clone()
            },
        ),
        (
            Refusal::NotYet,
            Lease {
                not_before: wall() + Duration::from_secs(1),
                ..base.clone()
            },
        ),
        (
            Refusal::OtherServer,
            Lease {
                server: "node-2".parse().unwrap(),
                ..base.clone()
            },
        ),
        (
            Refusal::Rate,
            Lease {
                rate: KilobitsPerSecond::saturating(199_999),
                ..base.clone()
            },
        ),
        (
            Refusal::Rate,
            Lease {
                window: Duration::from_millis(500),
                ..base.clone()
            },
        ),
    ];
    for (expected, lease) in cases {
        let mut world = World::new(Network::good());
        let asked = Question {
            claim: lease.claim(),
            token: Some(key().seal(&lease)),
            ..question(Direction::Down, 100_000)
        };
        let failure = world.measure(asked).unwrap_err();
        assert!(
            matches!(failure, Failure::Refused { refusal, .. } if refusal == expected),
            "{expected:?}: {failure:?}"
        );
        assert_eq!(world.serving.served().accepted, 0);
    }
    let refusal_of = |asked: Question| match World::new(Network::good()).measure(asked) {
        Err(Failure::Refused { refusal, .. }) => refusal,
        other => panic!("{other:?}"),
    };
    let mut other_school = question(Direction::Down, 100_000);
    other_school.claim.building = Some(BuildingId::generate());
    assert_eq!(refusal_of(other_school), Refusal::OtherSchool);
    let forged = Question {
        token: Some(LeaseKey::from_bytes(&[6; 32]).seal(&base)),
        claim: base.claim(),
        ..question(Direction::Down, 100_000)
    };
    assert_eq!(refusal_of(forged), Refusal::Forged);
    let mut ten_times = question(Direction::Down, 100_000);
    ten_times.plan = Plan::for_target(1_000_000);
    assert_eq!(refusal_of(ten_times), Refusal::Rate);
}

#[test]
fn a_line_that_swallows_datagrams_one_way_is_no_measurement_of_it() {
    // Nothing back, nothing there, and nothing back once load begins.
    for dead in [[Duration::ZERO, Duration::MAX], [Duration::MAX, Duration::ZERO]] {
        let mut world = World::new(Network { dead, ..Network::good() });
        let began = world.now;
        assert_eq!(world.measure(question(Direction::Down, 100_000)).unwrap_err(), Failure::NoAnswer);
        assert!(world.now - began < Duration::from_millis(700));
    }
    let mut world = World::new(Network {
        longest: 600,
        ..Network::good()
    });
    assert_eq!(world.measure(question(Direction::Down, 100_000)).unwrap_err(), Failure::NoLoad);
}

#[test]
fn a_server_that_dies_in_the_middle_is_said_to_be_lost() {
    both(|direction| {
        let mut world = World::new(Network::good());
        let until = world.now + Duration::from_millis(700);
        world.network.dead = [until; 2];
        let finding = world.measure(question(direction, 100_000)).unwrap();
        assert!(finding.server_lost, "{direction:?}");
        assert!(!finding.reception.complete);
        assert!(world.now < until + Duration::from_millis(1_600), "{direction:?}");
    });
}

#[test]
fn a_client_that_falls_silent_is_sent_nothing_more() {
    let mut world = World::new(Network::good());
    let mut asking = Asking::new(
        Question {
            plan: Plan::for_target(100_000).with_drain(DrainMode::Full),
            ..question(Direction::Down, 100_000)
        },
        Stamps::Kernel,
        world.now,
    );
    // As far as the first load, and then never a word.
    while !asking.is_measuring() {
        for datagram in asking.outgoing() {
            world.post(true, datagram);
        }
        world.now += Duration::from_micros(500);
        world.send_download();
        while let Some(entry) = world.on_the_way.first_entry().filter(|entry| entry.key().0 <= world.now) {
            let arrived = entry.key().0;
            let (to_server, datagram) = entry.remove();
            if to_server {
                let times = Times {
                    arrived,
                    now: world.now,
                    wall: wall(),
                };
                let mut out = Vec::new();
                world.serving.on_datagram(CLIENT.into(), &datagram, times, &mut out);
                world.perform(out);
            } else {
                asking.on_datagram(&datagram, arrived, world.now);
            }
        }
        asking.on_time(world.now);
    }
    let (sending, _) = world.sender.as_ref().expect("the download began");
    assert!(sending.progress.is_silent(world.now + Duration::from_millis(600)));
    assert!(!sending.progress.is_silent(world.now));
}

#[test]
fn nothing_that_arrives_makes_the_client_fail() {
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    let strategy = prop::collection::vec((0_u8..16, prop::collection::vec(any::<u8>(), 0..100)), 0..40);
    TestRunner::default()
        .run(&strategy, |datagrams| {
            let now = Duration::from_secs(5);
            let mut asking = Asking::new(question(Direction::Down, 100_000), Stamps::Kernel, now);
            for (kind, bytes) in datagrams {
                let mut datagram = vec![0xc0, 0x5d, wire::VERSION, kind];
                datagram.extend_from_slice(&bytes);
                asking.on_datagram(&datagram, now, now);
                asking.on_datagram(&bytes, now, now);
            }
            prop_assert!(asking.finished().is_none());
            Ok(())
        })
        .unwrap();
}
