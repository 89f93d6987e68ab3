//! Trees that no computer should have, read by the real binary: what is odd is said in its section, the rest is
//! reported, and the program ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "each test file uses a part of it")]
#[path = "inventory/computer.rs"]
mod computer;
#[allow(dead_code, reason = "each test file uses a part of it")]
#[path = "inventory/process.rs"]
mod process;

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use computer::Computer;
use inventory_schema::Inventory;
use inventory_schema::device::Source;
use inventory_schema::inventory::Sections;
use inventory_schema::section::{CollectionProblem, ReadFailure};
use process::{agent, on_tree};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

fn failure_of(problems: &[CollectionProblem], source: Source) -> Option<ReadFailure> {
    problems
        .iter()
        .find(|problem| problem.source == source)
        .map(|problem| problem.failure)
}

fn replace(computer: &Computer, path: &str, make: impl FnOnce(&Path)) {
    let path = computer.root().join(path);
    let _ = fs::remove_file(&path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    make(&path);
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// The sections that no test here touches.
fn the_rest_is_reported(sections: &Sections) {
    assert_eq!(
        sections.system.content().unwrap().serial.as_ref().unwrap().value.as_str(),
        "GR15-000777"
    );
    assert_eq!(sections.storage.content().unwrap().disks.len(), 2);
}

#[test]
fn pipes_sockets_and_devices_in_the_place_of_files_are_not_waited_for() {
    let computer = Computer::notebook();
    replace(&computer, "proc/cpuinfo", pipe);
    replace(&computer, "var/lib/dpkg/status", pipe);
    replace(&computer, "var/lib/rpm/rpmdb.sqlite", pipe);
    replace(&computer, "usr/lib/os-release", |path| drop(UnixListener::bind(path).unwrap()));
    // The terminal of whoever asks: reading it would wait for a key. Only an administrator makes one.
    replace(&computer, "proc/meminfo", |path| {
        if mknodat(CWD, path, FileType::CharacterDevice, Mode::RUSR, makedev(5, 0)).is_err() {
            pipe(path);
        }
    });
    let sections = on_tree(computer.root()).sections;
    assert_eq!(
        failure_of(sections.processor.problems(), Source::ProcCpuinfo),
        Some(ReadFailure::Malformed)
    );
    assert_eq!(
        failure_of(sections.memory.problems(), Source::ProcMeminfo),
        Some(ReadFailure::Malformed)
    );
    assert_eq!(
        failure_of(sections.software.problems(), Source::DpkgStatus),
        Some(ReadFailure::Malformed)
    );
    assert_eq!(
        failure_of(sections.software.problems(), Source::RpmDatabase),
        Some(ReadFailure::Malformed)
    );
    assert_eq!(
        failure_of(sections.operating_system.problems(), Source::OsRelease),
        Some(ReadFailure::Malformed)
    );
    the_rest_is_reported(&sections);
}

#[test]
fn loops_end_and_no_link_leads_out_of_the_tree() {
    let computer = Computer::notebook();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("hostname"), "outside\n").unwrap();
    replace(&computer, "etc/hostname", |path| {
        symlink(outside.path().join("hostname"), path).unwrap()
    });
    replace(&computer, "proc/cpuinfo", |path| symlink("cpuinfo", path).unwrap());
    replace(&computer, "var/lib/dpkg/status", |path| symlink("../dpkg/status", path).unwrap());
    replace(&computer, "usr/lib/os-release", |path| {
        symlink("../../../../../../etc/passwd", path).unwrap()
    });
    let sections = on_tree(computer.root()).sections;
    let system = sections.operating_system.content().unwrap();
    assert_eq!((&system.host_name, &system.title), (&None, &None));
    assert_eq!(
        failure_of(sections.processor.problems(), Source::ProcCpuinfo),
        Some(ReadFailure::SystemError)
    );
    assert_eq!(
        failure_of(sections.software.problems(), Source::DpkgStatus),
        Some(ReadFailure::SystemError)
    );
    the_rest_is_reported(&sections);
}

#[test]
fn what_is_too_large_is_named_and_not_read() {
    let computer = Computer::notebook();
    let sparse = |path: &Path| File::create(path).unwrap().set_len(1 << 40).unwrap();
    replace(&computer, "proc/cpuinfo", sparse);
    replace(&computer, "var/lib/dpkg/status", sparse);
    replace(&computer, "var/lib/rpm/Packages", sparse);
    for number in 1..5000 {
        computer.write(&format!("sys/class/power_supply/BAT{number}"), "");
    }
    let sections = on_tree(computer.root()).sections;
    assert_eq!(
        failure_of(sections.processor.problems(), Source::ProcCpuinfo),
        Some(ReadFailure::TooLarge)
    );
    assert_eq!(
        failure_of(sections.software.problems(), Source::DpkgStatus),
        Some(ReadFailure::TooLarge)
    );
    assert_eq!(
        failure_of(sections.software.problems(), Source::RpmDatabase),
        Some(ReadFailure::Malformed)
    );
    assert_eq!(
        failure_of(sections.battery.problems(), Source::SysfsPowerSupply),
        Some(ReadFailure::TooLarge)
    );
    the_rest_is_reported(&sections);
}

#[test]
fn what_may_not_be_read_is_said() {
    let computer = Computer::notebook();
    fs::set_permissions(computer.root(), Permissions::from_mode(0o755)).unwrap();
    for closed in ["var/lib/dpkg", "sys/class/power_supply"] {
        fs::set_permissions(computer.root().join(closed), Permissions::from_mode(0o000)).unwrap();
    }
    let mut command = agent();
    if rustix::process::geteuid().is_root() {
        // Nothing is closed to the administrator.
        command.uid(65534).gid(65534);
    }
    let output = command
        .args(["inventory", "--json", "--root"])
        .arg(computer.root())
        .output()
        .unwrap();
    for closed in ["var/lib/dpkg", "sys/class/power_supply"] {
        fs::set_permissions(computer.root().join(closed), Permissions::from_mode(0o755)).unwrap();
    }
    let sections = document(&output).sections;
    assert_eq!(
        failure_of(sections.software.problems(), Source::DpkgStatus),
        Some(ReadFailure::PermissionDenied)
    );
    assert_eq!(
        failure_of(sections.battery.problems(), Source::SysfsPowerSupply),
        Some(ReadFailure::PermissionDenied)
    );
    the_rest_is_reported(&sections);
}

fn document(output: &Output) -> Inventory {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A file system whose server never answers: mounted, and nobody reads what is asked of it.
struct Hanging<'a> {
    place: &'a Path,
    server: Option<File>,
}

impl<'a> Hanging<'a> {
    /// `None` where this account may not mount, or the kernel has no FUSE.
    fn at(place: &'a Path) -> Option<Self> {
        let server = OpenOptions::new().read(true).write(true).open("/dev/fuse").ok()?;
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", server.as_fd().as_raw_fd());
        mount(
            "hanging",
            place,
            "fuse",
            MountFlags::NODEV,
            std::ffi::CString::new(options).unwrap().as_c_str(),
        )
        .ok()?;
        Some(Self {
            place,
            server: Some(server),
        })
    }

    /// Without a server every question is answered with an error.
    fn end(&mut self) {
        self.server = None;
    }
}

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.end();
        let _ = unmount(self.place, UnmountFlags::DETACH);
    }
}

#[test]
fn a_file_system_that_hangs_costs_its_section_and_nothing_else() {
    let computer = Computer::notebook();
    computer.write("var/lib/snapd/snaps/firefox_7.snap", "");
    let place = computer.root().join("var/lib/dpkg");
    let Some(mut hanging) = Hanging::at(&place) else {
        eprintln!("passed over: no file system can be mounted here");
        return;
    };
    let mut command = agent();
    command
        .args(["inventory", "--json", "--section-seconds", "1", "--root"])
        .arg(computer.root());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(child.wait_with_output()));
    let output = end.recv_timeout(Duration::from_secs(120));
    hanging.end();
    let sections = document(&output.expect("the agent waits for ever").unwrap()).sections;
    assert_eq!(
        failure_of(sections.software.problems(), Source::DpkgStatus),
        Some(ReadFailure::TimedOut)
    );
    assert_eq!(
        sections.software.content().unwrap().lists.len(),
        1,
        "what the others installed is listed"
    );
    the_rest_is_reported(&sections);
}
