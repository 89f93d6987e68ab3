//! `schema/*.json` is what the types say, file by file; see `make schema`.

mod documents;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const REGENERATE: &str = "UPDATE_SCHEMA=1 cargo test -p inventory-schema --test schema_files";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schema")
}

fn generated() -> BTreeMap<String, String> {
    documents::all()
        .iter()
        .map(|document| {
            let text = serde_json::to_string_pretty(&(document.schema)()).expect("a schema is plain JSON");
            (format!("{}.json", document.name), text + "\n")
        })
        .collect()
}

fn checked_in() -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder()).expect("the folder schema/ is checked in");
    entries
        .map(|entry| entry.expect("the folder can be listed"))
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).expect("a schema file is text");
            (entry.file_name().to_string_lossy().into_owned(), text)
        })
        .collect()
}

fn write(files: &BTreeMap<String, String>) {
    for stale in checked_in().keys().filter(|name| !files.contains_key(*name)) {
        std::fs::remove_file(folder().join(stale)).expect("a schema without a type can be removed");
    }
    for (name, text) in files {
        std::fs::write(folder().join(name), text).expect("the folder schema/ can be written");
    }
}

#[test]
fn schema_files_are_what_the_types_say() {
    let generated = generated();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        write(&generated);
    }
    let checked_in = checked_in();
    let stale: Vec<&String> = generated
        .iter()
        .filter(|(name, text)| checked_in.get(*name) != Some(text))
        .map(|(name, _)| name)
        .collect();
    assert!(
        stale.is_empty(),
        "stale: {stale:?}; run {REGENERATE}, read the difference and commit it"
    );
    let orphans: Vec<&String> = checked_in.keys().filter(|name| !generated.contains_key(*name)).collect();
    assert!(orphans.is_empty(), "no type has these: {orphans:?}; run {REGENERATE}");
}

/// Classes such as `\p{…}` and `\d` are read differently, or not at all, by the regular expressions of other
/// languages; the schemas are for readers in any of them.
#[test]
fn patterns_are_read_alike_in_every_language() {
    for (name, text) in generated() {
        for class in [r"\\p", r"\\P", r"\\d", r"\\w", r"\\s", "(?"] {
            let patterns = text.lines().filter(|line| line.trim_start().starts_with("\"pattern\""));
            let found: Vec<&str> = patterns.filter(|line| line.contains(class)).collect();
            assert!(found.is_empty(), "{name} uses {class}: {found:?}");
        }
    }
}
