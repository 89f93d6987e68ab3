//! Which form a file has, and what it says.
//!
//! Memory and time grow with the file and no faster: lists are kept to a bound, nesting and elements of XML are counted,
//! no entity is expanded.

use inventory_schema::glpi::{Document, Origin, Stated, import};

use super::Fault;
use super::xml;
use crate::register::import::encoding;

/// Reads one file: GLPI's JSON, or XML of the older agents.
pub fn read(bytes: &[u8]) -> Result<Stated, Fault> {
    if matches!(
        bytes,
        [0x1f, 0x8b, ..] | [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] | [b'P', b'K', 3, 4, ..]
    ) {
        return Err(Fault::Compressed);
    }
    let text = encoding::decode(bytes).map_err(|line| Fault::NotText { line })?;
    let text = text.trim_start_matches('\u{feff}').trim();
    let (document, origin) = match text.chars().next() {
        None => return Err(Fault::Empty),
        Some('{') => (json(text)?, Origin::Glpi),
        Some('[') => return Err(Fault::SeveralDocuments),
        Some('<') => (xml::read(text)?, Origin::OcsXml),
        Some(_) => return Err(Fault::UnknownFormat),
    };
    Ok(import(&document, origin)?)
}

fn json(text: &str) -> Result<Document, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::BrokenJson {
        line: error.line(),
        column: error.column(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_form_is_known_by_its_beginning_and_a_fault_is_named() {
        let fault = |bytes: &[u8]| read(bytes).unwrap_err();
        assert_eq!(fault(b""), Fault::Empty);
        assert_eq!(fault(b" \n"), Fault::Empty);
        assert_eq!(fault(b"\x1f\x8b\x08"), Fault::Compressed);
        assert_eq!(fault(b"\x78\x9c\x01"), Fault::Compressed);
        assert_eq!(fault(b"[{}]"), Fault::SeveralDocuments);
        assert_eq!(fault(b"deviceid;serial"), Fault::UnknownFormat);
        assert_eq!(fault(b"{\n\"deviceid\": }"), Fault::BrokenJson { line: 2, column: 13 });
        assert_eq!(fault(b"{}"), Fault::NoDeviceId);
        assert_eq!(fault(b"\xff\xfe\x00\xd8{"), Fault::NotText { line: 1 });
        assert_eq!(fault(b"<html></html>"), Fault::NotRequest);
    }

    #[test]
    fn utf_16_with_its_mark_is_read() {
        let text = r#"{"deviceid":"x","content":{"bios":{"ssn":"PF1ABCDE"}}}"#;
        let mut bytes = vec![0xff, 0xfe];
        bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        assert!(read(&bytes).is_ok());
    }

    /// The worst of each kind. Three megabytes each, or as many as `COS_TEST_IMPORT_MB` says: fifty among the slow tests.
    #[test]
    fn large_files_take_time_that_grows_with_them_alone() {
        let megabytes = std::env::var("COS_TEST_IMPORT_MB")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(3);
        let size: usize = megabytes * 1024 * 1024;
        let longest = Duration::from_secs(10 + 4 * megabytes as u64);
        let fill = |head: &str, part: &str, tail: &str| {
            let mut text = String::with_capacity(size + 1024);
            text.push_str(head);
            while text.len() < size {
                text.push_str(part);
            }
            text.push_str(tail);
            text
        };
        let files = [
            fill(r#"{"deviceid":"x","content":{"softwares":["#, "{},", "{}]}}"),
            fill(r#"{"deviceid":"x","content":{"memories":["#, "[[[[],[]]]],", "1]}}"),
            fill(r#"{"deviceid":"x","content":{"bios":{"ssn":""#, "0123456789", r#""}}}"#),
            fill(r#"{"deviceid":"x","content":{"users":"#, "[", ""),
            fill("<REQUEST><CONTENT>", "<A/>", "</CONTENT></REQUEST>"),
            fill("<REQUEST><CONTENT>", "<BIOS/>", "</CONTENT></REQUEST>"),
            fill("<REQUEST><CONTENT><BIOS><SSN>", "&amp;", "</SSN></BIOS></CONTENT></REQUEST>"),
            fill("<REQUEST>", "<A>", ""),
            fill("<REQUEST ", "a='b' ", "/>"),
            fill("<REQUEST><CONTENT><BIOS>", "<!-- a --->", ""),
        ];
        for file in files {
            let start = Instant::now();
            let _ = read(file.as_bytes());
            assert!(start.elapsed() < longest, "{} took {:?}", &file[..60], start.elapsed());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = read(&bytes);
        }

        #[test]
        fn any_changed_sample_is_read_or_refused(
            place in 0..10_000_usize,
            with in prop::collection::vec(any::<u8>(), 0..6),
            cut in 0..10_000_usize,
            is_xml: bool,
        ) {
            let sample = if is_xml { xml::tests::SAMPLE } else { super::super::tests::GLPI };
            let mut bytes = sample.as_bytes().to_vec();
            let at = place % bytes.len();
            let end = (at + cut % 8).min(bytes.len());
            bytes.splice(at..end, with);
            let _ = read(&bytes);
        }
    }
}
