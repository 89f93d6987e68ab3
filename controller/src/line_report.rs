//! Everything that is said of one building's line: read once for its page, its act, its workbook and the interface.
//!
//! It reads the store and judges; it knows no page and no language.

use std::time::Duration;

use inventory_schema::measurement::Direction;
use inventory_schema::measurement::weeks::{Assessment, Standing};
use inventory_schema::quantity::KilobitsPerSecond;
use inventory_schema::{BuildingId, Timestamp};
use jiff::tz::TimeZone;

use crate::line::history::{Judged, WINDOW, WeekStanding, assess_window, judge_all, weekly};
use crate::line::{LineSettings, due_date};
use crate::store::line::{LineBuilding, LineContract};
use crate::store::{Scope, Store, StoreError};
use crate::task::lines::{MOST, zone_of};

/// One building's line within a span, judged by the rule of now.
#[derive(Debug, Clone)]
pub struct LineReport {
    pub building: LineBuilding,
    pub zone: TimeZone,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Newest first.
    pub contracts: Vec<LineContract>,
    /// Newest first, both directions.
    pub judged: Vec<Judged>,
    /// By the window that ends at `to`.
    pub down: Assessment,
    pub up: Assessment,
    /// Of the direction to the school, oldest first.
    pub weeks: Vec<WeekStanding>,
    /// The end of the first window that proves the norm, of those that lie within the span.
    pub first_met: Option<Timestamp>,
    pub due: Timestamp,
}

impl LineReport {
    /// The contract in force.
    pub fn contracted(&self) -> Option<KilobitsPerSecond> {
        self.contracts.first().and_then(|contract| contract.speed)
    }

    /// Some of it was made up for a sample region.
    pub fn is_generated(&self) -> bool {
        self.judged.iter().any(|judged| judged.first().generated)
    }

    /// Measurements of both directions before the due date and after it.
    pub fn around_due(&self) -> (usize, usize) {
        let before = self.judged.iter().filter(|judged| judged.sample.moment < self.due).count();
        (before, self.judged.len() - before)
    }
}

/// `None`: there is no such building, or not for this one to see.
pub async fn read(
    store: &Store,
    scope: Scope,
    building: BuildingId,
    settings: &LineSettings,
    region: &TimeZone,
    (from, to): (Timestamp, Timestamp),
) -> Result<Option<LineReport>, StoreError> {
    let Some(building) = store.line_building(scope, building).await? else {
        return Ok(None);
    };
    let zone = zone_of(&building, region);
    // The window that ends first begins before the span.
    let stored = store.measurements(building.id, from.saturating_sub(WINDOW), to, MOST).await?;
    let contracts = store.line_contracts(building.id).await?;
    let all = judge_all(stored, building.settlement_class, settings, &zone);
    let weeks = weekly(&all, Direction::Down, from, to, settings);
    let met = weeks.iter().find(|week| week.standing == Standing::Meets);
    Ok(Some(LineReport {
        down: assess_window(&all, Direction::Down, to, settings),
        up: assess_window(&all, Direction::Up, to, settings),
        first_met: met.map(|week| week.end),
        judged: all.into_iter().filter(|judged| judged.sample.moment >= from).collect(),
        weeks,
        due: due_date(region),
        building,
        zone,
        from,
        to,
        contracts,
    }))
}

/// Spans that people choose from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Span {
    /// What the rule looks at.
    #[default]
    Window,
    Quarter,
    Year,
    All,
}

impl Span {
    pub const ALL: [Self; 4] = [Self::Window, Self::Quarter, Self::Year, Self::All];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Window => "28",
            Self::Quarter => "84",
            Self::Year => "365",
            Self::All => "all",
        }
    }

    /// Anything else is the window.
    pub fn of(text: &str) -> Self {
        Self::ALL.into_iter().find(|span| span.as_str() == text).unwrap_or_default()
    }

    /// Until `now`; everything begins where the due date's winter does.
    pub fn until(self, now: Timestamp, region: &TimeZone) -> (Timestamp, Timestamp) {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let from = match self {
            Self::Window => now - WINDOW,
            Self::Quarter => now - DAY * 84,
            Self::Year => now - DAY * 365,
            Self::All => due_date(region) - DAY * 92,
        };
        (from.min(now), now)
    }
}
