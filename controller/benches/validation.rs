//! Validating a report against the one thing that cannot be spared, its signature, in one run.
//!
//! `cargo bench -p cos-controller`. Validation checks signature, canonical form, digests and types of a report with
//! a software list of 200 packages.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use inventory_schema::canonical::CanonicalBytes;
use inventory_schema::envelope::{ChainPlace, EnvelopeFormat, ReceivedEnvelope, ReportClock, ReportKind};
use inventory_schema::quantity::Microseconds;
use inventory_schema::report::SignedReport;
use inventory_schema::signature::{PublicKey, Signature};
use inventory_schema::{DeviceId, Digest, Envelope, KeyFingerprint, RegionId, SectionName, Timestamp};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SigningKey};

use cos_controller::report::validate::validate;
use cos_controller::tls::{DeviceIdentity, IdentitySource};

const REPORTS: usize = 2000;

fn main() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key can be made");
    let public = PublicKey::from_spki_der(&key.subject_public_key_info()).expect("the key is P-256");
    let region: RegionId = "RU-PER".parse().expect("a region");
    let device = DeviceId::generate();
    let body = software_body(200);
    let bodies = BTreeMap::from([(Digest::of(body.as_bytes()), body.clone())]);
    let reports: Vec<SignedReport> = (0..REPORTS)
        .map(|place| report(&key, &public, &region, device, place, &body))
        .collect();
    let identity = DeviceIdentity {
        region: region.clone(),
        device,
        key: public.fingerprint(),
        public_key: public.clone(),
        not_before: Timestamp::from_unix_seconds(0),
        not_after: Timestamp::from_unix_seconds(4_000_000_000),
        serial: "00".to_owned(),
        source: IdentitySource::Connection,
    };
    let signature_only = timed(|| {
        for report in &reports {
            public
                .verify(report.envelope.as_bytes(), &report.signature)
                .expect("the signature holds");
        }
    });
    let whole = timed(|| {
        for report in reports.clone() {
            validate(report, &bodies, &identity, &region).expect("the report is valid");
        }
    });
    let per = |time: Duration| time.as_secs_f64() * 1e6 / REPORTS as f64;
    println!(
        "validating a report with a {} KB software list: {:.0} µs; its signature alone: {:.0} µs; ratio {:.2}",
        body.len() / 1000,
        per(whole),
        per(signature_only),
        whole.as_secs_f64() / signature_only.as_secs_f64()
    );
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

fn software_body(packages: usize) -> String {
    let package = |number: usize| serde_json::json!({ "name": format!("package-{number}"), "version": format!("1.{number}.0-1+deb12u1") });
    let packages: Vec<_> = (0..packages).map(package).collect();
    let section = serde_json::json!({ "format": "software/1", "content": { "lists": [{ "manager": "dpkg", "packages": packages }] } });
    CanonicalBytes::of(&section).expect("the section has a canonical form").into_text()
}

fn report(key: &KeyPair, public: &PublicKey, region: &RegionId, device: DeviceId, number: usize, body: &str) -> SignedReport {
    let envelope = Envelope {
        format: EnvelopeFormat::V1,
        region: region.clone(),
        device,
        key: KeyFingerprint::of_public_key(public.spki_der()),
        place: ChainPlace {
            epoch: 0,
            sequence: number as u64 + 1,
        },
        previous: None,
        resumed: None,
        kind: ReportKind::Inventory,
        body: None,
        agent: "0.1.0".parse().expect("a version"),
        clock: ReportClock {
            device: Timestamp::from_unix_seconds(1_800_000_000),
            trusted: None,
            boot: inventory_schema::device::BootId::generate(),
            uptime: Microseconds::saturating(1),
        },
        sections: BTreeMap::from([(SectionName::Software, Digest::of(body.as_bytes()))]),
    };
    let envelope = CanonicalBytes::of(&envelope).expect("an envelope has a canonical form");
    let signature = Signature::from_bytes(key.sign(envelope.as_bytes()).expect("the key signs")).expect("the signature fits");
    let report = SignedReport {
        envelope: envelope.into_text(),
        signature,
    };
    ReceivedEnvelope::read(report.envelope.clone().into_bytes()).expect("the envelope reads");
    report
}
