//! `POST /v1/check-in?wait=S`: the long poll by which everything reaches a device.
//!
//! The answer comes at once when the controller wants or has something, else when that changes or the
//! wait ends. When too many wait, the answer is «do not wait, come later». Who waits holds little: what the
//! device believes, a place and a timer.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::{Extension, Json};
use inventory_schema::check_in::{Beliefs, CheckIn, CheckInAnswer, ProtocolRange, summary};
use inventory_schema::enrollment::Receipt;
use inventory_schema::envelope::ChainHead;
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::Seconds;
use inventory_schema::signature::Signed;
use inventory_schema::{DeviceId, Digest, KeyFingerprint, SectionName, Timestamp};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::{Expiry, Refused, body, identify, in_time, refused};
use crate::device::doubts::learn;
use crate::enrollment::{outage, restore};
use crate::presence::Caller;
use crate::state::AppState;
use crate::store::presence::{Sign, Standing};
use crate::tls::{DeviceIdentity, PeerIdentity};
use crate::wake::Place;

#[derive(Debug, Deserialize)]
pub struct Patience {
    #[serde(default)]
    wait: u64,
}

pub async fn check_in(
    State(state): State<AppState>,
    Extension(peer): Extension<PeerIdentity>,
    patience: Result<Query<Patience>, QueryRejection>,
    request: Request,
) -> Result<Json<CheckInAnswer>, Refused> {
    // In a future of its own, so that nothing of the request outlives its reading.
    let arrived = Box::pin(arrive(&state, peer, patience, request)).await;
    let answer = match arrived {
        Ok(Arrived::Answered(answer)) => Ok(*answer),
        Ok(Arrived::Waits(visit)) => wait(&state, *visit).await,
        Err(code) => Err(code),
    };
    answer.map(Json).map_err(refused(&state))
}

enum Arrived {
    Answered(Box<CheckInAnswer>),
    Waits(Box<Visit>),
}

/// All that is kept of a check-in that waits.
struct Visit {
    key: KeyFingerprint,
    device: DeviceId,
    protocol: u16,
    believed: Believed,
    /// The newest order to all that it need not be told of. An agent that has heard of none has just started: whether
    /// it has looked since the newest it knows itself.
    collection: Option<Timestamp>,
    place: Place,
    deadline: Instant,
}

/// What the device believes, and with what the controller's own knowledge is compared.
#[derive(Debug)]
enum Believed {
    /// Just what the controller knew when it was asked: shared with its memory of devices, and held by nobody else.
    Known { standing: Arc<Standing>, trust: Digest },
    /// Said whole.
    Said(Box<CheckIn>),
    /// The device said a digest that stands for something else than the controller knows.
    Unclear,
}

impl Believed {
    fn of(check_in: CheckIn, caller: &Caller, trust: Digest) -> Self {
        let Caller::Device { standing, .. } = caller else {
            return Self::Said(Box::new(check_in));
        };
        let beliefs = check_in.beliefs();
        let is_known = match check_in.believed {
            Some(believed) => believed == summary(standing.beliefs_digest(), Some(trust)),
            None => beliefs == standing.beliefs() && check_in.trust == Some(trust),
        };
        match (is_known, check_in.believed) {
            (true, _) => Self::Known {
                standing: standing.clone(),
                trust,
            },
            (false, Some(_)) => Self::Unclear,
            (false, None) => Self::Said(Box::new(check_in)),
        }
    }

    /// Whether what is believed is `standing` itself, as it was remembered, and nothing is missing from it: the usual case,
    /// in which there is nothing to compare.
    fn is_all_of(&self, standing: &Arc<Standing>, newest_trust: Digest) -> bool {
        let is_itself = matches!(self, Self::Known { standing: known, trust } if Arc::ptr_eq(known, standing) && *trust == newest_trust);
        is_itself && standing.held.len() == SectionName::ALL.len()
    }

    /// The beliefs and the trust bundle's digest, where they are clear.
    fn clear(&self) -> Option<(Beliefs<'_>, Option<Digest>)> {
        match self {
            Self::Known { standing, trust } => Some((standing.beliefs(), Some(*trust))),
            Self::Said(check_in) => Some((check_in.beliefs(), check_in.trust)),
            Self::Unclear => None,
        }
    }
}

/// Reads the request, notes the sign of life and answers, if there is something to say or no time to wait.
async fn arrive(
    state: &AppState,
    peer: PeerIdentity,
    patience: Result<Query<Patience>, QueryRejection>,
    request: Request,
) -> Result<Arrived, ProblemCode> {
    let identity = identify(state, peer, Expiry::Refused).await?;
    let Query(patience) = patience.map_err(|_| ProblemCode::BodyUnreadable)?;
    let mut check_in: CheckIn = body::read_json(request, state.traffic.bodies.of_a_document()).await?;
    state.metrics.check_ins.add(1);
    let protocol = ProtocolRange::CURRENT
        .common(check_in.protocol)
        .ok_or(ProblemCode::ProtocolUnsupported)?;
    // Those who were told to wait while there was room all come back: the house is counted again at the door.
    let (asked, others) = (Seconds::saturating(patience.wait), state.traffic.waiting.count());
    let wait = state.traffic.pace.patience(identity.device, asked, others, state.clock.now());
    let ordered = state.traffic.waiting.collection();
    // Before looking, so that what changes while we look is not missed.
    let mut place = state.traffic.waiting.enter(identity.device);
    let mut caller = heard(state, &identity, &check_in).await?;
    if let (Caller::Unknown, Some(receipt)) = (&caller, check_in.signed_receipt.take()) {
        in_time(restore(state, &identity.public_key, identity.device, receipt, state.clock.now())).await?;
        caller = heard(state, &identity, &check_in).await?;
    }
    if let Caller::Device { standing, .. } = &caller
        && in_time(learn(state, identity.key, standing, &check_in)).await?
    {
        caller = look_again(state, identity.key, &caller).await?;
    }
    if let Caller::Device { standing, .. } = &caller
        && standing.external_id != identity.device
    {
        // Its record was made one with another's, by whose name it is woken now.
        place = state.traffic.waiting.enter(standing.external_id);
        caller = look_again(state, identity.key, &caller).await?;
    }
    let visit = Visit {
        key: identity.key,
        device: identity.device,
        protocol,
        collection: check_in.collection.or(ordered),
        believed: Believed::of(check_in, &caller, state.authority.current().trust().1),
        place,
        deadline: Instant::now() + wait,
    };
    let (answer, is_news) = visit.answer(state, caller).await?;
    if is_news || wait.is_zero() || state.traffic.is_stopping() {
        Ok(Arrived::Answered(Box::new(answer)))
    } else {
        Ok(Arrived::Waits(Box::new(visit)))
    }
}

/// Who it is as of now. What was to be told with this answer is still to be told: it is said once.
async fn look_again(state: &AppState, key: KeyFingerprint, before: &Caller) -> Result<Caller, ProblemCode> {
    let was_asked = matches!(before, Caller::Device { collect_now: true, .. });
    Ok(match state.traffic.presence.look(key).await? {
        Caller::Device { standing, collect_now } => Caller::Device {
            standing,
            collect_now: collect_now || was_asked,
        },
        other => other,
    })
}

/// A check-in that came on a stick: answered at once. `seen` says when the device was there, unless that was noted
/// before.
pub(crate) async fn carried(
    state: &AppState,
    identity: &DeviceIdentity,
    mut check_in: CheckIn,
    seen: Option<Timestamp>,
) -> Result<CheckInAnswer, ProblemCode> {
    let protocol = ProtocolRange::CURRENT
        .common(check_in.protocol)
        .ok_or(ProblemCode::ProtocolUnsupported)?;
    let sign = seen.map(|at| Sign {
        at,
        agent_version: Some(check_in.agent.to_string()),
        // How long the stick was on its way is no fault of the computer's clock.
        clock_offset_micros: None,
    });
    let presence = &state.traffic.presence;
    let hear = async || match sign.clone() {
        Some(sign) => presence.check_in(identity.key, sign).await,
        None => presence.look(identity.key).await,
    };
    let mut caller = hear().await?;
    if let (Caller::Unknown, Some(receipt)) = (&caller, check_in.signed_receipt.take()) {
        restore(state, &identity.public_key, identity.device, receipt, state.clock.now()).await?;
        caller = hear().await?;
    }
    let visit = Visit {
        key: identity.key,
        device: identity.device,
        protocol,
        collection: check_in.collection.or(state.traffic.waiting.collection()),
        believed: Believed::of(check_in, &caller, state.authority.current().trust().1),
        place: state.traffic.waiting.enter(identity.device),
        deadline: Instant::now(),
    };
    Ok(visit.answer(state, caller).await?.0)
}

/// Notes the sign of life.
async fn heard(state: &AppState, identity: &DeviceIdentity, check_in: &CheckIn) -> Result<Caller, ProblemCode> {
    let now = state.clock.now();
    let sign = Sign {
        at: now,
        agent_version: Some(check_in.agent.to_string()),
        clock_offset_micros: Some(check_in.clock.device.micros_since(now)),
    };
    state.traffic.presence.check_in(identity.key, sign).await
}

/// Whatever ends the wait, the answer is looked up anew: a report may have moved the chain meanwhile.
async fn wait(state: &AppState, visit: Visit) -> Result<CheckInAnswer, ProblemCode> {
    loop {
        let is_over = timeout_at(visit.deadline, visit.place.woken()).await.is_err();
        let (answer, is_news) = Box::pin(visit.look(state)).await?;
        if is_news || is_over || state.traffic.is_stopping() {
            return Ok(answer);
        }
    }
}

impl Visit {
    async fn look(&self, state: &AppState) -> Result<(CheckInAnswer, bool), ProblemCode> {
        let caller = state.traffic.presence.look(self.key).await?;
        self.answer(state, caller).await
    }

    /// The answer, and whether it says anything that cannot wait.
    async fn answer(&self, state: &AppState, caller: Caller) -> Result<(CheckInAnswer, bool), ProblemCode> {
        let others = state.traffic.waiting.count().saturating_sub(1);
        let plain = plain_answer(state, self.device, self.protocol, others);
        let (standing, collect_now) = match caller {
            Caller::Device { standing, collect_now } => (standing, collect_now),
            Caller::Unknown => return Ok((to_a_stranger(plain), true)),
            Caller::Revoked => return Err(ProblemCode::CertificateRevoked),
        };
        let plain = CheckInAnswer {
            collect_now: collect_now || is_later(plain.collection, self.collection),
            head: standing.head,
            rekey: standing.rekey,
            ..plain
        };
        let (answer, is_news) = match self.believed.clear() {
            _ if self.believed.is_all_of(&standing, state.authority.current().trust().1) => {
                let is_news = plain.collect_now || plain.rekey;
                (plain, is_news)
            }
            None => (
                CheckInAnswer {
                    beliefs_wanted: true,
                    ..plain
                },
                true,
            ),
            Some((beliefs, trust)) => {
                let answer = self.compare(state, plain, &standing, beliefs, trust).await?;
                let is_news = says_something(&answer, beliefs.acknowledged);
                (answer, is_news)
            }
        };
        let next_check_in = if is_news {
            // Time to act on it before the next call: an agent that cannot must not call in a circle.
            answer.next_check_in.max(state.traffic.pace.time_to_act(self.device, others))
        } else {
            answer.next_check_in
        };
        Ok((CheckInAnswer { next_check_in, ..answer }, is_news))
    }

    /// The answer to a device whose beliefs are clear.
    async fn compare(
        &self,
        state: &AppState,
        plain: CheckInAnswer,
        standing: &Standing,
        beliefs: Beliefs<'_>,
        trust: Option<Digest>,
    ) -> Result<CheckInAnswer, ProblemCode> {
        let authority = state.authority.current();
        let (newest, newest_digest) = authority.trust();
        Ok(CheckInAnswer {
            wanted: missing_sections(&standing.held, beliefs.held),
            trust: (trust != Some(newest_digest)).then(|| newest.clone()),
            receipt: self.newer_receipt(state, standing, beliefs.receipt).await?,
            evidence_wanted: beliefs.evidence.is_some() && beliefs.evidence != standing.evidence,
            ..plain
        })
    }

    /// The receipt, where the device has another one.
    async fn newer_receipt(
        &self,
        state: &AppState,
        standing: &Standing,
        believed: Option<Digest>,
    ) -> Result<Option<Signed<Receipt>>, ProblemCode> {
        if standing.receipt.is_none() || standing.receipt == believed {
            return Ok(None);
        }
        let device = state.store.device_by_key(self.key).await.map_err(outage)?;
        let receipt = device.and_then(|device| device.receipt);
        Ok(receipt.and_then(|receipt| serde_json::from_str(&receipt).ok()))
    }
}

/// A device with a good certificate and no record: it is asked for its receipt and for everything.
fn to_a_stranger(plain: CheckInAnswer) -> CheckInAnswer {
    CheckInAnswer {
        wanted: SectionName::ALL.to_vec(),
        receipt_wanted: true,
        ..plain
    }
}

/// `others`: how many wait besides this device.
fn plain_answer(state: &AppState, device: DeviceId, protocol: u16, others: usize) -> CheckInAnswer {
    let now = state.clock.now();
    let (next_check_in, wait) = state.traffic.pace.next(device, others, now);
    CheckInAnswer {
        protocol,
        server_time: now,
        next_check_in,
        wait,
        beliefs_wanted: false,
        wanted: Vec::new(),
        receipt_wanted: false,
        collect_now: false,
        head: None,
        trust: None,
        receipt: None,
        evidence_wanted: false,
        rekey: false,
        collection: state.traffic.waiting.collection(),
    }
}

/// Sections that the agent believes to be held and that are not, or that were never received.
fn missing_sections(held: &BTreeMap<SectionName, Digest>, believed: &BTreeMap<SectionName, Digest>) -> Vec<SectionName> {
    SectionName::ALL
        .into_iter()
        .filter(|name| held.get(name).is_none_or(|digest| believed.get(name) != Some(digest)))
        .collect()
}

/// Whether an order was given after the one that the device has heard of.
fn is_later(ordered: Option<Timestamp>, heard: Option<Timestamp>) -> bool {
    ordered.zip(heard).is_some_and(|(ordered, heard)| ordered > heard)
}

fn says_something(answer: &CheckInAnswer, acknowledged: Option<ChainHead>) -> bool {
    !answer.wanted.is_empty()
        || answer.rekey
        || answer.evidence_wanted
        || answer.collect_now
        || answer.trust.is_some()
        || answer.receipt.is_some()
        || answer.head != acknowledged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_held_as_believed_is_wanted() {
        let digest = |name: &str| Digest::of(name.as_bytes());
        let mut held: BTreeMap<_, _> = SectionName::ALL.into_iter().map(|name| (name, digest(name.as_str()))).collect();
        assert!(missing_sections(&held, &held.clone()).is_empty());
        let believed = held.clone();
        held.remove(&SectionName::Memory);
        held.insert(SectionName::Software, digest("older"));
        assert_eq!(missing_sections(&held, &believed), [SectionName::Memory, SectionName::Software]);
    }
}
