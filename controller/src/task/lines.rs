//! Judges the last weeks of buildings whose line was measured since, so that lists need not.
//!
//! Which buildings are due is said by the rows themselves. Everyone is due again after some hours, because the window
//! moves on. Running it again changes nothing.

use std::time::Duration;

use inventory_schema::Timestamp;
use inventory_schema::measurement::Direction;
use inventory_schema::quantity::BitsPerSecond;
use jiff::tz::TimeZone;

use crate::line::LineSettings;
use crate::line::history::{Judged, WINDOW, assess_window, judge_all};
use crate::store::line::{LineBuilding, LineStanding, Seen};
use crate::store::{Store, StoreError};

const TASK: &str = "lines";
/// Buildings that are read at a time.
const BATCH: i64 = 64;
const JUDGED_ANEW: Duration = Duration::from_secs(6 * 60 * 60);
/// The most measurements of one building that a window holds: one in five minutes, each way, by four computers.
pub const MOST: i64 = 20_000;

/// One run; answers how many buildings were judged, or `None` where another controller is at it.
pub async fn run(store: &Store, settings: &LineSettings, zone: &TimeZone, now: Timestamp) -> Result<Option<usize>, StoreError> {
    let Some(_held) = store.exclusively(TASK).await? else {
        return Ok(None);
    };
    let rule = settings.rule_name();
    // From building to building, each once: one that stays due must not hold the others up, nor this run for ever.
    let (mut judged, mut last) = (0, 0);
    loop {
        let due = store.lines_due(&rule, now - WINDOW, now - JUDGED_ANEW, last, BATCH).await?;
        let Some(newest) = due.last() else {
            return Ok(Some(judged));
        };
        last = *newest;
        for building in due {
            judged += usize::from(assess(store, building, settings, zone, now).await?);
        }
    }
}

/// Answers whether there was anything to judge: a building that is in the register no more stays as it was judged last.
async fn assess(store: &Store, id: i64, settings: &LineSettings, zone: &TimeZone, now: Timestamp) -> Result<bool, StoreError> {
    let Some(building) = store.line_building_by_internal_id(id).await? else {
        return Ok(false);
    };
    let newest = store.newest_measurement(id).await?;
    let stored = store.measurements(id, now - WINDOW, now, MOST).await?;
    let zone = zone_of(&building, zone);
    let judged = judge_all(stored, building.settlement_class, settings, &zone);
    for direction in [Direction::Down, Direction::Up] {
        let assessment = assess_window(&judged, direction, now, settings);
        let standing = LineStanding::of(&assessment, target(&judged, &building), seen(&judged, direction, newest), now);
        store.save_line_standing(id, direction, &settings.rule_name(), &standing).await?;
    }
    Ok(true)
}

/// The municipality's clock; the region's where its name is unknown here.
pub fn zone_of(building: &LineBuilding, region: &TimeZone) -> TimeZone {
    TimeZone::get(&building.time_zone).unwrap_or_else(|_| region.clone())
}

/// The norm at the layer it was judged at.
fn target(judged: &[Judged], building: &LineBuilding) -> BitsPerSecond {
    let first = judged.first().map(|judged| judged.sample.judgement.target);
    first.unwrap_or_else(|| building.settlement_class.target())
}

fn seen(judged: &[Judged], direction: Direction, newest_measurement: i64) -> Seen {
    let of_direction = || judged.iter().filter(|judged| judged.direction == direction);
    Seen {
        last_measured_at: of_direction().map(|judged| judged.sample.moment).max(),
        generated: of_direction().any(|judged| judged.first().generated),
        newest_measurement,
    }
}
