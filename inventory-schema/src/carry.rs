//! What travels on a stick where there is no network: a computer's signed request and the controller's signed answer.
//!
//! On line TLS proves who speaks; here signatures do. A request is signed with the device's key over its canonical
//! bytes. Before enrollment a token's secret vouches for it without travelling: [`token_proof`] is a MAC over the
//! signed bytes under the secret's SHA-256, which is all of the secret that a controller keeps. An answer is signed
//! with the key of a certificate that the region's authority issued for nothing else ([`ANSWERER_NAME`]); its chain
//! stands beside it and is judged exactly as a controller's chain in a handshake.
//!
//! Who reads a stolen stick learns no secret; who reads a stolen database could make such proofs until the token
//! ends, and would still have to bring the stick to the controller's own console.
//!
//! Requests may be imported again and answers read again: reports are known by their digest, and an answer says when
//! it was written. Where the documents lie on a stick is [`folder_name`]'s and its neighbours' business; this module
//! reads and writes nothing.

use aws_lc_rs::hmac;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::canonical::{CanonicalBytes, Digest};
use crate::check_in::{CheckIn, CheckInAnswer, Nonce, ProtocolRange};
use crate::device::KeyFingerprint;
use crate::enrollment::{EnrollmentAnswer, HardwareEvidence, Pem, RenewalAnswer, TokenId};
use crate::organization::RegionId;
use crate::problem::ProblemCode;
use crate::quantity::Bytes;
use crate::report::ReportAnswer;
use crate::signature::{PublicKey, Signature, SignatureError};
use crate::text::Word;
use crate::timestamp::Timestamp;

/// The folder on the stick that holds one folder per computer; everything beside it is somebody else's.
pub const STICK_FOLDER: &str = "cos-carry";
/// Written by the agent, last of a visit: what it names is there before it.
pub const REQUEST_FILE: &str = "request.json";
/// Written by the controller.
pub const ANSWER_FILE: &str = "answer.json";
/// The most bytes of [`REQUEST_FILE`].
pub const MAX_REQUEST_BYTES: usize = 256 << 10;
/// The most bytes of [`ANSWER_FILE`]: it may answer some thousand reports.
pub const MAX_ANSWER_BYTES: usize = 8 << 20;
/// The most parts that one visit brings; what does not fit comes with the next.
pub const MAX_PARTS: usize = 32;
/// The DNS name in the certificate that answers are signed with. No listener has it, and it resolves nowhere.
pub const ANSWERER_NAME: &str = "carry.cos.internal";

/// A computer's folder on the stick: the first 32 hexadecimal digits of its key's fingerprint. Known before
/// enrollment, and a name on every file system.
pub fn folder_name(key: KeyFingerprint) -> String {
    hexadecimal(&key.0)[..32].to_owned()
}

/// Whether a folder could be a computer's: everything else on the stick is left alone.
pub fn is_folder_name(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The file of a part: named by its digest, so that a part is never overwritten by another.
pub fn part_file(digest: &Digest) -> String {
    format!("part-{}.zst", &hexadecimal(digest)[..32])
}

fn hexadecimal(digest: &Digest) -> String {
    digest.to_string()["sha256:".len()..].to_owned()
}

/// One visit of the stick to a computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CarriedRequest {
    pub format: CarriedRequestFormat,
    pub region: RegionId,
    /// New for each visit, so that no two requests are equal.
    pub nonce: Nonce,
    pub agent: Word,
    pub protocol: ProtocolRange,
    /// A PKCS #10 request by the key that signs this document. Of an enrolled computer it is used when half of its
    /// certificate's life is over by the controller's clock: the computer's own may be wrong.
    pub csr: Pem,
    pub purpose: CarriedPurpose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CarriedRequestFormat {
    #[serde(rename = "carried-request/1")]
    V1,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CarriedPurpose {
    Enrollment(Box<CarriedEnrollment>),
    Visit(Box<CarriedVisit>),
}

/// As [`crate::enrollment::EnrollmentRequest`], without the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CarriedEnrollment {
    pub token: TokenId,
    pub evidence: HardwareEvidence,
}

/// A check-in of an enrolled computer, with what waits on its disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CarriedVisit {
    /// The device's certificate and those above it, as TLS would show them.
    pub certificate: Pem,
    pub check_in: CheckIn,
    /// Batches of reports, oldest first, each in a file of its own.
    #[schemars(length(max = 32))]
    pub parts: Vec<CarriedPart>,
}

/// A [`crate::report::ReportBatch`] as JSON, compressed with zstd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CarriedPart {
    /// Of the compressed bytes.
    pub digest: Digest,
    pub bytes: Bytes,
}

/// The request as it lies on the stick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignedCarriedRequest {
    /// The canonical JSON of a [`CarriedRequest`], exactly as signed.
    #[schemars(length(max = 262_144), extend("contentMediaType" = "application/json", "x-source" = "CarriedRequest"))]
    pub document: String,
    pub signature: Signature,
    pub key: PublicKey,
    /// Of an enrollment: see [`token_proof`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_proof: Option<Digest>,
}

/// What the controller says to one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CarriedAnswer {
    pub format: CarriedAnswerFormat,
    pub region: RegionId,
    /// Whom it is for.
    pub key: KeyFingerprint,
    /// The digest of the request's document.
    pub request: Digest,
    /// When it was written. How old it is when it is read nobody knows: time only moves forward by it.
    pub server_time: Timestamp,
    /// Why the request as a whole was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<ProblemCode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment: Option<EnrollmentAnswer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<RenewalAnswer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_in: Option<CheckInAnswer>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<ReportAnswer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CarriedAnswerFormat {
    #[serde(rename = "carried-answer/1")]
    V1,
}

/// The answer as it lies on the stick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignedCarriedAnswer {
    /// The canonical JSON of a [`CarriedAnswer`], exactly as signed.
    #[schemars(length(max = 8_388_608), extend("contentMediaType" = "application/json", "x-source" = "CarriedAnswer"))]
    pub document: String,
    pub signature: Signature,
    /// The certificate whose key signed, the issuing CA's, and roots.
    pub chain: Pem,
}

#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("the document is not canonical JSON")]
    Canonical(#[source] crate::canonical::CanonicalError),
    #[error("the document cannot be read: it is damaged or of another version")]
    Document(#[source] serde_json::Error),
}

impl SignedCarriedRequest {
    /// The request, if the key beside it signed exactly these bytes. Whose key that is has yet to be asked.
    pub fn read(&self) -> Result<CarriedRequest, CarryError> {
        self.key.verify(self.document.as_bytes(), &self.signature)?;
        let value = CanonicalBytes::verify(self.document.as_bytes()).map_err(CarryError::Canonical)?;
        serde_json::from_value(value).map_err(CarryError::Document)
    }

    pub fn digest(&self) -> Digest {
        Digest::of(self.document.as_bytes())
    }
}

impl SignedCarriedAnswer {
    /// What the answer says of itself. Nothing of it counts before [`Self::read`].
    pub fn unverified(&self) -> Result<CarriedAnswer, CarryError> {
        serde_json::from_str(&self.document).map_err(CarryError::Document)
    }

    /// The answer, if `key`, the one in the first certificate of its chain, signed exactly these bytes.
    pub fn read(&self, key: &PublicKey) -> Result<CarriedAnswer, CarryError> {
        key.verify(self.document.as_bytes(), &self.signature)?;
        self.unverified()
    }
}

/// Says what a MAC is over, so that it can be taken for no other.
const PROOF_LABEL: &[u8] = b"cos carried enrollment 1\n";

/// Proves the possession of a token's secret over a request's signed bytes: HMAC-SHA256 under the secret's SHA-256,
/// `secret_hash`.
pub fn token_proof(secret_hash: &Digest, document: &str) -> Digest {
    let mac = hmac::sign(&proof_key(secret_hash), &labelled(document));
    Digest::from_bytes(mac.as_ref().try_into().expect("HMAC-SHA256 has 32 bytes"))
}

/// Whether `proof` is [`token_proof`]'s, compared in constant time.
pub fn proves_token(proof: &Digest, secret_hash: &Digest, document: &str) -> bool {
    hmac::verify(&proof_key(secret_hash), &labelled(document), proof.as_bytes()).is_ok()
}

fn proof_key(secret_hash: &Digest) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret_hash.as_bytes())
}

fn labelled(document: &str) -> Vec<u8> {
    [PROOF_LABEL, document.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_its_secret_and_document_alone() {
        let (secret, other) = (Digest::of(b"secret"), Digest::of(b"other"));
        let proof = token_proof(&secret, "{}");
        assert!(proves_token(&proof, &secret, "{}"));
        assert!(!proves_token(&proof, &other, "{}"));
        assert!(!proves_token(&proof, &secret, "{} "));
        assert!(!proves_token(&secret, &secret, "{}"));
    }

    #[test]
    fn names_on_a_stick_are_names_on_every_file_system() {
        let name = folder_name(KeyFingerprint(Digest::of(b"key")));
        assert!(is_folder_name(&name), "{name}");
        for foreign in [
            "",
            "..",
            "System Volume Information",
            &name.to_uppercase(),
            &name[1..],
            &format!("{name}0"),
        ] {
            assert!(!is_folder_name(foreign), "{foreign}");
        }
        let part = part_file(&Digest::of(b"part"));
        assert!(part.len() < 64 && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)));
    }
}
