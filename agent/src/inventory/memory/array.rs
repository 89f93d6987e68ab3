//! Arrays of memory and the addresses they were given: SMBIOS types 16 and 19.

use std::collections::HashSet;

use inventory_schema::device::{Fact, Source};
use inventory_schema::inventory::ErrorCorrection;
use inventory_schema::quantity::Bytes;

use crate::inventory::smbios::{Structure, Table};

pub(super) fn of_main_memory<'a>(table: &'a Table<'a>) -> impl Iterator<Item = Structure<'a>> {
    table.of_kind(16).filter(is_main_memory)
}

/// Use 3 of DSP0134 table 73; what is too short to say is taken for it.
pub(super) fn is_main_memory(array: &Structure<'_>) -> bool {
    array.byte(5).is_none_or(|usage| usage == 3)
}

/// What all arrays together can take. `None` where one of them does not say.
pub(super) fn max_capacity(table: &Table<'_>) -> Option<Fact<Bytes>> {
    let capacities: Option<Vec<u64>> = of_main_memory(table).map(|array| capacity(&array)).collect();
    let sum = capacities?.into_iter().fold(0, u64::saturating_add);
    (sum > 0).then(|| Fact::new(Bytes::saturating(sum), Source::Smbios))
}

/// Kibibytes, or bytes in the extended field.
fn capacity(array: &Structure<'_>) -> Option<u64> {
    const EXTENDED: u32 = 0x8000_0000;
    match array.double_word(7)? {
        EXTENDED => array.array(0x0f).map(u64::from_le_bytes).filter(|bytes| *bytes > 0),
        kibibytes => Some(u64::from(kibibytes) * 1024),
    }
}

/// Of the first array that says; boards have one kind for all.
pub(super) fn error_correction(table: &Table<'_>) -> Option<Fact<ErrorCorrection>> {
    let of = |code: u8| {
        Some(match code {
            1 => ErrorCorrection::Other,
            3 => ErrorCorrection::None,
            4 => ErrorCorrection::Parity,
            5 => ErrorCorrection::SingleBit,
            6 => ErrorCorrection::MultiBit,
            7 => ErrorCorrection::Crc,
            _ => return None,
        })
    };
    let found = of_main_memory(table).find_map(|array| array.byte(6).and_then(of));
    found.map(|kind| Fact::new(kind, Source::Smbios))
}

/// The sum of the ranges of main memory. Ranges may be listed twice; each counts once.
pub(super) fn mapped(table: &Table<'_>) -> Option<Fact<Bytes>> {
    let other_arrays: HashSet<u16> = table
        .of_kind(16)
        .filter(|array| !is_main_memory(array))
        .map(|array| array.handle)
        .collect();
    let ranges: HashSet<(u64, u64)> = table
        .of_kind(19)
        .filter(|range| !range.word(0x0c).is_some_and(|array| other_arrays.contains(&array)))
        .filter_map(|range| addresses(&range))
        .collect();
    let sum = ranges.iter().map(|(start, end)| end - start).fold(0, u64::saturating_add);
    (sum > 0).then(|| Fact::new(Bytes::saturating(sum), Source::Smbios))
}

/// First address and the one behind the last. `None` for a range that ends before it starts.
fn addresses(range: &Structure<'_>) -> Option<(u64, u64)> {
    const EXTENDED: u32 = u32::MAX;
    let (start, last) = (range.double_word(4)?, range.double_word(8)?);
    let (start, last) = if start == EXTENDED {
        (u64::from_le_bytes(range.array(0x0f)?), u64::from_le_bytes(range.array(0x17)?))
    } else {
        (u64::from(start) * 1024, u64::from(last) * 1024 + 1023)
    };
    Some((start, last.checked_add(1)?)).filter(|(start, end)| start < end)
}

#[cfg(test)]
mod tests {
    use super::super::super::smbios::Version;
    use super::super::super::smbios::tests::structure;
    use super::*;

    fn array(usage: u8, correction: u8, kibibytes: u32, bytes: u64) -> Vec<u8> {
        let mut numbers = vec![3, usage, correction];
        numbers.extend_from_slice(&kibibytes.to_le_bytes());
        numbers.extend_from_slice(&[0xfe, 0xff, 2, 0]);
        numbers.extend_from_slice(&bytes.to_le_bytes());
        structure(16, &numbers, &[])
    }

    fn range(start: u32, last: u32, extended: (u64, u64)) -> Vec<u8> {
        let mut numbers = [start.to_le_bytes(), last.to_le_bytes()].concat();
        numbers.extend_from_slice(&[99, 0, 1]);
        numbers.extend_from_slice(&extended.0.to_le_bytes());
        numbers.extend_from_slice(&extended.1.to_le_bytes());
        structure(19, &numbers, &[])
    }

    fn with<T>(bytes: &[u8], read: impl Fn(&Table<'_>) -> Option<Fact<T>>) -> Option<T> {
        read(&Table::read(bytes, Version::ASSUMED)).map(|fact| fact.value)
    }

    #[test]
    fn capacities_of_main_memory_are_added() {
        let gibibytes = |count: u64| Some(Bytes::saturating(count << 30));
        let small = array(3, 3, 32 << 20, 0);
        let large = array(3, 6, 0x8000_0000, 2 << 40);
        let flash = array(5, 2, 16 << 10, 0);
        assert_eq!(with(&[&small[..], &flash].concat(), max_capacity), gibibytes(32));
        assert_eq!(with(&[&small[..], &large].concat(), max_capacity), gibibytes(32 + 2048));
        assert_eq!(with(&flash, max_capacity), None);
        assert_eq!(with(&array(3, 2, 0x8000_0000, 0), max_capacity), None, "it does not say");
    }

    #[test]
    fn the_kind_of_correction_is_that_of_main_memory() {
        let bytes = [array(5, 6, 1, 0), array(3, 2, 1, 0), array(3, 5, 1, 0)].concat();
        assert_eq!(with(&bytes, error_correction), Some(ErrorCorrection::SingleBit));
        assert_eq!(with(&array(3, 3, 1, 0), error_correction), Some(ErrorCorrection::None));
    }

    #[test]
    fn ranges_are_added_once_and_broken_ones_left_out() {
        let four = range(0, (4 << 20) - 1, (0, 0));
        let beyond = range(u32::MAX, u32::MAX, (1 << 40, (1 << 40) + (1 << 30) - 1));
        let broken = range(1000, 5, (0, 0));
        let endless = range(u32::MAX, u32::MAX, (0, u64::MAX));
        let bytes = [&four[..], &four, &beyond, &broken, &endless].concat();
        assert_eq!(with(&bytes, mapped), Some(Bytes::saturating(5 << 30)));
        assert_eq!(with(&broken, mapped), None);
    }
}
