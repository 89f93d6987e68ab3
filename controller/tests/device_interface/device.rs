//! A computer with a real agent: enrolled by the agent's own code, and able to say what no honest agent would.

use std::collections::BTreeMap;

use cos_agent::clock::SharedClock;
use cos_agent::config::AgentConfig;
use cos_agent::enrollment::{EnrollError, Enrolled, Enrolling, Enrollment, enroll};
use cos_agent::eventloop::{self, RunError};
use cos_agent::identity::Identity;
use cos_agent::ledger::Ledger;
use cos_agent::platform::FileTree;
use cos_agent::privileged::Collector;
use cos_agent::transport::{Transport, TransportFailure};
use cos_controller::store::Scope;
use cos_controller::store::device::Device as DeviceRecord;
use inventory_schema::check_in::{CheckIn, ProtocolRange, SpoolDepth};
use inventory_schema::device::BootId;
use inventory_schema::enrollment::{EnrollmentToken, HardwareEvidence};
use inventory_schema::envelope::{ChainHead, ChainPlace, EnvelopeFormat, ReceivedEnvelope, ReportClock, ReportKind};
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::Microseconds;
use inventory_schema::report::{ReportBatch, ReportOutcome, SignedReport};
use inventory_schema::{CanonicalBytes, DeviceId, Digest, Envelope, KeyFingerprint, SectionName, Timestamp};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::region::Region;

/// A computer before enrollment: a state folder, a clock and a tree of files to be looked at.
#[derive(Debug)]
pub struct Computer {
    pub folder: TempDir,
    pub config: AgentConfig,
    pub clock: SharedClock,
}

impl Computer {
    pub fn new(region: &Region) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = AgentConfig {
            state_dir: folder.path().join("state"),
            ..AgentConfig::default()
        };
        config.proxy.direct = true;
        let computer = Self {
            clock: region.clock.for_an_agent(),
            folder,
            config,
        };
        computer.set_memory(8_000_000);
        computer
    }

    pub fn root(&self) -> std::path::PathBuf {
        self.folder.path().join("root")
    }

    /// What the computer's `/proc/meminfo` says.
    pub fn set_memory(&self, kibibytes: u64) {
        std::fs::create_dir_all(self.root().join("proc")).unwrap();
        std::fs::write(self.root().join("proc/meminfo"), format!("MemTotal: {kibibytes} kB\n")).unwrap();
    }

    /// Enrolls with this evidence, whatever the computer's own hardware says.
    pub async fn enrolled_as(&self, token: &EnrollmentToken, evidence: HardwareEvidence) -> DeviceId {
        match self.enroll(&token.to_line(), evidence, false).await.unwrap() {
            Enrolled::New { enrollment, .. } => enrollment.device,
            other => panic!("{other:?}"),
        }
    }

    /// What it knows of its enrollment now.
    pub fn enrollment(&self) -> Enrollment {
        Enrollment::load(&self.config.state_dir).unwrap().unwrap()
    }

    /// The device that it takes itself for.
    pub fn who(&self) -> DeviceId {
        self.enrollment().device
    }

    pub fn identity(&self) -> Identity {
        Identity::load(&self.config.state_dir).unwrap().unwrap()
    }

    pub fn key(&self) -> KeyFingerprint {
        self.identity().fingerprint()
    }

    pub fn collector(&self) -> Collector {
        Collector::OwnRights(FileTree::new(self.root()))
    }

    pub async fn enroll(&self, line: &str, evidence: HardwareEvidence, again: bool) -> Result<Enrolled, EnrollError> {
        let enrolling = Enrolling {
            config: &self.config,
            evidence,
            clock: self.clock.clone(),
            again,
        };
        enroll(line, enrolling, |_| {}).await
    }

    pub async fn enrolled(self, token: &EnrollmentToken) -> Device {
        match self.enroll(&token.to_line(), HardwareEvidence::default(), false).await.unwrap() {
            Enrolled::New { enrollment, .. } => Device::of(self, *enrollment),
            other => panic!("{other:?}"),
        }
    }

    /// Starts the agent's event loop.
    pub fn run(&self) -> Running {
        self.run_with(self.config.clone())
    }

    pub fn run_with(&self, config: AgentConfig) -> Running {
        let (stop, stopped) = oneshot::channel::<()>();
        let run = eventloop::run(config, self.collector(), self.clock.clone(), async {
            // A test that ended means the same.
            let _ = stopped.await;
        });
        Running {
            stop,
            task: tokio::spawn(run),
        }
    }

    /// Settings by which no controller is reached.
    pub fn config_of_nobody(&self) -> AgentConfig {
        AgentConfig {
            controllers: vec!["https://127.0.0.1:1".parse().unwrap()],
            ..self.config.clone()
        }
    }

    pub fn ledger(&self) -> Ledger {
        Ledger::load(&self.config.state_dir).unwrap()
    }
}

/// An enrolled computer, with its chain in the test's hands.
#[derive(Debug)]
pub struct Device {
    pub computer: Computer,
    pub enrollment: Enrollment,
    pub identity: Identity,
    pub transport: Transport,
    /// The newest envelope that [`Self::report`] made.
    pub head: Option<ChainHead>,
}

impl Device {
    pub fn of(computer: Computer, enrollment: Enrollment) -> Self {
        let identity = computer.identity();
        let transport = Transport::new(&enrollment, &identity, &computer.config, computer.clock.clone()).unwrap();
        Self {
            computer,
            enrollment,
            identity,
            transport,
            head: None,
        }
    }

    pub async fn new(region: &Region) -> Self {
        let token = region.token(1).await;
        Computer::new(region).enrolled(&token).await
    }

    /// Calls the region where it listens now, with what lies in the state folder now.
    pub fn reconnected(self, region: &Region) -> Self {
        self.connected_to(&region.controller_url())
    }

    /// Calls the controller at this address.
    pub fn connected_to(self, url: &str) -> Self {
        let mut computer = self.computer;
        computer.config.controllers = vec![url.parse().unwrap()];
        Self {
            head: self.head,
            ..Self::of(computer, self.enrollment)
        }
    }

    pub async fn record(&self, region: &Region) -> Option<DeviceRecord> {
        region.store().device(Scope::REGION, self.enrollment.device).await.unwrap()
    }

    /// The next envelope of this device's chain, stating `sections`.
    pub fn envelope(&self, sections: BTreeMap<SectionName, Digest>) -> Envelope {
        Envelope {
            format: EnvelopeFormat::V1,
            region: self.enrollment.region.clone(),
            device: self.enrollment.device,
            key: self.identity.fingerprint(),
            place: self.head.map_or(ChainPlace::FIRST, |head| head.place.next()),
            previous: self.head.map(|head| head.digest),
            resumed: None,
            kind: ReportKind::Inventory,
            body: None,
            agent: "0.1.0".parse().unwrap(),
            clock: self.report_clock(),
            sections,
        }
    }

    fn report_clock(&self) -> ReportClock {
        ReportClock {
            device: self.computer.clock.moment().device,
            trusted: None,
            boot: BootId::from_uuid(uuid::Uuid::from_u128(7)),
            uptime: Microseconds::saturating(5),
        }
    }

    pub fn sign(&self, envelope: &Envelope) -> SignedReport {
        self.sign_text(CanonicalBytes::of(envelope).unwrap().into_text())
    }

    pub fn sign_text(&self, envelope: String) -> SignedReport {
        SignedReport {
            signature: self.identity.sign(envelope.as_bytes()),
            envelope,
        }
    }

    /// The next report of the chain, as a batch with its bodies.
    pub fn report(&mut self, bodies: &[(SectionName, &str)]) -> ReportBatch {
        let batch = self.batch(&self.envelope(digests(bodies)), bodies);
        self.head = Some(head_of(&batch.reports[0]));
        batch
    }

    pub fn batch(&self, envelope: &Envelope, bodies: &[(SectionName, &str)]) -> ReportBatch {
        ReportBatch {
            reports: vec![self.sign(envelope)],
            bodies: bodies.iter().map(|(_, body)| (digest(body), (*body).to_owned())).collect(),
        }
    }

    /// Sends a batch of one report.
    pub async fn send(&self, batch: &ReportBatch) -> ReportOutcome {
        let mut answers = self.transport.send_reports(batch).await.unwrap().answers;
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].digest, digest(&batch.reports[0].envelope));
        answers.remove(0).outcome
    }

    /// A check-in that believes the controller to hold nothing.
    pub fn check_in(&self) -> CheckIn {
        CheckIn {
            protocol: ProtocolRange::CURRENT,
            agent: "0.1.0".parse().unwrap(),
            clock: self.report_clock(),
            believed: None,
            held: BTreeMap::new(),
            acknowledged: self.head,
            trust: Some(self.enrollment.trust.digest()),
            receipt: Some(digest(&self.enrollment.receipt.document)),
            signed_receipt: None,
            spool: SpoolDepth::default(),
            evidence: None,
            hardware: None,
            collection: None,
        }
    }

    /// Starts the agent's event loop.
    pub fn run(&self) -> Running {
        self.computer.run()
    }
}

/// A running agent.
#[derive(Debug)]
pub struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RunError>>,
}

impl Running {
    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap().unwrap();
    }
}

pub fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

pub fn digests(bodies: &[(SectionName, &str)]) -> BTreeMap<SectionName, Digest> {
    bodies.iter().map(|(name, body)| (*name, digest(body))).collect()
}

pub fn head_of(report: &SignedReport) -> ChainHead {
    ReceivedEnvelope::read(report.envelope.clone().into_bytes()).unwrap().head()
}

/// A memory section, different for each `bytes`.
pub fn memory(bytes: u64) -> String {
    format!(r#"{{"content":{{"usable":{{"source":"proc_meminfo","value":{bytes}}}}},"format":"memory/1"}}"#)
}

/// The code that a controller refused with.
pub fn refusal<T: std::fmt::Debug>(result: Result<T, TransportFailure>) -> ProblemCode {
    match result {
        Err(TransportFailure::Problem(problem)) => {
            assert_eq!(problem.detail.as_str(), problem.code.sentence());
            assert_eq!(problem.status, problem.code.status());
            problem.code
        }
        other => panic!("not refused: {other:?}"),
    }
}

/// Microseconds from `earlier` to `later`, as whole seconds.
pub fn seconds_between(earlier: Timestamp, later: Timestamp) -> i64 {
    later.micros_since(earlier) / 1_000_000
}
