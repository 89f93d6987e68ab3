//! Tokens, enrollment, receipts and renewal.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::canonical::{CanonicalBytes, Digest};
use crate::check_in::ProtocolRange;
use crate::device::{BootId, DeviceId, KeyFingerprint, MacAddress, SerialNumber, SystemUuid, identifier};
use crate::envelope::ChainHead;
use crate::organization::{BuildingId, OrganizationId, PlaceName, RegionId, RoomId};
use crate::quantity::{Count, Seconds};
use crate::signature::{PublicKey, Signed};
use crate::text::{Word, ascii_printable, checked_text};
use crate::timestamp::Timestamp;

identifier!(/// A token's number: safe to show, unlike its secret.
    TokenId);

checked_text!(/// An address of the device listener: `https://host:port`.
    ControllerUrl, at most 300, r"^https://[!-~]+$" => graphic, shaped |text| text.len() > 8 && text.starts_with("https://"), from "the controller's configuration");
checked_text!(/// A proxy's address: `http://host:port`.
    ProxyUrl, at most 300, r"^http://[!-~]+$" => graphic, shaped |text| text.len() > 7 && text.starts_with("http://"), from "the operator who made the token");
checked_text!(/// The secret of a token: 32 random bytes in base64url.
    TokenSecret, at most 43, r"^[A-Za-z0-9_-]{43}$" => |c: char| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_'), shaped |text| text.len() == 43, from "the controller's random generator");
checked_text!(/// Certificates, or a request for one, in PEM.
    Pem, at most 32768, r"^[\n -~]+$" => |c: char| c == '\n' || ascii_printable(c), from "the certificate authority, the agent's key");

/// What an address may be made of: printable ASCII without the space.
fn graphic(c: char) -> bool {
    c.is_ascii_graphic()
}

/// What a technician carries to a computer: one line of text, a QR code or a file.
///
/// The line is `cos1.` + base64url of canonical JSON + `.` + the first eight hexadecimal digits of the
/// SHA-256 of what stands before, so that a mistyped or cut line is told from a wrong one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrollmentToken {
    pub id: TokenId,
    pub region: RegionId,
    /// Tried in this order.
    pub controllers: Vec<ControllerUrl>,
    /// SHA-256 of a CA certificate (DER) that must stand in the controller's chain.
    pub ca: Digest,
    pub secret: TokenSecret,
    pub organization: OrganizationId,
    pub building: BuildingId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyUrl>,
    pub expires: Timestamp,
}

const TOKEN_PREFIX: &str = "cos1.";

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("the token does not begin with {TOKEN_PREFIX}")]
    Prefix,
    #[error("the token is mistyped or cut: its check digits do not match")]
    Checksum,
    #[error("the token's contents cannot be read")]
    Contents(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl EnrollmentToken {
    /// The one line that people copy.
    pub fn to_line(&self) -> String {
        let json = CanonicalBytes::of(self).expect("a token is plain text and lists");
        let body = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(json.as_bytes()));
        let check = token_check(&body);
        format!("{body}.{check}")
    }

    /// Reads a line as people paste it: white space around and line breaks within are passed over.
    pub fn from_line(text: &str) -> Result<Self, TokenError> {
        let line: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        if !line.starts_with(TOKEN_PREFIX) {
            return Err(TokenError::Prefix);
        }
        let (body, check) = line.rsplit_once('.').ok_or(TokenError::Checksum)?;
        if token_check(body) != check {
            return Err(TokenError::Checksum);
        }
        let encoded = body.strip_prefix(TOKEN_PREFIX).ok_or(TokenError::Checksum)?;
        let json = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|error| TokenError::Contents(error.into()))?;
        serde_json::from_slice(&json).map_err(|error| TokenError::Contents(error.into()))
    }
}

fn token_check(body: &str) -> String {
    Digest::of(body.as_bytes()).to_string()["sha256:".len()..][..8].to_owned()
}

/// What a computer is known by besides its key: evidence with weights, never identity (promise 3).
/// Only readings that are no placeholders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HardwareEvidence {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_uuid: Option<SystemUuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_serial: Option<SerialNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board_serial: Option<SerialNumber>,
    /// Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disk_serials: Vec<SerialNumber>,
    /// Permanent addresses of wired cards. Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<MacAddress>,
    /// Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory_serials: Vec<SerialNumber>,
}

impl HardwareEvidence {
    /// One digest of all evidence: enrolling the same hardware again spends no use of a token. `None` where a
    /// computer has nothing to be known by.
    pub fn digest(&self) -> Option<Digest> {
        (*self != Self::default()).then(|| CanonicalBytes::of(self).expect("evidence is plain text").digest())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EnrollmentRequest {
    pub protocol: ProtocolRange,
    pub token: TokenId,
    pub region: RegionId,
    pub secret: TokenSecret,
    /// A PKCS #10 request for an ECDSA P-256 key (PEM).
    pub csr: Pem,
    pub evidence: HardwareEvidence,
    pub agent: Word,
}

/// `POST /v1/token`: would this token enroll the asker? Asking spends nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenQuestion {
    pub protocol: ProtocolRange,
    pub token: TokenId,
    pub region: RegionId,
    pub secret: TokenSecret,
    /// The key that the asker has already: a device of the token's own school needs no use of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyFingerprint>,
}

/// A token that would enroll; what is wrong with another is told by the problem codes of `POST /v1/enroll`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenAnswer {
    pub uses_left: Count,
    pub expires: Timestamp,
    /// The short name of the organization that the token enrolls into.
    pub organization_name: PlaceName,
    pub server_time: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum EnrollmentAnswer {
    Issued(Box<Issued>),
    /// An operator must approve first. The same request may be sent again after `retry_after`.
    Pending {
        retry_after: Seconds,
        server_time: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Issued {
    pub device: DeviceId,
    /// The device's certificate, then the issuing CA's.
    pub certificate: Pem,
    pub trust: TrustBundle,
    pub receipt: Signed<Receipt>,
    pub server_time: Timestamp,
}

/// Whom an agent believes from now on. Roots overlap, so that one can be exchanged without touching devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrustBundle {
    /// Root certificates, each of which may end the controller's chain.
    pub roots: Vec<Pem>,
    /// Keys that sign receipts, times and assignments.
    pub signing_keys: Vec<PublicKey>,
    /// Keys of issuing CAs that the region believes no more, although a root above them counts: a key that was stolen.
    /// An agent of before passes this over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distrusted: Vec<KeyFingerprint>,
}

impl TrustBundle {
    pub fn digest(&self) -> Digest {
        CanonicalBytes::of(self).expect("a trust bundle is plain text").digest()
    }
}

/// Where a device belongs, signed by the controller. The agent keeps it, so that a controller that lost the
/// device's record can learn it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    pub format: ReceiptFormat,
    pub region: RegionId,
    pub device: DeviceId,
    pub key: KeyFingerprint,
    pub organization: OrganizationId,
    pub building: BuildingId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// The organization's short name, for the technician to see where the computer went.
    pub organization_name: PlaceName,
    pub issued: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ReceiptFormat {
    #[serde(rename = "receipt/1")]
    V1,
}

/// `POST /v1/renew`: the certificate of the connection, current or expired, proves the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RenewalRequest {
    /// A PKCS #10 request signed by the same key (PEM).
    pub csr: Pem,
    pub agent: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RenewalAnswer {
    pub certificate: Pem,
    pub trust: TrustBundle,
    pub server_time: Timestamp,
}

/// `POST /v1/rekey`: the key of the connection may be a copy, and its certificate current or expired. No token is
/// spent; the controller has the last word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RekeyRequest {
    pub protocol: ProtocolRange,
    /// A PKCS #10 request for a new ECDSA P-256 key that this computer made (PEM).
    pub csr: Pem,
    pub evidence: HardwareEvidence,
    pub boot: BootId,
    pub reason: RekeyReason,
    /// The envelope that was answered as a fork.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked: Option<ChainHead>,
    pub agent: Word,
}

/// Why an agent doubts its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RekeyReason {
    /// The hardware is not the one that the key was made on.
    HardwareDiffers,
    /// Another envelope of this key stands where this computer put its own.
    Forked,
    /// The controller said so in a check-in's answer.
    Told,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RekeyAnswer {
    /// The key is this computer's: it goes on with it.
    Keep { server_time: Timestamp },
    /// The computer is this device from now on, with the new key.
    Issued(Box<Issued>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token() -> EnrollmentToken {
        EnrollmentToken {
            id: "01900000-0000-7000-8000-000000000001".parse().unwrap(),
            region: "RU-PER".parse().unwrap(),
            controllers: vec!["https://controller.example:8443".parse().unwrap()],
            ca: Digest::of(b"ca"),
            secret: "x".repeat(43).parse().unwrap(),
            organization: "01900000-0000-7000-8000-000000000002".parse().unwrap(),
            building: "01900000-0000-7000-8000-000000000003".parse().unwrap(),
            room: None,
            proxy: Some("http://10.0.59.52:3128".parse().unwrap()),
            expires: "2026-12-31T00:00:00.000000Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_token_survives_being_copied_with_line_breaks() {
        let line = token().to_line();
        let wrapped = format!("  {}\n{}\r\n", &line[..40], &line[40..]);
        assert_eq!(EnrollmentToken::from_line(&wrapped).unwrap(), token());
    }

    proptest! {
        #[test]
        fn any_mistyped_character_is_noticed(place in 0usize..400, typed in "[A-Za-z0-9_-]") {
            let line = token().to_line();
            let place = place % line.len();
            let mut changed = line.clone();
            changed.replace_range(place..place + 1, &typed);
            prop_assume!(changed != line);
            prop_assert!(EnrollmentToken::from_line(&changed).is_err());
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in any::<String>()) {
            let _ = EnrollmentToken::from_line(&text);
            let _ = EnrollmentToken::from_line(&format!("cos1.{text}.00000000"));
        }
    }

    #[test]
    fn addresses_and_secrets_have_their_shape() {
        assert!("https://controller.example:8443".parse::<ControllerUrl>().is_ok());
        assert!("http://controller.example".parse::<ControllerUrl>().is_err());
        assert!("https://".parse::<ControllerUrl>().is_err());
        assert!("https://a b".parse::<ControllerUrl>().is_err());
        assert!("ftp://10.0.59.52:3128".parse::<ProxyUrl>().is_err());
        assert!("x".repeat(42).parse::<TokenSecret>().is_err());
    }

    #[test]
    fn hardware_without_evidence_has_no_digest() {
        assert_eq!(HardwareEvidence::default().digest(), None);
        let known = HardwareEvidence {
            system_serial: Some("PF1ABCDE".parse().unwrap()),
            ..Default::default()
        };
        assert!(known.digest().is_some());
    }
}
