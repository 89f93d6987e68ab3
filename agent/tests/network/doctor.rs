//! `doctor` looks at real folders and real listeners.

use std::path::Path;
use std::sync::Arc;

use cos_agent::config::AgentConfig;
use cos_agent::doctor::probe::observe;
use cos_agent::doctor::{Check, Finding, Verdict, is_well, judge};
use cos_agent::enrollment::{Enrolling, enroll};
use cos_agent::language::Language;
use inventory_schema::check_in::CheckInAnswer;
use inventory_schema::enrollment::HardwareEvidence;
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::Seconds;

use crate::enrollment::{config, controller, token};
use crate::server::{Authority, Request, Response, Server, clock_at, today};

fn serving(region: &Arc<Authority>, check_in: fn() -> Response) -> impl Fn(&Request) -> Response + Send + Sync + 'static {
    let others = controller(Arc::clone(region));
    move |request| {
        if request.path.starts_with("/v1/check-in") {
            check_in()
        } else {
            others(request)
        }
    }
}

fn recognized() -> Response {
    Response::json(&CheckInAnswer {
        protocol: 1,
        server_time: today(),
        next_check_in: Seconds::saturating(60),
        wait: Seconds::saturating(50),
        beliefs_wanted: false,
        wanted: Vec::new(),
        receipt_wanted: false,
        collect_now: false,
        head: None,
        trust: None,
        receipt: None,
        evidence_wanted: false,
        rekey: false,
        collection: None,
    })
}

async fn enrolled(region: &Arc<Authority>, check_in: fn() -> Response, state_dir: &Path) -> (Server, AgentConfig) {
    let server = Server::start(region, serving(region, check_in)).await;
    let config = config(state_dir);
    let enrolling = Enrolling {
        config: &config,
        evidence: HardwareEvidence::default(),
        clock: clock_at(today()),
        again: false,
    };
    enroll(&token(&server, region).to_line(), enrolling, |_| {}).await.unwrap();
    (server, config)
}

fn faults(findings: &[Finding]) -> Vec<Check> {
    findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Wrong)
        .map(|finding| finding.check)
        .collect()
}

#[tokio::test]
async fn a_sound_agent_is_well_and_a_dead_battery_is_the_only_fault() {
    let region = Arc::new(Authority::region());
    let folder = tempfile::tempdir().unwrap();
    let (_server, config) = enrolled(&region, recognized, folder.path()).await;
    let findings = judge(&observe(Ok(config.clone()), None, &clock_at(today())).await, Language::Ru);
    assert!(is_well(&findings), "{findings:#?}");
    let dead = clock_at("2009-01-01T00:00:00.000000Z".parse().unwrap());
    let findings = judge(&observe(Ok(config), None, &dead).await, Language::Ru);
    assert_eq!(faults(&findings), [Check::Clock], "{findings:#?}");
}

#[tokio::test]
async fn a_revoked_device_is_told_by_the_controller() {
    let region = Arc::new(Authority::region());
    let folder = tempfile::tempdir().unwrap();
    let revoked = || Response::problem(ProblemCode::CertificateRevoked);
    let (_server, config) = enrolled(&region, revoked, folder.path()).await;
    let findings = judge(&observe(Ok(config), None, &clock_at(today())).await, Language::Ru);
    assert_eq!(faults(&findings), [Check::Controller], "{findings:#?}");
}

#[tokio::test]
async fn a_token_is_tried_without_being_spent() {
    let region = Arc::new(Authority::region());
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder.path().join("state"));
    let server = Server::start(&region, serving(&region, recognized)).await;
    let line = token(&server, &region).to_line();
    let findings = judge(&observe(Ok(config.clone()), Some(&line), &clock_at(today())).await, Language::Ru);
    assert_eq!(faults(&findings), [Check::Enrollment], "{findings:#?}");
    let said = findings
        .iter()
        .any(|finding| finding.sentence.starts_with("Токен годен: осталось 29, школа МБОУ «СОШ № 7», "));
    assert!(said, "{findings:#?}");
    assert!(server.requests().iter().all(|request| !request.path.starts_with("/v1/enroll")));
    assert!(!config.state_dir.exists());

    let others = serving(&region, recognized);
    let older = move |request: &Request| match request.path.as_str() {
        "/v1/token" => Response::problem(ProblemCode::NotFound),
        _ => others(request),
    };
    let server = Server::start(&region, older).await;
    let line = token(&server, &region).to_line();
    let findings = judge(&observe(Ok(config.clone()), Some(&line), &clock_at(today())).await, Language::Ru);
    let finding = findings.iter().find(|finding| finding.check == Check::Token).unwrap();
    assert_eq!(finding.verdict, Verdict::Notice, "an older controller is not asked: {finding:?}");

    let filter = Server::start(&Authority::new("Filter", "Filter"), |_| recognized()).await;
    let line = token(&filter, &region).to_line();
    let findings = judge(&observe(Ok(config.clone()), Some(&line), &clock_at(today())).await, Language::Ru);
    assert_eq!(faults(&findings), [Check::Enrollment, Check::Connection], "{findings:#?}");
    assert!(findings.iter().any(|finding| finding.sentence.contains("«Filter»")));

    let findings = judge(&observe(Ok(config), Some("cos1.abc"), &clock_at(today())).await, Language::Ru);
    assert_eq!(faults(&findings), [Check::Enrollment, Check::Token], "{findings:#?}");
}
