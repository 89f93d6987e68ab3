//! The servers under measurement as processes of their own, so that their CPU and memory can be told from the load's.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::Outcome;
use crate::postgres::Postgres;

/// The kernel counts in hundredths of a second wherever it tells programs (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy)]
pub struct Cpu {
    pub server: Duration,
    pub database: Duration,
}

/// This very program in another role.
#[derive(Debug)]
pub struct Server {
    child: Child,
    answers: BufReader<ChildStdout>,
    postmaster: Option<u32>,
    /// What it said when it was ready.
    pub greeting: Vec<String>,
}

impl Server {
    /// Starts `role` with its database and folder, and waits until it serves. Its log goes into the folder.
    pub fn start(role: &str, database: &str, folder: &Path, slow: &SlowDisk, postgres: Option<&Postgres>) -> Outcome<Self> {
        std::fs::create_dir_all(folder)?;
        let log = std::fs::File::create(folder.join("server.log"))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(role).arg(database).arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        slow.preload_into(&mut command);
        let mut child = command.spawn()?;
        let mut answers = BufReader::new(child.stdout.take().ok_or("the server has no output")?);
        let greeting = line(&mut answers)?;
        if greeting.is_empty() {
            return Err(format!("the {role} did not start; see {}", folder.join("server.log").display()).into());
        }
        Ok(Self {
            child,
            answers,
            postmaster: postgres.map(Postgres::postmaster),
            greeting: greeting.split_whitespace().map(str::to_owned).collect(),
        })
    }

    /// Gives an order and waits for its answer.
    pub fn order(&mut self, order: &str) -> Outcome<String> {
        let input = self.child.stdin.as_mut().ok_or("the server takes no orders")?;
        writeln!(input, "{order}")?;
        input.flush()?;
        line(&mut self.answers)
    }

    pub fn port(&self, place: usize) -> Outcome<u16> {
        Ok(self.greeting.get(place).ok_or("a port is missing")?.parse()?)
    }

    /// Its standard input ends, and with that the server.
    pub fn end(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }

    pub fn cpu(&self) -> Outcome<Cpu> {
        Ok(Cpu {
            server: cpu_of(self.child.id())?,
            database: self.postmaster.map_or(Ok(Duration::ZERO), family_cpu)?,
        })
    }

    /// Resident memory in KiB.
    pub fn resident(&self) -> Outcome<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        Ok(line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?.parse()?)
    }
}

fn line(answers: &mut impl BufRead) -> Outcome<String> {
    let mut answer = String::new();
    answers.read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// User and system time of a process, with that of the children it has waited for.
fn cpu_of(process: u32) -> Outcome<Duration> {
    let (_, ticks) = stat(Path::new(&format!("/proc/{process}/stat")))?;
    Ok(TICK * ticks)
}

/// The same of a process and its living children.
fn family_cpu(parent: u32) -> Outcome<Duration> {
    let mut ticks = stat(Path::new(&format!("/proc/{parent}/stat")))?.1;
    for entry in std::fs::read_dir("/proc")? {
        // A process may end while it is looked at: its parent has its time then.
        if let Ok((of, time)) = stat(&entry?.path().join("stat"))
            && of == parent
        {
            ticks += time;
        }
    }
    Ok(TICK * ticks)
}

/// The parent and the ticks (proc(5): fields 4 and 14 to 17).
fn stat(path: &Path) -> Outcome<(u32, u32)> {
    let text = std::fs::read_to_string(path)?;
    // The name before the last parenthesis may hold anything.
    let fields: Vec<&str> = text.rsplit_once(") ").ok_or("no process")?.1.split(' ').collect();
    let ticks = fields[11..15].iter().map(|field| field.parse::<u32>()).sum::<Result<u32, _>>()?;
    Ok((fields[1].parse()?, ticks))
}

/// A library that makes every fsync take five milliseconds more while a file exists. All servers are started with it,
/// so that both cases are the same processes.
#[derive(Debug)]
pub struct SlowDisk {
    library: PathBuf,
    switch: PathBuf,
}

impl SlowDisk {
    pub fn build(folder: &Path) -> Outcome<Self> {
        let library = folder.join("slow_fsync.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/figures/slow_fsync.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-o"])
            .arg(&library)
            .arg(source)
            .status()?;
        if !built.success() {
            return Err("the library that slows fsync does not build".into());
        }
        Ok(Self {
            library,
            switch: folder.join("slow"),
        })
    }

    pub fn preload_into(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("SLOW_FSYNC_WHILE", &self.switch);
    }

    pub fn set(&self, slow: bool) -> Outcome {
        match slow {
            true => std::fs::write(&self.switch, "")?,
            false => std::fs::remove_file(&self.switch)?,
        }
        Ok(())
    }
}
