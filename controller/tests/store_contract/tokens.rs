//! Tokens: their limit under concurrency, and what spends nothing.

use cos_controller::store::building::Place;
use cos_controller::store::certificate::IssuedCertificate;
use cos_controller::store::enrollment::{Enrolled, Enrollment, Spending};
use cos_controller::store::token::{NewToken, Spend};
use cos_controller::store::{Page, Scope, Store};
use inventory_schema::enrollment::{HardwareEvidence, TokenId};
use inventory_schema::{DeviceId, Digest, Timestamp};

use crate::fixture::{DAY, at, key, municipality_scope, new_device, place_of, with_region};

async fn with_token(store: &Store, uses_limit: i64) -> TokenId {
    with_region(store).await;
    let place = place_of(store, 1).await;
    let token = NewToken {
        id: TokenId::generate(),
        secret_hash: Digest::of(b"secret"),
        organization_id: place.organization_id,
        building_id: place.building_id,
        room_id: place.room_id,
        uses_limit,
        expires_at: at(10_000),
        created_at: at(1),
        created_by: None,
        note: "класс 101".into(),
    };
    store.create_token(&token).await.unwrap();
    token.id
}

fn key_number(device: DeviceId) -> u64 {
    device.as_uuid().as_u64_pair().1
}

/// The computer `number`, which comes as `device` with a key of that device's.
fn computer(place: &Place, token: TokenId, number: u64, device: DeviceId, now: Timestamp) -> Enrollment {
    let mut new = new_device(place, key_number(device));
    (new.external_id, new.enrolled_at) = (device, now);
    let serial = format!("PC{number:08}");
    Enrollment {
        spending: Some(Spending {
            token,
            spent_as: Digest::of(serial.as_bytes()),
        }),
        certificate: IssuedCertificate {
            serial: DeviceId::generate().to_string(),
            key: new.key.fingerprint(),
            device,
            not_before: now,
            not_after: now + 400 * DAY,
            issued_at: now,
            der: vec![0x30, 0x00],
        },
        is_new: false,
        evidence: Some(HardwareEvidence {
            system_serial: Some(serial.parse().unwrap()),
            ..HardwareEvidence::default()
        }),
        device: new,
    }
}

fn spend_of(enrolled: Enrolled) -> Spend {
    match enrolled {
        Enrolled::Recorded { .. } => Spend::Spent,
        Enrolled::NotSpent(spend) => spend,
        Enrolled::KeyTaken => panic!("the key is another's"),
    }
}

pub async fn spend(store: &Store, token: TokenId, number: u64, device: DeviceId, now: Timestamp) -> Spend {
    let place = place_of(store, 1).await;
    let enrolled = store.record_enrollments(&[computer(&place, token, number, device, now)]).await;
    spend_of(enrolled.unwrap().remove(0))
}

pub async fn a_token_is_made_listed_and_revoked(store: Store) {
    let id = with_token(&store, 5).await;
    let place = place_of(&store, 1).await;
    let token = store.token(Scope::REGION, id).await.unwrap().unwrap();
    assert_eq!(
        (token.organization, token.building, token.room),
        (place.organization, place.building, place.room)
    );
    assert_eq!(token.building_address, place.address);
    assert_eq!((token.uses, token.uses_limit, token.secret_hash), (0, 5, Digest::of(b"secret")));
    let foreign = municipality_scope(&store, "57654000").await;
    let own = municipality_scope(&store, "57701000").await;
    assert_eq!(store.token(foreign, id).await.unwrap(), None);
    assert_eq!(store.tokens(foreign, None, Page::default()).await.unwrap().total, 0);
    let listed = store.tokens(own, Some(place.organization), Page::default()).await.unwrap();
    assert_eq!((listed.total, listed.rows), (1, vec![token]));
    assert!(!store.revoke_token(foreign, id, at(5)).await.unwrap());
    assert!(store.revoke_token(own, id, at(5)).await.unwrap());
    assert!(!store.revoke_token(own, id, at(6)).await.unwrap());
    assert_eq!(store.token(own, id).await.unwrap().unwrap().revoked_at, Some(at(5)));
}

pub async fn twenty_concurrent_enrollments_never_exceed_the_limit(store: Store) {
    let id = with_token(&store, 7).await;
    let spends: Vec<_> = (0..20)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { spend(&store, id, number, DeviceId::generate(), at(2)).await })
        })
        .collect();
    let mut spent = 0;
    for spend in spends {
        match spend.await.unwrap() {
            Spend::Spent => spent += 1,
            other => assert_eq!(other, Spend::Exhausted),
        }
    }
    assert_eq!(spent, 7);
    assert_eq!(store.token(Scope::REGION, id).await.unwrap().unwrap().uses, 7);
}

pub async fn the_same_hardware_spends_nothing_again(store: Store) {
    let id = with_token(&store, 1).await;
    let device = DeviceId::generate();
    assert_eq!(spend(&store, id, 1, device, at(2)).await, Spend::Spent);
    for _ in 0..2 {
        let again = spend(&store, id, 1, DeviceId::generate(), at(3)).await;
        assert_eq!(again, Spend::Again { device });
    }
    assert_eq!(spend(&store, id, 2, DeviceId::generate(), at(3)).await, Spend::Exhausted);
}

pub async fn expired_revoked_and_unknown_tokens_are_told_apart(store: Store) {
    let id = with_token(&store, 3).await;
    let spend = async |id, number, now| spend(&store, id, number, DeviceId::generate(), now).await;
    assert_eq!(spend(id, 1, at(9_998)).await, Spend::Spent);
    assert_eq!(spend(id, 2, at(9_999)).await, Spend::Spent);
    assert_eq!(spend(id, 3, at(10_000)).await, Spend::Expired);
    assert_eq!(spend(TokenId::generate(), 4, at(2)).await, Spend::Unknown);
    store.revoke_token(Scope::REGION, id, at(5)).await.unwrap();
    assert_eq!(spend(id, 5, at(6)).await, Spend::Revoked);
    assert_eq!(store.token(Scope::REGION, id).await.unwrap().unwrap().uses, 2);
}

/// In one group, each as if it came alone.
pub async fn enrollments_of_one_group_are_told_apart(store: Store) {
    let id = with_token(&store, 3).await;
    let place = place_of(&store, 1).await;
    let first = DeviceId::generate();
    let of = |number, device| computer(&place, id, number, device, at(2));
    let mut free = of(5, DeviceId::generate());
    free.spending = None;
    let mut stolen = of(6, DeviceId::generate());
    stolen.device.key = key(key_number(first));
    let group = [
        of(1, first),
        // The same computer asks twice at once, and a third time as another device.
        of(1, first),
        computer(&place, TokenId::generate(), 2, DeviceId::generate(), at(2)),
        of(3, DeviceId::generate()),
        of(1, DeviceId::generate()),
        stolen,
        of(4, DeviceId::generate()),
        free,
        of(7, DeviceId::generate()),
    ];
    let enrolled = store.record_enrollments(&group).await.unwrap();
    let said: Vec<Option<Spend>> = enrolled
        .iter()
        .map(|enrolled| (*enrolled != Enrolled::KeyTaken).then(|| spend_of(*enrolled)))
        .collect();
    let (spent, exhausted) = (Some(Spend::Spent), Some(Spend::Exhausted));
    assert_eq!(said[..4], [spent, spent, Some(Spend::Unknown), spent]);
    assert_eq!(said[4], Some(Spend::Again { device: first }));
    assert_eq!((said[6], said[7]), (spent, spent));
    assert_eq!((said[5], said[8]), (None, exhausted), "a key that another device has costs nothing");
    let token = store.token(Scope::REGION, id).await.unwrap().unwrap();
    assert_eq!(token.uses, 3);
    let keyed = store.device_by_key(key(key_number(first)).fingerprint()).await.unwrap().unwrap();
    assert_eq!(keyed.external_id, first);
    assert_eq!(store.certificates(first).await.unwrap().len(), 2);
    assert_eq!(store.evidence(keyed.id).await.unwrap().len(), 1);
}
