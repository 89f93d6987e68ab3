//! Computers that another system told of before or after their agent spoke: from the agent's own export to the question
//! that people are asked, and what the programs say on the way.

use cos_agent::inventory;
use cos_agent::platform::FileTree;
use cos_controller::access::{Operator, Role, Scope as Part};
use cos_controller::activity_log::Entry;
use cos_controller::device::merging::{Decider, Seen, Survivor};
use cos_controller::device_import::{self, Outcome};
use cos_controller::store::device::EvidenceLevel;
use cos_controller::store::review::{CaseKind, CaseState, ReviewCase};
use cos_controller::store::{Page, Scope};
use inventory_schema::{DeviceId, SectionName, glpi};
use tokio::process::Command;

use crate::clones::{evidence_of, furnish};
use crate::device::Computer;
use crate::held::enrolled_whole;
use crate::program::{beside_this_test, controller};
use crate::region::{Region, on_sqlite};

/// What the computer's agent exports for GLPI.
fn exported(computer: &Computer) -> String {
    let inventory = inventory::collect(&FileTree::new(computer.root()));
    serde_json::to_string(&glpi::export(&inventory)).unwrap()
}

async fn import(region: &Region, file: &str) -> (Outcome, DeviceId) {
    let (store, now) = (region.store(), region.clock.now());
    let place = region.place().await;
    let stated = device_import::read::read(file.as_bytes()).unwrap();
    let plan = device_import::plan(store, &place, "pc.json", &stated).await.unwrap().unwrap();
    let entry = |action, kind, subject: String| Entry::by_command_line(now, action, kind, subject);
    let device = device_import::apply(store, &place, &plan, &entry, now).await.unwrap().unwrap();
    (plan.outcome, device)
}

async fn cases(region: &Region) -> Vec<ReviewCase> {
    region.store().cases(Scope::REGION, false, Page::default()).await.unwrap().rows
}

/// The file comes first. The agent that enrolls later spends its token on a device of its own, and people are asked.
pub async fn an_agent_never_takes_over_what_was_told(region: Region) {
    let computer = Computer::new(&region);
    furnish(&computer, 1);
    let (outcome, told) = import(&region, &exported(&computer)).await;
    assert_eq!(outcome, Outcome::New);
    assert_eq!(cases(&region).await, []);

    let token = region.token(2).await;
    let (device, agent) = enrolled_whole(&region, &computer, &token, evidence_of(&computer)).await;
    assert_ne!(device, told);
    let opened = cases(&region).await;
    assert_eq!(opened.len(), 1, "{opened:?}");
    let case = &opened[0];
    assert_eq!(
        (case.kind, case.state, case.device, case.other),
        (CaseKind::LikelyDouble, CaseState::Open, told, Some(device))
    );

    // Another look at the computer by the other system changes the told record alone.
    computer.set_memory(3_000_000);
    let before = region.store().device(Scope::REGION, device).await.unwrap().unwrap();
    let (outcome, again) = import(&region, &exported(&computer)).await;
    assert_eq!((outcome, again), (Outcome::Changed, told));
    let after = region.store().device(Scope::REGION, device).await.unwrap().unwrap();
    assert_eq!(after.summary, before.summary);
    assert_eq!(cases(&region).await.len(), 1);

    joined_into_the_agents_record_only(&region, case, told, device).await;
    agent.stop().await;
}

async fn joined_into_the_agents_record_only(region: &Region, case: &ReviewCase, told: DeviceId, device: DeviceId) {
    let state = &region.server.state;
    let who = Operator {
        id: 1,
        login: "region".to_owned(),
        display_name: "Регион".to_owned(),
        role: Role::RegionAdministrator,
        scope: Part::Region,
        must_change_password: false,
    };
    let decider = Decider {
        state,
        who: &who,
        now: region.clock.now(),
    };
    let seen = Seen::find(state, Scope::REGION, case.external_id).await.unwrap().unwrap();
    assert_eq!(seen.device.evidence_level, EvidenceLevel::Stated);
    assert!(
        !decider.merge(&seen, Survivor::Device).await.unwrap(),
        "an agent's record goes into none that was told"
    );
    assert!(decider.merge(&seen, Survivor::Other).await.unwrap());
    let survivor = region.store().device(Scope::REGION, device).await.unwrap().unwrap();
    assert_eq!(survivor.evidence_level, EvidenceLevel::Agent);
    let relatives = region.store().relatives(survivor.id).await.unwrap();
    assert_eq!(relatives.merged[0].external_id, told);
    // What was told can still be read, and the next file says nothing to the agent's record.
    let record = region.store().device(Scope::REGION, told).await.unwrap().unwrap();
    assert!(!region.store().imported_sections(record.id).await.unwrap().is_empty());
    let seen = Seen::find(state, Scope::REGION, case.external_id).await.unwrap().unwrap();
    assert!(decider.undo(&seen).await.unwrap());
    assert!(region.store().relatives(survivor.id).await.unwrap().merged.is_empty());
}

/// The agent comes first.
pub async fn a_file_about_a_known_computer_is_a_question(region: Region) {
    let computer = Computer::new(&region);
    furnish(&computer, 2);
    let token = region.token(1).await;
    let (device, agent) = enrolled_whole(&region, &computer, &token, evidence_of(&computer)).await;
    let (_, told) = import(&region, &exported(&computer)).await;
    let opened = cases(&region).await;
    assert_eq!(opened.len(), 1, "{opened:?}");
    assert_eq!((opened[0].device, opened[0].other), (told, Some(device)));
    let record = region.store().device(Scope::REGION, told).await.unwrap().unwrap();
    let memory = region.store().imported_sections(record.id).await.unwrap();
    let memory = memory.iter().find(|section| section.section == SectionName::Memory).unwrap();
    let body = String::from_utf8(memory.body.clone().unwrap()).unwrap();
    assert!(body.contains("\"glpi\"") && !body.contains("proc_meminfo"), "{body}");
    agent.stop().await;
}

/// The programs themselves: `cos-agent inventory --glpi`, then `cos-controller device import`.
async fn the_programs(region: Region) {
    let computer = Computer::new(&region);
    furnish(&computer, 3);
    let output = Command::new(beside_this_test("cos-agent"))
        .args(["inventory", "--glpi", "--root"])
        .arg(computer.root())
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let file = computer.folder.path().join("pc.json");
    std::fs::write(&file, &output.stdout).unwrap();

    let ogrn = {
        let place = region.place().await;
        let school = region.store().organization(Scope::REGION, place.organization).await.unwrap();
        school.unwrap().ogrn.to_string()
    };
    let config = region.config().clone();
    let folder = region.stopped().await;
    let path = file.to_str().unwrap();
    let line = ["device", "import", "--organization", &ogrn, "--json", path];
    let (exit, printed, said) = controller(folder.path(), &config, &line).await;
    assert_eq!(exit, Some(0), "{said}");
    let rows: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(rows[0]["outcome"], "new", "{printed}");
    let (exit, printed, said) = controller(folder.path(), &config, &line).await;
    assert_eq!(exit, Some(0), "{said}");
    let rows: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(rows[0]["outcome"], "unchanged", "{printed}");
    std::fs::write(&file, "<REQUEST>").unwrap();
    let (exit, printed, _) = controller(folder.path(), &config, &line).await;
    assert_eq!(exit, Some(1));
    assert!(printed.contains("broken_xml"), "{printed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_agent_exports_is_imported_once() {
    on_sqlite(the_programs).await;
}
