//! What devices are known by, and the cases that follow from it.

use std::collections::BTreeSet;

use cos_controller::store::review::{CaseDecision, CaseKind, CaseState, NewCase};
use cos_controller::store::{Page, Scope, Store};
use inventory_schema::enrollment::HardwareEvidence;
use inventory_schema::likeness::{COMMON_FROM, EvidenceKind};
use inventory_schema::{DeviceId, Digest};

use crate::fixture::{at, municipality_scope, place_of, with_device, with_region};

fn evidence(disk: &str) -> HardwareEvidence {
    HardwareEvidence {
        system_serial: Some("PF1ABCDE".parse().unwrap()),
        disk_serials: vec![disk.parse().unwrap()],
        ..HardwareEvidence::default()
    }
}

pub async fn hardware_is_found_by_what_it_has_now(store: Store) {
    with_region(&store).await;
    let (device, id) = with_device(&store, 1).await;
    store.note_evidence(device, &evidence("DISKONE1"), at(5)).await.unwrap();
    let found = store.evidence_neighbours(&evidence("DISKONE1").items()).await.unwrap();
    assert_eq!(found.candidates.len(), 1);
    assert_eq!(found.candidates[0].external_id, id);
    assert_eq!(found.candidates[0].items, evidence("DISKONE1").items());
    // A new disk: the old one is past. What was not read stays.
    let disk_only = HardwareEvidence {
        system_serial: None,
        ..evidence("DISKTWO2")
    };
    store.note_evidence(device, &disk_only, at(6)).await.unwrap();
    assert_eq!(store.evidence(device).await.unwrap(), evidence("DISKTWO2").items());
    let by_old_disk: BTreeSet<_> = evidence("DISKONE1")
        .items()
        .into_iter()
        .filter(|item| item.kind == EvidenceKind::DiskSerial)
        .collect();
    assert!(store.evidence_neighbours(&by_old_disk).await.unwrap().candidates.is_empty());
}

pub async fn a_value_of_a_whole_batch_is_counted_and_finds_nobody(store: Store) {
    with_region(&store).await;
    for number in 0..COMMON_FROM + 3 {
        let (device, _) = with_device(&store, u64::from(number + 1)).await;
        store
            .note_evidence(device, &evidence(&format!("DISKNO{number}")), at(5))
            .await
            .unwrap();
    }
    let found = store.evidence_neighbours(&evidence("DISKNO2").items()).await.unwrap();
    assert_eq!(found.candidates.len(), 1, "by its disk");
    let carriers = |kind| found.carriers.iter().find(|(item, _)| item.kind == kind).map(|(_, count)| *count);
    assert_eq!(carriers(EvidenceKind::SystemSerial), Some(COMMON_FROM));
    assert_eq!(carriers(EvidenceKind::DiskSerial), Some(1));
}

pub async fn hardware_is_claimed_once(store: Store) {
    with_region(&store).await;
    let organization = place_of(&store, 1).await.organization_id;
    let claims: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .claim_hardware(organization, Digest::of(b"x"), DeviceId::generate())
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut devices = BTreeSet::new();
    for claim in claims {
        devices.insert(claim.await.unwrap());
    }
    assert_eq!(devices.len(), 1);
}

pub async fn a_case_is_opened_once_and_decided(store: Store) {
    with_region(&store).await;
    let ((device, id), (other, other_id)) = (with_device(&store, 1).await, with_device(&store, 2).await);
    let case = NewCase {
        kind: CaseKind::LikelyDouble,
        device,
        other: Some(other),
        subject: other_id.to_string(),
        detail: "{}".into(),
        state: CaseState::Open,
        at: at(5),
    };
    store.open_case(&case).await.unwrap();
    store.open_case(&NewCase { at: at(9), ..case.clone() }).await.unwrap();
    let listed = store.cases(Scope::REGION, true, Page::default()).await.unwrap();
    assert_eq!(listed.total, 1);
    let opened = &listed.rows[0];
    assert_eq!((opened.device, opened.other, opened.times), (id, Some(other_id), 2));
    assert_eq!((opened.opened_at, opened.last_seen_at), (at(5), at(9)));
    let foreign = municipality_scope(&store, "57654000").await;
    assert_eq!(store.cases(foreign, false, Page::default()).await.unwrap().total, 0);
    assert_eq!(store.case(foreign, opened.external_id).await.unwrap(), None);
    assert_eq!(store.cases_of(other).await.unwrap().len(), 1);
    let decision = CaseDecision {
        state: CaseState::Dismissed,
        reason: Some("диск переставлен".into()),
        by: "regional".into(),
        at: at(10),
    };
    store.decide_case(opened.external_id, &decision).await.unwrap();
    store.open_case(&NewCase { at: at(11), ..case }).await.unwrap();
    assert_eq!(
        store.cases(Scope::REGION, true, Page::default()).await.unwrap().total,
        0,
        "decided stays decided"
    );
    let decided = store.case(Scope::REGION, opened.external_id).await.unwrap().unwrap();
    assert_eq!((decided.state, decided.times), (CaseState::Dismissed, 3));
}
