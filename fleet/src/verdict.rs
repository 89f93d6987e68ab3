//! Holds what the computers saw against the database: what was acknowledged is there exactly once, every
//! device is whole, and chains are unbroken but for the breaks that say so.

use std::collections::BTreeMap;
use std::sync::Arc;

use cos_controller::store::report::ReportState;
use cos_controller::store::report_reading::ReportRecord;
use cos_controller::store::{Page, Scope, Store, StoreError};
use inventory_schema::envelope::Resumption;
use inventory_schema::{Digest, SectionName};

use crate::record::{Entries, Log};

/// What is wrong; empty when all is well.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Verdict {
    pub devices: i64,
    pub reports: usize,
    /// Recorded breaks of chains, by their reason.
    pub breaks: BTreeMap<String, usize>,
    /// Reports whose envelope was lost with a restored disk before it was delivered: nobody was told that they were stored.
    pub lost_with_disks: usize,
    pub complaints: Vec<String>,
}

/// The most complaints that are listed.
const MAX_COMPLAINTS: usize = 50;

/// One computer to be judged: what its log says, and what its hardware is now.
#[derive(Debug)]
pub struct Witness {
    pub number: u64,
    pub log: Arc<Log>,
    /// How many root certificates it believes.
    pub roots: usize,
    pub hardware: BTreeMap<SectionName, Digest>,
}

pub async fn judge(store: &Store, witnesses: &[Witness]) -> Result<Verdict, StoreError> {
    let mut verdict = Verdict {
        devices: store.devices(Scope::REGION, &Default::default(), Page::default()).await?.total,
        ..Verdict::default()
    };
    for witness in witnesses {
        let mut complaints = Vec::new();
        let entries = witness.log.entries().clone();
        let device = match entries.key {
            Some(key) => store.device_by_key(key).await?,
            None => None,
        };
        match device {
            None => complaints.push("is not in the database".to_owned()),
            Some(device) => {
                if Some(device.external_id) != entries.device {
                    complaints.push(format!("is recorded as {}", device.external_id));
                }
                let reports = all_reports(store, device.id).await?;
                verdict.reports += reports.len();
                judge_reports(&entries, &reports, &mut verdict.breaks, &mut complaints);
                let held = store.held_digests(device.id).await?;
                for (section, digest) in &witness.hardware {
                    if held.get(section) != Some(digest) {
                        complaints.push(format!("is not whole: its {section} is not what the controller holds"));
                    }
                }
            }
        }
        verdict.lost_with_disks += entries.lost_with_disk.difference(&entries.acknowledged).count();
        let complaints = complaints
            .into_iter()
            .map(|complaint| format!("computer {} {complaint}", witness.number));
        verdict.complaints.extend(complaints);
    }
    let expected = i64::try_from(witnesses.len()).unwrap_or(i64::MAX);
    if verdict.devices != expected {
        verdict
            .complaints
            .push(format!("{} devices for {expected} computers", verdict.devices));
    }
    verdict.complaints.truncate(MAX_COMPLAINTS);
    Ok(verdict)
}

async fn all_reports(store: &Store, device: i64) -> Result<Vec<ReportRecord>, StoreError> {
    let (mut reports, mut number) = (Vec::new(), 1);
    loop {
        let page = store.reports(device, Page::numbered(number, 100)).await?;
        let last = page.rows.is_empty();
        reports.extend(page.rows);
        if last || reports.len() as i64 >= page.total {
            // Oldest first from here on.
            reports.reverse();
            return Ok(reports);
        }
        number += 1;
    }
}

fn judge_reports(entries: &Entries, reports: &[ReportRecord], breaks: &mut BTreeMap<String, usize>, complaints: &mut Vec<String>) {
    let mut times: BTreeMap<Digest, usize> = BTreeMap::new();
    reports.iter().for_each(|report| *times.entry(report.digest).or_default() += 1);
    for digest in &entries.acknowledged {
        match times.get(digest).copied().unwrap_or_default() {
            1 => {}
            0 => complaints.push(format!("was told that {digest} is stored, and it is not")),
            more => complaints.push(format!("has {digest} stored {more} times")),
        }
    }
    for digest in times.keys().filter(|digest| !entries.spooled.contains(digest)) {
        complaints.push(format!("never made {digest}"));
    }
    for digest in &entries.spooled {
        let ended = [&entries.acknowledged, &entries.replaced, &entries.lost_with_disk]
            .iter()
            .any(|set| set.contains(digest));
        if !ended {
            complaints.push(format!("made {digest}, which neither arrived nor waits"));
        }
    }
    complaints.extend(entries.refused.iter().map(|digest| format!("was refused {digest}")));
    judge_chain(reports, breaks, complaints);
}

/// Each stored report names the one before it, or says why not.
fn judge_chain(reports: &[ReportRecord], breaks: &mut BTreeMap<String, usize>, complaints: &mut Vec<String>) {
    let mut newest: Option<Digest> = None;
    for report in reports.iter().filter(|report| report.state == ReportState::Stored) {
        if let Some(reason) = report.resumed {
            *breaks.entry(format!("{reason:?}")).or_default() += 1;
        }
        if report.previous != newest && report.resumed != Some(Resumption::RecordLost) {
            complaints.push(format!("has a chain that breaks at {} without a word", report.digest));
        }
        newest = Some(report.digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_schema::envelope::{ChainPlace, ReportKind};
    use inventory_schema::{KeyFingerprint, Timestamp};

    fn digest(number: u8) -> Digest {
        Digest::of(&[number])
    }

    fn report(number: u8) -> ReportRecord {
        ReportRecord {
            id: i64::from(number),
            key: KeyFingerprint(digest(0)),
            place: ChainPlace {
                epoch: 0,
                sequence: u64::from(number),
            },
            digest: digest(number),
            previous: (number > 1).then(|| digest(number - 1)),
            resumed: None,
            kind: ReportKind::Inventory,
            received_at: Timestamp::from_unix_seconds(1),
            device_time: Timestamp::from_unix_seconds(1),
            trusted_time: None,
            state: ReportState::Stored,
            sections: 1,
        }
    }

    fn complaints(entries: &Entries, reports: &[ReportRecord]) -> Vec<String> {
        let mut complaints = Vec::new();
        judge_reports(entries, reports, &mut BTreeMap::new(), &mut complaints);
        complaints
    }

    fn of_three() -> Entries {
        let all = [digest(1), digest(2), digest(3)];
        Entries {
            spooled: all.into(),
            acknowledged: all.into(),
            ..Entries::default()
        }
    }

    #[test]
    fn three_reports_in_a_row_are_well() {
        assert_eq!(complaints(&of_three(), &[report(1), report(2), report(3)]), Vec::<String>::new());
    }

    #[test]
    fn an_acknowledged_report_that_is_missing_or_there_twice_is_a_loss() {
        let missing = complaints(&of_three(), &[report(1), report(2)]);
        assert!(missing.iter().any(|complaint| complaint.contains("and it is not")), "{missing:?}");
        let twice = complaints(&of_three(), &[report(1), report(2), report(3), report(3)]);
        assert!(twice.iter().any(|complaint| complaint.contains("2 times")), "{twice:?}");
    }

    #[test]
    fn a_report_that_vanished_and_one_that_nobody_made_are_told() {
        let mut entries = of_three();
        entries.acknowledged.remove(&digest(3));
        let vanished = complaints(&entries, &[report(1), report(2)]);
        assert!(
            vanished.iter().any(|complaint| complaint.contains("neither arrived nor waits")),
            "{vanished:?}"
        );
        entries.lost_with_disk.insert(digest(3));
        assert!(complaints(&entries, &[report(1), report(2)]).is_empty());
        let foreign = complaints(&of_three(), &[report(1), report(2), report(3), report(4)]);
        assert!(foreign.iter().any(|complaint| complaint.contains("never made")), "{foreign:?}");
    }

    #[test]
    fn a_chain_may_break_only_with_a_word() {
        let mut broken = report(3);
        broken.previous = Some(digest(9));
        let said = complaints(&of_three(), &[report(1), report(2), broken.clone()]);
        assert!(said.iter().any(|complaint| complaint.contains("without a word")), "{said:?}");
        broken.resumed = Some(Resumption::RecordLost);
        assert!(complaints(&of_three(), &[report(1), report(2), broken]).is_empty());
    }
}
