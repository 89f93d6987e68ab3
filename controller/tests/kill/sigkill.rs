//! The controller is killed at an instant that is uniform over a commit; so is PostgreSQL.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use cos_controller::store::Store;

use crate::audit::{Loss, broken_chains, lost};
use crate::chance;
use crate::cluster::{self, Cluster};
use crate::controller::Durability;
use crate::database::at_sqlite;
use crate::device::Agent;
use crate::fleet::Fleet;
use crate::region::Region;
use crate::{at_postgres, has_postgres, is_slow_run, now, port};

/// At the instant of a kill at least so many reports are sent and not answered.
const IN_FLIGHT: usize = 200;
const DEVICES: usize = 32;
const BATCH: usize = 16;

fn kills() -> usize {
    std::env::var("COS_TEST_KILLS").map_or(3, |kills| kills.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_on_sqlite_may_be_killed_at_any_instant() {
    at_sqlite(async |address| survives(&address).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_on_postgres_may_be_killed_at_any_instant() {
    at_postgres(|address| async move { survives(&address).await }).await;
}

async fn survives(address: &str) {
    let losses = killed(address, kills(), Durability::Kept).await;
    assert_eq!(losses, []);
}

/// The harness itself: what answers before the commit is caught.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledging_before_the_commit_is_noticed_on_sqlite() {
    at_sqlite(async |address| loses(&address).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledging_before_the_commit_is_noticed_on_postgres() {
    if !is_slow_run() {
        return;
    }
    at_postgres(|address| async move { loses(&address).await }).await;
}

async fn loses(address: &str) {
    let losses = killed(address, 2, Durability::Broken).await;
    let reports: HashSet<_> = losses.iter().filter(|loss| matches!(loss, Loss::Report(_))).collect();
    let reports = reports.len();
    println!("{reports} acknowledged reports were lost by answering before the commit");
    assert!(reports > 0, "the harness missed what a broken promise loses");
}

/// Kills a controller under load and audits the database after each kill, and everything at the end.
async fn killed(address: &str, kills: usize, durability: Durability) -> Vec<Loss> {
    let mut chance = chance::of_this_run();
    let devices = port::free();
    let region = Region::prepare(address, devices).await;
    let token = region.token(DEVICES + 1).await;
    let mut controller = region.controller("one", devices, address, durability).await;
    let mut fleet = Fleet::enroll(&token, region.folder.path(), DEVICES, BATCH).await;
    let agent = Agent::start(&token, region.folder.path(), "agent").await;
    let commit = measured(&mut fleet).await;
    println!("answering a round takes {commit:?}");

    let (mut losses, mut counted, mut last) = (Vec::new(), 0, now());
    while counted < kills {
        let audited = fleet.log.len();
        let round = fleet.release();
        fleet.log.until_in_flight(|reports| reports >= IN_FLIGHT).await;
        let instant = chance.within(commit);
        tokio::time::sleep(instant).await;
        let in_flight = fleet.log.in_flight();
        controller.kill().await;
        fleet.gather(round).await;
        // A round that was answered sooner than those before it shows less than was asked.
        counted += usize::from(in_flight >= IN_FLIGHT || durability == Durability::Broken);
        let answered = fleet.log.len() - audited;

        let store = Store::open(address).await.unwrap();
        losses.extend(lost(&fleet.log, audited, &store).await);
        store.close().await;
        println!("killed at {instant:?} with {in_flight} reports under way and {answered} of the round answered");
        last = now();
        controller.start_again().await;
        fleet.settle().await;
    }
    agent.until_heard_since(last).await;
    agent.stop().await;
    controller.stop().await;
    let store = Store::open(address).await.unwrap();
    losses.extend(lost(&fleet.log, 0, &store).await);
    losses.extend(broken_chains(&fleet, &store).await);
    store.close().await;
    losses
}

/// How long it takes from the first [`IN_FLIGHT`] reports under way until fewer are.
async fn measured(fleet: &mut Fleet) -> Duration {
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let round = fleet.release();
        fleet.log.until_in_flight(|reports| reports >= IN_FLIGHT).await;
        let begun = Instant::now();
        fleet.log.until_in_flight(|reports| reports < IN_FLIGHT).await;
        rounds.push(begun.elapsed());
        fleet.gather(round).await;
        fleet.settle().await;
    }
    rounds.sort();
    rounds[1]
}

/// PostgreSQL's own crash: the controller lives on, says «later», and goes on by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_may_be_killed_at_any_instant() {
    if !has_postgres() || !is_slow_run() {
        return;
    }
    let mut chance = chance::of_this_run();
    let folder = cluster::folder();
    let server = Cluster::start(folder.path(), "server");
    let devices = port::free();
    let region = Region::prepare(&server.address, devices).await;
    let token = region.token(DEVICES).await;
    let mut controller = region.controller("one", devices, &server.address, Durability::Kept).await;
    let mut fleet = Fleet::enroll(&token, region.folder.path(), DEVICES, BATCH).await;
    let commit = measured(&mut fleet).await;
    for _ in 0..kills().min(10) {
        let audited = fleet.log.len();
        let round = fleet.release();
        fleet.log.until_in_flight(|reports| reports >= IN_FLIGHT).await;
        tokio::time::sleep(chance.within(commit)).await;
        server.kill();
        fleet.gather(round).await;
        let readiness = controller.readiness().await.unwrap();
        assert!(readiness.starts_with("HTTP/1.1 503 "), "{readiness}");
        server.resume();
        let begun = Instant::now();
        fleet.settle().await;
        println!("whole again {:?} after PostgreSQL was", begun.elapsed());
        let store = Store::open(&server.address).await.unwrap();
        assert_eq!(lost(&fleet.log, audited, &store).await, []);
        store.close().await;
        controller.until_ready().await;
    }
    controller.stop().await;
    let store = Store::open(&server.address).await.unwrap();
    assert_eq!(broken_chains(&fleet, &store).await, []);
    store.close().await;
}
