//! A small fleet through some simulated hours with every fault there is: nothing may be lost.
//!
//! `COS_FLEET_AGENTS` makes it larger, as `make test-all` does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::time::Duration;

use cos_fleet::run::{Options, run};

fn agents() -> u64 {
    std::env::var("COS_FLEET_AGENTS").map_or(60, |agents| agents.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_with_every_fault_loses_nothing() {
    let agents = agents();
    let options = Options {
        agents,
        hours: 5,
        seed: 20_260_901,
        // A larger fleet needs more of real time for the same hours.
        pace: if agents > 200 { 240 } else { 1000 },
        database: None,
        existing: None,
        bad_lines: if agents > 200 { 250 } else { 1000 },
        program: env!("CARGO_BIN_EXE_cos-fleet").into(),
        two_roots: false,
        drain: Duration::from_secs(120),
    };
    let summary = run(&options, |_| {}).await.unwrap();
    println!("{summary}");
    assert!(summary.is_well(), "{summary}");
    let verdict = &summary.verdict;
    assert!(verdict.reports as u64 > agents, "only {} reports", verdict.reports);
    assert!(
        summary.changes * 20 >= agents * options.hours,
        "too few changes: {}",
        summary.changes
    );
    assert_eq!(summary.faults.len(), 4, "{summary}");
    assert!(summary.retries > 0 && summary.power_cuts > 0 && summary.restored_disks > 0 && summary.clock_jumps > 0);
    assert!(summary.controller.peak_connections > 0 && summary.controller.peak_resident_kib > 0);
}
