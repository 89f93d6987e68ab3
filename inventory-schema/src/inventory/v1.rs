//! The first published form of each section. Frozen at release.
//!
//! Every fact is optional, because any source may be missing, and carries its source, because two sources
//! of one fact differ in worth. Values that change by themselves from hour to hour (uptime, free space,
//! temperature) have no place here: an unchanged computer must have unchanged digests.

mod display;
mod hardware;
mod system;

pub use display::{Display, DisplayConnection, GraphicsAdapter, Monitor};
pub use hardware::{
    Battery, BatteryCell, Camera, Disk, DiskBus, DiskHealth, DiskKind, Duplex, Memory, MemoryModule, Network, NetworkCard, NetworkMedium,
    PeripheralKind, Peripherals, Printer, PrinterAnswer, PrinterConnection, PrinterKind, Processor, Processors, Storage, TouchSurface,
    UsbDevice,
};
pub use system::{
    Baseboard, Chassis, ChassisKind, Firmware, OperatingSystem, PackageList, PackageManager, SecureBoot, Software, SoftwarePackage, System,
};
