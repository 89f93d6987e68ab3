//! Long absence: a fleet that was off while everything changed that it believes in, and disks that forget.

use std::path::PathBuf;
use std::time::Duration;

use cos_controller::authority::{add_root, distrust, key_of, retire_root, rotate_issuing};
use cos_controller::store::finding::FindingKind;
use cos_controller::store::report::ReportState;
use cos_controller::store::{Page, Scope};
use inventory_schema::SectionName;
use inventory_schema::envelope::{ReportKind, Resumption};
use inventory_schema::problem::ProblemCode;

use crate::device::{Computer, Device, memory, refusal};
use crate::event::until;
use crate::held::{at_rest, whole};
use crate::image::Image;
use crate::region::{DAY, Region};

/// The private key of the only root there is.
fn root_key(region: &Region) -> PathBuf {
    let folder = std::fs::read_dir(region.config.authority.directory.join("root")).unwrap();
    let mut files = folder.map(|entry| entry.unwrap().path());
    files
        .find(|path| path.extension().is_some_and(|extension| extension == "key"))
        .unwrap()
}

/// Waits until the running controller uses what lies in its authority's folder.
async fn taken_over(region: &Region) {
    let written = cos_controller::authority::Authority::load(&region.config.authority.directory).unwrap();
    until("the controller takes the authority's files over", async || {
        let current = region.server.state.authority.current();
        let same = current.issuing() == written.issuing() && current.roots() == written.roots();
        (same && current.distrusted() == written.distrusted()).then_some(())
    })
    .await;
}

async fn run_until_whole(region: &Region, device: &Device) {
    let agent = device.run();
    whole(region, device).await;
    until("the agent knows that it is held", async || {
        let head = region.store().chain_head(device.identity.fingerprint()).await.unwrap();
        (head.is_some() && device.computer.ledger().acknowledged == head).then_some(())
    })
    .await;
    agent.stop().await;
}

async fn absence(region: Region, days: u32) {
    const EACH: usize = 7;
    let directory = region.config.authority.directory.clone();
    let (old, id) = (root_key(&region), region.server.state.region.id.clone());
    let first_root = region.server.state.authority.current().root().clone();
    let token = region.token(60).await;
    let mut devices = Vec::new();
    for _ in 0..EACH {
        devices.push(Computer::new(&region).enrolled(&token).await);
    }
    for device in &devices {
        run_until_whole(&region, device).await;
    }
    // Those of the first half know the first root alone; the others know two, and one only the second.
    let new = add_root(&directory, &id, region.clock.now()).unwrap();
    taken_over(&region).await;
    for _ in 0..EACH {
        devices.push(Computer::new(&region).enrolled(&token).await);
    }
    for device in &devices[EACH..] {
        run_until_whole(&region, device).await;
        assert_eq!(device.enrollment.trust.roots.len(), 2);
    }

    // The summer: another issuing CA, other listeners' certificates, one root of two retired, no restart.
    region.clock.advance(DAY * days);
    rotate_issuing(&directory, &id, &new.key_path, &[old], region.clock.now()).unwrap();
    retire_root(&directory, &first_root.serial).unwrap();
    taken_over(&region).await;
    let only_new = region.token(1).await;
    assert_ne!(only_new.ca, token.ca);
    let newcomer = Computer::new(&region).enrolled(&only_new).await;
    run_until_whole(&region, &newcomer).await;
    assert_eq!(newcomer.enrollment.trust.roots.len(), 1);

    let mut agents = Vec::new();
    let mut returned = Vec::new();
    for (number, device) in devices.into_iter().enumerate() {
        let mut computer = device.computer;
        // Batteries died: the clocks begin anew, or somewhere else.
        computer.clock = match number % 4 {
            0 => region.clock.for_a_computer_at("2000-01-01T00:00:00.000000Z".parse().unwrap()),
            1 => region.clock.for_a_computer_at("2031-06-01T00:00:00.000000Z".parse().unwrap()),
            _ => region.clock.for_an_agent(),
        };
        computer.set_memory(16_000_000);
        let device = Device::of(computer, device.enrollment);
        agents.push(device.run());
        returned.push(device);
    }
    for device in &returned {
        let id = device.record(&region).await.unwrap().id;
        until("the change of the summer is held, and the new trust", async || {
            let reports = region.store().reports(id, Page::default()).await.unwrap();
            // Beside them stands the day on which it was switched off.
            let inventories = reports.rows.iter().filter(|report| report.kind == ReportKind::Inventory);
            let enrollment = device.computer.enrollment();
            (inventories.count() == 2 && enrollment.trust.roots == newcomer.enrollment.trust.roots).then_some(())
        })
        .await;
        let reports = region.store().reports(id, Page::default()).await.unwrap();
        assert!(reports.rows.iter().all(|report| report.resumed.is_none()), "the chain is unbroken");
        assert_eq!(device.computer.key(), device.identity.fingerprint());
        until("a certificate that holds", async || {
            device
                .computer
                .identity()
                .certificate_validity()
                .unwrap()
                .contains(region.clock.now())
                .then_some(())
        })
        .await;
    }
    for agent in agents {
        agent.stop().await;
    }
    assert_eq!(region.uses(&token).await, 2 * EACH as i64, "no token was spent");
    assert_eq!(region.devices().await, 2 * EACH as i64 + 1);
    region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_that_was_off_for_100_days_is_whole_on_first_contact() {
    crate::database::at_sqlite(async |address| absence(Region::start(&address).await, 100).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_whose_certificates_ended_meanwhile_is_whole_too() {
    crate::database::at_sqlite(async |address| absence(Region::start(&address).await, 420).await).await;
}

/// One issuing CA alone loses its force: its devices are strangers, the others go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_issuing_authority_alone_can_be_distrusted() {
    crate::region::on_sqlite(distrusted).await;
}

async fn distrusted(region: Region) {
    let directory = region.config.authority.directory.clone();
    let id = region.server.state.region.id.clone();
    let before = Device::new(&region).await;
    let stolen = region.server.state.authority.current().issuing().clone();
    assert!(distrust(&directory, &stolen.serial).is_err(), "it is in use");
    rotate_issuing(&directory, &id, &root_key(&region), &[], region.clock.now()).unwrap();
    taken_over(&region).await;
    let after = Device::new(&region).await;
    let now = inventory_schema::quantity::Seconds::saturating(0);
    let before = before.reconnected(&region);
    before.transport.check_in(&before.check_in(), now).await.unwrap();
    distrust(&directory, &stolen.serial).unwrap();
    taken_over(&region).await;
    let before = before.reconnected(&region);
    let refused = refusal(before.transport.check_in(&before.check_in(), now).await);
    assert_eq!(refused, ProblemCode::CertificateForeign);
    let mut after = after.reconnected(&region);
    // Agents are told whom to believe no more, and keep believing the controller.
    let answer = after.transport.check_in(&after.check_in(), now).await.unwrap();
    after.enrollment.accept_trust(answer.trust.unwrap()).unwrap();
    assert_eq!(after.enrollment.trust.distrusted, [key_of(&stolen).unwrap()]);
    let mut after = after.reconnected(&region);
    let batch = after.report(&[(SectionName::Memory, &memory(1))]);
    after.send(&batch).await;
    region.stop().await;
}

/// A classroom's disk that is as it was at every boot, for most of a year: the certificate of the image is renewed
/// in between and comes back every morning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_boots_of_a_restored_disk_are_one_device() {
    crate::region::on_sqlite(thirty_boots).await;
}

async fn thirty_boots(region: Region) {
    const BOOTS: i64 = 30;
    let token = region.token(1).await;
    let mut device = Computer::new(&region).enrolled(&token).await;
    let agent = device.run();
    let id = whole(&region, &device).await;
    at_rest(&region, &device).await;
    agent.stop().await;
    let image = Image::of(&device.computer);
    for boot in 1..=BOOTS {
        region.clock.advance(Duration::from_secs(8 * 86_400));
        image.restore(&device.computer);
        device.computer.clock = region.clock.for_an_agent();
        device.computer.set_memory(8_000_000 + boot.unsigned_abs() * 1000);
        let agent = device.run();
        until("the day's change is stored", async || {
            let total = region.store().reports(id, Page::default()).await.unwrap().total;
            (total > boot).then_some(())
        })
        .await;
        at_rest(&region, &device).await;
        agent.stop().await;
    }
    let key = device.identity.fingerprint();
    assert_eq!(device.computer.key(), key);
    assert_eq!((region.devices().await, region.uses(&token).await), (1, 1));
    let certificates = region.store().certificates(device.enrollment.device).await.unwrap();
    assert!(
        certificates.len() > 2,
        "the image's certificate is past its middle at each of the last boots"
    );
    let page = Page {
        limit: 100,
        ..Page::default()
    };
    let reports = region.store().reports(id, page).await.unwrap();
    assert!(reports.rows.iter().all(|report| report.state == ReportState::Stored));
    let breaks = reports
        .rows
        .iter()
        .filter(|report| report.resumed == Some(Resumption::StateRestored));
    assert_eq!(
        i64::try_from(breaks.count()).unwrap(),
        BOOTS - 1,
        "each break is recorded in its report"
    );
    // All of them are one finding, and nothing says that there is a copy.
    let findings = region.store().findings(id, 1000).await.unwrap();
    let [found] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((found.kind, found.times), (FindingKind::ChainBreak, BOOTS - 1));
    let days = found.last_found_at.micros_since(found.found_at) / (86_400 * 1_000_000);
    assert_eq!(days, 8 * (BOOTS - 2));
    assert!(
        region
            .store()
            .device(Scope::REGION, device.enrollment.device)
            .await
            .unwrap()
            .is_some()
    );
    region.stop().await;
}
