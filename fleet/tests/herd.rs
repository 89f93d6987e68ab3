//! A small herd: everybody returns after a night, and after a summer with other certificates and one root less.
//! The figures of ten thousand are `make fleet-herd`'s.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::time::Duration;

use cos_fleet::herd::herd;
use cos_fleet::run::Options;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_that_was_off_for_a_summer_is_whole_without_hands() {
    let options = Options {
        agents: 40,
        hours: 0,
        seed: 1,
        pace: 1,
        database: None,
        existing: None,
        bad_lines: 0,
        program: env!("CARGO_BIN_EXE_cos-fleet").into(),
        two_roots: true,
        drain: Duration::from_secs(60),
    };
    let summary = herd(&options, false, |_| {}).await.unwrap();
    assert!(summary.is_well(), "{summary}");
    assert_eq!(summary.verdict.devices, 40, "{summary}");
    assert!(summary.returns.iter().all(|back| back.answered.count >= 40), "{summary}");
}
