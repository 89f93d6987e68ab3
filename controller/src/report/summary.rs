//! The few words by which lists show and search a device: taken from its sections, never typed.

use inventory_schema::device::Fact;
use inventory_schema::inventory::{AnySection, DiskKind, Memory, OperatingSystem, Processors, Storage, System};
use inventory_schema::section::Section;

/// What one report changes of a device's summary; `None` leaves what was there (promise 4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceSummary {
    pub host_name: Option<String>,
    pub maker: Option<String>,
    pub model: Option<String>,
    pub serial: Option<String>,
    pub processor: Option<String>,
    pub memory_bytes: Option<i64>,
    pub storage_bytes: Option<i64>,
    pub os_title: Option<String>,
}

impl DeviceSummary {
    /// Takes in what `section` tells. A section that failed tells nothing.
    pub fn take_in(&mut self, section: &AnySection) {
        match section {
            AnySection::System(section) => section.content().into_iter().for_each(|system| self.system(system)),
            AnySection::Processor(section) => self.processor = section.content().and_then(processor_title),
            AnySection::Memory(section) => self.memory_bytes = section.content().and_then(memory_bytes),
            AnySection::Storage(section) => self.storage_bytes = section.content().map(storage_bytes),
            AnySection::OperatingSystem(section) => self.operating_system(section),
            _ => {}
        }
    }

    /// The system's own maker and model, or the board's where a maker left the system's unfilled.
    fn system(&mut self, system: &System) {
        let board = system.baseboard.clone().unwrap_or_default();
        self.maker = plausible(&system.maker).or_else(|| plausible(&board.maker));
        self.model = plausible(&system.model).or_else(|| plausible(&board.model)).or_else(|| plausible(&system.hypervisor));
        self.serial = plausible(&system.serial).or_else(|| plausible(&board.serial));
    }

    fn operating_system(&mut self, section: &Section<OperatingSystem>) {
        if let Some(system) = section.content() {
            self.os_title = plausible(&system.title);
            self.host_name = plausible(&system.host_name);
        }
    }
}

fn plausible<T: ToString>(fact: &Option<Fact<T>>) -> Option<String> {
    fact.as_ref().and_then(Fact::plausible).map(ToString::to_string)
}

fn processor_title(processors: &Processors) -> Option<String> {
    let first = processors.processors.iter().find_map(|processor| plausible(&processor.model))?;
    let sockets = processors.processors.len();
    Some(if sockets > 1 { format!("{sockets} × {first}") } else { first })
}

/// Installed modules, or what the system can use where modules cannot be seen.
fn memory_bytes(memory: &Memory) -> Option<i64> {
    let bytes = memory.installed.as_ref().or(memory.usable.as_ref())?.value.get();
    i64::try_from(bytes).ok()
}

/// Built-in disks only: a stick that was plugged in for an hour is no storage.
fn storage_bytes(storage: &Storage) -> i64 {
    let built_in = storage.disks.iter().filter(|disk| !matches!(disk.kind.value, DiskKind::Usb | DiskKind::SdCard));
    let total: u64 = built_in.filter_map(|disk| disk.size.as_ref()).map(|size| size.value.get()).sum();
    i64::try_from(total).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_schema::SectionName;

    fn summary(name: SectionName, body: &str) -> DeviceSummary {
        let mut summary = DeviceSummary::default();
        summary.take_in(&AnySection::read(name, body.as_bytes()).unwrap());
        summary
    }

    #[test]
    fn the_board_stands_in_for_an_unfilled_system() {
        let body = r#"{"format":"system/1","content":{
            "maker":{"value":"System manufacturer","source":"smbios","trust":"placeholder"},
            "serial":{"value":"To be filled by O.E.M.","source":"smbios","trust":"placeholder"},
            "baseboard":{"maker":{"value":"ASUSTeK","source":"smbios"},"model":{"value":"H61M-K","source":"smbios"}}}}"#;
        let summary = summary(SectionName::System, body);
        assert_eq!(summary.maker.as_deref(), Some("ASUSTeK"));
        assert_eq!(summary.model.as_deref(), Some("H61M-K"));
        assert_eq!(summary.serial, None);
    }

    #[test]
    fn a_stick_is_not_counted_as_storage() {
        let body = r#"{"format":"storage/1","content":{"disks":[
            {"name":"sda","kind":{"value":"solid_state","source":"sysfs_block"},"size":{"value":256000000000,"source":"sysfs_block"}},
            {"name":"sdb","kind":{"value":"usb","source":"sysfs_block"},"size":{"value":8000000000,"source":"sysfs_block"}}]}}"#;
        assert_eq!(summary(SectionName::Storage, body).storage_bytes, Some(256_000_000_000));
    }

    #[test]
    fn a_failed_section_changes_nothing() {
        let body = r#"{"format":"system/1","problems":[{"source":"smbios","failure":"permission_denied"}]}"#;
        assert_eq!(summary(SectionName::System, body), DeviceSummary::default());
    }
}
