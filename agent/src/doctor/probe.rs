//! Looking: reads the state folder and asks each controller. The order and meaning are `judge`'s.

use std::io;
use std::path::Path;

use inventory_schema::canonical::CanonicalBytes;
use inventory_schema::check_in::{CheckIn, ProtocolRange, SpoolDepth};
use inventory_schema::enrollment::{ControllerUrl, EnrollmentToken, TokenAnswer, TokenQuestion};
use inventory_schema::envelope::ReportClock;
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::{Microseconds, Seconds};

use super::{CertificateState, Contact, EnrollmentState, Observations, StateDir, TokenSeen};
use crate::clock::SharedClock;
use crate::config::{AgentConfig, ConfigError};
use crate::durable_file::TEMPORARY_PREFIX;
use crate::enrollment::{Enrollment, Refusal, agent_version};
use crate::faults::Reason;
use crate::identity::Identity;
use crate::ledger::Ledger;
use crate::spool::survey;
use crate::transport::{Transport, TransportError, TransportFailure, clock_offset_micros};

/// Looks at everything. `token` is a line that was given on the command line. A configuration that cannot be
/// read is told, and the defaults stand in.
pub async fn observe(config: Result<AgentConfig, ConfigError>, token: Option<&str>, clock: &SharedClock) -> Observations {
    let (config, config_error) = match config {
        Ok(config) => (config, Ok(())),
        Err(error) => (AgentConfig::default(), Err(Reason::of(&error))),
    };
    let enrollment = Enrollment::load(&config.state_dir).map_err(|error| Reason::of(&error));
    let identity = Identity::load(&config.state_dir).map_err(|error| Reason::of(&error));
    let ledger = Ledger::load(&config.state_dir).unwrap_or_default();
    let token = token.map(EnrollmentToken::from_line);
    let mut seen = Observations {
        now: clock.now(),
        config: config_error,
        state_dir: state_dir(&config.state_dir),
        enrollment: enrollment_state(&enrollment),
        certificate: certificate_state(&enrollment, &identity),
        refusal: Refusal::load(&config.state_dir).ok().flatten(),
        token: None,
        contacts: Vec::new(),
        clock_offset_micros: None,
        check_in: None,
        spool: survey(&config.state_dir.join("spool")).map_err(|error| Reason::of(&error)),
        restored: ledger.restored,
        quarantined: ledger.doubt.is_some(),
    };
    let subject = Subject {
        config: &config,
        enrollment: enrollment.ok().flatten(),
        identity: identity.ok().flatten(),
        token: token.as_ref().and_then(|token| token.as_ref().ok()),
        clock,
    };
    subject.ask(&mut seen).await;
    let answer = subject.ask_about_token(&seen).await;
    seen.token = token.map(|token| {
        token.map(|token| TokenSeen {
            region: token.region,
            expires: token.expires,
            answer,
        })
    });
    seen.now = clock.now();
    seen
}

/// On whose behalf controllers are asked.
struct Subject<'a> {
    config: &'a AgentConfig,
    enrollment: Option<Enrollment>,
    identity: Option<Identity>,
    token: Option<&'a EnrollmentToken>,
    clock: &'a SharedClock,
}

impl Subject<'_> {
    async fn ask(&self, seen: &mut Observations) {
        for controller in self.controllers() {
            let failure = match self.transport(&controller) {
                Some(Ok(transport)) => self.ask_time(&transport, seen).await,
                Some(Err(error)) => Some(unusable(&controller, &error)),
                None => return,
            };
            seen.contacts.push(Contact { controller, failure });
        }
        if let (Some(enrollment), Some(identity)) = (&self.enrollment, &self.identity)
            // A key that may be another computer's says nothing of this one.
            && !seen.quarantined
            && seen.contacts.iter().any(|contact| contact.failure.is_none())
        {
            seen.check_in = match Transport::new(enrollment, identity, self.config, self.clock.clone()) {
                Ok(transport) => Some(
                    transport
                        .check_in(&self.check_in(enrollment), Seconds::saturating(0))
                        .await
                        .map(drop),
                ),
                Err(error) => Some(Err(unusable(&enrollment.controllers[0], &error))),
            };
        }
    }

    /// What the token's own controllers say of it, over its pinned CA, as `enroll` would call them.
    async fn ask_about_token(&self, seen: &Observations) -> Option<Result<TokenAnswer, TransportFailure>> {
        let token = self.token?;
        // For a computer that is not enrolled these are the very addresses that did not answer.
        if self.enrollment.is_none() && seen.contacts.iter().all(|contact| contact.failure.is_some()) {
            return None;
        }
        let transport = match Transport::for_token(token, self.config, self.clock.clone()) {
            Ok(transport) => transport,
            Err(error) => return Some(Err(unusable(&token.controllers[0], &error))),
        };
        // A revoked key is told of already, and enrolling again makes a new one.
        let revoked =
            matches!(&seen.check_in, Some(Err(TransportFailure::Problem(problem))) if problem.code == ProblemCode::CertificateRevoked);
        let key = self.identity.as_ref().filter(|_| !revoked);
        let question = TokenQuestion {
            protocol: ProtocolRange::CURRENT,
            token: token.id,
            region: token.region.clone(),
            secret: token.secret.clone(),
            key: key.map(Identity::fingerprint),
        };
        let answer = transport.ask_about_token(&question).await;
        let Err(TransportFailure::CertificateTimeInvalid { .. }) = answer else {
            return Some(answer);
        };
        match transport.time().await {
            Ok(time) => {
                self.clock.told(time.server_time);
                Some(transport.ask_about_token(&question).await)
            }
            Err(failure) => Some(Err(failure)),
        }
    }

    /// Asks with the dates passed over, so that a wrong clock hides nothing else.
    async fn ask_time(&self, transport: &Transport, seen: &mut Observations) -> Option<TransportFailure> {
        match transport.time().await {
            Ok(answer) => {
                seen.clock_offset_micros = Some(clock_offset_micros(self.clock.moment().device, answer.server_time));
                self.clock.told(answer.server_time);
                None
            }
            Err(failure) => Some(failure),
        }
    }

    fn controllers(&self) -> Vec<ControllerUrl> {
        let configured = &self.config.controllers;
        match (&self.enrollment, self.token) {
            _ if !configured.is_empty() => configured.clone(),
            (Some(enrollment), _) => enrollment.controllers.clone(),
            (None, Some(token)) => token.controllers.clone(),
            (None, None) => Vec::new(),
        }
    }

    /// A client of this one address; `None` when nobody says whom to believe.
    fn transport(&self, controller: &ControllerUrl) -> Option<Result<Transport, TransportError>> {
        let config = AgentConfig {
            controllers: vec![controller.clone()],
            ..self.config.clone()
        };
        match (&self.enrollment, &self.identity, self.token) {
            (Some(enrollment), Some(identity), _) => Some(Transport::new(enrollment, identity, &config, self.clock.clone())),
            (_, _, Some(token)) => Some(Transport::for_token(token, &config, self.clock.clone())),
            _ => None,
        }
    }

    /// A check-in that claims nothing: it asks whether the controller knows this device. What the controller
    /// would like to have is the running agent's business.
    fn check_in(&self, enrollment: &Enrollment) -> CheckIn {
        let moment = self.clock.moment();
        CheckIn {
            protocol: ProtocolRange::CURRENT,
            agent: agent_version(),
            clock: ReportClock {
                device: moment.device,
                trusted: self.clock.trusted().and_then(|trusted| trusted.at(moment)),
                boot: moment.boot,
                uptime: Microseconds::saturating(u64::try_from(moment.uptime.as_micros()).unwrap_or(u64::MAX)),
            },
            believed: None,
            held: std::collections::BTreeMap::new(),
            acknowledged: None,
            trust: Some(enrollment.trust.digest()),
            receipt: CanonicalBytes::of(&enrollment.receipt).ok().map(|bytes| bytes.digest()),
            signed_receipt: None,
            spool: SpoolDepth::default(),
            evidence: None,
            hardware: None,
            collection: None,
        }
    }
}

/// A client that cannot be made is as good as a connection that cannot.
fn unusable(controller: &ControllerUrl, error: &TransportError) -> TransportFailure {
    TransportFailure::Unreachable {
        controller: controller.to_string(),
        reason: chain_text(error),
    }
}

fn state_dir(folder: &Path) -> StateDir {
    let path = folder.display().to_string();
    let trial = folder.join(format!("{TEMPORARY_PREFIX}doctor-{}", std::process::id()));
    let tried = std::fs::write(&trial, b"doctor").and_then(|()| std::fs::remove_file(&trial));
    match tried {
        Ok(()) => StateDir::Writable { path },
        Err(error) if error.kind() == io::ErrorKind::NotFound => StateDir::Missing { path },
        Err(error) => {
            let _ = std::fs::remove_file(&trial);
            StateDir::NotWritable {
                path,
                reason: Reason::of(&error),
            }
        }
    }
}

fn enrollment_state(enrollment: &Result<Option<Enrollment>, Reason>) -> EnrollmentState {
    match enrollment {
        Ok(None) => EnrollmentState::None,
        Err(reason) => EnrollmentState::Unreadable { reason: reason.clone() },
        Ok(Some(enrollment)) => match enrollment.receipt() {
            Ok(receipt) => EnrollmentState::Enrolled {
                region: enrollment.region.clone(),
                organization: receipt.organization_name.to_string(),
            },
            Err(error) => EnrollmentState::Unreadable {
                reason: Reason::of(&error),
            },
        },
    }
}

fn certificate_state(enrollment: &Result<Option<Enrollment>, Reason>, identity: &Result<Option<Identity>, Reason>) -> CertificateState {
    let Ok(Some(enrollment)) = enrollment else {
        return CertificateState::NotExpected;
    };
    let identity = match identity {
        Err(reason) => return CertificateState::Unreadable { reason: reason.clone() },
        Ok(None) => return CertificateState::Missing,
        Ok(Some(identity)) => identity,
    };
    if enrollment.receipt().is_ok_and(|receipt| receipt.key != identity.fingerprint()) {
        return CertificateState::OtherKey;
    }
    identity
        .certificate_validity()
        .map_or(CertificateState::Missing, CertificateState::Valid)
}

/// The error and its causes in one line.
fn chain_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
