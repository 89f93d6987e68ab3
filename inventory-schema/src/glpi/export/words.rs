//! The format's words for our closed lists, and back.

use crate::inventory::{ChassisKind, DiskBus, DiskKind, PackageManager};

/// The chassis as dmidecode calls it, which is what the agents of the format write.
const CHASSIS: &[(ChassisKind, &str)] = &[
    (ChassisKind::Desktop, "Desktop"),
    (ChassisKind::LowProfileDesktop, "Low Profile Desktop"),
    (ChassisKind::MiniTower, "Mini Tower"),
    (ChassisKind::Tower, "Tower"),
    (ChassisKind::Portable, "Portable"),
    (ChassisKind::Laptop, "Laptop"),
    (ChassisKind::Notebook, "Notebook"),
    (ChassisKind::HandHeld, "Hand Held"),
    (ChassisKind::AllInOne, "All In One"),
    (ChassisKind::SubNotebook, "Sub Notebook"),
    (ChassisKind::SpaceSaving, "Space-saving"),
    (ChassisKind::Server, "Main Server Chassis"),
    (ChassisKind::Tablet, "Tablet"),
    (ChassisKind::Convertible, "Convertible"),
    (ChassisKind::Detachable, "Detachable"),
    (ChassisKind::MiniPc, "Mini PC"),
    (ChassisKind::StickPc, "Stick PC"),
    (ChassisKind::EmbeddedPc, "Embedded PC"),
];

pub fn chassis_word(kind: ChassisKind) -> Option<&'static str> {
    CHASSIS.iter().find(|(known, _)| *known == kind).map(|(_, word)| *word)
}

/// Spelling does not matter: «Mini-Tower», «mini tower».
pub fn chassis_kind(word: &str) -> Option<ChassisKind> {
    let fold = |word: &str| -> String {
        word.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect()
    };
    let wanted = fold(word);
    CHASSIS
        .iter()
        .find(|(_, word)| fold(word) == wanted)
        .map(|(kind, _)| *kind)
        .or_else(|| (wanted == "rackmountchassis" || wanted == "server").then_some(ChassisKind::Server))
}

/// Processors that the format has a word for. Elbrus, RISC-V and LoongArch have none: their key is left out.
pub fn architecture(kernel_name: &str) -> Option<&str> {
    let known = matches!(
        kernel_name,
        "mips" | "alpha" | "sparc" | "m68k" | "i386" | "i486" | "i586" | "i686" | "x86_64" | "powerpc" | "aarch64"
    );
    (known || kernel_name.starts_with("arm")).then_some(kernel_name)
}

/// Upper case, as agents write it.
pub fn interface(bus: Option<DiskBus>, kind: DiskKind) -> Option<&'static str> {
    match (bus, kind) {
        (Some(DiskBus::Ata), _) => Some("SATA"),
        (Some(DiskBus::Sas), _) => Some("SAS"),
        (Some(DiskBus::Scsi), _) => Some("SCSI"),
        (Some(DiskBus::Nvme), _) | (_, DiskKind::Nvme) => Some("NVME"),
        (Some(DiskBus::Usb), _) | (_, DiskKind::Usb) => Some("USB"),
        (Some(DiskBus::Mmc), _) | (_, DiskKind::Emmc | DiskKind::SdCard) => Some("MMC"),
        (Some(DiskBus::Ufs), _) => Some("UFS"),
        (Some(DiskBus::Virtio), _) => Some("VIRTIO"),
        _ => None,
    }
}

/// Where a package came from.
pub fn package_source(manager: PackageManager) -> Option<&'static str> {
    match manager {
        PackageManager::Dpkg => Some("deb"),
        PackageManager::Rpm => Some("rpm"),
        PackageManager::Flatpak => Some("flatpak"),
        PackageManager::Snap => Some("snap"),
        PackageManager::WindowsUninstall => Some("registry"),
        PackageManager::Other => None,
    }
}

/// `MM/DD/YYYY` of firmware as the format's `YYYY-MM-DD`; `None` for any other spelling and for days that do not exist.
pub fn date(firmware: &str) -> Option<String> {
    let mut parts = firmware.trim().split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |text: &str, count: usize| text.len() == count && text.chars().all(|c| c.is_ascii_digit());
    if parts.next().is_some() || !digits(month, 2) || !digits(day, 2) || !digits(year, 4) {
        return None;
    }
    let date = jiff::civil::Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
    Some(date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_firmware_are_turned_and_nonsense_is_left_out() {
        assert_eq!(date("02/29/2016").as_deref(), Some("2016-02-29"));
        for other in [
            "02/30/2016",
            "2016-02-01",
            "2/1/2016",
            "13/01/2016",
            "01/01/16",
            "",
            "01/01/2016/",
            "٠١/01/2016",
        ] {
            assert_eq!(date(other), None, "{other}");
        }
    }

    #[test]
    fn processors_without_a_word_have_none() {
        for known in ["x86_64", "i686", "aarch64", "armv7l", "mips"] {
            assert_eq!(architecture(known), Some(known));
        }
        for unknown in ["e2k", "riscv64", "loongarch64", "amd64", "ppc64le", ""] {
            assert_eq!(architecture(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_chassis_is_known_again_by_its_word() {
        for (kind, word) in CHASSIS {
            assert_eq!(chassis_kind(word), Some(*kind));
        }
        assert_eq!(chassis_kind("mini-tower"), Some(ChassisKind::MiniTower));
        assert_eq!(chassis_kind("Rack Mount Chassis"), Some(ChassisKind::Server));
        assert_eq!(chassis_kind("Toaster"), None);
    }
}
