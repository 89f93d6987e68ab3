//! `cos-agent inventory` starts no other program. Alone in its file: the watch counts every child of the test's
//! process, and other tests of a shared process have theirs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::{Command, Stdio};

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, set_child_subreaper, waitid};

#[test]
fn no_other_program_is_started() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cos-agent"));
    command.args(["inventory", "--json"]).env("PATH", "").stdout(Stdio::null());
    assert!(!Watched::run(&mut command).had_children);
    // The same watch sees children where there are some, awaited or left behind.
    let mut awaited = Command::new("/bin/sh");
    awaited.args(["-c", "/bin/true; /bin/true"]);
    assert!(Watched::run(&mut awaited).had_children);
    let mut left_behind = Command::new("/bin/sh");
    left_behind.args(["-c", "read line < /dev/null & exit 0"]);
    assert!(Watched::run(&mut left_behind).had_children);
}

/// Whether a program started others.
struct Watched {
    had_children: bool,
}

impl Watched {
    /// Two things give children away. Those that the program awaited left page faults in its own record, which
    /// is read while it is dead but not yet reaped. Those that it left behind become children of this test,
    /// which declares itself their next of kin.
    fn run(command: &mut Command) -> Self {
        set_child_subreaper(Some(Pid::INIT)).unwrap();
        let mut child = command.spawn().unwrap();
        let pid = Pid::from_child(&child);
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
        let awaited = faults_of_awaited_children(pid) > 0;
        assert!(child.wait().unwrap().success());
        let left_behind = waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        Self {
            had_children: awaited || !matches!(left_behind, Err(Errno::CHILD)),
        }
    }
}

/// Fields 11 and 13 of `/proc/PID/stat`, cminflt and cmajflt: no program runs without a page fault.
fn faults_of_awaited_children(pid: Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap();
    let behind_name = stat.rsplit_once(')').unwrap().1;
    let field = |number: usize| behind_name.split_whitespace().nth(number - 3).unwrap().parse::<u64>().unwrap();
    field(11) + field(13)
}
