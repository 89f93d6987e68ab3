//! A computer's request that came on a stick, answered by what answers it on line.
//!
//! Nothing is judged here that the device interface does not judge: an enrollment goes to [`crate::enrollment`], a
//! certificate to [`DeviceTrust`] and the revocations, reports to the intake with their signatures and chains. What
//! TLS proves there the request's own signature proves here. The answer is signed with a key that was certified for
//! this import alone.
//!
//! Whoever imports a stick again changes nothing: reports are duplicates, a certificate that was issued stays the
//! one on the stick, and a computer counts as seen once per request. It knows no files: [`stick`] does.

pub mod stick;

use std::path::Path;
use std::sync::Arc;

use inventory_schema::carry::{
    CarriedAnswer, CarriedAnswerFormat, CarriedEnrollment, CarriedPart, CarriedPurpose, CarriedRequest, CarriedVisit, SignedCarriedAnswer,
    SignedCarriedRequest,
};
use inventory_schema::enrollment::{EnrollmentAnswer, Pem, RenewalAnswer};
use inventory_schema::organization::PlaceName;
use inventory_schema::problem::ProblemCode;
use inventory_schema::report::{ReportAnswer, ReportBatch, ReportOutcome};
use inventory_schema::{DeviceId, Digest, KeyFingerprint, Timestamp};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;

use stick::{ComputerFolder, FileFault};

use crate::api::device::renew::renewed;
use crate::api::device::{Expiry, authenticate, check_in};
use crate::authority::{Answerer, Csr, IssueError, SignError};
use crate::enrollment::{self, outage};
use crate::report::intake::JudgedBatch;
use crate::state::AppState;
use crate::store::carry::CarriedRequestRow;
use crate::tls::{DeviceIdentity, DeviceTrust, IdentitySource, PeerIdentity};

/// What became of one computer's request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    pub outcome: ImportOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<ProblemCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<PlaceName>,
    pub renewed: bool,
    pub stored: usize,
    pub duplicates: usize,
    pub forked: usize,
    pub gaps: usize,
    pub refused: usize,
    /// Not this time, for a fault on this side.
    pub later: usize,
    /// Files with reports that are missing or were changed; their reports come again with the next visit.
    pub damaged_parts: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportOutcome {
    Enrolled,
    /// An operator must approve first.
    Pending,
    #[default]
    TakenIn,
    /// This very request was answered before.
    Repeated,
    /// Refused, and the stick says why.
    Refused,
}

/// Why a request is not even answered: whoever wrote it could not read the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    #[error("the request's signature does not hold or it cannot be read: {0}")]
    Unsigned(String),
    #[error("the request is for the region {0}")]
    OtherRegion(String),
    #[error("the request lies in another computer's folder")]
    WrongFolder,
    #[error("the certificate is not of this region, or not of the key that signed")]
    Foreign,
    #[error("not now: {0}")]
    Later(ProblemCode),
}

/// Why a computer's folder was not taken.
#[derive(Debug, thiserror::Error)]
pub enum FolderFault {
    #[error(transparent)]
    File(#[from] FileFault),
    #[error(transparent)]
    Unanswerable(#[from] Unanswerable),
}

#[derive(Debug)]
pub struct Importer {
    state: AppState,
    trust: DeviceTrust,
    answerer: Answerer,
}

#[derive(Debug, thiserror::Error)]
pub enum ImporterError {
    #[error("the region's authority could not certify the answers' key")]
    Answerer(#[from] IssueError),
    #[error("the authority's certificates cannot serve to check devices")]
    Trust(#[from] crate::tls::peer::TrustError),
}

/// What lies in a computer's folder, besides the reports.
#[derive(Debug)]
struct Brought<'b> {
    request: &'b SignedCarriedRequest,
    /// The answer that lies there already, whoever wrote it.
    before: Option<SignedCarriedAnswer>,
    /// What the folder is called.
    folder: &'b str,
}

/// An answer to be written, and what to remember when it is.
#[derive(Debug)]
struct Answered {
    imported: Imported,
    answer: SignedCarriedAnswer,
    row: CarriedRequestRow,
}

/// A request whose signature holds.
struct Asked<'b> {
    request: CarriedRequest,
    signed: &'b SignedCarriedRequest,
    key: KeyFingerprint,
    now: Timestamp,
    /// It was answered before, and the answer on the stick is that one.
    before: Option<CarriedAnswer>,
    /// It was answered before.
    repeated: bool,
}

impl Importer {
    pub fn new(state: AppState) -> Result<Self, ImporterError> {
        Ok(Self {
            trust: DeviceTrust::of(&state.authority.current())?,
            answerer: state.authority.current().answerer(state.clock.now())?,
            state,
        })
    }

    /// Answers a request. `part` reads a file of reports.
    async fn import(&self, brought: Brought<'_>, part: impl FnMut(&CarriedPart) -> Option<ReportBatch>) -> Result<Answered, Unanswerable> {
        let asked = self.read(brought).await?;
        let mut imported = Imported::default();
        let mut answer = CarriedAnswer {
            format: CarriedAnswerFormat::V1,
            region: self.state.region.id.clone(),
            key: asked.key,
            request: asked.signed.digest(),
            server_time: asked.now,
            refused: None,
            enrollment: None,
            renewal: None,
            check_in: None,
            reports: Vec::new(),
        };
        let done = match &asked.request.purpose {
            CarriedPurpose::Enrollment(enrollment) => self.enroll(&asked, enrollment, &mut answer, &mut imported).await,
            CarriedPurpose::Visit(visit) => self.visit(&asked, visit, part, &mut answer, &mut imported).await?,
        };
        match done {
            Ok(()) => {}
            // A fault on this side is no answer: the stick is imported again.
            Err(code @ (ProblemCode::StorageUnavailable | ProblemCode::Busy | ProblemCode::Internal)) => {
                return Err(Unanswerable::Later(code));
            }
            Err(code) => {
                imported.outcome = ImportOutcome::Refused;
                imported.code = Some(code);
                answer.refused = Some(code);
            }
        }
        self.answered(&asked, imported, &answer)
    }

    /// Answers one computer of a stick, onto it or below `out`. What is wrong with one concerns no other.
    pub async fn import_folder(&self, folder: &ComputerFolder, out: Option<&Path>) -> Result<Imported, FolderFault> {
        let request = folder.request()?;
        let brought = Brought {
            request: &request,
            before: folder.answer(),
            folder: folder.name(),
        };
        let part = |part: &CarriedPart| {
            let read = folder.part(part);
            if let Err(fault) = &read {
                tracing::warn!(folder = folder.name(), fault = %crate::error_chain(fault), "a file of reports is passed over");
            }
            read.ok()
        };
        let answered = self.import(brought, part).await?;
        folder.write_answer(&answered.answer, out)?;
        // Only now: an answer that is not on the stick is no answer.
        let noted = self.state.store.note_carried_request(&answered.row).await;
        noted.map_err(|error| Unanswerable::Later(outage(error)))?;
        Ok(answered.imported)
    }

    async fn read<'b>(&self, brought: Brought<'b>) -> Result<Asked<'b>, Unanswerable> {
        let signed = brought.request;
        let request = signed.read().map_err(|error| Unanswerable::Unsigned(error.to_string()))?;
        let key = signed.key.fingerprint();
        if inventory_schema::carry::folder_name(key) != brought.folder {
            return Err(Unanswerable::WrongFolder);
        }
        if request.region != self.state.region.id {
            return Err(Unanswerable::OtherRegion(request.region.to_string()));
        }
        let known = self.state.store.carried_request(signed.digest()).await;
        let known = known.map_err(|error| Unanswerable::Later(outage(error)))?;
        let before = brought.before.filter(|before| {
            let digest = Digest::of(before.document.as_bytes());
            known.is_some_and(|known| known.answer == digest)
        });
        Ok(Asked {
            request,
            signed,
            key,
            now: self.state.clock.now(),
            before: before.and_then(|before| before.unverified().ok()),
            repeated: known.is_some(),
        })
    }

    async fn enroll(
        &self,
        asked: &Asked<'_>,
        enrollment: &CarriedEnrollment,
        answer: &mut CarriedAnswer,
        imported: &mut Imported,
    ) -> Result<(), ProblemCode> {
        let before = asked.before.as_ref().and_then(|before| before.enrollment.clone());
        let (outcome, enrolled) = match before {
            // The token may have ended meanwhile; the computer is enrolled all the same.
            Some(issued @ EnrollmentAnswer::Issued(_)) => (ImportOutcome::Repeated, issued),
            _ => {
                let csr = Csr::read(&asked.request.csr).map_err(|error| IssueError::Csr(error).problem_code())?;
                if csr.public_key.fingerprint() != asked.key {
                    return Err(ProblemCode::CsrMalformed);
                }
                let enrolled = enrollment::enroll_carried(&self.state, asked.signed, &asked.request, enrollment, asked.now).await?;
                (ImportOutcome::Enrolled, enrolled)
            }
        };
        imported.outcome = outcome;
        match &enrolled {
            EnrollmentAnswer::Issued(issued) => {
                imported.device = Some(issued.device);
                let receipt = issued.receipt.verify([self.state.authority.current().signing_key()]).ok();
                imported.organization = receipt.map(|receipt| receipt.organization_name);
            }
            EnrollmentAnswer::Pending { .. } => imported.outcome = ImportOutcome::Pending,
        }
        answer.enrollment = Some(enrolled);
        Ok(())
    }

    async fn visit(
        &self,
        asked: &Asked<'_>,
        visit: &CarriedVisit,
        part: impl FnMut(&CarriedPart) -> Option<ReportBatch>,
        answer: &mut CarriedAnswer,
        imported: &mut Imported,
    ) -> Result<Result<(), ProblemCode>, Unanswerable> {
        let identity = match self.identify(&visit.certificate) {
            PeerIdentity::Device(identity) if identity.key == asked.key => identity,
            _ => return Err(Unanswerable::Foreign),
        };
        imported.device = Some(identity.device);
        if asked.repeated {
            imported.outcome = ImportOutcome::Repeated;
        }
        Ok(self.served(asked, visit, identity, part, answer, imported).await)
    }

    /// Renewal first, because what follows needs a certificate that holds; then check-in and reports, as on line.
    async fn served(
        &self,
        asked: &Asked<'_>,
        visit: &CarriedVisit,
        identity: Arc<DeviceIdentity>,
        mut part: impl FnMut(&CarriedPart) -> Option<ReportBatch>,
        answer: &mut CarriedAnswer,
        imported: &mut Imported,
    ) -> Result<(), ProblemCode> {
        let peer = PeerIdentity::Device(identity);
        let mut identity = authenticate(&self.state, peer, Expiry::Accepted).await?;
        if let Some(renewal) = self.renewal(asked, &identity).await? {
            if let PeerIdentity::Device(new) = self.identify(&renewal.certificate) {
                identity = new;
            }
            imported.renewed = true;
            answer.renewal = Some(renewal);
        }
        let identity = authenticate(&self.state, PeerIdentity::Device(identity), Expiry::Refused).await?;
        let seen = (!asked.repeated).then(|| seen_at(visit, asked.now));
        answer.check_in = Some(check_in::carried(&self.state, &identity, visit.check_in.clone(), seen).await?);
        let Some(device) = self.state.store.device_by_key(identity.key).await.map_err(outage)? else {
            return Ok(());
        };
        for named in &visit.parts {
            let Some(batch) = part(named) else {
                imported.damaged_parts += 1;
                continue;
            };
            let (intake, region) = (&self.state.traffic.intake, &self.state.region.id);
            let judged = JudgedBatch::of(batch, &identity, region, asked.now)?;
            let answers = intake.take_in(judged, device.id).await?.answers;
            answers.iter().for_each(|answer| imported.count(answer));
            answer.reports.extend(answers);
        }
        Ok(())
    }

    /// The certificate that is due by this side's clock; the one on the stick where this request had it before.
    async fn renewal(&self, asked: &Asked<'_>, identity: &DeviceIdentity) -> Result<Option<RenewalAnswer>, ProblemCode> {
        if let Some(renewal) = asked.before.as_ref().and_then(|before| before.renewal.clone()) {
            return Ok(Some(renewal));
        }
        let life = identity.not_after.micros_since(identity.not_before);
        if asked.now.micros_since(identity.not_before) < life / 2 {
            return Ok(None);
        }
        renewed(&self.state, identity, &asked.request.csr, asked.now).await.map(Some)
    }

    fn identify(&self, chain: &Pem) -> PeerIdentity {
        let chain: Result<Vec<CertificateDer<'_>>, _> = CertificateDer::pem_slice_iter(chain.as_str().as_bytes()).collect();
        match self.trust.identify(&chain.unwrap_or_default()) {
            PeerIdentity::Device(identity) => PeerIdentity::Device(Arc::new(DeviceIdentity {
                source: IdentitySource::Carried,
                ..(*identity).clone()
            })),
            other => other,
        }
    }

    fn answered(&self, asked: &Asked<'_>, imported: Imported, answer: &CarriedAnswer) -> Result<Answered, Unanswerable> {
        let answer = self.answerer.sign(answer).map_err(|error: SignError| {
            tracing::error!(error = %crate::error_chain(&error), "an answer could not be signed");
            Unanswerable::Later(ProblemCode::Internal)
        })?;
        let row = CarriedRequestRow {
            digest: asked.signed.digest(),
            key: asked.key,
            imported_at: asked.now,
            answer: Digest::of(answer.document.as_bytes()),
        };
        Ok(Answered { imported, answer, row })
    }
}

/// When the computer was there: by the trusted time that it counted, if that can be, else now.
fn seen_at(visit: &CarriedVisit, now: Timestamp) -> Timestamp {
    visit.check_in.clock.trusted.map_or(now, |trusted| trusted.min(now))
}

impl Imported {
    fn count(&mut self, answer: &ReportAnswer) {
        let counter = match answer.outcome {
            ReportOutcome::Stored { .. } => &mut self.stored,
            ReportOutcome::Duplicate => &mut self.duplicates,
            ReportOutcome::Forked { .. } => &mut self.forked,
            ReportOutcome::Gap { .. } => &mut self.gaps,
            ReportOutcome::Refused { .. } => &mut self.refused,
            ReportOutcome::Retry => &mut self.later,
        };
        *counter += 1;
    }
}
