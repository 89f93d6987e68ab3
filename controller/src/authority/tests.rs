use std::fs;
use std::os::unix::fs::PermissionsExt;

use inventory_schema::check_in::TimeAnswer;
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};
use x509_parser::extensions::{GeneralName, ParsedExtension};

use super::*;

const DEVICE: &str = "01900000-0000-7000-8000-000000000001";

fn region() -> RegionId {
    "RU-PER".parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    format!("{text}T00:00:00.000000Z").parse().unwrap()
}

fn fresh() -> (tempfile::TempDir, Authority) {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::create(&directory.path().join("authority"), &region(), at("2026-09-01")).unwrap();
    (directory, authority)
}

fn csr(key: &KeyPair) -> Pem {
    let params = CertificateParams::new(vec!["root.example".to_owned(), "10.0.0.1".to_owned()]).unwrap();
    params.serialize_request(key).unwrap().pem().unwrap().parse().unwrap()
}

fn issue(authority: &Authority, csr: &Pem, now: &str) -> Result<IssuedCertificate, IssueError> {
    authority.issue_device(csr, &region(), DEVICE.parse().unwrap(), at(now))
}

#[test]
fn a_device_certificate_says_what_it_should_and_nothing_of_the_request() {
    let (_directory, authority) = fresh();
    let key = KeyPair::generate().unwrap();
    let issued = issue(&authority, &csr(&key), "2026-09-02").unwrap();
    let certificate = certificate::parse(&issued.der).unwrap();

    assert_eq!(issued.validity.not_before, at("2026-09-01"));
    assert_eq!(issued.validity.not_after, at("2027-10-07"));
    assert_eq!(issued.serial.len(), 32);
    assert_eq!(issued.key, KeyFingerprint::of_public_key(&key.subject_public_key_info()));
    assert_eq!(certificate.public_key().raw, key.subject_public_key_info());
    let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
    let urn = format!("urn:cos:device:RU-PER:{DEVICE}");
    assert_eq!(names, &[GeneralName::URI(&urn)]);
    assert!(!certificate.is_ca());
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth && !usage.any);
    assert!(certificate.key_usage().unwrap().unwrap().value.digital_signature());
    let issuing = certificate::parse(&authority.issuing().der).unwrap();
    assert_eq!(authority_key(&certificate), subject_key(&issuing));
    assert!(subject_key(&certificate).is_some());
    assert!(certificate.verify_signature(Some(issuing.public_key())).is_ok());
    assert_eq!(issued.chain.as_str().matches("BEGIN CERTIFICATE").count(), 2);
}

fn subject_key(certificate: &x509_parser::certificate::X509Certificate<'_>) -> Option<Vec<u8>> {
    certificate
        .iter_extensions()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
            _ => None,
        })
}

fn authority_key(certificate: &x509_parser::certificate::X509Certificate<'_>) -> Option<Vec<u8>> {
    certificate
        .iter_extensions()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|id| id.0.to_vec()),
            _ => None,
        })
}

#[test]
fn no_certificate_outlives_the_issuing_ca() {
    let (_directory, authority) = fresh();
    let key = KeyPair::generate().unwrap();
    let end = authority.issuing().validity.not_after;
    assert_eq!(end, at("2029-08-31"));
    assert_eq!(issue(&authority, &csr(&key), "2029-08-01").unwrap().validity.not_after, end);
    let late = issue(&authority, &csr(&key), "2029-08-31").unwrap_err();
    assert!(matches!(late, IssueError::IssuingEnded(ended) if ended == end));
    assert_eq!(late.problem_code(), ProblemCode::Internal);
}

#[test]
fn keys_of_other_types_are_refused_by_name() {
    let (_directory, authority) = fresh();
    for algorithm in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519, &rcgen::PKCS_RSA_SHA256] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let refused = issue(&authority, &csr(&key), "2026-09-02").unwrap_err();
        assert_eq!(refused.problem_code(), ProblemCode::CsrKeyType, "{algorithm:?}");
    }
}

#[test]
fn every_single_changed_byte_of_a_request_is_refused() {
    let key = KeyPair::generate().unwrap();
    let der = CertificateParams::default().serialize_request(&key).unwrap().der().to_vec();
    assert!(Csr::read_der(&der).is_ok());
    for place in 0..der.len() {
        let mut changed = der.clone();
        changed[place] ^= 1;
        assert!(Csr::read_der(&changed).is_err(), "byte {place}");
        assert!(Csr::read_der(&der[..place]).is_err(), "cut at {place}");
    }
    assert_eq!(Csr::read_der(&[&der[..], &[0]].concat()), Err(CsrError::Malformed));
}

#[test]
fn a_request_signed_by_another_key_is_malformed() {
    let (asker, owner) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut der = CertificateParams::default().serialize_request(&asker).unwrap().der().to_vec();
    let place = der.windows(65).position(|window| window == asker.public_key_raw()).unwrap();
    der[place..place + 65].copy_from_slice(owner.public_key_raw());
    assert_eq!(Csr::read_der(&der), Err(CsrError::Malformed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_bytes_make_reading_a_request_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), text in "[ -~\n]{1,400}") {
        prop_assert!(Csr::read_der(&bytes).is_err());
        let framed = certificate::pem("CERTIFICATE REQUEST", &bytes).parse::<Pem>().unwrap();
        prop_assert_eq!(Csr::read(&framed), Err(CsrError::Malformed));
        prop_assert_eq!(Csr::read(&text.parse::<Pem>().unwrap()), Err(CsrError::Malformed));
    }
}

#[test]
fn files_are_their_owners_alone_and_are_never_overwritten() {
    let (directory, authority) = fresh();
    let path = directory.path().join("authority");
    let mut folders = vec![path.clone()];
    while let Some(folder) = folders.pop() {
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700, "{folder:?}");
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                assert_eq!(fs::metadata(&entry).unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
            }
        }
    }
    let again = Authority::create(&path, &region(), at("2026-09-01")).unwrap_err();
    assert!(matches!(again, DirectoryError::NotEmpty { .. }));
    assert_eq!(Authority::load(&path).unwrap().pin(), authority.pin());
}

#[test]
fn it_runs_without_the_root_key_and_names_the_file_it_misses() {
    let (directory, authority) = fresh();
    let path = directory.path().join("authority");
    fs::remove_dir_all(path.join("root")).unwrap();
    let loaded = Authority::load(&path).unwrap();
    assert_eq!(loaded.trust_bundle(), authority.trust_bundle());

    fs::write(path.join("signing.key"), "nonsense").unwrap();
    let damaged = Authority::load(&path).unwrap_err();
    assert!(damaged.to_string().contains("signing.key"), "{damaged}");
    fs::remove_file(path.join("issuing.pem")).unwrap();
    let missing = Authority::load(&path).unwrap_err();
    assert!(matches!(&missing, DirectoryError::Missing { path } if path.ends_with("issuing.pem")));
}

#[test]
fn a_certificate_with_another_key_is_refused() {
    let (directory, authority) = fresh();
    let path = directory.path().join("authority");
    let other = KeyPair::generate().unwrap().serialize_pem();
    fs::write(path.join("issuing.pem"), format!("{}{other}", authority.issuing().pem())).unwrap();
    assert!(matches!(Authority::load(&path), Err(DirectoryError::Pair { .. })));
}

#[test]
fn a_new_issuing_ca_keeps_the_old_certificate_and_the_pin() {
    let (directory, first) = fresh();
    let path = directory.path().join("authority");
    let key = fs::read_dir(path.join("root"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "key"))
        .unwrap();
    assert!(!first.issuing_renewal_due(at("2027-08-30")));
    assert!(first.issuing_renewal_due(at("2027-08-31")));
    rotate_issuing(&path, &region(), &key, &[], at("2027-09-01")).unwrap();

    let second = Authority::load(&path).unwrap();
    assert_ne!(second.issuing().serial, first.issuing().serial);
    assert_eq!(second.previous_issuing(), &[first.issuing().clone()]);
    assert_eq!(second.pin(), first.pin());
    assert_eq!(second.trust_bundle().digest(), first.trust_bundle().digest());

    let foreign = path.join("signing.key");
    let refused = rotate_issuing(&path, &region(), &foreign, &[], at("2027-09-01")).unwrap_err();
    assert!(matches!(refused, DirectoryError::ForeignRootKey { .. }));
}

#[test]
fn a_second_root_is_believed_before_it_signs() {
    let (directory, first) = fresh();
    let path = directory.path().join("authority");
    let new = add_root(&path, &region(), at("2034-09-01")).unwrap();
    let overlapping = Authority::load(&path).unwrap();
    assert_eq!(overlapping.pin(), first.pin());
    assert_eq!(overlapping.trust_bundle().roots.len(), 2);

    rotate_issuing(&path, &region(), &new.key_path, &[], at("2036-08-01")).unwrap();
    let moved = Authority::load(&path).unwrap();
    assert_eq!(moved.pin(), new.certificate.fingerprint());
    assert_eq!(moved.trust_bundle().roots.len(), 2);
    assert_eq!(moved.previous_issuing().len(), 1);
}

#[test]
fn a_restored_backup_distrusts_and_retires_what_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority");
    let first = create(&path, &region(), at("2026-09-01")).unwrap();
    let stolen = Authority::load(&path).unwrap().issuing().clone();
    let new = add_root(&path, &region(), at("2026-09-02")).unwrap();
    rotate_issuing(
        &path,
        &region(),
        &new.key_path,
        std::slice::from_ref(&first.key_path),
        at("2026-09-03"),
    )
    .unwrap();
    distrust(&path, &stolen.serial).unwrap();
    retire_root(&path, &first.certificate.serial).unwrap();
    let kept = files(&path).unwrap();
    let restored = folder.path().join("restored");
    restore_files(&restored, kept.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))).unwrap();
    let restored = Authority::load(&restored).unwrap();
    assert_eq!(restored.distrusted(), [stolen]);
    assert_eq!(restored.retired_roots(), [first.certificate]);
    assert_eq!(restored.roots(), [new.certificate]);
    assert_eq!(restored.cross.len(), 1);
}

#[test]
fn a_signed_document_verifies_with_the_bundle() {
    let (_directory, authority) = fresh();
    let answer = TimeAnswer {
        nonce: "0123456789abcdef".parse().unwrap(),
        server_time: at("2026-09-01"),
    };
    let signed = authority.sign(&answer).unwrap();
    assert_eq!(signed.verify(&authority.trust_bundle().signing_keys).unwrap(), answer);
    let (_other_directory, other) = fresh();
    assert!(signed.verify(&other.trust_bundle().signing_keys).is_err());
}

#[test]
fn a_server_certificate_carries_names_and_addresses_and_its_root() {
    let (_directory, authority) = fresh();
    let names = ["controller.example".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let server = authority.issue_server(&names, at("2026-09-02")).unwrap();
    assert_eq!(server.chain.len(), 3);
    assert_eq!(Digest::of(&server.chain[2]), authority.pin());
    let leaf = certificate::parse(&server.chain[0]).unwrap();
    let sans = &leaf.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert_eq!(sans[0], GeneralName::DNSName("controller.example"));
    assert_eq!(sans[1], GeneralName::IPAddress(&[127, 0, 0, 1]));
    assert!(leaf.extended_key_usage().unwrap().unwrap().value.server_auth);
    assert_eq!(server.validity.not_after, at("2027-03-21"));

    for names in [&[][..], &["not a name".to_owned()]] {
        assert!(authority.issue_server(names, at("2026-09-02")).is_err());
    }
}

#[test]
fn a_server_certificate_is_renewed_at_half_its_life() {
    let validity = Validity {
        not_before: at("2026-01-01"),
        not_after: at("2026-01-11"),
    };
    assert!(!server_renewal_due(validity, at("2026-01-05")));
    assert!(server_renewal_due(validity, at("2026-01-06")));
}
