//! A backup holds every row, on whichever engine, and is restored whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cos_controller::backup::read::verify;
use cos_controller::backup::record::Record;
use cos_controller::backup::write::{Origin, take};
use cos_controller::backup::{BackupError, Header, MAGIC, Manifest};
use cos_controller::store::activity::NewActivity;
use cos_controller::store::certificate::IssuedCertificate;
use cos_controller::store::report::CommitOutcome;
use cos_controller::store::{Page, Scope, Store, StoreError};
use inventory_schema::{Digest, SectionName};
use tempfile::TempDir;

use crate::database::{at_postgres, at_sqlite, execute};
use crate::fixture::{Chain, at, key, with_device, with_region};

const STORED: CommitOutcome = CommitOutcome::Stored { missing: Vec::new() };
const REGION: &str = "RU-PER";

fn header(migration: i64) -> Header {
    Header {
        program: "0.1.0".into(),
        migration,
        engine: "any".into(),
        region: REGION.parse().unwrap(),
        taken_at: at(99),
    }
}

async fn back_up(address: &str, path: &Path) -> Result<Manifest, BackupError> {
    let store = Store::open_to_read(address).await?;
    let origin = |snapshot: &cos_controller::store::transfer::Snapshot| Origin {
        header: header(snapshot.migration()),
        keys: Vec::new(),
    };
    let manifest = take(&store, origin, path, &mut |_, _| {}).await;
    store.close().await;
    manifest
}

async fn restore(path: &Path, address: &str) -> Result<Store, BackupError> {
    verify(path)?.restore(address, &REGION.parse().unwrap(), &mut |_, _| {}).await
}

/// Devices with reports of several months, a fork, missing bodies, activity, certificates, revocations.
async fn populate(store: &Store) -> Vec<Chain> {
    with_region(store).await;
    let mut chains = Vec::new();
    for number in 0..12 {
        let mut chain = Chain::new(with_device(store, number).await, number);
        let mut rival = chain.clone();
        for month in ["2026-06", "2026-08", "2026-09"] {
            let body = format!("{{\"пакет\":{number},\"month\":\"{month}\"}}");
            let mut report = chain.report(&[(SectionName::Software, &body), (SectionName::Memory, "{\"same\":1}")], 1);
            report.received_at = format!("{month}-03T08:00:00.000000Z").parse().unwrap();
            report.summary.host_name = Some(format!("пк-{number}"));
            assert_eq!(store.commit_reports(&[report]).await.unwrap(), [STORED]);
        }
        let forged = rival.report(&[(SectionName::Memory, "{\"forged\":1}")], 2);
        store.commit_reports(&[forged]).await.unwrap();
        let mut tombstone = chain.report(&[(SectionName::Storage, &format!("{{\"lost\":{number}}}"))], 3);
        tombstone.bodies.clear();
        store.commit_reports(&[tombstone]).await.unwrap();
        let certificate = IssuedCertificate {
            serial: format!("{number:040x}"),
            key: key(number).fingerprint(),
            device: chain.external_id,
            not_before: at(0),
            not_after: at(1_000_000),
            issued_at: at(1),
            der: vec![0, 1, 2, 0xff],
        };
        store.log_certificate(&certificate).await.unwrap();
        chains.push(chain);
    }
    let entry = NewActivity {
        at: at(5),
        operator_id: None,
        operator_login: "cli".into(),
        action: "login".into(),
        subject_kind: "operator".into(),
        subject_id: "кто-то".into(),
        organization_id: None,
        detail: "{}".into(),
    };
    store.append_activity(&entry).await.unwrap();
    store.revoke_key(key(3).fingerprint(), at(6), "lost", None).await.unwrap();
    // The number of a device that is gone is never given again.
    let (_, gone) = with_device(store, 77).await;
    assert!(store.delete_device(Scope::REGION, gone).await.unwrap());
    chains
}

/// From `from`, while reports come in, into `to`: every row is equal, and life goes on.
async fn moves(from: String, to: String) {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("первая.cos"), folder.path().join("вторая.cos"));
    let store = Store::open(&from).await.unwrap();
    let mut chains = populate(&store).await;
    let busy = Arc::new(AtomicBool::new(true));
    let writing = {
        let (store, busy) = (store.clone(), busy.clone());
        let mut chain = chains.remove(0);
        tokio::spawn(async move {
            let mut sent = Vec::new();
            while busy.load(Ordering::SeqCst) || sent.is_empty() {
                let n = i64::try_from(sent.len()).unwrap();
                let report = chain.report(&[(SectionName::Memory, &format!("{{\"n\":{n}}}"))], n);
                assert_eq!(store.commit_reports(std::slice::from_ref(&report)).await.unwrap(), [STORED]);
                sent.push(report);
            }
            (chain, sent)
        })
    };
    let manifest = back_up(&from, &first).await.unwrap();
    busy.store(false, Ordering::SeqCst);
    let (mut busy_chain, sent) = writing.await.unwrap();
    assert_eq!(manifest.tables["device"].rows, 12);
    assert!(manifest.tables["report"].rows >= 60);
    assert!(
        matches!(back_up(&from, &first).await, Err(BackupError::Exists { .. })),
        "a backup is not overwritten"
    );

    let restored = restore(&first, &to).await.unwrap();
    let again = back_up(&to, &second).await.unwrap();
    let differing: Vec<&String> = manifest
        .tables
        .iter()
        .filter(|(name, totals)| again.tables.get(*name) != Some(totals))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(differing, Vec::<&String>::new());
    assert_eq!(manifest.tables, again.tables);

    // What the page of a device shows is the same; its chain goes on.
    for chain in &mut chains {
        let old = store.device(Scope::REGION, chain.external_id).await.unwrap().unwrap();
        let new = restored.device(Scope::REGION, chain.external_id).await.unwrap().unwrap();
        assert_eq!(old, new);
        assert_eq!(
            store.current_sections(chain.device).await.unwrap(),
            restored.current_sections(chain.device).await.unwrap()
        );
        let page = Page::default();
        assert_eq!(
            store.reports(chain.device, page).await.unwrap(),
            restored.reports(chain.device, page).await.unwrap()
        );
        let next = chain.report(&[(SectionName::Memory, "{\"next\":1}")], 7);
        assert_eq!(restored.commit_reports(&[next]).await.unwrap(), [STORED]);
    }
    // One whose reports came after the backup's moment: it goes on from where the backup stood.
    let head = restored.chain_head(busy_chain.key).await.unwrap().unwrap();
    let late = sent.iter().find(|report| report.received.envelope.previous == Some(head.digest));
    if let Some(late) = late {
        assert_eq!(restored.commit_reports(std::slice::from_ref(late)).await.unwrap(), [STORED]);
    } else {
        let next = busy_chain.report(&[], 8);
        assert_eq!(restored.commit_reports(&[next]).await.unwrap(), [STORED]);
    }
    let (new, _) = with_device(&restored, 500).await;
    assert!(new > 13, "{new}: the number of the device that was deleted is not given again");
    assert!(matches!(
        restore(&second, &to).await,
        Err(BackupError::Store(StoreError::InUse { .. }) | BackupError::NotEmpty)
    ));
    restored.close().await;
    assert!(matches!(restore(&second, &to).await, Err(BackupError::NotEmpty)));
    store.close().await;
}

/// The address of a database in this folder that does not exist yet.
fn sqlite(folder: &TempDir, name: &str) -> String {
    format!("sqlite://{}", folder.path().join(name).display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_sqlite_to_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    moves(sqlite(&folder, "from.db"), sqlite(&folder, "to.db")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pilot_on_sqlite_moves_to_postgres() {
    at_postgres(|to| async move {
        let folder = tempfile::tempdir().unwrap();
        moves(sqlite(&folder, "from.db"), to).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_postgres_to_sqlite() {
    at_postgres(|from| async move {
        let folder = tempfile::tempdir().unwrap();
        moves(from, sqlite(&folder, "to.db")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_postgres_to_postgres() {
    at_postgres(|from| async move { at_postgres(|to| moves(from, to)).await }).await;
}

/// A folder with a small backup in it.
async fn small() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.cos");
    at_sqlite(async |address| {
        let store = Store::open(&address).await.unwrap();
        populate(&store).await;
        store.close().await;
        back_up(&address, &path).await.unwrap();
    })
    .await;
    (folder, path)
}

/// Every one of 200 changed bytes, every truncation: refused, and the database stays empty.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_changed_or_foreign_file_is_refused() {
    let (folder, whole) = small().await;
    let bytes = fs::read(&whole).unwrap();
    assert_eq!(mode(&whole), 0o600);
    let bad = folder.path().join("bad.cos");
    let refused = |bytes: &[u8]| {
        fs::write(&bad, bytes).unwrap();
        verify(&bad).unwrap_err()
    };
    for n in 0..200 {
        let mut changed = bytes.clone();
        let place = MAGIC.len() + (n * 7919) % (bytes.len() - MAGIC.len());
        changed[place] ^= 1 << (n % 8);
        assert!(matches!(refused(&changed), BackupError::Damaged { .. }), "byte {place}");
    }
    for n in 0..50 {
        let length = MAGIC.len() + n * (bytes.len() - MAGIC.len()) / 50;
        assert!(matches!(refused(&bytes[..length]), BackupError::Damaged { .. }), "cut at {length}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(refused(&longer), BackupError::Damaged { .. }));
    for foreign in [&b""[..], b"SQLite format 3\0 and more of it", b"cos-bac"] {
        assert!(matches!(refused(foreign), BackupError::Foreign { .. }));
    }
    assert!(matches!(
        verify(&folder.path().join("none.cos")).unwrap_err(),
        BackupError::Read { .. }
    ));
    verify(&whole).unwrap();
    // Nothing is left of a backup that could not be taken.
    assert!(
        back_up("sqlite:///nonexistent/folder.db", &bad.with_extension("new"))
            .await
            .is_err()
    );
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A file as a newer program would write it, its checksum right.
fn crafted(path: &Path, records: &[Record]) {
    let mut stream = zstd::stream::write::Encoder::new(MAGIC.to_vec(), 3).unwrap();
    records.iter().for_each(|record| record.write(&mut stream).unwrap());
    let mut bytes = stream.finish().unwrap();
    bytes.extend(Digest::of(&bytes).as_bytes());
    fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_newer_program_or_another_region_is_refused() {
    let (folder, whole) = small().await;
    let newer = folder.path().join("newer.cos");
    let manifest = Manifest {
        header: header(9_999),
        tables: BTreeMap::new(),
        keys: Vec::new(),
    };
    crafted(&newer, &[Record::Header(header(9_999)), Record::Manifest(manifest.clone())]);
    at_sqlite(async |address| {
        let error = restore(&newer, &address).await.unwrap_err();
        assert!(matches!(error, BackupError::Newer { migration: 9_999, .. }), "{error:?}");
        let other = verify(&whole)
            .unwrap()
            .restore(&address, &"RU-SVE".parse().unwrap(), &mut |_, _| {})
            .await;
        assert!(matches!(other.unwrap_err(), BackupError::Region { .. }));
        // A manifest that claims more than the file holds.
        crafted(&newer, &[Record::Header(header(1)), Record::Manifest(manifest)]);
        assert!(matches!(verify(&newer).unwrap_err(), BackupError::Malformed { .. }));
        // The database is as empty as it was.
        restore(&whole, &address).await.unwrap().close().await;
    })
    .await;
    // A database that a newer program has written is not backed up by this one.
    at_sqlite(async |address| {
        Store::open(&address).await.unwrap().close().await;
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                     SELECT 9999, 'of a newer program', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";
        execute(&address, newer.to_owned()).await;
        let error = back_up(&address, &folder.path().join("never.cos")).await.unwrap_err();
        assert!(
            matches!(error, BackupError::Store(StoreError::Newer { version: 9_999 })),
            "{error:?}"
        );
    })
    .await;
}

/// A row that another controller changes underneath is noticed before anything is durable: here a table refuses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_fails_leaves_an_empty_database() {
    let (_folder, whole) = small().await;
    at_sqlite(async |address| {
        Store::open(&address).await.unwrap().close().await;
        let refuse = "CREATE TRIGGER no_certificates BEFORE INSERT ON certificate WHEN NEW.id > 5 \
                      BEGIN SELECT RAISE(ABORT, 'the disk broke'); END";
        execute(&address, refuse.to_owned()).await;
        assert!(matches!(restore(&whole, &address).await.unwrap_err(), BackupError::Store(_)));
        execute(&address, "DROP TRIGGER no_certificates".to_owned()).await;
        restore(&whole, &address).await.unwrap().close().await;
    })
    .await;
}
