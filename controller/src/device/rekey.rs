//! "Is this key this computer's?" A copied key is told from its owner's, and the copy gets a key and a device of
//! its own; no token is spent.
//!
//! [`decide`] is pure. The rest looks up what it needs and issues. The controller has the last word: what the
//! agent believes of its hardware is compared with what is recorded here. Called by `POST /v1/rekey`.

use inventory_schema::DeviceId;
use inventory_schema::enrollment::{HardwareEvidence, Issued, RekeyAnswer, RekeyReason, RekeyRequest};
use inventory_schema::likeness::{Likeness, LikenessVerdict};
use inventory_schema::problem::ProblemCode;
use inventory_schema::{KeyFingerprint, Timestamp};
use serde_json::json;

use super::cases::{note_repair, tell_people};
use super::stated::{Spoken, compare_spoken};
use super::which::{WhichDevice, which_device_besides};
use crate::authority::{Csr, IssueError};
use crate::enrollment::{Certified, certify, outage};
use crate::state::AppState;
use crate::store::device::KeyedDevice;
use crate::store::finding::{FindingKind, NewFinding};
use crate::store::identity::{Copied, NewKey};
use crate::store::review::{CaseKind, CaseState, NewCase};
use crate::store::{Scope, StoreError};
use crate::tls::DeviceIdentity;

/// How many copies that cannot be told apart by their hardware get devices of their own, per copied key. Where
/// such a disk also restores itself, each proven copy would be another device for ever.
const MOST_INDISTINCT: i64 = 100;

/// What the decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    likeness: LikenessVerdict,
    /// The hardware is certainly the recorded one: of two computers with one key this is the original.
    identified: bool,
    /// The boot ran on while another one used the key.
    boot_proven: bool,
    /// People joined or parted records: the certificate has to name another device.
    key_is_moved: bool,
    copies: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Keep,
    /// A new key for the device that the key belongs to.
    SameDevice,
    /// Another computer, which its hardware tells.
    AnotherByHardware,
    /// Another computer, which only its boot tells.
    AnotherByBoot,
}

fn decide(facts: Facts) -> Decision {
    if facts.likeness == LikenessVerdict::Different {
        Decision::AnotherByHardware
    } else if facts.key_is_moved {
        Decision::SameDevice
    } else if facts.boot_proven && !facts.identified && facts.copies < MOST_INDISTINCT {
        Decision::AnotherByBoot
    } else {
        Decision::Keep
    }
}

pub async fn rekey(
    state: &AppState,
    identity: &DeviceIdentity,
    request: &RekeyRequest,
    now: Timestamp,
) -> Result<RekeyAnswer, ProblemCode> {
    let csr = Csr::read(&request.csr).map_err(|error| IssueError::Csr(error).problem_code())?;
    let new_key = csr.public_key.fingerprint();
    if state.store.is_revoked(new_key).await.map_err(outage)? {
        return Err(ProblemCode::CertificateRevoked);
    }
    if new_key == identity.key {
        return Err(ProblemCode::CsrMalformed);
    }
    // Its record was deleted here: it is made again from the receipt first.
    let Some(owner) = state.store.device_by_key(identity.key).await.map_err(outage)? else {
        return Ok(RekeyAnswer::Keep { server_time: now });
    };
    let asked = Asked {
        state,
        key: identity.key,
        owner: &owner,
        request,
        csr: &csr,
        now,
    };
    // The answer to the first question was lost: the same key gets the same answer.
    if let Some(known) = state.store.device_by_key(new_key).await.map_err(outage)? {
        return asked.issue(known.external_id, None).await;
    }
    asked.answer().await
}

/// A question on its way to its answer.
struct Asked<'a> {
    state: &'a AppState,
    key: KeyFingerprint,
    owner: &'a KeyedDevice,
    request: &'a RekeyRequest,
    csr: &'a Csr,
    now: Timestamp,
}

impl Asked<'_> {
    async fn answer(&self) -> Result<RekeyAnswer, ProblemCode> {
        let store = &self.state.store;
        let likeness = self.likeness().await.map_err(outage)?;
        let standing = store.key_standing(self.key, self.request.boot).await.map_err(outage)?;
        let decision = decide(Facts {
            likeness: self.verdict(&likeness),
            identified: likeness.identifies(),
            boot_proven: standing.boot_proven,
            key_is_moved: standing.rekey,
            copies: standing.copies,
        });
        tracing::info!(device.id = %self.owner.external_id, reason = ?self.request.reason, verdict = ?likeness.verdict, ?decision, "a key was doubted");
        match decision {
            Decision::Keep => {
                store.settle_boot(self.key, self.request.boot).await.map_err(outage)?;
                store
                    .note_evidence(self.owner.id, &self.request.evidence, self.now)
                    .await
                    .map_err(outage)?;
                note_repair(store, self.owner.id, &likeness, self.now).await.map_err(outage)?;
                Ok(RekeyAnswer::Keep { server_time: self.now })
            }
            Decision::SameDevice => {
                let survivor = store.survivor(self.owner.id).await.map_err(outage)?;
                self.issue(survivor, None).await
            }
            Decision::AnotherByHardware => self.another_by_hardware(&likeness).await,
            Decision::AnotherByBoot => {
                self.tell_of_copies(&likeness).await.map_err(outage)?;
                self.issue(DeviceId::generate(), Some(self.owner.id)).await
            }
        }
    }

    async fn likeness(&self) -> Result<Likeness, StoreError> {
        let known = self.state.store.evidence(self.owner.id).await?;
        let present = self.request.evidence.items();
        let neighbours = self.state.store.evidence_neighbours(&present).await?;
        Ok(Likeness::weighing(&known, &present, |item| neighbours.carriers(item)))
    }

    /// Where nothing is recorded of the key's hardware, the agent's own memory of it counts.
    fn verdict(&self, likeness: &Likeness) -> LikenessVerdict {
        let nothing_recorded = likeness.kinds.iter().all(|kind| kind.both.is_empty() && kind.only_known.is_empty());
        let says_other = self.request.reason == RekeyReason::HardwareDiffers && !self.request.evidence.items().is_empty();
        match likeness.verdict {
            LikenessVerdict::Unknown if nothing_recorded && says_other => LikenessVerdict::Different,
            verdict => verdict,
        }
    }

    /// The device that this hardware is in the key's own school, or a new one beside the original's.
    async fn another_by_hardware(&self, likeness: &Likeness) -> Result<RekeyAnswer, ProblemCode> {
        let store = &self.state.store;
        let (evidence, school) = (&self.request.evidence, self.owner.organization_id);
        self.tell_of_copies(likeness).await.map_err(outage)?;
        let recognized = which_device_besides(store, evidence, school, Some(self.owner.id))
            .await
            .map_err(outage)?;
        if let WhichDevice::Own(known) = &recognized {
            return self.issue(known.device, None).await;
        }
        let proposed = DeviceId::generate();
        let device = match evidence.digest() {
            Some(digest) => store.claim_hardware(school, digest, proposed).await.map_err(outage)?,
            None => proposed,
        };
        let answer = self.issue(device, Some(self.owner.id)).await?;
        if let (Some(made), true) = (store.device(Scope::REGION, device).await.map_err(outage)?, device == proposed) {
            tell_people(store, made.id, &recognized, self.now).await.map_err(outage)?;
            let spoken = Spoken {
                id: made.id,
                external_id: device,
                organization_id: school,
            };
            compare_spoken(store, spoken, evidence, self.now).await.map_err(outage)?;
        }
        Ok(answer)
    }

    /// One finding and one case per copied key, however many copies there are and however often they ask.
    async fn tell_of_copies(&self, likeness: &Likeness) -> Result<(), StoreError> {
        let detail = json!({ "key": self.key, "likeness": likeness }).to_string();
        let store = &self.state.store;
        let finding = NewFinding {
            device: self.owner.id,
            kind: FindingKind::Clone,
            subject: Some(self.key.to_string()),
            detail: detail.clone(),
            found_at: self.now,
        };
        store.add_finding(&finding).await?;
        let case = NewCase {
            kind: CaseKind::Clone,
            device: self.owner.id,
            other: None,
            subject: self.key.to_string(),
            detail,
            state: CaseState::Open,
            at: self.now,
        };
        store.open_case(&case).await
    }

    /// Certifies the new key as `device`: where it is recorded already, at its own place, else beside the original.
    async fn issue(&self, device: DeviceId, cloned_from: Option<i64>) -> Result<RekeyAnswer, ProblemCode> {
        let store = &self.state.store;
        let recorded = store.device(Scope::REGION, device).await.map_err(outage)?;
        let is_new = recorded.is_none();
        let mut place = match recorded {
            Some(recorded) => recorded.place,
            None => {
                let original = store.device(Scope::REGION, self.owner.external_id).await.map_err(outage)?;
                original.ok_or(ProblemCode::Busy)?.place
            }
        };
        if is_new {
            // An image goes to a whole house; which rooms its copies stand in is for people to say.
            (place.room, place.room_id, place.room_name) = (None, None, None);
        }
        let Certified { id, issued } =
            certify(self.state, self.csr, device, &place, Some(self.request.agent.to_string()), self.now).await?;
        let new_key = NewKey {
            key: issued_key(&issued)?,
            replaced: self.key,
            copied: cloned_from.filter(|_| is_new).map(|original| Copied { device: id, original }),
        };
        store.note_new_key(&new_key).await.map_err(outage)?;
        self.note_hardware(id, &self.request.evidence).await?;
        tracing::warn!(device.id = %device, instead_of = %self.owner.external_id, "a computer got a key of its own");
        Ok(RekeyAnswer::Issued(Box::new(issued)))
    }

    async fn note_hardware(&self, device: i64, evidence: &HardwareEvidence) -> Result<(), ProblemCode> {
        self.state.store.note_evidence(device, evidence, self.now).await.map_err(outage)
    }
}

fn issued_key(issued: &Issued) -> Result<KeyFingerprint, ProblemCode> {
    let signing_keys = &issued.trust.signing_keys;
    issued
        .receipt
        .verify(signing_keys)
        .map(|receipt| receipt.key)
        .map_err(|_| ProblemCode::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Facts = Facts {
        likeness: LikenessVerdict::Same,
        identified: false,
        boot_proven: false,
        key_is_moved: false,
        copies: 0,
    };

    #[test]
    fn a_restored_disk_or_a_fork_alone_keeps_its_key() {
        assert_eq!(decide(CALM), Decision::Keep);
        for likeness in [LikenessVerdict::Repaired, LikenessVerdict::Unknown] {
            assert_eq!(decide(Facts { likeness, ..CALM }), Decision::Keep);
        }
    }

    #[test]
    fn other_hardware_is_another_computer_whatever_else_is_said() {
        let other = Facts {
            likeness: LikenessVerdict::Different,
            key_is_moved: true,
            ..CALM
        };
        assert_eq!(decide(other), Decision::AnotherByHardware);
    }

    #[test]
    fn like_hardware_is_told_apart_by_boots_within_reason() {
        let proven = Facts {
            boot_proven: true,
            likeness: LikenessVerdict::Unknown,
            ..CALM
        };
        assert_eq!(decide(proven), Decision::AnotherByBoot);
        let many = Facts {
            copies: MOST_INDISTINCT,
            ..proven
        };
        assert_eq!(decide(many), Decision::Keep);
        let original = Facts {
            identified: true,
            likeness: LikenessVerdict::Same,
            ..proven
        };
        assert_eq!(decide(original), Decision::Keep, "the copy is the other one");
    }

    #[test]
    fn what_people_joined_or_parted_gets_a_certificate_that_says_so() {
        let moved = Facts {
            key_is_moved: true,
            boot_proven: true,
            ..CALM
        };
        assert_eq!(decide(moved), Decision::SameDevice);
    }
}
