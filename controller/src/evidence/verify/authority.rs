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
    /// Issuing CAs under a root that the region has retired since.
    retired: Vec<Base64>,
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
        let (mut issuing, mut retired) = (Vec::new(), Vec::new());
        for der in &document.issuing {
            let certificate = parse(&der.0).map_err(|_| "сертификат выпускающего центра не читается")?;
            match (is_authority(&certificate), is_signed_by(&document.roots, &certificate)) {
                (true, true) => issuing.push(der.clone()),
                (true, false) => retired.push(der.clone()),
                (false, _) => return Err("сертификат выпускающего центра — не сертификат центра".to_owned()),
            }
        }
        let signing = parse(&document.signing.0).map_err(|_| "сертификат ключа подписи не читается")?;
        if !is_signed_by(&issuing, &signing) || !is_called(&signing, &signing_name(region)) {
            return Err("ключ подписи не заверен удостоверяющим центром этого региона".to_owned());
        }
        let signing = PublicKey::from_spki_der(signing.public_key().raw).map_err(|_| "ключ подписи не P-256")?;
        Ok(Self {
            region: region.clone(),
            roots,
            issuing,
            retired,
            signing,
        })
    }

    /// The device of a certificate that this region issued.
    pub fn device(&self, der: &[u8]) -> Result<Certified, &'static str> {
        let certificate = parse(der).map_err(|_| "сертификат устройства не читается")?;
        let leads_to_a_root = is_signed_by(&self.issuing, &certificate);
        if !leads_to_a_root && !is_signed_by(&self.retired, &certificate) {
            return Err("сертификат устройства не подписан удостоверяющим центром региона");
        }
        let identity = device_of(der).filter(|identity| identity.region == self.region);
        let identity = identity.ok_or("сертификат выдан не устройству этого региона")?;
        Ok(Certified { identity, leads_to_a_root })
    }
}

/// A device's certificate that was checked.
#[derive(Debug)]
pub struct Certified {
    pub identity: DeviceIdentity,
    /// Or its root is one that was retired: it says since when the key is known, and vouches for nothing.
    pub leads_to_a_root: bool,
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use inventory_schema::{DeviceId, Timestamp};
    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::authority::{self, add_root, rotate_issuing};
    use crate::evidence::document::AuthorityFormat;

    fn now() -> Timestamp {
        "2026-09-01T00:00:00.000000Z".parse().unwrap()
    }

    fn region() -> RegionId {
        "RU-PER".parse().unwrap()
    }

    fn device_certificate(authority: &authority::Authority) -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
        let issued = authority.issue_device(&csr.parse().unwrap(), &region(), DeviceId::generate(), now());
        issued.unwrap().der
    }

    fn document(folder: &Path) -> Authority {
        let authority = authority::Authority::load(folder).unwrap();
        let issuing = std::iter::once(authority.issuing()).chain(authority.previous_issuing());
        Authority {
            format: AuthorityFormat::V1,
            roots: authority.roots().iter().map(|root| Base64(root.der.to_vec())).collect(),
            issuing: issuing.map(|issuing| Base64(issuing.der.to_vec())).collect(),
            signing: Base64(authority.issue_signing(&region(), now()).unwrap()),
        }
    }

    #[test]
    fn a_retired_root_no_longer_vouches_and_breaks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let first = authority::Authority::create(folder, &region(), now()).unwrap();
        let (old_root, old) = (first.pin(), device_certificate(&first));
        let new_root = add_root(folder, &region(), now()).unwrap();
        rotate_issuing(folder, &region(), &new_root.key_path, &[], now()).unwrap();
        let both = Trust::of(&document(folder), &region()).unwrap();
        assert!(both.device(&old).unwrap().leads_to_a_root);
        assert_eq!(both.roots.len(), 2);

        let retired = first.root().serial.clone();
        std::fs::remove_file(folder.join(format!("roots/{retired}.pem"))).unwrap();
        let new = device_certificate(&authority::Authority::load(folder).unwrap());
        let trust = Trust::of(&document(folder), &region()).unwrap();
        assert!(!trust.roots.contains(&old_root));
        assert!(trust.device(&new).unwrap().leads_to_a_root);
        assert!(!trust.device(&old).unwrap().leads_to_a_root);
    }

    #[test]
    fn only_the_signing_key_of_this_region_signs() {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority::Authority::create(folder.path(), &region(), now()).unwrap();
        let good = document(folder.path());
        assert!(Trust::of(&good, &region()).is_ok());
        assert!(Trust::of(&good, &"RU-SVE".parse().unwrap()).is_err());
        // A device's certificate is the region's too, and signs no archive.
        let device = Authority {
            signing: Base64(device_certificate(&authority)),
            ..good.clone()
        };
        assert!(Trust::of(&device, &region()).is_err());
        let elsewhere = tempfile::tempdir().unwrap();
        authority::Authority::create(elsewhere.path(), &region(), now()).unwrap();
        let foreign = document(elsewhere.path());
        let mixed = Authority {
            signing: foreign.signing.clone(),
            ..good.clone()
        };
        assert!(Trust::of(&mixed, &region()).is_err());
        assert!(
            Trust::of(&good, &region())
                .unwrap()
                .device(&device_certificate(&authority::Authority::load(elsewhere.path()).unwrap()))
                .is_err()
        );
    }
}
