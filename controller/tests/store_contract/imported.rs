//! Devices that another system told of.

use std::collections::BTreeSet;

use cos_controller::store::activity::NewActivity;
use cos_controller::store::device::{DeviceSummary, EvidenceLevel};
use cos_controller::store::device_list::{Contact, DeviceFilter};
use cos_controller::store::imported::{DeviceToImport, Telling};
use cos_controller::store::{Page, Scope, Store, StoreError};
use inventory_schema::enrollment::HardwareEvidence;
use inventory_schema::likeness::{COMMON_FROM, EvidenceItem};
use inventory_schema::{DeviceId, Digest, SectionName};

use crate::fixture::{at, place_of, with_device, with_region};

fn items(disk: &str) -> BTreeSet<EvidenceItem> {
    let evidence = HardwareEvidence {
        system_serial: Some("PF1ABCDE".parse().unwrap()),
        disk_serials: vec![disk.parse().unwrap()],
        ..HardwareEvidence::default()
    };
    evidence.items()
}

fn told(name: &str, disk: &str) -> DeviceToImport {
    DeviceToImport {
        known: None,
        external_id: DeviceId::generate(),
        variant: 0,
        telling: Telling {
            foreign_key: Digest::of(name.as_bytes()),
            foreign_id: name.to_owned(),
            origin: "glpi".to_owned(),
            client: Some("GLPI-Agent_v1.11".to_owned()),
            file_name: "a.json".to_owned(),
            looked_at: Some("2026-09-01T08:00:00".to_owned()),
        },
        sections: vec![
            (SectionName::System, br#"{"content":{},"format":"system/1"}"#.to_vec()),
            (
                SectionName::Storage,
                format!(r#"{{"content":{{"disks":[]}},"format":"storage/1","x":"{disk}"}}"#).into_bytes(),
            ),
        ],
        summary: DeviceSummary {
            host_name: Some(name.to_owned()),
            serial: Some("PF1ABCDE".to_owned()),
            ..DeviceSummary::default()
        },
        evidence: items(disk),
    }
}

fn entry() -> NewActivity {
    NewActivity {
        at: at(5),
        operator_id: None,
        operator_login: "cli".to_owned(),
        action: "device_imported".to_owned(),
        subject_kind: "device".to_owned(),
        subject_id: "x".to_owned(),
        organization_id: None,
        detail: "{}".to_owned(),
    }
}

pub async fn what_was_told_is_read_back_and_refreshed(store: Store) {
    with_region(&store).await;
    let place = place_of(&store, 1).await;
    let device = told("pc-1", "DISKONE1");
    let ids = store
        .apply_import(&place, std::slice::from_ref(&device), &entry(), at(5))
        .await
        .unwrap();
    let known = store.imported_devices(place.organization_id, Digest::of(b"pc-1")).await.unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!((known[0].id, known[0].external_id), (ids[0], device.external_id));
    assert_eq!(known[0].telling, device.telling);
    assert_eq!((known[0].imported_at, &known[0].evidence), (at(5), &device.evidence));
    assert_eq!(known[0].summary, device.summary);
    assert_eq!(
        known[0].sections.get(&SectionName::System),
        Some(&Digest::of(&device.sections[0].1))
    );
    let elsewhere = place_of(&store, 2).await.organization_id;
    assert_eq!(store.imported_devices(elsewhere, Digest::of(b"pc-1")).await.unwrap(), []);
    let read = store.device(Scope::REGION, device.external_id).await.unwrap().unwrap();
    assert_eq!(read.evidence_level, EvidenceLevel::Stated);
    assert_eq!((read.last_seen_at, read.enrolled_at), (None, at(5)));

    let newer = DeviceToImport {
        known: Some(ids[0]),
        sections: vec![(SectionName::Memory, br#"{"content":{},"format":"memory/1"}"#.to_vec())],
        telling: Telling {
            looked_at: None,
            ..device.telling.clone()
        },
        evidence: items("DISKTWO2"),
        ..told("pc-1", "DISKTWO2")
    };
    assert_eq!(store.apply_import(&place, &[newer], &entry(), at(9)).await.unwrap(), ids);
    let known = store.imported_device(ids[0]).await.unwrap().unwrap();
    assert_eq!(known.telling.looked_at.as_deref(), Some("2026-09-01T08:00:00"));
    assert_eq!(known.sections.len(), 3);
    assert_eq!(known.evidence, items("DISKTWO2"));
    let sections = store.imported_sections(ids[0]).await.unwrap();
    let times: Vec<_> = sections.iter().map(|section| (section.section, section.received_at)).collect();
    assert_eq!(
        times,
        [
            (SectionName::System, at(5)),
            (SectionName::Memory, at(9)),
            (SectionName::Storage, at(5))
        ]
    );
    assert_eq!(sections[0].body.as_deref(), Some(device.sections[0].1.as_slice()));
    assert_eq!(store.activities(Scope::REGION, Page::default()).await.unwrap().total, 2);
    assert!(store.delete_device(Scope::REGION, device.external_id).await.unwrap());
    assert_eq!(store.imported_device(ids[0]).await.unwrap(), None);
}

pub async fn a_file_is_written_whole_or_not_at_all(store: Store) {
    with_region(&store).await;
    let place = place_of(&store, 1).await;
    // The second is the first one's double: someone else was faster with it.
    let both = [told("pc-1", "DISKONE1"), told("pc-1", "DISKTWO2")];
    let refused = store.apply_import(&place, &both, &entry(), at(5)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused:?}");
    assert_eq!(
        store.imported_devices(place.organization_id, Digest::of(b"pc-1")).await.unwrap(),
        []
    );
    assert_eq!(store.activities(Scope::REGION, Page::default()).await.unwrap().total, 0);
    let all = DeviceFilter::default();
    assert_eq!(store.devices(Scope::REGION, &all, Page::default()).await.unwrap().total, 0);
    let second = DeviceToImport {
        variant: 1,
        ..told("pc-1", "DISKTWO2")
    };
    store
        .apply_import(&place, &[told("pc-1", "DISKONE1"), second], &entry(), at(5))
        .await
        .unwrap();
    assert_eq!(
        store
            .imported_devices(place.organization_id, Digest::of(b"pc-1"))
            .await
            .unwrap()
            .len(),
        2
    );
}

pub async fn told_hardware_and_read_hardware_are_apart(store: Store) {
    with_region(&store).await;
    let place = place_of(&store, 1).await;
    let (agent, agent_id) = with_device(&store, 1).await;
    let device = told("pc-1", "DISKONE1");
    let ids = store
        .apply_import(&place, std::slice::from_ref(&device), &entry(), at(5))
        .await
        .unwrap();
    assert!(store.evidence_neighbours(&items("DISKONE1")).await.unwrap().candidates.is_empty());
    let found = store.imported_neighbours(&items("DISKONE1")).await.unwrap();
    assert_eq!(found.candidates.len(), 1);
    assert_eq!(
        (found.candidates[0].device, found.candidates[0].external_id),
        (ids[0], device.external_id)
    );
    assert_eq!(found.candidates[0].items, items("DISKONE1"));
    // Joined into the agent's record it is no question any more, and parted it is one again.
    assert!(store.merge_devices(ids[0], agent).await.unwrap());
    assert!(store.imported_neighbours(&items("DISKONE1")).await.unwrap().candidates.is_empty());
    assert!(store.unmerge_device(ids[0]).await.unwrap());
    assert_eq!(store.imported_neighbours(&items("DISKONE1")).await.unwrap().candidates.len(), 1);
    assert_eq!(store.imported_sections(ids[0]).await.unwrap().len(), 2);
    assert!(store.device(Scope::REGION, agent_id).await.unwrap().is_some());
    // What a whole batch carries finds nobody.
    for number in 0..COMMON_FROM {
        let name = format!("batch-{number}");
        let one = told(&name, &format!("DISKNO{number}"));
        store.apply_import(&place, &[one], &entry(), at(6)).await.unwrap();
    }
    let found = store.imported_neighbours(&items("DISKNO3")).await.unwrap();
    assert_eq!(found.candidates.len(), 1, "by its disk alone");
}

pub async fn lists_and_counts_tell_the_levels_apart(store: Store) {
    with_region(&store).await;
    let place = place_of(&store, 1).await;
    let (_, agent) = with_device(&store, 1).await;
    let device = told("pc-1", "DISKONE1");
    store
        .apply_import(&place, std::slice::from_ref(&device), &entry(), at(5))
        .await
        .unwrap();
    let listed = async |filter: DeviceFilter| {
        let found = store.devices(Scope::REGION, &filter, Page::default()).await.unwrap();
        assert_eq!(found.total as usize, found.rows.len());
        found.rows.iter().map(|device| device.external_id).collect::<BTreeSet<_>>()
    };
    let level = |level| DeviceFilter {
        evidence_level: Some(level),
        ..DeviceFilter::default()
    };
    assert_eq!(listed(level(EvidenceLevel::Stated)).await, BTreeSet::from([device.external_id]));
    assert_eq!(listed(level(EvidenceLevel::Agent)).await, BTreeSet::from([agent]));
    let never = DeviceFilter {
        contact: Some(Contact::NeverReported),
        ..DeviceFilter::default()
    };
    assert_eq!(listed(never).await, BTreeSet::from([agent]), "who has no agent owes no report");
    let counts = store.overview(Scope::REGION, at(10)).await.unwrap().devices;
    assert_eq!((counts.total, counts.never_reported, counts.stated), (2, 1, 1));
}

pub async fn a_case_is_opened_once_and_left_alone(store: Store) {
    use cos_controller::store::review::{CaseKind, CaseState, NewCase};
    with_region(&store).await;
    let ((device, _), (other, other_id)) = (with_device(&store, 1).await, with_device(&store, 2).await);
    let case = NewCase {
        kind: CaseKind::LikelyDouble,
        device,
        other: Some(other),
        subject: other_id.to_string(),
        detail: "{}".into(),
        state: CaseState::Open,
        at: at(5),
    };
    store.open_case_once(&case).await.unwrap();
    store.open_case_once(&NewCase { at: at(9), ..case }).await.unwrap();
    let cases = store.cases(Scope::REGION, true, Page::default()).await.unwrap().rows;
    assert_eq!(cases.len(), 1);
    assert_eq!((cases[0].times, cases[0].last_seen_at), (1, at(5)));
}
