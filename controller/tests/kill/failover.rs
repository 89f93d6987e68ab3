//! The primary is killed under load, its synchronous standby promoted, and one of two controllers killed too.

use std::time::Instant;

use cos_controller::store::Store;

use crate::audit::{broken_chains, lost};
use crate::balancer::{Balancer, Places};
use crate::cluster::{self, Cluster};
use crate::controller::{Controller, Durability};
use crate::database::execute;
use crate::device::Agent;
use crate::event::until;
use crate::fleet::Fleet;
use crate::region::Region;
use crate::{has_postgres, now, port};

/// What `/readyz` says of the guarantee.
async fn until_durability(controller: &Controller, wanted: &str) {
    until(&format!("the durability is {wanted}"), async || {
        let answer = controller.readiness().await.ok()?;
        answer.contains(&format!("\"durability\":\"{wanted}\"")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_standby_takes_over_and_nothing_acknowledged_is_lost() {
    if !has_postgres() {
        return;
    }
    let folder = cluster::folder();
    let primary = Cluster::start(folder.path(), "primary");
    execute(&primary.address, "CREATE ROLE cos_check LOGIN".to_owned()).await;
    let standby = primary.synchronous_standby("standby");
    let error = Store::open(&standby.address).await.unwrap_err();
    assert!(error.is_outage(), "a standby is never taken for the database: {error:?}");

    let [devices, people, postgres, one, two] = std::array::from_fn(|_| port::free());
    let region = Region::prepare(&primary.address, devices).await;
    let token = region.token(50).await;
    let balanced = format!("postgres://cos@127.0.0.1:{postgres}/postgres");
    // The balancer needs the controllers' ports and they its own: it is started first.
    let places = Places {
        devices,
        people,
        postgres,
        controllers: [(one, port::free()), (two, port::free())],
        servers: [primary.port(), standby.port()],
    };
    let balancer = Balancer::start(&places).await;
    balancer.until_said("Server postgres/two is DOWN").await;
    let mut first = region
        .controller_at("one", places.controllers[0], &balanced, Durability::Kept)
        .await;
    let second = region
        .controller_at("two", places.controllers[1], &balanced, Durability::Kept)
        .await;
    balancer.until_said("Server people/one is UP").await;
    balancer.until_said("Server people/two is UP").await;
    until_durability(&second, "synchronous_standby").await;
    let fleet = Fleet::enroll(&token, region.folder.path(), 40, 4).await;
    let agent = Agent::start(&token, region.folder.path(), "agent").await;

    let load = fleet.work();
    load.until_acknowledged(400).await;
    let log = load.log();
    primary.kill();
    first.kill().await;
    let killed = (now(), Instant::now());
    standby.promote();
    let promoted = Instant::now();
    load.until_acknowledged(400).await;
    let last = log.last().unwrap();
    assert!(last > promoted);
    println!(
        "promoted {:?} after the kill; 400 reports more were acknowledged {:?} after the promotion",
        promoted - killed.1,
        promoted.elapsed()
    );
    agent.until_heard_since(killed.0).await;
    // Said plainly: from now on there is no standby.
    until_durability(&second, "database_server_disk").await;
    let fleet = load.end().await;
    agent.stop().await;
    second.stop().await;

    let store = Store::open(&standby.address).await.unwrap();
    assert_eq!(lost(&fleet.log, 0, &store).await, []);
    assert_eq!(broken_chains(&fleet, &store).await, []);
    store.close().await;
}
