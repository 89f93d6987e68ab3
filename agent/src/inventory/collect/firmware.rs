//! The SMBIOS table of a tree: the kernel's, else a dump that was laid beside the tree's folders.

use inventory_schema::device::Source;
use inventory_schema::section::{CollectionProblem, ReadFailure};

use super::Problems;
use super::patience::Patience;
use crate::inventory::smbios::Table;
use crate::inventory::smbios::container::{ContainerError, RawTable};
use crate::platform::{FileTree, ReadError};

/// Tables of real computers have 1 to 20 KiB; servers a little more.
const SMBIOS_LIMIT: u64 = 1024 * 1024;

const TABLE: &str = "sys/firmware/dmi/tables/DMI";
const ENTRY_POINT: &str = "sys/firmware/dmi/tables/smbios_entry_point";

/// Where `dmidecode --dump-bin dmidecode.bin` leaves its file when it is run in the root of a copied tree. The
/// running system is never asked for it: there a file would speak against the firmware.
const DUMP: &str = "dmidecode.bin";

/// The table's bytes, read once for the sections that need them.
pub(super) struct FirmwareTable {
    kind: Kind,
    bytes: Vec<u8>,
    pub(super) problems: Vec<CollectionProblem>,
}

enum Kind {
    Kernel { entry_point: Option<Vec<u8>> },
    Dump,
}

impl FirmwareTable {
    /// The table, or why it could not be read in time.
    pub(super) fn read_in_time(patience: &mut Patience) -> Self {
        patience.ask(Self::read).unwrap_or_else(|overdue| {
            let mut problems = Problems::default();
            problems.late(Source::Smbios, overdue);
            Self {
                kind: Kind::Kernel { entry_point: None },
                bytes: Vec::new(),
                problems: problems.0,
            }
        })
    }

    fn read(tree: &FileTree) -> Self {
        let mut problems = Problems::default();
        let (kind, bytes) = match (tree.read(TABLE, SMBIOS_LIMIT), dump(tree, &mut problems)) {
            (Err(ReadError::NotPresent { .. }), Some(bytes)) => (Kind::Dump, bytes),
            (table, _) => {
                let entry_point = tree.read(ENTRY_POINT, 64).ok();
                let bytes = problems.keep(Source::Smbios, table).unwrap_or_default();
                (Kind::Kernel { entry_point }, bytes)
            }
        };
        let mut firmware = Self {
            kind,
            bytes,
            problems: Vec::new(),
        };
        match firmware.raw() {
            Ok(raw) if !raw.bytes.is_empty() && Table::of(&raw).cut_short => {
                problems.add(Source::Smbios, ReadFailure::Malformed, "the table ends within a structure");
            }
            Ok(_) => {}
            Err(error) => problems.add(Source::Smbios, ReadFailure::Malformed, &error.to_string()),
        }
        firmware.problems = problems.0;
        firmware
    }

    fn raw(&self) -> Result<RawTable<'_>, ContainerError> {
        match &self.kind {
            Kind::Kernel { entry_point } => Ok(RawTable::of_kernel(entry_point.as_deref(), &self.bytes)),
            Kind::Dump => RawTable::of_dump(&self.bytes),
        }
    }

    /// `None` where there is no structure to read.
    pub(super) fn table(&self) -> Option<Table<'_>> {
        let table = Table::of(&self.raw().ok()?);
        (!table.structures.is_empty()).then_some(table)
    }
}

fn dump(tree: &FileTree, problems: &mut Problems) -> Option<Vec<u8>> {
    if tree.is_live() {
        return None;
    }
    problems.keep_if_present(Source::Smbios, tree.read(DUMP, SMBIOS_LIMIT))
}
