//! The number of a disk, out of the ways in which it is handed on.
//!
//! Pure. The bytes of ATA strings come in pairs of which some drivers and cases swap the halves, some hand the
//! twenty bytes on as hexadecimal digits, and all are padded.

use inventory_schema::device::{Fact, SerialNumber, Source};

use super::RawDisk;

/// The field of ATA's IDENTIFY.
const ATA_SERIAL_BYTES: usize = 20;

/// From the disk itself first, from udev's record next, from the case on USB last.
pub(super) fn of(raw: &RawDisk) -> Option<Fact<SerialNumber>> {
    let swapped = raw.model.as_deref().and_then(unswapped_model).is_some();
    let fact = |text: &str, source| SerialNumber::fact(&as_printed(text, swapped), source);
    let stated = || fact(raw.serial.as_deref()?, Source::SysfsBlock);
    let page = || fact(&of_page(raw.serial_page.as_deref()?)?, Source::SysfsBlock);
    let named = || fact(&of_world_wide_name(raw.world_wide_name.as_deref()?)?, Source::SysfsBlock);
    let udev = || {
        let record = &raw.udev;
        fact(
            &record.text("ID_SERIAL_SHORT").or_else(|| record.text("ID_SCSI_SERIAL"))?,
            Source::Udev,
        )
    };
    let case = || fact(raw.case_serial.as_deref()?, Source::SysfsUsb);
    // A filler is kept only where nothing better is known.
    let mut found = [stated(), page(), udev(), named(), case()]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>();
    let best = found.iter().position(|fact| fact.trust.is_plausible()).unwrap_or(0);
    (!found.is_empty()).then(|| found.swap_remove(best))
}

/// Page 0x80: four bytes of header, the last two the length, then the number, padded with spaces.
fn of_page(page: &[u8]) -> Option<String> {
    let length = usize::from(u16::from_be_bytes([*page.get(2)?, *page.get(3)?]));
    let stated = page.get(4..)?;
    Some(String::from_utf8_lossy(stated.get(..length).unwrap_or(stated)).into_owned())
}

/// `t10.ATA`, the model in forty characters, the number in twenty. Other makers fill the name as they like.
fn of_world_wide_name(name: &str) -> Option<String> {
    let number = name.strip_prefix("t10.ATA")?.split_whitespace().next_back()?;
    (number.len() <= ATA_SERIAL_BYTES).then(|| number.to_owned())
}

/// As it is printed on the disk's label.
fn as_printed(stated: &str, swapped: bool) -> String {
    if let Some(text) = of_digits(stated) {
        return if swapped { swap(&text) } else { text };
    }
    if swapped { swap(stated) } else { stated.to_owned() }
}

/// Twenty bytes as forty hexadecimal digits.
fn of_digits(stated: &str) -> Option<String> {
    let digits = stated.trim().as_bytes();
    if digits.len() != 2 * ATA_SERIAL_BYTES {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    let is_printed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'_');
    let bytes = bytes.filter(|bytes| bytes.iter().all(is_printed))?;
    String::from_utf8(bytes).ok()
}

/// The halves of every pair exchanged. What is no ASCII is no string of ATA and stays.
fn swap(text: &str) -> String {
    if !text.is_ascii() {
        return text.to_owned();
    }
    let mut bytes = text.as_bytes().to_vec();
    for pair in bytes.chunks_exact_mut(2) {
        pair.swap(0, 1);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The model in its true order, if its pairs are swapped: known by the makers' names.
pub(super) fn unswapped_model(model: &str) -> Option<String> {
    const MAKERS: [&str; 14] = [
        "WDC ", "WD", "ST", "SAMSUNG", "Samsung", "TOSHIBA", "HITACHI", "Hitachi", "KINGSTON", "INTEL", "Crucial", "SanDisk", "MAXTOR",
        "Maxtor",
    ];
    const SURE_AT: usize = 4;
    let known = |text: &str| {
        let of_digits = |prefix: &str| prefix != "ST" && prefix != "WD" || text.as_bytes().get(2).is_some_and(u8::is_ascii_digit);
        MAKERS.iter().any(|maker| text.starts_with(maker) && of_digits(maker))
    };
    let swapped = swap(model);
    (model.len() >= SURE_AT && !known(model) && known(&swapped)).then_some(swapped)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inventory::udev::UdevRecord;

    fn number(raw: &RawDisk) -> Option<(String, Source)> {
        of(raw).map(|fact| (fact.value.to_string(), fact.source))
    }

    fn stated(model: &str, serial: &str) -> Option<String> {
        let raw = RawDisk {
            model: Some(model.into()),
            serial: Some(serial.into()),
            ..RawDisk::default()
        };
        number(&raw).map(|(number, _)| number)
    }

    #[test]
    fn padding_is_no_part_of_a_number() {
        let page = RawDisk {
            serial_page: Some(b"\0\x80\0\x14     WD-WMAB1C234567".to_vec()),
            ..RawDisk::default()
        };
        assert_eq!(number(&page), Some(("WD-WMAB1C234567".into(), Source::SysfsBlock)));
        assert_eq!(stated("SKC1000", "50026B7000000001    ").unwrap(), "50026B7000000001");
    }

    #[test]
    fn swapped_pairs_are_put_right_where_the_model_gives_them_away() {
        assert_eq!(unswapped_model("DW CDW0500AAXK").as_deref(), Some("WDC WD5000AAKX"));
        assert_eq!(unswapped_model("TS0500ML10").as_deref(), Some("ST5000LM01"));
        assert_eq!(unswapped_model("WDC WD5000AAKX"), None);
        assert_eq!(unswapped_model("STorage"), None);
        assert_eq!(stated("DW CDW0500AAXK", "W -DCWYAFU214365").unwrap(), "WD-WCAYUF123456");
    }

    #[test]
    fn digits_that_are_letters_are_read_as_letters() {
        let hexadecimal: String = "     WD-WMAB1C234567".bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(stated("WDC", &hexadecimal).unwrap(), "WD-WMAB1C234567");
        assert_eq!(
            stated("X", "0123456789abcdef0123456789abcdef01234567").unwrap().len(),
            40,
            "a number of forty digits stays"
        );
    }

    #[test]
    fn the_best_of_several_numbers_is_taken() {
        let mut raw = RawDisk {
            serial: Some("000000000000".into()),
            world_wide_name: Some("t10.ATA     KINGSTON SHPM2280P2/240G                 50026B7240000001    ".into()),
            case_serial: Some("CASE-1".into()),
            ..RawDisk::default()
        };
        assert_eq!(number(&raw).unwrap().0, "50026B7240000001");
        raw.udev = UdevRecord::read("E:ID_SERIAL_SHORT=S2ABC123\n");
        assert_eq!(number(&raw), Some(("S2ABC123".into(), Source::Udev)));
        raw.udev = UdevRecord::default();
        raw.world_wide_name = None;
        assert_eq!(number(&raw), Some(("CASE-1".into(), Source::SysfsUsb)));
        raw.case_serial = None;
        assert_eq!(of(&raw).unwrap().plausible(), None, "the filler is kept and marked");
        assert_eq!(of(&RawDisk::default()), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail(page in proptest::collection::vec(any::<u8>(), 0..60), text in any::<String>(), digits in "[0-9a-f]{40}") {
            for serial in [text.clone(), digits] {
                let raw = RawDisk { serial: Some(serial), serial_page: Some(page.clone()), world_wide_name: Some(format!("t10.ATA{text}")), model: Some(text.clone()), ..RawDisk::default() };
                let _ = of(&raw);
            }
            prop_assert_eq!(swap(&swap(&text)), text);
        }
    }
}
