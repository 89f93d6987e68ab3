//! Samples of every released version read for ever, whole; what a newer agent adds is kept and listed.
//!
//! A sample is called `<document>-<version>[-<what is special>].json`. It is never edited once released:
//! `examples/SHA256SUMS` holds it still (`sha256sum -c SHA256SUMS` checks the same).

#![allow(clippy::unwrap_used)]

mod documents;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use documents::Document;
use inventory_schema::canonical::{CanonicalBytes, Digest};
use inventory_schema::check_in::TimeAnswer;
use inventory_schema::device::Source;
use inventory_schema::enrollment::{EnrollmentAnswer, Issued, Receipt};
use inventory_schema::envelope::ReceivedEnvelope;
use inventory_schema::inventory::{AnySection, ChassisKind, Inventory};
use inventory_schema::report::{ReportBatch, unknown_fields};
use inventory_schema::section::SectionName;
use inventory_schema::signature::Signed;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// Every sample's bytes by file name.
fn samples() -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(folder())
        .expect("the folder examples/ is checked in")
        .map(|entry| entry.expect("the folder can be listed"))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .filter(|(name, _)| name.ends_with(".json"))
        .map(|(name, path)| (name, std::fs::read(path).expect("a sample can be read")))
        .collect()
}

fn sample(name: &str) -> Value {
    serde_json::from_slice(&samples()[name]).expect("a sample is JSON")
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&samples()[name]).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn document_of(sample: &str) -> Option<Document> {
    let (name, _) = sample.split_once('-')?;
    documents::all().into_iter().find(|document| document.name == name)
}

#[test]
fn every_document_has_a_sample() {
    let samples = samples();
    for document in documents::all() {
        let name = format!("{}-1.json", document.name);
        assert!(samples.contains_key(&name), "examples/{name} is missing");
    }
    for name in samples.keys() {
        assert!(document_of(name).is_some(), "no document is called as examples/{name}");
    }
}

#[test]
fn every_sample_reads_and_nothing_of_it_is_dropped() {
    for name in samples().keys() {
        let document = document_of(name).expect("checked above");
        let written = sample(name);
        let read = (document.reread)(&written).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (before, after) = (CanonicalBytes::of(&written).unwrap(), CanonicalBytes::of(&read).unwrap());
        assert_eq!(before.into_text(), after.into_text(), "{name}");
        assert_eq!(unknown_fields(&written, &read), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn released_samples_are_never_edited() {
    let sums = std::fs::read_to_string(folder().join("SHA256SUMS")).expect("the sums are checked in");
    let mut released: BTreeMap<&str, &str> = sums
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, name)| (name, sum))
        .collect();
    for (name, bytes) in samples() {
        let digest = Digest::of(&bytes).to_string();
        let sum = digest.strip_prefix("sha256:").expect("digests are written so");
        match released.remove(name.as_str()) {
            Some(held) => assert_eq!(held, sum, "examples/{name} was edited; add a new sample instead"),
            None => panic!("examples/SHA256SUMS does not hold {name} yet; add the line\n{sum}  {name}"),
        }
    }
    assert!(released.is_empty(), "released samples were removed: {released:?}");
}

/// The samples of an inventory show the whole of version 1 together: each field of its schema stands in one of
/// them at least, or in a section's own sample. What was added after the first sample has samples of its own.
#[test]
fn the_samples_of_an_inventory_use_every_field() {
    let schema = (document_of("inventory-1.json").unwrap().schema)().to_value();
    let mut declared = BTreeSet::new();
    for (definition, schema) in schema["$defs"].as_object().unwrap() {
        let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        declared.extend(fields.map(|(field, _)| (frame_of(definition), field.clone())));
    }
    let mut used = BTreeSet::new();
    for name in samples().keys().filter(|name| name.starts_with("inventory-1")) {
        note_fields(&schema, &schema, &sample(name), &mut used);
    }
    let sections = samples()
        .into_keys()
        .filter(|name| name.split_once('-').is_some_and(|(name, _)| is_section(name)));
    for name in sections {
        let schema = (document_of(&name).unwrap().schema)().to_value();
        note_fields(&schema, &schema, &sample(&name), &mut used);
    }
    assert_eq!(declared.difference(&used).collect::<Vec<_>>(), Vec::<&(String, String)>::new());
}

fn is_section(document: &str) -> bool {
    SectionName::ALL.iter().any(|section| section.as_str() == document)
}

/// Facts share one frame whatever they say, and so do sections.
fn frame_of(definition: &str) -> String {
    let frame = ["Fact", "Section"].into_iter().find(|frame| definition.ends_with(frame));
    frame.unwrap_or(definition).to_owned()
}

fn note_fields(root: &Value, schema: &Value, value: &Value, used: &mut BTreeSet<(String, String)>) {
    let (definition, schema) = resolve(root, schema);
    for branch in schema.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
        if branch.get("$ref").is_some() {
            note_fields(root, branch, value, used);
        }
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let Some(below) = schema["properties"].get(name) {
                    used.insert((frame_of(definition), name.clone()));
                    note_fields(root, below, member, used);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| note_fields(root, &schema["items"], item, used)),
        _ => {}
    }
}

fn resolve<'s>(root: &'s Value, schema: &'s Value) -> (&'s str, &'s Value) {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            let name = reference.strip_prefix("#/$defs/").expect("schemas refer to their own definitions");
            (name, &root["$defs"][name])
        }
        None => ("", schema),
    }
}

/// The pointers of every object of a document, the document itself included, with the path a listing shows.
fn objects(value: &Value, pointer: String, path: String, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                objects(member, format!("{pointer}/{name}"), below, found);
            }
            found.push((pointer, path));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                objects(item, format!("{pointer}/{index}"), format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn a_field_of_the_future_anywhere_in_an_inventory_reads_and_is_listed() {
    let written = sample("inventory-1.json");
    let mut places = Vec::new();
    objects(&written, String::new(), String::new(), &mut places);
    assert!(places.len() > 90, "only {} objects", places.len());
    for (pointer, path) in places {
        let mut newer = written.clone();
        let object = newer.pointer_mut(&pointer).and_then(Value::as_object_mut).unwrap();
        object.insert("of_the_future".to_owned(), json!({ "depth": [1, { "wear": 3 }] }));
        let read: Inventory = serde_json::from_value(newer.clone()).unwrap_or_else(|error| panic!("{path}: {error}"));
        let understood = serde_json::to_value(&read).unwrap();
        let listed = if path.is_empty() {
            "of_the_future".to_owned()
        } else {
            format!("{path}.of_the_future")
        };
        assert_eq!(unknown_fields(&newer, &understood), [listed]);
        assert_eq!(understood, written, "{path}: what was known before is still read");
    }
}

#[test]
fn a_value_of_the_future_reads_as_other() {
    let mut newer = sample("system-1.json");
    newer["content"]["chassis"]["kind"] = json!({ "value": "hologram", "source": "quantum_bus" });
    newer["problems"] = json!([{ "source": "quantum_bus", "failure": "decoherence" }]);
    let bytes = CanonicalBytes::of(&newer).unwrap();
    let AnySection::System(section) = AnySection::read(SectionName::System, bytes.as_bytes()).unwrap() else {
        panic!("a system section reads as one");
    };
    let chassis = section.content().and_then(|system| system.chassis.as_ref()).unwrap();
    let kind = chassis.kind.as_ref().unwrap();
    assert_eq!((kind.value, kind.source), (ChassisKind::Other, Source::Other));
    assert_eq!(section.problems()[0].source, Source::Other);

    for (name, pointer) in [
        ("storage-1.json", "/content/disks/0/kind/value"),
        ("display-1.json", "/content/monitors/0/connection/value"),
        ("network-1.json", "/content/cards/0/medium/value"),
        ("peripherals-1.json", "/content/usb/0/kind"),
        ("software-1.json", "/content/lists/0/manager"),
    ] {
        let mut newer = sample(name);
        *newer.pointer_mut(pointer).unwrap() = json!("of_the_future");
        let read = (document_of(name).unwrap().reread)(&newer).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(read.pointer(pointer), Some(&json!("other")), "{name}");
    }
}

fn issued() -> Issued {
    match read("enrollment_answer-1.json") {
        EnrollmentAnswer::Issued(issued) => *issued,
        EnrollmentAnswer::Pending { .. } => panic!("the first sample is an issued certificate"),
    }
}

#[test]
fn the_samples_signatures_hold() {
    let keys = issued().trust.signing_keys;
    let receipt: Signed<Receipt> = read("signed_receipt-1.json");
    assert_eq!(receipt.verify(&keys).unwrap(), read::<Receipt>("receipt-1.json"));
    let time: Signed<TimeAnswer> = read("signed_time_answer-1.json");
    assert_eq!(time.verify(&keys).unwrap(), read::<TimeAnswer>("time_answer-1.json"));
}

#[test]
fn the_samples_chain_and_bodies_hold() {
    let batch: ReportBatch = read("report_batch-1.json");
    for (digest, body) in &batch.bodies {
        assert_eq!(Digest::of(body.as_bytes()), *digest);
        CanonicalBytes::verify(body.as_bytes()).unwrap();
    }
    let mut before = None;
    for (report, sample) in batch.reports.iter().zip(["envelope-1.json", "envelope-1-resumed.json"]) {
        let received = ReceivedEnvelope::read(report.envelope.clone().into_bytes()).unwrap();
        assert_eq!(received.envelope, read(sample));
        assert_eq!(received.envelope.previous, before);
        for (section, digest) in &received.envelope.sections {
            AnySection::read(*section, batch.bodies[digest].as_bytes()).unwrap();
        }
        before = Some(received.digest);
    }
}
