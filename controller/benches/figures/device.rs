//! Devices as the controller knows them: enrolled with a key of their own, signing chains of reports.
//!
//! Documents are written as JSON, as the first agents send them, so that they stay what they are while the types grow.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use inventory_schema::canonical::CanonicalBytes;
use inventory_schema::check_in::CheckIn;
use inventory_schema::enrollment::{EnrollmentAnswer, EnrollmentToken, HardwareEvidence};
use inventory_schema::{Digest, KeyFingerprint};
use rcgen::{CertificateParams, KeyPair, PublicKeyData, SigningKey};
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use crate::Outcome;
use crate::client::{request, tls};
use crate::controller::REGION;

const BOOT: &str = "0f6f9f3e-1f5c-4d5c-8a52-6b0c2f6d7e11";
const COMPRESSION: i32 = 3;

/// A computer with a key, before it is enrolled.
#[derive(Debug)]
pub struct Computer {
    pub number: u64,
    key: KeyPair,
    /// What it asks the controller with.
    pub request: Vec<u8>,
    /// The bare certificate request, in PEM.
    pub csr: String,
    evidence: Option<Digest>,
}

impl Computer {
    pub fn new(number: u64, token: &EnrollmentToken) -> Outcome<Self> {
        let key = KeyPair::generate()?;
        let csr = CertificateParams::default().serialize_request(&key)?.pem()?;
        let evidence = json!({
            "system_uuid": system_uuid(number), "system_serial": format!("PC{number:08}"), "board_serial": format!("BB{number:08}"),
            "disk_serials": [format!("DS{number:08}")], "addresses": [address(number)],
        });
        let document = json!({
            "protocol": { "oldest": 1, "newest": 1 }, "token": token.id, "region": REGION, "secret": token.secret, "csr": csr,
            "agent": "0.1.0", "evidence": evidence,
        });
        Ok(Self {
            number,
            key,
            evidence: serde_json::from_value::<HardwareEvidence>(evidence)?.digest(),
            request: request("/v1/enroll", "content-type: application/json\r\n", document.to_string().as_bytes()),
            csr,
        })
    }

    /// The device that the controller's answer makes of it.
    pub fn enrolled(self, answer: &[u8]) -> Outcome<Device> {
        let EnrollmentAnswer::Issued(issued) = serde_json::from_slice(answer)? else {
            return Err("the enrollment is pending".into());
        };
        let chain = CertificateDer::pem_slice_iter(issued.certificate.as_str().as_bytes()).collect::<Result<_, _>>()?;
        Ok(Device {
            number: self.number,
            id: issued.device.to_string(),
            fingerprint: KeyFingerprint::of_public_key(&self.key.subject_public_key_info()),
            key: self.key,
            chain,
            receipt: Digest::of(issued.receipt.document.as_bytes()),
            trust: issued.trust.digest(),
            evidence: self.evidence,
            head: None,
            held: BTreeMap::new(),
        })
    }
}

fn system_uuid(number: u64) -> String {
    format!("3f1c9a52-7d0e-4b6a-9c11-{number:012x}")
}

fn address(number: u64) -> String {
    let [.., c, d, e, f] = number.to_be_bytes();
    format!("02:5e:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

/// The newest report: its sequence and digest.
pub type Head = (u64, Digest);

#[derive(Debug)]
pub struct Device {
    pub number: u64,
    pub id: String,
    fingerprint: KeyFingerprint,
    key: KeyPair,
    chain: Vec<CertificateDer<'static>>,
    receipt: Digest,
    trust: Digest,
    evidence: Option<Digest>,
    pub head: Option<Head>,
    held: BTreeMap<String, Digest>,
}

impl Device {
    pub fn tls(&self, resume: bool) -> Outcome<Arc<ClientConfig>> {
        let key = PrivateKeyDer::try_from(self.key.serialize_der())?;
        tls(Some((self.chain.clone(), key)), resume)
    }

    /// The whole inventory: what a new device sends first, 40 KB.
    pub fn inventory(&mut self) -> Outcome<(Vec<u8>, Head)> {
        let sections = sections(self.number, 0)?;
        self.report(sections)
    }

    /// What a device sends later: all sections again in which one package changed, or that list alone; 40 KB either way.
    pub fn next_inventory(&mut self, change: u64, whole: bool) -> Outcome<(Vec<u8>, Head)> {
        let sections = match whole {
            true => sections(self.number, change)?,
            false => BTreeMap::from([software_section(self.number, change, MORE_PACKAGES)?]),
        };
        self.report(sections)
    }

    fn report(&mut self, sections: BTreeMap<String, String>) -> Outcome<(Vec<u8>, Head)> {
        let digests: BTreeMap<String, Digest> = sections
            .iter()
            .map(|(name, text)| (name.clone(), Digest::of(text.as_bytes())))
            .collect();
        let sequence = self.head.map_or(1, |(sequence, _)| sequence + 1);
        let envelope = CanonicalBytes::of(&json!({
            "format": "envelope/1", "region": REGION, "device": self.id, "key": self.fingerprint, "kind": "inventory", "agent": "0.1.0",
            "place": { "epoch": 0, "sequence": sequence }, "previous": self.head.map(|(_, digest)| digest), "clock": clock(),
            "sections": digests,
        }))?;
        let signature = STANDARD.encode(self.key.sign(envelope.as_bytes())?);
        let bodies: BTreeMap<String, &String> = sections.iter().map(|(name, text)| (digests[name].to_string(), text)).collect();
        let head = (sequence, envelope.digest());
        let batch = json!({ "reports": [{ "envelope": envelope.into_text(), "signature": signature }], "bodies": bodies });
        let packed = zstd::bulk::compress(batch.to_string().as_bytes(), COMPRESSION)?;
        self.head = Some(head);
        self.held.extend(digests);
        let headers = "content-type: application/json\r\ncontent-encoding: zstd\r\n";
        Ok((request("/v1/reports", headers, &packed), head))
    }

    /// A check-in that has no news and expects none.
    pub fn check_in(&self, wait: u64) -> Outcome<Vec<u8>> {
        Ok(check_in(wait, &self.beliefs()?, None))
    }

    /// What it says in a check-in when nothing is new: one digest of all that it believes.
    pub fn beliefs(&self) -> Outcome<Value> {
        let acknowledged = self
            .head
            .map(|(sequence, digest)| json!({ "place": { "epoch": 0, "sequence": sequence }, "digest": digest }));
        let whole: CheckIn = serde_json::from_value(json!({
            "protocol": { "oldest": 1, "newest": 2 }, "agent": "0.1.0", "held": self.held, "acknowledged": acknowledged, "clock": clock(),
            "trust": self.trust, "receipt": self.receipt, "evidence": self.evidence,
            "spool": { "reports": 0, "bytes": 0, "tombstones": 0 },
        }))?;
        Ok(serde_json::to_value(whole.summarized())?)
    }
}

/// A check-in of somebody who has heard of this order to all.
pub fn check_in(wait: u64, beliefs: &Value, collection: Option<&str>) -> Vec<u8> {
    let mut document = beliefs.clone();
    (document["clock"], document["collection"]) = (clock(), json!(collection));
    let path = format!("/v1/check-in?wait={wait}");
    request(&path, "content-type: application/json\r\n", document.to_string().as_bytes())
}

fn clock() -> Value {
    json!({ "device": cos_agent::platform::wall_clock(), "boot": BOOT, "uptime": 64_000_000u64 })
}

macro_rules! example {
    ($name:literal) => {
        include_str!(concat!("../../../inventory-schema/examples/", $name, "-1.json"))
    };
}

/// The sections of a computer, by name, in canonical form.
fn sections(number: u64, change: u64) -> Outcome<BTreeMap<String, String>> {
    let mut sections = BTreeMap::new();
    let examples = [
        ("system", example!("system")),
        ("processor", example!("processor")),
        ("memory", example!("memory")),
        ("storage", example!("storage")),
        ("display", example!("display")),
        ("network", example!("network")),
        ("operating_system", example!("operating_system")),
        ("battery", example!("battery")),
        ("peripherals", example!("peripherals")),
    ];
    for (name, text) in examples {
        let mut section: Value = serde_json::from_str(text)?;
        for (pointer, value) in own_readings(number) {
            if let Some(place) = section.pointer_mut(pointer) {
                *place = value.into();
            }
        }
        sections.insert(name.to_owned(), CanonicalBytes::of(&section)?.into_text());
    }
    sections.extend([software_section(number, change, PACKAGES)?]);
    Ok(sections)
}

/// What no two computers have in common.
fn own_readings(number: u64) -> [(&'static str, String); 6] {
    [
        ("/content/serial/value", format!("PC{number:08}")),
        ("/content/uuid/value", system_uuid(number)),
        ("/content/baseboard/serial/value", format!("BB{number:08}")),
        ("/content/disks/0/serial/value", format!("DS{number:08}")),
        ("/content/cards/0/permanent_address/value", address(number)),
        ("/content/cards/0/address/value", address(number)),
    ]
}

/// Brings the inventory to 40 KB.
const PACKAGES: u64 = 480;
/// As many bytes in this section alone.
const MORE_PACKAGES: u64 = 595;

fn software_section(number: u64, change: u64, packages: u64) -> Outcome<(String, String)> {
    let section = CanonicalBytes::of(&software(number, change, packages))?;
    Ok(("software".to_owned(), section.into_text()))
}

fn software(number: u64, change: u64, packages: u64) -> Value {
    const PARTS: [&str; 16] = [
        "lib", "python3", "perl", "gnome", "qt5", "fonts", "linux", "x11", "gst", "kde", "alsa", "cups", "java", "ruby", "mate", "xfce",
    ];
    let package = |place: u64| {
        // Numbers without a pattern, the same in every run.
        let draw = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let name = format!(
            "{}-{}-{:x}",
            PARTS[(draw % 16) as usize],
            PARTS[(draw / 16 % 16) as usize],
            draw / 256 % 0x1_0000
        );
        let version = format!("{}.{}.{}-{}", draw % 11, draw / 11 % 40, draw / 440 % 100, draw / 44_000 % 5 + 1);
        json!({ "name": name, "version": version, "architecture": "amd64" })
    };
    let mut packages: Vec<Value> = (0..packages).map(package).collect();
    packages[0]["version"] = format!("{number}.{change}").into();
    packages.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    json!({ "format": "software/1", "content": { "lists": [{ "manager": "dpkg", "packages": packages }] } })
}

/// The same inventory as one plain document, packed: what the bare reference is sent.
pub fn plain_inventory(number: u64) -> Outcome<(Vec<u8>, usize)> {
    let sections = sections(number, 0)?;
    let document = format!(
        "{{{}}}",
        sections
            .iter()
            .map(|(name, text)| format!("\"{name}\":{text}"))
            .collect::<Vec<_>>()
            .join(",")
    );
    Ok((zstd::bulk::compress(document.as_bytes(), COMPRESSION)?, document.len()))
}
