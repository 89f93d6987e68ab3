//! The five kinds of certificates as templates, and what is read back from one.
//!
//! Pure: takes names and validities, returns rcgen's parameters; takes DER, returns facts. Signing is done by
//! [`super::Authority`] and, for the issuing CA, by [`super::directory`].

use std::time::Duration;

use inventory_schema::{Digest, KeyFingerprint, RegionId, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use super::DeviceName;

const DAY: Duration = Duration::from_hours(24);
pub const ROOT_LIFETIME: Duration = Duration::from_hours(24 * 3652);
pub const ISSUING_LIFETIME: Duration = Duration::from_hours(24 * 1095);
/// The issuing CA is renewed yearly, so that it outlives every certificate it signs.
pub const ISSUING_RENEWAL: Duration = Duration::from_hours(24 * 365);
pub const DEVICE_LIFETIME: Duration = Duration::from_hours(24 * 400);
pub const SIGNING_LIFETIME: Duration = Duration::from_hours(24 * 400);
pub const SERVER_LIFETIME: Duration = Duration::from_hours(24 * 200);

/// When a certificate counts; whole seconds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Validity {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

impl Validity {
    /// Begins a day before `now`, because the clocks of others may be behind, and ends `lifetime` after it.
    pub fn starting(now: Timestamp, lifetime: Duration) -> Self {
        let now = Timestamp::from_unix_seconds(now.unix_seconds());
        Self {
            not_before: now - DAY,
            not_after: now + lifetime,
        }
    }

    /// Cut to the part that lies within `outer`.
    pub fn within(self, outer: Self) -> Self {
        Self {
            not_before: self.not_before.max(outer.not_before),
            not_after: self.not_after.min(outer.not_after),
        }
    }

    pub fn middle(self) -> Timestamp {
        let half = self.not_after.micros_since(self.not_before) / 2;
        Timestamp::from_unix_micros(self.not_before.unix_micros() + half)
    }

    pub fn contains(self, moment: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&moment)
    }
}

/// A certificate with what this program asks of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateInfo {
    pub der: CertificateDer<'static>,
    /// Lower-case hexadecimal.
    pub serial: String,
    /// The subject as people read it: `CN=…, O=…`.
    pub subject: String,
    pub validity: Validity,
}

#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("the certificate cannot be read")]
    Unreadable(#[source] x509_parser::nom::Err<x509_parser::error::X509Error>),
    #[error("{0} bytes follow the certificate")]
    Trailing(usize),
}

impl CertificateInfo {
    pub fn read(der: CertificateDer<'static>) -> Result<Self, CertificateError> {
        let certificate = parse(&der)?;
        let (serial, subject, validity) = (
            serial_hex(&certificate),
            certificate.subject().to_string(),
            validity_of(&certificate),
        );
        Ok(Self {
            der,
            serial,
            subject,
            validity,
        })
    }

    /// SHA-256 of the DER.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.der)
    }

    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }
}

/// The certificate's key, by its fingerprint.
pub fn key_of(certificate: &CertificateInfo) -> Option<KeyFingerprint> {
    let parsed = parse(&certificate.der).ok()?;
    Some(KeyFingerprint::of_public_key(parsed.public_key().raw))
}

/// Reads a certificate that nothing follows.
pub fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateError> {
    let (rest, certificate) = X509Certificate::from_der(der).map_err(CertificateError::Unreadable)?;
    match rest.len() {
        0 => Ok(certificate),
        bytes => Err(CertificateError::Trailing(bytes)),
    }
}

pub fn serial_hex(certificate: &X509Certificate<'_>) -> String {
    certificate.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn validity_of(certificate: &X509Certificate<'_>) -> Validity {
    let validity = certificate.validity();
    Validity {
        not_before: Timestamp::from_unix_seconds(validity.not_before.timestamp()),
        not_after: Timestamp::from_unix_seconds(validity.not_after.timestamp()),
    }
}

/// RFC 7468 text with lines of 64 characters.
pub fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base64 is ASCII"))
        .collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A root: signs issuing CAs and nothing else.
pub fn root(region: &RegionId, validity: Validity) -> CertificateParams {
    authority(format!("COS {region} root {}", year(validity)), 1, validity)
}

/// An issuing CA: signs devices' and listeners' certificates, no further CAs.
pub fn issuing(region: &RegionId, validity: Validity) -> CertificateParams {
    authority(format!("COS {region} issuing {}", year(validity)), 0, validity)
}

/// A device: a client, by its URN only.
pub fn device(name: &DeviceName, validity: Validity) -> CertificateParams {
    let urn = name.to_string().try_into().expect("a device's name is ASCII");
    leaf(
        name.device.to_string(),
        vec![SanType::URI(urn)],
        ExtendedKeyUsagePurpose::ClientAuth,
        validity,
    )
}

/// A listener: a server, by the names that people and agents call it.
pub fn server(names: Vec<SanType>, validity: Validity) -> CertificateParams {
    leaf("COS controller".to_owned(), names, ExtendedKeyUsagePurpose::ServerAuth, validity)
}

/// The signing key: documents only, neither a client nor a server.
pub fn signing(region: &RegionId, validity: Validity) -> CertificateParams {
    let mut params = template(format!("COS {region} signing"), validity);
    params.is_ca = IsCa::ExplicitNoCa;
    let urn = signing_name(region).try_into().expect("a region's name is ASCII");
    params.subject_alt_names = vec![SanType::URI(urn)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

/// What the signing key is called in its certificate.
pub fn signing_name(region: &RegionId) -> String {
    format!("urn:cos:signing:{region}")
}

fn authority(name: String, below: u8, validity: Validity) -> CertificateParams {
    let mut params = template(name, validity);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf(name: String, names: Vec<SanType>, usage: ExtendedKeyUsagePurpose, validity: Validity) -> CertificateParams {
    let mut params = template(name, validity);
    params.is_ca = IsCa::ExplicitNoCa;
    params.subject_alt_names = names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params
}

fn template(name: String, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = asn1(validity.not_before).to_datetime();
    params.not_after = asn1(validity.not_after).to_datetime();
    params.serial_number = Some(random_serial());
    params.use_authority_key_identifier_extension = true;
    params
}

fn asn1(moment: Timestamp) -> ASN1Time {
    ASN1Time::from_timestamp(moment.unix_seconds()).expect("the years 1970 to 2199 can be written in ASN.1")
}

/// 126 random bits in 16 bytes: positive, and of one length in every encoding.
fn random_serial() -> SerialNumber {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random generator answers");
    bytes[0] = bytes[0] & 0x3f | 0x40;
    SerialNumber::from_slice(&bytes)
}

fn year(validity: Validity) -> String {
    validity.not_before.to_string()[..4].to_owned()
}
