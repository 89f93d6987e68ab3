//! The lines of buildings: when they are measured, and what the measurements come to.
//!
//! | Question | Module |
//! |---|---|
//! | is this moment within lessons, by the municipality's clock? | [`lessons`] |
//! | what is each measurement worth, and what do the weeks come to? | [`history`] |
//! | how does it look over time? | [`chart`] |
//! | who measures when, with which computers, against which server? | [`schedule`] |
//!
//! Pure: everything takes values and times and returns values. What one measurement proves is decided in
//! `inventory_schema::measurement`, which the verifier shares.

pub mod chart;
pub mod history;
pub mod lessons;
pub mod schedule;

use inventory_schema::Timestamp;
use inventory_schema::measurement::Layer;
use inventory_schema::measurement::verdict::Rule;

use crate::store::line::rule_name;
use lessons::LessonHours;

/// What the region sets about lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineSettings {
    pub rule: Rule,
    pub lessons: LessonHours,
}

impl LineSettings {
    /// The rule with its settings, as copies of its results are kept under.
    pub fn rule_name(&self) -> String {
        rule_name(self.rule.version, layer_word(self.rule.layer), self.rule.tolerance)
    }
}

/// The layer as configurations and exports write it.
pub const fn layer_word(layer: Layer) -> &'static str {
    match layer {
        Layer::Ip => "ip",
        Layer::Ethernet => "ethernet",
        Layer::Tcp => "tcp",
        Layer::Contract => "contract",
    }
}

/// By the end of this day schools were to have 100 and 50 Mbit/s: 31.12.2021, of the region's clock.
pub fn due_date(zone: &jiff::tz::TimeZone) -> Timestamp {
    let midnight = jiff::civil::date(2022, 1, 1).to_zoned(zone.clone());
    midnight.map_or(Timestamp::from_unix_seconds(1_640_995_200), |midnight| {
        Timestamp::from_unix_micros(midnight.timestamp().as_microsecond())
    })
}
