use proptest::prelude::*;

use inventory_schema::measurement::Direction;

use super::*;
use crate::probe::plan::Phase;

fn seal() -> Seal {
    Seal::of_session(&LeaseSecret([3; 32]), &[4; 16], 5)
}

fn messages() -> Vec<Message> {
    let nonce = [9; 16];
    vec![
        Message::Ask(Ask {
            nonce,
            cookie: [1; 16],
            direction: Direction::Up,
            target_kbps: 50_000,
        }),
        Message::Challenge { nonce, cookie: [2; 16] },
        Message::Grant {
            nonce,
            lease: vec![7; MAX_LEASE_BYTES],
            secret: [8; 32],
        },
        Message::Setup(Setup {
            nonce,
            cookie: [1; 16],
            plan: Plan::for_target(100_000),
            claim: Claim {
                building: Some(BuildingId::generate()),
                device: None,
            },
            lease: vec![7; MAX_LEASE_BYTES],
        }),
        Message::Accept(Accept {
            nonce,
            session: 5,
            place: 2,
            title: "Узел области, Пермь".into(),
        }),
        Message::Refuse {
            nonce,
            refusal: Refusal::ServerBusy,
            retry_after: Duration::from_millis(1_500),
        },
        Message::Ping { session: 5, number: 3 },
        Message::Pong {
            session: 5,
            number: 3,
            held: Duration::from_micros(77),
        },
        Message::Start {
            session: 5,
            payload: 1_472,
        },
        Message::Feedback(Feedback {
            session: 5,
            number: 1,
            orders: Orders { hold: true, stop: false },
            received: 12,
        }),
        Message::End(Sent {
            session: 5,
            packets: 14_000,
            stall_max: Duration::from_micros(812),
            reason: EndReason::Silence,
        }),
        Message::Result {
            session: 5,
            reception: Reception::sample(),
        },
    ]
}

#[test]
fn every_message_survives_its_datagram_and_no_changed_byte_passes() {
    for message in messages() {
        let datagram = write(&message, Some(&seal()), 0);
        assert!(datagram.len() <= 1_232, "{message:?} has {} bytes", datagram.len());
        assert_eq!(read(&datagram).unwrap().verified(&seal()), Some(message.clone()));
        for place in 0..datagram.len() {
            let mut changed = datagram.clone();
            changed[place] ^= 0x40;
            let passed = read(&changed).ok().and_then(|read| read.verified(&seal()));
            assert_eq!(passed, None, "{message:?}, byte {place}");
        }
    }
}

#[test]
fn padding_is_no_part_of_the_message() {
    let message = Message::Ping { session: 5, number: 3 };
    let datagram = write(&message, Some(&seal()), 1_400);
    assert_eq!(datagram.len(), 1_400);
    assert_eq!(read(&datagram).unwrap().verified(&seal()), Some(message));
}

#[test]
fn answers_to_unproven_addresses_are_shorter_than_requests() {
    for message in messages() {
        if matches!(message, Message::Challenge { .. } | Message::Grant { .. } | Message::Refuse { .. }) {
            assert!(write(&message, None, 0).len() <= REQUEST_BYTES);
        }
        if matches!(message, Message::Ask(_) | Message::Setup(_)) {
            assert_eq!(write(&message, Some(&seal()), REQUEST_BYTES).len(), REQUEST_BYTES);
        }
    }
}

#[test]
fn load_is_known_by_its_header_alone() {
    let load = Load {
        session: 5,
        sequence: 1_234,
        sent: Duration::from_micros(98_765),
        phase: Phase::Hold,
    };
    let mut datagram = vec![0xaa; 1_472];
    write_load(&mut datagram, load, &seal());
    assert_eq!(read_load(&datagram, &seal()), Some(load));
    assert_eq!(load_session(&datagram), Some(5));
    let other = Seal::of_session(&LeaseSecret([3; 32]), &[4; 16], 6);
    assert_eq!(read_load(&datagram, &other), None);
    for place in 0..LOAD_HEADER_BYTES {
        let mut changed = datagram.clone();
        changed[place] ^= 1;
        assert_eq!(read_load(&changed, &seal()), None, "byte {place}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_fail(kind in 0_u8..16, bytes in prop::collection::vec(any::<u8>(), 0..1_500)) {
        let _ = read(&bytes);
        let mut formed = vec![0xc0, 0x5d, VERSION, kind];
        formed.extend_from_slice(&bytes);
        let _ = read_load(&formed, &seal());
        if let Ok(unverified) = read(&formed) {
            prop_assert!(!unverified.proven_by(&seal()));
        }
    }
}
