//! Whom the agent believes: only the roots of its trust bundle, before enrollment only the pinned CA.
//!
//! The system's certificate store plays no part, so that an inspecting filter is noticed instead of
//! obeyed. Validity is judged at the time the caller's clock gives, and kept apart from every other
//! fault: a chain whose only fault is its dates is told as [`ChainFault::Time`], so that the agent can ask
//! for the time; a chain that ends elsewhere is [`ChainFault::Foreign`] and names its issuer.

use std::sync::Arc;

use inventory_schema::KeyFingerprint;
use inventory_schema::canonical::Digest;
use inventory_schema::enrollment::TrustBundle;
use inventory_schema::timestamp::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};

use crate::identity::{Validity, validity_of};

/// Where a controller's chain must end.
#[derive(Debug, Clone)]
pub enum Anchor {
    /// One of the trust bundle's roots, by no way through a distrusted key.
    Bundle {
        roots: Arc<RootCertStore>,
        distrusted: Arc<[KeyFingerprint]>,
    },
    /// A CA certificate with this SHA-256 must stand in the chain: what a token says.
    Pinned(Digest),
}

#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("the trust bundle holds no root certificate")]
    Empty,
    #[error("a root certificate of the trust bundle cannot be read: {0}")]
    Root(String),
}

impl Anchor {
    pub fn of_bundle(trust: &TrustBundle) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        for pem in &trust.roots {
            for certificate in CertificateDer::pem_slice_iter(pem.as_str().as_bytes()) {
                let certificate = certificate.map_err(|error| TrustError::Root(error.to_string()))?;
                roots.add(certificate).map_err(|error| TrustError::Root(error.to_string()))?;
            }
        }
        if roots.is_empty() {
            return Err(TrustError::Empty);
        }
        Ok(Self::Bundle {
            roots: Arc::new(roots),
            distrusted: trust.distrusted.as_slice().into(),
        })
    }

    /// The roots that count for this chain; `None` if the pinned certificate is not in it.
    fn roots(&self, presented: &[CertificateDer<'_>]) -> Option<Arc<RootCertStore>> {
        match self {
            Self::Bundle { roots, .. } => Some(Arc::clone(roots)),
            Self::Pinned(digest) => {
                let pinned = presented.iter().find(|certificate| Digest::of(certificate) == *digest)?;
                let mut roots = RootCertStore::empty();
                (is_authority(pinned) && roots.add(pinned.clone().into_owned()).is_ok()).then(|| Arc::new(roots))
            }
        }
    }

    /// The chain without the certificates of distrusted keys: what they signed finds no way to a root then.
    fn believable<'a>(&self, presented: &'a [CertificateDer<'a>]) -> Vec<CertificateDer<'a>> {
        let is_distrusted = |certificate: &CertificateDer<'_>| match self {
            Self::Bundle { distrusted, .. } => key_of(certificate).is_some_and(|key| distrusted.contains(&key)),
            Self::Pinned(_) => false,
        };
        presented
            .iter()
            .filter(|certificate| !is_distrusted(certificate))
            .cloned()
            .collect()
    }
}

fn key_of(certificate: &CertificateDer<'_>) -> Option<KeyFingerprint> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(KeyFingerprint::of_public_key(parsed.public_key().raw))
}

fn is_authority(certificate: &CertificateDer<'_>) -> bool {
    x509_parser::parse_x509_certificate(certificate).is_ok_and(|(_, parsed)| parsed.is_ca())
}

/// Why a chain was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// The chain ends at an authority that the region does not know.
    #[error("the certificate was issued by «{issuer}», not by the region's authority")]
    Foreign { issuer: String },
    /// Nothing but the dates is wrong.
    #[error("the certificate is valid from {} to {}, and it is {judged_at}", validity.not_before, validity.not_after)]
    Time { validity: Validity, judged_at: Timestamp },
    /// The region issued the certificate, but for another name.
    #[error("the certificate was issued for another name than {name}")]
    Name { name: String },
    #[error("the certificate cannot be used: {reason}")]
    Unusable { reason: String },
}

impl From<ChainFault> for Error {
    fn from(fault: ChainFault) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(fault))))
    }
}

/// Does validity count?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    Judged,
    /// For asking the time only: the answer is signed besides.
    Ignored,
}

/// Judges a controller's chain.
#[derive(Debug)]
pub struct ChainVerifier {
    anchor: Anchor,
    dates: Dates,
    provider: Arc<CryptoProvider>,
}

impl ChainVerifier {
    pub fn new(anchor: Anchor, dates: Dates, provider: Arc<CryptoProvider>) -> Self {
        Self { anchor, dates, provider }
    }

    pub(crate) fn judge(&self, presented: &[CertificateDer<'_>], name: &ServerName<'_>, now: UnixTime) -> Result<(), ChainFault> {
        let Some(roots) = self.anchor.roots(presented) else {
            return Err(foreign(presented));
        };
        let chain = self.anchor.believable(presented);
        let [leaf, above @ ..] = chain.as_slice() else {
            return Err(foreign(presented));
        };
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.provider))
            .build()
            .map_err(|error| ChainFault::Unusable { reason: error.to_string() })?;
        let at = |time| verifier.verify_server_cert(leaf, above, name, &[], time).map(drop);
        let error = match at(now) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        // A chain that is valid at any time is valid when its youngest certificate begins, so these
        // instants tell whether the dates are its only fault, and if not, what the other one is.
        let elsewhen: Vec<_> = dates_of(presented)
            .iter()
            .map(|validity| at(unix_time(validity.not_before)))
            .collect();
        if elsewhen.iter().any(Result::is_ok) {
            return match self.dates {
                Dates::Ignored => Ok(()),
                Dates::Judged => Err(time_fault(presented, now)),
            };
        }
        let mut errors = elsewhen.into_iter().filter_map(Result::err);
        let deeper = errors.find(|error| !concerns_dates(error)).unwrap_or(error);
        Err(other_fault(&deeper, presented, name))
    }
}

fn concerns_dates(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        )
    )
}

fn dates_of(presented: &[CertificateDer<'_>]) -> Vec<Validity> {
    presented
        .iter()
        .filter_map(|certificate| x509_parser::parse_x509_certificate(certificate).ok())
        .map(|(_, parsed)| validity_of(parsed.validity()))
        .collect()
}

pub(crate) fn unix_time(time: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(time.unix_seconds()).unwrap_or(0)))
}

/// The dates of the certificate that is at fault: the first one that does not hold at `now`.
fn time_fault(presented: &[CertificateDer<'_>], now: UnixTime) -> ChainFault {
    let judged_at = Timestamp::from_unix_seconds(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    let dates = dates_of(presented);
    match dates.iter().find(|validity| !validity.contains(judged_at)).or(dates.first()) {
        Some(validity) => ChainFault::Time {
            validity: *validity,
            judged_at,
        },
        None => ChainFault::Unusable {
            reason: "it cannot be read".to_owned(),
        },
    }
}

fn other_fault(error: &Error, presented: &[CertificateDer<'_>], name: &ServerName<'_>) -> ChainFault {
    match error {
        Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            ChainFault::Name {
                name: name.to_str().into_owned(),
            }
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => foreign(presented),
        other => ChainFault::Unusable { reason: other.to_string() },
    }
}

fn foreign(presented: &[CertificateDer<'_>]) -> ChainFault {
    match presented.first().map(|first| x509_parser::parse_x509_certificate(first)) {
        Some(Ok((_, parsed))) => ChainFault::Foreign {
            issuer: name_for_people(parsed.issuer()),
        },
        _ => ChainFault::Unusable {
            reason: "it cannot be read".to_owned(),
        },
    }
}

/// The most characters of an issuer's name that are shown: whoever stands in between chose it.
const MAX_ISSUER_CHARS: usize = 120;

/// Common name and organization, whichever there are.
fn name_for_people(name: &x509_parser::x509::X509Name<'_>) -> String {
    let common = name.iter_common_name().next().and_then(|part| part.as_str().ok());
    let organization = name.iter_organization().next().and_then(|part| part.as_str().ok());
    let text = match (common, organization) {
        (Some(common), Some(organization)) if common != organization => format!("{common} ({organization})"),
        (Some(one), _) | (None, Some(one)) => one.to_owned(),
        (None, None) => name.to_string(),
    };
    text.chars()
        .filter(|c| inventory_schema::text::printable(*c))
        .take(MAX_ISSUER_CHARS)
        .collect()
}

impl ServerCertVerifier for ChainVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let presented: Vec<CertificateDer<'_>> = std::iter::once(end_entity).chain(intermediates).cloned().collect();
        self.judge(&presented, server_name, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    use super::*;

    struct Made {
        der: CertificateDer<'static>,
        issuer: Issuer<'static, KeyPair>,
        key: KeyFingerprint,
    }

    fn authority(name: &str, above: Option<&Made>) -> Made {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = match above {
            Some(above) => params.signed_by(&key, &above.issuer).unwrap(),
            None => params.self_signed(&key).unwrap(),
        };
        Made {
            der: certificate.der().clone(),
            key: key_of(certificate.der()).unwrap(),
            issuer: Issuer::new(params, key),
        }
    }

    fn listener(issuing: &Made) -> CertificateDer<'static> {
        let params = CertificateParams::new(vec!["controller.example".into()]).unwrap();
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &issuing.issuer).unwrap().der().clone()
    }

    #[test]
    fn what_a_distrusted_key_signed_is_not_believed_and_the_rest_is() {
        let root = authority("root", None);
        let (stolen, sound) = (authority("issuing", Some(&root)), authority("issuing", Some(&root)));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let name = ServerName::try_from("controller.example").unwrap();
        let judged = |distrusted: Vec<KeyFingerprint>, issuing: &Made| {
            let mut roots = RootCertStore::empty();
            roots.add(root.der.clone()).unwrap();
            let anchor = Anchor::Bundle {
                roots: Arc::new(roots),
                distrusted: distrusted.into(),
            };
            let verifier = ChainVerifier::new(anchor, Dates::Judged, Arc::clone(&provider));
            let chain = [listener(issuing), stolen.der.clone(), sound.der.clone(), root.der.clone()];
            verifier.judge(&chain, &name, UnixTime::now())
        };
        assert_eq!(judged(vec![], &stolen), Ok(()));
        assert_eq!(judged(vec![stolen.key], &sound), Ok(()));
        assert!(matches!(judged(vec![stolen.key], &stolen), Err(ChainFault::Foreign { .. })));
        assert!(
            matches!(judged(vec![root.key, sound.key], &stolen), Ok(())),
            "a root counts for as long as it is in the bundle"
        );
    }
}
