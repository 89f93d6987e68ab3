//! Checkpoints: what is hashed into them, what can be proven from them later, and that one is taken once.

use std::time::Instant;

use cos_controller::authority::Authority;
use cos_controller::evidence::checkpoint::SETTLING;
use cos_controller::evidence::leaf::{self, HeadLeaf};
use cos_controller::evidence::merkle;
use cos_controller::store::certificate::IssuedCertificate;
use cos_controller::store::checkpoint::CheckpointRecord;
use cos_controller::store::{EngineKind, Page, Scope, Store};
use cos_controller::task::checkpoint::Taker;
use inventory_schema::{DeviceId, RegionId, SectionName};
use jiff::tz::TimeZone;

use crate::database;
use crate::fixture::{Chain, DAY, at, key, with_device, with_region};

pub struct Region {
    _folder: tempfile::TempDir,
    authority: Authority,
    id: RegionId,
}

impl Region {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let id: RegionId = "RU-PER".parse().unwrap();
        let authority = Authority::create(&folder.path().join("authority"), &id, at(0)).unwrap();
        Self {
            _folder: folder,
            authority,
            id,
        }
    }

    fn taker<'a>(&'a self, store: &'a Store) -> Taker<'a> {
        Taker {
            store,
            authority: &self.authority,
            region: &self.id,
        }
    }

    pub async fn now(&self, store: &Store, seconds: i64) -> CheckpointRecord {
        self.taker(store).take_now(at(seconds)).await.unwrap().unwrap()
    }
}

fn certificate(device: DeviceId, number: u64) -> IssuedCertificate {
    IssuedCertificate {
        serial: format!("{number:032x}"),
        key: key(number).fingerprint(),
        device,
        not_before: at(0),
        not_after: at(1000),
        issued_at: at(10),
        der: vec![1, 2, 3],
    }
}

/// Whether a key's head in a checkpoint leads to the root that the checkpoint names.
pub async fn is_proven(store: &Store, record: &CheckpointRecord, number: u64) -> bool {
    let key = key(number).fingerprint();
    let checkpoint = &record.checkpoint;
    let Some(found) = store.head_in_checkpoint(checkpoint.number, key).await.unwrap() else {
        return false;
    };
    let roots = store.head_block_roots(checkpoint.number).await.unwrap();
    let block = usize::try_from(found.index).unwrap() / cos_controller::store::checkpoint::BLOCK;
    let path = [found.path, merkle::path(&roots, block)].concat();
    let leaf = HeadLeaf { key, head: found.head }.node();
    merkle::root_of_path(leaf, found.index, checkpoint.heads.count, &path) == Some(checkpoint.heads.root)
}

pub async fn heads_and_certificates_are_in_a_checkpoint_for_good(store: Store) {
    with_region(&store).await;
    let region = Region::new();
    let (first, second) = (with_device(&store, 1).await, with_device(&store, 2).await);
    let (mut one, mut two) = (Chain::new(first, 1), Chain::new(second, 2));
    let bodies = [(SectionName::Memory, "{}")];
    store
        .commit_reports(&[one.report(&bodies, 20), two.report(&bodies, 21)])
        .await
        .unwrap();
    for (device, number) in [(first.1, 1), (second.1, 2)] {
        store.log_certificate(&certificate(device, number)).await.unwrap();
    }
    let begun = region.now(&store, 1000).await;
    let checkpoint = &begun.checkpoint;
    assert_eq!((checkpoint.number, checkpoint.previous), (1, None));
    assert_eq!(checkpoint.taken_at, at(1000) - SETTLING);
    let leaves = [1, 2].map(|number| leaf::certificate(key(number).fingerprint(), &[1, 2, 3], at(10), &format!("{number:032x}")));
    assert_eq!(
        (checkpoint.authority_log.count, checkpoint.authority_log.root),
        (2, merkle::root(&leaves))
    );
    assert_eq!(checkpoint.heads.count, 2);
    assert!(is_proven(&store, &begun, 1).await && is_proven(&store, &begun, 2).await);
    assert!(!is_proven(&store, &begun, 3).await);
    assert_eq!(begun.signed.verify([region.authority.signing_key()]).unwrap(), *checkpoint);

    // The chain goes on, a key is revoked, a device is deleted with all it had.
    store.commit_reports(&[one.report(&bodies, 30)]).await.unwrap();
    store.revoke_key(key(2).fingerprint(), at(1100), "lost", None).await.unwrap();
    assert!(store.delete_device(Scope::REGION, second.1).await.unwrap());
    let next = region.now(&store, 3000).await;
    assert_eq!((next.checkpoint.number, next.checkpoint.previous), (2, Some(begun.digest)));
    assert_eq!((next.checkpoint.heads.count, next.checkpoint.authority_log.count), (1, 3));
    let revoked = leaf::revocation(key(2).fingerprint(), at(1100));
    assert_eq!(next.checkpoint.authority_log.root, merkle::root(&[leaves[0], leaves[1], revoked]));
    assert!(is_proven(&store, &next, 1).await && !is_proven(&store, &next, 2).await);
    assert!(
        is_proven(&store, &begun, 2).await,
        "the checkpoint outlives the device it was taken over"
    );
    let listed = store.checkpoints(Page::default()).await.unwrap();
    assert_eq!((listed.total, listed.rows), (2, vec![next.clone(), begun.clone()]));
    assert_eq!(store.checkpoints_after(1, 10).await.unwrap(), [next]);
}

pub async fn a_day_has_one_checkpoint(store: Store) {
    let (region, zone) = (Region::new(), TimeZone::get("Asia/Yekaterinburg").unwrap());
    let taker = region.taker(&store);
    let now = at(0) + 2 * DAY;
    let first = taker.take_if_due(now, &zone).await.unwrap().unwrap();
    assert_eq!((first.checkpoint.heads.count, first.checkpoint.heads.root), (0, merkle::root(&[])));
    assert_eq!(taker.take_if_due(now, &zone).await.unwrap(), None);
    let tomorrow = now + DAY;
    // Many controllers' beats at one time.
    let attempts = (0..4).map(|_| taker.take_if_due(tomorrow, &zone));
    let mut taken = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        taken.extend(attempt.await.unwrap());
    }
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].checkpoint.taken_at.micros_since(first.checkpoint.taken_at), 86_400_000_000);
    assert_eq!(taken[0].checkpoint.previous, Some(first.digest));
}

pub async fn what_a_broken_attempt_left_is_replaced(store: Store) {
    with_region(&store).await;
    let region = Region::new();
    let mut chain = Chain::new(with_device(&store, 1).await, 1);
    let bodies = [(SectionName::Memory, "{}")];
    store.commit_reports(&[chain.report(&bodies, 20)]).await.unwrap();
    store.keep_heads(1).await.unwrap();
    store.commit_reports(&[chain.report(&bodies, 21)]).await.unwrap();
    let record = region.now(&store, 1000).await;
    assert!(is_proven(&store, &record, 1).await);
    let kept = store.head_in_checkpoint(1, key(1).fingerprint()).await.unwrap().unwrap();
    assert_eq!(kept.head.place.sequence, 2);
}

async fn a_task_runs_alone(address: String) {
    let store = Store::open(&address).await.unwrap();
    let held = store.exclusively("a").await.unwrap().unwrap();
    assert!(store.exclusively("a").await.unwrap().is_none());
    assert!(store.exclusively("b").await.unwrap().is_some());
    if store.engine_kind() == EngineKind::Postgres {
        let other = Store::open(&address).await.unwrap();
        assert!(other.exclusively("a").await.unwrap().is_none());
        other.close().await;
    }
    drop(held);
    // The server hears of the dropped transaction when its connection is used again.
    let again = async {
        loop {
            if let Some(held) = store.exclusively("a").await.unwrap() {
                return held;
            }
            tokio::task::yield_now().await;
        }
    };
    drop(tokio::time::timeout(std::time::Duration::from_secs(20), again).await.unwrap());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_runs_alone_on_sqlite() {
    database::at_sqlite(a_task_runs_alone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_runs_alone_on_postgres() {
    database::at_postgres(a_task_runs_alone).await;
}

/// How many chains the large checkpoint has: a few blocks, or a region with `COS_TEST_HEADS=120000`.
fn many() -> u64 {
    std::env::var("COS_TEST_HEADS").map_or(3_000, |number| number.parse().unwrap())
}

/// `COS_TEST_HEADS=120000 cargo test --release -p cos-controller --test store_contract a_large_region -- --nocapture`
async fn a_large_region(address: String) {
    let region = Region::new();
    let store = Store::open(&address).await.unwrap();
    with_region(&store).await;
    let (device, _) = with_device(&store, 1).await;
    let kind = store.engine_kind();
    store.close().await;
    let count = many();
    // As far apart as fingerprints are: 0x9e37… is odd, so no two are alike.
    let (source, hex, address_to_write) = match kind {
        EngineKind::Sqlite => (
            format!("(WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count}) SELECT n FROM n)"),
            "unhex(printf('%032x%032x', n * 2654435761 % 4294967296, n))",
            address.clone(),
        ),
        EngineKind::Postgres => (
            format!("(SELECT n FROM generate_series(1::bigint, {count}) n)"),
            "decode(lpad(to_hex(n * 2654435761 % 4294967296), 32, '0') || lpad(to_hex(n), 32, '0'), 'hex')",
            address.clone(),
        ),
    };
    database::execute(
        &address_to_write,
        format!(
            "INSERT INTO chain_head (fingerprint, device_id, epoch, sequence, digest) SELECT {hex}, {device}, 0, n, {hex} FROM {source} s"
        ),
    )
    .await;
    let store = Store::open(&address).await.unwrap();
    let begun = Instant::now();
    let record = region.now(&store, 1000).await;
    let took = begun.elapsed();
    assert_eq!(record.checkpoint.heads.count, count);
    let roots = store.head_block_roots(1).await.unwrap();
    assert_eq!(merkle::root(&roots), record.checkpoint.heads.root);
    println!(
        "{kind:?}: a checkpoint over {count} chain heads took {took:?}, {} blocks",
        roots.len()
    );
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_region_on_sqlite() {
    database::at_sqlite(a_large_region).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_region_on_postgres() {
    database::at_postgres(a_large_region).await;
}
