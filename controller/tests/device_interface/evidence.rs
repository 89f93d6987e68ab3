//! Archives of evidence from a real controller with real agents' reports: what holds, and everything that must not.

use std::process::Command;
use std::time::Duration;

use cos_controller::authority::Authority;
use cos_controller::evidence::archive::{self, BLOCK, Output};
use cos_controller::evidence::export::{Wish, export};
use cos_controller::evidence::verify::{Code, Known, Verdict, verify};
use cos_controller::store::checkpoint::CheckpointRecord;
use cos_controller::task::retention;
use inventory_schema::report::{ReportBatch, ReportOutcome};
use inventory_schema::{DeviceId, SectionName, Timestamp};

use crate::archives::{
    Entry, Kept, all_of, archive_of, authority, check, checkpoint, checkpoint_at, days_checkpoint, entries, exported, faults, holds,
    rebuilt, source, without,
};
use crate::database;
use crate::device::{Computer, Device, memory};
use crate::region::{DAY, Region, on_sqlite, until};

const QUARTER: Duration = Duration::from_secs(15 * 60);

/// A region with a history: two devices whose chains the test holds and a computer with a real agent; reports before
/// the first kept line, between it and the second, and after it.
struct History {
    region: Region,
    devices: Vec<Device>,
    agent: DeviceId,
    begun: Timestamp,
    first: CheckpointRecord,
    second: CheckpointRecord,
}

impl History {
    async fn of(region: Region) -> Self {
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

    fn ids(&self) -> Vec<DeviceId> {
        let own = self.devices.iter().map(|device| device.enrollment.device);
        own.chain([self.agent]).collect()
    }

    async fn export(&self) -> Vec<u8> {
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

    fn authority(&self) -> &'static Authority {
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

async fn report(devices: &mut [Device], numbers: std::ops::Range<u64>) {
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

/// Numbers that look random and are the same for the same seed.
struct Chance(u64);

impl Chance {
    /// The seed is `COS_TEST_SEED`'s or the clock's, and printed.
    fn new() -> Self {
        let seed = std::env::var("COS_TEST_SEED").ok().map(|seed| seed.parse().unwrap());
        let seed = seed.unwrap_or_else(|| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            u64::from(since.unwrap().subsec_nanos()) | 1
        });
        println!("COS_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

/// Whatever was done to it, the archive does not hold, and the place that is named is in the archive.
fn refuses(archive: &[u8], what: &str) -> Option<Verdict> {
    match verify(archive, &Known::default(), |_| {}) {
        Err(_) => None,
        Ok(verdict) => {
            assert!(!verdict.holds, "{what} went unnoticed");
            assert!(!verdict.failures.is_empty(), "{what}");
            for failure in &verdict.failures {
                assert!(failure.at.offset <= archive.len() as u64, "{what}: {failure:?}");
            }
            Some(verdict)
        }
    }
}

async fn damaged(region: Region) {
    let history = History::of(region).await;
    let archive = history.export().await;
    holds(&archive, None);
    let entries = entries(&archive);
    let mut chance = Chance::new();
    // More with `COS_TEST_CHANGES`.
    let changes = std::env::var("COS_TEST_CHANGES").map_or(200, |number| number.parse().unwrap());
    for _ in 0..changes {
        let (place, change) = (chance.below(archive.len()), 1 + chance.below(255));
        let mut changed = archive.clone();
        changed[place] ^= u8::try_from(change).unwrap();
        let what = format!("byte {place} ^ {change:#04x}");
        let verdict = refuses(&changed, &what).unwrap_or_else(|| panic!("{what}: one byte makes it no less an archive"));
        // Some failure names the entry whose byte it is, or a place inside it.
        if let Some(entry) = entries.iter().find(|entry| (entry.begin..entry.end).contains(&place)) {
            let inside = |offset: u64| (entry.begin as u64..entry.end as u64).contains(&offset);
            assert!(
                verdict
                    .failures
                    .iter()
                    .any(|failure| failure.at.entry == entry.name || inside(failure.at.offset)),
                "{what} in {}: {:#?}",
                entry.name,
                verdict.failures
            );
        }
    }
    for round in 0..changes / 4 {
        let (changed, what) = match round % 3 {
            0 => swapped_entries(&archive, &entries, &mut chance),
            1 => swapped_blocks(&archive, &mut chance),
            _ => swapped_lines(&archive, &entries, &mut chance),
        };
        refuses(&changed, &what);
    }
    let mut cuts: Vec<usize> = entries
        .iter()
        .flat_map(|entry| [entry.begin, entry.content.start, entry.content.end, entry.end])
        .collect();
    cuts.extend([archive.len() - 1, archive.len() - BLOCK, archive.len() - BLOCK - 1]);
    cuts.extend((0..60).map(|_| chance.below(archive.len())));
    for cut in cuts.into_iter().filter(|cut| *cut < archive.len()) {
        refuses(&archive[..cut], &format!("a cut at {cut}"));
    }
    let longer = [archive.as_slice(), &[0; BLOCK]].concat();
    refuses(&longer, "an empty block at the end");
    history.region.stop().await;
}

fn swapped_entries(archive: &[u8], entries: &[Entry], chance: &mut Chance) -> (Vec<u8>, String) {
    let first = chance.below(entries.len() - 1);
    let second = first + 1 + chance.below(entries.len() - 1 - first);
    let (first, second) = (&entries[first], &entries[second]);
    let changed = [
        &archive[..first.begin],
        &archive[second.begin..second.end],
        &archive[first.end..second.begin],
        &archive[first.begin..first.end],
        &archive[second.end..],
    ]
    .concat();
    (changed, format!("{} and {} swapped", first.name, second.name))
}

fn swapped_blocks(archive: &[u8], chance: &mut Chance) -> (Vec<u8>, String) {
    let blocks = archive.len() / BLOCK;
    loop {
        let (first, second) = (chance.below(blocks) * BLOCK, chance.below(blocks) * BLOCK);
        let mut changed = archive.to_vec();
        changed[first..first + BLOCK].copy_from_slice(&archive[second..second + BLOCK]);
        changed[second..second + BLOCK].copy_from_slice(&archive[first..first + BLOCK]);
        if changed != archive {
            return (changed, format!("the blocks at {first} and {second} swapped"));
        }
    }
}

/// Two reports, which may be of two devices.
fn swapped_lines(archive: &[u8], entries: &[Entry], chance: &mut Chance) -> (Vec<u8>, String) {
    let mut lines = Vec::new();
    for entry in entries.iter().filter(|entry| entry.name.ends_with("-reports.tsv")) {
        let mut begin = entry.content.start;
        for line in archive[entry.content.clone()].split_inclusive(|byte| *byte == b'\n') {
            lines.push(begin..begin + line.len());
            begin += line.len();
        }
    }
    let first = chance.below(lines.len() - 1);
    let second = first + 1 + chance.below(lines.len() - 1 - first);
    let (first, second) = (lines[first].clone(), lines[second].clone());
    let changed = [
        &archive[..first.start],
        &archive[second.clone()],
        &archive[first.end..second.start],
        &archive[first.clone()],
        &archive[second.end..],
    ]
    .concat();
    (changed, format!("the reports at {} and {} swapped", first.start, second.start))
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_swap_and_cut_is_noticed() {
    on_sqlite(damaged).await;
}

async fn forged_archives(region: Region) {
    let history = History::of(region).await;
    let archive = history.export().await;
    let line = Some(history.second.line());
    let authority = Some(history.authority());
    let same = |_: &str, content: &[u8]| Some(content.to_vec());
    assert_eq!(rebuilt(&archive, authority, same).await.len(), archive.len());
    holds(&rebuilt(&archive, authority, same).await, line.clone());

    // A whole report is taken out, its body with it where nothing else names it, and the manifest is made consistent.
    let cut = without("-reports.tsv", 2..3);
    let found = faults(&rebuilt(&archive, None, &cut).await, None);
    assert!(found.contains(&Code::Seal) && found.contains(&Code::Gap), "{found:?}");
    // Whoever has the signing key as well still leaves a gap between two reports that devices signed.
    let found = faults(&rebuilt(&archive, authority, &cut).await, None);
    assert!(found.contains(&Code::Gap) && !found.contains(&Code::Seal), "{found:?}");

    // The end of every chain is cut off: the checkpoint knows of more.
    let cut = without("-reports.tsv", 6..8);
    let found = faults(&rebuilt(&archive, authority, &cut).await, line.clone());
    assert!(found.contains(&Code::Missing), "{found:?}");
    // With the proofs cut off too, they are missed.
    let proofs = without("-proofs.jsonl", 1..2);
    let both = |name: &str, content: &[u8]| proofs(name, &cut(name, content)?);
    let found = faults(&rebuilt(&archive, authority, both).await, line.clone());
    assert!(found.contains(&Code::Missing), "{found:?}");
    // And with the checkpoint cut off as well, the archive is older than the line that was kept.
    let checkpoints = without(archive::CHECKPOINTS, 2..3);
    let all = |name: &str, content: &[u8]| checkpoints(name, &both(name, content)?);
    let found = faults(&rebuilt(&archive, authority, all).await, line.clone());
    assert!(found.contains(&Code::Line), "{found:?}");

    // Files of a device that is left out altogether cannot be put under another's name.
    let agent = history.agent.to_string();
    let other = history.devices[0].enrollment.device.to_string();
    let renamed = |name: &str, content: &[u8]| {
        let is_other = name.contains(&other) && name.ends_with("-certificates.jsonl");
        (!is_other).then(|| content.to_vec())
    };
    let found = faults(&rebuilt(&archive, authority, renamed).await, line);
    assert!(found.contains(&Code::Certificate), "{found:?} {agent}");
    history.region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_was_taken_out_is_missed_whoever_signs() {
    on_sqlite(forged_archives).await;
}

/// The region itself makes a device up, after the line of the second checkpoint was given away, and dates it back.
async fn made_up(address: String) {
    let region = Region::start(&address).await;
    let mut history = History::of(region).await;
    let kept = history.second.line();
    let mut forged = Device::new(&history.region).await;
    report(std::slice::from_mut(&mut forged), 1..4).await;
    let id = forged.enrollment.device;
    let early = (history.begun + Duration::from_secs(60)).unix_micros();
    database::execute(
        &address,
        format!("UPDATE certificate SET issued_at = {early} WHERE device_external_id = '{id}'"),
    )
    .await;
    let key = forged.identity.fingerprint();
    database::execute(
        &address,
        format!("UPDATE report SET received_at = {early} WHERE fingerprint = '{key}'"),
    )
    .await;
    history.devices.push(forged);
    let made = async |history: &History| archive_of(&history.region, &history.ids()).await;
    // Not in a checkpoint at all, and then in a later one than its dates say: both are told without any line.
    let found = faults(&made(&history).await, None);
    assert!(found.contains(&Code::NotInCheckpoint), "{found:?}");
    history.region.clock.advance(QUARTER);
    checkpoint(&history.region).await;
    let archive = made(&history).await;
    let named = check(&archive, Some(kept.clone()));
    let named: Vec<_> = named
        .failures
        .iter()
        .filter(|failure| failure.code == Code::NotInCheckpoint)
        .collect();
    assert!(named.iter().any(|failure| failure.at.entry.contains(&id.to_string())), "{named:#?}");

    // So the region makes all its checkpoints anew, with the device in them. Only the kept line tells.
    for table in ["checkpoint", "checkpoint_heads", "authority_log"] {
        database::execute(&address, format!("DELETE FROM {table}")).await;
    }
    for moment in [history.begun + 2 * QUARTER, history.begun + 2 * DAY, history.region.clock.now()] {
        checkpoint_at(&history.region, moment).await;
    }
    let archive = made(&history).await;
    let believed = holds(&archive, None);
    assert_eq!((believed.devices, believed.proven_by_line), (4, 0));
    let found = faults(&archive, Some(kept));
    assert!(found.contains(&Code::Line), "{found:?}");
    history.region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_the_region_made_up_later_is_caught_by_a_kept_line() {
    database::at_sqlite(made_up).await;
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
