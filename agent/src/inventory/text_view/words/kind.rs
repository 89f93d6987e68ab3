//! Kinds of devices and the signs of them, in both languages.

use inventory_schema::inventory::{Certainty, DeviceKind, KindSign};

use crate::language::Language;

pub(in super::super) fn device(kind: DeviceKind, lang: Language) -> &'static str {
    match kind {
        DeviceKind::Laptop => lang.choose("ноутбук", "laptop"),
        DeviceKind::Desktop => lang.choose("настольный компьютер", "desktop computer"),
        DeviceKind::AllInOne => lang.choose("моноблок", "all-in-one"),
        DeviceKind::PanelComputer => lang.choose("компьютер интерактивной панели", "computer of a panel"),
        DeviceKind::Panel => lang.choose("интерактивная панель", "interactive panel"),
        DeviceKind::Server => lang.choose("сервер", "server"),
        DeviceKind::Virtual => lang.choose("виртуальная машина", "virtual machine"),
        DeviceKind::Other => lang.choose("другое", "other"),
    }
}

pub(in super::super) fn certainty(certainty: Certainty, lang: Language) -> &'static str {
    match certainty {
        Certainty::Certain => lang.choose("уверенно", "certain"),
        Certainty::Likely => lang.choose("вероятно", "likely"),
        Certainty::Uncertain => lang.choose("требует осмотра", "needs a look"),
        Certainty::Other => "—",
    }
}

pub(in super::super) fn sign(sign: KindSign, lang: Language) -> &'static str {
    match sign {
        KindSign::HypervisorInFirmware => lang.choose("прошивка гипервизора", "a hypervisor's firmware"),
        KindSign::HypervisorClock => lang.choose("часы гипервизора", "a hypervisor's clock"),
        KindSign::HypervisorFlag => lang.choose("признак гипервизора у процессора", "the processor's hypervisor flag"),
        KindSign::VirtualDisks => lang.choose("все диски виртуальные", "all disks are virtual"),
        KindSign::Battery => lang.choose("аккумулятор", "a battery"),
        KindSign::BatteryInFirmware => lang.choose("аккумулятор в таблице прошивки", "a battery in firmware's table"),
        KindSign::LidSwitch => lang.choose("датчик крышки", "a lid switch"),
        KindSign::SmallBuiltInScreen => lang.choose("встроенный экран", "a built-in screen"),
        KindSign::PortableChassis => lang.choose("корпус переносного", "a portable's chassis"),
        KindSign::PortableName => lang.choose("название ноутбука", "a laptop's name"),
        KindSign::DesktopChassis => lang.choose("корпус назван настольным", "the chassis is called a desktop"),
        KindSign::TowerChassis => lang.choose("корпус системного блока", "a tower's chassis"),
        KindSign::FullLengthMemory => lang.choose("полноразмерная память", "full-length memory"),
        KindSign::NoBatteryNoScreen => lang.choose(
            "нет ни аккумулятора, ни встроенного экрана",
            "neither a battery nor a built-in screen",
        ),
        KindSign::AllInOneChassis => lang.choose("корпус моноблока", "an all-in-one's chassis"),
        KindSign::AllInOneName => lang.choose("название моноблока", "an all-in-one's name"),
        KindSign::WideBuiltInScreen => lang.choose("большой встроенный экран", "a wide built-in screen"),
        KindSign::BuiltInScreenWithoutBattery => lang.choose("встроенный экран без аккумулятора", "a built-in screen and no battery"),
        KindSign::PluggableName => lang.choose("название вставного модуля (OPS)", "the name of a pluggable module (OPS)"),
        KindSign::LargeTouchScreen => lang.choose("сенсорный экран больше 40″", "a touch screen of more than 40″"),
        KindSign::LargeScreen => lang.choose("экран больше 40″", "a screen of more than 40″"),
        KindSign::PanelName => lang.choose("название панели", "a panel's name"),
        KindSign::LargeBuiltInScreen => lang.choose("встроенный экран больше 40″", "a built-in screen of more than 40″"),
        KindSign::ServerChassis => lang.choose("корпус сервера", "a server's chassis"),
        KindSign::ServerName => lang.choose("название сервера", "a server's name"),
        KindSign::ManagementController => lang.choose("контроллер удалённого управления", "a management controller"),
        KindSign::SeveralProcessors => lang.choose("несколько процессоров", "several processors"),
        KindSign::ErrorCorrectingMemory => lang.choose("память с коррекцией ошибок", "error-correcting memory"),
        KindSign::Other => lang.choose("другой признак", "another sign"),
    }
}
