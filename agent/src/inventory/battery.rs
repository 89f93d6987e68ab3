//! Batteries of the computer itself, from `/sys/class/power_supply`.
//!
//! Pure: attributes by name in, facts out.

pub mod firmware;

use inventory_schema::device::{Fact, SerialNumber, Source};
use inventory_schema::inventory::BatteryCell;
use inventory_schema::quantity::MilliwattHours;
use inventory_schema::text::{DeviceName, Word};

use super::system::name_fact;

/// `None` for what is no battery of this computer: chargers, mice, empty bays.
pub fn cell(name: &str, attribute: &dyn Fn(&str) -> Option<String>) -> Option<BatteryCell> {
    let is = |name: &str, value: &str| attribute(name).as_deref() == Some(value);
    if !is("type", "Battery") || is("scope", "Device") || is("present", "0") {
        return None;
    }
    let source = Source::SysfsPowerSupply;
    let named = |name: &str| attribute(name).and_then(|raw| name_fact(&raw, source));
    let design = capacity("full_design", attribute);
    let full = design
        .zip(capacity("full", attribute))
        .map(|(design, full)| whole_percents(design, full));
    let energy = |milliwatt_hours: u64| Fact::new(MilliwattHours::saturating(milliwatt_hours), source);
    Some(BatteryCell {
        name: DeviceName::observed(name)?,
        maker: named("manufacturer"),
        model: named("model_name"),
        serial: attribute("serial_number").and_then(|raw| SerialNumber::fact(&raw, source)),
        technology: attribute("technology")
            .filter(|text| text != "Unknown")
            .and_then(|raw| Word::observed(&raw))
            .map(|word| Fact::new(word, source)),
        design_capacity: design.map(energy),
        full_capacity: full.map(energy),
    })
}

/// Milliwatt-hours from `energy_…` in µWh, or from `charge_…` in µAh times the design voltage in µV.
fn capacity(which: &str, attribute: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    let number = |name: &str| attribute(name)?.parse::<u64>().ok().filter(|number| *number > 0);
    if let Some(microwatt_hours) = number(&format!("energy_{which}")) {
        return Some(microwatt_hours / 1000);
    }
    let charge = u128::from(number(&format!("charge_{which}"))?);
    let voltage = u128::from(number("voltage_min_design").or_else(|| number("voltage_max_design"))?);
    u64::try_from(charge * voltage / 1_000_000_000).ok()
}

/// The full capacity as whole percents of the design, rounded down, so that daily jitter is no change.
fn whole_percents(design: u64, full: u64) -> u64 {
    let (design, full) = (u128::from(design.max(1)), u128::from(full));
    u64::try_from(design * (full * 100 / design) / 100).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(attributes: &[(&str, &str)]) -> Option<BatteryCell> {
        cell("BAT0", &|name| {
            attributes
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn capacities_are_whole_percents_of_the_design() {
        let of = |full| {
            let cell = of(&[
                ("type", "Battery"),
                ("present", "1"),
                ("energy_full_design", "50000000"),
                ("energy_full", full),
            ])
            .unwrap();
            (cell.design_capacity.unwrap().value.get(), cell.full_capacity.unwrap().value.get())
        };
        assert_eq!(of("45990000"), (50_000, 45_500));
        assert_eq!(of("45510000"), (50_000, 45_500));
        assert_eq!(of("45490000"), (50_000, 45_000));
    }

    #[test]
    fn charge_becomes_energy_by_the_design_voltage() {
        let cell = of(&[
            ("type", "Battery"),
            ("charge_full_design", "4000000"),
            ("voltage_min_design", "11400000"),
            ("charge_full", "4000000"),
            ("technology", "Li-ion"),
            ("serial_number", "0000"),
        ])
        .unwrap();
        assert_eq!(cell.design_capacity.unwrap().value.get(), 45_600);
        assert_eq!(cell.technology.unwrap().value.as_str(), "Li-ion");
        assert!(cell.serial.unwrap().plausible().is_none());
    }

    #[test]
    fn mice_chargers_and_empty_bays_are_no_batteries() {
        assert!(of(&[("type", "Battery"), ("scope", "Device")]).is_none());
        assert!(of(&[("type", "Mains")]).is_none());
        assert!(of(&[("type", "Battery"), ("present", "0")]).is_none());
        assert!(
            of(&[("type", "Battery"), ("energy_full_design", "0")])
                .unwrap()
                .design_capacity
                .is_none()
        );
    }
}
