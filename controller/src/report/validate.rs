//! One report: is it what its device signed, and can this program read what it states?
//!
//! Pure. A report is judged alone, before it joins a group, so that one bad report harms no other.

use std::collections::BTreeMap;

use inventory_schema::activity::{Activity, MAX_ACTIVITY_BYTES};
use inventory_schema::canonical::CanonicalBytes;
use inventory_schema::envelope::{ReceivedEnvelope, ReportKind};
use inventory_schema::inventory::AnySection;
use inventory_schema::measurement::{MAX_MEASUREMENT_BYTES, Measurement};
use inventory_schema::problem::ProblemCode;
use inventory_schema::report::{MAX_SECTION_BYTES, SignedReport};
use inventory_schema::signature::Signature;
use inventory_schema::{Digest, Envelope, RegionId, SectionName};

use crate::tls::DeviceIdentity;

/// A report whose signature, place of origin and bodies were checked. Built only here.
#[derive(Debug, Clone)]
pub struct ValidReport {
    pub received: ReceivedEnvelope,
    pub signature: Signature,
    /// The sections that travelled with it; one that is missing may be held already.
    pub bodies: BTreeMap<SectionName, ValidBody>,
    /// What a report that states no sections carries, if it travelled with it.
    pub document: Option<ValidDocument>,
}

#[derive(Debug, Clone)]
pub struct ValidDocument {
    pub bytes: String,
    /// `None`: another document than a measurement.
    pub measurement: Option<Measurement>,
}

#[derive(Debug, Clone)]
pub struct ValidBody {
    pub digest: Digest,
    pub bytes: String,
    pub section: AnySection,
}

/// Why a report can never be stored, with what the log should say.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    pub code: ProblemCode,
    pub detail: String,
}

fn refuse(code: ProblemCode, detail: impl ToString) -> Refusal {
    Refusal {
        code,
        detail: detail.to_string(),
    }
}

/// Checks `report` as sent over the connection of `identity`, with the batch's `bodies`.
pub fn validate(
    report: SignedReport,
    bodies: &BTreeMap<Digest, String>,
    identity: &DeviceIdentity,
    region: &RegionId,
) -> Result<ValidReport, Refusal> {
    let SignedReport { envelope, signature } = report;
    identity
        .public_key
        .verify(envelope.as_bytes(), &signature)
        .map_err(|error| refuse(why_unsigned(&envelope, identity), error))?;
    let received = ReceivedEnvelope::read(envelope.into_bytes()).map_err(|error| refuse(ProblemCode::EnvelopeInvalid, error))?;
    if received.envelope.region != *region {
        return Err(refuse(
            ProblemCode::RegionMismatch,
            format_args!("the envelope names the region {}", received.envelope.region),
        ));
    }
    if received.envelope.device != identity.device || received.envelope.key != identity.key {
        return Err(refuse(
            ProblemCode::DeviceMismatch,
            format_args!("the envelope names the device {}", received.envelope.device),
        ));
    }
    let document = validate_document(&received.envelope, bodies)?;
    let bodies = received
        .envelope
        .sections
        .iter()
        .filter_map(|(name, digest)| bodies.get(digest).map(|bytes| (*name, *digest, bytes)))
        .map(|(name, digest, bytes)| validate_body(name, digest, bytes).map(|body| (name, body)))
        .collect::<Result<_, _>>()?;
    Ok(ValidReport {
        received,
        signature,
        bodies,
        document,
    })
}

fn validate_document(envelope: &Envelope, bodies: &BTreeMap<Digest, String>) -> Result<Option<ValidDocument>, Refusal> {
    let kind = envelope.kind.as_str();
    let largest = match envelope.kind {
        ReportKind::Inventory => return Ok(None),
        ReportKind::Measurement => MAX_MEASUREMENT_BYTES,
        ReportKind::Activity => MAX_ACTIVITY_BYTES,
    };
    let Some((digest, bytes)) = envelope.body.and_then(|digest| bodies.get_key_value(&digest)) else {
        return Ok(None);
    };
    if bytes.len() > largest {
        let detail = format_args!("the {kind} has {} bytes", bytes.len());
        return Err(refuse(ProblemCode::BodyTooLarge, detail));
    }
    if Digest::of(bytes.as_bytes()) != *digest {
        let detail = format_args!("the {kind} is not what {digest} was taken over");
        return Err(refuse(ProblemCode::BodyMismatch, detail));
    }
    let unreadable = |error: &dyn std::fmt::Display| refuse(ProblemCode::SectionInvalid, format_args!("the {kind}: {error}"));
    CanonicalBytes::check(bytes.as_bytes()).map_err(|error| unreadable(&error))?;
    let mut measurement = None;
    if envelope.kind == ReportKind::Measurement {
        let read: Measurement = serde_json::from_str(bytes).map_err(|error| unreadable(&error))?;
        if read.device.is_some_and(|device| device != envelope.device) {
            return Err(refuse(ProblemCode::DeviceMismatch, "the measurement names another device"));
        }
        measurement = Some(read);
    } else {
        serde_json::from_str::<Activity>(bytes).map_err(|error| unreadable(&error))?;
    }
    Ok(Some(ValidDocument {
        bytes: bytes.clone(),
        measurement,
    }))
}

/// A report that another device signed as its own was brought by the wrong one; any other was changed or damaged.
fn why_unsigned(envelope: &str, identity: &DeviceIdentity) -> ProblemCode {
    match ReceivedEnvelope::read(envelope.as_bytes().to_vec()) {
        Ok(received) if received.envelope.key != identity.key => ProblemCode::DeviceMismatch,
        _ => ProblemCode::SignatureInvalid,
    }
}

fn validate_body(name: SectionName, digest: Digest, bytes: &str) -> Result<ValidBody, Refusal> {
    if bytes.len() > MAX_SECTION_BYTES {
        return Err(refuse(
            ProblemCode::BodyTooLarge,
            format_args!("the section {name} has {} bytes", bytes.len()),
        ));
    }
    if Digest::of(bytes.as_bytes()) != digest {
        return Err(refuse(
            ProblemCode::BodyMismatch,
            format_args!("the section {name} is not what {digest} was taken over"),
        ));
    }
    CanonicalBytes::check(bytes.as_bytes())
        .map_err(|error| refuse(ProblemCode::SectionInvalid, format_args!("the section {name}: {error}")))?;
    let section = AnySection::read(name, bytes.as_bytes())
        .map_err(|error| refuse(ProblemCode::SectionInvalid, format_args!("the section {name}: {error}")))?;
    Ok(ValidBody {
        digest,
        bytes: bytes.to_owned(),
        section,
    })
}
