//! A device's parts as they came and went, and what else changed about it.

use inventory_schema::Timestamp;

use crate::name::Names;
use crate::state::AppState;
use crate::store::device::Device;
use crate::store::part::DevicePart;
use crate::store::{Scope, StoreError};
use crate::web::changes::{ChangeLine, change_line};
use crate::web::link::with_query;
use crate::web::page::Page;
use crate::web::part::{PartWords, standing_name};

/// How many changes a device's page lists.
const CHANGES: i64 = 30;

#[derive(Debug, Clone)]
pub struct PartLine {
    pub words: PartWords,
    pub slot: String,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub gone: bool,
    pub standing: Option<&'static str>,
}

impl PartLine {
    /// Where else this part is or was.
    pub fn search(&self) -> String {
        with_query("/parts", &[("q", &self.words.serial)])
    }
}

#[derive(Debug, Clone)]
pub struct History {
    pub parts: Vec<PartLine>,
    pub changes: Vec<ChangeLine>,
}

impl History {
    pub async fn of(
        state: &AppState,
        scope: Scope,
        device: &Device,
        parts: &[DevicePart],
        names: &Names,
        page: &Page,
    ) -> Result<Self, StoreError> {
        let changes = state.store.changes_of(scope, device.id, CHANGES).await?;
        Ok(Self {
            parts: parts.iter().map(|held| line(held, names, page)).collect(),
            changes: changes.iter().map(|change| change_line(change, names, page)).collect(),
        })
    }
}

fn line(held: &DevicePart, names: &Names, page: &Page) -> PartLine {
    PartLine {
        words: PartWords::of(&held.part, names, page.language),
        slot: held.part.slot.clone().unwrap_or_default(),
        first_seen: held.first_seen_at,
        last_seen: held.last_seen_at,
        gone: held.gone_at.is_some(),
        standing: held.standing.map(standing_name),
    }
}
