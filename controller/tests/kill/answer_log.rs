//! What was sent, what is under way, and the clients' own log of answers: one line in a file per answered
//! report, written before anything else is done with the answer.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use inventory_schema::envelope::ChainPlace;
use inventory_schema::report::{ReportAnswer, ReportBatch, ReportOutcome};
use inventory_schema::signature::Signature;
use inventory_schema::{Digest, KeyFingerprint};
use tokio::sync::watch;

/// A report as its device signed it.
#[derive(Debug, Clone)]
pub struct Sent {
    pub key: KeyFingerprint,
    pub place: ChainPlace,
    pub envelope: String,
    pub signature: Signature,
    /// The bodies that went with it.
    pub bodies: Vec<(Digest, String)>,
}

/// A line of the log: the controller said that it holds this report, and all bodies it names but these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    pub report: Digest,
    /// `None`: answered as a duplicate, which says nothing of bodies.
    pub missing: Option<Vec<Digest>>,
}

#[derive(Debug)]
pub struct AnswerLog {
    path: PathBuf,
    file: Mutex<File>,
    sent: Mutex<HashMap<Digest, Sent>>,
    in_flight: watch::Sender<usize>,
    last: Mutex<Option<Instant>>,
}

impl AnswerLog {
    pub fn create(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: Mutex::new(File::options().create_new(true).append(true).open(path).unwrap()),
            sent: Mutex::default(),
            in_flight: watch::Sender::new(0),
            last: Mutex::default(),
        }
    }

    pub fn made(&self, report: Digest, sent: Sent) {
        self.sent.lock().unwrap().insert(report, sent);
    }

    pub fn sent(&self, report: &Digest) -> Sent {
        self.sent.lock().unwrap()[report].clone()
    }

    /// Counts the batch as under way until the answer is dropped.
    pub fn under_way(&self, batch: &ReportBatch) -> UnderWay<'_> {
        let reports = batch.reports.len();
        self.in_flight.send_modify(|count| *count += reports);
        UnderWay { log: self, reports }
    }

    pub fn answered(&self, answers: &[ReportAnswer]) {
        let mut lines = String::new();
        for answer in answers {
            match &answer.outcome {
                ReportOutcome::Stored { missing } => {
                    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
                    lines.push_str(&format!("{} stored {}\n", answer.digest, missing.join(",")));
                }
                ReportOutcome::Duplicate => lines.push_str(&format!("{} duplicate \n", answer.digest)),
                _ => {}
            }
        }
        if !lines.is_empty() {
            self.file.lock().unwrap().write_all(lines.as_bytes()).unwrap();
            *self.last.lock().unwrap() = Some(Instant::now());
        }
    }

    /// When the last report was acknowledged.
    pub fn last(&self) -> Option<Instant> {
        *self.last.lock().unwrap()
    }

    /// The file's lines after the first `known`.
    pub fn since(&self, known: usize) -> Vec<Acknowledged> {
        let text = std::fs::read_to_string(&self.path).unwrap();
        text.lines().skip(known).map(read_line).collect()
    }

    pub fn len(&self) -> usize {
        std::fs::read_to_string(&self.path).unwrap().lines().count()
    }

    pub fn in_flight(&self) -> usize {
        *self.in_flight.borrow()
    }

    /// Waits until `wanted` holds of the number of reports that are sent and not answered.
    pub async fn until_in_flight(&self, wanted: impl Fn(usize) -> bool) {
        self.in_flight.subscribe().wait_for(|count| wanted(*count)).await.unwrap();
    }
}

fn read_line(line: &str) -> Acknowledged {
    let mut words = line.split(' ');
    let report = words.next().unwrap().parse().unwrap();
    let missing = match (words.next().unwrap(), words.next().unwrap()) {
        ("stored", "") => Some(Vec::new()),
        ("stored", missing) => Some(missing.split(',').map(|digest| digest.parse().unwrap()).collect()),
        _ => None,
    };
    Acknowledged { report, missing }
}

/// Reports that were sent and are not answered.
#[derive(Debug)]
pub struct UnderWay<'l> {
    log: &'l AnswerLog,
    reports: usize,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.log.in_flight.send_modify(|count| *count -= self.reports);
    }
}
