//! `POST /v1/check-in?wait=S`: the long poll by which everything reaches a device.
//!
//! The answer comes at once when the controller wants or has something, else when that changes or the
//! wait ends. When too many wait, the answer is «do not wait, come later».

use std::collections::BTreeMap;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::{Extension, Json};
use inventory_schema::check_in::{CheckIn, CheckInAnswer, ProtocolRange};
use inventory_schema::enrollment::Receipt;
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::Seconds;
use inventory_schema::signature::Signed;
use inventory_schema::{Digest, SectionName, Timestamp};
use serde::Deserialize;

use super::{Expiry, Refused, authenticate, body, refused};
use crate::enrollment::{outage, restore};
use crate::state::AppState;
use crate::store::device::{KeyedDevice, Seen};
use crate::tls::{DeviceIdentity, PeerIdentity};

/// The least pause after an answer that asks for something.
const TIME_TO_ACT: Seconds = Seconds::saturating(2);

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
    let refuse = refused(&state);
    let identity = authenticate(&state, peer, Expiry::Refused).await.map_err(refuse)?;
    let Query(patience) = patience.map_err(|_| refuse(ProblemCode::BodyUnreadable))?;
    let mut check_in: CheckIn = body::read_json(request, state.traffic.bodies.of_a_document())
        .await
        .map_err(refuse)?;
    state.metrics.check_ins.add(1);
    let protocol = ProtocolRange::CURRENT
        .common(check_in.protocol)
        .ok_or(refuse(ProblemCode::ProtocolUnsupported))?;
    let device = known_device(&state, &identity, check_in.signed_receipt.take())
        .await
        .map_err(refuse)?;
    let answer = match device {
        None => unknown_device(&state, protocol, state.traffic.waiting.count()),
        Some(device) => {
            record_presence(&state, &device, &check_in).await.map_err(refuse)?;
            news(&state, &identity, device, &check_in, protocol, Seconds::saturating(patience.wait))
                .await
                .map_err(refuse)?
        }
    };
    Ok(Json(answer))
}

/// A check-in that came on a stick: answered at once. `seen` says when the device was there, unless that is
/// recorded already.
pub(crate) async fn carried(
    state: &AppState,
    identity: &DeviceIdentity,
    mut check_in: CheckIn,
    seen: Option<Timestamp>,
) -> Result<CheckInAnswer, ProblemCode> {
    let protocol = ProtocolRange::CURRENT
        .common(check_in.protocol)
        .ok_or(ProblemCode::ProtocolUnsupported)?;
    let Some(device) = known_device(state, identity, check_in.signed_receipt.take()).await? else {
        return Ok(unknown_device(state, protocol, 0));
    };
    if let Some(at) = seen {
        let seen = Seen {
            device: device.id,
            at,
            agent_version: Some(check_in.agent.to_string()),
            // How long the stick was on its way is no fault of the computer's clock.
            clock_offset_micros: None,
        };
        state.traffic.presence.record(seen).await?;
    }
    look(state, identity, &device, &check_in, protocol).await
}

/// The device's record, made again from its receipt if it was lost.
async fn known_device(
    state: &AppState,
    identity: &DeviceIdentity,
    receipt: Option<Signed<Receipt>>,
) -> Result<Option<KeyedDevice>, ProblemCode> {
    let found = state.store.device_by_key(identity.key).await.map_err(outage)?;
    match (found, receipt) {
        (Some(device), _) => Ok(Some(device)),
        (None, None) => Ok(None),
        (None, Some(receipt)) => {
            restore(state, &identity.public_key, identity.device, receipt, state.clock.now()).await?;
            state.store.device_by_key(identity.key).await.map_err(outage)
        }
    }
}

/// A device with a good certificate and no record: it is asked for its receipt and for everything.
fn unknown_device(state: &AppState, protocol: u16, others: usize) -> CheckInAnswer {
    CheckInAnswer {
        wanted: SectionName::ALL.to_vec(),
        receipt_wanted: true,
        ..plain_answer(state, protocol, others)
    }
}

/// `others`: how many wait besides this device.
fn plain_answer(state: &AppState, protocol: u16, others: usize) -> CheckInAnswer {
    let (next_check_in, wait) = state.traffic.pace.next(others);
    CheckInAnswer {
        protocol,
        server_time: state.clock.now(),
        next_check_in,
        wait,
        wanted: Vec::new(),
        receipt_wanted: false,
        collect_now: false,
        head: None,
        trust: None,
        receipt: None,
    }
}

async fn record_presence(state: &AppState, device: &KeyedDevice, check_in: &CheckIn) -> Result<(), ProblemCode> {
    let now = state.clock.now();
    let seen = Seen {
        device: device.id,
        at: now,
        agent_version: Some(check_in.agent.to_string()),
        clock_offset_micros: Some(check_in.clock.device.micros_since(now)),
    };
    state.traffic.presence.record(seen).await
}

/// Answers at once if there is something to say, else when there is or the wait ends.
async fn news(
    state: &AppState,
    identity: &DeviceIdentity,
    device: KeyedDevice,
    check_in: &CheckIn,
    protocol: u16,
    asked: Seconds,
) -> Result<CheckInAnswer, ProblemCode> {
    // Those who were told to wait while there was room all come back: the house is counted again at the door.
    let wait = state.traffic.pace.patience(asked, state.traffic.waiting.count());
    let deadline = tokio::time::Instant::now() + wait;
    let place = state.traffic.waiting.enter(identity.device);
    let mut device = Some(device);
    loop {
        // Enlisted before looking, so that what changes while we look is not missed.
        let mut woken = std::pin::pin!(place.woken());
        woken.as_mut().enable();
        let Some(known) = &device else {
            return Ok(unknown_device(state, protocol, others(state)));
        };
        let answer = look(state, identity, known, check_in, protocol).await?;
        if says_something(&answer, check_in) {
            // Time to act on it before the next call: an agent that cannot must not call in a circle.
            let next_check_in = answer.next_check_in.max(TIME_TO_ACT);
            return Ok(CheckInAnswer { next_check_in, ..answer });
        }
        if state.traffic.is_stopping() || tokio::time::Instant::now() >= deadline {
            return Ok(answer);
        }
        // Whatever ends the wait, the answer is looked up anew: a report may have moved the chain meanwhile.
        tokio::select! {
            () = &mut woken => {}
            () = state.traffic.stopped() => {}
            () = tokio::time::sleep_until(deadline) => {}
        }
        device = state.store.device_by_key(identity.key).await.map_err(outage)?;
    }
}

/// How many wait besides a device that has its place.
fn others(state: &AppState) -> usize {
    state.traffic.waiting.count().saturating_sub(1)
}

async fn look(
    state: &AppState,
    identity: &DeviceIdentity,
    device: &KeyedDevice,
    check_in: &CheckIn,
    protocol: u16,
) -> Result<CheckInAnswer, ProblemCode> {
    let held = state.store.held_digests(device.id).await.map_err(outage)?;
    let head = state.store.chain_head(identity.key).await.map_err(outage)?;
    let trust = state.authority.trust_bundle();
    let receipt: Option<Signed<Receipt>> = device.receipt.as_deref().and_then(|json| serde_json::from_str(json).ok());
    let receipt = receipt.filter(|receipt| check_in.receipt != Some(Digest::of(receipt.document.as_bytes())));
    Ok(CheckInAnswer {
        wanted: missing_sections(&held, &check_in.held),
        collect_now: state.traffic.waiting.take_collect(identity.device),
        head,
        trust: (check_in.trust != Some(trust.digest())).then_some(trust),
        receipt,
        ..plain_answer(state, protocol, others(state))
    })
}

/// Sections that the agent believes to be held and that are not, or that were never received.
fn missing_sections(held: &BTreeMap<SectionName, Digest>, believed: &BTreeMap<SectionName, Digest>) -> Vec<SectionName> {
    SectionName::ALL
        .into_iter()
        .filter(|name| held.get(name).is_none_or(|digest| believed.get(name) != Some(digest)))
        .collect()
}

fn says_something(answer: &CheckInAnswer, check_in: &CheckIn) -> bool {
    !answer.wanted.is_empty()
        || answer.collect_now
        || answer.trust.is_some()
        || answer.receipt.is_some()
        || answer.head != check_in.acknowledged
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
