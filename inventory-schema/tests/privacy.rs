//! No personal data leaves a computer (promise 8): the set of fields is closed, every string is a listed type
//! with its alphabet, length and source, and free text passes the person-name filter.
//!
//! It cannot know what a field's value means: that is what `docs/privacy.md` tells people, field by field.

#![allow(clippy::unwrap_used)]

mod documents;
#[path = "privacy/fields.rs"]
mod fields;
#[path = "privacy/names.rs"]
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fields::{Fields, walk};
use schemars::JsonSchema;
use serde_json::Value;

/// Everything that an agent sends; the sections are walked within the inventory.
const SENT_BY_AGENTS: &[&str] = &[
    "inventory",
    "envelope",
    "measurement",
    "report_batch",
    "check_in",
    "receipt",
    "token_question",
    "enrollment_request",
    "renewal_request",
    "rekey_request",
    "carried_request",
    "signed_carried_request",
];

fn path_of(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

fn sent() -> Fields {
    let mut fields = Fields::default();
    for document in documents::all().iter().filter(|document| SENT_BY_AGENTS.contains(&document.name)) {
        walk(document.name, &(document.schema)().to_value(), &mut fields);
    }
    fields
}

#[test]
fn every_value_an_agent_sends_is_of_a_listed_type() {
    let faults = sent().faults;
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_set_of_fields_is_closed() {
    let now: BTreeSet<String> = sent().types.iter().map(|(path, kind)| format!("{path} {kind}")).collect();
    let file = path_of("tests/fields.txt");
    if std::env::var_os("UPDATE_FIELDS").is_some() {
        let text: String = now.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&file, text).expect("tests/fields.txt can be written");
    }
    let text = std::fs::read_to_string(&file).expect("tests/fields.txt is checked in");
    let agreed: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    let difference: Vec<String> = now
        .difference(&agreed)
        .map(|line| format!("+ {line}"))
        .chain(agreed.difference(&now).map(|line| format!("- {line}")))
        .collect();
    assert!(
        difference.is_empty(),
        "what agents send has changed:\n{}\nIf no person can be known by it, describe it in docs/privacy.md and run\n\
         UPDATE_FIELDS=1 cargo test -p inventory-schema --test privacy",
        difference.join("\n")
    );
}

/// A field as `docs/privacy.md` calls it: without the frames that all sections and facts share.
fn described_as(path: &str, types: &BTreeMap<String, String>) -> String {
    let fact = path
        .strip_suffix(".value")
        .or_else(|| path.strip_suffix(".source"))
        .or_else(|| path.strip_suffix(".trust"))
        .or_else(|| path.strip_suffix(".raw"))
        .filter(|fact| types.contains_key(&format!("{fact}.value")));
    let path = fact.unwrap_or(path);
    match path.strip_prefix("inventory.sections.").and_then(|rest| rest.split_once('.')) {
        Some((section, rest)) => match rest.strip_prefix("content.") {
            Some(field) => format!("{section}.{field}"),
            None => format!("*.{rest}"),
        },
        None => without_section_names(&as_on_line(path)),
    }
}

/// What a stick carries besides its own frame is what the network carries.
fn as_on_line(path: &str) -> String {
    match path.strip_prefix("carried_request.purpose.") {
        Some(rest) if rest.starts_with("check_in.") => rest.to_owned(),
        Some(rest) if rest.starts_with("evidence.") => format!("enrollment_request.{rest}"),
        _ => path.to_owned(),
    }
}

/// Digests by section are one thing to describe, not ten.
fn without_section_names(path: &str) -> String {
    match path.rsplit_once('.') {
        Some((map @ ("envelope.sections" | "check_in.held"), _)) => format!("{map}.*"),
        _ => path.to_owned(),
    }
}

#[test]
fn every_field_is_described_for_people() {
    let text = std::fs::read_to_string(path_of("../docs/privacy.md")).expect("docs/privacy.md is checked in");
    let described: BTreeSet<&str> = text.split('`').skip(1).step_by(2).collect();
    let types = sent().types;
    let fields: BTreeSet<String> = types.keys().map(|path| described_as(path, &types)).collect();
    let missing: Vec<&String> = fields.iter().filter(|field| !described.contains(field.as_str())).collect();
    assert!(missing.is_empty(), "docs/privacy.md says nothing of {missing:#?}");
    let sections = fields.iter().filter_map(|field| field.split_once('.')).map(|(section, _)| section);
    let sections: BTreeSet<&str> = sections.collect();
    let invented: Vec<&&str> = described
        .iter()
        .filter(|word| word.split_once('.').is_some_and(|(section, _)| sections.contains(section)))
        .filter(|word| !fields.contains(**word))
        .collect();
    assert!(invented.is_empty(), "docs/privacy.md describes what is not sent: {invented:#?}");
}

#[test]
fn free_text_is_of_the_filtered_types() {
    let types = sent().types;
    for (path, kind) in [
        ("inventory.sections.operating_system.content.host_name.value", "Hostname"),
        ("inventory.sections.peripherals.content.printers[].name", "PrinterName"),
        ("inventory.sections.system.content.chassis.asset_tag.value", "AssetTag"),
        ("inventory.sections.system.content.baseboard.asset_tag.value", "AssetTag"),
        ("inventory.sections.system.content.oem_strings[].value", "OemText"),
    ] {
        assert_eq!(types.get(path).map(String::as_str), Some(kind), "{path}");
    }
}

/// What the checker must find: each field breaks another rule.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct Careless {
    note: String,
    notes: Vec<Option<String>>,
    labels: BTreeMap<String, inventory_schema::text::Word>,
    anything: Value,
    list: Vec<Value>,
    ratio: f64,
    amount: i64,
    host: CarelessText,
    user_name: inventory_schema::text::Word,
    itself: Option<Box<Careless>>,
    inner: CarelessInner,
    #[schemars(length(max = 10), regex(pattern = "^[a-z]+$"), extend("x-source" = "nowhere"))]
    inline: String,
}

#[derive(JsonSchema)]
#[allow(dead_code)]
struct CarelessText(String);

#[derive(JsonSchema)]
#[serde(tag = "kind")]
#[allow(dead_code)]
enum CarelessInner {
    Said { text: String },
    Counted { latitude: bool },
}

#[test]
fn the_checker_finds_what_is_careless() {
    let mut fields = Fields::default();
    walk("careless", &documents::schema_of::<Careless>().to_value(), &mut fields);
    for fault in [
        "careless.note is a bare string",
        "careless.notes[] is a bare string",
        "careless.labels is a map whose keys may be any text",
        "careless.anything may be anything",
        "careless.list[] may be anything",
        "careless.ratio may be anything",
        "careless.amount is a number without a range",
        "careless.host is of the text type CarelessText, which is not listed",
        "careless has the field «user_name»",
        "careless.itself holds itself",
        "careless.inner.text is a bare string",
        "careless.inner has the field «latitude»",
        "careless.inline is a bare string",
    ] {
        assert!(
            fields.faults.iter().any(|found| found.starts_with(fault)),
            "not found: {fault}; found {:#?}",
            fields.faults
        );
    }
}
