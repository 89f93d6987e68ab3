//! What people decide of a case: join two records, part one, take either back, or leave it.
//!
//! Called by the review page. Everything is written into the activity log; agents are told by the store, and ask
//! for certificates that name the devices they belong to now.

use inventory_schema::{DeviceId, KeyFingerprint, Timestamp};
use serde_json::json;

use crate::access::Operator;
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::state::AppState;
use crate::store::device::{Device, EvidenceLevel};
use crate::store::review::{CaseDecision, CaseKind, CaseState, NewCase, ReviewCase};
use crate::store::{Scope, StoreResult};

/// Which of a case's two records stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Survivor {
    Device,
    Other,
}

/// A case with its records, as far as whoever decides may see them.
#[derive(Debug, Clone)]
pub struct Seen {
    pub case: ReviewCase,
    pub device: Device,
    pub other: Option<Device>,
}

/// Who decides, and when.
#[derive(Debug, Clone, Copy)]
pub struct Decider<'a> {
    pub state: &'a AppState,
    pub who: &'a Operator,
    pub now: Timestamp,
}

impl Seen {
    /// `None`: there is no such case in scope.
    pub async fn find(state: &AppState, scope: Scope, id: crate::store::review::CaseId) -> StoreResult<Option<Self>> {
        let Some(case) = state.store.case(scope, id).await? else {
            return Ok(None);
        };
        let Some(device) = state.store.device(scope, case.device).await? else {
            return Ok(None);
        };
        let other = match case.other {
            Some(other) => state.store.device(scope, other).await?,
            None => None,
        };
        Ok(Some(Self { case, device, other }))
    }
}

impl Decider<'_> {
    /// `false`: the records cannot be joined, or one of them is out of scope. An agent's record never goes into one that
    /// another system told of.
    pub async fn merge(&self, seen: &Seen, survivor: Survivor) -> StoreResult<bool> {
        let Some(other) = &seen.other else { return Ok(false) };
        let (stays, goes) = match survivor {
            Survivor::Device => (&seen.device, other),
            Survivor::Other => (other, &seen.device),
        };
        if stays.evidence_level == EvidenceLevel::Stated && goes.evidence_level == EvidenceLevel::Agent {
            return Ok(false);
        }
        if !self.state.store.merge_devices(goes.id, stays.id).await? {
            return Ok(false);
        }
        self.decided(seen, CaseState::Merged, None).await?;
        self.wake(&[stays.external_id, goes.external_id]);
        self.entry(Action::DevicesMerged, stays)
            .with("device", goes.external_id.to_string())
            .record(&self.state.store)
            .await?;
        Ok(true)
    }

    /// Takes back what was decided: joined records are two again, a dismissed case waits again.
    pub async fn undo(&self, seen: &Seen) -> StoreResult<bool> {
        let undone = match seen.case.state {
            CaseState::Merged => self.unmerge(seen).await?,
            CaseState::Dismissed => true,
            CaseState::Open | CaseState::Noted | CaseState::Split => false,
        };
        if undone {
            self.decided(seen, CaseState::Open, None).await?;
            self.entry(Action::ReviewUndone, &seen.device).record(&self.state.store).await?;
        }
        Ok(undone)
    }

    async fn unmerge(&self, seen: &Seen) -> StoreResult<bool> {
        let Some(other) = &seen.other else { return Ok(false) };
        for device in [&seen.device, other] {
            if self.state.store.unmerge_device(device.id).await? {
                self.wake(&[seen.device.external_id, other.external_id]);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives a key with its reports a device of its own; the pair is a case that can be joined again.
    pub async fn split(&self, seen: &Seen, key: KeyFingerprint) -> StoreResult<Option<DeviceId>> {
        let store = &self.state.store;
        let Some(parted) = store.split_device(seen.device.id, key, self.now).await? else {
            return Ok(None);
        };
        self.decided(seen, CaseState::Split, None).await?;
        let way_back = NewCase {
            kind: CaseKind::LikelyDouble,
            device: parted.id,
            other: Some(seen.device.id),
            subject: seen.device.external_id.to_string(),
            detail: json!({ "parted": key }).to_string(),
            state: CaseState::Noted,
            at: self.now,
        };
        store.open_case(&way_back).await?;
        self.wake(&[seen.device.external_id]);
        self.entry(Action::DeviceSplit, &seen.device)
            .with("device", parted.external_id.to_string())
            .record(store)
            .await?;
        Ok(Some(parted.external_id))
    }

    pub async fn dismiss(&self, seen: &Seen, reason: &str) -> StoreResult<()> {
        self.decided(seen, CaseState::Dismissed, Some(reason.to_owned())).await?;
        self.entry(Action::ReviewDismissed, &seen.device)
            .with("reason", reason)
            .record(&self.state.store)
            .await
    }

    async fn decided(&self, seen: &Seen, state: CaseState, reason: Option<String>) -> StoreResult<()> {
        let decision = CaseDecision {
            state,
            reason,
            by: self.who.login.clone(),
            at: self.now,
        };
        self.state.store.decide_case(seen.case.external_id, &decision).await
    }

    /// Certificates of before still name the records of before: their waits end too.
    fn wake(&self, devices: &[DeviceId]) {
        for device in devices {
            self.state.traffic.waiting.wake(*device);
        }
    }

    fn entry(&self, action: Action, device: &Device) -> Entry {
        Entry::new(self.now, self.who, action, SubjectKind::Device, device.external_id).of_organization(device.place.organization_id)
    }
}
