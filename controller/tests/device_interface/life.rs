//! The life of a device when all goes well, and when its record is lost.

use cos_agent::ledger::Ledger;
use cos_agent::spool::{Spool, SpoolLimits, survey};
use cos_controller::store::finding::FindingKind;
use cos_controller::store::report::ReportState;
use cos_controller::store::{Page, Scope};
use inventory_schema::SectionName;
use inventory_schema::envelope::Resumption;
use inventory_schema::report::ReportOutcome;

use crate::device::{Computer, Device, memory};
use crate::event::until;
use crate::held::{at_rest, whole};
use crate::image::Image;
use crate::region::Region;

async fn reports_of(region: &Region, device: i64) -> i64 {
    region.store().reports(device, Page::default()).await.unwrap().total
}

pub async fn a_computer_enrolls_reports_and_is_held_whole(region: Region) {
    let token = region.token(1).await;
    let device = Computer::new(&region).enrolled(&token).await;
    let agent = device.run();
    let id = whole(&region, &device).await;
    at_rest(&region, &device).await;
    let place = region.place().await;
    let record = device.record(&region).await.unwrap();
    assert_eq!(record.place, place);
    assert_eq!(reports_of(&region, id).await, 1);
    assert_eq!(
        device.computer.ledger().held,
        region.store().held_digests(id).await.unwrap(),
        "the agent knows what is held"
    );

    // Asked to look again, it finds nothing new; asked once more after a change, it states the change alone.
    let seen = async || device.record(&region).await.unwrap().last_seen_at;
    let before = seen().await;
    region.store().ask_to_collect(&[device.enrollment.device]).await.unwrap();
    until("the agent has looked and come back", async || {
        (seen().await != before).then_some(())
    })
    .await;
    at_rest(&region, &device).await;
    assert_eq!(reports_of(&region, id).await, 1, "an unchanged computer has nothing to report");
    device.computer.set_memory(16_000_000);
    region.store().ask_to_collect(&[device.enrollment.device]).await.unwrap();
    until("the change is stored", async || (reports_of(&region, id).await > 1).then_some(())).await;
    let reports = region.store().reports(id, Page::default()).await.unwrap();
    assert_eq!(reports.total, 2);
    assert_eq!(reports.rows.iter().map(|report| report.sections).min(), Some(1));
    assert_eq!(region.uses(&token).await, 1);
    agent.stop().await;
    region.stop().await;
}

/// «Must show» 3 of the first issue.
pub async fn a_deleted_record_is_whole_again_after_one_contact(region: Region) {
    let token = region.token(1).await;
    let device = Computer::new(&region).enrolled(&token).await;
    let agent = device.run();
    let first = whole(&region, &device).await;
    at_rest(&region, &device).await;
    let place = device.record(&region).await.unwrap().place;

    assert!(region.store().delete_device(Scope::REGION, device.enrollment.device).await.unwrap());
    assert!(device.record(&region).await.is_none());
    region.server.state.traffic.waiting.wake(device.enrollment.device);

    let second = whole(&region, &device).await;
    at_rest(&region, &device).await;
    assert_ne!(first, second);
    let record = device.record(&region).await.unwrap();
    assert_eq!(record.place, place, "in its school, building and room");
    assert!(record.place.room.is_some());
    assert_eq!(region.uses(&token).await, 1, "no token was spent");
    let reports = region.store().reports(second, Page::default()).await.unwrap();
    assert_eq!(reports.total, 1);
    assert_eq!(reports.rows[0].place.sequence, 2, "the chain goes on");
    assert_eq!(reports.rows[0].resumed, Some(Resumption::RecordLost));
    assert_eq!(region.findings(second).await, [FindingKind::ChainBreak]);
    agent.stop().await;
    region.stop().await;
}

pub async fn what_was_answered_as_stored_outlives_a_restart(region: Region) {
    let mut device = Device::new(&region).await;
    let mut sent = Vec::new();
    for bytes in 1..=5 {
        let batch = device.report(&[(SectionName::Memory, &memory(bytes))]);
        assert_eq!(device.send(&batch).await, ReportOutcome::Stored { missing: Vec::new() });
        sent.push(batch);
    }
    let region = region.restarted(|_, _| {}).await;
    let device = device.reconnected(&region);
    for batch in &sent {
        let digest = crate::device::digest(&batch.reports[0].envelope);
        let stored = region.store().report_bytes(digest).await.unwrap().unwrap();
        assert_eq!(stored.envelope, batch.reports[0].envelope.as_bytes());
        assert_eq!(stored.signature, batch.reports[0].signature.as_bytes());
        assert_eq!(device.send(batch).await, ReportOutcome::Duplicate);
    }
    region.stop().await;
}

/// A classroom's disk that is as it was yesterday at every boot (DESIGN §4).
pub async fn a_disk_that_restores_itself_stays_one_device(region: Region) {
    let token = region.token(1).await;
    let device = Computer::new(&region).enrolled(&token).await;
    let agent = device.run();
    let id = whole(&region, &device).await;
    at_rest(&region, &device).await;
    agent.stop().await;
    let image = Image::of(&device.computer);
    for day in 1..=3 {
        device.computer.set_memory(8_000_000 + day * 1_000_000);
        let agent = device.run();
        until("the day's change is stored", async || {
            (reports_of(&region, id).await > i64::try_from(day).unwrap()).then_some(())
        })
        .await;
        at_rest(&region, &device).await;
        agent.stop().await;
        image.restore(&device.computer);
    }
    let reports = region.store().reports(id, Page::default()).await.unwrap();
    assert!(reports.rows.iter().all(|report| report.state == ReportState::Stored));
    let resumed = reports
        .rows
        .iter()
        .filter(|report| report.resumed == Some(Resumption::StateRestored));
    assert_eq!(resumed.count(), 2, "the break is recorded each time");
    assert_eq!(
        region.findings(id).await,
        [FindingKind::ChainBreak],
        "both breaks in one, and no fork"
    );
    assert_eq!((region.devices().await, region.uses(&token).await), (1, 1));
    region.stop().await;
}

/// A report that can never be stored is kept aside, and what comes after it is delivered.
pub async fn a_refused_report_does_not_hold_up_those_behind_it(region: Region) {
    let mut device = Device::new(&region).await;
    let batches = [
        device.report(&[(SectionName::Memory, &memory(1))]),
        device.report(&[(SectionName::Memory, r#"{"format":"memory/77"}"#)]),
        device.report(&[(SectionName::Storage, r#"{"content":{"disks":[]},"format":"storage/1"}"#)]),
    ];
    let folder = device.computer.config.state_dir.join("spool");
    let limits = SpoolLimits {
        bytes: 1 << 20,
        reports: 10,
    };
    let (mut spool, _) = Spool::open(&folder, limits).unwrap();
    for batch in &batches {
        spool.append(&batch.reports[0], &batch.bodies).unwrap();
    }
    drop(spool);
    let ledger = Ledger {
        newest: device.head,
        ..Ledger::default()
    };
    ledger.save(&device.computer.config.state_dir).unwrap();
    let agent = device.run();
    whole(&region, &device).await;
    at_rest(&region, &device).await;
    agent.stop().await;
    let spool = survey(&folder).unwrap();
    assert_eq!((spool.reports, spool.refused), (0, 1));
    let id = device.record(&region).await.unwrap().id;
    let reports = region.store().reports(id, Page::default()).await.unwrap();
    assert!(reports.rows.iter().all(|report| report.state == ReportState::Stored));
    assert!(reports.total >= 3, "{}", reports.total);
    region.stop().await;
}
