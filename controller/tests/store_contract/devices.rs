//! Devices: enrolled, found, moved, counted, deleted.

use cos_controller::store::certificate::IssuedCertificate;
use cos_controller::store::device::{DeviceState, DeviceSummary};
use cos_controller::store::device_list::{Contact, DeviceFilter};
use cos_controller::store::finding::{FindingKind, NewFinding};
use cos_controller::store::{Page, Scope, Store, StoreError};
use inventory_schema::{SectionName, Timestamp};

use crate::fixture::{Chain, DAY, HOUR, at, key, municipality_scope, new_device, place_of, with_device, with_region};
use crate::presence::call;

pub async fn enrolling_twice_is_one_device(store: Store) {
    with_region(&store).await;
    let mut device = new_device(&place_of(&store, 1).await, 1);
    let first = store.insert_device(&device).await.unwrap();
    store
        .set_device_state(Scope::REGION, device.external_id, DeviceState::Left)
        .await
        .unwrap();
    device.key = key(2);
    device.room_id = None;
    device.receipt = None;
    assert_eq!(store.insert_device(&device).await.unwrap(), first);
    let found = store.device(Scope::REGION, device.external_id).await.unwrap().unwrap();
    assert_eq!((found.state, found.place.room_id), (DeviceState::Enrolled, None));
    assert_eq!(found.receipt.as_deref(), Some("{}"));
    let keys = store.device_keys(first).await.unwrap();
    let fingerprints: Vec<_> = keys.iter().map(|key| key.fingerprint).collect();
    assert_eq!(fingerprints, [key(1).fingerprint(), key(2).fingerprint()]);
    let keyed = store.device_by_key(key(2).fingerprint()).await.unwrap().unwrap();
    assert_eq!((keyed.id, keyed.external_id, keyed.key), (first, device.external_id, key(2)));
    assert_eq!(store.device_by_key(key(3).fingerprint()).await.unwrap(), None);
    assert!(store.set_device_receipt(device.external_id, "{\"new\":1}").await.unwrap());
    let receipt = store.device_by_key(key(1).fingerprint()).await.unwrap().unwrap().receipt;
    assert_eq!(receipt.as_deref(), Some("{\"new\":1}"));
}

pub async fn a_key_belongs_to_one_device(store: Store) {
    with_region(&store).await;
    let place = place_of(&store, 1).await;
    store.insert_device(&new_device(&place, 1)).await.unwrap();
    let second = new_device(&place, 1);
    let error = store.insert_device(&second).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    assert_eq!(store.device(Scope::REGION, second.external_id).await.unwrap(), None);
}

pub async fn devices_are_found_by_words_place_and_silence(store: Store) {
    with_region(&store).await;
    let (here, there) = (place_of(&store, 1).await, place_of(&store, 3).await);
    let (first, _) = with_device(&store, 1).await;
    let second = store.insert_device(&new_device(&there, 2)).await.unwrap();
    let mut chain = Chain::new(
        (first, store.device_by_key(key(1).fingerprint()).await.unwrap().unwrap().external_id),
        1,
    );
    let mut report = chain.report(&[(SectionName::System, "{}")], 100);
    report.summary = DeviceSummary {
        host_name: Some("kab-12-pc03".into()),
        maker: Some("Аквариус".into()),
        model: Some("Pro USFF".into()),
        memory_bytes: Some(8 << 30),
        ..Default::default()
    };
    store.commit_reports(&[report]).await.unwrap();
    let found = async |filter: DeviceFilter| -> Vec<i64> {
        let list = store.devices(Scope::REGION, &filter, Page::default()).await.unwrap();
        assert_eq!(list.total, list.rows.len() as i64);
        list.rows.into_iter().map(|device| device.id).collect()
    };
    let query = |text: &str| DeviceFilter {
        query: Some(text.into()),
        ..Default::default()
    };
    let contact = |contact| DeviceFilter {
        contact: Some(contact),
        ..Default::default()
    };
    assert_eq!(found(DeviceFilter::default()).await, [first, second]);
    assert_eq!(found(query("АКВАРИУС usff")).await, [first]);
    assert_eq!(found(query("KAB-12")).await, [first]);
    assert_eq!(found(query("kab_12")).await, [0; 0]);
    let by_room = DeviceFilter {
        organization: Some(here.organization),
        building: Some(here.building),
        room: here.room,
        municipality: municipality_scope(&store, "57701000").await.municipality,
        state: Some(DeviceState::Enrolled),
        ..Default::default()
    };
    assert_eq!(found(by_room).await, [first]);
    assert_eq!(found(contact(Contact::NeverReported)).await, [second]);
    assert_eq!(found(contact(Contact::Since(at(100)))).await, [first]);
    assert_eq!(found(contact(Contact::SilentSince(at(101)))).await, [first]);
    assert_eq!(found(contact(Contact::SilentSince(at(100)))).await, [0; 0]);
}

pub async fn a_device_moves_within_its_organization_only(store: Store) {
    with_region(&store).await;
    let (_, device) = with_device(&store, 1).await;
    let (own, foreign) = (place_of(&store, 1).await, place_of(&store, 3).await);
    let rooms = store.rooms(Scope::REGION, own.organization).await.unwrap();
    let far_room = rooms.iter().find(|room| room.building_id != own.building_id).unwrap();
    let move_to = async |building, room| store.move_device(Scope::REGION, device, building, room).await.unwrap();
    assert!(!move_to(foreign.building, None).await);
    assert!(!move_to(own.building, Some(far_room.external_id)).await);
    assert!(move_to(far_room.building_external_id, Some(far_room.external_id)).await);
    let moved = store.device(Scope::REGION, device).await.unwrap().unwrap().place;
    assert_eq!((moved.building_id, moved.room_id), (far_room.building_id, Some(far_room.id)));
    assert!(move_to(own.building, None).await);
    assert_eq!(store.device(Scope::REGION, device).await.unwrap().unwrap().place.room_id, None);
    let counts: Vec<i64> = store
        .buildings(Scope::REGION, own.organization)
        .await
        .unwrap()
        .iter()
        .map(|building| building.devices)
        .collect();
    assert_eq!(counts, [1, 0]);
}

pub async fn a_device_out_of_scope_is_not_found(store: Store) {
    with_region(&store).await;
    let (_, device) = with_device(&store, 1).await;
    let place = place_of(&store, 1).await;
    let foreign = municipality_scope(&store, "57654000").await;
    assert_eq!(store.device(foreign, device).await.unwrap(), None);
    assert_eq!(
        store
            .devices(foreign, &DeviceFilter::default(), Page::default())
            .await
            .unwrap()
            .total,
        0
    );
    assert!(!store.move_device(foreign, device, place.building, None).await.unwrap());
    assert!(!store.set_device_state(foreign, device, DeviceState::Left).await.unwrap());
    assert!(!store.delete_device(foreign, device).await.unwrap());
    let own = municipality_scope(&store, "57701000").await;
    assert!(store.device(own, device).await.unwrap().is_some());
}

pub async fn the_overview_counts_by_municipality(store: Store) {
    with_region(&store).await;
    let now: Timestamp = at(0) + 30 * DAY;
    with_device(&store, 1).await;
    with_device(&store, 2).await;
    with_device(&store, 3).await;
    let (_, left) = with_device(&store, 4).await;
    store.set_device_state(Scope::REGION, left, DeviceState::Left).await.unwrap();
    store
        .hear(&[call(1, None, Some(now - 8 * DAY)), call(2, None, Some(now - HOUR))])
        .await
        .unwrap();
    let overview = store.overview(Scope::REGION, now).await.unwrap();
    let devices = overview.devices;
    assert_eq!(
        (devices.total, devices.seen_day, devices.silent_week, devices.never_reported),
        (3, 1, 1, 3)
    );
    let names: Vec<(&str, i64, i64)> = overview
        .municipalities
        .iter()
        .map(|municipality| (municipality.name.as_str(), municipality.organizations, municipality.devices.total))
        .collect();
    assert_eq!(names, [("город Пермь", 2, 3), ("Чердынский", 1, 0)]);
    let foreign = municipality_scope(&store, "57654000").await;
    let part = store.overview(foreign, now).await.unwrap();
    assert_eq!((part.organizations, part.devices.total), (1, 0));
}

pub async fn a_deleted_device_leaves_its_certificates_and_revocations(store: Store) {
    with_region(&store).await;
    let (id, device) = with_device(&store, 1).await;
    let fingerprint = key(1).fingerprint();
    let certificate = IssuedCertificate {
        serial: "0a1b".into(),
        key: fingerprint,
        device,
        not_before: at(0),
        not_after: at(0) + 400 * DAY,
        issued_at: at(1),
        der: vec![0x30, 0x00, 0xff],
    };
    store.log_certificate(&certificate).await.unwrap();
    let twice = store.log_certificate(&certificate).await.unwrap_err();
    assert!(matches!(twice, StoreError::Conflict { .. }), "{twice:?}");
    let finding = NewFinding {
        device: id,
        kind: FindingKind::Clock,
        subject: None,
        detail: "{\"offset\":5}".into(),
        found_at: at(3),
    };
    store.add_finding(&finding).await.unwrap();
    assert_eq!(store.findings(id, 10).await.unwrap()[0].kind, FindingKind::Clock);
    assert!(!store.is_revoked(fingerprint).await.unwrap());
    assert!(store.revoke_key(fingerprint, at(4), "lost", None).await.unwrap());
    assert!(!store.revoke_key(fingerprint, at(5), "again", None).await.unwrap());
    let mut chain = Chain::new((id, device), 1);
    store
        .commit_reports(&[chain.report(&[(SectionName::Memory, "{}")], 5)])
        .await
        .unwrap();

    assert!(store.delete_device(Scope::REGION, device).await.unwrap());

    assert_eq!(store.device(Scope::REGION, device).await.unwrap(), None);
    assert_eq!(store.device_by_key(fingerprint).await.unwrap(), None);
    assert_eq!(store.chain_head(fingerprint).await.unwrap(), None);
    assert_eq!(store.reports(id, Page::default()).await.unwrap().total, 0);
    assert_eq!(store.findings(id, 10).await.unwrap(), []);
    assert_eq!(store.current_sections(id).await.unwrap(), []);
    assert_eq!(store.certificates(device).await.unwrap(), std::slice::from_ref(&certificate));
    assert_eq!(store.newest_certificate(fingerprint).await.unwrap(), Some(certificate));
    let revocation = store.revocation(fingerprint).await.unwrap().unwrap();
    assert_eq!((revocation.revoked_at, revocation.reason.as_str()), (at(4), "lost"));
    assert_eq!(store.revocations_after(0, 10).await.unwrap(), std::slice::from_ref(&revocation));
    assert_eq!(store.revocations_after(revocation.id, 10).await.unwrap(), []);
}
