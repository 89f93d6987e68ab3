//! A database that hangs, and a standby that is away: nobody is held for ever, and nothing is acknowledged.

use std::time::{Duration, Instant};

use cos_controller::store::Store;

use crate::audit::{broken_chains, lost};
use crate::cluster::{self, Cluster};
use crate::controller::Durability;
use crate::device::Agent;
use crate::event::until;
use crate::fleet::Fleet;
use crate::region::Region;
use crate::{has_postgres, is_slow_run, now, port};

/// In one round.
const REPORTS: usize = 512;
/// Agents give a request up after a minute.
const HELD: Duration = Duration::from_secs(45);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_is_an_outage_and_no_wait_for_ever() {
    if !has_postgres() {
        return;
    }
    let folder = cluster::folder();
    let server = Cluster::start(folder.path(), "server");
    let devices = port::free();
    let region = Region::prepare(&server.address, devices).await;
    let token = region.token(50).await;
    let controller = region.controller("one", devices, &server.address, Durability::Kept).await;
    let mut fleet = Fleet::enroll(&token, region.folder.path(), REPORTS / 16, 16).await;
    let agent = Agent::start(&token, region.folder.path(), "agent").await;

    let round = fleet.release();
    // Some are answered, so that others are in the midst of their commit.
    fleet.log.until_in_flight(|reports| reports == REPORTS).await;
    fleet.log.until_in_flight(|reports| reports < REPORTS).await;
    server.freeze();
    let frozen = Instant::now();
    fleet.gather(round).await;
    let held = frozen.elapsed();
    println!("every batch was answered within {held:?}");
    assert!(held < HELD, "a batch was held for {held:?}");
    let acknowledged = fleet.log.len();
    // A second round begins while nothing answers.
    let round = fleet.release();
    fleet.gather(round).await;
    assert_eq!(fleet.log.len(), acknowledged, "something was acknowledged without a database");
    let readiness = controller.readiness().await.unwrap();
    assert!(readiness.starts_with("HTTP/1.1 503 "), "{readiness}");

    let thawed = now();
    server.thaw();
    fleet.settle().await;
    agent.until_heard_since(thawed).await;
    agent.stop().await;
    controller.stop().await;
    let store = Store::open(&server.address).await.unwrap();
    assert_eq!(lost(&fleet.log, 0, &store).await, []);
    assert_eq!(broken_chains(&fleet, &store).await, []);
    store.close().await;
}

/// The guarantee holds by waiting: without its standby the primary answers no commit, and so does the controller.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_synchronous_standby_nothing_is_acknowledged() {
    if !has_postgres() || !is_slow_run() {
        return;
    }
    let folder = cluster::folder();
    let primary = Cluster::start(folder.path(), "primary");
    let standby = primary.synchronous_standby("standby");
    let devices = port::free();
    let region = Region::prepare(&primary.address, devices).await;
    let token = region.token(20).await;
    let controller = region.controller("one", devices, &primary.address, Durability::Kept).await;
    let mut fleet = Fleet::enroll(&token, region.folder.path(), 10, 4).await;
    fleet.settle().await;

    standby.kill();
    until("the controller says so", async || {
        let answer = controller.readiness().await.ok()?;
        answer.contains("\"synchronous_standby_away\"").then_some(())
    })
    .await;
    let acknowledged = fleet.log.len();
    let begun = Instant::now();
    let round = fleet.release();
    fleet.gather(round).await;
    assert!(begun.elapsed() < HELD, "{:?}", begun.elapsed());
    assert_eq!(fleet.log.len(), acknowledged, "acknowledged with one copy only");

    standby.resume();
    fleet.settle().await;
    let readiness = controller.readiness().await.unwrap();
    assert!(readiness.contains("\"synchronous_standby\""), "{readiness}");
    controller.stop().await;
    let store = Store::open(&primary.address).await.unwrap();
    assert_eq!(lost(&fleet.log, 0, &store).await, []);
    assert_eq!(broken_chains(&fleet, &store).await, []);
    store.close().await;
}
