//! Certificates and requests for them: of a wrong kind, of others, revoked, expired.

use cos_agent::identity::Identity;
use inventory_schema::SectionName;
use inventory_schema::check_in::ProtocolRange;
use inventory_schema::enrollment::{HardwareEvidence, Pem, RenewalRequest};
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::Seconds;
use inventory_schema::report::ReportOutcome;
use rcgen::{CertificateParams, KeyPair};

use crate::device::{Device, memory, refusal};
use crate::region::{DAY, Region};
use crate::tokens::{Asker, new_key};
use crate::wire::{Caller, Shown};

const NOW: Seconds = Seconds::saturating(0);

fn csr(key: &KeyPair) -> Pem {
    let request = CertificateParams::default().serialize_request(key).unwrap();
    request.pem().unwrap().replace('\r', "").parse().unwrap()
}

/// The request with one byte of its signature or key changed.
fn tampered(csr: &Pem) -> Pem {
    let text = csr.as_str();
    let place = text.len() - 60;
    let changed = if &text[place..=place] == "A" { "B" } else { "A" };
    format!("{}{changed}{}", &text[..place], &text[place + 1..]).parse().unwrap()
}

pub async fn requests_for_keys_of_another_kind_are_refused(region: Region) {
    let asker = Asker::new(&region, 9).await;
    for algorithm in [&rcgen::PKCS_RSA_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384] {
        let answer = asker
            .ask(csr(&KeyPair::generate_for(algorithm).unwrap()), HardwareEvidence::default())
            .await;
        assert_eq!(refusal(answer), ProblemCode::CsrKeyType);
    }
    let good = csr(&KeyPair::generate().unwrap());
    for broken in [tampered(&good), "no request at all".parse().unwrap()] {
        let answer = asker.ask(broken, HardwareEvidence::default()).await;
        assert_eq!(refusal(answer), ProblemCode::CsrMalformed);
    }
    let mut future = asker.request(good, HardwareEvidence::default());
    future.protocol = ProtocolRange { oldest: 900, newest: 901 };
    let answer = Caller::new(&region, Shown::Nothing)
        .post("/v1/enroll", &serde_json::to_vec(&future).unwrap())
        .await;
    assert_eq!(answer.problem().code, ProblemCode::ProtocolUnsupported);
    assert_eq!(region.uses(&asker.token).await, 0, "what cannot be certified spends nothing");
    region.stop().await;
}

fn renewal(identity: &Identity) -> RenewalRequest {
    RenewalRequest {
        csr: identity.csr().unwrap(),
        agent: "0.1.0".parse().unwrap(),
    }
}

pub async fn a_revoked_device_is_refused_everywhere(region: Region) {
    let mut device = Device::new(&region).await;
    let batch = device.report(&[(SectionName::Memory, &memory(1))]);
    device.transport.check_in(&device.check_in(), NOW).await.unwrap();
    let now = region.clock.now();
    let key = device.identity.fingerprint();
    region.store().revoke_key(key, now, "списан", None).await.unwrap();
    // On the connection that stands already, too.
    let revoked = ProblemCode::CertificateRevoked;
    assert_eq!(refusal(device.transport.check_in(&device.check_in(), NOW).await), revoked);
    assert_eq!(refusal(device.transport.send_reports(&batch).await), revoked);
    assert_eq!(refusal(device.transport.renew(&renewal(&device.identity)).await), revoked);
    assert_eq!(region.store().chain_head(key).await.unwrap(), None);
    region.stop().await;
}

pub async fn only_this_regions_devices_are_heard(region: Region) {
    let other_database = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", other_database.path().join("other.db").display());
    let other = Region::start_with("RU-SVE", &address, |_| {}).await;
    let stranger = Device::new(&other).await;
    let check_in = serde_json::to_vec(&stranger.check_in()).unwrap();
    for (shown, expected) in [
        (Shown::Certificate(&stranger.identity), ProblemCode::CertificateForeign),
        (Shown::Nothing, ProblemCode::CertificateRequired),
    ] {
        let caller = Caller::new(&region, shown);
        for path in ["/v1/check-in", "/v1/reports", "/v1/renew"] {
            assert_eq!(caller.post(path, &check_in).await.problem().code, expected, "{path}");
        }
    }
    other.stop().await;
    region.stop().await;
}

pub async fn a_device_speaks_for_itself_alone(region: Region) {
    let (mut one, mut other) = (Device::new(&region).await, Device::new(&region).await);
    let refused = |code| ReportOutcome::Refused { code };
    let body = memory(1);
    let bodies = [(SectionName::Memory, body.as_str())];

    // Another's report, whole and well signed, brought by a neighbour.
    let brought = other.report(&bodies);
    assert_eq!(one.send(&brought).await, refused(ProblemCode::DeviceMismatch));
    // Another's name under the own signature.
    let mut envelope = one.envelope(crate::device::digests(&bodies));
    envelope.device = other.enrollment.device;
    assert_eq!(one.send(&one.batch(&envelope, &bodies)).await, refused(ProblemCode::DeviceMismatch));
    let mut envelope = one.envelope(crate::device::digests(&bodies));
    envelope.key = other.identity.fingerprint();
    assert_eq!(one.send(&one.batch(&envelope, &bodies)).await, refused(ProblemCode::DeviceMismatch));
    let mut envelope = one.envelope(crate::device::digests(&bodies));
    envelope.region = "RU-SVE".parse().unwrap();
    assert_eq!(one.send(&one.batch(&envelope, &bodies)).await, refused(ProblemCode::RegionMismatch));
    // The own name under another's signature.
    let envelope = one.envelope(crate::device::digests(&bodies));
    assert_eq!(
        one.send(&other.batch(&envelope, &bodies)).await,
        refused(ProblemCode::SignatureInvalid)
    );
    // None of it hurt either.
    assert_eq!(other.send(&brought).await, ReportOutcome::Stored { missing: Vec::new() });
    let honest = one.report(&bodies);
    assert_eq!(one.send(&honest).await, ReportOutcome::Stored { missing: Vec::new() });
    region.stop().await;
}

pub async fn an_expired_certificate_renews_itself_and_nothing_else(region: Region) {
    let mut device = Device::new(&region).await;
    let batch = device.report(&[(SectionName::Memory, &memory(1))]);
    // A long summer: the listener's own certificate changes meanwhile.
    let region = region.restarted(|_, clock| clock.advance(DAY * 500)).await;
    // The computer was restarted too, and its battery is good.
    device.computer.clock = region.clock.for_an_agent();
    let mut device = device.reconnected(&region);
    let expired = ProblemCode::CertificateExpired;
    assert_eq!(refusal(device.transport.check_in(&device.check_in(), NOW).await), expired);
    assert_eq!(refusal(device.transport.send_reports(&batch).await), expired);
    let (_folder, other_key) = new_key();
    let with_another_key = device.transport.renew(&renewal(&other_key)).await;
    assert_eq!(refusal(with_another_key), ProblemCode::CsrMalformed);

    let renewed = device.transport.renew(&renewal(&device.identity)).await.unwrap();
    device.identity.install_certificate(&renewed.certificate).unwrap();
    let device = device.reconnected(&region);
    device.transport.check_in(&device.check_in(), NOW).await.unwrap();
    assert_eq!(device.send(&batch).await, ReportOutcome::Stored { missing: Vec::new() });
    region.stop().await;
}

/// The same by the agent itself, without hands and without a token.
pub async fn an_agent_that_was_off_for_a_year_and_a_half_comes_back_by_itself(region: Region) {
    let token = region.token(1).await;
    let device = crate::device::Computer::new(&region).enrolled(&token).await;
    let region = region.restarted(|_, clock| clock.advance(DAY * 500)).await;
    let device = device.reconnected(&region);
    let agent = device.run();
    crate::held::whole(&region, &device).await;
    agent.stop().await;
    let renewed = Identity::load(&device.computer.config.state_dir).unwrap().unwrap();
    assert!(renewed.certificate_validity().unwrap().contains(region.clock.now()));
    assert_eq!(renewed.fingerprint(), device.identity.fingerprint());
    assert_eq!(region.uses(&token).await, 1);
    region.stop().await;
}
