//! Signatures: ECDSA over P-256 with SHA-256 (FIPS 186-5), ASN.1 form, written in base64.
//!
//! A signature is always over bytes that were received, never over a document serialised again.

use std::borrow::Cow;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::device::KeyFingerprint;

/// The bytes of an ECDSA signature (ASN.1 SEQUENCE of two integers, at most 72 bytes).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signature(Vec<u8>);

/// A P-256 public key as SubjectPublicKeyInfo (DER), written in base64.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(Vec<u8>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the {0} is not base64")]
    Encoding(&'static str),
    #[error("the {what} has {bytes} bytes, at most {max} are possible")]
    TooLong { what: &'static str, bytes: usize, max: usize },
    #[error("the key is not an ECDSA key on the curve P-256")]
    KeyType,
    #[error("the signature does not match the bytes and the key")]
    Mismatch,
}

/// SubjectPublicKeyInfo of an uncompressed P-256 point: this prefix and 65 bytes (RFC 5480).
const P256_SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
    0x07, 0x03, 0x42, 0x00,
];
const MAX_SIGNATURE: usize = 72;

impl Signature {
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, SignatureError> {
        if bytes.len() > MAX_SIGNATURE {
            return Err(SignatureError::TooLong {
                what: "signature",
                bytes: bytes.len(),
                max: MAX_SIGNATURE,
            });
        }
        Ok(Self(bytes))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PublicKey {
    /// Accepts only P-256 in the one encoding that certificates use.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, SignatureError> {
        if der.len() == P256_SPKI_PREFIX.len() + 65 && der.starts_with(&P256_SPKI_PREFIX) && der[26] == 4 {
            Ok(Self(der.to_vec()))
        } else {
            Err(SignatureError::KeyType)
        }
    }

    pub fn spki_der(&self) -> &[u8] {
        &self.0
    }

    pub fn fingerprint(&self) -> KeyFingerprint {
        KeyFingerprint::of_public_key(&self.0)
    }

    pub fn verify(&self, bytes: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        let point = &self.0[P256_SPKI_PREFIX.len()..];
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
            .verify(bytes, &signature.0)
            .map_err(|_| SignatureError::Mismatch)
    }
}

impl TryFrom<String> for Signature {
    type Error = SignatureError;

    fn try_from(text: String) -> Result<Self, SignatureError> {
        Self::from_bytes(STANDARD.decode(text).map_err(|_| SignatureError::Encoding("signature"))?)
    }
}

impl From<Signature> for String {
    fn from(signature: Signature) -> String {
        STANDARD.encode(signature.0)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = SignatureError;

    fn try_from(text: String) -> Result<Self, SignatureError> {
        Self::from_spki_der(&STANDARD.decode(text).map_err(|_| SignatureError::Encoding("public key"))?)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> String {
        STANDARD.encode(key.0)
    }
}

macro_rules! base64_schema {
    ($name:ident, $max:literal, $source:literal) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "pattern": "^[A-Za-z0-9+/]*={0,2}$", "maxLength": $max, "x-source": $source
                })
            }
        }
    };
}
base64_schema!(Signature, 96, "the signing key");
base64_schema!(PublicKey, 124, "the signing key");

/// A document with its signature, in the bytes that were signed. `D` says what the text holds once verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed<D> {
    /// The canonical JSON that was signed.
    pub document: String,
    pub signature: Signature,
    pub key: KeyFingerprint,
    #[serde(skip)]
    kind: std::marker::PhantomData<fn() -> D>,
}

#[derive(Debug, thiserror::Error)]
pub enum SignedError {
    #[error("the document was signed with the key {0}, which is not among the known ones")]
    UnknownKey(KeyFingerprint),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("the signed document cannot be read")]
    Document(#[source] serde_json::Error),
}

impl<D: for<'de> Deserialize<'de>> Signed<D> {
    pub fn new(document: String, signature: Signature, key: KeyFingerprint) -> Self {
        Self {
            document,
            signature,
            key,
            kind: std::marker::PhantomData,
        }
    }

    /// The document, if one of `keys` signed exactly these bytes.
    pub fn verify<'k>(&self, keys: impl IntoIterator<Item = &'k PublicKey>) -> Result<D, SignedError> {
        let key = keys
            .into_iter()
            .find(|key| key.fingerprint() == self.key)
            .ok_or(SignedError::UnknownKey(self.key))?;
        key.verify(self.document.as_bytes(), &self.signature)?;
        serde_json::from_str(&self.document).map_err(SignedError::Document)
    }
}

impl<D: JsonSchema> JsonSchema for Signed<D> {
    fn schema_name() -> Cow<'static, str> {
        format!("Signed{}", D::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        // The text's own schema is registered, so that it is published beside its carrier.
        let _ = generator.subschema_for::<D>();
        let signature = generator.subschema_for::<Signature>();
        let key = generator.subschema_for::<KeyFingerprint>();
        schemars::json_schema!({
            "type": "object",
            "properties": {
                "document": { "type": "string", "maxLength": 65536, "contentMediaType": "application/json", "x-source": D::schema_name(),
                              "description": "canonical JSON of the type that x-source names" },
                "signature": signature,
                "key": key
            },
            "required": ["document", "signature", "key"]
        })
    }
}
