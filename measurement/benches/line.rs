//! The whole table over lines of known rates: `make bench-line N=10`.
//!
//! Prints one line per row, with its goal, and ends with an error when a goal is missed.

#[cfg(target_os = "linux")]
#[path = "../tests/lab/mod.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::expect_used, reason = "a table without a lab is no table")]
mod lab;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use std::process::ExitCode;
    use std::time::Duration;

    use inventory_schema::measurement::Direction;
    use inventory_schema::measurement::verdict::Reason;
    use lab::rows;
    use lab::school::{Card, School};

    let runs = std::env::var("COS_LINE_RUNS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_usize);
    let school = match School::build(2) {
        Ok(school) => school,
        Err(error) => {
            eprintln!("no network namespaces here: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{runs} runs a row");
    let mut met = true;
    let mut tell = |row: rows::Row| {
        println!("{row}");
        met &= row.met;
    };
    for loss in [0, 1_000, 10_000] {
        tell(rows::capacity(&school, runs, 100_000, 100_000, loss));
    }
    tell(rows::capacity(&school, runs, 50_000, 50_000, 0));
    for (target, truth) in [(100_000, 99_500), (100_000, 100_500), (50_000, 49_750), (50_000, 50_250)] {
        tell(rows::verdicts(&school, runs, target, truth));
    }
    tell(rows::cost(&school, runs, 100_000, 22_000_000, Duration::from_millis(1_500)));
    tell(rows::cost(&school, runs, 250_000, 42_000_000, Duration::from_millis(2_300)));
    for direction in [Direction::Down, Direction::Up] {
        tell(rows::processor(&school, runs, direction));
    }
    for credit in [500_000, 2_000_000, 5_900_000, 10_000_000] {
        tell(rows::policer(&school, runs, credit));
    }
    tell(rows::card(&school, runs, Card::FastEthernet, Reason::Nic));
    tell(rows::card(&school, runs, Card::Wifi, Reason::Wifi));
    for kbps in [30_000, 60_000] {
        tell(rows::cross_traffic(&school, runs, kbps));
    }
    for (loss, streams) in [(0, 1), (0, 4), (1_000, 1), (1_000, 4)] {
        tell(rows::iperf3(&school, 100_000, loss, streams));
    }
    tell(rows::setup(&school, runs * 100));
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("lines of known rates are made of Linux's network namespaces");
}
