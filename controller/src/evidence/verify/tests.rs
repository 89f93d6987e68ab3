//! Files that are no archive, or pretend to be one.

use proptest::prelude::*;

use super::*;
use crate::evidence::archive::{BLOCK, README, header, padding};

fn checked(bytes: &[u8]) -> Result<Verdict, Unreadable> {
    verify(bytes, &Known::default(), |_| {})
}

/// Entries as a tar file, with its end.
fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in entries {
        bytes.extend_from_slice(&header(name, content.len() as u64));
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len() + padding(content.len() as u64), 0);
    }
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}

fn codes(bytes: &[u8]) -> Vec<Code> {
    let verdict = checked(bytes).unwrap();
    assert!(!verdict.holds);
    verdict.failures.iter().map(|failure| failure.code).collect()
}

#[test]
fn what_is_no_archive_is_told_apart_from_one_that_does_not_hold() {
    assert!(matches!(checked(b""), Err(Unreadable::Empty)));
    let zip = [b"PK\x03\x04".as_slice(), &[0; 4096]].concat();
    for other in [b"\0".as_slice(), &[0; 2048], &[0xff; 2048], &zip, b"{}"] {
        assert!(matches!(checked(other), Err(Unreadable::NotAnArchive)), "{other:.8?}");
    }
    assert_eq!(codes(&tar(&[(README, b"")])), [Code::Order]);
}

#[test]
fn a_length_that_is_not_there_reserves_nothing() {
    let mut huge = header(README, 0o77_777_777_777).to_vec();
    assert_eq!(codes(&huge), [Code::Frame]);
    huge[124] = b'9';
    assert_eq!(codes(&huge), [Code::Frame]);
    let large = header(README, 1 << 20).to_vec();
    let verdict = checked(&large).unwrap();
    assert_eq!((verdict.failures[0].code, verdict.failures[0].at.offset), (Code::Frame, 512));
}

#[test]
fn names_that_lead_elsewhere_or_are_none_are_refused() {
    let id = "01900000-0000-7000-8000-000000000001";
    for name in [
        "../etc/passwd",
        "/etc/passwd",
        "devices/../README.txt",
        &format!("devices/{id}/1-reports.tsv"),
        &format!("devices/{id}/0001-secrets.jsonl"),
        &format!("devices/{}/device.json", id.to_uppercase().replace("0190", "A190")),
        "export.json.bak",
    ] {
        let found = codes(&tar(&[(README, b""), (name, b"")]));
        assert!(found.contains(&Code::Unlisted), "{name}: {found:?}");
    }
    let mut not_utf8 = tar(&[(README, b""), ("export.json", b"")]);
    not_utf8[512] = 0xff;
    assert_eq!(codes(&not_utf8), [Code::Frame]);
}

#[test]
fn entries_that_stand_twice_or_in_another_order_are_told() {
    assert!(codes(&tar(&[(README, b""), (README, b"")])).contains(&Code::Order));
    assert!(codes(&tar(&[(README, b""), ("authority.json", b"{}")])).contains(&Code::Order));
    let mut followed = tar(&[(README, b"")]);
    followed.push(0);
    assert!(codes(&followed).contains(&Code::Frame));
}

#[test]
fn nothing_deep_or_odd_in_a_document_is_a_panic() {
    let deep = "[".repeat(100_000);
    let odd: [&[u8]; 6] = [
        b"",
        b"null",
        b"{}",
        deep.as_bytes(),
        &[0xff, 0xfe],
        br#"{"format":"evidence-export/2"}"#,
    ];
    let id = "devices/01900000-0000-7000-8000-000000000001";
    let names = [
        "export.json",
        "authority.json",
        "checkpoints.jsonl",
        "manifest.txt",
        "manifest.json",
    ];
    let device = [
        "device.json",
        "0001-certificates.jsonl",
        "0001-bodies.jsonl",
        "0001-reports.tsv",
        "0001-proofs.jsonl",
    ];
    let names = names
        .map(str::to_owned)
        .into_iter()
        .chain(device.map(|file| format!("{id}/{file}")));
    for name in names {
        for content in odd {
            assert!(!checked(&tar(&[(README, b""), (&name, content)])).unwrap().holds, "{name}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_verifying_panic(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        prop_assert!(checked(&bytes).is_err());
        let whole = tar(&[(README, b""), ("export.json", &bytes), ("checkpoints.jsonl", &bytes)]);
        prop_assert!(!checked(&whole).unwrap().holds);
        let mut loose = header(README, 0).to_vec();
        loose.extend_from_slice(&bytes);
        prop_assert!(!checked(&loose).unwrap().holds);
    }
}
