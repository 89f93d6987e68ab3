//! The shell of one boot: performs what the core names. Dropping it is a power cut.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cos_agent::clock::SharedClock;
use cos_agent::enrollment::{Enrollment, agent_version};
use cos_agent::eventloop::{failure_of, holdings, sign};
use cos_agent::identity::{Identity, renewal_due};
use cos_agent::reconciler::{Action, Delivery, Event, Reconciler, Schedule, Subject, resume_from};
use cos_agent::transport::proxy::Route;
use cos_agent::transport::tls::Anchor;
use cos_agent::transport::{Patience, Settings, Transport, TransportFailure};
use inventory_schema::check_in::{CheckIn, SpoolDepth};
use inventory_schema::device::BootId;
use inventory_schema::enrollment::{ControllerUrl, RenewalRequest};
use inventory_schema::envelope::{ChainHead, Resumption};
use inventory_schema::quantity::Seconds;
use inventory_schema::report::{ReportAnswer, ReportOutcome};
use inventory_schema::{Digest, Envelope, SectionName};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::World;
use crate::hardware::Bodies;
use crate::record::{Log, count};
use crate::spool::{Disk, Waiting};

/// What a boot finds.
pub(super) struct Boot {
    pub(super) world: Arc<World>,
    pub(super) controllers: Vec<ControllerUrl>,
    pub(super) enrollment: Enrollment,
    pub(super) identity: Arc<Mutex<Identity>>,
    pub(super) disk: Arc<Mutex<Disk>>,
    pub(super) log: Arc<Log>,
    /// The hardware as it is now.
    pub(super) bodies: Bodies,
    pub(super) id: BootId,
    pub(super) seed: u64,
    pub(super) clock_off: i64,
    /// When the agent was started, while no report of it was stored yet.
    pub(super) visible: Option<Instant>,
}

pub(super) enum Ended {
    Stopped,
    /// The planned moment has come.
    Planned,
}

pub(super) struct Shell {
    boot: Boot,
    core: Reconciler,
    clock: SharedClock,
    clock_off: Arc<AtomicI64>,
    transport: Arc<Transport>,
    /// What the last look at the hardware found.
    collected: Bodies,
    events: mpsc::UnboundedSender<Event>,
    arriving: mpsc::UnboundedReceiver<Event>,
    /// When this boot began, until the controller answered.
    unanswered_since: Option<Instant>,
    /// Requests under way; they end with the shell.
    requests: JoinSet<()>,
}

impl Shell {
    pub(super) fn start(boot: Boot) -> Self {
        let (disk, key) = (lock(&boot.disk).clone(), lock(&boot.identity).fingerprint());
        let clock_off = Arc::new(AtomicI64::new(boot.clock_off));
        let off = clock_off.clone();
        let clock = super::clock(boot.world.time, boot.id, disk.ledger.trusted_time, move || {
            off.load(Ordering::Relaxed)
        });
        let subject = Subject {
            region: boot.enrollment.region.clone(),
            device: boot.enrollment.device,
            key,
            agent: agent_version(),
        };
        let schedule = Schedule {
            collect_every: boot.world.collect_every,
            ..Schedule::default()
        };
        let (holdings, depth) = (holdings(&boot.enrollment), disk.spool.depth());
        let ledger = disk.ledger.of_key(key).caught_up(disk.spool.newest_head());
        let core = Reconciler::new(subject, schedule, boot.seed, ledger, holdings, depth, clock.moment());
        let (events, arriving) = mpsc::unbounded_channel();
        Self {
            transport: Arc::new(connect(&boot, &clock)),
            core,
            clock,
            clock_off,
            collected: Bodies::new(),
            events,
            arriving,
            unanswered_since: Some(Instant::now()),
            requests: JoinSet::new(),
            boot,
        }
    }

    /// Runs the event loop until the world stops or simulated time is `planned`.
    pub(super) async fn run_until(&mut self, planned: Option<Duration>, stop: &mut watch::Receiver<bool>) -> Ended {
        let time = self.boot.world.time;
        let mut event = Event::Woken;
        loop {
            self.handle(event);
            let due = planned.map(|at| time.real(at.saturating_sub(time.elapsed())));
            event = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ended::Stopped,
                () = asleep(due) => return Ended::Planned,
                () = asleep(self.until_wakeup()) => Event::Woken,
                arrived = self.arriving.recv() => arrived.expect("the shell itself holds a sender"),
            };
        }
    }

    pub(super) fn hardware_is(&mut self, bodies: Bodies) {
        self.boot.bodies = bodies;
        self.note_whether_settled();
    }

    pub(super) fn clock_is_off(&self, seconds: i64) {
        self.clock_off.store(seconds, Ordering::Relaxed);
    }

    pub(super) fn enrollment(&self) -> &Enrollment {
        &self.boot.enrollment
    }

    pub(super) fn visible(&self) -> Option<Instant> {
        self.boot.visible
    }

    fn until_wakeup(&self) -> Option<Duration> {
        let pause = self.core.next_wakeup()?.saturating_sub(self.clock.moment().uptime);
        Some(self.boot.world.time.real(pause))
    }

    fn handle(&mut self, event: Event) {
        match &event {
            Event::CheckInAnswered(answer) => {
                self.clock.told(answer.server_time);
                if let Some(since) = self.unanswered_since.take() {
                    self.boot.world.figures.returned_times.add(since.elapsed());
                }
            }
            Event::TimeReceived(time) => drop(self.clock.told(*time)),
            Event::Renewed => self.reconnect(),
            Event::Delivered { answers, .. } => self.note_visible(answers),
            _ => {}
        }
        while self.requests.try_join_next().is_some() {}
        let now = self.clock.moment();
        let validity = lock(&self.boot.identity).certificate_validity();
        let due = validity.is_some_and(|validity| renewal_due(&validity, self.clock.now()));
        self.core.set_renewal_due(due, now);
        for action in self.core.handle(event, now) {
            self.perform(action);
        }
        self.note_whether_settled();
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Collect => {
                self.collected = self.boot.bodies.clone();
                let sections = self.collected.iter().map(|(name, (digest, _))| (*name, *digest)).collect();
                self.tell(Event::Collected { sections });
            }
            Action::CheckIn {
                request,
                wait,
                with_receipt,
            } => self.check_in(*request, wait, with_receipt),
            Action::Spool { envelope, sections } => self.spool(&envelope, &sections),
            // Simulated computers measure nothing.
            Action::SpoolDocument { .. } => self.tell(Event::SpoolFailed),
            Action::Deliver => self.deliver(),
            Action::Resume { head, reason } => self.resume(head, reason),
            Action::Renew => self.renew(),
            Action::AskTime => {
                let transport = self.transport.clone();
                self.ask(async move {
                    transport.time().await.map_or_else(
                        |failure| (Event::TimeFailed(failure_of(&failure)), false),
                        |answer| (Event::TimeReceived(answer.server_time), true),
                    )
                });
            }
            Action::SaveLedger(ledger) => lock(&self.boot.disk).ledger = *ledger,
            Action::AdoptTrust(trust) => {
                if self.boot.enrollment.accept_trust(trust).is_ok() {
                    self.adopted();
                }
            }
            Action::AdoptReceipt(receipt) => {
                if self.boot.enrollment.accept_receipt(receipt).is_ok() {
                    self.adopted();
                }
            }
            // Its computers have their keys to themselves: a fork is answered as the controller answers it for them.
            Action::AskForKey { .. } => self.tell(Event::RekeyKept),
            Action::KeepEvidence(_) | Action::Stop => {}
        }
    }

    fn tell(&self, event: Event) {
        // The receiver is in this shell too.
        let _ = self.events.send(event);
    }

    /// Runs a request beside the loop; its outcome comes back as an event.
    fn ask(&mut self, request: impl Future<Output = (Event, bool)> + Send + 'static) {
        let (events, figures) = (self.events.clone(), self.boot.world.figures.clone());
        self.requests.spawn(async move {
            let (event, succeeded) = request.await;
            if !succeeded {
                count(&figures.retries);
            }
            let _ = events.send(event);
        });
    }

    fn check_in(&mut self, mut request: CheckIn, wait: Seconds, with_receipt: bool) {
        request.signed_receipt = with_receipt.then(|| self.boot.enrollment.receipt.clone());
        let wait = if self.boot.world.long_polls { wait } else { Seconds::saturating(0) };
        let (transport, figures) = (self.transport.clone(), self.boot.world.figures.clone());
        let world = self.boot.world.clone();
        self.ask(async move {
            let asked = Instant::now();
            world.arrivals.note();
            match transport.check_in(&request, wait).await {
                Ok(answer) => {
                    count(&figures.check_ins);
                    if wait.get() == 0 {
                        figures.check_in_times.add(asked.elapsed());
                    }
                    (Event::CheckInAnswered(Box::new(answer)), true)
                }
                Err(failure) => (Event::CheckInFailed(failure_of(&failure)), false),
            }
        });
    }

    fn spool(&mut self, envelope: &Envelope, sections: &[SectionName]) {
        let report = sign(envelope, &lock(&self.boot.identity));
        let bodies = sections.iter().filter_map(|name| self.collected.get(name)).cloned().collect();
        let waiting = Waiting::new(report, bodies);
        {
            let mut entries = self.boot.log.entries();
            entries.spooled.insert(waiting.head.digest);
            entries.resumed.extend(envelope.resumed);
        }
        let depth = {
            let mut disk = lock(&self.boot.disk);
            disk.spool.append(waiting);
            disk.spool.depth()
        };
        self.tell(Event::Spooled { depth });
    }

    fn deliver(&mut self) {
        let (transport, disk, log) = (self.transport.clone(), self.boot.disk.clone(), self.boot.log.clone());
        let figures = self.boot.world.figures.clone();
        self.ask(async move {
            let (sent, batch) = lock(&disk).spool.batch();
            match transport.send_reports(&batch).await {
                Ok(answers) => {
                    let (answers, depth) = settle(&disk, &log, sent, answers.answers);
                    let stored = answers
                        .iter()
                        .filter(|delivery| matches!(delivery.outcome, ReportOutcome::Stored { .. }));
                    stored.for_each(|_| count(&figures.reports));
                    (Event::Delivered { answers, depth }, true)
                }
                Err(failure) => (Event::DeliveryFailed(failure_of(&failure)), false),
            }
        });
    }

    /// As the agent signs its spool anew, a whole spool at a time.
    fn resume(&mut self, head: ChainHead, reason: Resumption) {
        let identity = lock(&self.boot.identity);
        let (mut disk, mut entries) = (lock(&self.boot.disk), self.boot.log.entries());
        let old = disk.spool.take();
        let envelopes = old.iter().map(|waiting| waiting.envelope.clone()).collect();
        let mut newest = head;
        entries.resumed.extend((!old.is_empty()).then_some(reason));
        for (waiting, envelope) in old.into_iter().zip(resume_from(head, Some(reason), envelopes)) {
            entries.replaced.insert(waiting.head.digest);
            let anew = waiting.signed_anew(sign(&envelope, &identity));
            newest = anew.head;
            entries.spooled.insert(newest.digest);
            disk.spool.append(anew);
        }
        self.tell(Event::Resumed {
            newest,
            depth: disk.spool.depth(),
        });
    }

    fn renew(&mut self) {
        let (transport, identity) = (self.transport.clone(), self.boot.identity.clone());
        let csr = lock(&identity).csr().expect("a request for a key that works");
        self.ask(async move {
            let request = RenewalRequest {
                csr,
                agent: agent_version(),
            };
            let renewed: Result<(), TransportFailure> = async {
                let answer = transport.renew(&request).await?;
                lock(&identity)
                    .install_certificate(&answer.certificate)
                    .map_err(|error| TransportFailure::Broken {
                        controller: String::new(),
                        reason: error.to_string(),
                    })
            }
            .await;
            match renewed {
                Ok(()) => (Event::Renewed, true),
                Err(failure) => (Event::RenewalFailed(failure_of(&failure)), false),
            }
        });
    }

    fn adopted(&mut self) {
        self.core.set_holdings(holdings(&self.boot.enrollment));
        self.reconnect();
    }

    fn reconnect(&mut self) {
        self.transport = Arc::new(connect(&self.boot, &self.clock));
    }

    fn note_visible(&mut self, answers: &[Delivery]) {
        let stored = answers
            .iter()
            .any(|delivery| matches!(delivery.outcome, ReportOutcome::Stored { .. }));
        if stored && let Some(started) = self.boot.visible.take() {
            self.boot.world.figures.visible_times.add(started.elapsed());
        }
    }

    fn note_whether_settled(&self) {
        let ledger = self.core.ledger();
        let held = |(name, (digest, _)): (&SectionName, &(Digest, Arc<str>))| ledger.held.get(name) == Some(digest);
        let delivered = ledger.acknowledged.is_some() && ledger.acknowledged == ledger.newest && lock(&self.boot.disk).spool.is_empty();
        self.boot.log.set_settled(delivered && self.boot.bodies.iter().all(held));
    }
}

/// Forgets what is held, keeps aside what is refused.
fn settle(disk: &Mutex<Disk>, log: &Log, sent: Vec<Waiting>, answers: Vec<ReportAnswer>) -> (Vec<Delivery>, SpoolDepth) {
    let mut outcomes: BTreeMap<Digest, ReportOutcome> = answers.into_iter().map(|answer| (answer.digest, answer.outcome)).collect();
    let (mut disk, mut entries) = (lock(disk), log.entries());
    let deliveries = sent.into_iter().map(|waiting| {
        let outcome = outcomes.remove(&waiting.head.digest).unwrap_or(ReportOutcome::Retry);
        let digest = waiting.head.digest;
        let leaves = match &outcome {
            ReportOutcome::Stored { .. } | ReportOutcome::Duplicate | ReportOutcome::Forked { .. } => entries.acknowledged.insert(digest),
            ReportOutcome::Refused { .. } => entries.refused.insert(digest),
            ReportOutcome::Gap { .. } | ReportOutcome::Retry => false,
        };
        if leaves || entries.acknowledged.contains(&digest) {
            disk.spool.remove(digest);
        }
        Delivery {
            head: waiting.head,
            sections: waiting.sections(),
            outcome,
        }
    });
    let deliveries = deliveries.collect();
    (deliveries, disk.spool.depth())
}

fn connect(boot: &Boot, clock: &SharedClock) -> Transport {
    let trust = &boot.enrollment.trust;
    Transport::with_settings(Settings {
        controllers: boot.controllers.clone(),
        route: Route::Direct,
        anchor: Anchor::of_bundle(trust).expect("the trust bundle was accepted before"),
        signing_keys: trust.signing_keys.clone(),
        identity: Some(&lock(&boot.identity)),
        clock: clock.clone(),
        patience: Patience {
            connect: boot.world.patience,
            request: boot.world.patience,
        },
    })
    .expect("addresses and certificate were used before")
}

async fn asleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
