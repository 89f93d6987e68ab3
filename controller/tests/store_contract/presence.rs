//! Signs of life, and the revision that says whether anything an answer depends on has changed.

use cos_controller::store::device::DeviceState;
use cos_controller::store::device_list::DeviceFilter;
use cos_controller::store::presence::{Call, Heard, Known, Sign, Standing};
use cos_controller::store::{Page, Scope, Store};
use inventory_schema::{Digest, SectionName, Timestamp};

use crate::fixture::{Chain, at, key, new_device, place_of, with_device, with_region};

/// A check-in of the key `number`, or a look.
pub fn call(number: u64, known: Option<Known>, at: Option<Timestamp>) -> Call {
    Call {
        key: key(number).fingerprint(),
        known,
        sign: at.map(|at| Sign {
            at,
            agent_version: None,
            clock_offset_micros: None,
        }),
        tells: true,
    }
}

fn known(standing: &Standing) -> Option<Known> {
    Some(Known {
        device: standing.device,
        revision: standing.revision,
    })
}

async fn look(store: &Store, number: u64, known: Option<Known>) -> Heard {
    store.hear(&[call(number, known, None)]).await.unwrap().remove(0)
}

async fn standing(store: &Store, number: u64) -> Standing {
    match look(store, number, None).await {
        Heard::Read { standing, .. } => standing,
        other => panic!("{other:?}"),
    }
}

pub async fn signs_of_life_never_go_back(store: Store) {
    with_region(&store).await;
    let mut calls = Vec::new();
    for number in 0..90 {
        with_device(&store, number).await;
        calls.push(Call {
            key: key(number).fingerprint(),
            known: None,
            sign: Some(Sign {
                at: at(500),
                agent_version: Some("0.2.0".into()),
                clock_offset_micros: Some(-7),
            }),
            tells: true,
        });
    }
    let first = standing(&store, 0).await.device;
    calls.extend([call(0, None, Some(at(700))), call(0, None, Some(at(600)))]);
    let heard = store.hear(&calls).await.unwrap();
    assert_eq!(heard.len(), 92);
    assert!(heard.iter().all(|heard| matches!(heard, Heard::Read { .. })));
    store.hear(&[call(0, None, Some(at(650)))]).await.unwrap();
    assert_eq!(store.hear(&[]).await.unwrap(), []);
    let page = Page::numbered(1, 100);
    let list = store.devices(Scope::REGION, &DeviceFilter::default(), page).await.unwrap();
    assert_eq!(list.total, 90);
    for device in list.rows {
        let expected = if device.id == first { at(700) } else { at(500) };
        assert_eq!(device.last_seen_at, Some(expected));
        assert_eq!(device.clock_offset_micros, (device.id != first).then_some(-7));
    }
}

pub async fn what_a_sign_of_life_says_anew_is_recorded_and_nothing_else(store: Store) {
    with_region(&store).await;
    with_device(&store, 1).await;
    let mut before = standing(&store, 1).await;
    let sign = |seconds, version: &str, offset| Sign {
        at: at(seconds),
        agent_version: Some(version.into()),
        clock_offset_micros: Some(offset),
    };
    let mut says = async |sign: Sign, anew: bool| {
        let news = sign.clone().news(&before);
        assert_eq!(news.agent_version.is_some() || news.clock_offset_micros.is_some(), anew, "{sign:?}");
        let checked_in = Call {
            sign: Some(news),
            ..call(1, known(&before), None)
        };
        match store.hear(&[checked_in]).await.unwrap().remove(0) {
            Heard::Unchanged => assert!(!anew, "{sign:?}"),
            Heard::Read { standing, .. } => {
                assert!(anew && standing.revision > before.revision, "{sign:?}");
                before = standing;
            }
            other => panic!("{other:?}"),
        }
        let device = store
            .devices(Scope::REGION, &DeviceFilter::default(), Page::default())
            .await
            .unwrap()
            .rows
            .remove(0);
        assert_eq!(device.last_seen_at, Some(sign.at));
        (before.agent_version.clone(), before.clock_offset_micros)
    };
    let (first, second) = (Some("0.2.0".to_owned()), Some("0.3.0".to_owned()));
    assert_eq!(says(sign(10, "0.2.0", 5_000_000), true).await, (first.clone(), Some(5_000_000)));
    assert_eq!(says(sign(20, "0.2.0", 5_999_999), false).await, (first.clone(), Some(5_000_000)));
    assert_eq!(says(sign(30, "0.2.0", -5_000_000), true).await, (first, Some(-5_000_000)));
    assert_eq!(says(sign(40, "0.3.0", -5_000_001), true).await, (second.clone(), Some(-5_000_000)));
    assert_eq!(says(sign(50, "0.3.0", -5_000_001), false).await, (second, Some(-5_000_000)));
}

/// The list in `store/presence.rs`, row by row: after each change nothing that was remembered counts any more.
pub async fn whatever_an_answer_depends_on_ends_what_was_remembered(store: Store) {
    with_region(&store).await;
    let (id, device) = with_device(&store, 1).await;
    let mut chain = Chain::new((id, device), 1);
    let mut before = standing(&store, 1).await;
    assert_eq!((before.device, before.external_id, before.head), (id, device, None));
    assert_eq!(look(&store, 1, known(&before)).await, Heard::Unchanged);
    let heard = store.hear(&[call(1, known(&before), Some(at(20)))]).await.unwrap();
    assert_eq!(heard, [Heard::Unchanged], "a check-in itself changes nothing");

    let report = chain.report(&[(SectionName::Memory, "{}")], 30);
    let digest = report.received.digest;
    store.commit_reports(std::slice::from_ref(&report)).await.unwrap();
    before = changed(&store, before).await;
    assert_eq!(before.head.unwrap().digest, digest);
    assert_eq!(before.held[&SectionName::Memory], Digest::of(b"{}"));

    let place = place_of(&store, 1).await;
    assert!(store.move_device(Scope::REGION, device, place.building, None).await.unwrap());
    before = changed(&store, before).await;
    assert!(store.set_device_receipt(device, "no receipt").await.unwrap());
    before = changed(&store, before).await;
    assert!(store.set_device_state(Scope::REGION, device, DeviceState::Left).await.unwrap());
    before = changed(&store, before).await;
    let mut again = new_device(&place, 1);
    again.external_id = device;
    store.insert_device(&again).await.unwrap();
    before = changed(&store, before).await;

    store.revoke_key(key(1).fingerprint(), at(40), "lost", None).await.unwrap();
    assert_eq!(look(&store, 1, known(&before)).await, Heard::Revoked);
    let checked_in = store.hear(&[call(1, known(&before), Some(at(41)))]).await.unwrap();
    assert_eq!(checked_in, [Heard::Revoked]);
}

async fn changed(store: &Store, before: Standing) -> Standing {
    match look(store, 1, known(&before)).await {
        Heard::Read { standing, .. } => {
            assert!(standing.revision > before.revision);
            standing
        }
        other => panic!("{other:?}"),
    }
}

pub async fn a_record_that_is_gone_is_not_remembered(store: Store) {
    with_region(&store).await;
    let (_, device) = with_device(&store, 1).await;
    let before = standing(&store, 1).await;
    assert!(store.delete_device(Scope::REGION, device).await.unwrap());
    assert_eq!(look(&store, 1, known(&before)).await, Heard::Unknown);
    assert_eq!(look(&store, 2, None).await, Heard::Unknown, "nor is one that never was");
    // Made again, it is another row, and the sign of life goes there.
    let (id, _) = with_device(&store, 1).await;
    let heard = store.hear(&[call(1, known(&before), Some(at(50)))]).await.unwrap();
    assert!(matches!(&heard[0], Heard::Read { standing, .. } if standing.device == id && standing.device != before.device));
    let page = Page::default();
    let list = store.devices(Scope::REGION, &DeviceFilter::default(), page).await.unwrap();
    assert_eq!(list.rows[0].last_seen_at, Some(at(50)));
}

pub async fn an_order_to_all_is_one_row_and_later_than_the_one_before(store: Store) {
    with_region(&store).await;
    with_device(&store, 1).await;
    let before = standing(&store, 1).await;
    let mut news = store.news_after(Some(0)).await.unwrap();
    // The clock may stand still, or go back.
    let mut ordered = Timestamp::from_unix_micros(0);
    assert_eq!(news.collection, ordered);
    for seconds in [20, 20, 10, 30] {
        store.ask_all_to_collect(Scope::REGION, at(seconds)).await.unwrap();
        news = store.news_after(Some(news.number)).await.unwrap();
        assert!(news.everyone && news.collection > ordered, "{news:?}");
        ordered = news.collection;
    }
    assert_eq!(ordered, at(30));
    assert_eq!(look(&store, 1, known(&before)).await, Heard::Unchanged);
    // Where somebody answers for one school, its devices are asked one by one.
    let school = Scope {
        organization: Some(place_of(&store, 1).await.organization_id),
        ..Scope::REGION
    };
    store.ask_all_to_collect(school, at(40)).await.unwrap();
    news = store.news_after(Some(news.number)).await.unwrap();
    assert_eq!(
        (news.everyone, news.collection, news.devices),
        (false, ordered, vec![before.external_id])
    );
    assert!(matches!(
        look(&store, 1, known(&before)).await,
        Heard::Read { collect_now: true, .. }
    ));
}

pub async fn a_device_is_told_once_to_look_at_its_hardware(store: Store) {
    with_region(&store).await;
    let (_, device) = with_device(&store, 1).await;
    with_device(&store, 2).await;
    let (one, other) = (standing(&store, 1).await, standing(&store, 2).await);
    store
        .ask_to_collect(&[device, new_device(&place_of(&store, 1).await, 9).external_id])
        .await
        .unwrap();
    let calls = [call(1, known(&one), Some(at(20))), call(2, known(&other), Some(at(20)))];
    let heard = store.hear(&calls).await.unwrap();
    let Heard::Read {
        standing,
        collect_now: true,
    } = &heard[0]
    else {
        panic!("{heard:?}")
    };
    assert_eq!(heard[1], Heard::Unchanged);
    assert_eq!(look(&store, 1, known(standing)).await, Heard::Unchanged, "asked once, told once");
    // One that waits is told as well; asking who it is tells it nothing.
    store.ask_to_collect(&[device]).await.unwrap();
    let who = Call {
        tells: false,
        ..call(1, known(standing), None)
    };
    for _ in 0..2 {
        let heard = store.hear(std::slice::from_ref(&who)).await.unwrap().remove(0);
        assert!(matches!(heard, Heard::Read { collect_now: false, standing } if !standing.is_whole()));
    }
    assert!(matches!(
        look(&store, 1, known(standing)).await,
        Heard::Read { collect_now: true, .. }
    ));
    assert!(matches!(
        look(&store, 1, known(standing)).await,
        Heard::Read { collect_now: false, .. }
    ));
}

pub async fn news_name_whom_they_concern(store: Store) {
    with_region(&store).await;
    let (_, first) = with_device(&store, 1).await;
    let (_, second) = with_device(&store, 2).await;
    let begun = store.news_after(None).await.unwrap();
    assert!(!begun.everyone && begun.devices.is_empty());
    assert_eq!(store.news_after(Some(begun.number)).await.unwrap(), begun);
    let mut listening = store.listen();
    store.ask_to_collect(&[first]).await.unwrap();
    listening.changed().await;
    let news = store.news_after(Some(begun.number)).await.unwrap();
    assert_eq!((news.everyone, &news.devices[..]), (false, &[first][..]));
    store.revoke_key(key(2).fingerprint(), at(40), "lost", None).await.unwrap();
    let next = store.news_after(Some(news.number)).await.unwrap();
    assert_eq!((next.everyone, &next.devices[..]), (false, &[second][..]));
    assert_eq!(
        store.news_after(Some(begun.number)).await.unwrap().devices.len(),
        2,
        "nothing older is missed"
    );
    store.publish().await.unwrap();
    assert!(store.news_after(Some(next.number)).await.unwrap().everyone);
}
