//! The agent as its users meet it: the program's words and exit codes for each token that is at fault.

use std::path::{Path, PathBuf};
use std::process::Output;

use cos_controller::config::Config;
use cos_controller::store::Scope;
use inventory_schema::enrollment::EnrollmentToken;
use inventory_schema::problem::ProblemCode;
use tokio::process::Command;

use crate::device::{Computer, Device};
use crate::event::until;
use crate::region::{Region, on_sqlite};
use crate::tokens::FaultyTokens;

/// A program that was built beside this test.
pub fn beside_this_test(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join(name);
    assert!(
        program.is_file(),
        "{} is missing: build it with `cargo build -p {name}`",
        program.display()
    );
    program
}

/// Runs the program with a configuration of its own; the clock is the system's.
pub async fn run(computer: &Computer, arguments: &[&str]) -> (Option<i32>, String) {
    let config = computer.folder.path().join("agent.toml");
    let state = computer.config.state_dir.display();
    std::fs::write(&config, format!("state_dir = '{state}'\n[proxy]\ndirect = true\n")).unwrap();
    let Output { status, stdout, stderr } = Command::new(beside_this_test("cos-agent"))
        .args(arguments)
        .env("COS_AGENT_CONFIG", &config)
        .env_remove("RUST_LOG")
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    (status.code(), said.replace('\n', " "))
}

/// Runs `cos-controller` with this configuration, written into the folder; answers its exit code and what it printed.
pub async fn controller(folder: &Path, config: &Config, arguments: &[&str]) -> (Option<i32>, String, String) {
    let file = folder.join("controller.toml");
    std::fs::write(&file, toml::to_string(config).unwrap()).unwrap();
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_cos-controller"))
        .arg("--config")
        .arg(&file)
        .args(arguments)
        .env_remove("RUST_LOG")
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), text(&stdout), text(&stderr))
}

/// The parts of a code's sentence, which are printed as what happened and what to do.
fn assert_says(said: &str, code: ProblemCode) {
    for sentence in code.sentence().split_inclusive(". ").map(str::trim) {
        assert!(said.contains(sentence), "«{sentence}» is missing in: {said}");
    }
}

/// `None` for a token that the region does not know.
async fn uses(region: &Region, token: &EnrollmentToken) -> Option<i64> {
    let token = region.store().token(Scope::REGION, token.id).await.unwrap();
    token.map(|token| token.uses)
}

async fn faulty_tokens(region: Region) {
    for (token, code) in FaultyTokens::make(&region).await.faults {
        // Before anything else: the state folder is empty.
        let computer = Computer::new(&region);
        let spent = uses(&region, &token).await;
        let (exit, said) = run(&computer, &["doctor", &token.to_line()]).await;
        assert_eq!(exit, Some(1), "{code}: {said}");
        assert_says(&said, code);
        assert_eq!(uses(&region, &token).await, spent);
        let (exit, said) = run(&computer, &["enroll", &token.to_line()]).await;
        assert_eq!(exit, Some(1), "{code}: {said}");
        assert_says(&said, code);
        // Whoever comes later reads the same from doctor.
        let (exit, said) = run(&computer, &["doctor", &token.to_line()]).await;
        assert_eq!(exit, Some(1), "{code}: {said}");
        assert_says(&said, code);
    }
    region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enroll_and_doctor_say_what_is_wrong_with_a_token() {
    on_sqlite(faulty_tokens).await;
}

async fn revoked_at_work(region: Region) {
    let device = Device::new(&region).await;
    let (key, now) = (device.identity.fingerprint(), region.clock.now());
    region.store().revoke_key(key, now, "списан", None).await.unwrap();
    let running = device.run();
    until("the refusal", async || device.computer.ledger().last_refusal).await;
    running.stop().await;
    let (exit, said) = run(&device.computer, &["status"]).await;
    assert_eq!(exit, Some(0), "{said}");
    assert_says(&said, ProblemCode::CertificateRevoked);
    let (_, said) = run(&device.computer, &["status", "--json"]).await;
    let status: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(status["last_refusal"]["code"], "certificate_revoked");
    region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_tells_what_the_running_agent_was_refused_for() {
    on_sqlite(revoked_at_work).await;
}

async fn mistyped(region: Region) {
    let line = region.token(1).await.to_line();
    let computer = Computer::new(&region);
    for command in ["enroll", "doctor"] {
        let (exit, said) = run(&computer, &[command, &line[..line.len() - 3]]).await;
        assert_eq!(exit, Some(1), "{said}");
        assert_says(&said, ProblemCode::TokenMalformed);
    }
    region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistyped_token_is_told_before_anyone_is_called() {
    on_sqlite(mistyped).await;
}

async fn enrolls(region: Region) {
    let token = region.token(1).await;
    let computer = Computer::new(&region);
    let (_, said) = run(&computer, &["doctor", &token.to_line()]).await;
    assert!(said.contains("Токен годен: осталось 1, школа "), "{said}");
    assert_eq!((region.devices().await, region.uses(&token).await), (0, 0));
    for _ in 0..2 {
        // The second time it is enrolled already, and that is well.
        let (exit, said) = run(&computer, &["enroll", &token.to_line()]).await;
        assert_eq!(exit, Some(0), "{said}");
        assert!(said.contains("RU-PER"), "{said}");
    }
    // Its token is used up, and it needs no more of it.
    let (exit, said) = run(&computer, &["doctor", &token.to_line()]).await;
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("Токен годен: осталось 0, школа "), "{said}");
    assert_eq!((region.devices().await, region.uses(&token).await), (1, 1));
    region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_enrolls_this_computer_once() {
    on_sqlite(enrolls).await;
}
