//! From one key to another without a token: the files of it, so that a crash at any instant leaves the old key
//! with its enrollment or the new key with its own.
//!
//! The new key waits in a folder of its own ([`candidate`]), and is the same however often the controller is
//! asked. [`accept`] checks what was issued and writes it there, the enrollment last: from then on the change is
//! decided, and [`finish`] carries it out, now or at the next start. Reports that waited under the old key are set
//! aside: on a copied disk they are the original's. Called by the event loop.

use std::path::{Path, PathBuf};

use inventory_schema::enrollment::Issued;

use crate::durable_file::FileError;
use crate::enrollment::{ENROLLMENT_FILE, Enrollment, EnrollmentFileError, ReceiptError};
use crate::identity::{Identity, IdentityError};
use crate::transport::tls::{Anchor, TrustError};

const FOLDER: &str = "rekey";
const SPOOL: &str = "spool";
/// Where reports lie that were made under a key before.
pub const INHERITED_FOLDER: &str = "inherited";

#[derive(Debug, thiserror::Error)]
pub enum RekeyError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Enrollment(#[from] EnrollmentFileError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the controller's receipt does not hold")]
    Receipt(#[from] ReceiptError),
    #[error("the controller's trust bundle cannot be used")]
    Trust(#[from] TrustError),
    #[error("reports of the key before cannot be set aside from {0}")]
    SetAside(PathBuf, #[source] std::io::Error),
}

/// The key that would be this computer's own.
pub fn candidate(state_dir: &Path) -> Result<Identity, IdentityError> {
    Identity::load_or_create(&state_dir.join(FOLDER))
}

/// The key in use stays: the candidate is not needed any more.
pub fn forget(state_dir: &Path) {
    // What cannot be removed is overwritten by the next question.
    let _ = std::fs::remove_dir_all(state_dir.join(FOLDER));
}

/// Takes over what was issued for the candidate.
pub fn accept(state_dir: &Path, issued: Issued, before: &Enrollment, mut identity: Identity) -> Result<(), RekeyError> {
    Anchor::of_bundle(&issued.trust)?;
    let receipt = issued.receipt.verify(&issued.trust.signing_keys).map_err(ReceiptError::from)?;
    if receipt.key != identity.fingerprint() || receipt.device != issued.device || receipt.region != before.region {
        return Err(ReceiptError::Foreign.into());
    }
    identity.install_certificate(&issued.certificate)?;
    let enrollment = Enrollment {
        device: issued.device,
        trust: issued.trust,
        receipt: issued.receipt,
        ..before.clone()
    };
    enrollment.save(&state_dir.join(FOLDER))?;
    finish(state_dir)
}

/// Carries out a change of keys that was decided. Called at every start: there is nothing to do then, or the rest.
pub fn finish(state_dir: &Path) -> Result<(), RekeyError> {
    let folder = state_dir.join(FOLDER);
    let Some(enrollment) = Enrollment::load(&folder)? else {
        return Ok(());
    };
    set_aside(state_dir)?;
    // Without the key there it has reached its place already.
    if let Some(identity) = Identity::load(&folder)? {
        identity.move_to(state_dir)?;
    }
    enrollment.save(state_dir)?;
    let _ = std::fs::remove_file(folder.join(ENROLLMENT_FILE));
    forget(state_dir);
    Ok(())
}

fn set_aside(state_dir: &Path) -> Result<(), RekeyError> {
    let spool = state_dir.join(SPOOL);
    let failed = |error| RekeyError::SetAside(spool.clone(), error);
    if !spool.exists() {
        return Ok(());
    }
    let inherited = state_dir.join(INHERITED_FOLDER);
    std::fs::create_dir_all(&inherited).map_err(failed)?;
    let free = (1u32..)
        .map(|number| inherited.join(number.to_string()))
        .find(|path| !path.exists());
    let place = free.expect("some number is free");
    std::fs::rename(&spool, place).map_err(failed)
}
