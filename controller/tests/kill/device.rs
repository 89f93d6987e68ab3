//! Computers with real keys and certificates: some whose chain the test holds, some with a whole agent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cos_agent::clock::{Moment, SharedClock};
use cos_agent::config::AgentConfig;
use cos_agent::enrollment::{Enrolled, Enrolling, Enrollment, enroll};
use cos_agent::eventloop;
use cos_agent::identity::Identity;
use cos_agent::ledger::Ledger;
use cos_agent::platform::{self, FileTree};
use cos_agent::privileged::Collector;
use cos_agent::transport::Transport;
use inventory_schema::device::BootId;
use inventory_schema::enrollment::{EnrollmentToken, HardwareEvidence};
use inventory_schema::envelope::{ChainHead, ChainPlace, EnvelopeFormat, ReceivedEnvelope, ReportClock, ReportKind};
use inventory_schema::quantity::Microseconds;
use inventory_schema::report::{ReportBatch, ReportOutcome, SignedReport};
use inventory_schema::{CanonicalBytes, Digest, Envelope, KeyFingerprint, SectionName, Timestamp};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::answer_log::{AnswerLog, Sent};

fn clock() -> SharedClock {
    let boot = BootId::generate();
    SharedClock::new(None, move || Moment {
        device: platform::wall_clock(),
        boot,
        uptime: platform::boot_clock(),
    })
}

async fn enrolled(token: &EnrollmentToken, folder: &Path) -> (AgentConfig, SharedClock, Enrollment) {
    let mut config = AgentConfig {
        state_dir: folder.join("state"),
        ..AgentConfig::default()
    };
    config.proxy.direct = true;
    let clock = clock();
    let enrolling = Enrolling {
        config: &config,
        evidence: HardwareEvidence::default(),
        clock: clock.clone(),
        again: false,
    };
    std::fs::create_dir_all(folder).unwrap();
    match enroll(&token.to_line(), enrolling, |_| {}).await.unwrap() {
        Enrolled::New { enrollment, .. } => (config, clock, *enrollment),
        other => panic!("{other:?}"),
    }
}

/// A computer that signs a chain of reports and keeps each batch until it is answered, as the agent's spool does.
#[derive(Debug)]
pub struct Device {
    number: usize,
    enrollment: Enrollment,
    identity: Identity,
    transport: Transport,
    clock: SharedClock,
    head: Option<ChainHead>,
    waiting: Option<ReportBatch>,
}

/// What became of one attempt to deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    Delivered,
    /// Told to come back: nothing, or not all, was stored.
    Later,
    /// No answer.
    Unreachable,
}

impl Device {
    pub async fn enroll(token: &EnrollmentToken, folder: &Path, number: usize) -> Self {
        let (config, clock, enrollment) = enrolled(token, &folder.join(number.to_string())).await;
        let identity = Identity::load(&config.state_dir).unwrap().unwrap();
        let transport = Transport::new(&enrollment, &identity, &config, clock.clone()).unwrap();
        Self {
            number,
            enrollment,
            identity,
            transport,
            clock,
            head: None,
            waiting: None,
        }
    }

    pub fn key(&self) -> KeyFingerprint {
        self.identity.fingerprint()
    }

    /// Signs the next batch, unless one waits.
    pub fn prepare(&mut self, reports: usize, log: &AnswerLog) {
        if self.waiting.is_some() {
            return;
        }
        let mut batch = ReportBatch::default();
        for _ in 0..reports {
            self.add_report(&mut batch, log);
        }
        self.waiting = Some(batch);
    }

    fn add_report(&mut self, batch: &mut ReportBatch, log: &AnswerLog) {
        let place = self.head.map_or(ChainPlace::FIRST, |head| head.place.next());
        let value = (self.number as u64 + 1) * 1_000_000 + place.sequence;
        let memory = format!(r#"{{"content":{{"usable":{{"source":"proc_meminfo","value":{value}}}}},"format":"memory/1"}}"#);
        let mut sections = BTreeMap::from([(SectionName::Memory, Digest::of(memory.as_bytes()))]);
        if place.sequence.is_multiple_of(8) {
            // A body that a full spool has dropped: the answer names it as missing.
            let dropped = format!("dropped by {} at {}", self.number, place.sequence);
            sections.insert(SectionName::Storage, Digest::of(dropped.as_bytes()));
        }
        let envelope = CanonicalBytes::of(&self.envelope(place, sections)).unwrap().into_text();
        let signature = self.identity.sign(envelope.as_bytes());
        let head = ReceivedEnvelope::read(envelope.clone().into_bytes()).unwrap().head();
        let body = (Digest::of(memory.as_bytes()), memory);
        let sent = Sent {
            key: self.key(),
            place,
            envelope: envelope.clone(),
            signature: signature.clone(),
            bodies: vec![body.clone()],
        };
        log.made(head.digest, sent);
        batch.bodies.insert(body.0, body.1);
        batch.reports.push(SignedReport { envelope, signature });
        self.head = Some(head);
    }

    fn envelope(&self, place: ChainPlace, sections: BTreeMap<SectionName, Digest>) -> Envelope {
        Envelope {
            format: EnvelopeFormat::V1,
            region: self.enrollment.region.clone(),
            device: self.enrollment.device,
            key: self.key(),
            place,
            previous: self.head.map(|head| head.digest),
            resumed: None,
            kind: ReportKind::Inventory,
            body: None,
            agent: "0.1.0".parse().unwrap(),
            clock: ReportClock {
                device: self.clock.moment().device,
                trusted: None,
                boot: BootId::from_uuid(uuid::Uuid::from_u128(7)),
                uptime: Microseconds::saturating(5),
            },
            sections,
        }
    }

    /// One attempt to deliver what waits. The answer goes to the log before anything else.
    pub async fn deliver(&mut self, log: &AnswerLog) -> Attempt {
        let Some(batch) = &self.waiting else {
            return Attempt::Delivered;
        };
        let under_way = log.under_way(batch);
        let answered = self.transport.send_reports(batch).await;
        if let Ok(answers) = &answered {
            log.answered(&answers.answers);
        }
        drop(under_way);
        let Ok(answers) = answered else {
            return Attempt::Unreachable;
        };
        let mut later = false;
        for answer in answers.answers {
            match answer.outcome {
                ReportOutcome::Stored { .. } | ReportOutcome::Duplicate => {}
                // Those before it in its batch were not stored this time.
                ReportOutcome::Retry | ReportOutcome::Gap { .. } => later = true,
                other => panic!("an honest chain was answered {other:?}"),
            }
        }
        if later {
            return Attempt::Later;
        }
        self.waiting = None;
        Attempt::Delivered
    }
}

/// A computer with the agent's own event loop.
#[derive(Debug)]
pub struct Agent {
    state: PathBuf,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), eventloop::RunError>>,
}

impl Agent {
    pub async fn start(token: &EnrollmentToken, folder: &Path, name: &str) -> Self {
        let folder = folder.join(name);
        let (config, clock, _) = enrolled(token, &folder).await;
        let root = folder.join("root");
        std::fs::create_dir_all(root.join("proc")).unwrap();
        std::fs::write(root.join("proc/meminfo"), "MemTotal: 8000000 kB\n").unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let state = config.state_dir.clone();
        let run = eventloop::run(config, Collector::OwnRights(FileTree::new(root)), clock, async {
            // A test that ended means the same.
            let _ = stopped.await;
        });
        Self {
            state,
            stop,
            task: tokio::spawn(run),
        }
    }

    /// When a controller last told it the time: with every answered check-in.
    fn told(&self) -> Option<Timestamp> {
        Ledger::load(&self.state).unwrap().trusted_time.map(|trusted| trusted.told())
    }

    /// Waits until a controller has answered it after `moment`, and holds all that it stated.
    pub async fn until_heard_since(&self, moment: Timestamp) {
        crate::event::until("an agent is back by itself", async || {
            let ledger = Ledger::load(&self.state).unwrap();
            let held = ledger.newest.is_some() && ledger.newest == ledger.acknowledged;
            (held && self.told().is_some_and(|told| told > moment)).then_some(())
        })
        .await;
    }

    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap().unwrap();
    }
}
