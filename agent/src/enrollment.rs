//! unenrolled → requested → enrolled: how a computer comes into its school (DESIGN §4).
//!
//! [`enroll`] turns a token into an [`Enrollment`]: it makes a key, sends the request over a chain that ends
//! at the token's pinned CA, checks the receipt, and writes certificate and enrollment to the state folder.
//! `enrollment.json` is written last: while it is missing the computer is not enrolled, and the same call
//! may be made again. It decides nothing about reports, and prints nothing: the caller is told of the
//! progress. Called by `cli/enroll.rs` and by tests.

use std::path::{Path, PathBuf};

use inventory_schema::check_in::ProtocolRange;
use inventory_schema::device::DeviceId;
use inventory_schema::enrollment::{
    ControllerUrl, EnrollmentAnswer, EnrollmentRequest, EnrollmentToken, HardwareEvidence, Issued, ProxyUrl, Receipt, TokenError, TokenId,
    TrustBundle,
};
use inventory_schema::organization::RegionId;
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::Seconds;
use inventory_schema::signature::{Signed, SignedError};
use inventory_schema::text::Word;
use inventory_schema::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::SharedClock;
use crate::config::AgentConfig;
use crate::durable_file::{self, FileError};
use crate::identity::{Identity, IdentityError};
use crate::platform::private_file::create_private_folder;
use crate::transport::tls::{Anchor, TrustError};
use crate::transport::{Transport, TransportError, TransportFailure};
use crate::{kept_evidence, sealed};

pub const ENROLLMENT_FILE: &str = "enrollment.json";
const REFUSAL_FILE: &str = "enrollment-refusal.json";
/// Where the key of a repeated enrollment waits until the region has accepted it.
const REQUESTED_FOLDER: &str = "requested";

/// What enrollment gave: whom to call, whom to believe, and where the computer belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrollment {
    pub format: EnrollmentFormat,
    pub region: RegionId,
    pub device: DeviceId,
    pub controllers: Vec<ControllerUrl>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyUrl>,
    pub trust: TrustBundle,
    pub receipt: Signed<Receipt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnrollmentFormat {
    #[serde(rename = "agent-enrollment/1")]
    V1,
}

#[derive(Debug, thiserror::Error)]
pub enum EnrollmentFileError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{0} cannot be read: it is damaged or of another version")]
    Contents(PathBuf, #[source] serde_json::Error),
    #[error("the receipt does not hold")]
    Receipt(#[source] SignedError),
}

impl Enrollment {
    /// The enrollment in `state_dir`; `None` if there is none.
    pub fn load(state_dir: &Path) -> Result<Option<Self>, EnrollmentFileError> {
        read_json(&state_dir.join(ENROLLMENT_FILE))
    }

    /// Replaces what is in `state_dir`, whole or not at all.
    pub fn save(&self, state_dir: &Path) -> Result<(), FileError> {
        write_json(&state_dir.join(ENROLLMENT_FILE), self)
    }

    /// Where the computer belongs, if a key of the trust bundle signed it.
    pub fn receipt(&self) -> Result<Receipt, SignedError> {
        self.receipt.verify(&self.trust.signing_keys)
    }

    /// A computer belongs to one region: another's token is refused before anything is sent or written.
    pub(crate) fn check_region(&self, token: &EnrollmentToken) -> Result<(), EnrollError> {
        if self.region == token.region {
            return Ok(());
        }
        Err(EnrollError::OtherRegion {
            current: self.region.clone(),
            token: token.region.clone(),
        })
    }

    /// Takes a newer trust bundle, received over a chain that the present one vouches for. It must be usable.
    pub fn accept_trust(&mut self, trust: TrustBundle) -> Result<(), TrustError> {
        Anchor::of_bundle(&trust)?;
        self.trust = trust;
        Ok(())
    }

    /// Takes a newer receipt for the same device: it was moved.
    pub fn accept_receipt(&mut self, receipt: Signed<Receipt>) -> Result<Receipt, ReceiptError> {
        let document = receipt.verify(&self.trust.signing_keys)?;
        if document.device != self.device || document.region != self.region {
            return Err(ReceiptError::Foreign);
        }
        self.receipt = receipt;
        Ok(document)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    #[error(transparent)]
    Signed(#[from] SignedError),
    #[error("the receipt speaks of another device, key or region")]
    Foreign,
}

/// What the last attempt was refused for: `doctor` shows it until an enrollment succeeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    pub token: TokenId,
    pub code: ProblemCode,
    pub at: Timestamp,
}

impl Refusal {
    pub fn load(state_dir: &Path) -> Result<Option<Self>, EnrollmentFileError> {
        read_json(&state_dir.join(REFUSAL_FILE))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    #[error("the token cannot be read")]
    Token(#[from] TokenError),
    #[error("this computer is enrolled in {current}, the token is of {token}")]
    OtherRegion { current: RegionId, token: RegionId },
    #[error("the state folder {0} cannot be created")]
    Folder(PathBuf, #[source] std::io::Error),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Enrollment(#[from] EnrollmentFileError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The controller refused the token or the request, for the code's reason.
    #[error("the controller refused: {0}")]
    Refused(ProblemCode),
    #[error("the controller was not reached")]
    NotReached(#[source] TransportFailure),
    #[error("the controller's receipt does not hold")]
    Receipt(#[from] ReceiptError),
    #[error("the controller's trust bundle cannot be used")]
    Trust(#[from] TrustError),
}

#[derive(Debug)]
pub enum Enrolled {
    /// Now, by this call.
    New {
        enrollment: Box<Enrollment>,
        receipt: Box<Receipt>,
        server_time: Timestamp,
    },
    /// Before, in the token's region. Nothing was sent.
    Already {
        enrollment: Box<Enrollment>,
        receipt: Box<Receipt>,
    },
    /// An operator must approve first; the same call may be made again after that long.
    Pending { retry_after: Seconds },
}

/// What `enroll` is about to do, for people who wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    MakingKey,
    Calling {
        controllers: Vec<ControllerUrl>,
    },
    /// The dates of the controller's certificate do not fit this computer's clock.
    AskingTime,
}

/// What an enrollment needs besides the token.
#[derive(Debug)]
pub struct Enrolling<'a> {
    pub config: &'a AgentConfig,
    pub evidence: HardwareEvidence,
    pub clock: SharedClock,
    /// Enroll again with a new key, though there is an enrollment: after the certificate was revoked.
    pub again: bool,
}

/// Enrolls this computer with a token's line.
///
/// # Errors
/// Whatever fails, what was enrolled before stays so, except that `again` replaces key and enrollment after
/// the region has accepted the new ones.
pub async fn enroll(token_line: &str, enrolling: Enrolling<'_>, progress: impl Fn(Progress)) -> Result<Enrolled, EnrollError> {
    let token = EnrollmentToken::from_line(token_line)?;
    let state_dir = &enrolling.config.state_dir;
    if let Some(answer) = already(state_dir, &token, enrolling.again)? {
        return Ok(answer);
    }
    make_state_folder(state_dir)?;
    progress(Progress::MakingKey);
    let key_folder = if enrolling.again {
        state_dir.join(REQUESTED_FOLDER)
    } else {
        state_dir.clone()
    };
    let identity = Identity::load_or_create(&key_folder)?;
    let request = request(&token, &identity, enrolling.evidence.clone())?;
    progress(Progress::Calling {
        controllers: token.controllers.clone(),
    });
    let transport = Transport::for_token(&token, enrolling.config, enrolling.clock.clone())?;
    let asked = ask(&transport, &request, &enrolling.clock, &progress).await;
    match asked {
        Ok(EnrollmentAnswer::Issued(issued)) => {
            enrolling.clock.told(issued.server_time);
            kept_evidence::save(state_dir, &enrolling.evidence)?;
            accept(*issued, &token, identity, state_dir)
        }
        Ok(EnrollmentAnswer::Pending { retry_after, .. }) => Ok(Enrolled::Pending { retry_after }),
        Err(TransportFailure::Problem(problem)) => {
            let at = problem.server_time.unwrap_or_else(|| enrolling.clock.now());
            let refusal = Refusal {
                token: token.id,
                code: problem.code,
                at,
            };
            write_json(&state_dir.join(REFUSAL_FILE), &refusal)?;
            Err(EnrollError::Refused(problem.code))
        }
        Err(failure) => Err(EnrollError::NotReached(failure)),
    }
}

/// Makes the folder that everything of this computer lies in, unless it is there.
pub(crate) fn make_state_folder(state_dir: &Path) -> Result<(), EnrollError> {
    create_private_folder(state_dir).map_err(|error| EnrollError::Folder(state_dir.to_owned(), error))
}

/// An enrollment that makes this one needless, or forbids it.
fn already(state_dir: &Path, token: &EnrollmentToken, again: bool) -> Result<Option<Enrolled>, EnrollError> {
    let Some(enrollment) = Enrollment::load(state_dir)? else {
        return Ok(None);
    };
    enrollment.check_region(token)?;
    // Without its key an enrollment is worth nothing: such a computer enrolls anew.
    let receipt = enrollment.receipt().map_err(EnrollmentFileError::Receipt)?;
    let whole = Identity::load(state_dir)?
        .is_some_and(|identity| identity.fingerprint() == receipt.key && identity.certificate_validity().is_some());
    Ok((whole && !again).then(|| Enrolled::Already {
        enrollment: Box::new(enrollment),
        receipt: Box::new(receipt),
    }))
}

fn request(token: &EnrollmentToken, identity: &Identity, evidence: HardwareEvidence) -> Result<EnrollmentRequest, IdentityError> {
    Ok(EnrollmentRequest {
        protocol: ProtocolRange::CURRENT,
        token: token.id,
        region: token.region.clone(),
        secret: token.secret.clone(),
        csr: identity.csr()?,
        evidence,
        agent: agent_version(),
    })
}

/// This program's version, as documents carry it.
pub fn agent_version() -> Word {
    env!("CARGO_PKG_VERSION").parse().expect("a version is a word")
}

/// Asks once, and once more with the controller's time when only the dates were at fault.
async fn ask(
    transport: &Transport,
    request: &EnrollmentRequest,
    clock: &SharedClock,
    progress: &impl Fn(Progress),
) -> Result<EnrollmentAnswer, TransportFailure> {
    match transport.enroll(request).await {
        Err(TransportFailure::CertificateTimeInvalid { .. }) => {
            progress(Progress::AskingTime);
            clock.told(transport.time().await?.server_time);
            transport.enroll(request).await
        }
        answer => answer,
    }
}

/// Checks what was issued and writes it: key and certificate first, the enrollment last.
pub(crate) fn accept(issued: Issued, token: &EnrollmentToken, identity: Identity, state_dir: &Path) -> Result<Enrolled, EnrollError> {
    Anchor::of_bundle(&issued.trust)?;
    let receipt = issued.receipt.verify(&issued.trust.signing_keys).map_err(ReceiptError::from)?;
    if receipt.key != identity.fingerprint() || receipt.device != issued.device || receipt.region != token.region {
        return Err(ReceiptError::Foreign.into());
    }
    let mut identity = identity;
    identity.install_certificate(&issued.certificate)?;
    if identity.folder() != state_dir {
        identity.move_to(state_dir)?;
    }
    let enrollment = Enrollment {
        format: EnrollmentFormat::V1,
        region: token.region.clone(),
        device: issued.device,
        controllers: token.controllers.clone(),
        proxy: token.proxy.clone(),
        trust: issued.trust,
        receipt: issued.receipt,
    };
    enrollment.save(state_dir)?;
    for done_with in [REFUSAL_FILE, sealed::FILE] {
        let _ = std::fs::remove_file(state_dir.join(done_with));
    }
    Ok(Enrolled::New {
        enrollment: Box::new(enrollment),
        receipt: Box::new(receipt),
        server_time: issued.server_time,
    })
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, EnrollmentFileError> {
    match durable_file::read(path)? {
        Some(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| EnrollmentFileError::Contents(path.to_owned(), error)),
        None => Ok(None),
    }
}

fn write_json<T: Serialize>(path: &Path, document: &T) -> Result<(), FileError> {
    let bytes = serde_json::to_vec_pretty(document).expect("the agent's own documents are plain text");
    durable_file::replace(path, &bytes)
}
