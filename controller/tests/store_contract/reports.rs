//! Reports: chains, forks, gaps, duplicates, groups, bodies.

use std::collections::BTreeSet;

use cos_controller::store::device::DeviceSummary;
use cos_controller::store::finding::FindingKind;
use cos_controller::store::report::{CommitOutcome, MAX_GROUP, ReportState};
use cos_controller::store::{Page, Scope, Store};
use inventory_schema::envelope::{ReceivedEnvelope, Resumption};
use inventory_schema::{Digest, SectionName};

use crate::fixture::{Chain, at, new_device, place_of, with_device, with_region};

const STORED: CommitOutcome = CommitOutcome::Stored { missing: Vec::new() };

async fn with_chain(store: &Store) -> Chain {
    with_region(store).await;
    Chain::new(with_device(store, 1).await, 1)
}

pub async fn a_report_is_stored_and_read_back(store: Store) {
    let mut chain = with_chain(&store).await;
    let long = format!("{{\"software\":\"{}\"}}", "пакет ".repeat(20_000));
    let mut report = chain.report(&[(SectionName::System, "{\"a\":1}"), (SectionName::Software, &long)], 5);
    report.summary.host_name = Some("pc-1".into());
    report.clock_offset_micros = Some(12);
    assert_eq!(store.commit_reports(std::slice::from_ref(&report)).await.unwrap(), [STORED]);
    assert_eq!(store.commit_reports(&[]).await.unwrap(), []);

    assert_eq!(store.chain_head(chain.key).await.unwrap(), Some(report.received.head()));
    let listed = store.reports(chain.device, Page::default()).await.unwrap();
    assert_eq!(listed.total, 1);
    let record = &listed.rows[0];
    assert_eq!(
        (record.digest, record.place, record.state),
        (report.received.digest, report.received.envelope.place, ReportState::Stored)
    );
    assert_eq!((record.sections, record.received_at, record.trusted_time), (2, at(5), Some(at(5))));
    let bytes = store.report_bytes(report.received.digest).await.unwrap().unwrap();
    assert_eq!(
        (bytes.envelope, bytes.device, bytes.key),
        (report.received.bytes.clone(), chain.device, chain.key)
    );
    assert_eq!(bytes.signature, report.signature.as_bytes());

    let sections = store.current_sections(chain.device).await.unwrap();
    let bodies: Vec<(SectionName, &[u8])> = sections
        .iter()
        .map(|section| (section.section, section.body.as_deref().unwrap()))
        .collect();
    assert_eq!(
        bodies,
        [(SectionName::System, &b"{\"a\":1}"[..]), (SectionName::Software, long.as_bytes())]
    );
    assert_eq!(store.held_digests(chain.device).await.unwrap(), report.received.envelope.sections);
    assert_eq!(store.body(Digest::of(long.as_bytes())).await.unwrap().unwrap(), long.as_bytes());
    assert_eq!(store.body(Digest::of(b"other")).await.unwrap(), None);
    let known = Digest::of(long.as_bytes());
    let asked = BTreeSet::from([known, Digest::of(b"other")]);
    assert_eq!(store.existing_bodies(&asked).await.unwrap(), BTreeSet::from([known]));

    let device = store.device(Scope::REGION, chain.external_id).await.unwrap().unwrap();
    assert_eq!((device.last_seen_at, device.last_report_at), (Some(at(5)), Some(at(5))));
    assert_eq!(
        (device.summary.host_name.as_deref(), device.clock_offset_micros),
        (Some("pc-1"), Some(12))
    );
}

pub async fn a_chain_is_continued_within_one_group(store: Store) {
    let mut chain = with_chain(&store).await;
    let mut group: Vec<_> = (0..5)
        .map(|n| chain.report(&[(SectionName::Memory, &format!("{{\"n\":{n}}}"))], n))
        .collect();
    group[0].summary = DeviceSummary {
        host_name: Some("old".into()),
        maker: Some("kept".into()),
        ..Default::default()
    };
    group[4].summary.host_name = Some("new".into());
    assert_eq!(store.commit_reports(&group).await.unwrap(), vec![STORED; 5]);
    assert_eq!(store.chain_head(chain.key).await.unwrap(), Some(group[4].received.head()));
    let sections = store.current_sections(chain.device).await.unwrap();
    assert_eq!(sections.len(), 1);
    assert_eq!(sections[0].body.as_deref(), Some(&b"{\"n\":4}"[..]));
    let summary = store.device(Scope::REGION, chain.external_id).await.unwrap().unwrap().summary;
    assert_eq!(
        (summary.host_name.as_deref(), summary.maker.as_deref()),
        (Some("new"), Some("kept"))
    );
    assert_eq!(store.findings(chain.device, 10).await.unwrap(), []);
    // And on in the next epoch, in another group.
    chain.place.epoch += 1;
    chain.place.sequence = 1;
    chain.resumed = Some(Resumption::Forked);
    assert_eq!(store.commit_reports(&[chain.report(&[], 9)]).await.unwrap(), [STORED]);
    assert_eq!(store.findings(chain.device, 10).await.unwrap()[0].kind, FindingKind::ChainBreak);
    assert_eq!(
        store.reports(chain.device, Page::default()).await.unwrap().rows[0].resumed,
        Some(Resumption::Forked)
    );
}

/// A disk that restores itself breaks its chain at every boot, once or more in a group: people see one finding for each
/// reason, and every break stays in its envelope.
pub async fn breaks_are_one_finding_that_counts(store: Store) {
    let mut chain = with_chain(&store).await;
    let broken = |chain: &mut Chain, reason, seconds| {
        chain.resumed = Some(reason);
        chain.report(&[], seconds)
    };
    let restored = Resumption::StateRestored;
    let mut envelopes = Vec::new();
    store.commit_reports(&[chain.report(&[], 1)]).await.unwrap();
    let group = [
        broken(&mut chain, restored, 10),
        chain.report(&[], 11),
        broken(&mut chain, restored, 20),
    ];
    assert_eq!(store.commit_reports(&group).await.unwrap(), vec![STORED; 3]);
    envelopes.extend([group[0].received.digest, group[2].received.digest]);
    store.commit_reports(&[broken(&mut chain, Resumption::Forked, 25)]).await.unwrap();
    let found = store.findings(chain.device, 10).await.unwrap();
    assert_eq!(found.iter().map(|finding| finding.times).collect::<Vec<_>>(), [1, 2]);
    let (restored_id, forked_id) = (found[1].id, found[0].id);

    let last = broken(&mut chain, restored, 30);
    envelopes.push(last.received.digest);
    assert_eq!(store.commit_reports(std::slice::from_ref(&last)).await.unwrap(), [STORED]);
    // It was answered, and comes again: nothing is counted twice.
    assert!(matches!(
        store.commit_reports(std::slice::from_ref(&last)).await.unwrap()[..],
        [CommitOutcome::Duplicate]
    ));
    let found = store.findings(chain.device, 10).await.unwrap();
    assert_eq!(found.iter().map(|finding| finding.id).collect::<Vec<_>>(), [restored_id, forked_id]);
    assert!(found.iter().all(|finding| finding.kind == FindingKind::ChainBreak));
    assert_eq!((found[0].times, found[0].found_at, found[0].last_found_at), (3, at(10), at(30)));
    assert!(found[0].detail.contains(&last.received.digest.to_string()), "{}", found[0].detail);
    assert_eq!((found[1].times, found[1].found_at, found[1].last_found_at), (1, at(25), at(25)));

    // A controller whose clock is behind counts too, and takes nothing newer away.
    let behind = broken(&mut chain, restored, 28);
    envelopes.push(behind.received.digest);
    store.commit_reports(std::slice::from_ref(&behind)).await.unwrap();
    let found = store.findings(chain.device, 10).await.unwrap();
    assert_eq!((found[0].times, found[0].last_found_at), (4, at(30)));
    assert!(found[0].detail.contains(&last.received.digest.to_string()));
    for digest in envelopes {
        let bytes = store.report_bytes(digest).await.unwrap().unwrap();
        assert_eq!(ReceivedEnvelope::read(bytes.envelope).unwrap().envelope.resumed, Some(restored));
    }
}

pub async fn a_fork_keeps_both_and_is_found_once(store: Store) {
    let mut chain = with_chain(&store).await;
    let first = chain.report(&[], 1);
    let mut clone = chain.clone();
    let real = chain.report(&[(SectionName::Memory, "{\"real\":1}")], 2);
    let forged = clone.report(&[(SectionName::Memory, "{\"forged\":1}")], 3);
    store.commit_reports(&[first, real.clone()]).await.unwrap();
    let head = real.received.head();
    for _ in 0..2 {
        let outcome = store.commit_reports(std::slice::from_ref(&forged)).await.unwrap();
        assert_eq!(outcome, [CommitOutcome::Forked { head }]);
    }
    assert_eq!(store.chain_head(chain.key).await.unwrap(), Some(head));
    assert_eq!(store.held_digests(chain.device).await.unwrap(), real.received.envelope.sections);
    let states: Vec<ReportState> = store
        .reports(chain.device, Page::default())
        .await
        .unwrap()
        .rows
        .iter()
        .map(|row| row.state)
        .collect();
    assert_eq!(states, [ReportState::Fork, ReportState::Stored, ReportState::Stored]);
    assert!(store.report_bytes(forged.received.digest).await.unwrap().is_some());
    assert!(store.body(Digest::of(b"{\"forged\":1}")).await.unwrap().is_some());
    let findings = store.findings(chain.device, 10).await.unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].kind, FindingKind::Fork);
    // The chain itself goes on.
    assert_eq!(store.commit_reports(&[chain.report(&[], 4)]).await.unwrap(), [STORED]);
}

pub async fn a_gap_stores_nothing(store: Store) {
    let mut chain = with_chain(&store).await;
    let first = chain.report(&[], 1);
    let lost = chain.report(&[], 2);
    let third = chain.report(&[(SectionName::Memory, "{\"n\":3}")], 3);
    let head = first.received.head();
    let outcomes = store.commit_reports(&[first, third.clone()]).await.unwrap();
    assert_eq!(outcomes, [STORED, CommitOutcome::Gap { head }]);
    assert_eq!(store.chain_head(chain.key).await.unwrap(), Some(head));
    assert_eq!(store.reports(chain.device, Page::default()).await.unwrap().total, 1);
    assert_eq!(store.body(Digest::of(b"{\"n\":3}")).await.unwrap(), None);
    assert_eq!(store.commit_reports(&[lost, third]).await.unwrap(), [STORED, STORED]);
}

pub async fn a_duplicate_is_known_and_may_bring_missing_bodies(store: Store) {
    let mut chain = with_chain(&store).await;
    let whole = chain.report(&[(SectionName::Memory, "{\"n\":1}"), (SectionName::Storage, "{\"n\":2}")], 1);
    let mut tombstone = whole.clone();
    tombstone.bodies.truncate(1);
    let absent = Digest::of(b"{\"n\":2}");
    let outcome = store.commit_reports(&[tombstone]).await.unwrap();
    assert_eq!(outcome, [CommitOutcome::Stored { missing: vec![absent] }]);
    let held: Vec<SectionName> = store.held_digests(chain.device).await.unwrap().into_keys().collect();
    assert_eq!(held, [SectionName::Memory]);
    let sections = store.current_sections(chain.device).await.unwrap();
    assert_eq!((sections.len(), sections[1].body.clone()), (2, None));
    // The same group twice over: within one group and in a later one.
    let outcomes = store.commit_reports(&[whole.clone(), whole.clone()]).await.unwrap();
    assert_eq!(outcomes, [CommitOutcome::Duplicate, CommitOutcome::Duplicate]);
    assert_eq!(store.held_digests(chain.device).await.unwrap().len(), 2);
    store.commit_reports(&[chain.report(&[], 2)]).await.unwrap();
    assert_eq!(store.commit_reports(&[whole]).await.unwrap(), [CommitOutcome::Duplicate]);
    assert_eq!(store.reports(chain.device, Page::default()).await.unwrap().total, 2);
}

pub async fn a_group_of_256_with_one_conflicting_report(store: Store) {
    with_region(&store).await;
    let place = place_of(&store, 1).await;
    let mut group = Vec::new();
    let mut chains = Vec::new();
    for number in 0..MAX_GROUP as u64 {
        let device = new_device(&place, number);
        let id = store.insert_device(&device).await.unwrap();
        let mut chain = Chain::new((id, device.external_id), number);
        group.push(chain.report(&[(SectionName::Memory, &format!("{{\"of\":{number}}}"))], 1));
        chains.push(chain);
    }
    let conflict = 100;
    let mut rival = Chain {
        place: group[conflict].received.envelope.place,
        previous: None,
        ..chains[conflict].clone()
    };
    let earlier = rival.report(&[], 0);
    assert_eq!(store.commit_reports(std::slice::from_ref(&earlier)).await.unwrap(), [STORED]);
    let gone = 200;
    store.delete_device(Scope::REGION, chains[gone].external_id).await.unwrap();
    let outcomes = store.commit_reports(&group).await.unwrap();
    for (index, outcome) in outcomes.into_iter().enumerate() {
        let expected = match index {
            _ if index == conflict => CommitOutcome::Forked {
                head: earlier.received.head(),
            },
            _ if index == gone => CommitOutcome::DeviceUnknown,
            _ => STORED,
        };
        assert_eq!(outcome, expected, "report {index}");
    }
    for index in [0, 63, 64, 255] {
        assert_eq!(
            store.chain_head(chains[index].key).await.unwrap(),
            Some(group[index].received.head())
        );
        assert_eq!(
            store.held_digests(chains[index].device).await.unwrap(),
            group[index].received.envelope.sections
        );
    }
}

pub async fn equal_bodies_are_stored_once(store: Store) {
    with_region(&store).await;
    let mut group = Vec::new();
    for number in 0..20 {
        let mut chain = Chain::new(with_device(&store, number).await, number);
        group.push(chain.report(&[(SectionName::Software, "{\"same\":1}")], 1));
    }
    let (with, mut without) = (group[..10].to_vec(), group[10..].to_vec());
    assert_eq!(store.commit_reports(&with).await.unwrap(), vec![STORED; 10]);
    // The others need not send what is held.
    without.iter_mut().for_each(|report| report.bodies.clear());
    assert_eq!(store.commit_reports(&without).await.unwrap(), vec![STORED; 10]);
    assert_eq!(
        store.current_sections(without[9].device).await.unwrap()[0].body.as_deref(),
        Some(&b"{\"same\":1}"[..])
    );
}

pub async fn concurrent_groups_of_one_chain_store_it_once(store: Store) {
    let mut chain = with_chain(&store).await;
    let report = chain.report(&[(SectionName::Memory, "{\"n\":1}")], 1);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (store, report) = (store.clone(), report.clone());
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
    let mut stored = 0;
    for task in tasks {
        match task.await.unwrap() {
            CommitOutcome::Duplicate => {}
            other => {
                assert_eq!(other, STORED);
                stored += 1;
            }
        }
    }
    assert_eq!(stored, 1);
    assert_eq!(store.reports(chain.device, Page::default()).await.unwrap().total, 1);
}

pub async fn a_deleted_device_that_returns_continues_its_chain_with_a_break(store: Store) {
    with_region(&store).await;
    let place = place_of(&store, 1).await;
    let device = new_device(&place, 1);
    let id = store.insert_device(&device).await.unwrap();
    let mut chain = Chain::new((id, device.external_id), 1);
    let first = chain.report(&[(SectionName::Memory, "{\"n\":1}")], 1);
    store.commit_reports(std::slice::from_ref(&first)).await.unwrap();
    store.delete_device(Scope::REGION, device.external_id).await.unwrap();
    chain.device = store.insert_device(&device).await.unwrap();
    assert_ne!(chain.device, id, "an internal id never names two records");
    assert_eq!(store.held_digests(chain.device).await.unwrap().len(), 0);
    let next = chain.report(&[(SectionName::Memory, "{\"n\":1}")], 2);
    assert_eq!(store.commit_reports(std::slice::from_ref(&next)).await.unwrap(), [STORED]);
    assert_eq!(store.chain_head(chain.key).await.unwrap(), Some(next.received.head()));
    assert_eq!(store.held_digests(chain.device).await.unwrap(), next.received.envelope.sections);
    assert_eq!(store.findings(chain.device, 10).await.unwrap()[0].kind, FindingKind::ChainBreak);
    // What was sent before the deletion is a place that has passed.
    let mut late = first;
    late.device = chain.device;
    assert_eq!(
        store.commit_reports(&[late]).await.unwrap(),
        [CommitOutcome::Gap {
            head: next.received.head()
        }]
    );
}

/// Whatever arrives in whatever groups, every report is answered and every head stands as if each had come alone.
pub async fn groups_answer_as_single_reports_do(store: Store) {
    with_region(&store).await;
    let mut chance = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: usize| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        usize::try_from(chance % below as u64).unwrap()
    };
    let mut kinds: BTreeSet<String> = BTreeSet::new();
    for round in 0..6 {
        // The same history of two keys, once for a device that gets single reports, once for one that gets groups.
        let mut histories = [Vec::new(), Vec::new()];
        let mut chains = Vec::new();
        for (history, reports) in histories.iter_mut().enumerate() {
            let number = 100 + 2 * round + history as u64;
            let chain = Chain::new(with_device(&store, number).await, number);
            chains.push(chain.key);
            let mut branches = vec![chain];
            let mut steps = [3, 0, 5, 1, 4, 2, 6, 0, 1, 3].into_iter().cycle().skip(round as usize);
            for n in 0..14 {
                let step = steps.next().unwrap_or(0);
                if step == 5 {
                    branches.push(branches[0].clone());
                }
                let branch = step % branches.len();
                reports.push(branches[branch].report(&[(SectionName::Memory, &format!("{{\"n\":{n}}}"))], n));
            }
        }
        let order: Vec<usize> = (0..20).map(|n| if n < 14 && n % 5 != 4 { n } else { draw(14) }).collect();
        let mut answers = [Vec::new(), Vec::new()];
        for &index in &order {
            answers[0].extend(store.commit_reports(&histories[0][index..=index]).await.unwrap());
        }
        let mut left = order.as_slice();
        while !left.is_empty() {
            let (now, later) = left.split_at((1 + draw(6)).min(left.len()));
            let group: Vec<_> = now.iter().map(|&index| histories[1][index].clone()).collect();
            answers[1].extend(store.commit_reports(&group).await.unwrap());
            left = later;
        }
        let shape = |answers: &[CommitOutcome]| -> Vec<String> {
            let place = |outcome: &CommitOutcome| match outcome {
                CommitOutcome::Forked { head } => format!("forked {:?}", head.place),
                CommitOutcome::Gap { head } => format!("gap {:?}", head.place),
                other => format!("{other:?}"),
            };
            answers.iter().map(place).collect()
        };
        assert_eq!(shape(&answers[0]), shape(&answers[1]), "round {round}, order {order:?}");
        kinds.extend(
            shape(&answers[0])
                .iter()
                .filter_map(|answer| answer.split(' ').next().map(str::to_owned)),
        );
        let heads = [
            store.chain_head(chains[0]).await.unwrap(),
            store.chain_head(chains[1]).await.unwrap(),
        ];
        assert_eq!(heads[0].map(|head| head.place), heads[1].map(|head| head.place));
    }
    let came_up: Vec<&str> = kinds.iter().map(String::as_str).collect();
    assert_eq!(came_up, ["Duplicate", "Stored", "forked", "gap"]);
}
