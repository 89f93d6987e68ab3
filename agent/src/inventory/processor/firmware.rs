//! What only firmware says of processors: sockets and caches, from SMBIOS types 4 and 7.
//!
//! Its core counts and clock rates are known to lie and are not read.

use std::collections::BTreeMap;

use inventory_schema::device::{Fact, Source};
use inventory_schema::inventory::ProcessorCache;
use inventory_schema::quantity::{Bytes, Count};

use crate::inventory::smbios::{Structure, Table};

/// Sockets for central processors, empty ones included.
pub fn sockets(table: &Table<'_>) -> Option<Fact<Count>> {
    const CENTRAL: u8 = 3;
    let count = table.of_kind(4).filter(|socket| socket.byte(5) == Some(CENTRAL)).count();
    (count > 0).then(|| Fact::new(Count::saturating(count as u64), Source::Smbios))
}

/// Installed sizes by level. Boards list the caches for data and for instructions apart, and those of each
/// socket; they are added.
pub fn caches(table: &Table<'_>) -> Vec<ProcessorCache> {
    let mut by_level: BTreeMap<u64, u64> = BTreeMap::new();
    for cache in table.of_kind(7) {
        let Some(configuration) = cache.word(5) else { continue };
        if let Some(bytes) = installed(&cache) {
            let sum = by_level.entry(u64::from(configuration & 0b111) + 1).or_default();
            *sum = sum.saturating_add(bytes);
        }
    }
    by_level
        .into_iter()
        .map(|(level, bytes)| ProcessorCache {
            level: Count::saturating(level),
            size: Fact::new(Bytes::saturating(bytes), Source::Smbios),
        })
        .collect()
}

/// `None` for a cache that is not there. The highest bit says that the unit is 64 KiB.
fn installed(cache: &Structure<'_>) -> Option<u64> {
    let short = cache.word(9)?;
    let (units, large) = match (short, cache.double_word(0x17)) {
        // Since version 3.1; boards that left the new place empty still filled the old one.
        (_, Some(long)) if long & 0x7fff_ffff != 0 => (u64::from(long & 0x7fff_ffff), long >> 31 == 1),
        _ => (u64::from(short & 0x7fff), short >> 15 == 1),
    };
    let unit = if large { 64 * 1024 } else { 1024 };
    Some(units * unit).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::super::super::smbios::Version;
    use super::super::super::smbios::tests::structure;
    use super::*;

    fn cache(level: u8, size: u16, long: u32) -> Vec<u8> {
        let mut numbers = vec![0; 0x1b - 4];
        numbers[1] = (level - 1) | 0x80;
        numbers[5..7].copy_from_slice(&size.to_le_bytes());
        numbers[0x13..0x17].copy_from_slice(&long.to_le_bytes());
        structure(7, &numbers, &[])
    }

    #[test]
    fn caches_of_a_level_are_added_in_all_units() {
        let bytes = [
            cache(1, 128, 0),
            cache(1, 256, 0),
            cache(2, 0x8000 | 16, 0),
            cache(3, 0xffff, 0x8000_0000 | 512),
            cache(4, 0, 0),
            structure(7, &[0, 0x80], &[]),
        ]
        .concat();
        let caches = caches(&Table::read(&bytes, Version::ASSUMED));
        let sizes: Vec<(u64, u64)> = caches
            .iter()
            .map(|cache| (cache.level.get(), cache.size.value.get() >> 10))
            .collect();
        assert_eq!(sizes, [(1, 384), (2, 1024), (3, 32 << 10)]);
    }

    #[test]
    fn empty_sockets_count_and_coprocessors_do_not() {
        let bytes = [structure(4, &[0, 3], &[]), structure(4, &[0, 3], &[]), structure(4, &[0, 4], &[])].concat();
        assert_eq!(sockets(&Table::read(&bytes, Version::ASSUMED)).unwrap().value.get(), 2);
        assert_eq!(sockets(&Table::read(&[], Version::ASSUMED)), None);
    }
}
