//! Parts: read from what devices state, told when they wander, found by number and model.

use std::time::Instant;

use cos_controller::part::ledger::Standing;
use cos_controller::part::{ChangeKind, PartKind};
use cos_controller::report::summary::summarize;
use cos_controller::store::change::ChangeFilter;
use cos_controller::store::name::TaughtName;
use cos_controller::store::{Page, Scope, Store};
use cos_controller::task::parts;
use inventory_schema::inventory::AnySection;
use inventory_schema::{DeviceId, SectionName};

use crate::database::{at_postgres, at_sqlite};
use crate::fixture::{Chain, at, municipality_scope, new_device, place_of, with_device, with_region};

const DAY: i64 = 86_400;

fn storage(serials: &[&str], firmware: &str) -> String {
    let disks: Vec<String> = serials
        .iter()
        .enumerate()
        .map(|(n, serial)| {
            format!(
                r#"{{"firmware":{{"source":"sysfs_block","value":"{firmware}"}},"kind":{{"source":"sysfs_block","value":"solid_state"}},"model":{{"source":"sysfs_block","value":"KINGSTON SA400S37"}},"name":"sd{n}","serial":{{"source":"udev","value":"{serial}"}},"size":{{"source":"sysfs_block","value":240057409536}}}}"#
            )
        })
        .collect();
    format!(r#"{{"content":{{"disks":[{}]}},"format":"storage/1"}}"#, disks.join(","))
}

fn board(serial: &str) -> String {
    format!(
        r#"{{"content":{{"baseboard":{{"maker":{{"source":"smbios","value":"ASUSTeK"}},"model":{{"source":"smbios","value":"H61M-K"}},"serial":{{"source":"smbios","value":"{serial}"}}}}}},"format":"system/1"}}"#
    )
}

fn memory(serials: &[&str]) -> String {
    let modules: Vec<String> = serials
        .iter()
        .map(|serial| {
            format!(
                r#"{{"maker":{{"source":"smbios","value":"80CE"}},"part_number":{{"source":"smbios","value":"M471A5244CB0-CTD"}},"serial":{{"source":"smbios","value":"{serial}"}},"size":{{"source":"smbios","value":4294967296}}}}"#
            )
        })
        .collect();
    let installed = 4_294_967_296_u64 * serials.len() as u64;
    format!(
        r#"{{"content":{{"installed":{{"source":"smbios","value":{installed}}},"modules":[{}]}},"format":"memory/1"}}"#,
        modules.join(",")
    )
}

/// Stores a report as intake does, and lets its parts be read.
async fn report(store: &Store, chain: &mut Chain, bodies: &[(SectionName, &str)], seconds: i64) {
    let mut report = chain.report(bodies, seconds);
    let sections: Vec<AnySection> = bodies
        .iter()
        .map(|(name, body)| AnySection::read(*name, body.as_bytes()).unwrap())
        .collect();
    report.summary = summarize(&sections);
    store.commit_reports(&[report]).await.unwrap();
    parts::run(store, at(seconds)).await.unwrap();
}

async fn told(store: &Store) -> Vec<(ChangeKind, DeviceId, Option<DeviceId>)> {
    let listed = store
        .changes(Scope::REGION, &ChangeFilter::default(), Page::default())
        .await
        .unwrap();
    assert_eq!(listed.total, i64::try_from(listed.rows.len()).unwrap());
    listed
        .rows
        .into_iter()
        .map(|change| (change.kind, change.device.device, change.other.map(|other| other.device)))
        .collect()
}

async fn chains(store: &Store) -> (Chain, Chain) {
    with_region(store).await;
    let one = Chain::new(with_device(store, 1).await, 1);
    let two = Chain::new(with_device(store, 2).await, 2);
    (one, two)
}

pub async fn a_disk_that_wandered_is_one_event_naming_both(store: Store) {
    let (mut one, mut two) = chains(&store).await;
    report(&store, &mut one, &[(SectionName::Storage, &storage(&["SER1A", "SER1B"], "1"))], 0).await;
    report(&store, &mut two, &[(SectionName::Storage, &storage(&["SER2A"], "1"))], 1).await;
    assert_eq!(told(&store).await, []);
    report(&store, &mut one, &[(SectionName::Storage, &storage(&["SER1A"], "1"))], DAY).await;
    let facts = (ChangeKind::FactChanged, one.external_id, None);
    assert_eq!(told(&store).await, [(ChangeKind::PartRemoved, one.external_id, None), facts]);
    report(&store, &mut two, &[(SectionName::Storage, &storage(&["SER1B"], "1"))], 2 * DAY).await;
    let listed = told(&store).await;
    assert!(
        listed.contains(&(ChangeKind::PartMoved, two.external_id, Some(one.external_id))),
        "{listed:?}"
    );
    assert!(
        !listed.contains(&(ChangeKind::PartRemoved, one.external_id, None)),
        "both halves are one event: {listed:?}"
    );
    let held = store.parts_of(two.device).await.unwrap();
    assert_eq!(held.len(), 2);
    assert_eq!((held[0].part.serial.as_str(), held[0].gone_at), ("SER1B", None));
    assert_eq!((held[1].part.serial.as_str(), held[1].gone_at), ("SER2A", Some(at(2 * DAY))));
    assert_eq!(held[1].first_seen_at, at(1));
    let of_one = store.changes_of(Scope::REGION, one.device, 10).await.unwrap();
    assert_eq!(of_one.len(), 2, "the device that it left shows it too: {of_one:?}");
}

pub async fn what_is_stated_again_writes_nothing(store: Store) {
    let (mut one, _) = chains(&store).await;
    let same = storage(&["SER1A"], "1");
    report(&store, &mut one, &[(SectionName::Storage, &same)], 0).await;
    store
        .commit_reports(&[one.report(&[(SectionName::Storage, &same)], DAY)])
        .await
        .unwrap();
    assert_eq!(store.take_in_parts().await.unwrap(), 0, "the body is the one that was read");
    // Another firmware: read again, and nothing to tell.
    report(&store, &mut one, &[(SectionName::Storage, &storage(&["SER1A"], "2"))], 2 * DAY).await;
    assert_eq!(told(&store).await, []);
    assert_eq!(store.parts_of(one.device).await.unwrap()[0].first_seen_at, at(0));
}

pub async fn a_body_that_comes_late_is_read_when_it_comes(store: Store) {
    let (mut one, _) = chains(&store).await;
    let body = storage(&["SER1A"], "1");
    let mut late = one.report(&[(SectionName::Storage, &body)], 0);
    let bodies = std::mem::take(&mut late.bodies);
    store.commit_reports(std::slice::from_ref(&late)).await.unwrap();
    parts::run(&store, at(1)).await.unwrap();
    assert_eq!(store.parts_of(one.device).await.unwrap(), []);
    late.bodies = bodies;
    store.commit_reports(&[late]).await.unwrap();
    parts::run(&store, at(2)).await.unwrap();
    assert_eq!(store.parts_of(one.device).await.unwrap().len(), 1);
}

pub async fn a_number_of_two_live_devices_is_a_duplicate(store: Store) {
    let (mut one, mut two) = chains(&store).await;
    report(&store, &mut one, &[(SectionName::Storage, &storage(&["SAME01"], "1"))], 0).await;
    report(&store, &mut two, &[(SectionName::Storage, &storage(&["SAME01"], "1"))], DAY).await;
    let standing = async |device| store.parts_of(device).await.unwrap()[0].standing;
    assert_eq!(standing(one.device).await, Some(Standing::Contested));
    report(&store, &mut one, &[(SectionName::Storage, &storage(&["SAME01"], "2"))], DAY + 60).await;
    assert_eq!(
        told(&store).await,
        [(ChangeKind::PartDuplicate, two.external_id, Some(one.external_id))]
    );
    assert_eq!(standing(one.device).await, Some(Standing::Duplicate));
    assert_eq!(standing(two.device).await, Some(Standing::Duplicate));
}

pub async fn a_silent_device_is_presumed_to_have_lost_its_disk(store: Store) {
    let (mut one, mut two) = chains(&store).await;
    report(&store, &mut one, &[(SectionName::Storage, &storage(&["SAME01"], "1"))], 0).await;
    report(&store, &mut two, &[(SectionName::Storage, &storage(&["SAME01"], "1"))], DAY).await;
    parts::run(&store, at(7 * DAY)).await.unwrap();
    assert_eq!(told(&store).await, []);
    parts::run(&store, at(8 * DAY)).await.unwrap();
    assert_eq!(
        told(&store).await,
        [(ChangeKind::PartMoved, two.external_id, Some(one.external_id))]
    );
    parts::run(&store, at(9 * DAY)).await.unwrap();
    assert_eq!(told(&store).await.len(), 1);
    assert_eq!(store.parts_of(one.device).await.unwrap()[0].standing, Some(Standing::Left));
}

pub async fn another_board_is_told_and_the_device_stays(store: Store) {
    let (mut one, _) = chains(&store).await;
    let memory = memory(&["1A2B3C4D", "55AA77CC"]);
    report(
        &store,
        &mut one,
        &[(SectionName::System, &board("BRD000111")), (SectionName::Memory, &memory)],
        0,
    )
    .await;
    report(&store, &mut one, &[(SectionName::System, &board("BRD000999"))], DAY).await;
    let mut kinds: Vec<_> = told(&store).await.into_iter().map(|(kind, device, _)| (kind, device)).collect();
    kinds.sort();
    let serial = (ChangeKind::FactChanged, one.external_id);
    assert_eq!(
        kinds,
        [
            (ChangeKind::PartAdded, one.external_id),
            (ChangeKind::PartRemoved, one.external_id),
            serial
        ]
    );
    let held = store.parts_of(one.device).await.unwrap();
    let boards: Vec<_> = held.iter().filter(|held| held.part.identity.kind == PartKind::Board).collect();
    assert_eq!(boards.iter().filter(|board| board.gone_at.is_none()).count(), 1);
    assert_eq!(
        held.iter().filter(|held| held.part.identity.kind == PartKind::MemoryModule).count(),
        2
    );
}

pub async fn parts_are_found_by_number_model_and_maker_within_scope(store: Store) {
    let (mut one, _) = chains(&store).await;
    report(
        &store,
        &mut one,
        &[
            (SectionName::Storage, &storage(&["50026B77839A"], "1")),
            (SectionName::Memory, &memory(&["1A2B3C4D"])),
        ],
        0,
    )
    .await;
    let elsewhere = new_device(&place_of(&store, 3).await, 3);
    let id = store.insert_device(&elsewhere).await.unwrap();
    let mut there = Chain::new((id, elsewhere.external_id), 3);
    report(&store, &mut there, &[(SectionName::Storage, &storage(&["50026B778FFF"], "1"))], 5).await;
    let find = async |scope, query: &str| {
        let found = store.find_parts(scope, query, Page::default()).await.unwrap();
        assert_eq!(usize::try_from(found.total).unwrap(), found.rows.len());
        found
            .rows
            .into_iter()
            .map(|found| (found.held.part.serial, found.device))
            .collect::<Vec<_>>()
    };
    let (disk, foreign) = (
        ("50026B77839A".to_owned(), one.external_id),
        ("50026B778FFF".to_owned(), there.external_id),
    );
    assert_eq!(find(Scope::REGION, "50026b77839a").await, std::slice::from_ref(&disk));
    assert_eq!(find(Scope::REGION, "50026b77").await, [disk.clone(), foreign]);
    assert_eq!(find(Scope::REGION, "kingston sa400").await.len(), 2);
    assert_eq!(find(Scope::REGION, "M471A5244").await.len(), 1);
    assert_eq!(find(Scope::REGION, "samsung").await.len(), 1, "by the name of the maker's code");
    assert_eq!(find(Scope::REGION, "%").await, []);
    assert_eq!(find(Scope::REGION, "").await, []);
    let scope = municipality_scope(&store, "57701000").await;
    assert_eq!(find(scope, "50026b77").await, [disk]);
}

pub async fn changes_are_seen_within_scope_and_filtered(store: Store) {
    let (mut one, _) = chains(&store).await;
    let elsewhere = new_device(&place_of(&store, 3).await, 3);
    let id = store.insert_device(&elsewhere).await.unwrap();
    let mut there = Chain::new((id, elsewhere.external_id), 3);
    report(&store, &mut one, &[(SectionName::Storage, &storage(&["SER1A", "SER1B"], "1"))], 0).await;
    report(&store, &mut there, &[(SectionName::Storage, &storage(&["SER3A"], "1"))], 1).await;
    report(&store, &mut one, &[(SectionName::Storage, &storage(&["SER1A"], "1"))], DAY).await;
    report(
        &store,
        &mut there,
        &[(SectionName::Storage, &storage(&["SER3A", "SER1B"], "1"))],
        2 * DAY,
    )
    .await;
    let moved = ChangeFilter {
        kind: Some(ChangeKind::PartMoved),
        ..ChangeFilter::default()
    };
    let here = municipality_scope(&store, "57701000").await;
    let seen = store.changes(here, &moved, Page::default()).await.unwrap();
    assert_eq!(seen.total, 1, "the school that lost it sees it");
    assert!(!seen.rows[0].device.in_scope && seen.rows[0].other.as_ref().unwrap().in_scope);
    let organization = place_of(&store, 3).await.organization;
    let of_school = ChangeFilter {
        organization: Some(organization),
        ..moved.clone()
    };
    assert_eq!(store.changes(Scope::REGION, &of_school, Page::default()).await.unwrap().total, 1);
    let of_another = ChangeFilter {
        organization: Some(place_of(&store, 2).await.organization),
        ..moved
    };
    assert_eq!(store.changes(Scope::REGION, &of_another, Page::default()).await.unwrap().total, 0);
    assert_eq!(
        store.changes_of(here, id, 10).await.unwrap().len(),
        1,
        "what happened there alone is not seen"
    );
}

pub async fn a_taught_name_holds_until_the_next(store: Store) {
    use cos_controller::activity_log::{Action, Entry, SubjectKind};
    use cos_controller::name::NameKind;
    let taught = |name: Option<&str>, seconds| TaughtName {
        kind: NameKind::Panel,
        code: "XYZ156".into(),
        name: name.map(ToOwned::to_owned),
        source: "рулетка".into(),
        operator_login: "admin".into(),
        taught_at: at(seconds),
    };
    let entry = Entry::by_itself(at(0), Action::NameTaught, SubjectKind::Name, "panel XYZ156").into_new();
    store.teach_name(&taught(Some("15.6"), 1), &entry).await.unwrap();
    store.teach_name(&taught(Some("15.4"), 2), &entry).await.unwrap();
    assert_eq!(store.taught_names().await.unwrap(), [taught(Some("15.4"), 2)]);
    assert_eq!(store.names().await.unwrap().panel_tenths("XYZ156-B1").unwrap().0, 154);
    store.teach_name(&taught(None, 3), &entry).await.unwrap();
    assert_eq!(store.taught_names().await.unwrap(), []);
}

/// `COS_TEST_PART_DEVICES=120000` makes a region of that many devices, six parts each, and prints what a search takes.
async fn a_large_region_is_searched(store: Store, address: String) {
    let devices: i64 = match std::env::var("COS_TEST_PART_DEVICES") {
        Ok(count) => count.parse().unwrap(),
        Err(_) => 300,
    };
    with_region(&store).await;
    fill(&address, devices, place_of(&store, 1).await.building_id).await;
    let last = devices - 1;
    let searches = [
        ("one number", format!("SN2-{last:08}"), 1),
        ("the beginning of numbers", format!("SN2-{:06}", last / 100), 1),
        ("a model of a few", "MODEL 2-0017".to_owned(), 1),
        ("a maker of very many", "maker 2".to_owned(), 50.min(devices)),
        ("nothing", "NOWHERE".to_owned(), 0),
    ];
    for (what, query, least) in &searches {
        store.find_parts(Scope::REGION, query, Page::default()).await.unwrap();
        let mut took: Vec<_> = Vec::new();
        let mut found = None;
        for _ in 0..9 {
            let begin = Instant::now();
            found = Some(store.find_parts(Scope::REGION, query, Page::default()).await.unwrap());
            took.push(begin.elapsed());
        }
        took.sort();
        let found = found.unwrap();
        assert!(i64::try_from(found.rows.len()).unwrap() >= *least, "{what}: {}", found.rows.len());
        println!(
            "{:?}, {devices} devices, {what}: {} found, median {:?}, slowest {:?}",
            store.engine_kind(),
            found.total,
            took[4],
            took[8]
        );
    }
    let begin = Instant::now();
    let beside = store.carriers_beside(Scope::REGION, 1000).await.unwrap();
    let named = begin.elapsed();
    assert_eq!(beside.values().map(Vec::len).collect::<Vec<_>>(), [1]);
    let begin = Instant::now();
    let shared = store.shared_values(Scope::REGION).await.unwrap();
    let listed = begin.elapsed();
    assert_eq!(i64::try_from(shared.len()).unwrap(), (devices / 100).min(100));
    println!(
        "{:?}, {devices} devices: who states a number too {named:?}, all shared numbers {listed:?}",
        store.engine_kind()
    );
    store.close().await;
}

/// Six parts for each device, in two thousand models; the devices in 1,500 schools.
async fn fill(address: &str, devices: i64, building: i64) {
    use crate::database::execute;
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {devices})");
    let six = "(SELECT 0 AS k UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5) AS kinds";
    let kind = "CASE k WHEN 0 THEN 'board' WHEN 1 THEN 'battery' WHEN 2 THEN 'disk' WHEN 3 THEN 'monitor' WHEN 4 THEN 'memory_module' ELSE 'network_card' END";
    let padded = |value: &str, width: usize| {
        let zeros = "0".repeat(width);
        format!(
            "substr('{zeros}' || CAST({value} AS TEXT), length('{zeros}' || CAST({value} AS TEXT)) - {})",
            width - 1
        )
    };
    let schools = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1499)";
    let statements = [
        format!(
            "INSERT INTO organization (id, external_id, ogrn) {schools} \
             SELECT 1000 + i, '01900000-0000-7000-8001-' || {}, 'ogrn ' || CAST(i AS TEXT) FROM n",
            padded("i", 12)
        ),
        format!(
            "INSERT INTO organization_version (organization_id, municipality_id, inn, kind, name, short_name, name_key, sort_key, status, \
             valid_from, recorded_at, source) {schools} SELECT 1000 + i, (SELECT MIN(id) FROM municipality), '', 'school', 'x', 'x', 'x', 'x', \
             'active', 0, 0, '' FROM n"
        ),
        format!(
            "INSERT INTO device (id, external_id, organization_id, building_id, enrolled_at, state, search_key) {numbers} \
             SELECT 1000 + i, '01900000-0000-7000-8000-' || {}, 1000 + i % 1500, {building}, 0, 'enrolled', '' FROM n",
            padded("i", 12)
        ),
        "INSERT INTO presence (device_id, last_seen_at) SELECT id, 10 FROM device WHERE id >= 1000".to_owned(),
        // Four numbers for each device; every hundredth serial number is its neighbour's too.
        format!(
            "INSERT INTO device_identifier (device_id, kind, value, shown, source, since_at, read_at, shared_at) {numbers} \
             SELECT 1000 + i, CASE k WHEN 0 THEN 'system_serial' WHEN 1 THEN 'system_uuid' WHEN 2 THEN 'board_serial' ELSE 'chassis_serial' END, \
             'ID' || CAST(k AS TEXT) || '-' || CAST(CASE WHEN k = 0 AND i % 100 = 1 THEN i - 1 ELSE i END AS TEXT), 'ID', 'smbios', 0, 0, \
             CASE WHEN k = 0 AND i % 100 < 2 THEN 5 ELSE NULL END FROM n CROSS JOIN \
             (SELECT 0 AS k UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) AS kinds"
        ),
        format!(
            "INSERT INTO part_model (id, kind, maker, model, search_key) WITH RECURSIVE m(j) AS (SELECT 0 UNION ALL SELECT j + 1 FROM m WHERE j < 332) \
             SELECT 1 + j * 6 + k, {kind}, 'Maker ' || CAST(k AS TEXT), 'Model ' || CAST(k AS TEXT) || '-' || {}, \
             'maker ' || CAST(k AS TEXT) || ' model ' || CAST(k AS TEXT) || '-' || {} FROM m CROSS JOIN {six}",
            padded("j", 4),
            padded("j", 4)
        ),
        format!(
            "INSERT INTO device_part (device_id, kind, identity, serial, model_id, first_seen_at, since_at, last_stated_at) {numbers} \
             SELECT 1000 + i, {kind}, 'SN' || CAST(k AS TEXT) || '-' || {}, 'SN', 1 + (i % 333) * 6 + k, 0, 0, 0 FROM n CROSS JOIN {six}",
            padded("i", 8)
        ),
    ];
    for statement in statements {
        execute(address, statement).await;
    }
    if address.starts_with("postgres") {
        // As autovacuum does in time.
        execute(
            address,
            "ANALYZE organization, organization_version, device, presence, part_model, device_part, device_identifier".to_owned(),
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_region_is_searched_on_sqlite() {
    at_sqlite(async |address| {
        let store = Store::open(&address).await.unwrap();
        a_large_region_is_searched(store, address).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_region_is_searched_on_postgres() {
    at_postgres(|address| async move {
        let store = Store::open(&address).await.unwrap();
        a_large_region_is_searched(store, address).await;
    })
    .await;
}
