//! A real server and a real client over loopback: sockets, threads and clocks, and no line at all.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cos_measurement::lease::{Claim, Lease, LeaseKey, LeaseKeys, LeaseToken, Refusal};
use cos_measurement::probe::client::{Measured, ProbeError, measure};
use cos_measurement::probe::server::Server;
use cos_measurement::probe::{Anonymous, Failure, Plan, Question, Settings, Stamps};
use inventory_schema::Timestamp;
use inventory_schema::measurement::{Direction, LeaseId, ServerPlace};
use inventory_schema::quantity::KilobitsPerSecond;

const TARGET: u32 = 8_000;

fn key() -> LeaseKey {
    LeaseKey::from_bytes(&[3; 32])
}

fn server(anonymous: bool) -> Server {
    let settings = Settings {
        server: "node-1".parse().unwrap(),
        title: "Узел для проверки".into(),
        place: ServerPlace::RegionalNode,
        port: KilobitsPerSecond::saturating(1_000_000),
        most_sessions: 8,
        anonymous: anonymous.then_some(Anonymous {
            highest_target: KilobitsPerSecond::saturating(100_000),
            per_minute: 10,
        }),
    };
    Server::start(settings, LeaseKeys::new(key(), Vec::new()), ([127, 0, 0, 1], 0).into()).unwrap()
}

fn token(direction: Direction) -> LeaseToken {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Timestamp::from_unix_micros(i64::try_from(now.as_micros()).unwrap());
    key().seal(&Lease {
        id: LeaseId::generate(),
        server: "node-1".parse().unwrap(),
        building: None,
        device: None,
        direction,
        target: KilobitsPerSecond::saturating(TARGET.into()),
        rate: KilobitsPerSecond::saturating(2 * u64::from(TARGET)),
        window: Duration::from_secs(3),
        not_before: now - Duration::from_secs(5),
        expires: now + Duration::from_secs(60),
    })
}

fn ask(server: SocketAddr, token: Option<LeaseToken>, direction: Direction) -> Result<Measured, ProbeError> {
    let question = Question {
        server,
        token,
        claim: Claim::default(),
        direction,
        plan: Plan::for_target(TARGET),
    };
    let mut told = Vec::new();
    let outcome = measure(question, &mut |percent| told.push(percent));
    assert!(told.windows(2).all(|pair| pair[0] < pair[1]), "{told:?}");
    outcome
}

#[test]
fn both_directions_are_measured_at_the_rate_that_was_offered() {
    let server = server(false);
    for direction in [Direction::Down, Direction::Up] {
        let measured = ask(server.address(), Some(token(direction)), direction).unwrap();
        let reception = &measured.finding.reception;
        assert!(reception.complete, "{direction:?}: {reception:?}");
        let rate = reception.capacity(&measured.finding.plan).rate;
        // A computer that is busy sends late and a little less; it never sends more.
        assert!(rate > 7_500_000 && rate < 8_450_000, "{direction:?}: {rate}");
        assert_eq!(measured.finding.payload, 1_472);
        assert_eq!(measured.finding.accept.title, "Узел для проверки");
        assert!(!measured.finding.round_trips.is_empty());
        if cfg!(target_os = "linux") {
            assert_eq!(reception.stamps, Stamps::Kernel);
        }
    }
    assert_eq!(server.served().accepted, 2);
}

#[test]
fn one_without_a_lease_is_measured_where_the_operator_allows_it() {
    let open = server(true);
    let measured = ask(open.address(), None, Direction::Down).unwrap();
    assert!(measured.finding.reception.complete);
    let closed = server(false);
    let refused = ask(closed.address(), None, Direction::Down).unwrap_err();
    assert!(matches!(
        refused,
        ProbeError::Failed(Failure::Refused {
            refusal: Refusal::LeaseNeeded,
            ..
        })
    ));
}

#[test]
fn where_nobody_listens_that_is_said_soon() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let failure = ask(address, Some(token(Direction::Down)), Direction::Down).unwrap_err();
    assert!(matches!(failure, ProbeError::Failed(Failure::NoAnswer)));
    drop(silent);
    let failure = ask(address, Some(token(Direction::Down)), Direction::Down).unwrap_err();
    assert!(matches!(failure, ProbeError::Failed(Failure::NoAnswer)));
}

#[test]
fn a_server_that_ends_in_the_middle_is_told_from_a_slow_line() {
    let server = server(false);
    let address = server.address();
    let mut server = Some(server);
    let question = Question {
        server: address,
        token: Some(token(Direction::Up)),
        claim: Claim::default(),
        direction: Direction::Up,
        plan: Plan::for_target(TARGET),
    };
    let measured = measure(question, &mut |percent| {
        if percent >= 20 {
            server.take();
        }
    })
    .unwrap();
    assert!(measured.finding.server_lost);
    assert!(!measured.finding.reception.complete);
}
