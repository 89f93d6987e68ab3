use clap::Parser;
use serde_json::Value;

use super::super::fixture::{Fixture, SCHOOL, now};
use super::*;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    arguments: DeviceArguments,
}

fn device(fixture: &Fixture, line: &[&str]) -> (String, Option<String>) {
    let line = ["device", "import", "--organization", SCHOOL].iter().chain(line);
    let program = Program::try_parse_from(line).unwrap();
    let mut printed = Vec::new();
    let said = fixture.printed(|config, _| run(&program.arguments, config, now(), &mut printed));
    (String::from_utf8(printed).unwrap(), said.err())
}

fn file(fixture: &Fixture, name: &str, text: &str) -> String {
    let path = fixture.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const COMPUTER: &str = r#"{"deviceid":"kab201-1","content":{"bios":{"ssn":"PF1ABCDE","smanufacturer":"LENOVO","smodel":"20L7"},
    "users":[{"login":"x"}],"versionclient":"GLPI-Agent_v1.11"}}"#;

#[test]
fn a_dry_run_shows_and_writes_nothing() {
    let fixture = Fixture::with_region();
    let good = file(&fixture, "good.json", COMPUTER);
    let (shown, failure) = device(&fixture, &["--dry-run", &good]);
    assert_eq!(failure, None);
    assert!(shown.contains("новое устройство: LENOVO 20L7, PF1ABCDE"), "{shown}");
    assert!(shown.contains("не сохранено (сведения о людях): users"), "{shown}");
    assert!(shown.contains("Ничего не записано"), "{shown}");
    assert_eq!(fixture.activities(), Vec::<String>::new());

    let (_, failure) = device(&fixture, &[&good]);
    assert_eq!(failure, None);
    let logged = fixture.activities();
    assert!(logged.len() == 1 && logged[0].starts_with("cli device_imported "), "{logged:?}");
    let (shown, _) = device(&fixture, &[&good]);
    assert!(shown.contains("без изменений"), "{shown}");
    assert_eq!(fixture.activities().len(), 1);
}

#[test]
fn files_that_are_not_taken_are_named_and_the_others_are_taken() {
    let fixture = Fixture::with_region();
    let good = file(&fixture, "good.json", COMPUTER);
    let broken = file(&fixture, "broken.json", "{");
    let printer = file(&fixture, "printer.json", r#"{"deviceid":"p","itemtype":"Printer","content":{}}"#);
    let (shown, failure) = device(&fixture, &["--json", &broken, &good, "/nowhere/x.xml", &printer]);
    assert!(failure.unwrap().contains("файлов не принято: 3"));
    let rows: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(rows[0]["error"]["code"], "broken_json");
    assert_eq!(rows[1]["outcome"], "new");
    assert_eq!(rows[1]["stripped"][0], "users");
    assert_eq!(rows[2]["error"]["code"], "unreadable");
    assert_eq!(rows[3]["error"]["code"], "not_a_computer");
    assert!(rows[3]["error"]["message"].as_str().unwrap().contains("Printer"));
    assert_eq!(fixture.activities().len(), 1);
}

#[test]
fn a_file_beyond_the_limit_and_a_place_that_is_not_there_are_named() {
    let mut fixture = Fixture::with_region();
    let good = file(&fixture, "good.json", &format!("{COMPUTER}{}", " ".repeat(2_000)));
    let (_, failure) = device(&fixture, &["--building", "77", &good]);
    assert!(failure.unwrap().contains("нет здания № 77"));
    fixture.config.limits.import_bytes = crate::config::value::Bounded::of(1024);
    let (shown, failure) = device(&fixture, &[&good]);
    assert!(failure.is_some() && shown.contains("больше 1024 байт"), "{shown}");
}
