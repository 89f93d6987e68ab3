//! The few words by which lists show and search a device: taken from its sections, never typed.

use inventory_schema::device::Fact;
use inventory_schema::inventory::{AnySection, DiskKind, Memory, OperatingSystem, Processors, Storage, System};
use inventory_schema::section::Section;

use crate::store::device::DeviceSummary;

/// What the sections of one report tell; a section that failed tells nothing, so that nothing is lost by it
/// (promise 4).
pub fn summarize<'s>(sections: impl IntoIterator<Item = &'s AnySection>) -> DeviceSummary {
    let mut summary = DeviceSummary::default();
    sections.into_iter().for_each(|section| take_in(&mut summary, section));
    summary
}

fn take_in(summary: &mut DeviceSummary, section: &AnySection) {
    match section {
        AnySection::System(section) => section.content().into_iter().for_each(|system| take_system(summary, system)),
        AnySection::Processor(section) => summary.processor = section.content().and_then(processor_title),
        AnySection::Memory(section) => summary.memory_bytes = section.content().and_then(memory_bytes),
        AnySection::Storage(section) => summary.storage_bytes = section.content().map(storage_bytes),
        AnySection::OperatingSystem(section) => take_operating_system(summary, section),
        AnySection::Display(_) | AnySection::Network(_) | AnySection::Battery(_) | AnySection::Peripherals(_) | AnySection::Software(_) => {
        }
    }
}

/// The system's own maker and model, or the board's where a maker left the system's unfilled.
fn take_system(summary: &mut DeviceSummary, system: &System) {
    let board = system.baseboard.clone().unwrap_or_default();
    summary.maker = plausible(&system.maker).or_else(|| plausible(&board.maker));
    summary.model = plausible(&system.model)
        .or_else(|| plausible(&board.model))
        .or_else(|| plausible(&system.hypervisor));
    summary.serial = plausible(&system.serial).or_else(|| plausible(&board.serial));
}

fn take_operating_system(summary: &mut DeviceSummary, section: &Section<OperatingSystem>) {
    if let Some(system) = section.content() {
        summary.os_title = plausible(&system.title);
        summary.host_name = plausible(&system.host_name);
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
    let built_in = storage
        .disks
        .iter()
        .filter(|disk| !matches!(disk.kind.value, DiskKind::Usb | DiskKind::SdCard));
    let total: u64 = built_in.filter_map(|disk| disk.size.as_ref()).map(|size| size.value.get()).sum();
    i64::try_from(total).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_schema::SectionName;

    fn summary(name: SectionName, body: &str) -> DeviceSummary {
        summarize([&AnySection::read(name, body.as_bytes()).unwrap()])
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
