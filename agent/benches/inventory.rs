//! What a whole inventory costs against the least it could: reading the same files and doing nothing.
//!
//! `cargo bench -p cos-agent`. Both sides run in turn in one process, so that the machine's other work harms
//! both alike; medians are compared and the ratio is what counts.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cos_agent::inventory;
use cos_agent::platform::FileTree;

const ROUNDS: usize = 15;

/// The files that hold most of what an inventory reads.
const FILES: &[&str] = &["/var/lib/dpkg/status", "/proc/cpuinfo", "/proc/meminfo", "/etc/os-release"];

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

fn read_only() {
    for file in FILES {
        black_box(std::fs::read(file).unwrap_or_default());
    }
}

fn whole_inventory() {
    let sections = inventory::collect(&FileTree::live()).sections;
    black_box(sections.bodies().expect("sections have a canonical form"));
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn main() {
    let (mut bare, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(timed(read_only));
        whole.push(timed(whole_inventory));
    }
    let (bare, whole) = (median(bare), median(whole));
    println!(
        "inventory with canonical bytes and digests: {whole:?}; reading its largest files: {bare:?}; ratio {:.1}",
        whole.as_secs_f64() / bare.as_secs_f64()
    );
}
