//! Databases that rpm's and Berkeley DB's own tools made: `rpmbuild`, `rpm` and `db_load` (packages `rpm` and
//! `db-util` of Debian). Where they are missing there is nothing to read, and the tests say so.
//!
//! With `COS_TEST_FIXTURES` the database of a stranger's computer is read too and compared with what rpm said of it.

#![cfg(feature = "rpm")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cos_agent::inventory::collect;
use cos_agent::inventory::rpm::{DatabaseError, Value, header};
use cos_agent::platform::FileTree;
use inventory_schema::inventory::{PackageManager, SoftwarePackage};
use inventory_schema::section::CollectionProblem;
use tempfile::TempDir;

/// Runs a tool. `None` where it is not installed.
fn run(command: &mut Command) -> Option<()> {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("passed over: {command:?} is not installed");
            return None;
        }
        Err(error) => panic!("{command:?}: {error}"),
    };
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

struct Packages {
    folder: TempDir,
}

const SPEC: &str = "Name: NAME\nEpoch: 3\nVersion: 1.4\nRelease: alt2\nSummary: made for a test\nLicense: MIT\nVendor: Somebody\nBuildArch: ARCH\n\
    %description\nWords.\n%install\nmkdir -p %{buildroot}/opt/NAME\n(cd %{buildroot}/opt/NAME && seq FILES | xargs -r touch)\n%files\n/opt/NAME\n";

impl Packages {
    /// Three packages; the second has a header of several hundred kilobytes.
    fn build() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        for (name, files, arch) in [("small", 1, "noarch"), ("large", 6000, "x86_64"), ("middle", 90, "x86_64")] {
            let spec = SPEC
                .replace("NAME", name)
                .replace("FILES", &files.to_string())
                .replace("ARCH", arch);
            let path = folder.path().join(format!("{name}.spec"));
            fs::write(&path, spec).unwrap();
            let top = format!("_topdir {}", folder.path().display());
            run(Command::new("rpmbuild")
                .args(["-bb", "--quiet", "--target", arch, "--define", &top])
                .arg(&path))?;
        }
        Some(Self { folder })
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for arch in ["noarch", "x86_64"] {
            let folder = self.folder.path().join("RPMS").join(arch);
            found.extend(fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
        }
        found
    }

    /// Installs them, without their files, into a database of SQLite: Debian's rpm writes no other form.
    fn install(&self, root: &Path) -> Option<()> {
        let mut command = Command::new("rpm");
        command
            .args(["--define", "_db_backend sqlite", "--dbpath", "/var/lib/rpm", "--root"])
            .arg(root);
        run(command
            .args(["-i", "--justdb", "--nodeps", "--noscripts", "--ignorearch", "--ignoreos"])
            .args(self.files()))
    }
}

fn listed(root: &Path) -> (Vec<SoftwarePackage>, Vec<CollectionProblem>) {
    let software = collect(&FileTree::new(root)).sections.software;
    let lists = software.content().map(|content| content.lists.clone()).unwrap_or_default();
    let list = lists.into_iter().find(|list| list.manager == PackageManager::Rpm);
    (list.map(|list| list.packages).unwrap_or_default(), software.problems().to_vec())
}

fn assert_all(root: &Path) {
    let (packages, problems) = listed(root);
    assert_eq!(problems, []);
    let shown: Vec<_> = packages
        .iter()
        .map(|p| (p.name.as_str(), p.version.as_ref().unwrap().as_str()))
        .collect();
    assert_eq!(shown, [("large", "3:1.4-alt2"), ("middle", "3:1.4-alt2"), ("small", "3:1.4-alt2")]);
    assert!(packages.iter().all(|package| package.architecture.is_none()));
}

#[test]
fn what_rpm_itself_installed_is_listed() {
    let Some(packages) = Packages::build() else { return };
    let root = tempfile::tempdir().unwrap();
    let Some(()) = packages.install(root.path()) else { return };
    assert_all(root.path());
    // Where `/var` is not the system's.
    let moved = tempfile::tempdir().unwrap();
    fs::create_dir_all(moved.path().join("usr/lib/sysimage")).unwrap();
    fs::rename(root.path().join("var/lib/rpm"), moved.path().join("usr/lib/sysimage/rpm")).unwrap();
    assert_all(moved.path());
}

/// The main header of a package file, as the database holds it: behind the lead and the signature's header.
fn main_header(file: &Path) -> Vec<u8> {
    let bytes = fs::read(file).unwrap();
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let length = |at: usize| 8 + 16 * word(at) + word(at + 4);
    let signature = 96 + 8;
    let main = (signature + length(signature)).next_multiple_of(8) + 8;
    bytes[main..main + length(main)].to_vec()
}

#[test]
fn what_berkeley_db_wrote_is_listed() {
    let Some(packages) = Packages::build() else { return };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for page_size in [4096, 16384] {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("var/lib/rpm")).unwrap();
        let mut text = format!("VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize={page_size}\nHEADER=END\n 00000000\n 04000000\n");
        for (index, file) in packages.files().iter().enumerate() {
            text.push_str(&format!(
                " {}\n {}\n",
                hex(&(index as u32 + 1).to_le_bytes()),
                hex(&main_header(file))
            ));
        }
        text.push_str("DATA=END\n");
        let dump = root.path().join("dump");
        fs::write(&dump, text).unwrap();
        let Some(()) = run(Command::new("db_load")
            .arg("-f")
            .arg(&dump)
            .arg(root.path().join("var/lib/rpm/Packages")))
        else {
            return;
        };
        assert_all(root.path());
    }
}

/// Holds the database as a transaction does that is not yet done.
const HOLDER: &str = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\nc.execute('PRAGMA journal_mode=WAL')\n\
    c.execute('PRAGMA cache_spill=1')\nc.execute('PRAGMA cache_size=1')\nc.execute('BEGIN EXCLUSIVE')\nc.execute('DELETE FROM Packages')\nprint('held', flush=True)\nsys.stdin.read()\n";

#[test]
fn a_database_that_is_held_by_another_program_is_read_as_of_its_last_commit() {
    let Some(packages) = Packages::build() else { return };
    let root = tempfile::tempdir().unwrap();
    let Some(()) = packages.install(root.path()) else { return };
    let database = root.path().join("var/lib/rpm/rpmdb.sqlite");
    let mut holder = Command::new("python3");
    holder
        .args(["-c", HOLDER])
        .arg(&database)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut holder = holder.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    assert_all(root.path());
    drop(holder.stdin.take().map(|mut stdin| stdin.flush()));
    assert!(holder.wait().unwrap().success());
}

struct Bytes(Vec<u8>);

impl Value for Bytes {
    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<(), DatabaseError> {
        let begin = offset as usize;
        into.copy_from_slice(self.0.get(begin..begin + into.len()).ok_or(DatabaseError::Malformed("beyond"))?);
        Ok(())
    }
}

#[test]
fn a_header_says_who_made_a_package_and_how_large_it_is() {
    let Some(packages) = Packages::build() else { return };
    let file = packages
        .files()
        .into_iter()
        .find(|file| file.to_string_lossy().contains("large"))
        .unwrap();
    let header = header::read(&mut Bytes(main_header(&file))).unwrap();
    assert_eq!(
        (header.vendor.as_deref(), header.architecture.as_deref()),
        (Some("Somebody"), Some("x86_64"))
    );
    assert_eq!((header.epoch, header.installed), (Some(3), None));
    assert!(header.size.is_some());
}

/// Every database in the folder `rpmdb`, with what `rpm` said of it beside it.
#[test]
fn databases_of_strangers_are_read_as_rpm_reads_them() {
    let Some(folder) = std::env::var_os("COS_TEST_FIXTURES").map(|folder| Path::new(&folder).join("rpmdb")) else {
        return;
    };
    for (form, name) in [("sqlite", "rpmdb.sqlite"), ("ndb", "Packages.db"), ("bdb", "Packages")] {
        let expected = folder.join(format!("{form}.expected.tsv"));
        let Ok(expected) = fs::read_to_string(&expected) else { continue };
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let packed = entries.into_iter().find(|path| {
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            file.starts_with(&format!("{form}-")) && file.ends_with(".xz")
        });
        let unpacked = Command::new("xz").arg("-dc").arg(packed.unwrap()).output().unwrap().stdout;
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("var/lib/rpm")).unwrap();
        fs::write(root.path().join("var/lib/rpm").join(name), unpacked).unwrap();
        compare(&expected, root.path());
    }
}

fn compare(expected: &str, root: &Path) {
    let (packages, problems) = listed(root);
    assert_eq!(problems, []);
    let mut rows: Vec<Vec<&str>> = expected.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    rows.retain(|row| row.len() > 4);
    assert_eq!(packages.len(), rows.len());
    let mut facts = 0;
    let native = packages
        .iter()
        .zip(&rows)
        .find(|(_, row)| row[4] != "noarch")
        .map(|(_, row)| row[4]);
    let mut wanted: Vec<(String, String, Option<&str>)> = rows
        .iter()
        .map(|row| {
            let epoch = Some(row[1])
                .filter(|epoch| !matches!(*epoch, "0" | "(none)"))
                .map(|epoch| format!("{epoch}:"));
            let version = format!("{}{}-{}", epoch.unwrap_or_default(), row[2], row[3]);
            let architecture = Some(row[4]).filter(|arch| !matches!(*arch, "noarch" | "(none)") && Some(*arch) != native);
            (row[0].to_owned(), version, architecture)
        })
        .collect();
    wanted.sort();
    for (package, (name, version, architecture)) in packages.iter().zip(&wanted) {
        assert_eq!(package.name.as_str(), name);
        assert_eq!(package.version.as_ref().unwrap().as_str(), version, "{name}");
        assert_eq!(package.architecture.as_ref().map(|word| word.as_str()), *architecture, "{name}");
        facts += 5;
    }
    let size: u64 = rows.iter().filter_map(|row| row.get(5)?.parse::<u64>().ok()).sum();
    let software = collect(&FileTree::new(root)).sections.software;
    assert_eq!(software.content().unwrap().lists[0].installed_size.unwrap().get(), size);
    println!("{} packages, {facts} facts and the sum of {} sizes equal", rows.len(), rows.len());
}
