//! Tables of real computers against what another program, dmidecode, says of them: every fact that our document
//! has a field for, in all three wrappings of the bytes.
//!
//! The tables are of strangers' machines and not part of the project: the folder is named by
//! `COS_TEST_FIXTURES`, and without it there is nothing to compare. Values are never printed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod firmware_oracles {
    pub mod compare;
    pub mod facts;
    pub mod oracle;
}

use std::fs;
use std::path::{Path, PathBuf};

use cos_agent::inventory::smbios::Table;
use cos_agent::inventory::smbios::container::{RawTable, entry_point_version};
use firmware_oracles::compare::{Comparison, compare};
use firmware_oracles::facts::Read;
use firmware_oracles::oracle::Oracle;

/// A table on its own with the bytes that say its version, whatever file it came in.
struct Fixture {
    name: String,
    table: Vec<u8>,
    version: (u8, u8),
    oracle: Oracle,
}

fn folder() -> Option<PathBuf> {
    std::env::var_os("COS_TEST_FIXTURES").map(|root| Path::new(&root).join("smbios"))
}

fn fixtures(folder: &Path) -> Vec<Fixture> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".dmidecode.txt")?.to_owned()))
        .collect();
    names.sort();
    names.iter().filter_map(|name| fixture(folder, name)).collect()
}

fn fixture(folder: &Path, name: &str) -> Option<Fixture> {
    let text = String::from_utf8_lossy(&fs::read(folder.join(format!("{name}.dmidecode.txt"))).unwrap()).into_owned();
    let oracle = Oracle::read(&text);
    let bytes = |extension: &str| fs::read(folder.join(format!("{name}.{extension}"))).ok();
    let (table, version) = if let Some(dump) = bytes("bin") {
        let raw = RawTable::of_dump(&dump).unwrap();
        (raw.bytes.to_vec(), (raw.version.major, raw.version.minor))
    } else if let Some(buffer) = bytes("rsmb") {
        let raw = RawTable::of_rsmb(&buffer).unwrap();
        (raw.bytes.to_vec(), (raw.version.major, raw.version.minor))
    } else {
        // Beside the kernel's table lies its entry point; here only the other program tells the version.
        (bytes("dmi")?, oracle.version?)
    };
    Some(Fixture {
        name: name.to_owned(),
        table,
        version,
        oracle,
    })
}

impl Fixture {
    /// What a version 3 entry point would say, of a table behind it.
    fn entry_point(&self) -> Vec<u8> {
        let length = u32::try_from(self.table.len()).unwrap();
        let mut bytes = b"_SM3_\0\x18\0\0\0\x01\0".to_vec();
        (bytes[7], bytes[8]) = self.version;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&32u64.to_le_bytes());
        bytes.resize(32, 0);
        bytes
    }

    fn dump(&self) -> Vec<u8> {
        [self.entry_point(), self.table.clone()].concat()
    }

    fn rsmb(&self) -> Vec<u8> {
        let length = u32::try_from(self.table.len()).unwrap().to_le_bytes();
        [&[0, self.version.0, self.version.1, 0][..], &length, &self.table].concat()
    }

    /// The document's facts, by each way in which the bytes may come.
    fn read(&self) -> [(&'static str, Read); 3] {
        let (entry_point, dump, rsmb) = (self.entry_point(), self.dump(), self.rsmb());
        assert!(entry_point_version(&entry_point).is_some());
        let raw = [
            ("kernel", RawTable::of_kernel(Some(&entry_point), &self.table)),
            ("dump", RawTable::of_dump(&dump).unwrap()),
            ("RSMB", RawTable::of_rsmb(&rsmb).unwrap()),
        ];
        raw.map(|(form, raw)| (form, Read::of(&Table::of(&raw))))
    }
}

#[test]
fn every_fact_that_dmidecode_states_is_read_alike() {
    let Some(folder) = folder() else { return };
    let mut all = Comparison::default();
    for fixture in fixtures(&folder) {
        for (form, read) in fixture.read() {
            let found = compare(&fixture.oracle, &read);
            println!(
                "{} as {form}: {} facts, {} differ",
                fixture.name,
                found.facts,
                found.differences.len()
            );
            for difference in &found.differences {
                println!("    {difference}");
            }
            all.add(found);
        }
    }
    println!("{} facts, {} differ", all.facts, all.differences.len());
    assert!(all.facts > 0, "the folder holds no oracle");
    let grave: Vec<_> = all.differences.iter().filter(|difference| difference.is_grave).collect();
    assert!(grave.is_empty(), "in identity or memory: {}", grave.len());
    assert!(all.differences.len() * 50 <= all.facts, "more than 2 % differ");
}

/// Whichever way the bytes come, the document is the same to the last field.
#[test]
fn the_wrappings_of_the_files_hold_one_table() {
    let Some(folder) = folder() else { return };
    for fixture in fixtures(&folder) {
        let [kernel, dump, rsmb] = fixture.read().map(|(_, read)| read);
        assert_eq!(kernel, dump, "{}", fixture.name);
        assert_eq!(kernel, rsmb, "{}", fixture.name);
    }
}
