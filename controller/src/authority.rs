//! The region's certificate authority: it signs devices' and listeners' certificates, receipts and times.
//!
//! Three kinds of keys, each with its own life (the files are in [`directory`]):
//! an offline **root** (10 years) that this program runs without; an **issuing CA** (3 years, renewed every
//! year, so that it outlives every certificate it signs); and a **signing key** for documents. All of them sit
//! behind rcgen's signing trait ([`key`]), so that a hardware module can take their place.
//!
//! It knows no database: which certificates were issued, and which keys are revoked, is recorded by its callers
//! (`enrollment.rs`, the renewal handler). It reads no clock: `now` is an argument.

pub mod certificate;
pub mod csr;
pub mod device_name;
pub mod directory;
pub mod key;
pub mod live;

use std::net::IpAddr;
use std::path::Path;
use std::sync::OnceLock;

use inventory_schema::canonical::{CanonicalBytes, CanonicalError};
use inventory_schema::carry::{ANSWERER_NAME, CarriedAnswer, SignedCarriedAnswer};
use inventory_schema::enrollment::{Pem, TrustBundle};
use inventory_schema::problem::ProblemCode;
use inventory_schema::signature::{PublicKey, Signature, SignatureError, Signed};
use inventory_schema::{DeviceId, Digest, KeyFingerprint, RegionId, Timestamp};
use rcgen::{Issuer, PublicKeyData, SigningKey};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use certificate::key_of;
use certificate::{CertificateInfo, Validity};
pub use csr::{Csr, CsrError};
pub use device_name::DeviceName;
pub use directory::{
    DirectoryError, NewRoot, add_root, create, distrust, files, fingerprint, has_files, restore_files, retire_root, rotate_issuing,
};
use key::AuthorityKey;
pub use key::SessionSecret;
pub use live::LiveAuthority;

/// What a running controller holds: everything but the root's key.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, AuthorityKey>,
    issuing: CertificateInfo,
    /// Issuing CAs before this one: devices still carry certificates that they signed.
    previous: Vec<CertificateInfo>,
    /// Issuing CAs whose key was stolen.
    distrusted: Vec<CertificateInfo>,
    /// Further certificates of the issuing CA's key, by other roots.
    cross: Vec<CertificateInfo>,
    /// Roots that agents are no longer told of.
    retired: Vec<CertificateInfo>,
    /// At least one. The first signed the issuing CA; the others overlap with it.
    roots: Vec<CertificateInfo>,
    signing_key: AuthorityKey,
    signing_public: PublicKey,
    session_secret: SessionSecret,
    /// Made when first asked for: every check-in is compared with it.
    trust: OnceLock<(TrustBundle, Digest)>,
}

/// A device's certificate as it was issued, for the answer and for the issuance log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// The device's certificate, then the issuing CA's.
    pub chain: Pem,
    /// The device's certificate alone.
    pub der: Vec<u8>,
    /// 32 lower-case hexadecimal digits.
    pub serial: String,
    pub public_key: PublicKey,
    pub key: KeyFingerprint,
    pub validity: Validity,
}

/// A listener's certificate with its key, in the order it is sent: leaf, issuing CA, root.
///
/// The root is sent too, because a token pins the root and an agent that enrolls has nothing else.
#[derive(Debug)]
pub struct ServerCertificate {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    pub validity: Validity,
}

/// Signs what goes back on a stick: a key that was certified for this alone, with its chain.
#[derive(Debug)]
pub struct Answerer {
    key: rcgen::KeyPair,
    chain: Pem,
}

impl Answerer {
    pub fn sign(&self, answer: &CarriedAnswer) -> Result<SignedCarriedAnswer, SignError> {
        let bytes = CanonicalBytes::of(answer).map_err(SignError::Canonical)?;
        let signature = self.key.sign(bytes.as_bytes()).map_err(SignError::Key)?;
        Ok(SignedCarriedAnswer {
            document: bytes.into_text(),
            signature: Signature::from_bytes(signature).map_err(SignError::Signature)?,
            chain: self.chain.clone(),
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    #[error(transparent)]
    Csr(#[from] CsrError),
    #[error("the issuing CA's certificate ended at {0}; renew it with `cos-controller ca rotate`")]
    IssuingEnded(Timestamp),
    #[error("«{0}» is neither a DNS name nor an IP address")]
    ServerName(String),
    #[error("a server certificate needs at least one name")]
    NoServerName,
    #[error("the certificate could not be signed")]
    Sign(#[source] rcgen::Error),
    #[error("the certificate that was just signed cannot be read")]
    Unreadable(#[source] certificate::CertificateError),
}

impl IssueError {
    /// What the asking device is told.
    pub fn problem_code(&self) -> ProblemCode {
        match self {
            Self::Csr(CsrError::Malformed) => ProblemCode::CsrMalformed,
            Self::Csr(CsrError::KeyType) => ProblemCode::CsrKeyType,
            _ => ProblemCode::Internal,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error("the document has no canonical form")]
    Canonical(#[source] CanonicalError),
    #[error("the signing key did not sign")]
    Key(#[source] rcgen::Error),
    #[error("the signing key made a signature of another kind than ECDSA P-256")]
    Signature(#[source] SignatureError),
}

impl Authority {
    /// Creates the files of a new authority and loads it. Refuses a directory that holds anything.
    pub fn create(directory: &Path, region: &RegionId, now: Timestamp) -> Result<Self, DirectoryError> {
        create(directory, region, now)?;
        Self::load(directory)
    }

    /// Reads what a running controller needs; the root's key is not looked for.
    pub fn load(directory: &Path) -> Result<Self, DirectoryError> {
        directory::load(directory)
    }

    /// Reads a request and signs a certificate for its key.
    pub fn issue_device(&self, csr: &Pem, region: &RegionId, device: DeviceId, now: Timestamp) -> Result<IssuedCertificate, IssueError> {
        self.certify_device(&Csr::read(csr)?, region, device, now)
    }

    /// Signs a certificate for the key of `csr`: 400 days, or less where the issuing CA ends sooner. Every name
    /// in the request is passed over; the device is called what this region calls it.
    pub fn certify_device(&self, csr: &Csr, region: &RegionId, device: DeviceId, now: Timestamp) -> Result<IssuedCertificate, IssueError> {
        let name = DeviceName {
            region: region.clone(),
            device,
        };
        let validity = self.validity(now, certificate::DEVICE_LIFETIME)?;
        let signed = certificate::device(&name, validity)
            .signed_by(&csr.subject(), &self.issuer)
            .map_err(IssueError::Sign)?;
        let info = CertificateInfo::read(signed.der().clone()).map_err(IssueError::Unreadable)?;
        let chain = format!("{}{}", info.pem(), self.issuing.pem());
        Ok(IssuedCertificate {
            chain: chain.parse().expect("two certificates in PEM fit a Pem"),
            der: info.der.to_vec(),
            serial: info.serial,
            key: csr.public_key.fingerprint(),
            public_key: csr.public_key.clone(),
            validity: info.validity,
        })
    }

    /// A certificate with a new key for a listener: 200 days, for DNS names and IP addresses alike.
    pub fn issue_server(&self, names: &[String], now: Timestamp) -> Result<ServerCertificate, IssueError> {
        let validity = self.validity(now, certificate::SERVER_LIFETIME)?;
        let (chain, key) = self.certify_server(names, validity)?;
        Ok(ServerCertificate {
            chain,
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            validity,
        })
    }

    /// A key for the answers on a stick, certified under a name that no listener has.
    pub fn answerer(&self, now: Timestamp) -> Result<Answerer, IssueError> {
        let validity = self.validity(now, certificate::SERVER_LIFETIME)?;
        let (chain, key) = self.certify_server(&[ANSWERER_NAME.to_owned()], validity)?;
        let chain: String = chain.iter().map(|der| certificate::pem("CERTIFICATE", der)).collect();
        let chain = chain.parse().expect("some certificates in PEM fit a Pem");
        Ok(Answerer { key, chain })
    }

    /// A new key's certificate with those above it.
    fn certify_server(&self, names: &[String], validity: Validity) -> Result<(Vec<CertificateDer<'static>>, rcgen::KeyPair), IssueError> {
        let names = server_names(names)?;
        let key = rcgen::KeyPair::generate().map_err(IssueError::Sign)?;
        let signed = certificate::server(names, validity)
            .signed_by(&key, &self.issuer)
            .map_err(IssueError::Sign)?;
        let mut chain = vec![signed.der().clone()];
        chain.extend(self.above().map(|certificate| certificate.der.clone()));
        Ok((chain, key))
    }

    /// A certificate of the signing key, as DER: what ties signed documents to the root for whoever has only them.
    pub fn issue_signing(&self, region: &RegionId, now: Timestamp) -> Result<Vec<u8>, IssueError> {
        let validity = self.validity(now, certificate::SIGNING_LIFETIME)?;
        let signed = certificate::signing(region, validity)
            .signed_by(&self.signing_key, &self.issuer)
            .map_err(IssueError::Sign)?;
        Ok(signed.der().to_vec())
    }

    /// Signs the canonical bytes of `document` with the signing key.
    pub fn sign<D: Serialize + DeserializeOwned>(&self, document: &D) -> Result<Signed<D>, SignError> {
        let bytes = CanonicalBytes::of(document).map_err(SignError::Canonical)?;
        let signature = self.signing_key.sign(bytes.as_bytes()).map_err(SignError::Key)?;
        let signature = Signature::from_bytes(signature).map_err(SignError::Signature)?;
        Ok(Signed::new(bytes.into_text(), signature, self.signing_public.fingerprint()))
    }

    /// What agents are told to believe: every current root and the signing key.
    pub fn trust_bundle(&self) -> TrustBundle {
        self.trust().0.clone()
    }

    /// The same with its digest.
    pub fn trust(&self) -> (&TrustBundle, Digest) {
        let (bundle, digest) = self.trust.get_or_init(|| {
            let roots = self.roots.iter().map(|root| root.pem().parse());
            let bundle = TrustBundle {
                roots: roots.map(|root| root.expect("one certificate in PEM fits a Pem")).collect(),
                signing_keys: vec![self.signing_public.clone()],
                distrusted: self.distrusted.iter().filter_map(certificate::key_of).collect(),
            };
            let digest = bundle.digest();
            (bundle, digest)
        });
        (bundle, *digest)
    }

    /// What is sent above a listener's certificate: the issuing CA in each of its certificates, then their roots, so
    /// that an agent that knows any one of the roots finds a path, and a token that pins one finds it.
    fn above(&self) -> impl Iterator<Item = &CertificateInfo> {
        let others = self.roots.iter().skip(1).chain(&self.retired);
        let crossing = others.filter(|root| self.cross.iter().any(|cross| directory::has_signed(root, cross)));
        std::iter::once(&self.issuing)
            .chain(&self.cross)
            .chain(std::iter::once(self.root()))
            .chain(crossing)
    }

    /// SHA-256 of the root that ends the listeners' chain: what a token pins.
    pub fn pin(&self) -> Digest {
        self.root().fingerprint()
    }

    /// The root that signed the issuing CA.
    pub fn root(&self) -> &CertificateInfo {
        &self.roots[0]
    }

    /// Every root, the one in use first.
    pub fn roots(&self) -> &[CertificateInfo] {
        &self.roots
    }

    pub fn issuing(&self) -> &CertificateInfo {
        &self.issuing
    }

    pub fn previous_issuing(&self) -> &[CertificateInfo] {
        &self.previous
    }

    /// Issuing CAs that make no devices any more.
    pub fn distrusted(&self) -> &[CertificateInfo] {
        &self.distrusted
    }

    /// Roots that agents are no longer told of.
    pub fn retired_roots(&self) -> &[CertificateInfo] {
        &self.retired
    }

    /// What the keys of TLS sessions are derived from.
    pub fn session_secret(&self) -> SessionSecret {
        self.session_secret.clone()
    }

    /// The key that signs receipts, times and assignments.
    pub fn signing_key(&self) -> &PublicKey {
        &self.signing_public
    }

    /// Whether a year has passed since the issuing CA began, so that the root should be brought to renew it.
    pub fn issuing_renewal_due(&self, now: Timestamp) -> bool {
        now >= self.issuing.validity.not_before + certificate::ISSUING_RENEWAL
    }

    /// From a day ago, because clocks differ, for `lifetime`; never beyond the issuing CA's own validity.
    fn validity(&self, now: Timestamp, lifetime: std::time::Duration) -> Result<Validity, IssueError> {
        let issuing = self.issuing.validity;
        if now >= issuing.not_after {
            return Err(IssueError::IssuingEnded(issuing.not_after));
        }
        Ok(Validity::starting(now, lifetime).within(issuing))
    }
}

/// Whether a listener's certificate should be exchanged: half of its life is over.
pub fn server_renewal_due(validity: Validity, now: Timestamp) -> bool {
    now >= validity.middle()
}

/// `names` as certificates hold them.
fn server_names(names: &[String]) -> Result<Vec<rcgen::SanType>, IssueError> {
    if names.is_empty() {
        return Err(IssueError::NoServerName);
    }
    names.iter().map(|name| server_name(name)).collect()
}

fn server_name(name: &str) -> Result<rcgen::SanType, IssueError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(rcgen::SanType::IpAddress(address));
    }
    let refused = || IssueError::ServerName(name.to_owned());
    rustls::pki_types::DnsName::try_from(name).map_err(|_| refused())?;
    name.try_into().map(rcgen::SanType::DnsName).map_err(|_| refused())
}

/// The SubjectPublicKeyInfo of `key`, which must be P-256.
fn public_key(key: &AuthorityKey) -> Result<PublicKey, SignatureError> {
    PublicKey::from_spki_der(&key.subject_public_key_info())
}

#[cfg(test)]
mod tests;
