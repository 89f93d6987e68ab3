//! No network: real agents' state folders, one stick, and the controller's import of it.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use cos_agent::carry::{Carried, News, Visit, Visited, visit};
use cos_agent::spool::survey;
use cos_controller::carry::stick::{self, FileFault};
use cos_controller::carry::{FolderFault, ImportOutcome, Imported, Importer, Unanswerable};
use cos_controller::enrollment::reissue_receipt;
use cos_controller::store::finding::FindingKind;
use cos_controller::store::{Page, Scope};
use inventory_schema::enrollment::EnrollmentToken;
use inventory_schema::problem::ProblemCode;
use inventory_schema::{KeyFingerprint, SectionName, Timestamp};
use tempfile::TempDir;

use crate::device::{Computer, Device};
use crate::folder;
use crate::held::at_rest;
use crate::program;
use crate::region::{DAY, Region};

/// A stick, or a copy of it.
struct Stick(TempDir);

impl Stick {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The same files on another stick.
    fn copied(&self) -> Self {
        let copy = Self::new();
        folder::copy(self.path(), copy.path());
        copy
    }

    fn folder(&self, key: KeyFingerprint) -> PathBuf {
        self.path().join("cos-carry").join(inventory_schema::carry::folder_name(key))
    }

    /// Every byte of every file.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut waiting = vec![self.path().to_owned()];
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                waiting.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                bytes.extend(std::fs::read(path).unwrap());
            }
        }
        bytes
    }
}

/// A visit of the stick to the computer.
fn visited(computer: &Computer, stick: &Stick, token: Option<&EnrollmentToken>) -> Visited {
    let collector = computer.collector();
    let visiting = Visit {
        config: &computer.config,
        stick: stick.path(),
        token: token.cloned(),
        collector: &collector,
        clock: computer.clock.clone(),
    };
    visit(visiting).unwrap()
}

fn carried(computer: &Computer, stick: &Stick) -> Carried {
    match visited(computer, stick, None) {
        Visited::Carried(carried) => *carried,
        other => panic!("{other:?}"),
    }
}

/// The controller's import: each folder's name with what became of it.
async fn imported(region: &Region, stick: &Stick) -> Vec<(String, Result<Imported, FolderFault>)> {
    let importer = Importer::new(region.server.state.clone()).unwrap();
    let mut outcomes = Vec::new();
    for folder in stick::find(stick.path()).unwrap().folders {
        outcomes.push((folder.name().to_owned(), importer.import_folder(&folder, None).await));
    }
    outcomes
}

/// The only folder's outcome.
async fn imported_one(region: &Region, stick: &Stick) -> Imported {
    let mut outcomes = imported(region, stick).await;
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0).1.unwrap()
}

/// A computer that a stick enrolled and whose first report the controller holds.
async fn carried_in(region: &Region, stick: &Stick) -> Computer {
    let token = region.token(1).await;
    let computer = Computer::new(region);
    visited(&computer, stick, Some(&token));
    assert_eq!(imported_one(region, stick).await.outcome, ImportOutcome::Enrolled);
    assert_eq!(carried(&computer, stick).carried, 1);
    assert_eq!(imported_one(region, stick).await.stored, 1);
    assert_eq!(carried(&computer, stick).acknowledged, 1);
    computer
}

async fn device_of(region: &Region, computer: &Computer) -> cos_controller::store::device::KeyedDevice {
    region.store().device_by_key(computer.key()).await.unwrap().unwrap()
}

pub async fn a_room_without_a_network_is_served_by_one_stick(region: Region) {
    const COMPUTERS: usize = 30;
    let token = region.token(30).await;
    let stick = Stick::new();
    std::fs::write(stick.path().join("расписание.txt"), "чужой файл").unwrap();
    let computers: Vec<Computer> = (0..COMPUTERS).map(|_| Computer::new(&region)).collect();
    for computer in &computers {
        assert!(matches!(
            visited(computer, &stick, Some(&token)),
            Visited::Requested { news: News::None }
        ));
    }
    let secret = token.secret.as_str().as_bytes();
    assert!(
        !stick.bytes().windows(secret.len()).any(|bytes| bytes == secret),
        "the token's secret is on the stick"
    );

    // The stick is imported twice, and pulled before the second visit of one computer: nothing is spent twice.
    for outcome in [ImportOutcome::Enrolled, ImportOutcome::Repeated] {
        let outcomes = imported(&region, &stick).await;
        assert_eq!(outcomes.len(), COMPUTERS);
        assert!(
            outcomes.iter().all(|(_, imported)| imported.as_ref().unwrap().outcome == outcome),
            "{outcomes:?}"
        );
    }
    assert_eq!((region.devices().await, region.uses(&token).await), (30, 30));

    for computer in &computers {
        let carried = carried(computer, &stick);
        assert!(carried.enrolled && carried.carried == 1 && carried.left_behind == 0, "{carried:?}");
    }
    // A changed computer brings one more report with the next visit, though nothing was imported between.
    computers[0].set_memory(16_000_000);
    assert_eq!(carried(&computers[0], &stick).carried, 2);
    let outcomes = imported(&region, &stick).await;
    assert_eq!(
        outcomes
            .iter()
            .map(|(_, imported)| imported.as_ref().unwrap().stored)
            .sum::<usize>(),
        COMPUTERS + 1
    );
    let again = imported(&region, &stick).await;
    for (_, imported) in &again {
        let imported = imported.as_ref().unwrap();
        assert_eq!((imported.outcome, imported.stored), (ImportOutcome::Repeated, 0));
        assert!(imported.duplicates > 0);
    }

    for computer in &computers {
        let device = device_of(&region, computer).await;
        let sections = region.store().current_sections(device.id).await.unwrap();
        assert_eq!(sections.len(), SectionName::ALL.len());
        let carried = carried(computer, &stick);
        assert!(carried.acknowledged > 0 && carried.carried == 0, "{carried:?}");
        assert_eq!(survey(&computer.config.state_dir.join("spool")).unwrap().reports, 0);
        let head = region.store().chain_head(computer.key()).await.unwrap();
        assert_eq!((computer.ledger().acknowledged, computer.ledger().newest), (head, head));
        assert!(region.findings(device.id).await.is_empty());
    }
    assert_eq!(std::fs::read_to_string(stick.path().join("расписание.txt")).unwrap(), "чужой файл");

    // When the network comes, the same agent goes on by it.
    let first = computers.into_iter().next().unwrap();
    let (id, enrollment) = (device_of(&region, &first).await.id, first.enrollment());
    let device = Device::of(first, enrollment);
    let agent = device.run();
    at_rest(&region, &device).await;
    agent.stop().await;
    let reports = region.store().reports(id, Page::default()).await.unwrap();
    assert!(reports.total == 2 && reports.rows.iter().all(|report| report.resumed.is_none()));
    region.stop().await;
}

pub async fn sticks_in_the_wrong_order_lose_nothing(region: Region) {
    let first = Stick::new();
    let computer = carried_in(&region, &first).await;
    let id = device_of(&region, &computer).await.id;
    let total = async || region.store().reports(id, Page::default()).await.unwrap().total;

    // Two sticks, each with what was there when it was visited; the newer one is imported first.
    computer.set_memory(10_000_000);
    let old = carried(&computer, &first);
    assert_eq!(old.carried, 1);
    let second = Stick::new();
    computer.set_memory(12_000_000);
    assert_eq!(carried(&computer, &second).carried, 2);
    assert_eq!(imported_one(&region, &second).await.stored, 2);
    let late = imported_one(&region, &first).await;
    assert_eq!((late.stored, late.duplicates), (0, 1));
    assert_eq!(total().await, 3);

    // The answers come back in the wrong order too: the newer one first, then the older one, then the same again.
    computer.set_memory(14_000_000);
    carried(&computer, &first);
    let after = carried(&computer, &second);
    assert!(matches!(after.news, News::Old { .. }), "{after:?}");
    carried(&computer, &first);
    assert_eq!(imported_one(&region, &second).await.stored, 1);
    carried(&computer, &second);
    let head = region.store().chain_head(computer.key()).await.unwrap();
    assert_eq!((computer.ledger().acknowledged, computer.ledger().newest), (head, head));
    let reports = region.store().reports(id, Page::default()).await.unwrap();
    assert!(
        reports.total == 4 && reports.rows.iter().all(|report| report.resumed.is_none()),
        "{reports:?}"
    );

    // A stick of last week that is imported again brings back nobody.
    let seen = async || {
        region
            .store()
            .device(Scope::REGION, computer.enrollment().device)
            .await
            .unwrap()
            .unwrap()
            .last_seen_at
    };
    imported_one(&region, &second).await;
    let before = seen().await;
    region.clock.advance(DAY * 30);
    imported(&region, &second.copied())
        .await
        .into_iter()
        .for_each(|(_, imported)| drop(imported.unwrap()));
    assert_eq!(seen().await, before);
    assert!(region.findings(id).await.is_empty());
    region.stop().await;
}

pub async fn a_stick_brings_news_to_an_enrolled_computer(region: Region) {
    let stick = Stick::new();
    let computer = carried_in(&region, &stick).await;
    let device = computer.enrollment().device;
    let id = device_of(&region, &computer).await.id;

    // It was moved: the receipt is exchanged by the next answer.
    let place = region.place().await;
    assert!(
        region
            .store()
            .move_device(Scope::REGION, device, place.building, None)
            .await
            .unwrap()
    );
    reissue_receipt(&region.server.state, device, region.clock.now()).await.unwrap();
    imported_one(&region, &stick).await;
    let moved = carried(&computer, &stick);
    assert!(matches!(moved.news, News::Taken { .. }), "{moved:?}");
    assert_eq!((moved.receipt.building, moved.receipt.room), (place.building, None));

    // Half of the certificate's life is over, by the controller's clock; and all of it.
    for days in [250, 500] {
        region.clock.advance(DAY * days);
        let until = |computer: &Computer| computer.identity().certificate_validity().unwrap();
        let before = until(&computer).not_after;
        computer.set_memory(10_000_000 + u64::from(days) * 1000);
        let request = carried(&computer, &stick);
        assert_eq!(request.carried, 1);
        let answered = imported_one(&region, &stick).await;
        assert!(answered.renewed && answered.stored == 1, "{answered:?}");
        let repeated = imported_one(&region, &stick).await;
        assert!(repeated.renewed && repeated.duplicates == 1, "{repeated:?}");
        let taken = carried(&computer, &stick);
        assert!(taken.renewed && taken.acknowledged == 1, "{taken:?}");
        assert!(until(&computer).not_after > before);
    }
    let certificates = region.store().certificates(device).await.unwrap();
    assert_eq!(certificates.len(), 3, "importing again issues nothing again");

    // Its record is deleted: the receipt is on the stick already, and two visits make it whole.
    assert!(region.store().delete_device(Scope::REGION, device).await.unwrap());
    imported_one(&region, &stick).await;
    for _ in 0..2 {
        carried(&computer, &stick);
        imported_one(&region, &stick).await;
    }
    let new_id = device_of(&region, &computer).await.id;
    assert_ne!(id, new_id);
    let sections = region.store().current_sections(new_id).await.unwrap();
    assert!(sections.len() == SectionName::ALL.len() && sections.iter().all(|section| section.body.is_some()));
    assert_eq!(region.findings(new_id).await, [FindingKind::ChainBreak]);

    // It was revoked: nothing is taken from it, and it is told why.
    region
        .store()
        .revoke_key(computer.key(), region.clock.now(), "списан", None)
        .await
        .unwrap();
    carried(&computer, &stick);
    let refused = imported_one(&region, &stick).await;
    assert_eq!(
        (refused.outcome, refused.code),
        (ImportOutcome::Refused, Some(ProblemCode::CertificateRevoked))
    );
    let told = carried(&computer, &stick);
    assert_eq!(told.news, News::Refused(ProblemCode::CertificateRevoked));
    assert_eq!(computer.ledger().last_refusal.unwrap().code, ProblemCode::CertificateRevoked);
    region.stop().await;
}

/// What the stick's other holder may have done to it.
pub async fn a_hostile_stick_harms_nothing(region: Region) {
    let token = region.token(8).await;
    let stick = Stick::new();
    let computers: Vec<Computer> = (0..8).map(|_| Computer::new(&region)).collect();
    for computer in &computers {
        visited(computer, &stick, Some(&token));
    }
    imported(&region, &stick).await;
    computers.iter().for_each(|computer| drop(carried(computer, &stick)));
    let folder = |n: usize| stick.folder(computers[n].key());
    let request = |n: usize| folder(n).join("request.json");
    let part = |n: usize| {
        let mut files = std::fs::read_dir(folder(n)).unwrap().map(|entry| entry.unwrap().path());
        files
            .find(|path| path.file_name().unwrap().to_string_lossy().starts_with("part-"))
            .unwrap()
    };
    let outside = tempfile::tempdir().unwrap();
    let precious = outside.path().join("precious");
    std::fs::write(&precious, "precious").unwrap();

    // A changed byte, a link, a pipe, a huge file, another's request, and reports that were changed.
    let mut bytes = std::fs::read(request(0)).unwrap();
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    std::fs::write(request(0), bytes).unwrap();
    std::fs::remove_file(request(1)).unwrap();
    symlink("/etc/passwd", request(1)).unwrap();
    std::fs::remove_file(request(2)).unwrap();
    let made = std::process::Command::new("mkfifo").arg(request(2)).status().unwrap();
    assert!(made.success());
    std::fs::File::create(request(3)).unwrap().set_len(3 << 30).unwrap();
    std::fs::copy(request(5), request(4)).unwrap();
    std::fs::write(part(6), b"(\xb5/\xfd nothing").unwrap();
    // Where an answer is written nothing is followed.
    std::fs::remove_file(folder(7).join("answer.json")).unwrap();
    symlink(&precious, folder(7).join("answer.json")).unwrap();
    symlink(&precious, folder(7).join(".unfinished-answer.json")).unwrap();
    let all = stick.path().join("cos-carry");
    symlink(outside.path(), all.join("0".repeat(32))).unwrap();
    for n in 0..2000 {
        std::fs::create_dir(all.join(format!("не наша папка {n}"))).unwrap();
    }

    let found = stick::find(stick.path()).unwrap();
    assert_eq!((found.folders.len(), found.not_plain), (8, vec!["0".repeat(32)]));
    let outcomes = imported(&region, &stick).await;
    let of = |n: usize| &outcomes.iter().find(|(name, _)| folder(n).ends_with(name)).unwrap().1;
    assert!(
        matches!(
            of(0),
            Err(FolderFault::Unanswerable(Unanswerable::Unsigned(_)) | FolderFault::File(FileFault::Damaged(_)))
        ),
        "{:?}",
        of(0)
    );
    assert!(matches!(of(1), Err(FolderFault::File(FileFault::NotPlain(_)))), "{:?}", of(1));
    assert!(matches!(of(2), Err(FolderFault::File(FileFault::NotPlain(_)))), "{:?}", of(2));
    assert!(matches!(of(3), Err(FolderFault::File(FileFault::TooLarge(_)))), "{:?}", of(3));
    assert!(
        matches!(of(4), Err(FolderFault::Unanswerable(Unanswerable::WrongFolder))),
        "{:?}",
        of(4)
    );
    assert_eq!(of(5).as_ref().unwrap().stored, 1);
    assert_eq!((of(6).as_ref().unwrap().stored, of(6).as_ref().unwrap().damaged_parts), (0, 1));
    assert_eq!(of(7).as_ref().unwrap().stored, 1);
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");

    // The next visit repairs what was spoilt, and changed answers change nothing.
    let answer = folder(7).join("answer.json");
    let good = std::fs::read_to_string(&answer).unwrap();
    std::fs::write(&answer, good.replacen("stored", "forked", 1)).unwrap();
    let changed = carried(&computers[7], &stick);
    assert!(
        matches!(changed.news, News::Unbelieved(_)) && changed.acknowledged == 0,
        "{changed:?}"
    );
    std::fs::write(&answer, &good).unwrap();
    std::fs::copy(&answer, folder(5).join("answer.json")).unwrap();
    assert!(
        matches!(carried(&computers[5], &stick).news, News::Unbelieved(_)),
        "another computer's answer"
    );
    let taken = carried(&computers[7], &stick);
    assert_eq!(taken.acknowledged, 1, "{taken:?}");
    for computer in &computers[..7] {
        // The pipe and the links are gone: what is no answer or request is replaced.
        carried(computer, &stick);
    }
    let outcomes = imported(&region, &stick).await;
    assert!(outcomes.iter().all(|(_, imported)| imported.is_ok()), "{outcomes:?}");
    for computer in &computers {
        carried(computer, &stick);
        let head = region.store().chain_head(computer.key()).await.unwrap();
        assert!(head.is_some() && computer.ledger().acknowledged == head);
    }
    // Through a link where the computers' folders should be nothing is written.
    let linked = Stick::new();
    symlink(outside.path(), linked.path().join("cos-carry")).unwrap();
    let collector = computers[0].collector();
    let refused = visit(Visit {
        config: &computers[0].config,
        stick: linked.path(),
        token: None,
        collector: &collector,
        clock: computers[0].clock.clone(),
    });
    assert!(refused.is_err());
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    region.stop().await;
}

/// Another region's stick: nothing is taken from it, and its answers are not believed here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_regions_stick_is_named_and_left() {
    crate::region::on_sqlite(other_region).await;
}

async fn other_region(region: Region) {
    let token = region.token(1).await;
    let stick = Stick::new();
    let computer = Computer::new(&region);
    visited(&computer, &stick, Some(&token));
    crate::database::at_sqlite(async |address| {
        let other = Region::start_with("RU-SVE", &address, |_| {}).await;
        let outcomes = imported(&other, &stick).await;
        assert!(matches!(
            &outcomes[0].1,
            Err(FolderFault::Unanswerable(Unanswerable::OtherRegion(region))) if region == "RU-PER"
        ));
        other.stop().await;
    })
    .await;
    // An authority that calls itself by the region's name is not the one that the token pins.
    crate::database::at_sqlite(async |address| {
        let impostor = Region::start(&address).await;
        let impostors = stick.copied();
        let outcomes = imported(&impostor, &impostors).await;
        assert_eq!(outcomes[0].1.as_ref().unwrap().code, Some(ProblemCode::TokenUnknown));
        let answered = visited(&computer, &impostors, None);
        assert!(matches!(answered, Visited::Requested { news: News::Unbelieved(_) }), "{answered:?}");
        impostor.stop().await;
    })
    .await;
    region.stop().await;
}

/// A computer whose battery is dead: it learns the time from the stick, and never goes back by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_clock_is_set_by_a_stick() {
    crate::region::on_sqlite(dead_clock).await;
}

async fn dead_clock(region: Region) {
    for year in ["2000", "2031"] {
        let stick = Stick::new();
        let token = region.token(1).await;
        let mut computer = Computer::new(&region);
        let wrong: Timestamp = format!("{year}-01-01T00:00:00.000000Z").parse().unwrap();
        computer.clock = region.clock.for_a_computer_at(wrong);
        visited(&computer, &stick, Some(&token));
        imported_one(&region, &stick).await;
        let enrolled = carried(&computer, &stick);
        assert!(enrolled.enrolled, "{enrolled:?}");
        assert!(
            region.clock.now().micros_since(computer.clock.now()).abs() < 60_000_000,
            "{}",
            computer.clock.now()
        );
        assert_eq!(imported_one(&region, &stick).await.stored, 1);
        let known = computer.clock.now();
        carried(&computer, &stick);
        assert!(computer.clock.now() >= known);
    }
    region.stop().await;
}

/// Both programs, as people use them: two computers, one stick, and the controller's server stopped meanwhile,
/// because SQLite serves one process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_programs_serve_a_room_by_one_stick() {
    crate::region::on_sqlite(by_program).await;
}

async fn by_program(region: Region) {
    let token = region.token(2).await;
    let stick = Stick::new();
    std::fs::write(stick.path().join("school.token"), token.to_line()).unwrap();
    let computers = [Computer::new(&region), Computer::new(&region)];
    let config = region.config().clone();
    let folder = region.stopped().await;

    let visit = async |computer: &Computer, arguments: &[&str]| {
        let mut all = vec!["carry", stick.path().to_str().unwrap()];
        all.extend(arguments);
        program::run(computer, &all).await
    };
    let import = async |arguments: &[&str]| {
        let mut all = vec!["carry", "import", stick.path().to_str().unwrap()];
        all.extend(arguments);
        let (exit, said, complained) = program::controller(folder.path(), &config, &all).await;
        (exit, said + &complained)
    };
    let (exit, said) = visit(&computers[0], &[]).await;
    assert!(exit == Some(4) && said.contains("--token"), "{said}");
    let token_file = stick.path().join("school.token");
    for computer in &computers {
        let (exit, said) = visit(computer, &["--token", token_file.to_str().unwrap()]).await;
        assert!(exit == Some(0) && said.contains("Отнесите флешку к контроллеру"), "{said}");
    }
    let (exit, said) = import(&[]).await;
    assert!(
        exit == Some(0) && said.contains("Компьютеров: 2, принято: 2.") && said.contains("зарегистрирован"),
        "{said}"
    );
    for computer in &computers {
        let (exit, said) = visit(computer, &[]).await;
        assert!(
            exit == Some(0) && said.contains("Компьютер зарегистрирован") && said.contains("отчётов: 1"),
            "{said}"
        );
    }
    let (exit, said) = import(&["--json"]).await;
    assert_eq!(exit, Some(0), "{said}");
    let rows: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(
        rows.as_array()
            .unwrap()
            .iter()
            .all(|row| row["stored"] == 1 && row["outcome"] == "taken_in"),
        "{said}"
    );
    let (exit, said) = visit(&computers[0], &["--json"]).await;
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("\"acknowledged\": 1"), "{said}");

    // Another region's token takes no computer over.
    let foreign = EnrollmentToken {
        region: "RU-SVE".parse().unwrap(),
        ..token
    };
    let foreign_file = stick.path().join("foreign.token");
    std::fs::write(&foreign_file, foreign.to_line()).unwrap();
    let (exit, said) = visit(&computers[0], &["--token", foreign_file.to_str().unwrap()]).await;
    assert!(
        exit == Some(4) && said.contains("в регионе RU-PER, а токен выдан регионом RU-SVE"),
        "{said}"
    );

    // One bad folder is named, the other is taken.
    std::fs::write(stick.folder(computers[1].key()).join("request.json"), "{").unwrap();
    let (exit, said) = import(&[]).await;
    assert!(
        exit == Some(1) && said.contains("НЕ ПРИНЯТО: request.json повреждён") && said.contains("принято: 1."),
        "{said}"
    );
    let empty = tempfile::tempdir().unwrap();
    let (exit, said) = program::run(&computers[0], &["carry", empty.path().join("none").to_str().unwrap()]).await;
    assert!(exit == Some(4) && said.contains("подключена ли флешка"), "{said}");
    drop(folder);
}
