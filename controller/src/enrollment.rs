//! A computer becomes a device: its token judged and spent, its key certified, its place recorded.
//!
//! Which device it is, is decided from what was read; then everything is written in one transaction, together with
//! other enrollments ([`record`]). Called by the device interface. It knows no HTTP; a refusal is a [`ProblemCode`], whose Russian sentence
//! the technician reads.

pub mod record;

use std::sync::Arc;

use inventory_schema::canonical::Digest;
use inventory_schema::carry::{CarriedEnrollment, CarriedRequest, SignedCarriedRequest, proves_token};
use inventory_schema::check_in::ProtocolRange;
use inventory_schema::enrollment::{
    EnrollmentAnswer, EnrollmentRequest, HardwareEvidence, Issued, Pem, Receipt, ReceiptFormat, TokenAnswer, TokenId, TokenQuestion,
    TokenSecret,
};
use inventory_schema::likeness::Likeness;
use inventory_schema::organization::{PlaceName, RegionId};
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::Count;
use inventory_schema::signature::{PublicKey, Signed};
use inventory_schema::text::Word;
use inventory_schema::{DeviceId, KeyFingerprint, Timestamp};

use crate::authority::{Csr, IssueError};
use crate::device::cases::tell_people;
use crate::device::stated::{Spoken, compare_spoken};
use crate::device::which::{WhichDevice, choose};
use crate::presence::Caller;
use crate::state::AppState;
use crate::store::building::Place;
use crate::store::certificate::IssuedCertificate as LoggedCertificate;
use crate::store::device::NewDevice;
use crate::store::enrollment::{Enrolled, Enrollment, Spending};
use crate::store::token::{Spend, Token};
use crate::store::{Scope, StoreError};

/// Enrolls the computer that sent `request`.
pub async fn enroll(state: &AppState, request: EnrollmentRequest, now: Timestamp) -> Result<EnrollmentAnswer, ProblemCode> {
    let presented = Presented {
        protocol: request.protocol,
        token: request.token,
        region: &request.region,
        proof: Proof::Secret(&request.secret),
    };
    let asking = Asking {
        csr: &request.csr,
        evidence: &request.evidence,
        agent: &request.agent,
    };
    enroll_by(state, presented, asking, now).await
}

/// Enrolls the computer whose request came on a stick: the same, but for how its token's secret is proven.
pub async fn enroll_carried(
    state: &AppState,
    signed: &SignedCarriedRequest,
    request: &CarriedRequest,
    enrollment: &CarriedEnrollment,
    now: Timestamp,
) -> Result<EnrollmentAnswer, ProblemCode> {
    let presented = Presented {
        protocol: request.protocol,
        token: enrollment.token,
        region: &request.region,
        proof: Proof::Carried {
            document: &signed.document,
            proof: signed.token_proof.as_ref().ok_or(ProblemCode::TokenUnknown)?,
        },
    };
    let asking = Asking {
        csr: &request.csr,
        evidence: &enrollment.evidence,
        agent: &request.agent,
    };
    enroll_by(state, presented, asking, now).await
}

/// What a computer says of itself when it enrolls.
#[derive(Debug, Clone, Copy)]
struct Asking<'r> {
    csr: &'r Pem,
    evidence: &'r HardwareEvidence,
    agent: &'r Word,
}

async fn enroll_by(
    state: &AppState,
    presented: Presented<'_>,
    asking: Asking<'_>,
    now: Timestamp,
) -> Result<EnrollmentAnswer, ProblemCode> {
    let token = token_of(state, presented).await?;
    let csr = Csr::read(asking.csr).map_err(|error| IssueError::Csr(error).problem_code())?;
    let subject = recognize(state, &token, &csr.public_key, asking.evidence, now).await?;
    let (device, issued) = issue(state, &csr, asking, subject, &token, now).await?;
    state.metrics.enrollments.add(1);
    tracing::info!(device.id = %device, token.id = %token.external_id, organization.id = %token.organization, "a device was enrolled");
    Ok(EnrollmentAnswer::Issued(Box::new(issued)))
}

/// Would [`enroll`] take the token of `question`? Nothing is spent, and nothing is kept of the asking.
pub async fn answer(state: &AppState, question: &TokenQuestion, now: Timestamp) -> Result<TokenAnswer, ProblemCode> {
    let presented = Presented {
        protocol: question.protocol,
        token: question.token,
        region: &question.region,
        proof: Proof::Secret(&question.secret),
    };
    let token = token_of(state, presented).await?;
    if let Some(key) = question.key {
        refuse_revoked(state, key).await?;
    }
    still_valid(&token, now)?;
    let uses_left = u64::try_from(token.uses_limit.saturating_sub(token.uses)).unwrap_or(0);
    if uses_left == 0 && !is_own_device(state, question.key, &token).await? {
        return Err(ProblemCode::TokenExhausted);
    }
    Ok(TokenAnswer {
        uses_left: Count::saturating(uses_left),
        expires: token.expires_at,
        organization_name: name_for_people(&token.organization_short_name),
        server_time: now,
    })
}

/// Whether a device of the token's school has this key: it enrolls again without taking a use.
async fn is_own_device(state: &AppState, key: Option<KeyFingerprint>, token: &Token) -> Result<bool, ProblemCode> {
    let Some(key) = key else { return Ok(false) };
    let known = state.store.device_by_key(key).await.map_err(outage)?;
    Ok(known.is_some_and(|device| device.organization_id == token.organization_id))
}

async fn refuse_revoked(state: &AppState, key: KeyFingerprint) -> Result<(), ProblemCode> {
    if state.store.is_revoked(key).await.map_err(outage)? {
        Err(ProblemCode::CertificateRevoked)
    } else {
        Ok(())
    }
}

/// What whoever has a token presents with every request.
#[derive(Debug, Clone, Copy)]
struct Presented<'r> {
    protocol: ProtocolRange,
    token: TokenId,
    region: &'r RegionId,
    proof: Proof<'r>,
}

/// How the possession of a token's secret is shown.
#[derive(Debug, Clone, Copy)]
enum Proof<'r> {
    /// By the secret itself.
    Secret(&'r TokenSecret),
    /// On a stick, which may be lost: by a MAC over the request's signed bytes.
    Carried { document: &'r str, proof: &'r Digest },
}

impl Proof<'_> {
    fn holds(self, secret_hash: &Digest) -> bool {
        match self {
            // Digests of 32 random bytes: comparing them tells an attacker nothing of the secret.
            Self::Secret(secret) => Digest::of(secret.as_str().as_bytes()) == *secret_hash,
            Self::Carried { document, proof } => proves_token(proof, secret_hash, document),
        }
    }
}

/// The token that was presented, if it is one of this region and its secret is the right one. Whether it is
/// used up is judged when it is spent.
async fn token_of(state: &AppState, request: Presented<'_>) -> Result<Arc<Token>, ProblemCode> {
    if ProtocolRange::CURRENT.common(request.protocol).is_none() {
        return Err(ProblemCode::ProtocolUnsupported);
    }
    if *request.region != state.region.id {
        return Err(ProblemCode::TokenForeign);
    }
    let token = state.traffic.enrollments.token(request.token).await?;
    let token = token.ok_or(ProblemCode::TokenUnknown)?;
    if request.proof.holds(&token.secret_hash) {
        Ok(token)
    } else {
        Err(ProblemCode::TokenUnknown)
    }
}

/// The device that an enrollment makes or finds again, and what people should know of it.
#[derive(Debug)]
struct Subject {
    device: DeviceId,
    recognized: WhichDevice,
    /// What its use of the token is booked on; `None`: it takes none.
    spent_as: Option<Digest>,
    /// Its key had a record before: it is that device, whoever spent the token.
    is_known_by_key: bool,
    /// Named just now.
    is_new: bool,
}

/// The device that this enrollment is to make or finds again.
async fn recognize(
    state: &AppState,
    token: &Token,
    key: &PublicKey,
    evidence: &HardwareEvidence,
    now: Timestamp,
) -> Result<Subject, ProblemCode> {
    let unknown = WhichDevice::New { resembles: None };
    let known = match state.traffic.presence.who(key.fingerprint()).await? {
        Caller::Revoked => return Err(ProblemCode::CertificateRevoked),
        Caller::Unknown => None,
        Caller::Device { .. } => state.store.device_by_key(key.fingerprint()).await.map_err(outage)?,
    };
    // The same key enrolls as the same device, whatever became of the answer to its first request.
    if let Some(known) = known {
        // It takes nothing from its own school's token, even where a new disk made its evidence another.
        let is_own = known.organization_id == token.organization_id;
        if is_own {
            still_valid(token, now)?;
        }
        return Ok(Subject {
            device: known.external_id,
            recognized: unknown,
            spent_as: (!is_own).then(|| spent_as(evidence, key)),
            is_known_by_key: true,
            is_new: false,
        });
    }
    let neighbours = state.traffic.enrollments.neighbours(evidence.items()).await?;
    let recognized = choose(evidence, &neighbours, token.organization_id);
    let own = match &recognized {
        WhichDevice::Own(own) => Some(own.device),
        _ => None,
    };
    if own.is_some() {
        // Reinstalled: the same hardware of the same school spends nothing, whichever token it brings.
        still_valid(token, now)?;
    }
    Ok(Subject {
        device: own.unwrap_or_else(DeviceId::generate),
        recognized,
        spent_as: own.is_none().then(|| spent_as(evidence, key)),
        is_known_by_key: false,
        is_new: own.is_none(),
    })
}

/// What a token's use is booked on: hardware that would be known again, else the key.
fn spent_as(evidence: &HardwareEvidence, key: &PublicKey) -> Digest {
    let identifies = Likeness::of(evidence, evidence).identifies();
    let hardware = evidence.digest().filter(|_| identifies);
    hardware.unwrap_or(key.fingerprint().0)
}

fn still_valid(token: &Token, now: Timestamp) -> Result<(), ProblemCode> {
    match token {
        Token { revoked_at: Some(_), .. } => Err(ProblemCode::TokenRevoked),
        Token { expires_at, .. } if *expires_at <= now => Err(ProblemCode::TokenExpired),
        _ => Ok(()),
    }
}

/// Certifies and records the device; its token is spent in the same transaction, or nothing happens.
async fn issue(
    state: &AppState,
    csr: &Csr,
    asking: Asking<'_>,
    mut subject: Subject,
    token: &Token,
    now: Timestamp,
) -> Result<(DeviceId, Issued), ProblemCode> {
    let place = Place {
        organization_id: token.organization_id,
        organization: token.organization,
        organization_short_name: token.organization_short_name.clone(),
        building_id: token.building_id,
        building: token.building,
        address: token.building_address.clone(),
        room_id: token.room_id,
        room: token.room,
        room_name: token.room_name.clone(),
    };
    loop {
        let agent = Some(asking.agent.to_string());
        let (issued, mut enrollment) = certified(state, csr, subject.device, &place, agent, now)?;
        enrollment.evidence = Some(asking.evidence.clone());
        enrollment.is_new = subject.is_new;
        enrollment.spending = subject.spent_as.map(|spent_as| Spending {
            token: token.external_id,
            spent_as,
        });
        match state.traffic.enrollments.record(enrollment).await? {
            Enrolled::Recorded { id } => {
                tell_people(&state.store, id, &subject.recognized, now).await.map_err(outage)?;
                let spoken = Spoken {
                    id,
                    external_id: subject.device,
                    organization_id: token.organization_id,
                };
                compare_spoken(&state.store, spoken, asking.evidence, now).await.map_err(outage)?;
                return Ok((subject.device, issued));
            }
            // This hardware spent the token before: it is the device from then, with a certificate of that name.
            Enrolled::NotSpent(Spend::Again { device }) => {
                subject.spent_as = None;
                subject.is_new = false;
                if !subject.is_known_by_key {
                    subject.device = device;
                }
            }
            Enrolled::NotSpent(spend) => return Err(why_not_spent(spend)),
            Enrolled::KeyTaken => return Err(ProblemCode::Internal),
        }
    }
}

fn why_not_spent(spend: Spend) -> ProblemCode {
    match spend {
        Spend::Exhausted => ProblemCode::TokenExhausted,
        Spend::Revoked => ProblemCode::TokenRevoked,
        Spend::Expired => ProblemCode::TokenExpired,
        Spend::Unknown => ProblemCode::TokenUnknown,
        Spend::Spent | Spend::Again { .. } => ProblemCode::Internal,
    }
}

/// A certificate for the key of `csr` as `device`'s, and what is to be recorded before it is given away.
pub fn certified(
    state: &AppState,
    csr: &Csr,
    device: DeviceId,
    place: &Place,
    agent_version: Option<String>,
    now: Timestamp,
) -> Result<(Issued, Enrollment), ProblemCode> {
    let authority = state.authority.current();
    let certificate = authority.certify_device(csr, &state.region.id, device, now).map_err(|error| {
        tracing::warn!(device.id = %device, %error, "a certificate was not issued");
        error.problem_code()
    })?;
    let receipt = sign_receipt(state, device, &certificate.public_key, place, now)?;
    let enrollment = Enrollment {
        spending: None,
        certificate: logged(device, &certificate, now),
        device: NewDevice {
            external_id: device,
            organization_id: place.organization_id,
            building_id: place.building_id,
            room_id: place.room_id,
            key: certificate.public_key,
            enrolled_at: now,
            agent_version,
            receipt: Some(receipt_json(&receipt)),
        },
        is_new: false,
        evidence: None,
    };
    let issued = Issued {
        device,
        certificate: certificate.chain,
        trust: authority.trust_bundle(),
        receipt,
        server_time: now,
    };
    Ok((issued, enrollment))
}

/// A device with a certificate for its key.
#[derive(Debug)]
pub struct Certified {
    /// Internal id.
    pub id: i64,
    pub issued: Issued,
}

/// Certifies the key of `csr` as `device`'s and records both, with its place; no token is asked for.
pub async fn certify(
    state: &AppState,
    csr: &Csr,
    device: DeviceId,
    place: &Place,
    agent_version: Option<String>,
    now: Timestamp,
) -> Result<Certified, ProblemCode> {
    let (issued, enrollment) = certified(state, csr, device, place, agent_version, now)?;
    match state.traffic.enrollments.record(enrollment).await? {
        Enrolled::Recorded { id } => Ok(Certified { id, issued }),
        Enrolled::NotSpent(_) | Enrolled::KeyTaken => Err(ProblemCode::Internal),
    }
}

/// Writes the certificate into the issuance log, which outlives the device.
pub async fn log_certificate(
    state: &AppState,
    device: DeviceId,
    certificate: &crate::authority::IssuedCertificate,
    now: Timestamp,
) -> Result<(), ProblemCode> {
    let logged = logged(device, certificate, now);
    state.store.log_certificate(&logged).await.map_err(outage)
}

fn logged(device: DeviceId, certificate: &crate::authority::IssuedCertificate, now: Timestamp) -> LoggedCertificate {
    LoggedCertificate {
        serial: certificate.serial.clone(),
        key: certificate.key,
        device,
        not_before: certificate.validity.not_before,
        not_after: certificate.validity.not_after,
        issued_at: now,
        der: certificate.der.clone(),
    }
}

/// Where the device belongs from now on, signed: the agent gives it back if our record is ever lost.
pub fn sign_receipt(
    state: &AppState,
    device: DeviceId,
    key: &PublicKey,
    place: &Place,
    now: Timestamp,
) -> Result<Signed<Receipt>, ProblemCode> {
    let receipt = Receipt {
        format: ReceiptFormat::V1,
        region: state.region.id.clone(),
        device,
        key: key.fingerprint(),
        organization: place.organization,
        building: place.building,
        room: place.room,
        organization_name: name_for_people(&place.organization_short_name),
        issued: now,
    };
    state.authority.current().sign(&receipt).map_err(|error| {
        tracing::error!(device.id = %device, %error, "a receipt could not be signed");
        ProblemCode::Internal
    })
}

fn name_for_people(short_name: &str) -> PlaceName {
    PlaceName::observed(short_name).unwrap_or_else(|| PlaceName::observed("—").expect("a dash is printable"))
}

/// A record that was lost is made again from the receipt that its device kept (promise 2: it is signed by us).
pub async fn restore(
    state: &AppState,
    key: &PublicKey,
    device: DeviceId,
    receipt: Signed<Receipt>,
    now: Timestamp,
) -> Result<(), ProblemCode> {
    let document = receipt.verify([state.authority.current().signing_key()]).map_err(|error| {
        tracing::warn!(device.id = %device, %error, "a receipt was not believed");
        ProblemCode::ReceiptInvalid
    })?;
    if document.device != device || document.key != key.fingerprint() || document.region != state.region.id {
        return Err(ProblemCode::ReceiptInvalid);
    }
    let place = state
        .store
        .place(Scope::REGION, document.organization, document.building, document.room)
        .await
        .map_err(outage)?
        .ok_or(ProblemCode::ReceiptInvalid)?;
    let row = NewDevice {
        external_id: device,
        organization_id: place.organization_id,
        building_id: place.building_id,
        room_id: place.room_id,
        key: key.clone(),
        enrolled_at: document.issued.min(now),
        agent_version: None,
        receipt: Some(receipt_json(&receipt)),
    };
    state.store.insert_device(&row).await.map_err(outage)?;
    tracing::warn!(device.id = %device, organization.id = %document.organization, "a device's record was made again from its receipt");
    Ok(())
}

/// After a move: the device learns its new place with its next check-in, and would give it back if our record
/// were lost. A device without a key here has nothing to be told by.
pub async fn reissue_receipt(state: &AppState, device: DeviceId, now: Timestamp) -> Result<(), ProblemCode> {
    let Some(moved) = state.store.device(Scope::REGION, device).await.map_err(outage)? else {
        return Ok(());
    };
    let keys = state.store.device_keys(moved.id).await.map_err(outage)?;
    let Some(newest) = keys.into_iter().max_by_key(|key| key.first_seen_at) else {
        return Ok(());
    };
    let keyed = state.store.device_by_key(newest.fingerprint).await.map_err(outage)?;
    if let Some(keyed) = keyed {
        let receipt = sign_receipt(state, device, &keyed.key, &moved.place, now)?;
        state
            .store
            .set_device_receipt(device, &receipt_json(&receipt))
            .await
            .map_err(outage)?;
    }
    Ok(())
}

/// The receipt as it is stored.
pub fn receipt_json(receipt: &Signed<Receipt>) -> String {
    serde_json::to_string(receipt).expect("a signed receipt is text")
}

/// What a failed database means for the device that asks.
pub fn outage(error: StoreError) -> ProblemCode {
    if error.is_outage() {
        tracing::warn!(error = %crate::error_chain(&error), "the database does not serve");
        ProblemCode::StorageUnavailable
    } else {
        tracing::error!(error = %crate::error_chain(&error), "the database refused");
        ProblemCode::Internal
    }
}
