//! Identifying values that firmware has a place for and left empty: a statement of its own, because what was
//! not read at all is absent too.

use inventory_schema::device::Source;
use inventory_schema::inventory::{BlankReading, Identifier};
use inventory_schema::text::RawText;

use crate::inventory::smbios::Structure;

type Places = [(usize, Identifier)];

pub(super) const TYPE_1: [(usize, Identifier); 1] = [(7, Identifier::SystemSerial)];
pub(super) const TYPE_2: [(usize, Identifier); 1] = [(7, Identifier::BoardSerial)];
pub(super) const TYPE_3: [(usize, Identifier); 2] = [(7, Identifier::ChassisSerial), (8, Identifier::AssetTag)];

pub(super) fn of(structures: [(Option<Structure<'_>>, &Places); 3]) -> Vec<BlankReading> {
    let present = structures
        .into_iter()
        .filter_map(|(structure, places)| structure.map(|structure| (structure, places)));
    present
        .flat_map(|(structure, places)| places.iter().filter_map(move |place| blank(&structure, *place)))
        .collect()
}

fn blank(structure: &Structure<'_>, (offset, identifier): (usize, Identifier)) -> Option<BlankReading> {
    structure.is_blank(offset).then(|| BlankReading {
        identifier,
        source: Source::Smbios,
        raw: structure.string_bytes(offset).and_then(RawText::of_bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::smbios::tests::structure;
    use super::super::super::smbios::{Table, Version};
    use super::super::from_smbios;
    use super::*;

    #[test]
    fn empty_is_told_from_absent_and_from_filled() {
        let bytes = [
            structure(1, &[1, 1, 1, 2], &["Maker", "    "]),
            structure(2, &[1, 1, 1, 0], &["Maker"]),
            structure(3, &[1, 3, 0, 2], &["Maker", "CH-77"]),
        ]
        .concat();
        let blank = from_smbios(&Table::read(&bytes, Version::ASSUMED)).blank;
        let found: Vec<_> = blank
            .iter()
            .map(|reading| (reading.identifier, reading.raw.as_ref().map(RawText::as_str)))
            .collect();
        // The chassis is too short to have a place for its tag.
        assert_eq!(found, [(Identifier::SystemSerial, Some("    ")), (Identifier::BoardSerial, None)]);
    }
}
