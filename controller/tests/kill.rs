//! Nothing acknowledged is ever lost (promise 1): real controllers, PostgreSQL servers and balancers, killed under
//! the load of real devices, and the devices' own log of answers against the database.
//!
//! SQLite runs always, PostgreSQL where `COS_TEST_POSTGRES` is set; tests that kill PostgreSQL make a cluster of
//! their own. `COS_TEST_KILLS` sets how often is killed (a few times by default, 50 in `make test-all`), and
//! `COS_TEST_SEED` repeats the instants of a run that failed. `COS_TEST_SLOW` adds what is too long for every change.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "kill/answer_log.rs"]
mod answer_log;
#[path = "kill/audit.rs"]
mod audit;
#[path = "kill/balancer.rs"]
mod balancer;
#[path = "kill/chance.rs"]
mod chance;
#[path = "kill/cluster.rs"]
mod cluster;
#[path = "kill/controller.rs"]
mod controller;
#[path = "environment/database.rs"]
mod database;
#[path = "kill/device.rs"]
mod device;
#[path = "environment/event.rs"]
mod event;
#[path = "kill/failover.rs"]
mod failover;
#[path = "kill/fleet.rs"]
mod fleet;
#[path = "environment/folder.rs"]
mod folder;
#[path = "kill/hanging.rs"]
mod hanging;
#[path = "kill/person.rs"]
mod person;
#[path = "kill/port.rs"]
mod port;
#[path = "kill/region.rs"]
mod region;
#[path = "kill/several.rs"]
mod several;
#[path = "kill/sigkill.rs"]
mod sigkill;

use inventory_schema::Timestamp;

/// Gives `test` the address of an empty database, where a PostgreSQL server is given.
async fn at_postgres<F: Future<Output = ()>>(test: impl FnOnce(String) -> F + Send + 'static) {
    database::at_postgres(move |address| {
        // On a thread of its own, because conditions that are waited for are not `Send`.
        let handle = tokio::runtime::Handle::current();
        let run = move || handle.block_on(test(address));
        async move { tokio::task::spawn_blocking(run).await.unwrap() }
    })
    .await;
}

fn now() -> Timestamp {
    cos_agent::platform::wall_clock()
}

/// Whether tests run that are too long for every change.
fn is_slow_run() -> bool {
    std::env::var_os("COS_TEST_SLOW").is_some()
}

/// Whether a server is given, and so PostgreSQL's programs are at hand.
fn has_postgres() -> bool {
    std::env::var_os("COS_TEST_POSTGRES").is_some()
}
