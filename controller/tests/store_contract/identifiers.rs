//! What names a device and what it is: kept as it was read well, shared by several, ruled by people.

use std::time::Instant;

use cos_controller::activity_log::{Action, Entry, SubjectKind};
use cos_controller::identifier::IdentifierKind;
use cos_controller::store::device::DeviceState;
use cos_controller::store::device_kind::KindRuling;
use cos_controller::store::device_list::DeviceFilter;
use cos_controller::store::identifier::SharedKind;
use cos_controller::store::{Page, Scope, Store};
use cos_controller::task::parts;
use inventory_schema::inventory::DeviceKind;
use inventory_schema::{SectionName, Timestamp};

use crate::fixture::{Chain, at, municipality_scope, new_device, place_of, with_device, with_region};

const DAY: i64 = 86_400;

fn fact(value: &str) -> String {
    format!(r#"{{"source":"smbios","value":"{value}"}}"#)
}

fn system(serial: &str, uuid: &str) -> String {
    format!(
        r#"{{"content":{{"kind":{{"certainty":"likely","kind":"desktop","reasons":[]}},"model":{},"serial":{},"uuid":{}}},"format":"system/1"}}"#,
        fact("Pro, Std, Elt Series"),
        fact(serial),
        fact(uuid)
    )
}

const FAILED: &str = r#"{"format":"system/1","problems":[{"failure":"permission_denied","source":"smbios"}]}"#;
const ONE: &str = "11111111-2222-3333-4444-555555555555";
const TWO: &str = "66666666-2222-3333-4444-555555555555";

async fn report(store: &Store, chain: &mut Chain, body: &str, seconds: i64) {
    store
        .commit_reports(&[chain.report(&[(SectionName::System, body)], seconds)])
        .await
        .unwrap();
    parts::run(store, at(seconds)).await.unwrap();
}

async fn chains(store: &Store) -> (Chain, Chain) {
    with_region(store).await;
    let one = Chain::new(with_device(store, 1).await, 1);
    let place = place_of(store, 3).await;
    let elsewhere = new_device(&place, 2);
    let two = Chain::new((store.insert_device(&elsewhere).await.unwrap(), elsewhere.external_id), 2);
    (one, two)
}

async fn kept(store: &Store, chain: &Chain) -> Vec<(IdentifierKind, String, Timestamp, Option<Timestamp>)> {
    let kept = store.identifiers_of(chain.device).await.unwrap();
    kept.into_iter()
        .map(|(kind, kept)| (kind, kept.shown, kept.read_at, kept.lapsed_at))
        .collect()
}

pub async fn a_worse_reading_leaves_the_last_good_one(store: Store) {
    let (mut one, _) = chains(&store).await;
    report(&store, &mut one, &system("PF1ABCDE", ONE), 0).await;
    let good = |lapsed: Option<Timestamp>| {
        vec![
            (IdentifierKind::SystemSerial, "PF1ABCDE".to_owned(), at(0), lapsed),
            (IdentifierKind::SystemUuid, ONE.to_owned(), at(0), lapsed),
        ]
    };
    assert_eq!(kept(&store, &one).await, good(None));
    let fillers = system("To be filled by O.E.M.", "03000200-0400-0500-0006-000700080009");
    report(&store, &mut one, &fillers, DAY).await;
    assert_eq!(kept(&store, &one).await, good(Some(at(DAY))));
    report(&store, &mut one, FAILED, 2 * DAY).await;
    assert_eq!(kept(&store, &one).await, good(Some(at(DAY))), "since when it reads worse is kept");
    report(&store, &mut one, &system("PF1ABCDE", TWO), 3 * DAY).await;
    let now = kept(&store, &one).await;
    assert_eq!((now[0].2, now[0].3), (at(3 * DAY), None), "it reads well again");
    assert_eq!(now[1].1, TWO, "a good reading replaces a good one");
}

pub async fn a_number_of_two_live_devices_names_both(store: Store) {
    let (mut one, mut two) = chains(&store).await;
    report(&store, &mut one, &system("PF1ABCDE", ONE), 0).await;
    report(&store, &mut two, &system("pf1abcde", TWO), DAY).await;
    let beside = store.carriers_beside(Scope::REGION, two.device).await.unwrap();
    assert_eq!(beside.len(), 0, "the first has not been heard since: it may be gone");
    assert_eq!(store.shared_values(Scope::REGION).await.unwrap(), []);
    // It is heard again and says the same of itself.
    report(&store, &mut one, &system("PF1ABCDE", ONE), 2 * DAY).await;
    for (chain, other) in [(&one, &two), (&two, &one)] {
        let beside = store.carriers_beside(Scope::REGION, chain.device).await.unwrap();
        let serial = &beside[&IdentifierKind::SystemSerial];
        assert_eq!((serial.len(), serial[0].device), (1, other.external_id));
        assert!(!beside.contains_key(&IdentifierKind::SystemUuid));
    }
    let shared = store.shared_values(Scope::REGION).await.unwrap();
    assert_eq!((shared.len(), shared[0].total, shared[0].carriers.len()), (1, 2, 2));
    assert_eq!(shared[0].kind, SharedKind::Identifier(IdentifierKind::SystemSerial));
    // Each municipality sees its own device and that there is another.
    let scope = municipality_scope(&store, "57654000").await;
    let shared = store.shared_values(scope).await.unwrap();
    let seen: Vec<bool> = shared[0].carriers.iter().map(|carrier| carrier.in_scope).collect();
    assert_eq!(seen, [false, true]);
    let other = Scope {
        organization: Some(place_of(&store, 2).await.organization_id),
        ..Scope::REGION
    };
    assert_eq!(store.shared_values(other).await.unwrap(), []);
    // A device that left shares nothing.
    store
        .set_device_state(Scope::REGION, one.external_id, DeviceState::Left)
        .await
        .unwrap();
    assert_eq!(store.shared_values(Scope::REGION).await.unwrap(), []);
    assert_eq!(store.carriers_beside(Scope::REGION, two.device).await.unwrap().len(), 0);
    store
        .set_device_state(Scope::REGION, one.external_id, DeviceState::Enrolled)
        .await
        .unwrap();
    // Another board in one of them ends it for both.
    report(&store, &mut two, &system("PF2ABCDE", TWO), 3 * DAY).await;
    report(&store, &mut one, FAILED, 4 * DAY).await;
    assert_eq!(store.shared_values(Scope::REGION).await.unwrap(), []);
}

pub async fn a_uuid_in_the_other_order_of_bytes_is_the_same(store: Store) {
    let (mut one, mut two) = chains(&store).await;
    report(&store, &mut one, &system("PF1ABCDE", "4c4c4544-0042-3510-8054-b4c04f4d3132"), 0).await;
    report(&store, &mut two, &system("PF2ABCDE", "44454c4c-4200-1035-8054-b4c04f4d3132"), 0).await;
    let shared = store.shared_values(Scope::REGION).await.unwrap();
    assert_eq!(shared.len(), 1);
    assert_eq!(shared[0].kind, SharedKind::Identifier(IdentifierKind::SystemUuid));
}

async fn listed(store: &Store, kind: DeviceKind) -> i64 {
    let filter = DeviceFilter {
        kind: Some(kind),
        ..DeviceFilter::default()
    };
    store.devices(Scope::REGION, &filter, Page::default()).await.unwrap().total
}

fn ruling(kind: Option<DeviceKind>, seconds: i64) -> KindRuling {
    KindRuling {
        kind,
        concluded: None,
        reason: "экран 24″ в корпусе".into(),
        operator_login: "ivanova".into(),
        ruled_at: at(seconds),
    }
}

pub async fn a_ruled_kind_outlives_every_report_and_is_taken_back(store: Store) {
    let (mut one, _) = chains(&store).await;
    report(&store, &mut one, &system("PF1ABCDE", ONE), 0).await;
    assert_eq!(
        (
            listed(&store, DeviceKind::Desktop).await,
            listed(&store, DeviceKind::AllInOne).await
        ),
        (1, 0)
    );
    let subject = one.external_id;
    let entry = || Entry::by_command_line(at(1), Action::KindOverruled, SubjectKind::Device, subject).into_new();
    let scope = municipality_scope(&store, "57654000").await;
    let all_in_one = ruling(Some(DeviceKind::AllInOne), 1);
    assert!(!store.rule_kind(scope, one.external_id, &all_in_one, &entry()).await.unwrap());
    assert_eq!(store.kind_rulings(one.device).await.unwrap(), [], "out of scope nothing is written");
    assert!(
        store
            .rule_kind(Scope::REGION, one.external_id, &all_in_one, &entry())
            .await
            .unwrap()
    );
    report(&store, &mut one, &system("PF1ABCDE", TWO), DAY).await;
    let device = store.device(Scope::REGION, one.external_id).await.unwrap().unwrap();
    assert_eq!(device.kind(), Some(DeviceKind::AllInOne));
    assert_eq!(device.concluded_kind, Some(DeviceKind::Desktop));
    assert_eq!(
        (
            listed(&store, DeviceKind::Desktop).await,
            listed(&store, DeviceKind::AllInOne).await
        ),
        (0, 1)
    );
    assert!(
        store
            .rule_kind(Scope::REGION, one.external_id, &ruling(None, 2), &entry())
            .await
            .unwrap()
    );
    assert_eq!(listed(&store, DeviceKind::Desktop).await, 1);
    let told = store.kind_rulings(one.device).await.unwrap();
    assert_eq!((told.len(), told[0].kind, told[1].kind), (2, None, Some(DeviceKind::AllInOne)));
    assert_eq!(told[1].concluded, Some(DeviceKind::Desktop));
    assert_eq!((told[1].operator_login.as_str(), told[1].ruled_at), ("ivanova", at(1)));
    let log = store.activities(Scope::REGION, Page::default()).await.unwrap();
    assert_eq!(log.rows.iter().filter(|entry| entry.action == "kind_overruled").count(), 2);
}

/// A whole delivery with one number that is on no list of fillers costs neither the task nor a page.
pub async fn a_number_of_a_whole_delivery_costs_no_more_than_others(store: Store) {
    const DEVICES: u64 = 600;
    with_region(&store).await;
    let place = place_of(&store, 1).await;
    let mut chains = Vec::new();
    for number in 1..=DEVICES {
        let device = new_device(&place, number);
        chains.push(Chain::new(
            (store.insert_device(&device).await.unwrap(), device.external_id),
            number,
        ));
    }
    let reports: Vec<_> = chains
        .iter_mut()
        .zip(1u64..)
        .map(|(chain, number)| {
            let body = system("EDU-2020-BATCH", &format!("11111111-2222-3333-4444-{number:012}"));
            chain.report(&[(SectionName::System, &body)], 0)
        })
        .collect();
    store.commit_reports(&reports).await.unwrap();
    let begun = Instant::now();
    parts::run(&store, at(1)).await.unwrap();
    let beside = store.carriers_beside(Scope::REGION, chains[7].device).await.unwrap();
    assert_eq!(beside[&IdentifierKind::SystemSerial].len(), 20, "as many as a page names");
    let shared = store.shared_values(Scope::REGION).await.unwrap();
    assert_eq!((shared.len(), shared[0].total), (1, i64::try_from(DEVICES).unwrap()));
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
}
