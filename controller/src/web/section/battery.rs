//! Batteries in words: what they held when they were made, what they hold now, how worn they are.

use inventory_schema::device::Fact;
use inventory_schema::inventory::{Battery, BatteryCell};

use super::processor::whole;
use super::{Block, Facts, Knowing};
use crate::part::PartKind;

pub(super) fn battery(section: &Battery, know: &Knowing<'_>) -> Vec<Block> {
    section.cells.iter().map(|battery| block(battery, know)).collect()
}

fn block(battery: &BatteryCell, know: &Knowing<'_>) -> Block {
    let energy = |value: u64| format!("{}\u{a0}{}", whole(value / 1000), know.t("unit-watt-hours"));
    let model = battery
        .model
        .as_ref()
        .and_then(Fact::plausible)
        .map(|model| model.to_string().trim().to_owned());
    Facts::new(know)
        .fact(know.t("fact-wear"), &battery.wear, |wear| format!("{}\u{a0}%", wear.get()))
        .fact(know.t("fact-cycles"), &battery.cycles, |cycles| cycles.get().to_string())
        .fact(know.t("fact-full-capacity"), &battery.full_capacity, |capacity| {
            energy(capacity.get())
        })
        .fact(know.t("fact-design-capacity"), &battery.design_capacity, |capacity| {
            energy(capacity.get())
        })
        .text(know.t("fact-maker"), &battery.maker)
        .text(know.t("fact-model"), &battery.model)
        .text(know.t("fact-technology"), &battery.technology)
        .line(
            know.t("fact-serial"),
            Some(know.serial(&battery.serial, PartKind::Battery, model.as_deref())),
        )
        .block(Some(battery.name.to_string()))
}
