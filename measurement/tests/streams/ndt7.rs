use std::time::Duration;

use cos_measurement::lease::LeaseKey;
use cos_measurement::ndt7::client::{ClientError, measure};
use cos_measurement::ndt7::exchange::Ended;
use cos_measurement::ndt7::session::Carried;
use cos_measurement::reach::{Reach, ReachError};
use inventory_schema::measurement::{Direction, Method, ProxyKind};

use super::harness::{Server, Wish, proxy};

const BOTH: [Direction; 2] = [Direction::Down, Direction::Up];

fn refused(error: ClientError) -> (u16, String) {
    match error {
        ClientError::Reach(ReachError::Refused { status, code, .. }) => (status.as_u16(), code),
        other => panic!("{other:?}"),
    }
}

/// What the server carried, in bits per second.
fn rate(carried: &Carried) -> f64 {
    carried.counted.bytes as f64 * 8.0 / carried.counted.elapsed.as_secs_f64().max(1.0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_measures_both_ways_with_and_without_tls() {
    let mut server = Server::start(Wish::default()).await;
    for secure in [false, true] {
        for direction in BOTH {
            let token = server.token(direction);
            let found = measure(&server.reach, &server.url(secure), direction, Some(&token)).await.unwrap();
            assert_eq!(
                (found.method, found.direction, found.faults.len()),
                (Method::Ndt7, direction, 0),
                "{found:?}"
            );
            let (said, carried) = server.tests.recv().await.unwrap();
            assert_eq!((said, carried.counted.ended), (direction, Ended::Closed));
            // The lease's 200 Mb/s are kept, whatever loopback could carry; what waits in the kernel of a server that
            // reads no faster is counted by ndt7 all the same.
            let megabits = rate(&carried) / 1e6;
            assert!((20.0..220.0).contains(&megabits), "{direction:?}: {megabits} Mb/s");
            assert!(found.raw > 20_000_000, "{found:?}");
            assert!(found.ip_equivalent() > found.raw, "headers count at the IP layer: {found:?}");
            if direction == Direction::Down {
                assert_eq!(found.payload_bytes, carried.counted.bytes, "what was sent arrived");
                assert!(found.bins.len() >= 15, "{found:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_kernel_knows_is_in_the_result_and_in_what_the_server_says() {
    let mut server = Server::start(Wish::default()).await;
    let token = server.token(Direction::Up);
    let found = measure(&server.reach, &server.url(true), Direction::Up, Some(&token))
        .await
        .unwrap();
    let (_, carried) = server.tests.recv().await.unwrap();
    if cfg!(target_os = "linux") {
        assert!(carried.after.unwrap().bytes_received.unwrap() >= carried.counted.bytes);
        assert!(
            found.segment.is_some() && found.path_mtu.is_some() && found.round_trip.is_some(),
            "{found:?}"
        );
        assert!(found.congestion_control.is_some());
    }
    assert!(carried.counted.round_trip.is_some(), "pings were answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_proxy_the_result_says_so() {
    let server = Server::start(Wish::default()).await;
    let (address, mut asked) = proxy(None).await;
    let reach = Reach {
        proxy: Some(format!("http://u:p@{address}").parse().unwrap()),
        ..server.reach.clone()
    };
    let token = server.token(Direction::Down);
    let found = measure(&reach, &server.url(true), Direction::Down, Some(&token)).await.unwrap();
    assert_eq!(found.proxy, Some(ProxyKind::HttpConnect));
    assert!(found.payload_bytes > 1 << 20);
    let asked = asked.recv().await.unwrap();
    assert!(
        asked.starts_with(&format!("CONNECT localhost:{} ", server.address.port())),
        "{asked}"
    );
    assert!(asked.contains("Proxy-Authorization: Basic dTpw"), "{asked}");

    for answer in ["HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "SSH-2.0\r\n\r\n", ""] {
        let (address, _asked) = proxy(Some(answer)).await;
        let reach = Reach {
            proxy: Some(address.to_string().parse().unwrap()),
            ..server.reach.clone()
        };
        let failed = measure(&reach, &server.url(true), Direction::Down, None).await.unwrap_err();
        assert!(matches!(failed, ClientError::Reach(ReachError::Proxy { .. })), "{failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_right_is_told_so() {
    let server = Server::start(Wish::default()).await;
    let address = server.url(false);
    let ask = async |token: Option<&str>| refused(measure(&server.reach, &address, Direction::Down, token).await.unwrap_err());
    assert_eq!(ask(None).await, (401, "lease_needed".to_owned()));
    assert_eq!(ask(Some("cosm1.AAAA")).await, (400, "malformed".to_owned()));
    let lease = server.lease(Direction::Down, Duration::from_secs(1));
    let forged = LeaseKey::from_bytes(&[6; 32]).seal(&lease).to_string();
    assert_eq!(ask(Some(&forged)).await, (403, "lease_forged".to_owned()));
    let mut other = lease.clone();
    other.server = "node-2".parse().unwrap();
    assert_eq!(ask(Some(&server.seal(&other))).await, (403, "lease_other_server".to_owned()));
    let mut old = lease.clone();
    (old.not_before, old.expires) = (lease.not_before - Duration::from_secs(100), lease.not_before);
    assert_eq!(ask(Some(&server.seal(&old))).await, (403, "lease_expired".to_owned()));
    let upward = server.token(Direction::Up);
    assert_eq!(ask(Some(&upward)).await, (403, "rate_above_lease".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_used_once_and_a_full_server_says_so() {
    let mut server = Server::start(Wish {
        most_tests: 1,
        ..Wish::default()
    })
    .await;
    let address = server.url(false);
    let (first, second) = (server.token(Direction::Down), server.token(Direction::Down));
    let one = measure(&server.reach, &address, Direction::Down, Some(&first));
    let (reach, target, seconds_own) = (server.reach.clone(), address.clone(), second.clone());
    let other = async move {
        // The first one's place is taken once its load flows.
        loop {
            let found = measure(&reach, &target, Direction::Down, Some(&second)).await;
            if let Err(error) = found {
                return refused(error);
            }
        }
    };
    let (one, other) = tokio::join!(one, other);
    // Whichever came first had the place: the other was told so, or came a second time with what it had used.
    let used = if one.is_ok() { first } else { seconds_own };
    assert!(one.is_ok() || matches!(refused(one.unwrap_err()), (503, _)));
    assert!(
        other == (503, "server_busy".to_owned()) || other == (403, "lease_replayed".to_owned()),
        "{other:?}"
    );
    server.tests.recv().await.unwrap();
    let again = loop {
        let found = refused(measure(&server.reach, &address, Direction::Down, Some(&used)).await.unwrap_err());
        // The place of the last measurement is given back a moment after its end.
        if found.0 != 503 {
            break found;
        }
    };
    assert_eq!(again, (403, "lease_replayed".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_tests_together_keep_the_servers_rate() {
    let mut server = Server::start(Wish {
        most_rate: 100_000,
        ..Wish::default()
    })
    .await;
    for direction in BOTH {
        let tokens: Vec<String> = (0..3).map(|_| server.token(direction)).collect();
        let address = server.url(false);
        let measuring = |token: &str| {
            let (reach, address, token) = (server.reach.clone(), address.clone(), token.to_owned());
            tokio::spawn(async move { measure(&reach, &address, direction, Some(&token)).await.unwrap() })
        };
        let running: Vec<_> = tokens.iter().map(|token| measuring(token)).collect();
        let mut sum = 0.0;
        for one in running {
            one.await.unwrap();
            sum += rate(&server.tests.recv().await.unwrap().1);
        }
        let megabits = sum / 1e6;
        assert!((60.0..125.0).contains(&megabits), "{direction:?}: {megabits} Mb/s of 100");
    }
}
