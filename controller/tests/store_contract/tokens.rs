//! Tokens: their limit under concurrency, and what spends nothing.

use cos_controller::store::token::{NewToken, Spend};
use cos_controller::store::{Page, Scope, Store};
use inventory_schema::enrollment::TokenId;
use inventory_schema::{DeviceId, Digest};

use crate::fixture::{at, municipality_scope, place_of, with_region};

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

fn evidence(number: u32) -> Option<Digest> {
    Some(Digest::of(&number.to_be_bytes()))
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
            tokio::spawn(async move { store.spend_token(id, evidence(number), DeviceId::generate(), at(2)).await.unwrap() })
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
    assert_eq!(store.spend_token(id, evidence(1), device, at(2)).await.unwrap(), Spend::Spent);
    for _ in 0..2 {
        let again = store.spend_token(id, evidence(1), DeviceId::generate(), at(3)).await.unwrap();
        assert_eq!(again, Spend::Again { device });
    }
    let other = store.spend_token(id, evidence(2), DeviceId::generate(), at(3)).await.unwrap();
    assert_eq!(other, Spend::Exhausted);
}

pub async fn expired_revoked_and_unknown_tokens_are_told_apart(store: Store) {
    let id = with_token(&store, 3).await;
    let spend = async |id, now| store.spend_token(id, None, DeviceId::generate(), now).await.unwrap();
    assert_eq!(spend(id, at(9_999)).await, Spend::Spent);
    assert_eq!(spend(id, at(9_999)).await, Spend::Spent);
    assert_eq!(spend(id, at(10_000)).await, Spend::Expired);
    assert_eq!(spend(TokenId::generate(), at(2)).await, Spend::Unknown);
    store.revoke_token(Scope::REGION, id, at(5)).await.unwrap();
    assert_eq!(spend(id, at(6)).await, Spend::Revoked);
    assert_eq!(store.token(Scope::REGION, id).await.unwrap().unwrap().uses, 2);
}
