//! Buildings' lines: measurements that devices signed, contracts, and what the weeks come to.

use std::time::Duration;

use cos_controller::activity_log::{Action, Entry, SubjectKind};
use cos_controller::line::LineSettings;
use cos_controller::line::history::{WINDOW, judge_all};
use cos_controller::metrics::Metrics;
use cos_controller::register::sample::lines::{region_history, sample_measurement};
use cos_controller::store::line::{LineBuilding, LineContract, LineFilter};
use cos_controller::store::measurement::{SampleMeasurement, StoredMeasurement};
use cos_controller::store::report::CommitOutcome;
use cos_controller::store::{Page, Scope, Store};
use cos_controller::task::{lines, retention};
use inventory_schema::measurement::verdict::{Rule, Verdict};
use inventory_schema::measurement::weeks::Standing;
use inventory_schema::measurement::{Direction, Measurement};
use inventory_schema::organization::SettlementClass;
use inventory_schema::quantity::KilobitsPerSecond;
use inventory_schema::{SectionName, Timestamp};
use jiff::tz::TimeZone;

use crate::fixture::{Chain, at, place_of, with_device, with_region};

const STORED: CommitOutcome = CommitOutcome::Stored { missing: Vec::new() };

fn zone() -> TimeZone {
    TimeZone::get("Asia/Yekaterinburg").unwrap()
}

async fn line(store: &Store, organization: u64) -> LineBuilding {
    let place = place_of(store, organization).await;
    store.line_building(Scope::REGION, place.building).await.unwrap().unwrap()
}

async fn all_of(store: &Store, building: i64) -> Vec<StoredMeasurement> {
    let end = at(400 * 86_400);
    store.measurements(building, at(-86_400), end, 1_000).await.unwrap()
}

/// Judges what is due, as soon as the run before has let go of its turn.
async fn judge(store: &Store, settings: &LineSettings, now: Timestamp) -> usize {
    loop {
        if let Some(judged) = lines::run(store, settings, &zone(), now).await.unwrap() {
            return judged;
        }
        tokio::task::yield_now().await;
    }
}

fn measured(number: u64, seconds: i64, line: f64) -> Measurement {
    sample_measurement(number, at(seconds), Direction::Down, SettlementClass::City, line)
}

async fn with_chain(store: &Store) -> Chain {
    with_region(store).await;
    Chain::new(with_device(store, 1).await, 1)
}

pub async fn a_measurement_is_found_by_its_building_and_goes_with_its_month(store: Store) {
    let mut chain = with_chain(&store).await;
    let inventory = chain.report(&[(SectionName::Memory, "{\"n\":1}")], 1);
    let first = measured(1, 2, 150.0);
    let reports = [inventory, chain.measurement(&first, 3), chain.measurement(&measured(2, 4, 90.0), 5)];
    assert_eq!(store.commit_reports(&reports).await.unwrap(), [STORED, STORED, STORED]);
    assert_eq!(
        store.commit_reports(&reports[1..2]).await.unwrap(),
        [CommitOutcome::Duplicate],
        "the answer was lost"
    );
    // The same measurement signed anew, as after a restored disk, is found once.
    let again = chain.measurement(&first, 6);
    assert_eq!(store.commit_reports(std::slice::from_ref(&again)).await.unwrap(), [STORED]);

    let building = line(&store, 1).await;
    let found = all_of(&store, building.id).await;
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].measurement, first, "newest first");
    assert_eq!(found[1].device, Some(chain.external_id));
    assert_eq!(found[1].report, Some(reports[1].received.digest));
    assert!(!found[1].generated);
    let judged = judge_all(found, SettlementClass::City, &LineSettings::default(), &zone());
    let verdicts: Vec<Verdict> = judged.iter().map(|judged| judged.sample.judgement.verdict).collect();
    assert_eq!(verdicts, [Verdict::Below, Verdict::Meets]);
    // A measurement is no section of what the computer is.
    let sections = store.current_sections(chain.device).await.unwrap();
    assert_eq!(sections.len(), 1);
    assert_eq!(store.held_digests(chain.device).await.unwrap().len(), 1);

    // Its month goes, and the measurements with it; what the computer is stays.
    let body = again.received.envelope.body.unwrap();
    assert!(store.body(body).await.unwrap().is_some());
    let autumn = chain.report(&[(SectionName::Software, "{\"n\":2}")], 120 * 86_400);
    assert_eq!(store.commit_reports(&[autumn]).await.unwrap(), [STORED]);
    let gone = retention::run(&store, &Metrics::default(), Some(1), at(180 * 86_400))
        .await
        .unwrap();
    assert!(gone.months > 0, "{gone:?}");
    assert_eq!(all_of(&store, building.id).await, []);
    assert_eq!(store.body(body).await.unwrap(), None);
    assert_eq!(store.current_sections(chain.device).await.unwrap().len(), 2);
}

pub async fn a_measurement_of_another_schools_building_stays_at_home(store: Store) {
    let mut chain = with_chain(&store).await;
    let (own, foreign) = (line(&store, 1).await, line(&store, 2).await);
    let elsewhere = Measurement {
        building: Some(foreign.external_id),
        ..measured(1, 2, 150.0)
    };
    let report = chain.measurement(&elsewhere, 3);
    assert_eq!(store.commit_reports(&[report]).await.unwrap(), [STORED]);
    assert_eq!(all_of(&store, foreign.id).await, []);
    assert_eq!(all_of(&store, own.id).await.len(), 1);
    // A clock that is ahead measures no tomorrow.
    let ahead = measured(2, 90 * 86_400, 150.0);
    let report = chain.measurement(&ahead, 4);
    assert_eq!(store.commit_reports(&[report]).await.unwrap(), [STORED]);
    let until_now = store.measurements(own.id, at(0), at(5), 10).await.unwrap();
    assert_eq!(until_now.len(), 2);
}

pub async fn a_deleted_device_takes_its_measurements_along(store: Store) {
    let mut chain = with_chain(&store).await;
    let report = chain.measurement(&measured(1, 2, 150.0), 3);
    assert_eq!(store.commit_reports(&[report]).await.unwrap(), [STORED]);
    assert!(store.delete_device(Scope::REGION, chain.external_id).await.unwrap());
    assert_eq!(all_of(&store, line(&store, 1).await.id).await, []);
}

pub async fn a_contracted_speed_is_a_version(store: Store) {
    with_region(&store).await;
    let building = line(&store, 1).await;
    assert_eq!(
        (building.contracted, store.line_contracts(building.id).await.unwrap()),
        (None, Vec::new())
    );
    let contract = |speed: Option<u64>, document: &str, seconds: i64| LineContract {
        speed: speed.map(KilobitsPerSecond::saturating),
        document: document.to_owned(),
        recorded_at: at(seconds),
        recorded_by: "registrar".to_owned(),
    };
    let (first, second) = (contract(Some(100_000), "№ 1", 1), contract(None, "№ 1 расторгнут", 2));
    for contract in [&first, &second] {
        let entry = Entry::by_command_line(
            contract.recorded_at,
            Action::ContractRecorded,
            SubjectKind::Building,
            building.external_id,
        );
        store.set_line_contract(building.id, contract, &entry.into_new()).await.unwrap();
    }
    assert_eq!(store.line_contracts(building.id).await.unwrap(), [second, first]);
    assert_eq!(line(&store, 1).await.contracted, None);
    let of_another_school = Scope {
        municipality: None,
        organization: Some(line(&store, 2).await.organization_id),
    };
    assert_eq!(store.line_building(of_another_school, building.external_id).await.unwrap(), None);
}

pub async fn a_building_that_is_in_no_register_holds_up_nobody(store: Store) {
    with_region(&store).await;
    let known = line(&store, 1).await.id;
    let sample = |building, number| SampleMeasurement {
        building,
        measurement: measured(number, 2, 150.0),
    };
    store
        .add_sample_measurements(&[sample(-1, 1), sample(known, 2), sample(i64::MAX, 3)])
        .await
        .unwrap();
    for judged in [1, 0] {
        assert_eq!(judge(&store, &LineSettings::default(), at(100)).await, judged);
    }
}

pub async fn weeks_of_samples_are_judged_for_lists(store: Store) {
    with_region(&store).await;
    let settings = LineSettings::default();
    let rule = settings.rule_name();
    let now: Timestamp = "2026-11-24T12:00:00.000000Z".parse().unwrap();
    let found = store
        .lines(Scope::REGION, Direction::Down, &rule, &LineFilter::default(), Page::default())
        .await
        .unwrap();
    assert!(found.total > 1 && found.rows.iter().all(|row| row.standing.is_none()));
    let buildings: Vec<(i64, SettlementClass)> = found
        .rows
        .iter()
        .map(|row| (row.building.id, row.building.settlement_class))
        .collect();
    let history = region_history(&buildings, now, &settings.lessons, &zone());
    store.add_sample_measurements(&history).await.unwrap();
    let judged = judge(&store, &settings, now).await;
    assert!(judged > 0);
    assert_eq!(judge(&store, &settings, now).await, 0, "again changes nothing");

    let all = store
        .lines(Scope::REGION, Direction::Down, &rule, &LineFilter::default(), Page::default())
        .await
        .unwrap();
    let counts = store.standing_counts(Scope::REGION, Direction::Down, &rule).await.unwrap();
    assert_eq!(counts.iter().map(|count| count.buildings).sum::<i64>(), all.total);
    for count in &counts {
        let filter = LineFilter {
            standing: Some(count.standing),
            municipality: Some(count.municipality_id),
            ..LineFilter::default()
        };
        let listed = store
            .lines(Scope::REGION, Direction::Down, &rule, &filter, Page::default())
            .await
            .unwrap();
        assert_eq!(listed.total, count.buildings, "{count:?}");
    }
    let measured = all.rows.iter().find(|row| row.standing.is_some()).unwrap();
    let standing = measured.standing.as_ref().unwrap();
    assert!(standing.generated && standing.attempts > 0 && standing.last_measured_at.is_some());
    // By another rule nothing was judged yet; judged by it, the first one's copy is gone.
    let lenient = LineSettings {
        rule: Rule {
            tolerance: 50,
            ..Rule::default()
        },
        ..LineSettings::default()
    };
    let unjudged = store
        .standing_counts(Scope::REGION, Direction::Down, &lenient.rule_name())
        .await
        .unwrap();
    assert!(unjudged.iter().all(|count| count.standing == Standing::NoData));
    assert_eq!(judge(&store, &lenient, now).await, judged);
    // The window moves on over what was measured: after a summer without lessons there is no data.
    let summer = now + WINDOW + Duration::from_secs(7 * 86_400);
    judge(&store, &settings, summer).await;
    let after = store
        .lines(Scope::REGION, Direction::Down, &rule, &LineFilter::default(), Page::default())
        .await
        .unwrap();
    let standing = after
        .rows
        .iter()
        .find(|row| row.building.id == measured.building.id)
        .unwrap()
        .standing
        .as_ref();
    assert_eq!(standing.map(|standing| standing.standing), Some(Standing::NoData));
}
