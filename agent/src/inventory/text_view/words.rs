//! What the closed words of an inventory are called, in both languages.

pub(super) mod kind;

use inventory_schema::device::{Source, Trust};
use inventory_schema::inventory::{
    ChassisKind, DiskBus, DiskHealth, DiskKind, DisplayConnection, Duplex, ErrorCorrection, Identifier, NetworkMedium, PackageManager,
    PeripheralKind, PrinterConnection, PrinterKind, SecureBoot,
};
use inventory_schema::section::{ReadFailure, SectionName};

use crate::language::Language;

pub(super) fn section(name: SectionName, lang: Language) -> &'static str {
    match name {
        SectionName::System => lang.choose("Компьютер", "Computer"),
        SectionName::Processor => lang.choose("Процессор", "Processor"),
        SectionName::Memory => lang.choose("Память", "Memory"),
        SectionName::Storage => lang.choose("Диски", "Disks"),
        SectionName::Display => lang.choose("Экраны", "Screens"),
        SectionName::Network => lang.choose("Сеть", "Network"),
        SectionName::OperatingSystem => lang.choose("Операционная система", "Operating system"),
        SectionName::Battery => lang.choose("Батарея", "Battery"),
        SectionName::Peripherals => lang.choose("Подключённые устройства", "Peripherals"),
        SectionName::Software => lang.choose("Программы", "Software"),
    }
}

pub(super) fn trust(trust: Trust, lang: Language) -> &'static str {
    match trust {
        Trust::Plausible => lang.choose("достоверно", "plausible"),
        Trust::Placeholder => lang.choose("заполнитель изготовителя", "maker's filler"),
        Trust::Implausible => lang.choose("недостоверно", "implausible"),
    }
}

pub(super) fn failure(failure: ReadFailure, lang: Language) -> &'static str {
    match failure {
        ReadFailure::NotPresent => lang.choose("нет в этой системе", "not present"),
        ReadFailure::PermissionDenied => lang.choose("нужны права администратора", "needs the administrator's rights"),
        ReadFailure::Malformed => lang.choose("не удалось разобрать", "malformed"),
        ReadFailure::TooLarge => lang.choose("слишком велико", "too large"),
        ReadFailure::SystemError => lang.choose("ошибка системы", "system error"),
        ReadFailure::TimedOut => lang.choose("не ответило вовремя", "did not answer in time"),
        ReadFailure::Other => lang.choose("не прочитано", "not read"),
    }
}

pub(super) fn source(source: Source) -> &'static str {
    match source {
        Source::Smbios => "SMBIOS",
        Source::DmiSysfs => "/sys/class/dmi",
        Source::DeviceTree => "device tree",
        Source::ProcCpuinfo => "/proc/cpuinfo",
        Source::CpuTopology => "/sys/devices/system/cpu",
        Source::ProcMeminfo => "/proc/meminfo",
        Source::SysfsBlock => "/sys/block",
        Source::Udev => "udev",
        Source::SysfsNet => "/sys/class/net",
        Source::Netlink => "netlink",
        Source::SysfsDrm => "/sys/class/drm",
        Source::Edid => "EDID",
        Source::SysfsPci => "PCI",
        Source::SysfsUsb => "USB",
        Source::SysfsPowerSupply => "/sys/class/power_supply",
        Source::ProcInput => "/proc/bus/input",
        Source::SysfsInput => "/sys/class/input",
        Source::SysfsVideo => "/sys/class/video4linux",
        Source::Snmp => "SNMP",
        Source::Cups => "CUPS",
        Source::OsRelease => "os-release",
        Source::Kernel => "/proc/sys/kernel",
        Source::HostName => "/etc/hostname",
        Source::Efi => "EFI",
        Source::DpkgStatus => "dpkg",
        Source::RpmDatabase => "RPM",
        Source::Flatpak => "Flatpak",
        Source::Snap => "snap",
        Source::Sysinfo => "sysinfo",
        Source::Glpi => "GLPI",
        Source::OcsXml => "FusionInventory/OCS",
        Source::Other => "—",
    }
}

pub(super) fn chassis(kind: ChassisKind, lang: Language) -> &'static str {
    match kind {
        ChassisKind::Desktop => lang.choose("настольный", "desktop"),
        ChassisKind::LowProfileDesktop => lang.choose("настольный плоский", "low-profile desktop"),
        ChassisKind::MiniTower => lang.choose("малая башня", "mini tower"),
        ChassisKind::Tower => lang.choose("башня", "tower"),
        ChassisKind::Portable => lang.choose("переносной", "portable"),
        ChassisKind::Laptop | ChassisKind::Notebook => lang.choose("ноутбук", "notebook"),
        ChassisKind::HandHeld => lang.choose("карманный", "hand-held"),
        ChassisKind::AllInOne => lang.choose("моноблок", "all-in-one"),
        ChassisKind::SubNotebook => lang.choose("субноутбук", "sub-notebook"),
        ChassisKind::SpaceSaving => lang.choose("малогабаритный", "space-saving"),
        ChassisKind::Server => lang.choose("сервер", "server"),
        ChassisKind::Tablet => lang.choose("планшет", "tablet"),
        ChassisKind::Convertible => lang.choose("трансформер", "convertible"),
        ChassisKind::Detachable => lang.choose("со съёмным экраном", "detachable"),
        ChassisKind::MiniPc => lang.choose("мини-ПК", "mini PC"),
        ChassisKind::StickPc => lang.choose("ПК-брелок", "stick PC"),
        ChassisKind::EmbeddedPc => lang.choose("встраиваемый", "embedded PC"),
        ChassisKind::Unknown => lang.choose("не указан", "not stated"),
        ChassisKind::Other => lang.choose("другой", "other"),
    }
}

pub(super) fn identifier(identifier: Identifier, lang: Language) -> &'static str {
    match identifier {
        Identifier::SystemSerial => lang.choose("серийный номер", "serial number"),
        Identifier::BoardSerial => lang.choose("номер платы", "board serial"),
        Identifier::ChassisSerial => lang.choose("номер корпуса", "chassis serial"),
        Identifier::AssetTag => lang.choose("инвентарная метка", "asset tag"),
        Identifier::Other => lang.choose("другой номер", "another number"),
    }
}

pub(super) fn error_correction(correction: ErrorCorrection, lang: Language) -> &'static str {
    match correction {
        ErrorCorrection::None => lang.choose("нет", "none"),
        ErrorCorrection::Parity => lang.choose("контроль чётности", "parity"),
        ErrorCorrection::SingleBit => lang.choose("одного бита (ECC)", "single bit (ECC)"),
        ErrorCorrection::MultiBit => lang.choose("нескольких битов (ECC)", "several bits (ECC)"),
        ErrorCorrection::Crc => "CRC",
        ErrorCorrection::Other => lang.choose("другая", "other"),
    }
}

pub(super) fn secure_boot(state: SecureBoot, lang: Language) -> &'static str {
    match state {
        SecureBoot::Enabled => lang.choose("включена", "enabled"),
        SecureBoot::Disabled => lang.choose("выключена", "disabled"),
        SecureBoot::Unsupported => lang.choose("нет: загрузка без EFI", "none: started without EFI"),
    }
}

pub(super) fn disk(kind: DiskKind, lang: Language) -> &'static str {
    match kind {
        DiskKind::HardDisk => lang.choose("жёсткий диск", "hard disk"),
        DiskKind::SolidState => lang.choose("твердотельный", "solid state"),
        DiskKind::Nvme => "NVMe",
        DiskKind::Emmc => "eMMC",
        DiskKind::SdCard => lang.choose("карта памяти", "memory card"),
        DiskKind::Usb => lang.choose("USB-накопитель", "USB storage"),
        DiskKind::Virtual => lang.choose("виртуальный", "virtual"),
        DiskKind::Other => lang.choose("другой", "other"),
    }
}

/// `None` where the kind of the disk says it already.
pub(super) fn bus(bus: DiskBus) -> Option<&'static str> {
    match bus {
        DiskBus::Ata => Some("SATA/ATA"),
        DiskBus::Sas => Some("SAS"),
        DiskBus::Scsi => Some("SCSI"),
        DiskBus::Ufs => Some("UFS"),
        DiskBus::Virtio => Some("virtio"),
        DiskBus::Nvme | DiskBus::Usb | DiskBus::Mmc | DiskBus::Other => None,
    }
}

pub(super) fn health(health: DiskHealth, lang: Language) -> &'static str {
    match health {
        DiskHealth::Good => lang.choose("исправен", "in good health"),
        DiskHealth::Worn => lang.choose("изношен", "worn"),
        DiskHealth::Failing => lang.choose("отказывает", "failing"),
        DiskHealth::Other => lang.choose("состояние неизвестно", "state unknown"),
    }
}

pub(super) fn duplex(duplex: Duplex, lang: Language) -> &'static str {
    match duplex {
        Duplex::Full => lang.choose("полный дуплекс", "full duplex"),
        Duplex::Half => lang.choose("полудуплекс", "half duplex"),
        Duplex::Other => "—",
    }
}

pub(super) fn printer(kind: Option<PrinterKind>, lang: Language) -> &'static str {
    match kind {
        Some(PrinterKind::Multifunction) => lang.choose("МФУ", "Multifunction printer"),
        Some(PrinterKind::Printer) => lang.choose("Принтер", "Printer"),
        Some(PrinterKind::Other) | None => lang.choose("Принтер или МФУ", "Printer of some kind"),
    }
}

pub(super) fn printer_connection(connection: PrinterConnection, lang: Language) -> &'static str {
    match connection {
        PrinterConnection::Usb => "USB",
        PrinterConnection::Network => lang.choose("сетевой", "in the network"),
        PrinterConnection::Shared => lang.choose("через другой компьютер", "through another computer"),
        PrinterConnection::Virtual => lang.choose("печать в файл", "prints to a file"),
        PrinterConnection::Other => lang.choose("другое подключение", "other connection"),
    }
}

pub(super) fn connection(connection: DisplayConnection, lang: Language) -> &'static str {
    match connection {
        DisplayConnection::BuiltIn => lang.choose("встроенный", "built in"),
        DisplayConnection::Hdmi => "HDMI",
        DisplayConnection::DisplayPort => "DisplayPort",
        DisplayConnection::Dvi => "DVI",
        DisplayConnection::Vga => "VGA",
        DisplayConnection::Other => lang.choose("другое подключение", "other connection"),
    }
}

pub(super) fn medium(medium: NetworkMedium, lang: Language) -> &'static str {
    match medium {
        NetworkMedium::Ethernet => "Ethernet",
        NetworkMedium::WiFi => "Wi-Fi",
        NetworkMedium::MobileBroadband => lang.choose("мобильная связь", "mobile broadband"),
        NetworkMedium::Virtual => lang.choose("виртуальная", "virtual"),
        NetworkMedium::Other => lang.choose("другая", "other"),
    }
}

pub(super) fn peripheral(kind: PeripheralKind, lang: Language) -> &'static str {
    match kind {
        PeripheralKind::Camera => lang.choose("Камера", "Camera"),
        PeripheralKind::Printer => lang.choose("Принтер", "Printer"),
        PeripheralKind::Audio => lang.choose("Звук", "Audio"),
        PeripheralKind::Input => lang.choose("Ввод", "Input"),
        PeripheralKind::Storage => lang.choose("Накопитель", "Storage"),
        PeripheralKind::Network => lang.choose("Сеть", "Network"),
        PeripheralKind::SmartCard => lang.choose("Смарт-карта", "Smart card"),
        PeripheralKind::Bluetooth => "Bluetooth",
        PeripheralKind::Other => lang.choose("Другое", "Other"),
    }
}

pub(super) fn manager(manager: PackageManager) -> &'static str {
    match manager {
        PackageManager::Dpkg => "dpkg",
        PackageManager::Rpm => "RPM",
        PackageManager::Flatpak => "Flatpak",
        PackageManager::Snap => "Snap",
        PackageManager::WindowsUninstall => "Windows",
        PackageManager::Other => "—",
    }
}
