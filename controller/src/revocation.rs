//! Taking a device's certificate out of force: by its key, so that no certificate of that key counts any more.
//!
//! Called by the device's page and the API. The revocation survives the deletion of the device; the way back is
//! a new token and a new key (`cos-agent enroll --again`).

use inventory_schema::{DeviceId, Timestamp};

use crate::access::Operator;
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::state::AppState;
use crate::store::{Scope, StoreResult};

/// Revokes every key of the device; `None` if there is no such device in scope, else how many keys lost force now.
pub async fn revoke(
    state: &AppState,
    who: &Operator,
    scope: Scope,
    id: DeviceId,
    reason: &str,
    now: Timestamp,
) -> StoreResult<Option<usize>> {
    let Some(device) = state.store.device(scope, id).await? else {
        return Ok(None);
    };
    let mut revoked = 0;
    for key in state.store.device_keys(device.id).await? {
        revoked += usize::from(state.store.revoke_key(key.fingerprint, now, reason, Some(who.id)).await?);
    }
    Entry::new(now, who, Action::DeviceRevoked, SubjectKind::Device, id)
        .of_organization(device.place.organization_id)
        .with("reason", reason)
        .with("keys", revoked)
        .record(&state.store)
        .await?;
    tracing::warn!(device.id = %id, keys = revoked, "a device was revoked");
    Ok(Some(revoked))
}
