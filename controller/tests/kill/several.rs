//! Two controllers on one PostgreSQL behind haproxy: agents know one address, and one controller is killed.

use cos_controller::register::export_csv;
use cos_controller::register::sample::perm_2020;
use cos_controller::store::Store;

use crate::audit::{broken_chains, lost};
use crate::balancer::{Balancer, Places};
use crate::controller::Durability;
use crate::device::Agent;
use crate::fleet::Fleet;
use crate::person::Person;
use crate::region::Region;
use crate::{at_postgres, now, port};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_controllers_may_be_killed_under_load() {
    at_postgres(|address| async move { one_of_two(&address).await }).await;
}

async fn one_of_two(address: &str) {
    let [devices, people, postgres, one, two] = std::array::from_fn(|_| port::free());
    let region = Region::prepare(address, devices).await;
    let token = region.token(50).await;
    // Both at once, as after a power cut.
    let (mut first, mut second) = tokio::join!(
        region.controller("one", one, address, Durability::Kept),
        region.controller("two", two, address, Durability::Kept)
    );
    let server = address.rsplit_once('/').unwrap().0.rsplit_once(':').unwrap().1.parse().unwrap();
    let places = Places {
        devices,
        people,
        postgres,
        controllers: [(one, first.people()), (two, second.people())],
        servers: [server, port::free()],
    };
    let balancer = Balancer::start(&places).await;
    let fleet = Fleet::enroll(&token, region.folder.path(), 40, 4).await;
    let agents = [
        Agent::start(&token, region.folder.path(), "agent 1").await,
        Agent::start(&token, region.folder.path(), "agent 2").await,
    ];
    for controller in [&first, &second] {
        assert!(
            controller.said().contains("a device was enrolled"),
            "the balancer gives each its share"
        );
    }

    let load = fleet.work();
    load.until_acknowledged(400).await;
    let killed = now();
    first.kill().await;
    load.until_acknowledged(400).await;
    for agent in &agents {
        agent.until_heard_since(killed).await;
    }
    // It comes back into the balancer's list by itself, and takes its share.
    first.start_again().await;
    balancer.until_said("Server people/one is UP").await;
    let returned = now();
    second.kill().await;
    load.until_acknowledged(400).await;
    for agent in &agents {
        agent.until_heard_since(returned).await;
    }
    let fleet = load.end().await;
    for agent in agents {
        agent.stop().await;
    }
    first.stop().await;
    let store = Store::open(address).await.unwrap();
    assert_eq!(lost(&fleet.log, 0, &store).await, []);
    assert_eq!(broken_chains(&fleet, &store).await, []);
    store.close().await;
}

/// Nothing of a person's visit is kept in one process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_may_be_answered_by_either_controller() {
    at_postgres(|address| async move {
        let region = Region::prepare(&address, port::free()).await;
        let (first, second) = tokio::join!(
            region.controller("one", port::free(), &address, Durability::Kept),
            region.controller("two", port::free(), &address, Durability::Kept)
        );
        let (one, two) = (first.people(), second.people());
        let mut person = Person::signed_in(&region, one).await;
        person.read_token(two).await;
        let preview = person.upload(two, &export_csv(&perm_2020().register)).await;
        let page = person.get(one, &preview).await;
        assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
        let discarded = person.post_form(one, &format!("{preview}/discard")).await;
        assert!(discarded.starts_with("HTTP/1.1 303 "), "{discarded}");
        let page = person.get(two, &preview).await;
        assert!(page.starts_with("HTTP/1.1 404 "), "{page}");
        let out = person.post_form(one, "/logout").await;
        assert!(out.starts_with("HTTP/1.1 303 "), "{out}");
        let page = person.get(two, "/devices").await;
        assert!(
            page.contains("location: /login"),
            "signed out at one, and still let in at the other: {page}"
        );
        first.stop().await;
        second.stop().await;
    })
    .await;
}
