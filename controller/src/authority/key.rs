//! The seam behind which the authority's private keys sign: files today, a hardware module later.
//!
//! A module's key implements rcgen's [`SigningKey`] and is handed to [`AuthorityKey::new`]; nothing else changes.

use std::fmt;
use std::sync::Arc;

use inventory_schema::Digest;
use rcgen::{PublicKeyData, SignatureAlgorithm, SigningKey};

/// A private key of the authority. Its `Debug` says nothing of the key.
#[derive(Clone)]
pub struct AuthorityKey(Arc<dyn SigningKey + Send + Sync>);

impl AuthorityKey {
    pub fn new(key: impl SigningKey + Send + Sync + 'static) -> Self {
        Self(Arc::new(key))
    }
}

/// What the keys of TLS sessions are derived from: the same on every controller that has the directory. Its `Debug`
/// says nothing of it.
#[derive(Clone)]
pub struct SessionSecret(Digest);

impl SessionSecret {
    /// Derived from the signing key, which every controller has; nothing of that can be found from it.
    pub fn of(key: &[u8]) -> Self {
        Self(Digest::of(&[b"cos TLS session tickets\0", key].concat()))
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionSecret")
    }
}

impl PublicKeyData for AuthorityKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl SigningKey for AuthorityKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(message)
    }
}

impl fmt::Debug for AuthorityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorityKey")
    }
}
