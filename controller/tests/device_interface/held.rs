//! What the controller holds of a computer, and waiting until it does.

use cos_controller::store::Scope;
use inventory_schema::enrollment::{EnrollmentToken, HardwareEvidence};
use inventory_schema::{DeviceId, SectionName};

use crate::device::{Computer, Device, Running};
use crate::event::until;
use crate::region::Region;

/// Waits until every section of the device is held with its body; answers the device's internal id.
pub async fn whole(region: &Region, device: &Device) -> i64 {
    until("all sections are held", async || {
        let record = device.record(region).await?;
        let sections = region.store().current_sections(record.id).await.unwrap();
        (sections.len() == SectionName::ALL.len() && sections.iter().all(|section| section.body.is_some())).then_some(record.id)
    })
    .await
}

/// Waits until the agent knows that all it stated is held, and waits for news.
pub async fn at_rest(region: &Region, device: &Device) {
    until("the agent rests in its long poll", async || {
        let ledger = device.computer.ledger();
        let head = region.store().chain_head(device.identity.fingerprint()).await.unwrap();
        let acknowledged = head.is_some() && ledger.acknowledged == head && ledger.newest == head;
        (acknowledged && region.server.state.traffic.waiting.count() > 0).then_some(())
    })
    .await;
}

/// Waits until so many check-ins wait for news.
pub async fn until_waiting(region: &Region, count: usize) {
    let waiting = &region.server.state.traffic.waiting;
    until("the long poll", async || (waiting.count() == count).then_some(())).await;
}

/// Enrolls the computer and starts its agent; answers when the controller holds it whole.
pub async fn enrolled_whole(
    region: &Region,
    computer: &Computer,
    token: &EnrollmentToken,
    evidence: HardwareEvidence,
) -> (DeviceId, Running) {
    let device = computer.enrolled_as(token, evidence).await;
    let agent = computer.run();
    until("the computer is held whole", async || {
        is_whole(region, device, computer).await.then_some(())
    })
    .await;
    (device, agent)
}

pub async fn is_whole(region: &Region, device: DeviceId, computer: &Computer) -> bool {
    let Some(record) = region.store().device(Scope::REGION, device).await.unwrap() else {
        return false;
    };
    let held = region.store().held_digests(record.id).await.unwrap();
    held.len() == SectionName::ALL.len() && computer.ledger().held == held
}

/// Waits until what `memory` says is what the device states, and the agent knows it.
pub async fn states_memory(region: &Region, computer: &Computer, device: DeviceId, kibibytes: u64) {
    computer.set_memory(kibibytes);
    let looks = std::cell::Cell::new(0);
    until("the new memory is stated after a look", async || {
        // The wish is told once, and may be told to a connection that its agent has left already.
        if looks.replace(looks.get() + 1) % 100 == 0 {
            region.store().ask_to_collect(&[device]).await.unwrap();
        }
        has_stated(region, device, kibibytes).await.then_some(())
    })
    .await;
}

pub async fn stated(region: &Region, device: DeviceId, kibibytes: u64) {
    until("the new memory is stated", async || {
        has_stated(region, device, kibibytes).await.then_some(())
    })
    .await;
}

pub async fn has_stated(region: &Region, device: DeviceId, kibibytes: u64) -> bool {
    let wanted = (kibibytes * 1024).to_string();
    let Some(record) = region.store().device(Scope::REGION, device).await.unwrap() else {
        return false;
    };
    let sections = region.store().current_sections(record.id).await.unwrap();
    let memory = sections.into_iter().find(|section| section.section == SectionName::Memory);
    let body = memory.and_then(|memory| memory.body);
    body.is_some_and(|body| String::from_utf8(body).unwrap().contains(&wanted))
}
