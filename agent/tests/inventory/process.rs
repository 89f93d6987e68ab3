//! Runs the real binary and watches what it does to the system.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use inventory_schema::Inventory;

pub fn agent() -> Command {
    Command::new(env!("CARGO_BIN_EXE_cos-agent"))
}

/// What the agent says of the computer whose files lie below `root`.
pub fn on_tree(root: &Path) -> Inventory {
    let output = agent().args(["inventory", "--json", "--root"]).arg(root).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The most memory that a program has held, read while it waits for its output to be taken: by its first byte
/// everything is collected, and the rest of its output is more than a pipe holds.
pub fn peak_kibibytes(command: &mut Command) -> u64 {
    const PIPE: usize = 64 * 1024;
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut first = [0];
    out.read_exact(&mut first).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("a program that still runs has memory");
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(rest.len() > 2 * PIPE, "the program may have ended before it was looked at");
    peak.trim().strip_suffix("kB").unwrap().trim().parse().unwrap()
}
