//! The region's certificates in an archive: which key may sign it, and which keys are devices'.
//!
//! Dates play no part: an archive is checked years later, and when a certificate was issued is proven by the
//! authority's log, not by the certificate.

use inventory_schema::signature::PublicKey;
use inventory_schema::{Digest, RegionId};
use x509_parser::prelude::{GeneralName, X509Certificate};

use crate::authority::certificate::{parse, signing_name};
use crate::evidence::document::{Authority, Base64};
use crate::tls::{DeviceIdentity, device_of};

/// What an archive's certificates amount to.
#[derive(Debug)]
pub struct Trust {
    pub region: RegionId,
    /// SHA-256 of each root.
    pub roots: Vec<Digest>,
    issuing: Vec<Base64>,
    /// Signs checkpoints and the manifest.
    pub signing: PublicKey,
}

impl Trust {
    /// Checks everything up to the roots; the sentence says what does not hold.
    pub fn of(document: &Authority, region: &RegionId) -> Result<Self, String> {
        let mut roots = Vec::new();
        for root in &document.roots {
            let certificate = parse(&root.0).map_err(|_| "корневой сертификат не читается")?;
            if !is_authority(&certificate) || !has_signed(&certificate, &certificate) {
                return Err("корневой сертификат не подписан собственным ключом".to_owned());
            }
            roots.push(Digest::of(&root.0));
        }
        for issuing in &document.issuing {
            let certificate = parse(&issuing.0).map_err(|_| "сертификат выпускающего центра не читается")?;
            if !is_authority(&certificate) || !is_signed_by(&document.roots, &certificate) {
                return Err("выпускающий центр не подписан корнем этого архива".to_owned());
            }
        }
        let signing = parse(&document.signing.0).map_err(|_| "сертификат ключа подписи не читается")?;
        if !is_signed_by(&document.issuing, &signing) || !is_called(&signing, &signing_name(region)) {
            return Err("ключ подписи не заверен удостоверяющим центром этого региона".to_owned());
        }
        let signing = PublicKey::from_spki_der(signing.public_key().raw).map_err(|_| "ключ подписи не P-256")?;
        Ok(Self {
            region: region.clone(),
            roots,
            issuing: document.issuing.clone(),
            signing,
        })
    }

    /// The device of a certificate that this region issued.
    pub fn device(&self, der: &[u8]) -> Result<DeviceIdentity, &'static str> {
        let certificate = parse(der).map_err(|_| "сертификат устройства не читается")?;
        if !is_signed_by(&self.issuing, &certificate) {
            return Err("сертификат устройства не подписан удостоверяющим центром региона");
        }
        device_of(der)
            .filter(|identity| identity.region == self.region)
            .ok_or("сертификат выдан не устройству этого региона")
    }
}

fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    certificate.is_ca()
}

fn is_signed_by(signers: &[Base64], certificate: &X509Certificate<'_>) -> bool {
    signers
        .iter()
        .filter_map(|signer| parse(&signer.0).ok())
        .any(|signer| has_signed(&signer, certificate))
}

fn has_signed(signer: &X509Certificate<'_>, certificate: &X509Certificate<'_>) -> bool {
    signer.subject() == certificate.issuer() && certificate.verify_signature(Some(signer.public_key())).is_ok()
}

fn is_called(certificate: &X509Certificate<'_>, name: &str) -> bool {
    let names = certificate.subject_alternative_name().ok().flatten();
    names.is_some_and(|names| matches!(names.value.general_names[..], [GeneralName::URI(uri)] if uri == name))
}
