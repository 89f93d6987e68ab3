//! A controller that was restored from a backup: its agents go on, with no token and no hands.

use cos_controller::authority::Authority;
use cos_controller::backup::write::{Origin, take};
use cos_controller::backup::{Header, Manifest, read};
use cos_controller::store::finding::FindingKind;
use cos_controller::store::transfer::Snapshot;
use cos_controller::store::{Page, Scope, Store};
use inventory_schema::SectionName;
use inventory_schema::envelope::Resumption;

use crate::database;
use crate::device::{Computer, Device};
use crate::event::until;
use crate::held::{at_rest, whole};
use crate::program::controller;
use crate::region::{Region, at_postgres_region, on_sqlite};

async fn back_up(region: &Region, path: &std::path::Path) -> Manifest {
    // As the command does it: a second reader beside the controller.
    let store = Store::open_to_read(&region.database()).await.unwrap();
    let origin = |snapshot: &Snapshot| Origin {
        header: Header {
            program: "0.1.0".into(),
            migration: snapshot.migration(),
            engine: "any".into(),
            region: region.server.state.region.id.clone(),
            taken_at: region.clock.now(),
        },
        keys: Vec::new(),
    };
    let manifest = take(&store, origin, path, &mut |_, _| {}).await.unwrap();
    store.close().await;
    manifest
}

/// The region's database is lost, and an older backup takes its place at `other`.
async fn agents_go_on(region: Region, other: String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("region.cos");
    let token = region.token(2).await;
    let device = Computer::new(&region).enrolled(&token).await;
    let agent = device.run();
    let id = whole(&region, &device).await;
    at_rest(&region, &device).await;
    back_up(&region, &path).await;

    // After the backup: two more reports are acknowledged, and a computer comes that the backup never saw.
    for kibibytes in [16_000_000, 24_000_000] {
        let before = region.store().reports(id, Page::default()).await.unwrap().total;
        device.computer.set_memory(kibibytes);
        region.store().ask_to_collect(&[device.enrollment.device]).await.unwrap();
        until("the change is stored", async || {
            (region.store().reports(id, Page::default()).await.unwrap().total > before).then_some(())
        })
        .await;
        at_rest(&region, &device).await;
    }
    agent.stop().await;
    let late = Computer::new(&region).enrolled(&token).await;
    let agent = late.run();
    whole(&region, &late).await;
    at_rest(&region, &late).await;
    agent.stop().await;
    let newest = region.store().current_sections(id).await.unwrap();

    let restored = read::verify(&path)
        .unwrap()
        .restore(&other, &region.server.state.region.id, &mut |_, _| {})
        .await
        .unwrap();
    restored.close().await;
    let region = region.restarted(|config, _| config.database.url = other.try_into().unwrap()).await;
    assert_eq!(
        region.store().reports(id, Page::default()).await.unwrap().total,
        1,
        "the backup's moment"
    );

    // The agents come back by themselves; what the computer states now is held whole.
    let (device, late) = (device.reconnected(&region), late.reconnected(&region));
    let agents = [device.run(), late.run()];
    until("the newest state is held", async || {
        let sections = region.store().current_sections(id).await.unwrap();
        let same = sections
            .iter()
            .map(|section| section.digest)
            .eq(newest.iter().map(|section| section.digest));
        (same && sections.iter().all(|section| section.body.is_some())).then_some(())
    })
    .await;
    let of_late = whole(&region, &late).await;
    at_rest(&region, &device).await;

    // The two acknowledged reports are gone with the database, and it says so: the chain's break is recorded.
    let reports = region.store().reports(id, Page::default()).await.unwrap();
    assert_eq!(reports.rows[0].resumed, Some(Resumption::StateRestored));
    assert_eq!(reports.rows[0].place.sequence, 2, "the chain goes on from the backup's head");
    assert!(reports.rows[0].sections >= 1);
    assert_eq!(region.findings(id).await, [FindingKind::ChainBreak]);
    // Memory was stated with its newest value.
    let memory = |sections: &[cos_controller::store::report_reading::CurrentSection]| {
        sections
            .iter()
            .find(|section| section.section == SectionName::Memory)
            .and_then(|section| section.body.clone())
    };
    assert_eq!(memory(&region.store().current_sections(id).await.unwrap()), memory(&newest));
    // The computer that the backup never saw made its record again from its signed receipt.
    assert!(region.store().reports(of_late, Page::default()).await.unwrap().total >= 1);
    assert_eq!(region.uses(&token).await, 1, "as the backup has it: nobody enrolled again");
    assert_eq!(region.devices().await, 2);
    assert!(
        region
            .store()
            .device(Scope::REGION, late.enrollment.device)
            .await
            .unwrap()
            .is_some()
    );
    for agent in agents {
        agent.stop().await;
    }
    region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_go_on_after_a_restore_on_sqlite() {
    database::at_sqlite(async |from| {
        database::at_sqlite(async |to| agents_go_on(Region::start(&from).await, to).await).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_go_on_after_a_pilot_moved_to_postgres() {
    at_postgres_region(|to| async move {
        database::at_sqlite(async |from| agents_go_on(Region::start(&from).await, to).await).await;
    })
    .await;
}

/// The commands, beside a controller that serves on SQLite and holds its lock.
async fn the_commands_work_beside_a_controller(region: Region) {
    let device = Device::new(&region).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.cos");
    let name = file.to_str().unwrap();
    let config = region.config().clone();
    let taken = controller(folder.path(), &config, &["backup", "--out", name, "--with-keys", "--json"]).await;
    assert_eq!(taken.0, Some(0), "{}", taken.2);
    let manifest: Manifest = serde_json::from_str(&taken.1).unwrap();
    assert_eq!(manifest.tables["device"].rows, 1);
    assert!(manifest.keys.iter().any(|key| key == "issuing.pem"));
    assert!(
        manifest.keys.iter().all(|key| !key.starts_with("root/")),
        "roots' keys stay off line"
    );
    let again = controller(folder.path(), &config, &["backup", "--out", name]).await;
    assert_eq!(again.0, Some(1));
    assert!(again.2.contains("exists already"), "{}", again.2);

    let mut elsewhere = config.clone();
    let database = format!("sqlite://{}", folder.path().join("other.db").display());
    elsewhere.database.url = database.clone().try_into().unwrap();
    elsewhere.authority.directory = folder.path().join("authority");
    let restored = controller(folder.path(), &elsewhere, &["restore", name, "--with-keys"]).await;
    assert_eq!(restored.0, Some(0), "{}", restored.2);
    assert!(restored.1.contains("Восстановлено и сверено"), "{}", restored.1);
    let authority = Authority::load(&elsewhere.authority.directory).unwrap();
    assert_eq!(authority.pin(), region.server.state.authority.current().pin(), "the same authority");
    let store = Store::open(&database).await.unwrap();
    assert!(store.device(Scope::REGION, device.enrollment.device).await.unwrap().is_some());
    let log = store.activities(Scope::REGION, Page::default()).await.unwrap();
    assert_eq!(log.rows[0].action, "restored");
    store.close().await;
    let twice = controller(folder.path(), &elsewhere, &["restore", name]).await;
    assert_eq!(twice.0, Some(1));
    assert!(twice.2.contains("into an empty one"), "{}", twice.2);
    region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_work_beside_a_serving_controller() {
    on_sqlite(the_commands_work_beside_a_controller).await;
}
