//! What happens when the database is full, newer, in use, or not there.

use std::process::Command;

use cos_controller::store::durability::Durability;
use cos_controller::store::report::CommitOutcome;
use cos_controller::store::{Page, Store, StoreError};
use inventory_schema::{Digest, SectionName};

use crate::database::{at_postgres, at_sqlite, execute};
use crate::fixture::{Chain, with_device, with_region};

pub async fn the_database_answers_a_ping_and_migrates_again(store: Store) {
    store.ping().await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
    let error = store.ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(error.is_outage());
}

async fn refuses_a_newer_database(address: String) {
    Store::open(&address).await.unwrap().close().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 SELECT 9999, 'of a newer program', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";
    execute(&address, newer.to_owned()).await;
    let error = Store::open(&address).await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { version: 9999 }), "{error:?}");
}

#[tokio::test]
async fn a_newer_sqlite_database_is_refused() {
    at_sqlite(refuses_a_newer_database).await;
}

#[tokio::test]
async fn a_newer_postgres_database_is_refused() {
    at_postgres(refuses_a_newer_database).await;
}

#[tokio::test]
async fn controllers_that_start_together_migrate_once() {
    at_postgres(|address| async move {
        let starts: Vec<_> = (0..4)
            .map(|_| {
                let address = address.clone();
                tokio::spawn(async move { Store::open(&address).await.unwrap() })
            })
            .collect();
        for start in starts {
            start.await.unwrap().close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_its_password() {
    for address in [
        "mysql://root:secret@host/db",
        "sqlite://",
        "/var/lib/cos.db",
        "sqlite:///a.db?mode=ro",
    ] {
        let error = Store::open(address).await.unwrap_err();
        assert!(matches!(error, StoreError::Address { .. }), "{error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let error = Store::open("sqlite:///nonexistent/folder/cos.db").await.unwrap_err();
    assert!(matches!(error, StoreError::LockFile { .. }), "{error:?}");
}

const DATABASE: &str = "COS_TEST_SQLITE_IN_USE";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_cannot_open_the_same_sqlite_database() {
    at_sqlite(async |address| {
        let store = Store::open(&address).await.unwrap();
        let second = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "outages::second_process", "--ignored", "--nocapture"])
            .env(DATABASE, &address)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&second.stdout);
        assert!(second.status.success() && said.contains("in use by another process"), "{said}");
        let error = Store::open(&address).await.unwrap_err();
        assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
        store.ping().await.unwrap();
        store.close().await;
        Store::open(&address).await.unwrap().close().await;
    })
    .await;
}

/// The other process of the test above.
#[tokio::test]
#[ignore = "is started by a_second_process_cannot_open_the_same_sqlite_database"]
async fn second_process() {
    let Ok(address) = std::env::var(DATABASE) else {
        return;
    };
    let error = Store::open(&address).await.unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
    println!("{error}");
}

/// Text that does not compress: a megabyte of it fills a small database.
fn noise(seed: u64) -> String {
    let digest = |n: u64| Digest::of(&(seed * 10_000 + n).to_be_bytes()).to_string();
    (0..600).map(digest).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_keeps_what_was_acknowledged() {
    at_sqlite(async |address| {
        // SQLite itself answers SQLITE_FULL at this many pages, as it does when the disk has no more; the empty schema has
        // some 170.
        let store = Store::open(&format!("{address}?max_page_count=260")).await.unwrap();
        with_region(&store).await;
        let mut chain = Chain::new(with_device(&store, 1).await, 1);
        let mut acknowledged = Vec::new();
        let refused = loop {
            let report = chain.report(&[(SectionName::Software, &noise(chain.place.sequence))], 1);
            match store.commit_reports(std::slice::from_ref(&report)).await {
                Ok(outcomes) => {
                    assert_eq!(outcomes, [CommitOutcome::Stored { missing: vec![] }]);
                    acknowledged.push(report);
                }
                Err(error) => {
                    assert!(matches!(error, StoreError::Full(_)), "{error:?}");
                    assert!(error.is_outage());
                    break report;
                }
            }
        };
        assert!(acknowledged.len() > 3, "{}", acknowledged.len());
        // Still full, still answering; nothing is half there.
        let again = store.commit_reports(std::slice::from_ref(&refused)).await.unwrap_err();
        assert!(matches!(again, StoreError::Full(_)), "{again:?}");
        let whole = async |store: &Store| {
            let last = acknowledged.last().unwrap();
            assert_eq!(store.chain_head(chain.key).await.unwrap(), Some(last.received.head()));
            assert_eq!(
                store.reports(chain.device, Page::default()).await.unwrap().total,
                acknowledged.len() as i64
            );
            for report in &acknowledged {
                let stored = store.report_bytes(report.received.digest).await.unwrap().unwrap();
                assert_eq!(stored.envelope, report.received.bytes);
                assert!(store.body(report.bodies[0].digest).await.unwrap().is_some());
            }
        };
        whole(&store).await;
        store.close().await;
        // With room again, the refused report is taken.
        let store = Store::open(&address).await.unwrap();
        whole(&store).await;
        let outcome = store.commit_reports(&[refused]).await.unwrap();
        assert_eq!(outcome, [CommitOutcome::Stored { missing: vec![] }]);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_postgres_disk_is_told_and_keeps_what_was_acknowledged() {
    at_postgres(|address| async move {
        let store = Store::open(&address).await.unwrap();
        with_region(&store).await;
        let mut chain = Chain::new(with_device(&store, 1).await, 1);
        let first = chain.report(&[(SectionName::Memory, "{\"n\":1}")], 1);
        let second = chain.report(&[(SectionName::Memory, "{\"n\":2}")], 2);
        store.commit_reports(std::slice::from_ref(&first)).await.unwrap();
        // The server's own error code, raised where its disk would end.
        let full = "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS \
                    $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$; \
                    CREATE TRIGGER full_disk BEFORE INSERT ON report FOR EACH ROW EXECUTE FUNCTION no_space()";
        execute(&address, full.to_owned()).await;
        let error = store.commit_reports(std::slice::from_ref(&second)).await.unwrap_err();
        assert!(matches!(error, StoreError::Full(_)), "{error:?}");
        assert_eq!(store.chain_head(chain.key).await.unwrap(), Some(first.received.head()));
        execute(&address, "DROP TRIGGER full_disk ON report".to_owned()).await;
        let outcome = store.commit_reports(&[second]).await.unwrap();
        assert_eq!(outcome, [CommitOutcome::Stored { missing: vec![] }]);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_to_postgres_are_made_again() {
    at_postgres(|address| async move {
        let store = Store::open(&address).await.unwrap();
        with_region(&store).await;
        let snapshot = store.register_snapshot().await.unwrap();
        let cut = "SELECT CAST(COUNT(pg_terminate_backend(pid)) AS BIGINT) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        execute(&address, cut.to_owned()).await;
        assert_eq!(store.register_snapshot().await.unwrap(), snapshot);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_database_has_set_cannot_take_the_promise_back() {
    at_postgres(|address| async move {
        let (_, name) = address.rsplit_once('/').unwrap();
        let careless = format!(
            "ALTER DATABASE {name} SET synchronous_commit = off; ALTER DATABASE {name} SET statement_timeout = '1ms'; \
             ALTER DATABASE {name} SET lock_timeout = 0"
        );
        execute(&address, careless).await;
        let store = Store::open(&address).await.unwrap();
        assert_eq!(store.durability().await.unwrap(), Durability::DatabaseServerDisk);
        with_region(&store).await;
        store.close().await;

        // An administrator who forbids writing is an outage, and told before anything is tried.
        execute(&address, format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
        let error = Store::open(&address).await.unwrap_err();
        assert!(error.is_outage(), "{error:?}");
    })
    .await;
}
