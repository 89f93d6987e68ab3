//! Is an answer on a stick this region's controller's, and meant for this computer?
//!
//! Pure. The chain beside the answer is judged as a controller's chain in a handshake is: by the token's pin before
//! enrollment, by the trust bundle's roots afterwards, under the name that only answers are signed by. Its dates
//! are judged when it was written, or at the latest time that this computer knows of, if that is later.

use std::sync::Arc;

use inventory_schema::KeyFingerprint;
use inventory_schema::carry::{ANSWERER_NAME, CarriedAnswer, SignedCarriedAnswer};
use inventory_schema::organization::RegionId;
use inventory_schema::signature::PublicKey;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use crate::clock::SharedClock;
use crate::transport::tls::{Anchor, ChainVerifier, Dates, unix_time};

/// Why an answer counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unbelieved {
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    #[error("the answer's signer is not this region's controller: {0}")]
    Signer(String),
    #[error("the answer was changed after it was signed")]
    Changed,
    #[error("the answer is for another computer or region")]
    Foreign,
}

pub(super) fn judge(
    signed: &SignedCarriedAnswer,
    anchor: Anchor,
    region: &RegionId,
    key: KeyFingerprint,
    clock: &SharedClock,
) -> Result<CarriedAnswer, Unbelieved> {
    let unreadable = |error: &dyn std::error::Error| Unbelieved::Unreadable(error.to_string());
    let said = signed.unverified().map_err(|error| unreadable(&error))?;
    let chain = CertificateDer::pem_slice_iter(signed.chain.as_str().as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(&error))?;
    let leaf = chain
        .first()
        .ok_or_else(|| Unbelieved::Unreadable("it has no certificate".to_owned()))?;
    let known = clock.trusted().map(|trusted| trusted.at(clock.moment()).unwrap_or(trusted.told()));
    let at = known.map_or(said.server_time, |known| known.max(said.server_time));
    judge_chain(anchor, &chain, unix_time(at))?;
    let signer = key_of(leaf).ok_or_else(|| Unbelieved::Unreadable("its certificate has another kind of key".to_owned()))?;
    let answer = signed.read(&signer).map_err(|_| Unbelieved::Changed)?;
    if answer.region == *region && answer.key == key {
        Ok(answer)
    } else {
        Err(Unbelieved::Foreign)
    }
}

fn judge_chain(anchor: Anchor, chain: &[CertificateDer<'_>], at: UnixTime) -> Result<(), Unbelieved> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let name = ServerName::try_from(ANSWERER_NAME).expect("the answerer has a DNS name");
    ChainVerifier::new(anchor, Dates::Judged, provider)
        .judge(chain, &name, at)
        .map_err(|fault| Unbelieved::Signer(fault.to_string()))
}

fn key_of(leaf: &CertificateDer<'_>) -> Option<PublicKey> {
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf).ok()?;
    PublicKey::from_spki_der(parsed.public_key().raw).ok()
}
