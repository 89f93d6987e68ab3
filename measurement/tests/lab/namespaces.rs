//! Network namespaces without a name: a thread makes one, other threads enter it, and it ends with the last of them.

use std::fs::File;
use std::io;
use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

#[derive(Debug)]
pub struct Namespace {
    file: File,
}

impl Namespace {
    /// A new namespace with its loopback up.
    ///
    /// # Errors
    /// Without the right to make one.
    pub fn new() -> io::Result<Self> {
        thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            let file = File::open("/proc/thread-self/ns/net")?;
            ip("link set lo up")?;
            Ok(Self { file })
        })
        .join()
        .expect("the thread that makes a namespace does not panic")
    }

    /// What other commands may call it: a path, as `ip link … netns PATH` takes it.
    pub fn path(&self) -> String {
        use std::os::fd::AsRawFd;
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    /// Does something within the namespace. Threads that are started meanwhile stay in it.
    pub fn run<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                self.enter().expect("a namespace that was made can be entered");
                what()
            });
            match inside.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Moves the calling thread into the namespace, for good.
    pub fn enter(&self) -> io::Result<()> {
        Ok(setns(&self.file, CloneFlags::CLONE_NEWNET)?)
    }

    /// Runs a command of `ip` within it.
    pub fn ip(&self, command: &str) -> io::Result<()> {
        self.run(|| ip(command))
    }
}

/// Runs `ip` with these words in the namespace of the calling thread.
pub fn ip(command: &str) -> io::Result<()> {
    run("ip", command)
}

pub fn run(program: &str, words: &str) -> io::Result<()> {
    let output = Command::new(program).args(words.split_whitespace()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{program} {words}: {}", said.trim())))
}

/// Bytes and packets that an interface of the calling thread's namespace received so far.
pub fn received(interface: &str) -> Option<(u64, u64)> {
    // sysfs shows the namespace that it was mounted in; this file shows the thread's.
    let text = std::fs::read_to_string("/proc/thread-self/net/dev").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'))?;
    let mut numbers = line.split_ascii_whitespace().map(|text| text.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}
