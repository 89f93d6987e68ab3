//! Processors, memory, disks, network cards, batteries and what is plugged in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::device::{Fact, MacAddress, PrinterName, SerialNumber, Source};
use crate::jedec::JedecCode;
use crate::quantity::{BitsPerSecond, Bytes, Count, Megahertz, Megatransfers, MilliwattHours, Percent};
use crate::section::{SectionContent, SectionName};
use crate::text::{DeviceName, HardwareText, Word};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Processors {
    /// One entry per socket, or per kind of core on ARM systems that mix them.
    pub processors: Vec<Processor>,
    /// Sockets for processors, empty ones included (SMBIOS type 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets: Option<Fact<Count>>,
    /// Physical processors. A board that counts its clusters of cores as packages has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<Fact<Count>>,
    /// Logical processors that are switched off; they are in no entry's count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<Fact<Count>>,
    /// The system on a chip as the device tree names it: `rockchip,rk3588`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chip: Option<Fact<HardwareText>>,
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
    /// The rate in the processor's name, or that the kernel calls its base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_clock: Option<Fact<Megahertz>>,
    /// The lowest rate it idles at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_clock: Option<Fact<Megahertz>>,
    /// Of the cores of a hybrid processor under one name, the economical ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efficient_cores: Option<Fact<Count>>,
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
    /// Which bus the disk is reached by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<Fact<DiskBus>>,
    /// Whether platters turn. Not stated of virtual disks and of sticks, which answer at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotational: Option<Fact<bool>>,
    /// The number that the disk has in the whole world, as the kernel writes it: `naa.5000c500…`, `eui.0025…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world_wide_name: Option<Fact<SerialNumber>>,
    /// What the disk itself says of its state, where the kernel shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Fact<DiskHealth>>,
    /// How much of its life a flash chip has spent at most, in steps of ten; 110 is beyond its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life_used: Option<Fact<Percent>>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiskBus {
    /// SATA, and the parallel bus before it.
    Ata,
    Sas,
    Scsi,
    Nvme,
    Usb,
    /// eMMC and memory cards.
    Mmc,
    Ufs,
    /// A hypervisor's own.
    Virtio,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiskHealth {
    Good,
    /// Most of what was kept in reserve is spent.
    Worn,
    /// The reserve is spent, or the disk answers no more.
    Failing,
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
    /// Whether both ends may speak at once, when there is a link and the driver tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplex: Option<Fact<Duplex>>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Duplex {
    Full,
    Half,
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
    /// What is lost of the design capacity, in whole percents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wear: Option<Fact<Percent>>,
    /// Charges so far, rounded down to tens, so that a day's use is no change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<Fact<Count>>,
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
    /// The same surfaces with what is known of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touch_surfaces: Vec<TouchSurface>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<HardwareText>,
    /// `vendor:product` in hexadecimal, where the camera is on USB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware_id: Option<Word>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<SerialNumber>,
}

/// What senses fingers: a screen, or a frame around one. Many frames have no serial number, and one name for
/// all brands: their USB id tells them apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct TouchSurface {
    pub model: HardwareText,
    /// `vendor:product` in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware_id: Option<Word>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<SerialNumber>,
    pub source: Source,
}

/// A printer, once, however many queues and paths lead to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Printer {
    /// The first of its queues; its model where it has none.
    pub name: PrinterName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<HardwareText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<SerialNumber>,
    pub source: Source,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<HardwareText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PrinterKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<PrinterConnection>,
    /// `vendor:product` in hexadecimal, where the printer was seen on USB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware_id: Option<Word>,
    /// What a printer in the network said of itself, where the agent was told to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<PrinterAnswer>,
}

/// Absent where nothing tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrinterKind {
    /// Prints, and nothing speaks for more.
    Printer,
    /// Scans, copies or faxes too.
    Multifunction,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrinterConnection {
    Usb,
    Network,
    /// Through another computer.
    Shared,
    /// No device: a file, a fax program.
    Virtual,
    #[serde(other)]
    Other,
}

/// Read by SNMP.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct PrinterAnswer {
    /// sysDescr.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<HardwareText>,
    /// hrDeviceDescr.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<HardwareText>,
    /// prtGeneralSerialNumber.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<SerialNumber>,
}
