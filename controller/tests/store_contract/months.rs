//! Reports are kept by month: chains, forks and bodies over a month's end, and clocks that jump.

use cos_controller::store::finding::FindingKind;
use cos_controller::store::month::ReceivedMonth;
use cos_controller::store::report::{CommitOutcome, ReportState, ReportToStore};
use cos_controller::store::{Page, Scope, Store};
use inventory_schema::{Digest, SectionName, Timestamp};

use crate::database::{at_postgres, execute};
use crate::fixture::{Chain, at, with_device, with_region};

const STORED: CommitOutcome = CommitOutcome::Stored { missing: Vec::new() };

async fn with_chain(store: &Store) -> Chain {
    with_region(store).await;
    Chain::new(with_device(store, 1).await, 1)
}

fn received(report: &ReportToStore, time: &str) -> ReportToStore {
    ReportToStore {
        received_at: time.parse().unwrap(),
        ..report.clone()
    }
}

pub async fn a_chain_goes_over_a_months_end(store: Store) {
    let mut chain = with_chain(&store).await;
    let mut rival = chain.clone();
    let first = chain.report(&[(SectionName::Memory, "{\"n\":1}")], 1);
    let second = chain.report(&[(SectionName::Memory, "{\"n\":2}")], 2);
    let forged = rival.report(&[(SectionName::Memory, "{\"n\":3}")], 3);
    let group = [
        received(&first, "2026-09-30T23:59:59.999999Z"),
        received(&second, "2026-10-01T00:00:00.000000Z"),
    ];
    assert_eq!(store.commit_reports(&group).await.unwrap(), [STORED, STORED]);
    let head = second.received.head();
    // The answer was lost; the agent sends it all again, a month later.
    let again = [
        received(&first, "2026-11-02T08:00:00.000000Z"),
        received(&second, "2026-11-02T08:00:00.000000Z"),
    ];
    assert_eq!(
        store.commit_reports(&again).await.unwrap(),
        [CommitOutcome::Duplicate, CommitOutcome::Duplicate]
    );
    for time in ["2026-11-30T23:59:59.999999Z", "2026-12-01T00:00:00.000000Z"] {
        assert_eq!(
            store.commit_reports(&[received(&forged, time)]).await.unwrap(),
            [CommitOutcome::Forked { head }]
        );
    }
    let states: Vec<ReportState> = store
        .reports(chain.device, Page::default())
        .await
        .unwrap()
        .rows
        .iter()
        .map(|row| row.state)
        .collect();
    assert_eq!(states, [ReportState::Fork, ReportState::Stored, ReportState::Stored]);
    assert_eq!(store.findings(chain.device, 10).await.unwrap().len(), 1);
    assert_eq!(store.chain_head(chain.key).await.unwrap(), Some(head));
    // A deleted device takes its reports of every month along.
    store.delete_device(Scope::REGION, chain.external_id).await.unwrap();
    assert_eq!(store.reports(chain.device, Page::default()).await.unwrap().total, 0);
    assert_eq!(store.report_bytes(first.received.digest).await.unwrap(), None);
}

/// Two controllers take in the same fork while one's clock is in the next month.
pub async fn a_fork_at_a_months_end_is_kept_once(store: Store) {
    let mut chain = with_chain(&store).await;
    let mut rival = chain.clone();
    let first = chain.report(&[], 1);
    store
        .commit_reports(&[received(&first, "2026-09-10T00:00:00.000000Z")])
        .await
        .unwrap();
    let forged = rival.report(&[(SectionName::Memory, "{\"forged\":1}")], 2);
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let time = if n % 2 == 0 {
                "2026-09-30T23:59:59.999999Z"
            } else {
                "2026-10-01T00:00:00.000001Z"
            };
            let (store, report) = (store.clone(), received(&forged, time));
            tokio::spawn(async move {
                loop {
                    let outcome = store.commit_reports(std::slice::from_ref(&report)).await.unwrap().remove(0);
                    if outcome != CommitOutcome::Retry {
                        return outcome;
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        let head = first.received.head();
        assert_eq!(task.await.unwrap(), CommitOutcome::Forked { head });
    }
    assert_eq!(store.reports(chain.device, Page::default()).await.unwrap().total, 2);
    let findings = store.findings(chain.device, 10).await.unwrap();
    assert_eq!(findings.iter().filter(|finding| finding.kind == FindingKind::Fork).count(), 1);
}

/// A controller whose clock is wrong, or jumps, takes reports in all the same.
pub async fn any_clock_has_a_month(store: Store) {
    let mut chain = with_chain(&store).await;
    let years = [2026, 1970, 2031, 2199, 2026];
    for (n, year) in years.into_iter().enumerate() {
        let report = chain.report(&[(SectionName::Memory, &format!("{{\"n\":{n}}}"))], 1);
        let report = received(&report, &format!("{year}-01-01T00:00:00.000000Z"));
        assert_eq!(store.commit_reports(&[report]).await.unwrap(), [STORED], "in {year}");
        assert_eq!(store.held_digests(chain.device).await.unwrap().len(), 1);
    }
    let mut beyond = chain.report(&[], 1);
    beyond.received_at = Timestamp::from_unix_micros(i64::MAX);
    assert_eq!(store.commit_reports(&[beyond]).await.unwrap(), [STORED]);
    assert_eq!(store.reports(chain.device, Page::default()).await.unwrap().total, 6);
}

/// A report that names a body of an older month without bringing it: its own month holds the body from then on.
pub async fn a_month_holds_the_bodies_its_reports_name(store: Store) {
    let mut chain = with_chain(&store).await;
    let body = "{\"same\":1}";
    let digest = Digest::of(body.as_bytes());
    let first = chain.report(&[(SectionName::Memory, body)], 1);
    let mut second = chain.report(&[(SectionName::Memory, body)], 2);
    second.bodies.clear();
    let (september, november) = ("2026-09-10T00:00:00.000000Z", "2026-11-10T00:00:00.000000Z");
    assert_eq!(store.commit_reports(&[received(&first, september)]).await.unwrap(), [STORED]);
    assert_eq!(store.commit_reports(&[received(&second, november)]).await.unwrap(), [STORED]);
    assert_eq!(store.held_digests(chain.device).await.unwrap().len(), 1);
    let sections = store.current_sections(chain.device).await.unwrap();
    assert_eq!(sections.len(), 1, "a body of two months is one section");
    assert_eq!(sections[0].body.as_deref(), Some(body.as_bytes()));
    let months = store.body_months(digest).await.unwrap();
    let month = |time: &str| ReceivedMonth::of(time.parse().unwrap());
    assert_eq!(months, [month(september), month(november)]);
}

/// Another controller let a month go that this one has written to.
#[tokio::test]
async fn a_month_that_another_controller_dropped_is_made_again() {
    at_postgres(|address| async move {
        let store = Store::open(&address).await.unwrap();
        let mut chain = with_chain(&store).await;
        assert_eq!(store.commit_reports(&[chain.report(&[], 1)]).await.unwrap(), [STORED]);
        let month = ReceivedMonth::of(at(1)).number();
        execute(&address, format!("DROP TABLE report_{month}, report_section_{month}, body_{month}")).await;
        let next = chain.report(&[(SectionName::Memory, "{}")], 2);
        assert_eq!(store.commit_reports(&[next]).await.unwrap(), [STORED]);
        assert_eq!(store.reports(chain.device, Page::default()).await.unwrap().total, 1);
        store.close().await;
    })
    .await;
}

/// Controllers that meet a new month together add it once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn controllers_add_a_month_together() {
    at_postgres(|address| async move {
        let store = Store::open(&address).await.unwrap();
        with_region(&store).await;
        let mut tasks = Vec::new();
        for number in 0..6 {
            let mut chain = Chain::new(with_device(&store, number).await, number);
            let address = address.clone();
            tasks.push(tokio::spawn(async move {
                let controller = Store::open(&address).await.unwrap();
                let outcome = controller.commit_reports(&[chain.report(&[], 1)]).await.unwrap();
                controller.close().await;
                outcome
            }));
        }
        for task in tasks {
            assert_eq!(task.await.unwrap(), [STORED]);
        }
        store.close().await;
    })
    .await;
}
