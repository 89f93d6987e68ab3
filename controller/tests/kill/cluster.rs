//! A PostgreSQL server of the test's own, to be killed: `packaging/test/postgres.sh` makes it.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    /// Of the database «postgres».
    pub address: String,
}

impl Cluster {
    pub fn start(folder: &Path, name: &str) -> Self {
        let folder = folder.join(name);
        let address = script(&["start", folder.to_str().unwrap()]);
        Self { folder, address }
    }

    /// A standby that every commit of `self` waits for from now on.
    pub fn synchronous_standby(&self, name: &str) -> Self {
        let folder = self.folder.with_file_name(name);
        let address = script(&["standby", folder.to_str().unwrap(), self.folder.to_str().unwrap()]);
        Self { folder, address }
    }

    pub fn port(&self) -> u16 {
        let port = std::fs::read_to_string(self.folder.join("port")).unwrap();
        port.trim().parse().unwrap()
    }

    /// SIGKILL to every process of the server at once, and their end.
    pub fn kill(&self) {
        let processes = self.processes();
        // The first is the postmaster: without it nobody is started anew.
        for process in &processes {
            // A backend may have ended by itself.
            let _ = kill_process(*process, Signal::KILL);
        }
        while processes.iter().any(|process| is_alive(*process)) {
            std::thread::yield_now();
        }
    }

    /// As a server whose host hangs: connected, and answering nothing.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        for process in self.processes() {
            // A backend may have ended by itself.
            let _ = kill_process(process, signal);
        }
    }

    pub fn resume(&self) {
        script(&["resume", self.folder.to_str().unwrap()]);
    }

    pub fn promote(&self) {
        script(&["promote", self.folder.to_str().unwrap()]);
    }

    /// The postmaster and its children.
    fn processes(&self) -> Vec<Pid> {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        let postmaster: i32 = file.lines().next().unwrap().parse().unwrap();
        let mut processes = vec![Pid::from_raw(postmaster).unwrap()];
        for entry in std::fs::read_dir("/proc").unwrap() {
            let entry = entry.unwrap();
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            // A process may be gone by now.
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let parent = stat
                .rsplit_once(") ")
                .and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<i32>().ok());
            if parent == Some(postmaster) {
                processes.push(Pid::from_raw(id).unwrap());
            }
        }
        processes
    }
}

/// Neither gone nor waiting to be collected by its parent.
fn is_alive(process: Pid) -> bool {
    if test_kill_process(process).is_err() {
        return false;
    }
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A stopped server does not hear that it should end.
        if let Ok(true) = std::fs::exists(self.folder.join("data/postmaster.pid")) {
            self.thaw();
        }
        script(&["stop", self.folder.to_str().unwrap()]);
    }
}

fn script(arguments: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/test/postgres.sh");
    let output = Command::new(script).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "postgres.sh {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A folder that PostgreSQL's own user may enter.
pub fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}
