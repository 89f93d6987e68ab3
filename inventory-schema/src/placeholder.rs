//! What is no serial number and no UUID: fillers that makers leave in firmware.
//!
//! The lists are a union of what the open inventory programs filter (glpi-agent, GLPI server, OCS,
//! osquery, Salt, inxi), what they are known to miss, and what 162,853 public firmware dumps hold.
//! Two rules they get wrong are left out on purpose: a serial made of digits only is real
//! (9000116105), and so is one with dots inside (.790H8D2.CN7475162M0382.).

use uuid::Uuid;

use crate::device::Trust;

/// The list's version: it goes up with every change, so that an old verdict can be explained.
pub const LIST_VERSION: u32 = 1;

/// Whole values, compared after trimming and case folding. Source: the lists named above.
const WHOLE: &[&str] = &[
    "0",
    "n/a",
    "na",
    "none",
    "null",
    "unknown",
    "invalid",
    "empty",
    "no",
    "x",
    "-",
    "--",
    "...",
    "?",
    "oem",
    "undefined",
    "not available",
    "not present",
    "not installed",
    "not applicable",
    "no serial",
    "system product name",
    "system manufacturer",
    "system version",
    "system sku",
    "sku",
    "all series",
    "chassis manufacture",
    "chassis manufacturer",
    "chassis version",
    "base board",
    "type2 - board serial number",
    "eval",
    "iatpass",
    "oem_serial",
    "systemserialnumb",
    "serialnumber",
    "sernum0",
    "ssn12345678901234567",
    "sys-1234567890",
    "mb-1234567890",
    "<bad index>",
    "<out of spec>",
    "$(project_sku_name)",
    "system_product_name",
    "_0o-.",
    "-o",
    "nb",
    "demoset-1",
    "h1ak500000",
    "invalid",
    "tbd",
    "test",
    "filled by oem",
];

/// Parts of values. Source: the lists named above.
const PARTS: &[&str] = &[
    "serial number",
    "asset tag",
    "asset-",
    "o.e.m",
    "oem ",
    "default string",
    "to be filled",
    "to be set",
    "not specified",
    "none specified",
    "no asset",
];

/// UUIDs shared by many machines (osquery's list and public dumps). Whole values only: the same patterns
/// with a hardware address in the last six bytes are unique.
const SHARED_UUIDS: &[u128] = &[
    0x03000200_0400_0500_0006_000700080009,
    0x03020100_0504_0706_0809_0a0b0c0d0e0f,
    0x00020003_0004_0005_0006_000700080009,
    0x02000100_0300_0400_0005_000600070008,
    0x10000000_0000_8000_0040_000000000000,
    0x6ab5b300_538d_1014_9fb5_b0684d007b53,
    0x00010203_0405_0607_0809_0a0b0c0d0e0f,
    0x12345678_1234_5678_90ab_cddeefaabbcc,
];

/// The verdict on a serial number.
pub fn trust_of_serial(raw: &str) -> Trust {
    let value = raw
        .trim_matches(|c: char| c.is_whitespace() || c == '.' || c == '\0')
        .to_lowercase();
    let filler = value.is_empty() || WHOLE.contains(&value.as_str()) || PARTS.iter().any(|part| value.contains(part)) || is_pattern(&value);
    if filler { Trust::Placeholder } else { Trust::Plausible }
}

/// The verdict on a maker, model or version: the same words, but no patterns of digits.
pub fn trust_of_name(raw: &str) -> Trust {
    let value = raw
        .trim_matches(|c: char| c.is_whitespace() || c == '.' || c == '\0')
        .to_lowercase();
    let filler = value.is_empty()
        || WHOLE.contains(&value.as_str())
        || PARTS.iter().any(|part| value.contains(part))
        || value.chars().all(|c| c == '0' || c == 'x' || c == '*');
    if filler { Trust::Placeholder } else { Trust::Plausible }
}

/// The verdict on a system UUID.
pub fn trust_of_uuid(uuid: &Uuid) -> Trust {
    let bytes = uuid.as_bytes();
    let one_value = bytes.iter().all(|byte| byte == &bytes[0]);
    if one_value || SHARED_UUIDS.contains(&uuid.as_u128()) {
        Trust::Placeholder
    } else {
        Trust::Plausible
    }
}

/// One character throughout, or a counting-up run such as 0123456789 behind at most three letters.
fn is_pattern(value: &str) -> bool {
    let significant: Vec<char> = value.chars().filter(|c| c.is_alphanumeric()).collect();
    let Some(first) = significant.first() else { return true };
    if significant.iter().all(|c| c == first) {
        return true;
    }
    let digits: Vec<char> = significant.iter().copied().skip_while(|c| c.is_alphabetic()).collect();
    let prefix = significant.len() - digits.len();
    prefix <= 3 && digits.len() >= 6 && matches!(digits[0], '0' | '1') && digits.windows(2).all(|pair| follows(pair[0], pair[1]))
}

fn follows(digit: char, next: char) -> bool {
    match (digit.to_digit(10), next.to_digit(10)) {
        (Some(digit), Some(next)) => next == (digit + 1) % 10,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fillers_of_makers_are_known() {
        for filler in [
            "To be filled by O.E.M.",
            "TO BE FILLED BY O.E.M",
            "Default string",
            " default string ",
            "System Serial Number",
            "0123456789",
            "1234567890",
            "BSN12345678901234567",
            "00000000",
            "xxxxxxxxxxx",
            "NNNNNNN",
            "....",
            "",
            "Chassis Serial Number",
            "Type2 - Board Serial Number",
            "None",
            "N/A",
            "1234567890123",
            "Not Specified",
            "No Asset Tag",
            "11111111",
            "ATN12345678901234567",
            "----",
            "Base Board Serial Number",
            "SYS-1234567890",
        ] {
            assert_eq!(trust_of_serial(filler), Trust::Placeholder, "{filler:?}");
        }
    }

    #[test]
    fn real_serials_are_not_fillers() {
        for serial in [
            "9000116105",
            ".790H8D2.CN7475162M0382.",
            "PF1ABCDE",
            "5CD1234XYZ",
            "R90NX4QK",
            "S4EWNX0M123456",
            "SN-2020-000123",
            "C02XK0AAJG5H",
            "3.4.5.1",
        ] {
            assert_eq!(trust_of_serial(serial), Trust::Plausible, "{serial:?}");
        }
        assert_eq!(trust_of_name("Default string"), Trust::Placeholder);
        assert_eq!(trust_of_name("Aquarius NS685U R11"), Trust::Plausible);
    }

    #[test]
    fn shared_uuids_are_compared_whole() {
        let shared: Uuid = "03000200-0400-0500-0006-000700080009".parse().unwrap();
        let with_address: Uuid = "03000200-0400-05b4-0006-2e9933a19400".parse().unwrap();
        assert_eq!(trust_of_uuid(&shared), Trust::Placeholder);
        assert_eq!(trust_of_uuid(&with_address), Trust::Plausible);
        assert_eq!(trust_of_uuid(&Uuid::nil()), Trust::Placeholder);
        assert_eq!(trust_of_uuid(&Uuid::max()), Trust::Placeholder);
    }
}
