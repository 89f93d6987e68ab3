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
