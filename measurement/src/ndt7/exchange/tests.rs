use proptest::prelude::*;

use super::*;

const MASK: Option<[u8; 4]> = Some([9, 8, 7, 6]);

fn server(direction: Direction) -> Exchange {
    Exchange::new(
        Terms {
            side: Side::Server,
            ..Terms::client(direction)
        },
        7,
    )
}

fn client(direction: Direction) -> Exchange {
    Exchange::new(Terms::client(direction), 7)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What `from` would write now, as the bytes that travel; load is left out when it is long.
fn written(from: &mut Exchange, now: Duration) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(piece) = from.next(now) {
        match piece {
            Piece::Whole(bytes) => out.extend(bytes),
            Piece::Load { mut head, length } => {
                head.resize(head.len() + length, 1);
                out.extend(head);
                from.load_written(length, now);
                return out;
            }
        }
    }
    out
}

/// Carries everything both ways at one moment.
fn carry(server: &mut Exchange, client: &mut Exchange, now: Duration) {
    server.look(now);
    client.look(now);
    let down = written(server, now);
    client.arrived(&down, now);
    let up = written(client, now);
    server.arrived(&up, now);
}

#[test]
fn a_download_runs_ten_seconds_and_is_closed_by_the_server() {
    let (mut server, mut client) = (server(Direction::Down), client(Direction::Down));
    for step in 0..110 {
        let now = Duration::from_millis(step * 100);
        if server.measurement_is_due(now) {
            server.measure(None, 1 << 30, now);
        }
        carry(&mut server, &mut client, now);
    }
    carry(&mut server, &mut client, secs(11));
    assert_eq!((server.over(), client.over()), (Some(Ended::Closed), Some(Ended::Closed)));
    let (server, client) = (server.finding(secs(11)), client.finding(secs(11)));
    assert_eq!(client.bytes, server.bytes);
    assert!(client.bytes > 100 * 8192 && client.bins.len() > 190, "{client:?}");
    assert!(server.round_trip.is_some(), "pings were answered");
    let said = client.heard.unwrap().app.unwrap();
    assert!(said.elapsed > secs(9), "{said:?}");
}

#[test]
fn an_upload_is_counted_by_the_server_and_said_at_its_end() {
    let (mut server, mut client) = (server(Direction::Up), client(Direction::Up));
    for step in 0..105 {
        let now = Duration::from_millis(step * 100);
        if server.measurement_is_due(now) {
            server.measure(None, 0, now);
        }
        carry(&mut server, &mut client, now);
    }
    carry(&mut server, &mut client, secs(11));
    assert_eq!((server.over(), client.over()), (Some(Ended::Closed), Some(Ended::Closed)));
    let client = client.finding(secs(11));
    assert_eq!(client.heard.unwrap().app.unwrap().bytes, client.bytes);
}

#[test]
fn a_download_that_asked_for_it_ends_early() {
    let mut server = server(Direction::Down);
    server.terms.early_exit = Some(250_000_000);
    let acked = |bytes| TcpInfo {
        bytes_acked: Some(bytes),
        ..TcpInfo::default()
    };
    server.measure(Some(&acked(249_999_999)), 0, secs(1));
    assert_eq!(server.stage, Stage::Loading);
    server.measure(Some(&acked(250_000_000)), 0, secs(2));
    let last = std::iter::from_fn(|| server.next(secs(2))).last().unwrap();
    let Piece::Whole(close) = last else { panic!("{last:?}") };
    assert_eq!(close[0] & 15, 8, "nothing comes after the farewell");
}

fn breach(direction: Direction, bytes: &[u8], now: Duration) -> (Breach, u16) {
    let mut server = server(direction);
    server.arrived(bytes, now);
    let Some(Ended::Breach(breach)) = server.over() else {
        panic!("{:?}", server.stage)
    };
    let Some(Piece::Whole(close)) = server.next(now) else {
        panic!("it says nothing")
    };
    assert_eq!(server.next(now), None, "and no more is sent");
    (breach, u16::from_be_bytes([close[2], close[3]]))
}

#[test]
fn each_breach_of_the_protocol_is_closed_with_its_code() {
    let frame = |opcode, payload: &[u8]| websocket::frame(opcode, payload, MASK);
    let load = frame(Opcode::Binary, &[1; 10]);
    assert_eq!(breach(Direction::Down, &load, secs(1)), (Breach::UnexpectedLoad, 1003));
    let swarm: Vec<u8> = (0..31).flat_map(|_| frame(Opcode::Text, b"{}")).collect();
    assert_eq!(breach(Direction::Up, &swarm, secs(1)), (Breach::TooManyMeasurements, 1008));
    assert_eq!(
        breach(Direction::Up, &frame(Opcode::Text, b"hello"), secs(1)),
        (Breach::NoMeasurement, 1007)
    );
    let flood: Vec<u8> = (0..70).flat_map(|_| frame(Opcode::Ping, b"x")).collect();
    assert_eq!(breach(Direction::Down, &flood, secs(1)), (Breach::Flood, 1008));
    let huge = websocket::head(Opcode::Binary, (1 << 24) + 1, MASK);
    assert_eq!(breach(Direction::Up, &huge, secs(1)), (Breach::Framing(Violation::TooLong), 1009));
    let bare = websocket::frame(Opcode::Binary, b"x", None);
    assert_eq!(breach(Direction::Up, &bare, secs(1)), (Breach::Framing(Violation::Masking), 1002));
}

#[test]
fn measurements_of_a_client_that_keeps_to_ten_a_second_are_welcome() {
    let mut server = server(Direction::Up);
    for step in 0..100 {
        let text = r#"{"AppInfo":{"ElapsedTime":1,"NumBytes":2}}"#;
        server.arrived(
            &websocket::frame(Opcode::Text, text.as_bytes(), MASK),
            Duration::from_millis(step * 100),
        );
    }
    assert_eq!(server.over(), None);
    assert_eq!(server.heard.unwrap().app.unwrap().bytes, 2);
}

#[test]
fn nobody_waits_for_ever() {
    // A client that answers nothing.
    let mut server = server(Direction::Down);
    server.look(secs(10));
    assert!(server.wakes_at() <= PATIENCE);
    server.look(secs(13));
    assert_eq!(server.over(), Some(Ended::TooLate));
    // A server that never ends.
    let mut client = client(Direction::Down);
    client.look(PATIENCE);
    client.look(HARD_END);
    assert_eq!(client.over(), Some(Ended::TooLate));
}

#[test]
fn a_server_that_talks_nonsense_is_a_worse_server_and_no_failure() {
    let mut client = client(Direction::Down);
    client.arrived(&websocket::frame(Opcode::Text, b"good morning", None), secs(1));
    client.arrived(&websocket::frame(Opcode::Binary, &[1; 500], None), secs(1));
    client.lost();
    let counted = client.finding(secs(2));
    assert_eq!((counted.ended, counted.bytes, counted.heard), (Ended::Lost, 500, None));
}

proptest! {
    #[test]
    fn no_bytes_at_any_time_make_either_side_fail(
        parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..80), 0_u64..16_000), 0..20),
        up in any::<bool>(),
        at_server in any::<bool>(),
    ) {
        let direction = if up { Direction::Up } else { Direction::Down };
        let mut exchange = if at_server { server(direction) } else { client(direction) };
        let mut now = Duration::ZERO;
        for (bytes, millis) in parts {
            now = now.max(Duration::from_millis(millis));
            exchange.look(now);
            exchange.arrived(&bytes, now);
            let _ = written(&mut exchange, now);
            prop_assert!(exchange.waiting.len() <= MOST_WAITING + 4);
        }
        let _ = exchange.finding(now);
    }
}
