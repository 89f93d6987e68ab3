//! Processors, memory, disks, network cards, batteries and what is plugged in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::device::{Fact, MacAddress, PrinterName, SerialNumber, Source};
use crate::jedec::JedecCode;
use crate::quantity::{BitsPerSecond, Bytes, Count, Megahertz, Megatransfers, MilliwattHours};
use crate::section::{SectionContent, SectionName};
use crate::text::{DeviceName, HardwareText, Word};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Processors {
    /// One entry per socket, or per kind of core on ARM systems that mix them.
    pub processors: Vec<Processor>,
    /// Sockets for processors, empty ones included (SMBIOS type 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets: Option<Fact<Count>>,
    /// By level, of all sockets together (SMBIOS type 7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caches: Vec<ProcessorCache>,
}

/// The processor's own memory of one level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessorCache {
    /// 1 is the nearest.
    pub level: Count,
    pub size: Fact<Bytes>,
}

impl SectionContent for Processors {
    const NAME: SectionName = SectionName::Processor;
    const FORMAT: &'static str = "processor/1";
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Processor {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Fact<HardwareText>>,
    /// Physical cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<Fact<Count>>,
    /// Logical processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<Fact<Count>>,
    /// The highest rate the processor states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_clock: Option<Fact<Megahertz>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// What the operating system can use; integrated graphics takes its share before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usable: Option<Fact<Bytes>>,
    /// The sum of the modules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed: Option<Fact<Bytes>>,
    /// Sockets for modules, empty ones included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<Fact<Count>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<MemoryModule>,
    /// The names of the sockets without a module, where they have names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub empty_slots: Vec<DeviceName>,
    /// What the board can take: SMBIOS type 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_capacity: Option<Fact<Bytes>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_correction: Option<Fact<ErrorCorrection>>,
    /// The sum of the address ranges that firmware gave to memory: SMBIOS type 19.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapped: Option<Fact<Bytes>>,
}

impl SectionContent for Memory {
    const NAME: SectionName = SectionName::Memory;
    const FORMAT: &'static str = "memory/1";
}

/// How a memory array mends its errors (DSP0134 table 74).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCorrection {
    None,
    Parity,
    SingleBit,
    MultiBit,
    Crc,
    #[serde(other)]
    Other,
}

/// A populated socket: SMBIOS type 17.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryModule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<DeviceName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Fact<Bytes>>,
    /// `DDR4`, `LPDDR5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technology: Option<Fact<Word>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<Fact<Megatransfers>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_number: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Fact<SerialNumber>>,
    /// Beside [`Self::slot`] on boards that call the sockets of all channels alike: `BANK 0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank: Option<DeviceName>,
    /// `DIMM`, `SODIMM`, `Row-Of-Chips` where it is soldered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Fact<Word>>,
    /// The rate it runs at; boards are often slower than their modules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configured_speed: Option<Fact<Megatransfers>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranks: Option<Fact<Count>>,
    /// The maker's code, where firmware gives one; the controller knows whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker_code: Option<Fact<JedecCode>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Storage {
    /// Sorted by name.
    pub disks: Vec<Disk>,
}

impl SectionContent for Storage {
    const NAME: SectionName = SectionName::Storage;
    const FORMAT: &'static str = "storage/1";
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Disk {
    pub name: DeviceName,
    pub kind: Fact<DiskKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Fact<SerialNumber>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Fact<Bytes>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removable: Option<Fact<bool>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiskKind {
    /// Turning platters.
    HardDisk,
    /// SATA or SAS without platters.
    SolidState,
    Nvme,
    Emmc,
    SdCard,
    /// A stick or a case on USB.
    Usb,
    /// Given by a hypervisor.
    Virtual,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    /// Sorted by name. Bridges, tunnels and other software interfaces are left out.
    pub cards: Vec<NetworkCard>,
}

impl SectionContent for Network {
    const NAME: SectionName = SectionName::Network;
    const FORMAT: &'static str = "network/1";
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkCard {
    pub name: DeviceName,
    pub medium: Fact<NetworkMedium>,
    /// The address in use: Wi-Fi cards make up a new one for each network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Fact<MacAddress>>,
    /// The address burnt into the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permanent_address: Option<Fact<MacAddress>>,
    /// The negotiated rate of the link, when there is a link and the driver tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Fact<BitsPerSecond>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Fact<DeviceName>>,
    /// `vendor:device` in hexadecimal, of PCI or USB; the controller knows their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware_id: Option<Fact<Word>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NetworkMedium {
    Ethernet,
    WiFi,
    MobileBroadband,
    /// Given by a hypervisor.
    Virtual,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Battery {
    /// Empty where the computer has none. A mouse's battery is not counted.
    pub cells: Vec<BatteryCell>,
}

impl SectionContent for Battery {
    const NAME: SectionName = SectionName::Battery;
    const FORMAT: &'static str = "battery/1";
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatteryCell {
    pub name: DeviceName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Fact<HardwareText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Fact<SerialNumber>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technology: Option<Fact<Word>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub design_capacity: Option<Fact<MilliwattHours>>,
    /// Rounded down to whole percents of the design capacity, so that daily jitter changes no digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_capacity: Option<Fact<MilliwattHours>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Peripherals {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usb: Vec<UsbDevice>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cameras: Vec<Camera>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub printers: Vec<Printer>,
    /// Touch surfaces, screens included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touch_screens: Vec<HardwareText>,
}

impl SectionContent for Peripherals {
    const NAME: SectionName = SectionName::Peripherals;
    const FORMAT: &'static str = "peripherals/1";
}

/// A device on USB, hubs left out. Sorted by hardware id and serial.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct UsbDevice {
    /// `vendor:product` in hexadecimal.
    pub hardware_id: Word,
    pub kind: PeripheralKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<HardwareText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<HardwareText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<SerialNumber>,
    pub source: Source,
}

/// What a USB device is, by the class of its first interface that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeripheralKind {
    Camera,
    Printer,
    Audio,
    Input,
    Storage,
    Network,
    SmartCard,
    Bluetooth,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Camera {
    pub model: HardwareText,
    pub source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Printer {
    pub name: PrinterName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<HardwareText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<SerialNumber>,
    pub source: Source,
}
