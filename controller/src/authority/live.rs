//! The authority in use, exchanged while the controller runs: its files are watched as people's certificates are.
//!
//! Whoever needs the authority asks for the [current](LiveAuthority::current) one and keeps it no longer than a
//! request. Files that cannot be read, or are caught half-written, leave the one in use in use.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Authority, DirectoryError, fingerprint};
use inventory_schema::Digest;

/// A clone is the same authority.
#[derive(Debug, Clone)]
pub struct LiveAuthority(Arc<RwLock<Arc<Authority>>>);

impl LiveAuthority {
    pub fn new(authority: Arc<Authority>) -> Self {
        Self(Arc::new(RwLock::new(authority)))
    }

    pub fn current(&self) -> Arc<Authority> {
        // A poisoned lock still holds a whole authority: it is only ever replaced at once.
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over what lies in `directory`, if it is not what `seen` stands for; says whether it did.
    pub fn refresh(&self, directory: &Path, seen: &mut Option<Digest>) -> Result<bool, DirectoryError> {
        let found = fingerprint(directory)?;
        if *seen == Some(found) {
            return Ok(false);
        }
        // One state of the files is judged once, be it good or broken.
        let first = seen.replace(found).is_none();
        if first {
            return Ok(false);
        }
        let authority = Arc::new(Authority::load(directory)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = authority;
        Ok(true)
    }
}
