//! Which entries an archive has, by name, and in which order. Pure.

use inventory_schema::DeviceId;

use crate::evidence::archive::{self, Part};

/// What an entry is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Readme,
    Export,
    Authority,
    Checkpoints,
    Device(DeviceId),
    Part(DeviceId, u32, Part),
    Manifest,
    Seal,
}

impl Kind {
    pub fn of(name: &str) -> Option<Self> {
        match name {
            archive::README => return Some(Self::Readme),
            archive::EXPORT => return Some(Self::Export),
            archive::AUTHORITY => return Some(Self::Authority),
            archive::CHECKPOINTS => return Some(Self::Checkpoints),
            archive::MANIFEST => return Some(Self::Manifest),
            archive::SEAL => return Some(Self::Seal),
            _ => {}
        }
        let (id, file) = name.strip_prefix("devices/")?.split_once('/')?;
        let id: DeviceId = id.parse().ok()?;
        let (number, part) = file.split_once('-').unwrap_or((file, ""));
        let part = Part::ALL.into_iter().find(|known| known.file_name() == part);
        let kind = match part {
            Some(part) => Self::Part(id, number.parse().ok()?, part),
            None => Self::Device(id),
        };
        // One spelling each.
        let spelled = match kind {
            Self::Part(id, number, part) => archive::part_name(id, number, part),
            _ => archive::device_name(id),
        };
        (spelled == name).then_some(kind)
    }

    /// Whether an entry of this kind may come after `before`.
    pub fn follows(self, before: Option<Self>) -> bool {
        match (before, self) {
            (None, Self::Readme)
            | (Some(Self::Readme), Self::Export)
            | (Some(Self::Export), Self::Authority)
            | (Some(Self::Authority), Self::Checkpoints)
            | (Some(Self::Checkpoints), Self::Device(_) | Self::Manifest)
            | (Some(Self::Device(_) | Self::Part(..)), Self::Manifest)
            | (Some(Self::Manifest), Self::Seal) => true,
            (Some(Self::Device(before) | Self::Part(before, ..)), Self::Device(next)) => before < next,
            (Some(Self::Device(before)), Self::Part(next, 1, _)) => before == next,
            (Some(Self::Part(before, number, _)), Self::Part(next, other, _)) => before == next && number.checked_add(1) == Some(other),
            _ => false,
        }
    }
}
