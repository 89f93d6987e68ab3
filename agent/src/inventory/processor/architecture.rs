//! Names for what processors of rarer architectures call themselves.
//!
//! Covers what stands in Russian schools and on their shelves; an unknown name is `None` and stays as it is.

/// The product's name by the model in cpuinfo of Elbrus computers.
pub(super) fn elbrus(model: &str) -> Option<&'static str> {
    Some(match model {
        "E2S" => "Elbrus-4C",
        "E8C" => "Elbrus-8C",
        "E8C2" => "Elbrus-8CB",
        "E1CP" | "E1C+" => "Elbrus-1C+",
        "E2C3" => "Elbrus-2C3",
        "E12C" => "Elbrus-12C",
        "E16C" => "Elbrus-16C",
        _ => return None,
    })
}

/// The maker by the number in a RISC-V processor's register `mvendorid`: a bank and a code of JEDEC.
pub(super) fn risc_v_maker(code: &str) -> Option<&'static str> {
    Some(match u64::from_str_radix(code.strip_prefix("0x")?, 16).ok()? {
        0x31e => "Andes",
        0x489 => "SiFive",
        0x5b7 => "T-Head",
        0x602 => "Ventana",
        0x710 => "SpacemiT",
        _ => return None,
    })
}
