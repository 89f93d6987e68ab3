//! Reads a device's certificate request (PKCS #10, RFC 2986): which key asks, and that it holds its private half.
//!
//! Of the request only the key counts. Its subject and its extensions are never looked at, so that nothing a
//! device writes there can reach a certificate. Called by [`super::Authority::issue_device`], and by the renewal
//! handler, which compares the key with the connection's.

use inventory_schema::enrollment::Pem;
use inventory_schema::signature::{PublicKey, Signature};
use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use rustls::pki_types::CertificateSigningRequestDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::OID_SIG_ECDSA_WITH_SHA256;
use x509_parser::prelude::FromDer;

/// A request whose own signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Csr {
    pub public_key: PublicKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    #[error("the certificate request cannot be read, or its signature does not match")]
    Malformed,
    #[error("the certificate request holds a key of another type than ECDSA P-256")]
    KeyType,
}

impl Csr {
    pub fn read(pem: &Pem) -> Result<Self, CsrError> {
        let der = CertificateSigningRequestDer::from_pem_slice(pem.as_str().as_bytes()).map_err(|_| CsrError::Malformed)?;
        Self::read_der(&der)
    }

    pub fn read_der(der: &[u8]) -> Result<Self, CsrError> {
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| CsrError::Malformed)?;
        if !rest.is_empty() {
            return Err(CsrError::Malformed);
        }
        let info = &request.certification_request_info;
        let public_key = PublicKey::from_spki_der(info.subject_pki.raw).map_err(|_| CsrError::KeyType)?;
        if request.signature_algorithm.algorithm != OID_SIG_ECDSA_WITH_SHA256 {
            return Err(CsrError::Malformed);
        }
        let signature = Signature::from_bytes(request.signature_value.data.to_vec()).map_err(|_| CsrError::Malformed)?;
        public_key.verify(info.raw, &signature).map_err(|_| CsrError::Malformed)?;
        if der != framed(info.raw, &signature) {
            return Err(CsrError::Malformed);
        }
        Ok(Self { public_key })
    }

    /// The key in the form that rcgen certifies.
    pub(super) fn subject(&self) -> SubjectKey<'_> {
        SubjectKey(&self.public_key)
    }
}

/// The one DER form of a request: SEQUENCE { what was signed, ecdsa-with-SHA256, BIT STRING }. The frame is not
/// under the signature, and parsers forgive more than one spelling of it.
fn framed(signed: &[u8], signature: &Signature) -> Vec<u8> {
    const ECDSA_WITH_SHA256: [u8; 12] = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    const NO_UNUSED_BITS: u8 = 0;
    let bits = [&[NO_UNUSED_BITS], signature.as_bytes()].concat();
    let body = [signed, &ECDSA_WITH_SHA256, &tagged(0x03, &bits)].concat();
    tagged(0x30, &body)
}

/// Tag, length and value (X.690 §8.1.3, at most four bytes of length).
fn tagged(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).expect("a request is shorter than 4 GiB").to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count().min(3)..];
    let mut out = match significant {
        [short @ 0..0x80] => vec![tag, *short],
        long => [&[tag, 0x80 | long.len() as u8], long].concat(),
    };
    out.extend_from_slice(value);
    out
}

pub(super) struct SubjectKey<'k>(&'k PublicKey);

/// An uncompressed point of P-256: 0x04 and two coordinates of 32 bytes; it ends the SubjectPublicKeyInfo.
const POINT_BYTES: usize = 65;

impl PublicKeyData for SubjectKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        let spki = self.0.spki_der();
        &spki[spki.len() - POINT_BYTES..]
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}
