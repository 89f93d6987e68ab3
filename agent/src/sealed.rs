//! A golden image: a disk that was sealed to be copied, and whose copies enroll by themselves.
//!
//! [`seal`] takes away everything that makes an agent somebody, and writes down whose disk it was, so that the
//! sealed computer itself does not enroll from its own image. [`whose_disk`] is the pure question at each start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use inventory_schema::device::BootId;
use inventory_schema::enrollment::{EnrollmentToken, HardwareEvidence};
use inventory_schema::likeness::{EvidenceKind, Likeness, LikenessVerdict};
use serde::{Deserialize, Serialize};

use crate::durable_file::{self, FileError};
use crate::platform::private_file::create_private_folder;
use crate::spool::{Spool, SpoolError, SpoolLimits};
use crate::{enrollment, identity, kept_evidence};

pub const FILE: &str = "sealed.json";

/// What a sealed disk carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    pub format: SealedFormat,
    /// The computer that was sealed.
    pub evidence: HardwareEvidence,
    pub boot: BootId,
    /// With it each copy enrolls by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<EnrollmentToken>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SealedFormat {
    #[serde(rename = "agent-sealed/1")]
    V1,
}

#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("an agent runs on {0}: stop it first (sudo systemctl stop cos-agent)")]
    Running(PathBuf),
    #[error("the state folder {0} cannot be written")]
    Folder(PathBuf, #[source] io::Error),
    #[error("{0} cannot be removed")]
    Remove(PathBuf, #[source] io::Error),
    #[error(transparent)]
    Spool(SpoolError),
    #[error(transparent)]
    File(#[from] FileError),
}

/// What was taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    pub was_enrolled: bool,
    /// Reports that had not been delivered.
    pub reports: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhoseDisk {
    /// This is the computer that was sealed.
    Golden,
    Copy,
}

/// The same boot, or parts that copies cannot share: batches share what their firmware says.
pub fn whose_disk(sealed: &Sealed, present: &HardwareEvidence, boot: BootId) -> WhoseDisk {
    let likeness = Likeness::of(&sealed.evidence, present);
    let one = matches!(likeness.verdict, LikenessVerdict::Same | LikenessVerdict::Repaired);
    let own_part = |kind| matches!(kind, EvidenceKind::DiskSerial | EvidenceKind::Address);
    let telling = likeness.kinds.iter().any(|kind| kind.agrees > 0 && own_part(kind.kind));
    if boot == sealed.boot || (one && (telling || likeness.identifies())) {
        WhoseDisk::Golden
    } else {
        WhoseDisk::Copy
    }
}

/// What a copied disk must not carry.
const FILES: [&str; 6] = [
    // First: without it nobody is enrolled, whatever is left after a crash.
    enrollment::ENROLLMENT_FILE,
    identity::KEY_FILE,
    identity::CERTIFICATE_FILE,
    "ledger.json",
    "enrollment-refusal.json",
    kept_evidence::FILE,
];
const FOLDERS: [&str; 4] = ["spool", "requested", "rekey", crate::rekey::INHERITED_FOLDER];

/// Makes the state folder nobody's.
pub fn seal(state_dir: &Path, sealed: &Sealed) -> Result<Removed, SealError> {
    create_private_folder(state_dir).map_err(|error| SealError::Folder(state_dir.to_owned(), error))?;
    let reports = waiting(state_dir)?;
    let was_enrolled = state_dir.join(enrollment::ENROLLMENT_FILE).exists();
    let json = serde_json::to_vec_pretty(sealed).expect("a seal is plain text");
    durable_file::replace(&state_dir.join(FILE), &json)?;
    for path in FILES.map(|name| state_dir.join(name)) {
        gone(&path, fs::remove_file(&path))?;
    }
    for path in FOLDERS.map(|name| state_dir.join(name)) {
        gone(&path, fs::remove_dir_all(&path))?;
    }
    Ok(Removed { was_enrolled, reports })
}

/// The reports in the spool, if no agent holds it.
fn waiting(state_dir: &Path) -> Result<u64, SealError> {
    let folder = state_dir.join("spool");
    if !folder.exists() {
        return Ok(0);
    }
    let limits = SpoolLimits {
        bytes: u64::MAX,
        reports: usize::MAX,
    };
    match Spool::open(&folder, limits) {
        Ok((spool, _)) => Ok(spool.depth().reports.get()),
        Err(SpoolError::InUse(_)) => Err(SealError::Running(state_dir.to_owned())),
        Err(error) => Err(SealError::Spool(error)),
    }
}

fn gone(path: &Path, removed: io::Result<()>) -> Result<(), SealError> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SealError::Remove(path.to_owned(), error)),
        _ => Ok(()),
    }
}

/// The seal of a disk that was not enrolled since.
pub fn load(state_dir: &Path) -> Result<Option<Sealed>, FileError> {
    let path = state_dir.join(FILE);
    let Some(bytes) = durable_file::read(&path)? else {
        return Ok(None);
    };
    Ok(serde_json::from_slice(&bytes)
        .inspect_err(|error| tracing::warn!(path = %path.display(), %error, "the seal cannot be understood and is passed over"))
        .ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(number: u128) -> BootId {
        BootId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn computer(name: &str) -> HardwareEvidence {
        HardwareEvidence {
            system_serial: Some(format!("PF{name}X").parse().unwrap()),
            board_serial: Some(format!("BRD{name}").parse().unwrap()),
            addresses: vec![format!("3c:7c:3f:00:{}:{}", &name[..2], &name[2..]).parse().unwrap()],
            ..HardwareEvidence::default()
        }
    }

    fn sealed(evidence: HardwareEvidence) -> Sealed {
        Sealed {
            format: SealedFormat::V1,
            evidence,
            boot: boot(1),
            token: None,
        }
    }

    #[test]
    fn the_sealed_computer_knows_its_own_disk_and_copies_know_that_they_are_copies() {
        let golden = sealed(computer("0001"));
        assert_eq!(whose_disk(&golden, &computer("0001"), boot(2)), WhoseDisk::Golden);
        assert_eq!(whose_disk(&golden, &computer("0002"), boot(2)), WhoseDisk::Copy);
        let unreadable = sealed(HardwareEvidence::default());
        assert_eq!(whose_disk(&unreadable, &HardwareEvidence::default(), boot(1)), WhoseDisk::Golden);
        assert_eq!(whose_disk(&unreadable, &HardwareEvidence::default(), boot(2)), WhoseDisk::Copy);
        // One serial number for a whole batch.
        let batch = |address: &str| HardwareEvidence {
            addresses: computer(address).addresses,
            ..HardwareEvidence {
                addresses: Vec::new(),
                board_serial: None,
                ..computer("0001")
            }
        };
        assert_eq!(whose_disk(&sealed(batch("0001")), &batch("0002"), boot(2)), WhoseDisk::Copy);
    }

    #[test]
    fn nothing_of_the_agent_is_left_and_a_running_one_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path();
        for name in FILES {
            fs::write(state.join(name), "{}").unwrap();
        }
        let limits = SpoolLimits {
            bytes: 1 << 20,
            reports: 10,
        };
        let (running, _) = Spool::open(&state.join("spool"), limits).unwrap();
        let seal_of = sealed(computer("0001"));
        assert!(matches!(seal(state, &seal_of), Err(SealError::Running(_))));
        assert!(state.join(identity::KEY_FILE).exists());
        drop(running);
        let removed = seal(state, &seal_of).unwrap();
        assert!(removed.was_enrolled);
        let left: Vec<_> = fs::read_dir(state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [FILE]);
        assert_eq!(load(state).unwrap(), Some(seal_of));
    }
}
