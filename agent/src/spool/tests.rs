//! Crashes, damage, full spools and full disks.

use std::process::Command;

use inventory_schema::canonical::CanonicalBytes;
use inventory_schema::device::{BootId, KeyFingerprint};
use inventory_schema::envelope::{ChainPlace, Envelope, EnvelopeFormat, ReportClock, ReportKind};
use inventory_schema::quantity::Microseconds;
use inventory_schema::section::SectionName;
use inventory_schema::signature::Signature;
use proptest::prelude::*;

use super::reading::list;
use super::survey::names;
use super::*;

const ROOMY: SpoolLimits = SpoolLimits {
    bytes: 10 << 20,
    reports: 100,
};
const ANY_SIZE: usize = 8 << 20;

/// Text that hardly compresses, so that sizes on disk are near those given.
fn noise(seed: u64, bytes: usize) -> String {
    let mut text = String::from("\"");
    let mut digest = Digest::of(&seed.to_le_bytes());
    while text.len() < bytes {
        text.push_str(&entry::hex(&digest));
        digest = Digest::of(digest.as_bytes());
    }
    text.push('"');
    text
}

struct Made {
    report: SignedReport,
    digest: Digest,
    bodies: BTreeMap<Digest, String>,
}

fn made(sequence: u64, texts: &[(SectionName, &str)]) -> Made {
    let bodies: BTreeMap<Digest, String> = texts
        .iter()
        .map(|(_, text)| (Digest::of(text.as_bytes()), (*text).to_owned()))
        .collect();
    let envelope = Envelope {
        format: EnvelopeFormat::V1,
        region: "RU-PER".parse().unwrap(),
        device: "01900000-0000-7000-8000-000000000001".parse().unwrap(),
        key: KeyFingerprint(Digest::of(b"key")),
        place: ChainPlace { epoch: 0, sequence },
        previous: None,
        resumed: None,
        kind: ReportKind::Inventory,
        body: None,
        agent: "0.1.0".parse().unwrap(),
        clock: ReportClock {
            device: "2026-09-01T06:00:00.000000Z".parse().unwrap(),
            trusted: None,
            boot: BootId::from_uuid(uuid::Uuid::from_u128(7)),
            uptime: Microseconds::saturating(5),
        },
        sections: texts.iter().map(|(name, text)| (*name, Digest::of(text.as_bytes()))).collect(),
    };
    let text = CanonicalBytes::of(&envelope).unwrap().into_text();
    Made {
        digest: Digest::of(text.as_bytes()),
        report: SignedReport {
            envelope: text,
            signature: Signature::from_bytes(vec![1; 70]).unwrap(),
        },
        bodies,
    }
}

fn with_noise(sequence: u64, bytes: usize) -> Made {
    made(sequence, &[(SectionName::Memory, &noise(sequence, bytes))])
}

fn open(folder: &Path, limits: SpoolLimits) -> Spool {
    let (spool, damage) = Spool::open(folder, limits).unwrap();
    assert_eq!(damage, []);
    spool
}

fn append(spool: &mut Spool, made: &Made) -> Appended {
    spool.append(&made.report, &made.bodies).unwrap()
}

fn envelopes(batch: &ReportBatch) -> Vec<Digest> {
    batch.reports.iter().map(|report| Digest::of(report.envelope.as_bytes())).collect()
}

#[test]
fn reports_come_back_oldest_first_after_a_restart_and_shared_bodies_lie_once() {
    let folder = tempfile::tempdir().unwrap();
    let software = noise(0, 5000);
    let reports: Vec<Made> = (1..=3)
        .map(|n| made(n, &[(SectionName::Software, &software), (SectionName::Memory, &noise(n, 100))]))
        .collect();
    let mut spool = open(folder.path(), ROOMY);
    for report in &reports {
        assert_eq!(append(&mut spool, report), Appended::default());
    }
    drop(spool);
    let mut spool = open(folder.path(), ROOMY);
    assert_eq!(spool.newest_head().unwrap().digest, reports[2].digest);
    assert_eq!(spool.newest_head().unwrap().place.sequence, 3);
    let batch = spool.oldest(256, ANY_SIZE).unwrap();
    assert_eq!(envelopes(&batch), [reports[0].digest, reports[1].digest, reports[2].digest]);
    assert_eq!(batch.bodies.len(), 4);
    assert!(
        reports
            .iter()
            .all(|made| made.bodies.iter().all(|(digest, text)| batch.bodies[digest] == *text))
    );
    // Removing the first two leaves what the third needs.
    spool.remove(&[reports[0].digest, reports[1].digest]).unwrap();
    let batch = spool.oldest(256, ANY_SIZE).unwrap();
    assert_eq!(envelopes(&batch), [reports[2].digest]);
    assert_eq!(batch.bodies, reports[2].bodies);
    spool.remove(&[reports[2].digest]).unwrap();
    assert_eq!(spool.depth(), SpoolDepth::default());
    assert_eq!(names(&folder.path().join(BODIES)).unwrap(), []);
}

#[test]
fn a_batch_keeps_its_bounds_but_holds_at_least_one_report() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), ROOMY);
    for n in 1..=5 {
        append(&mut spool, &with_noise(n, 4000));
    }
    assert_eq!(spool.oldest(2, ANY_SIZE).unwrap().reports.len(), 2);
    let bounded = spool.oldest(256, 12_000).unwrap();
    assert_eq!(bounded.reports.len(), 2);
    assert!(serde_json::to_vec(&bounded).unwrap().len() <= 12_000);
    let least = spool.oldest(256, 10).unwrap();
    assert_eq!((least.reports.len(), least.bodies.len()), (1, 0));
}

#[test]
fn a_report_appended_twice_waits_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), ROOMY);
    let report = with_noise(1, 100);
    append(&mut spool, &report);
    append(&mut spool, &report);
    assert_eq!(spool.depth().reports.get(), 1);
}

#[test]
fn a_body_under_a_foreign_digest_is_refused_and_nothing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), ROOMY);
    let mut report = with_noise(1, 100);
    *report.bodies.values_mut().next().unwrap() = "\"other\"".to_owned();
    assert!(matches!(
        spool.append(&report.report, &report.bodies),
        Err(SpoolError::BodyMismatch(_))
    ));
    assert!(spool.is_empty());
    assert_eq!(names(&folder.path().join(BODIES)).unwrap(), []);
}

#[test]
fn a_full_spool_drops_the_oldest_bodies_and_keeps_the_envelopes() {
    let folder = tempfile::tempdir().unwrap();
    let limits = SpoolLimits {
        bytes: 20_000,
        reports: 100,
    };
    let mut spool = open(folder.path(), limits);
    let reports: Vec<Made> = (1..=5).map(|n| with_noise(n, 8000)).collect();
    let tombstoned: usize = reports.iter().map(|report| append(&mut spool, report).tombstoned).sum();
    assert!(tombstoned > 0);
    drop(spool);
    let mut spool = open(folder.path(), limits);
    let depth = spool.depth();
    assert_eq!((depth.reports.get(), depth.tombstones.get()), (5, tombstoned as u64));
    assert!(depth.bytes.get() <= limits.bytes);
    let batch = spool.oldest(256, ANY_SIZE).unwrap();
    assert_eq!(envelopes(&batch), reports.iter().map(|made| made.digest).collect::<Vec<_>>());
    // The newest kept its body, the oldest did not.
    assert!(batch.bodies.contains_key(reports[4].bodies.keys().next().unwrap()));
    assert!(!batch.bodies.contains_key(reports[0].bodies.keys().next().unwrap()));
    assert_eq!(batch.bodies.len() + tombstoned, 5);
}

#[test]
fn a_body_that_a_newer_report_shares_outlives_the_older_one() {
    let folder = tempfile::tempdir().unwrap();
    let limits = SpoolLimits {
        bytes: 14_000,
        reports: 100,
    };
    let mut spool = open(folder.path(), limits);
    let shared = noise(0, 8000);
    append(&mut spool, &made(1, &[(SectionName::Software, &shared)]));
    let newer = made(2, &[(SectionName::Software, &shared), (SectionName::Memory, &noise(2, 8000))]);
    append(&mut spool, &newer);
    let batch = spool.oldest(256, ANY_SIZE).unwrap();
    assert_eq!(batch.bodies, newer.bodies);
}

#[test]
fn a_report_larger_than_the_whole_spool_costs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let limits = SpoolLimits {
        bytes: 20_000,
        reports: 100,
    };
    let mut spool = open(folder.path(), limits);
    let small = with_noise(1, 4000);
    append(&mut spool, &small);
    assert_eq!(append(&mut spool, &with_noise(2, 100_000)).tombstoned, 1);
    let batch = spool.oldest(256, ANY_SIZE).unwrap();
    assert_eq!((batch.reports.len(), &batch.bodies), (2, &small.bodies));
}

#[test]
fn tombstones_that_fill_the_spool_are_forgotten_oldest_first_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let limits = SpoolLimits {
        bytes: 1 << 20,
        reports: 3,
    };
    let mut spool = open(folder.path(), limits);
    let reports: Vec<Made> = (1..=5).map(|n| with_noise(n, 100)).collect();
    let forgotten: usize = reports.iter().map(|report| append(&mut spool, report).forgotten).sum();
    assert_eq!(forgotten, 2);
    drop(spool);
    let mut spool = open(folder.path(), limits);
    assert_eq!(spool.forgotten(), 2);
    let left: Vec<Digest> = reports[2..].iter().map(|made| made.digest).collect();
    assert_eq!(envelopes(&spool.oldest(256, ANY_SIZE).unwrap()), left);
    assert_eq!(survey(folder.path()).unwrap().forgotten, 2);
}

#[test]
fn a_refused_report_is_set_aside_under_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), ROOMY);
    let reports: Vec<Made> = (1..=2).map(|n| with_noise(n, 100)).collect();
    for report in &reports {
        append(&mut spool, report);
    }
    spool.set_aside(&reports[0].digest, ProblemCode::SignatureInvalid).unwrap();
    assert_eq!(envelopes(&spool.oldest(256, ANY_SIZE).unwrap()), [reports[1].digest]);
    let (name, _) = &names(&folder.path().join(REFUSED)).unwrap()[0];
    assert!(name.ends_with(".signature_invalid"), "{name}");
    let survey = survey(folder.path()).unwrap();
    assert_eq!((survey.reports, survey.refused), (1, 1));
}

#[test]
fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path(), ROOMY);
    assert!(matches!(Spool::open(folder.path(), ROOMY), Err(SpoolError::InUse(_))));
}

#[test]
fn what_a_crash_leaves_over_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), ROOMY);
    let kept = with_noise(1, 100);
    append(&mut spool, &kept);
    drop(spool);
    // The power went between the bodies and the report, and in the middle of writing one.
    let orphan = folder
        .path()
        .join(BODIES)
        .join(format!("{}.zst", entry::hex(&Digest::of(b"orphan"))));
    fs::write(&orphan, "orphan").unwrap();
    fs::write(folder.path().join(REPORTS).join(".unfinished-0000000000000002"), "half").unwrap();
    let mut spool = open(folder.path(), ROOMY);
    assert!(!orphan.exists());
    assert_eq!(names(&folder.path().join(REPORTS)).unwrap().len(), 1);
    assert_eq!(envelopes(&spool.oldest(256, ANY_SIZE).unwrap()), [kept.digest]);
}

#[test]
fn a_torn_file_is_told_from_an_altered_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), ROOMY);
    for n in 1..=3 {
        append(&mut spool, &with_noise(n, 100));
    }
    drop(spool);
    let reports = folder.path().join(REPORTS);
    let files: Vec<PathBuf> = names(&reports).unwrap().into_iter().map(|(name, _)| reports.join(name)).collect();
    let mut sorted = files.clone();
    sorted.sort();
    let whole = fs::read(&sorted[0]).unwrap();
    fs::write(&sorted[0], &whole[..whole.len() - 10]).unwrap();
    let mut altered = fs::read(&sorted[1]).unwrap();
    *altered.last_mut().unwrap() ^= 1;
    fs::write(&sorted[1], altered).unwrap();
    fs::write(reports.join("readme.txt"), "what is this").unwrap();
    let (mut spool, damage) = Spool::open(folder.path(), ROOMY).unwrap();
    let faults: Vec<&EntryFault> = damage.iter().map(|damage| &damage.fault).collect();
    assert!(
        matches!(faults[..], [EntryFault::Torn { .. }, EntryFault::Altered, EntryFault::Malformed(_)]),
        "{faults:?}"
    );
    assert!(
        damage
            .iter()
            .all(|damage| damage.file.starts_with(folder.path().join(DAMAGED)) && damage.file.exists())
    );
    assert_eq!(spool.oldest(256, ANY_SIZE).unwrap().reports.len(), 1);
}

#[test]
fn a_body_that_was_damaged_and_reported_anew_serves_both_reports() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path(), ROOMY);
    let text = noise(0, 1000);
    let (first, second) = (made(1, &[(SectionName::Memory, &text)]), made(2, &[(SectionName::Memory, &text)]));
    append(&mut spool, &first);
    let path = spool.bodies.path(first.bodies.keys().next().unwrap());
    fs::write(&path, "damaged").unwrap();
    assert_eq!(spool.oldest(256, ANY_SIZE).unwrap().bodies.len(), 0);
    assert_eq!(spool.take_damage().len(), 1);
    append(&mut spool, &second);
    spool.remove(&[first.digest]).unwrap();
    assert_eq!(spool.oldest(256, ANY_SIZE).unwrap().bodies, second.bodies);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    /// Any cut or changed byte of any file: no panic, no wrong report, and every other one is kept.
    #[test]
    fn damage_harms_the_file_it_strikes_and_no_other(file in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), change in prop::option::of(1u8..)) {
        let folder = tempfile::tempdir().unwrap();
        let originals: Vec<Made> = (1..=3).map(|n| with_noise(n, 300)).collect();
        let mut spool = open(folder.path(), ROOMY);
        for report in &originals {
            append(&mut spool, report);
        }
        drop(spool);
        let mut files = Vec::new();
        for name in [REPORTS, BODIES] {
            files.extend(list(&folder.path().join(name)).unwrap());
        }
        let (_, struck, _) = &files[file.index(files.len())];
        let mut bytes = fs::read(struck).unwrap();
        let place = place.index(bytes.len());
        match change {
            Some(flip) => bytes[place] ^= flip,
            None => bytes.truncate(place),
        }
        fs::write(struck, bytes).unwrap();

        let (mut spool, mut damage) = Spool::open(folder.path(), ROOMY).unwrap();
        let batch = spool.oldest(256, ANY_SIZE).unwrap();
        damage.extend(spool.take_damage());
        let body_struck = struck.starts_with(folder.path().join(BODIES));
        let read: Vec<Digest> = envelopes(&batch);
        let expected: Vec<&Made> = originals
            .iter()
            .filter(|made| body_struck || !struck.to_string_lossy().contains(&entry::hex(&made.digest)))
            .collect();
        prop_assert_eq!(read, expected.iter().map(|made| made.digest).collect::<Vec<_>>());
        prop_assert!(batch.reports.iter().all(|report| originals.iter().any(|made| made.report == *report)));
        prop_assert!(batch.bodies.iter().all(|(digest, text)| Digest::of(text.as_bytes()) == *digest));
        // A changed byte that zstd does not look at may leave a body whole.
        let bodies_expected = expected.len() - usize::from(body_struck && !damage.is_empty());
        prop_assert_eq!(batch.bodies.len(), bodies_expected);
        prop_assert!(body_struck || damage.len() == 1);
    }
}

/// A file system of one megabyte, where this account may mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_said_and_harms_nothing_that_waits() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: this account may not mount a small file system");
        return;
    };
    let folder = disk.0.path().join("spool");
    let mut spool = open(&folder, ROOMY);
    let mut kept = Vec::new();
    let error = loop {
        let report = with_noise(kept.len() as u64 + 1, 300_000);
        match spool.append(&report.report, &report.bodies) {
            Ok(_) => kept.push(report),
            Err(error) => break error,
        }
        assert!(kept.len() < 50, "the disk never filled up");
    };
    assert!(matches!(error, SpoolError::DiskFull(..)), "{error:?}");
    assert!(!kept.is_empty());
    for reopened in [false, true] {
        if reopened {
            drop(spool);
            spool = open(&folder, ROOMY);
        }
        let batch = spool.oldest(256, ANY_SIZE).unwrap();
        assert_eq!(envelopes(&batch), kept.iter().map(|made| made.digest).collect::<Vec<_>>());
        assert!(
            kept.iter()
                .all(|made| made.bodies.iter().all(|(digest, text)| batch.bodies[digest] == *text))
        );
    }
    // Room made by a delivery serves the next report.
    spool.remove(&[kept[0].digest]).unwrap();
    append(&mut spool, &with_noise(99, 300_000));
}
