//! Who is at the other end of a connection: the client's certificate becomes a typed value.
//!
//! A certificate is a device's if one of this region's issuing CAs, earlier ones included, or an issuing CA under
//! one of its roots signed it for a client, and if it names a device. Time is no part of this: a certificate that
//! expired during a summer still says whose key it is. The listener calls [`DeviceTrust::identify`] once per
//! connection; handlers take [`PeerIdentity`] as an argument.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use inventory_schema::signature::PublicKey;
use inventory_schema::{DeviceId, Digest, KeyFingerprint, RegionId, Timestamp};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use crate::authority::certificate::{parse, serial_hex, validity_of};
use crate::authority::{Authority, DeviceName};

/// Who is calling, settled at the connection and the same for every request on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PeerIdentity {
    /// No certificate was shown.
    #[default]
    None,
    /// The holder of a key that this region once certified. Expiry and revocation are still to be asked.
    Device(Arc<DeviceIdentity>),
    /// A certificate that this region did not issue to a device.
    Foreign,
}

/// What a device's certificate says, after its chain and the possession of its key were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceIdentity {
    pub region: RegionId,
    pub device: DeviceId,
    pub key: KeyFingerprint,
    pub public_key: PublicKey,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// Lower-case hexadecimal.
    pub serial: String,
    pub source: IdentitySource,
}

/// How the possession of the key was proven. Two more ways are foreseen: a `Client-Cert` header (RFC 9440) from a
/// trusted gateway that ends TLS, and a signature over the request (RFC 9421) where a filter breaks mutual TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentitySource {
    /// By this connection's TLS handshake.
    Connection,
    /// By the signature of a request that came on a stick.
    Carried,
}

impl DeviceIdentity {
    /// Whether the certificate counts at `now`. One whose time has not come is as little valid as an expired one.
    pub fn is_current(&self, now: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

/// Without a listener in front, as in tests that call the router, nobody is identified.
impl<S: Send + Sync> FromRequestParts<S> for PeerIdentity {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// How many certificates are remembered as genuine: half a kibibyte each.
const REMEMBERED: usize = 16_384;

/// The authorities whose certificates make a device.
///
/// A certificate that they signed stays one that they signed, whatever it is sent with: it is checked once and known
/// again by its digest, which makes a resumed connection cheap. Other authorities begin with an empty memory.
#[derive(Debug)]
pub struct DeviceTrust(RwLock<Arc<Anchors>>);

#[derive(Debug)]
struct Anchors {
    verifier: Arc<dyn ClientCertVerifier>,
    /// Issuing CAs whose key was stolen: a root above them makes them no better.
    distrusted: Vec<CertificateDer<'static>>,
    /// Belongs to these anchors: what was genuine under others is asked anew.
    genuine: Mutex<HashMap<Digest, Arc<DeviceIdentity>>>,
}

#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("the authority's certificate «{subject}» cannot be an anchor of trust")]
    Anchor {
        subject: String,
        #[source]
        source: rustls::Error,
    },
    #[error("no verifier can be made of the authority's certificates")]
    Verifier(#[source] rustls::server::VerifierBuilderError),
}

impl DeviceTrust {
    pub fn of(authority: &Authority) -> Result<Self, TrustError> {
        Anchors::of(authority).map(|anchors| Self(RwLock::new(Arc::new(anchors))))
    }

    /// Connections from now on are judged by this authority.
    pub fn replace(&self, authority: &Authority) -> Result<(), TrustError> {
        let anchors = Arc::new(Anchors::of(authority)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = anchors;
        Ok(())
    }

    /// `chain` is what the client sent, its own certificate first; the possession of its key is already proven.
    pub fn identify(&self, chain: &[CertificateDer<'_>]) -> PeerIdentity {
        let anchors = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        anchors.identify(chain)
    }
}

impl Anchors {
    fn of(authority: &Authority) -> Result<Self, TrustError> {
        let mut anchors = RootCertStore::empty();
        let issuing = std::iter::once(authority.issuing()).chain(authority.previous_issuing());
        for certificate in issuing.chain(authority.roots()) {
            anchors.add(certificate.der.clone()).map_err(|source| TrustError::Anchor {
                subject: certificate.subject.clone(),
                source,
            })?;
        }
        WebPkiClientVerifier::builder_with_provider(Arc::new(anchors), super::provider())
            .build()
            .map(|verifier| Self {
                verifier,
                distrusted: authority.distrusted().iter().map(|issuing| issuing.der.clone()).collect(),
                genuine: Mutex::default(),
            })
            .map_err(TrustError::Verifier)
    }

    fn identify(&self, chain: &[CertificateDer<'_>]) -> PeerIdentity {
        let Some((leaf, intermediates)) = chain.split_first() else {
            return PeerIdentity::None;
        };
        let digest = Digest::of(leaf);
        if let Some(identity) = self.genuine().get(&digest) {
            return PeerIdentity::Device(identity.clone());
        }
        match device_of(leaf) {
            Some(identity) if self.has_issued(leaf, intermediates, identity.not_after) => {
                let identity = Arc::new(identity);
                self.remember(digest, identity.clone());
                PeerIdentity::Device(identity)
            }
            _ => PeerIdentity::Foreign,
        }
    }

    fn remember(&self, certificate: Digest, identity: Arc<DeviceIdentity>) {
        let mut genuine = self.genuine();
        if genuine.len() >= REMEMBERED {
            // Rare enough that who comes next pays for one more check.
            genuine.clear();
        }
        genuine.insert(certificate, identity);
    }

    fn genuine(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Arc<DeviceIdentity>>> {
        self.genuine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks the chain at the certificate's own last moment, when its issuing CA is valid too
    /// ([`Authority::issue_device`] sees to that), so that the present time plays no part.
    fn has_issued(&self, leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>], not_after: Timestamp) -> bool {
        let moment = UnixTime::since_unix_epoch(Duration::from_secs(not_after.unix_seconds().unsigned_abs()));
        self.verifier.verify_client_cert(leaf, intermediates, moment).is_ok() && !self.is_of_a_distrusted(leaf)
    }

    fn is_of_a_distrusted(&self, leaf: &CertificateDer<'_>) -> bool {
        let Ok(leaf) = parse(leaf) else { return true };
        self.distrusted
            .iter()
            .any(|issuing| parse(issuing).is_ok_and(|issuing| leaf.verify_signature(Some(issuing.public_key())).is_ok()))
    }
}

/// What a certificate says of a device, whoever signed it.
pub fn device_of(leaf: &[u8]) -> Option<DeviceIdentity> {
    let certificate = parse(leaf).ok()?;
    let name = device_name(&certificate)?;
    let public_key = PublicKey::from_spki_der(certificate.public_key().raw).ok()?;
    let validity = validity_of(&certificate);
    Some(DeviceIdentity {
        region: name.region,
        device: name.device,
        key: public_key.fingerprint(),
        public_key,
        not_before: validity.not_before,
        not_after: validity.not_after,
        serial: serial_hex(&certificate),
        source: IdentitySource::Connection,
    })
}

/// The certificate's only alternative name, if it is a device's.
fn device_name(certificate: &X509Certificate<'_>) -> Option<DeviceName> {
    let names = &certificate.subject_alternative_name().ok()??.value.general_names;
    match names.as_slice() {
        [GeneralName::URI(uri)] => uri.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use inventory_schema::Timestamp;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::authority::IssuedCertificate;

    fn trust() -> (DeviceTrust, IssuedCertificate) {
        let folder = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-09-01T00:00:00.000000Z".parse().unwrap();
        let region: RegionId = "RU-PER".parse().unwrap();
        let authority = Authority::create(folder.path(), &region, now).unwrap();
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
        let issued = authority
            .issue_device(&csr.parse().unwrap(), &region, DeviceId::generate(), now)
            .unwrap();
        (DeviceTrust::of(&authority).unwrap(), issued)
    }

    fn identify(trust: &DeviceTrust, leaf: &[u8]) -> PeerIdentity {
        trust.identify(&[CertificateDer::from(leaf)])
    }

    #[test]
    fn no_changed_or_cut_certificate_is_a_device() {
        let (trust, issued) = trust();
        for _ in 0..2 {
            assert!(matches!(identify(&trust, &issued.der), PeerIdentity::Device(device) if device.key == issued.key));
        }
        for place in 0..issued.der.len() {
            let mut changed = issued.der.clone();
            changed[place] ^= 1;
            assert_eq!(identify(&trust, &changed), PeerIdentity::Foreign, "byte {place}");
            assert_eq!(identify(&trust, &issued.der[..place]), PeerIdentity::Foreign, "cut at {place}");
        }
    }

    #[test]
    fn what_was_genuine_is_forgotten_with_its_issuing_authority() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authority");
        let now: Timestamp = "2026-09-01T00:00:00.000000Z".parse().unwrap();
        let region: RegionId = "RU-PER".parse().unwrap();
        let root = crate::authority::create(&path, &region, now).unwrap();
        let authority = Authority::load(&path).unwrap();
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
        let issued = authority
            .issue_device(&csr.parse().unwrap(), &region, DeviceId::generate(), now)
            .unwrap();
        let trust = DeviceTrust::of(&authority).unwrap();
        let stolen = authority.issuing();
        // The issuing CA is sent too, whose root is still believed.
        let chain = [CertificateDer::from(issued.der), stolen.der.clone()];
        assert!(matches!(trust.identify(&chain), PeerIdentity::Device(_)));
        crate::authority::rotate_issuing(&path, &region, &root.key_path, &[], now).unwrap();
        trust.replace(&Authority::load(&path).unwrap()).unwrap();
        assert!(matches!(trust.identify(&chain), PeerIdentity::Device(_)));
        crate::authority::distrust(&path, &stolen.serial).unwrap();
        trust.replace(&Authority::load(&path).unwrap()).unwrap();
        assert_eq!(trust.identify(&chain), PeerIdentity::Foreign);
    }

    #[test]
    fn no_bytes_make_identifying_panic() {
        let (trust, _) = trust();
        proptest!(|(bytes in prop::collection::vec(any::<u8>(), 0..400))| {
            prop_assert_eq!(identify(&trust, &bytes), PeerIdentity::Foreign);
        });
    }
}
