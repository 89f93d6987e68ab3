//! Names for the numbers by which ARM processors tell what they are (main ID register).
//!
//! Covers what stands in panels, single-board computers and Russian notebooks; an unknown number is `None`.

fn hexadecimal(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// Makers by the number in the main ID register of ARM.
pub(super) fn implementer(code: &str) -> Option<&'static str> {
    Some(match hexadecimal(code)? {
        0x41 => "ARM",
        0x42 => "Broadcom",
        0x43 => "Cavium",
        0x48 => "HiSilicon",
        0x4e => "NVIDIA",
        0x50 => "APM",
        0x51 => "Qualcomm",
        0x53 => "Samsung",
        0x56 => "Marvell",
        0x61 => "Apple",
        0x69 => "Intel",
        0x70 => "Phytium",
        0xc0 => "Ampere",
        _ => return None,
    })
}

/// Cores by maker and part number of the main ID register: those of panels, single-board computers and notebooks.
pub(super) fn core(implementer: &str, part: &str) -> Option<&'static str> {
    let part = hexadecimal(part)?;
    match hexadecimal(implementer)? {
        0x41 => core_of_arm(part),
        0x48 => core_of_hisilicon(part),
        0x51 => core_of_qualcomm(part),
        0x61 => core_of_apple(part),
        0x70 => core_of_phytium(part),
        _ => None,
    }
}

fn core_of_arm(part: u32) -> Option<&'static str> {
    Some(match part {
        0xb76 => "ARM1176",
        0xc05 => "Cortex-A5",
        0xc07 => "Cortex-A7",
        0xc08 => "Cortex-A8",
        0xc09 => "Cortex-A9",
        0xc0d | 0xc0e => "Cortex-A17",
        0xc0f => "Cortex-A15",
        0xd01 => "Cortex-A32",
        0xd03 => "Cortex-A53",
        0xd04 => "Cortex-A35",
        0xd05 => "Cortex-A55",
        0xd06 => "Cortex-A65",
        0xd07 => "Cortex-A57",
        0xd08 => "Cortex-A72",
        0xd09 => "Cortex-A73",
        0xd0a => "Cortex-A75",
        0xd0b => "Cortex-A76",
        0xd0c => "Neoverse-N1",
        0xd0d => "Cortex-A77",
        0xd0e => "Cortex-A76AE",
        0xd40 => "Neoverse-V1",
        0xd41 => "Cortex-A78",
        0xd42 => "Cortex-A78AE",
        0xd44 => "Cortex-X1",
        0xd46 => "Cortex-A510",
        0xd47 => "Cortex-A710",
        0xd48 => "Cortex-X2",
        0xd49 => "Neoverse-N2",
        0xd4a => "Neoverse-E1",
        0xd4b => "Cortex-A78C",
        0xd4c => "Cortex-X1C",
        0xd4d => "Cortex-A715",
        0xd4e => "Cortex-X3",
        0xd4f => "Neoverse-V2",
        0xd80 => "Cortex-A520",
        0xd81 => "Cortex-A720",
        0xd82 => "Cortex-X4",
        0xd85 => "Cortex-X925",
        0xd87 => "Cortex-A725",
        _ => return None,
    })
}

fn core_of_hisilicon(part: u32) -> Option<&'static str> {
    Some(match part {
        0xd01 => "TaiShan-v110",
        0xd02 => "TaiShan-v120",
        0xd40 => "Cortex-A76",
        0xd41 => "Cortex-A77",
        _ => return None,
    })
}

fn core_of_qualcomm(part: u32) -> Option<&'static str> {
    Some(match part {
        0x001 => "Oryon",
        0x06f => "Krait",
        0x201 | 0x205 | 0x211 => "Kryo",
        0x800 => "Kryo-2XX-Gold",
        0x801 => "Kryo-2XX-Silver",
        0x802 => "Kryo-3XX-Gold",
        0x803 => "Kryo-3XX-Silver",
        0x804 => "Kryo-4XX-Gold",
        0x805 => "Kryo-4XX-Silver",
        _ => return None,
    })
}

fn core_of_apple(part: u32) -> Option<&'static str> {
    Some(match part {
        0x022 => "Icestorm-M1",
        0x023 => "Firestorm-M1",
        0x032 => "Blizzard-M2",
        0x033 => "Avalanche-M2",
        _ => return None,
    })
}

fn core_of_phytium(part: u32) -> Option<&'static str> {
    Some(match part {
        0x303 => "FTC310",
        0x660 => "FTC660",
        0x661 => "FTC661",
        0x662 => "FTC662",
        0x663 => "FTC663",
        0x664 => "FTC664",
        0x862 => "FTC862",
        _ => return None,
    })
}
