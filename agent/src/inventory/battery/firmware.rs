//! Batteries by firmware's own table (SMBIOS type 22): for systems that say nothing of theirs.
//!
//! A table says what the maker put in, not what is in today, and knows no wear.

use inventory_schema::device::{Fact, SerialNumber, Source};
use inventory_schema::inventory::BatteryCell;
use inventory_schema::quantity::MilliwattHours;
use inventory_schema::text::{DeviceName, Word};

use crate::inventory::smbios::{Structure, Table};
use crate::inventory::system::name_fact;

/// A notebook has two at most; a table with more is no source.
const MOST: usize = 4;

pub fn cells(table: &Table<'_>) -> Vec<BatteryCell> {
    table.of_kind(22).filter_map(|battery| cell(&battery)).take(MOST).collect()
}

/// `None` for a structure that boards without a battery leave unfilled.
fn cell(battery: &Structure<'_>) -> Option<BatteryCell> {
    let name = |offset| battery.string(offset).and_then(|raw| name_fact(&raw, Source::Smbios));
    let cell = BatteryCell {
        name: battery
            .string(4)
            .and_then(|raw| DeviceName::observed(&raw))
            .or_else(|| DeviceName::observed("battery"))?,
        maker: name(5),
        model: name(8),
        serial: serial(battery),
        technology: chemistry(battery)
            .and_then(|text| Word::observed(&text))
            .map(|word| Fact::new(word, Source::Smbios)),
        design_capacity: capacity(battery).map(|energy| Fact::new(MilliwattHours::saturating(energy), Source::Smbios)),
        full_capacity: None,
        wear: None,
        cycles: None,
    };
    let named = [&cell.maker, &cell.model]
        .iter()
        .any(|fact| fact.as_ref().is_some_and(|fact| fact.trust.is_plausible()));
    (named || cell.design_capacity.is_some()).then_some(cell)
}

/// The text, or the number of smart batteries in hexadecimal as they print it.
fn serial(battery: &Structure<'_>) -> Option<Fact<SerialNumber>> {
    let number = || {
        battery
            .word(0x10)
            .filter(|number| *number != 0)
            .map(|number| format!("{number:04X}"))
    };
    match battery.string_bytes(7) {
        Some(bytes) => SerialNumber::fact_of_bytes(bytes, Source::Smbios),
        None => SerialNumber::fact(&number()?, Source::Smbios),
    }
}

/// DSP0134 table 94, or the smart battery's own word where that says «see there».
fn chemistry(battery: &Structure<'_>) -> Option<String> {
    let known = match battery.byte(9)? {
        3 => "Lead-Acid",
        4 => "Nickel-Cadmium",
        5 => "Nickel-Metal-Hydride",
        6 => "Li-ion",
        7 => "Zinc-Air",
        8 => "Li-poly",
        _ => return battery.string(0x14),
    };
    Some(known.to_owned())
}

/// Milliwatt-hours, multiplied since version 2.2.
fn capacity(battery: &Structure<'_>) -> Option<u64> {
    let stated = u64::from(battery.word(0x0a)?);
    let factor = u64::from(battery.byte(0x15).unwrap_or(1).max(1));
    Some(stated * factor).filter(|energy| *energy > 0)
}

#[cfg(test)]
mod tests {
    use super::super::super::smbios::Version;
    use super::super::super::smbios::tests::structure;
    use super::*;

    fn battery(capacity: u16, factor: u8, strings: &[&str]) -> Vec<u8> {
        let mut numbers = vec![1, 2, 0, 0, 3, 2];
        numbers.extend_from_slice(&capacity.to_le_bytes());
        numbers.extend_from_slice(&[0x3c, 0x2d, 0, 0, 0x0b, 0x07, 0, 0, 4, factor]);
        structure(22, &numbers, strings)
    }

    #[test]
    fn a_smart_battery_is_read() {
        let bytes = battery(5700, 10, &["Front", "LGC", "01AV478", "LiP"]);
        let cell = cells(&Table::read(&bytes, Version::ASSUMED)).remove(0);
        assert_eq!(cell.name.as_str(), "Front");
        assert_eq!(cell.model.unwrap().value.as_str(), "01AV478");
        assert_eq!(cell.serial.unwrap().value.as_str(), "070B");
        assert_eq!(cell.technology.unwrap().value.as_str(), "LiP");
        assert_eq!(cell.design_capacity.unwrap().value.get(), 57_000);
    }

    #[test]
    fn an_unfilled_structure_is_no_battery() {
        let fillers = battery(0, 0, &["To Be Filled By O.E.M.", "To Be Filled By O.E.M.", "Default string", "x"]);
        assert!(cells(&Table::read(&fillers, Version::ASSUMED)).is_empty());
        assert!(cells(&Table::read(&structure(22, &[], &[]), Version::ASSUMED)).is_empty());
    }
}
