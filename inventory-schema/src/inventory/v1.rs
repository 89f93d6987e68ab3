//! The first published form of each section. Frozen at release.
//!
//! Every fact is optional, because any source may be missing, and carries its source, because two sources
//! of one fact differ in worth. Values that change by themselves from hour to hour (uptime, free space,
//! temperature) have no place here: an unchanged computer must have unchanged digests.

mod display;
mod hardware;
mod system;

pub use display::{
    Confidence, Display, DisplayConnection, EdidBytes, GraphicsAdapter, MAX_EDID_BYTES, Monitor, ScreenClue, ScreenKind, SizeBasis,
    TakenFor,
};
pub use hardware::{
    Battery, BatteryCell, Camera, Disk, DiskKind, Memory, MemoryModule, Network, NetworkCard, NetworkMedium, PeripheralKind, Peripherals,
    Printer, Processor, Processors, Storage, UsbDevice,
};
pub use system::{
    Baseboard, Chassis, ChassisKind, Firmware, OperatingSystem, PackageList, PackageManager, SecureBoot, Software, SoftwarePackage, System,
};
