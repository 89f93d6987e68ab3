//! Archives of evidence from a real controller with real agents' reports: what holds, and everything that must not.

use std::process::Command;
use std::time::Duration;

use cos_controller::authority::Authority;
use cos_controller::evidence::archive::Output;
use cos_controller::evidence::export::{Wish, export};
use cos_controller::evidence::verify::{Code, Known, verify};
use cos_controller::store::checkpoint::CheckpointRecord;
use cos_controller::task::retention;
use inventory_schema::report::{ReportBatch, ReportOutcome};
use inventory_schema::{DeviceId, SectionName, Timestamp};

use crate::archives::{Kept, all_of, archive_of, authority, checkpoint, days_checkpoint, entries, exported, faults, holds, source};
use crate::device::{Computer, Device, memory};
use crate::event::until;
use crate::region::{DAY, Region, on_sqlite};

pub const QUARTER: Duration = Duration::from_secs(15 * 60);

/// A region with a history: two devices whose chains the test holds and a computer with a real agent; reports before
/// the first kept line, between it and the second, and after it.
pub struct History {
    pub region: Region,
    pub devices: Vec<Device>,
    pub agent: DeviceId,
    pub begun: Timestamp,
    first: CheckpointRecord,
    pub second: CheckpointRecord,
}

impl History {
    pub async fn of(region: Region) -> Self {
        days_checkpoint(&region).await;
        let begun = region.clock.now();
        let mut devices = vec![Device::new(&region).await, Device::new(&region).await];
        let agent = real_agent(&region).await;
        report(&mut devices, 1..5).await;
        region.clock.advance(QUARTER);
        let first = checkpoint(&region).await;
        region.clock.advance(DAY);
        report(&mut devices, 5..8).await;
        region.clock.advance(QUARTER);
        let second = checkpoint(&region).await;
        region.clock.advance(DAY);
        report(&mut devices, 8..9).await;
        Self {
            region,
            devices,
            agent,
            begun,
            first,
            second,
        }
    }

    pub fn ids(&self) -> Vec<DeviceId> {
        let own = self.devices.iter().map(|device| device.enrollment.device);
        own.chain([self.agent]).collect()
    }

    pub async fn export(&self) -> Vec<u8> {
        self.export_span(None, None).await
    }

    async fn export_span(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> Vec<u8> {
        let wish = Wish {
            from,
            to,
            ..all_of(&self.ids())
        };
        let (archive, exported) = exported(&self.region, &wish).await;
        assert_eq!((exported.devices, exported.bytes), (3, archive.len() as u64));
        archive
    }

    pub fn authority(&self) -> &'static Authority {
        authority(&self.region)
    }
}

/// An agent's own event loop, until the controller holds what it found.
async fn real_agent(region: &Region) -> DeviceId {
    let token = region.token(1).await;
    let device = Computer::new(region).enrolled(&token).await;
    let running = device.run();
    until("the agent's report", async || device.record(region).await?.last_report_at).await;
    running.stop().await;
    device.enrollment.device
}

pub async fn report(devices: &mut [Device], numbers: std::ops::Range<u64>) {
    for device in devices {
        for number in numbers.clone() {
            let batch = device.report(&[(SectionName::Memory, &memory(number))]);
            assert_eq!(device.send(&batch).await, ReportOutcome::Stored { missing: Vec::new() });
        }
    }
}

pub async fn an_export_holds_and_says_how_far(region: Region) {
    let history = History::of(region).await;
    let archive = history.export().await;
    let (first, second) = (history.first.line(), history.second.line());
    let alone = holds(&archive, None);
    let agents = alone.reports - 16;
    assert!(agents >= 1, "the agent has reported");
    assert_eq!((alone.devices, alone.chains, alone.checkpoints, alone.forks), (3, 3, 3, 0));
    assert_eq!((alone.covered, alone.proven_by_line, alone.bodies_missing), (14 + agents, 0, 0));
    let with_first = holds(&archive, Some(first.clone()));
    assert_eq!((with_first.line, with_first.proven_by_line), (Some(2), 8 + agents));
    assert_eq!(holds(&archive, Some(second.clone())).proven_by_line, 14 + agents);

    // The root is the region's or it is not.
    let known = |root| Known {
        line: None,
        roots: vec![root],
    };
    let root = history.authority().pin();
    assert!(verify(archive.as_slice(), &known(root), |_| {}).unwrap().holds);
    let other = inventory_schema::Digest::of(b"another root");
    assert!(!verify(archive.as_slice(), &known(other), |_| {}).unwrap().holds);

    // A line of another history, and one that the archive is too old for.
    let mut elsewhere = first.clone();
    elsewhere.digest = other;
    assert_eq!(faults(&archive, Some(elsewhere)), [Code::Line]);
    history.region.clock.advance(QUARTER);
    let later = checkpoint(&history.region).await;
    assert_eq!(faults(&archive, Some(later.line())), [Code::Line]);

    // A span that ends between two checkpoints is linked to the next one.
    let (begin, end) = (history.begun + DAY / 2, history.begun + 2 * DAY);
    let until_then = holds(
        &history.export_span(None, Some(history.begun + DAY / 2)).await,
        Some(second.clone()),
    );
    assert_eq!((until_then.reports, until_then.proven_by_line), (8 + agents, 8 + agents));
    let middle = holds(&history.export_span(Some(begin), Some(end)).await, Some(second));
    assert_eq!((middle.chains, middle.chains_begin_later, middle.reports), (2, 2, 6));
    assert_eq!(middle.proven_by_line, 6);
    let never = holds(&history.export_span(Some(history.begun + 30 * DAY), None).await, None);
    assert_eq!((never.devices, never.reports), (3, 0));
    history.region.stop().await;
}

pub async fn a_device_that_was_lost_forked_and_revoked_still_holds(region: Region) {
    days_checkpoint(&region).await;
    let mut device = Device::new(&region).await;
    let bodies = |number| [(SectionName::Memory, memory(number))];
    for number in 1..4 {
        let bodies = bodies(number);
        let batch = device.report(&[(bodies[0].0, &bodies[0].1)]);
        device.send(&batch).await;
    }
    // Another report at the third place.
    let head = device.head;
    let twice = bodies(99);
    let twice = [(twice[0].0, twice[0].1.as_str())];
    let mut envelope = device.envelope(crate::device::digests(&twice));
    envelope.place.sequence = 3;
    let fork = device.batch(&envelope, &twice);
    assert!(matches!(device.send(&fork).await, ReportOutcome::Forked { .. }));
    device.head = head;
    // A new epoch follows the head.
    let next = bodies(5);
    let next = [(next[0].0, next[0].1.as_str())];
    let mut envelope = device.envelope(crate::device::digests(&next));
    envelope.place = inventory_schema::envelope::ChainPlace { epoch: 1, sequence: 1 };
    envelope.resumed = Some(inventory_schema::envelope::Resumption::Forked);
    let epoch = device.batch(&envelope, &next);
    assert_eq!(device.send(&epoch).await, ReportOutcome::Stored { missing: Vec::new() });
    let key = device.identity.fingerprint();
    region.clock.advance(QUARTER);
    region.store().revoke_key(key, region.clock.now(), "lost", None).await.unwrap();
    region.clock.advance(QUARTER);
    let line = checkpoint(&region).await.line();
    let archive = archive_of(&region, &[device.enrollment.device]).await;
    let verdict = holds(&archive, Some(line));
    assert_eq!(
        (verdict.reports, verdict.forks, verdict.epochs, verdict.proven_by_line),
        (5, 1, 1, 4)
    );
    region.stop().await;
}

/// Months later most reports are gone; what still stands is proven as before.
pub async fn what_retention_left_is_still_proven(region: Region) {
    days_checkpoint(&region).await;
    let mut device = Device::new(&region).await;
    let send = async |device: &mut Device, section, body: &str| {
        let batch = device.report(&[(section, body)]);
        assert_eq!(device.send(&batch).await, ReportOutcome::Stored { missing: Vec::new() });
    };
    send(
        &mut device,
        SectionName::Storage,
        r#"{"content":{"disks":[]},"format":"storage/1"}"#,
    )
    .await;
    send(&mut device, SectionName::Memory, &memory(1)).await;
    region.clock.advance(QUARTER);
    checkpoint(&region).await;
    region.clock.advance(DAY / 4);
    for bytes in 2..4 {
        send(&mut device, SectionName::Memory, &memory(bytes)).await;
    }
    region.clock.advance(QUARTER);
    checkpoint(&region).await;
    region.clock.advance(70 * DAY);
    send(&mut device, SectionName::Memory, &memory(4)).await;
    region.clock.advance(QUARTER);
    let line = checkpoint(&region).await.line();
    let state = &region.server.state;
    let done = retention::run(region.store(), &state.metrics, Some(1), region.clock.now())
        .await
        .unwrap();
    assert_eq!(done.reports, 2, "{done:?}");
    let archive = archive_of(&region, &[device.enrollment.device]).await;
    let verdict = holds(&archive, Some(line));
    assert_eq!(
        (verdict.reports, verdict.proven_by_line, verdict.aged_gaps, verdict.unlinked),
        (3, 3, 1, 0)
    );
    region.stop().await;
}

/// Notes the largest piece that was in memory at one time.
#[derive(Debug, Default)]
struct Pieces {
    kept: Kept,
    largest: usize,
}

impl Output for Pieces {
    async fn write(&mut self, bytes: Vec<u8>) -> std::io::Result<()> {
        self.largest = self.largest.max(bytes.len());
        self.kept.write(bytes).await
    }
}

async fn large(region: Region) {
    const BODY: usize = 64 << 10;
    let mut device = Device::new(&region).await;
    for batch in 0..15u64 {
        let mut reports = ReportBatch::default();
        for number in 0..20 {
            let note = "x".repeat(BODY);
            let body = memory(batch * 20 + number).replace("\"format\"", &format!("\"filler\":\"{note}\",\"format\""));
            let report = device.report(&[(SectionName::Memory, &body)]);
            reports.reports.extend(report.reports);
            reports.bodies.extend(report.bodies);
        }
        let answers = device.transport.send_reports(&reports).await.unwrap().answers;
        assert!(
            answers
                .iter()
                .all(|answer| answer.outcome == ReportOutcome::Stored { missing: Vec::new() }),
            "{answers:?}"
        );
    }
    region.clock.advance(QUARTER);
    let line = checkpoint(&region).await.line();
    let wish = all_of(&[device.enrollment.device]);
    let (made, exported) = export(source(&region), &wish, region.clock.now(), Pieces::default(), |_| {})
        .await
        .unwrap();
    assert!(exported.bytes > 300 * BODY as u64);
    assert!(
        made.largest <= (1 << 20) + BODY + 4096,
        "{} bytes were in memory at one time",
        made.largest
    );
    let verdict = holds(&made.kept.0, Some(line));
    assert_eq!((verdict.reports, verdict.proven_by_line, verdict.bodies_missing), (300, 300, 0));
    region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_of_any_size_is_made_in_small_pieces() {
    on_sqlite(large).await;
}

/// The program on a machine with nothing else: no configuration, no database.
async fn by_the_program(region: Region) {
    let history = History::of(region).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("архив.tar");
    std::fs::write(&path, history.export().await).unwrap();
    let run = |path: &std::path::Path, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cos-controller"));
        command
            .env_clear()
            .current_dir(folder.path())
            .args(["evidence", "verify"])
            .arg(path)
            .args(more);
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let line = history.second.line().to_string();
    let root = history.authority().pin().to_string();
    let (code, said, _) = run(&path, &["--checkpoint", &line, "--root", &root]);
    assert_eq!(code, Some(0), "{said}");
    for sentence in [
        "СХОДИТСЯ.",
        "Подпись доказывает",
        "доказывает даже против самого региона",
        "НЕ доказано против региона: 2",
        "Подпись не доказывает",
    ] {
        assert!(said.contains(sentence), "«{sentence}» is not in {said}");
    }
    let (_, said, _) = run(&path, &[]);
    assert!(said.contains("НЕ доказано") && said.contains(&root), "{said}");
    let (code, json, _) = run(&path, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["holds"], &json["devices"]), (Some(0), &true.into(), &3.into()));

    let mut changed = std::fs::read(&path).unwrap();
    let entry = entries(&changed)
        .into_iter()
        .find(|entry| entry.name.ends_with("-reports.tsv"))
        .unwrap();
    let place = entry.content.start + 300;
    changed[place] ^= 1;
    let damaged = folder.path().join("b.tar");
    std::fs::write(&damaged, changed).unwrap();
    let (code, said, _) = run(&damaged, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&entry.name) && said.contains("НЕ СХОДИТСЯ"), "{said}");

    let mistyped = line.replace(" 3 ", " 4 ");
    let (code, _, said) = run(&path, &["--checkpoint", &mistyped]);
    assert_eq!(code, Some(2));
    assert!(said.contains("опечатка"), "{said}");
    std::fs::write(&damaged, b"").unwrap();
    let (code, _, said) = run(&damaged, &[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("файл пуст"), "{said}");
    assert_eq!(run(&folder.path().join("нет.tar"), &[]).0, Some(2));
    history.region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_verifies_with_nothing_but_the_file() {
    on_sqlite(by_the_program).await;
}
