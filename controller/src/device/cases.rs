//! What an enrollment tells people: reinstalled, repaired, known in another school, likely a double.

use inventory_schema::Timestamp;
use inventory_schema::likeness::{Likeness, LikenessVerdict};
use serde_json::json;

use super::which::{Recognized, WhichDevice};
use crate::store::review::{CaseKind, CaseState, NewCase};
use crate::store::{Store, StoreResult};

/// Opens the cases that follow from how the hardware of `device` (an internal id) was recognized.
pub async fn tell_people(store: &Store, device: i64, recognized: &WhichDevice, now: Timestamp) -> StoreResult<()> {
    match recognized {
        WhichDevice::Own(known) => {
            open(store, device, None, CaseKind::Reinstall, CaseState::Noted, &known.likeness, now).await?;
            note_repair(store, device, &known.likeness, now).await
        }
        WhichDevice::Elsewhere(known) => about_two(store, device, known, CaseKind::Move, now).await,
        WhichDevice::New { resembles: Some(known) } => about_two(store, device, known, CaseKind::LikelyDouble, now).await,
        WhichDevice::New { resembles: None } => Ok(()),
    }
}

/// A part was exchanged and the computer stayed itself.
pub async fn note_repair(store: &Store, device: i64, likeness: &Likeness, now: Timestamp) -> StoreResult<()> {
    if likeness.verdict == LikenessVerdict::Repaired {
        open(store, device, None, CaseKind::Repair, CaseState::Noted, likeness, now).await?;
    }
    Ok(())
}

async fn about_two(store: &Store, device: i64, known: &Recognized, kind: CaseKind, now: Timestamp) -> StoreResult<()> {
    if known.id == device {
        return Ok(());
    }
    open(store, device, Some(known), kind, CaseState::Open, &known.likeness, now).await
}

async fn open(
    store: &Store,
    device: i64,
    other: Option<&Recognized>,
    kind: CaseKind,
    state: CaseState,
    likeness: &Likeness,
    now: Timestamp,
) -> StoreResult<()> {
    let case = NewCase {
        kind,
        device,
        other: other.map(|other| other.id),
        subject: other.map(|other| other.device.to_string()).unwrap_or_default(),
        detail: json!({ "likeness": likeness }).to_string(),
        state,
        at: now,
    };
    store.open_case(&case).await
}
