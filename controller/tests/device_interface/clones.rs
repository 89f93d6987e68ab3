//! Copied disks, restored disks, look-alikes and one laptop's career: how many devices they are (promise 3).

use std::fs;
use std::path::PathBuf;

use cos_agent::inventory;
use cos_agent::platform::FileTree;
use cos_agent::spool::survey;
use cos_controller::store::finding::FindingKind;
use cos_controller::store::review::{CaseKind, CaseState};
use cos_controller::store::{Page, Scope};
use inventory_schema::DeviceId;
use inventory_schema::enrollment::{EnrollmentToken, HardwareEvidence};

use crate::device::{Computer, Running};
use crate::event::until;
use crate::held::{enrolled_whole, has_stated, is_whole, stated, states_memory};
use crate::image::Image;
use crate::region::Region;

/// How many copies the long variant makes; it is set by `packaging/test/run.sh --slow`.
const MANY: &str = "COS_TEST_CLONES";
/// At one time: so many classroom computers are switched on together.
const AT_ONCE: usize = 30;

fn write(path: PathBuf, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Puts a whole computer's parts into the tree, each named by `number`; all say the same UUID.
pub fn furnish(computer: &Computer, number: u32) {
    let root = computer.root();
    let dmi = |name: &str, text: &str| write(root.join("sys/class/dmi/id").join(name), &format!("{text}\n"));
    dmi("product_uuid", "8a5c1f77-1111-2222-3333-444455556666");
    dmi("product_name", "NS685U");
    dmi("sys_vendor", "Aquarius");
    dmi("product_serial", &format!("AQ{number:06}R"));
    dmi("board_serial", &format!("BSN{number:06}K"));
    set_disk(computer, &format!("S4EWNX{number:06}"));
    set_card(
        computer,
        "enp3s0",
        &format!("3c:7c:3f:{:02x}:{:02x}:{:02x}", number >> 16 & 255, number >> 8 & 255, number & 255),
    );
}

fn set_disk(computer: &Computer, serial: &str) {
    let disk = computer.root().join("sys/block/nvme0n1");
    write(disk.join("size"), "500118192\n");
    write(disk.join("device/serial"), &format!("{serial}\n"));
}

fn set_card(computer: &Computer, name: &str, address: &str) {
    let card = computer.root().join("sys/class/net").join(name);
    write(card.join("address"), &format!("{address}\n"));
    write(card.join("addr_assign_type"), "0\n");
    write(card.join("type"), "1\n");
    write(card.join("device/vendor"), "0x10ec\n");
}

/// A card on USB, as docks have them.
fn plug_in_dock(computer: &Computer, address: &str) {
    set_card(computer, "enx0", address);
    let device = computer.root().join("sys/class/net/enx0/device");
    write(device.join("idVendor"), "0bda\n");
    write(device.join("idProduct"), "8153\n");
}

fn turn_on_wireless(computer: &Computer, address: &str) {
    set_card(computer, "wlan0", address);
    write(computer.root().join("sys/class/net/wlan0/wireless/here"), "");
}

pub fn evidence_of(computer: &Computer) -> HardwareEvidence {
    inventory::evidence(&inventory::collect(&FileTree::new(computer.root())))
}

async fn enrolled(computer: &Computer, token: &EnrollmentToken) -> DeviceId {
    computer.enrolled_as(token, evidence_of(computer)).await
}

/// Waits until the computer is another device than `original`, and that one is whole.
async fn has_its_own(region: &Region, computer: &Computer, original: DeviceId) -> DeviceId {
    until("the copy has a device of its own, held whole", async || {
        let device = computer.who();
        if device == original {
            return None;
        }
        is_whole(region, device, computer).await.then_some(device)
    })
    .await
}

async fn clone_findings(region: &Region, device: DeviceId) -> usize {
    let record = region.store().device(Scope::REGION, device).await.unwrap().unwrap();
    let findings = region.findings(record.id).await;
    findings.into_iter().filter(|kind| *kind == FindingKind::Clone).count()
}

fn copies_wanted(few: u32) -> u32 {
    std::env::var(MANY).ok().and_then(|many| many.parse().ok()).unwrap_or(few)
}

/// «Must show» 2: N copies of one image are N devices and one finding; no report is lost and no token spent.
pub async fn copies_of_one_image_are_devices_of_their_own(region: Region) {
    let token = region.token(1).await;
    let golden = Computer::new(&region);
    furnish(&golden, 0);
    let (original, agent) = enrolled_whole(&region, &golden, &token, evidence_of(&golden)).await;
    // A report that waits when the image is taken is the original's.
    agent.stop().await;
    golden.set_memory(12_000_000);
    let unreachable = golden.config_of_nobody();
    let agent = golden.run_with(unreachable);
    until("the change waits on disk", async || {
        (survey(&golden.config.state_dir.join("spool")).unwrap().reports == 1).then_some(())
    })
    .await;
    agent.stop().await;
    let image = Image::of(&golden);

    let copies = copies_wanted(40);
    let numbers: Vec<u32> = (1..=copies).collect();
    let mut devices = std::collections::BTreeSet::new();
    for class in numbers.chunks(AT_ONCE) {
        let computers: Vec<Computer> = class
            .iter()
            .map(|number| {
                let computer = Computer::new(&region);
                furnish(&computer, *number);
                image.restore(&computer);
                computer
            })
            .collect();
        let agents: Vec<Running> = computers.iter().map(Computer::run).collect();
        for computer in &computers {
            devices.insert(has_its_own(&region, computer, original).await);
        }
        for agent in agents {
            agent.stop().await;
        }
        let aside = survey_of_inherited(&computers[0]);
        assert_eq!(
            aside, 1,
            "the original's report is kept aside, and was not signed as the copy's own"
        );
    }
    assert_eq!(devices.len(), copies as usize);
    assert_eq!(region.devices().await, i64::from(copies) + 1);
    assert_eq!(region.uses(&token).await, 1);

    // The original goes on, and what waited on its disk arrives.
    let agent = golden.run();
    stated(&region, original, 12_000_000).await;
    agent.stop().await;
    assert_eq!(clone_findings(&region, original).await, 1);
    let record = region.store().device(Scope::REGION, original).await.unwrap().unwrap();
    assert_eq!(region.store().relatives(record.id).await.unwrap().copies, i64::from(copies));
    let reports = region.store().reports(record.id, Page::default()).await.unwrap();
    assert_eq!(reports.total, 2);
    assert!(reports.rows.iter().all(|report| report.resumed.is_none()), "its chain is unbroken");
    let cases = region.store().cases(Scope::REGION, true, Page::default()).await.unwrap();
    let kinds: Vec<(CaseKind, i64)> = cases.rows.iter().map(|case| (case.kind, case.device_id)).collect();
    assert_eq!(kinds, [(CaseKind::Clone, record.id)], "one case for all copies");
    region.stop().await;
}

fn survey_of_inherited(computer: &Computer) -> u64 {
    survey(&computer.config.state_dir.join("inherited/1")).unwrap().reports
}

/// Where nothing of the hardware can be read, a boot that goes on while another one does is a second computer.
pub async fn copies_that_look_alike_are_told_apart_by_their_boots(region: Region) {
    let token = region.token(1).await;
    let golden = Computer::new(&region);
    assert_eq!(evidence_of(&golden), HardwareEvidence::default());
    let (original, agent) = enrolled_whole(&region, &golden, &token, evidence_of(&golden)).await;
    agent.stop().await;
    let image = Image::of(&golden);
    let computers: Vec<Computer> = (0..12u64)
        .map(|number| {
            let computer = Computer::new(&region);
            image.restore(&computer);
            computer.set_memory(4_000_000 + number);
            computer
        })
        .collect();
    let agents: Vec<Running> = computers.iter().map(Computer::run).collect();
    // At most one of them keeps the key: nobody can say that it is not the original.
    until("all but one have a device of their own", async || {
        let owners = computers.iter().filter(|computer| computer.who() == original).count();
        (owners <= 1).then_some(())
    })
    .await;
    for (number, computer) in computers.iter().enumerate() {
        // Whoever kept the original's key may yet be asked to leave it to the original.
        until("its own memory is stated", async || {
            has_stated(&region, computer.who(), 4_000_000 + number as u64).await.then_some(())
        })
        .await;
    }
    for agent in agents {
        agent.stop().await;
    }
    let devices: std::collections::BTreeSet<DeviceId> = computers.iter().map(Computer::who).collect();
    assert_eq!(devices.len(), computers.len());
    // The original's record may be left to the original, which is not here.
    let recorded = region.devices().await;
    assert!((12..=13).contains(&recorded), "{recorded}");
    assert_eq!(clone_findings(&region, original).await, 1);
    assert_eq!(region.uses(&token).await, 1);
    region.stop().await;
}

/// Thirty boots, each from the same image, on the computer itself and on a copy of it.
pub async fn a_disk_restored_at_every_boot_is_one_device_wherever_it_is(region: Region) {
    let token = region.token(1).await;
    let mut golden = Computer::new(&region);
    furnish(&golden, 0);
    let (original, agent) = enrolled_whole(&region, &golden, &token, evidence_of(&golden)).await;
    agent.stop().await;
    let image = Image::of(&golden);
    let mut copy = Computer::new(&region);
    furnish(&copy, 1);
    let mut known = None;
    for boot in 0..30 {
        for (computer, is_copy) in [(&mut golden, false), (&mut copy, true)] {
            image.restore(computer);
            computer.clock = region.clock.for_an_agent();
            let kibibytes = 5_000_000 + boot + if is_copy { 100_000 } else { 0 };
            computer.set_memory(kibibytes);
            let agent = computer.run();
            if is_copy {
                let device = has_its_own(&region, computer, original).await;
                assert_eq!(*known.get_or_insert(device), device, "boot {boot}");
                stated(&region, device, kibibytes).await;
            } else {
                stated(&region, original, kibibytes).await;
                assert_eq!(computer.who(), original);
            }
            agent.stop().await;
        }
    }
    assert_eq!(region.devices().await, 2);
    assert_eq!(region.uses(&token).await, 1);
    assert_eq!(clone_findings(&region, original).await, 1);
    assert_eq!(clone_findings(&region, known.unwrap()).await, 0);
    let record = region.store().device(Scope::REGION, original).await.unwrap().unwrap();
    assert!(!region.findings(record.id).await.contains(&FindingKind::Fork));
    assert_eq!(region.store().cases(Scope::REGION, false, Page::default()).await.unwrap().total, 1);
    region.stop().await;
}

/// What happens to a laptop, and how it is done to its files.
type Step = (&'static str, fn(&Computer));

/// Dock, Wi-Fi, VPN, rename, new network card, new disk, reinstalled system: one device.
pub async fn a_laptop_stays_one_device_through_its_career(region: Region) {
    let token = region.token(3).await;
    let mut laptop = Computer::new(&region);
    furnish(&laptop, 7);
    let device = enrolled(&laptop, &token).await;
    let dock = "00:e0:4c:68:00:01";
    let mut memory = 6_000_000;
    let steps: [Step; 6] = [
        ("docked", |laptop| plug_in_dock(laptop, "00:e0:4c:68:00:01")),
        ("on Wi-Fi", |laptop| turn_on_wireless(laptop, "9c:b6:d0:00:00:07")),
        ("in a VPN", |laptop| {
            write(laptop.root().join("sys/class/net/tun0/address"), "00:00:00:00:00:00\n")
        }),
        ("renamed", |laptop| write(laptop.root().join("etc/hostname"), "kabinet-12\n")),
        ("with a new card", |laptop| set_card(laptop, "enp3s0", "3c:7c:3f:aa:bb:cc")),
        ("with a new disk", |laptop| set_disk(laptop, "NEWDISK00017")),
    ];
    for (step, change) in steps {
        change(&laptop);
        laptop.clock = region.clock.for_an_agent();
        memory += 1;
        laptop.set_memory(memory);
        let agent = laptop.run();
        stated(&region, device, memory).await;
        states_memory(&region, &laptop, device, memory + 1_000).await;
        agent.stop().await;
        assert_eq!(laptop.who(), device, "{step}");
        assert_eq!(region.devices().await, 1, "{step}");
    }
    // Another laptop in the same dock is another device.
    let other = Computer::new(&region);
    furnish(&other, 8);
    plug_in_dock(&other, dock);
    assert_ne!(enrolled(&other, &token).await, device);
    // Reinstalled: its disk is empty, and the technician brings the token again.
    fs::remove_dir_all(&laptop.config.state_dir).unwrap();
    assert_eq!(enrolled(&laptop, &token).await, device);
    let agent = laptop.run();
    states_memory(&region, &laptop, device, 9_000_000).await;
    agent.stop().await;
    assert_eq!(region.devices().await, 2);
    assert_eq!(region.uses(&token).await, 2);
    assert_eq!(clone_findings(&region, device).await, 0);
    let cases = region.store().cases(Scope::REGION, false, Page::default()).await.unwrap().rows;
    assert!(
        cases.iter().all(|case| case.state == CaseState::Noted),
        "nothing waits for a person: {cases:?}"
    );
    let kinds: Vec<CaseKind> = cases.iter().map(|case| case.kind).collect();
    assert!(
        kinds.contains(&CaseKind::Reinstall) && kinds.contains(&CaseKind::Repair),
        "{kinds:?}"
    );
    region.stop().await;
}
