//! Tokens: what each fault is called, how often one can be used, and who is taken for the same computer.

use cos_agent::enrollment::{EnrollError, Enrolled, agent_version};
use cos_agent::identity::Identity;
use cos_agent::transport::{Transport, TransportFailure};
use cos_controller::store::review::CaseKind;
use cos_controller::store::{Page, Scope};
use inventory_schema::DeviceId;
use inventory_schema::check_in::ProtocolRange;
use inventory_schema::enrollment::{EnrollmentAnswer, EnrollmentRequest, EnrollmentToken, HardwareEvidence, Issued, Pem};
use inventory_schema::problem::ProblemCode;
use tempfile::TempDir;

use crate::device::{Computer, refusal};
use crate::region::{DAY, Region};

/// The tokens of one school, each with its fault.
pub struct FaultyTokens {
    pub faults: Vec<(EnrollmentToken, ProblemCode)>,
}

impl FaultyTokens {
    pub async fn make(region: &Region) -> Self {
        let (now, store) = (region.clock.now(), region.store());
        let expired = region.token(1).await;
        region.clock.advance(DAY * 11);
        let exhausted = region.token(1).await;
        Computer::new(region).enrolled(&exhausted).await;
        let revoked = region.token(1).await;
        assert!(store.revoke_token(Scope::REGION, revoked.id, now).await.unwrap());
        let good = region.token(1).await;
        let unknown = EnrollmentToken {
            id: inventory_schema::enrollment::TokenId::generate(),
            ..good.clone()
        };
        let guessed = EnrollmentToken {
            secret: "x".repeat(43).parse().unwrap(),
            ..good.clone()
        };
        let foreign = EnrollmentToken {
            region: "RU-SVE".parse().unwrap(),
            ..good
        };
        let faults = vec![
            (expired, ProblemCode::TokenExpired),
            (exhausted, ProblemCode::TokenExhausted),
            (revoked, ProblemCode::TokenRevoked),
            (unknown, ProblemCode::TokenUnknown),
            (guessed, ProblemCode::TokenUnknown),
            (foreign, ProblemCode::TokenForeign),
        ];
        Self { faults }
    }
}

pub async fn each_fault_of_a_token_has_its_code(region: Region) {
    let FaultyTokens { faults } = FaultyTokens::make(&region).await;
    let devices = region.devices().await;
    for (token, expected) in &faults {
        let computer = Computer::new(&region);
        let error = computer
            .enroll(&token.to_line(), HardwareEvidence::default(), false)
            .await
            .unwrap_err();
        assert!(
            matches!(error, EnrollError::Refused(code) if code == *expected),
            "{expected}: {error:?}"
        );
        assert!(!computer.config.state_dir.join("enrollment.json").exists());
    }
    let mut mistyped = faults[0].0.to_line();
    mistyped.replace_range(20..21, if &mistyped[20..21] == "A" { "B" } else { "A" });
    for line in [mistyped.as_str(), &mistyped[..200], "cos1.", "здравствуйте"] {
        let error = Computer::new(&region)
            .enroll(line, HardwareEvidence::default(), false)
            .await
            .unwrap_err();
        assert!(matches!(error, EnrollError::Token(_)), "{error:?}");
    }
    assert_eq!(region.devices().await, devices);
    region.stop().await;
}

pub async fn a_token_of_five_uses_makes_five_devices_of_twenty_computers(region: Region) {
    let token = region.token(5).await;
    let line = token.to_line();
    let attempts: Vec<_> = (0..20)
        .map(|_| {
            let (computer, line) = (Computer::new(&region), line.clone());
            tokio::spawn(async move { computer.enroll(&line, HardwareEvidence::default(), false).await })
        })
        .collect();
    let (mut enrolled, mut exhausted) = (0, 0);
    for attempt in attempts {
        match attempt.await.unwrap() {
            Ok(Enrolled::New { .. }) => enrolled += 1,
            Err(EnrollError::Refused(ProblemCode::TokenExhausted)) => exhausted += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((enrolled, exhausted), (5, 15));
    assert_eq!(region.devices().await, 5);
    assert_eq!(region.uses(&token).await, 5);
    region.stop().await;
}

/// Asks for an enrollment as an agent does, with whatever the test puts into it.
pub struct Asker<'r> {
    region: &'r Region,
    pub token: EnrollmentToken,
    transport: Transport,
}

impl<'r> Asker<'r> {
    pub async fn new(region: &'r Region, uses: u32) -> Self {
        Self::of(region, region.token(uses).await)
    }

    /// Calls the region where it listens now.
    pub fn of(region: &'r Region, token: EnrollmentToken) -> Self {
        let mut computer = Computer::new(region);
        computer.config.controllers = vec![region.controller_url().parse().unwrap()];
        let transport = Transport::for_token(&token, &computer.config, computer.clock.clone()).unwrap();
        Self { region, token, transport }
    }

    pub fn request(&self, csr: Pem, evidence: HardwareEvidence) -> EnrollmentRequest {
        EnrollmentRequest {
            protocol: ProtocolRange::CURRENT,
            token: self.token.id,
            region: self.token.region.clone(),
            secret: self.token.secret.clone(),
            csr,
            evidence,
            agent: agent_version(),
        }
    }

    pub async fn ask(&self, csr: Pem, evidence: HardwareEvidence) -> Result<EnrollmentAnswer, TransportFailure> {
        self.transport.enroll(&self.request(csr, evidence)).await
    }

    async fn device(&self, identity: &Identity, evidence: HardwareEvidence) -> DeviceId {
        issued(self.ask(identity.csr().unwrap(), evidence).await.unwrap()).device
    }

    async fn uses(&self) -> i64 {
        self.region.uses(&self.token).await
    }
}

fn issued(answer: EnrollmentAnswer) -> Issued {
    match answer {
        EnrollmentAnswer::Issued(issued) => *issued,
        other => panic!("{other:?}"),
    }
}

pub fn new_key() -> (TempDir, Identity) {
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity::create(folder.path()).unwrap();
    (folder, identity)
}

fn strong(serial: &str) -> HardwareEvidence {
    HardwareEvidence {
        system_serial: Some(serial.parse().unwrap()),
        disk_serials: vec![format!("DISK-{serial}").parse().unwrap()],
        ..HardwareEvidence::default()
    }
}

pub async fn the_same_computer_spends_one_use_and_is_one_device(region: Region) {
    let asker = Asker::new(&region, 9).await;
    let (_folder, first_key) = new_key();
    let first = asker.device(&first_key, strong("PF1ABCDE")).await;
    // The answer was lost, and the computer asks again.
    assert_eq!(asker.device(&first_key, strong("PF1ABCDE")).await, first);
    assert_eq!(asker.uses().await, 1);
    // A new disk changes what it is known by, and not who it is.
    assert_eq!(asker.device(&first_key, HardwareEvidence::default()).await, first);
    assert_eq!(asker.uses().await, 1, "a key that is known spends nothing");
    // Reinstalled: another key, the same hardware.
    let (_folder, second_key) = new_key();
    assert_eq!(asker.device(&second_key, strong("PF1ABCDE")).await, first);
    assert_eq!(asker.uses().await, 1);
    // And once more with another token of its school.
    let other = Asker::new(&region, 1).await;
    let (_folder, third_key) = new_key();
    assert_eq!(other.device(&third_key, strong("PF1ABCDE")).await, first);
    assert_eq!(other.uses().await, 0);
    // With a new disk and reinstalled it is still known by the rest.
    let mut whole = strong("PF1ABCDE");
    whole.board_serial = Some("BRD0001X".parse().unwrap());
    let (_folder, fourth_key) = new_key();
    assert_eq!(asker.device(&fourth_key, whole.clone()).await, first);
    whole.disk_serials = vec!["NEWDISK01".parse().unwrap()];
    let (_folder, fifth_key) = new_key();
    assert_eq!(asker.device(&fifth_key, whole).await, first);
    assert_eq!(asker.uses().await, 1);
    assert_eq!(region.devices().await, 1);
    let cases = region.store().cases(Scope::REGION, false, Page::default()).await.unwrap().rows;
    let kinds: Vec<CaseKind> = cases.iter().map(|case| case.kind).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert!(kinds.contains(&CaseKind::Reinstall) && kinds.contains(&CaseKind::Repair));
    region.stop().await;
}

/// Who knows another school's serial numbers does not get that school's computer.
pub async fn another_schools_token_never_takes_a_computer_over(region: Region) {
    let ours = Asker::new(&region, 9).await;
    let (_folder, key) = new_key();
    let device = ours.device(&key, strong("PF1ABCDE")).await;
    let token = region.token_for(region.place_of_school(1).await, 9).await;
    let stranger = Asker::of(&region, token);
    let (_folder, strange_key) = new_key();
    assert_ne!(stranger.device(&strange_key, strong("PF1ABCDE")).await, device);
    let kept = region.store().device(Scope::REGION, device).await.unwrap().unwrap();
    assert_eq!(kept.place.organization, region.place().await.organization);
    assert_eq!(region.devices().await, 2);
    let cases = region.store().cases(Scope::REGION, true, Page::default()).await.unwrap().rows;
    assert_eq!(cases.len(), 1, "people are told");
    assert_eq!((cases[0].kind, cases[0].other), (CaseKind::Move, Some(device)));
    region.stop().await;
}

pub async fn what_says_little_of_a_computer_makes_a_new_device(region: Region) {
    let asker = Asker::new(&region, 9).await;
    let weak = HardwareEvidence {
        system_serial: Some("0123456789".parse().unwrap()),
        ..HardwareEvidence::default()
    };
    let ((_one, first_key), (_other, second_key)) = (new_key(), new_key());
    let first = asker.device(&first_key, weak.clone()).await;
    assert_ne!(asker.device(&second_key, weak.clone()).await, first);
    assert_eq!(asker.device(&first_key, weak).await, first, "its key knows it again");
    assert_eq!(asker.uses().await, 2);
    assert_eq!(region.devices().await, 2);
    region.stop().await;
}

/// A key that was revoked stays out, whatever token it brings.
pub async fn a_revoked_key_cannot_enroll(region: Region) {
    let asker = Asker::new(&region, 9).await;
    let (_folder, key) = new_key();
    asker.device(&key, strong("PF1ABCDE")).await;
    let now = region.clock.now();
    region.store().revoke_key(key.fingerprint(), now, "украден", None).await.unwrap();
    let answer = asker.ask(key.csr().unwrap(), strong("PF1ABCDE")).await;
    assert_eq!(refusal(answer), ProblemCode::CertificateRevoked);
    assert_eq!(asker.uses().await, 1);
    region.stop().await;
}
