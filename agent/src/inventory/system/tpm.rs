//! The security chip, from SMBIOS type 43.

use inventory_schema::device::{Fact, Source};
use inventory_schema::inventory::Tpm;
use inventory_schema::text::Word;

use super::named;
use crate::inventory::smbios::Structure;

/// `None` for a structure that names neither a maker nor a specification.
pub(super) fn of_type_43(structure: &Structure<'_>) -> Option<Tpm> {
    let word = |text: String| Word::observed(&text).map(|word| Fact::new(word, Source::Smbios));
    let maker: Option<[u8; 4]> = structure.array(4);
    let letters = |bytes: [u8; 4]| {
        bytes
            .iter()
            .filter(|byte| byte.is_ascii_graphic())
            .map(|byte| char::from(*byte))
            .collect()
    };
    let specification = structure.byte(8).zip(structure.byte(9));
    let tpm = Tpm {
        maker: maker.map(letters).and_then(word),
        specification: specification
            .filter(|version| *version != (0, 0))
            .and_then(|(major, minor)| word(format!("{major}.{minor}"))),
        firmware: specification.and_then(|(major, _)| word(firmware(structure, major)?)),
        description: named(structure, 0x12),
    };
    (tpm.maker.is_some() || tpm.specification.is_some()).then_some(tpm)
}

/// Chips of version 1 put it into two bytes; those of version 2 into the halves of the first number.
fn firmware(structure: &Structure<'_>, major: u8) -> Option<String> {
    match major {
        1 => Some(format!("{}.{}", structure.byte(0x0c)?, structure.byte(0x0d)?)),
        2 => {
            let number = structure.double_word(0x0a)?;
            Some(format!("{}.{}", number >> 16, number & 0xffff))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::smbios::tests::structure;
    use super::super::super::smbios::{Table, Version};
    use super::*;

    fn of(numbers: &[u8]) -> Option<Tpm> {
        let bytes = structure(43, numbers, &["Security chip"]);
        let table = Table::read(&bytes, Version::ASSUMED);
        of_type_43(&table.structures[0])
    }

    #[test]
    fn both_generations_of_chips_are_read() {
        let text = |fact: Option<Fact<Word>>| fact.map(|fact| fact.value.to_string()).unwrap_or_default();
        let second = of(&[b'I', b'F', b'X', 0, 2, 0, 5, 0, 7, 0, 0, 0, 0, 0, 1]).unwrap();
        assert_eq!(
            (text(second.maker), text(second.specification), text(second.firmware)),
            ("IFX".into(), "2.0".into(), "7.5".into())
        );
        assert_eq!(second.description.unwrap().value.as_str(), "Security chip");
        let first = of(&[b'I', b'N', b'T', b'C', 1, 2, 1, 2, 3, 4]).unwrap();
        assert_eq!((text(first.specification), text(first.firmware)), ("1.2".into(), "3.4".into()));
        assert_eq!(of(&[0, 0, 0, 0, 0, 0]), None);
        assert_eq!(of(&[]), None);
    }
}
