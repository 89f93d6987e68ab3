//! Batteries of the computer itself, from `/sys/class/power_supply`.
//!
//! Pure: attributes by name in, facts out.

pub mod firmware;

use inventory_schema::device::{Fact, SerialNumber, Source};
use inventory_schema::inventory::BatteryCell;
use inventory_schema::quantity::{Count, MilliwattHours, Percent};
use inventory_schema::text::{DeviceName, Word};

use super::system::name_fact;

/// What drivers of mice, keyboards, pens and game controllers call their batteries; older ones state no scope.
const OF_OTHER_DEVICES: [&str; 8] = [
    "hidpp_battery",
    "hid-",
    "wacom_battery",
    "wacom_ac",
    "sony_controller_battery",
    "ps-controller-battery",
    "nintendo_switch_controller",
    "xpadneo_battery",
];

/// `None` for what is no battery of this computer: chargers, mice, empty bays.
pub fn cell(name: &str, attribute: &dyn Fn(&str) -> Option<String>) -> Option<BatteryCell> {
    let is = |name: &str, value: &str| attribute(name).as_deref() == Some(value);
    let of_other = OF_OTHER_DEVICES.iter().any(|prefix| name.starts_with(prefix));
    if !is("type", "Battery") || is("scope", "Device") || is("present", "0") || of_other {
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
        wear: wear(attribute).map(|percent| Fact::new(percent, source)),
        cycles: cycles(attribute).map(|cycles| Fact::new(cycles, source)),
    })
}

fn number(name: &str, attribute: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    attribute(name)?.parse::<u64>().ok().filter(|number| *number > 0)
}

/// In the units that the battery counts in: charge tells its wear without a voltage.
fn wear(attribute: &dyn Fn(&str) -> Option<String>) -> Option<Percent> {
    let of = |unit: &str| {
        let design = u128::from(number(&format!("{unit}_full_design"), attribute)?);
        let full = u128::from(number(&format!("{unit}_full"), attribute)?);
        let left = full.min(design) * 100 / design;
        Some(Percent::saturating(100 - u64::try_from(left).unwrap_or(100)))
    };
    of("energy").or_else(|| of("charge"))
}

/// 0 is «unknown» of most firmware.
fn cycles(attribute: &dyn Fn(&str) -> Option<String>) -> Option<Count> {
    let cycles = number("cycle_count", attribute)?;
    Some(Count::saturating(cycles / 10 * 10))
}

/// Milliwatt-hours from `energy_…` in µWh, or from `charge_…` in µAh times the design voltage in µV.
fn capacity(which: &str, attribute: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    let number = |name: &str| number(name, attribute);
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
    fn wear_is_what_is_lost_of_the_design() {
        let of = |design: &str, full: &str, cycles: &str| {
            let cell = of(&[
                ("type", "Battery"),
                ("charge_full_design", design),
                ("charge_full", full),
                ("cycle_count", cycles),
            ])
            .unwrap();
            (cell.wear.map(|fact| fact.value.get()), cell.cycles.map(|fact| fact.value.get()))
        };
        assert_eq!(of("4000000", "3000000", "127"), (Some(25), Some(120)));
        assert_eq!(
            of("4000000", "4200000", "0"),
            (Some(0), None),
            "a new battery holds more than it promised"
        );
        assert_eq!(of("4000000", "1", "-1"), (Some(100), None));
        assert_eq!(of("0", "3000000", "9"), (None, Some(0)));
        assert_eq!(of("18446744073709551615", "18446744073709551615", "x"), (Some(0), None));
    }

    #[test]
    fn mice_chargers_and_empty_bays_are_no_batteries() {
        assert!(of(&[("type", "Battery"), ("scope", "Device")]).is_none());
        assert!(of(&[("type", "Mains")]).is_none());
        let mouse = cell("hidpp_battery_0", &|name| (name == "type").then(|| "Battery".to_owned()));
        assert!(mouse.is_none(), "an old driver that states no scope");
        assert!(of(&[("type", "Battery"), ("present", "0")]).is_none());
        assert!(
            of(&[("type", "Battery"), ("energy_full_design", "0")])
                .unwrap()
                .design_capacity
                .is_none()
        );
    }
}
