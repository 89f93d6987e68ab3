//! The wrappings in which one and the same table of structures reaches the agent.
//!
//! | From | Form |
//! |---|---|
//! | the Linux kernel | the table alone, the entry point in a file beside it |
//! | `dmidecode --dump-bin` | the entry point at 0, the table where that says, which is 32 |
//! | Windows, `GetSystemFirmwareTable('RSMB')` | a header of eight bytes, then the table |
//!
//! Pure: bytes in, the table's bytes and version out. Reads no structure.

use super::Version;

/// The table's bytes with the version that decides how they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawTable<'a> {
    pub bytes: &'a [u8],
    pub version: Version,
    /// The wrapping promises more bytes than there are.
    pub cut_short: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    #[error("the dump begins with no entry point of SMBIOS")]
    NoEntryPoint,
    #[error("the firmware buffer is shorter than its header")]
    TooShort,
}

/// dmidecode writes the table behind the entry point, padded to this.
const TABLE_IN_DUMP: usize = 32;
const RSMB_HEADER: usize = 8;

/// Where an entry point says that the table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    address: u64,
    /// The table's length in versions below 3, at most its length since.
    length: usize,
}

impl<'a> RawTable<'a> {
    /// What the kernel exports. Without an entry point the version is that of whatever was made since 2006.
    pub fn of_kernel(entry_point: Option<&[u8]>, bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            version: entry_point.and_then(entry_point_version).unwrap_or(Version::ASSUMED),
            cut_short: false,
        }
    }

    /// A file of `dmidecode --dump-bin`.
    pub fn of_dump(dump: &'a [u8]) -> Result<Self, ContainerError> {
        let version = entry_point_version(dump).ok_or(ContainerError::NoEntryPoint)?;
        let place = place(dump).ok_or(ContainerError::NoEntryPoint)?;
        // Programs that copy the entry point as it is leave the address in the computer's memory in it.
        let start = usize::try_from(place.address)
            .ok()
            .filter(|start| (TABLE_IN_DUMP..dump.len()).contains(start))
            .unwrap_or(TABLE_IN_DUMP);
        let rest = dump.get(start..).unwrap_or_default();
        Ok(Self::limited(rest, place.length, version))
    }

    /// The buffer that Windows gives for `RSMB`.
    pub fn of_rsmb(buffer: &'a [u8]) -> Result<Self, ContainerError> {
        let header = buffer.get(..RSMB_HEADER).ok_or(ContainerError::TooShort)?;
        let version = corrected(Version {
            major: header[1],
            minor: header[2],
        });
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(Self::limited(&buffer[RSMB_HEADER..], length, version))
    }

    fn limited(rest: &'a [u8], length: usize, version: Version) -> Self {
        let stated = if length == 0 { rest.len() } else { length };
        Self {
            bytes: &rest[..stated.min(rest.len())],
            version,
            cut_short: stated > rest.len(),
        }
    }
}

/// The version in an entry point: `_SM3_`, `_SM_` or the `_DMI_` of old. `None` when it is none of these.
pub fn entry_point_version(bytes: &[u8]) -> Option<Version> {
    let at = |offset: usize| bytes.get(offset).copied();
    let version = if bytes.starts_with(b"_SM3_") {
        Version {
            major: at(7)?,
            minor: at(8)?,
        }
    } else if bytes.starts_with(b"_SM_") {
        Version {
            major: at(6)?,
            minor: at(7)?,
        }
    } else if bytes.starts_with(b"_DMI_") {
        let decimal = at(14)?;
        Version {
            major: decimal >> 4,
            minor: decimal & 0x0f,
        }
    } else {
        return None;
    };
    Some(corrected(version))
}

/// Known misprints of boards that mean 2.3, 2.6.
fn corrected(version: Version) -> Version {
    match version {
        Version {
            major: 2,
            minor: 0x1f | 0x21,
        } => Version { major: 2, minor: 3 },
        Version { major: 2, minor: 0x33 } => Version { major: 2, minor: 6 },
        stated => stated,
    }
}

fn place(bytes: &[u8]) -> Option<Place> {
    let double_word = |offset: usize| bytes.get(offset..offset + 4)?.try_into().ok().map(u32::from_le_bytes);
    let word = |offset: usize| bytes.get(offset..offset + 2)?.try_into().ok().map(u16::from_le_bytes);
    if bytes.starts_with(b"_SM3_") {
        let address: [u8; 8] = bytes.get(0x10..0x18)?.try_into().ok()?;
        return Some(Place {
            address: u64::from_le_bytes(address),
            length: usize::try_from(double_word(0x0c)?).ok()?,
        });
    }
    // Version 2 wraps the entry point of old.
    let old = if bytes.starts_with(b"_SM_") { 0x10 } else { 0 };
    Some(Place {
        address: u64::from(double_word(old + 8)?),
        length: usize::from(word(old + 6)?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TABLE: &[u8] = &[127, 4, 0, 0, 0, 0];

    fn dump_3(address: u64, length: u32) -> Vec<u8> {
        let mut bytes = b"_SM3_\0\x18\x03\x05\0\x01\0".to_vec();
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&address.to_le_bytes());
        bytes.resize(32, 0);
        bytes.extend_from_slice(TABLE);
        bytes
    }

    fn dump_2(length: u16) -> Vec<u8> {
        let mut bytes = b"_SM_\0\x1f\x02\x04\0\0\0\0\0\0\0\0_DMI_\0".to_vec();
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&32u32.to_le_bytes());
        bytes.resize(32, 0);
        bytes.extend_from_slice(TABLE);
        bytes
    }

    #[test]
    fn one_table_comes_out_of_all_wrappings() {
        let rsmb = [&[0, 3, 5, 0, 6, 0, 0, 0][..], TABLE].concat();
        let versions = [
            RawTable::of_kernel(Some(b"_SM3_\0\x18\x03\x05"), TABLE),
            RawTable::of_dump(&dump_3(32, 6)).unwrap(),
            RawTable::of_dump(&dump_2(6)).unwrap(),
            RawTable::of_rsmb(&rsmb).unwrap(),
        ]
        .map(|table| {
            assert_eq!((table.bytes, table.cut_short), (TABLE, false));
            (table.version.major, table.version.minor)
        });
        assert_eq!(versions, [(3, 5), (3, 5), (2, 4), (3, 5)]);
    }

    #[test]
    fn an_address_of_the_computers_memory_leads_to_the_usual_place() {
        assert_eq!(RawTable::of_dump(&dump_3(0x000f_0000, 6)).unwrap().bytes, TABLE);
        assert_eq!(RawTable::of_dump(&dump_3(0, 6)).unwrap().bytes, TABLE);
        let moved = [&dump_3(38, 6)[..], TABLE].concat();
        assert_eq!(RawTable::of_dump(&moved).unwrap().bytes, TABLE);
    }

    #[test]
    fn what_is_shorter_than_it_says_is_read_as_far_as_it_goes() {
        let table = RawTable::of_rsmb(&[0, 3, 2, 0, 255, 0, 0, 0, 127, 4]).unwrap();
        assert_eq!((table.bytes, table.cut_short), (&[127, 4][..], true));
        assert_eq!(RawTable::of_dump(b"_SM3_"), Err(ContainerError::NoEntryPoint));
        assert_eq!(RawTable::of_dump(b"garbage"), Err(ContainerError::NoEntryPoint));
        assert_eq!(RawTable::of_rsmb(&[0, 3]), Err(ContainerError::TooShort));
    }

    #[test]
    fn versions_are_read_from_all_entry_points() {
        assert_eq!(entry_point_version(b"_SM3_\0\x18\x03\x05"), Some(Version { major: 3, minor: 5 }));
        assert_eq!(entry_point_version(b"_SM_\0\x1f\x02\x04"), Some(Version { major: 2, minor: 4 }));
        assert_eq!(entry_point_version(b"_SM_\0\x1f\x02\x33"), Some(Version { major: 2, minor: 6 }));
        assert_eq!(
            entry_point_version(b"_DMI_\0\0\0\0\0\0\0\0\0\x23"),
            Some(Version { major: 2, minor: 3 })
        );
        assert_eq!(entry_point_version(b"_SM"), None);
        assert_eq!(entry_point_version(b"_SM3_"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_wrapping_fail(anchor in 0usize..4, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let anchor: &[u8] = [&b"_SM3_"[..], b"_SM_", b"_DMI_", b""][anchor];
            let wrapped = [anchor, &bytes].concat();
            let _ = RawTable::of_dump(&wrapped);
            let _ = RawTable::of_rsmb(&wrapped);
            let _ = RawTable::of_kernel(Some(&wrapped), &bytes);
        }
    }
}
