use proptest::prelude::*;

use super::*;

const MOST: u64 = 1 << 24;

fn read(side: Side, bytes: &[u8]) -> Result<Vec<Event>, Violation> {
    let mut events = Vec::new();
    Reader::new(side, MOST)
        .read(bytes, &mut |event| events.push(event))
        .map(|()| events)
}

/// As a server hears it.
fn masked(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    frame(opcode, payload, Some([1, 2, 3, 4]))
}

#[test]
fn frames_of_every_kind_and_length_are_read_in_any_pieces() {
    for length in [0, 1, 125, 126, 65_535, 65_536] {
        let text = "я".repeat(length / 2).into_bytes();
        let mut bytes = masked(Opcode::Binary, &vec![7; length]);
        if text.len() <= MAX_TEXT_BYTES {
            bytes.extend(masked(Opcode::Text, &text));
        }
        bytes.extend(masked(Opcode::Ping, b"12"));
        bytes.extend(masked(Opcode::Close, &close_payload(1000, "Done")));
        for piece in [1, 3, 7, 4096, bytes.len()] {
            let (mut reader, mut events) = (Reader::new(Side::Server, MOST), Vec::new());
            for part in bytes.chunks(piece) {
                reader.read(part, &mut |event| events.push(event)).unwrap();
            }
            let counted: u64 = events
                .iter()
                .map(|event| if let Event::Binary(bytes) = event { *bytes } else { 0 })
                .sum();
            assert_eq!(counted, length as u64);
            assert!(events.contains(&Event::Ping(b"12".to_vec())) && events.contains(&Event::Close(Some(1000))));
            assert!(
                events.contains(&Event::Text(String::from_utf8(text.clone()).unwrap())),
                "{length} in {piece}"
            );
        }
    }
}

#[test]
fn a_message_in_parts_is_one_and_pings_may_come_in_between() {
    let mut bytes = masked(Opcode::Text, "да".as_bytes());
    bytes[0] &= 0x7f;
    bytes.extend(masked(Opcode::Ping, b""));
    bytes.extend(masked(Opcode::Continuation, "нет".as_bytes()));
    let events = read(Side::Server, &bytes).unwrap();
    assert_eq!(events, [Event::Ping(Vec::new()), Event::Text("данет".to_owned())]);
}

#[test]
fn each_broken_rule_is_named() {
    let with = |change: fn(&mut Vec<u8>)| {
        let mut bytes = masked(Opcode::Binary, b"abc");
        change(&mut bytes);
        read(Side::Server, &bytes)
    };
    assert_eq!(with(|bytes| bytes[0] |= 0x40), Err(Violation::ReservedBits));
    assert_eq!(with(|bytes| bytes[0] |= 3), Err(Violation::UnknownOpcode));
    assert_eq!(with(|bytes| bytes[1] &= 0x7f), Err(Violation::Masking));
    assert_eq!(with(|bytes| bytes[0] &= 0xf0), Err(Violation::Fragments));
    assert_eq!(read(Side::Client, &masked(Opcode::Text, b"{}")), Err(Violation::Masking));
    assert_eq!(read(Side::Server, &masked(Opcode::Ping, &[0; 126])), Err(Violation::Control));
    let mut parted = masked(Opcode::Ping, b"");
    parted[0] &= 0x7f;
    assert_eq!(read(Side::Server, &parted), Err(Violation::Control));
    let mut twice = masked(Opcode::Binary, b"a");
    twice[0] &= 0x7f;
    twice.extend(masked(Opcode::Text, b"b"));
    assert_eq!(read(Side::Server, &twice), Err(Violation::Fragments));
    assert_eq!(read(Side::Server, &[0x82, 0xfe, 0, 5, 0, 0, 0, 0]), Err(Violation::Length));
    let mut huge = vec![0x82, 0xff];
    huge.extend([0xff; 12]);
    assert_eq!(read(Side::Server, &huge), Err(Violation::Length));
    assert_eq!(read(Side::Server, &masked(Opcode::Text, &[0xff])), Err(Violation::Text));
    assert_eq!(
        read(Side::Server, &head(Opcode::Text, MAX_TEXT_BYTES + 1, Some([0; 4]))),
        Err(Violation::TooLong)
    );
    assert_eq!(
        read(Side::Server, &head(Opcode::Binary, (1 << 24) + 1, Some([0; 4]))),
        Err(Violation::TooLong)
    );
    assert!(read(Side::Server, &head(Opcode::Binary, 1 << 24, Some([0; 4]))).is_ok());
    for payload in [&[3][..], &[0, 0], &1005_u16.to_be_bytes(), &5000_u16.to_be_bytes()] {
        assert_eq!(read(Side::Server, &masked(Opcode::Close, payload)), Err(Violation::CloseCode));
    }
    assert_eq!(read(Side::Server, &masked(Opcode::Close, &[3, 232, 0xff])), Err(Violation::Text));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_fail_and_pieces_change_nothing(bytes in prop::collection::vec(any::<u8>(), 0..600), piece in 1_usize..50, client in any::<bool>()) {
        let side = if client { Side::Client } else { Side::Server };
        let whole = read(side, &bytes);
        let (mut reader, mut events) = (Reader::new(side, MOST), Vec::new());
        let parts: Result<(), Violation> = bytes.chunks(piece).try_for_each(|part| reader.read(part, &mut |event| events.push(event)));
        prop_assert_eq!(whole.as_ref().err(), parts.as_ref().err());
        let not_binary = |event: &&Event| !matches!(event, Event::Binary(_));
        if let Ok(whole) = &whole {
            prop_assert!(whole.iter().filter(not_binary).eq(events.iter().filter(not_binary)));
        }
        // What is kept never outgrows what came.
        prop_assert!(reader.text.len() <= bytes.len());
    }
}
