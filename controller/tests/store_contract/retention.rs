//! A month of reports goes; nothing that anything rests on goes with it.

use std::time::{Duration, Instant};

use cos_controller::metrics::Metrics;
use cos_controller::store::finding::FindingKind;
use cos_controller::store::month::ReceivedMonth;
use cos_controller::store::report::{CommitOutcome, ReportToStore};
use cos_controller::store::{Page, Scope, Store};
use cos_controller::task::retention::{Outcome, run};
use inventory_schema::{Digest, SectionName, Timestamp};

use crate::fixture::{Chain, with_device, with_region};

const STORED: CommitOutcome = CommitOutcome::Stored { missing: Vec::new() };

fn time(month: i64, day: i64) -> Timestamp {
    format!("{:04}-{:02}-{day:02}T08:00:00.000000Z", month / 100, month % 100)
        .parse()
        .unwrap()
}

fn received(mut report: ReportToStore, at: Timestamp) -> ReportToStore {
    report.received_at = at;
    report
}

/// Reports of one device through the months: memory is stated each time, storage only in the first.
async fn months_of(store: &Store, chain: &mut Chain, months: std::ops::RangeInclusive<i64>) -> Vec<ReportToStore> {
    let mut reports = Vec::new();
    for month in months {
        let memory = format!("{{\"of\":\"{}\",\"month\":{month}}}", chain.key);
        let storage = format!("{{\"disk\":\"{}\"}}", chain.key);
        let mut sections = vec![(SectionName::Memory, memory.as_str())];
        if reports.is_empty() {
            sections.push((SectionName::Storage, &storage));
        }
        let report = received(chain.report(&sections, 1), time(month, 3));
        assert_eq!(store.commit_reports(std::slice::from_ref(&report)).await.unwrap(), [STORED]);
        reports.push(report);
    }
    reports
}

async fn with_chain(store: &Store, number: u64) -> Chain {
    Chain::new(with_device(store, number).await, number)
}

pub async fn a_month_goes_and_what_rests_on_it_stays(store: Store) {
    with_region(&store).await;
    let (mut busy, mut silent) = (with_chain(&store, 1).await, with_chain(&store, 2).await);
    let of_busy = months_of(&store, &mut busy, 202_601..=202_608).await;
    let of_silent = months_of(&store, &mut silent, 202_601..=202_602).await;
    // A fork in February: the finding stays when its envelopes go.
    let mut rival = Chain {
        place: of_busy[1].received.envelope.place,
        previous: of_busy[1].received.envelope.previous,
        ..busy.clone()
    };
    let forged = received(rival.report(&[(SectionName::Memory, "{\"forged\":1}")], 1), time(202_602, 9));
    assert!(matches!(
        store.commit_reports(std::slice::from_ref(&forged)).await.unwrap()[..],
        [CommitOutcome::Forked { .. }]
    ));
    let before = (
        store.current_sections(busy.device).await.unwrap(),
        store.current_sections(silent.device).await.unwrap(),
    );
    assert_eq!(store.kept_since().await.unwrap(), None);

    let (metrics, now) = (Metrics::default(), time(202_608, 20));
    // January to April go: five reports of the busy device but its first, the fork, one of the silent device's two.
    let outcome = run(&store, &metrics, Some(3), now).await.unwrap();
    assert_eq!(outcome, Outcome { months: 4, reports: 4 });
    assert_eq!(
        run(&store, &metrics, Some(3), now).await.unwrap(),
        Outcome::default(),
        "again changes nothing"
    );
    assert!(metrics.text(Default::default()).contains("cos_retention_reports_total 4\n"));
    assert_eq!(store.kept_since().await.unwrap(), ReceivedMonth::from_number(202_605));

    // What the devices state, their heads and the envelopes that say so are there.
    let after = (
        store.current_sections(busy.device).await.unwrap(),
        store.current_sections(silent.device).await.unwrap(),
    );
    assert_eq!(after, before);
    assert!(after.0.iter().chain(&after.1).all(|section| section.body.is_some()));
    for (reports, stay) in [(&of_busy, vec![0, 4, 5, 6, 7]), (&of_silent, vec![0, 1])] {
        for (n, report) in reports.iter().enumerate() {
            let bytes = store.report_bytes(report.received.digest).await.unwrap();
            assert_eq!(bytes.is_some(), stay.contains(&n), "report {n}");
        }
    }
    assert_eq!(store.report_bytes(forged.received.digest).await.unwrap(), None);
    assert_eq!(store.body(Digest::of(b"{\"forged\":1}")).await.unwrap(), None);
    assert_eq!(store.findings(busy.device, 9).await.unwrap()[0].kind, FindingKind::Fork);
    let listed = store.reports(busy.device, Page::default()).await.unwrap();
    assert_eq!((listed.total, listed.rows[4].sections), (5, 2));

    // Both chains go on, and what was let go is a gap, not a fork.
    for (chain, reports) in [(&mut busy, &of_busy), (&mut silent, &of_silent)] {
        let head = reports[reports.len() - 1].received.head();
        assert_eq!(store.chain_head(chain.key).await.unwrap(), Some(head));
        assert_eq!(
            store.commit_reports(&reports[reports.len() - 1..]).await.unwrap(),
            [CommitOutcome::Duplicate]
        );
        let next = received(chain.report(&[], 1), now);
        assert_eq!(store.commit_reports(std::slice::from_ref(&next)).await.unwrap(), [STORED]);
        let old = received(reports[reports.len() - 2].clone(), now);
        let expected = if reports.len() == 2 {
            CommitOutcome::Duplicate
        } else {
            assert_eq!(
                store.commit_reports(&reports[2..3]).await.unwrap(),
                [CommitOutcome::Gap {
                    head: next.received.head()
                }]
            );
            CommitOutcome::Duplicate
        };
        assert_eq!(store.commit_reports(&[old]).await.unwrap(), [expected]);
    }
    // The log tells of each month.
    let log = store.activities(Scope::REGION, Page::default()).await.unwrap();
    let months: Vec<&str> = log.rows.iter().rev().map(|entry| entry.subject_id.as_str()).collect();
    assert_eq!(months, ["2026-01", "2026-02", "2026-03", "2026-04"]);
    assert_eq!(log.rows[0].action, "month_dropped");
}

pub async fn a_broken_run_is_finished_by_the_next(store: Store) {
    with_region(&store).await;
    let mut chain = with_chain(&store, 1).await;
    let reports = months_of(&store, &mut chain, 202_601..=202_606).await;
    // The controller ended after it had moved what stays, and before the month went.
    let month = |number| ReceivedMonth::from_number(number).unwrap();
    for devices in store.device_ranges().await.unwrap() {
        store.move_what_stays(month(202_601), month(202_606), &devices).await.unwrap();
        store.move_what_stays(month(202_601), month(202_606), &devices).await.unwrap();
    }
    let held = store.held_digests(chain.device).await.unwrap();
    assert_eq!(held.len(), 2);
    let outcome = run(&store, &Metrics::default(), Some(2), time(202_606, 9)).await.unwrap();
    assert_eq!(outcome.months, 3);
    assert_eq!(store.held_digests(chain.device).await.unwrap(), held);
    assert!(
        store
            .current_sections(chain.device)
            .await
            .unwrap()
            .iter()
            .all(|section| section.body.is_some())
    );
    assert!(store.report_bytes(reports[0].received.digest).await.unwrap().is_some());
    assert_eq!(store.reports(chain.device, Page::default()).await.unwrap().total, 4);
}

/// Retention is no reason for a device to wait, nor to lose what it just said.
pub async fn reports_come_in_while_a_month_goes(store: Store) {
    with_region(&store).await;
    let mut chains = Vec::new();
    for number in 0..30 {
        let mut chain = with_chain(&store, number).await;
        for month in [202_601, 202_602, 202_603] {
            let group: Vec<ReportToStore> = (0..40)
                .map(|n| {
                    let body = format!("{{\"of\":{number},\"month\":{month},\"n\":{n}}}");
                    received(chain.report(&[(SectionName::Memory, &body)], n), time(month, 2))
                })
                .collect();
            assert_eq!(store.commit_reports(&group).await.unwrap(), vec![STORED; 40]);
        }
        chains.push(chain);
    }
    let going = {
        let store = store.clone();
        tokio::spawn(async move { run(&store, &Metrics::default(), Some(1), time(202_603, 20)).await })
    };
    let mut slowest = Duration::ZERO;
    let mut n = 0;
    while !going.is_finished() || n < chains.len() {
        let index = n % chains.len();
        let body = format!("{{\"late\":{n}}}");
        let report = received(chains[index].report(&[(SectionName::Memory, &body)], 1), time(202_603, 21));
        let begun = Instant::now();
        assert_eq!(store.commit_reports(&[report]).await.unwrap(), [STORED]);
        slowest = slowest.max(begun.elapsed());
        n += 1;
    }
    assert_eq!(going.await.unwrap().unwrap().months, 1);
    // A second is what PostgreSQL's lock may take; a batch of SQLite takes milliseconds.
    assert!(slowest < Duration::from_secs(5), "a report waited {slowest:?}");
    println!("{n} reports came in while a month of 1,200 went, the slowest in {slowest:?}");
    for chain in &chains {
        let sections = store.current_sections(chain.device).await.unwrap();
        assert!(sections[0].body.is_some(), "what is stated now is held");
        assert!(store.reports(chain.device, Page::default()).await.unwrap().total > 80);
    }
}
