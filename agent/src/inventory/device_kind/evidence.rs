//! Which signs of a computer's kind the sections of its inventory hold.
//!
//! Pure. What could not be read gives no sign: a missing battery is one only where batteries were looked for.

use inventory_schema::device::{Fact, Source, Trust};
use inventory_schema::inventory::{
    BatteryCell, ChassisKind, Confidence, DiskKind, DisplayConnection, ErrorCorrection, KindSign, Monitor, ScreenKind, Sections, System,
};
use inventory_schema::text::HardwareText;

use super::Signs;
use super::names::signs_in;

/// What is seen of a computer beside its sections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hints {
    /// The kernel has a switch for a lid.
    pub lid_switch: bool,
    /// SMBIOS type 38.
    pub management_controller: bool,
    /// More than one socket is populated.
    pub several_processors: bool,
}

/// All signs of one computer.
pub fn signs(sections: &Sections, hints: Hints) -> Signs {
    let mut signs = Signs::new();
    if let Some(system) = sections.system.content() {
        signs.extend(of_hypervisor(system));
        signs.extend(of_chassis(system));
        signs.extend(names(system).into_iter().flat_map(signs_in));
    }
    signs.extend(of_memory(sections));
    signs.extend(of_power_and_screens(sections));
    signs.extend(of_disks(sections));
    let hinted = [
        (hints.lid_switch, KindSign::LidSwitch),
        (hints.management_controller, KindSign::ManagementController),
        (hints.several_processors, KindSign::SeveralProcessors),
    ];
    signs.extend(hinted.into_iter().filter(|(seen, _)| *seen).map(|(_, sign)| sign));
    signs
}

fn of_hypervisor(system: &System) -> Option<KindSign> {
    Some(match system.hypervisor.as_ref()?.source {
        Source::ProcCpuinfo => KindSign::HypervisorFlag,
        Source::Kernel => KindSign::HypervisorClock,
        _ => KindSign::HypervisorInFirmware,
    })
}

fn of_chassis(system: &System) -> Option<KindSign> {
    Some(match system.chassis.as_ref()?.kind.as_ref()?.value {
        ChassisKind::Portable
        | ChassisKind::Laptop
        | ChassisKind::Notebook
        | ChassisKind::HandHeld
        | ChassisKind::SubNotebook
        | ChassisKind::Tablet
        | ChassisKind::Convertible
        | ChassisKind::Detachable => KindSign::PortableChassis,
        ChassisKind::Desktop | ChassisKind::SpaceSaving => KindSign::DesktopChassis,
        ChassisKind::LowProfileDesktop | ChassisKind::MiniTower | ChassisKind::Tower | ChassisKind::MiniPc | ChassisKind::StickPc => {
            KindSign::TowerChassis
        }
        ChassisKind::AllInOne => KindSign::AllInOneChassis,
        ChassisKind::Server => KindSign::ServerChassis,
        ChassisKind::EmbeddedPc | ChassisKind::Unknown | ChassisKind::Other => return None,
    })
}

/// The names that makers gave, fillers left out.
fn names(system: &System) -> Vec<&str> {
    let board = system.baseboard.as_ref();
    let all: [Option<&Fact<HardwareText>>; 5] = [
        system.model.as_ref(),
        system.family.as_ref(),
        system.version.as_ref(),
        system.sku.as_ref(),
        board.and_then(|board| board.model.as_ref()),
    ];
    all.into_iter()
        .flatten()
        .filter_map(Fact::plausible)
        .map(HardwareText::as_str)
        .collect()
}

fn of_memory(sections: &Sections) -> Vec<KindSign> {
    let Some(memory) = sections.memory.content() else {
        return Vec::new();
    };
    let is_long = |form: &str| matches!(form, "DIMM" | "FB-DIMM" | "RIMM");
    let long = memory
        .modules
        .iter()
        .any(|module| module.form.as_ref().is_some_and(|form| is_long(form.value.as_str())));
    // Firmware of guests claims anything.
    let correcting = memory.error_correction.as_ref().is_some_and(|fact| {
        matches!(
            fact.value,
            ErrorCorrection::SingleBit | ErrorCorrection::MultiBit | ErrorCorrection::Crc
        )
    });
    [(long, KindSign::FullLengthMemory), (correcting, KindSign::ErrorCorrectingMemory)]
        .into_iter()
        .filter(|(seen, _)| *seen)
        .map(|(_, sign)| sign)
        .collect()
}

fn of_power_and_screens(sections: &Sections) -> Vec<KindSign> {
    let cells = sections.battery.content().map(|battery| &battery.cells);
    let has_battery = cells.map(|cells| !cells.is_empty());
    let monitors: Option<&[Monitor]> = sections.display.content().map(|display| display.monitors.as_slice());
    let built_in = monitors.and_then(|monitors| monitors.iter().find(|monitor| is_built_in(monitor)));
    let touched = sections
        .peripherals
        .content()
        .is_some_and(|content| !content.touch_screens.is_empty());
    let mut signs = Vec::new();
    if let Some(cells) = cells.filter(|cells| !cells.is_empty()) {
        let in_table_only = cells.iter().all(is_of_table);
        signs.push(if in_table_only {
            KindSign::BatteryInFirmware
        } else {
            KindSign::Battery
        });
    }
    match built_in {
        Some(monitor) => {
            signs.push(of_built_in(monitor));
            if has_battery == Some(false) {
                signs.push(KindSign::BuiltInScreenWithoutBattery);
            }
        }
        None if has_battery == Some(false) && monitors.is_some_and(|monitors| !monitors.is_empty()) => {
            signs.push(KindSign::NoBatteryNoScreen);
        }
        None => {}
    }
    let large = monitors
        .into_iter()
        .flatten()
        .any(|monitor| !is_built_in(monitor) && is_large(monitor));
    if large {
        signs.push(if touched {
            KindSign::LargeTouchScreen
        } else {
            KindSign::LargeScreen
        });
    }
    signs
}

fn is_of_table(cell: &BatteryCell) -> bool {
    let names = [&cell.maker, &cell.model].into_iter().flatten().map(|fact| fact.source);
    let capacity = cell.design_capacity.iter().map(|fact| fact.source);
    names.chain(capacity).any(|source| source == Source::Smbios)
}

fn is_built_in(monitor: &Monitor) -> bool {
    monitor.connection.value == DisplayConnection::BuiltIn
}

/// 19 and 40 inches.
const WIDE: f64 = 19.0 * 25.4;
const LARGE: f64 = 40.0 * 25.4;

fn of_built_in(monitor: &Monitor) -> KindSign {
    match diagonal(monitor) {
        Some(diagonal) if diagonal > LARGE => KindSign::LargeBuiltInScreen,
        Some(diagonal) if diagonal >= WIDE => KindSign::WideBuiltInScreen,
        _ => KindSign::SmallBuiltInScreen,
    }
}

/// By what the screen is taken for, which its size is one clue of: a panel is large though it states the size of its
/// scaler board, and what throws a picture is no screen at all. Where nothing tells what it is, the size decides, and
/// 115 × 65 cm is no size but what the scaler boards of panels state.
fn is_large(monitor: &Monitor) -> bool {
    let by_size = diagonal(monitor).map(|diagonal| diagonal > LARGE);
    let Some(taken) = &monitor.taken_for else {
        return by_size.unwrap_or_else(|| is_of_scaler(monitor));
    };
    match taken.kind {
        ScreenKind::InteractivePanel if taken.confidence != Confidence::Possible => true,
        ScreenKind::InteractivePanel | ScreenKind::Television => by_size.unwrap_or(true),
        ScreenKind::Projector | ScreenKind::BuiltIn | ScreenKind::Virtual => false,
        ScreenKind::Monitor => by_size.unwrap_or(false),
        ScreenKind::Unknown | ScreenKind::Other => by_size.unwrap_or_else(|| is_of_scaler(monitor)),
    }
}

fn is_of_scaler(monitor: &Monitor) -> bool {
    let stated = monitor.width.as_ref().zip(monitor.height.as_ref());
    stated.is_some_and(|(width, height)| (width.value.get(), height.value.get()) == (1150, 650))
}

/// Millimetres, where nothing speaks against the sides.
fn diagonal(monitor: &Monitor) -> Option<f64> {
    let side = |fact: &Option<Fact<inventory_schema::quantity::Millimetres>>| {
        let fact = fact.as_ref().filter(|fact| fact.trust == Trust::Plausible)?;
        Some(fact.value.get() as f64)
    };
    Some(side(&monitor.width)?.hypot(side(&monitor.height)?))
}

fn of_disks(sections: &Sections) -> Option<KindSign> {
    let disks = &sections.storage.content()?.disks;
    let all_virtual = !disks.is_empty() && disks.iter().all(|disk| disk.kind.value == DiskKind::Virtual);
    all_virtual.then_some(KindSign::VirtualDisks)
}

/// Whether `/proc/bus/input/devices` lists a switch for a lid.
pub fn has_lid_switch(devices: &str) -> bool {
    devices.lines().any(|line| line.trim_end() == "N: Name=\"Lid Switch\"")
}

#[cfg(test)]
mod tests;
