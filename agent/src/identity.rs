//! The key pair that a device made for itself, and the certificate its region gave for it (promise 3).
//!
//! The key never leaves the computer: `identity.key` is PKCS #8 in PEM, readable by the agent's account
//! only; `identity.pem` is the certificate chain. "Renew now?" is the pure function [`renewal_due`]. Which
//! epoch the key's chain is in stands in the ledger. It knows no network.

use std::fmt;
use std::path::{Path, PathBuf};

use inventory_schema::device::KeyFingerprint;
use inventory_schema::enrollment::Pem;
use inventory_schema::signature::{PublicKey, Signature, SignatureError};
use inventory_schema::timestamp::Timestamp;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SigningKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::durable_file::{self, FileError};
use crate::platform::private_file::create_private_folder;

pub const KEY_FILE: &str = "identity.key";
pub const CERTIFICATE_FILE: &str = "identity.pem";

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the folder {0} cannot be created")]
    Folder(PathBuf, #[source] std::io::Error),
    #[error("{0} holds no ECDSA P-256 key")]
    Key(PathBuf, #[source] Option<rcgen::Error>),
    #[error("a key pair cannot be made")]
    Generate(#[source] rcgen::Error),
    #[error("the certificate request cannot be made")]
    Request(#[source] rcgen::Error),
    #[error("the certificate from {from} cannot be read: {reason}")]
    Certificate { from: String, reason: String },
    #[error("the certificate was issued for another key than this device's {0}")]
    ForeignCertificate(KeyFingerprint),
    #[error("the key is of another type than the region accepts")]
    KeyType(#[from] SignatureError),
}

/// From when until when a certificate is valid, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

impl Validity {
    pub fn contains(&self, time: Timestamp) -> bool {
        self.not_before <= time && time <= self.not_after
    }
}

/// Is it time to ask for a new certificate: from half the lifetime on, and when it has expired.
pub fn renewal_due(validity: &Validity, now: Timestamp) -> bool {
    let lifetime = validity.not_after.micros_since(validity.not_before).max(0);
    now.micros_since(validity.not_before) >= lifetime / 2
}

/// The chain as it was received, with what its first certificate says.
struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    validity: Validity,
}

/// A device's key pair and, once enrolled, its certificate.
pub struct Identity {
    folder: PathBuf,
    key: KeyPair,
    public_key: PublicKey,
    certificate: Option<Certificate>,
}

impl Identity {
    /// The identity in `folder`; `None` if no key was made there yet.
    ///
    /// # Errors
    /// An unreadable or foreign file. Nothing is replaced silently: a lost key is a lost device.
    pub fn load(folder: &Path) -> Result<Option<Self>, IdentityError> {
        let path = folder.join(KEY_FILE);
        let Some(bytes) = durable_file::read(&path)? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes).map_err(|_| IdentityError::Key(path.clone(), None))?;
        let key = KeyPair::from_pem(&text).map_err(|error| IdentityError::Key(path.clone(), Some(error)))?;
        let public_key = PublicKey::from_spki_der(&key.subject_public_key_info()).map_err(|_| IdentityError::Key(path.clone(), None))?;
        let mut identity = Self {
            folder: folder.to_owned(),
            key,
            public_key,
            certificate: None,
        };
        let path = folder.join(CERTIFICATE_FILE);
        if let Some(bytes) = durable_file::read(&path)? {
            identity.certificate = Some(identity.read_certificate(&bytes, &path.display().to_string())?);
        }
        Ok(Some(identity))
    }

    /// Makes a key pair and writes it to `folder`, which is created if missing.
    pub fn create(folder: &Path) -> Result<Self, IdentityError> {
        create_private_folder(folder).map_err(|error| IdentityError::Folder(folder.to_owned(), error))?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(IdentityError::Generate)?;
        durable_file::replace(&folder.join(KEY_FILE), key.serialize_pem().as_bytes())?;
        Ok(Self {
            folder: folder.to_owned(),
            public_key: PublicKey::from_spki_der(&key.subject_public_key_info())?,
            key,
            certificate: None,
        })
    }

    pub fn load_or_create(folder: &Path) -> Result<Self, IdentityError> {
        match Self::load(folder)? {
            Some(identity) => Ok(identity),
            None => Self::create(folder),
        }
    }

    /// Writes the same key and certificate to another folder and continues there.
    pub fn move_to(self, folder: &Path) -> Result<Self, IdentityError> {
        // A certificate of the key before would be foreign to this one: it goes first.
        let certificate_path = folder.join(CERTIFICATE_FILE);
        match std::fs::remove_file(&certificate_path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(FileError::Write(certificate_path, error).into());
            }
            _ => {}
        }
        durable_file::replace(&folder.join(KEY_FILE), self.key.serialize_pem().as_bytes())?;
        if let Some(bytes) = durable_file::read(&self.folder.join(CERTIFICATE_FILE))? {
            durable_file::replace(&certificate_path, &bytes)?;
        }
        let left = self.folder.clone();
        for name in [KEY_FILE, CERTIFICATE_FILE] {
            let _ = std::fs::remove_file(left.join(name));
        }
        Ok(Self {
            folder: folder.to_owned(),
            ..self
        })
    }

    /// A PKCS #10 request for this key. The region decides every name in the certificate.
    pub fn csr(&self) -> Result<Pem, IdentityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let request = params.serialize_request(&self.key).map_err(IdentityError::Request)?;
        let text = request.pem().map_err(IdentityError::Request)?.replace('\r', "");
        Ok(text.parse().expect("PEM is printable ASCII and a request is short"))
    }

    /// Signs `bytes` (ECDSA, SHA-256, ASN.1).
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        let signature = self
            .key
            .sign(bytes)
            .expect("signing with a key in memory needs nothing that can fail");
        Signature::from_bytes(signature).expect("a P-256 signature has at most 72 bytes")
    }

    /// Where its files lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    pub fn fingerprint(&self) -> KeyFingerprint {
        self.public_key.fingerprint()
    }

    /// Takes the certificate that the region issued, if it is for this key, and keeps it on disk.
    pub fn install_certificate(&mut self, pem: &Pem) -> Result<(), IdentityError> {
        let certificate = self.read_certificate(pem.as_str().as_bytes(), "the controller")?;
        durable_file::replace(&self.folder.join(CERTIFICATE_FILE), pem.as_str().as_bytes())?;
        self.certificate = Some(certificate);
        Ok(())
    }

    /// `None` before a certificate was issued.
    pub fn certificate_validity(&self) -> Option<Validity> {
        self.certificate.as_ref().map(|certificate| certificate.validity)
    }

    /// The chain as TLS would show it.
    pub fn certificate_pem(&self) -> Result<Pem, IdentityError> {
        let path = self.folder.join(CERTIFICATE_FILE);
        let bytes = durable_file::read(&path)?.unwrap_or_default();
        let text = String::from_utf8(bytes).unwrap_or_default().replace('\r', "");
        text.parse()
            .map_err(|error: inventory_schema::text::TextError| IdentityError::Certificate {
                from: path.display().to_string(),
                reason: error.to_string(),
            })
    }

    /// When a certificate that was issued for this key is valid.
    pub fn validity_of(&self, pem: &Pem) -> Result<Validity, IdentityError> {
        self.read_certificate(pem.as_str().as_bytes(), "the controller")
            .map(|certificate| certificate.validity)
    }

    /// What TLS needs to show: the chain and the key.
    pub fn tls_credentials(&self) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let certificate = self.certificate.as_ref()?;
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        Some((certificate.chain.clone(), PrivateKeyDer::Pkcs8(key)))
    }

    fn read_certificate(&self, pem: &[u8], from: &str) -> Result<Certificate, IdentityError> {
        let unreadable = |reason: String| IdentityError::Certificate {
            from: from.to_owned(),
            reason,
        };
        let chain = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unreadable(error.to_string()))?;
        let first = chain.first().ok_or_else(|| unreadable("it is empty".to_owned()))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(first).map_err(|error| unreadable(error.to_string()))?;
        if parsed.public_key().raw != self.public_key.spki_der() {
            return Err(IdentityError::ForeignCertificate(self.fingerprint()));
        }
        let validity = validity_of(parsed.validity());
        Ok(Certificate { chain, validity })
    }
}

/// An X.509 validity in our own time.
pub(crate) fn validity_of(validity: &x509_parser::certificate::Validity) -> Validity {
    Validity {
        not_before: Timestamp::from_unix_seconds(validity.not_before.timestamp()),
        not_after: Timestamp::from_unix_seconds(validity.not_after.timestamp()),
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("fingerprint", &self.fingerprint())
            .field("validity", &self.certificate_validity())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const DAY: Duration = Duration::from_secs(86_400);

    fn validity() -> Validity {
        let not_before: Timestamp = "2026-09-01T00:00:00.000000Z".parse().unwrap();
        Validity {
            not_before,
            not_after: not_before + DAY * 400,
        }
    }

    fn issued_for(spki: &[u8]) -> Pem {
        let issuer_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let issuer = rcgen::Issuer::new(CertificateParams::default(), issuer_key);
        let mut params = CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(2026, 9, 1);
        params.not_after = rcgen::date_time_ymd(2027, 10, 6);
        let key = rcgen::SubjectPublicKeyInfo::from_der(spki).unwrap();
        params.signed_by(&key, &issuer).unwrap().pem().replace('\r', "").parse().unwrap()
    }

    #[test]
    fn renewal_is_due_at_half_the_lifetime_and_after_the_end() {
        let start = validity().not_before;
        assert!(!renewal_due(&validity(), start));
        assert!(!renewal_due(&validity(), start + DAY * 199));
        assert!(renewal_due(&validity(), start + DAY * 200));
        assert!(renewal_due(&validity(), start + DAY * 500));
        assert!(!renewal_due(&validity(), start - DAY));
    }

    #[test]
    fn an_identity_survives_a_restart_and_its_signatures_verify() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Identity::load(folder.path()).unwrap().is_none());
        let mut made = Identity::create(folder.path()).unwrap();
        made.install_certificate(&issued_for(made.public_key().spki_der())).unwrap();
        let loaded = Identity::load(folder.path()).unwrap().unwrap();
        assert_eq!(loaded.fingerprint(), made.fingerprint());
        assert_eq!(
            loaded.certificate_validity().unwrap().not_before.to_string(),
            "2026-09-01T00:00:00.000000Z"
        );
        made.public_key().verify(b"report", &loaded.sign(b"report")).unwrap();
        assert!(made.public_key().verify(b"other", &loaded.sign(b"report")).is_err());
        assert!(loaded.tls_credentials().is_some());
    }

    #[test]
    fn only_the_owner_may_read_the_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        Identity::create(&folder.path().join("state")).unwrap();
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.path().join("state").join(KEY_FILE)), 0o600);
        assert_eq!(mode(folder.path().join("state")), 0o700);
    }

    #[test]
    fn the_request_is_signed_by_the_key() {
        use x509_parser::prelude::FromDer;
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity::create(folder.path()).unwrap();
        let pem = identity.csr().unwrap();
        let der = rustls::pki_types::CertificateSigningRequestDer::from_pem_slice(pem.as_str().as_bytes()).unwrap();
        let (_, request) = x509_parser::certification_request::X509CertificationRequest::from_der(&der).unwrap();
        let spki = request.certification_request_info.subject_pki.raw;
        assert_eq!(spki, identity.public_key().spki_der());
    }

    #[test]
    fn a_certificate_of_another_key_is_refused_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut identity = Identity::create(folder.path()).unwrap();
        let other = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let error = identity
            .install_certificate(&issued_for(&other.subject_public_key_info()))
            .unwrap_err();
        assert!(matches!(error, IdentityError::ForeignCertificate(_)));
        assert!(identity.certificate_validity().is_none());
        assert!(!folder.path().join(CERTIFICATE_FILE).exists());
    }

    #[test]
    fn a_damaged_key_is_an_error_and_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        for text in [
            &b""[..],
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            b"\xff\xfe",
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(Identity::load_or_create(folder.path()), Err(IdentityError::Key(..))));
            assert_eq!(std::fs::read(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_moved_identity_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        Identity::create(folder.path()).unwrap();
        let requested = folder.path().join("requested");
        let mut identity = Identity::create(&requested).unwrap();
        identity.install_certificate(&issued_for(identity.public_key().spki_der())).unwrap();
        let fingerprint = identity.fingerprint();
        identity.move_to(folder.path()).unwrap();
        let loaded = Identity::load(folder.path()).unwrap().unwrap();
        assert_eq!(loaded.fingerprint(), fingerprint);
        assert!(loaded.certificate_validity().is_some());
        assert_eq!(std::fs::read_dir(&requested).unwrap().count(), 0);
    }
}
