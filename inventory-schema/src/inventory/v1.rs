//! The first published form of each section. Frozen at release.
//!
//! Every fact is optional, because any source may be missing, and carries its source, because two sources
//! of one fact differ in worth. Values that change by themselves from hour to hour (uptime, free space,
//! temperature) have no place here: an unchanged computer must have unchanged digests.

mod display;
mod hardware;
mod kind;
mod system;

pub use display::{
    Confidence, Display, DisplayConnection, EdidBytes, GraphicsAdapter, MAX_EDID_BYTES, Monitor, ScreenClue, ScreenKind, SizeBasis,
    TakenFor,
};
pub use hardware::{
    Battery, BatteryCell, Camera, Disk, DiskBus, DiskHealth, DiskKind, Duplex, ErrorCorrection, Memory, MemoryModule, Network, NetworkCard,
    NetworkMedium, PeripheralKind, Peripherals, Printer, PrinterAnswer, PrinterConnection, PrinterKind, Processor, ProcessorCache,
    Processors, Storage, TouchSurface, UsbDevice,
};
pub use kind::{Certainty, DeviceKind, KindReason, KindSign, KindVerdict};
pub use system::{
    Baseboard, BlankReading, Chassis, ChassisKind, Firmware, Identifier, OperatingSystem, PackageList, PackageManager, SecureBoot,
    Software, SoftwarePackage, System, Tpm,
};
