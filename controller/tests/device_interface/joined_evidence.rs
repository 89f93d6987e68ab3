//! Evidence of records that people joined and parted: an archive holds, and says which chains are filed elsewhere.

use std::time::Duration;

use cos_agent::enrollment::ENROLLMENT_FILE;
use cos_controller::evidence::verify::{Code, Verdict};
use inventory_schema::enrollment::{EnrollmentToken, HardwareEvidence};
use inventory_schema::report::ReportOutcome;
use inventory_schema::{DeviceId, SectionName};

use crate::archives::{archive_of, authority, check, checkpoint, days_checkpoint, holds, rebuilt};
use crate::clones::{evidence_of, furnish};
use crate::device::{Computer, Device, memory};
use crate::held::{enrolled_whole, states_memory};
use crate::merging::{becomes, internal};
use crate::region::Region;

const QUARTER: Duration = Duration::from_secs(15 * 60);

async fn send(device: &mut Device, number: u64) {
    let batch = device.report(&[(SectionName::Memory, &memory(number))]);
    assert_eq!(device.send(&batch).await, ReportOutcome::Stored { missing: Vec::new() });
}

/// A checkpoint of this moment, and the archive of these devices, which holds against its line.
async fn held(region: &Region, devices: &[DeviceId]) -> (Vec<u8>, Verdict) {
    region.clock.advance(QUARTER);
    let line = checkpoint(region).await.line();
    let archive = archive_of(region, devices).await;
    let verdict = holds(&archive, Some(line));
    assert_eq!(verdict.proven_by_line, verdict.reports, "{verdict:#?}");
    (archive, verdict)
}

/// Two computers whose firmware says the same: they were taken for one device.
async fn look_alike(region: &Region, token: &EnrollmentToken) -> Device {
    let said = HardwareEvidence {
        system_serial: Some("PF1ABCDE".parse().unwrap()),
        disk_serials: vec!["S4EWNX000077".parse().unwrap()],
        ..HardwareEvidence::default()
    };
    let computer = Computer::new(region);
    computer.enrolled_as(token, said).await;
    let enrollment = computer.enrollment();
    Device::of(computer, enrollment)
}

/// The computer lost what it knew of its enrollment and not its key: enrolled anew, it goes on with its chain.
async fn enrolled_anew(device: Device, token: &EnrollmentToken) -> Device {
    let (computer, head) = (device.computer, device.head);
    std::fs::remove_file(computer.config.state_dir.join(ENROLLMENT_FILE)).unwrap();
    computer.enrolled_as(token, HardwareEvidence::default()).await;
    let enrollment = computer.enrollment();
    Device {
        head,
        ..Device::of(computer, enrollment)
    }
}

/// A key that was parted has signed by its record's name of before, and its own certificate names it anew later.
pub async fn a_parted_keys_reports_hold_by_either_name(region: Region) {
    days_checkpoint(&region).await;
    let token = region.token(2).await;
    let (mut one, mut other) = (look_alike(&region, &token).await, look_alike(&region, &token).await);
    let device = one.enrollment.device;
    assert_eq!(device, other.enrollment.device);
    for number in 1..3 {
        send(&mut one, number).await;
        send(&mut other, number + 10).await;
    }
    let (_, before) = held(&region, &[device]).await;
    assert_eq!((before.devices, before.chains, before.reports, before.other_names), (1, 2, 4, 0));

    let (id, key) = (internal(&region, device).await, other.identity.fingerprint());
    let parted = region
        .store()
        .split_device(id, key, region.clock.now())
        .await
        .unwrap()
        .unwrap()
        .external_id;
    // Until its agent has another certificate it signs by the name that it knows.
    send(&mut other, 13).await;
    let both = [device, parted];
    let (_, after) = held(&region, &both).await;
    assert_eq!((after.devices, after.chains, after.reports, after.other_names), (2, 2, 5, 1));
    let (_, alone) = held(&region, &[parted]).await;
    assert_eq!((alone.chains, alone.reports, alone.other_names), (1, 3, 1));

    let mut other = enrolled_anew(other, &token).await;
    assert_eq!((other.enrollment.device, other.identity.fingerprint()), (parted, key));
    send(&mut other, 14).await;
    let (archive, named) = held(&region, &both).await;
    assert_eq!((named.chains, named.reports, named.other_names), (2, 6, 1));
    assert_eq!(region.uses(&token).await, 1);

    // A name that no certificate of the key says is refused as before, whoever signs the archive.
    let later_certificate_alone = |name: &str, content: &[u8]| {
        let is_its = name.contains(&parted.to_string()) && name.ends_with("-certificates.jsonl");
        let skipped = content.iter().position(|byte| *byte == b'\n').filter(|_| is_its);
        Some(content[skipped.map_or(0, |end| end + 1)..].to_vec())
    };
    let verdict = check(&rebuilt(&archive, Some(authority(&region)), later_certificate_alone).await, None);
    let misnamed = verdict
        .failures
        .iter()
        .filter(|failure| failure.code == Code::Certificate && failure.sentence.contains("другое устройство"));
    assert_eq!(misnamed.count(), 3, "{:#?}", verdict.failures);

    // Joined again, it goes on as what it is called by its certificate.
    let parted_id = internal(&region, parted).await;
    assert!(region.store().merge_devices(parted_id, id).await.unwrap());
    send(&mut other, 15).await;
    let (_, joined) = held(&region, &both).await;
    assert_eq!((joined.chains, joined.reports, joined.other_names), (2, 7, 1));
    region.stop().await;
}

/// An agent is told to ask for a key of the record that its own was joined into; parted again, that key's chain goes
/// back with it and names the record of before.
pub async fn joined_and_parted_records_hold(region: Region) {
    days_checkpoint(&region).await;
    let token = region.token(2).await;
    let (old, new) = (Computer::new(&region), Computer::new(&region));
    furnish(&old, 1);
    furnish(&new, 2);
    let (survivor, agent) = enrolled_whole(&region, &old, &token, evidence_of(&old)).await;
    agent.stop().await;
    let (joined, agent) = enrolled_whole(&region, &new, &token, evidence_of(&new)).await;
    let both = [survivor, joined];
    let (_, apart) = held(&region, &both).await;
    assert_eq!((apart.devices, apart.chains, apart.other_names), (2, 2, 0));

    let (survivor_id, joined_id) = (internal(&region, survivor).await, internal(&region, joined).await);
    assert!(region.store().merge_devices(joined_id, survivor_id).await.unwrap());
    becomes(&new, survivor).await;
    states_memory(&region, &new, survivor, 7_000_000).await;
    let (_, together) = held(&region, &both).await;
    assert_eq!((together.chains, together.other_names), (3, 0));
    assert!(together.reports > apart.reports);

    assert!(region.store().unmerge_device(joined_id).await.unwrap());
    becomes(&new, joined).await;
    states_memory(&region, &new, joined, 8_000_000).await;
    agent.stop().await;
    let (_, parted) = held(&region, &both).await;
    assert_eq!((parted.chains, parted.other_names), (4, 1));
    assert!(parted.reports > together.reports);
    let (_, alone) = held(&region, &[survivor]).await;
    assert_eq!((alone.chains, alone.other_names), (1, 0));
    region.stop().await;
}
