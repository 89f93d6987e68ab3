//! No network: the same life by a stick that goes from computer to computer and to the controller and back.
//!
//! A visit takes what the controller answered onto the stick since the last one, looks at the hardware, and writes
//! a new signed request: before enrollment a certificate request with a token's proof, afterwards a check-in and
//! every report that waits. The core ([`crate::reconciler`]) decides exactly as on line; [`exchange`] plays the
//! network to it, with the answer that lies there, and nothing else. What an answer must prove is in [`answer`], how
//! files lie on the stick in [`stick`].
//!
//! Sticks may come twice, late, or in the wrong order: an answer older than the last word that this computer had of
//! its controller only tells which reports are held. Called by `cli/carry.rs` and by tests.

mod answer;
mod exchange;
mod stick;

use std::path::{Path, PathBuf};

use inventory_schema::CanonicalBytes;
use inventory_schema::carry::{
    CarriedAnswer, CarriedEnrollment, CarriedPurpose, CarriedRequest, CarriedRequestFormat, CarriedVisit, SignedCarriedRequest, token_proof,
};
use inventory_schema::check_in::ProtocolRange;
use inventory_schema::enrollment::{EnrollmentAnswer, EnrollmentToken, HardwareEvidence, Pem, Receipt};
use inventory_schema::organization::RegionId;
use inventory_schema::problem::ProblemCode;
use inventory_schema::timestamp::Timestamp;

use crate::clock::SharedClock;
use crate::config::AgentConfig;
use crate::durable_file::{self, FileError};
use crate::enrollment::{self, EnrollError, Enrollment, EnrollmentFileError, agent_version};
use crate::identity::{Identity, IdentityError};
use crate::inventory;
use crate::privileged::{Collector, PrivilegedError};
use crate::spool::{Spool, SpoolError, SpoolLimits};
use crate::transport::fresh_nonce;
use crate::transport::tls::{Anchor, TrustError};
pub use answer::Unbelieved;
use exchange::Exchange;
pub use stick::StickError;
use stick::StickFolder;

/// Where the token of a computer waits that has asked by a stick and was not answered yet.
const TOKEN_FILE: &str = "carried.token";

#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    #[error("this computer is not enrolled and has no token; bring one: cos-agent carry FOLDER --token FILE")]
    NoToken,
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Enrollment(#[from] EnrollmentFileError),
    #[error(transparent)]
    Enroll(#[from] EnrollError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Stick(#[from] StickError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("the hardware could not be looked at")]
    Collect(#[from] PrivilegedError),
}

/// What a visit needs.
#[derive(Debug)]
pub struct Visit<'a> {
    pub config: &'a AgentConfig,
    /// Where the stick is mounted.
    pub stick: &'a Path,
    /// For a computer that is not enrolled; afterwards it is passed over.
    pub token: Option<EnrollmentToken>,
    pub collector: &'a Collector,
    pub clock: SharedClock,
}

/// What became of the controller's answer on the stick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// There is none yet.
    None,
    /// It proves nothing and changed nothing.
    Unbelieved(Unbelieved),
    /// It was read before, or the controller was heard of later by another way.
    Old {
        written: Timestamp,
    },
    Taken {
        written: Timestamp,
    },
    /// An operator must approve the computer first.
    Pending,
    Refused(ProblemCode),
}

#[derive(Debug)]
pub enum Visited {
    /// The request for enrollment lies on the stick.
    Requested { news: News },
    /// The check-in and the reports lie on the stick.
    Carried(Box<Carried>),
}

/// A visit to an enrolled computer.
#[derive(Debug)]
pub struct Carried {
    pub news: News,
    /// By this visit.
    pub enrolled: bool,
    pub renewed: bool,
    pub receipt: Receipt,
    /// Reports that the controller holds now and that left this disk.
    pub acknowledged: usize,
    /// Reports on the stick.
    pub carried: usize,
    /// Reports that found no place on it and wait for the next visit.
    pub left_behind: u64,
    /// The folder on the stick.
    pub folder: PathBuf,
}

/// Takes the answer from the stick and writes the next request onto it.
///
/// # Errors
/// Whatever fails, nothing that waited is lost, and the visit may be repeated.
pub fn visit(visit: Visit<'_>) -> Result<Visited, CarryError> {
    let state = &visit.config.state_dir;
    enrollment::make_state_folder(state)?;
    match enrolled(state)? {
        Some((enrollment, identity)) => {
            if let Some(token) = &visit.token {
                enrollment.check_region(token)?;
            }
            carry(&visit, enrollment, identity, false).map(|carried| Visited::Carried(Box::new(carried)))
        }
        None => request(visit),
    }
}

/// Key and enrollment, if both are whole.
fn enrolled(state: &Path) -> Result<Option<(Enrollment, Identity)>, CarryError> {
    let Some(enrollment) = Enrollment::load(state)? else {
        return Ok(None);
    };
    let identity = Identity::load(state)?.filter(|identity| identity.certificate_validity().is_some());
    Ok(identity.map(|identity| (enrollment, identity)))
}

/// A computer that is not enrolled: by the answer it becomes so, else it asks.
fn request(visit: Visit<'_>) -> Result<Visited, CarryError> {
    let state = &visit.config.state_dir;
    let token = token(state, visit.token.clone())?;
    let identity = Identity::load_or_create(state)?;
    let stick = StickFolder::open(visit.stick, identity.fingerprint())?;
    let news = match stick.answer()? {
        None => News::None,
        Some(signed) => {
            let judged = answer::judge(
                &signed,
                Anchor::Pinned(token.ca),
                &token.region,
                identity.fingerprint(),
                &visit.clock,
            );
            match judged.map(|answer| (answer.server_time, answer.refused, answer.enrollment)) {
                Ok((_, None, Some(EnrollmentAnswer::Issued(issued)))) => {
                    move_forward(&visit.clock, issued.server_time);
                    enrollment::accept(*issued, &token, identity, state)?;
                    let _ = std::fs::remove_file(state.join(TOKEN_FILE));
                    let (enrollment, identity) = enrolled(state)?.ok_or(CarryError::NoToken)?;
                    return carry(&visit, enrollment, identity, true).map(|carried| Visited::Carried(Box::new(carried)));
                }
                Ok((_, Some(code), _)) => News::Refused(code),
                Ok((_, None, Some(EnrollmentAnswer::Pending { .. }))) => News::Pending,
                Ok((written, None, None)) => News::Old { written },
                Err(unbelieved) => News::Unbelieved(unbelieved),
            }
        }
    };
    let evidence = inventory::evidence(&visit.collector.collect()?);
    stick.write(&signed_enrollment(&token, &identity, evidence)?, &[])?;
    Ok(Visited::Requested { news })
}

/// The token that was brought, or that an earlier visit brought.
fn token(state: &Path, brought: Option<EnrollmentToken>) -> Result<EnrollmentToken, CarryError> {
    let path = state.join(TOKEN_FILE);
    if let Some(token) = brought {
        durable_file::replace(&path, token.to_line().as_bytes())?;
        return Ok(token);
    }
    let kept = durable_file::read(&path)?.and_then(|bytes| String::from_utf8(bytes).ok());
    kept.and_then(|line| EnrollmentToken::from_line(&line).ok())
        .ok_or(CarryError::NoToken)
}

fn signed_enrollment(token: &EnrollmentToken, identity: &Identity, evidence: HardwareEvidence) -> Result<SignedCarriedRequest, CarryError> {
    let purpose = CarriedPurpose::Enrollment(Box::new(CarriedEnrollment { token: token.id, evidence }));
    let mut signed = sign(&token.region, identity, purpose)?;
    let secret = inventory_schema::Digest::of(token.secret.as_str().as_bytes());
    signed.token_proof = Some(token_proof(&secret, &signed.document));
    Ok(signed)
}

/// A new request of this computer, signed with its key.
fn sign(region: &RegionId, identity: &Identity, purpose: CarriedPurpose) -> Result<SignedCarriedRequest, IdentityError> {
    let request = CarriedRequest {
        format: CarriedRequestFormat::V1,
        region: region.clone(),
        nonce: fresh_nonce(),
        agent: agent_version(),
        protocol: ProtocolRange::CURRENT,
        csr: identity.csr()?,
        purpose,
    };
    let document = CanonicalBytes::of(&request).expect("a request is text, integers and digests");
    let signature = identity.sign(document.as_bytes());
    Ok(SignedCarriedRequest {
        document: document.into_text(),
        signature,
        key: identity.public_key().clone(),
        token_proof: None,
    })
}

/// A visit to an enrolled computer.
fn carry(visit: &Visit<'_>, mut enrollment: Enrollment, mut identity: Identity, enrolled: bool) -> Result<Carried, CarryError> {
    let config = visit.config;
    let stick = StickFolder::open(visit.stick, identity.fingerprint())?;
    let limits = SpoolLimits {
        bytes: config.spool.max_bytes,
        reports: config.spool.max_reports,
    };
    // Whoever has the spool is the one agent of this computer: a running service keeps the stick out.
    let (mut spool, _) = Spool::open(&config.state_dir.join("spool"), limits)?;
    let (news, answer) = match stick.answer()?.filter(|_| !enrolled) {
        None => (News::None, None),
        Some(signed) => {
            let anchor = Anchor::of_bundle(&enrollment.trust)?;
            match answer::judge(&signed, anchor, &enrollment.region, identity.fingerprint(), &visit.clock) {
                Ok(answer) => (news(&answer, &visit.clock), Some(answer)),
                Err(unbelieved) => (News::Unbelieved(unbelieved), None),
            }
        }
    };
    let mut renewed = false;
    if let Some(renewal) = answer.as_ref().and_then(|answer| answer.renewal.as_ref()) {
        renewed = renew(&mut identity, &renewal.certificate)?;
    }
    let exchanged = Exchange {
        config,
        collector: visit.collector,
        clock: &visit.clock,
        enrollment: &mut enrollment,
        identity: &identity,
        spool: &mut spool,
        fresh: matches!(news, News::Taken { .. } | News::Refused(_)),
        answer,
    }
    .run()?;
    let (parts, carried) = stick::pack(&mut spool)?;
    let purpose = CarriedPurpose::Visit(Box::new(CarriedVisit {
        certificate: identity.certificate_pem()?,
        check_in: exchanged.check_in,
        parts: parts.iter().map(|part| part.named).collect(),
    }));
    stick.write(&sign(&enrollment.region, &identity, purpose)?, &parts)?;
    Ok(Carried {
        news: if enrolled {
            News::Taken {
                written: visit.clock.trusted().map_or_else(|| visit.clock.now(), |trusted| trusted.told()),
            }
        } else {
            news
        },
        enrolled,
        renewed,
        receipt: enrollment.receipt().map_err(EnrollmentFileError::Receipt)?,
        acknowledged: exchanged.acknowledged,
        carried,
        left_behind: spool.depth().reports.get().saturating_sub(carried as u64),
        folder: stick.path().to_owned(),
    })
}

/// An answer is news if it was written after the last word that this state had of its controller.
fn news(answer: &CarriedAnswer, clock: &SharedClock) -> News {
    let written = answer.server_time;
    match (clock.trusted(), answer.refused) {
        (Some(heard), _) if written <= heard.told() => News::Old { written },
        (_, Some(code)) => News::Refused(code),
        _ => News::Taken { written },
    }
}

/// Takes a certificate that ends later than the present one.
fn renew(identity: &mut Identity, certificate: &Pem) -> Result<bool, IdentityError> {
    let ends = identity.certificate_validity().map(|validity| validity.not_after);
    let offered = identity.validity_of(certificate)?.not_after;
    if ends.is_some_and(|ends| offered <= ends) {
        return Ok(false);
    }
    identity.install_certificate(certificate).map(|()| true)
}

/// Nobody knows how long an answer was on its way: trusted time never goes back by it.
fn move_forward(clock: &SharedClock, told: Timestamp) -> Timestamp {
    let counted = clock.trusted().and_then(|trusted| trusted.at(clock.moment()));
    let before = clock.trusted().map(|trusted| trusted.told());
    let time = [counted, before].into_iter().flatten().fold(told, Timestamp::max);
    clock.told(time);
    time
}
