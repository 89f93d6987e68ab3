//! Archives that somebody changed, and a history that the region itself made up: everything that must not hold.

use std::time::Duration;

use cos_controller::evidence::archive::{self, BLOCK};
use cos_controller::evidence::verify::{Code, Known, Verdict, verify};

use crate::archives::{Entry, archive_of, check, checkpoint, checkpoint_at, entries, faults, holds, rebuilt, without};
use crate::database;
use crate::device::Device;
use crate::evidence::{History, QUARTER, report};
use crate::region::{DAY, Region, on_sqlite};

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
    database::execute(
        &address,
        format!("UPDATE report SET received_at = {early} WHERE device_id = (SELECT id FROM device WHERE external_id = '{id}')"),
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
