//! The words of SNMP v2c that a printer is asked with, and its answer.
//!
//! Pure: bytes in and out, as much of BER (X.690) as one question of three needs. No crate of this size is well
//! kept. Lengths are checked against what was received; nothing is allocated but the three texts.

use inventory_schema::device::SerialNumber;
use inventory_schema::inventory::PrinterAnswer;
use inventory_schema::text::HardwareText;

/// Any network's word for reading what is no secret.
pub const COMMUNITY: &str = "public";

/// sysDescr.0 (RFC 3418), hrDeviceDescr.1 (RFC 2790), prtGeneralSerialNumber.1 (RFC 3805), in BER.
const SYSTEM: &[u8] = &[0x2b, 6, 1, 2, 1, 1, 1, 0];
const MODEL: &[u8] = &[0x2b, 6, 1, 2, 1, 25, 3, 2, 1, 3, 1];
const SERIAL: &[u8] = &[0x2b, 6, 1, 2, 1, 43, 5, 1, 1, 17, 1];

const INTEGER: u8 = 0x02;
const TEXT: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const GET: u8 = 0xa0;
const RESPONSE: u8 = 0xa2;
const VERSION_2C: u8 = 1;

/// One question for all three; `number` comes back with the answer.
pub fn question(number: u32) -> Vec<u8> {
    let asked: Vec<u8> = [SYSTEM, MODEL, SERIAL]
        .iter()
        .flat_map(|object| element(SEQUENCE, &[element(OBJECT, object), element(NULL, &[])].concat()))
        .collect();
    let zero = element(INTEGER, &[0]);
    let number = element(INTEGER, &(number & 0x7fff_ffff).to_be_bytes());
    let request = element(GET, &[number, zero.clone(), zero, element(SEQUENCE, &asked)].concat());
    let community = element(TEXT, COMMUNITY.as_bytes());
    element(SEQUENCE, &[element(INTEGER, &[VERSION_2C]), community, request].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => bytes.push(length),
        Ok(length) => bytes.extend([0x81, length]),
        Err(_) => bytes.extend([&[0x82][..], &u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes()].concat()),
    }
    bytes.extend_from_slice(content);
    bytes
}

/// What the printer said of itself. `None` for what is no answer to question `number`, and for an answer
/// without any of the three.
pub fn answer(bytes: &[u8], number: u32) -> Option<PrinterAnswer> {
    let (message, _) = take(bytes, SEQUENCE)?;
    let (_, message) = take(message, INTEGER)?;
    let (_, message) = take(message, TEXT)?;
    let (response, _) = take(message, RESPONSE)?;
    let (answered, response) = take(response, INTEGER)?;
    let (_, response) = take(response, INTEGER)?;
    let (_, response) = take(response, INTEGER)?;
    let (mut bindings, _) = take(response, SEQUENCE)?;
    if unsigned(answered) != u64::from(number & 0x7fff_ffff) {
        return None;
    }
    let mut found = PrinterAnswer::default();
    while let Some((binding, rest)) = take(bindings, SEQUENCE) {
        bindings = rest;
        let Some((object, value)) = take(binding, OBJECT) else { continue };
        // Anything else than a text says that there is no such object.
        let Some((text, _)) = take(value, TEXT) else { continue };
        let text = String::from_utf8_lossy(text);
        match object {
            SYSTEM => found.system = HardwareText::observed(&text),
            MODEL => found.model = HardwareText::observed(&text),
            SERIAL => found.serial = SerialNumber::observed(&text),
            _ => (),
        }
    }
    (found != PrinterAnswer::default()).then_some(found)
}

fn unsigned(integer: &[u8]) -> u64 {
    integer.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The content of the element at the beginning if it is a `tag`, and what follows it.
fn take(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (length, rest) = length(rest)?;
    let (content, rest) = rest.split_at_checked(length)?;
    (*found == tag).then_some((content, rest))
}

/// In one byte, or in the one or two that follow it: a datagram is no longer.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    match *first {
        short @ 0..=0x7f => Some((usize::from(short), rest)),
        0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest)),
        0x82 => rest
            .split_first_chunk()
            .map(|(length, rest)| (usize::from(u16::from_be_bytes(*length)), rest)),
        _ => None,
    }
}

/// A printer's answer, for tests that play one.
#[cfg(test)]
pub(crate) fn printers_answer(question: &[u8], texts: [Option<&str>; 3]) -> Vec<u8> {
    let mut number = 0u32;
    if let Some((message, _)) = take(question, SEQUENCE) {
        let request = take(message, INTEGER)
            .and_then(|(_, rest)| take(rest, TEXT))
            .and_then(|(_, rest)| take(rest, GET));
        let asked = request.and_then(|(request, _)| take(request, INTEGER));
        number = asked.map_or(0, |(number, _)| u32::try_from(unsigned(number)).unwrap_or(0));
    }
    const NO_SUCH_OBJECT: u8 = 0x80;
    let bindings: Vec<u8> = [SYSTEM, MODEL, SERIAL]
        .iter()
        .zip(texts)
        .flat_map(|(object, text)| {
            let value = text.map_or_else(|| element(NO_SUCH_OBJECT, &[]), |text| element(TEXT, text.as_bytes()));
            element(SEQUENCE, &[element(OBJECT, object), value].concat())
        })
        .collect();
    let zero = element(INTEGER, &[0]);
    let number = element(INTEGER, &number.to_be_bytes());
    let response = element(RESPONSE, &[number, zero.clone(), zero, element(SEQUENCE, &bindings)].concat());
    element(SEQUENCE, &[element(INTEGER, &[1]), element(TEXT, b"public"), response].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_question_is_spelt_as_the_standard_says() {
        let bytes = question(0x0102_0304);
        // SEQUENCE, version 1, «public», GET with its number.
        assert_eq!(bytes[..13], [&[0x30, 75, 2, 1, 1, 4, 6][..], b"public"].concat());
        assert_eq!(bytes[13..21], [0xa0, 62, 2, 4, 1, 2, 3, 4]);
        assert!(bytes.windows(8).any(|window| window == SYSTEM));
        assert_eq!(bytes.len(), 77);
    }

    #[test]
    fn an_answer_is_read_and_what_is_missing_is_missing() {
        let question = question(7);
        let whole = printers_answer(&question, [Some("KYOCERA Print I/F"), Some("ECOSYS M2040dn"), Some("VCG1234567")]);
        let found = answer(&whole, 7).unwrap();
        assert_eq!(found.model.unwrap().as_str(), "ECOSYS M2040dn");
        assert_eq!(found.serial.unwrap().as_str(), "VCG1234567");
        let partly = answer(&printers_answer(&question, [Some(&"x".repeat(300)), None, None]), 7).unwrap();
        assert_eq!((partly.system.unwrap().as_str().len(), partly.serial), (128, None));
        assert_eq!(answer(&printers_answer(&question, [None, None, None]), 7), None);
        assert_eq!(answer(&whole, 8), None, "an answer to another question");
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_fail(bytes in proptest::collection::vec(any::<u8>(), 0..120), place in 0usize..100, byte in any::<u8>()) {
            let _ = answer(&bytes, 1);
            let mut broken = printers_answer(&question(1), [Some("a"), Some("b"), Some("c")]);
            let place = place % broken.len();
            broken[place] = byte;
            let _ = answer(&broken, 1);
            let _ = answer(&broken[..place], 1);
        }
    }
}
