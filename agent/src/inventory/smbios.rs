//! SMBIOS: the table that firmware leaves in memory, version 2.0 to 3.x (DMTF DSP0134).
//!
//! Bytes in, structures out: the table's walk, its strings and numbers. Firmware breaks every rule of its own
//! standard, so a structure may be shorter than its version says, a string number may point nowhere, the end
//! may be missing. How the table is wrapped where it comes from is known by [`container`]. What the structures
//! mean is said in [`super::system`], [`super::memory`], [`super::processor`] and [`super::battery`].

pub mod container;
mod text;

/// The version that an entry point states; it decides how the UUID is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u8,
    pub minor: u8,
}

impl Version {
    /// Taken where the entry point cannot be read: whatever was made since 2006.
    pub const ASSUMED: Self = Self { major: 2, minor: 8 };
}

/// A table of structures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table<'a> {
    pub version: Version,
    pub structures: Vec<Structure<'a>>,
    /// The table ended within a structure: what stood before it was read.
    pub cut_short: bool,
}

/// One structure: its numbers, then its strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Structure<'a> {
    pub kind: u8,
    pub handle: u16,
    formatted: &'a [u8],
    strings: &'a [u8],
}

const END_OF_TABLE: u8 = 127;
const HEADER: usize = 4;
/// The standard's limit of old is 64, and documents keep 128 characters at most. A megabyte in one string would
/// occupy the filter for persons' names for minutes.
const LONGEST_STRING: usize = 1024;

impl<'a> Table<'a> {
    /// Reads what a wrapping held.
    pub fn of(raw: &container::RawTable<'a>) -> Self {
        let mut table = Self::read(raw.bytes, raw.version);
        table.cut_short |= raw.cut_short;
        table
    }

    /// Reads as many structures as there are whole ones.
    pub fn read(bytes: &'a [u8], version: Version) -> Self {
        let mut table = Self {
            version,
            structures: Vec::new(),
            cut_short: false,
        };
        let mut rest = bytes;
        // Some tables are padded with zeros instead of ended.
        while rest.iter().any(|byte| *byte != 0) {
            let Some((structure, after)) = Structure::read(rest) else {
                table.cut_short = true;
                break;
            };
            if structure.kind == END_OF_TABLE {
                break;
            }
            table.structures.push(structure);
            rest = after;
        }
        table
    }

    /// The structures of one kind in the order of the table.
    pub fn of_kind(&self, kind: u8) -> impl Iterator<Item = Structure<'a>> + '_ {
        self.structures.iter().copied().filter(move |structure| structure.kind == kind)
    }
}

impl<'a> Structure<'a> {
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = usize::from(*bytes.get(1)?);
        if length < HEADER {
            return None;
        }
        let formatted = bytes.get(..length)?;
        let after = bytes.get(length..)?;
        let kind = formatted[0];
        let handle = u16::from_le_bytes([formatted[2], formatted[3]]);
        // The strings end with two zeros; a structure without strings is followed by two zeros as well.
        // The last structure of a table is often cut behind its numbers.
        let end = after.windows(2).position(|pair| pair == [0, 0]);
        let (strings, rest) = match end {
            Some(end) => (&after[..end], &after[end + 2..]),
            None => (after, &after[after.len()..]),
        };
        Some((
            Self {
                kind,
                handle,
                formatted,
                strings,
            },
            rest,
        ))
    }

    /// The byte at `offset` from the structure's start, if the structure is that long.
    pub fn byte(&self, offset: usize) -> Option<u8> {
        self.formatted.get(offset).copied()
    }

    pub fn word(&self, offset: usize) -> Option<u16> {
        self.array(offset).map(u16::from_le_bytes)
    }

    pub fn double_word(&self, offset: usize) -> Option<u32> {
        self.array(offset).map(u32::from_le_bytes)
    }

    pub fn array<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.formatted.get(offset..offset.checked_add(N)?)?.try_into().ok()
    }

    /// The bytes of the string whose number stands at `offset`, as they are. `None` for number 0 (not
    /// specified) and for a number that points nowhere.
    pub fn string_bytes(&self, offset: usize) -> Option<&'a [u8]> {
        let number = usize::from(self.byte(offset)?).checked_sub(1)?;
        self.all_strings().nth(number).filter(|bytes| !bytes.is_empty())
    }

    /// The same as text; `None` for white space too.
    pub fn string(&self, offset: usize) -> Option<String> {
        text::decoded(self.string_bytes(offset)?)
    }

    /// All strings in their order, for structures that hold nothing else.
    pub fn strings(&self) -> impl Iterator<Item = String> + '_ {
        self.all_strings().filter_map(text::decoded)
    }

    fn all_strings(&self) -> impl Iterator<Item = &'a [u8]> {
        let strings = self.strings.split(|byte| *byte == 0);
        strings.map(|bytes| &bytes[..bytes.len().min(LONGEST_STRING)])
    }

    /// Whether the structure has a place for a string at `offset` and nothing stands there.
    pub fn is_blank(&self, offset: usize) -> bool {
        self.byte(offset).is_some() && self.string(offset).is_none()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A structure as firmware lays it out: kind, numbers from offset 4 on, strings.
    pub(crate) fn structure(kind: u8, numbers: &[u8], strings: &[&str]) -> Vec<u8> {
        let length = u8::try_from(HEADER + numbers.len()).unwrap();
        let mut bytes = vec![kind, length, kind, 0];
        bytes.extend_from_slice(numbers);
        for string in strings {
            bytes.extend_from_slice(string.as_bytes());
            bytes.push(0);
        }
        if strings.is_empty() {
            bytes.push(0);
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn structures_and_their_strings_are_found() {
        let bytes = [
            structure(1, &[1, 2, 0, 9], &["Maker", "  Model "]),
            structure(32, &[0; 7], &[]),
            structure(2, &[1], &["Board"]),
            structure(127, &[], &[]),
            structure(3, &[1], &["behind the end"]),
        ]
        .concat();
        let table = Table::read(&bytes, Version::ASSUMED);
        assert!(!table.cut_short);
        assert_eq!(table.structures.iter().map(|s| s.kind).collect::<Vec<_>>(), [1, 32, 2]);
        let system = table.of_kind(1).next().unwrap();
        assert_eq!(system.string(4).as_deref(), Some("Maker"));
        assert_eq!(system.string(5).as_deref(), Some("Model"));
        assert_eq!(system.string(6), None, "number 0 is no string");
        assert_eq!(system.string(7), None, "there is no ninth string");
        assert_eq!(system.string(8), None, "the structure is shorter");
        assert_eq!(system.string_bytes(5), Some(&b"  Model "[..]), "as it stands");
        assert!(system.is_blank(6) && !system.is_blank(5) && !system.is_blank(8));
    }

    #[test]
    fn an_endless_string_is_cut() {
        let long = "ж".repeat(100_000);
        let bytes = structure(3, &[1, 3, 0, 0, 1], &[&long]);
        let table = Table::read(&bytes, Version::ASSUMED);
        assert_eq!(table.structures[0].string(4).unwrap(), "ж".repeat(512));
        let odd = structure(3, &[1], &[&format!("x{long}")]);
        assert_eq!(
            Table::read(&odd, Version::ASSUMED).structures[0].string(4).unwrap().chars().count(),
            512
        );
    }

    #[test]
    fn a_table_cut_short_keeps_what_stood_before() {
        let mut bytes = [structure(1, &[1], &["Maker"]), structure(2, &[1, 2, 3], &["Board"])].concat();
        bytes.truncate(13);
        let table = Table::read(&bytes, Version::ASSUMED);
        assert!(table.cut_short);
        assert_eq!(table.structures.len(), 1);
        let padded = [structure(1, &[1], &["Maker"]), vec![0; 20]].concat();
        assert!(!Table::read(&padded, Version::ASSUMED).cut_short);
        let broken_length = [structure(1, &[1], &["Maker"]), vec![2, 3, 0, 0]].concat();
        assert!(Table::read(&broken_length, Version::ASSUMED).cut_short);
    }

    proptest! {
        #[test]
        fn no_table_makes_the_reader_fail(bytes in proptest::collection::vec(any::<u8>(), 0..600), offset in any::<usize>()) {
            for structure in Table::read(&bytes, Version::ASSUMED).structures {
                let _ = (structure.byte(offset), structure.word(offset), structure.double_word(offset));
                let _ = (structure.string(offset % 300), structure.array::<16>(offset), structure.is_blank(offset));
                let _ = structure.strings().count();
            }
        }

        /// The readers above the table: whatever stands in it, they say something or nothing.
        #[test]
        fn no_table_makes_a_reader_of_it_fail(
            structures in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..60), "[ -~а-я]{0,12}"), 0..12),
            kinds in proptest::collection::vec(0usize..12, 12),
            minor in any::<u8>(),
        ) {
            const KINDS: [u8; 12] = [0, 1, 2, 3, 4, 7, 9, 11, 16, 17, 22, 43];
            let bytes: Vec<u8> = structures
                .iter()
                .zip(&kinds)
                .flat_map(|((other, numbers, text), kind)| structure(if other % 4 == 0 { *other } else { KINDS[*kind] }, numbers, &[text, "x"]))
                .collect();
            let table = Table::read(&bytes, Version { major: 2, minor });
            let _ = crate::inventory::system::from_smbios(&table);
            let _ = crate::inventory::memory::memory(None, Some(&table));
            let _ = crate::inventory::battery::firmware::cells(&table);
            let _ = crate::inventory::processor::firmware::caches(&table);
        }
    }
}
