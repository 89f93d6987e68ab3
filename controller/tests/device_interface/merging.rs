//! Records that people join and part, there and back: which device the agent is, what each record states.

use cos_controller::store::{Page, Scope};
use inventory_schema::enrollment::HardwareEvidence;
use inventory_schema::{DeviceId, SectionName};

use crate::clones::{evidence_of, furnish};
use crate::device::Computer;
use crate::event::until;
use crate::held::{enrolled_whole, stated, states_memory};
use crate::region::Region;

pub async fn internal(region: &Region, device: DeviceId) -> i64 {
    region.store().device(Scope::REGION, device).await.unwrap().unwrap().id
}

pub async fn becomes(computer: &Computer, device: DeviceId) {
    until("the agent is another device", async || (computer.who() == device).then_some(())).await;
}

async fn memory_of(region: &Region, device: i64) -> String {
    let sections = region.store().current_sections(device).await.unwrap();
    let memory = sections.into_iter().find(|section| section.section == SectionName::Memory).unwrap();
    String::from_utf8(memory.body.unwrap()).unwrap()
}

/// The record that stays is the older one; the agent that runs belongs to the other, and is told whose it is.
pub async fn joined_records_are_one_and_can_be_parted_again(region: Region) {
    let token = region.token(2).await;
    let (old, new) = (Computer::new(&region), Computer::new(&region));
    furnish(&old, 1);
    furnish(&new, 2);
    old.set_memory(3_000_000);
    let (survivor, agent) = enrolled_whole(&region, &old, &token, evidence_of(&old)).await;
    agent.stop().await;
    let (joined, agent) = enrolled_whole(&region, &new, &token, evidence_of(&new)).await;
    let (survivor_id, joined_id) = (internal(&region, survivor).await, internal(&region, joined).await);
    let reports_before = region.store().reports(joined_id, Page::default()).await.unwrap().total;

    assert!(region.store().merge_devices(joined_id, survivor_id).await.unwrap());
    assert!(!region.store().merge_devices(joined_id, survivor_id).await.unwrap(), "once");
    becomes(&new, survivor).await;
    states_memory(&region, &new, survivor, 7_000_000).await;
    assert_eq!(region.devices().await, 1);
    let relatives = region.store().relatives(survivor_id).await.unwrap();
    assert_eq!(
        relatives.merged.iter().map(|merged| merged.external_id).collect::<Vec<_>>(),
        [joined]
    );
    let kept = region.store().reports(joined_id, Page::default()).await.unwrap().total;
    assert_eq!(kept, reports_before, "its reports stay where they are");

    assert!(region.store().unmerge_device(joined_id).await.unwrap());
    becomes(&new, joined).await;
    states_memory(&region, &new, joined, 8_000_000).await;
    assert_eq!(region.devices().await, 2);
    assert!(memory_of(&region, survivor_id).await.contains(&(3_000_000u64 * 1024).to_string()));
    assert!(region.store().relatives(survivor_id).await.unwrap().merged.is_empty());
    agent.stop().await;
    assert_eq!(region.uses(&token).await, 2);
    region.stop().await;
}

/// Two computers that were taken for one are parted, and joined again.
pub async fn a_parted_key_takes_its_reports_along_and_back(region: Region) {
    let token = region.token(2).await;
    let strong = HardwareEvidence {
        system_serial: Some("PF1ABCDE".parse().unwrap()),
        disk_serials: vec!["S4EWNX000077".parse().unwrap()],
        ..HardwareEvidence::default()
    };
    // What their firmware said was the same; later nothing can be read of either.
    let (one, other) = (Computer::new(&region), Computer::new(&region));
    one.set_memory(3_000_000);
    let (device, agent) = enrolled_whole(&region, &one, &token, strong.clone()).await;
    agent.stop().await;
    assert_eq!(other.enrolled_as(&token, strong).await, device);
    other.set_memory(5_000_000);
    let agent = other.run();
    stated(&region, device, 5_000_000).await;
    let id = internal(&region, device).await;
    let keys = region.store().device_keys(id).await.unwrap();
    assert_eq!(keys.len(), 2);

    let now = region.clock.now();
    let parted = region.store().split_device(id, keys[1].fingerprint, now).await.unwrap().unwrap();
    becomes(&other, parted.external_id).await;
    states_memory(&region, &other, parted.external_id, 6_000_000).await;
    assert_eq!(region.devices().await, 2);
    assert!(
        memory_of(&region, id).await.contains(&(3_000_000u64 * 1024).to_string()),
        "what it stated itself"
    );
    assert_eq!(
        region.store().split_device(id, keys[0].fingerprint, now).await.unwrap(),
        None,
        "its only key stays"
    );

    assert!(region.store().merge_devices(parted.id, id).await.unwrap());
    becomes(&other, device).await;
    states_memory(&region, &other, device, 6_500_000).await;
    agent.stop().await;
    assert_eq!(region.devices().await, 1);
    region.stop().await;
}
