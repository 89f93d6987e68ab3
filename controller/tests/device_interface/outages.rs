//! A database that has no room: nothing acknowledged is lost, agents are told «later», and with room it goes on.

use std::sync::Arc;

use cos_controller::config::Config;
use inventory_schema::SectionName;
use inventory_schema::problem::ProblemCode;
use inventory_schema::report::{ReportBatch, ReportOutcome};

use crate::database::{at_postgres, at_sqlite, execute};
use crate::device::{Computer, Device, digest, memory, refusal};
use crate::region::{Region, until};

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
            STORED => acknowledged.push(batch),
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
        let token = region.token(5).await;
        // SQLite itself says that its disk is full at this many pages.
        let limited = format!("{address}?max_page_count=500");
        let region = region.restarted(|config, _| set(config, limited)).await;
        device = device.reconnected(&region);
        let (acknowledged, refused) = fill(&mut device).await;
        assert!(acknowledged.len() > 3, "{}", acknowledged.len());

        // Still full: told as such, and what is held is still served.
        assert_eq!(device.send(&refused).await, ReportOutcome::Retry);
        assert_eq!(device.send(&acknowledged[0]).await, ReportOutcome::Duplicate);
        until("a check-in or an enrollment has found no room", async || {
            let computer = Computer::new(&region);
            let transport = cos_agent::transport::Transport::for_token(
                &inventory_schema::enrollment::EnrollmentToken {
                    controllers: region.server.state.region.controllers.clone(),
                    ..token.clone()
                },
                &computer.config,
                computer.clock.clone(),
            )
            .unwrap();
            let (_folder, key) = crate::tokens::new_key();
            let request = inventory_schema::enrollment::EnrollmentRequest {
                protocol: inventory_schema::check_in::ProtocolRange::CURRENT,
                token: token.id,
                region: token.region.clone(),
                secret: token.secret.clone(),
                csr: key.csr().unwrap(),
                evidence: Default::default(),
                agent: "0.1.0".parse().unwrap(),
            };
            match transport.enroll(&request).await {
                // There was room for a few rows more.
                Ok(_) => None,
                refused => Some(assert_eq!(refusal(refused), ProblemCode::StorageUnavailable)),
            }
        })
        .await;
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
    at_postgres(|address| {
        let handle = tokio::runtime::Handle::current();
        let run = move || handle.block_on(full_postgres(address));
        async move { tokio::task::spawn_blocking(run).await.unwrap() }
    })
    .await;
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
                CREATE TRIGGER full_disk BEFORE UPDATE ON device FOR EACH ROW EXECUTE FUNCTION no_space()";
    execute(&address, full.to_owned()).await;
    let second = device.report(&[(SectionName::Memory, &memory(2))]);
    assert_eq!(device.send(&second).await, ReportOutcome::Retry);
    let check_in = device.transport.check_in(&device.check_in(), inventory_schema::quantity::Seconds::saturating(0));
    assert_eq!(refusal(check_in.await), ProblemCode::StorageUnavailable);
    all_held(&region, std::slice::from_ref(&first)).await;
    let room = "DROP TRIGGER full_disk ON report; DROP TRIGGER full_disk ON device";
    execute(&address, room.to_owned()).await;
    assert_eq!(device.send(&second).await, STORED);
    region.stop().await;
}

/// Two agents of one region report while their controller goes away and comes back at another address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_delivers_what_waited_for_a_controller_that_was_away() {
    crate::region::on_sqlite(async |region| {
        let device = Arc::new(Device::new(&region).await);
        let first = device.run();
        let id = crate::life::whole(&region, &device).await;
        crate::life::at_rest(&region, &device).await;
        first.stop().await;
        // Changed while nobody listens: the report waits on disk.
        device.computer.set_memory(16_000_000);
        let region = region.restarted(|_, _| {}).await;
        let second = device.run();
        until("the report waits on disk", async || {
            let waiting = cos_agent::spool::survey(&device.computer.config.state_dir.join("spool")).ok()?;
            (waiting.reports > 0).then_some(())
        })
        .await;
        second.stop().await;
        let device = Arc::into_inner(device).unwrap().reconnected(&region);
        let third = device.run();
        crate::life::at_rest(&region, &device).await;
        third.stop().await;
        let reports = region.store().reports(id, Default::default()).await.unwrap();
        assert_eq!(reports.total, 2);
        assert_eq!(reports.rows.iter().filter(|report| report.resumed.is_some()).count(), 0);
        region.stop().await;
    })
    .await;
}
