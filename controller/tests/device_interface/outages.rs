//! A database that has no room: nothing acknowledged is lost, agents are told «later», and with room it goes on.

use cos_agent::spool::survey;
use cos_controller::config::Config;
use cos_controller::store::Page;
use inventory_schema::SectionName;
use inventory_schema::enrollment::HardwareEvidence;
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::Seconds;
use inventory_schema::report::{ReportBatch, ReportOutcome};

use crate::database::{at_sqlite, execute};
use crate::device::{Device, digest, memory, refusal};
use crate::event::until;
use crate::held::{at_rest, whole};
use crate::region::{Region, at_postgres_region, on_sqlite};
use crate::tokens::{Asker, new_key};

const STORED: ReportOutcome = ReportOutcome::Stored { missing: Vec::new() };

/// A section that does not compress.
fn noise(seed: u64) -> String {
    let digests: String = (0..2000u64)
        .map(|n| digest(&format!("{seed} {n}")).to_string()["sha256:".len()..].to_owned())
        .collect();
    format!(r#"{{"content":{{}},"format":"memory/1","noise":"{digests}"}}"#)
}

/// Sends reports until one is not stored; answers those that were, and that one.
async fn fill(device: &mut Device) -> (Vec<ReportBatch>, ReportBatch) {
    let mut acknowledged = Vec::new();
    for seed in 0..500 {
        let batch = device.report(&[(SectionName::Memory, &noise(seed))]);
        match device.send(&batch).await {
            ReportOutcome::Stored { .. } => acknowledged.push(batch),
            ReportOutcome::Retry => return (acknowledged, batch),
            other => panic!("{other:?}"),
        }
    }
    panic!("the database never filled");
}

async fn all_held(region: &Region, acknowledged: &[ReportBatch]) {
    for batch in acknowledged {
        let stored = region.store().report_bytes(digest(&batch.reports[0].envelope)).await.unwrap();
        assert_eq!(stored.unwrap().envelope, batch.reports[0].envelope.as_bytes());
        for (digest, body) in &batch.bodies {
            assert_eq!(region.store().body(*digest).await.unwrap().as_deref(), Some(body.as_bytes()));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_under_sqlite_costs_nothing_that_was_acknowledged() {
    at_sqlite(async |address| {
        let set = |config: &mut Config, address: String| config.database.url = address.try_into().unwrap();
        let region = Region::start(&address).await;
        let mut device = Device::new(&region).await;
        let token = region.token(500).await;
        // SQLite itself says that its disk is full at this many pages.
        let limited = format!("{address}?max_page_count=500");
        let region = region.restarted(|config, _| set(config, limited)).await;
        device = device.reconnected(&region);
        let (acknowledged, refused) = fill(&mut device).await;
        assert!(acknowledged.len() > 3, "{}", acknowledged.len());

        // Still full: told as such, and what is held is still served.
        assert_eq!(device.send(&refused).await, ReportOutcome::Retry);
        assert_eq!(device.send(&acknowledged[0]).await, ReportOutcome::Duplicate);
        let code = until("an enrollment has found no room", async || {
            let (_folder, key) = new_key();
            match Asker::of(&region, token.clone())
                .ask(key.csr().unwrap(), HardwareEvidence::default())
                .await
            {
                // There was room for a few rows more.
                Ok(_) => None,
                refused => Some(refusal(refused)),
            }
        })
        .await;
        assert_eq!(code, ProblemCode::StorageUnavailable);
        all_held(&region, &acknowledged).await;

        // With room again, what waited is taken, by the agent that kept it.
        let region = region.restarted(|config, _| set(config, address.clone())).await;
        let device = device.reconnected(&region);
        all_held(&region, &acknowledged).await;
        assert_eq!(device.send(&refused).await, STORED);
        region.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_under_postgres_is_told_and_passes_without_a_restart() {
    at_postgres_region(full_postgres).await;
}

async fn full_postgres(address: String) {
    let region = Region::start(&address).await;
    let mut device = Device::new(&region).await;
    let first = device.report(&[(SectionName::Memory, &memory(1))]);
    assert_eq!(device.send(&first).await, STORED);
    // The server's own error code, raised where its disk would end.
    let full = "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS \
                $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$; \
                CREATE TRIGGER full_disk BEFORE INSERT ON report FOR EACH ROW EXECUTE FUNCTION no_space(); \
                CREATE TRIGGER full_disk BEFORE UPDATE ON presence FOR EACH ROW EXECUTE FUNCTION no_space()";
    execute(&address, full.to_owned()).await;
    let second = device.report(&[(SectionName::Memory, &memory(2))]);
    assert_eq!(device.send(&second).await, ReportOutcome::Retry);
    let checked_in = device.transport.check_in(&device.check_in(), Seconds::saturating(0)).await;
    assert_eq!(refusal(checked_in), ProblemCode::StorageUnavailable);
    all_held(&region, std::slice::from_ref(&first)).await;
    let room = "DROP TRIGGER full_disk ON report; DROP TRIGGER full_disk ON presence";
    execute(&address, room.to_owned()).await;
    assert_eq!(device.send(&second).await, STORED);
    region.stop().await;
}

async fn away(region: Region) {
    let device = Device::new(&region).await;
    let agent = device.run();
    let id = whole(&region, &device).await;
    at_rest(&region, &device).await;
    agent.stop().await;
    // The controller is gone for this agent: it listens elsewhere now.
    let region = region.restarted(|_, _| {}).await;
    device.computer.set_memory(16_000_000);
    let agent = device.run();
    until("the change waits on disk", async || {
        let spool = survey(&device.computer.config.state_dir.join("spool")).unwrap();
        (spool.reports == 1).then_some(())
    })
    .await;
    agent.stop().await;
    let device = device.reconnected(&region);
    let agent = device.run();
    until("the change is stored", async || {
        let reports = region.store().reports(id, Page::default()).await.unwrap();
        (reports.total == 2).then_some(())
    })
    .await;
    at_rest(&region, &device).await;
    agent.stop().await;
    let reports = region.store().reports(id, Page::default()).await.unwrap().rows;
    assert!(reports.iter().all(|report| report.resumed.is_none()), "the chain is unbroken");
    region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_agent_saw_while_its_controller_was_away_is_delivered() {
    on_sqlite(away).await;
}
