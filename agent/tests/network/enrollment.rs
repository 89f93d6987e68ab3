//! A token turns into an enrollment, or into the reason why not.

use std::path::Path;
use std::sync::{Arc, Mutex};

use cos_agent::config::AgentConfig;
use cos_agent::enrollment::{EnrollError, Enrolled, Enrolling, Enrollment, Progress, Refusal, enroll};
use cos_agent::identity::Identity;
use cos_agent::transport::TransportFailure;
use inventory_schema::device::KeyFingerprint;
use inventory_schema::enrollment::{
    EnrollmentAnswer, EnrollmentRequest, EnrollmentToken, HardwareEvidence, Issued, Receipt, ReceiptFormat, TokenAnswer,
};
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::{Count, Seconds};
use inventory_schema::timestamp::Timestamp;

use crate::server::{Authority, Request, Response, Server, clock_at, time_answer, today};

pub fn token(server: &Server, authority: &Authority) -> EnrollmentToken {
    EnrollmentToken {
        id: "01900000-0000-7000-8000-000000000001".parse().unwrap(),
        region: "RU-PER".parse().unwrap(),
        controllers: vec![server.url.clone()],
        ca: authority.pin(),
        secret: "x".repeat(43).parse().unwrap(),
        organization: "01900000-0000-7000-8000-000000000002".parse().unwrap(),
        building: "01900000-0000-7000-8000-000000000003".parse().unwrap(),
        room: None,
        proxy: None,
        expires: "2026-12-31T00:00:00.000000Z".parse().unwrap(),
    }
}

/// Answers as a controller that knows every token.
pub fn controller(authority: Arc<Authority>) -> impl Fn(&Request) -> Response + Send + Sync + 'static {
    move |request| {
        if request.path.starts_with("/v1/time") {
            return time_answer(&authority, &request.path, today());
        }
        if request.path.starts_with("/v1/token") {
            return Response::json(&TokenAnswer {
                uses_left: Count::saturating(29),
                expires: "2026-12-31T00:00:00.000000Z".parse().unwrap(),
                organization_name: "МБОУ «СОШ № 7»".parse().unwrap(),
                server_time: today(),
            });
        }
        let asked: EnrollmentRequest = serde_json::from_slice(&request.body).unwrap();
        Response::json(&EnrollmentAnswer::Issued(Box::new(issue(&authority, &asked))))
    }
}

fn issue(authority: &Authority, asked: &EnrollmentRequest) -> Issued {
    let certificate = authority.certify(&asked.csr);
    let device = "01900000-0000-7000-8000-000000000009".parse().unwrap();
    Issued {
        device,
        receipt: authority.sign(&Receipt {
            format: ReceiptFormat::V1,
            region: asked.region.clone(),
            device,
            key: key_of(&certificate),
            organization: "01900000-0000-7000-8000-000000000002".parse().unwrap(),
            building: "01900000-0000-7000-8000-000000000003".parse().unwrap(),
            room: None,
            organization_name: "МБОУ «СОШ № 7»".parse().unwrap(),
            issued: today(),
        }),
        certificate,
        trust: authority.trust(),
        server_time: today(),
    }
}

fn key_of(certificate: &inventory_schema::enrollment::Pem) -> KeyFingerprint {
    let (_, pem) = x509_parser::pem::parse_x509_pem(certificate.as_str().as_bytes()).unwrap();
    KeyFingerprint::of_public_key(pem.parse_x509().unwrap().public_key().raw)
}

pub fn config(state_dir: &Path) -> AgentConfig {
    let text = format!("state_dir = '{}'\n[proxy]\ndirect = true\n", state_dir.display());
    AgentConfig::parse(&text, Path::new("agent.toml")).unwrap()
}

fn enrolling<'a>(config: &'a AgentConfig, device_clock: Timestamp, again: bool) -> Enrolling<'a> {
    Enrolling {
        config,
        evidence: HardwareEvidence::default(),
        clock: clock_at(device_clock),
        again,
    }
}

async fn enroll_today(line: &str, config: &AgentConfig) -> Result<Enrolled, EnrollError> {
    enroll(line, enrolling(config, today(), false), |_| {}).await
}

#[tokio::test]
async fn a_token_enrolls_once_and_the_second_time_says_so() {
    let region = Arc::new(Authority::region());
    let server = Server::start(&region, controller(Arc::clone(&region))).await;
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder.path().join("state"));
    let line = token(&server, &region).to_line();
    let Enrolled::New { enrollment, receipt, .. } = enroll_today(&line, &config).await.unwrap() else {
        panic!("not new")
    };
    assert_eq!(receipt.organization_name.as_str(), "МБОУ «СОШ № 7»");
    let identity = Identity::load(&config.state_dir).unwrap().unwrap();
    assert_eq!(identity.fingerprint(), receipt.key);
    assert!(identity.certificate_validity().unwrap().contains(today()));
    assert_eq!(Enrollment::load(&config.state_dir).unwrap().unwrap(), *enrollment);
    assert!(matches!(enroll_today(&line, &config).await.unwrap(), Enrolled::Already { .. }));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_computer_with_a_dead_clock_enrolls() {
    let region = Arc::new(Authority::region());
    let server = Server::start(&region, controller(Arc::clone(&region))).await;
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let steps = Mutex::new(Vec::new());
    let line = token(&server, &region).to_line();
    let dead = "2009-01-01T00:00:00.000000Z".parse().unwrap();
    let enrolled = enroll(&line, enrolling(&config, dead, false), |step| steps.lock().unwrap().push(step)).await;
    assert!(matches!(enrolled.unwrap(), Enrolled::New { .. }));
    assert_eq!(steps.lock().unwrap().last(), Some(&Progress::AskingTime));
}

#[tokio::test]
async fn a_refusal_is_told_by_its_code_kept_for_doctor_and_forgotten_after_success() {
    let region = Arc::new(Authority::region());
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    for code in [
        ProblemCode::TokenExpired,
        ProblemCode::TokenExhausted,
        ProblemCode::TokenForeign,
        ProblemCode::TokenRevoked,
        ProblemCode::TokenUnknown,
    ] {
        let server = Server::start(&region, move |_| Response::problem(code)).await;
        let refused = enroll_today(&token(&server, &region).to_line(), &config).await.unwrap_err();
        assert!(matches!(refused, EnrollError::Refused(told) if told == code));
        assert_eq!(Refusal::load(&config.state_dir).unwrap().unwrap().code, code);
        assert!(Enrollment::load(&config.state_dir).unwrap().is_none());
    }
    let server = Server::start(&region, controller(Arc::clone(&region))).await;
    enroll_today(&token(&server, &region).to_line(), &config).await.unwrap();
    assert_eq!(Refusal::load(&config.state_dir).unwrap(), None);
}

#[tokio::test]
async fn a_token_of_another_region_and_a_mistyped_one_are_refused_without_a_call() {
    let region = Arc::new(Authority::region());
    let server = Server::start(&region, controller(Arc::clone(&region))).await;
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let ours = token(&server, &region);
    enroll_today(&ours.to_line(), &config).await.unwrap();
    let other = EnrollmentToken {
        region: "RU-SVE".parse().unwrap(),
        ..ours.clone()
    };
    let refused = enroll_today(&other.to_line(), &config).await.unwrap_err();
    assert!(matches!(refused, EnrollError::OtherRegion { .. }), "{refused:?}");
    let line = ours.to_line();
    assert!(matches!(
        enroll_today(&line[..line.len() - 3], &config).await,
        Err(EnrollError::Token(_))
    ));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_pending_enrollment_asks_again_with_the_same_key() {
    let region = Arc::new(Authority::region());
    let server = Server::start(&region, |_| {
        Response::json(&EnrollmentAnswer::Pending {
            retry_after: Seconds::saturating(300),
            server_time: today(),
        })
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let line = token(&server, &region).to_line();
    for _ in 0..2 {
        let pending = enroll_today(&line, &config).await.unwrap();
        assert!(matches!(pending, Enrolled::Pending { retry_after } if retry_after.get() == 300));
    }
    let keys: Vec<Vec<u8>> = server
        .requests()
        .iter()
        .map(|request| {
            let asked: EnrollmentRequest = serde_json::from_slice(&request.body).unwrap();
            let (_, pem) = x509_parser::pem::parse_x509_pem(asked.csr.as_str().as_bytes()).unwrap();
            use x509_parser::prelude::FromDer;
            let (_, csr) = x509_parser::certification_request::X509CertificationRequest::from_der(&pem.contents).unwrap();
            csr.certification_request_info.subject_pki.raw.to_vec()
        })
        .collect();
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test]
async fn enrolling_again_makes_a_new_key_and_a_refusal_leaves_the_old_one() {
    let region = Arc::new(Authority::region());
    let server = Server::start(&region, controller(Arc::clone(&region))).await;
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let line = token(&server, &region).to_line();
    enroll_today(&line, &config).await.unwrap();
    let first = Identity::load(&config.state_dir).unwrap().unwrap().fingerprint();

    let refusing = Server::start(&region, |_| Response::problem(ProblemCode::TokenExhausted)).await;
    let refused = enroll(&token(&refusing, &region).to_line(), enrolling(&config, today(), true), |_| {}).await;
    assert!(matches!(refused, Err(EnrollError::Refused(ProblemCode::TokenExhausted))));
    assert_eq!(Identity::load(&config.state_dir).unwrap().unwrap().fingerprint(), first);

    let again = enroll(&line, enrolling(&config, today(), true), |_| {}).await.unwrap();
    let Enrolled::New { receipt, .. } = again else { panic!("not new") };
    assert_ne!(receipt.key, first);
    assert_eq!(Identity::load(&config.state_dir).unwrap().unwrap().fingerprint(), receipt.key);
}

#[tokio::test]
async fn a_receipt_for_another_key_is_refused_and_nothing_is_enrolled() {
    let region = Arc::new(Authority::region());
    let lying = Arc::clone(&region);
    let server = Server::start(&region, move |request| {
        let asked: EnrollmentRequest = serde_json::from_slice(&request.body).unwrap();
        let mut issued = issue(&lying, &asked);
        let mut receipt = issued.receipt.verify(&issued.trust.signing_keys).unwrap();
        receipt.key = KeyFingerprint::of_public_key(b"another");
        issued.receipt = lying.sign(&receipt);
        Response::json(&EnrollmentAnswer::Issued(Box::new(issued)))
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let refused = enroll_today(&token(&server, &region).to_line(), &config).await.unwrap_err();
    assert!(matches!(refused, EnrollError::Receipt(_)), "{refused:?}");
    assert!(Enrollment::load(&config.state_dir).unwrap().is_none());
}

#[tokio::test]
async fn a_filter_in_between_learns_no_secret() {
    let region = Authority::region();
    let filter = Authority::new("Filter", "Filter");
    let server = Server::start(&filter, |_| Response::problem(ProblemCode::Internal)).await;
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let refused = enroll_today(&token(&server, &region).to_line(), &config).await.unwrap_err();
    assert!(
        matches!(refused, EnrollError::NotReached(TransportFailure::CertificateReplaced { .. })),
        "{refused:?}"
    );
    assert!(server.requests().is_empty());
}
