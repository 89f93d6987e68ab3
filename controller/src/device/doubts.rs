//! What a check-in tells of whose key it is: the boot it comes from and, when asked for, the hardware.
//!
//! A boot is written down when it is another than before, in groups: on the first morning after a summer every
//! device has a new one.

use inventory_schema::KeyFingerprint;
use inventory_schema::check_in::CheckIn;
use inventory_schema::enrollment::HardwareEvidence;
use inventory_schema::likeness::{Likeness, LikenessVerdict};
use inventory_schema::problem::ProblemCode;

use super::boots::Sighting;
use super::cases::note_repair;
use super::stated::{Spoken, compare_spoken};
use crate::enrollment::outage;
use crate::group_commit::GroupCommit;
use crate::state::AppState;
use crate::store::boot::BootNote;
use crate::store::presence::Standing;
use crate::store::{Scope, Store, StoreError};

/// The most boots committed together.
const LARGEST: usize = 512;

/// The task that writes boots down.
#[derive(Debug, Clone)]
pub struct Boots {
    group: GroupCommit<BootNote, Result<bool, ProblemCode>>,
}

impl Boots {
    pub fn start(store: Store) -> Self {
        let commit = move |notes: Vec<BootNote>| {
            let store = store.clone();
            async move {
                match store.note_boots(&notes).await.map_err(outage) {
                    Ok(proven) => proven.into_iter().map(Ok).collect(),
                    Err(code) => vec![Err(code); notes.len()],
                }
            }
        };
        Self {
            group: GroupCommit::start(LARGEST, commit),
        }
    }

    async fn note(&self, note: BootNote) -> Result<bool, ProblemCode> {
        self.group.commit(note).await.unwrap_or(Err(ProblemCode::Busy))
    }
}

/// Takes in what a check-in says of its computer; answers whether the device's standing is another now.
pub async fn learn(state: &AppState, key: KeyFingerprint, standing: &Standing, check_in: &CheckIn) -> Result<bool, ProblemCode> {
    let another_boot = standing.boot != Some(check_in.clock.boot);
    if another_boot {
        let note = BootNote {
            device: standing.device,
            key,
            boot: check_in.clock.boot,
            seen: Sighting {
                at: state.clock.now(),
                uptime_micros: i64::try_from(check_in.clock.uptime.get()).unwrap_or(i64::MAX),
            },
        };
        if state.traffic.boots.note(note).await? {
            tracing::warn!(device.id = %standing.external_id, "two computers use one key: a boot went on while another one did");
        }
    }
    if let Some(hardware) = &check_in.hardware {
        see(state, key, standing, hardware).await.map_err(outage)?;
    }
    Ok(another_boot || check_in.hardware.is_some())
}

/// The agent takes this hardware for its own; the record may say otherwise.
async fn see(state: &AppState, key: KeyFingerprint, standing: &Standing, hardware: &HardwareEvidence) -> Result<(), StoreError> {
    let store = &state.store;
    let (known, present) = (store.evidence(standing.device).await?, hardware.items());
    let neighbours = store.evidence_neighbours(&present).await?;
    let likeness = Likeness::weighing(&known, &present, |item| neighbours.carriers(item));
    if likeness.verdict == LikenessVerdict::Different {
        return store.want_new_key(standing.device, key).await;
    }
    store.note_evidence(standing.device, hardware, state.clock.now()).await?;
    if let Some(device) = store.device(Scope::REGION, standing.external_id).await? {
        let spoken = Spoken {
            id: device.id,
            external_id: device.external_id,
            organization_id: device.place.organization_id,
        };
        compare_spoken(store, spoken, hardware, state.clock.now()).await?;
    }
    note_repair(store, standing.device, &likeness, state.clock.now()).await
}
