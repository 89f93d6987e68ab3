//! Writes the sample region's made-up measurements and contracts into a store, and judges them.
//!
//! What is written says that it is made up. Called by the demo and by tests, and by nothing that serves a real region.

use inventory_schema::Timestamp;
use inventory_schema::measurement::Direction;
use inventory_schema::organization::SettlementClass;
use inventory_schema::quantity::KilobitsPerSecond;
use jiff::tz::TimeZone;

use crate::activity_log::{Action, Entry, SubjectKind};
use crate::line::LineSettings;
use crate::register::sample::lines::region_history;
use crate::store::line::{LineContract, LineFilter, LineRow};
use crate::store::{Page, Scope, Store, StoreError};
use crate::task::lines;

/// More buildings than any sample has.
const MOST: i64 = 10_000;
/// Measurements that are written in one transaction.
const GROUP: usize = 512;
/// One building in so many has no contract on record.
const UNRECORDED: usize = 5;

/// Answers how many measurements were written.
pub async fn write(store: &Store, settings: &LineSettings, zone: &TimeZone, now: Timestamp) -> Result<usize, StoreError> {
    let page = Page { offset: 0, limit: MOST };
    let filter = LineFilter::default();
    let rule = settings.rule_name();
    let rows = store.lines(Scope::REGION, Direction::Down, &rule, &filter, page).await?.rows;
    let buildings: Vec<(i64, SettlementClass)> = rows.iter().map(|row| (row.building.id, row.building.settlement_class)).collect();
    let history = region_history(&buildings, now, &settings.lessons, zone);
    for group in history.chunks(GROUP) {
        store.add_sample_measurements(group).await?;
    }
    for row in rows
        .iter()
        .enumerate()
        .filter(|(place, _)| !place.is_multiple_of(UNRECORDED))
        .map(|(_, row)| row)
    {
        record_contract(store, row, now).await?;
    }
    lines::run(store, settings, zone, now).await?;
    Ok(history.len())
}

async fn record_contract(store: &Store, row: &LineRow, now: Timestamp) -> Result<(), StoreError> {
    let building = &row.building;
    let contract = LineContract {
        speed: Some(KilobitsPerSecond::saturating(building.settlement_class.target().get() / 1000)),
        document: "учебный договор № 1 от 01.09.2021".to_owned(),
        recorded_at: now,
        recorded_by: crate::activity_log::CONTROLLER.to_owned(),
    };
    let entry = Entry::by_itself(now, Action::ContractRecorded, SubjectKind::Building, building.external_id)
        .of_organization(building.organization_id)
        .with("document", contract.document.as_str());
    store.set_line_contract(building.id, &contract, &entry.into_new()).await
}
