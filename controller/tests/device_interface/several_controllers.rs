//! Two controllers on one PostgreSQL: what is changed at one reaches whoever waits at the other.

use std::time::Instant;

use cos_agent::transport::TransportFailure;
use cos_controller::enrollment::reissue_receipt;
use cos_controller::server::Server;
use cos_controller::store::Scope;
use inventory_schema::check_in::{CheckIn, CheckInAnswer};
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::Seconds;
use tokio::task::JoinHandle;

use crate::database::execute;
use crate::device::{Device, refusal};
use crate::event::until;
use crate::long_poll::{AT_ONCE, content};
use crate::region::{Region, on_postgres};

type Outcome = (Device, Result<CheckInAnswer, TransportFailure>);

/// Waits at `controller` for news.
async fn waiting_at(controller: &Server, device: Device, check_in: &CheckIn) -> JoinHandle<Outcome> {
    let check_in = check_in.clone();
    let asked = tokio::spawn(async move {
        let answer = device.transport.check_in(&check_in, Seconds::saturating(50)).await;
        (device, answer)
    });
    let waiting = &controller.state.traffic.waiting;
    until("the long poll", async || (waiting.count() == 1).then_some(())).await;
    asked
}

async fn at_once(asked: JoinHandle<Outcome>) -> Outcome {
    let begun = Instant::now();
    let outcome = tokio::time::timeout(AT_ONCE, asked).await.expect("at once").unwrap();
    tracing::info!(elapsed = ?begun.elapsed(), "answered");
    outcome
}

async fn changes_reach_the_other(region: Region) {
    let (device, mut check_in) = content(&region).await;
    let (id, key) = (device.enrollment.device, device.identity.fingerprint());
    let other = region.second_controller().await;
    let device = device.connected_to(other.state.region.controllers[0].as_str());

    let asked = waiting_at(&other, device, &check_in).await;
    region.store().ask_to_collect(&[id]).await.unwrap();
    let (device, answer) = at_once(asked).await;
    assert!(answer.unwrap().collect_now);

    let asked = waiting_at(&other, device, &check_in).await;
    let building = device_building(&region, id).await;
    assert!(region.store().move_device(Scope::REGION, id, building, None).await.unwrap());
    // A receipt tells its time, and must be another than the one before.
    region.clock.advance(std::time::Duration::from_secs(1));
    reissue_receipt(&region.server.state, id, region.clock.now()).await.unwrap();
    let (device, answer) = at_once(asked).await;
    let receipt = answer.unwrap().receipt.expect("the new receipt");
    check_in.receipt = Some(crate::device::digest(&receipt.document));

    // What is said while nobody listens is read when somebody does again.
    let asked = waiting_at(&other, device, &check_in).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    execute(&region.database(), cut.to_owned()).await;
    region.store().ask_to_collect(&[id]).await.unwrap();
    let (device, answer) = at_once(asked).await;
    assert!(answer.unwrap().collect_now);

    let asked = waiting_at(&other, device, &check_in).await;
    region.store().revoke_key(key, region.clock.now(), "списан", None).await.unwrap();
    let (device, answer) = at_once(asked).await;
    assert_eq!(refusal(answer), ProblemCode::CertificateRevoked);
    drop(device);
    other.stop().await;
    region.stop().await;
}

async fn device_building(region: &Region, id: inventory_schema::DeviceId) -> inventory_schema::organization::BuildingId {
    region.store().device(Scope::REGION, id).await.unwrap().unwrap().place.building
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_controller_changes_reaches_those_who_wait_at_another() {
    on_postgres(changes_reach_the_other).await;
}
