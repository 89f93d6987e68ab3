use std::time::Duration;

use cos_measurement::reach::{Reach, ReachError};
use cos_measurement::tcp::client::{Wish, measure};
use inventory_schema::measurement::{Direction, Fault, Method, ProxyKind};

use super::harness::{Server, Wish as ServerWish, proxy};

/// A lease long enough for slow start and what is measured.
fn token(server: &Server, direction: Direction) -> String {
    server.seal(&server.lease(direction, Duration::from_secs(12)))
}

fn wish(direction: Direction) -> Wish {
    Wish::new(direction).measuring(Duration::from_secs(1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_streams_together_find_the_rate_that_their_lease_allows() {
    let server = Server::start(ServerWish::default()).await;
    for (secure, direction) in [
        (false, Direction::Down),
        (true, Direction::Down),
        (false, Direction::Up),
        (true, Direction::Up),
    ] {
        let token = token(&server, direction);
        let mut said = Vec::new();
        let found = measure(&server.reach, &server.url(secure), wish(direction), Some(&token), &mut |part| {
            said.push(part)
        })
        .await;
        let found = found.unwrap();
        assert_eq!((found.method, found.streams, found.direction), (Method::Tcp, 8, direction));
        assert!(said.iter().is_sorted() && !said.is_empty(), "{said:?}");
        // The lease's rate is the line here: 200 Mb/s, if the computer has time for it.
        let megabits = found.raw as f64 / 1e6;
        assert!((40.0..212.0).contains(&megabits), "{direction:?}: {megabits} Mb/s, {found:?}");
        if found.warm_up.is_some() {
            assert!(found.elapsed >= Duration::from_secs(1), "{found:?}");
            assert!(found.ip_equivalent() > found.payload_rate);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_proxy_the_result_says_so_and_a_lost_server_too() {
    let server = Server::start(ServerWish::default()).await;
    let (address, _asked) = proxy(None).await;
    let reach = Reach {
        proxy: Some(address.to_string().parse().unwrap()),
        ..server.reach.clone()
    };
    // The lease ends before anything was measured.
    let short = server.token(Direction::Down);
    let long = wish(Direction::Down).measuring(Duration::from_secs(5));
    let found = measure(&reach, &server.url(true), long, Some(&short), &mut |_| {}).await.unwrap();
    assert_eq!((found.proxy, found.faults), (Some(ProxyKind::HttpConnect), vec![Fault::ServerLost]));
    let again = measure(&reach, &server.url(true), long, Some(&short), &mut |_| {})
        .await
        .unwrap_err();
    assert!(
        matches!(&again, ReachError::Refused { code, .. } if code == "lease_replayed"),
        "{again:?}"
    );
    let none = measure(&server.reach, &server.url(false), long, None, &mut |_| {})
        .await
        .unwrap_err();
    assert!(
        matches!(&none, ReachError::Refused { code, .. } if code == "lease_needed"),
        "{none:?}"
    );
}
