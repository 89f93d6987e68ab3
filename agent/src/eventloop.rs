//! The shell around the core: performs each action and brings its outcome back as an event.
//!
//! Only this module reads the clock, and only here sockets and files meet decisions. It holds what actions
//! need (key, spool, connection, the bodies of the last collection) and decides nothing about when or why.
//! One task handles events in order; slow work runs beside it and answers through a channel.

mod another_key;
pub(crate) mod deliver;
pub(crate) mod kept_bodies;
pub(crate) mod resume;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use inventory_schema::canonical::CanonicalBytes;
use inventory_schema::check_in::SpoolDepth;
use inventory_schema::enrollment::RenewalRequest;
use inventory_schema::envelope::{ChainHead, ReportKind};
use inventory_schema::measurement::Measurement;
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::Seconds;
use inventory_schema::report::SignedReport;
use inventory_schema::{DeviceId, Digest, Envelope};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::activity::ActivityLog;
use crate::clock::{Moment, SharedClock};
use crate::config::AgentConfig;
use crate::durable_file::FileError;
use crate::enrollment::{Enrollment, EnrollmentFileError, agent_version};
use crate::identity::{Identity, IdentityError, renewal_due};
use crate::inventory::evidence;
use crate::kept_evidence;
use crate::ledger::Ledger;
use crate::privileged::Collector;
use crate::reconciler::{Action, Event, Failure, Holdings, Reconciler, Schedule, Subject};
use crate::rekey::{self, RekeyError};
use crate::spool::{Spool, SpoolError, SpoolLimits};
use crate::transport::{Transport, TransportError, TransportFailure};
use kept_bodies::KeptBodies;

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("this computer is not enrolled; run: cos-agent enroll TOKEN")]
    NotEnrolled,
    #[error(transparent)]
    Enrollment(#[from] EnrollmentFileError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("the key in {0} is missing although the computer is enrolled; enroll it again")]
    KeyMissing(PathBuf),
    #[error(transparent)]
    Ledger(#[from] FileError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Rekey(#[from] RekeyError),
}

/// Runs an enrolled agent until `stop` resolves.
pub async fn run(config: AgentConfig, collector: Collector, clock: SharedClock, stop: impl Future<Output = ()>) -> Result<(), RunError> {
    let (_nothing_measures, measurements) = mpsc::channel(1);
    run_reporting(config, collector, clock, measurements, stop).await
}

/// The same, and reports every measurement that comes, signed, in the chain.
pub async fn run_reporting(
    config: AgentConfig,
    collector: Collector,
    clock: SharedClock,
    mut measurements: mpsc::Receiver<Measurement>,
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let (events, mut arriving) = mpsc::channel(16);
    let mut shell = Shell::start(config, collector, clock, events)?;
    let mut stop = std::pin::pin!(stop);
    for day in shell.unreported_days() {
        shell.handle(day);
    }
    let mut event = Event::Woken;
    loop {
        if shell.handle(event) {
            return Ok(());
        }
        event = tokio::select! {
            () = &mut stop => Event::Stopping,
            () = shell.until_wakeup() => Event::Woken,
            Some(measurement) = measurements.recv() => shell.made(ReportKind::Measurement, &measurement),
            arrived = arriving.recv() => {
                let arrived = arrived.expect("the shell itself holds a sender");
                // What was asked with the key before concerns nobody any more.
                if arrived.key.is_some_and(|key| key != shell.keys) { Event::Woken } else { arrived.event }
            }
        };
    }
}

/// An event on its way to the core.
struct Arriving {
    event: Event,
    /// By how many changes of keys it was asked; `None` where it does not matter.
    key: Option<u32>,
}

struct Shell {
    config: AgentConfig,
    collector: Collector,
    clock: SharedClock,
    enrollment: Enrollment,
    identity: Arc<Mutex<Identity>>,
    transport: Arc<Transport>,
    spool: Arc<Mutex<Spool>>,
    bodies: Arc<Mutex<KeptBodies>>,
    core: Reconciler,
    activity: Arc<Mutex<ActivityLog>>,
    events: mpsc::Sender<Arriving>,
    /// How often the key was changed in this run.
    keys: u32,
    /// The last failure that was logged, so that a week without a controller is one line and not ten thousand.
    last_failure: Arc<Mutex<Option<String>>>,
}

impl Shell {
    fn start(config: AgentConfig, collector: Collector, clock: SharedClock, events: mpsc::Sender<Arriving>) -> Result<Self, RunError> {
        let state = &config.state_dir;
        rekey::finish(state)?;
        let enrollment = Enrollment::load(state)?.ok_or(RunError::NotEnrolled)?;
        let identity = Identity::load(state)?.ok_or_else(|| RunError::KeyMissing(state.clone()))?;
        let kept = kept_evidence::load(state)?.unwrap_or_default();
        let (spool, damage) = Spool::open(&state.join("spool"), limits(&config))?;
        for damaged in damage {
            tracing::warn!(file = %damaged.file.display(), fault = ?damaged.fault, "a waiting report was damaged and moved aside");
        }
        let ledger = Ledger::load(state)?.of_key(identity.fingerprint()).caught_up(spool.newest_head());
        let activity = ActivityLog::load(state)?;
        let transport = Transport::new(&enrollment, &identity, &config, clock.clone())?;
        let now = clock.moment();
        let subject = subject(&enrollment, &identity);
        let schedule = Schedule {
            collect_every: config.inventory_interval_seconds.duration(),
            ..Schedule::default()
        };
        let seed = u64::from_le_bytes(first_eight(enrollment.device.as_uuid().as_bytes())) ^ now.device.unix_micros().unsigned_abs();
        let core = Reconciler::new(subject, schedule, seed, ledger, holdings(&enrollment), spool.depth(), now).recognizing(kept);
        tracing::info!(device.id = %enrollment.device, waiting = spool.depth().reports.get(), "the agent runs");
        Ok(Self {
            collector,
            clock,
            identity: Arc::new(Mutex::new(identity)),
            transport: Arc::new(transport),
            spool: Arc::new(Mutex::new(spool)),
            bodies: Arc::default(),
            activity: Arc::new(Mutex::new(activity)),
            core,
            events,
            keys: 0,
            last_failure: Arc::default(),
            enrollment,
            config,
        })
    }

    /// Hands the event to the core and performs what it names; true when the agent should end.
    fn handle(&mut self, event: Event) -> bool {
        match &event {
            Event::CheckInAnswered(answer) => {
                self.clock.told(answer.server_time);
                self.contact_is_well();
            }
            Event::TimeReceived(time) => {
                self.clock.told(*time);
            }
            Event::Renewed => self.reconnect(),
            Event::Rekeyed(rekeyed) => self.reload(rekeyed.subject.device),
            _ => {}
        }
        let now = self.clock.moment();
        let due = lock(&self.identity)
            .certificate_validity()
            .is_some_and(|validity| renewal_due(&validity, self.clock.now()));
        self.core.set_renewal_due(due, now);
        let mut actions = self.core.handle(event, now);
        if let Some(day) = self.mark_activity(now) {
            actions.extend(self.core.handle(day, now));
        }
        let mut ending = false;
        for action in actions {
            ending |= self.perform(action);
        }
        ending
    }

    async fn until_wakeup(&self) {
        match self.core.next_wakeup() {
            None => std::future::pending().await,
            Some(at) => {
                let pause = at.saturating_sub(self.clock.moment().uptime);
                // The timer stops while the computer sleeps and the boot clock does not: look again now and then.
                tokio::time::sleep(pause.min(Duration::from_secs(60))).await;
            }
        }
    }

    fn perform(&mut self, action: Action) -> bool {
        match action {
            Action::Collect => self.collect(),
            Action::CheckIn {
                request,
                wait,
                with_receipt,
            } => {
                let mut request = *request;
                request.signed_receipt = with_receipt.then(|| self.enrollment.receipt.clone());
                let transport = self.transport.clone();
                self.begin(
                    async move { transport.check_in(&request, wait).await },
                    |answer| Event::CheckInAnswered(Box::new(answer)),
                    Event::CheckInFailed,
                );
            }
            Action::Spool { envelope, sections } => self.spool_report(*envelope, move |bodies| bodies.of(&sections)),
            Action::SpoolDocument { envelope, body } => {
                self.spool_report(*envelope, move |bodies| bodies.document(body));
            }
            Action::Deliver => {
                let (transport, spool) = (self.transport.clone(), self.spool.clone());
                self.begin(
                    deliver::deliver(transport, spool),
                    |(answers, depth)| Event::Delivered { answers, depth },
                    Event::DeliveryFailed,
                );
            }
            Action::Resume { head, reason } => self.resume(head, reason),
            Action::Renew => self.renew(),
            Action::AskTime => {
                let transport = self.transport.clone();
                self.begin(
                    async move { transport.time().await },
                    |answer| Event::TimeReceived(answer.server_time),
                    Event::TimeFailed,
                );
            }
            Action::SaveLedger(ledger) => {
                if let Err(error) = ledger.save(&self.config.state_dir) {
                    tracing::warn!(error = %chain(&error), "the ledger was not saved; the next check-in repairs it");
                }
            }
            Action::AdoptTrust(trust) => {
                let accepted = self.enrollment.accept_trust(trust);
                self.adopted(accepted.map_err(|error| chain(&error)), "trust bundle");
            }
            Action::AdoptReceipt(receipt) => {
                let accepted = self.enrollment.accept_receipt(receipt);
                self.adopted(accepted.map(|_| ()).map_err(|error| chain(&error)), "receipt");
            }
            Action::KeepEvidence(evidence) => {
                if let Err(error) = kept_evidence::save(&self.config.state_dir, &evidence) {
                    tracing::warn!(error = %chain(&error), "what this computer is known by was not saved");
                }
            }
            Action::AskForKey {
                reason,
                forked,
                evidence,
                boot,
            } => {
                tracing::warn!(
                    ?reason,
                    "the key may be another computer's: nothing is signed until the controller has answered"
                );
                let asking = another_key::Asking {
                    state_dir: self.config.state_dir.clone(),
                    limits: limits(&self.config),
                    spool: self.spool.clone(),
                    enrollment: self.enrollment.clone(),
                    transport: self.transport.clone(),
                };
                let question = another_key::Question {
                    reason,
                    forked,
                    evidence: *evidence,
                    boot,
                };
                self.begin(asking.ask(question), |event| event, Event::RekeyFailed);
            }
            Action::Stop => return true,
        }
        false
    }

    /// Runs a request beside the loop; its outcome comes back as an event.
    fn begin<T: Send + 'static>(
        &self,
        request: impl Future<Output = Result<T, TransportFailure>> + Send + 'static,
        succeeded: impl FnOnce(T) -> Event + Send + 'static,
        failed: fn(Failure) -> Event,
    ) {
        let (events, last_failure) = (self.events.clone(), self.last_failure.clone());
        let key = Some(self.keys);
        tokio::spawn(async move {
            let event = match request.await {
                Ok(answer) => succeeded(answer),
                Err(failure) => {
                    log_once(&last_failure, &failure);
                    failed(failure_of(&failure))
                }
            };
            // Nobody listens any more when the agent ends.
            let _ = events.send(Arriving { event, key }).await;
        });
    }

    /// Runs work on files beside the loop.
    fn begin_blocking(&self, work: impl FnOnce() -> Event + Send + 'static) {
        let events = self.events.clone();
        tokio::task::spawn_blocking(move || {
            let _ = events.blocking_send(Arriving { event: work(), key: None });
        });
    }

    fn collect(&self) {
        let (collector, bodies, events) = (self.collector.clone(), self.bodies.clone(), self.events.clone());
        self.begin_blocking(move || {
            let sections = match collector.collect() {
                Ok(inventory) => {
                    let event = Event::HardwareSeen(Box::new(evidence(&inventory)));
                    let _ = events.blocking_send(Arriving { event, key: None });
                    lock(&bodies).keep(&inventory.sections)
                }
                Err(error) => {
                    tracing::error!(error = %chain(&error), "the hardware could not be looked at");
                    Default::default()
                }
            };
            Event::Collected { sections }
        });
    }

    /// Notes that the computer runs; answers a day that is over.
    fn mark_activity(&self, now: Moment) -> Option<Event> {
        let mut log = lock(&self.activity);
        let marked = log.mark(now, self.clock.trusted());
        if marked.changed
            && let Err(error) = log.save(&self.config.state_dir)
        {
            tracing::warn!(error = %chain(&error), "when this computer ran was not saved; it is tried again within a quarter of an hour");
        }
        marked.finished.map(|day| self.made(ReportKind::Activity, &day))
    }

    /// Days that were over when the agent ended, and that no report on disk carries.
    fn unreported_days(&self) -> Vec<Event> {
        let log = lock(&self.activity);
        log.unreported().iter().map(|day| self.made(ReportKind::Activity, day)).collect()
    }

    /// Keeps a finished document until the core has it signed.
    fn made(&self, kind: ReportKind, document: &impl Serialize) -> Event {
        Event::DocumentMade {
            kind,
            body: lock(&self.bodies).keep_document(document),
        }
    }

    fn spool_report(&self, envelope: Envelope, named: impl FnOnce(&KeptBodies) -> BTreeMap<Digest, String> + Send + 'static) {
        let (spool, kept, identity) = (self.spool.clone(), self.bodies.clone(), self.identity.clone());
        let (activity, state_dir) = (self.activity.clone(), self.config.state_dir.clone());
        self.begin_blocking(move || {
            let report = sign(&envelope, &lock(&identity));
            let bodies = named(&lock(&kept));
            let mut spool = lock(&spool);
            match spool.append(&report, &bodies) {
                Ok(cost) => {
                    if let Some(body) = envelope.body {
                        lock(&kept).forget_document(body);
                        if envelope.kind == ReportKind::Activity {
                            forget_day(&mut lock(&activity), body, &state_dir);
                        }
                    }
                    if cost.tombstoned + cost.forgotten > 0 {
                        tracing::warn!(
                            tombstoned = cost.tombstoned,
                            forgotten = cost.forgotten,
                            "the spool is full: the oldest reports lost their bodies"
                        );
                    }
                    Event::Spooled { depth: spool.depth() }
                }
                Err(error) => {
                    tracing::error!(error = %chain(&error), "a report could not be kept on disk and will be made again");
                    Event::SpoolFailed
                }
            }
        });
    }

    fn resume(&self, head: ChainHead, reason: inventory_schema::envelope::Resumption) {
        let (spool, identity) = (self.spool.clone(), self.identity.clone());
        self.begin_blocking(move || {
            let mut spool = lock(&spool);
            match resume::resume(&mut spool, &lock(&identity), head, reason) {
                Ok(newest) => Event::Resumed {
                    newest,
                    depth: spool.depth(),
                },
                Err(error) => {
                    tracing::error!(error = %chain(&error), "waiting reports could not be signed anew");
                    Event::ResumeFailed
                }
            }
        });
    }

    fn renew(&self) {
        let (transport, identity) = (self.transport.clone(), self.identity.clone());
        let csr = lock(&identity).csr();
        self.begin(
            async move {
                let csr = csr.map_err(|error| local_failure(&error))?;
                let answer = transport
                    .renew(&RenewalRequest {
                        csr,
                        agent: agent_version(),
                    })
                    .await?;
                lock(&identity)
                    .install_certificate(&answer.certificate)
                    .map_err(|error| local_failure(&error))
            },
            |()| Event::Renewed,
            Event::RenewalFailed,
        );
    }

    /// Keeps what the controller told of this agent, and connects by it from now on.
    fn adopted(&mut self, accepted: Result<(), String>, what: &str) {
        let saved = accepted.and_then(|()| self.enrollment.save(&self.config.state_dir).map_err(|error| chain(&error)));
        match saved {
            Ok(()) => tracing::info!("a new {what} was taken over"),
            Err(error) => tracing::warn!(%error, "a new {what} was not taken over"),
        }
        self.core.set_holdings(holdings(&self.enrollment));
        self.reconnect();
    }

    /// From now on the agent is who the files say.
    fn reload(&mut self, device: DeviceId) {
        let state = &self.config.state_dir;
        match (Enrollment::load(state), Identity::load(state)) {
            (Ok(Some(enrollment)), Ok(Some(identity))) => {
                self.enrollment = enrollment;
                *lock(&self.identity) = identity;
                self.keys += 1;
                tracing::warn!(device.id = %device, "this computer has a key of its own now");
            }
            _ => tracing::error!("the new key cannot be read; the agent goes on at its next start"),
        }
        self.reconnect();
    }

    /// Connections from now on use the present certificate and trust; requests under way end on the old ones.
    fn reconnect(&mut self) {
        match Transport::new(&self.enrollment, &lock(&self.identity), &self.config, self.clock.clone()) {
            Ok(transport) => self.transport = Arc::new(transport),
            Err(error) => tracing::error!(error = %chain(&error), "the connection settings were refused; the old ones stay"),
        }
    }

    fn contact_is_well(&self) {
        if lock(&self.last_failure).take().is_some() {
            tracing::info!("the controller answers again");
        }
    }
}

/// The envelope's canonical bytes with the device key's signature over exactly them.
pub fn sign(envelope: &Envelope, identity: &Identity) -> SignedReport {
    let envelope = CanonicalBytes::of(envelope).expect("an envelope is text, integers and digests");
    let signature = identity.sign(envelope.as_bytes());
    SignedReport {
        envelope: envelope.into_text(),
        signature,
    }
}

fn limits(config: &AgentConfig) -> SpoolLimits {
    SpoolLimits {
        bytes: config.spool.max_bytes,
        reports: config.spool.max_reports,
    }
}

fn subject(enrollment: &Enrollment, identity: &Identity) -> Subject {
    Subject {
        region: enrollment.region.clone(),
        device: enrollment.device,
        key: identity.fingerprint(),
        agent: agent_version(),
    }
}

/// What the core compares with the controller's.
pub fn holdings(enrollment: &Enrollment) -> Holdings {
    Holdings {
        trust: Some(enrollment.trust.digest()),
        receipt: Some(Digest::of(enrollment.receipt.document.as_bytes())),
    }
}

/// What the core needs to know of a failure.
pub fn failure_of(failure: &TransportFailure) -> Failure {
    match failure {
        TransportFailure::CertificateTimeInvalid { .. } => Failure::WrongTime,
        TransportFailure::Problem(problem) => failure_of_code(problem.code, problem.retry_after),
        _ => Failure::Unreachable,
    }
}

/// What the core needs to know of a refusal.
pub(crate) fn failure_of_code(code: ProblemCode, retry_after: Option<Seconds>) -> Failure {
    match code {
        ProblemCode::CertificateExpired => Failure::CertificateExpired,
        ProblemCode::Busy | ProblemCode::StorageUnavailable | ProblemCode::Internal => Failure::Busy(retry_after),
        code => Failure::Refused(code),
    }
}

/// A failure on this side of the line, in the words that requests fail in.
fn local_failure(error: &(dyn std::error::Error + 'static)) -> TransportFailure {
    tracing::error!(error = %chain(error), "the key or the certificate cannot be used");
    TransportFailure::Broken {
        controller: String::new(),
        reason: chain(error),
    }
}

/// A report on disk carries the day. Were that not noted, it would be reported once more, which changes nothing.
fn forget_day(log: &mut ActivityLog, day: Digest, state_dir: &Path) {
    log.reported(day);
    if let Err(error) = log.save(state_dir) {
        tracing::warn!(error = %chain(&error), "that a day was reported was not saved");
    }
}

fn log_once(last: &Mutex<Option<String>>, failure: &TransportFailure) {
    let text = chain(failure);
    let mut last = lock(last);
    if last.as_ref() != Some(&text) {
        match (failure, failure_of(failure)) {
            (TransportFailure::Problem(problem), Failure::Busy(_)) => {
                tracing::warn!("the controller cannot serve now: {}; the agent keeps trying", problem.code);
            }
            (TransportFailure::Problem(problem), _) => tracing::warn!("the controller refuses this device: {}", problem.code),
            _ => tracing::warn!(failure = %text, "the controller was not reached; the agent keeps trying"),
        }
        *last = Some(text);
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn first_eight(bytes: &[u8; 16]) -> [u8; 8] {
    // The last eight are the random ones of a version 7 identifier.
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[8..]);
    eight
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Depth and answers of one delivery.
type Deliveries = (Vec<crate::reconciler::Delivery>, SpoolDepth);
