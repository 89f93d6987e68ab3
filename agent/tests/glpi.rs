//! `cos-agent inventory --glpi` on trees made by hand and on the live system: what the real binary exports is held to
//! the format's rules by a validator that is not ours (`inventory-schema/tests/glpi.py`, Python's jsonschema).
//! `packaging/test/install.sh` installs it; with `COS_TEST_FIXTURES` real tables, screens and trees are exported too.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "inventory/computer.rs"]
#[allow(dead_code, reason = "the computer's other parts serve other tests")]
mod computer;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use computer::Computer;
use serde_json::Value;

/// A Python that has jsonschema.
fn python() -> &'static str {
    let has_it = |python: &&str| {
        let asked = Command::new(python)
            .args(["-c", "import jsonschema"])
            .stderr(Stdio::null())
            .status();
        asked.is_ok_and(|status| status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has_it);
    found.expect("the validator needs Python's jsonschema: run packaging/test/install.sh")
}

fn validator(arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../inventory-schema/tests/glpi.py");
    Command::new(python()).arg(script).args(arguments).output().unwrap()
}

fn assert_holds(arguments: &[&str]) {
    let judged = validator(arguments);
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
}

fn exported(computer: &Computer) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_cos-agent"))
        .args(["inventory", "--glpi", "--root"])
        .arg(computer.root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_keeps_the_rules(document: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("exported.json");
    std::fs::write(&file, document.to_string()).unwrap();
    assert_holds(&[file.to_str().unwrap()]);
}

#[test]
fn a_notebooks_export_keeps_the_formats_rules() {
    let computer = Computer::notebook();
    computer.install_packages(1200);
    let document = exported(&computer);
    assert_keeps_the_rules(&document);
    let content = &document["content"];
    assert_eq!(content["bios"]["ssn"], "GR15-000777");
    assert_eq!(content["hardware"]["uuid"], "00112233-4455-6677-8899-aabbccddeeff");
    assert_eq!(content["memories"][0]["numslots"], 1);
    assert_eq!(content["memories"].as_array().unwrap().len(), 2, "the empty socket too");
    assert!(content["monitors"][0]["base64"].as_str().unwrap().starts_with("AP///////wA"));
    assert!(content["softwares"].as_array().unwrap().len() >= 1200);
    assert_eq!(exported(&computer), document, "the same each time");
}

#[test]
fn what_cannot_be_read_is_left_out_and_said() {
    let nothing = Computer::empty();
    let document = exported(&nothing);
    assert_keeps_the_rules(&document);
    assert_eq!(document["content"].get("bios"), None);
    assert!(!document["content"]["cos"]["not_read"].as_array().unwrap().is_empty());

    let garbage = Computer::notebook();
    garbage.overwrite_all(b"\x00\xff\x7f garbage \xd0");
    assert_keeps_the_rules(&exported(&garbage));
}

#[test]
fn an_elbrus_has_no_architecture_in_the_formats_words() {
    let computer = Computer::notebook();
    computer.write("proc/sys/kernel/arch", "e2k\n");
    let document = exported(&computer);
    assert_keeps_the_rules(&document);
    assert_eq!(document["content"]["operatingsystem"]["arch"], "e2k");
    assert_eq!(document["content"]["cpus"][0].get("arch"), None);
}

#[test]
fn this_computer_and_real_ones_keep_the_rules() {
    assert_holds(&["--agent", env!("CARGO_BIN_EXE_cos-agent")]);
}

#[test]
fn the_validator_refuses_what_breaks_the_rules() {
    assert_holds(&[]);
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.json");
    std::fs::write(
        &broken,
        r#"{"deviceid":"cos-1","school":1,"content":{"versionclient":"x","cpus":[{"arch":"e2k"}]}}"#,
    )
    .unwrap();
    let judged = validator(&[broken.to_str().unwrap()]);
    assert_eq!(judged.status.code(), Some(1));
    let said = String::from_utf8_lossy(&judged.stderr).into_owned();
    assert!(said.contains("school") && said.contains("e2k"), "{said}");
}
